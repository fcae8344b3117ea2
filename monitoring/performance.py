"""Realised performance: has the model lost skill against a naive forecast of the same days? (METHODS sections 4 and 8)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, sqrt
from typing import TYPE_CHECKING

import numpy as np

from monitoring.metrics import AREA_THAT_RANKS, area_bounds, has_rare_class
from monitoring.portfolio import Task
from monitoring.reference import SMALLEST_LOSS
from monitoring.score_mix import misfits, rows_by_score
from monitoring.window import in_a_row, rolling_sum, switched, window_sums

if TYPE_CHECKING:
    from monitoring.label_profile import LabelLayout
    from monitoring.policy import Policy
    from monitoring.ports import Flags, Floats
    from monitoring.reference import Reference

WINDOWS = (7, 14, 28)
WIDER_WINDOWS = (14, 28, 56, 91)
MINIMUM_LABELS = 20
STEP_LABELS, STEP_RARER_LABELS, STEP_DAYS = 10, 4, 7
CLIP, SLACK, HIGHEST_CUSUM = 4.0, 0.5, 30.0
SMALLEST_SKILL = 0.10
SMALLEST_LOSS_RATIO, SMALLEST_NAIVE_SHARE = 1e-4, 0.01
ONE_SIDED_95 = 1.645
ONSET_DAYS = 21
PROVEN = 3.0


def average_run_length(level: float, *, slack: float = SLACK) -> float:
    """Return the expected steps until a false alarm of a CUSUM at ``level`` on independent standard normal values.

    Source: Siegmund 1985, as in METHODS section 4.

    >>> round(average_run_length(6.0), -1)
    2570.0
    """
    reach = 2 * slack * (level + 1.166)
    return (exp(reach) - reach - 1) / (2 * slack**2)


def raised(level: float, z: float) -> float:
    """Return a CUSUM after one more standardised value, which counts no more than the clip (METHODS section 4).

    >>> raised(1.0, 9.0)
    4.5
    """
    return min(HIGHEST_CUSUM, max(0.0, level + max(-CLIP, min(CLIP, z)) - SLACK))


@dataclass(frozen=True)
class ReferenceYardstick:
    """What the reference says about u: row variance ``v``, between-day variance ``tau2``, rows ``n``, c, label means.

    ``naive_loss`` is the mean loss of its naive forecast.
    """

    v: float
    tau2: float
    n: int
    c: float
    label_means: Floats
    hard: bool
    naive_loss: float

    @classmethod
    def of(cls, reference: Reference) -> ReferenceYardstick:
        """Measure the reference's own days (METHODS section 4)."""
        layout, totals, n = reference.label_layout, reference.totals, reference.label_rows
        c = layout.loss_ratio
        v = float(layout.u2(totals, c=c)) / max(n, 1) - (float(layout.u(totals, c=c)) / max(n, 1)) ** 2
        vectors = reference.labels.vectors
        n_day = layout.field(vectors, "n")
        m_day = layout.u(vectors, c=c) / np.maximum(n_day, 1)
        tau2 = 0.0
        if reference.has_days and n_day.sum() > 0:
            tau2 = 1.3 * max(0.0, float(np.average(m_day**2 - v / np.maximum(n_day, 1), weights=n_day)))
        return cls(max(v, 0.0), tau2, n, c, np.asarray(layout.label_means), layout.hard, reference.naive_loss)


@dataclass(frozen=True)
class WindowTest:
    """One window length, day by day: labels, mean of u, its standard error and the effect; arrays ``(days,)``."""

    n: Floats
    mean: Floats
    se: Floats
    effect: Floats

    @cached_property
    def z(self) -> Floats:
        """Mean over its standard error."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.mean / self.se

    def z_beyond(self, tolerated: Floats) -> Floats:
        """Return z of the part beyond a tolerated mean."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.mean - tolerated) / self.se


