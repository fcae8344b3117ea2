"""Frames and values to figures: plain plotly dicts in the colours of one mode, each with a sentence that says what it shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard.presentation import is_missing, lost, metric_number, number, percent, plural, short_date
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.palette import Palette
    from monitoring.portfolio import ModelVersion

CONFIG = {"displayModeBar": False, "scrollZoom": False}
FONT = '"Source Sans", "Source Sans Pro", sans-serif'
LONGEST_NAME = 26
ESTIMATE_AFTER_DAYS = 3
LOWEST_KEPT, HIGHEST_KEPT = -1.5, 2.5
"""The widest scale of the advantage kept; a model that is much worse than naive would hide everything else."""
MARGIN_WORDS, HALF_LINE = 26, 9
"""Pixels that two lines in the margin need from the middle of another one, and half of that one."""
LANE_MARGIN = {"l": 74, "r": 92}
"""Room for the names of the lanes at the left and for the words about the last values at the right."""
Figure = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """A figure, its height in pixels and its conclusion in words."""

    figure: Figure
    alt: str
    height: int


@dataclass(frozen=True)
class PerformanceMarks:
    """What is drawn beside the performance line; whatever is missing is left out."""

    tolerance: float = 0.05
    onset: date | None = None
    verdict: Verdict = Verdict.KEEP
    last_labelled: date | None = None
    versions: tuple[ModelVersion, ...] = field(default=())


def safe(text: object, *, longest: int = LONGEST_NAME) -> str:
    """Return database text for a figure: plotly reads a subset of HTML everywhere, so nothing of it may be left."""
    plain = " ".join(str(text).split())
    cut = plain if len(plain) <= longest else plain[: longest - 1].rstrip() + "…"
    return escape(cut, quote=True)


def iso(day: Any) -> str:
    """Return a day as plotly reads it."""
    return pd.Timestamp(day).date().isoformat()


def axis(colours: Palette, **more: Any) -> dict[str, Any]:
    """Return an axis without grid or ticks."""
    plain = {
        "showgrid": False,
        "zeroline": False,
        "linecolor": colours.axis,
        "ticks": "",
        "fixedrange": True,
        "tickfont": {"size": 12, "color": colours.muted},
        "automargin": False,
    }
    return plain | more


def layout(colours: Palette, *, height: int, **more: Any) -> dict[str, Any]:
    """Return the layout that every chart shares."""
    plain: dict[str, Any] = {
        "height": height,
        "font": {"family": FONT, "size": 12.5, "color": colours.text},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 44, "r": 16, "t": 10, "b": 26},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": colours.panel, "bordercolor": colours.axis, "font": {"color": colours.text}},
        "xaxis": axis(colours, showline=True, tickformat="%-d %b", hoverformat="%a %-d %b %Y"),
        "yaxis": axis(colours, showgrid=True, gridcolor=colours.grid, nticks=5),
    }
    for name, value in more.items():
        plain[name] = plain[name] | value if name in {"xaxis", "yaxis", "margin"} else value
    return plain


def note(x: Any, y: Any, text: str, colour: str, **more: Any) -> dict[str, Any]:
    """Return words at a point of the chart, without an arrow."""
    plain = {"x": x, "y": y, "text": text, "showarrow": False, "font": {"color": colour, "size": 12.5}}
    return plain | more


def vertical(day: date, colour: str, *, dash: str = "solid") -> dict[str, Any]:
    """Return a thin line at a day, over the whole height."""
    line = {"color": colour, "width": 1, "dash": dash}
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": iso(day),
        "x1": iso(day),
        "y0": 0,
        "y1": 1,
        "line": line,
    }


def interval_area(days: Sequence[Any], low: Sequence[float], high: Sequence[float], **style: Any) -> dict[str, Any]:
    """Return the area between two lines."""
    xs = [iso(day) for day in days]
    shape = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "fill": "toself"}
    return shape | {"x": xs + xs[::-1], "y": [*high, *list(low)[::-1]]} | style


def translucent(colour: str, opacity: float) -> str:
    """Return a hex colour with an opacity, as plotly reads it."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def shown_days(history: pd.DataFrame) -> tuple[date, date]:
    """Return the first assessed day and the day after the last."""
    return min(history["day"]), max(history["day"]) + timedelta(days=1)


