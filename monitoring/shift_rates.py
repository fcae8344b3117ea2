"""How many models newly move on each day, and how many usually do: what a portfolio shift stands out from (METHODS section 9).

``newly_moving`` is what ``ShiftWatch`` calls new, for many days at once. What is usual is taken from the same models' own days before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from monitoring.portfolio_shift import BEFORE, LEAST_BASE, QUIET_DAYS, RECENT, RECENT_SHARE, Sign

Signs = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
DAYS_BEFORE = BEFORE[0] + RECENT[0]
"""So many days before a day say what is usual on it, and what was new on those days."""
LEAST_USUAL_DAYS = 7
ORDINARY_SHARE = 0.999
"""On so many of all days chance alone stays within the band."""


@dataclass(frozen=True, slots=True)
class ShiftRates:
    """Per day: the models exposed, those of them newly moving, and the most that chance moves on 999 of 1,000 days."""

    exposed: Counts
    moving: Counts
    by_chance: Counts


def newly_moving(signs: Signs) -> Flags:
    """Return whether each row is newly abnormal on each day.

    A row is new if it is abnormal and was on less than 30 % of its days from 10 to 4 days before; without such days it cannot be.

    Args:
        signs: ``Sign`` per row and day, shape ``(rows, days)``; unbroken days in order.
    """
    abnormal: Flags = (signs == Sign.MOVED) | (signs == Sign.BROKEN)
    seen, bad = _days_before(signs >= 0, RECENT), _days_before(abnormal, RECENT)
    new: Flags = np.logical_and(abnormal, (seen > 0) & (bad < RECENT_SHARE * seen))
    return new


def first_days(moving: Flags) -> Flags:
    """Return whether each row moves on a day after five days on which it did not: a move counts once, on the day it begins.

    Args:
        moving: what ``newly_moving`` gave, or any of it per model, shape ``(rows, days)``.
    """
    first: Flags = np.logical_and(moving, _days_before(moving, (QUIET_DAYS, 1)) == 0)
    return first


def shift_rates(moving: Flags, exposed: Flags) -> ShiftRates:
    """Return how many models move newly on each day, and how many would by chance.

    The chance of a model to move is the median share of the days from 31 to 4 days before, at least 1 %: an earlier shift among
    those days must not hide the next. With fewer than 7 such days it is 1 %.

    Args:
        moving: whether each model newly moves on each day, shape ``(models, days)``.
        exposed: whether it has rows on that day, the same shape.
    """
    counted, present = moving.sum(axis=0), exposed.sum(axis=0)
    base = np.full(len(counted), LEAST_BASE)
    for day in range(len(counted)):
        before = slice(max(day - BEFORE[0], 0), max(day - BEFORE[1] + 1, 0))
        known = present[before] > 0
        if known.sum() >= LEAST_USUAL_DAYS:
            base[day] = max(LEAST_BASE, np.median(counted[before][known] / present[before][known]))
    most = np.where(present > 0, stats.binom.ppf(ORDINARY_SHARE, present, base), 0)
    return ShiftRates(exposed=present, moving=counted, by_chance=most.astype(np.int64))


def has_fault(signs: Signs) -> Flags:
    """Return whether each row has a data-quality finding on any of its days."""
    faulty: Flags = np.any(signs >= Sign.BROKEN, axis=1)
    return faulty


def _days_before(flags: npt.NDArray[Any], ago: tuple[int, int]) -> Counts:
    """Return for each day how many of the days from ``ago[0]`` to ``ago[1]`` days before are flagged."""
    days = flags.shape[1]
    total = np.zeros((len(flags), days + 1), dtype=np.int64)
    np.cumsum(flags, axis=1, out=total[:, 1:])
    at = np.arange(days)
    counted: Counts = total[:, np.maximum(at - ago[1] + 1, 0)] - total[:, np.maximum(at - ago[0], 0)]
    return counted
