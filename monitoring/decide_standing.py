"""Use cases of people: propose a standing approval, answer it, look at it before answering, and pull its kill switch.

As in ``decide``, whoever calls is checked here with the roles the registry holds at that moment, inside the transaction that
writes. ``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitoring.authority import known_actor
from monitoring.errors import ForbiddenMoveError, NotAuthorisedError, StaleDecisionError
from monitoring.lifecycle import Move, State
from monitoring.proposal import STEPPED_BACK, waiting_without
from monitoring.standing_approval import StandingApproval
from monitoring.standing_envelope import Scope, ScopeKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.people import Actor
    from monitoring.standing_envelope import Envelope
    from monitoring.standing_ports import StandingRecords, StandingRegistry

ANSWERS = (Move.APPROVE, Move.REJECT, Move.WITHDRAW)


@dataclass(frozen=True, slots=True)
class StandingReview:
    """What somebody must see before answering: the envelope, what it would have done, who may answer and who is needed.

    ``past`` is frozen once it was approved. ``may`` holds the moves this person can make, ``why_not`` says why they cannot approve.
    """

    standing: StandingApproval
    past: dict[str, Any]
    may: frozenset[Move]
    waiting_for: str
    why_not: str


def propose_standing(
    registry: StandingRegistry, envelope: Envelope, *, reason: str, by: str, on: date, now: datetime
) -> StandingApproval:
    """Propose a standing approval and return it.

    Raises:
        InvalidProposalError: the envelope is not bounded, covers no model, or is proposed already.
        NotAuthorisedError: ``by`` is neither an approver of all its models nor the owner of each that it names.
        InvalidReasonError: the reason is too short.
        UnknownModelError: it names a model that does not exist.
    """
    with registry.deciding_standing() as records:
        standing, event = StandingApproval.propose(
            envelope,
            records.covered(envelope.scope),
            number=records.next_standing(),
            actor=records.actor(by),
            reason=reason,
            on=on,
            now=now,
        )
        records.add_standing(standing, event)
        return standing


def approve_standing(
    registry: StandingRegistry, number: int, *, comment: str, by: str, on: date, now: datetime
) -> StandingApproval:
    """Approve; active at once when the quorum of the strictest tier inside is complete. What it would have done is frozen with it.

    Raises:
        NotAuthorisedError: the person proposed it, has approved it, or has not the role for all its models.
        StaleDecisionError: somebody else decided it first.
        InvalidReasonError: there is no reason.
        InvalidProposalError: its last day is over.
    """
    with registry.deciding_standing() as records:
        standing, actor = records.standing(number), records.actor(by)
        standing.check_answer(Move.APPROVE, actor)
        past = records.past_of(standing.envelope, tier=standing.tier, on=on)
        moved, event = standing.approve(actor=actor, comment=comment, past=past, on=on, now=now)
        return _stored(records, moved, event, before=standing)


def reject_standing(
    registry: StandingRegistry, number: int, *, comment: str, by: str, on: date, now: datetime
) -> StandingApproval:
    """Reject, with a comment; one approver who did not propose is enough. Raises as ``approve_standing``, or InvalidReasonError."""
    with registry.deciding_standing() as records:
        standing, actor = records.standing(number), records.actor(by)
        moved, event = standing.reject(actor=actor, comment=comment, on=on, now=now)
        return _stored(records, moved, event, before=standing)


def withdraw_standing(
    registry: StandingRegistry, number: int, *, by: str, on: date, now: datetime, comment: str = ""
) -> StandingApproval:
    """Take back a proposal of one's own. Raises StaleDecisionError when it was decided first, NotAuthorisedError."""
    with registry.deciding_standing() as records:
        standing, actor = records.standing(number), records.actor(by)
        moved, event = standing.withdraw(actor=actor, comment=comment, on=on, now=now)
        return _stored(records, moved, event, before=standing)


def stop_standing(
    registry: StandingRegistry, number: int, *, reason: str, by: str, on: date, now: datetime
) -> StandingApproval:
    """Pull the kill switch: nothing starts under it from this moment on, and it never becomes active again.

    Raises:
        ForbiddenMoveError: it is not active.
        NotAuthorisedError: no approver, no owner of one of its models and not its proposer.
        InvalidReasonError: there is no reason.
    """
    with registry.deciding_standing() as records:
        standing, actor = records.standing(number), records.actor(by)
        moved, event = standing.stop(actor=actor, reason=reason, on=on, now=now)
        return _stored(records, moved, event, before=standing)


def review_standing(registry: StandingRegistry, number: int, *, by: str | None, on: date) -> StandingReview:
    """Return everything somebody must see before answering; ``by`` is missing for a visitor who is not signed in."""
    with registry.looking_at_standing() as records:
        standing, actor = records.standing(number), known_actor(records, by)
        past = standing.past or records.past_of(standing.envelope, tier=standing.tier, on=on)
        may = {answer for answer in ANSWERS if actor and standing.may(answer, actor)}
        if actor and standing.state is State.APPROVED and standing.stopping(actor):
            may.add(Move.STOP)
        aside = records.stepped_back_from_standing(standing)
        why_not = "" if Move.APPROVE in may else _why_not(standing, actor)
        if actor and actor.email in aside and standing.state is State.PROPOSED:
            may, why_not = may & {Move.WITHDRAW}, STEPPED_BACK
        waiting_for = waiting_without(standing, records.everyone(), aside)
        return StandingReview(standing, past, frozenset(may), waiting_for, why_not)


def why_not_propose_standing(registry: StandingRegistry, *, by: str | None) -> str | None:
    """Return nothing when this person may propose some standing approval, else the sentence to show in place of the form."""
    with registry.looking_at_standing() as records:
        actor = known_actor(records, by)
        if actor is None:
            return "Only people the registry knows may propose something."
        if actor.is_auditor or next(_proposable(records, actor), None) is None:
            return "Only an approver, or the owner of a model, may propose a standing approval."
        return None


def proposable_models(registry: StandingRegistry, *, by: str) -> tuple[str, ...]:
    """Return the ids of the models this person may name in a standing approval."""
    with registry.looking_at_standing() as records:
        actor = known_actor(records, by)
        return tuple(_proposable(records, actor)) if actor else ()


def _proposable(records: StandingRecords, actor: Actor) -> Iterator[str]:
    for tier in ("1", "2", "3"):
        for model in records.covered(Scope(ScopeKind.TIER, (tier,))):
            try:
                model.subject.check_proposer(actor)
            except NotAuthorisedError:
                continue
            yield model.subject.model_id


def _why_not(standing: StandingApproval, actor: Actor | None) -> str:
    if actor is None:
        return "Only people the registry knows may approve something."
    try:
        standing.check_answer(Move.APPROVE, actor)
    except (NotAuthorisedError, StaleDecisionError, ForbiddenMoveError) as refusal:
        return str(refusal)
    return ""


def _stored(
    records: StandingRecords, moved: StandingApproval, event: AuditEvent, *, before: StandingApproval
) -> StandingApproval:
    records.store_standing(moved, event, before=before)
    return moved
