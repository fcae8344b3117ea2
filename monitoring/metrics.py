"""Metrics that people know, from label sums: AUC, accuracy, RMSE; and how well scores rank (METHODS sections 4 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitoring.portfolio import Task

if TYPE_CHECKING:
    from monitoring.label_profile import LabelLayout
    from monitoring.ports import Floats


ONE_SIDED_99, RARE = 2.33, 0.10
AREA_THAT_RANKS = 0.60
"""ROC AUC from which a score ranks to some use, however rare positives are."""


def area_under_curve(bin_rows: Floats, bin_positives: Floats) -> Floats:
    """Return the ROC AUC from rows and positives per ascending score bin, shape ``(..., bins)``; ties count half.

    NaN without both classes. Checked against scikit-learn in ``test_metrics.py``.
    """
    positives, negatives = bin_positives, bin_rows - bin_positives
    below = np.cumsum(negatives, axis=-1) - negatives
    won = (positives * (below + 0.5 * negatives)).sum(axis=-1)
    pairs = positives.sum(axis=-1) * negatives.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(pairs > 0, won / pairs, np.nan)


def has_rare_class(layout: LabelLayout) -> bool:
    """Return whether fewer than a tenth of the reference's labels are of the rarer class: then skill is small however well a score ranks.

    Brier skill and the share of the label's variance that a score explains shrink with that class; the area under the curve does not.
    """
    if layout.task is not Task.BINARY or layout.hard:
        return False
    share = float(layout.label_means[0])
    return min(share, 1 - share) < RARE


def area_bounds(layout: LabelLayout, sums: Floats) -> tuple[Floats, Floats]:
    """Return the 99 % bounds of the ROC AUC of binary label sums ``(..., width)``; 0 and 1 without both classes.

    Source: Mann & Whitney 1947, the error of a score that does not rank. Checked by simulation in ``test_metrics.py``.
    """
    positives = layout.field(sums, "y")[..., 0]
    negatives = layout.field(sums, "n") - positives
    area = area_under_curve(layout.field(sums, "bin_n"), layout.field(sums, "bin_y"))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = ONE_SIDED_99 * np.sqrt((positives + negatives + 1) / (12 * positives * negatives))
        known = np.isfinite(area) & np.isfinite(error)
        return np.where(known, area - error, 0.0), np.where(known, area + error, 1.0)


METRIC_NAMES = {Task.BINARY: "AUC", Task.MULTICLASS: "accuracy", Task.REGRESSION: "RMSE"}


def known_metric(layout: LabelLayout, sums: Floats) -> Floats:
    """Return the metric people know from label sums ``(..., width)``: AUC, accuracy (hard classes too) or RMSE."""
    n = layout.field(sums, "n")
    with np.errstate(divide="ignore", invalid="ignore"):
        if layout.task is Task.REGRESSION:
            root: Floats = np.sqrt(layout.field(sums, "loss") / n)
            return root
        if layout.hard:
            return 1 - layout.field(sums, "loss") / n
        if layout.task is Task.MULTICLASS:
            accuracy: Floats = layout.field(sums, "bin_y").sum(axis=-1) / n
            return accuracy
        return area_under_curve(layout.field(sums, "bin_n"), layout.field(sums, "bin_y"))


def metric_name(layout: LabelLayout) -> str:
    """Return the name of the metric people know for this task."""
    return "accuracy" if layout.hard else METRIC_NAMES[layout.task]


def ranking_share(layout: LabelLayout, totals: Floats) -> float:
    """Return R: the share of the label's variance that lies between score bins, beyond chance (METHODS section 8)."""
    n_fine = layout.field(totals, "bin_n")
    fine_to_test = layout.score.fine_to_test
    bins = len(layout.score.test_edges) + 1
    n = np.bincount(fine_to_test, weights=n_fine, minlength=bins)
    rows = n.sum()
    if layout.task is Task.MULTICLASS:
        y: np.ndarray = totals[layout.slices["test_y"]].reshape(bins, layout.classes)
    else:
        y = np.bincount(fine_to_test, weights=layout.field(totals, "bin_y"), minlength=bins)[:, None]
    squares = float(layout.field(totals, "y2"))
    means = y.sum(axis=0) / max(rows, 1)
    total = squares - rows * float((means**2).sum())
    used = n > 0
    between = float((y[used] ** 2 / n[used, None]).sum() - rows * (means**2).sum())
    within = max(total - between, 0.0) / max(rows - used.sum(), 1)
    return (between - (int(used.sum()) - 1) * within) / total if total > 0 else 0.0
