"""Use cases after an approval, by people: carry it out, try again, give up, end it, judge what came of it.

Like every use case they check whoever calls with the roles the registry holds at that moment, inside the transaction that writes.
``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitoring.authority import machine
from monitoring.errors import ForbiddenMoveError
from monitoring.lifecycle import Action, Capacity, Move
from monitoring.retiring import acknowledged, amended, announced, check_possible, check_replacement
from monitoring.retraining import reviewed

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitoring.decision import Decision
    from monitoring.outcome import Judgement
    from monitoring.ports import DecisionRegistry
    from monitoring.retirement import RetirementPlan


def retry(registry: DecisionRegistry, decision_id: int, *, reason: str, by: str, on: date, now: datetime) -> Decision:
    """Hand a failed retraining over once more, under the same idempotency key.

    Raises:
        ForbiddenMoveError: it has not failed.
        NotAuthorisedError: neither the owner nor an approver of the model.
        InvalidProposalError: the model was retired in the meantime.
        InvalidReasonError: the reason is too short.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        moved, event = decision.move(Move.RETRY, actor=actor, reason=reason, on=on, now=now)
        check_possible(records, decision.action, decision.subject, decision.plan)
        records.store(moved, event, before=decision)
        return moved


def give_up(registry: DecisionRegistry, decision_id: int, *, reason: str, by: str, on: date, now: datetime) -> Decision:
    """Close a failed retraining without an outcome. Raises as ``retry``."""
    return _moved(registry, decision_id, Move.GIVE_UP, reason=reason, by=by, on=on, now=now)


def start_work(
    registry: DecisionRegistry,
    decision_id: int,
    *,
    assignee: str,
    by: str,
    on: date,
    now: datetime,
    reason: str = "",
) -> Decision:
    """Begin to repair the data; ``assignee`` is the e-mail address of who does it, somebody the registry knows.

    Raises:
        ForbiddenMoveError: it is not an approved decision to fix data.
        NotAuthorisedError: not the owner of the model.
        UnknownPersonError: nobody with the assignee's address is known.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        assigned = replace(decision, assigned_to=records.actor(assignee).email)
        moved, event = assigned.move(Move.START, actor=actor, reason=reason, on=on, now=now, before=decision)
        records.store(moved, event, before=decision)
        return moved


def report_fixed(
    registry: DecisionRegistry, decision_id: int, *, by: str, on: date, now: datetime, reason: str = ""
) -> Decision:
    """Say that the data are repaired; the assessment says whether they are. Raises as ``start_work``."""
    return _moved(registry, decision_id, Move.REPORT_FIXED, reason=reason, by=by, on=on, now=now)


def confirm_out_of_service(
    registry: DecisionRegistry, decision_id: int, *, by: str, on: date, now: datetime, reason: str = ""
) -> Decision:
    """Say that the model was taken out of service: from now on it counts as suspended, or as retired.

    A retirement is closed by its log; only where nobody can look at one the owner's word, with a reason, takes its place.

    Raises:
        ForbiddenMoveError: it is neither an approved suspension nor a retirement that is due, or the log will show it.
        NotAuthorisedError: not the owner of the model.
        InvalidReasonError: the reason for a retirement is too short.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        moved, event = decision.move(Move.CONFIRM_OUT_OF_SERVICE, actor=actor, reason=reason, on=on, now=now)
        if decision.action is Action.RETIRE and records.has_readable_log(decision.subject.model_id):
            raise ForbiddenMoveError("Its log is watched: 28 days without a row make it retired, nobody has to say so.")
        records.store(moved, event, before=decision)
        return moved


