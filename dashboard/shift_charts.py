"""The share of models that begin to move on each day, against what chance would give."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dashboard.charts import Chart, iso, layout, note
from dashboard.presentation import number, plural, short_date
from monitoring.portfolio_shift import SPILL_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from dashboard.palette import Palette
    from monitoring.shift_rates import ShiftRates

ROOM_FOR_WORDS = 118
DAY_IN_MILLISECONDS = 86_400_000
LEAST_TOP = 4.0
"""The smallest per cent at the top of the axis: a quiet portfolio must not look like a storm."""
NEAR_THE_END = 0.6


def moving_share(
    rates: ShiftRates, *, first: date, begun: Sequence[date], colours: Palette, height: int = 176
) -> Chart:
    """Draw a bar a day and the band of chance behind; bars above it are coloured, those on which a shift began are named.

    Args:
        rates: a day per entry, from ``first`` on.
        first: the first day.
        begun: the days on which a portfolio shift began.
        colours: of the mode.
        height: in pixels.
    """
    days = [first + timedelta(days=number) for number in range(len(rates.exposed))]
    present = rates.exposed.clip(min=1)
    shares, band = 100 * rates.moving / present, 100 * rates.by_chance / present
    above = rates.moving > rates.by_chance
    top = max(LEAST_TOP, 1.25 * float(shares.max(initial=0)), 1.25 * float(band.max(initial=0)))
    said = [
        f"{count:,} of {plural(n, 'model')}; by chance at most {most:,}"
        for count, n, most in zip(rates.moving.tolist(), rates.exposed.tolist(), rates.by_chance.tolist(), strict=True)
    ]
    behind = _bars(days, band, width=DAY_IN_MILLISECONDS, hoverinfo="skip", marker={"color": colours.reference_band})
    bars = _bars(
        days,
        shares,
        marker={"color": [colours.watch_fill if each else colours.quiet for each in above]},
        customdata=said,
        hovertemplate="%{customdata}<extra></extra>",
    )
    usual = f"by chance 0–{number(float(band[-1]))} %"
    notes = [note(1, float(band[-1]) / 2, usual, colours.muted, xref="paper", xanchor="left", xshift=8)]
    for start in (days.index(day) for day in begun if day in days):
        at = start + int(rates.moving[start : start + SPILL_DAYS + 1].argmax())
        words = (
            f"{short_date(days[at])}: {plural(int(rates.moving[at]), 'model')}, {number(float(shares[at]), digits=1)} %"
        )
        side = "right" if at > NEAR_THE_END * len(days) else "left"
        notes.append(note(iso(days[at]), float(shares[at]), words, colours.text, yanchor="bottom", xanchor=side))
    figure = {
        "data": [behind, bars],
        "layout": layout(
            colours,
            height=height,
            annotations=notes,
            margin={"l": 44, "r": ROOM_FOR_WORDS, "t": 10, "b": 26},
            bargap=0.25,
            barmode="overlay",
            hovermode="closest",
            xaxis={"range": [f"{iso(days[0] - timedelta(days=1))} 12:00", f"{iso(days[-1])} 12:00"]},
            yaxis={"range": [0, top], "ticksuffix": " %"},
        ),
    }
    standing_out = int(above.sum())
    alt = (
        f"Share of models that begin to move, {short_date(days[0])} to {short_date(days[-1])}: more than chance explains on "
        f"{plural(standing_out, 'day')}, on the last day {number(float(shares[-1]), digits=1)} %."
    )
    return Chart(figure, alt, height)


def _bars(days: Sequence[date], per_cent: Any, **more: Any) -> dict[str, Any]:
    return {"type": "bar", "x": [iso(day) for day in days], "y": [round(float(each), 2) for each in per_cent], **more}