# Performance


def realised_by_day(history: pd.DataFrame) -> pd.DataFrame:
    """Return the realised part of a history by the newest prediction day its labels cover, one row per such day.

    An assessment rests on labels of predictions made earlier; drawing it on its own day would show a fall too late.
    """
    known = history[history["effect"].notna() & history["newest_labelled_day"].notna()]
    return known.drop_duplicates(["version", "newest_labelled_day"], keep="last").sort_values("newest_labelled_day")


def estimated_after(history: pd.DataFrame, last_labelled: date | None) -> pd.DataFrame:
    """Return the estimated part: the days after the last labelled prediction, or all of them without labels."""
    known = history[history["estimated_effect"].notna()]
    if last_labelled is None:
        return known
    if known.empty or (known["day"].max() - last_labelled).days < ESTIMATE_AFTER_DAYS:
        return known.iloc[:0]
    return known[known["day"] > last_labelled]


def performance(history: pd.DataFrame, colours: Palette, *, marks: PerformanceMarks, height: int = 300) -> Chart | None:
    """Draw the share of the reference's advantage over the naive forecast that is kept; nothing if it was never measured.

    It covers all days of ``history`` and its plot is as wide as the timeline's, so that the two can be read one above the other.
    """
    realised = realised_by_day(history)
    estimated = estimated_after(history, marks.last_labelled)
    if realised.empty and estimated.empty:
        return None
    traces: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for _, part in realised.groupby("version", sort=False):
        traces += _realised_traces(part, colours)
    if not estimated.empty:
        traces += _estimated_traces(estimated, colours)
    first, last = shown_days(history)
    low, high = _performance_range(realised, estimated, marks.tolerance)
    band = {"type": "rect", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "line": {"width": 0}, "layer": "below"}
    shapes.append(band | {"y0": 1 - marks.tolerance, "y1": 1 + marks.tolerance, "fillcolor": colours.reference_band})
    words = f"reference<br>± {percent(marks.tolerance)}"
    per_pixel = (high - low) / (height - 36)
    end = last_value(realised, estimated)
    notes.append(note(1.006, 1, words, colours.muted, **margin_place(1, end, per_pixel=per_pixel)))
    shapes.append(
        {
            "type": "line",
            "xref": "paper",
            "yref": "y",
            "x0": 0,
            "x1": 1,
            "y0": 0,
            "y1": 0,
            "line": {"color": colours.axis, "width": 1},
        }
    )
    if low <= 0:
        notes.append(note(1.006, 0, "naive<br>forecast", colours.muted, **margin_place(0, end, per_pixel=per_pixel)))
    _mark_days(shapes, notes, colours, marks, first=first, last=last, has_estimate=not estimated.empty)
    _mark_ends(notes, colours, realised, estimated)
    figure = {
        "data": traces,
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN,
            shapes=shapes,
            annotations=notes,
            xaxis={"range": [iso(first), iso(last)]},
            yaxis={"range": [low, high], "tickformat": ".0%"},
        ),
    }
    return Chart(figure, _performance_words(realised, estimated, marks), height)


def kept(effect: Any) -> float:
    """Return the advantage kept as it is drawn: what is beyond the scale stands at its end."""
    return round(min(max(1 - float(effect), LOWEST_KEPT), HIGHEST_KEPT), 4)


def kept_words(effect: Any, *, note: str = "") -> str:
    """Return the advantage kept as it is written at a point."""
    share = 1 - float(effect)
    return "none kept" if share < LOWEST_KEPT else f"{percent(share)}{note}"


def last_value(realised: pd.DataFrame, estimated: pd.DataFrame) -> float:
    """Return the value written in the right margin."""
    if estimated.empty:
        return kept(realised.iloc[-1]["effect"])
    return kept(estimated.iloc[-1]["estimated_effect"])


