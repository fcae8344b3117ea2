"""Findings about skill: lost, never had, not regained by a retraining, or only estimated (METHODS sections 4, 5 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.assessment import Finding, FindingKind, Verdict, stored
from monitoring.metrics import ranking_share
from monitoring.performance import ONE_SIDED_95, average_run_length
from monitoring.window import run_start
from monitoring.wording import day_text, interval, number, percent, reason, with_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.performance import PerformanceSeries
    from monitoring.segment import Segment


def _skill_facts(segment: Segment) -> tuple[float, float] | None:
    """Return skill and ranking share of a reference that is no better than naive; nothing for any other."""
    reference = segment.reference
    if not reference.label_rows or reference.skill > segment.policy.skill_floor:
        return None
    return reference.skill, ranking_share(reference.label_layout, reference.totals)


def _hardly_ranks(skill: float, ranks: float) -> bool:
    return ranks < 0.02 or (ranks < 0.10 and skill < -0.10)


def never_useful(segment: Segment, _: int) -> Iterator[tuple[Finding, str]]:
    """Give a reference without skill whose score hardly ranks: retire."""
    facts = _skill_facts(segment)
    if facts is None or not _hardly_ranks(*facts):
        return
    skill, ranks = facts
    text = f"Never better than naive: its skill in its own reference is {percent(skill)}, and its score hardly ranks."
    evidence = {"value": stored(skill), "ranking_share": stored(ranks), "labels": segment.reference.label_rows}
    kind = FindingKind.NO_BETTER_THAN_NAIVE
    finding = Finding(kind, Verdict.RETIRE, "skill", segment.first, text, evidence=evidence)
    yield finding, f"Never better than naive: skill {percent(skill)} in its reference."


def level_off(segment: Segment, _: int) -> Iterator[tuple[Finding, str]]:
    """Give a reference without skill whose score ranks: watch, and recalibrate."""
    facts = _skill_facts(segment)
    if facts is None or _hardly_ranks(*facts):
        return
    skill, ranks = facts
    text = (
        f"It ranks, but its level is off: skill {percent(skill)} in its own reference, while {percent(ranks)} of the "
        "label's variance lies between its scores. Recalibrating may be enough."
    )
    evidence = {
        "value": stored(skill),
        "ranking_share": stored(ranks),
        "labels": segment.reference.label_rows,
        "threshold": segment.policy.skill_floor,
        "threshold_source": "skill in the reference",
    }
    kind = FindingKind.NO_BETTER_THAN_NAIVE
    finding = Finding(kind, Verdict.WATCH, "skill", segment.first, text, evidence=evidence)
    yield finding, f"Ranks, but its level is off: skill {percent(skill)}; recalibrate."


def did_not_help(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a retraining that left the loss where it was: retire."""
    series = segment.against_previous
    if series is None or not segment.did_not_help[i]:
        return
    effect, half = series.window[28].effect[i], ONE_SIDED_95 * series.window[28].se[i] / series.scale[i]
    lost, share = interval(effect, effect - half, effect + half), f": {percent(float(effect))} still lost"
    if not np.isfinite(effect):  # no label for months
        lost, share = "part", ""
    since = segment.day_at(run_start(segment.did_not_help, i))
    text = (
        f"The retraining of {day_text(segment.first)} did not help: {lost} of the advantage that the model was first "
        "approved for is still lost."
    )
    evidence = {
        "window": "last 28 days of labels",
        "labels": int(series.window[28].n[i]),
        "effect": stored(effect),
        "effect_low": stored(effect - half),
        "effect_high": stored(effect + half),
        "threshold": segment.policy.effect_retrain,
        "threshold_source": "the reference of the version before; z over 7 days at least 3",
        "days_in_a_row": i - run_start(segment.did_not_help, i) + 1,
    }
    short = f"Retraining of {day_text(segment.first)} did not help{share}."
    kind = FindingKind.RETRAINING_DID_NOT_HELP
    yield Finding(kind, Verdict.RETIRE, segment.version.version, since, text, evidence=evidence), short


def effect_words(series: PerformanceSeries, i: int) -> tuple[str, str, dict[str, Any]]:
    """Return the effect of a loss of skill in words, long and short, and as evidence."""
    recent = series.cusum[i] >= series.policy.cusum_watch and not np.isnan(series.onset_effect[i])
    if recent:
        effect, half = float(series.onset_effect[i]), float(ONE_SIDED_95 * series.onset_se[i])
    else:
        effect, half = (
            float(series.window[28].effect[i]),
            float(ONE_SIDED_95 * series.window[28].se[i] / series.scale[i]),
        )
    evidence = {
        "effect": stored(effect),
        "effect_low": stored(effect - half),
        "effect_high": stored(effect + half),
    }
    if effect <= 0:
        return (
            "By now nothing of its advantage is lost any more; it had moved",
            "Nothing lost any more; it had moved",
            evidence,
        )
    if series.second_yardstick[i]:
        times = [
            1 + at * series.scale[i] / (series.loss_ratio * series.naive_own[i])
            for at in (effect, effect - half, effect + half)
        ]
        numbers = f"{times[0]:.1f} times [{max(times[1], 0):.1f}, {times[2]:.1f}]"
        kind = "squared error" if series.layout.task == "regression" else "loss"
        return (
            f"Its {kind} is {numbers} that of its reference",
            f"{kind.capitalize()} {times[0]:.1f} times its reference's",
            evidence,
        )
    if effect >= 1:
        least = f" (at least {percent(effect - half)})" if 0 < effect - half < 1 else ""
        return f"It has lost all of its advantage over the naive forecast{least}", "Lost all of its advantage", evidence
    lost = interval(effect, effect - half, effect + half)
    return f"It has lost {lost} of its advantage over the naive forecast", f"Lost {lost} of its advantage", evidence


