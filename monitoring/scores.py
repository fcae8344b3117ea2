"""Drift scores that other tools show, from the counts and sums of stored profiles: for comparing, not for the verdict.

The verdict reads PSI against a feature's own threshold (``monitoring.drift``). These scores have the definitions of scipy, so
that a reader finds the numbers of a row-level tool again without a row being kept. Every function takes counts per bin of
shape ``(..., bins)``; leading axes (days, features) broadcast, so a whole history is a few array operations. A feature with
fewer bins than others is filled up with empty ones. A score is NaN where either side has no rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from monitoring.profile import SUMS, NumericBins

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitoring.ports import Floats
    from monitoring.profile import Bins

FINITE, SUM, SQUARES, FIRST_BIN, LAST_BIN = range(len(SUMS))
SMALLEST_DEVIATION = 0.001


def shares(counts: np.ndarray) -> Floats:
    """Return counts ``(..., bins)`` as shares that sum to 1; NaN without rows.

    >>> shares(np.array([[1, 3], [0, 0]])).tolist()
    [[0.25, 0.75], [nan, nan]]
    """
    with np.errstate(invalid="ignore"):
        found: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return found


def jensen_shannon_distance(reference: np.ndarray, current: np.ndarray) -> Floats:
    """Return the Jensen-Shannon distance: the root of the mean relative entropy of both to their middle, natural logarithm.

    Between 0 and the root of ln 2, 0.8326. Divide by that for the distance with base 2, which NannyML shows.

    Source: Lin 1991, Divergence measures based on the Shannon entropy; the definition of ``scipy.spatial.distance.jensenshannon``.

    >>> round(float(jensen_shannon_distance(np.array([5, 0]), np.array([0, 9]))), 4)
    0.8326
    """
    p, q = np.broadcast_arrays(shares(reference), shares(current))
    middle = (p + q) / 2
    divergence = (_entropy_terms(p, middle) + _entropy_terms(q, middle)).sum(axis=-1) / 2
    # Rounding may leave equal shares a hair below zero.
    distance: Floats = np.sqrt(np.maximum(divergence, 0.0))
    return distance


def _entropy_terms(p: Floats, q: Floats) -> Floats:
    ratio = np.divide(p, q, out=np.ones_like(p), where=p != 0)  # true for NaN too, which stays NaN
    terms: Floats = p * np.log(ratio)
    return terms


def hellinger_distance(reference: np.ndarray, current: np.ndarray) -> Floats:
    """Return the Hellinger distance: the Euclidean distance between the roots of the shares, over the root of 2.

    Between 0 and 1.

    Source: Le Cam & Yang 2000, Asymptotics in Statistics, section 3.1.

    >>> hellinger_distance(np.array([5, 0]), np.array([[0, 9], [3, 0]])).round(6).tolist()
    [1.0, 0.0]
    """
    roots = np.sqrt(shares(reference)) - np.sqrt(shares(current))
    distance: Floats = np.sqrt((roots**2).sum(axis=-1) / 2)
    return distance


def largest_difference(reference: np.ndarray, current: np.ndarray) -> Floats:
    """Return the L-infinity distance: by how much the share of the bin that changed most has changed.

    >>> round(float(largest_difference(np.array([2, 2, 2, 0]), np.array([2, 2, 2, 1]))), 4)
    0.1429
    """
    largest: Floats = np.abs(shares(reference) - shares(current)).max(axis=-1)
    return largest


def chi_square_p_value(reference: np.ndarray, current: np.ndarray) -> Floats:
    """Return the p-value of Pearson's chi-square test that ``current`` was drawn with the shares of ``reference``.

    The reference is taken as exact, as Evidently and ``scipy.stats.chisquare`` do; with a small reference the p-value is
    therefore too small. Bins that neither has are no part of the test; a bin that only ``current`` has makes it 0.

    Source: Pearson 1900, On the criterion that a given system of deviations from the probable ...

    >>> reference = np.array([16, 18, 16, 14, 12, 12])
    >>> round(float(chi_square_p_value(reference, np.array([16, 16, 16, 16, 16, 8]))), 5)
    0.67309
    """
    expected = shares(reference) * current.sum(axis=-1, keepdims=True)
    counts, expected = np.broadcast_arrays(current, expected)
    freedom = ((counts > 0) | (expected > 0)).sum(axis=-1) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((counts == 0) & (expected == 0), 0.0, (counts - expected) ** 2 / expected)
    with np.errstate(invalid="ignore"):
        p_value: Floats = np.where(freedom > 0, stats.chi2.sf(terms.sum(axis=-1), freedom), 1.0)
    empty = (current.sum(axis=-1) == 0) | (reference.sum(axis=-1) == 0)
    return np.where(empty, np.nan, p_value)


def kolmogorov_smirnov(reference: np.ndarray, current: np.ndarray) -> Floats:
    """Return the Kolmogorov-Smirnov statistic over ascending bins: the largest gap between the cumulative shares.

    Seen at the edges of the bins only, so never above the statistic of the rows.

    Source: Smirnov 1939; the statistic of ``scipy.stats.ks_2samp``.

    >>> round(float(kolmogorov_smirnov(np.array([2, 2, 2]), np.array([1, 1, 4]))), 4)
    0.3333
    """
    gap: Floats = np.abs(np.cumsum(shares(reference) - shares(current), axis=-1)).max(axis=-1)
    return gap


COUNT_SCORES: dict[str, Callable[[np.ndarray, np.ndarray], Floats]] = {
    "jensen_shannon": jensen_shannon_distance,
    "hellinger": hellinger_distance,
    "chi_square_p": chi_square_p_value,
    "largest_difference": largest_difference,
}


@dataclass(frozen=True)
class NumericCounts:
    """What profiles keep of a numeric column: ``counts`` (..., bins), ``sums`` (..., 5) in the order of ``profile.SUMS``.

    ``below`` and ``above`` (...) are the rows outside the reference's range ``lowest``..``highest``.
    """

    bins: NumericBins
    counts: np.ndarray
    sums: Floats
    below: np.ndarray
    above: np.ndarray

    @classmethod
    def of(cls, bins: NumericBins, stored: np.ndarray, sums: Floats) -> NumericCounts:
        """Take a feature's slices of counts and sums apart; missing values are left out."""
        n_bins = len(bins.edges) + 1
        return cls(bins, stored[..., :n_bins], sums, stored[..., n_bins + 1], stored[..., n_bins + 2])

    @property
    def mean(self) -> Floats:
        """Mean of the finite values."""
        with np.errstate(divide="ignore", invalid="ignore"):
            mean: Floats = self.sums[..., SUM] / self.sums[..., FINITE]
        return mean

    @property
    def deviation(self) -> Floats:
        """Population standard deviation of the finite values."""
        with np.errstate(divide="ignore", invalid="ignore"):
            squares = self.sums[..., SQUARES] / self.sums[..., FINITE]
        deviation: Floats = np.sqrt(np.maximum(squares - self.mean**2, 0.0))
        return deviation

    @property
    def is_finite(self) -> np.ndarray:
        """Whether there are rows and none of them is infinite."""
        rows = self.counts.sum(axis=-1)
        finite: np.ndarray = (rows > 0) & (self.sums[..., FINITE] == rows)
        return finite


