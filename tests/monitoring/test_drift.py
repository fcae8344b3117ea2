from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy import stats

from monitoring.assessment import FindingKind, Verdict
from monitoring.drift import NullVariation, drift_series, merged_bins, null_variation, population_stability_index
from monitoring.policy import DEFAULT_POLICY
from tests.monitoring.history_builders import (
    FEATURES,
    START,
    binary,
    finding,
    kinds,
    model,
    past,
    reference,
    segment,
    verdicts,
)

COUNTS = nps.arrays(np.int64, 10, elements=st.integers(0, 500))
EQUAL = np.full(10, 200)


def days_of(rows_a_day: int, *, days: int = 60, seed: int = 0, bins: int = 10) -> np.ndarray:
    """Return counts per day of rows spread evenly over the bins."""
    return np.random.default_rng(seed).multinomial(rows_a_day, [1 / bins] * bins, size=days)


def test_psi_by_hand() -> None:
    psi = population_stability_index(np.array([49.5, 49.5]), np.array([29.5, 69.5]))
    assert psi == pytest.approx((0.3 - 0.5) * np.log(0.3 / 0.5) + (0.7 - 0.5) * np.log(0.7 / 0.5))


@given(COUNTS, COUNTS)
def test_psi_is_the_two_relative_entropies_of_scipy(reference_counts: np.ndarray, counts: np.ndarray) -> None:
    r, q = reference_counts + 0.5, counts + 0.5
    independent = stats.entropy(q, r) + stats.entropy(r, q)
    assert population_stability_index(reference_counts, counts) == pytest.approx(independent, abs=1e-12)


@given(COUNTS)
def test_nothing_drifts_from_itself(counts: np.ndarray) -> None:
    assert population_stability_index(counts, counts) == 0.0


@given(COUNTS, COUNTS)
def test_psi_is_never_negative(a: np.ndarray, b: np.ndarray) -> None:
    assert population_stability_index(a, b) >= 0.0


def test_without_any_change_mean_psi_is_the_null_mean_of_the_method() -> None:
    rng = np.random.default_rng(1)
    references, current = (rng.multinomial(n, [0.1] * 10, size=3_000) for n in (2_000, 1_000))
    psi = [float(population_stability_index(r, c)) for r, c in zip(references, current, strict=True)]
    assert np.mean(psi) == pytest.approx(9 * (1 / 1_000 + 1 / 2_000), rel=0.03)


def test_the_familiar_mark_of_a_tenth_is_noise_for_a_hundred_rows() -> None:
    series = drift_series(EQUAL, days_of(15), NullVariation(0.0, 9.0), floor=0.0)
    assert series.threshold[-1] == pytest.approx(0.0902 * stats.chi2.ppf(0.9999, 9) / 9, rel=1e-3)
    assert series.threshold[-1] > 0.33


def test_one_comparison_in_ten_thousand_is_a_false_alarm() -> None:
    rng = np.random.default_rng(2)
    windows = rng.multinomial(1_000, [0.1] * 10, size=40_000)
    big = np.full(10, 1_000_000)
    threshold = 9 * (1 / 1_000 + 1e-7) * stats.chi2.ppf(1 - 1e-4, 9) / 9
    series = drift_series(big, windows[:20], NullVariation(0.0, 9.0), floor=0.0, window_days=1)
    assert series.threshold == pytest.approx(threshold)
    assert (population_stability_index(big, windows) > threshold).mean() < 4e-4


def test_a_rule_of_thumb_only_raises_the_threshold() -> None:
    own = drift_series(EQUAL, days_of(15), NullVariation(0.0, 9.0), floor=0.0).threshold
    floored = drift_series(EQUAL, days_of(15), NullVariation(0.0, 9.0), floor=0.10).threshold
    assert np.array_equal(own, floored)
    many = drift_series(EQUAL * 1_000, days_of(10_000), NullVariation(0.0, 9.0), floor=0.10)
    assert many.threshold[-1] == 0.10


