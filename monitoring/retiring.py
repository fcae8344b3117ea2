"""The moves of a retirement that change its plan, and what reinstating needs: each yields its own audit event."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitoring.errors import EvidenceChangedError, ForbiddenMoveError, InvalidProposalError
from monitoring.lifecycle import Action, Move, State
from monitoring.portfolio import ServiceState
from monitoring.retirement import LONGEST_NAME, Acknowledgement, RetirementPlan, check_sunset

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.authority import Subject
    from monitoring.decision import Decision
    from monitoring.people import Actor
    from monitoring.ports import DecisionRecords

ENDED_BY_REINSTATING = {
    Action.SUSPEND: (State.APPROVED, State.SUSPENDED),
    Action.RETIRE: (State.APPROVED, State.ANNOUNCED, State.DUE),
}
"""Where the decisions are that are over once a model serves again."""


def amended(
    decision: Decision, plan: RetirementPlan, *, seen: str, actor: Actor, on: date, now: datetime, reason: str = ""
) -> tuple[Decision, AuditEvent]:
    """Return the decision with another plan: while it is proposed any, once somebody has approved it only with gaps filled in.

    ``seen`` is the hash of the plan that was on screen.

    Raises:
        EvidenceChangedError: the plan is another one by now.
        ForbiddenMoveError: it is no open retirement.
        NotAuthorisedError: while it is proposed somebody else than the proposer, afterwards not the owner.
        InvalidProposalError: an impossible plan, or one that changes what was approved.
    """
    decision.allowed(Move.AMEND)
    before = decision.plan or RetirementPlan()
    if before.hash != seen:
        raise EvidenceChangedError("The plan changed while you were writing; look at it again. Nothing was kept.")
    day = on if plan.sunset_on != before.sunset_on else min(on, plan.sunset_on or on)
    checked = plan.checked(model_id=decision.subject.model_id, on=day).keeping_acknowledgements(before)
    if decision.approvers and not checked.only_adds_to(before):
        raise InvalidProposalError("What was approved stays as it is; only what is missing can be filled in.")
    if checked == before:
        raise InvalidProposalError("The plan is the same as before.")
    changed = replace(decision, plan=checked)
    return changed.move(Move.AMEND, actor=actor, on=on, now=now, reason=reason, before=decision)


def acknowledged(
    decision: Decision, consumer: str, *, said_by: str, said_on: date, actor: Actor, on: date, now: datetime
) -> tuple[Decision, AuditEvent]:
    """Return the decision with the acknowledgement of a consumer: who said so there, and on which day.

    Raises:
        ForbiddenMoveError: it is no open retirement, or the consumer has acknowledged it already.
        NotAuthorisedError: neither the owner nor an approver of the model.
        InvalidProposalError: no such consumer, nobody who said so, or a day before the proposal or in the future.
    """
    decision.allowed(Move.ACKNOWLEDGE)
    plan, said_by = decision.plan or RetirementPlan(), said_by.strip()
    known = plan.consumer(consumer)
    if known.acknowledgement is not None:
        raise ForbiddenMoveError(f"{known.acknowledgement.by} has acknowledged it for {known.name} already.")
    if not 1 <= len(said_by) <= LONGEST_NAME or not said_by.isprintable():
        raise InvalidProposalError(f"Say who acknowledged it for {known.name}, in at most {LONGEST_NAME} characters.")
    if not decision.proposed_on <= said_on <= on:
        raise InvalidProposalError(
            "An acknowledgement is of a day since the proposal, and not of a later one than today."
        )
    told = Acknowledgement(said_by, said_on, recorded_by=actor.email, recorded_at=now)
    changed = replace(decision, plan=plan.acknowledged(consumer, told))
    return changed.move(Move.ACKNOWLEDGE, actor=actor, on=on, now=now, before=decision)


def announced(
    decision: Decision, sunset_on: date | None, *, actor: Actor, on: date, now: datetime, reason: str = ""
) -> tuple[Decision, AuditEvent]:
    """Return the retirement announced with its last day of service, by default the one of its plan.

    Raises:
        ForbiddenMoveError: it is not an approved retirement.
        NotAuthorisedError: not the owner of the model.
        InvalidProposalError: there is no sunset date, or it is past, too far ahead or before the approved one.
    """
    decision.allowed(Move.ANNOUNCE)
    approved = decision.plan.sunset_on if decision.plan else None
    wanted = sunset_on or (max(approved, on) if approved else None)
    if wanted is None:
        raise InvalidProposalError("A retirement is announced with its sunset date; its plan names none.")
    check_sunset(wanted, on=on, approved=approved)
    plan = replace(decision.plan or RetirementPlan(), sunset_on=approved or wanted)
    changed = replace(decision, sunset_on=wanted, plan=plan)
    return changed.move(Move.ANNOUNCE, actor=actor, reason=reason, on=on, now=now, before=decision)


def check_service(action: Action, service: ServiceState, *, leaving: bool, name: str) -> None:
    """Refuse an action that makes no sense for where the model is.

    Args:
        action: what is proposed.
        service: whether the model is in service.
        leaving: whether an approved decision is about to take it out of service, or has.
        name: the model's name.

    Raises:
        InvalidProposalError: nothing to reinstate, or the model is retired and only reinstating it makes sense.
    """
    if action is Action.REINSTATE:
        if service is ServiceState.IN_SERVICE and not leaving:
            raise InvalidProposalError(f"{name} is in service; there is nothing to reinstate.")
    elif service is ServiceState.RETIRED:
        raise InvalidProposalError(f"{name} is retired; it has to be reinstated first.")


def check_possible(records: DecisionRecords, action: Action, subject: Subject, plan: RetirementPlan | None) -> None:
    """Refuse what makes no sense for where the model, and whatever is to replace it, are now.

    Asked when something is proposed and again when it is approved or tried again: in between a model can have been retired.

    Raises:
        UnknownModelError: no model has the id of the replacement.
        InvalidProposalError: as ``check_service`` and ``check_replacement``.
    """
    leaving = action is Action.REINSTATE and bool(records.ended_by_reinstating(subject.model_id))
    check_service(action, records.service_state(subject.model_id), leaving=leaving, name=subject.name)
    if plan is not None:
        check_replacement(records, plan)


def why_not_hand_over(records: DecisionRecords, decision: Decision) -> str | None:
    """Return why a retraining that was approved is not handed over: its model left service since. Nothing when it can be.

    A model that was suspended when the retraining was approved, or tried again, is retrained: whoever did so knew.
    """
    service, name = records.service_state(decision.subject.model_id), decision.subject.name
    if service is ServiceState.RETIRED:
        return f"It was not handed over: {name} is retired."
    if service is ServiceState.SUSPENDED:
        for other in records.ended_by_reinstating(decision.subject.model_id):
            if other.state is State.SUSPENDED and _moved_at(other) > _moved_at(decision):
                return f"It was not handed over: {name} was suspended in the meantime, by decision {other.id}."
    return None


def _moved_at(decision: Decision) -> datetime:
    return decision.state_at or decision.decided_at or decision.proposed_at


def check_replacement(records: DecisionRecords, plan: RetirementPlan) -> None:
    """Refuse a replacement that is no registered model, or a retired one.

    Raises:
        UnknownModelError: no model has this id.
        InvalidProposalError: it is retired itself.
    """
    if plan.replacement is None or not plan.replacement.strip():
        return
    other = records.subject(plan.replacement.strip())
    if records.service_state(other.model_id) is ServiceState.RETIRED:
        raise InvalidProposalError(f"{other.name} is retired itself and cannot replace anything.")
