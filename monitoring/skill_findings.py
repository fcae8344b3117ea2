"""Findings about skill: lost, never had, not regained by a retraining, or only estimated (METHODS sections 4, 5 and 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.assessment import Finding, FindingKind, Verdict, stored
from monitoring.error_control import chance_of
from monitoring.estimate import WHAT_IT_CANNOT_SEE, labels_needed, smallest_detectable_effect
from monitoring.finding_evidence import (
    A_FACT,
    data_are_clean,
    days_without_break,
    evidence,
    inputs_have_not_moved,
    label_window,
    prediction_span,
    share_of_mix,
)
from monitoring.metrics import AREA_THAT_RANKS, area_bounds, has_rare_class, ranking_share
from monitoring.performance import ONE_SIDED_95, average_run_length
from monitoring.window import run_start
from monitoring.wording import day_span, day_text, interval, number, percent, reason, with_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.performance import PerformanceSeries
    from monitoring.segment import Segment

RANKS, CERTAIN_LABELS = 0.10, 2_000
FEASIBLE_LABELS, VISIBLY = 1_000, 0.02
"""So many rows people label by hand when they must."""
PROVISIONAL = " Thresholds are provisional: its reference is small, or early production."


# No better than naive (METHODS section 8)


def _skill_facts(segment: Segment) -> tuple[float, float] | None:
    """Return skill and ranking share of a reference that is no better than naive; nothing for any other."""
    reference = segment.reference
    if not reference.label_rows or reference.skill > segment.policy.skill_floor:
        return None
    return reference.skill, ranking_share(reference.label_layout, reference.totals)


def _is_useless(segment: Segment, skill: float, ranks: float) -> bool:
    """Return whether a score neither explains the label nor, where positives are rare, ranks: its AUC is surely below 0.60."""
    if not _hardly_ranks(segment, skill, ranks):
        return False
    layout = segment.reference.label_layout
    return not has_rare_class(layout) or float(area_bounds(layout, segment.reference.totals)[1]) < AREA_THAT_RANKS


def _hardly_ranks(segment: Segment, skill: float, ranks: float) -> bool:
    return _can_tell(segment, ranks) and (ranks < 0.02 or (ranks < 0.10 and skill < -0.10))


def _can_tell(segment: Segment, ranks: float) -> bool:
    """Return whether the reference has the labels to tell a score that hardly ranks from one with a share of 0.10 (99 %).

    The share of the variance between B bins of n labels has, for a true share R, a variance of (2 (B - 1) + 4 n R) / n^2.
    """
    layout, labels = segment.reference.label_layout, segment.reference.label_rows
    bins = len(layout.score.test_edges) + 1
    error = np.sqrt(2 * (bins - 1) + 4 * labels * RANKS) / max(labels, 1)
    return bool(RANKS - max(ranks, 0.0) >= 2.33 * error) or labels >= CERTAIN_LABELS


def _reference_evidence(segment: Segment, i: int, skill: float, ranks: float) -> dict[str, Any]:
    reference = segment.reference
    span = day_span(reference.first_day, reference.last_day)
    return evidence(
        segment,
        window=f"its reference, {span}",
        prediction_days=span,
        label_days=span,
        labels=reference.label_rows,
        value=stored(skill),
        reference_value=stored(skill),
        ranking_share=stored(ranks),
        threshold=segment.policy.skill_floor,
        threshold_source="skill in its own reference; below it the score must rank: a share of 0.02 of the label's variance",
        false_alarms=A_FACT,
        days_in_a_row=i + 1,
        ruled_out=data_are_clean(segment, i),
    )


def never_useful(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a reference without skill whose score hardly ranks: retire."""
    facts = _skill_facts(segment)
    if facts is None or not _is_useless(segment, *facts):
        return
    skill, ranks = facts
    text = f"It was never better than naive: its skill in its own reference is {percent(skill)}, and its scores do not sort high labels from low ones."
    found = _reference_evidence(segment, i, skill, ranks)
    kind = FindingKind.NO_BETTER_THAN_NAIVE
    finding = Finding(kind, Verdict.RETIRE, "skill", segment.first, text, evidence=found)
    yield finding, f"Never better than naive: skill {percent(skill)} in its reference."