def margin_place(level: float, end: float, *, per_pixel: float) -> dict[str, Any]:
    """Return where two lines about a level stand in the right margin: beside it, or clear of the last value if that is near."""
    place = {"xref": "paper", "xanchor": "left", "align": "left"}
    if abs(end - level) >= MARGIN_WORDS * per_pixel:
        return place
    above = end <= level
    shift = HALF_LINE - (level - end) / per_pixel if above else (end - level) / per_pixel - HALF_LINE
    return place | {"yanchor": "bottom" if above else "top", "yshift": round(shift)}


def _realised_traces(part: pd.DataFrame, colours: Palette) -> list[dict[str, Any]]:
    days = list(part["newest_labelled_day"])
    traces = []
    with_interval = part[part["effect_low"].notna() & part["effect_high"].notna()]
    if len(with_interval) > 1:
        traces.append(
            interval_area(
                list(with_interval["newest_labelled_day"]),
                [kept(x) for x in with_interval["effect_high"]],
                [kept(x) for x in with_interval["effect_low"]],
                fillcolor=colours.interval,
            )
        )
    hover = [_kept_words(row) for row in part.to_dict("records")]
    traces.append(
        {
            "type": "scatter",
            "mode": "lines" if len(part) > 1 else "markers",
            "x": [iso(day) for day in days],
            "y": [kept(x) for x in part["effect"]],
            "line": {"color": colours.accent, "width": 2.2},
            "marker": {"color": colours.accent, "size": 7},
            "hovertext": hover,
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    )
    return traces


def _kept_words(row: dict[Any, Any]) -> str:
    share, on = percent(1 - row["effect"]), f"{row['labels_28']:,} labels"
    if 1 - row["effect"] < LOWEST_KEPT:
        return f"none kept, {on}"
    if is_missing(row["effect_low"]) or is_missing(row["effect_high"]):
        return f"{share} kept, {on}"
    ends = f"{number((1 - row['effect_high']) * 100)}, {number((1 - row['effect_low']) * 100)}"
    return f"{share} kept [{ends}], {on}"


def _estimated_traces(estimated: pd.DataFrame, colours: Palette) -> list[dict[str, Any]]:
    return [
        {
            "type": "scatter",
            "mode": "lines" if len(estimated) > 1 else "markers",
            "x": [iso(day) for day in estimated["day"]],
            "y": [kept(x) for x in estimated["estimated_effect"]],
            "line": {"color": colours.accent, "width": 2, "dash": "dot"},
            "marker": {"color": colours.accent, "size": 7, "symbol": "circle-open"},
            "hovertext": [f"{percent(1 - float(x))} kept, estimated" for x in estimated["estimated_effect"]],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    ]


def _performance_range(realised: pd.DataFrame, estimated: pd.DataFrame, tolerance: float) -> tuple[float, float]:
    """Return the shown range: what the lines and most of the interval need, never less than the reference's band."""
    # The first days of a version rest on few labels; their wide intervals may leave the picture.
    settled = realised[realised["labels_28"] >= realised["labels_28"].median() / 4]
    lines = [kept(x) for x in [*settled["effect"], *estimated["estimated_effect"]]]
    ends = settled[["effect_low", "effect_high"]].dropna()
    lows = [kept(x) for x in ends["effect_high"]]
    highs = [kept(x) for x in ends["effect_low"]]
    spread = max(max(lines) - min(lines), 2 * tolerance, 0.2)
    low = max(min([*lines, *lows]), min(lines) - spread)
    high = min(max([*lines, *highs]), max(lines) + spread)
    low, high = min(low, 1 - 1.5 * tolerance), max(high, 1 + 1.5 * tolerance)
    gap = 0.06 * (high - low)
    return round(low - gap, 3), round(high + gap, 3)


def _mark_days(
    shapes: list[dict[str, Any]],
    notes: list[dict[str, Any]],
    colours: Palette,
    marks: PerformanceMarks,
    *,
    first: date,
    last: date,
    has_estimate: bool,
) -> None:
    """Draw the days that matter, each with its words at the top; one on the right half has its words on the left."""
    days: list[tuple[date, str, str, str]] = [
        (version.active_from, f"{safe(version.version, longest=16)} live", colours.axis, "solid")
        for version in marks.versions
        if version.active_from is not None
    ]
    if has_estimate and marks.last_labelled is not None:
        after = marks.last_labelled + timedelta(days=1)
        days.append((marks.last_labelled, f"estimated since {short_date(after)}", colours.muted, "dash"))
    if marks.onset is not None and marks.verdict in {Verdict.RETRAIN, Verdict.WATCH, Verdict.RETIRE}:
        colour = colours.verdicts[marks.verdict]
        days.append((marks.onset, f"onset {short_date(marks.onset)}", colour, "solid"))
    inside = sorted((entry for entry in days if first <= entry[0] <= last), key=lambda entry: entry[0])
    middle = first + (last - first) / 2
    for level, (day, words, colour, dash) in enumerate(inside):
        shapes.append(vertical(day, colour, dash=dash))
        right = day > middle
        place = {"yref": "paper", "yanchor": "top", "xanchor": "right" if right else "left"}
        shift = {"xshift": -5 if right else 5, "yshift": -17 * (level % 3)}
        ink = colours.muted if colour == colours.axis else colour
        notes.append(note(iso(day), 1, words, ink, **place, **shift))


def _mark_ends(notes: list[dict[str, Any]], colours: Palette, realised: pd.DataFrame, estimated: pd.DataFrame) -> None:
    """Write the last realised and the last estimated value where they are."""
    if not realised.empty:
        end = realised.iloc[-1]
        place: dict[str, Any] = {"yshift": -14} if not estimated.empty else {"xshift": 6, "bgcolor": colours.page}
        anchor = "right" if not estimated.empty else "left"
        notes.append(
            note(
                iso(end["newest_labelled_day"]),
                kept(end["effect"]),
                kept_words(end["effect"]),
                colours.accent,
                xanchor=anchor,
                **place,
            )
        )
    if not estimated.empty:
        end = estimated.iloc[-1]
        notes.append(
            note(
                iso(end["day"]),
                kept(end["estimated_effect"]),
                kept_words(end["estimated_effect"], note=" est."),
                colours.accent,
                xanchor="left",
                xshift=6,
                bgcolor=colours.page,
            )
        )


def _performance_words(realised: pd.DataFrame, estimated: pd.DataFrame, marks: PerformanceMarks) -> str:
    parts = []
    if not realised.empty:
        end = realised.iloc[-1]
        ends = (float(end["effect_low"]), float(end["effect_high"])) if pd.notna(end["effect_low"]) else (None, None)
        amount = lost(float(end["effect"]), *ends)
        day = short_date(end["newest_labelled_day"])
        parts.append(f"On predictions up to {day} it has lost {amount} of its advantage over the naive forecast")
    if not estimated.empty:
        parts.append(f"estimated to have lost {lost(float(estimated.iloc[-1]['estimated_effect']))} since then")
    if marks.onset is not None and marks.verdict is not Verdict.KEEP:
        parts.append(f"onset {short_date(marks.onset)}")
    return "; ".join(parts) + "."


def metric(history: pd.DataFrame, colours: Palette, *, name: str, height: int = 230) -> Chart | None:
    """Draw the metric people know over 28 days of labels, with its value in the reference as a line."""
    known = history[history["metric_value"].notna() & history["newest_labelled_day"].notna()]
    known = known.drop_duplicates(["version", "newest_labelled_day"], keep="last").sort_values("newest_labelled_day")
    if known.empty:
        return None
    traces: list[dict[str, Any]] = []
    for _, part in known.groupby("version", sort=False):
        xs = [iso(day) for day in part["newest_labelled_day"]]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": xs,
                "y": [None if pd.isna(x) else float(x) for x in part["metric_reference"]],
                "line": {"color": colours.muted, "width": 1.2, "dash": "dash"},
                "hovertemplate": "%{y:.3f} in the reference<extra></extra>",
            }
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "lines" if len(part) > 1 else "markers",
                "x": xs,
                "y": [float(x) for x in part["metric_value"]],
                "line": {"color": colours.accent, "width": 2.2},
                "hovertext": [f"{labels:,} labels" for labels in part["labels_28"]],
                "hovertemplate": "%{y:.3f} on %{hovertext}<extra></extra>",
            }
        )
    end = known.iloc[-1]
    now, then = float(end["metric_value"]), end["metric_reference"]
    notes = [
        note(
            iso(end["newest_labelled_day"]),
            now,
            metric_number(now),
            colours.accent,
            xanchor="left",
            xshift=6,
            bgcolor=colours.page,
        )
    ]
    words = f"{name} {metric_number(now)} on {plural(int(end['labels_28']), 'label')}"
    if pd.notna(then):
        words += f", {metric_number(float(then))} in the reference"
        if abs(float(then) - now) > 0.04 * max(abs(now), abs(float(then))):
            place = {"xref": "paper", "xanchor": "left", "align": "left"}
            notes.append(note(1.006, float(then), f"reference<br>{metric_number(float(then))}", colours.muted, **place))
    figure = {
        "data": traces,
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN,
            annotations=notes,
            xaxis={"range": [iso(day) for day in shown_days(history)]},
        ),
    }
    return Chart(figure, f"{words}.", height)


