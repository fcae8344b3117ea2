"""What labels say, as figures: a metric day by day, what came true by score, and how many predictions have their label."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard.charts import (
    LANE_MARGIN,
    Chart,
    DayMark,
    MarginWords,
    beside_levels,
    drawn_line,
    interval_area,
    iso,
    layout,
    mark_days,
    note,
    translucent,
)
from dashboard.performance_chart import ESTIMATE_AFTER_DAYS, MARGINS, onset_marks, version_marks
from dashboard.presentation import capital, metric_number, number, percent, plural, short_date
from monitoring.known_metrics import ACCURACY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.charts import Span
    from dashboard.palette import Palette
    from dashboard.performance_chart import PerformanceMarks
    from data_access.performance_queries import ScoreBin
    from monitoring.assessment import Measures

NEAR = 0.02
SHARE_METRICS = {ACCURACY.name}
"""Metrics of assessments that are shares."""


@dataclass(frozen=True, slots=True)
class MetricWords:
    """How a metric is written: its name, what its cases are, and whether it is a share."""

    name: str
    cases: str
    is_share: bool = False

    def value(self, value: Any) -> str:
        """Return a value of the metric; shares as percentages with one digit."""
        if value is None or pd.isna(value):
            return "unknown"
        return f"{number(100 * float(value), digits=1)} %" if self.is_share else metric_number(float(value))

    def interval(self, row: Any) -> str:
        """Return a row's value with its interval, if it has one."""
        if pd.isna(row["low"]) or pd.isna(row["high"]):
            return self.value(row["value"])
        ends = [self.value(row[name]).removesuffix(" %") for name in ("low", "high")]
        return f"{self.value(row['value'])} [{', '.join(ends)}]"


def known_metric(measures: Measures) -> tuple[str, str] | None:
    """Return the metric people know as an assessment keeps it, and what it was in the reference, in words: "AUC 0.789"."""
    if not measures.metric or measures.metric_value is None:
        return None
    words = MetricWords(measures.metric, "labels", is_share=measures.metric in SHARE_METRICS)
    then = measures.metric_reference
    reference = f"{words.value(then)} in the reference" if then is not None else ""
    return f"{capital(measures.metric)} {words.value(measures.metric_value)}", reference


def metric(
    days: pd.DataFrame,
    colours: Palette,
    *,
    words: MetricWords,
    span: Span,
    marks: PerformanceMarks,
    height: int = 270,
) -> Chart | None:
    """Draw a metric over the labels of 28 days by day of the prediction, with its interval and its value in the reference.

    ``days`` has the columns of ``performance_queries.metric_days``.
    """
    known = days[days["value"].notna()]
    known = known[(known["labelled_to"] >= span[0]) & (known["labelled_to"] < span[1])]
    known = known.drop_duplicates(["version", "labelled_to"], keep="last").sort_values("labelled_to")
    if known.empty:
        return None
    factor = 100 if words.is_share else 1
    parts = [part for _, part in known.groupby("version", sort=False)]
    traces = [trace for part in parts for trace in _metric_traces(part, colours, words=words, factor=factor)]
    end = known.iloc[-1]
    low, high = _metric_range(known, factor=factor)
    entries = [MarginWords(factor * float(end["value"]), words.value(end["value"]), colours.accent)]
    if pd.notna(end["reference"]) and low <= factor * float(end["reference"]) <= high:
        then = f"reference<br>{words.value(end['reference'])}"
        entries.append(MarginWords(factor * float(end["reference"]), then, colours.muted, lines=2))
    lines, notes = mark_days([*version_marks(marks.versions, colours), *onset_marks(marks, colours)], span)
    figure = {
        "data": traces,
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN,
            shapes=lines,
            annotations=[*notes, *beside_levels(entries, low=low, high=high, pixels=height - MARGINS)],
            xaxis={"range": [iso(day) for day in span]},
            yaxis={"range": [low, high], "ticksuffix": " %" if words.is_share else ""},
        ),
    }
    alt = f"{words.name} {words.interval(end)} on {end['cases']:,} {words.cases}, predictions up to {short_date(end['labelled_to'])}"
    if pd.notna(end["reference"]):
        alt += f"; {words.value(end['reference'])} in the reference"
    return Chart(figure, f"{alt}.", height)