def level_off(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a reference without skill whose score ranks: watch, and recalibrate."""
    facts = _skill_facts(segment)
    if facts is None or _is_useless(segment, *facts):
        return
    skill, ranks = facts
    layout, totals = segment.reference.label_layout, segment.reference.totals
    if skill > 0 and has_rare_class(layout) and float(area_bounds(layout, totals)[0]) >= AREA_THAT_RANKS:
        return  # its level is right and it ranks
    text = (
        f"It ranks, but its level is off: skill {percent(skill)} in its own reference, while {percent(ranks)} of the "
        "label's variance lies between its scores. Recalibrating may be enough."
    )
    found = _reference_evidence(segment, i, skill, ranks)
    kind = FindingKind.NO_BETTER_THAN_NAIVE
    finding = Finding(kind, Verdict.WATCH, "skill", segment.first, text, evidence=found)
    yield finding, f"Ranks, but its level is off: skill {percent(skill)}; recalibrate."


def naive(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a model shown to be no better than naive: retrain if it ever had skill, else retire."""
    series = segment.performance
    if series is None or not series.no_better_than_naive[i]:
        return
    had_skill = segment.reference.skill > segment.policy.skill_floor
    start = run_start(series.no_better_than_naive, i)
    since, skill, upper = segment.day_at(start), float(series.skill_28[i]), float(series.skill_upper[i])
    labels = int(series.window[28].n[i])
    text = (
        f"It has been no better than a naive forecast since {day_text(since)}: skill {percent(skill)}, at most "
        f"{percent(upper)}, on {number(labels)} labels."
    )
    found = evidence(
        segment,
        window="last 28 days of labels",
        **label_window(segment, i),
        labels=labels,
        value=stored(skill),
        value_high=stored(upper),
        reference_value=stored(segment.reference.skill),
        **_effect_28(series, i),
        threshold=segment.policy.skill_floor,
        threshold_source="upper 95 % bound of the skill on at least 200 labels, 3 days in a row",
        false_alarms="p < 0.05 on each of 3 days in a row, for a model just as good as that",
        days_in_a_row=i - start + 1,
        ruled_out=(*data_are_clean(segment, i), *inputs_have_not_moved(segment, i)),
    )
    verdict = Verdict.RETRAIN if had_skill else Verdict.RETIRE
    yield (
        Finding(FindingKind.NO_BETTER_THAN_NAIVE, verdict, "skill", since, text, evidence=found),
        f"No better than a naive forecast since {day_text(since)}.",
    )


def _effect_28(series: PerformanceSeries, i: int) -> dict[str, Any]:
    """Return the effect over 28 days of labels with its interval, in numbers and in words."""
    effect = float(series.window[28].effect[i])
    half = float(ONE_SIDED_95 * series.window[28].se[i] / series.scale[i])
    return _effect(effect, half, effect_words(series, i, effect, half))


def _effect(effect: float, half: float, words: str) -> dict[str, Any]:
    if not np.isfinite(effect):
        return {}
    return {
        "effect": stored(effect),
        "effect_low": stored(effect - half),
        "effect_high": stored(effect + half),
        "effect_words": words,
    }


def did_not_help(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a retraining that left the loss where it was: retire, or a second attempt if a person wants one."""
    series = segment.against_previous
    if series is None or not segment.did_not_help[i]:
        return
    effect, half = series.window[28].effect[i], ONE_SIDED_95 * series.window[28].se[i] / series.scale[i]
    lost, share = interval(effect, effect - half, effect + half), f": {percent(float(effect))} still lost"
    if not np.isfinite(effect):  # no label for months
        lost, share = "part", ""
    start = run_start(segment.did_not_help, i)
    text = (
        f"The retraining of {day_text(segment.first)} did not help: {lost} of the advantage that the model was first "
        "approved for is still lost. A second attempt needs a person."
    )
    found = evidence(
        segment,
        window="last 28 days of labels",
        **label_window(segment, i),
        labels=int(series.window[28].n[i]),
        **_effect_28(series, i),
        **segment.retraining(i),
        z_7=stored(series.window[7].z[i], digits=2),
        threshold=segment.policy.effect_retrain,
        threshold_source="against the reference of the version before: z over 7 days at least 3, effect at least "
        f"{percent(segment.policy.effect_retrain)}; cleared after 10 days without",
        false_alarms="p < 0.0014",
        days_in_a_row=i - start + 1,
        ruled_out=data_are_clean(segment, i),
    )
    short = f"Retraining of {day_text(segment.first)} did not help{share}."
    kind = FindingKind.RETRAINING_DID_NOT_HELP
    yield (
        Finding(kind, Verdict.RETIRE, segment.version.version, segment.day_at(start), text, evidence=found),
        reason(short),
    )


# Skill lost (METHODS section 4)


@dataclass(frozen=True)
class Loss:
    """A loss of skill in words, long and short, and as evidence."""

    long: str
    short: str
    evidence: dict[str, Any]
    since_onset: bool = False
    is_over: bool = False


def effect_words(series: PerformanceSeries, i: int, effect: float, half: float) -> str:
    """Return a loss of skill with its interval, in words that follow "it" (METHODS section 12)."""
    if not np.isfinite(effect):
        return ""
    if effect <= 0:
        return "has lost nothing of its advantage"
    if series.second_yardstick[i]:
        return f"has {_times(series, i, effect, half)} the {_loss_name(series)} of its reference"
    if effect >= 1:
        least = f" (at least {percent(effect - half)})" if 0 < effect - half < 1 else ""
        return f"has lost all of its advantage over the naive forecast{least}"
    return f"has lost {interval(effect, effect - half, effect + half)} of its advantage over the naive forecast"


def _loss_name(series: PerformanceSeries) -> str:
    return "squared error" if series.layout.task == "regression" else "loss"


def _times(series: PerformanceSeries, i: int, effect: float, half: float) -> str:
    """Return the loss as a multiple of what the reference leads to expect."""
    expected = series.loss_ratio * series.naive_own[i]
    times = [1 + at * series.scale[i] / expected for at in (effect, effect - half, effect + half)]
    return f"{times[0]:.1f} times [{max(times[1], 0):.1f}, {times[2]:.1f}]"


def loss_of_skill(segment: Segment, i: int) -> Loss:
    """Return the effect since the onset while the CUSUM stands, else over 28 days, and how much of it is the population's."""
    series = segment.performance
    assert series is not None  # noqa: S101 - the only caller has checked
    since_onset = bool(series.cusum[i] >= series.policy.cusum_watch and not np.isnan(series.onset_effect[i]))
    if since_onset:
        effect, half = float(series.onset_effect[i]), float(ONE_SIDED_95 * series.onset_se[i])
    else:
        effect = float(series.window[28].effect[i])
        half = float(ONE_SIDED_95 * series.window[28].se[i] / series.scale[i])
    words = effect_words(series, i, effect, half)
    numbers = _effect(effect, half, words)
    numbers["effect_window"] = "since the onset, at most 21 days of labels" if since_onset else "last 28 days of labels"
    explained = segment.explained(i)
    if explained is not None:
        numbers |= {"mix": stored(explained.mix), "misfit": stored(explained.misfit)}
        calibration = explained.calibration
        numbers["calibration"] = None if calibration is None else stored(calibration)
    if not effect > 0:
        long = "It had lost part of its advantage"
        return Loss(long, "Had lost part of its advantage", numbers, is_over=np.isfinite(effect))
    if series.second_yardstick[i]:
        kind, times = _loss_name(series), _times(series, i, effect, half)
        short = f"{kind.capitalize()} {times.split(' [', maxsplit=1)[0]} its reference's"
        return Loss(f"Its {kind} has been {times} that of its reference", short, numbers)
    lost = "all" if effect >= 1 else interval(effect, effect - half, effect + half)
    return Loss(f"It {words}", f"Lost {lost} of its advantage", numbers, since_onset=since_onset)


def performance(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a loss of skill: retrain, or watch while it is small or young."""
    series = segment.performance
    if series is None or not segment.performance_watch[i]:
        return
    retrain = bool(segment.performance_retrain[i])
    held = segment.performance_retrain if retrain else segment.performance_watch
    since = segment.day_at(int(series.onset[i])) if series.cusum[i] > 0 else segment.day_at(run_start(held, i))
    loss, clean, mix = loss_of_skill(segment, i), data_are_clean(segment, i), _mix_words(segment, i)
    recovering = not series.watch_condition[i] and not series.retrain_condition[i]
    tail = _state_words(segment, i, loss, recovering=recovering, clean=bool(clean))
    level = float(series.cusum_retrain[i]) if retrain else segment.policy.cusum_watch
    z, run_length = float(series.z_28[i]), average_run_length(level)
    found = evidence(
        segment,
        window="last 28 days of labels",
        **label_window(segment, i),
        labels=int(series.window[28].n[i]),
        value=stored(series.skill_28[i]),
        reference_value=stored(segment.reference.skill),
        **loss.evidence,
        threshold=segment.policy.effect_retrain if retrain else segment.policy.effect_watch,
        threshold_source=_threshold_words(segment, i),
        cusum=stored(series.cusum[i], digits=2),
        z_28=stored(z, digits=2),
        p=stored(chance_of(z), digits=6),
        arl_days=round(run_length),
        false_alarms=f"one in about {run_length:,.0f} days by chance",
        days_in_a_row=days_without_break(held, i),
        ruled_out=(*clean, *inputs_have_not_moved(segment, i), *mix),
    )
    floored = (
        " Its skill in the reference is below 10 %, so the loss is measured by a tenth." if series.is_floored else ""
    )
    provisional = PROVISIONAL if "provisional" in found["reference"] else ""
    month = _month_words(series, i, loss)
    text = f"{loss.long} since {day_text(since)}{month}{_mix_tail(segment, i)}{tail}.{floored}{provisional}"
    verdict = Verdict.RETRAIN if retrain else Verdict.WATCH
    finding = Finding(FindingKind.PERFORMANCE, verdict, "skill", since, text, evidence=found)
    note = "recovering" if recovering else "data clean" if clean else ""
    yield finding, with_note(f"{loss.short} since {day_text(since)}", note)


def _state_words(segment: Segment, i: int, loss: Loss, *, recovering: bool, clean: bool) -> str:
    """Return what follows a loss: that it is over, or nearly, or that the data are not to blame."""
    if loss.is_over:
        return "; by now nothing of it is left, not yet 7 days clear"
    if recovering:
        return "; recovering, not yet 7 days clear"
    where = " where it matters" if segment.minor_quality[i] else ""
    return f"; the data are clean{where}" if clean else ""


def _month_words(series: PerformanceSeries, i: int, loss: Loss) -> str:
    """Return the loss over all of the last 28 days, where the sentence is about the loss since its onset and they differ."""
    month = float(series.window[28].effect[i])
    if not loss.since_onset or series.second_yardstick[i] or not np.isfinite(month):
        return ""
    since_onset = float(series.onset_effect[i])
    # Beyond everything, how much more says nothing.
    if abs(since_onset - month) < VISIBLY or min(since_onset, month) >= 1:
        return ""
    lost = "all of it" if month >= 1 else percent(month) if month > 0 else "nothing"
    return f" ({lost} over all of the last 28 days)"


def _threshold_words(segment: Segment, i: int) -> str:
    series = segment.performance
    assert series is not None  # noqa: S101 - the only caller has checked
    policy = segment.policy
    return (
        f"tolerance {percent(series.delta)} of the advantage; CUSUM {number(float(series.cusum[i]))} "
        f"(watch {number(policy.cusum_watch)}, retrain {number(float(series.cusum_retrain[i]))}) from its own variation in the "
        f"reference, {segment.reference.label_rows:,} labels"
    )


def mix_of_loss(segment: Segment, i: int) -> tuple[float, float] | None:
    """Return the loss over 28 days and the part of it that a harder population explains; nothing if there is no such part."""
    explained, series = segment.explained(i), segment.performance
    if explained is None or series is None:
        return None
    effect = float(series.window[28].effect[i])
    return (effect, explained.mix) if effect > 0 and np.isfinite(explained.mix) else None


def _mix_words(segment: Segment, i: int) -> tuple[str, ...]:
    found = mix_of_loss(segment, i)
    return () if found is None else (share_of_mix(*found),)


def _mix_tail(segment: Segment, i: int) -> str:
    """Return the part of the sentence that says how much of the loss is the population's, where it is a visible part."""
    found = mix_of_loss(segment, i)
    if found is None or found[1] < 0.01 or found[0] < 0.01:
        return ""
    share = min(found[1] / found[0], 1.0)
    return f", {percent(share)} of it because the population got harder"


# Estimated only (METHODS section 5)


def estimated(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the loss estimated while labels are missing: watch, or retrain when it lasts without labels."""
    retrain, watch = bool(segment.estimated_retrain[i]), bool(segment.estimated_watch[i])
    if not (retrain or watch):
        return
    held = segment.estimated_retrain if retrain else segment.estimated_watch
    since, effect = segment.day_at(run_start(held, i)), float(segment.estimate.effect[i])
    d = number(float(segment.drift_score[i]))
    if np.isnan(effect) or (retrain and effect < segment.policy.effect_watch):
        long = f"Its inputs have moved far (drift score {d}, watched from {number(segment.policy.drift_watch)}) and no labels tell what it costs."
        short = f"Inputs moved far (drift score {d}); no labels"
    else:
        lost = interval(effect, float(segment.estimate.low[i]), float(segment.estimate.high[i]))
        rows = number(int(segment.estimate.rows[i]))
        long = (
            f"It is estimated, on {rows} predictions, to have lost {lost} of its advantage since {day_text(since)}; "
            "labels do not confirm it yet."
        )
        short = f"Estimated to have lost {percent(effect)} since {day_text(since)}; no labels yet."
    first = f" {sample_words(segment)}" if retrain else ""
    finding = Finding(
        FindingKind.ESTIMATED_PERFORMANCE,
        Verdict.RETRAIN if retrain else Verdict.WATCH,
        "estimated skill",
        since,
        f"{long}{first} {WHAT_IT_CANNOT_SEE}",
        evidence=_estimated_evidence(segment, i, days_in_a_row=days_without_break(held, i)),
    )
    yield finding, reason(short)


def _estimated_evidence(segment: Segment, i: int, *, days_in_a_row: int) -> dict[str, Any]:
    estimate, days = segment.estimate, 7 * segment.stretch
    effect = float(estimate.effect[i])
    half = ONE_SIDED_95 * float(estimate.se[i])
    words = f"is estimated to have lost {interval(effect, effect - half, effect + half)} of its advantage"
    newest = int(segment.newest_labelled[i])
    return evidence(
        segment,
        window=f"last {days} days of predictions",
        prediction_days=prediction_span(segment, i, days=days),
        newest_prediction_day=segment.day_at(newest).isoformat() if newest >= 0 else None,
        rows=int(estimate.rows[i]) or int(segment.traffic.rows_7[i]),
        drift_score=stored(segment.drift_score[i]),
        **_effect(effect, half, words),
        se=stored(estimate.se[i]),
        threshold=segment.policy.effect_retrain,
        threshold_source="estimate from the mix of scores, with the losses of the reference; error from the sample size",
        false_alarms="one window in twenty lies outside the interval by chance; 7 days in a row are asked",
        days_in_a_row=days_in_a_row,
        cannot_see=WHAT_IT_CANNOT_SEE,
        labels_needed=labels_needed(segment.reference, policy=segment.policy),
        ruled_out=data_are_clean(segment, i),
    )


def sample_words(segment: Segment) -> str:
    """Return the first step towards an answer: a labelled sample, and what a sample that people can collect would show."""
    reference, policy = segment.reference, segment.policy
    needed = labels_needed(reference, policy=policy)
    if needed is None:
        return "First get a labelled sample; how large it must be cannot be computed, for its reference has no skill to lose."
    if needed <= FEASIBLE_LABELS:
        return f"First get a labelled sample of about {number(needed)} rows."
    shown = smallest_detectable_effect(reference, FEASIBLE_LABELS, policy=policy)
    sample = f"First get a labelled sample: {number(FEASIBLE_LABELS)} rows"
    if shown is None or shown >= 1:
        return f"{sample} would not even show a loss of all its advantage; {number(needed)} would show one of {percent(policy.effect_retrain)}."
    return f"{sample} would show a loss of {percent(shown)} or more; one of {percent(policy.effect_retrain)} takes {number(needed)}."
