"""What labels say about a model's versions, as frames and values for pages; the numbers are those the verdict saw."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from monitoring.history import ProfileKind
from monitoring.known_metrics import known_metrics, share
from monitoring.packing import unpack_labels
from monitoring.performance import ONE_SIDED_95
from monitoring.portfolio import Task
from monitoring.window import rolling_sum

if TYPE_CHECKING:
    from datetime import date

    from data_access.judged_versions import JudgedVersions
    from monitoring.history import VersionHistory
    from monitoring.known_metrics import KnownMetric, Measured
    from monitoring.ports import Floats
    from monitoring.segment import Segment

WINDOW_DAYS = 28
METRIC_COLUMNS = ("day", "labelled_to", "version", "value", "low", "high", "cases", "labels", "reference")
SKILL_COLUMNS = ("day", "skill", "skill_low", "skill_high")
ESTIMATE_COLUMNS = ("day", "estimated_low", "estimated_high")
LABEL_COLUMNS = ("day", "predictions", "labelled")
MOST_SCORE_BINS = 10


@dataclass(frozen=True, slots=True)
class Delay:
    """How many days passed until labels came: the median and the day by which nine in ten had come, over ``labels`` labels."""

    median: int
    nine_in_ten: int
    labels: int


@dataclass(frozen=True, slots=True)
class ScoreBin:
    """Labelled rows of a range of scores ``[low, high)`` (an open end is infinite) and the mean of what came true there.

    ``said`` is the mean score, from the middles of the hundred fine bins, of which an open one counts as wide as its neighbour.

    Of a classifier with several classes the score is the largest probability and the mean the share that was right. Of a share
    ``came_true_low`` and ``came_true_high`` are the ends of its 90 % interval, of a number they are NaN.
    """

    low: float
    high: float
    said: float
    rows: int
    came_true: float
    came_true_low: float
    came_true_high: float
    reference_rows: int
    reference: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each class was said when each came true: ``counts`` has shape ``(came true, said)``."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class SameDays:
    """Two versions over the days on which both have labelled predictions, ``first`` to ``last``: the metric of each.

    ``difference`` is that of ``version`` minus that of ``other``; its 90 % interval takes the two as independent.
    """

    version: str
    other: str
    days: int
    first: date
    last: date
    metric: str
    labels: tuple[int, int]
    value: tuple[float, float]
    loss: tuple[float, float]
    difference: float
    low: float
    high: float


def metrics_of(judged: JudgedVersions) -> tuple[KnownMetric, ...]:
    """Return the metrics that can be shown of a model, the most familiar first; none before any version was judged."""
    return known_metrics(judged.segments[-1].reference.label_layout) if judged.segments else ()


def metric_days(judged: JudgedVersions, metric: KnownMetric, *, window_days: int = WINDOW_DAYS) -> pd.DataFrame:
    """One row per day with labels in the ``window_days`` up to it, oldest first.

    ``day`` (date), ``labelled_to`` (date: the newest prediction that had a label by then), ``version`` (str), ``value``, ``low``,
    ``high`` (floats, missing if unknown), ``cases`` (what the metric counts), ``labels``, ``reference`` (its value in the reference).
    """
    parts = [_metric_of(segment, metric, window_days) for segment in judged.segments]
    if not parts:
        return pd.DataFrame(columns=list(METRIC_COLUMNS))
    return pd.concat(parts, ignore_index=True)


def _metric_of(segment: Segment, metric: KnownMetric, window_days: int) -> pd.DataFrame:
    layout, reference = segment.reference.label_layout, segment.reference
    sums = rolling_sum(segment.sums, days=window_days * segment.stretch)
    labels = np.rint(layout.field(sums, "n"))
    known = np.flatnonzero((labels > 0) & (segment.newest_labelled >= 0))
    found = metric.measure(layout, sums[known])
    then = float(metric.measure(layout, reference.totals[None]).value[0]) if reference.label_rows else float("nan")
    return pd.DataFrame(
        {
            "day": [segment.day_at(i) for i in known.tolist()],
            "labelled_to": [segment.day_at(i) for i in segment.newest_labelled[known].tolist()],
            "version": segment.version.version,
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "cases": np.rint(found.cases).astype(np.int64),
            "labels": labels[known].astype(np.int64),
            "reference": then,
        },
        columns=list(METRIC_COLUMNS),
    )


def label_days(judged: JudgedVersions) -> pd.DataFrame:
    """One row per day in service, oldest first: ``day``, ``predictions`` made on it and how many of them are ``labelled`` by now."""
    frames = []
    for segment in judged.segments:
        labels, layout = segment.own_labels, segment.reference.label_layout
        at = (labels.day - segment.days[0]).astype(np.int64)
        n = np.bincount(at, weights=layout.field(labels.vectors, "n"), minlength=len(segment.days))
        days = [segment.day_at(i) for i in range(len(segment.days))]
        frames.append(pd.DataFrame({"day": days, "predictions": segment.daily.rows, "labelled": n.astype(np.int64)}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(LABEL_COLUMNS))


def skill_days(judged: JudgedVersions) -> pd.DataFrame:
    """One row per day with labels in the 28 days up to it: ``day``, ``skill`` and the ends of its 90 % interval."""
    parts = []
    for segment in judged.segments:
        if (series := segment.performance) is None:
            continue
        known = np.flatnonzero(np.isfinite(series.skill_28) & np.isfinite(series.skill_error)).tolist()
        skill, half = series.skill_28[known], ONE_SIDED_95 * series.skill_error[known]
        days = [segment.day_at(i) for i in known]
        parts.append(pd.DataFrame({"day": days, "skill": skill, "skill_low": skill - half, "skill_high": skill + half}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(SKILL_COLUMNS))


def estimate_days(judged: JudgedVersions) -> pd.DataFrame:
    """One row per day with an estimate: ``day``, ``estimated_low`` and ``estimated_high``, the ends of its 90 % interval."""
    parts = []
    for segment in judged.segments:
        known = np.flatnonzero(np.isfinite(segment.estimate.effect)).tolist()
        effect, half = segment.estimate.effect[known], ONE_SIDED_95 * segment.estimate.se[known]
        days = [segment.day_at(i) for i in known]
        parts.append(pd.DataFrame({"day": days, "estimated_low": effect - half, "estimated_high": effect + half}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(ESTIMATE_COLUMNS))


def label_delay(judged: JudgedVersions, day: date, *, window_days: int = WINDOW_DAYS) -> Delay | None:
    """Return how long the labels took that arrived in the ``window_days`` up to ``day``; nothing without any."""
    found = judged.on(day)
    if found is None:
        return None
    segment, i = found
    labels = segment.own_labels
    arrival = (labels.arrival - segment.days[0]).astype(np.int64)
    chosen = (arrival <= i) & (arrival > i - window_days * segment.stretch)
    n = segment.reference.label_layout.field(labels.vectors, "n")[chosen]
    if not n.sum():
        return None
    ages = (labels.arrival - labels.day)[chosen].astype(np.int64)
    order = np.argsort(ages, kind="stable")
    reached = np.cumsum(n[order]) / n.sum()
    median, late = (int(ages[order][np.searchsorted(reached, share - 1e-9)]) for share in (0.5, 0.9))
    return Delay(median, late, int(n.sum()))


def _window_sums(segment: Segment, i: int, window_days: int) -> Floats:
    sums: Floats = segment.sums[max(0, i - window_days * segment.stretch + 1) : i + 1].sum(axis=0)
    return sums


def by_score(judged: JudgedVersions, day: date, *, window_days: int = WINDOW_DAYS) -> tuple[ScoreBin, ...]:
    """Return what came true by score over the labels of the ``window_days`` up to ``day``, lowest scores first.

    Bins without labelled rows are left out; nothing for a classifier that gives classes only.
    """
    found = judged.on(day)
    if found is None or found[0].reference.label_layout.hard:
        return ()
    segment, i = found
    layout, score = segment.reference.label_layout, segment.reference.layout.score
    cuts = _spread(len(score.test_edges))
    edges = [score.test_edges[at] for at in cuts]
    group = np.searchsorted(cuts, score.fine_to_test, side="left")
    bins = len(edges) + 1
    sums, totals = _window_sums(segment, i, window_days), segment.reference.totals
    rows, true, rows_then, true_then = (
        np.bincount(group, weights=layout.field(vector, name), minlength=bins).astype(np.float64)
        for vector in (sums, totals)
        for name in ("bin_n", "bin_y")
    )
    fine = layout.field(sums, "bin_n") * _middles([score.lowest, *score.edges, score.highest])
    said = np.bincount(group, weights=fine, minlength=bins)
    ends_of = share(true if layout.task is not Task.REGRESSION else np.full(bins, np.nan), rows)
    ends = [_end(score.lowest, -np.inf), *edges, _end(score.highest, np.inf)]
    return tuple(
        ScoreBin(
            low=float(ends[at]),
            high=float(ends[at + 1]),
            said=float(said[at] / rows[at]),
            rows=round(float(rows[at])),
            came_true=float(true[at] / rows[at]),
            came_true_low=float(ends_of.low[at]),
            came_true_high=float(ends_of.high[at]),
            reference_rows=round(float(rows_then[at])),
            reference=float(true_then[at] / rows_then[at]) if rows_then[at] else float("nan"),
        )
        for at in range(bins)
        if rows[at] > 0
    )


def _middles(ends: list[float | None]) -> Floats:
    """Return the middle of each bin; a missing end is as far away as the bin beside is wide."""
    inner = [end for end in ends if end is not None]
    if len(inner) < 2:  # noqa: PLR2004 - a bin needs two ends
        return np.full(len(ends) - 1, inner[0] if inner else np.nan)
    low = inner[0] - (inner[1] - inner[0]) if ends[0] is None else ends[0]
    high = inner[-1] + (inner[-1] - inner[-2]) if ends[-1] is None else ends[-1]
    edges = np.array([low, *ends[1:-1], high], dtype=np.float64)
    middles: Floats = (edges[1:] + edges[:-1]) / 2
    return middles


def _end(bound: float | None, open_end: float) -> float:
    return open_end if bound is None else bound


def _spread(edges: int) -> list[int]:
    """Return which of so many inner edges to keep, evenly, so that there are at most ten bins."""
    kept = min(edges, MOST_SCORE_BINS - 1)
    return sorted({round((at + 1) * (edges + 1) / (kept + 1)) - 1 for at in range(kept)})


def confusion(judged: JudgedVersions, day: date, *, window_days: int = WINDOW_DAYS) -> Confusion | None:
    """Return what was said against what came true; nothing for a regression, without labels, or for more than 20 classes."""
    found = judged.on(day)
    if found is None or "confusion" not in found[0].reference.label_layout.slices:
        return None
    segment, i = found
    layout = segment.reference.label_layout
    flat = np.rint(layout.field(_window_sums(segment, i, window_days), "confusion")).astype(np.int64)
    if not flat.sum():
        return None
    names = judged.model.classes or tuple(str(at) for at in range(layout.classes))
    return Confusion(names, tuple(tuple(row) for row in flat.reshape(layout.classes, layout.classes).tolist()))


def versions_on_same_days(judged: JudgedVersions) -> tuple[SameDays, ...]:
    """Compare each two versions over the days on which both have labelled predictions, the newest version first."""
    labelled = [(history, _by_day(history, judged.day)) for history in judged.histories]
    pairs = [
        _same_days(newer, older) for older, newer in combinations([pair for pair in labelled if pair[1][0].size], 2)
    ]
    return tuple(pair for pair in reversed(pairs) if pair is not None)


def _by_day(history: VersionHistory, day: date) -> tuple[np.ndarray, Floats]:
    """Return the prediction days with labels of a version, whether it was in service or not, and the sums of each."""
    layout = history.reference.label_layout
    stored = history.known_on(day, ProfileKind.LABELS)
    labels = unpack_labels(layout, [(profile.day, profile.payload) for profile in stored])
    days, at = np.unique(labels.day, return_inverse=True)
    sums = np.zeros((len(days), layout.width))
    np.add.at(sums, at, labels.vectors)
    return days, sums


def _same_days(
    newer: tuple[VersionHistory, tuple[np.ndarray, Floats]], older: tuple[VersionHistory, tuple[np.ndarray, Floats]]
) -> SameDays | None:
    (version, (days, sums)), (other, (other_days, other_sums)) = newer, older
    common = np.intersect1d(days, other_days)
    if not len(common):
        return None
    both = [(version, sums[np.isin(days, common)]), (other, other_sums[np.isin(other_days, common)])]
    found: list[Measured] = []
    labels, loss = [], []
    for history, chosen in both:
        layout, total = history.reference.label_layout, chosen.sum(axis=0)[None]
        found.append(known_metrics(layout)[0].measure(layout, total))
        labels.append(round(float(layout.field(total, "n")[0])))
        loss.append(float(layout.field(total, "loss")[0] / layout.field(total, "n")[0]))
    now, then = found
    difference = float(now.value[0] - then.value[0])
    half = float(np.hypot(now.high[0] - now.low[0], then.high[0] - then.low[0]) / 2)
    return SameDays(
        version=version.version.version,
        other=other.version.version,
        days=len(common),
        first=common[0].astype(object),
        last=common[-1].astype(object),
        metric=known_metrics(version.reference.label_layout)[0].name,
        labels=(labels[0], labels[1]),
        value=(float(now.value[0]), float(then.value[0])),
        loss=(loss[0], loss[1]),
        difference=difference,
        low=difference - half,
        high=difference + half,
    )
