"""What happened to a model: verdicts, versions and decisions as three lanes under one another."""

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

    from dashboard.palette import Palette


@dataclass(frozen=True)
class DecisionMark:
    """A decision on the timeline: when, in which words, and the verdict whose colour and mark it wears."""

    day: date
    words: str
    verdict: Verdict


def verdict_spans(history: pd.DataFrame) -> list[tuple[Verdict, date, date]]:
    """Return unbroken runs of one verdict as (verdict, first day, last day), oldest first."""
    spans: list[tuple[Verdict, date, date]] = []
    for day, verdict in zip(history["day"], history["verdict"], strict=True):
        if spans and spans[-1][0].value == verdict:
            spans[-1] = (spans[-1][0], spans[-1][1], day)
        else:
            spans.append((Verdict(verdict), day, day))
    return spans


def version_spans(history: pd.DataFrame) -> list[tuple[str, date, date]]:
    """Return unbroken runs of one judged version, oldest first."""
    spans: list[tuple[str, date, date]] = []
    for day, version in zip(history["day"], history["version"], strict=True):
        if spans and spans[-1][0] == version:
            spans[-1] = (version, spans[-1][1], day)
        else:
            spans.append((version, day, day))
    return spans


def timeline(
    history: pd.DataFrame,
    colours: Palette,
    *,
    versions: dict[str, str],
    decisions: Sequence[DecisionMark],
    height: int = 152,
) -> Chart | None:
    """Draw three lanes: verdicts, versions and decisions; ``versions`` gives each version its words."""
    if history.empty:
        return None
    first, end = shown_days(history)
    total = max((end - first).days, 1)
    shapes: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    hover: list[tuple[date, float, str]] = []

    def lane(start: date, stop: date, y: float, *, colour: str, words: str, ink: str, short: str) -> None:
        box = {"type": "rect", "xref": "x", "yref": "y", "y0": y - 0.3, "y1": y + 0.3, "line": {"width": 0}}
        shapes.append(box | {"x0": iso(start), "x1": iso(stop + timedelta(days=1)), "fillcolor": colour})
        share = ((stop - start).days + 1) / total
        fits = words if share * 110 > len(words) + 1 else short if share > 0.018 else ""  # noqa: PLR2004 - letters per width
        if fits:
            notes.append(note(iso(start), y, fits, ink, xanchor="left", xshift=5))
        middle = start + (stop - start) / 2
        until = f"{short_date(start)} to {short_date(stop)}" if start != stop else short_date(start)
        hover.append((middle, y, f"{words}<br>{until}"))

    for verdict, start, stop in verdict_spans(history):
        label, colour = VERDICT_LABELS[verdict], colours.verdicts[verdict]
        lane(start, stop, 2, colour=translucent(colour, 0.2), words=label.text, ink=colour, short=label.mark)
    for at, (version, start, stop) in enumerate(version_spans(history)):
        words = safe(versions.get(version, version), longest=60)
        tint = translucent(colours.accent, 0.10 if at % 2 else 0.16)
        lane(start, stop, 1, colour=tint, words=words, ink=colours.text, short=safe(version, longest=6))
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [iso(day) for day, _, _ in hover],
            "y": [y for _, y, _ in hover],
            "marker": {"color": "rgba(0,0,0,0)", "size": 24},
            "hovertext": [words for _, _, words in hover],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    ]
    for mark in sorted(decisions, key=lambda mark: mark.day):
        if not first <= mark.day <= end:
            continue
        colour = colours.verdicts[mark.verdict]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": [iso(mark.day)],
                "y": [0],
                "marker": {"color": colour, "size": 11, "symbol": VERDICT_LABELS[mark.verdict].symbol},
                "hovertemplate": f"{safe(mark.words, longest=80)}<br>{short_date(mark.day)}<extra></extra>",
            }
        )
        right = (mark.day - first).days > total / 2
        place = {"xanchor": "right" if right else "left", "xshift": -11 if right else 11}
        notes.append(note(iso(mark.day), 0, safe(mark.words, longest=60), colours.muted, **place))
    if not any(first <= mark.day <= end for mark in decisions):
        notes.append(note(iso(first), 0, "none", colours.muted, xanchor="left", xshift=5))
    current = verdict_spans(history)[-1]
    figure = {
        "data": traces,
        "layout": layout(
            colours,
            height=height,
            margin=LANE_MARGIN | {"t": 2},
            shapes=shapes,
            annotations=notes,
            hovermode="closest",
            xaxis={"range": [iso(first), iso(end)]},
            yaxis={
                "range": [-0.5, 2.45],
                "tickvals": [2, 1, 0],
                "ticktext": ["verdict", "version", "decisions"],
                "showgrid": False,
                "showline": True,
            },
        ),
    }
    words = f"{VERDICT_LABELS[current[0]].word} since {short_date(current[1])}"
    spans = plural(len(verdict_spans(history)) - 1, "change")
    return Chart(
        figure, f"{words}; {spans} of verdict since {short_date(first)}, {plural(len(decisions), 'decision')}.", height
    )
