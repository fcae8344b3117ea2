"""A challenge: what somebody asks about a finding or about a proposal, and what is answered; nothing said is ever changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from monitoring.audit import AuditEvent
from monitoring.errors import ForbiddenMoveError, InvalidReasonError, NotAuthorisedError, StaleDecisionError
from monitoring.evidence import Evidence
from monitoring.lifecycle import REASON_LENGTH, Action, Capacity
from monitoring.proposal import checked_text

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from monitoring.authority import Subject
    from monitoring.people import Actor


class ChallengeState(StrEnum):
    """Where a challenge is: ``open`` waits for an answer, ``answered`` for whoever asked."""

    OPEN = "open"
    ANSWERED = "answered"
    SETTLED = "settled"
    UPHELD = "upheld"
    WITHDRAWN = "withdrawn"


class Turn(StrEnum):
    """What somebody can say; a correction is a further turn."""

    CHALLENGE = "challenge"
    ASK = "ask"
    ANSWER = "answer"
    ASK_AGAIN = "ask_again"
    SETTLE = "settle"
    UPHOLD = "uphold"
    WITHDRAW = "withdraw"

    @property
    def words(self) -> str:
        """The turn as it stands in a sentence."""
        return self.value.replace("_", " ")

    @property
    def said(self) -> str:
        """What somebody did who took the turn, as it stands after their name."""
        return {
            Turn.CHALLENGE: "challenged it",
            Turn.ASK: "asked",
            Turn.ANSWER: "answered",
            Turn.ASK_AGAIN: "asked again",
            Turn.SETTLE: "settled it",
            Turn.UPHOLD: "upheld it",
            Turn.WITHDRAW: "withdrew it",
        }[self]


class Side(StrEnum):
    """On which side somebody speaks."""

    ASKS = "asks"
    ANSWERS = "answers"
    BEGAN = "began"


@dataclass(frozen=True, slots=True)
class AllowedTurn:
    """One row of the table; ``length`` is the least number of characters of what is said."""

    before: ChallengeState | None
    turn: Turn
    after: ChallengeState
    side: Side
    length: int = REASON_LENGTH


_OPEN, _ANSWERED = ChallengeState.OPEN, ChallengeState.ANSWERED
TURNS: tuple[AllowedTurn, ...] = (
    AllowedTurn(None, Turn.CHALLENGE, _OPEN, Side.ASKS),
    AllowedTurn(None, Turn.ASK, _OPEN, Side.ASKS),
    AllowedTurn(_OPEN, Turn.ANSWER, _ANSWERED, Side.ANSWERS),
    AllowedTurn(_ANSWERED, Turn.ANSWER, _ANSWERED, Side.ANSWERS),
    AllowedTurn(_OPEN, Turn.ASK_AGAIN, _OPEN, Side.ASKS),
    AllowedTurn(_ANSWERED, Turn.ASK_AGAIN, _OPEN, Side.ASKS),
    AllowedTurn(_ANSWERED, Turn.SETTLE, ChallengeState.SETTLED, Side.ASKS, length=0),
    # An owner who never answers cannot keep a challenge in suspense.
    AllowedTurn(_OPEN, Turn.UPHOLD, ChallengeState.UPHELD, Side.ASKS),
    AllowedTurn(_ANSWERED, Turn.UPHOLD, ChallengeState.UPHELD, Side.ASKS),
    AllowedTurn(_OPEN, Turn.WITHDRAW, ChallengeState.WITHDRAWN, Side.BEGAN, length=0),
)
"""Every turn there is; whatever is not listed is refused, whoever asks."""

OF_FINDINGS_ONLY = frozenset({Turn.CHALLENGE, Turn.UPHOLD})
"""A question about a proposal is upheld by rejecting the proposal."""


def allowed_turn(state: ChallengeState | None, turn: Turn) -> AllowedTurn:
    """Return the table's row for this turn.

    Raises:
        ForbiddenMoveError: there is none.
    """
    for allowed in TURNS:
        if allowed.before is state and allowed.turn is turn:
            return allowed
    raise ForbiddenMoveError(f"This is {state.value if state else 'not begun'}; nobody can {turn.words} now.")


def finding_code(kind: str, subject: str) -> str:
    """Return how a finding of a model is named, the same every day: "drift:amount"."""
    return f"{kind}:{subject}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said: by whom, in which role, when; ``said_on`` is the product's day."""

    turn: Turn
    text: str
    person: str
    role: str
    said_on: date
    said_at: datetime


