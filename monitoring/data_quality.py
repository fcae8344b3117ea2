"""Data quality of features, day by day (METHODS section 6): broken data outranks drift and performance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from monitoring.assessment import FindingKind
from monitoring.profile import CategoryBins, NumericBins
from monitoring.scale_change import ENOUGH_ROWS, MINIMUM_ROWS, SIGNIFICANT, Moments, scale_changes

if TYPE_CHECKING:
    from monitoring.policy import Policy
    from monitoring.ports import Days, Flags, Floats
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference

CLEAN_DAYS_TO_CLEAR = 4
SMALLEST_SHARE = 0.002
MISTYPED_SHARE = 0.01


@dataclass
class QualitySeries:
    """One check of one feature, day by day; arrays of shape ``(days,)``.

    ``bad``: the condition holds that day. ``open``: a finding is raised and not yet cleared. ``flagged_from``: the day from
    which a bad day is known to be broken (NaT: it is not). ``value`` is what was measured (a share, or a factor).
    """

    kind: FindingKind
    value: Floats
    normal: float
    bad: Flags
    open: Flags = field(init=False)
    flagged_from: Days = field(init=False)

    def settle(self, days: Days, rows: np.ndarray) -> None:
        """Raise at once on 30 rows, else after two days in a row; clear after four clean days (days with 10 rows)."""
        self.open = np.zeros(len(days), dtype=bool)
        self.flagged_from = np.full(len(days), np.datetime64("NaT"), dtype="datetime64[D]")
        is_open, clean, waiting = False, 0, -1
        for i in range(len(days)):
            if rows[i] >= MINIMUM_ROWS:
                if self.bad[i]:
                    clean = 0
                    if is_open or rows[i] >= ENOUGH_ROWS or waiting >= 0:
                        is_open = True
                        self.flagged_from[i] = days[i]
                        if waiting >= 0:
                            self.flagged_from[waiting] = days[i]
                        waiting = -1
                    else:
                        waiting = i
                else:
                    waiting, clean = -1, clean + 1
                    is_open = is_open and clean < CLEAN_DAYS_TO_CLEAR
            self.open[i] = is_open


@dataclass(frozen=True)
class FeatureQuality:
    """All checks of one feature; ``left_out`` marks its days that no drift window may use."""

    name: str
    checks: tuple[QualitySeries, ...]
    null_share: Floats

    @property
    def open(self) -> Flags:
        """Days on which any finding that breaks the feature is open."""
        flags: Flags = (
            np.any([check.open for check in self.breaking], axis=0)
            if self.breaking
            else np.zeros(len(self.null_share), bool)
        )
        return flags

    @property
    def breaking(self) -> tuple[QualitySeries, ...]:
        """The checks that say the data are broken; a sudden level change only asks to look."""
        return tuple(check for check in self.checks if check.kind is not FindingKind.LEVEL_CHANGE)

    @property
    def flagged_from(self) -> Days:
        """Per day the first day on which it is known to be broken; NaT if it is not."""
        if not self.breaking:
            return np.full(len(self.null_share), np.datetime64("NaT"), dtype="datetime64[D]")
        first: Days = np.fmin.reduce([check.flagged_from for check in self.breaking])
        return first


def _share_check(share: Floats, rows: np.ndarray, *, normal: float, variance: float, rise: float) -> Flags:
    """Return where a share rose materially and significantly above its normal value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.sqrt(max(normal, SMALLEST_SHARE) * (1 - normal) / rows + variance)
        flags: Flags = (share - normal >= rise) & ((share - normal) / se >= SIGNIFICANT) & (rows >= MINIMUM_ROWS)
    return flags


def _between_days(share: Floats, rows: np.ndarray) -> float:
    """Return the variance of a daily share beyond sampling."""
    used = rows >= MINIMUM_ROWS
    if used.sum() < 2:
        return 0.0
    p = float(np.average(share[used], weights=rows[used]))
    return max(0.0, float(np.var(share[used])) - float((p * (1 - p) / rows[used]).mean()))


