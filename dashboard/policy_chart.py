"""How many models had a verdict on each day, under the policy in force and under a draft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.charts import Chart, axis, iso, layout, note
from dashboard.presentation import VERDICT_LABELS, number, short_date

if TYPE_CHECKING:
    from dashboard.palette import Palette
    from monitoring.assessment import Verdict
    from monitoring.policy_preview import PolicyPreview

HEIGHT = 230
RIGHT = 118
NEAREST = 0.09
"""Share of the scale below which two names at the right end would lie on each other."""


def counts(preview: PolicyPreview, verdict: Verdict, colours: Palette, *, before: str, after: str) -> Chart:
    """Return two lines: models with the verdict per day under what is in force (grey, dotted) and under the draft."""
    word, days = VERDICT_LABELS[verdict].word, [iso(day) for day in preview.days]
    old, new = preview.before.counts[verdict], preview.after.counts[verdict]
    top = max([*old, *new, 1]) * 1.15
    lines = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": days,
            "y": values,
            "name": name,
            "line": {"color": colour, "width": width, "dash": dash},
            "hovertemplate": f"{name}: %{{y:,}}<extra></extra>",
        }
        for values, name, colour, width, dash in (
            (old, before, colours.muted, 2, "dot"),
            (new, after, colours.accent, 2.2, "solid"),
        )
    ]
    push = 0 if abs(old[-1] - new[-1]) / top >= NEAREST else 9
    up = push if old[-1] >= new[-1] else -push
    ends = [
        note(days[-1], old[-1], f"{before}: {number(old[-1])}", colours.muted, yshift=up),
        note(days[-1], new[-1], f"{after}: {number(new[-1])}", colours.accent, yshift=-up),
    ]
    figure = {
        "data": lines,
        "layout": layout(
            colours,
            height=HEIGHT,
            margin={"r": RIGHT},
            xaxis={"range": [days[0], days[-1]]},
            yaxis=axis(colours, showgrid=True, gridcolor=colours.grid, nticks=5, range=[0, top]),
            annotations=[each | {"xanchor": "left", "xshift": 8} for each in ends],
        ),
    }
    alt = (
        f"Models with the verdict {word} per day from {short_date(preview.first)} to {short_date(preview.last)}: "
        f"on the last day {number(old[-1])} under {before}, {number(new[-1])} under {after}."
    )
    return Chart(figure, alt, HEIGHT)
