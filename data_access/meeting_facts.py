"""What the rules of an agenda and the minutes ask of the registry, as known on a day."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import meeting_past, people
from data_access.challenge_tables import ChallengeRow
from data_access.decision_records import RegistryDecisions
from data_access.meeting_matters import matter_of
from data_access.meeting_rows import actions_where
from data_access.meeting_tables import MeetingActionRow
from data_access.policy_records import RegistryPolicies
from data_access.portfolio_filter import newest_assessment
from data_access.retired_traffic import zombies_on
from data_access.shift_queries import shifts_open_on
from data_access.standing_rows import standings
from data_access.standing_tables import StandingApprovalRow
from data_access.tables import AssessmentRow, DecisionRow, ModelRow
from monitoring.assessment import Verdict
from monitoring.lifecycle import State
from monitoring.meeting_action import ActionState
from monitoring.meeting_agenda import AgendaFacts, ModelFact
from monitoring.minutes import MinutesFacts
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sqlalchemy.orm import Session

    from monitoring.challenge import Challenge
    from monitoring.decision import Decision
    from monitoring.meeting import Meeting, Scope
    from monitoring.portfolio_shift import Shift
    from monitoring.standing_approval import StandingApproval


def agenda_facts(session: Session, scope: Scope, *, on: date, since: date | None) -> AgendaFacts:
    """Return what stands in the registry about the models of ``scope``, as known on ``on``."""
    models = _models(session, scope, on=on)
    inside = {model.model_id for model in models}
    actions = actions_where(
        session, MeetingActionRow.state != ActionState.CLOSED.value, MeetingActionRow.given_on <= on
    )
    return AgendaFacts(
        on=on,
        since=since,
        models=models,
        decisions=_decisions(session, inside, on=on, since=since),
        actions=tuple(each for each in actions if each.model_id is None or each.model_id in inside),
        shifts=tuple(_within(shifts_open_on(session, day=on), inside)),
        zombies=tuple(each for each in zombies_on(session, on=on) if each.model_id in inside),
        challenges=tuple(_challenges(session, inside, on=on)),
        standing=tuple(_standing(session, inside, on=on)),
        policies=tuple(each for each in RegistryPolicies(session).versions() if each.proposed_on <= on),
        names={person.email: person.name for person in people.active_actors(session)},
    )


def minutes_facts(session: Session, meeting: Meeting, *, on: date) -> MinutesFacts:
    """Return what the minutes of a meeting need beside it: as it stood when it was over, and of one that is not as known on ``on``."""
    end, on = meeting_past.end_of(session, meeting), meeting.ended_on if meeting.is_over and meeting.ended_on else on
    records = RegistryDecisions(session)
    numbers = {item.decision_id for item in meeting.items} | {entry.decision_id for entry in meeting.entries}
    decisions = records.decisions(DecisionRow.id.in_([number for number in numbers if number is not None]))
    inside = {model_id for item in meeting.items for model_id in (item.model_id, *item.model_ids) if model_id}
    asked = records.challenges(ChallengeRow.model_id.in_(inside))
    events = meeting_past.events_of(session, decisions)
    data_day = session.scalar(
        sa.select(sa.func.max(AssessmentRow.day)).where(AssessmentRow.day <= on, AssessmentRow.known_on <= on)
    )
    at_end = meeting_past.decisions_at_end(events, decisions, end=end)
    return MinutesFacts(
        decisions=at_end,
        matters={item.id: matter_of(session, meeting, item, known=at_end) for item in meeting.items},
        actions=actions_where(session, MeetingActionRow.meeting_id == meeting.id),
        people=meeting_past.people_at_end(session, people.active_actors(session), end=end),
        data_day=data_day.isoformat() if data_day else None,
        policy=f"version {RegistryPolicies(session).history().on(on).number}",
        decided=meeting_past.as_decided(events, decisions, meeting),
        challenges=meeting_past.challenges_at_end(asked, meeting, on=on),
    )


def _models(session: Session, scope: Scope, *, on: date) -> tuple[ModelFact, ...]:
    rows = session.execute(
        sa.select(
            ModelRow.id,
            ModelRow.name,
            ModelRow.tier,
            ModelRow.team,
            ModelRow.use_case,
            ModelRow.service_state,
            AssessmentRow.verdict,
            AssessmentRow.in_verdict_since,
            AssessmentRow.reason,
            AssessmentRow.expected_loss,
        ).outerjoin(AssessmentRow, AssessmentRow.id == newest_assessment(on))
    )
    return tuple(
        ModelFact(
            model_id=row.id,
            name=row.name,
            tier=row.tier,
            verdict=Verdict(row.verdict) if row.verdict else None,
            since=row.in_verdict_since,
            reason=row.reason or "",
            expected_loss=row.expected_loss or 0.0,
            is_retired=row.service_state == ServiceState.RETIRED.value,
        )
        for row in rows
        if scope.holds(team=row.team, use_case=row.use_case, tier=row.tier)
    )


def _decisions(session: Session, inside: set[str], *, on: date, since: date | None) -> tuple[Decision, ...]:
    """Return the decisions about these models that are open, and those that moved after ``since``."""
    moved = sa.true() if since is None else DecisionRow.state_on > since
    found = RegistryDecisions(session).decisions(DecisionRow.proposed_on <= on, sa.or_(DecisionRow.is_open, moved))
    return tuple(each for each in found if each.subject.model_id in inside)


def _challenges(session: Session, inside: set[str], *, on: date) -> Iterable[Challenge]:
    for each in RegistryDecisions(session).challenges(ChallengeRow.code.is_not(None)):
        known = each.as_known_on(on)
        if known is not None and known.is_open and known.subject.model_id in inside:
            yield known


def _standing(session: Session, inside: set[str], *, on: date) -> Iterable[StandingApproval]:
    """Give the proposed standing approvals that a model of the meeting is inside of."""
    waiting = standings(
        session, StandingApprovalRow.state == State.PROPOSED.value, StandingApprovalRow.proposed_on <= on
    )
    return (each for each in waiting if any(model.subject.model_id in inside for model in each.covered))


def _within(shifts: Iterable[Shift], inside: set[str]) -> Iterable[Shift]:
    for shift in shifts:
        if models := tuple(model_id for model_id in shift.models if model_id in inside):
            yield replace(shift, models=models)
