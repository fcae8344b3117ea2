"""What happened to a model: verdicts, versions, portfolio shifts and decisions as lanes under one another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts import LANE_MARGIN, Chart, iso, layout, note, safe, shown_days, translucent
from dashboard.presentation import VERDICT_LABELS, plural, short_date
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from dashboard.charts import Span
    from dashboard.palette import Palette

LANE_PIXELS, AXIS_PIXELS = 40, 32
LETTERS = 110
"""Letters that fit into the width of the plot."""
MARK_LETTERS = 3
SMALLEST_SHARE = 0.018
"""Of the width: a shorter spell has no room even for its mark."""


@dataclass(frozen=True)
class DecisionMark:
    """A move of a decision on the timeline: when, in which words, and the verdict whose colour and mark it wears."""

    day: date
    words: str
    verdict: Verdict


@dataclass(frozen=True)
class Spell:
    """Days, ends included, with words for a long and for a short one, and colours for the box and the words."""

    first: date
    last: date
    words: str
    short: str
    fill: str
    ink: str


def runs(days: Sequence[date], values: Sequence[str]) -> list[tuple[str, date, date]]:
    """Return unbroken runs of one value as (value, first day, last day), oldest first."""
    spans: list[tuple[str, date, date]] = []
    for day, value in zip(days, values, strict=True):
        first = spans.pop()[1] if spans and spans[-1][0] == value else day
        spans.append((value, first, day))
    return spans


def timeline(
    history: pd.DataFrame,
    colours: Palette,
    *,
    versions: dict[str, str],
    decisions: Sequence[DecisionMark],
    shifts: Sequence[Spell] = (),
) -> Chart | None:
    """Draw the lanes over the days of ``history``; ``versions`` gives each version its words, shifts have a lane if there are any."""
    if history.empty:
        return None
    span = shown_days(history)
    verdicts = runs(list(history["day"]), list(history["verdict"]))
    inside = [spell for spell in shifts if spell.first < span[1] and spell.last >= span[0]]
    lanes: dict[str, list[Spell]] = {
        "verdict": [_verdict_spell(Verdict(value), first, last, colours) for value, first, last in verdicts],
        "version": _version_spells(history, versions, colours),
    }
    if inside:
        lanes["shift"] = inside
    names = [*lanes, "decisions"]
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    hover: list[tuple[date, float, str]] = []
    for at, spells in enumerate(lanes.values()):
        for spell in spells:
            _draw(spell, len(names) - 1 - at, span, shapes=shapes, notes=notes, hover=hover)
    marks = sorted((mark for mark in decisions if span[0] <= mark.day < span[1]), key=lambda mark: mark.day)
    notes += _decision_words(marks, span, colours)
    height = LANE_PIXELS * len(names) + AXIS_PIXELS
    figure = {
        "data": [_hover_trace(hover), *(_decision_trace(mark, colours) for mark in marks)],
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN | {"t": 2},
            shapes=shapes,
            annotations=notes,
            hovermode="closest",
            xaxis={"range": [iso(day) for day in span]},
            yaxis={
                "range": [-0.5, len(names) - 0.55],
                "tickvals": list(range(len(names)))[::-1],
                "ticktext": names,
                "showgrid": False,
                "showline": True,
            },
        ),
    }
    current, since, _ = verdicts[-1]
    alt = (
        f"{VERDICT_LABELS[Verdict(current)].word} since {short_date(since)}; {plural(len(verdicts) - 1, 'change')} of verdict "
        f"since {short_date(span[0])}, {plural(len(decisions), 'step')} of decisions"
    )
    return Chart(figure, f"{alt}, {plural(len(inside), 'portfolio shift')}.", height)


def _verdict_spell(verdict: Verdict, first: date, last: date, colours: Palette) -> Spell:
    label, colour = VERDICT_LABELS[verdict], colours.verdicts[verdict]
    return Spell(first, last, label.text, label.mark, translucent(colour, 0.2), colour)


def _version_spells(history: pd.DataFrame, versions: dict[str, str], colours: Palette) -> list[Spell]:
    spells = []
    for at, (version, first, last) in enumerate(runs(list(history["day"]), list(history["version"]))):
        tint = translucent(colours.accent, 0.10 if at % 2 else 0.16)
        words, short = safe(versions.get(version, version), longest=60), safe(version, longest=6)
        spells.append(Spell(first, last, words, short, tint, colours.text))
    return spells


def _draw(
    spell: Spell,
    lane: float,
    span: Span,
    *,
    shapes: list[dict[str, Any]],
    notes: list[dict[str, Any]],
    hover: list[tuple[date, float, str]],
) -> None:
    """Add a spell's box, its words as far as they fit, and what is said when it is pointed at."""
    start, stop = max(spell.first, span[0]), min(spell.last + timedelta(days=1), span[1])
    box = {"type": "rect", "xref": "x", "yref": "y", "y0": lane - 0.3, "y1": lane + 0.3, "line": {"width": 0}}
    shapes.append(box | {"x0": iso(start), "x1": iso(stop), "fillcolor": spell.fill})
    share = (stop - start).days / max((span[1] - span[0]).days, 1)
    short = spell.short if share > SMALLEST_SHARE else ""
    if fits := spell.words if share * LETTERS > len(spell.words) + 1 else short:
        notes.append(note(iso(start), lane, fits, spell.ink, xanchor="left", xshift=5))
    until = f" to {short_date(spell.last)}" if spell.first != spell.last else ""
    middle = start + (stop - timedelta(days=1) - start) / 2
    hover.append((middle, lane, f"{spell.words}<br>{short_date(spell.first)}{until}"))


def _hover_trace(hover: Sequence[tuple[date, float, str]]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [iso(day) for day, _, _ in hover],
        "y": [lane for _, lane, _ in hover],
        "marker": {"color": "rgba(0,0,0,0)", "size": 24},
        "hovertext": [words for _, _, words in hover],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _decision_trace(mark: DecisionMark, colours: Palette) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [iso(mark.day)],
        "y": [0],
        "marker": {
            "color": colours.verdicts[mark.verdict],
            "size": 11,
            "symbol": VERDICT_LABELS[mark.verdict].symbol,
        },
        "hovertext": [f"{safe(mark.words, longest=80)}<br>{short_date(mark.day)}"],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _decision_words(marks: Sequence[DecisionMark], span: Span, colours: Palette) -> list[dict[str, Any]]:
    """Return the words beside the marks, of those that have room: at the right of one on the left half, else at its left."""
    if not marks:
        return [note(iso(span[0]), 0, "none", colours.muted, xanchor="left", xshift=5)]
    letters_a_day = LETTERS / max((span[1] - span[0]).days, 1)
    at = [(mark.day - span[0]).days * letters_a_day for mark in marks]
    taken = [(place - MARK_LETTERS, place + MARK_LETTERS) for place in at]
    notes = []
    for number, (mark, place) in enumerate(zip(marks, at, strict=True)):
        words, right = safe(mark.words, longest=60), place > LETTERS / 2
        ends = (place - MARK_LETTERS - len(words), place) if right else (place, place + MARK_LETTERS + len(words))
        if any(ends[0] < stop and ends[1] > start for other, (start, stop) in enumerate(taken) if other != number):
            continue
        taken.append(ends)
        shift = {"xanchor": "right" if right else "left", "xshift": -11 if right else 11}
        notes.append(note(iso(mark.day), 0, words, colours.muted, **shift))
    return notes
