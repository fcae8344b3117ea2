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


def sums_as_known(values: np.ndarray, left_out_at: np.ndarray, *, days: int) -> np.ndarray:
    """Return ``rolling_sum`` of what was not known to be broken on each day itself; ``values`` are ``(days, width)``.

    Args:
        values: what to sum, shape ``(days, width)``.
        left_out_at: index of the day from which each value is left out, shape ``(days, width)`` or ``(days, 1)``; never: the
            number of days or more.
        days: length of the window.

    >>> sums_as_known(np.array([[1], [5], [1], [1]]), np.array([[4], [2], [4], [4]]), days=3).ravel().tolist()
    [1, 6, 2, 2]
    """
    own = np.arange(len(values))[:, None]
    sums = rolling_sum(values * (left_out_at >= len(values)), days=days)
    waiting = (left_out_at > own) & (left_out_at < len(values))
    for i in np.flatnonzero(waiting.any(axis=1)).tolist():
        for at in range(i, min(int(left_out_at[i][waiting[i]].max()), i + days)):
            sums[at] += values[i] * (waiting[i] & (left_out_at[i] > at))
    return sums


def window_sums(values: np.ndarray, *, days: int, start: int) -> np.ndarray:
    """Return for each day from ``start`` on the sum over its last ``days`` days, whatever came before them.

    ``rolling_sum`` is faster; of numbers that are not whole its last digits depend on all days before.
    """
    sums = np.zeros(values[start:].shape)
    for ago in range(min(days, len(values))):
        first = max(start, ago)
        sums[first - start :] += values[first - ago : len(values) - ago]
    return sums


def latched(condition: Flags, *, clear_days: int, counted: Flags | None = None) -> Flags:
    """Return the condition held until it has been false for ``clear_days`` days in a row; uncounted days do not exist."""
    quiet = np.cumsum(~condition if counted is None else ~condition & counted)
    since = np.maximum.accumulate(np.where(condition, quiet, -clear_days))
    held: Flags = np.less(quiet - since, clear_days)
    return held


def in_a_row(condition: Flags, *, counted: Flags | None = None) -> np.ndarray:
    """Return for each day how many days in a row, including it, the condition holds; uncounted days do not exist."""
    days = np.cumsum(condition if counted is None else condition & counted)
    broken = ~condition if counted is None else ~condition & counted
    runs: np.ndarray = days - np.maximum.accumulate(np.where(broken, days, 0))
    return runs


def switched(on: Flags, off: Flags) -> Flags:
    """Return the days on which something is on: from a day that switches it on until one that switches it off and not on."""
    day = np.arange(1, len(on) + 1)
    flags: Flags = np.maximum.accumulate(np.where(on, day, 0)) > np.maximum.accumulate(np.where(off & ~on, day, 0))
    return flags


def run_start(flags: Flags, i: int) -> int:
    """Return the first day of the unbroken run of true days that ends at ``i``."""
    breaks = np.flatnonzero(~flags[:i])
    return int(breaks[-1]) + 1 if len(breaks) else 0
