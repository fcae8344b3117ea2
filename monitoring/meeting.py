"""A meeting of the committee: who is there, what is on the agenda, and what was said about each item."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from monitoring.audit import AuditEvent
from monitoring.errors import ForbiddenMoveError, InvalidMeetingError, NotAuthorisedError, UnknownItemError
from monitoring.people import Actor, Role
from monitoring.proposal import checked_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CALLERS = frozenset({Role.APPROVER, Role.INDEPENDENT_REVIEWER, Role.ADMINISTRATOR})
"""Who may call a meeting: those who answer for decisions, and an administrator, who keeps the minutes and approves nothing."""
MEMBERS = frozenset({Role.APPROVER, Role.INDEPENDENT_REVIEWER})
"""Who may chair and vote; everybody else is heard."""
SHORTEST_MINUTES, LONGEST_MINUTES = 5, 480
LONGEST_TITLE = 120
MOST_ATTENDEES, MOST_ITEMS = 60, 100


class MeetingState(StrEnum):
    """Where a meeting is; the minutes of an ended one are a draft until its chair confirms them."""

    PLANNED = "planned"
    RUNNING = "running"
    ENDED = "ended"
    CONFIRMED = "confirmed"
    CALLED_OFF = "called_off"

    @property
    def words(self) -> str:
        """The state as it stands in a sentence."""
        return self.value.replace("_", " ")


class MeetingMove(StrEnum):
    """What leads a meeting from one state to the next."""

    OPEN = "open_meeting"
    CALL_OFF = "call_off_meeting"
    END = "end_meeting"
    RESUME = "resume_meeting"
    CONFIRM = "confirm_minutes"


MEETING_MOVES: dict[tuple[MeetingState, MeetingMove], MeetingState] = {
    (MeetingState.PLANNED, MeetingMove.OPEN): MeetingState.RUNNING,
    (MeetingState.PLANNED, MeetingMove.CALL_OFF): MeetingState.CALLED_OFF,
    (MeetingState.RUNNING, MeetingMove.END): MeetingState.ENDED,
    (MeetingState.ENDED, MeetingMove.RESUME): MeetingState.RUNNING,
    (MeetingState.ENDED, MeetingMove.CONFIRM): MeetingState.CONFIRMED,
}
"""The one table of allowed moves of a meeting."""


class Choice(StrEnum):
    """What a member votes; who steps back has a conflict of interest and does not vote."""

    FOR = "for"
    AGAINST = "against"
    ABSTAIN = "abstain"


class EntryKind(StrEnum):
    """What an entry of the minutes is; entries are added, never changed, and the newest of a kind counts."""

    VOTE = "vote"
    CONFLICT = "conflict"
    NOTE = "note"
    DECISION = "decision"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Scope:
    """Which models a meeting is about; an empty part limits nothing. Tier 0 means: not set."""

    teams: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    tiers: tuple[int, ...] = ()

    def holds(self, *, team: str | None, use_case: str | None, tier: int | None) -> bool:
        """Whether a model is in it."""
        return (
            (not self.teams or team in self.teams)
            and (not self.use_cases or use_case in self.use_cases)
            and (not self.tiers or (tier or 0) in self.tiers)
        )

    def covers(self, other: Scope) -> bool:
        """Whether every model of ``other`` is in it.

        >>> Scope().covers(Scope(teams=("Cards",))), Scope(teams=("Cards",)).covers(Scope())
        (True, False)
        """
        pairs = ((self.teams, other.teams), (self.use_cases, other.use_cases), (self.tiers, other.tiers))
        return all(not mine or (theirs and set(theirs) <= set(mine)) for mine, theirs in pairs)

    @property
    def words(self) -> str:
        """The scope as it stands on a page: every model, or what it is limited to."""
        tiers = ["tier not set" if tier == 0 else f"tier {tier}" for tier in self.tiers]
        parts = [" or ".join(part) for part in (tiers, self.teams, self.use_cases) if part]
        return ", ".join(parts) or "every model"

    def plain(self) -> dict[str, list[Any]]:
        """Return the scope as plain JSON."""
        return {"teams": [*self.teams], "use_cases": [*self.use_cases], "tiers": [*self.tiers]}

    @classmethod
    def of(cls, plain: dict[str, list[Any]]) -> Self:
        """Return the scope of plain JSON."""
        return cls(tuple(plain["teams"]), tuple(plain["use_cases"]), tuple(plain["tiers"]))


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who is invited: a person of the registry with the roles held when the meeting was called or opened, or a guest by name."""

    name: str
    email: str | None = None
    roles: tuple[Role, ...] = ()
    is_present: bool = True

    @property
    def role_words(self) -> str:
        """In which roles somebody is there."""
        if self.email is None:
            return "guest"
        return ", ".join(role.words for role in self.roles) or "no role"

    @classmethod
    def of(cls, person: Actor) -> Self:
        """Return a person of the registry as an attendee, present until somebody says otherwise."""
        roles = sorted({grant.role for grant in person.grants}, key=list(Role).index)
        return cls(name=person.name, email=person.email, roles=tuple(roles))


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the agenda: which rule put it there, what it is about and why now; ``id`` is 0 until it is stored."""

    rule: str
    title: str
    why: str
    minutes: int
    id: int = 0
    model_id: str | None = None
    decision_id: int | None = None
    action_id: int | None = None
    shift_day: date | None = None
    policy_number: int | None = None
    standing_number: int | None = None
    model_ids: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the minutes: somebody's vote or conflict, a note, a decision taken, or a later correction.

    ``person`` is whom it is about, ``recorded_by`` who entered it. ``choice`` is a vote or the move of a decision.
    """

    kind: EntryKind
    recorded_by: str
    recorded_on: date
    recorded_at: datetime
    item_id: int | None = None
    person: str | None = None
    choice: str | None = None
    text: str = ""
    decision_id: int | None = None
    policy_number: int | None = None
    standing_number: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Meeting:
    """A meeting as it stands. ``position`` is the screen it shows: 0 the opening, then the items, after the last one the close.

    ``since`` is the day of the last meeting about the same models, missing for the first; ``revision`` grows with everything that a
    screen that follows must show.
    """

    title: str
    state: MeetingState
    held_on: date
    length_minutes: int
    chair: str
    called_by: str
    scope: Scope = Scope()
    since: date | None = None
    id: int = 0
    position: int = 0
    revision: int = 0
    attendees: tuple[Attendee, ...] = ()
    items: tuple[Item, ...] = ()
    entries: tuple[Entry, ...] = ()
    opened_at: datetime | None = None
    ended_on: date | None = None
    ended_at: datetime | None = None
    confirmed_by: str | None = None
    confirmed_at: datetime | None = None
    minutes: dict[str, Any] | None = None
    minutes_hash: str | None = None

    @property
    def planned_minutes(self) -> int:
        """The minutes of all items together."""
        return sum(item.minutes for item in self.items)

    @property
    def current(self) -> Item | None:
        """The item on screen; nothing at the opening and at the close."""
        return self.items[self.position - 1] if 1 <= self.position <= len(self.items) else None

    @property
    def last_position(self) -> int:
        """The position of the close."""
        return len(self.items) + 1

    @property
    def decided(self) -> int:
        """How much was decided: decisions about models, versions of the policy and standing approvals."""
        made = [each for each in self.entries if each.kind is EntryKind.DECISION]
        return len({(each.decision_id, each.policy_number, each.standing_number) for each in made})

    @property
    def is_locked(self) -> bool:
        """Whether nothing but corrections can be added."""
        return self.state is MeetingState.CONFIRMED

    @property
    def is_over(self) -> bool:
        """Whether nothing more is said or decided in it."""
        return self.state in {MeetingState.ENDED, MeetingState.CONFIRMED}

    def item(self, item_id: int) -> Item:
        """Return an item, or raise UnknownItemError."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise UnknownItemError(f"The agenda has no item {item_id}.")

    def attendee(self, email: str) -> Attendee | None:
        """Return the person if they are on the list."""
        return next((each for each in self.attendees if each.email == email), None)

    def is_there(self, email: str) -> bool:
        """Whether the person is on the list and present."""
        found = self.attendee(email)
        return found is not None and found.is_present

    def of_item(self, item_id: int | None, *kinds: EntryKind) -> Iterator[Entry]:
        """Give the entries of an item in the order they were made."""
        return (each for each in self.entries if each.item_id == item_id and each.kind in kinds)

    def note(self, item_id: int) -> str:
        """Return the note of an item as it stands."""
        notes = [each.text for each in self.of_item(item_id, EntryKind.NOTE)]
        return notes[-1] if notes else ""

    def conflicts(self, item_id: int) -> dict[str, str]:
        """Return who steps back from an item, each with the reason; taking it back leaves nobody."""
        found: dict[str, str] = {}
        for each in self.of_item(item_id, EntryKind.CONFLICT):
            if each.choice == "withdrawn":
                found.pop(str(each.person), None)
            else:
                found[str(each.person)] = each.text
        return found

    def votes(self, item_id: int) -> dict[str, Entry]:
        """Return the vote of each person on an item: the newest counts, and of somebody who steps back or proposes after it none."""
        votes = {str(each.person): each for each in self.of_item(item_id, EntryKind.VOTE)}
        made = self.of_item(item_id, EntryKind.DECISION)
        out = self.conflicts(item_id).keys() | {each.person for each in made if each.choice == "propose"}
        return {person: vote for person, vote in votes.items() if person not in out}

    @property
    def corrections(self) -> tuple[Entry, ...]:
        """What was corrected after the minutes were confirmed."""
        return tuple(each for each in self.entries if each.kind is EntryKind.CORRECTION)

    def leads(self, actor: Actor) -> bool:
        """Whether this person leads: the chair, and whoever called the meeting and keeps its minutes, while they may call one."""
        return actor.acts_as(CALLERS) and actor.email in {self.chair, self.called_by}

    def check_leads(self, actor: Actor) -> None:
        """Raise NotAuthorisedError unless the person leads the meeting."""
        if not self.leads(actor):
            raise NotAuthorisedError("Only the chair, or whoever called the meeting, may do this.")

    def check_records(self, actor: Actor) -> None:
        """Raise NotAuthorisedError unless the person may record something: who leads, or who is there and does more than read."""
        if self.leads(actor):
            return
        if not self.is_there(actor.email):
            raise NotAuthorisedError("Only who is there may record something; the chair adds who came later.")
        if only_reads(actor):
            raise NotAuthorisedError("Auditors and viewers read; they record nothing.")

    def check_running(self) -> None:
        """Raise ForbiddenMoveError unless the meeting is running."""
        if self.state is not MeetingState.RUNNING:
            raise ForbiddenMoveError(f"The meeting is {self.state.words}: nothing is recorded in it.")

    def check_decides(self, email: str, *, item_id: int) -> None:
        """Raise unless the person may decide on this item in the meeting: it runs, they are there and have no conflict of interest."""
        self.check_running()
        self.item(item_id)
        if not self.is_there(email):
            raise NotAuthorisedError("Only who is there decides in a meeting; the chair adds who came later.")
        if email in self.conflicts(item_id):
            raise NotAuthorisedError("You stepped back from this item: somebody else decides it.")

    def moved(
        self, move: MeetingMove, *, actor: Actor, on: date, now: datetime, minutes_hash: str | None = None
    ) -> tuple[Self, AuditEvent]:
        """Return the meeting in its next state with the audit event.

        Raises:
            ForbiddenMoveError: the table has no such move from here.
        """
        after = MEETING_MOVES.get((self.state, move))
        if after is None:
            raise ForbiddenMoveError(f"A meeting that is {self.state.words} cannot {move.value.replace('_', ' ')}.")
        moved = replace(self, state=after)
        return moved, moved.audit_event(
            move.value, actor=actor, on=on, now=now, before=self, evidence_hash=minutes_hash
        )

    def audit_event(
        self,
        action: str,
        *,
        actor: Actor,
        on: date,
        now: datetime,
        before: Self | None = None,
        said: dict[str, Any] | None = None,
        reason: str | None = None,
        model_id: str | None = None,
        evidence_hash: str | None = None,
    ) -> AuditEvent:
        """Return the record of something done in the meeting: ``said`` beside how the meeting stands."""
        return AuditEvent(
            at=datetime.combine(on, now.timetz()),
            recorded_at=now,
            actor=actor.email,
            role=self.capacity(actor),
            action=action,
            subject_kind="meeting",
            subject_id=str(self.id),
            model_id=model_id,
            reason=reason or None,
            before=before.summary() if before else None,
            after=self.summary() | (said or {}),
            evidence_hash=evidence_hash,
        )

    def capacity(self, actor: Actor) -> str:
        """Return in which part somebody acts in the meeting."""
        if actor.email == self.chair:
            return "chair"
        return "minutes" if actor.email == self.called_by else "attendee"

    def summary(self) -> dict[str, Any]:
        """Return what an audit event says about the meeting, as plain JSON."""
        return {
            "state": self.state.value,
            "chair": self.chair,
            "held_on": self.held_on.isoformat(),
            "items": len(self.items),
            "attendees": [each.email or each.name for each in self.attendees if each.is_present],
        }


def only_reads(actor: Actor) -> bool:
    """Whether somebody reads and writes nothing: an auditor, and a viewer without another role."""
    roles = {grant.role for grant in actor.grants}
    return actor.is_auditor or roles == {Role.VIEWER}


def check_caller(actor: Actor) -> None:
    """Raise NotAuthorisedError unless the person may call a meeting."""
    if not actor.acts_as(CALLERS):
        raise NotAuthorisedError("Only an approver, an independent reviewer or an administrator may call a meeting.")


def check_chair(actor: Actor) -> None:
    """Raise InvalidMeetingError unless the person may chair: an administrator approves nothing and answers for no decision."""
    if not actor.acts_as(MEMBERS):
        raise InvalidMeetingError(f"{actor.name} cannot chair: the chair is an approver or an independent reviewer.")


def checked_title(title: str) -> str:
    """Return a title without spaces around it; one that is missing or too long is refused."""
    title = " ".join(checked_text(title).split())
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise InvalidMeetingError(f"A title has 1 to {LONGEST_TITLE} characters; this has {len(title)}.")
    return title


def checked_length(minutes: int) -> int:
    """Return the length of a meeting in minutes, or raise InvalidMeetingError."""
    if not SHORTEST_MINUTES <= minutes <= LONGEST_MINUTES:
        raise InvalidMeetingError(f"A meeting lasts {SHORTEST_MINUTES} to {LONGEST_MINUTES} minutes; not {minutes}.")
    return minutes


def checked_attendees(attendees: Iterable[Attendee], *, chair: str) -> tuple[Attendee, ...]:
    """Return the attendees, each once, the chair first.

    Raises:
        InvalidMeetingError: too many, or a guest without a name.
    """
    found = {each.email or f"guest {each.name.strip().lower()}": each for each in attendees}
    if any(not each.name.strip() for each in found.values()):
        raise InvalidMeetingError("A guest has a name.")
    if len(found) > MOST_ATTENDEES:
        raise InvalidMeetingError(f"At most {MOST_ATTENDEES} people attend a meeting; these are {len(found)}.")
    return tuple(sorted(found.values(), key=lambda each: (each.email != chair, each.email is None, each.name)))
