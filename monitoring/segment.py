"""One version in service, day by day: every series a verdict is read from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from monitoring.data_quality import CHANGES_OF_UNIT, FeatureQuality, QualitySeries, feature_quality, score_range
from monitoring.drift import (
    MINIMUM_ROWS,
    SMALL_REFERENCE_DAYS,
    SMALL_REFERENCE_ROWS,
    DriftSeries,
    drift_of_columns,
    null_variations,
    window_indices,
)
from monitoring.estimate import EstimateSeries, estimate_series, smallest_detectable_effect
from monitoring.explanation import Explanation, explanation
from monitoring.label_coverage import CoverageSeries, coverage_series
from monitoring.label_profile import LabelProfiles, label_sums
from monitoring.log_quality import future_rows, with_missing_columns
from monitoring.performance import ONE_SIDED_95, PerformanceSeries, ReferenceYardstick
from monitoring.portfolio_shift import ShiftKind
from monitoring.score_mix import ReferenceByScore
from monitoring.shift_effects import quality_in_world_shift
from monitoring.traffic import TrafficSeries, traffic_series
from monitoring.window import calendar, in_a_row, latched, rolling_sum

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from monitoring.policy import Policy
    from monitoring.portfolio import Model, ModelVersion
    from monitoring.portfolio_shift import Shift
    from monitoring.ports import Days, Flags, Floats
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference

CLEAR_DAYS = 7
DRIFT_DAYS = 3
DRIFT_CLEAR_DAYS = 10
UNLABELLED_DAYS = 7
NOT_HELPED_CLEAR_DAYS = 10
HELPED_DAYS = 28
EARLY_DAYS = 28
# An estimate is looked at every day: at three standard errors chance hardly ever passes.
ESTIMATE_ERRORS = 3.0
YEAR_DAYS = 364
SLOW_REFERENCE_DAYS = 12
WORLD_SHIFT_RETRAIN = 4.0
"""METHODS section 9: the level for 21 days, so that models hit by a changed world are found sooner."""

OF_ROWS = ("days", "daily", "live", "traffic", "score_range", "future_rows")
OF_ROWS_WITHOUT_WORLD_SHIFTS = ("quality", "minor_quality", "left_out_from", "days_left_out_from")
"""What a segment works out of nothing but the rows of its span, its reference, its card and the policy."""


@dataclass(frozen=True)
class Segment:
    """One version from the day it took over to the last day judged.

    ``profiles`` and ``labels`` hold what was known; rows and labels outside ``first``..``last`` are ignored, so windows do
    not cross a change of version. ``previous`` is the reference of the version before (for "retraining did not help"),
    ``earlier`` the labels that arrived on the days up to ``first`` (``world_labels``), ``skill_before`` the skill of the version
    before over its last 28 days of labels with its standard error. ``shifts`` are the portfolio shifts open per day, whichever
    models they touch. Up to ``quiet_to`` it is known that no change of unit began.
    """

    model: Model
    version: ModelVersion
    reference: Reference
    profiles: DayProfiles
    labels: LabelProfiles
    first: date
    last: date
    policy: Policy
    previous: Reference | None = None
    earlier: Floats | None = None
    skill_before: tuple[float, float] | None = None
    shifts: Mapping[date, tuple[Shift, ...]] = field(default_factory=dict)
    quiet_to: date | None = None

    def take_over(self, other: Segment) -> None:
        """Take over what another segment of the same profiles has worked out of the inputs; of another span or card it is nothing.

        Shifts and labels may differ: what depends on them is worked out anew.
        """
        same = ("profiles", "reference")
        if any(getattr(self, name) is not getattr(other, name) for name in same) or (
            (self.first, self.last, self.policy, self.model) != (other.first, other.last, other.policy, other.model)
        ):
            return
        in_shift = self._world_shifts or other._world_shifts
        for name in OF_ROWS if in_shift else (*OF_ROWS, *OF_ROWS_WITHOUT_WORLD_SHIFTS):
            if name in other.__dict__:
                self.__dict__[name] = other.__dict__[name]

    @cached_property
    def days(self) -> Days:
        """Every calendar day of the segment."""
        return calendar(self.first, self.last)

    def day_at(self, i: int) -> date:
        """Return the day with index ``i``; it may lie outside the segment."""
        day: date = (self.days[0] + np.timedelta64(int(i), "D")).astype(object)
        return day

    @cached_property
    def cadence_days(self) -> int:
        """Days from one day with rows to the next: what the card says, else as in the reference."""
        said = {"daily": 1, "weekly": 7, "monthly": 30}
        return said.get(self.model.cadence or "", self.reference.cadence_days)

    @cached_property
    def stretch(self) -> int:
        """How much longer windows are than a daily model's: two cadences stand for a week."""
        return 1 if self.cadence_days <= 1 else max(1, -(-2 * self.cadence_days // 7))

    @cached_property
    def small_reference(self) -> bool:
        """Whether the reference is too small for its own thresholds: 500 rows and 14 days, 12 days with rows if not daily."""
        few_days = self.cadence_days > 1 and len(self.reference.profiles) < SLOW_REFERENCE_DAYS
        small = self.reference.rows < SMALL_REFERENCE_ROWS or self.reference.days < SMALL_REFERENCE_DAYS
        return self.reference.has_days and (small or few_days)

    @cached_property
    def daily(self) -> DayProfiles:
        """Profiles on every calendar day."""
        return self.profiles.on(self.days)

    @cached_property
    def live(self) -> Flags:
        """Days with rows; a day without rows does not exist for conditions that count days."""
        flags: Flags = self.daily.rows > 0
        return flags

    @cached_property
    def traffic(self) -> TrafficSeries:
        """Traffic conditions."""
        return traffic_series(
            self.reference, self.daily.rows, self.policy, stretch=self.stretch, cadence_days=self.cadence_days
        )

    @cached_property
    def quality(self) -> dict[str, FeatureQuality]:
        """Data-quality checks per feature."""
        found = feature_quality(self.reference, self.daily, self.policy, quiet_to=self.quiet_to)
        found = with_missing_columns(found, self.reference, self.daily)
        if not self._world_shifts:
            return found
        bins, sources = self.reference.layout.features, self.reference.sources
        return {
            name: quality_in_world_shift(quality, bins[name], self.in_world_shift(sources.get(name)), self.daily)
            for name, quality in found.items()
        }

    @property
    def may_have_changed_units(self) -> bool:
        """Whether a change of unit was found, or nobody has searched for one."""
        quality = self.__dict__.get("quality")
        if quality is None:
            return True
        return any(check.kind in CHANGES_OF_UNIT for feature in quality.values() for check in feature.checks)

    def shifts_open_on(self, i: int) -> tuple[Shift, ...]:
        """Return the portfolio shifts open on day ``i``."""
        return self.shifts.get(self.day_at(i), ())

    @cached_property
    def _world_shifts(self) -> dict[int, list[Shift]]:
        """The world shifts per day index."""
        found = {}
        for day, shifts in self.shifts.items():
            world = [shift for shift in shifts if shift.kind is ShiftKind.WORLD]
            if world and self.first <= day <= self.last:
                found[(day - self.first).days] = world
        return found

    def in_world_shift(self, source: str | None) -> Flags:
        """Return the days on which features from ``source`` of this model are exposed to a world shift."""
        exposed = np.zeros(len(self.days), dtype=bool)
        for i, shifts in self._world_shifts.items():
            exposed[i] = any(shift.exposes(self.model, source) for shift in shifts)
        return exposed

    def weighs(self, shift: Shift) -> bool:
        """Return whether the features exposed to a shift matter to the model: together they reach the gate of importance."""
        if not self.reference.has_importance:
            return True
        shares = self.reference.importance.items()
        exposed = [share for name, share in shares if shift.exposes(self.model, self.reference.sources.get(name))]
        return sum(exposed) >= self.policy.data_quality_gate

    @cached_property
    def retrain_level(self) -> Floats:
        """The CUSUM's level of "retrain" per day: in a world shift that touches the model that of "watch"."""
        level = np.full(len(self.days), self.policy.cusum_retrain)
        for i, shifts in self._world_shifts.items():
            if any(shift.touches(self.model.id) for shift in shifts):
                level[i] = min(WORLD_SHIFT_RETRAIN, self.policy.cusum_retrain)
        return level

    @cached_property
    def score_range(self) -> QualitySeries:
        """The check that scores lie in their range."""
        return score_range(self.reference, self.daily)

    @cached_property
    def future_rows(self) -> QualitySeries:
        """The check that no row is stamped in the future."""
        return future_rows(self.reference, self.daily)

    @cached_property
    def minor_quality(self) -> Flags:
        """Days whose open findings together weigh less than the gate: a watch, the days stay in the windows."""
        return self._open_importance_below_gate(np.array([q.open for q in self.quality.values()]))

    def _open_importance_below_gate(self, flags: Flags) -> Flags:
        """Return the days on which the features flagged, of ``flags`` ``(features, days)``, weigh less than the gate together."""
        shares = np.array([self.reference.importance[name] for name in self.quality])
        if not self.reference.has_importance or not flags.any():
            return np.zeros(len(self.days), dtype=bool)
        weight = (flags * shares[:, None]).sum(axis=0)
        below: Flags = np.any(flags, axis=0) & (weight < self.policy.data_quality_gate)
        return below

    @cached_property
    def left_out_from(self) -> dict[str, Days]:
        """Per feature and day: since when the day is known to be broken (NaT: it is not, or it hardly matters)."""
        flagged = np.array([quality.flagged_from for quality in self.quality.values()], dtype="datetime64[D]")
        if flagged.size and self.reference.has_importance:
            for i in np.flatnonzero(~np.isnat(flagged).all(axis=0)).tolist():
                flagged[:, i] = self._past_the_gate(flagged[:, i])
        return dict(zip(self.quality, flagged, strict=True))

    def _past_the_gate(self, flagged: Days) -> Days:
        """Return since when a day is left out for each feature: not before those known to be broken reach the gate together."""
        shares = np.array([self.reference.importance[name] for name in self.quality])
        known = np.unique(flagged[~np.isnat(flagged)])
        reached = [at for at in known if shares[flagged <= at].sum() >= self.policy.data_quality_gate]
        if not reached:
            return np.full_like(flagged, np.datetime64("NaT"))
        later: Days = np.where(np.isnat(flagged), flagged, np.maximum(flagged, reached[0]))
        return later

    def _left_out_at(self, left_out_from: Days) -> np.ndarray:
        """Return the same as indices of days, for days that are not left out the number of days."""
        since = (left_out_from - self.days[0]).astype(np.int64)
        return np.where(np.isnat(left_out_from), len(self.days), since)

    @cached_property
    def days_left_out_from(self) -> Days:
        """Per day: since when it is known to be broken in any feature that matters, or in its scores."""
        of_rows = (self.score_range.flagged_from, self.future_rows.flagged_from)
        first: Days = np.fmin.reduce([*self.left_out_from.values(), *of_rows])
        return first

    @cached_property
    def drift(self) -> dict[str, DriftSeries]:
        """Drift per feature that can drift."""
        return dict(zip(self.reference.drifting[0], self._drift, strict=False))

    @cached_property
    def score_drift(self) -> DriftSeries:
        """Drift of the score; days with broken inputs are left out."""
        return self._drift[-1]

    @cached_property
    def _drift(self) -> list[DriftSeries]:
        """Compare features that can drift, and last the score, on the days that are not left out.

        The reference's days are spread over its calendar. A reference without days says nothing about day-to-day variation: the
        first 28 days in service do, once over. A day that is known to be broken only later counts until then, as it did that day.
        """
        reference = self.reference
        names, merged = reference.drifting
        left_out = [*(self.left_out_from[name] for name in names), self.days_left_out_from]
        columns = merged.columns
        current, left_out_at = merged(self.daily.counts), self._left_out_at(np.array(left_out)).T
        at = (reference.profiles.day - np.datetime64(reference.first_day)).astype(np.int64)
        per_day = np.zeros((reference.days, current.shape[1]), dtype=np.int64)
        per_day[at] = reference.drifting_days
        window, first_days = 7 * self.stretch, EARLY_DAYS * self.stretch
        total, floor = per_day.sum(axis=0), self.policy.psi_floor
        variation = null_variations(columns, per_day, window_days=window, has_days=reference.has_days)
        if self.small_reference:
            variation = replace(variation, factor=2.0, provisional=True)
        indices = window_indices(columns, total, current, window_days=window, left_out_at=left_out_at)
        if len(current) > YEAR_DAYS:
            last_year = np.full((len(current), len(columns)), np.nan)
            last_year[YEAR_DAYS:] = indices[0][:-YEAR_DAYS]
            variation = variation.with_block(last_year)
        found = drift_of_columns(columns, total, indices, variation, floor=floor)
        if reference.has_days or len(current) <= first_days:
            return found
        early = (current * columns.spread(left_out_at > first_days))[:first_days]
        learnt = replace(null_variations(columns, early, window_days=window), provisional=np.ones(len(columns), bool))
        later = drift_of_columns(columns, total, indices, learnt, floor=floor)
        return [first.followed_by(then, at=first_days) for first, then in zip(found, later, strict=True)]

    @cached_property
    def drift_score(self) -> Floats:
        """Importance-weighted excess drift D; NaN while no feature can be compared."""
        if not self.drift:
            return np.full(len(self.days), np.nan)
        weighted = np.array([self.reference.importance[name] * series.excess for name, series in self.drift.items()])
        known = np.any([~np.isnan(series.psi) for series in self.drift.values()], axis=0)
        return np.where(known, weighted.sum(axis=0), np.nan)

    @cached_property
    def drift_watch(self) -> Flags:
        """D at or above the level on three days in a row, held until 10 days without: a score about the level would come and go."""
        with np.errstate(invalid="ignore"):
            moved = in_a_row(self.drift_score >= self.policy.drift_watch, counted=self.live) >= DRIFT_DAYS
        return latched(moved, clear_days=DRIFT_CLEAR_DAYS, counted=self.live)

    @cached_property
    def sums(self) -> Floats:
        """Label sums by arrival day, without prediction days that were broken."""
        return label_sums(
            self.own_labels, self.days, left_out_from=self.days_left_out_from, width=self.reference.label_layout.width
        )

    @cached_property
    def own_labels(self) -> LabelProfiles:
        """Labels of predictions made in this segment."""
        own = (self.labels.day >= self.days[0]) & (self.labels.day <= self.days[-1])
        return LabelProfiles(self.labels.arrival[own], self.labels.day[own], self.labels.vectors[own])

    @cached_property
    def label_age(self) -> Floats:
        """Mean days from prediction to label, of the labels that arrived on each day; 0 on days without."""
        labels = self.own_labels
        n = self.reference.label_layout.field(labels.vectors, "n")
        at = (labels.arrival - self.days[0]).astype(np.int64)
        inside = (at >= 0) & (at < len(self.days))
        age = (labels.arrival - labels.day).astype(np.int64)
        total = np.bincount(at[inside], weights=(n * age)[inside], minlength=len(self.days))
        rows = np.bincount(at[inside], weights=n[inside], minlength=len(self.days))
        return total / np.maximum(rows, 1)

    @cached_property
    def performance(self) -> PerformanceSeries | None:
        """Realised performance, if the reference has labels to compare with."""
        if not self.reference.label_rows:
            return None
        return PerformanceSeries(
            self.reference,
            self.sums,
            policy=self.policy,
            label_age=self.label_age,
            earlier=self.earlier,
            stretch=self.stretch,
            counted=self.live,
            cusum_retrain=self.retrain_level,
        )

    @cached_property
    def against_previous(self) -> PerformanceSeries | None:
        """Realised performance measured by the previous version's reference, after a retraining."""
        if self.previous is None or not self.previous.label_rows or not self.reference.label_rows:
            return None
        return PerformanceSeries(
            self.reference,
            self.sums,
            policy=self.policy,
            earlier=self.earlier,
            yardstick=ReferenceYardstick.of(self.previous),
            stretch=self.stretch,
        )

    @cached_property
    def settling(self) -> Flags:
        """Days after a retraining until the label delay and 7 days have passed."""
        if self.previous is None:
            return np.zeros(len(self.days), dtype=bool)
        flags: Flags = np.arange(len(self.days)) < (self.model.label_delay_days or 0) + CLEAR_DAYS * self.stretch
        return flags

    @cached_property
    def did_not_help(self) -> Flags:
        """Days on which the retraining is shown not to have helped.

        No longer asked once it did: the loss against the old reference is bounded below the level on 28 days in a row.
        """
        series = self.against_previous
        if series is None:
            return np.zeros(len(self.days), dtype=bool)
        week = series.window[7]
        with np.errstate(invalid="ignore"):
            bad = (week.z >= 3) & (week.effect >= self.policy.effect_retrain) & ~self.settling
            fine = (series.effect_high < self.policy.effect_retrain) & ~self.settling
        helped = np.logical_or.accumulate(in_a_row(fine, counted=series.n > 0) >= HELPED_DAYS)
        return latched(bad & ~helped, clear_days=NOT_HELPED_CLEAR_DAYS, counted=self.live)

    @cached_property
    def performance_watch(self) -> Flags:
        """Watch condition of METHODS section 4, held until 7 days without."""
        if self.performance is None:
            return np.zeros(len(self.days), dtype=bool)
        crossed = self.performance.watch_condition | self.performance.retrain_condition
        return latched(crossed, clear_days=CLEAR_DAYS, counted=self.live)

    @cached_property
    def performance_retrain(self) -> Flags:
        """Retrain condition of METHODS section 4, held until 7 days without."""
        if self.performance is None:
            return np.zeros(len(self.days), dtype=bool)
        return latched(self.performance.retrain_condition, clear_days=CLEAR_DAYS, counted=self.live)

    @cached_property
    def estimate(self) -> EstimateSeries:
        """Estimated loss of skill from the score mix."""
        counts = self.daily.counts[:, self.reference.layout.score_at]
        left_out_at = self._left_out_at(self.days_left_out_from)
        return estimate_series(self.reference, counts, window_days=7 * self.stretch, left_out_at=left_out_at)

    @cached_property
    def by_score(self) -> ReferenceByScore:
        """What the reference expects per bin of the score."""
        return ReferenceByScore.of(self.reference)

    @cached_property
    def mean_score_28(self) -> Floats:
        """Mean score of the predictions whose labels arrived in the last 28 days, as of their days; NaN if unknown."""
        counts = self.daily.counts[:, self.reference.layout.score_at]
        scored = counts[:, : len(self.reference.layout.score.edges) + 1].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.daily.sums[:, -2] / scored
        labels = self.own_labels
        n = self.reference.label_layout.field(labels.vectors, "n")
        day, arrival = ((days - self.days[0]).astype(np.int64) for days in (labels.day, labels.arrival))
        used = (arrival >= 0) & (arrival < len(self.days)) & np.isfinite(mean[np.clip(day, 0, len(mean) - 1)])
        parts = [
            np.bincount(arrival[used], weights=weights[used], minlength=len(self.days))
            for weights in (n, n * mean[np.clip(day, 0, len(mean) - 1)])
        ]
        rows, total = (rolling_sum(part, days=28 * self.stretch) for part in parts)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(rows > 0, total / rows, np.nan)

    @property
    def last_skill(self) -> tuple[float, float] | None:
        """Skill over the last 28 days of labels and its standard error; nothing without labels."""
        return None if self.performance is None else self.performance.skill_on(len(self.days) - 1)

    def retraining(self, i: int) -> dict[str, float]:
        """Return what a retraining brought: skill before and after and their difference with its 90 % interval (METHODS section 8)."""
        after = None if self.performance is None else self.performance.skill_on(i)
        if self.skill_before is None or after is None:
            return {}
        difference, half = (
            after[0] - self.skill_before[0],
            ONE_SIDED_95 * float(np.hypot(after[1], self.skill_before[1])),
        )
        values = {
            "skill_before": self.skill_before[0],
            "skill_after": after[0],
            "skill_difference": difference,
            "skill_difference_low": difference - half,
            "skill_difference_high": difference + half,
        }
        return {name: round(value, 4) for name, value in values.items()}

    def explained(self, i: int) -> Explanation | None:
        """Return the two parts of the loss of skill on day ``i``; nothing without labels."""
        if self.performance is None:
            return None
        score = float(self.mean_score_28[i])
        return explanation(self.by_score, self.performance, i, mean_score=score if np.isfinite(score) else None)

    @cached_property
    def coverage(self) -> CoverageSeries | None:
        """Which predictions get a label; unknown while the usual label delay is."""
        if not self.reference.label_rows or self.model.label_delay_days is None:
            return None
        return coverage_series(
            self.reference,
            self.own_labels,
            self.daily.counts[:, self.reference.layout.score_at],
            self.days,
            delay_days=int(np.ceil(self.model.label_delay_days)),
            stretch=self.stretch,
        )

    @cached_property
    def too_few_rows(self) -> Flags:
        """Days with fewer than 30 rows in 91 days: only traffic, registry, stuck and null checks mean anything."""
        flags: Flags = self.traffic.rows_91 < MINIMUM_ROWS
        return flags

    @cached_property
    def beyond_detection(self) -> Flags:
        """Days of tiny traffic on which even a loss of all skill would not show on the rows of 91 days.

        Held for four weeks without: the rows of a tiny model swing about any limit.
        """
        tiny = (self.traffic.rows_7 < MINIMUM_ROWS) & (np.arange(len(self.days)) >= CLEAR_DAYS * self.stretch - 1)
        smallest = smallest_detectable_effect(self.reference, 1.0, policy=self.policy)
        if smallest is None:
            return np.zeros(len(self.days), dtype=bool)
        undetectable = tiny & (smallest > np.sqrt(np.maximum(self.traffic.rows_91, 1)))
        return latched(undetectable, clear_days=EARLY_DAYS * self.stretch)

    @cached_property
    def moved_last_year(self) -> Flags:
        """Days on which the drift watch also stood within a week of the same day of last year."""
        around = rolling_sum(self.drift_watch.astype(np.int64), days=2 * CLEAR_DAYS + 1) > 0
        shift = YEAR_DAYS - CLEAR_DAYS
        flags = np.zeros(len(self.days), dtype=bool)
        flags[shift:] = around[: max(len(self.days) - shift, 0)]
        return flags

    @cached_property
    def newest_labelled(self) -> np.ndarray:
        """Per day the index of the newest prediction day that had a label by then; -1 before the first."""
        newest = np.full(len(self.days), -1, dtype=np.int64)
        arrival = (self.labels.arrival - self.days[0]).astype(np.int64)
        day = (self.labels.day - self.days[0]).astype(np.int64)
        inside = (arrival >= 0) & (arrival < len(self.days)) & (day >= 0)
        np.maximum.at(newest, arrival[inside], day[inside])
        return np.maximum.accumulate(newest)

    @cached_property
    def unlabelled(self) -> Flags:
        """Days on which labels are missing for longer than twice their usual delay and a week, or never came."""
        age = np.arange(len(self.days)) - self.newest_labelled
        flags: Flags = age > 2 * (self.model.label_delay_days or 0) + CLEAR_DAYS * self.stretch
        return flags

    @cached_property
    def estimated_retrain(self) -> Flags:
        """Without labels: strong drift, or an estimated material loss with drift, on seven days in a row, held until 7 days without."""
        policy = self.policy
        with np.errstate(invalid="ignore"):
            strong = self.drift_score >= policy.drift_retrain_unlabelled
            lost = (self.estimate.effect >= policy.effect_retrain) & self.score_drift.significant
            lost &= self.drift_score >= policy.drift_watch
        asked = in_a_row(strong | lost, counted=self.live) >= UNLABELLED_DAYS
        flags: Flags = latched(asked, clear_days=CLEAR_DAYS, counted=self.live) & self.unlabelled
        return flags

    @cached_property
    def estimated_watch(self) -> Flags:
        """Estimated material loss, clear of its own error, on prediction days that no label covers yet."""
        with np.errstate(invalid="ignore"):
            lost = self.estimate.effect >= self.policy.effect_retrain
            lost &= self.estimate.effect >= ESTIMATE_ERRORS * self.estimate.se
        uncovered = np.arange(len(self.days)) - self.newest_labelled > CLEAR_DAYS * self.stretch
        asked = in_a_row(lost & uncovered, counted=self.live) >= DRIFT_DAYS
        flags: Flags = latched(asked, clear_days=CLEAR_DAYS, counted=self.live) & uncovered
        return flags