class PerformanceSeries:
    """Realised performance of one version against one reference, for every day of ``days``.

    ``sums`` (days, width) are label sums by arrival day without prediction days left out; arrays have shape ``(days,)``.
    ``onset`` is the index of the estimated first prediction day of a change (it may lie before the first day).
    ``improvement`` is the CUSUM of the other direction: it resets nothing and only says "better than in the reference".
    """

    def __init__(
        self,
        reference: Reference,
        sums: Floats,
        *,
        policy: Policy,
        label_age: Floats | None = None,
        earlier: Floats | None = None,
        yardstick: ReferenceYardstick | None = None,
        stretch: int = 1,
        counted: Flags | None = None,
        cusum_retrain: Floats | None = None,
        labels_by_score: Floats | None = None,
        start: int = 0,
    ) -> None:
        """Compute windows, effects and the CUSUM.

        Args:
            reference: gives the layout of the sums and, unless ``yardstick`` does, what they are compared with.
            sums: label sums by arrival day, shape ``(days, width)``.
            policy: the thresholds.
            earlier: n, y and y^2 of the labels of the version before, per day up to the first one, shape ``(days, 2 + kinds)``:
                the naive forecast knows the world's labels, whichever version they belong to.
            label_age: mean days from prediction to label of the labels that arrived each day; 0 if not given.
            yardstick: another reference's yardstick, to compare with the version before.
            stretch: how much wider windows are for weekly and monthly models.
            counted: the days that exist for conditions that count days; all of them if not given.
            cusum_retrain: the CUSUM's level of "retrain" per day; by default that of the policy.
            labels_by_score: labelled rows per test bin of the score, shape ``(days, bins)``; counted in ``sums`` if not given.
            start: the first day whose sums of 28 days are complete; ``sums`` of days too old for that may lack all but the fields
                before the score bins.
        """
        self.reference, self.layout, self.policy = reference, reference.label_layout, policy
        self.yardstick = yardstick or ReferenceYardstick.of(reference)
        self.sums, self.start = sums, start
        self.labels_by_score = rows_by_score(self.layout, sums) if labels_by_score is None else labels_by_score
        self.n = self.layout.field(sums, "n")
        self.label_age = np.zeros(len(sums)) if label_age is None else label_age
        self.earlier = earlier
        self.stretch = stretch
        self.counted = np.ones(len(sums), dtype=bool) if counted is None else counted
        self.cusum_retrain = np.full(len(sums), policy.cusum_retrain) if cusum_retrain is None else cusum_retrain
        short = reference.days < policy.short_reference_days
        self.short_reference = short
        self.delta = policy.tolerance_short_reference if short else policy.tolerance
        self._set_last_28_days()
        self.window = {days: self._window(days) for days in WINDOWS}
        self._set_cusum()

    def _rolled(self, days: int) -> Floats:
        """Return the sums over the last days, of the fields before the score bins: those the tests need."""
        return rolling_sum(self.sums[:, : self.layout.tested], days=days * self.stretch)

    @cached_property
    def sums_28(self) -> Floats:
        """Label sums over the last 28 days; on days before ``start`` only of the fields before the score bins."""
        days, tested = 28 * self.stretch, self.layout.tested
        sums = np.zeros(self.sums.shape)
        sums[:, :tested] = rolling_sum(self.sums[:, :tested], days=days)
        sums[self.start :, tested:] = window_sums(self.sums[:, tested:], days=days, start=self.start)
        return sums

    def _u(self, sums: Floats) -> Floats:
        """Return the sum of u under this yardstick."""
        return self.layout.field(sums, "loss") - self.yardstick.c * self._naive(sums)

    def _naive(self, sums: Floats) -> Floats:
        """Return the sum of the naive losses; for another reference's label means expanded into sums of y and y^2."""
        if self.yardstick.hard or tuple(self.yardstick.label_means) == self.layout.label_means:
            return self.layout.field(sums, "naive")
        means = self.yardstick.label_means
        y, n = self.layout.field(sums, "y"), self.layout.field(sums, "n")
        naive: Floats = self.layout.field(sums, "y2") - 2 * (y * means).sum(axis=-1) + n * float((means**2).sum())
        return naive

    def _set_last_28_days(self) -> None:
        layout, sums, c = self.layout, self.sums_28, self.yardstick.c
        n = layout.field(sums, "n")
        self.own_shift = self._own_shift()
        self.loss_ratio = max(c, SMALLEST_LOSS_RATIO)
        with np.errstate(divide="ignore", invalid="ignore"):
            naive = np.where(n > 0, self._naive(sums) / n - self.own_shift, self.yardstick.naive_loss)
            row_variance = layout.u2(sums, c=c) / n - (layout.u(sums, c=c) / n) ** 2
        # Labels that are all alike leave a naive forecast without a loss, and any effect without a measure.
        self.naive_own = np.maximum(naive, max(SMALLEST_NAIVE_SHARE * self.yardstick.naive_loss, SMALLEST_LOSS))
        floor = 0.3 * self.yardstick.v
        self.v = np.where(n >= MINIMUM_LABELS, np.maximum(row_variance, floor), self.yardstick.v)
        self.is_floored = 1 - c < SMALLEST_SKILL
        self.by_advantage = max(1 - c, SMALLEST_SKILL) * self.naive_own
        by_loss = self.loss_ratio * self.naive_own / self.policy.double_loss_effect
        self.scale = np.minimum(self.by_advantage, by_loss)
        self.second_yardstick = by_loss < self.by_advantage

    def _own_shift(self) -> Floats:
        """Return by how much the naive forecast improves when it knows the label mean of the last 28 days."""
        own = world_labels(self.layout, self.sums)
        before = own[:0] if self.earlier is None else self.earlier
        sums = rolling_sum(np.concatenate((before, own)), days=28 * self.stretch)[len(before) :]
        n, safe = sums[:, 0], np.maximum(sums[:, 0], 1)
        means = sums[:, 2:] / safe[:, None]
        if self.layout.task is Task.MULTICLASS:
            variance = (means * (1 - means)).sum(axis=-1)
        else:
            variance = np.maximum(sums[:, 1] / safe - means[:, 0] ** 2, 0)
        moved = ((means - self.yardstick.label_means) ** 2).sum(axis=-1) - variance / safe
        enough = (n >= MINIMUM_LABELS) & (not self.yardstick.hard)
        return np.where(enough, np.maximum(moved, 0.0), 0.0)

    def _too_few(self, sums: Floats) -> Flags:
        """Return where a window holds fewer than 20 labels of either class; never when the task is not binary."""
        if self.layout.task is not Task.BINARY:
            return np.zeros(len(sums), dtype=bool)
        positives = self.layout.field(sums, "y")[:, 0]
        n = self.layout.field(sums, "n")
        flags: Flags = np.minimum(positives, n - positives) < MINIMUM_LABELS
        return flags

    def _window(self, days: int) -> WindowTest:
        """Rare classes: the window is raised to 14, 28, 56 and at most 91 days until it has enough (METHODS section 13)."""
        sums, k = self._rolled(days), self._label_days(days)
        for wider in (w for w in WIDER_WINDOWS if w > days):
            few = self._too_few(sums)
            if not few.any():
                break
            sums = np.where(few[:, None], self._rolled(wider), sums)
            k = np.where(few, self._label_days(wider), k)
        n = self.layout.field(sums, "n")
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (
                self._u(sums) / n
                + self.yardstick.c * rolling_sum(self.own_shift * self.n, days=days * self.stretch) / n
            )
            se = np.sqrt(self.v / n + self.yardstick.tau2 / k + self.yardstick.v / max(self.yardstick.n, 1))
            return WindowTest(n, mean, se, mean / self.scale)

    def _label_days(self, days: int) -> Floats:
        return rolling_sum((self.n > 0).astype(np.float64), days=days * self.stretch)

    def _set_cusum(self) -> None:
        """Sum what exceeds the tolerance, step by step; a step is 10 labels or 7 days with labels."""
        yard, days = self.yardstick, len(self.n)
        raw = self._u(self.sums)
        labelled = np.flatnonzero(self.n > 0)
        levels, better, starts = self._cusum_steps(labelled, raw)
        # A day without labels leaves everything as it is.
        newest = np.searchsorted(labelled, np.arange(days), side="right")
        self.cusum, self.improvement, start = levels[newest], better[newest], starts[newest]
        day = np.arange(days)
        self.onset = start - self.label_age[np.minimum(start, day)].astype(np.int64)
        self.onset_first = np.maximum(start, day + 1 - ONSET_DAYS * self.stretch)
        u = raw + yard.c * self.own_shift * self.n
        cumulated = np.concatenate((np.zeros((1, 3)), np.cumsum(np.stack((u, self.n, self.n > 0), axis=1), axis=0)))
        total, n, k = (cumulated[1:] - cumulated[self.onset_first]).T
        known = (n > 0) & (self.scale > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(self.v / n + yard.tau2 / k + yard.v / max(yard.n, 1))
            self.onset_effect = np.where(known, total / n / self.scale, np.nan)
            self.onset_se = np.where(known, np.maximum(error, SMALLEST_LOSS) / self.scale, np.nan)

    def _cusum_steps(self, labelled: np.ndarray, raw: Floats) -> tuple[Floats, Floats, np.ndarray]:
        """Return CUSUM, that of the improvement and the start of its rise: before any label, and after each of the days with labels."""
        yard, enough = self.yardstick, self._step_labels()
        level, better, start, step_u, step_n, step_k = 0.0, 0.0, 0, 0.0, 0.0, 0
        found: list[tuple[float, float, int]] = [(level, better, start)]
        given = (raw, self.n, self.v, yard.c * self.own_shift, self.delta * self.scale)
        for i, *numbers in zip(labelled.tolist(), *(values[labelled].tolist() for values in given), strict=True):
            u, n, v, own, tolerated = numbers
            step_u, step_n, step_k = step_u + u, step_n + n, step_k + 1
            if step_n >= enough or step_k >= STEP_DAYS:
                error = sqrt(v / step_n + yard.tau2 / step_k + yard.v / max(yard.n, 1))
                mean, se = step_u / step_n + own, max(error, SMALLEST_LOSS)
                level, better = raised(level, (mean - tolerated) / se), raised(better, (-mean - tolerated) / se)
                step_u, step_n, step_k = 0.0, 0.0, 0
                if level == 0.0:
                    start = i + 1
            found.append((level, better, start))
        levels, improvements, starts = zip(*found, strict=True)
        return np.array(levels), np.array(improvements), np.array(starts, dtype=np.int64)

    def _step_labels(self) -> float:
        """Return the labels that make a step: 10, and so many that 4 of the rarer class are expected (binary).

        The mean of a few rows among which a positive is rare is far from normal.
        """
        if self.layout.task is not Task.BINARY:
            return STEP_LABELS
        share = float(self.yardstick.label_means[0])
        return max(STEP_LABELS, STEP_RARER_LABELS / max(min(share, 1 - share), SMALLEST_LOSS))

    @cached_property
    def z_28(self) -> Floats:
        """Z over 28 days beyond the tolerance."""
        return self.window[28].z_beyond(self.delta * self.scale)

    @cached_property
    def onset_z(self) -> Floats:
        """Z since the estimated onset beyond the tolerance.

        The error of the reference is common to all days and accumulates in the CUSUM; here it counts once.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            z: Floats = (self.onset_effect - self.delta) / self.onset_se
        return z

    @cached_property
    def onset_misfit(self) -> Floats:
        """Effect since the estimated onset without what the score mix explains."""
        first = self.onset_first
        by_score, sums = (_cumulated(each) for each in (self.labels_by_score, self.sums[:, : self.layout.tested]))
        return self._misfit(by_score[1:] - by_score[first], sums[1:] - sums[first], self.onset_effect)

    @cached_property
    def misfit_28(self) -> Floats:
        """Effect over 28 days without what the score mix explains."""
        by_score = rolling_sum(self.labels_by_score, days=28 * self.stretch)
        return self._misfit(by_score, self.sums_28, self.window[28].effect)

    def _misfit(self, by_score: Floats, sums: Floats, effect: Floats) -> Floats:
        return misfits(self.reference, by_score, sums, effect, c=self.yardstick.c, scale=self.scale)

    def _is_misfit(self, misfit: Floats, se: Floats) -> Flags:
        """Return where a misfit, in effects with its standard error, is half of what is material and proven."""
        with np.errstate(divide="ignore", invalid="ignore"):
            flags: Flags = (misfit >= self.policy.effect_retrain / 2) & ((misfit - self.delta) / se >= PROVEN)
        return flags

    @cached_property
    def effect_low(self) -> Floats:
        """Lower end of the 90 % interval of the 28-day effect."""
        return (self.window[28].mean - ONE_SIDED_95 * self.window[28].se) / self.scale

    @cached_property
    def effect_high(self) -> Floats:
        """Upper end of the 90 % interval of the 28-day effect."""
        return (self.window[28].mean + ONE_SIDED_95 * self.window[28].se) / self.scale

    @cached_property
    def is_better(self) -> Flags:
        """Days on which the model does better than in its reference, as surely as "watch" would say it does worse."""
        with np.errstate(invalid="ignore"):
            materially: Flags = self.window[28].effect <= -self.policy.effect_watch
        return materially & (self.improvement >= self.policy.cusum_watch)

    @cached_property
    def watch_condition(self) -> Flags:
        """Days on which the level "watch" of METHODS section 4 is crossed."""
        policy = self.policy
        with np.errstate(invalid="ignore"):
            by_cusum = (self.cusum >= policy.cusum_watch) & (self.onset_effect >= policy.effect_watch)
            by_cusum &= self.onset_z >= PROVEN
            by_window = (self.z_28 >= 3) & (self.window[28].effect >= policy.effect_watch)
        flags: Flags = by_cusum | by_window
        return flags

    @cached_property
    def retrain_condition(self) -> Flags:
        """Days on which the level "retrain" of METHODS section 4 is crossed and the model is still bad now.

        A population that got harder loses skill as well, but no retraining brings it back: the part that the score mix does
        not explain must be proven too (docs/decisions/0009).
        """
        policy, day = self.policy, np.arange(len(self.n))
        with np.errstate(invalid="ignore"):
            by_cusum = (self.cusum >= self.cusum_retrain) & (self.onset_effect >= policy.effect_retrain)
            by_cusum &= self._is_misfit(self.onset_misfit, self.onset_se)
            if self.short_reference:
                by_cusum &= day - self.onset >= policy.short_reference_onset_days
            by_window = (self.z_28 >= 4) & (self.window[28].effect >= policy.effect_retrain)
            by_window &= self._is_misfit(self.misfit_28, self.window[28].se / self.scale)
            bad_now = (self.window[7].z >= 1.5) & (self.window[7].effect >= policy.effect_retrain / 2)
        flags: Flags = (by_cusum | by_window) & bad_now
        return flags

    @cached_property
    def skill_28(self) -> Floats:
        """1 - loss / naive loss of the same days, over 28 days."""
        n = self.layout.field(self.sums_28, "n")
        with np.errstate(divide="ignore", invalid="ignore"):
            return 1 - self.layout.field(self.sums_28, "loss") / n / self.naive_own

    @cached_property
    def skill_error(self) -> Floats:
        """Standard error of the skill over 28 days."""
        n = self.layout.field(self.sums_28, "n")
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.sqrt(self.v / n + self.yardstick.tau2 / self._label_days(28)) / self.naive_own

    @cached_property
    def skill_upper(self) -> Floats:
        """Upper 95 % bound of the skill over 28 days."""
        return self.skill_28 + ONE_SIDED_95 * self.skill_error

    def skill_on(self, i: int) -> tuple[float, float] | None:
        """Return skill and standard error over the 28 days up to ``i``, from at least 20 labels."""
        if self.layout.field(self.sums_28[i], "n") < MINIMUM_LABELS:
            return None
        return float(self.skill_28[i]), float(self.skill_error[i])

    @cached_property
    def _surely_worse(self) -> Flags:
        """Days on which a skill near 0 is no chance and not only that of rare positives.

        A model that had little skill is often below the floor by chance: it must have lost some, 3 standard errors. One that had
        none is useless only if, where positives are rare, its score does not even rank.
        """
        had = self.reference.skill
        if had <= self.policy.skill_floor:
            if not has_rare_class(self.layout):
                return np.ones(len(self.n), dtype=bool)
            useless: Flags = area_bounds(self.layout, self.sums_28)[1] < AREA_THAT_RANKS
            return useless
        before = self.yardstick.v / max(self.yardstick.n, 1) / max(self.yardstick.naive_loss, SMALLEST_LOSS) ** 2
        flags: Flags = had - self.skill_28 >= PROVEN * np.sqrt(self.skill_error**2 + before)
        return flags

    @cached_property
    def no_better_than_naive(self) -> Flags:
        """Days on which the skill is bounded below the floor: 200 labels, 3 days in a row, held until 7 days at or above."""
        n = self.layout.field(self.sums_28, "n")
        with np.errstate(invalid="ignore"):
            below = (self.skill_upper < self.policy.skill_floor) & (n >= 200) & self._surely_worse
            recovered = self.skill_28 >= self.policy.skill_floor
        return switched(in_a_row(below, counted=self.counted) >= 3, in_a_row(recovered, counted=self.counted) >= 7)


def world_labels(layout: LabelLayout, sums: Floats) -> Floats:
    """Return n, sum of y^2 and sums of y per day, shape ``(days, 2 + kinds)``: what the naive forecast knows."""
    y = layout.field(sums, "y")
    return np.concatenate((layout.field(sums, "n")[:, None], layout.field(sums, "y2")[:, None], y), axis=1)


def _cumulated(values: Floats) -> Floats:
    """Return the sum of all days before each one, and of all."""
    sums: Floats = np.concatenate((np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)))
    return sums
