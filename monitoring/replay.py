"""What a model's verdicts of the past days would have been under other thresholds, from what is stored of its log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from monitoring.findings import findings_on
from monitoring.history import segments_known_on
from monitoring.thresholds import values_of
from monitoring.verdict import concluded
from monitoring.wording import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from monitoring.assessment import Verdict
    from monitoring.history import KnownInputs, VersionHistory
    from monitoring.policy import Policy
    from monitoring.portfolio import Model
    from monitoring.portfolio_shift import Shift
    from monitoring.segment import Segment

OF_THE_DATA = ("psi_floor", "null_rise", "data_quality_gate", "traffic_watch", "traffic_gone", "traffic_gone_days")
"""The thresholds that decide what counts as broken, moved or gone; with these equal, the two segments share the series below."""
SHARED = (
    *("days", "daily", "live", "traffic", "quality", "minor_quality", "left_out_from", "days_left_out_from"),
    *("score_range", "future_rows", "_drift", "drift", "score_drift", "drift_score", "estimate", "by_score"),
    *("sums", "own_labels", "label_age", "mean_score_28", "coverage", "newest_labelled", "unlabelled"),
)


@dataclass(frozen=True, slots=True)
class DayVerdict:
    """The verdict of a day with its reason for tables."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class ReplayedModel:
    """A model's verdicts day by day under the policy in force and under another, from what is known on the last day."""

    model: Model
    before: dict[date, DayVerdict]
    after: dict[date, DayVerdict]


def replayed(
    model: Model,
    histories: Sequence[VersionHistory],
    shifts: Mapping[date, tuple[Shift, ...]],
    *,
    before: Policy,
    after: Policy,
    first: date,
    last: date,
) -> ReplayedModel:
    """Judge a model from ``first`` to ``last`` by two policies from the same profiles; equal thresholds are judged once.

    Days on which no version can be judged yet are left out. Nothing is stored.

    Args:
        model: as registered.
        histories: its versions with their references and profiles.
        shifts: the portfolio shifts open per day, as known on ``last``; they stay those found under the policy in force.
        before: the policy in force.
        after: the other one.
        first: the first day to judge.
        last: the last day; what became known later is left out.
    """
    inputs: dict[str, KnownInputs] = {}
    segments = segments_known_on(model, histories, last, before, shifts, inputs=inputs)
    judged = _verdicts(segments, first=first)
    changed = {name for name, value in values_of(after).items() if value != getattr(before, name)}
    if not changed:
        return ReplayedModel(model, judged, judged)
    if changed.isdisjoint(OF_THE_DATA):
        others = [_under(segment, after) for segment in segments]
    else:
        others = segments_known_on(model, histories, last, after, shifts, inputs=inputs)
    return ReplayedModel(model, judged, _verdicts(others, first=first))


def _under(segment: Segment, policy: Policy) -> Segment:
    """Return a segment under a policy that sees the data alike: what follows from the data is taken over."""
    other = replace(segment, policy=policy)
    other.__dict__.update({name: segment.__dict__[name] for name in SHARED if name in segment.__dict__})
    return other


def _verdicts(segments: Sequence[Segment], *, first: date) -> dict[date, DayVerdict]:
    found = {}
    for segment in segments:
        for i in range(max(0, (first - segment.first).days), len(segment.days)):
            conclusion = concluded(segment, i, findings_on(segment, i))
            found[segment.day_at(i)] = DayVerdict(conclusion.verdict, reason(conclusion.reason))
    return found
