"""Which predictions get a label at all: coverage per bin of the score (METHODS section 13, partial or biased labels)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.drift import merged_bins
from monitoring.score_mix import rows_by_score
from monitoring.window import rolling_sum

if TYPE_CHECKING:
    from monitoring.label_profile import LabelProfiles
    from monitoring.ports import Days, Flags, Floats
    from monitoring.reference import Reference

COVERAGE_DAYS = 28
MATERIAL_CHANGE, CLEARLY = 0.10, 3.0
ENOUGH_PREDICTIONS = 30


@dataclass(frozen=True)
class CoverageSeries:
    """Labelled share of the predictions of 28 days, the newest of them as old as a label usually is; NaN if unknown.

    ``share`` and ``rows`` have shape ``(days,)``, ``by_score`` ``(days, bins)``; ``reference`` and ``reference_by_score`` are
    the shares in the reference.
    """

    share: Floats
    rows: Floats
    by_score: Floats
    rows_by_score: Floats
    reference: float
    reference_by_score: Floats

    @property
    def changed(self) -> Flags:
        """Bins whose coverage differs from the reference's by clearly more than 10 points, ``(days, bins)``."""
        return _changed(self.by_score, self.rows_by_score, self.reference_by_score)

    @property
    def is_changed(self) -> Flags:
        """Days on which it differs by clearly more than 10 points, over all scores or in any bin."""
        flags: Flags = _changed(self.share, self.rows, np.asarray(self.reference)) | self.changed.any(axis=-1)
        return flags


def _changed(share: Floats, rows: Floats, reference: Floats) -> Flags:
    """Return where a share lies more than 10 points from the reference's, by 3 standard errors."""
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.maximum(share * (1 - share), reference * (1 - reference))
        flags: Flags = np.abs(share - reference) > MATERIAL_CHANGE + CLEARLY * np.sqrt(spread / rows)
    return flags & (rows >= ENOUGH_PREDICTIONS)


def coverage_series(
    reference: Reference,
    labels: LabelProfiles,
    score_counts: np.ndarray,
    days: Days,
    *,
    delay_days: int,
    stretch: int = 1,
) -> CoverageSeries:
    """Return the coverage on every day of ``days``, from labels that had arrived by then.

    Args:
        reference: its own coverage is what is compared with.
        labels: sums per (arrival, prediction day), only of predictions made on ``days``.
        score_counts: counts of the score per day of ``days``, shape ``(days, width)``.
        days: every calendar day, ascending and unbroken.
        delay_days: how old a prediction is when its label is usually there.
        stretch: how much wider windows are for weekly and monthly models.
    """
    layout, n_days, window = reference.label_layout, len(days), COVERAGE_DAYS * stretch
    bins = len(layout.score.test_edges) + 1
    test_bins = reference.layout.score.test_bins
    predicted = rolling_sum(merged_bins(score_counts, test_bins)[:, :bins].astype(np.float64), days=window)
    rows = np.zeros((n_days, bins))
    rows[delay_days:] = predicted[: max(n_days - delay_days, 0)]
    labelled = _labelled(labels, rows_by_score(layout, labels.vectors), days, delay_days=delay_days, window=window)
    base = merged_bins(reference.counts[reference.layout.score_at], test_bins)[:bins].astype(np.float64)
    known = rows_by_score(layout, reference.totals[None])[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return CoverageSeries(
            share=labelled.sum(axis=1) / rows.sum(axis=1),
            rows=rows.sum(axis=1),
            by_score=labelled / rows,
            rows_by_score=rows,
            reference=float(known.sum() / base.sum()) if base.sum() else float("nan"),
            reference_by_score=known / base,
        )


def _labelled(labels: LabelProfiles, n: Floats, days: Days, *, delay_days: int, window: int) -> Floats:
    """Return labelled rows per score bin of the window of each day: each pair counts from its arrival until its day leaves."""
    steps = np.zeros((len(days) + 1, n.shape[1]))
    day = (labels.day - days[0]).astype(np.int64)
    enters = np.maximum((labels.arrival - days[0]).astype(np.int64), day + delay_days)
    leaves = np.minimum(day + delay_days + window, len(days))
    counts = enters < leaves
    np.add.at(steps, enters[counts], n[counts])
    np.add.at(steps, leaves[counts], -n[counts])
    labelled: Floats = np.cumsum(steps, axis=0)[:-1]
    return labelled
