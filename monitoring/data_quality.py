"""Data quality of features, day by day (METHODS section 6): broken data outranks drift and performance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from monitoring.assessment import FindingKind
from monitoring.drift import MergedBins
from monitoring.profile import NUMERIC_EXTRAS, CategoryBins, NumericBins
from monitoring.scale_change import ENOUGH_ROWS, MINIMUM_ROWS, SIGNIFICANT, Moments, scale_changes

if TYPE_CHECKING:
    from monitoring.policy import Policy
    from monitoring.ports import Days, Flags, Floats
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference

CLEAN_DAYS_TO_CLEAR = 4
SMALLEST_SHARE = 0.002
MISTYPED_SHARE = 0.01
NEW_LEVEL_SHARE = 0.05
INCREDIBLE = 1e-9
SMALLEST_DISTANCE = 0.25
NEVER = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class QualitySeries:
    """One check of one feature, day by day; arrays of shape ``(days,)``.

    ``bad``: the condition holds that day. ``open``: a finding is raised and not yet cleared. ``flagged_from``: the day from
    which a bad day is known to be broken (NaT: it is not). ``value`` is what was measured (a share, or a factor), ``rows``
    are all rows of each day.
    """

    kind: FindingKind
    value: Floats
    normal: float
    bad: Flags
    days: Days
    rows: np.ndarray

    @property
    def open(self) -> Flags:
        """Days on which a finding is raised and not yet cleared."""
        return self._settled[0]

    @property
    def flagged_from(self) -> Days:
        """Per bad day the day from which it is known to be broken; NaT: it is not."""
        return self._settled[1]

    @cached_property
    def _settled(self) -> tuple[Flags, Days]:
        """Raise at once on 30 rows, else after two days in a row; clear after four clean days (days with 10 rows)."""
        is_open_on, flagged_from = np.zeros(len(self.days), dtype=bool), np.full(len(self.days), NEVER)
        enough = self.rows >= MINIMUM_ROWS
        raising = self.bad & enough
        if not raising.any():
            return is_open_on, flagged_from
        is_open, clean, waiting = False, 0, -1
        bad, many = self.bad.tolist(), (self.rows >= ENOUGH_ROWS).tolist()
        for i in np.flatnonzero(enough)[int(raising[enough].argmax()) :].tolist():
            if not bad[i]:
                waiting, clean = -1, clean + 1
                if is_open and clean >= CLEAN_DAYS_TO_CLEAR:
                    is_open, is_open_on[i:] = False, False
            elif is_open or many[i] or waiting >= 0:
                if not is_open:
                    is_open, is_open_on[i:] = True, True
                flagged_from[i] = self.days[i]
                if waiting >= 0:
                    flagged_from[waiting] = self.days[i]
                waiting, clean = -1, 0
            else:
                waiting, clean = i, 0
        return is_open_on, flagged_from


@dataclass(frozen=True)
class FeatureQuality:
    """All checks of one feature; ``left_out`` marks its days that no drift window may use."""

    name: str
    checks: tuple[QualitySeries, ...]
    null_share: Floats

    @cached_property
    def open(self) -> Flags:
        """Days on which any finding that breaks the feature is open."""
        flags = np.zeros(len(self.null_share), dtype=bool)
        for check in self.raised:
            flags |= check.open
        return flags

    @cached_property
    def breaking(self) -> tuple[QualitySeries, ...]:
        """The checks that say the data are broken; a sudden level change only asks to look."""
        return tuple(check for check in self.checks if check.kind is not FindingKind.LEVEL_CHANGE)

    @cached_property
    def seen(self) -> tuple[QualitySeries, ...]:
        """The checks whose condition holds on any day: only they can be open."""
        return tuple(check for check in self.checks if check.bad.any())

    @cached_property
    def raised(self) -> tuple[QualitySeries, ...]:
        """Those of them that say the data are broken."""
        return tuple(check for check in self.seen if check.kind is not FindingKind.LEVEL_CHANGE)

    @cached_property
    def flagged_from(self) -> Days:
        """Per day the first day on which it is known to be broken; NaT if it is not."""
        first: Days = np.full(len(self.null_share), NEVER)
        for check in self.raised:
            first = np.fmin(first, check.flagged_from)
        return first


def _share_check(share: Floats, rows: np.ndarray, *, normal: Floats, variance: Floats, rise: Floats) -> Flags:
    """Return where shares ``(days, features)`` rose materially and significantly above their normal values ``(features,)``."""
    rows = rows[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt(np.maximum(normal, SMALLEST_SHARE) * (1 - normal) / rows + variance)
        flags: Flags = (share - normal >= rise) & ((share - normal) / se >= SIGNIFICANT) & (rows >= MINIMUM_ROWS)
    return flags


def _between_days(counts: np.ndarray, rows: np.ndarray) -> Floats:
    """Return the variance of daily shares beyond sampling, shape ``(features,)``, from counts ``(days, features)``."""
    used = rows >= MINIMUM_ROWS
    if used.sum() < 2:
        return np.zeros(counts.shape[1])
    n = rows[used, None]
    share, p = counts[used] / n, counts[used].sum(axis=0) / n.sum()
    beyond: Floats = np.maximum(0.0, share.var(axis=0) - (p * (1 - p) / n).mean(axis=0))
    return beyond


def is_often_constant(single: Flags, rows: np.ndarray) -> bool:
    """Return whether the reference itself shows a single value on more than 5 % of its days: then nothing is stuck."""
    return bool(often_constant(single[:, None], rows[:, None])[0])


def often_constant(single: Flags, rows: np.ndarray) -> Flags:
    """Return the same for each feature, from its reference days ``(days, features)``."""
    used = rows >= MINIMUM_ROWS
    used = np.where(used.sum(axis=0) < 5, rows >= 2, used)
    days = used.sum(axis=0)
    flags: Flags = (days == 0) | ((single & used).sum(axis=0) / np.maximum(days, 1) > 0.05)
    return flags


@dataclass(frozen=True)
class QualityNormals:
    """What the reference does, per feature: its share of nulls and their variance between days, and which cannot be stuck.

    ``nulls`` and ``null_variance`` (features,); ``mistyped`` and ``often_single`` (numeric features,).
    """

    nulls: Floats
    null_variance: Floats
    mistyped: Floats
    often_single: Flags
    moments: Moments

    @classmethod
    def of(cls, reference: Reference) -> QualityNormals:
        """Measure the reference's own days."""
        layout, days = reference.layout, reference.profiles
        rows, nulls = max(float(days.rows.sum()), 1.0), days.counts[:, layout.nulls_at]
        moments = Moments.of(days)
        return cls(
            nulls=nulls.sum(axis=0) / rows,
            null_variance=_between_days(nulls, days.rows),
            mistyped=reference.counts[layout.range_at + 2] / rows,
            often_single=often_constant(days.lows == days.highs, moments.n),
            moments=moments,
        )


