"""A decision: an action proposed for a model, and its way to an outcome. Every move yields its own audit event."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from monitoring.audit import AuditEvent
from monitoring.authority import Subject, capacity_for, machine
from monitoring.errors import ForbiddenMoveError, IncompleteRetirementError, InvalidProposalError
from monitoring.lifecycle import LIFECYCLE, MACHINES, Action, AllowedMove, Capacity, Move, State, allowed_move
from monitoring.people import Actor, Role
from monitoring.proposal import Proposal, answered, checked_reason, role_words
from monitoring.quorum import Approval, quorum
from monitoring.retirement import RetirementPlan
from monitoring.wording import joined

if TYPE_CHECKING:
    from monitoring.evidence import Evidence
    from monitoring.outcome import Review

DAYS_TO_ANSWER = {1: 7, 2: 14, 3: 30}
LONGEST_ACCEPTANCE_DAYS = 365
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Decision(Proposal):
    """An action proposed for a model, and where it is.

    ``evidence`` is the snapshot at the proposal, ``frozen_evidence`` the one at the approval, ``evidence_hash`` its
    fingerprint. Days are the product's days, times the machine's. ``tier`` is the model's at the proposal; ``subject`` is as
    the registry knows it now. ``decided_by`` is who approved (last), rejected or withdrew. ``state_on`` and ``state_at`` say since when
    it is in its state. What follows an approval: who repairs the data, when a model retires, which version a retraining gave,
    when labels enough will have come to judge it, how people judged it and the numbers they judged by. ``standing_approval`` is the
    number of the standing approval under which the policy proposed it.
    """

    nothing_twice = "Nothing was sent twice."

    id: int
    subject: Subject
    action: Action
    state: State
    tier: int
    reason: str
    proposed_by: str
    proposed_on: date
    proposed_at: datetime
    due_on: date
    evidence: dict[str, Any]
    accept_until: date | None = None
    plan: RetirementPlan | None = None
    frozen_evidence: dict[str, Any] | None = None
    evidence_hash: str | None = None
    decided_by: str | None = None
    decided_on: date | None = None
    decided_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()
    state_on: date | None = None
    state_at: datetime | None = None
    assigned_to: str | None = None
    sunset_on: date | None = None
    new_version: str | None = None
    active_from: date | None = None
    settles_on: date | None = None
    review: Review | None = None
    measured: dict[str, Any] | None = None
    standing_approval: int | None = None

    @classmethod
    def propose(
        cls,
        subject: Subject,
        action: Action,
        *,
        actor: Actor,
        reason: str,
        evidence: Evidence,
        on: date,
        now: datetime,
        accept_until: date | None = None,
        plan: RetirementPlan | None = None,
        standing_approval: int | None = None,
    ) -> tuple[Self, AuditEvent]:
        """Return a new decision and its audit event; the registry gives it its number. A retirement has a plan, whatever it lacks.

        Raises:
            NotAuthorisedError: neither the owner nor an approver of the model.
            InvalidReasonError: the reason is too short.
            InvalidProposalError: an acceptance without a future end, an end or a plan for another action, an impossible plan.
        """
        allowed = allowed_move(None, Move.PROPOSE, action)
        capacity = subject.check_proposer(actor)
        reason = checked_reason(allowed, reason)
        _check_end(action, accept_until, on=on)
        plan = _checked_plan(action, plan, subject=subject, on=on)
        evidence = evidence.with_plan(plan)
        decision = cls(
            id=0,
            subject=subject,
            action=action,
            state=allowed.after,
            tier=subject.effective_tier,
            reason=reason,
            proposed_by=actor.email,
            proposed_on=on,
            proposed_at=now,
            due_on=on + timedelta(days=DAYS_TO_ANSWER[subject.effective_tier]),
            evidence=evidence.snapshot,
            accept_until=accept_until,
            plan=plan,
            state_on=on,
            state_at=now,
            standing_approval=standing_approval,
        )
        event = decision.audit_event(
            Move.PROPOSE, actor=actor, role=capacity.value, reason=reason, evidence_hash=evidence.hash, on=on, now=now
        )
        return decision, event

    @property
    def is_open(self) -> bool:
        """Whether something can still come of it."""
        return self.state.is_open

    @property
    def about(self) -> str:
        """The name of the model."""
        return self.subject.name

    @property
    def within(self) -> str:
        """A role has to hold for the model's team."""
        return "this model"

    def allowed(self, move: Move) -> AllowedMove:
        """Return the row of the table of moves; ForbiddenMoveError when there is none."""
        return allowed_move(self.state, move, self.action)

    @property
    def quorum(self) -> tuple[Role, ...]:
        """The seats to fill; a tier that was changed since the proposal can make them more, never fewer."""
        return quorum(self.strictest_tier)

    @property
    def strictest_tier(self) -> int:
        """The tier whose rules hold: the one at the proposal, or a stricter one since."""
        return min(self.tier, self.subject.effective_tier)

    @property
    def lacks(self) -> tuple[str, ...]:
        """What the plan of a retirement does not settle; nothing for other actions."""
        return (self.plan or RetirementPlan()).missing() if self.action is Action.RETIRE else ()

    @property
    def blocked_by(self) -> str:
        """Why it cannot be approved whoever approves, in one sentence; empty when it can. In tiers 2 and 3 a gap is only shown."""
        if not self.lacks or self.strictest_tier > 1 or self.state is not State.PROPOSED:
            return ""
        return (
            "This cannot be approved yet. A retirement in tier 1 needs a complete plan, and this one lacks "
            f"{joined(self.lacks, most=MOST_NAMED)}."
        )

    def is_overdue(self, on: date) -> bool:
        """Whether it should have been answered before ``on``; an overdue decision is never approved by itself."""
        return self.state is State.PROPOSED and self.due_on < on

    def is_escalated(self, on: date) -> bool:
        """Whether every approver of every team is told: it is overdue and of tier 1, or was when it was proposed."""
        return self.is_overdue(on) and self.strictest_tier == 1

    def escalates_to(self, actor: Actor, on: date) -> bool:
        """Whether this person is one of those who are told; being told does not make anybody an approver of the model."""
        return self.is_escalated(on) and actor.holds_anywhere(Role.APPROVER) and not actor.is_auditor

    def capacities(self, actor: Actor) -> frozenset[Capacity]:
        """Return in which capacities the actor can act on this decision; who approves does an owner's work where there is none."""
        found = set(self.subject.capacities(actor))
        if actor.email == self.proposed_by and not actor.is_auditor:
            found.add(Capacity.PROPOSER)
        if self.subject.owner is None and self.state is not State.PROPOSED and Capacity.APPROVER in found:
            found.add(Capacity.OWNER)
        return frozenset(found)

    def moves(self, actor: Actor) -> frozenset[Move]:
        """Return the moves that the table lets this actor make from here; an answer may still be refused for its quorum."""
        capacities = self.capacities(actor) - MACHINES
        return frozenset(
            allowed.move
            for allowed in LIFECYCLE
            if allowed.before is self.state and allowed.action in {None, self.action} and capacities & set(allowed.by)
        )

    def move(
        self,
        move: Move,
        *,
        actor: Actor,
        on: date,
        now: datetime,
        reason: str = "",
        evidence_hash: str | None = None,
        before: Self | None = None,
    ) -> tuple[Self, AuditEvent]:
        """Return the decision in its next state, and the audit event of the move.

        ``before`` is the decision without what the move brings with it; by default nothing comes with it but the state.

        Raises:
            ForbiddenMoveError: the table has no such move from here.
            NotAuthorisedError: not by this actor.
            InvalidReasonError: the reason is too short.
        """
        allowed = self.allowed(move)
        capacity = capacity_for(allowed, self.capacities(actor), model=self.subject.name)
        reason = checked_reason(allowed, reason)
        if move is Move.APPROVE and self.seats_taken() < len(self.quorum):
            raise ForbiddenMoveError("The quorum is not met: this is not approved yet.")
        moved = self
        if allowed.after is not self.state:
            moved = replace(self, state=allowed.after, state_on=on, state_at=now)
        if self.state is State.PROPOSED and moved.state is not State.PROPOSED:
            moved = replace(moved, decided_by=actor.email, decided_on=on, decided_at=now)
        event = moved.audit_event(
            move,
            actor=actor,
            role=capacity.value,
            reason=reason,
            evidence_hash=evidence_hash,
            on=on,
            now=now,
            before=before or self,
        )
        return moved, event

    def approve(
        self, *, actor: Actor, comment: str, evidence: Evidence, on: date, now: datetime
    ) -> tuple[Self, AuditEvent]:
        """Return the decision with this approval; approved, its evidence frozen, when that fills the quorum.

        Raises:
            StaleDecisionError: somebody decided it already.
            NotAuthorisedError: the actor proposed it, has approved it already or can fill no seat that is still empty.
            IncompleteRetirementError: the plan of a retirement in tier 1 lacks something.
        """
        roles = self.check_answer(Move.APPROVE, actor)
        if self.blocked_by:
            raise IncompleteRetirementError(self.blocked_by)
        approval = answered(
            Move.APPROVE, actor=actor, roles=roles, comment=comment, evidence_hash=evidence.hash, on=on, now=now
        )
        with_it = replace(self, approvals=(*self.approvals, approval))
        if with_it.seats_taken() == len(self.quorum):
            frozen = replace(with_it, frozen_evidence=evidence.snapshot, evidence_hash=evidence.hash)
            return frozen.move(
                Move.APPROVE, actor=actor, reason=approval.comment, on=on, now=now, evidence_hash=evidence.hash
            )
        event = with_it.audit_event(
            Move.APPROVE,
            actor=actor,
            role=role_words(roles),
            reason=approval.comment,
            evidence_hash=evidence.hash,
            on=on,
            now=now,
            before=self,
        )
        return with_it, event

    def approve_by_standing(
        self, named: str, *, comment: str, evidence: Evidence, on: date, now: datetime
    ) -> tuple[Self, AuditEvent]:
        """Return the decision approved by a standing approval, its evidence frozen.

        Args:
            named: the standing approval and who approved it, as it stands on every page: "standing approval 3 by ada@example.org".
            comment: why its conditions hold, for the record; the proposal's reason says it to whoever reads the answers.
            evidence: the assessment that they hold on.
            on: the product's day.
            now: the machine's time.

        Raises:
            ForbiddenMoveError: it is no retraining that the policy proposed under a standing approval, or was answered already.
        """
        if self.standing_approval is None:
            raise ForbiddenMoveError("Only what the policy proposed under a standing approval is approved by one.")
        answer = answered(
            Move.APPROVE,
            actor=Actor(named, named),
            roles=frozenset(),
            comment="",
            evidence_hash=evidence.hash,
            on=on,
            now=now,
        )
        frozen = replace(self, approvals=(answer,), frozen_evidence=evidence.snapshot, evidence_hash=evidence.hash)
        moved, event = frozen.move(
            Move.APPROVE_BY_STANDING,
            actor=machine(Capacity.STANDING_APPROVAL),
            reason=comment,
            on=on,
            now=now,
            evidence_hash=evidence.hash,
        )
        return replace(moved, decided_by=named), replace(event, actor=named, before=self.summary())

    def reject(self, *, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return the decision rejected; one approver's no is enough.

        Raises:
            StaleDecisionError: somebody decided it already.
            NotAuthorisedError: the actor proposed it or is no approver of the model.
            InvalidReasonError: there is no comment.
        """
        roles = self.check_answer(Move.REJECT, actor)
        rejected, event = self.move(Move.REJECT, actor=actor, reason=comment, on=on, now=now)
        answer = answered(Move.REJECT, actor=actor, roles=roles, comment=comment, evidence_hash=None, on=on, now=now)
        return replace(rejected, approvals=(*self.approvals, answer)), event

    def withdraw(self, *, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return the decision withdrawn.

        Raises:
            StaleDecisionError: somebody decided it already.
            NotAuthorisedError: somebody else proposed it.
        """
        self.check_answer(Move.WITHDRAW, actor)
        return self.move(Move.WITHDRAW, actor=actor, reason=comment, on=on, now=now)

    def audit_event(
        self,
        move: Move,
        *,
        actor: Actor,
        role: str,
        reason: str,
        evidence_hash: str | None,
        on: date,
        now: datetime,
        before: Self | None = None,
    ) -> AuditEvent:
        """Return the record of a move that led here from ``before``."""
        return AuditEvent(
            at=datetime.combine(on, now.timetz()),
            recorded_at=now,
            actor=actor.email,
            role=role,
            action=move.value,
            subject_kind="decision",
            subject_id=str(self.id),
            model_id=self.subject.model_id,
            reason=reason or None,
            before=before.summary() if before else None,
            after=self.summary(),
            evidence_hash=evidence_hash,
        )

    def summary(self) -> dict[str, Any]:
        """Return what an audit event says about the decision, as plain JSON."""
        return {
            "action": self.action.value,
            "state": self.state.value,
            "tier": self.tier,
            "proposed_by": self.proposed_by,
            "due_on": self.due_on.isoformat(),
            "accept_until": self.accept_until.isoformat() if self.accept_until else None,
            "approved_by": list(self.approvers),
        } | self._followed()

    def _followed(self) -> dict[str, Any]:
        """Return the plan of a retirement and what followed the approval, as far as there is any."""
        days = {"sunset_on": self.sunset_on, "active_from": self.active_from, "settles_on": self.settles_on}
        said: dict[str, Any] = {"assigned_to": self.assigned_to, "new_version": self.new_version}
        said |= {"plan": self.plan.plain() if self.plan else None, "standing_approval": self.standing_approval}
        said |= {name: day.isoformat() if day else None for name, day in days.items()}
        if self.review is not None:
            said |= {
                "outcome": self.review.judgement.value,
                "outcome_by": self.review.proposed_by,
                "outcome_confirmed_by": self.review.confirmed_by,
            }
        return {name: value for name, value in said.items() if value is not None}


def _check_end(action: Action, accept_until: date | None, *, on: date) -> None:
    if action is not Action.ACCEPT:
        if accept_until is not None:
            raise InvalidProposalError("Only an acceptance has an end.")
        return
    if accept_until is None or accept_until <= on:
        raise InvalidProposalError("Accepting needs a date in the future until which the model stays as it is.")
    if accept_until > on + timedelta(days=LONGEST_ACCEPTANCE_DAYS):
        raise InvalidProposalError("Accepting is for at most one year; after that it comes back to the agenda.")


def _checked_plan(action: Action, plan: RetirementPlan | None, *, subject: Subject, on: date) -> RetirementPlan | None:
    if action is not Action.RETIRE:
        if plan is not None:
            raise InvalidProposalError("Only a retirement has a plan.")
        return None
    plan = (plan or RetirementPlan()).checked(model_id=subject.model_id, on=on)
    if any(each.acknowledgement for each in plan.consumers):
        raise InvalidProposalError("What consumers acknowledge is recorded once the retirement is proposed.")
    return plan