def test_a_reference_that_moves_from_week_to_week_raises_the_threshold() -> None:
    calm = null_variation(days_of(100))
    moving = np.concatenate(
        [np.roll(days_of(100, days=15, seed=k) * [3, 1, 1, 1, 1, 1, 1, 1, 1, 1], k) for k in range(4)]
    )
    assert calm.extra < 0.01
    assert null_variation(moving).extra > 0.05
    assert not calm.provisional


def test_the_extra_variation_is_that_of_the_blocks_by_hand() -> None:
    counts = days_of(100, days=28)
    blocks = [counts[i : i + 7].sum(axis=0) for i in range(22)]
    x = np.array([float(population_stability_index(counts.sum(axis=0), block)) for block in blocks])
    variation = null_variation(counts)
    assert variation.extra == pytest.approx(1.5 * max(0.0, x.mean() - 9 / 700))
    assert variation.freedom == pytest.approx(np.clip(2 * x.mean() ** 2 / x.var(), 1.5, 9))


def test_one_wild_week_leaves_at_least_one_and_a_half_degrees_of_freedom() -> None:
    counts = days_of(100, days=60)
    counts[50] = [100, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    variation = null_variation(counts)
    assert variation.freedom == 1.5
    assert variation.extra > 0.01


@pytest.mark.parametrize(("days", "rows"), [(13, 100), (60, 8)])
def test_a_small_reference_doubles_the_threshold_and_calls_it_provisional(days: int, rows: int) -> None:
    variation = null_variation(days_of(rows, days=days))
    assert (variation.factor, variation.provisional) == (2.0, True)
    once = drift_series(EQUAL, days_of(15), replace(variation, factor=1.0), floor=0.1).threshold
    assert np.array_equal(drift_series(EQUAL, days_of(15), variation, floor=0.1).threshold, 2 * once)


def test_a_reference_without_days_knows_nothing_beyond_sampling() -> None:
    variation = null_variation(days_of(1_000, days=60), has_days=False)
    assert (variation.extra, variation.freedom, variation.provisional) == (0.0, 9.0, True)


def test_fewer_than_thirty_rows_widen_the_window_to_28_then_91_days() -> None:
    rows = drift_series(EQUAL, days_of(2, days=120), NullVariation(0.0, 9.0), floor=0.1).rows
    assert rows[-1] == 2 * 28
    rare = np.where(np.arange(120)[:, None] % 7 == 0, days_of(5, days=120), 0)
    assert drift_series(EQUAL, rare, NullVariation(0.0, 9.0), floor=0.1).rows[-1] == 5 * 13


def test_without_thirty_rows_there_is_no_psi() -> None:
    series = drift_series(EQUAL, days_of(1, days=20), NullVariation(0.0, 9.0), floor=0.1)
    assert np.isnan(series.psi).all()
    assert (series.excess == 0).all()
    assert not series.significant.any()


def test_the_excess_is_what_lies_above_the_null_mean_and_is_capped() -> None:
    moved = np.zeros((7, 10), dtype=np.int64)
    moved[:, 0] = 1_000
    assert drift_series(EQUAL, moved, NullVariation(0.0, 9.0), floor=0.1).excess[-1] == 2.0
    tilted = np.tile([40, 10, 10, 10, 10, 10, 10, 10, 10, 10], (7, 1))
    series = drift_series(EQUAL, tilted, NullVariation(0.0, 9.0), floor=0.1)
    assert series.excess[-1] == pytest.approx(series.psi[-1] - 9 * (1 / 910 + 1 / 2_000))


def test_there_is_no_excess_below_the_threshold() -> None:
    tilted = np.tile([12, 10, 10, 10, 10, 10, 10, 10, 10, 8], (7, 1))
    series = drift_series(EQUAL, tilted, NullVariation(0.0, 9.0), floor=0.1)
    assert 9 * (1 / 700 + 1 / 2_000) < 0.1
    assert 0 < series.psi[-1] < series.threshold[-1]
    assert series.excess[-1] == 0.0
    shifted = drift_series(EQUAL, tilted * 100, NullVariation(0.0, 9.0), floor=0.1)
    assert shifted.psi[-1] > 9 * (1 / 70_000 + 1 / 2_000)
    assert shifted.excess[-1] == 0.0


def test_bins_that_are_no_part_of_the_test_are_left_out() -> None:
    assert merged_bins(np.array([[1, 2, 3, 9]]), np.array([0, 0, 1, -1])).tolist() == [[3, 3]]


def test_the_drift_score_weighs_excess_by_importance() -> None:
    history = segment(binary(days=30, amount_shift=20))
    assert set(history.drift) == {"amount", "channel", "note"}
    assert history.drift_score[-1] == pytest.approx(0.7 * history.drift["amount"].excess[-1])
    assert finding(history, 29, FindingKind.DRIFT).subject == "amount"


def test_without_importances_features_count_the_same_and_the_finding_says_so() -> None:
    bare = model(features=tuple(replace(feature, importance=None) for feature in FEATURES))
    history = segment(binary(days=30, amount_shift=20), of=bare)
    assert history.drift_score[-1] == pytest.approx(history.drift["amount"].excess[-1] / 3)
    assert "Importances are not known" in finding(history, 29, FindingKind.DRIFT).sentence


def test_drift_is_watched_from_the_third_day_in_a_row() -> None:
    history = segment(binary(days=60, amount_shift=20, since=20))
    over = np.flatnonzero(history.drift_score >= DEFAULT_POLICY.drift_watch)
    assert np.flatnonzero(history.drift_watch)[0] == over[2]
    back = segment(binary(days=60, amount_shift=20, since=20).only(np.repeat(np.arange(60) < 40, 100)), days=60)
    assert not back.drift_watch[-1] or back.drift_score[-1] >= DEFAULT_POLICY.drift_watch


def test_a_week_that_moved_and_came_back_is_cleared_after_ten_days() -> None:
    live = binary(days=60)
    moved = live.with_feature("amount", live.features["amount"] + 20, since=20, until=27)
    history = segment(moved)
    last = int(np.flatnonzero(history.drift_score >= DEFAULT_POLICY.drift_watch)[-1])
    assert history.drift_watch[last + 9]
    assert not history.drift_watch[last + 10]


def test_nulls_are_a_bin() -> None:
    live = binary(days=10, rows_a_day=1_000)
    some = np.random.default_rng(4).random(len(live.day)) < 0.03
    history = segment(live.with_feature("amount", np.where(some, np.nan, live.features["amount"])))
    assert verdicts(history)[-1] is Verdict.WATCH
    assert kinds(history, 9) == {FindingKind.DRIFT}


def test_the_score_s_own_drift_is_evidence_and_moves_no_verdict() -> None:
    live = binary(days=30)
    history = segment(replace(live, score=np.clip(live.score + 0.1, 0, 1)), labelled=False)
    assert finding(history, 29, FindingKind.SCORE_DRIFT).argues_for is Verdict.KEEP


def test_a_day_with_broken_values_is_in_no_drift_window_of_that_feature() -> None:
    live = binary(days=40)
    broken = live.with_feature("amount", np.nan, since=20, until=25)
    history = segment(broken)
    assert (history.drift["amount"].rows[25], history.drift["note"].rows[25]) == (100, 700)
    assert history.drift["amount"].rows[28] == 300
    assert not history.drift_watch.any()


def test_a_reference_without_days_learns_variation_from_its_first_28_days_in_service() -> None:
    used = past(days=20)
    whole = replace(used, day=np.full(len(used.day), np.datetime64(START - timedelta(days=1))))
    live = binary(days=70)
    weekly = live.with_feature("amount", live.features["amount"] + 10 * (live.since_start // 7 % 2))
    history = segment(weekly, against=reference(whole, has_days=False), labelled=False)
    series = history.drift["amount"]
    assert series.provisional
    assert series.threshold[28:].min() > 1.4 * series.threshold[27]


def test_a_finding_on_a_provisional_threshold_says_so() -> None:
    history = segment(binary(days=30, amount_shift=40), against=reference(past(days=13)))
    assert "threshold is provisional" in finding(history, 29, FindingKind.DRIFT).sentence
