"""Data quality of features, day by day (METHODS section 6): broken data outranks drift and performance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from monitoring.assessment import FindingKind
from monitoring.drift import Columns
from monitoring.profile import CategoryBins, NumericBins
from monitoring.scale_change import ENOUGH_ROWS, MINIMUM_ROWS, SIGNIFICANT, Moments, scale_changes
from monitoring.tiny_feeds import INCREDIBLE, SMALLEST_SHARE, blocks, few_rows, pooled_rise, pooled_single
from monitoring.unit_change import UnitChanges

if TYPE_CHECKING:
    from datetime import date

    from monitoring.policy import Policy
    from monitoring.ports import Days, Flags, Floats
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference

CLEAN_DAYS_TO_CLEAR = 4
MISTYPED_SHARE = 0.01
NEW_LEVEL_SHARE = 0.05
ENOUGH_DAYS, OFTEN = 5, 0.05
SMALLEST_DISTANCE, LARGEST_DISTANCE = 0.25, 0.10
STRANGE_SHARE = 0.05
CHANGES_OF_UNIT = frozenset({FindingKind.UNIT_IN_RANGE, FindingKind.SWAPPED})
BY_PAIRS = CHANGES_OF_UNIT | {FindingKind.STRANGE}
"""Told by two days in a row: one day alone never raises them."""
TOGETHER = frozenset({FindingKind.NULLS, FindingKind.NEW_LEVEL, FindingKind.STUCK})
"""Tested on the last rows together where a day has few."""
NEVER = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class QualitySeries:
    """One check of one feature, day by day; arrays of shape ``(days,)``.

    ``bad``: the condition holds that day. ``open``: a finding is raised and not yet cleared. ``flagged_from``: the day from
    which a bad day is known to be broken (NaT: it is not). ``value`` is what was measured (a share, or a factor), ``rows``
    are all rows of each day. ``is_seen``: the condition may hold on some day.
    """

    kind: FindingKind
    value: Floats
    normal: float
    bad: Flags
    days: Days
    rows: np.ndarray
    is_seen: bool = True

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
        """Raise at once on 30 rows, else after two days in a row; clear after four clean days that have 10 rows together.

        Days with fewer than 10 rows do not exist, unless traffic is so small that they are judged together: then a share, or a
        single value, is proven by them and raises at once. What is only told by two days in a row never does.
        """
        is_open_on, flagged_from = np.zeros(len(self.days), dtype=bool), np.full(len(self.days), NEVER)
        few = few_rows(self.rows)
        enough = (self.rows >= MINIMUM_ROWS) | few
        raising = self.bad & enough
        if not raising.any():
            return is_open_on, flagged_from
        is_open, clean, clean_rows, waiting = False, 0, 0, -1
        many = (((self.rows >= ENOUGH_ROWS) & (self.kind not in BY_PAIRS)) | (few & (self.kind in TOGETHER))).tolist()
        bad, rows = self.bad.tolist(), self.rows.tolist()
        for i in np.flatnonzero(enough)[int(raising[enough].argmax()) :].tolist():
            if not bad[i]:
                waiting, clean, clean_rows = -1, clean + 1, clean_rows + rows[i]
                if is_open and clean >= CLEAN_DAYS_TO_CLEAR and clean_rows >= MINIMUM_ROWS:
                    is_open, is_open_on[i:] = False, False
            elif is_open or many[i] or waiting >= 0:
                if not is_open:
                    is_open, is_open_on[i:] = True, True
                flagged_from[i] = self.days[i]
                if waiting >= 0:
                    flagged_from[waiting] = self.days[i]
                waiting, clean, clean_rows = -1, 0, 0
            else:
                waiting, clean, clean_rows = i, 0, 0
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
        return tuple(check for check in self.checks if check.is_seen and check.bad.any())

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


def _share_check(
    share: Floats, rows: np.ndarray, *, normal: Floats, variance: Floats, rise: Floats, own: bool = False
) -> Flags:
    """Return where shares ``(days, features)`` rose materially and significantly above their normal values ``(features,)``.

    With ``own`` it must be material by one standard error of the day's own share: three of forty rows are no proof of 5 %.
    """
    rows = rows[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt(np.maximum(normal, SMALLEST_SHARE) * (1 - normal) / rows + variance)
        doubt = np.sqrt(np.clip(share * (1 - share), 0.0, None) / rows) if own else 0.0
        flags: Flags = (
            (share - normal - doubt >= rise) & ((share - normal) / se >= SIGNIFICANT) & (rows >= MINIMUM_ROWS)
        )
    return flags


def _rises(
    kind: FindingKind, counts: np.ndarray, profiles: DayProfiles, *, normal: Floats, variance: Floats, rise: Floats
) -> list[QualitySeries]:
    """Return the check of each feature that a share did not rise, from its rows per day ``(days, features)``."""
    rows = profiles.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = counts / rows[:, None]
    own = kind is FindingKind.NEW_LEVEL
    bad = _share_check(shares, rows, normal=normal, variance=variance, rise=rise, own=own)
    bad |= pooled_rise(counts, rows, normal=normal, variance=variance, rise=rise)
    return _checks(kind, shares, normal, bad, profiles)


def _checks(kind: FindingKind, value: Floats, normal: Floats, bad: Flags, profiles: DayProfiles) -> list[QualitySeries]:
    """Return one check of each feature from arrays ``(days, features)``; ``normal`` is ``(features,)``."""
    seen: list[bool] = np.any(bad, axis=0).tolist()
    return [
        QualitySeries(kind, value[:, at], usual, bad[:, at], profiles.day, profiles.rows, seen[at])
        for at, usual in enumerate(normal.tolist())
    ]


def _between_days(counts: np.ndarray, rows: np.ndarray) -> Floats:
    """Return the variance of daily shares beyond sampling, shape ``(features,)``, from counts ``(days, features)``.

    Where hardly any day has 10 rows, runs of days that have them together stand for days.
    """
    if (rows >= MINIMUM_ROWS).sum() < ENOUGH_DAYS and len(rows):
        starts = blocks(rows)
        counts, rows = np.add.reduceat(counts, starts, axis=0), np.add.reduceat(rows, starts)
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
    used = np.where(used.sum(axis=0) < ENOUGH_DAYS, rows >= 2, used)
    days = used.sum(axis=0)
    flags: Flags = (days == 0) | ((single & used).sum(axis=0) / np.maximum(days, 1) > OFTEN)
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
    reference: Reference, profiles: DayProfiles, policy: Policy, *, quiet_to: date | None = None
) -> dict[str, FeatureQuality]:
    """Return the checks of every feature for the days of ``profiles`` (unbroken calendar days).

    ``quiet_to`` is a day up to which it is known that no change of unit inside the range began.
    """
    normals, layout = QualityNormals.of(reference), reference.layout
    nulls = _rises(
        FindingKind.NULLS,
        profiles.counts[:, layout.nulls_at],
        profiles,
        normal=normals.nulls,
        variance=normals.null_variance,
        rise=np.maximum(policy.null_rise, 2 * normals.nulls),
    )
    checks = {name: [check] for name, check in zip(layout.features, nulls, strict=True)}
    null_days = {name: check.bad for name, check in zip(layout.features, nulls, strict=True)}
    searched = 0 if quiet_to is None else int(np.searchsorted(profiles.day, np.datetime64(quiet_to), side="right"))
    _check_numeric(checks, reference, profiles, normals, null_days, searched=searched)
    _check_categorical(checks, reference, profiles)
    return {name: FeatureQuality(name, tuple(found), found[0].value) for name, found in checks.items()}


def _check_numeric(
    checks: dict[str, list[QualitySeries]],
    reference: Reference,
    profiles: DayProfiles,
    normals: QualityNormals,
    null_days: dict[str, Flags],
    *,
    searched: int,
) -> None:
    """Add the checks of all numeric features at once; on so many days no change of unit inside the range began."""
    layout = reference.layout
    if not layout.numeric:
        return
    moments, rows, values = Moments.of(profiles), profiles.rows, reference.bins_of_values(profiles.counts)
    stuck = _stuck(reference, profiles, moments, normals.often_single)
    with np.errstate(divide="ignore", invalid="ignore"):
        mistyped = profiles.counts[:, layout.range_at + 2] / rows[:, None]
        beyond = profiles.counts[:, layout.range_at] + profiles.counts[:, layout.range_at + 1]
        outside = beyond / np.maximum(moments.n, 1)
    many = mistyped >= normals.mistyped + MISTYPED_SHARE
    broken = np.stack([null_days[name] for name in layout.numeric], axis=1)
    changed, factors = scale_changes(
        moments, normals.moments, outside=outside, broken=broken, moved=_moved(reference, values)
    )
    constant = np.array(
        [bins.lowest == bins.highest for bins in layout.features.values() if isinstance(bins, NumericBins)]
    )
    strange, strange_share = _strangers(reference, profiles, values)
    explained = broken | strange | changed[FindingKind.UNIT] | changed[FindingKind.RESCALED] | stuck | many
    units, unit_factors = UnitChanges(reference, profiles, explained | constant, values, searched=searched).found()
    ones = np.ones(len(layout.numeric))
    of_all = [
        _checks(FindingKind.TYPE_CHANGE, mistyped, normals.mistyped, many, profiles),
        *(_checks(kind, factors, ones, bad, profiles) for kind, bad in changed.items()),
    ]
    any_stuck, any_strange, any_unit = (np.any(flags, axis=0) for flags in (stuck, strange, units))
    for at, name in enumerate(layout.numeric):
        if constant[at]:
            checks[name].append(of_all[0][at])
            checks[name].extend(_new_levels(beyond[:, at : at + 1], profiles, normal=np.zeros(1)))
            continue
        checks[name].extend(of_kind[at] for of_kind in of_all)
        if any_stuck[at]:
            low = profiles.lows[:, at]
            checks[name].append(QualitySeries(FindingKind.STUCK, low, float("nan"), stuck[:, at], profiles.day, rows))
        if any_strange[at]:
            share = strange_share[:, at]
            checks[name].append(QualitySeries(FindingKind.STRANGE, share, 0.0, strange[:, at], profiles.day, rows))
        if any_unit[at]:
            exchanged = bool(np.isnan(unit_factors[:, at]).any())
            kind, usual = (FindingKind.SWAPPED, float("nan")) if exchanged else (FindingKind.UNIT_IN_RANGE, 1.0)
            checks[name].append(QualitySeries(kind, unit_factors[:, at], usual, units[:, at], profiles.day, rows))


def _new_levels(unseen: np.ndarray, profiles: DayProfiles, *, normal: Floats) -> list[QualitySeries]:
    """Return the check of features for values that their reference never had; ``unseen`` are rows ``(days, features)``.

    A feature that is one number in the whole reference: any other is a new level (METHODS section 13).
    """
    none, rise = np.zeros(len(normal)), np.full(len(normal), NEW_LEVEL_SHARE)
    return _rises(FindingKind.NEW_LEVEL, unseen, profiles, normal=normal, variance=none, rise=rise)


def _stuck(reference: Reference, profiles: DayProfiles, moments: Moments, often: Flags) -> Flags:
    """Return where a numeric feature shows one value although its reference makes that incredible: p(value)^n < 1e-9.

    p is the share of the bin that holds the value: a column that is mostly zero may be zero on all rows of a day. On days of few
    rows those before with the same value count too. ``often`` marks features that have no check.
    """
    few, known = few_rows(profiles.rows), reference.profiles
    with np.errstate(invalid="ignore"):
        one = profiles.lows == profiles.highs
    single, pooled = one & (moments.n >= MINIMUM_ROWS) & ~often, np.zeros(one.shape, dtype=bool)
    asked = single | (one & few[:, None])
    for at in np.flatnonzero(asked.any(axis=0)).tolist():
        name = reference.layout.numeric[at]
        edges, first = reference.layout.features[name].edges, reference.layout.counts_at[name].start  # type: ignore[union-attr] # it is numeric
        counts = reference.counts[first : first + len(edges) + 1]
        days, low = np.flatnonzero(one[:, at]), profiles.lows[:, at]
        chance = np.ones(len(low))
        there = counts[np.searchsorted(edges, low[days], side="right")]
        chance[days] = there / max(int(counts.sum()), 1)
        single[:, at] &= chance ** moments.n[:, at] < INCREDIBLE
        if few.any() and not _is_often_single(known.lows[:, at], known.highs[:, at], known.rows):
            value = np.where(one[:, at], low, np.nan)
            chance[days] = (there + 1) / (int(counts.sum()) + 1)
            pooled[:, at] = pooled_single(value, chance, moments.n[:, at].astype(np.int64), few)
    found: Flags = single | pooled
    return found


def _is_often_single(lows: Floats, highs: Floats, rows: np.ndarray) -> bool:
    """Return whether runs of reference days that have 10 rows together show a single value on more than 5 %."""
    if not len(rows):
        return True
    starts = blocks(rows)
    same = np.fmin.reduceat(lows, starts) == np.fmax.reduceat(highs, starts)
    return float(same.mean()) > OFTEN


def _moved(reference: Reference, values: np.ndarray) -> Flags:
    """Return where a day's values clearly lie in other bins than the reference's, shape ``(days, numeric features)``.

    By the total variation distance of the ten test bins, at least 0.25 and 0.4 sqrt(bins / rows) of noise. Mean and spread
    alone can be moved by a single row of a heavy tail; a change of unit moves all of them.
    """
    columns, usual, days = _numeric(reference, values)
    apart, n = _total_variation(columns, usual, days)
    with np.errstate(divide="ignore", invalid="ignore"):
        moved: Flags = apart >= SMALLEST_DISTANCE + 0.4 * np.sqrt(columns.widths / n)
    return moved


def _numeric(reference: Reference, values: np.ndarray) -> tuple[Columns, np.ndarray, np.ndarray]:
    """Return the numeric features' part of ``bins_of_values``, of the reference ``(bins,)`` and of days ``(days, bins)``."""
    columns = reference.bins_of_values.columns.first(len(reference.layout.numeric))
    width = int(columns.widths.sum())
    return columns, reference.values[:width], values[:, :width]