def _metric_traces(part: pd.DataFrame, colours: Palette, *, words: MetricWords, factor: float) -> list[dict[str, Any]]:
    traces: list[dict[str, Any]] = []
    known = part[part["low"].notna() & part["high"].notna()]
    if len(known) > 1:
        ends = [[round(factor * float(x), 4) for x in known[name]] for name in ("low", "high")]
        traces.append(interval_area(list(known["labelled_to"]), ends[0], ends[1], fillcolor=colours.interval))
    if part["reference"].notna().any():
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": [iso(day) for day in part["labelled_to"]],
                "y": [round(factor * float(x), 4) for x in part["reference"]],
                "line": {"color": colours.muted, "width": 1.2, "dash": "dash"},
                "hoverinfo": "skip",
            }
        )
    values = [round(factor * float(x), 4) for x in part["value"]]
    said = [f"{words.name} {words.interval(row)} on {row['cases']:,} {words.cases}" for row in part.to_dict("records")]
    traces.append(drawn_line(list(part["labelled_to"]), values, colours.accent, words=said))
    return traces


def _metric_range(known: pd.DataFrame, *, factor: float) -> tuple[float, float]:
    """Return the shown range: the line, the reference and most of the interval; the first days rest on few labels."""
    settled = known[known["labels"] >= known["labels"].median() / 4]
    lines = [factor * float(x) for x in [*settled["value"], *settled["reference"].dropna()]]
    ends = [factor * float(x) for x in settled[["low", "high"]].dropna().to_numpy().ravel()]
    spread = max(max(lines) - min(lines), NEAR * max(abs(max(lines)), abs(min(lines))), 1e-9)
    low = max(min([*lines, *ends]), min(lines) - spread)
    high = min(max([*lines, *ends]), max(lines) + spread)
    gap = 0.08 * max(high - low, 1e-9)
    return low - gap, high + gap


def by_score(bins: Sequence[ScoreBin], colours: Palette, *, is_share: bool, height: int = 270) -> Chart | None:
    """Draw what came true by what was said: on the diagonal both agree; the reference's as open circles.

    Each bin stands at the mean of what was said, a line is its range of scores. Of a share the upright line is the 90 % interval.
    """
    if not bins:
        return None
    ranges, said = _ranges(bins), [each.said for each in bins]
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [each.said for each in bins if isfinite(each.reference)],
            "y": [each.reference for each in bins if isfinite(each.reference)],
            "marker": {"color": colours.muted, "size": 7, "symbol": "circle-open"},
            "hovertext": [
                f"{plural(each.reference_rows, 'label')} in the reference" for each in bins if isfinite(each.reference)
            ],
            "hovertemplate": "%{y:.3g} came true: %{hovertext}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "x": said,
            "y": [each.came_true for each in bins],
            "error_x": _around(said, ranges, colours.quiet),
            "marker": {"color": colours.accent, "size": 8},
            "hovertext": [f"score {_range_words(each)}: {plural(each.rows, 'label')}" for each in bins],
            "hovertemplate": "%{y:.3g} came true, %{hovertext}<extra></extra>",
        },
    ]
    if is_share:
        intervals = [(each.came_true_low, each.came_true_high) for each in bins]
        traces[1]["error_y"] = _around([each.came_true for each in bins], intervals, colours.accent)
    low = 0.0 if is_share else min(min(each.said, each.came_true) for each in bins)
    high = _top(bins, is_share=is_share)
    edge = 0.03 * (high - low)
    diagonal = {"type": "line", "x0": low, "x1": high, "y0": low, "y1": high, "layer": "below"}
    place = {"xref": "paper", "yref": "paper", "yanchor": "bottom"}
    figure = {
        "data": traces,
        "layout": layout(
            colours,
            height=height,
            margin={"t": 26, "b": 42, "l": 52},
            hovermode="closest",
            shapes=[diagonal | {"line": {"color": colours.axis, "width": 1.2, "dash": "dash"}}],
            annotations=[
                note(
                    0,
                    1.01,
                    f"● now, {sum(each.rows for each in bins):,} labels",
                    colours.accent,
                    xanchor="left",
                    **place,
                ),
                note(1, 1.01, "○ reference; dashed: as said", colours.muted, xanchor="right", **place),
            ],
            xaxis={
                "range": [low - edge, high + edge],
                "tickformat": ".0%" if is_share else "",
                "hoverformat": "",
                "title": {"text": "what the model said", "font": {"size": 12, "color": colours.muted}},
            },
            yaxis={"range": [low - edge, high + edge], "tickformat": ".0%" if is_share else ""},
        ),
    }
    return Chart(figure, _by_score_words(bins, is_share=is_share), height)


