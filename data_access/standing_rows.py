"""Standing approvals as rows and back, and what a failure under one does to it in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import audit_trail
from data_access.answer_rows import answer_columns, answer_of
from data_access.meeting_conflicts import Proposed, refuse_stepped_back, stepped_back
from data_access.standing_tables import StandingAnswerRow, StandingApprovalRow
from data_access.tables import ModelRow
from monitoring.authority import Subject
from monitoring.errors import StaleDecisionError
from monitoring.lifecycle import Move, State
from monitoring.portfolio import ServiceState
from monitoring.standing_approval import STRICTEST_TIER, StandingApproval
from monitoring.standing_envelope import MOST_NAMED_MODELS, CoveredModel, Envelope, Scope, ScopeKind
from monitoring.standing_rules import failure_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from monitoring.audit import AuditEvent
    from monitoring.decision import Decision
    from monitoring.quorum import Approval


def standings(session: Session, *conditions: sa.ColumnElement[bool]) -> tuple[StandingApproval, ...]:
    """Return the standing approvals for which the conditions hold, newest first, with their answers and the models inside now."""
    rows = session.scalars(
        sa.select(StandingApprovalRow).where(*conditions).order_by(StandingApprovalRow.id.desc())
    ).all()
    answers: dict[int, list[Approval]] = {}
    chosen = sa.select(StandingApprovalRow.id).where(*conditions)
    for answer in session.scalars(
        sa.select(StandingAnswerRow).where(StandingAnswerRow.standing_id.in_(chosen)).order_by(StandingAnswerRow.id)
    ):
        answers.setdefault(answer.standing_id, []).append(answer_of(answer, evidence_hash=answer.evidence_hash))
    envelopes = {row.id: Envelope.of(row.envelope) for row in rows}
    models = _inside_any(session, {envelope.scope for envelope in envelopes.values()})
    return tuple(_standing(row, envelopes[row.id], models=models, answers=answers.get(row.id, [])) for row in rows)


def covered(session: Session, scope: Scope) -> tuple[CoveredModel, ...]:
    """Return the models inside a scope, by id; retired ones too, which no rule lets start."""
    return _models(session, _is_inside(scope))


def _inside_any(session: Session, scopes: set[Scope]) -> tuple[CoveredModel, ...]:
    """Return the models inside one of the scopes, by id, in one statement: where many are named, all models."""
    if not scopes:
        return ()
    if sum(len(scope.values) for scope in scopes) > MOST_NAMED_MODELS:
        return _models(session)
    return _models(session, sa.or_(*map(_is_inside, scopes)))


def _is_inside(scope: Scope) -> sa.ColumnElement[bool]:
    column = {
        ScopeKind.MODELS: ModelRow.id,
        ScopeKind.TIER: sa.cast(sa.func.coalesce(ModelRow.tier, STRICTEST_TIER), sa.String),
        ScopeKind.TEAM: ModelRow.team,
        ScopeKind.USE_CASE: ModelRow.use_case,
    }[scope.kind]
    return column.in_(scope.values)


def _models(session: Session, *conditions: sa.ColumnElement[bool]) -> tuple[CoveredModel, ...]:
    columns = (
        *(ModelRow.id, ModelRow.name, ModelRow.owner, ModelRow.team, ModelRow.tier),
        *(ModelRow.use_case, ModelRow.service_state),
    )
    return tuple(
        CoveredModel(
            Subject(model_id=row.id, name=row.name, owner=row.owner, team=row.team, tier=row.tier),
            use_case=row.use_case,
            service_state=ServiceState(row.service_state),
        )
        for row in session.execute(sa.select(*columns).where(*conditions).order_by(ModelRow.id))
    )


def add(session: Session, standing: StandingApproval, event: AuditEvent) -> None:
    """Store a new standing approval with its audit event."""
    session.add(
        StandingApprovalRow(
            id=standing.id,
            envelope=standing.envelope.plain(),
            most_runs=standing.envelope.most_runs,
            most_runs_per_model=standing.envelope.most_runs_per_model,
            state=standing.state.value,
            tier=standing.tier,
            reason=standing.reason,
            proposed_by=standing.proposed_by,
            proposed_on=standing.proposed_on,
            proposed_at=standing.proposed_at,
        )
    )
    session.flush()
    audit_trail.append_event(session, event)


def stepped_back_from(session: Session, standing: StandingApproval) -> frozenset[str]:
    """Return who may not answer it, because they stepped back in a meeting from it or from a model inside."""
    return stepped_back(session, _proposed(standing))


def _proposed(standing: StandingApproval) -> Proposed:
    inside = frozenset(model.subject.model_id for model in standing.covered)
    return Proposed(standing.proposed_at, inside, standing_number=standing.id)


def store(session: Session, moved: StandingApproval, event: AuditEvent, *, before: StandingApproval) -> None:
    """Store a move, or an answer, with its audit event; whoever comes second is told who was first.

    Who stepped back in a meeting from one of the models inside answers it not; anybody stops it.
    """
    if Move(event.action) is not Move.STOP:
        refuse_stepped_back(session, event, _proposed(before))
    names = (
        "decided_by",
        "decided_on",
        "decided_at",
        "ended_by",
        "ended_on",
        "ended_at",
        "ended_because",
        "past",
        "tier",
    )
    updated = session.execute(
        sa.update(StandingApprovalRow)
        .where(StandingApprovalRow.id == moved.id, StandingApprovalRow.state == before.state.value)
        .values(state=moved.state.value, **{name: getattr(moved, name) for name in names})
        .returning(StandingApprovalRow.id)
    ).all()
    if len(updated) != 1:
        raise StaleDecisionError("Somebody else changed this standing approval at the same moment.")
    for answer in moved.approvals[len(before.approvals) :]:
        session.add(
            StandingAnswerRow(standing_id=moved.id, evidence_hash=answer.evidence_hash, **answer_columns(answer))
        )
    session.flush()
    audit_trail.append_event(session, event)


def suspend_after(session: Session, decision: Decision, event: AuditEvent) -> None:
    """Suspend the standing approval of a decision, in the transaction of the move by which it failed; nothing for other moves."""
    if decision.standing_approval is None:
        return
    because = failure_of(Move(event.action), decision, said=event.reason or "")
    if because is None:
        return
    for standing in standings(
        session,
        StandingApprovalRow.id == decision.standing_approval,
        StandingApprovalRow.state == State.APPROVED.value,
    ):
        moved, suspended = standing.suspend_itself(because, on=event.at.date(), now=event.recorded_at)
        store(session, moved, suspended, before=standing)


def _standing(
    row: StandingApprovalRow, envelope: Envelope, *, models: tuple[CoveredModel, ...], answers: list[Approval]
) -> StandingApproval:
    return StandingApproval(
        id=row.id,
        envelope=envelope,
        state=State(row.state),
        tier=row.tier,
        reason=row.reason,
        proposed_by=row.proposed_by,
        proposed_on=row.proposed_on,
        proposed_at=row.proposed_at,
        decided_by=row.decided_by,
        decided_on=row.decided_on,
        decided_at=row.decided_at,
        approvals=tuple(answers),
        ended_by=row.ended_by,
        ended_on=row.ended_on,
        ended_at=row.ended_at,
        ended_because=row.ended_because,
        past=row.past,
        covered=tuple(model for model in models if envelope.scope.covers(model)),
    )
