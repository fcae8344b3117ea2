"""Use cases after an approval, by people: carry it out, try again, give up, end it, judge what came of it.

Like every use case they check whoever calls with the roles the registry holds at that moment, inside the transaction that writes.
``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitoring.errors import InvalidProposalError
from monitoring.lifecycle import Move
from monitoring.retraining import reviewed

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitoring.decision import Decision
    from monitoring.outcome import Judgement
    from monitoring.ports import DecisionRegistry

LONGEST_NOTICE_DAYS = 3 * 365


def retry(registry: DecisionRegistry, decision_id: int, *, reason: str, by: str, on: date, now: datetime) -> Decision:
    """Hand a failed retraining over once more, under the same idempotency key.

    Raises:
        ForbiddenMoveError: it has not failed.
        NotAuthorisedError: neither the owner nor an approver of the model.
        InvalidReasonError: the reason is too short.
    """
    return _moved(registry, decision_id, Move.RETRY, reason=reason, by=by, on=on, now=now)


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
        moved, event = assigned.move(Move.START, actor=actor, reason=reason, on=on, now=now)
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
    """Say that the model was taken out of service; from now on it counts as suspended.

    Raises:
        ForbiddenMoveError: it is not an approved suspension.
        NotAuthorisedError: not the owner of the model.
    """
    return _moved(registry, decision_id, Move.CONFIRM_OUT_OF_SERVICE, reason=reason, by=by, on=on, now=now)


def reinstate(
    registry: DecisionRegistry, decision_id: int, *, reason: str, by: str, on: date, now: datetime
) -> Decision:
    """Put a suspended model back into service.

    Raises:
        ForbiddenMoveError: it is not suspended by this decision.
        NotAuthorisedError: not an approver of the model.
        InvalidReasonError: the reason is too short.
    """
    return _moved(registry, decision_id, Move.REINSTATE, reason=reason, by=by, on=on, now=now)


def announce(
    registry: DecisionRegistry,
    decision_id: int,
    *,
    sunset_on: date,
    by: str,
    on: date,
    now: datetime,
    reason: str = "",
) -> Decision:
    """Announce a retirement with the last day of service.

    Raises:
        ForbiddenMoveError: it is not an approved retirement.
        NotAuthorisedError: not the owner of the model.
        InvalidProposalError: the sunset date lies in the past or more than three years ahead.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        moved, event = replace(decision, sunset_on=sunset_on).move(
            Move.ANNOUNCE, actor=actor, reason=reason, on=on, now=now
        )
        if not on <= sunset_on <= on + timedelta(days=LONGEST_NOTICE_DAYS):
            raise InvalidProposalError("The sunset date is today or later, and at most three years ahead.")
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