def daily_bars(
    days: Sequence[Any],
    values: Sequence[float],
    colours: Palette,
    *,
    what: str,
    reference: float | None,
    height: int = 150,
) -> Chart | None:
    """Draw a count per day as quiet bars, with the reference's usual count as a line."""
    if not len(days):
        return None
    shapes = []
    if reference is not None:
        line = {"color": colours.muted, "width": 1.2, "dash": "dash"}
        shapes.append(
            {
                "type": "line",
                "xref": "paper",
                "yref": "y",
                "x0": 0,
                "x1": 1,
                "y0": reference,
                "y1": reference,
                "line": line,
            }
        )
    bars = {
        "type": "bar",
        "x": [iso(day) for day in days],
        "y": [float(value) for value in values],
        "marker": {"color": colours.quiet},
        "hovertemplate": "%{y:,.0f} " + what + "<extra></extra>",
    }
    usual = f", usually {number(reference)} a day" if reference is not None else ""
    alt = f"{number(float(values[-1]))} {what} on {short_date(days[-1])}{usual}."
    return Chart({"data": [bars], "layout": layout(colours, height=height, shapes=shapes, bargap=0.15)}, alt, height)


# What labels say in detail


def calibration(bins: Sequence[tuple[int, int]], colours: Palette, *, height: int = 230) -> Chart | None:
    """Draw the observed share of positives per bin of the score; ``bins`` is (rows, positives), lowest scores first."""
    known = [(at, rows, positives) for at, (rows, positives) in enumerate(bins, start=1) if rows]
    if not known:
        return None
    points = {
        "type": "bar",
        "x": [at for at, _, _ in known],
        "y": [positives / rows for _, rows, positives in known],
        "marker": {"color": translucent(colours.accent, 0.5)},
        "hovertext": [f"{positives:,} of {rows:,}" for _, rows, positives in known],
        "hovertemplate": "%{y:.0%} positive: %{hovertext}<extra></extra>",
    }
    low, high = known[0], known[-1]
    alt = (
        f"From {percent(low[2] / low[1])} positive at the lowest scores to {percent(high[2] / high[1])} at the highest."
    )
    figure = {
        "data": [points],
        "layout": layout(
            colours,
            height=height,
            bargap=0.2,
            xaxis={"tickformat": "d", "title": {"text": "score, lowest to highest bin", "font": {"size": 12}}},
            yaxis={"tickformat": ".0%", "rangemode": "tozero"},
            margin={"b": 44},
        ),
    }
    return Chart(figure, alt, height)