def wasserstein_distance(reference: NumericCounts, current: NumericCounts) -> Floats:
    """Return how far, on average, rows must move to turn ``reference`` into ``current``; an age drifts by years.

    The distance is the area between the two cumulative shares. Beyond the outer edges the area follows exactly from the sums
    of the two outer bins, as long as one side lies wholly above the other there; between the edges the cumulative shares are
    known at every edge and taken as straight between them. What that leaves out is put right by the means, for the area with
    its sign is their difference. Within 0.01 standard deviations of the rows (``benchmarks.measure_agreement``).

    NaN where a side has no rows or an infinite one. Both sides must be counted in the bins of ``reference``.

    Source: Vallender 1974, Calculation of the Wasserstein distance between probability distributions on the line.

    >>> bins = NumericBins(edges=(1.0, 2.0), coarse_edges=(1.0, 2.0), lowest=0.0, highest=3.0)
    >>> low = NumericCounts.of(bins, np.array([4, 0, 0, 0, 0, 0, 0]), np.array([4, 2.0, 1.0, 2.0, 0.0]))
    >>> high = NumericCounts.of(bins, np.array([0, 0, 4, 0, 0, 0, 0]), np.array([4, 10.0, 25.0, 0.0, 10.0]))
    >>> float(wasserstein_distance(low, high))
    2.0
    """
    shift = current.mean - reference.mean
    edges = np.asarray(reference.bins.edges)
    if not len(edges):
        return np.where(reference.is_finite & current.is_finite, np.abs(shift), np.nan)
    gap = np.cumsum(shares(reference.counts) - shares(current.counts), axis=-1)[..., :-1]
    left = edges[0] * gap[..., 0] - (_share_of_sum(reference, FIRST_BIN) - _share_of_sum(current, FIRST_BIN))
    right = edges[-1] * -gap[..., -1] - (_share_of_sum(reference, LAST_BIN) - _share_of_sum(current, LAST_BIN))
    positive, negative = _areas(gap, np.diff(edges))
    missed = shift - left - right - (positive - negative)
    inside = positive + negative
    with np.errstate(divide="ignore", invalid="ignore"):
        corrected = inside + np.where(inside > 0, missed * (positive - negative) / inside, np.abs(missed))
    # Never less than the means alone say.
    between = np.maximum(corrected, np.abs(shift - left - right))
    return np.where(reference.is_finite & current.is_finite, np.abs(left) + between + np.abs(right), np.nan)


