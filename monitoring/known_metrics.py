"""The metrics that people know, each with its interval and the cases behind it, from label sums (METHODS sections 4 and 13).

Intervals are 90 % and of chance in the labels alone: what varies from day to day beyond it is in the test of the verdict, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.metrics import area_under_curve
from monitoring.performance import ONE_SIDED_95
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitoring.label_profile import LabelLayout
    from monitoring.ports import Floats

FEWEST_CASES = 20
"""Below so many cases precision and recall are chance (METHODS section 13)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric over windows, arrays of one shape: its value, the ends of its 90 % interval (NaN without one), and its cases."""

    value: Floats
    low: Floats
    high: Floats
    cases: Floats


@dataclass(frozen=True, slots=True)
class KnownMetric:
    """A metric by its name, what it says in one sentence, what its cases are, and how it is measured from label sums."""

    name: str
    meaning: str
    cases: str
    is_share: bool
    measure: Callable[[LabelLayout, Floats], Measured]


def known_metrics(layout: LabelLayout) -> tuple[KnownMetric, ...]:
    """Return the metrics that can be measured for this task, the most familiar first."""
    if layout.task is Task.REGRESSION:
        return REGRESSION_METRICS
    if "confusion" not in layout.slices:
        return (ACCURACY,)
    if layout.task is Task.MULTICLASS:
        return MULTICLASS_METRICS[: None if not layout.hard else -1]
    return (
        BINARY_METRICS if not layout.hard else tuple(m for m in BINARY_METRICS if m.name not in {"AUC", "Brier score"})
    )


def share(hits: Floats, cases: Floats, *, fewest: float = 1) -> Measured:
    """Return a share of cases with Wilson's interval; NaN below ``fewest`` cases.

    Source: Wilson, Probable inference, 1927. Checked against statsmodels in ``test_known_metrics.py``.
    """
    enough = cases >= fewest
    n, z2 = np.where(enough, cases, np.nan), ONE_SIDED_95**2
    p = hits / n
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = ONE_SIDED_95 * np.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return Measured(p, middle - half, middle + half, cases)


def mean(total: Floats, squares: Floats, cases: Floats) -> Measured:
    """Return a mean per row with the interval of its standard error, from sums of values and of their squares."""
    n = np.where(cases >= 1, cases, np.nan)
    value = total / n
    half = ONE_SIDED_95 * np.sqrt(np.maximum(squares / n - value * value, 0.0) / n)
    return Measured(value, value - half, value + half, cases)


def auc(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the ROC AUC; its standard error is that of Hanley & McNeil, 1982, equation 1."""
    rows, positives = layout.field(sums, "bin_n"), layout.field(sums, "bin_y")
    area = area_under_curve(rows, positives)
    yes, n = positives.sum(axis=-1), rows.sum(axis=-1)
    no = n - yes
    with np.errstate(divide="ignore", invalid="ignore"):
        above, twice = area / (2 - area), 2 * area**2 / (1 + area)
        variance = area * (1 - area) + (yes - 1) * (above - area**2) + (no - 1) * (twice - area**2)
        half = ONE_SIDED_95 * np.sqrt(np.maximum(variance, 0.0) / (yes * no))
    return Measured(area, np.maximum(area - half, 0.0), np.minimum(area + half, 1.0), n)


def _confusion(layout: LabelLayout, sums: Floats) -> Floats:
    """Return counts ``(..., came true, said)``."""
    flat = layout.field(sums, "confusion")
    return flat.reshape(*flat.shape[:-1], layout.classes, layout.classes)