def _total_variation(columns: Columns, usual: np.ndarray, days: np.ndarray) -> tuple[Floats, np.ndarray]:
    """Return how far days ``(days, bins)`` lie from what is usual ``(bins,)``, 0 to 1, and their rows; ``(days, columns)``."""
    n = columns.summed(days)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(days / columns.spread(n) - usual / columns.spread(columns.summed(usual)))
        return columns.summed(apart) / 2, n


def _strangers(reference: Reference, profiles: DayProfiles, values: np.ndarray) -> tuple[Flags, Floats]:
    """Return where a part of the values lies outside the reference's range while the rest is as ever, and how large a part.

    So it is when a code such as -999 stands for values that are not there. A population that moves takes the rest along.
    """
    at, rows = reference.layout.range_at, profiles.rows
    columns, usual, days = _numeric(reference, values.copy())
    below, above = profiles.counts[:, at], profiles.counts[:, at + 1]
    days[:, columns.starts] -= below
    days[:, columns.starts + columns.widths - 1] -= above
    none = np.zeros(len(at))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (below + above) / np.maximum(columns.summed(days) + below + above, 1)
        rose = _share_check(share, rows, normal=none, variance=none, rise=np.full(len(at), STRANGE_SHARE), own=True)
        rose &= (rows >= ENOUGH_ROWS)[:, None]
        if not rose.any():
            return rose, share
        apart, n = _total_variation(columns, usual, days)
        as_ever = (n >= MINIMUM_ROWS) & (apart <= LARGEST_DISTANCE + 0.3 * np.sqrt(columns.widths / n))
    return rose & as_ever, share


