"""Portfolio shifts in sentences: which are open, and what speaks for one and for its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.presentation import escape_markdown, number, percent, plural, short_date
from dashboard.shift_tables import in_common
from monitoring.portfolio_shift import ShiftKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dashboard.shift_movements import Movements
    from data_access.shift_queries import KnownShift

CHANCE_IS_TINY = -9


def heading(known: Sequence[KnownShift], *, shown: Callable[[str], str] = escape_markdown) -> str:
    """Return the answer, as markdown unless what the models have in common is ``shown`` otherwise."""
    opened = [each.shift for each in known if each.is_open]
    if len(opened) == 1:
        (one,) = opened
        return f"One shift is open: {one.k:,} of {plural(one.n, 'model')} on {shown(in_common(one))}, since {short_date(one.day)}"
    if opened:
        return f"{len(opened)} shifts are open, the newest since {short_date(opened[0].day)}"
    if known:
        return f"No shift is open; the last one began on {short_date(known[0].shift.day)}"
    return "No shift is open"


def evidence(known: KnownShift, movements: Movements) -> list[str]:
    """Return what speaks for a shift and for its kind, a line each."""
    shift = known.shift
    chance = (
        "less than one in a billion" if shift.log10_p < CHANCE_IS_TINY else f"one in {number(10.0**-shift.log10_p)}"
    )
    lines = [
        (
            f"{shift.k:,} of {plural(shift.n, 'exposed model')} newly moved on one day; usually {percent(shift.base)} of them are "
            f"abnormal. Chance alone does this on {chance} ordinary days."
        ),
    ]
    if (counted := movements.without_fault(shift)) and counted[1]:
        clean, models = counted
        broken = f"Broken data of this source in {models - clean:,} of {plural(models, 'model')} in its first days: a broken feed."
        whole = f"No broken data of this source in {clean:,} of {plural(models, 'model')} in its first days: not a broken feed."
        lines.append(broken if shift.kind is ShiftKind.FEED else whole)
    if shift.kind is ShiftKind.WORLD:
        lines.append(
            "A later day confirmed it: half of its models or more were still abnormal."
            if shift.confirmed
            else "No later day has confirmed it yet: one day may be a holiday."
        )
    if shift.cleared:
        lines.append(f"{plural(len(shift.cleared), 'model')} clean again for four days.")
    lines.append(
        f"Known from {short_date(shift.day)} to {short_date(known.last_day)}."
        if not known.is_open
        else f"Open since {short_date(shift.day)}."
    )
    return lines
