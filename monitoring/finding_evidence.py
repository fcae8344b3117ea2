"""The evidence every finding carries: numbers, where their threshold is from, what was ruled out, by which method (METHODS section 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.policy import METHOD_VERSION
from monitoring.ports import ReferenceOrigin
from monitoring.window import run_start
from monitoring.wording import day_span, interval, number, percent

if TYPE_CHECKING:
    from monitoring.ports import Flags
    from monitoring.segment import Segment

ENOUGH_LABELS = 20
A_FACT = "none: it is counted, not tested"
BEYOND_CHANCE = "less than one in a billion on an ordinary day"
REFERENCE_WORDS = {
    ReferenceOrigin.OWN: "own reference",
    ReferenceOrigin.LOG_PERIOD: "a period of its log",
    ReferenceOrigin.EARLY_PRODUCTION: "early production",
}


def evidence(
    segment: Segment,
    *,
    window: str,
    threshold_source: str,
    false_alarms: str,
    days_in_a_row: int,
    ruled_out: tuple[str, ...] = (),
    **numbers: Any,
) -> dict[str, Any]:
    """Return the evidence of a finding under the names of METHODS section 12; numbers that are missing are left out.

    ``shift`` is the portfolio shift the finding belongs to; a later step fills it in.
    """
    given = {name: value for name, value in numbers.items() if value is not None}
    return {
        "window": window,
        **given,
        "threshold_source": threshold_source,
        "false_alarms": false_alarms,
        "days_in_a_row": days_in_a_row,
        "ruled_out": list(ruled_out),
        "shift": None,
        "reference": reference_words(segment),
        "method_version": METHOD_VERSION,
        "configuration": segment.policy.configuration_hash,
        "policy_version": segment.policy.version,
    }


def reference_words(segment: Segment) -> str:
    """Return what is compared with, and whether thresholds taken from it are provisional."""
    words = REFERENCE_WORDS[segment.reference.origin]
    return f"{words}, thresholds are provisional" if is_provisional(segment) else words


def is_provisional(segment: Segment) -> bool:
    """Return whether the reference is early production, has no days, or is too small to take thresholds from."""
    reference = segment.reference
    return not reference.has_days or reference.origin is ReferenceOrigin.EARLY_PRODUCTION or segment.small_reference


def prediction_span(segment: Segment, i: int, *, days: int) -> str:
    """Return the prediction days of the last ``days`` days in words."""
    return day_span(segment.day_at(max(i - days + 1, 0)), segment.day_at(i))


def days_without_break(flags: Flags, i: int) -> int:
    """Return how many days in a row a condition has held up to ``i``."""
    return i - run_start(flags, i) + 1


def label_window(segment: Segment, i: int, *, days: int = 28) -> dict[str, Any]:
    """Return the days on which labels arrived and the days of their predictions, in words."""
    first = max(i - days * segment.stretch + 1, 0)
    labels = segment.own_labels
    arrival = (labels.arrival - segment.days[0]).astype(np.int64)
    covered = labels.day[(arrival >= first) & (arrival <= i)]
    newest = int(segment.newest_labelled[i])
    return {
        "label_days": day_span(segment.day_at(first), segment.day_at(i)),
        "prediction_days": day_span(covered.min(), covered.max()) if len(covered) else None,
        "newest_prediction_day": segment.day_at(newest).isoformat() if newest >= 0 else None,
    }


# What was ruled out


def data_are_clean(segment: Segment, i: int) -> tuple[str, ...]:
    """Return that no feature that matters is broken, if so."""
    broken = any(quality.open[i] for quality in segment.quality.values()) and not segment.minor_quality[i]
    return () if broken or segment.score_range.open[i] else ("The data are clean where it matters.",)


def inputs_have_not_moved(segment: Segment, i: int) -> tuple[str, ...]:
    """Return that the inputs have not moved, if so."""
    d = float(segment.drift_score[i])
    if segment.drift_watch[i] or not np.isfinite(d):
        return ()
    return (f"The inputs have not moved: drift score {number(d)}, watched from {number(segment.policy.drift_watch)}.",)


def skill_is_not_lost(segment: Segment, i: int) -> tuple[str, ...]:
    """Return what the labels say about performance, if they say that nothing material is lost."""
    series = segment.performance
    if series is None or segment.performance_watch[i] or series.window[28].n[i] < ENOUGH_LABELS:
        return ()
    effect, labels = float(series.window[28].effect[i]), number(int(series.window[28].n[i]))
    lost = interval(effect, float(series.effect_low[i]), float(series.effect_high[i]))
    return (f"Skill is not lost: {lost} of its advantage, on {labels} labels.",)


def share_of_mix(effect: float, mix: float) -> str:
    """Return how much of a loss a harder population explains: mix explains 4 of 35 %.

    >>> share_of_mix(0.35, 0.04)
    'A harder population explains 4 of 35 %.'
    >>> share_of_mix(275.8, 21.1)
    'A harder population explains 8 % of it.'
    """
    if effect > 1:
        return f"A harder population explains {percent(min(max(mix, 0.0), effect) / effect)} of it."
    return f"A harder population explains {percent(min(max(mix, 0.0), max(effect, 0.0))).removesuffix(' %')} of {percent(effect)}."