def precision(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the share of alarms that came true."""
    counts = _confusion(layout, sums)
    return _if_enough(share(counts[..., 1, 1], counts[..., :, 1].sum(axis=-1), fewest=FEWEST_CASES), counts)


def recall(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the share of the cases that came true for which there was an alarm."""
    counts = _confusion(layout, sums)
    return _if_enough(share(counts[..., 1, 1], counts[..., 1, :].sum(axis=-1), fewest=FEWEST_CASES), counts)


def _if_enough(measured: Measured, counts: Floats) -> Measured:
    """Return NaN where fewer than 20 cases came true."""
    few = counts[..., 1, :].sum(axis=-1) < FEWEST_CASES
    value, low, high = (np.where(few, np.nan, part) for part in (measured.value, measured.low, measured.high))
    return Measured(value, low, high, measured.cases)


def accuracy(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the share of predictions that were right."""
    n = layout.field(sums, "n")
    if layout.hard:
        return share(n - layout.field(sums, "loss"), n)
    if layout.task is Task.MULTICLASS:
        return share(layout.field(sums, "bin_y").sum(axis=-1), n)
    return share(np.trace(_confusion(layout, sums), axis1=-2, axis2=-1), n)


def alarm_rate(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the share of labelled predictions that were alarms."""
    counts = _confusion(layout, sums)
    return share(counts[..., :, 1].sum(axis=-1), counts.sum(axis=(-2, -1)))


def mean_recall(layout: LabelLayout, sums: Floats) -> Measured:
    """Return recall averaged over the classes that occurred, each weighing the same; NaN while one of them has under 20 cases."""
    counts = _confusion(layout, sums)
    n, hits = counts.sum(axis=-1), np.diagonal(counts, axis1=-2, axis2=-1)
    occurs = n > 0
    classes = occurs.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        recalls = np.where(occurs, hits / n, 0.0)
        variance = np.where(occurs, recalls * (1 - recalls) / n, 0.0)
        value = np.where((n >= FEWEST_CASES).sum(axis=-1) == classes, recalls.sum(axis=-1) / classes, np.nan)
        half = ONE_SIDED_95 * np.sqrt(variance.sum(axis=-1)) / classes
    return Measured(value, value - half, value + half, counts.sum(axis=(-2, -1)))


def brier_score(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the mean squared difference between probability and what came true (over all classes)."""
    return mean(layout.field(sums, "loss"), layout.field(sums, "loss2"), layout.field(sums, "n"))


def root_mean_squared_error(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the RMSE; the interval is the root of that of the mean squared error."""
    squared = brier_score(layout, sums)
    low, high = np.sqrt(np.maximum(squared.low, 0.0)), np.sqrt(squared.high)
    return Measured(np.sqrt(np.maximum(squared.value, 0.0)), low, high, squared.cases)


def mean_absolute_error(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the MAE."""
    return mean(layout.field(sums, "absolute_error"), layout.field(sums, "loss"), layout.field(sums, "n"))


def mean_error(layout: LabelLayout, sums: Floats) -> Measured:
    """Return the mean of prediction minus label."""
    return mean(layout.field(sums, "error"), layout.field(sums, "loss"), layout.field(sums, "n"))


def explained_variance(layout: LabelLayout, sums: Floats) -> Measured:
    """Return R2: 1 - sum of squared errors / sum of squares about the labels' own mean; without an interval."""
    n, y = layout.field(sums, "n"), layout.field(sums, "y")[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        about_mean = layout.field(sums, "y2") - y * y / n
        value = np.where(about_mean > 0, 1 - layout.field(sums, "loss") / about_mean, np.nan)
    none = np.full_like(value, np.nan)
    return Measured(value, none, none, n)


ACCURACY = KnownMetric("accuracy", "The share of predictions that were right.", "labels", True, accuracy)
BINARY_METRICS = (
    KnownMetric(
        "AUC",
        "How often a case that came true scores higher than one that did not: 0.5 is chance, 1 is perfect.",
        "labels",
        False,
        auc,
    ),
    KnownMetric("precision", "Of the alarms, the share that came true.", "alarms", True, precision),
    KnownMetric(
        "recall", "Of the cases that came true, the share with an alarm.", "cases that came true", True, recall
    ),
    ACCURACY,
    KnownMetric("alarm rate", "Of all labelled predictions, the share that were alarms.", "labels", True, alarm_rate),
    KnownMetric(
        "Brier score",
        "The mean squared difference between the probability and what came true: 0 is perfect, lower is better.",
        "labels",
        False,
        brier_score,
    ),
)
MULTICLASS_METRICS = (
    ACCURACY,
    KnownMetric(
        "mean recall", "Recall averaged over the classes, so that rare ones count as much.", "labels", True, mean_recall
    ),
    KnownMetric(
        "Brier score",
        "The squared differences between the probabilities and what came true, summed over classes: lower is better.",
        "labels",
        False,
        brier_score,
    ),
)
REGRESSION_METRICS = (
    KnownMetric(
        "RMSE",
        "The root of the mean squared error, in the unit of the label: large errors weigh most, lower is better.",
        "labels",
        False,
        root_mean_squared_error,
    ),
    KnownMetric(
        "MAE",
        "The mean size of an error, in the unit of the label: lower is better.",
        "labels",
        False,
        mean_absolute_error,
    ),
    KnownMetric(
        "mean error",
        "Prediction minus label on average, in the unit of the label: above 0 it says too much.",
        "labels",
        False,
        mean_error,
    ),
    KnownMetric(
        "R²",
        "The share of the labels' own variance that is explained: 1 is all of it.",
        "labels",
        False,
        explained_variance,
    ),
)
