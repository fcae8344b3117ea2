"""What every proposal has, whatever it is about: who may answer it, and who is still needed."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, ClassVar

from monitoring.authority import capacity_for
from monitoring.errors import ForbiddenMoveError, InvalidReasonError, NotAuthorisedError, StaleDecisionError
from monitoring.lifecycle import AllowedMove, Capacity, Move, State
from monitoring.quorum import Approval, seats_filled
from monitoring.wording import joined

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date, datetime

    from monitoring.people import Actor, Role

LONGEST_REASON = 2_000
STEPPED_BACK = "You stepped back from this in a meeting: somebody else answers it."
NAMES_SHOWN = 3
UNSEEN = frozenset({"Cc", "Cf"})
"""Categories of characters that nobody sees: they make no reason longer."""


class Proposal:
    """A proposal that a quorum must approve; decisions about models and versions of the policy are such.

    Whoever extends it has the fields below and says what it is about, which seats must be filled and in which capacities
    somebody can act on it.
    """

    __slots__ = ()
    nothing_twice: ClassVar[str] = "Nothing was changed twice."
    state: State
    proposed_by: str
    decided_by: str | None
    decided_at: datetime | None
    approvals: tuple[Approval, ...]

    @property
    def about(self) -> str:
        """What it is about, as it stands in "Only an approver may approve for ..."."""
        raise NotImplementedError

    @property
    def within(self) -> str:
        """Where a role has to hold, as it stands in "the role approver for ..."."""
        raise NotImplementedError

    @property
    def quorum(self) -> tuple[Role, ...]:
        """The seats to fill."""
        raise NotImplementedError

    def allowed(self, move: Move) -> AllowedMove:
        """Return the row of the table of moves; ForbiddenMoveError when there is none."""
        raise NotImplementedError

    def capacities(self, actor: Actor) -> frozenset[Capacity]:
        """Return in which capacities the actor can act on this proposal."""
        raise NotImplementedError

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who has approved, in this order."""
        return tuple(approval.person for approval in self.approvals if approval.answer is Move.APPROVE)

    def approving_roles(self, actor: Actor) -> frozenset[Role]:
        """Return the seats of the quorum this actor could fill; none for the proposer."""
        capacities = self.capacities(actor)
        if Capacity.PROPOSER in capacities:
            return frozenset()
        return frozenset(role for role in self.quorum if Capacity(role.value) in capacities)

    def check_answer(self, answer: Move, actor: Actor) -> frozenset[Role]:
        """Return the seats for which the actor can approve, reject or withdraw now.

        Raises:
            StaleDecisionError: somebody decided it already.
            NotAuthorisedError: not by this actor; the text says why.
        """
        self.refuse_if_decided()
        allowed = self.allowed(answer)
        capacities = self.capacities(actor)
        if answer is Move.WITHDRAW:
            capacity_for(allowed, capacities, model=self.about)
            return frozenset()
        if Capacity.PROPOSER in capacities:
            raise NotAuthorisedError("You proposed this: somebody else must answer it. You can withdraw it.")
        capacity_for(allowed, capacities, model=self.about)
        roles = self.approving_roles(actor)
        if answer is Move.APPROVE:
            self._check_seat(actor, roles)
        return roles

    def refuse_if_decided(self) -> None:
        """Raise StaleDecisionError, saying who decided it and when, unless it still waits for an answer."""
        if self.state is State.PROPOSED:
            return
        verb = {State.REJECTED: "rejected", State.WITHDRAWN: "withdrew"}.get(self.state, "approved")
        when = f" at {self.decided_at:%H:%M} UTC" if self.decided_at else ""
        raise StaleDecisionError(f"{self.decided_by or 'Somebody else'} {verb} this{when}. {self.nothing_twice}")

    def may(self, answer: Move, actor: Actor) -> bool:
        """Whether ``check_answer`` would let the actor pass."""
        try:
            self.check_answer(answer, actor)
        except (StaleDecisionError, NotAuthorisedError, ForbiddenMoveError):
            return False
        return True

    def waiting_for(self, people: Iterable[Actor]) -> str:
        """Return in one sentence who is still needed, or who is missing when the quorum cannot be met.

        Args:
            people: everybody the registry knows.
        """
        if self.state is not State.PROPOSED:
            return f"Not waiting for an answer: it is {self.state.words}."
        people = list(people)
        given = {approval.person: approval.roles for approval in self.approvals}
        able = [person for person in people if person.email not in given and self.approving_roles(person)]
        could = given | {person.email: self.approving_roles(person) for person in able}
        for seat in self.quorum:
            if not any(seat in roles for roles in could.values()):
                return f"Nobody with the role {seat.words} for {self.within} exists besides the proposer; this cannot be approved."
        if seats_filled(self.quorum, could) < len(self.quorum):
            return "Two different people must approve, and only one could; this cannot be approved."
        if given:
            return f"Waiting for {_names(person.name for person in able if self.may(Move.APPROVE, person))}."
        seats = [f"{_names(p.name for p in able if seat in could[p.email])} as {seat.words}" for seat in self.quorum]
        return f"Waiting for {', and for '.join(seats)}."

    def _check_seat(self, actor: Actor, roles: frozenset[Role]) -> None:
        if any(approval.person == actor.email for approval in self.approvals):
            raise NotAuthorisedError("You have approved this already; one person counts once.")
        if not roles:
            raise NotAuthorisedError(
                "An independent reviewer is the second pair of eyes in tier 1; this needs an approver."
            )
        own = {actor.email: roles}
        if self.seats_taken(own) == self.seats_taken():
            missing = " or ".join(role.words for role in self.quorum if role not in roles)
            raise NotAuthorisedError(f"That seat is filled already; the approval still needs an {missing}.")

    def seats_taken(self, more: Mapping[str, frozenset[Role]] | None = None) -> int:
        """Return how many seats of the quorum the approvals fill at best, with ``more`` people beside them."""
        given = {approval.person: approval.roles for approval in self.approvals}
        return seats_filled(self.quorum, given | dict(more or {}))


