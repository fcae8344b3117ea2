"""What one model contributes to finding portfolio shifts: per source and day, whether its features are abnormal (METHODS section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from monitoring.drift import (
    MINIMUM_ROWS,
    SMALL_REFERENCE_DAYS,
    SMALL_REFERENCE_ROWS,
    TAIL,
    merged_bins,
    population_stability_index,
)
from monitoring.portfolio_shift import ModelSigns, Sign
from monitoring.scale_change import MINIMUM_ROWS as EXPOSED_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from monitoring.ports import Flags, Floats
    from monitoring.segment import Segment

DAY_PSI_FLOOR = 0.2
EARLY_DAYS = 28


def _day_moves(reference: np.ndarray, current: np.ndarray, *, days: int, has_days: bool) -> Flags:
    """Return where the PSI of a single day is significant, for features with the same number of bins.

    Args:
        reference: test-bin counts per reference day, shape ``(features, reference days, bins)``.
        current: test-bin counts per day in service, shape ``(features, days, bins)``.
        days: calendar days of the reference.
        has_days: false when the reference has no days; then the first 28 days in service say how a day varies.

    Source: METHODS sections 3 and 9, windows of one day with floor 0.2.
    """
    total = reference.sum(axis=1)
    n, n_reference, bins = current.sum(axis=-1), total.sum(axis=-1), current.shape[-1]
    small = (n_reference < SMALL_REFERENCE_ROWS) | (days < SMALL_REFERENCE_DAYS)
    psi = _psi(total, current)
    if has_days:
        extra, freedom = _variation(_psi(total, reference), reference.sum(axis=-1), bins)
        learnt = np.ones(current.shape[1], dtype=bool)
    else:
        extra, freedom = _variation(psi[:, :EARLY_DAYS], n[:, :EARLY_DAYS], bins)
        learnt = np.arange(current.shape[1]) >= EARLY_DAYS
    freedom = np.where(learnt, freedom[:, None], max(bins - 1, 1))
    with np.errstate(divide="ignore"):
        mean = (bins - 1) * (1 / n + 1 / np.maximum(n_reference, 1)[:, None]) + np.where(learnt, extra[:, None], 0.0)
    quantile = stats.chi2.ppf(1 - TAIL, freedom) / freedom
    threshold = np.maximum(DAY_PSI_FLOOR, mean * quantile) * np.where(small, 2.0, 1.0)[:, None]
    flags: Flags = (psi > threshold) & (n >= MINIMUM_ROWS)
    return flags


def _psi(total: np.ndarray, counts: np.ndarray) -> Floats:
    return np.stack([population_stability_index(a, b) for a, b in zip(total, counts, strict=True)])


def _variation(x: Floats, n: np.ndarray, bins: int) -> tuple[Floats, Floats]:
    """Return what single days add to the mean PSI beyond sampling, and the degrees of freedom, per feature."""
    used = n > 0
    blocks = np.maximum(used.sum(axis=1), 1)
    mean = np.where(used, x, 0.0).sum(axis=1) / blocks
    spread = np.where(used, (x - mean[:, None]) ** 2, 0.0).sum(axis=1) / blocks
    rows = np.maximum(n.sum(axis=1) / blocks, 1)
    enough = used.sum(axis=1) > 1
    extra = np.where(enough, 1.5 * np.maximum(0.0, mean - (bins - 1) / rows), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(enough & (spread > 0), 2 * mean**2 / spread, bins - 1)
    return extra, np.clip(freedom, 1.5, max(bins - 1, 1.5))


def moved_features(segment: Segment, *, start: int) -> dict[str, Flags]:
    """Return per feature on which days from index ``start`` on its one-day PSI is significant."""
    layout, reference = segment.reference.layout, segment.reference
    first = 0 if not reference.has_days else start
    by_bins: dict[int, list[tuple[str, np.ndarray, np.ndarray]]] = {}
    for name, bins in layout.features.items():
        if bins.can_drift:
            at = layout.counts_at[name]
            before = merged_bins(reference.profiles.counts[:, at], bins.test_bins)
            now = merged_bins(segment.daily.counts[first:, at], bins.test_bins)
            by_bins.setdefault(now.shape[1], []).append((name, before, now))
    found: dict[str, Flags] = {}
    for group in by_bins.values():
        moves = _day_moves(
            np.stack([before for _, before, _ in group]),
            np.stack([now for _, _, now in group]),
            days=reference.days,
            has_days=reference.has_days,
        )
        found |= {name: moves[i, start - first :] for i, (name, _, _) in enumerate(group)}
    return found


def signs_of(segment: Segment, *, first: date) -> Iterator[ModelSigns]:
    """Yield a model's signs for every day of the segment from ``first`` on; no shift may be known to it yet."""
    start = max(0, (first - segment.first).days)
    names, days = list(segment.reference.layout.features), len(segment.days) - start
    if days <= 0 or not names:
        return
    moves = moved_features(segment, start=start)
    faulty = np.zeros((len(names), days), dtype=bool)
    for at, name in enumerate(names):
        for check in segment.quality[name].breaking:
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