def _ranges(bins: Sequence[ScoreBin]) -> list[tuple[float, float]]:
    """Return each bin's range about what was said; an open end reaches as far as the other."""
    return [
        (
            each.low if isfinite(each.low) else 2 * each.said - each.high,
            each.high if isfinite(each.high) else 2 * each.said - each.low,
        )
        for each in bins
    ]


def _top(bins: Sequence[ScoreBin], *, is_share: bool) -> float:
    """Return the end of both axes: a little beyond the largest value, for a share never beyond 1."""
    largest = max(max(each.said, each.came_true) for each in bins)
    highest = max([largest, *(each.came_true_high for each in bins if isfinite(each.came_true_high))])
    return min(1.1 * highest, 1.0) if is_share else highest


def _around(values: Sequence[float], ends: Sequence[tuple[float, float]], colour: str) -> dict[str, Any]:
    return {
        "type": "data",
        "symmetric": False,
        "arrayminus": [max(value - low, 0.0) for value, (low, _) in zip(values, ends, strict=True)],
        "array": [max(high - value, 0.0) for value, (_, high) in zip(values, ends, strict=True)],
        "color": colour,
        "thickness": 1.4,
        "width": 0,
    }


def _range_words(each: ScoreBin) -> str:
    if not isfinite(each.low):
        return f"under {each.high:.4g}"
    return f"from {each.low:.4g}" if not isfinite(each.high) else f"{each.low:.4g} to {each.high:.4g}"


def _by_score_words(bins: Sequence[ScoreBin], *, is_share: bool) -> str:
    words = percent if is_share else metric_number
    first, last = bins[0], bins[-1]
    ends = f"From {words(first.came_true)} at the lowest scores to {words(last.came_true)} at the highest"
    rising = sum(after.came_true >= before.came_true for before, after in pairwise(bins))
    above = sum(each.came_true > each.said for each in bins)
    return f"{ends}; it rises in {rising} of {len(bins) - 1} steps and lies above what was said in {above} of {len(bins)} ranges."


def label_coverage(days: pd.DataFrame, colours: Palette, *, span: Span, height: int = 150) -> Chart | None:
    """Draw how many predictions each day had, and how many of them have their label by now, one over the other.

    ``days`` has the columns of ``performance_queries.label_days``.
    """
    shown = days[(days["day"] >= span[0]) & (days["day"] < span[1])]
    if not shown["predictions"].sum():
        return None
    xs = [iso(day) for day in shown["day"]]
    made, labelled = ([int(n) for n in shown[name]] for name in ("predictions", "labelled"))
    traces = [
        {
            "type": "bar",
            "x": xs,
            "y": made,
            "marker": {"color": colours.quiet},
            "hovertemplate": "%{y:,} predictions<extra></extra>",
        },
        {
            "type": "bar",
            "x": xs,
            "y": labelled,
            "marker": {"color": translucent(colours.accent, 0.55)},
            "hovertemplate": "%{y:,} with a label<extra></extra>",
        },
    ]
    covered = shown[shown["labelled"] > 0]
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    last = covered["day"].iloc[-1] if len(covered) else None
    if last is not None and (shown["day"].iloc[-1] - last).days >= ESTIMATE_AFTER_DAYS:
        shapes, notes = mark_days(
            [DayMark(last, f"last label {short_date(last)}", colours.muted, colours.muted, "dash")], span
        )
    total = sum(made)
    alt = f"{percent(sum(labelled) / total)} of {total:,} predictions have their label."
    figure = {
        "data": traces,
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN,
            barmode="overlay",
            bargap=0.15,
            shapes=shapes,
            annotations=notes,
            xaxis={"range": [iso(day) for day in span]},
            yaxis={"range": [0, 1.3 * max(made)], "nticks": 4},
        ),
    }
    return Chart(figure, alt, height)
