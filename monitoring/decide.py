"""Use cases: propose, approve, reject, withdraw, and look at a decision before answering it.

Whoever calls, a page, a command or a test, is checked here, with the roles the registry holds at that moment, inside the
transaction that writes. ``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.authority import known_actor
from monitoring.decision import Decision
from monitoring.errors import EvidenceChangedError, InvalidProposalError, NotAuthorisedError
from monitoring.evidence import Evidence, evidence_changes
from monitoring.lifecycle import Action, Move

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.ports import DecisionRecords, DecisionRegistry

MOST_MODELS_AT_ONCE = 200
ANSWERS = (Move.APPROVE, Move.REJECT, Move.WITHDRAW)


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody must see before answering a decision.

    ``present`` is the evidence now; its hash is what ``approve`` asks for. ``changes`` says in words what is different from
    the proposal. ``may`` holds the answers this person can give, ``waiting_for`` says who is needed or missing.
    """

    decision: Decision
    present: Evidence
    changes: tuple[str, ...]
    may: frozenset[Move]
    waiting_for: str


def propose(
    registry: DecisionRegistry,
    *,
    model_id: str,
    action: Action,
    reason: str,
    by: str,
    on: date,
    now: datetime,
    accept_until: date | None = None,
) -> Decision:
    """Propose an action for one model and return the decision.

    Raises:
        NotAuthorisedError: ``by`` is neither the owner nor an approver of the model.
        InvalidReasonError: the reason is too short.
        InvalidProposalError: the end of an acceptance is missing, past or more than a year away.
        OpenDecisionExistsError: the model has an open decision with this action.
    """
    (decision,) = propose_many(
        registry, model_ids=[model_id], action=action, reason=reason, by=by, on=on, now=now, accept_until=accept_until
    )
    return decision


def propose_many(
    registry: DecisionRegistry,
    *,
    model_ids: Sequence[str],
    action: Action,
    reason: str,
    by: str,
    on: date,
    now: datetime,
    accept_until: date | None = None,
) -> tuple[Decision, ...]:
    """Propose the same action with the same reason for several models: all of them or none.

    Each model gets its own decision, its own evidence and its own audit event. Raises what ``propose`` raises.
    """
    chosen = sorted(set(model_ids))
    if not 1 <= len(chosen) <= MOST_MODELS_AT_ONCE:
        raise InvalidProposalError(f"A proposal is for 1 to {MOST_MODELS_AT_ONCE} models; this is for {len(chosen)}.")
    with registry.deciding() as records:
        actor = records.actor(by)
        return records.add(
            [
                Decision.propose(
                    records.subject(model_id),
                    action,
                    actor=actor,
                    reason=reason,
                    evidence=records.evidence(model_id, on=on),
                    on=on,
                    now=now,
                    accept_until=accept_until,
                )
                for model_id in chosen
            ]
        )


def approve(
    registry: DecisionRegistry, decision_id: int, *, comment: str, seen_evidence: str, by: str, on: date, now: datetime
) -> Decision:
    """Approve; the decision stays proposed until the quorum of its tier is met, then its evidence is frozen.

    Args:
        seen_evidence: the hash of the evidence the approver looked at (``review(...).present.hash``).

    Raises:
        EvidenceChangedError: the evidence is no longer what the approver saw.
        NotAuthorisedError: the person proposed it, has approved it, or has not the role for this model.
        StaleDecisionError: somebody else decided it first.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        decision.check_answer(Move.APPROVE, actor)
        evidence = records.evidence(decision.subject.model_id, on=on)
        if evidence.hash != seen_evidence:
            changes = " ".join(evidence_changes(decision.evidence, evidence.snapshot))
            since = f" Since the proposal: {changes}" if changes else ""
            raise EvidenceChangedError(f"The evidence changed while you were reading; look at it again.{since}")
        approved, event = decision.approve(actor=actor, comment=comment, evidence=evidence, on=on, now=now)
        return _stored(records, approved, event, before=decision)


def reject(registry: DecisionRegistry, decision_id: int, *, comment: str, by: str, on: date, now: datetime) -> Decision:
    """Reject, with a comment; one approver who did not propose is enough. Raises as ``approve``, or InvalidReasonError."""
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        rejected, event = decision.reject(actor=actor, comment=comment, on=on, now=now)
        return _stored(records, rejected, event, before=decision)


def withdraw(
    registry: DecisionRegistry, decision_id: int, *, by: str, on: date, now: datetime, comment: str = ""
) -> Decision:
    """Take back a proposal of one's own. Raises StaleDecisionError when it was decided first, NotAuthorisedError."""
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        withdrawn, event = decision.withdraw(actor=actor, comment=comment, on=on, now=now)
        return _stored(records, withdrawn, event, before=decision)


def review(registry: DecisionRegistry, decision_id: int, *, by: str | None, on: date) -> Review:
    """Return everything somebody must see before answering; ``by`` is missing for a visitor who is not signed in."""
    with registry.looking() as records:
        decision = records.decision(decision_id)
        present = records.evidence(decision.subject.model_id, on=on)
        actor = known_actor(records, by)
        return Review(
            decision=decision,
            present=present,
            changes=evidence_changes(decision.evidence, present.snapshot),
            may=frozenset(answer for answer in ANSWERS if actor and decision.may(answer, actor)),
            waiting_for=decision.waiting_for(records.everyone()),
        )


def why_not_propose(registry: DecisionRegistry, *, model_id: str, by: str | None) -> str | None:
    """Return nothing when this person may propose for the model, else the sentence to show in place of the form."""
    with registry.looking() as records:
        actor = known_actor(records, by)
        if actor is None:
            return "Only people the registry knows may propose something."
        try:
            records.subject(model_id).check_proposer(actor)
        except NotAuthorisedError as refusal:
            return str(refusal)
        return None


def _stored(records: DecisionRecords, moved: Decision, event: AuditEvent, *, before: Decision) -> Decision:
    records.store(moved, event, before=before)
    return moved
