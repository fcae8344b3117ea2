"""Use cases: propose, approve, reject, withdraw, and look at a decision before answering it.

Whoever calls, a page, a command or a test, is checked here, with the roles the registry holds at that moment, inside the
transaction that writes. ``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.authority import known_actor
from monitoring.challenge import AskedDecision, Challenge
from monitoring.decision import Decision
from monitoring.errors import (
    EvidenceChangedError,
    InvalidProposalError,
    ModelfolioError,
    NotAuthorisedError,
    UnknownModelError,
)
from monitoring.evidence import Evidence, evidence_changes
from monitoring.lifecycle import Action, Move, State, allowed_move
from monitoring.proposal import checked_reason, waiting_without
from monitoring.retirement import RetirementPlan
from monitoring.retiring import check_possible

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.people import Actor
    from monitoring.ports import DecisionRecords, DecisionRegistry

MOST_MODELS_AT_ONCE = 200
ANSWERS = (Move.APPROVE, Move.REJECT, Move.WITHDRAW)


@dataclass(frozen=True, slots=True)
class Review:
    """What somebody must see before answering a decision.

    ``present`` is the evidence now; its hash is what ``approve`` asks for. ``changes`` says in words what is different from
    the proposal. ``may`` holds the answers this person can give, ``waiting_for`` says who is needed or missing. ``blocked_by`` says
    what has to be settled before anybody can approve; it is empty when nothing has. ``challenges`` are the questions about it and the
    challenges that stand beside the evidence, the newest first; ``may_ask`` is whether this person may ask.
    """

    decision: Decision
    present: Evidence
    changes: tuple[str, ...]
    may: frozenset[Move]
    waiting_for: str
    blocked_by: str = ""
    challenges: tuple[Challenge, ...] = ()
    may_ask: bool = False


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

    Each model gets its own decision, its own evidence and its own audit event. Raises what ``propose`` raises; of several models
    the sentence names the one that stopped all.
    """
    chosen = sorted(set(model_ids))
    _check_number(len(chosen), "A proposal")
    checked_reason(allowed_move(None, Move.PROPOSE, action), reason)
    with registry.deciding() as records:
        actor = records.actor(by)
        proposed: list[Decision] = []
        for model_id in chosen:
            subject = records.subject(model_id)
            with _all_or_none(subject.name if len(chosen) > 1 else None, nothing="Nothing was proposed."):
                subject.check_proposer(actor)
                planned = _plan(records, plan, action=action, model_id=model_id)
                check_possible(records, action, subject, planned)
                new = Decision.propose(
                    subject,
                    action,
                    actor=actor,
                    reason=reason,
                    evidence=records.evidence(model_id, on=on),
                    on=on,
                    now=now,
                    accept_until=accept_until,
                    plan=planned,
                )
                proposed += records.add([new])
        return tuple(proposed)


def _plan(
    records: DecisionRecords, plan: RetirementPlan | None, *, action: Action, model_id: str
) -> RetirementPlan | None:
    if action is not Action.RETIRE:
        return plan
    return (plan or RetirementPlan()).with_consumers_of(records.consumers(model_id))


def approve(
    registry: DecisionRegistry, decision_id: int, *, comment: str, seen_evidence: str, by: str, on: date, now: datetime
) -> Decision:
    """Approve; the decision stays proposed until the quorum of its tier is met, then its evidence is frozen.

    Args:
        seen_evidence: the hash of the evidence the approver looked at (``review(...).present.hash``).

    Raises:
        EvidenceChangedError: the evidence, or the plan of a retirement, is no longer what the approver saw.
        IncompleteRetirementError: the plan of a retirement in tier 1 lacks something.
        InvalidProposalError: the model, or what is to replace it, was retired in the meantime; there is nothing left to reinstate.
        NotAuthorisedError: the person proposed it, has approved it, or has not the role for this model.
        StaleDecisionError: somebody else decided it first.
    """
    with registry.deciding() as records:
        return _approved(records, decision_id, records.actor(by), comment=comment, seen=seen_evidence, on=on, now=now)


def approve_many(
    registry: DecisionRegistry, seen_evidence: Mapping[int, str], *, comment: str, by: str, on: date, now: datetime
) -> tuple[Decision, ...]:
    """Approve several proposals with the same comment: all of them or none.

    Each gets its own answer, its own frozen evidence once its own quorum is met, and its own audit event.

    Args:
        seen_evidence: of each decision the hash of the evidence the approver looked at.

    Raises:
        InvalidProposalError: none, or more than 200.
        ModelfolioError: what ``approve`` raises; the sentence names the model that stopped all.
    """
    _check_number(len(seen_evidence), "An approval")
    with registry.deciding() as records:
        actor = records.actor(by)
        decided = []
        for decision_id, seen in sorted(seen_evidence.items()):
            with _all_or_none(records.decision(decision_id).subject.name):
                decided.append(_approved(records, decision_id, actor, comment=comment, seen=seen, on=on, now=now))
        return tuple(decided)


