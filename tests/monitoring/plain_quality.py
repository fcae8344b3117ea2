"""METHODS section 6 for one feature, word by word and day by day: slow, and only here to prove the fast one right."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf, isnan, log, nan, sqrt
from typing import TYPE_CHECKING

from monitoring.assessment import FindingKind
from monitoring.profile import CategoryBins, NumericBins

if TYPE_CHECKING:
    from monitoring.policy import Policy
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference

FACTORS = [1.609344, 3.28084, 2.54, 2.204623, 28.3495, 0.7457, 1.8, 7, 10, 12, 24, 60, 100, 1000, 1024, 3600]


@dataclass
class Day:
    """One feature on one day."""

    rows: int
    nulls: int
    mistyped: int = 0
    outside: int = 0
    n: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    low: float = nan
    high: float = nan
    levels: list[int] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return self.total / self.n

    @property
    def variance(self) -> float:
        return max(self.squares / self.n - self.mean**2, 0.0)

    @property
    def level_rows(self) -> int:
        """Rows with a level, the last one being those the reference never had."""
        return sum(self.levels)

    @property
    def is_single(self) -> bool:
        return sum(n > 0 for n in self.levels) == 1 if self.levels else self.low == self.high


def days_of(profiles: DayProfiles, reference: Reference, name: str) -> list[Day]:
    """Read the days of a feature out of profiles."""
    layout, bins, found = reference.layout, reference.layout.features[name], []
    for i in range(len(profiles)):
        counts, rows = profiles.counts[i, layout.counts_at[name]].tolist(), int(profiles.rows[i])
        if isinstance(bins, CategoryBins):
            found.append(Day(rows, counts[-1], levels=counts[:-1]))
            continue
        nulls, below, above, mistyped = counts[-4:]
        n, total, squares = profiles.sums[i, layout.sums_at(name)][:3].tolist()
        at = layout.numeric.index(name)
        low, high = float(profiles.lows[i, at]), float(profiles.highs[i, at])
        found.append(Day(rows, nulls, mistyped, below + above, n, total, squares, low, high))
    return found


def rose(share: float, *, normal: float, variance: float, rise: float, rows: int, own: bool = False) -> bool:
    """Whether a share rose materially and significantly."""
    noise = max(normal, 0.002) * (1 - normal) / rows + variance
    if own and share - normal - sqrt(share * (1 - share) / rows) < rise:
        return False
    return share - normal >= rise and (share - normal) / sqrt(noise) >= 6 if noise > 0 else share - normal >= rise


def between(values: list[float], sampling: list[float]) -> float:
    """Variance between days beyond sampling."""
    if len(values) < 2:
        return 0.0
    mean = sum(values) / len(values)
    return max(0.0, sum((x - mean) ** 2 for x in values) / len(values) - sum(sampling) / len(sampling))


def null_share_varies(reference: list[Day]) -> float:
    used = [day for day in reference if day.rows >= 10]
    rows = sum(day.rows for day in used)
    p = sum(day.nulls for day in used) / rows if rows else 0.0
    return between([day.nulls / day.rows for day in used], [p * (1 - p) / day.rows for day in used])


def often_single(reference: list[Day]) -> bool:
    """The guard: a single value on more than 5 % of the reference's days."""

    def rows(day: Day) -> float:
        return day.level_rows if day.levels else day.n

    used = [day for day in reference if rows(day) >= 10]
    if len(used) < 5:
        used = [day for day in reference if rows(day) >= 2]
    return not used or sum(day.is_single for day in used) / len(used) > 0.05


def beyond(ratio: float, times: float) -> bool:
    return ratio > times or ratio < 1 / times


@dataclass
class Scale:
    """Unit, rescaled and sudden level changes, against the last 14 clean days."""

    between: float
    clean: deque[Day]
    was: FindingKind | None = None

    @classmethod
    def after(cls, reference: list[Day]) -> Scale:
        used = [day for day in reference if day.n >= 10]
        varies = between([day.mean for day in used], [day.variance / day.n for day in used])
        return cls(varies, deque(used, maxlen=14))

    def judge(self, day: Day) -> tuple[FindingKind | None, float]:
        if len(self.clean) < 2:
            self.clean.append(day)
            self.was = None
            return None, 1.0
        n = sum(d.n for d in self.clean)
        base = Day(0, 0, n=n, total=sum(d.total for d in self.clean), squares=sum(d.squares for d in self.clean))
        noise = sqrt(1.3 * self.between + base.variance / day.n)
        jump = abs(day.mean - base.mean) / noise if noise > 0 else (inf if day.mean != base.mean else 0.0)
        factor = day.mean / base.mean if base.mean else inf
        sd_ratio = sqrt(day.variance / base.variance) if base.variance > 0 else inf
        outside, many = day.outside / day.n, day.n >= 30
        far = many and beyond(sd_ratio, 8) and beyond(factor, 4)
        self.was = self._kind(day, base, jump, factor, sd_ratio, outside=outside, far=far, many=many)
        if self.was is None:
            self.clean.append(day)
        return self.was, factor

    def _kind(
        self, day: Day, base: Day, jump: float, factor: float, sd_ratio: float, *, outside: float, far: bool, many: bool
    ) -> FindingKind | None:
        half = {
            FindingKind.UNIT: outside > 0.25 or far,
            FindingKind.RESCALED: outside >= 0.025,
            FindingKind.LEVEL_CHANGE: beyond(factor, 1.125),
        }
        if self.was is not None and jump >= 3 and half[self.was]:
            return self.was
        if (outside > 0.5 or far) and jump >= 6:
            return FindingKind.UNIT
        if not (many and jump >= 10 and beyond(factor, 1.25) and factor > 0 and 0 < sd_ratio < inf):
            return None
        if abs(log(sd_ratio) - log(factor)) > 0.15:
            return None
        known = [*FACTORS, *(1 / known for known in FACTORS)]
        nearest = min(sorted(known), key=lambda known: abs(known - factor))
        se = sqrt(day.variance / day.n) / abs(base.mean)
        is_known = abs(factor - nearest) <= max(0.02 * nearest, 2.5 * se)
        return FindingKind.RESCALED if outside >= 0.05 and is_known else FindingKind.LEVEL_CHANGE


