"""Portfolio shifts and the groups they hit as grids: columns, words and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard.grid import grid, texts
from dashboard.presentation import VERDICT_LABELS, plural, short_date
from monitoring.assessment import Verdict
from monitoring.portfolio_shift import Grouping, ShiftKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from pandas.io.formats.style import Styler

    from dashboard.palette import Palette
    from data_access.shift_queries import KnownShift
    from monitoring.portfolio_shift import Shift
    from monitoring.shift_rates import ShiftRates

KIND_VERDICTS = {ShiftKind.FEED: Verdict.FIX_DATA, ShiftKind.WORLD: Verdict.WATCH}
"""The verdict whose mark and colour a kind of shift wears: what it asks of its models."""
KIND_WORDS = {ShiftKind.FEED: "Feed", ShiftKind.WORLD: "World"}
GROUPING_WORDS = {
    Grouping.SOURCE: "Source",
    Grouping.USE_CASE: "Use case",
    Grouping.TEAM: "Team",
}
EVERYTHING = "the whole portfolio"


def in_common(shift: Shift) -> str:
    """Return what the models of a shift have in common, as it is called."""
    return EVERYTHING if shift.grouping is Grouping.ALL else shift.source


def state(known: KnownShift) -> str:
    """Return whether a shift is open."""
    if not known.is_open:
        return f"over since {short_date(known.last_day)}"
    return "open" if known.shift.confirmed else "open, not confirmed"


def shift_table(known: Sequence[KnownShift], colours: Palette) -> Styler:
    """Return shifts in words: Kind, In common, Moved, By chance, Since, State; what is over steps back in grey."""
    shifts = [each.shift for each in known]
    quiet = [None if each.is_open else f"color:{colours.muted}" for each in known]
    columns = {
        "Kind": texts(
            f"{VERDICT_LABELS[KIND_VERDICTS[each.kind]].mark}\u2002{KIND_WORDS[each.kind]}" for each in shifts
        ),
        "In common": texts(in_common(each) for each in shifts),
        "Moved": texts(f"{each.k:,} of {each.n:,}" for each in shifts),
        "By chance": texts("–".join(f"{count:,}" for count in each.by_chance) for each in shifts),
        "Since": texts(short_date(each.day) for each in shifts),
        "State": texts(state(each) for each in known),
    }
    kinds = [f"color:{colours.verdicts[KIND_VERDICTS[each.kind]]};font-weight:600" for each in shifts]
    return grid(columns, words={}, colours={"Kind": kinds, "In common": quiet, "State": quiet})


def shift_columns() -> dict[str, Any]:
    """Return the widths of the columns of shifts."""
    config = st.column_config
    return {
        "Kind": config.TextColumn(width=84),
        "In common": config.TextColumn(width=132),
        "Moved": config.TextColumn(
            width=84, help="Models newly moving on the day that speaks most clearly, of those exposed."
        ),
        "By chance": config.TextColumn(width=74, help="So many would move on nine of ten ordinary days."),
        "Since": config.TextColumn(width=60),
        "State": config.TextColumn(width=120),
    }


def group_table(groups: Mapping[str, ShiftRates], *, at: slice, named: str, colours: Palette) -> Styler:
    """Return groups in words, those that stand out most first: Group, Moved, Share, By chance, and whether it is more than that.

    Args:
        groups: how many models of each group newly move on each day.
        at: the days that are looked at; of these the one with the most models moving counts.
        named: what a group is called.
        colours: of the mode.
    """
    lines = []
    for name, rates in groups.items():
        counted, present, most = rates.moving[at], rates.exposed[at], rates.by_chance[at]
        if present.max(initial=0) > 0:
            day = int(counted.argmax())
            lines.append((name, int(counted[day]), int(present[day]), int(most[day])))
    lines.sort(key=lambda line: (line[1] <= line[3], -line[1] / max(line[2], 1), line[0]))
    columns = {
        named: texts(name for name, *_ in lines),
        "Moved": texts(f"{count:,} of {plural(n, 'model')}" for _, count, n, _ in lines),
        "Share": pd.Series([round(100 * count / max(n, 1)) for _, count, n, _ in lines], dtype=float),
        "By chance": texts(f"at most {most:,}" for *_, most in lines),
        "": texts("more than chance" if count > most else None for _, count, _, most in lines),
    }
    quiet = [None if count > most else f"color:{colours.muted}" for _, count, _, most in lines]
    loud = [f"color:{colours.verdicts[Verdict.WATCH]}" if count > most else None for _, count, _, most in lines]
    return grid(columns, words={}, colours={named: quiet, "Moved": quiet, "": loud})


def group_columns(named: str) -> dict[str, Any]:
    """Return the widths of the columns of groups."""
    config = st.column_config
    return {
        named: config.TextColumn(width=180),
        "Moved": config.TextColumn(width=124),
        "Share": config.NumberColumn(width=64, format="%d %%"),
        "By chance": config.TextColumn(width=90, help="Chance moves no more than this on 999 of 1,000 days."),
        "": config.TextColumn(width=124),
    }


def days_after(first: date, *, start: date, days: int, last: int) -> slice:
    """Return where ``days`` days from ``first`` on lie in an array of ``last`` days that begins on ``start``."""
    begin = max((first - start).days, 0)
    return slice(begin, min(begin + days, last))
