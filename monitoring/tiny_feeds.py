"""Broken feeds of models with few rows a day: the last rows together, by exact tests (METHODS sections 6 and 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from monitoring.scale_change import ENOUGH_ROWS, MINIMUM_ROWS, SIGNIFICANT
from monitoring.window import rolling_sum

if TYPE_CHECKING:
    from monitoring.ports import Flags, Floats

WEEK = 7
POOLED_ROWS, POOLED_DAYS = 30, 14
INCREDIBLE = 1e-9
SMALLEST_SHARE = 0.002


def few_rows(rows: np.ndarray) -> Flags:
    """Return the days with fewer than 10 rows, but some, in weeks of fewer than 30 rows a day: they are judged together."""
    flags: Flags = (rows > 0) & (rows < MINIMUM_ROWS) & (rolling_sum(rows, days=WEEK) < WEEK * ENOUGH_ROWS)
    return flags


def pooled_rise(counts: np.ndarray, rows: np.ndarray, *, normal: Floats, variance: Floats, rise: Floats) -> Flags:
    """Return the days of few rows whose share rose, together with the days before them, beyond what chance can do.

    The day itself must show it too. Up to 30 rows of at most 14 days with rows count; the tail of the binomial distribution must
    be below 1e-9 for any number of days looked back.

    Args:
        counts: rows that show it per day, shape ``(days, features)``.
        rows: rows per day, shape ``(days,)``.
        normal: usual share, shape ``(features,)``.
        variance: of the share between days, shape ``(features,)``.
        rise: what is material, shape ``(features,)``.
    """
    found = np.zeros(counts.shape, dtype=bool)
    asked = few_rows(rows)
    if not asked.any() or not counts[asked].any():
        return found
    days = np.flatnonzero(rows > 0)
    n = np.concatenate(([0], np.cumsum(rows[days])))
    k = np.concatenate((np.zeros((1, counts.shape[1]), dtype=np.int64), np.cumsum(counts[days], axis=0)))
    chance = np.maximum(normal, SMALLEST_SHARE)
    at = np.flatnonzero(asked[days])
    shows = counts[days[at]] / rows[days[at], None] - normal >= rise
    for back in range(POOLED_DAYS):
        begin = at - back
        used = (begin >= 0) & (n[at] - n[np.maximum(begin, 0) + 1] < POOLED_ROWS)
        if not used.any():
            break
        total = (n[at + 1] - n[np.maximum(begin, 0)])[:, None]
        hits = k[at + 1] - k[np.maximum(begin, 0)]
        share = hits / total
        # P(X >= k) of n rows is the incomplete beta function at the usual share.
        tail = np.where(hits > 0, special.betainc(np.maximum(hits, 1), total - hits + 1, chance), 1.0)
        rose = (share - normal >= rise) & (tail < INCREDIBLE) & (share - normal >= SIGNIFICANT * np.sqrt(variance))
        found[days[at]] |= rose & used[:, None] & shows
    return found


def pooled_single(value: Floats, chance: Floats, rows: np.ndarray, asked: Flags) -> Flags:
    """Return the days of few rows that show one value, the same as the days before them, on so many rows that it is incredible.

    Args:
        value: the one value of each day of one feature, NaN where it has several or none; shape ``(days,)``.
        chance: how often the reference shows that value, shape ``(days,)``.
        rows: rows with a value per day.
        asked: days of few rows.
    """
    found, run, was = np.zeros(len(value), dtype=bool), 0, np.nan
    for i in np.flatnonzero(rows > 0).tolist():
        run = run + int(rows[i]) if value[i] == was else int(rows[i])
        was = value[i]
        found[i] = asked[i] and not np.isnan(was) and bool(chance[i] ** run < INCREDIBLE)
    return found


def blocks(rows: np.ndarray) -> np.ndarray:
    """Return the first day of each run of days that together have 10 rows; what is left at the end belongs to the last one."""
    starts, total = [0], 0
    for i, n in enumerate(rows.tolist()):
        if total >= MINIMUM_ROWS:
            starts, total = [*starts, i], 0
        total += n
    return np.array(starts[:-1] if total < MINIMUM_ROWS and len(starts) > 1 else starts, dtype=np.intp)
