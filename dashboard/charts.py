"""What every figure is made of: plain plotly dicts in the colours of one mode, each with a sentence that says what it shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd
from plotly.basedatatypes import BaseFigure

from dashboard.presentation import number, one_line, short_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.palette import Palette

CONFIG = {"displayModeBar": False, "scrollZoom": False}
FONT = '"Source Sans", "Source Sans Pro", sans-serif'
LONGEST_NAME = 26
LANE_MARGIN = {"l": 74, "r": 92}
"""Room for the names of the lanes at the left and for the words about the last values at the right."""
LINE_HEIGHT = 16
"""Pixels that a line of words takes."""
Figure = dict[str, Any]
Span = tuple[date, date]
"""The first day of a time axis and the day after its last."""


@dataclass(frozen=True)
class Chart:
    """A figure, its height in pixels and its conclusion in words."""

    figure: Figure
    alt: str
    height: int


class Checked(BaseFigure):  # type: ignore[misc]  # plotly has no types
    """A figure that is known to be valid: Streamlit takes it as it is.

    Of a plain dict it makes a figure of plotly's first, which checks every number again and adds a template of seven kilobytes:
    more than half of what a page costs the server. ``test_charts.py`` checks a chart of each kind instead.
    """

    def __init__(self, figure: Figure) -> None:
        self._figure = figure

    def to_dict(self) -> Figure:
        """Return the figure as it was made."""
        return self._figure


def enlarged(figure: Figure, factor: float) -> Figure:
    """Return a figure as a projector needs it: its height, margins, words and points so many times larger."""
    scaled = {"height", "size", "xshift", "yshift", "l", "r", "t", "b"}

    def larger(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: larger(key, each) for key, each in value.items()}
        if isinstance(value, list):
            return [larger("", each) if isinstance(each, dict) else each for each in value]
        return value * factor if name in scaled and isinstance(value, int | float) else value

    enlarged_figure: Figure = larger("", figure)
    return enlarged_figure


def safe(text: object, *, longest: int = LONGEST_NAME) -> str:
    """Return database text for a figure: plotly reads a subset of HTML everywhere, so nothing of it may be left."""
    return escape(one_line(text, longest=longest), quote=False)  # plotly would show &quot; as it is written


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


def horizontal(level: float, colour: str, *, dash: str = "solid", width: float = 1) -> dict[str, Any]:
    """Return a thin line at a level, over the whole width."""
    line = {"color": colour, "width": width, "dash": dash}
    return {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": level, "y1": level, "line": line}


@dataclass(frozen=True, slots=True)
class DayMark:
    """A day that is drawn as a line with words at its top."""

    day: date
    words: str
    colour: str
    ink: str
    dash: str = "solid"


def mark_days(marks: Sequence[DayMark], span: Span) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return lines and words of the marks inside the axis; one on the right half has its words on the left, near ones step down."""
    first, last = span
    shapes, notes = [], []
    inside = sorted((mark for mark in marks if first <= mark.day <= last), key=lambda mark: mark.day)
    middle = first + (last - first) / 2
    for level, mark in enumerate(inside):
        right = mark.day > middle
        place = {"yref": "paper", "yanchor": "top", "xanchor": "right" if right else "left"}
        shift = {"xshift": -5 if right else 5, "yshift": -17 * (level % 3)}
        shapes.append(vertical(mark.day, mark.colour, dash=mark.dash))
        notes.append(note(iso(mark.day), 1, mark.words, mark.ink, **place, **shift))
    return shapes, notes


@dataclass(frozen=True, slots=True)
class MarginWords:
    """Words in the right margin beside a level; ``lines`` is how many lines they are."""

    level: float
    words: str
    colour: str
    lines: int = 1


def beside_levels(entries: Sequence[MarginWords], *, low: float, high: float, pixels: float) -> list[dict[str, Any]]:
    """Return the words in the right margin, moved apart so that none lies on another or outside the plot.

    Args:
        entries: the words and their levels.
        low: the level at the foot of the plot.
        high: the level at its top.
        pixels: the height of the plot.
    """
    per_pixel = (high - low) / pixels
    ordered = sorted(entries, key=lambda entry: -entry.level)
    tall = [entry.lines * LINE_HEIGHT for entry in ordered]
    wanted = [(high - entry.level) / per_pixel for entry in ordered]
    places: list[float] = []
    for want, height in zip(wanted, tall, strict=True):
        above = places[-1] + tall[len(places) - 1] / 2 if places else -LINE_HEIGHT / 2
        places.append(max(want, above + height / 2))
    foot = pixels + LINE_HEIGHT / 2
    for at in reversed(range(len(places))):
        places[at] = min(places[at], foot - tall[at] / 2)
        foot = places[at] - tall[at] / 2
    return [
        note(
            1.006,
            entry.level,
            entry.words,
            entry.colour,
            xref="paper",
            xanchor="left",
            align="left",
            yshift=round(want - place),
        )
        for entry, want, place in zip(ordered, wanted, places, strict=True)
    ]


def interval_area(days: Sequence[Any], low: Sequence[float], high: Sequence[float], **style: Any) -> dict[str, Any]:
    """Return the area between two lines."""
    xs = [iso(day) for day in days]
    shape = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "fill": "toself"}
    return shape | {"x": xs + xs[::-1], "y": [*high, *list(low)[::-1]]} | style


def drawn_line(days: Sequence[Any], values: Sequence[float], colour: str, *, words: Sequence[str]) -> dict[str, Any]:
    """Return a line with words for each of its days; a single day is a point."""
    return {
        "type": "scatter",
        "mode": "lines" if len(values) > 1 else "markers",
        "x": [iso(day) for day in days],
        "y": list(values),
        "line": {"color": colour, "width": 2.2},
        "marker": {"color": colour, "size": 7},
        "hovertext": list(words),
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def translucent(colour: str, opacity: float) -> str:
    """Return a hex colour with an opacity, as plotly reads it."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def shown_days(history: pd.DataFrame) -> Span:
    """Return the first assessed day and the day after the last."""
    return min(history["day"]), max(history["day"]) + timedelta(days=1)


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
    shapes = [] if reference is None else [horizontal(reference, colours.muted, dash="dash", width=1.2)]
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
