"""What a model's verdicts of the past days would have been under other thresholds, from what is stored of its log."""

from __future__ import annotations

from dataclasses import dataclass
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

    def under(policy: Policy) -> dict[date, DayVerdict]:
        found = {}
        for segment in segments_known_on(model, histories, last, policy, shifts, inputs=inputs):
            for i in range(max(0, (first - segment.first).days), len(segment.days)):
                conclusion = concluded(segment, i, findings_on(segment, i))
                found[segment.day_at(i)] = DayVerdict(conclusion.verdict, reason(conclusion.reason))
        return found

    judged = under(before)
    return ReplayedModel(model, judged, judged if values_of(before) == values_of(after) else under(after))
