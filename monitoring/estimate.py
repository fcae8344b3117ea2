"""Estimated performance while labels are missing: what today's score mix would cost (METHODS section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.drift import MINIMUM_ROWS, WIDER_WINDOWS, merged_bins
from monitoring.performance import SMALLEST_SKILL
from monitoring.reference import SMALLEST_LOSS
from monitoring.score_mix import ReferenceByScore
from monitoring.window import sums_as_known

if TYPE_CHECKING:
    from monitoring.policy import Policy
    from monitoring.ports import Floats
    from monitoring.reference import Reference


WHAT_IT_CANNOT_SEE = (
    "An estimate sees a population getting harder; it cannot see a changed relation between inputs and labels, nor "
    "inputs outside the range it was learnt on."
)


@dataclass(frozen=True)
class EstimateSeries:
    """Estimated relative loss of skill from the score mix alone, its standard error and its rows; arrays ``(days,)``.

    NaN if unknown.

    It sees populations getting harder; it cannot see a changed relation between inputs and labels, nor inputs outside the
    region where the expected losses were learnt.
    """

    effect: Floats
    se: Floats
    rows: Floats

    @property
    def low(self) -> Floats:
        """Lower end of the 90 % interval."""
        return self.effect - 1.645 * self.se

    @property
    def high(self) -> Floats:
        """Upper end of the 90 % interval."""
        return self.effect + 1.645 * self.se


def expected_losses(reference: Reference) -> Floats | None:
    """Return the reference's mean loss per test bin of the score, NaN in bins without labels.

    Nothing without reference labels or without a gain: then there is nothing to estimate from.
    """
    if not reference.label_rows or reference.gain <= 0:
        return None
    known = ReferenceByScore.of(reference)
    return np.where(known.covered, known.loss, np.nan)


def advantage_scale(reference: Reference, *, policy: Policy) -> float:
    """Return what an effect of 1 is in units of the loss, in the reference itself (G of METHODS section 4)."""
    by_advantage = max(reference.skill, SMALLEST_SKILL) * reference.naive_loss
    return max(min(by_advantage, reference.loss / policy.double_loss_effect), SMALLEST_LOSS)


def _loss_deviation(reference: Reference) -> float:
    """Return the standard deviation of the loss of a row in the reference."""
    squares = float(reference.label_layout.field(reference.totals, "loss2")) / max(reference.label_rows, 1)
    return float(np.sqrt(max(squares - reference.loss**2, 0.0)))


def smallest_detectable_effect(reference: Reference, labels: float, *, policy: Policy) -> float | None:
    """Return the smallest loss of skill that this many labels would show: (4 sd(loss) / sqrt(n)) / g (METHODS section 13).

    Above 1 nothing can be told. Missing without labels, in the reference or now.
    """
    if not reference.label_rows or labels <= 0:
        return None
    return 4 * _loss_deviation(reference) / float(np.sqrt(labels)) / advantage_scale(reference, policy=policy)


def labels_needed(reference: Reference, *, policy: Policy) -> int | None:
    """Return the labels that would show a material loss: n = (4 sd(loss) / (0.15 g))^2; missing without reference labels."""
    if not reference.label_rows or reference.gain <= 0:
        return None
    material = policy.effect_retrain * advantage_scale(reference, policy=policy)
    return int(np.ceil((4 * _loss_deviation(reference) / material) ** 2))


def estimate_series(
    reference: Reference, score_counts: np.ndarray, *, window_days: int, left_out_at: np.ndarray | None = None
) -> EstimateSeries:
    """Return the estimate for every day from the stored score counts ``(days, width)``; bins without labels are left out.

    A day counts until the index in ``left_out_at`` ``(days,)``, from which it is known to be broken; without, all count.
    """
    days = len(score_counts)
    expected = expected_losses(reference)
    if expected is None:
        return EstimateSeries(np.full(days, np.nan), np.full(days, np.nan), np.zeros(days))
    covered = np.isfinite(expected)
    expected, bins = np.where(covered, expected, 0.0), len(expected)
    merged = merged_bins(score_counts, reference.layout.score.test_bins)[:, :bins] * covered
    out_at = np.full((days, 1), days) if left_out_at is None else left_out_at[:, None]
    window = sums_as_known(merged, out_at, days=window_days)
    for wider in (days for days in WIDER_WINDOWS if days > window_days):
        few = window.sum(axis=1) < MINIMUM_ROWS
        window = np.where(few[:, None], sums_as_known(merged, out_at, days=wider), window)
    window = window.astype(np.float64)
    base = merged_bins(reference.counts[reference.layout.score_at], reference.layout.score.test_bins)[:bins] * covered
    n, n_base = window.sum(axis=1), max(float(base.sum()), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        q, p = window / n[:, None], base / n_base
        change = (q - p) @ expected
        variance = (q @ expected**2 - (q @ expected) ** 2) / n + (p @ expected**2 - (p @ expected) ** 2) / n_base
        effect = np.where(n >= MINIMUM_ROWS, change / reference.gain, np.nan)
        se = np.sqrt(np.maximum(variance, 0.0)) / reference.gain
    return EstimateSeries(effect, se, n)