def _share_of_sum(side: NumericCounts, which: int) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        share: Floats = side.sums[..., which] / side.sums[..., FINITE]
    return share


def _areas(gap: Floats, widths: Floats) -> tuple[Floats, Floats]:
    """Return the area above and below zero of a line through ``gap`` (..., edges) at edges these ``widths`` apart."""
    start, end = gap[..., :-1], gap[..., 1:]
    signed = (start + end) / 2 * widths
    with np.errstate(divide="ignore", invalid="ignore"):
        crossed = np.where(start * end < 0, (start**2 + end**2) / (2 * (np.abs(start) + np.abs(end))) * widths, 0.0)
    size = np.where(start * end < 0, crossed, np.abs(signed))
    return ((size + signed) / 2).sum(axis=-1), ((size - signed) / 2).sum(axis=-1)


def normed_wasserstein_distance(reference: NumericCounts, current: NumericCounts) -> Floats:
    """Return the Wasserstein distance in standard deviations of the reference, which are taken as 0.001 at least.

    Source: the default score of Evidently for numeric columns with more than 1,000 reference rows.

    >>> bins = NumericBins(edges=(), coarse_edges=(), lowest=0.0, highest=2.0)
    >>> reference = NumericCounts.of(bins, np.array([2, 0, 0, 0, 0]), np.array([2, 2.0, 4.0, 2.0, 2.0]))
    >>> current = NumericCounts.of(bins, np.array([2, 0, 0, 2, 0]), np.array([2, 8.0, 32.0, 8.0, 8.0]))
    >>> float(normed_wasserstein_distance(reference, current))
    3.0
    """
    normed: Floats = wasserstein_distance(reference, current) / np.maximum(reference.deviation, SMALLEST_DEVIATION)
    return normed


def kolmogorov_smirnov_within_range(reference: NumericCounts, current: NumericCounts) -> Floats:
    """Return the Kolmogorov-Smirnov statistic at the bin edges and at the two ends of the reference's range.

    At the ends the gap is the share of current rows beyond them, which matters when values leave the range.

    Source: as ``kolmogorov_smirnov``.

    >>> bins = NumericBins(edges=(1.0,), coarse_edges=(1.0,), lowest=0.0, highest=2.0)
    >>> reference = NumericCounts.of(bins, np.array([2, 2, 0, 0, 0, 0]), np.array([4, 4.0, 6.0, 1.0, 3.0]))
    >>> current = NumericCounts.of(bins, np.array([0, 4, 0, 0, 3, 0]), np.array([4, 9.5, 23.0, 0.0, 9.5]))
    >>> float(kolmogorov_smirnov_within_range(reference, current))
    0.75
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.maximum(current.below, current.above) / current.counts.sum(axis=-1)
    gap: Floats = np.maximum(kolmogorov_smirnov(reference.counts, current.counts), beyond)
    return gap


NUMERIC_SCORES: dict[str, Callable[[NumericCounts, NumericCounts], Floats]] = {
    "wasserstein": wasserstein_distance,
    "normed_wasserstein": normed_wasserstein_distance,
    "kolmogorov_smirnov": kolmogorov_smirnov_within_range,
}


def present_counts(bins: Bins, stored: np.ndarray) -> np.ndarray:
    """Return a feature's stored counts ``(..., width)`` in its test bins, without missing values, as other tools count."""
    at = bins.test_bins
    used = np.flatnonzero((at >= 0) & (at < at.max()))
    matrix = np.zeros((len(at), int(at.max())), dtype=stored.dtype)
    matrix[used, at[used]] = 1
    counted: np.ndarray = stored @ matrix
    return counted


def feature_scores(
    bins: Bins, reference: tuple[np.ndarray, Floats | None], current: tuple[np.ndarray, Floats | None]
) -> dict[str, Floats]:
    """Return every score that fits a feature by its name, from its slices of counts and (if numeric) sums.

    Wasserstein and Kolmogorov-Smirnov come from the 40 fine bins, the others from the 10 bins of the test: with more bins
    their value without any change grows.

    Args:
        bins: the feature's bins.
        reference: counts ``(..., width)`` and sums ``(..., 5)`` of the reference.
        current: those of the days to compare, leading axes broadcast.
    """
    then, now = present_counts(bins, reference[0]), present_counts(bins, current[0])
    scores = {name: score(then, now) for name, score in COUNT_SCORES.items()}
    if isinstance(bins, NumericBins) and reference[1] is not None and current[1] is not None:
        before, after = (
            NumericCounts.of(bins, counts, sums) for counts, sums in (reference, current) if sums is not None
        )
        scores |= {name: score(before, after) for name, score in NUMERIC_SCORES.items()}
    return scores
