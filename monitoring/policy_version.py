"""A version of the policy: the thresholds of every tier, and its way from proposed to in force. It never changes afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Self

from monitoring.audit import AuditEvent, canonical_json
from monitoring.authority import capacity_for
from monitoring.errors import InvalidProposalError, NotAuthorisedError, StaleDecisionError
from monitoring.lifecycle import AllowedMove, Capacity, Move, State, allowed_move
from monitoring.people import Role
from monitoring.policy import DEFAULT_POLICY, Policy
from monitoring.policy_timeline import PolicyStart, PolicyTimeline
from monitoring.proposal import Proposal, answered, checked_reason, role_words
from monitoring.quorum import Approval, quorum
from monitoring.thresholds import THRESHOLDS, Threshold, checked_policy, values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitoring.people import Actor

TIERS = (1, 2, 3)
LONGEST_WAIT_DAYS = 365
DAY = timedelta(days=1)
Values = dict[str, dict[str, float]]
"""Thresholds by the tier's number as text and by name: plain JSON."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One threshold that another version sets differently, for one tier or more that change alike."""

    threshold: Threshold
    tiers: tuple[int, ...]
    before: float
    after: float

    @property
    def sentence(self) -> str:
        """What changes, in words: Retrain: advantage lost is 20 % instead of 15 % (tier 1): more lenient."""
        words = self.threshold.words
        return (
            f"{self.threshold.title} is {words(self.after)} instead of {words(self.before)} ({tier_words(self.tiers)}): "
            f"{self.threshold.change_words(before=self.before, after=self.after)}."
        )


