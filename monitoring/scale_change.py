"""Changes of unit, of scale and of level of numeric features, against their own last clean days (METHODS section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.assessment import FindingKind

if TYPE_CHECKING:
    from monitoring.ports import Flags, Floats
    from monitoring.profile import DayProfiles

MINIMUM_ROWS, ENOUGH_ROWS = 10, 30
BASELINE_DAYS = 14
SIGNIFICANT = 6.0
KINDS = (FindingKind.UNIT, FindingKind.RESCALED, FindingKind.LEVEL_CHANGE)
NO_CHANGE, UNIT, RESCALED, LEVEL_CHANGE = -1, 0, 1, 2
UNIT_FACTORS = (1.609344, 3.28084, 2.54, 2.204623, 28.3495, 0.7457, 1.8, 7, 10, 12, 24, 60, 100, 1000, 1024, 3600)
KNOWN_FACTORS = np.array(sorted([*UNIT_FACTORS, *(1 / factor for factor in UNIT_FACTORS)]))


@dataclass(frozen=True)
class Moments:
    """Finite rows, their sum and their sum of squares; arrays of one shape, for numeric features ``(days, features)``."""

    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, profiles: DayProfiles) -> Moments:
        """Return the moments of every numeric feature on every day of ``profiles``."""
        sums = profiles.numeric_sums
        return cls(sums[..., 0], sums[..., 1], sums[..., 2])

    def __getitem__(self, at: Any) -> Moments:
        """Return some of the days, or of the features; ``at`` is whatever an array takes."""
        return Moments(self.n[at], self.total[at], self.squares[at])

    def followed_by(self, other: Moments) -> Moments:
        """Return these days and then those of ``other``."""
        return Moments(
            np.concatenate((self.n, other.n)),
            np.concatenate((self.total, other.total)),
            np.concatenate((self.squares, other.squares)),
        )

    @property
    def mean(self) -> Floats:
        """Mean of the finite values; NaN without any."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.total / self.n

    @property
    def variance(self) -> Floats:
        """Variance of the finite values."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.maximum(self.squares / self.n - self.mean**2, 0.0)

    def between_days(self) -> Floats:
        """Variance of the daily mean beyond sampling, shape ``(features,)``; 0 on fewer than two days of 10 rows."""
        used = self.n >= MINIMUM_ROWS
        days = used.sum(axis=0)
        safe = np.maximum(days, 1)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            mean, sampling = np.where(used, self.mean, 0.0), np.where(used, self.variance / self.n, 0.0)
            spread = np.where(used, (mean - mean.sum(axis=0) / safe) ** 2, 0.0).sum(axis=0) / safe
            beyond = np.fmax(0.0, spread - sampling.sum(axis=0) / safe)
        return np.where(days >= 2, beyond, 0.0)


@dataclass(frozen=True)
class DayScale:
    """How days lie against their baseline: which change they would show, their factor, and which change they would keep open.

    ``kind`` (place in ``KINDS`` or -1) and ``factor`` have the shape of the days, ``keeps`` has one more axis in front.
    """

    kind: np.ndarray
    factor: Floats
    keeps: Flags


def _day_scale(days: Moments, baseline: Moments, *, between: Floats, outside: Floats, moved: Flags) -> DayScale:
    """Compare days with their baselines; a baseline without rows (fewer than two days) shows no change."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mean, base_mean = days.mean, baseline.mean
        variance, base_variance = days.variance, baseline.variance
        noise = np.sqrt(1.3 * between + base_variance / days.n)
        distance = np.abs(mean - base_mean)
        jump = np.where(noise > 0, distance / noise, np.where(mean != base_mean, np.inf, 0.0))
        factor = np.where(base_mean != 0, mean / base_mean, np.inf)
        sd_ratio = np.where(base_variance > 0, np.sqrt(variance / base_variance), np.inf)
        far = (days.n >= ENOUGH_ROWS) & _beyond(sd_ratio, 8) & _beyond(factor, 4) & moved
        is_unit = ((outside > 0.5) | far) & (jump >= SIGNIFICANT)
        is_level = ~is_unit & (days.n >= ENOUGH_ROWS) & (jump >= 10) & _beyond(factor, 1.25) & (factor > 0)
        is_level &= (sd_ratio > 0) & (sd_ratio < np.inf) & (np.abs(np.log(sd_ratio) - np.log(factor)) <= 0.15)
        is_known = np.zeros(jump.shape, dtype=bool)
        found = np.nonzero(is_level)
        if len(found[0]):
            se = np.sqrt(variance[found] / days.n[found]) / np.abs(np.broadcast_to(base_mean, jump.shape)[found])
            is_known[found] = _is_known(factor[found], se)
        kind = np.full(jump.shape, NO_CHANGE, dtype=np.int8)
        kind[is_level] = LEVEL_CHANGE
        kind[is_level & is_known & (outside >= 0.05)] = RESCALED
        kind[is_unit] = UNIT
        keeps = np.stack(((outside > 0.25) | far, outside >= 0.025, _beyond(factor, 1.125))) & (jump >= 3)
    judged = np.broadcast_to(baseline.n > 0, jump.shape)
    return DayScale(np.where(judged, kind, NO_CHANGE), np.where(judged, factor, 1.0), keeps & judged)


