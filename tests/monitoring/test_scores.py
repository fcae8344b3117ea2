import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy import stats
from scipy.spatial import distance

from benchmarks.workload import SHAPES
from monitoring.ports import LogRows
from monitoring.profile import CategoryBins, Layout, NumericBins, ScoreBins, count_rows
from monitoring.scores import (
    COUNT_SCORES,
    NUMERIC_SCORES,
    NumericCounts,
    chi_square_p_value,
    feature_scores,
    hellinger_distance,
    jensen_shannon_distance,
    kolmogorov_smirnov,
    kolmogorov_smirnov_within_range,
    largest_difference,
    normed_wasserstein_distance,
    present_counts,
    wasserstein_distance,
)
from tests.monitoring.history_builders import START, binary

COUNTS = nps.arrays(np.int64, 8, elements=st.integers(0, 300)).filter(lambda counts: counts.sum() > 0)
ROWS = nps.arrays(np.float64, st.integers(2, 80), elements=st.floats(-50, 50, width=32))
A, B = np.array([16, 18, 16, 14, 12, 12]), np.array([16, 16, 16, 16, 16, 8])
SYMMETRIC = (jensen_shannon_distance, hellinger_distance, largest_difference, kolmogorov_smirnov)
BASE_2 = np.sqrt(np.log(2))


def numeric(bins: NumericBins, values: np.ndarray) -> NumericCounts:
    """Return rows as a profile keeps them."""
    layout, day = Layout({"x": bins}, ScoreBins((), ())), np.full(len(values), np.datetime64(START))
    version, never = np.full(len(values), "v1", dtype=object), np.full(len(values), np.datetime64("NaT", "D"))
    profiles = count_rows(layout, LogRows(day, version, day, never, {"x": values}, {}, np.zeros(len(values))))
    return NumericCounts.of(bins, profiles.counts[0, layout.counts_at["x"]], profiles.sums[0, layout.sums_at("x")])


def both(reference: np.ndarray, current: np.ndarray) -> tuple[NumericCounts, NumericCounts]:
    bins = NumericBins.of(reference)
    return numeric(bins, reference), numeric(bins, current)


