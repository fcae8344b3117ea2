from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from monitoring.errors import IncompatibleProfilesError
from monitoring.portfolio import FeatureKind
from monitoring.ports import LogRows
from monitoring.profile import (
    CategoryBins,
    DayProfiles,
    Layout,
    NumericBins,
    ScoreBins,
    count_rows,
    empty_profiles,
    fixed_layout,
    quantile_edges,
)
from monitoring.window import calendar, in_a_row, latched, rolling_sum, run_start
from tests.monitoring.history_builders import START, binary, past, reference

FLOATS = nps.arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf]))


def rows(amount: list[float], channel: list[str | None] | None = None, *, day: int = 0) -> LogRows:
    n = len(amount)
    days = np.full(n, np.datetime64(START) + day)
    features = {"amount": np.array(amount, dtype=np.float64), "channel": np.array(channel or ["web"] * n, dtype=object)}
    never = np.full(n, np.datetime64("NaT"), dtype="datetime64[D]")
    return LogRows(days, np.full(n, "v1", dtype=object), days, never, features, {}, np.full(n, 0.5))


def layout(amount: list[float], channel: list[str | None] | None = None) -> Layout:
    kinds = {"amount": FeatureKind.NUMERIC, "channel": FeatureKind.CATEGORICAL}
    score = ScoreBins.of(np.array([0.2, 0.4, 0.6]), bounds=(0.0, 1.0))
    return fixed_layout(rows(amount, channel), names=kinds, score=score, kinds=kinds)


def equal(a: DayProfiles, b: DayProfiles) -> bool:
    same = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("day", "rows", "counts"))
    near = all(np.allclose(getattr(a, name), getattr(b, name), equal_nan=True) for name in ("sums", "lows", "highs"))
    return same and near


def test_a_value_on_an_edge_belongs_to_the_bin_above_and_the_last_bin_is_closed() -> None:
    fixed = layout([0.0, 1.0, 2.0, 3.0])
    bins = fixed.features["amount"]
    assert isinstance(bins, NumericBins)
    counts = count_rows(fixed, rows([bins.edges[0], 3.0])).counts[0, fixed.counts_at["amount"]]
    assert counts[1] == 1
    assert counts[len(bins.edges)] == 1
    assert counts[len(bins.edges) + 1 :].sum() == 0


def test_missing_and_infinite_values_are_counted_apart_and_stay_out_of_the_sums() -> None:
    fixed = layout([0.0, 1.0, 2.0, 3.0])
    bins = fixed.features["amount"]
    counted = count_rows(fixed, rows([np.nan, np.inf, -np.inf, 1.0, 5.0]))
    nulls, below, above, mistyped = counted.counts[0, fixed.counts_at["amount"]][-4:]
    assert (nulls, below, above, mistyped) == (1, 1, 2, 0)
    finite, total, squares, _, last = counted.sums[0, fixed.sums_at("amount")]
    assert (finite, total, squares, last) == (2, 6.0, 26.0, 5.0)
    assert (counted.lows[0, 0], counted.highs[0, 0]) == (1.0, 5.0)
    assert isinstance(bins, NumericBins)


def test_a_rare_level_an_unseen_one_and_a_missing_one_are_three_things() -> None:
    fixed = layout([0.0] * 25, [*["web"] * 20, *["fax"] * 5])
    counted = count_rows(fixed, rows([0.0] * 4, ["web", "fax", "drone", None]))
    assert counted.counts[0, fixed.counts_at["channel"]].tolist() == [1, 1, 1, 1]


def test_levels_that_people_may_be_named_by_are_not_stored() -> None:
    bins = CategoryBins.of(np.array(["web"] * 20 + ["Ada Lovelace"], dtype=object))
    assert bins.levels == ("web",)
    assert "Ada Lovelace" not in repr(bins)


def test_free_text_is_near_unique_and_does_not_drift() -> None:
    bins = CategoryBins.of(np.array([f"note {i}" for i in range(50)], dtype=object))
    assert bins.near_unique
    assert not bins.can_drift
    assert bins.expected_unseen == 1.0


def test_a_constant_feature_does_not_drift() -> None:
    assert not NumericBins.of(np.full(100, 3.0)).can_drift
    assert not CategoryBins.of(np.full(100, "web", dtype=object)).can_drift


@pytest.mark.parametrize("share", [0.08, 0.01])
def test_a_column_that_is_rarely_anything_but_zero_has_a_bin_for_the_rest(share: float) -> None:
    values = np.zeros(1_000)
    values[: round(1_000 * share)] = 1.0
    bins = NumericBins.of(values)
    assert bins.coarse_edges == (1.0,)
    assert set(bins.coarse_edges) <= set(bins.edges)


def test_an_empty_reference_column_still_counts_rows() -> None:
    fixed = layout([np.nan, np.nan], [None, None])
    counted = count_rows(fixed, rows([1.0, np.nan], ["web", None]))
    assert counted.counts[0, fixed.counts_at["amount"]].tolist() == [1, 1, 0, 0, 0]
    assert counted.counts[0, fixed.counts_at["channel"]].tolist() == [0, 1, 1]


