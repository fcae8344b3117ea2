"""What one model contributes to finding portfolio shifts: per source and day, whether its features are abnormal (METHODS section 9)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from monitoring.drift import (
    MINIMUM_ROWS,
    SMALL_REFERENCE_DAYS,
    SMALL_REFERENCE_ROWS,
    TAIL,
    null_variations,
    stability_indices,
)
from monitoring.portfolio_shift import ModelSigns, Sign
from monitoring.scale_change import MINIMUM_ROWS as EXPOSED_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from monitoring.drift import Columns, NullVariation
    from monitoring.ports import Flags
    from monitoring.segment import Segment

DAY_PSI_FLOOR = 0.2
EARLY_DAYS = 28


def moved_features(segment: Segment, *, start: int) -> dict[str, Flags]:
    """Return per feature on which days from index ``start`` on the PSI of that single day is significant; others never are.

    A reference without days says nothing about how a day varies: the first 28 days in service do, once over.

    Source: METHODS sections 3 and 9, windows of one day with floor 0.2. Checked against ``drift_series`` in ``test_shift_signs.py``.
    """
    reference = segment.reference
    names, merged = reference.drifting
    columns, total, current = merged.columns, merged(reference.counts), merged(segment.daily.counts[start:])
    if not (stability_indices(columns, total, current) > DAY_PSI_FLOOR).any():
        return {}  # no threshold is lower: how days of the reference vary need not be known
    variation = _variation(columns, reference.drifting_days, days=reference.days, has_days=reference.has_days)
    moved = _beyond(columns, total, current, variation)
    if not reference.has_days:
        early = merged(segment.daily.counts[:EARLY_DAYS])
        learnt = replace(variation, **_beyond_sampling(columns, early))
        later = np.arange(start, start + len(current)) >= EARLY_DAYS
        moved = np.where(later[:, None], _beyond(columns, total, current, learnt), moved)
    return dict(zip(names, moved.T, strict=False))  # the last one is the score


def _variation(columns: Columns, by_day: np.ndarray, *, days: int, has_days: bool) -> NullVariation:
    found = null_variations(columns, by_day, window_days=1, has_days=has_days)
    small = (columns.summed(by_day.sum(axis=0)) < SMALL_REFERENCE_ROWS) | (days < SMALL_REFERENCE_DAYS)
    return replace(found, factor=np.where(small, 2.0, 1.0))


def _beyond_sampling(columns: Columns, by_day: np.ndarray) -> dict[str, Any]:
    found = null_variations(columns, by_day, window_days=1)
    return {"extra": found.extra, "freedom": found.freedom}


def _beyond(columns: Columns, total: np.ndarray, current: np.ndarray, variation: NullVariation) -> Flags:
    """Return where single days ``(days, bins)`` lie beyond the threshold of their column, shape ``(days, columns)``."""
    n = columns.summed(current)
    with np.errstate(divide="ignore"):
        mean = (columns.widths - 1) * (1 / n + 1 / columns.summed(total)) + variation.extra
    quantile = 2 * special.gammaincinv(variation.freedom / 2, 1 - TAIL) / variation.freedom
    threshold = np.maximum(DAY_PSI_FLOOR, mean * quantile) * variation.factor
    flags: Flags = (stability_indices(columns, total, current) > threshold) & (n >= MINIMUM_ROWS)
    return flags


def signs_of(segment: Segment, *, first: date) -> Iterator[ModelSigns]:
    """Yield a model's signs for every day of the segment from ``first`` on; no shift may be known to it yet."""
    start = max(0, (first - segment.first).days)
    names, days = list(segment.reference.layout.features), len(segment.days) - start
    if days <= 0 or not names:
        return
    moves = moved_features(segment, start=start)
    faulty = np.zeros((len(names), days), dtype=bool)
    for at, name in enumerate(names):
        for check in segment.quality[name].raised:
            faulty[at] |= (check.open & check.bad)[start:]
    abnormal = faulty | np.stack([moves.get(name, np.zeros(days, dtype=bool)) for name in names])
    given = [segment.reference.sources.get(name) for name in names]
    sources = tuple(sorted({source for source in given if source}))
    members = [np.array([source == each for each in given]) for source in sources] + [np.ones(len(names), dtype=bool)]
    exposed = segment.daily.rows[start:] >= EXPOSED_ROWS
    codes = np.stack([_codes(abnormal[rows], faulty[rows], exposed) for rows in members], axis=1)
    for i in range(days):
        day = segment.day_at(start + i)
        yield ModelSigns(segment.model.id, day, day, sources, tuple(Sign(int(code)) for code in codes[i]))


def _codes(abnormal: Flags, faulty: Flags, exposed: Flags) -> np.ndarray:
    """Return the sign of each day from the flags of some features, shape ``(features, days)``."""
    is_abnormal, is_faulty = 2 * abnormal.sum(axis=0) >= len(abnormal), faulty.any(axis=0)
    code = np.where(is_abnormal, np.where(is_faulty, Sign.BROKEN, Sign.MOVED), np.where(is_faulty, Sign.FAULTY, 0))
    return np.where(exposed, code, Sign.UNSEEN)