@dataclass
class Check:
    """One check day by day: ``bad``; ``open``; from which day a day is known to be broken (none: it is not)."""

    bad: list[bool]
    value: list[float]
    open: list[bool] = field(default_factory=list)
    flagged_from: list[int | None] = field(default_factory=list)

    def settle(self, rows: list[int]) -> Check:
        """Raise at once on 30 rows, else on the second day; clear after four clean days; days under 10 rows do not count."""
        is_open, clean, waiting = False, 0, None
        self.flagged_from = [None] * len(rows)
        for i, n in enumerate(rows):
            if n >= 10 and self.bad[i]:
                clean = 0
                if is_open or n >= 30 or waiting is not None:
                    is_open = True
                    for day in (i, waiting):
                        if day is not None:
                            self.flagged_from[day] = i
                    waiting = None
                else:
                    waiting = i
            elif n >= 10:
                waiting, clean = None, clean + 1
                is_open = is_open and clean < 4
            self.open.append(is_open)
        return self


def plain_checks(reference: Reference, profiles: DayProfiles, name: str, policy: Policy) -> dict[FindingKind, Check]:
    """Every check of a feature on the days of ``profiles``."""
    base, days = days_of(reference.profiles, reference, name), days_of(profiles, reference, name)
    rows = [day.rows for day in days]
    p0, varies = sum(day.nulls for day in base) / max(sum(day.rows for day in base), 1), null_share_varies(base)
    nulls = [day.nulls / day.rows if day.rows else nan for day in days]
    rise = max(policy.null_rise, 2 * p0)
    empty = [
        n >= 10 and rose(share, normal=p0, variance=varies, rise=rise, rows=n)
        for share, n in zip(nulls, rows, strict=True)
    ]
    found = {FindingKind.NULLS: Check(empty, nulls)}
    bins = reference.layout.features[name]
    add = _numeric if isinstance(bins, NumericBins) else _categorical
    found |= add(reference, base, days, name, empty)
    return {kind: check.settle(rows) for kind, check in found.items()}


def _numeric(
    reference: Reference, base: list[Day], days: list[Day], name: str, empty: list[bool]
) -> dict[FindingKind, Check]:
    del reference, name
    found = {}
    if not often_single(base):
        found[FindingKind.STUCK] = Check([day.n >= 10 and day.is_single for day in days], [day.low for day in days])
    usual = sum(day.mistyped for day in base) / max(sum(day.rows for day in base), 1)
    share = [day.mistyped / day.rows if day.rows else nan for day in days]
    found[FindingKind.TYPE_CHANGE] = Check([not isnan(s) and s >= usual + 0.01 for s in share], share)
    scale = Scale.after(base)
    judged = [
        scale.judge(day) if day.n >= 10 and not is_empty else (None, nan)
        for day, is_empty in zip(days, empty, strict=True)
    ]
    for kind in (FindingKind.UNIT, FindingKind.RESCALED, FindingKind.LEVEL_CHANGE):
        found[kind] = Check([said is kind for said, _ in judged], [factor for _, factor in judged])
    return found


def _categorical(
    reference: Reference, base: list[Day], days: list[Day], name: str, empty: list[bool]
) -> dict[FindingKind, Check]:
    del empty
    bins = reference.layout.features[name]
    assert isinstance(bins, CategoryBins)
    share = [day.levels[-1] / day.rows if day.rows else nan for day in days]
    new = [
        day.rows >= 10 and rose(s, normal=bins.expected_unseen, variance=0.0, rise=0.05, rows=day.rows, own=True)
        for s, day in zip(share, days, strict=True)
    ]
    found = {FindingKind.NEW_LEVEL: Check(new, share)}
    usual = [sum(counts) for counts in zip(*(day.levels for day in base), strict=True)]
    if bins.can_drift and sum(usual) and not often_single(base):
        stuck = []
        for day in days:
            level = max(range(len(day.levels)), key=lambda at, day=day: day.levels[at])  # type: ignore[misc] # bound now
            chance = (usual[level] / sum(usual)) ** day.level_rows
            stuck.append(day.is_single and day.level_rows >= 10 and chance < 1e-9)
        found[FindingKind.STUCK] = Check(stuck, [float(max(day.levels)) for day in days])
    return found