def feature_quality(
    reference: Reference, profiles: DayProfiles, policy: Policy, normals: QualityNormals | None = None
) -> dict[str, FeatureQuality]:
    """Return the checks of every feature for the days of ``profiles`` (unbroken calendar days)."""
    normals = normals or QualityNormals.of(reference)
    layout, rows = reference.layout, profiles.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = profiles.counts[:, layout.nulls_at] / rows[:, None]
    bad = _share_check(
        shares,
        rows,
        normal=normals.nulls,
        variance=normals.null_variance,
        rise=np.maximum(policy.null_rise, 2 * normals.nulls),
    )
    checks = {
        name: [
            QualitySeries(FindingKind.NULLS, shares[:, at], float(normals.nulls[at]), bad[:, at], profiles.day, rows)
        ]
        for at, name in enumerate(layout.features)
    }
    null_days = {name: bad[:, at] for at, name in enumerate(layout.features)}
    _check_numeric(checks, reference, profiles, normals, null_days)
    for name, bins in layout.features.items():
        if isinstance(bins, CategoryBins):
            checks[name].extend(_categorical_checks(reference, profiles, name, bins))
    return {name: FeatureQuality(name, tuple(found), found[0].value) for name, found in checks.items()}


def _check_numeric(
    checks: dict[str, list[QualitySeries]],
    reference: Reference,
    profiles: DayProfiles,
    normals: QualityNormals,
    null_days: dict[str, Flags],
) -> None:
    """Add the checks of all numeric features at once."""
    layout = reference.layout
    if not layout.numeric:
        return
    moments, rows = Moments.of(profiles), profiles.rows
    stuck = _stuck(reference, profiles, moments)
    with np.errstate(divide="ignore", invalid="ignore"):
        mistyped = profiles.counts[:, layout.range_at + 2] / rows[:, None]
        beyond = profiles.counts[:, layout.range_at] + profiles.counts[:, layout.range_at + 1]
        outside = beyond / np.maximum(moments.n, 1)
    many = mistyped >= normals.mistyped + MISTYPED_SHARE
    broken = np.stack([null_days[name] for name in layout.numeric], axis=1)
    changed, factors = scale_changes(
        moments, normals.moments, outside=outside, broken=broken, moved=_moved(reference, profiles)
    )
    for at, name in enumerate(layout.numeric):
        bins = layout.features[name]
        if isinstance(bins, NumericBins) and bins.lowest == bins.highest:
            checks[name].extend(
                _constant_checks(mistyped[:, at], normals.mistyped[at], beyond[:, at], many[:, at], profiles)
            )
            continue
        found = [
            (FindingKind.STUCK, profiles.lows, float("nan"), stuck),
            (FindingKind.TYPE_CHANGE, mistyped, float(normals.mistyped[at]), many),
            *((kind, factors, 1.0, bad) for kind, bad in changed.items()),
        ]
        checks[name].extend(
            QualitySeries(kind, value[:, at], normal, bad[:, at], profiles.day, rows)
            for kind, value, normal, bad in found[bool(normals.often_single[at]) :]
        )


