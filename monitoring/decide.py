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
from monitoring.retirement import RetirementPlan
from monitoring.retiring import check_replacement, check_service

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
    the proposal. ``may`` holds the answers this person can give, ``waiting_for`` says who is needed or missing. ``blocked_by`` says
    what has to be settled before anybody can approve; it is empty when nothing has.
    """

    decision: Decision
    present: Evidence
    changes: tuple[str, ...]
    may: frozenset[Move]
    waiting_for: str
    blocked_by: str = ""


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
    plan: RetirementPlan | None = None,
) -> Decision:
    """Propose an action for one model and return the decision.

    A retirement has a plan; one that names no consumer gets those of the model's card, unless it says that nobody uses it.

    Raises:
        NotAuthorisedError: ``by`` is neither the owner nor an approver of the model.
        InvalidReasonError: the reason is too short.
        InvalidProposalError: the end of an acceptance is missing, past or more than a year away; the plan says something impossible;
            there is nothing to reinstate, or the model is retired.
        UnknownModelError: there is no such model, or its replacement is none.
        OpenDecisionExistsError: the model has an open decision with this action.
    """
    (decision,) = propose_many(
        registry,
        model_ids=[model_id],
        action=action,
        reason=reason,
        by=by,
        on=on,
        now=now,
        accept_until=accept_until,
        plan=plan,
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
    plan: RetirementPlan | None = None,
) -> tuple[Decision, ...]:
    """Propose the same action with the same reason for several models: all of them or none.

    Each model gets its own decision, its own evidence and its own audit event. Raises what ``propose`` raises.
    """
    chosen = sorted(set(model_ids))
    if not 1 <= len(chosen) <= MOST_MODELS_AT_ONCE:
        raise InvalidProposalError(f"A proposal is for 1 to {MOST_MODELS_AT_ONCE} models; this is for {len(chosen)}.")
    with registry.deciding() as records:
        actor = records.actor(by)
        proposals = []
        for model_id in chosen:
            subject = records.subject(model_id)
            subject.check_proposer(actor)
            leaving = bool(records.ended_by_reinstating(model_id))
            check_service(action, records.service_state(model_id), leaving=leaving, name=subject.name)
            proposals.append(
                Decision.propose(
                    subject,
                    action,
                    actor=actor,
                    reason=reason,
                    evidence=records.evidence(model_id, on=on),
                    on=on,
                    now=now,
                    accept_until=accept_until,
                    plan=_plan(records, plan, action=action, model_id=model_id),
                )
            )
        return records.add(proposals)


def _plan(
    records: DecisionRecords, plan: RetirementPlan | None, *, action: Action, model_id: str
) -> RetirementPlan | None:
    if action is not Action.RETIRE:
        return plan
    plan = (plan or RetirementPlan()).with_consumers_of(records.consumers(model_id))
    check_replacement(records, plan)
    return plan


def approve(
    registry: DecisionRegistry, decision_id: int, *, comment: str, seen_evidence: str, by: str, on: date, now: datetime
) -> Decision:
    """Approve; the decision stays proposed until the quorum of its tier is met, then its evidence is frozen.

    Args:
        seen_evidence: the hash of the evidence the approver looked at (``review(...).present.hash``).

    Raises:
        EvidenceChangedError: the evidence, or the plan of a retirement, is no longer what the approver saw.
        IncompleteRetirementError: the plan of a retirement in tier 1 lacks something.
        NotAuthorisedError: the person proposed it, has approved it, or has not the role for this model.
        StaleDecisionError: somebody else decided it first.
    """
    with registry.deciding() as records:
        decision, actor = records.decision(decision_id), records.actor(by)
        decision.check_answer(Move.APPROVE, actor)
        evidence = records.evidence(decision.subject.model_id, on=on).with_plan(decision.plan)
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
        present = records.evidence(decision.subject.model_id, on=on).with_plan(decision.plan)
        actor = known_actor(records, by)
        return Review(
            decision=decision,
            present=present,
            changes=evidence_changes(decision.evidence, present.snapshot),
            may=frozenset(answer for answer in ANSWERS if actor and decision.may(answer, actor)),
            waiting_for=decision.waiting_for(records.everyone()),
            blocked_by=decision.blocked_by,
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