def histograms(reference: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return counts in the bins NumPy and NannyML choose, with one bin for what lies outside."""
    edges = np.histogram_bin_edges(reference, bins="doane")
    counts = np.histogram(reference, edges)[0], np.histogram(current, edges)[0]
    return np.append(counts[0], 0), np.append(counts[1], len(current) - counts[1].sum())


def seeded(*draws: tuple[str, tuple[float, float], int]) -> list[np.ndarray]:
    generator = np.random.RandomState(1)
    return [getattr(generator, kind)(*parameters, rows) for kind, parameters, rows in draws]


# Worked by hand


def test_jensen_shannon_by_hand() -> None:
    middle = np.array([0.375, 0.625])
    p, q = np.array([0.25, 0.75]), np.array([0.5, 0.5])
    by_hand = np.sqrt(((p * np.log(p / middle)).sum() + (q * np.log(q / middle)).sum()) / 2)
    assert jensen_shannon_distance(np.array([1, 3]), np.array([2, 2])) == pytest.approx(by_hand)


def test_nothing_in_common_is_the_greatest_distance() -> None:
    apart = np.array([7, 0]), np.array([0, 2])
    assert jensen_shannon_distance(*apart) == pytest.approx(0.8326, abs=5e-5)
    assert [float(score(*apart)) for score in SYMMETRIC[1:]] == [1.0, 1.0, 1.0]
    assert chi_square_p_value(*apart) == 0.0


def test_hellinger_by_hand() -> None:
    assert hellinger_distance(np.array([9, 7]), np.array([1, 0])) == pytest.approx(np.sqrt((0.25**2 + 7 / 16) / 2))


def test_chi_square_by_hand() -> None:
    statistic = (40 - 30) ** 2 / 30 + (20 - 30) ** 2 / 30
    p_value = chi_square_p_value(np.array([500, 500]), np.array([40, 20]))
    assert p_value == pytest.approx(stats.chi2.sf(statistic, 1))
    assert chi_square_p_value(np.array([500, 0]), np.array([40, 0])) == 1.0


def test_kolmogorov_smirnov_by_hand() -> None:
    assert kolmogorov_smirnov(np.array([5, 3, 2]), np.array([1, 1, 8])) == pytest.approx(0.6)


def test_wasserstein_by_hand() -> None:
    # One row of two moves from 1 to 2, and one from 3 to 7, beyond the range of the reference.
    bins = NumericBins(edges=(2.0, 3.0), coarse_edges=(2.0, 3.0), lowest=1.0, highest=3.0)
    reference, current = numeric(bins, np.array([1.0, 3.0])), numeric(bins, np.array([2.0, 7.0]))
    assert wasserstein_distance(reference, current) == pytest.approx((1 + 4) / 2)
    assert normed_wasserstein_distance(reference, current) == pytest.approx(2.5)


def test_lines_that_cross_between_two_edges_enclose_two_triangles() -> None:
    # The gap of the cumulative shares goes from +1/4 to -1/4 over a width of 2: two triangles of 1/2 x 1 x 1/4.
    bins = NumericBins(edges=(0.0, 2.0), coarse_edges=(0.0, 2.0), lowest=-1.0, highest=3.0)
    wide = NumericCounts.of(bins, np.array([2, 4, 2, 0, 0, 0, 0]), np.array([8, 8.0, 0.0, -2.0, 6.0]))
    narrow = NumericCounts.of(bins, np.array([0, 8, 0, 0, 0, 0, 0]), np.array([8, 8.0, 0.0, 0.0, 0.0]))
    inside, outside = 2 * (0.5 * 1 * 0.25), 2 * (0.25 * 1)
    assert wasserstein_distance(wide, narrow) == pytest.approx(inside + outside)


# Published numbers


def test_evidently_s_numbers() -> None:
    assert chi_square_p_value(A, B) == pytest.approx(0.67309, abs=5e-6)
    assert chi_square_p_value(2 * A, B) == pytest.approx(0.67309, abs=5e-6)
    assert hellinger_distance(A, B) == pytest.approx(0.06812, abs=1e-5)
    assert [float(chi_square_p_value(A, A)), float(hellinger_distance(A, A))] == [1.0, 0.0]


def test_nannyml_s_numbers_for_counts() -> None:
    generator = np.random.RandomState(1)
    levels = list("abcde")
    reference, current = generator.choice(list("abcd"), 10_000), generator.choice(list("abce"), 1_000)
    counts = [np.array([(drawn == level).sum() for level in levels]) for drawn in (reference, current)]
    assert jensen_shannon_distance(*counts) / BASE_2 == pytest.approx(0.50, abs=0.005)
    assert jensen_shannon_distance(*counts) == pytest.approx(0.42, abs=0.005)
    assert largest_difference(np.array([2, 2, 2, 0]), np.array([2, 2, 2, 1])) == pytest.approx(0.14, abs=0.005)
    assert largest_difference(np.array([2, 2, 2]), np.array([0, 5, 0])) == pytest.approx(0.67, abs=0.005)


def test_nannyml_s_numbers_for_histograms() -> None:
    same = histograms(*seeded(("normal", (0, 1), 10_000), ("normal", (0, 1), 1_000)))
    assert jensen_shannon_distance(*same) / BASE_2 == pytest.approx(0.05, abs=0.005)
    far = histograms(*seeded(("normal", (0, 1), 10_000), ("normal", (7, 1), 10_000)))
    assert hellinger_distance(*far) == pytest.approx(1.0, abs=0.005)
    near = histograms(*seeded(("normal", (0, 1), 10_000), ("normal", (-2, 1), 10_000)))
    assert hellinger_distance(*near) == pytest.approx(0.63, abs=0.005)


def test_six_values_against_three_of_them_and_one_more() -> None:
    generator = np.random.RandomState(1)
    reference = generator.choice(np.linspace(0, 2, 6), 10_000)
    current = generator.choice(np.linspace(0, 2, 3), 1_000)
    values = np.unique(np.concatenate((reference, current)))
    counts = [np.array([(drawn == value).sum() for value in values]) for drawn in (reference, current)]
    assert jensen_shannon_distance(*counts) / BASE_2 == pytest.approx(0.73, abs=0.005)


@pytest.mark.parametrize(
    ("rows", "other", "other_rows", "published"),
    [(10_000, (1, 1), 1_000, 1.01), (100_000, (-4, 1), 1_000, 3.99), (15_000, (0, 10), 1_000_000, 7.18)],
)
def test_nannyml_s_wasserstein_numbers_from_forty_bins(
    rows: int, other: tuple[float, float], other_rows: int, published: float
) -> None:
    reference, current = seeded(("normal", (0, 1), rows), ("normal", other, other_rows))
    assert wasserstein_distance(*both(reference, current)) == pytest.approx(published, abs=0.01)


# Independent implementations


@given(COUNTS, COUNTS)
def test_jensen_shannon_is_scipy_s(reference: np.ndarray, current: np.ndarray) -> None:
    ours = jensen_shannon_distance(reference, current)
    assert ours**2 == pytest.approx(distance.jensenshannon(reference, current) ** 2, abs=1e-12)


@given(COUNTS, COUNTS)
def test_chi_square_is_scipy_s(reference: np.ndarray, current: np.ndarray) -> None:
    assume((reference > 0).sum() > 1)
    assume(not current[reference == 0].any())
    used = reference > 0
    expected = reference[used] / reference.sum() * current.sum()
    independent = stats.chisquare(current[used], expected).pvalue
    assert chi_square_p_value(reference, current) == pytest.approx(independent, abs=1e-9)


@given(COUNTS, COUNTS)
def test_kolmogorov_smirnov_is_that_of_rows_at_the_bins(reference: np.ndarray, current: np.ndarray) -> None:
    rows = [np.repeat(np.arange(8), counts) for counts in (reference, current)]
    assert kolmogorov_smirnov(reference, current) == pytest.approx(stats.ks_2samp(*rows).statistic, abs=1e-12)


@given(COUNTS, COUNTS)
def test_hellinger_is_the_euclidean_distance_of_scipy(reference: np.ndarray, current: np.ndarray) -> None:
    roots = [np.sqrt(counts / counts.sum()) for counts in (reference, current)]
    assert hellinger_distance(reference, current) == pytest.approx(distance.euclidean(*roots) / np.sqrt(2), abs=1e-12)


@given(COUNTS, COUNTS)
def test_the_largest_difference_is_scipy_s_chebyshev_distance(reference: np.ndarray, current: np.ndarray) -> None:
    shares = [counts / counts.sum() for counts in (reference, current)]
    assert largest_difference(reference, current) == pytest.approx(distance.chebyshev(*shares), abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"Student t2"}))
def test_wasserstein_and_kolmogorov_smirnov_are_those_of_the_rows(shape: str, shift: float) -> None:
    rng = np.random.default_rng(3)
    rows = SHAPES[shape](rng, 30_000, 0.0), SHAPES[shape](rng, 10_000, shift)
    sides = both(*rows)
    exact = stats.wasserstein_distance(*rows)
    assert wasserstein_distance(*sides) == pytest.approx(exact, abs=0.01 * rows[0].std())
    assert normed_wasserstein_distance(*sides) == pytest.approx(exact / rows[0].std(), abs=0.01)
    assert kolmogorov_smirnov_within_range(*sides) == pytest.approx(stats.ks_2samp(*rows).statistic, abs=0.004)


# Properties


@given(COUNTS, st.integers(1, 9))
def test_the_same_shares_are_no_distance_apart(counts: np.ndarray, times: int) -> None:
    for score in SYMMETRIC:
        assert score(counts, times * counts) == pytest.approx(0.0, abs=2e-8)
    assert chi_square_p_value(counts, times * counts) == pytest.approx(1.0)


@given(COUNTS, COUNTS)
def test_distances_look_the_same_from_both_sides_and_stay_in_their_range(a: np.ndarray, b: np.ndarray) -> None:
    for score in SYMMETRIC:
        assert score(a, b) == pytest.approx(score(b, a), abs=1e-12)
        assert 0.0 <= score(a, b) <= 1.0 + 1e-12
    assert jensen_shannon_distance(a, b) <= BASE_2 + 1e-12
    assert 0.0 <= chi_square_p_value(a, b) <= 1.0


@given(COUNTS, COUNTS)
def test_empty_bins_change_no_score(a: np.ndarray, b: np.ndarray) -> None:
    for score in (*COUNT_SCORES.values(), kolmogorov_smirnov):
        assert score(np.append(a, [0, 0]), np.append(b, [0, 0])) == pytest.approx(score(a, b), abs=1e-12)


@given(COUNTS, COUNTS)
def test_fewer_bins_never_see_more(a: np.ndarray, b: np.ndarray) -> None:
    merged = [counts.reshape(4, 2).sum(axis=1) for counts in (a, b)]
    for score in (jensen_shannon_distance, hellinger_distance, kolmogorov_smirnov):
        assert score(*merged) <= score(a, b) + 1e-7


@given(ROWS, ROWS)
def test_wasserstein_is_never_less_than_the_means_are_apart(reference: np.ndarray, current: np.ndarray) -> None:
    apart = abs(reference.mean() - current.mean())
    assert wasserstein_distance(*both(reference, current)) >= apart - 1e-6


@given(ROWS, st.floats(-30, 30))
def test_every_row_moved_by_the_same_is_that_far(reference: np.ndarray, by: float) -> None:
    assert wasserstein_distance(*both(reference, reference)) == pytest.approx(0.0, abs=1e-9)
    beyond = by + np.sign(by or 1.0) * np.ptp(reference)
    assert wasserstein_distance(*both(reference, reference + beyond)) == pytest.approx(abs(beyond), abs=1e-6)


@given(nps.arrays(np.int64, (3, 4, 8), elements=st.integers(1, 50)))
def test_days_and_features_at_once_are_each_of_them(counts: np.ndarray) -> None:
    reference = counts[0]
    for score in (*COUNT_SCORES.values(), kolmogorov_smirnov):
        found = score(reference, counts)
        assert found.shape == (3, 4)
        assert found[2, 1] == pytest.approx(float(score(reference[1], counts[2, 1])), abs=1e-12)


def test_days_at_once_are_each_of_them_for_numeric_scores_too() -> None:
    rng = np.random.default_rng(4)
    reference = rng.normal(0, 1, 500)
    bins = NumericBins.of(reference)
    days = [numeric(bins, rng.normal(shift, 1, 300)) for shift in (0.0, 0.5, 4.0)]
    window = NumericCounts(
        bins, *(np.stack([getattr(day, part) for day in days]) for part in ("counts", "sums", "below", "above"))
    )
    for score in NUMERIC_SCORES.values():
        assert score(numeric(bins, reference), window) == pytest.approx(
            [float(score(numeric(bins, reference), day)) for day in days]
        )


# Edge cases


def test_without_rows_there_is_no_score() -> None:
    some, none = np.array([3, 4]), np.array([0, 0])
    for score in (*COUNT_SCORES.values(), kolmogorov_smirnov):
        assert np.isnan([score(some, none), score(none, some)]).all()
    reference, nothing = both(np.array([1.0, 2.0]), np.array([np.nan]))
    for numeric_score in NUMERIC_SCORES.values():
        assert np.isnan(numeric_score(reference, nothing))


def test_an_infinite_value_has_no_distance() -> None:
    rows = np.array([1.0, 2.0, 3.0])
    assert np.isnan(wasserstein_distance(*both(rows, np.array([1.0, np.inf]))))
    assert kolmogorov_smirnov_within_range(*both(rows, np.array([1.0, np.inf]))) == pytest.approx(0.5)


def test_a_constant_reference_is_measured_in_thousandths() -> None:
    constant, moved = both(np.full(9, 5.0), np.full(4, 7.0))
    assert wasserstein_distance(constant, moved) == 2.0
    assert normed_wasserstein_distance(constant, moved) == pytest.approx(2_000)


def test_missing_values_are_left_out_as_other_tools_leave_them_out() -> None:
    rows = np.random.default_rng(5).normal(0, 1, 1_000)
    reference, current = both(rows, np.concatenate((rows, np.full(400, np.nan))))
    assert wasserstein_distance(reference, current) == pytest.approx(0.0, abs=1e-12)
    levels = CategoryBins(levels=("a", "b"), rare=frozenset())
    assert present_counts(levels, np.array([3, 2, 1, 4, 9])).tolist() == [3, 2, 5]


def test_a_feature_has_the_scores_that_fit_it() -> None:
    live = binary(days=7, amount_shift=20)
    layout = Layout(
        {"amount": NumericBins.of(live.features["amount"] - 20), "channel": CategoryBins.of(live.features["channel"])},
        ScoreBins((), ()),
    )
    moved = count_rows(layout, live.as_rows())
    before = count_rows(layout, live.with_feature("amount", live.features["amount"] - 20, since=-999).as_rows())
    amount, sums = layout.counts_at["amount"], layout.sums_at("amount")
    channel = layout.counts_at["channel"]
    scores = feature_scores(
        layout.features["amount"],
        (before.counts[:, amount].sum(axis=0), before.sums[:, sums].sum(axis=0)),
        (moved.counts[:, amount].sum(axis=0), moved.sums[:, sums].sum(axis=0)),
    )
    assert scores.keys() == COUNT_SCORES.keys() | NUMERIC_SCORES.keys()
    assert scores["wasserstein"] == pytest.approx(20, abs=0.1)
    counts = moved.counts[:, channel].sum(axis=0)
    assert feature_scores(layout.features["channel"], (counts, None), (counts, None)) == pytest.approx(
        {"jensen_shannon": 0.0, "hellinger": 0.0, "chi_square_p": 1.0, "largest_difference": 0.0}
    )