def _check_categorical(checks: dict[str, list[QualitySeries]], reference: Reference, profiles: DayProfiles) -> None:
    """Add the checks of all categorical features, beside that of their nulls."""
    layout = reference.layout
    found = {name: bins for name, bins in layout.features.items() if isinstance(bins, CategoryBins)}
    if not found:
        return
    widths = np.array([len(bins.levels) + 2 for bins in found.values()])  # the stored levels, rare ones and unseen ones
    starts = np.array([layout.counts_at[name].start for name in found])
    columns = Columns.of(widths)
    present = profiles.counts[:, np.arange(widths.sum()) + columns.spread(starts - columns.starts)]
    expected = np.array([bins.expected_unseen for bins in found.values()])
    unseen = _new_levels(profiles.counts[:, starts + widths - 1], profiles, normal=expected)
    n, most = columns.summed(present), np.maximum.reduceat(present, columns.starts, axis=1)
    few = few_rows(profiles.rows)
    one = ((most == n) & (n > 0) & ((n >= MINIMUM_ROWS) | few[:, None])).any(axis=0)
    for (name, bins), check, may_be_stuck in zip(found.items(), unseen, one.tolist(), strict=True):
        checks[name].append(check)
        if may_be_stuck and bins.can_drift and (stuck := _stuck_level(reference, profiles, name, bins)) is not None:
            checks[name].append(stuck)


