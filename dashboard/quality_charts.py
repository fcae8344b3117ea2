"""How sound one feature's data are, day by day, as a figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.charts import (
    LANE_MARGIN,
    Chart,
    MarginWords,
    beside_levels,
    horizontal,
    iso,
    layout,
    translucent,
)
from dashboard.presentation import is_missing, one_line, percent, plural, short_date
from dashboard.timeline_chart import runs
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.charts import Span
    from dashboard.palette import Palette

MARGINS = 36
SMALLEST_TOP = 10.0


def quality_days(
    days: pd.DataFrame, facts: dict[Any, Any], colours: Palette, *, span: Span, height: int = 210
) -> Chart | None:
    """Draw a feature's missing values and its unseen or out-of-range ones as shares of each day's rows, with their thresholds.

    Days with an open finding are shaded; days with a single value have a mark at the foot. ``days`` has the columns of
    ``quality_queries.quality_days``, ``facts`` is the feature's row of ``quality_facts``.
    """
    shown = days[(days["day"] >= span[0]) & (days["day"] < span[1]) & (days["rows"] > 0)]
    if shown.empty:
        return None
    is_number = shown["out_of_range"].notna().any()
    other = "out_of_range" if is_number else "unseen"
    other_words = "out of range" if is_number else "unseen"
    top = max(float(shown[["nulls", other]].max().max()) * 112, SMALLEST_TOP)
    entries = [MarginWords(100 * float(shown["nulls"].iloc[-1]), "missing", colours.accent)]
    if shown[other].notna().any():
        entries.append(MarginWords(100 * float(shown[other].iloc[-1]), other_words, colours.muted))
    shapes = [_shaded(first, last, colours) for first, last in _open_spells(shown)]
    for name, ink in (("nulls", colours.accent), ("unseen", colours.muted)):
        threshold: Any = facts.get(f"{name}_threshold")
        if not is_missing(threshold) and 100 * float(threshold) <= top:
            shapes.append(horizontal(100 * float(threshold), translucent(ink, 0.6), dash="dash"))
            words = "threshold" if name == "nulls" else "threshold,<br>unseen"
            entries.append(MarginWords(100 * float(threshold), words, colours.muted, lines=1 + (name != "nulls")))
    figure = {
        "data": [
            _line(shown, other, other_words, colours.muted, dash="dot"),
            _line(shown, "nulls", "missing", colours.accent, dash="solid"),
            _single(shown, colours),
        ],
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN,
            shapes=shapes,
            annotations=beside_levels(entries, low=0, high=top, pixels=height - MARGINS),
            xaxis={"range": [iso(day) for day in span]},
            yaxis={"range": [0, top], "ticksuffix": " %"},
        ),
    }
    open_days = int(shown["is_open"].sum())
    end = shown.iloc[-1]
    alt = (
        f"{one_line(facts['feature'], longest=60)}: {percent(float(end['nulls']))} missing on {short_date(end['day'])}, "
        f"{plural(open_days, 'day')} with an open finding, {plural(int(shown['is_single'].sum()), 'day')} with a single value."
    )
    return Chart(figure, alt, height)


def _line(shown: pd.DataFrame, name: str, words: str, colour: str, *, dash: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [iso(day) for day in shown["day"]],
        "y": [None if is_missing(x) else round(100 * float(x), 2) for x in shown[name]],
        "line": {"color": colour, "width": 2, "dash": dash},
        "hovertext": [f"of {rows:,} rows" for rows in shown["rows"]],
        "hovertemplate": f"%{{y:.1f}} % {words} %{{hovertext}}<extra></extra>",
    }


def _single(shown: pd.DataFrame, colours: Palette) -> dict[str, Any]:
    days = shown[shown["is_single"]]["day"]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [iso(day) for day in days],
        "y": [0] * len(days),
        "marker": {"color": colours.watch_fill, "size": 7, "symbol": "diamond"},
        "cliponaxis": False,
        "hovertemplate": "one value all day<extra></extra>",
    }


def _open_spells(shown: pd.DataFrame) -> list[tuple[Any, Any]]:
    spells = runs(list(shown["day"]), [str(bool(value)) for value in shown["is_open"]])
    return [(first, last) for value, first, last in spells if value == "True"]


def _shaded(first: Any, last: Any, colours: Palette) -> dict[str, Any]:
    box = {"type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}, "layer": "below"}
    return box | {"x0": iso(first), "x1": iso(last), "fillcolor": translucent(colours.verdicts[Verdict.FIX_DATA], 0.1)}