def confirm_in_service(
    registry: DecisionRegistry, decision_id: int, *, by: str, on: date, now: datetime, reason: str = ""
) -> Decision:
    """Say that the model serves again, as was approved; the suspension or retirement that it was under ends with it.

    Raises:
        ForbiddenMoveError: it is not an approved reinstatement.
        NotAuthorisedError: not the owner of the model.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        moved, event = decision.move(Move.CONFIRM_IN_SERVICE, actor=actor, reason=reason, on=on, now=now)
        records.store(moved, event, before=decision)
        why = f"Reinstated by decision {decision.id}, which {', '.join(decision.approvers)} approved."
        for other in records.ended_by_reinstating(decision.subject.model_id):
            ended, event = other.move(Move.REINSTATE, actor=machine(Capacity.DECISION), reason=why, on=on, now=now)
            records.store(ended, event, before=other)
        return moved


def amend(
    registry: DecisionRegistry,
    decision_id: int,
    *,
    plan: RetirementPlan,
    seen_plan: str,
    by: str,
    on: date,
    now: datetime,
    reason: str = "",
) -> Decision:
    """Change the plan of a retirement while it is proposed, or fill in what it lacks afterwards. Raises as ``retiring.amended``.

    With another last day or replacement every consumer has to acknowledge it anew. ``seen_plan`` is the hash of the plan that was
    changed, so that nobody writes over what was changed in the meantime.

    Raises:
        EvidenceChangedError: the plan is no longer the one that was seen.
        UnknownModelError: the replacement is no registered model.
        InvalidProposalError: an impossible plan, a retired replacement, or one that changes what was approved.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        moved, event = amended(decision, plan, seen=seen_plan, actor=actor, reason=reason, on=on, now=now)
        if moved.plan is not None and (decision.plan is None or moved.plan.replacement != decision.plan.replacement):
            check_replacement(records, moved.plan)
        records.store(moved, event, before=decision)
        return moved


def acknowledge(
    registry: DecisionRegistry,
    decision_id: int,
    *,
    consumer: str,
    said_by: str,
    said_on: date,
    by: str,
    on: date,
    now: datetime,
) -> Decision:
    """Record that a consumer of a model that is to be retired knows: who said so there, and when. Raises as ``retiring.acknowledged``."""
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        moved, event = acknowledged(decision, consumer, said_by=said_by, said_on=said_on, actor=actor, on=on, now=now)
        records.store(moved, event, before=decision)
        return moved


def announce(
    registry: DecisionRegistry,
    decision_id: int,
    *,
    by: str,
    on: date,
    now: datetime,
    sunset_on: date | None = None,
    reason: str = "",
) -> Decision:
    """Announce a retirement with the last day of service, by default the one that was approved. Raises as ``retiring.announced``."""
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        moved, event = announced(decision, sunset_on, actor=actor, reason=reason, on=on, now=now)
        records.store(moved, event, before=decision)
        return moved


def end_early(
    registry: DecisionRegistry, decision_id: int, *, reason: str, by: str, on: date, now: datetime
) -> Decision:
    """End an acceptance before its date; the model is back on the agenda.

    Raises:
        ForbiddenMoveError: it is not an approved acceptance.
        NotAuthorisedError: not an approver of the model.
        InvalidReasonError: the reason is too short.
    """
    return _moved(registry, decision_id, Move.END_EARLY, reason=reason, by=by, on=on, now=now)


def review_outcome(
    registry: DecisionRegistry,
    decision_id: int,
    *,
    judgement: Judgement,
    reason: str,
    by: str,
    on: date,
    now: datetime,
) -> Decision:
    """Judge the outcome of a retraining; the second person who says the same closes it, and its numbers are frozen.

    Raises:
        ForbiddenMoveError: there is no outcome yet, or the new version is still settling.
        NotAuthorisedError: neither the owner nor an approver of the model.
        InvalidReasonError: the reason is too short.
        StaleDecisionError: the person has said the same already.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        measured = records.measured(decision, on=on)
        moved, event = reviewed(decision, judgement, actor=actor, reason=reason, measured=measured, on=on, now=now)
        records.store(moved, event, before=decision)
        return moved


def _moved(
    registry: DecisionRegistry, decision_id: int, move: Move, *, reason: str, by: str, on: date, now: datetime
) -> Decision:
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        moved, event = decision.move(move, actor=actor, reason=reason, on=on, now=now)
        records.store(moved, event, before=decision)
        return moved