def _null_check(
    policy: Policy, nulls: np.ndarray, rows: np.ndarray, ref_nulls: np.ndarray, ref_rows: np.ndarray
) -> QualitySeries:
    normal = float(ref_nulls.sum()) / max(float(ref_rows.sum()), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, ref_share = nulls / rows, ref_nulls / ref_rows
    bad = _share_check(
        share, rows, normal=normal, variance=_between_days(ref_share, ref_rows), rise=max(policy.null_rise, 2 * normal)
    )
    return QualitySeries(FindingKind.NULLS, share, normal, bad)


def is_often_constant(single: Flags, rows: np.ndarray) -> bool:
    """Return whether the reference itself shows a single value on more than 5 % of its days: then nothing is stuck."""
    used = rows >= MINIMUM_ROWS
    if used.sum() < 5:
        used = rows >= 2
    return not used.any() or float(single[used].mean()) > 0.05


def numeric_quality(reference: Reference, profiles: DayProfiles, name: str, policy: Policy) -> FeatureQuality:
    """Return every check of a numeric feature for the days of ``profiles`` (unbroken calendar days)."""
    layout, bins = reference.layout, reference.layout.features[name]
    assert isinstance(bins, NumericBins)  # noqa: S101 - narrows the type for the checker
    n_bins, at = len(bins.edges) + 1, layout.numeric.index(name)
    counts, ref_counts = (
        profiles.counts[:, layout.counts_at[name]],
        reference.profiles.counts[:, layout.counts_at[name]],
    )
    rows, ref_rows = profiles.rows, reference.profiles.rows
    nulls = _null_check(policy, counts[:, n_bins], rows, ref_counts[:, n_bins], ref_rows)
    moments, ref_moments = Moments.of(layout, profiles, name), Moments.of(layout, reference.profiles, name)
    checks = [nulls]
    ref_single = reference.profiles.lows[:, at] == reference.profiles.highs[:, at]
    if not is_often_constant(ref_single, ref_moments.n):
        with np.errstate(invalid="ignore"):
            stuck = (profiles.lows[:, at] == profiles.highs[:, at]) & (moments.n >= MINIMUM_ROWS)
        checks.append(QualitySeries(FindingKind.STUCK, profiles.lows[:, at], float("nan"), stuck))
    with np.errstate(divide="ignore", invalid="ignore"):
        mistyped = counts[:, n_bins + 3] / rows
        ref_mistyped = float(ref_counts[:, n_bins + 3].sum()) / max(float(ref_rows.sum()), 1.0)
        outside = (counts[:, n_bins + 1] + counts[:, n_bins + 2]) / np.maximum(moments.n, 1)
    checks.append(
        QualitySeries(FindingKind.TYPE_CHANGE, mistyped, ref_mistyped, mistyped >= ref_mistyped + MISTYPED_SHARE)
    )
    changed, factors = scale_changes(moments, ref_moments, outside=outside, broken=nulls.bad)
    checks.extend(QualitySeries(kind, factors, 1.0, bad) for kind, bad in changed.items())
    for check in checks:
        check.settle(profiles.day, rows)
    return FeatureQuality(name, tuple(checks), nulls.value)


def categorical_quality(reference: Reference, profiles: DayProfiles, name: str, policy: Policy) -> FeatureQuality:
    """Return every check of a categorical feature for the days of ``profiles`` (unbroken calendar days)."""
    layout, bins = reference.layout, reference.layout.features[name]
    assert isinstance(bins, CategoryBins)  # noqa: S101 - narrows the type for the checker
    n_levels = len(bins.levels)
    counts, ref_counts = (
        profiles.counts[:, layout.counts_at[name]],
        reference.profiles.counts[:, layout.counts_at[name]],
    )
    rows, ref_rows = profiles.rows, reference.profiles.rows
    nulls = _null_check(policy, counts[:, n_levels + 2], rows, ref_counts[:, n_levels + 2], ref_rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        unseen = counts[:, n_levels + 1] / rows
    new = _share_check(unseen, rows, normal=bins.expected_unseen, variance=0.0, rise=0.05)
    checks = [nulls, QualitySeries(FindingKind.NEW_LEVEL, unseen, bins.expected_unseen, new)]
    present, ref_present = counts[:, : n_levels + 2], ref_counts[:, : n_levels + 2]
    ref_single = (ref_present > 0).sum(axis=1) == 1
    if not is_often_constant(ref_single, ref_present.sum(axis=1)) and ref_present.sum() and bins.can_drift:
        single = ((present > 0).sum(axis=1) == 1) & (present.sum(axis=1) >= MINIMUM_ROWS)
        share = ref_present.sum(axis=0) / ref_present.sum()
        likely = share[present.argmax(axis=1)] ** present.sum(axis=1) >= 1e-9
        checks.append(
            QualitySeries(FindingKind.STUCK, present.max(axis=1).astype(np.float64), float("nan"), single & ~likely)
        )
    for check in checks:
        check.settle(profiles.day, rows)
    return FeatureQuality(name, tuple(checks), nulls.value)


def score_range(reference: Reference, profiles: DayProfiles) -> QualitySeries:
    """Return the days with scores outside their range; what the reference itself does is no finding."""
    at = reference.layout.score_at.stop - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        share = profiles.counts[:, at] / profiles.rows
    normal = float(reference.counts[at]) / max(reference.rows, 1)
    series = QualitySeries(FindingKind.SCORE_RANGE, share, normal, (profiles.counts[:, at] > 0) & (normal == 0.0))
    series.settle(profiles.day, profiles.rows)
    return series


def feature_quality(reference: Reference, profiles: DayProfiles, policy: Policy) -> dict[str, FeatureQuality]:
    """Return the checks of every feature."""
    return {
        name: (numeric_quality if isinstance(bins, NumericBins) else categorical_quality)(
            reference, profiles, name, policy
        )
        for name, bins in reference.layout.features.items()
    }