def reject(registry: DecisionRegistry, decision_id: int, *, comment: str, by: str, on: date, now: datetime) -> Decision:
    """Reject, with a comment; one approver who did not propose is enough. Raises as ``approve``, or InvalidReasonError."""
    with registry.deciding() as records:
        return _rejected(records, decision_id, records.actor(by), comment=comment, on=on, now=now)


def reject_many(
    registry: DecisionRegistry, decision_ids: Collection[int], *, comment: str, by: str, on: date, now: datetime
) -> tuple[Decision, ...]:
    """Reject several proposals with the same comment: all of them or none. Raises as ``approve_many``, or InvalidReasonError."""
    chosen = sorted(set(decision_ids))
    _check_number(len(chosen), "A rejection")
    checked_reason(allowed_move(State.PROPOSED, Move.REJECT, None), comment)
    with registry.deciding() as records:
        actor = records.actor(by)
        decided = []
        for decision_id in chosen:
            with _all_or_none(records.decision(decision_id).subject.name):
                decided.append(_rejected(records, decision_id, actor, comment=comment, on=on, now=now))
        return tuple(decided)


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
    return review_many(registry, [decision_id], by=by, on=on)[0]


def review_many(
    registry: DecisionRegistry, decision_ids: Collection[int], *, by: str | None, on: date
) -> tuple[Review, ...]:
    """Return everything somebody must see before answering several proposals together, in the order given."""
    with registry.looking() as records:
        actor, everyone = known_actor(records, by), records.everyone()
        return tuple(_review(records, number, actor, everyone, on=on) for number in decision_ids)


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


def _review(
    records: DecisionRecords, decision_id: int, actor: Actor | None, everyone: Sequence[Actor], *, on: date
) -> Review:
    decision = records.decision(decision_id)
    present = records.evidence(decision.subject.model_id, on=on).with_plan(decision.plan)
    asked = AskedDecision(decision.id, decision.action, decision.proposed_by)
    challenges = records.challenges_of(decision.subject.model_id, on=on)
    aside = records.stepped_back(decision)
    answers = ANSWERS if actor is None or actor.email not in aside else (Move.WITHDRAW,)
    return Review(
        decision=decision,
        present=present,
        changes=evidence_changes(decision.evidence, present.snapshot),
        may=frozenset(answer for answer in answers if actor and decision.may(answer, actor)),
        waiting_for=waiting_without(decision, everyone, aside),
        blocked_by=_blocked_by(records, decision),
        challenges=tuple(each for each in challenges if each.is_about(decision.id, present.snapshot["findings"])),
        may_ask=decision.state is State.PROPOSED
        and actor is not None
        and Challenge.could_begin(decision.subject, actor=actor, decision=asked),
    )


def _blocked_by(records: DecisionRecords, decision: Decision) -> str:
    if decision.state is not State.PROPOSED:
        return ""
    try:
        check_possible(records, decision.action, decision.subject, decision.plan)
    except (InvalidProposalError, UnknownModelError) as refusal:
        return f"This cannot be approved now. {refusal}"
    return decision.blocked_by


def _approved(
    records: DecisionRecords, decision_id: int, actor: Actor, *, comment: str, seen: str, on: date, now: datetime
) -> Decision:
    decision = records.decision(decision_id)
    decision.check_answer(Move.APPROVE, actor)
    check_possible(records, decision.action, decision.subject, decision.plan)
    evidence = records.evidence(decision.subject.model_id, on=on).with_plan(decision.plan)
    if evidence.hash != seen:
        changes = " ".join(evidence_changes(decision.evidence, evidence.snapshot))
        since = f" Since the proposal: {changes}" if changes else ""
        raise EvidenceChangedError(f"The evidence changed while you were reading; look at it again.{since}")
    approved, event = decision.approve(actor=actor, comment=comment, evidence=evidence, on=on, now=now)
    return _stored(records, approved, event, before=decision)


def _rejected(
    records: DecisionRecords, decision_id: int, actor: Actor, *, comment: str, on: date, now: datetime
) -> Decision:
    decision = records.decision(decision_id)
    rejected, event = decision.reject(actor=actor, comment=comment, on=on, now=now)
    return _stored(records, rejected, event, before=decision)


def _check_number(models: int, what: str) -> None:
    if not 1 <= models <= MOST_MODELS_AT_ONCE:
        raise InvalidProposalError(f"{what} is for 1 to {MOST_MODELS_AT_ONCE} models; this is for {models}.")


@contextmanager
def _all_or_none(model: str | None, *, nothing: str = "Nothing was decided.") -> Iterator[None]:
    """Say of several models which one stopped all; a single one, or one that is named already, speaks for itself."""
    try:
        yield
    except ModelfolioError as error:
        if model is None:
            raise
        named = str(error) if model in str(error) else f"{model}: {error}"
        raise type(error)(f"{named} {nothing}") from error


def _stored(records: DecisionRecords, moved: Decision, event: AuditEvent, *, before: Decision) -> Decision:
    records.store(moved, event, before=before)
    return moved
