"""Estimated performance while labels are missing: what today's score mix would cost (METHODS section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.drift import MINIMUM_ROWS, WIDER_WINDOWS, merged_bins
from monitoring.window import rolling_sum

if TYPE_CHECKING:
    from monitoring.ports import Floats
    from monitoring.reference import Reference


@dataclass(frozen=True)
class EstimateSeries:
    """Estimated relative loss of skill from the score mix alone and its standard error; arrays ``(days,)``, NaN if unknown.

    It sees populations getting harder; it cannot see a changed relation between inputs and labels, nor inputs outside the
    region where the expected losses were learnt.
    """

    effect: Floats
    se: Floats

    @property
    def low(self) -> Floats:
        """Lower end of the 90 % interval."""
        return self.effect - 1.645 * self.se

    @property
    def high(self) -> Floats:
        """Upper end of the 90 % interval."""
        return self.effect + 1.645 * self.se


def expected_losses(reference: Reference) -> Floats | None:
    """Return the reference's mean loss per test bin of the score, nothing without reference labels or without a gain."""
    if not reference.label_rows or reference.gain <= 0:
        return None
    layout, totals = reference.label_layout, reference.totals
    bins = len(layout.score.test_edges) + 1
    n = np.bincount(layout.score.fine_to_test, weights=layout.field(totals, "bin_n"), minlength=bins)
    loss = totals[layout.slices["test_loss"]]
    return np.where(n > 0, loss / np.maximum(n, 1), reference.loss)


def estimate_series(reference: Reference, score_counts: np.ndarray, *, window_days: int) -> EstimateSeries:
    """Return the estimate for every day from the stored score counts ``(days, width)``."""
    days = len(score_counts)
    expected = expected_losses(reference)
    if expected is None:
        return EstimateSeries(np.full(days, np.nan), np.full(days, np.nan))
    bins = len(expected)
    merged = merged_bins(score_counts, reference.layout.score.test_bins)[:, :bins]
    window = rolling_sum(merged, days=window_days)
    for wider in WIDER_WINDOWS:
        few = window.sum(axis=1) < MINIMUM_ROWS
        window = np.where(few[:, None], rolling_sum(merged, days=wider), window)
    window = window.astype(np.float64)
    base = merged_bins(reference.counts[reference.layout.score_at], reference.layout.score.test_bins)[:bins]
    n, n_base = window.sum(axis=1), max(float(base.sum()), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        q, p = window / n[:, None], base / n_base
        change = (q - p) @ expected
        variance = (q @ expected**2 - (q @ expected) ** 2) / n + (p @ expected**2 - (p @ expected) ** 2) / n_base
        effect = np.where(n >= MINIMUM_ROWS, change / reference.gain, np.nan)
        se = np.sqrt(np.maximum(variance, 0.0)) / reference.gain
    return EstimateSeries(effect, se)
