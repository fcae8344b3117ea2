"""Drift of features and of the score: PSI against a threshold taken from the reference's own variation (METHODS section 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from monitoring.window import rolling_sum, sums_as_known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.ports import Flags, Floats

WINDOW_DAYS = 7
WIDER_WINDOWS = (28, 91)
MINIMUM_ROWS = 30
TAIL = 1e-4
LARGEST_EXCESS = 2.0
SMALL_REFERENCE_ROWS, SMALL_REFERENCE_DAYS = 500, 14


@dataclass(frozen=True)
class Columns:
    """Several columns side by side in one array ``(..., bins)``: the place of the first test bin of each, and how many it has."""

    starts: np.ndarray
    widths: np.ndarray

    @classmethod
    def of(cls, widths: Sequence[int] | np.ndarray) -> Columns:
        """Put columns with so many bins side by side."""
        sizes = np.array(widths, dtype=np.intp)
        return cls(np.cumsum(sizes) - sizes, sizes)

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.starts)

    def first(self, columns: int) -> Columns:
        """Return the first so many of the columns."""
        return Columns(self.starts[:columns], self.widths[:columns])

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over each column's bins, shape ``(..., columns)``."""
        if not len(self):
            return np.zeros((*values.shape[:-1], 0), dtype=values.dtype)
        return np.add.reduceat(values, self.starts, axis=-1)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return each column's value once per bin, shape ``(..., bins)``."""
        return np.repeat(values, self.widths, axis=-1)

    def rolling(
        self, values: np.ndarray, *, days: int, left_out_at: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the sums over the last ``days`` days per bin, and per column; days count until they are left out."""
        if left_out_at is None:
            window = rolling_sum(values, days=days)
        else:
            window = sums_as_known(values, self.spread(left_out_at), days=days)
        return window, self.summed(window)


@dataclass(frozen=True)
class MergedBins:
    """How stored counts of several columns merge into the bins of the test, side by side."""

    columns: Columns
    order: np.ndarray
    starts: np.ndarray
    filled: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[tuple[int, np.ndarray]]) -> MergedBins:
        """Merge columns given as the place of their first count and the test bin of each count (-1: no part of the test)."""
        if not parts:
            none = np.zeros(0, dtype=np.intp)
            return cls(Columns.of([]), none, none, none)
        sizes = np.array([len(bins) for _, bins in parts], dtype=np.intp)
        begins, bins = np.cumsum(sizes) - sizes, np.concatenate([bins for _, bins in parts])
        columns = Columns.of(np.maximum.reduceat(bins, begins) + 1)
        bin_of = np.where(bins >= 0, bins + np.repeat(columns.starts, sizes), -1)
        at = np.arange(len(bins)) + np.repeat(np.array([first for first, _ in parts]) - begins, sizes)
        order = np.argsort(bin_of, kind="stable")[int((bin_of < 0).sum()) :]
        filled, starts = np.unique(bin_of[order], return_index=True)
        return cls(columns, at[order], starts, filled)

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Return counts ``(..., stored)`` merged, shape ``(..., test bins)``."""
        merged = np.zeros((*counts.shape[:-1], int(self.columns.widths.sum())), dtype=counts.dtype)
        if len(self.starts):
            merged[..., self.filled] = np.add.reduceat(counts[..., self.order], self.starts, axis=-1)
        return merged


def merged_bins(counts: np.ndarray, test_bins: np.ndarray) -> np.ndarray:
    """Return counts ``(..., stored)`` merged into the bins of the test ``(..., bins)``."""
    return MergedBins.of([(0, test_bins)])(counts)


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
    index: Floats = stability_indices(Columns.of([reference.shape[-1]]), reference, current)[..., 0]
    return index


def stability_indices(columns: Columns, reference: np.ndarray, current: np.ndarray) -> Floats:
    """Return the PSI of each column, shape ``(..., columns)``; the counts stand side by side."""
    half = 0.5 * columns.widths
    r = (reference + 0.5) / columns.spread(columns.summed(reference) + half)
    q = (current + 0.5) / columns.spread(columns.summed(current) + half)
    indices: Floats = columns.summed((q - r) * np.log(q / r))
    return indices


@dataclass(frozen=True)
class NullVariation:
    """How PSI behaves in the reference without any change: extra mean beyond sampling, and degrees of freedom.

    Numbers for one column, arrays ``(columns,)`` for several. ``factor`` widens the threshold of a small reference.
    ``mean`` and ``spread`` are those of its ``blocks``, ``sampling`` what the mean would be without any variation.
    """

    extra: Any
    freedom: Any
    factor: Any = 1.0
    provisional: Any = False
    blocks: Any = 0
    mean: Any = 0.0
    spread: Any = 0.0
    sampling: Any = 0.0
    most: Any = 1.5

    def with_block(self, psi: Floats) -> NullVariation:
        """Return the variation with one more block, that of the same days of last year: its PSI ``(days, columns)``, or NaN.

        Source: METHODS section 13, seasonality.
        """
        n = self.blocks + 1
        mean = (self.blocks * self.mean + psi) / n
        spread = np.maximum((self.blocks * (self.spread + self.mean**2) + psi**2) / n - mean**2, 0.0)
        known = np.isfinite(psi) & (self.blocks > 1)
        extra, freedom = _matched(mean, spread, sampling=self.sampling, most=self.most)
        return replace(self, extra=np.where(known, extra, self.extra), freedom=np.where(known, freedom, self.freedom))


def null_variation(counts: np.ndarray, *, window_days: int = WINDOW_DAYS, has_days: bool = True) -> NullVariation:
    """Return the day-to-day variation of one column, given its test-bin counts per day, shape ``(days, bins)``."""
    found = null_variations(Columns.of([counts.shape[1]]), counts, window_days=window_days, has_days=has_days)
    provisional = bool(found.provisional[0])
    return replace(
        found,
        extra=float(found.extra[0]),
        freedom=float(found.freedom[0]),
        factor=float(found.factor[0]),
        provisional=provisional,
    )


def null_variations(
    columns: Columns, counts: np.ndarray, *, window_days: int = WINDOW_DAYS, has_days: bool = True
) -> NullVariation:
    """Return the day-to-day variation of columns from the rolling window blocks of their reference.

    Args:
        columns: what stands side by side.
        counts: test-bin counts per calendar day of the reference, shape ``(days, bins)``.
        window_days: days in a block.
        has_days: false when the reference has no days; then nothing is known beyond sampling (provisional).

    Source: METHODS section 3 (mean and variance of PSI over blocks matched to a scaled chi-square).
    """
    total, bins = counts.sum(axis=0), columns.widths
    small = (columns.summed(total) < SMALL_REFERENCE_ROWS) | (len(counts) < SMALL_REFERENCE_DAYS)
    factor, most = np.where(small, 2.0, 1.0), np.maximum(bins - 1, 1).astype(np.float64)
    blocks, rows = columns.rolling(counts, days=window_days)
    blocks, rows = blocks[window_days - 1 :], rows[window_days - 1 :]
    used, n = rows > 0, np.maximum((rows > 0).sum(axis=0), 1)
    x = np.where(used, stability_indices(columns, total, blocks), 0.0)
    mean = x.sum(axis=0) / n
    spread = np.where(used, (x - mean) ** 2, 0.0).sum(axis=0) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        sampling = (bins - 1) / (rows.sum(axis=0) / n)
    extra, freedom = _matched(mean, spread, sampling=sampling, most=bins - 1)
    known = (used.sum(axis=0) > 1) & has_days
    return NullVariation(
        np.where(known, extra, 0.0),
        np.where(known, freedom, most),
        factor,
        small | ~known,
        np.where(known, n, 0),
        mean,
        spread,
        sampling,
        bins - 1,
    )


def _matched(mean: Floats, spread: Floats, *, sampling: Floats, most: Floats) -> tuple[Floats, Floats]:
    """Return extra mean and degrees of freedom of the chi-square that has the mean and variance of PSI over blocks."""
    with np.errstate(divide="ignore", invalid="ignore"):
        extra = 1.5 * np.maximum(0.0, mean - sampling)
        freedom = np.clip(np.where(spread > 0, 2 * mean**2 / spread, most), 1.5, np.maximum(most, 1.5))
    return extra, freedom


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
    """Return the drift of one column for every day; ``reference`` ``(bins,)`` and ``counts`` ``(days, bins)`` are its own."""
    columns = Columns.of([len(reference)])
    indices = window_indices(columns, reference, counts, window_days=window_days)
    (series,) = drift_of_columns(columns, reference, indices, variation, floor=floor)
    return series


def window_indices(
    columns: Columns,
    reference: np.ndarray,
    counts: np.ndarray,
    *,
    window_days: int = WINDOW_DAYS,
    left_out_at: np.ndarray | None = None,
) -> tuple[Floats, Floats]:
    """Return the PSI of each column's window and its rows, both ``(days, columns)``; PSI is NaN on fewer than 30 rows.

    Windows of 7 days; with fewer than 30 rows they widen to 28, then to 91 days.

    Args:
        columns: what stands side by side.
        reference: test-bin counts of the whole reference, shape ``(bins,)``.
        counts: test-bin counts per calendar day, shape ``(days, bins)``.
        window_days: length of the first window.
        left_out_at: index of the day from which each day is known to be broken, shape ``(days, columns)``; without, none is.
    """
    window, rows = columns.rolling(counts, days=window_days, left_out_at=left_out_at)
    for days in (days for days in WIDER_WINDOWS if days > window_days):
        few = rows < MINIMUM_ROWS
        if few.any():
            wider, wider_rows = columns.rolling(counts, days=days, left_out_at=left_out_at)
            window, rows = np.where(columns.spread(few), wider, window), np.where(few, wider_rows, rows)
    psi = np.where(rows >= MINIMUM_ROWS, stability_indices(columns, reference, window), np.nan)
    return psi, rows.astype(np.float64)


def drift_of_columns(
    columns: Columns,
    reference: np.ndarray,
    indices: tuple[Floats, Floats],
    variation: NullVariation,
    *,
    floor: float,
) -> list[DriftSeries]:
    """Return the drift of each column for every day.

    Args:
        columns: what stands side by side.
        reference: test-bin counts of the whole reference, shape ``(bins,)``.
        indices: PSI and rows of each day's window (``window_indices``).
        variation: what the reference's own days do.
        floor: a rule of thumb that may only raise the threshold.
    """
    psi, n = indices
    # Most days share their degrees of freedom: the inverse of the distribution is the costly part.
    freedoms, at = np.unique(variation.freedom, return_inverse=True)
    quantiles = (2 * special.gammaincinv(freedoms / 2, 1 - TAIL) / freedoms)[at].reshape(np.shape(variation.freedom))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (columns.widths - 1) * (1 / n + 1 / columns.summed(reference)) + variation.extra
        threshold = np.maximum(floor, mean * quantiles) * variation.factor
        excess = np.where(psi > threshold, np.clip(psi - mean, 0.0, LARGEST_EXCESS), 0.0)
    provisional = np.broadcast_to(variation.provisional, len(columns)).tolist()
    by_column = (np.ascontiguousarray(values.T) for values in (psi, threshold, excess, n))
    return [DriftSeries(*values) for values in zip(*by_column, provisional, strict=True)]