def _constant_checks(
    mistyped: Floats, normal: float, other: np.ndarray, many: Flags, profiles: DayProfiles
) -> list[QualitySeries]:
    """Return the checks of a feature that is one number in the whole reference: any other is a new level (METHODS section 13)."""
    rows = profiles.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        share = other / rows
    none = np.zeros(1)
    new = _share_check(share[:, None], rows, normal=none, variance=none, rise=np.full(1, NEW_LEVEL_SHARE))
    return [
        QualitySeries(FindingKind.TYPE_CHANGE, mistyped, float(normal), many, profiles.day, rows),
        QualitySeries(FindingKind.NEW_LEVEL, share, 0.0, new[:, 0], profiles.day, rows),
    ]


def _stuck(reference: Reference, profiles: DayProfiles, moments: Moments) -> Flags:
    """Return where a numeric feature shows one value although its reference makes that incredible: p(value)^n < 1e-9.

    p is the share of the bin that holds the value: a column that is mostly zero may be zero on all rows of a day.
    """
    with np.errstate(invalid="ignore"):
        single: Flags = (profiles.lows == profiles.highs) & (moments.n >= MINIMUM_ROWS)
    for at in np.flatnonzero(single.any(axis=0)).tolist():
        name = reference.layout.numeric[at]
        edges, first = reference.layout.features[name].edges, reference.layout.counts_at[name].start  # type: ignore[union-attr] # it is numeric
        counts = reference.counts[first : first + len(edges) + 1]
        days = np.flatnonzero(single[:, at])
        share = counts[np.searchsorted(edges, profiles.lows[days, at], side="right")] / max(int(counts.sum()), 1)
        single[days, at] = share ** moments.n[days, at] < INCREDIBLE
    return single


def _moved(reference: Reference, profiles: DayProfiles) -> Flags:
    """Return where a day's values clearly lie in other bins than the reference's, shape ``(days, numeric features)``.

    By the total variation distance of the ten test bins, at least 0.25 and 0.4 sqrt(bins / rows) of noise. Mean and spread
    alone can be moved by a single row of a heavy tail; a change of unit moves all of them.
    """
    layout = reference.layout
    parts = []
    for name in layout.numeric:
        bins = layout.features[name].test_bins
        parts.append(
            (layout.counts_at[name].start, np.where(np.arange(len(bins)) < len(bins) - len(NUMERIC_EXTRAS), bins, -1))
        )
    merged = MergedBins.of(parts)
    columns, usual, days = merged.columns, merged(reference.counts), merged(profiles.counts)
    n = columns.summed(days)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(days / columns.spread(n) - usual / columns.spread(columns.summed(usual)))
        moved: Flags = columns.summed(apart) / 2 >= SMALLEST_DISTANCE + 0.4 * np.sqrt(columns.widths / n)
    return moved


def _categorical_checks(
    reference: Reference, profiles: DayProfiles, name: str, bins: CategoryBins
) -> list[QualitySeries]:
    """Return the checks of a categorical feature beside that of its nulls."""
    part, n_levels, rows = reference.layout.counts_at[name], len(bins.levels), profiles.rows
    counts, ref_counts = profiles.counts[:, part], reference.profiles.counts[:, part]
    with np.errstate(divide="ignore", invalid="ignore"):
        unseen = counts[:, n_levels + 1] / rows
    new = _share_check(
        unseen[:, None],
        rows,
        normal=np.array([bins.expected_unseen]),
        variance=np.zeros(1),
        rise=np.full(1, NEW_LEVEL_SHARE),
    )
    checks = [QualitySeries(FindingKind.NEW_LEVEL, unseen, bins.expected_unseen, new[:, 0], profiles.day, rows)]
    present, ref_present = counts[:, : n_levels + 2], ref_counts[:, : n_levels + 2]
    ref_single = (ref_present > 0).sum(axis=1) == 1
    if bins.can_drift and ref_present.sum() and not is_often_constant(ref_single, ref_present.sum(axis=1)):
        n, most = present.sum(axis=1), present.max(axis=1)
        single = (n >= MINIMUM_ROWS) & (most == n)
        if single.any():
            share = ref_present.sum(axis=0) / ref_present.sum()
            single &= share[present.argmax(axis=1)] ** n < INCREDIBLE
        value = most.astype(np.float64)
        checks.append(QualitySeries(FindingKind.STUCK, value, float("nan"), single, profiles.day, rows))
    return checks


def score_range(reference: Reference, profiles: DayProfiles) -> QualitySeries:
    """Return the days with scores outside their range; what the reference itself does is no finding."""
    at = reference.layout.score_at.stop - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        share = profiles.counts[:, at] / profiles.rows
    normal = float(reference.counts[at]) / max(reference.rows, 1)
    bad = (profiles.counts[:, at] > 0) & (normal == 0.0)
    return QualitySeries(FindingKind.SCORE_RANGE, share, normal, bad, profiles.day, profiles.rows)
