"""Why skill was lost: a harder population (mix), or a model that is wrong where it used to be right (misfit) (METHODS section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.portfolio import Task

if TYPE_CHECKING:
    from monitoring.label_profile import LabelLayout
    from monitoring.performance import PerformanceSeries
    from monitoring.ports import Flags, Floats
    from monitoring.reference import Reference


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


@dataclass(frozen=True)
class ReferenceByScore:
    """What the reference says per test bin of the score: expected loss ``(bins,)`` and label rates ``(bins, kinds)``.

    ``covered`` marks the bins in which it has labels; ``within`` is the label's variance that no score bin explains.
    """

    loss: Floats
    rates: Floats
    covered: Flags
    within: float

    @classmethod
    def of(cls, reference: Reference) -> ReferenceByScore:
        """Take both from the reference's label sums."""
        layout, totals = reference.label_layout, reference.totals
        n, y = rows_by_score(layout, totals[None])[0], _labels_by_score(layout, totals)
        covered, rows = n > 0, max(float(n.sum()), 1.0)
        safe = np.maximum(n, 1)
        rates = y / safe[:, None]
        squares = float(layout.field(totals, "y2")) / rows
        within = max(squares - float((n @ rates**2).sum()) / rows, 0.0)
        return cls(totals[layout.slices["test_loss"]] / safe, rates, covered, within)


def rows_by_score(layout: LabelLayout, sums: Floats) -> Floats:
    """Return labelled rows per test bin of the score, shape ``(..., bins)``."""
    bins = len(layout.score.test_edges) + 1
    matrix = np.zeros((len(layout.score.fine_to_test), bins))
    matrix[np.arange(len(matrix)), layout.score.fine_to_test] = 1
    rows: Floats = layout.field(sums, "bin_n") @ matrix
    return rows


def _labels_by_score(layout: LabelLayout, totals: Floats) -> Floats:
    """Return sums of the label (per class) per test bin of the score, shape ``(bins, kinds)``."""
    bins = len(layout.score.test_edges) + 1
    if layout.task is Task.MULTICLASS:
        per_class: Floats = totals[layout.slices["test_y"]].reshape(bins, layout.classes)
        return per_class
    y = np.bincount(layout.score.fine_to_test, weights=layout.field(totals, "bin_y"), minlength=bins)
    return y.astype(np.float64)[:, None]


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
    mix = float(q @ known.loss - series.yardstick.c * _expected_naive_loss(layout, known, q)) / float(series.scale[i])
    label = _mean_label(layout, sums) / n
    score = label + float(layout.field(sums, "error")) / n if layout.task is Task.REGRESSION else mean_score
    return Explanation(mix, effect - mix, None if layout.hard else score, None if layout.hard else label)


def _expected_naive_loss(layout: LabelLayout, known: ReferenceByScore, q: Floats) -> float:
    """Return the loss of the naive forecast on labels as the reference would expect them under the shares ``q``."""
    means = q @ known.rates
    if layout.hard:
        reference_means = np.asarray(layout.label_means)
        if layout.task is Task.MULTICLASS:
            return 1 - float(means[reference_means.argmax()])
        return 1 - float(means[0]) if reference_means[0] >= 0.5 else float(means[0])
    if layout.task is Task.REGRESSION:
        return known.within + float((q @ (known.rates - means) ** 2).sum())
    return float((means * (1 - means)).sum())


def _mean_label(layout: LabelLayout, sums: Floats) -> float:
    """Return the sum of the labels; with several classes of those that came out as said."""
    return float(layout.field(sums, "bin_y" if layout.task is Task.MULTICLASS else "y").sum())