def _is_known(factor: Floats, se: Floats) -> Flags:
    """Return whether a factor is that of a known change of unit, within 2 % or its own error."""
    nearest = KNOWN_FACTORS[np.abs(KNOWN_FACTORS - factor[:, None]).argmin(axis=1)]
    known: Flags = np.abs(factor - nearest) <= np.maximum(0.02 * nearest, 2.5 * se)
    return known


def _beyond(ratio: Floats, times: float) -> Flags:
    """Return whether a ratio lies beyond a factor either way."""
    flags: Flags = (ratio > times) | (ratio < 1 / times)
    return flags


def _baselines(before: Moments, days: Moments) -> Moments:
    """Return for each of ``days`` the sum of the 14 days before it, were all of them clean.

    ``before`` holds the 14 days before the first one; a day without rows is none. Fewer than two days are no baseline.
    """
    every = before.followed_by(days)
    n, count = np.zeros(days.n.shape), np.zeros(days.n.shape, dtype=np.int64)
    total, squares = np.zeros(days.n.shape), np.zeros(days.n.shape)
    for k in range(BASELINE_DAYS):
        part = every[k : k + len(days.n)]
        n, total, squares, count = n + part.n, total + part.total, squares + part.squares, count + (part.n > 0)
    return Moments(np.where(count >= 2, n, 0.0), total, squares)


def _usable_first(moments: Moments, usable: Flags) -> tuple[np.ndarray, Moments]:
    """Return per feature the order that puts usable days first, and the moments in that order, others zero."""
    order = np.argsort(~usable, axis=0, kind="stable")
    there = np.take_along_axis(usable, order, axis=0)
    arrays = (moments.n, moments.total, moments.squares)
    ordered = [np.where(there, np.take_along_axis(values, order, axis=0), 0.0) for values in arrays]
    return order, Moments(*ordered)


def _last_reference_days(reference: Moments) -> Moments:
    """Return the last 14 days of 10 rows of each feature, shape ``(14, features)``, the newest last."""
    newest_first = reference[::-1]
    _, ordered = _usable_first(newest_first, newest_first.n >= MINIMUM_ROWS)
    last = ordered[:BASELINE_DAYS][::-1]
    missing = BASELINE_DAYS - len(last.n)
    none = np.zeros((missing, last.n.shape[1]))
    return Moments(none, none, none).followed_by(last) if missing else last


