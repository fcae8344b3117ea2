"""A standing approval: the bounded, expiring permission to retrain without a person, and its way from proposed to ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self

from monitoring.audit import AuditEvent
from monitoring.authority import capacity_for, machine
from monitoring.errors import InvalidProposalError, NotAuthorisedError
from monitoring.evidence import Evidence
from monitoring.lifecycle import AllowedMove, Capacity, Move, State, allowed_standing_move
from monitoring.people import Role
from monitoring.proposal import Proposal, answered, checked_reason, role_words
from monitoring.quorum import Approval, quorum, seats_filled
from monitoring.standing_envelope import CoveredModel, Envelope, ScopeKind
from monitoring.wording import capital

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.people import Actor

STRICTEST_TIER = 1


@dataclass(frozen=True, slots=True)
class StandingApproval(Proposal):
    """Who may let retrainings start without a person, for which models and how often; once it has ended it never begins again.

    ``covered`` are the models inside the envelope now. ``tier`` is the strictest of them at the proposal or the approval: its quorum
    approved, and a model of a stricter tier is not retrained. ``decided_by`` is who approved (last), rejected or withdrew;
    ``ended_by``, ``ended_on`` and ``ended_because`` say how it was stopped, suspended itself or expired. ``past`` is what it would have
    done before it was approved, frozen at the approval.
    """

    id: int
    envelope: Envelope
    state: State
    tier: int
    reason: str
    proposed_by: str
    proposed_on: date
    proposed_at: datetime
    decided_by: str | None = None
    decided_on: date | None = None
    decided_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()
    ended_by: str | None = None
    ended_on: date | None = None
    ended_at: datetime | None = None
    ended_because: str | None = None
    past: dict[str, Any] | None = None
    covered: tuple[CoveredModel, ...] = field(default=(), compare=False)

    @classmethod
    def propose(
        cls,
        envelope: Envelope,
        covered: tuple[CoveredModel, ...],
        *,
        number: int,
        actor: Actor,
        reason: str,
        on: date,
        now: datetime,
    ) -> tuple[Self, AuditEvent]:
        """Return the proposed standing approval and its audit event.

        Raises:
            InvalidProposalError: the envelope is not bounded, or covers no model.
            NotAuthorisedError: neither an approver of all its models nor the owner of each that it names.
            InvalidReasonError: the reason is too short.
        """
        envelope.check(on=on)
        if not covered:
            raise InvalidProposalError(f"There is no model to retrain among {envelope.scope.words()}.")
        standing = cls(
            id=number,
            envelope=envelope,
            state=State.PROPOSED,
            tier=strictest(covered),
            reason=checked_reason(allowed_standing_move(None, Move.PROPOSE), reason),
            proposed_by=actor.email,
            proposed_on=on,
            proposed_at=now,
            covered=covered,
        )
        capacity = standing.check_proposer(actor)
        return standing, standing.audit_event(
            Move.PROPOSE, actor=actor, role=capacity.value, reason=standing.reason, on=on, now=now
        )

    @property
    def about(self) -> str:
        """What is approved, as it stands in a sentence."""
        return "a standing approval of these models"

    @property
    def within(self) -> str:
        """A role has to reach every model inside."""
        return "all of these models"

    @property
    def quorum(self) -> tuple[Role, ...]:
        """The seats of the strictest tier inside; a model that joined since can make them more, never fewer."""
        return quorum(min(self.tier, strictest(self.covered)) if self.covered else self.tier)

    @property
    def named(self) -> str:
        """The standing approval and who approved it, as it stands on every page: standing approval 3 by ada@example.org."""
        return f"standing approval {self.id} by {' and '.join(self.approvers)}"

    def is_active(self, on: date) -> bool:
        """Whether it permits anything on this day."""
        return self.state is State.APPROVED and on <= self.envelope.expires_on

    def lapsed(self, people: Iterable[Actor]) -> str | None:
        """Return why nobody answers for it any more; nothing while those who approved it could approve it today.

        Args:
            people: everybody the registry knows, with the roles they hold now.
        """
        seats = quorum(self.tier)
        held = {person.email: self.approving_roles(person) for person in people if person.email in self.approvers}
        if seats_filled(seats, held) == len(seats):
            return None
        return f"Whoever approved it no longer holds the role for {self.within}."

    def allowed(self, move: Move) -> AllowedMove:
        """Return the row of the table of moves; ForbiddenMoveError when there is none."""
        return allowed_standing_move(self.state, move)

    def capacities(self, actor: Actor) -> frozenset[Capacity]:
        """Return in which capacities the actor can answer: a role counts when it reaches every model inside."""
        if actor.is_auditor:
            return frozenset()
        held = {
            Capacity(role.value)
            for role in (Role.APPROVER, Role.INDEPENDENT_REVIEWER)
            if all(actor.holds(role, team=team) for team in self._teams())
        }
        return frozenset(held | ({Capacity.PROPOSER} if actor.email == self.proposed_by else set()))

    def _teams(self) -> set[str | None]:
        """Return the teams a role has to reach; nothing stands for every team, as long as nobody knows who will join."""
        if self.envelope.scope.kind is ScopeKind.TEAM:
            return {self.envelope.scope.values[0]}
        if self.envelope.scope.kind is ScopeKind.MODELS and self.covered:
            return {model.subject.team for model in self.covered}
        return {None}

    def _owns(self, actor: Actor) -> bool:
        return any(Capacity.OWNER in model.subject.capacities(actor) for model in self.covered)

    def check_proposer(self, actor: Actor) -> Capacity:
        """Return the capacity in which the actor may propose this.

        Raises:
            NotAuthorisedError: neither an approver of all its models nor the owner of each that it names.
        """
        if Capacity.APPROVER in self.capacities(actor):
            return Capacity.APPROVER
        is_named = self.envelope.scope.kind is ScopeKind.MODELS
        if is_named and all(Capacity.OWNER in model.subject.capacities(actor) for model in self.covered):
            return Capacity.OWNER
        owners = ", or the owner of each of them," if is_named else ""
        raise NotAuthorisedError(f"Only an approver for {self.within}{owners} may propose this.")

    def approve(
        self, *, actor: Actor, comment: str, past: dict[str, Any], on: date, now: datetime
    ) -> tuple[Self, AuditEvent]:
        """Return it with this approval; active from this moment when that fills the quorum of the strictest tier inside.

        Args:
            actor: who approves.
            comment: kept with the answer.
            past: what it would have done in the days before, as the approver saw it.
            on: the product's day.
            now: the machine's time.

        Raises:
            StaleDecisionError: somebody decided it already.
            NotAuthorisedError: the actor proposed it, has approved it already or can fill no seat that is still empty.
            InvalidReasonError: there is no reason: nobody is asked again before a retraining under it.
            InvalidProposalError: its last day is over.
        """
        roles = self.check_answer(Move.APPROVE, actor)
        comment = checked_reason(replace(self.allowed(Move.APPROVE), reason_length=1), comment)
        if on > self.envelope.expires_on:
            raise InvalidProposalError("Its last day is over: propose it again with a later one.")
        seen = Evidence(past)
        answer = answered(
            Move.APPROVE, actor=actor, roles=roles, comment=comment, evidence_hash=seen.hash, on=on, now=now
        )
        moved = replace(self, approvals=(*self.approvals, answer))
        if moved.seats_taken() == len(self.quorum):
            moved = replace(moved, past=past, tier=min(self.tier, strictest(self.covered)))
            moved = moved.decided(State.APPROVED, actor, on=on, now=now)
        event = moved.audit_event(
            Move.APPROVE, actor=actor, role=role_words(roles), reason=answer.comment, on=on, now=now, before=self
        )
        return moved, replace(event, evidence_hash=seen.hash)

    def reject(self, *, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return it rejected; one approver's no is enough. Raises as ``approve``, or InvalidReasonError."""
        roles = self.check_answer(Move.REJECT, actor)
        comment = checked_reason(self.allowed(Move.REJECT), comment)
        answer = answered(Move.REJECT, actor=actor, roles=roles, comment=comment, evidence_hash=None, on=on, now=now)
        moved = replace(self, approvals=(*self.approvals, answer)).decided(State.REJECTED, actor, on=on, now=now)
        return moved, moved.audit_event(
            Move.REJECT, actor=actor, role=Capacity.APPROVER.value, reason=comment, on=on, now=now, before=self
        )

    def withdraw(self, *, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return it withdrawn; only its proposer may. Raises as ``approve``."""
        self.check_answer(Move.WITHDRAW, actor)
        comment = checked_reason(self.allowed(Move.WITHDRAW), comment)
        moved = self.decided(State.WITHDRAWN, actor, on=on, now=now)
        return moved, moved.audit_event(
            Move.WITHDRAW, actor=actor, role=Capacity.PROPOSER.value, reason=comment, on=on, now=now, before=self
        )

    def stop(self, *, actor: Actor, reason: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return it stopped for good, at once: any approver, the owner of a model inside or the proposer pulls the switch.

        Raises:
            ForbiddenMoveError: it is not active.
            NotAuthorisedError: none of those.
            InvalidReasonError: there is no reason.
        """
        allowed = self.allowed(Move.STOP)
        capacity = capacity_for(allowed, self.stopping(actor), model=self.about)
        return self._ended(
            Move.STOP, actor, role=capacity.value, reason=checked_reason(allowed, reason), on=on, now=now
        )

    def stopping(self, actor: Actor) -> frozenset[Capacity]:
        """Return in which capacities the actor can pull the switch: an approver of any team counts; an auditor never does."""
        if actor.is_auditor:
            return frozenset()
        is_approver = actor.holds_anywhere(Role.APPROVER)
        found = {Capacity.APPROVER: is_approver, Capacity.OWNER: self._owns(actor)}
        found[Capacity.PROPOSER] = actor.email == self.proposed_by
        return frozenset(capacity for capacity, holds in found.items() if holds)

    def suspend_itself(self, because: str, *, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return it suspended for good by a failure under it; ForbiddenMoveError when it is not active."""
        reason = checked_reason(self.allowed(Move.SUSPEND_ITSELF), because)
        by = machine(Capacity.POLICY)
        return self._ended(Move.SUSPEND_ITSELF, by, role=by.email, reason=reason, on=on, now=now)

    def expire(self, *, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return it expired; ForbiddenMoveError when it is not active."""
        by = machine(Capacity.CLOCK)
        return self._ended(Move.EXPIRE, by, role=by.email, reason="Its last day is over.", on=on, now=now)

    def decided(self, state: State, actor: Actor, *, on: date, now: datetime) -> Self:
        """Return it in the state in which it was answered, and who brought it there."""
        return replace(self, state=state, decided_by=actor.email, decided_on=on, decided_at=now)

    def _ended(
        self, move: Move, actor: Actor, *, role: str, reason: str, on: date, now: datetime
    ) -> tuple[Self, AuditEvent]:
        moved = replace(
            self,
            state=self.allowed(move).after,
            ended_by=actor.email,
            ended_on=on,
            ended_at=now,
            ended_because=capital(reason),
        )
        return moved, moved.audit_event(move, actor=actor, role=role, reason=reason, on=on, now=now, before=self)

    def audit_event(
        self,
        move: Move,
        *,
        actor: Actor,
        role: str,
        reason: str,
        on: date,
        now: datetime,
        before: Self | None = None,
    ) -> AuditEvent:
        """Return the record of a move that led here from ``before``; it holds the whole envelope."""
        return AuditEvent(
            at=datetime.combine(on, now.timetz()),
            recorded_at=now,
            actor=actor.email,
            role=role,
            action=move.value,
            subject_kind="standing approval",
            subject_id=str(self.id),
            reason=reason or None,
            before=before.summary() if before else None,
            after=self.summary() | {"envelope": self.envelope.plain()},
        )

    def summary(self) -> dict[str, Any]:
        """Return what an audit event says about it, as plain JSON."""
        return {
            "state": self.state.value,
            "tier": self.tier,
            "proposed_by": self.proposed_by,
            "approved_by": list(self.approvers),
            "ended_because": self.ended_because,
        }


def strictest(covered: tuple[CoveredModel, ...]) -> int:
    """Return the strictest tier of these models; the strictest of all where there are none."""
    return min((model.subject.effective_tier for model in covered), default=STRICTEST_TIER)
