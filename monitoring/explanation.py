"""Why skill was lost: a harder population (mix), or a model that is wrong where it used to be right (misfit) (METHODS section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.portfolio import Task
from monitoring.score_mix import expected_naive_losses, rows_by_score

if TYPE_CHECKING:
    from monitoring.label_profile import LabelLayout
    from monitoring.performance import PerformanceSeries
    from monitoring.ports import Floats
    from monitoring.score_mix import ReferenceByScore


@dataclass(frozen=True)
class Explanation:
    """A relative loss of skill in two parts that add up to it, and what score and label say about the level.

    ``mix`` is what today's labelled scores would cost if every score were as right as in the reference; ``misfit`` the rest.
    ``mean_score`` and ``mean_label`` are of the labelled predictions (regression: prediction and label; several classes: the
    largest probability and the share that was right); their difference is calibration in the large. Missing is ``None``.
    """

    mix: float
    misfit: float
    mean_score: float | None = None
    mean_label: float | None = None

    @property
    def calibration(self) -> float | None:
        """Mean score minus mean label: positive when the model says too much."""
        known = self.mean_score is not None and self.mean_label is not None
        return self.mean_score - self.mean_label if known else None  # type: ignore[operator] # both are known


def explanation(
    known: ReferenceByScore, series: PerformanceSeries, i: int, *, mean_score: float | None
) -> Explanation | None:
    """Split the loss of skill over the last 28 days of labels; nothing without labels in bins that the reference covers.

    Args:
        known: expected loss and label rate per score bin.
        series: the realised performance to explain.
        i: the day.
        mean_score: mean score of the labelled predictions, missing if unknown.

    Source: METHODS section 4. The naive forecast of the expected skill knows the expected label mean, as the realised one does.
    """
    layout, sums = series.layout, series.sums_28[i]
    n = float(layout.field(sums, "n"))
    q = rows_by_score(layout, sums[None])[0] * known.covered
    if n <= 0 or q.sum() <= 0:
        return None
    q /= q.sum()
    effect = float(series.window[28].effect[i])
    mix = float(q @ known.loss - series.yardstick.c * float(expected_naive_losses(layout, known, q[None])[0])) / float(
        series.scale[i]
    )
    label = _mean_label(layout, sums) / n
    score = label + float(layout.field(sums, "error")) / n if layout.task is Task.REGRESSION else mean_score
    return Explanation(mix, effect - mix, None if layout.hard else score, None if layout.hard else label)


def _mean_label(layout: LabelLayout, sums: Floats) -> float:
    """Return the sum of the labels; with several classes of those that came out as said."""
    return float(layout.field(sums, "bin_y" if layout.task is Task.MULTICLASS else "y").sum())