def scale_changes(
    moments: Moments, reference: Moments, *, outside: Floats, broken: Flags, moved: Flags
) -> tuple[dict[FindingKind, Flags], Floats]:
    """Return the days of each kind of change, and each day's factor to its baseline: the last 14 clean days.

    Days with fewer than 10 rows, and ``broken`` ones, are not judged (factor NaN) and never clean.

    Args:
        moments: the days in service, shape ``(days, features)``.
        reference: the reference's days, whose last ones are the first baseline.
        outside: share of values outside the reference's range.
        broken: days that cannot be judged.
        moved: days whose values lie in clearly other bins than the reference's.
    """
    usable = (moments.n >= MINIMUM_ROWS) & ~broken
    order, days = _usable_first(moments, usable)
    usable_days = usable.sum(axis=0)
    shares, in_others = np.take_along_axis(outside, order, axis=0), np.take_along_axis(moved, order, axis=0)
    before, between = _last_reference_days(reference), reference.between_days()
    # As if every day were clean: true for each feature up to its first change.
    scale = _day_scale(days, _baselines(before, days), between=between, outside=shares, moved=in_others)
    kinds, factors = scale.kind, scale.factor
    is_day = np.arange(len(days.n))[:, None] < usable_days
    for feature in np.flatnonzero(((kinds != NO_CHANGE) & is_day).any(axis=0)):
        m = int(usable_days[feature])
        kinds[:m, feature], factors[:m, feature] = _with_changes(
            days[:m, feature],
            before[:, feature],
            DayScale(kinds[:m, feature], factors[:m, feature], scale.keeps[:, :m, feature]),
            between=between[feature],
            outside=shares[:m, feature],
            moved=in_others[:m, feature],
        )
    placed_kinds, placed_factors = np.full(kinds.shape, NO_CHANGE), np.full(factors.shape, np.nan)
    np.put_along_axis(placed_kinds, order, np.where(is_day, kinds, NO_CHANGE), axis=0)
    np.put_along_axis(placed_factors, order, np.where(is_day, factors, np.nan), axis=0)
    return {kind: placed_kinds == at for at, kind in enumerate(KINDS)}, placed_factors


def _with_changes(
    days: Moments, before: Moments, scale: DayScale, *, between: Floats, outside: Floats, moved: Flags
) -> tuple[np.ndarray, Floats]:
    """Return kinds and factors of one feature's days when days that show a change stay out of the baseline.

    From one change to the next: until the first day that shows one, ``scale`` (every day clean) is right. From there the
    baseline stands still until a day shows none any more; that day is clean again and the next stretch begins.
    """
    kinds, factors, at = scale.kind.copy(), scale.factor.copy(), 0
    while True:
        changed = np.flatnonzero(scale.kind != NO_CHANGE)
        first = at + int(changed[0]) if len(changed) else len(days.n)
        kinds[at:first], factors[at:first] = NO_CHANGE, scale.factor[: first - at]
        if first == len(days.n):
            return kinds, factors
        before = before.followed_by(days[at:first])[-BASELINE_DAYS:]
        rest = days[first:]
        standing = _baselines(before, rest[:1])
        scale = _day_scale(rest, standing, between=between, outside=outside[first:], moved=moved[first:])
        run = _open_run(scale)
        end = first + len(run)
        kinds[first:end], factors[first : end + 1] = run, scale.factor[: end - first + 1]
        if end == len(days.n):
            return kinds, factors
        kinds[end] = NO_CHANGE
        before, at = before.followed_by(days[end : end + 1])[-BASELINE_DAYS:], end + 1
        rest = days[at:]
        scale = _day_scale(rest, _baselines(before, rest), between=between, outside=outside[at:], moved=moved[at:])


def _open_run(scale: DayScale) -> list[int]:
    """Return the kind of each day from the first, which shows a change, up to the last before one that shows none."""
    run: list[int] = []
    was, kinds, keeps = NO_CHANGE, scale.kind.tolist(), scale.keeps.T.tolist()
    for kind, kept in zip(kinds, keeps, strict=True):
        was = was if was != NO_CHANGE and kept[was] else kind
        if was == NO_CHANGE:
            break
        run.append(was)
    return run