def test_a_column_that_is_not_in_the_log_is_all_missing() -> None:
    fixed, day = layout([0.0, 1.0, 2.0]), rows([1.0, 2.0])
    day.features.clear()
    counted = count_rows(fixed, day)
    assert counted.counts[0, fixed.counts_at["amount"]][-4] == 2
    assert counted.counts[0, fixed.counts_at["channel"]][-1] == 2


def test_a_score_outside_its_range_is_counted() -> None:
    fixed = layout([0.0, 1.0])
    day = rows([0.0, 1.0, 1.0])
    day.score[:] = [1.5, np.nan, 0.5]
    assert count_rows(fixed, day).counts[0, fixed.score_at][-2:].tolist() == [1, 1]


def test_the_ten_test_bins_are_unions_of_the_forty_stored_ones() -> None:
    values = np.random.default_rng(3).lognormal(size=5_000)
    bins = NumericBins.of(values)
    assert len(bins.edges) == 39
    assert set(bins.coarse_edges) <= set(bins.edges)
    assert np.bincount(bins.test_bins[:40]).tolist() == [4] * 10


@given(FLOATS)
def test_edges_ascend_without_repetition_and_leave_no_bin_empty_by_design(values: np.ndarray) -> None:
    edges = quantile_edges(values, bins=10)
    assert list(edges) == sorted(set(edges))
    finite = values[np.isfinite(values)]
    assert all(finite.min() < edge <= finite.max() for edge in edges)


@given(FLOATS, st.lists(st.booleans(), min_size=60, max_size=60))
@settings(max_examples=50)
def test_counting_two_parts_and_adding_them_is_counting_all(values: np.ndarray, part: list[bool]) -> None:
    fixed, day = layout([0.0, 1.0, 2.0, 30.0]), rows(list(values))
    chosen = np.array(part[: len(values)], dtype=bool)
    parts = count_rows(fixed, day, counted=chosen) + count_rows(fixed, day, counted=~chosen)
    assert equal(parts, count_rows(fixed, day))


@given(st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=10)
def test_adding_is_associative_and_does_not_depend_on_the_order(a: int, b: int) -> None:
    fixed = reference().layout
    one, two, three = (count_rows(fixed, binary(days=n, rows_a_day=3, seed=n).as_rows()) for n in (a, b, 4))
    assert equal((one + two) + three, one + (two + three))
    assert equal(one + two, two + one)


def test_nothing_added_changes_nothing() -> None:
    fixed = reference().layout
    one = count_rows(fixed, binary(days=2).as_rows())
    assert equal(one + empty_profiles(fixed), one)


def test_the_sum_of_the_days_is_the_window() -> None:
    fixed, history = reference().layout, binary(days=14)
    one_day = history.as_rows()
    one_day.day[:] = np.datetime64(START)
    assert np.array_equal(count_rows(fixed, history.as_rows()).counts.sum(axis=0), count_rows(fixed, one_day).counts[0])


def test_profiles_that_do_not_fit_are_not_added() -> None:
    with pytest.raises(IncompatibleProfilesError, match="different bins"):
        count_rows(layout([0.0, 1.0]), rows([1.0])) + count_rows(layout([1.0, 1.0]), rows([1.0]))


def test_a_day_without_rows_is_all_zero_and_others_are_kept() -> None:
    fixed = layout([0.0, 1.0])
    spread = count_rows(fixed, rows([1.0, 1.0], day=1)).on(calendar(START, date(2025, 4, 2)))
    assert spread.rows.tolist() == [0, 2, 0]
    assert np.isnan(spread.lows[0, 0])
    assert empty_profiles(fixed).on(calendar(START, START)).rows.tolist() == [0]


def test_the_reference_is_one_hundred_score_bins_of_equal_weight() -> None:
    bins = ScoreBins.of(past().score, bounds=(0.0, 1.0))
    assert (len(bins.edges), len(bins.test_edges)) == (99, 19)
    counts = np.bincount(np.searchsorted(bins.edges, past().score, side="right"))
    assert counts.min() == counts.max() == 84


@given(nps.arrays(np.int64, (23, 3), elements=st.integers(0, 9)), st.integers(1, 30))
def test_a_rolling_sum_is_the_sum_of_the_last_days(values: np.ndarray, days: int) -> None:
    by_hand = [values[max(0, i - days + 1) : i + 1].sum(axis=0) for i in range(len(values))]
    assert np.array_equal(rolling_sum(values, days=days), np.array(by_hand))


def test_a_held_condition_clears_after_its_days_and_a_day_without_rows_is_none_of_them() -> None:
    now = np.array([0, 1, 0, 0, 0, 0], dtype=bool)
    assert latched(now, clear_days=2).tolist() == [False, True, True, False, False, False]
    counted = np.array([1, 1, 0, 1, 1, 1], dtype=bool)
    assert latched(now, clear_days=2, counted=counted).tolist() == [False, True, True, True, False, False]
    assert in_a_row(np.array([1, 1, 0, 1], dtype=bool)).tolist() == [1, 2, 0, 1]
    assert run_start(np.array([1, 0, 1, 1], dtype=bool), 3) == 2