def _stuck_level(reference: Reference, profiles: DayProfiles, name: str, bins: CategoryBins) -> QualitySeries | None:
    """Return the check that a categorical feature does not show a single level all day, if it ever does."""
    part, n_levels, rows = reference.layout.counts_at[name], len(bins.levels), profiles.rows
    counts, ref_counts = profiles.counts[:, part], reference.profiles.counts[:, part]
    present, ref_present = counts[:, : n_levels + 2], ref_counts[:, : n_levels + 2]
    if not ref_present.sum():
        return None
    few, n, most = few_rows(rows), present.sum(axis=1), present.max(axis=1)
    share, code = ref_present.sum(axis=0) / ref_present.sum(), present.argmax(axis=1)
    single, pooled = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    if not is_often_constant((ref_present > 0).sum(axis=1) == 1, ref_present.sum(axis=1)):
        single = (n >= MINIMUM_ROWS) & (most == n) & (share[code] ** n < INCREDIBLE)
    if few.any():
        starts = blocks(reference.profiles.rows)
        if ((np.add.reduceat(ref_present, starts, axis=0) > 0).sum(axis=1) == 1).mean() <= OFTEN:
            one = np.where((most == n) & (n > 0) & (code < n_levels), code, np.nan)
            pooled = pooled_single(one, share[code], n, few)
    if not (single.any() or pooled.any()):
        return None
    value = most.astype(np.float64)
    return QualitySeries(FindingKind.STUCK, value, float("nan"), single | pooled, profiles.day, rows)


def score_range(reference: Reference, profiles: DayProfiles) -> QualitySeries:
    """Return the days with scores outside their range; what the reference itself does is no finding."""
    at = reference.layout.score_at.stop - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        share = profiles.counts[:, at] / profiles.rows
    normal = float(reference.counts[at]) / max(reference.rows, 1)
    bad = (profiles.counts[:, at] > 0) & (normal == 0.0)
    return QualitySeries(FindingKind.SCORE_RANGE, share, normal, bad, profiles.day, profiles.rows)
