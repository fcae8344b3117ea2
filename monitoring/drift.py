"""Drift of features and of the score: PSI against a threshold taken from the reference's own variation (METHODS section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from monitoring.window import rolling_sum

if TYPE_CHECKING:
    from monitoring.ports import Flags, Floats

WINDOW_DAYS = 7
WIDER_WINDOWS = (28, 91)
MINIMUM_ROWS = 30
TAIL = 1e-4
LARGEST_EXCESS = 2.0
SMALL_REFERENCE_ROWS, SMALL_REFERENCE_DAYS = 500, 14


def population_stability_index(reference: np.ndarray, current: np.ndarray) -> Floats:
    """Return the PSI between counts, with half a row added per bin.

    An empty bin would make the index infinite, and a fixed epsilon makes it depend on the epsilon; half a row does neither.

    Args:
        reference: counts per bin, shape ``(bins,)``.
        current: counts in the same bins, shape ``(..., bins)``.

    Source: Yurdakul & Naranjo 2020; METHODS section 3. Checked against a direct evaluation in ``test_drift.py``.

    >>> float(population_stability_index(np.array([50, 50]), np.array([50, 50])))
    0.0
    """
    bins = reference.shape[-1]
    r = (reference + 0.5) / (reference.sum() + 0.5 * bins)
    q = (current + 0.5) / (current.sum(axis=-1, keepdims=True) + 0.5 * bins)
    index: Floats = ((q - r) * np.log(q / r)).sum(axis=-1)
    return index


def merged_bins(counts: np.ndarray, test_bins: np.ndarray) -> np.ndarray:
    """Return counts ``(..., stored)`` merged into the bins of the test ``(..., bins)``."""
    used = test_bins >= 0
    bins = int(test_bins.max()) + 1
    matrix = np.zeros((len(test_bins), bins), dtype=counts.dtype)
    matrix[np.flatnonzero(used), test_bins[used]] = 1
    merged: np.ndarray = counts @ matrix
    return merged


@dataclass(frozen=True)
class NullVariation:
    """How PSI behaves in the reference without any change: extra mean beyond sampling, and degrees of freedom."""

    extra: float
    freedom: float
    factor: float = 1.0
    provisional: bool = False


def null_variation(counts: np.ndarray, *, window_days: int = WINDOW_DAYS, has_days: bool = True) -> NullVariation:
    """Return the day-to-day variation of a column from the rolling window blocks of its reference.

    Args:
        counts: test-bin counts per calendar day of the reference, shape ``(days, bins)``.
        window_days: days in a block.
        has_days: false when the reference has no days; then nothing is known beyond sampling (provisional).

    Source: METHODS section 3 (mean and variance of PSI over blocks matched to a scaled chi-square).
    """
    bins = counts.shape[1]
    rows = counts.sum()
    small = bool(rows < SMALL_REFERENCE_ROWS or len(counts) < SMALL_REFERENCE_DAYS)
    blocks = rolling_sum(counts, days=window_days)[window_days - 1 :] if len(counts) >= window_days else counts[:0]
    blocks = blocks[blocks.sum(axis=1) > 0]
    if len(blocks) <= 1 or not has_days:
        return NullVariation(0.0, float(max(bins - 1, 1)), 2.0 if small else 1.0, provisional=True)
    x = population_stability_index(counts.sum(axis=0), blocks)
    mean = float(x.mean())
    extra = 1.5 * max(0.0, mean - (bins - 1) / float(blocks.sum(axis=1).mean()))
    spread = float(x.var())
    freedom = float(np.clip(2 * mean**2 / spread if spread > 0 else bins - 1, 1.5, max(bins - 1, 1.5)))
    return NullVariation(extra, freedom, 2.0 if small else 1.0, provisional=small)


@dataclass(frozen=True)
class DriftSeries:
    """Drift of one column day by day; arrays of shape ``(days,)``. ``psi`` is NaN on days without enough rows.

    ``excess`` is min(2, PSI - null mean) where PSI exceeds its threshold, else 0. ``provisional``: the reference is too
    small, or has no days, to tell how the column moves without any change.
    """

    psi: Floats
    threshold: Floats
    excess: Floats
    rows: Floats
    provisional: bool = False

    def followed_by(self, other: DriftSeries, *, at: int) -> DriftSeries:
        """Return this series with that of ``other`` from day ``at`` on."""
        return DriftSeries(
            psi=np.append(self.psi[:at], other.psi[at:]),
            threshold=np.append(self.threshold[:at], other.threshold[at:]),
            excess=np.append(self.excess[:at], other.excess[at:]),
            rows=np.append(self.rows[:at], other.rows[at:]),
            provisional=self.provisional or other.provisional,
        )

    @property
    def significant(self) -> Flags:
        """Days on which PSI exceeds its own threshold on enough rows."""
        with np.errstate(invalid="ignore"):
            flags: Flags = self.psi > self.threshold
        return flags


def drift_series(
    reference: np.ndarray, counts: np.ndarray, variation: NullVariation, *, floor: float, window_days: int = WINDOW_DAYS
) -> DriftSeries:
    """Return the drift of one column for every day.

    Windows of 7 days; with fewer than 30 rows they widen to 28, then to 91 days.

    Args:
        reference: test-bin counts of the whole reference, shape ``(bins,)``.
        counts: test-bin counts per calendar day, shape ``(days, bins)``, days to be left out are zero.
        variation: what the reference's own days do.
        floor: a rule of thumb that may only raise the threshold.
        window_days: length of the first window.
    """
    bins, n_reference = counts.shape[1], float(reference.sum())
    window = rolling_sum(counts, days=window_days)
    for days in WIDER_WINDOWS:
        few = window.sum(axis=1) < MINIMUM_ROWS
        if few.any():
            window = np.where(few[:, None], rolling_sum(counts, days=days), window)
    n = window.sum(axis=1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (bins - 1) * (1 / n + 1 / n_reference) + variation.extra
    quantile = float(stats.chi2.ppf(1 - TAIL, variation.freedom)) / variation.freedom
    threshold = np.maximum(floor, mean * quantile) * variation.factor
    psi = np.where(n >= MINIMUM_ROWS, population_stability_index(reference, window), np.nan)
    with np.errstate(invalid="ignore"):
        excess = np.where(psi > threshold, np.clip(psi - mean, 0.0, LARGEST_EXCESS), 0.0)
    return DriftSeries(psi, threshold, excess, n, variation.provisional)