@dataclass(frozen=True, slots=True)
class PolicyVersion(Proposal):
    """The thresholds of tiers 1, 2 and 3 under one number, and where the version is.

    ``based_on`` is the version it was drafted from. ``wanted_from`` is the day it is wanted in force; ``in_force_from`` is set
    when it is approved and lies after that day, so that no day that was judged is judged by other rules. Days are the
    product's days, times the machine's. ``decided_by`` is who approved (last), rejected or withdrew.
    """

    number: int
    policies: tuple[Policy, Policy, Policy]
    state: State
    reason: str
    proposed_by: str
    proposed_on: date
    proposed_at: datetime
    based_on: int | None = None
    wanted_from: date | None = None
    in_force_from: date | None = None
    decided_by: str | None = None
    decided_on: date | None = None
    decided_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()

    @classmethod
    def propose(
        cls,
        values: Mapping[str, Mapping[str, float]],
        *,
        number: int,
        based_on: Self,
        actor: Actor,
        reason: str,
        wanted_from: date | None,
        on: date,
        now: datetime,
    ) -> tuple[Self, AuditEvent]:
        """Return the proposed version and its audit event.

        Raises:
            InvalidThresholdError: a value may not be taken.
            InvalidProposalError: nothing would change, or the day is not one of the next 365.
            InvalidReasonError: the reason is too short.
            NotAuthorisedError: not an approver for every team.
        """
        capacity = check_policy_proposer(actor)
        reason = checked_reason(allowed_move(None, Move.PROPOSE, None), reason)
        policies = policies_of(values, version=str(number))
        if content_hash(policies) == based_on.content_hash:
            raise InvalidProposalError(
                f"Every threshold is as in version {based_on.number}: there is nothing to propose."
            )
        if wanted_from is not None and not on < wanted_from <= on + timedelta(days=LONGEST_WAIT_DAYS):
            raise InvalidProposalError("A policy can be in force from tomorrow at the earliest, and within a year.")
        version = cls(
            number=number,
            policies=policies,
            state=State.PROPOSED,
            reason=reason,
            proposed_by=actor.email,
            proposed_on=on,
            proposed_at=now,
            based_on=based_on.number,
            wanted_from=wanted_from,
        )
        event = version.audit_event(Move.PROPOSE, actor=actor, role=capacity.value, reason=reason, on=on, now=now)
        return version, replace(event, after=version.summary() | {"thresholds": version.values})

    @property
    def about(self) -> str:
        """A policy is for every model."""
        return "the policy of all models"

    @property
    def within(self) -> str:
        """A role limited to a team does not reach the policy of all of them."""
        return "every team"

    @property
    def quorum(self) -> tuple[Role, ...]:
        """The seats of tier 1: an approver and an independent reviewer."""
        return quorum(1)

    def allowed(self, move: Move) -> AllowedMove:
        """Return the row of the table of moves that holds for every proposal."""
        return allowed_move(self.state, move, None)

    def capacities(self, actor: Actor) -> frozenset[Capacity]:
        """Return in which capacities the actor can act on a policy; an auditor in none."""
        if actor.is_auditor:
            return frozenset()
        held = {
            Capacity(role.value) for role in (Role.APPROVER, Role.INDEPENDENT_REVIEWER) if actor.holds(role, team=None)
        }
        return frozenset(held | ({Capacity.PROPOSER} if actor.email == self.proposed_by else set()))

    @property
    def values(self) -> Values:
        """Every threshold by tier and name, as plain JSON."""
        return tier_values(self.policies)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the thresholds; equal thresholds have equal hashes whatever their number."""
        return content_hash(self.policies)

    def of_tier(self, tier: int) -> Policy:
        """Return the thresholds of a tier."""
        return self.policies[tier - 1]

    def differences(self, before: Self) -> tuple[Difference, ...]:
        """Return what this version sets differently from another, tiers that change alike together."""
        return differences(before=before.policies, after=self.policies)

    def approve(self, *, newest: Self, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return the version with this approval; approved, with its first day in force, when that fills the quorum.

        Args:
            newest: the newest approved version; another one than this was drafted from would be undone unseen.

        Raises:
            StaleDecisionError: somebody decided it already, or approved another version since it was drafted.
            NotAuthorisedError: the actor proposed it, has approved it already or can fill no seat that is still empty.
        """
        roles = self.check_answer(Move.APPROVE, actor)
        if outdated := self.outdated(newest):
            raise StaleDecisionError(outdated)
        answer = answered(
            Move.APPROVE, actor=actor, roles=roles, comment=comment, evidence_hash=self.content_hash, on=on, now=now
        )
        moved = replace(self, approvals=(*self.approvals, answer))
        if moved.seats_taken() == len(self.quorum):
            earliest = [day for day in (on + DAY, self.wanted_from, newest.in_force_from) if day]
            moved = replace(moved, in_force_from=max(earliest)).decided(State.APPROVED, actor, on=on, now=now)
        event = moved.audit_event(
            Move.APPROVE, actor=actor, role=role_words(roles), reason=answer.comment, on=on, now=now, before=self
        )
        return moved, event

    def reject(self, *, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return the version rejected; one approver's no is enough. Raises as ``approve``, or InvalidReasonError."""
        roles = self.check_answer(Move.REJECT, actor)
        comment = checked_reason(self.allowed(Move.REJECT), comment)
        answer = answered(
            Move.REJECT, actor=actor, roles=roles, comment=comment, evidence_hash=self.content_hash, on=on, now=now
        )
        moved = replace(self, approvals=(*self.approvals, answer)).decided(State.REJECTED, actor, on=on, now=now)
        role = capacity_for(self.allowed(Move.REJECT), self.capacities(actor), model=self.about).value
        event = moved.audit_event(Move.REJECT, actor=actor, role=role, reason=comment, on=on, now=now, before=self)
        return moved, event

    def withdraw(self, *, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return the version withdrawn; only its proposer may. Raises as ``approve``."""
        self.check_answer(Move.WITHDRAW, actor)
        comment = checked_reason(self.allowed(Move.WITHDRAW), comment)
        moved = self.decided(State.WITHDRAWN, actor, on=on, now=now)
        role = Capacity.PROPOSER.value
        event = moved.audit_event(Move.WITHDRAW, actor=actor, role=role, reason=comment, on=on, now=now, before=self)
        return moved, event

    def outdated(self, newest: Self) -> str:
        """Return in one sentence why this cannot be approved beside what was approved since; nothing if it can."""
        return outdated_words(self.based_on, newest.number)

    def decided(self, state: State, actor: Actor, *, on: date, now: datetime) -> Self:
        """Return the version in the state it ends its way in, and who brought it there."""
        return replace(self, state=state, decided_by=actor.email, decided_on=on, decided_at=now)

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
        """Return the record of a move that led here from ``before``."""
        return AuditEvent(
            at=datetime.combine(on, now.timetz()),
            recorded_at=now,
            actor=actor.email,
            role=role,
            action=move.value,
            subject_kind="policy",
            subject_id=str(self.number),
            reason=reason or None,
            before=before.summary() if before else None,
            after=self.summary(),
            evidence_hash=self.content_hash,
        )

    def summary(self) -> dict[str, Any]:
        """Return what an audit event says about the version, as plain JSON."""
        return {
            "state": self.state.value,
            "based_on": self.based_on,
            "proposed_by": self.proposed_by,
            "wanted_from": self.wanted_from.isoformat() if self.wanted_from else None,
            "in_force_from": self.in_force_from.isoformat() if self.in_force_from else None,
            "approved_by": list(self.approvers),
        }


FIRST_VERSION = PolicyVersion(
    number=1,
    policies=(DEFAULT_POLICY, DEFAULT_POLICY, DEFAULT_POLICY),
    state=State.APPROVED,
    reason="The thresholds of the method, equal for every tier.",
    proposed_by="modelfolio",
    proposed_on=date.min,
    proposed_at=datetime.min.replace(tzinfo=UTC),
    in_force_from=date.min,
)
"""What every registry starts with; it is part of the method and stands in no table."""


@dataclass(frozen=True, slots=True)
class PolicyHistory:
    """The approved versions, in the order of their numbers; the first one is always there."""

    versions: tuple[PolicyVersion, ...] = (FIRST_VERSION,)

    @property
    def newest(self) -> PolicyVersion:
        """The version approved last; it may not be in force yet."""
        return self.versions[-1]

    def on(self, day: date) -> PolicyVersion:
        """Return the version in force on a day: the newest whose first day is not after it."""
        return next(v for v in reversed(self.versions) if v.in_force_from is not None and v.in_force_from <= day)

    def of_tier(self, tier: int) -> PolicyTimeline:
        """Return by which thresholds models of a tier are judged, day by day."""
        return PolicyTimeline(
            tuple(PolicyStart(v.in_force_from, v.number, v.of_tier(tier)) for v in self.versions if v.in_force_from)
        )


def check_policy_proposer(actor: Actor) -> Capacity:
    """Return the capacity in which the actor may propose a policy.

    Raises:
        NotAuthorisedError: not an approver for every team.
    """
    if actor.is_auditor or not actor.holds(Role.APPROVER, team=None):
        raise NotAuthorisedError("Only an approver for every team may propose a policy.")
    return Capacity.APPROVER


def check_policy_drafter(actor: Actor) -> None:
    """Refuse who may not try thresholds out: a preview takes every core there is for a while.

    Raises:
        NotAuthorisedError: neither an approver nor an independent reviewer for every team.
    """
    roles = (Role.APPROVER, Role.INDEPENDENT_REVIEWER)
    if actor.is_auditor or not any(actor.holds(role, team=None) for role in roles):
        raise NotAuthorisedError("Only an approver or an independent reviewer for every team may draft a policy.")


def outdated_words(based_on: int | None, newest: int) -> str:
    """Return why what was drafted from one version cannot follow the newest; nothing if that is the one it was drafted from."""
    if based_on == newest:
        return ""
    return f"Version {newest} was approved since this was drafted from version {based_on}: draft it again from there."


def policies_of(values: Mapping[str, Mapping[str, float]], *, version: str) -> tuple[Policy, Policy, Policy]:
    """Return the thresholds of the three tiers, checked; InvalidThresholdError names what may not stand."""
    first, second, third = (checked_policy(values.get(str(tier), {}), version=version) for tier in TIERS)
    return first, second, third


def differences(*, before: Iterable[Policy], after: Iterable[Policy]) -> tuple[Difference, ...]:
    """Return the thresholds that differ between two sets of policies, tiers that change alike together."""
    pairs = list(zip(TIERS, before, after, strict=True))
    found = []
    for threshold in THRESHOLDS:
        alike: dict[tuple[float, float], list[int]] = {}
        for tier, old, new in pairs:
            if threshold.of(old) != threshold.of(new):
                alike.setdefault((threshold.of(old), threshold.of(new)), []).append(tier)
        found += [Difference(threshold, tuple(tiers), *values) for values, tiers in alike.items()]
    return tuple(found)


def content_hash(policies: Iterable[Policy]) -> str:
    """Return SHA-256 of the thresholds of all tiers."""
    return sha256(canonical_json(tier_values(policies)).encode()).hexdigest()


def tier_values(policies: Iterable[Policy]) -> Values:
    """Return every threshold by tier and name, as plain JSON."""
    return {str(tier): values_of(policy) for tier, policy in zip(TIERS, policies, strict=True)}


def tier_words(tiers: tuple[int, ...]) -> str:
    """Return tiers as they stand in a sentence.

    >>> tier_words((1, 2, 3)), tier_words((1, 3)), tier_words((2,))
    ('all tiers', 'tiers 1 and 3', 'tier 2')
    """
    if tiers == TIERS:
        return "all tiers"
    return f"tier{'s' if len(tiers) > 1 else ''} {' and '.join(map(str, tiers))}"