def waiting_without(proposal: Proposal, everyone: Iterable[Actor], aside: Collection[str]) -> str:
    """Return who is still needed, without those who stepped back in a meeting, and who of them could have answered."""
    everyone = list(everyone)
    waits = proposal.waiting_for(person for person in everyone if person.email not in aside)
    names = sorted(each.name for each in everyone if each.email in aside and proposal.approving_roles(each))
    if not names or proposal.state is not State.PROPOSED:
        return waits
    return f"{waits} {joined(names)} stepped back from it in a meeting."


def checked_reason(allowed: AllowedMove, reason: str) -> str:
    """Return the reason of a move without spaces around it, or raise InvalidReasonError when it is too short."""
    reason = checked_text(reason)
    seen = sum(unicodedata.category(character) not in UNSEEN for character in reason)
    if seen < allowed.reason_length:
        if allowed.reason_length == 1:
            raise InvalidReasonError(f"Say in a comment why you {allowed.move.value} this.")
        raise InvalidReasonError(f"A reason has at least {allowed.reason_length} characters; this has {seen}.")
    return reason


def checked_text(written: str) -> str:
    """Return what somebody wrote without spaces around it; what no database could keep for ever is refused."""
    written = written.strip()
    if len(written) > LONGEST_REASON:
        raise InvalidReasonError(f"A reason has at most {LONGEST_REASON:,} characters; this has {len(written):,}.")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in written):
        raise InvalidReasonError("The reason holds characters that cannot be stored; type it again.")
    return written


def answered(
    answer: Move,
    *,
    actor: Actor,
    roles: frozenset[Role],
    comment: str,
    evidence_hash: str | None,
    on: date,
    now: datetime,
) -> Approval:
    """Return one person's answer."""
    return Approval(
        person=actor.email,
        roles=roles,
        answer=answer,
        comment=checked_text(comment),
        evidence_hash=evidence_hash,
        answered_on=on,
        answered_at=now,
    )


def role_words(roles: frozenset[Role]) -> str:
    """Return the roles of an answer as the audit trail keeps them."""
    return ",".join(sorted(role.value for role in roles))


def _names(names: Iterable[str]) -> str:
    names = sorted(names)
    shown = names[:NAMES_SHOWN]
    if len(names) > NAMES_SHOWN:
        return f"{', '.join(shown)} or {len(names) - NAMES_SHOWN} others"
    return " or ".join(shown)
