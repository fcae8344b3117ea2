"""Unbroken runs of days: calendars, sums over the last days, and conditions that must last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datetime import date

    from monitoring.ports import Days, Flags


def calendar(first: date, last: date) -> Days:
    """Return every day from ``first`` to ``last``, both included."""
    days: Days = np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + np.timedelta64(1, "D"))
    return days


def rolling_sum(values: np.ndarray, *, days: int) -> np.ndarray:
    """Return for each day the sum over the last ``days`` days (fewer at the start), along the first axis."""
    total: np.ndarray = np.cumsum(values, axis=0)
    sums = total.copy()
    sums[days:] -= total[:-days]
    return sums


def latched(condition: Flags, *, clear_days: int, counted: Flags | None = None) -> Flags:
    """Return the condition held until it has been false for ``clear_days`` days in a row; uncounted days do not exist."""
    held, quiet = np.zeros(len(condition), dtype=bool), clear_days
    for i, now in enumerate(condition):
        if now:
            quiet = 0
        elif counted is None or counted[i]:
            quiet += 1
        held[i] = quiet < clear_days
    return held


def in_a_row(condition: Flags, *, counted: Flags | None = None) -> np.ndarray:
    """Return for each day how many days in a row, including it, the condition holds; uncounted days do not exist."""
    runs, run = np.zeros(len(condition), dtype=np.int64), 0
    for i, now in enumerate(condition):
        if counted is None or counted[i]:
            run = run + 1 if now else 0
        runs[i] = run
    return runs


def run_start(flags: Flags, i: int) -> int:
    """Return the first day of the unbroken run of true days that ends at ``i``."""
    start = i
    while start > 0 and flags[start - 1]:
        start -= 1
    return start