@dataclass(frozen=True, slots=True)
class ChallengedFinding:
    """The finding of the assessment of a day that is challenged; ``snapshot`` is what it said, as plain JSON."""

    day: date
    known_on: date
    code: str
    snapshot: dict[str, Any]

    @property
    def sentence(self) -> str:
        """What the finding said."""
        return str(self.snapshot["sentence"])


@dataclass(frozen=True, slots=True)
class AskedDecision:
    """The proposal that is asked about."""

    id: int
    action: Action
    proposed_by: str


@dataclass(frozen=True, slots=True)
class Challenge:
    """What was asked about a finding or about a proposal of a model, and everything said since, in this order.

    Exactly one of ``finding`` and ``decision`` is there. A challenge of a finding is an independent reviewer's and is answered by the
    owner; a question about a proposal is that of somebody who may answer the proposal, and is answered by the proposer or the owner.
    """

    id: int
    subject: Subject
    entries: tuple[Entry, ...] = ()
    finding: ChallengedFinding | None = None
    decision: AskedDecision | None = None

    @property
    def state(self) -> ChallengeState:
        """Where it is after everything that was said."""
        return _folded(self.entries)

    @property
    def is_open(self) -> bool:
        """Whether something is still to be said."""
        return self.state in {_OPEN, _ANSWERED}

    @property
    def began(self) -> Entry:
        """What was asked first."""
        return self.entries[0]

    @property
    def answer(self) -> Entry | None:
        """The newest answer; nothing while there is none."""
        return next((entry for entry in reversed(self.entries) if entry.turn is Turn.ANSWER), None)

    @property
    def noun(self) -> str:
        """What people call it."""
        return "challenge" if self.finding else "question"

    def as_known_on(self, day: date) -> Self | None:
        """Return what had been said by the end of ``day``; nothing when it had not begun."""
        said = tuple(entry for entry in self.entries if entry.said_on <= day)
        return replace(self, entries=said) if said else None

    def is_about(self, decision_id: int, findings: Iterable[Mapping[str, Any]]) -> bool:
        """Whether it belongs to a decision: a question about it, or a challenge of a finding it rests on, of the same spell.

        Args:
            decision_id: the number of the decision.
            findings: those of its evidence, as plain JSON.
        """
        if self.decision is not None:
            return self.decision.id == decision_id
        return self.finding is not None and any(
            self.finding.code == finding_code(each["kind"], each["subject"])
            and (self.is_open or self.finding.day.isoformat() >= each["since"])
            for each in findings
        )

    def stands_beside(self, day: date, codes: Container[str]) -> bool:
        """Whether it belongs beside the verdict of ``day`` with these findings.

        A challenge of a finding does from its own day on for as long as the finding is there, and beyond that until it is closed.
        """
        if self.finding is None or self.finding.day > day or self.state is ChallengeState.WITHDRAWN:
            return False
        return self.finding.code in codes or self.finding.day == day or self.is_open

    @classmethod
    def begin(
        cls,
        subject: Subject,
        *,
        actor: Actor,
        text: str,
        on: date,
        now: datetime,
        finding: ChallengedFinding | None = None,
        decision: AskedDecision | None = None,
    ) -> tuple[Self, AuditEvent]:
        """Return a new challenge of a finding, or question about a proposal, and its audit event; the registry numbers it.

        Raises:
            NotAuthorisedError: not by this actor.
            InvalidReasonError: less than 10 characters, or too many.
        """
        new = cls(id=0, subject=subject, finding=finding, decision=decision)
        return new.say(Turn.CHALLENGE if finding else Turn.ASK, actor=actor, text=text, seen=0, on=on, now=now)

    @classmethod
    def could_begin(cls, subject: Subject, *, actor: Actor, decision: AskedDecision | None = None) -> bool:
        """Whether the actor could challenge a finding of the model, or ask about this proposal for it."""
        if decision is not None:
            return cls(id=0, subject=subject, decision=decision).may(Turn.ASK, actor)
        return cls(id=0, subject=subject, finding=_ANY_FINDING).may(Turn.CHALLENGE, actor)

    def may(self, turn: Turn, actor: Actor) -> bool:
        """Whether the actor could say this now."""
        try:
            self._role(allowed_turn(self._state_before(), turn), actor)
        except (ForbiddenMoveError, NotAuthorisedError):
            return False
        return True

    def turns(self, actor: Actor) -> tuple[Turn, ...]:
        """Return what the actor could say now, in the order of the table."""
        return tuple(turn for turn in Turn if self.may(turn, actor))

    def say(
        self, turn: Turn, *, actor: Actor, text: str, seen: int, on: date, now: datetime
    ) -> tuple[Self, AuditEvent]:
        """Return the challenge with one more entry, and its audit event.

        Args:
            seen: how many entries the actor had before them; whoever has not read the newest is told.

        Raises:
            StaleDecisionError: something was said meanwhile.
            ForbiddenMoveError: the table has no such turn from here.
            NotAuthorisedError: not by this actor.
            InvalidReasonError: the text is too short or too long.
        """
        if seen != len(self.entries):
            last = self.entries[-1]
            raise StaleDecisionError(
                f"{last.person} wrote at {last.said_at:%H:%M} UTC while you were reading; look at it again. Nothing was stored twice."
            )
        allowed = allowed_turn(self._state_before(), turn)
        role = self._role(allowed, actor)
        entry = Entry(turn, _checked(text, allowed), actor.email, role.value, said_on=on, said_at=now)
        said = replace(self, entries=(*self.entries, entry))
        return said, said.audit_event(before=self if self.entries else None)

    def audit_event(self, *, before: Self | None) -> AuditEvent:
        """Return the record of the newest entry."""
        entry = self.entries[-1]
        return AuditEvent(
            at=datetime.combine(entry.said_on, entry.said_at.timetz()),
            recorded_at=entry.said_at,
            actor=entry.person,
            role=entry.role,
            action=entry.turn.value,
            subject_kind="challenge",
            subject_id=str(self.id),
            model_id=self.subject.model_id,
            reason=entry.text or None,
            before=before.summary() if before else None,
            after=self.summary(),
            evidence_hash=self.evidence_hash,
        )

    @property
    def evidence_hash(self) -> str | None:
        """The fingerprint of the finding as it was when it was challenged."""
        return Evidence(self.finding.snapshot).hash if self.finding else None

    def summary(self) -> dict[str, Any]:
        """Return what an audit event says about it, as plain JSON."""
        said: dict[str, Any] = {"state": self.state.value, "entries": len(self.entries)}
        if self.finding:
            said |= {
                "finding": self.finding.code,
                "day": self.finding.day.isoformat(),
                "known_on": self.finding.known_on.isoformat(),
                "sentence": self.finding.sentence,
            }
        if self.decision:
            said |= {"decision": self.decision.id, "action": self.decision.action.value}
        return said

    def told(self) -> str:
        """Return everything that was said in one line, for exports."""
        about = (
            f" of {self.finding.code}"
            if self.finding
            else f" about decision {self.decision.id}"
            if self.decision
            else ""
        )
        said = " | ".join(
            f"{entry.person} {entry.turn.said} on {entry.said_on.isoformat()}"
            + (f": {entry.text}" if entry.text else "")
            for entry in self.entries
        )
        return " ".join(f"{self.noun.capitalize()} {self.id}{about}, {self.state.value}: {said}".split())

    def waits_for(self) -> str:
        """Return in one sentence who has to say something; of a closed one how it ended."""
        asker = "an independent reviewer" if self.finding else "whoever may answer the proposal"
        answerer = "the owner" if self.subject.owner else "an approver, for it has no owner"
        if self.decision:
            answerer = f"{self.decision.proposed_by} or {answerer}"
        return {
            _OPEN: f"Waits for an answer by {answerer}.",
            _ANSWERED: f"Waits for {asker} to settle it{' or uphold it' if self.finding else ''}.",
        }.get(self.state, f"It is {self.state.value}.")

    def _state_before(self) -> ChallengeState | None:
        return self.state if self.entries else None

    def _role(self, allowed: AllowedTurn, actor: Actor) -> Capacity:
        """Return in which role the actor may say this, or refuse."""
        if (allowed.turn in OF_FINDINGS_ONLY and self.decision) or (allowed.turn is Turn.ASK and self.finding):
            raise ForbiddenMoveError(f"A {self.noun} has no turn {allowed.turn.words!r}.")
        capacities = self._capacities(actor)
        if allowed.side is Side.BEGAN:
            if actor.email != self.began.person or not capacities & set(self._asking):
                raise NotAuthorisedError(f"Only {self.began.person}, who asked, may withdraw this.")
            return Capacity(self.began.role)
        wanted = self._answering if allowed.side is Side.ANSWERS else self._asking
        found = next((capacity for capacity in wanted if capacity in capacities), None)
        if found is None:
            who = " or ".join(capacity.words for capacity in wanted)
            raise NotAuthorisedError(f"Only {who} may {allowed.turn.words} for {self.subject.name}.")
        if allowed.side is Side.ASKS:
            self._refuse_other_side(actor, capacities)
        return found

    def _refuse_other_side(self, actor: Actor, capacities: frozenset[Capacity]) -> None:
        """Keep who asks apart from who answers."""
        if self.finding and self.subject.owner and Capacity.OWNER in capacities:
            raise NotAuthorisedError("You own this model: somebody independent must question its findings.")
        if Capacity.PROPOSER in capacities:
            raise NotAuthorisedError("You proposed this: questions about it are those of others.")
        if any(entry.turn is Turn.ANSWER and entry.person == actor.email for entry in self.entries):
            raise NotAuthorisedError("You answered this: somebody else must say whether that settles it.")

    @property
    def _asking(self) -> tuple[Capacity, ...]:
        reviewer = (Capacity.INDEPENDENT_REVIEWER,)
        return reviewer if self.finding else (Capacity.APPROVER, *reviewer)

    @property
    def _answering(self) -> tuple[Capacity, ...]:
        return (Capacity.OWNER,) if self.finding else (Capacity.PROPOSER, Capacity.OWNER)

    def _capacities(self, actor: Actor) -> frozenset[Capacity]:
        """Return in which capacities the actor can act; who approves does an owner's work where there is none."""
        found = set(self.subject.capacities(actor))
        if self.decision and actor.email == self.decision.proposed_by and not actor.is_auditor:
            found.add(Capacity.PROPOSER)
        if self.subject.owner is None and Capacity.APPROVER in found:
            found.add(Capacity.OWNER)
        return frozenset(found)


_ANY_FINDING = ChallengedFinding(date.min, date.min, code="", snapshot={})


def _folded(entries: tuple[Entry, ...]) -> ChallengeState:
    state: ChallengeState | None = None
    for entry in entries:
        state = allowed_turn(state, entry.turn).after
    if state is None:
        raise ForbiddenMoveError("Nothing has been asked yet.")
    return state


def _checked(text: str, allowed: AllowedTurn) -> str:
    text = checked_text(text)
    if len(text) < allowed.length:
        raise InvalidReasonError(
            f"To {allowed.turn.words} takes at least {allowed.length} characters; this has {len(text)}."
        )
    return text