def performance(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a loss of skill: retrain, or watch while it is small or young."""
    series = segment.performance
    if series is None or not segment.performance_watch[i]:
        return
    retrain = bool(segment.performance_retrain[i])
    held = segment.performance_retrain if retrain else segment.performance_watch
    since = segment.day_at(int(series.onset[i])) if series.cusum[i] > 0 else segment.day_at(run_start(held, i))
    long, short, evidence = effect_words(series, i)
    clean = "data are clean" if not segment.minor_quality[i] else "the data are clean where it matters"
    recovering = not series.watch_condition[i] and not series.retrain_condition[i]
    note = "; recovering, not yet 7 days clear" if recovering else f"; {clean}"
    labels = int(series.window[28].n[i])
    evidence |= {
        "window": "last 28 days of labels",
        "prediction_days": f"to {day_text(segment.day_at(int(segment.newest_labelled[i])))}"
        if segment.newest_labelled[i] >= 0
        else None,
        "labels": labels,
        "threshold": segment.policy.effect_retrain if retrain else segment.policy.effect_watch,
        "threshold_source": f"tolerance {percent(series.delta)} of the advantage; CUSUM {number(float(series.cusum[i]))} "
        f"(watch {number(segment.policy.cusum_watch)}, retrain {number(float(series.cusum_retrain[i]))})",
        "false_alarms": f"one in about {average_run_length(float(series.cusum_retrain[i]) if retrain else segment.policy.cusum_watch):,.0f} days by chance",
        "days_in_a_row": i - run_start(held, i) + 1,
    }
    subject = "skill"
    verdict = Verdict.RETRAIN if retrain else Verdict.WATCH
    finding = Finding(
        FindingKind.PERFORMANCE, verdict, subject, since, f"{long} since {day_text(since)}{note}.", evidence=evidence
    )
    yield finding, with_note(f"{short} since {day_text(since)}", "recovering" if recovering else "data clean")


def naive(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a model shown to be no better than naive: retrain if it ever had skill, else retire."""
    series = segment.performance
    if series is None or not series.no_better_than_naive[i]:
        return
    had_skill = segment.reference.skill > segment.policy.skill_floor
    start = run_start(series.no_better_than_naive, i)
    since, skill, upper = segment.day_at(start), float(series.skill_28[i]), float(series.skill_upper[i])
    text = (
        f"It is no better than a naive forecast since {day_text(since)}: skill {percent(skill)}, at most {percent(upper)}, "
        f"on {number(int(series.window[28].n[i]))} labels."
    )
    evidence = {
        "window": "last 28 days of labels",
        "labels": int(series.window[28].n[i]),
        "value": stored(skill),
        "reference_value": stored(segment.reference.skill),
        "threshold": segment.policy.skill_floor,
        "threshold_source": "upper 95 % bound of the skill, 3 days in a row",
        "days_in_a_row": i - start + 1,
    }
    finding = Finding(
        FindingKind.NO_BETTER_THAN_NAIVE,
        Verdict.RETRAIN if had_skill else Verdict.RETIRE,
        "skill",
        since,
        text,
        evidence=evidence,
    )
    yield finding, f"No better than a naive forecast since {day_text(since)}."


def estimated(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the loss estimated while labels are missing: watch, or retrain when it lasts without labels."""
    retrain, watch = bool(segment.estimated_retrain[i]), bool(segment.estimated_watch[i])
    if not (retrain or watch):
        return
    estimate = segment.estimate
    held = segment.estimated_retrain if retrain else segment.estimated_watch
    since, effect = segment.day_at(run_start(held, i)), float(estimate.effect[i])
    if np.isnan(effect) or (retrain and effect < segment.policy.effect_watch):
        long = f"Its inputs have moved far (D {number(float(segment.drift_score[i]))}) and no labels tell what it costs"
        short = f"Inputs moved far (D {number(float(segment.drift_score[i]))}); no labels"
    else:
        lost = interval(effect, float(estimate.low[i]), float(estimate.high[i]))
        long = f"It is estimated to have lost {lost} of its advantage; labels do not confirm it yet"
        short = f"Estimated to have lost {percent(effect)} since {day_text(since)}; no labels yet."
    first = f" First get a labelled sample of about {number(_sample_size(segment))} rows." if retrain else ""
    evidence = {
        "window": "last 7 days of predictions",
        "rows": int(segment.traffic.rows_7[i]),
        "effect": stored(effect),
        "threshold": segment.policy.effect_retrain,
        "threshold_source": "estimate from the score mix: blind to changes of the relation itself",
    }
    finding = Finding(
        FindingKind.ESTIMATED_PERFORMANCE,
        Verdict.RETRAIN if retrain else Verdict.WATCH,
        "estimated skill",
        since,
        f"{long}.{first}",
        evidence=evidence,
    )
    yield finding, reason(short)


def _sample_size(segment: Segment) -> int:
    """Return the labels that would show a material loss: n = (4 sd(loss) / (0.15 g))^2."""
    reference, layout = segment.reference, segment.reference.label_layout
    if not reference.label_rows or reference.gain <= 0:
        return 1000
    mean2 = float(layout.field(reference.totals, "loss2")) / reference.label_rows
    variance = max(mean2 - reference.loss**2, 0.0)
    return int(np.ceil(16 * variance / (segment.policy.effect_retrain * reference.gain) ** 2))
