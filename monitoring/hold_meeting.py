"""Use cases of a running meeting and of its minutes: open it, record votes, conflicts, notes and actions, end it, confirm, correct.

Whoever calls is checked here, with the roles the registry holds at that moment, inside the transaction that writes. ``by`` is the
e-mail address of the person, ``on`` the product's day, ``now`` the machine's time. Decisions in a meeting are those of
``monitoring.decide``: they are given by the person who is signed in, never on somebody's behalf. A vote may be recorded for
somebody else, and then says by whom; it fills no seat of a quorum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitoring.anchor import Anchor
from monitoring.errors import ForbiddenMoveError, InvalidMeetingError, NotAuthorisedError
from monitoring.meeting import MEMBERS, Attendee, Choice, Entry, EntryKind, Item, Meeting, MeetingMove
from monitoring.meeting_access import led, recording
from monitoring.meeting_action import MeetingAction
from monitoring.meeting_matter import why_no_vote
from monitoring.minutes import document_hash, minutes_document
from monitoring.proposal import checked_text

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitoring.meeting_ports import MeetingRecords, MeetingRegistry
    from monitoring.people import Actor


def open_meeting(registry: MeetingRegistry, meeting_id: int, *, by: str, on: date, now: datetime) -> Meeting:
    """Open a planned meeting; the roles of who is there are those the registry holds now."""
    with registry.meeting_records() as records:
        meeting, actor = led(records, meeting_id, by)
        attendees = tuple(
            replace(Attendee.of(records.actor(each.email)), is_present=each.is_present) if each.email else each
            for each in meeting.attendees
        )
        opened = replace(meeting, attendees=attendees, held_on=on, opened_at=now, position=0)
        moved, event = opened.moved(MeetingMove.OPEN, actor=actor, on=on, now=now)
        return records.change(moved, event, before=meeting)


def call_off(registry: MeetingRegistry, meeting_id: int, *, by: str, on: date, now: datetime) -> Meeting:
    """Call a planned meeting off."""
    return _moved(registry, meeting_id, MeetingMove.CALL_OFF, by=by, on=on, now=now)


def end_meeting(registry: MeetingRegistry, meeting_id: int, *, by: str, on: date, now: datetime) -> Meeting:
    """End a running meeting: its minutes are a draft until the chair confirms them."""
    with registry.meeting_records() as records:
        meeting, actor = led(records, meeting_id, by)
        moved, event = replace(meeting, ended_on=on, ended_at=now).moved(MeetingMove.END, actor=actor, on=on, now=now)
        return records.change(moved, event, before=meeting)


def resume_meeting(registry: MeetingRegistry, meeting_id: int, *, by: str, on: date, now: datetime) -> Meeting:
    """Go on with a meeting that was ended too early; impossible once its minutes are confirmed."""
    return _moved(registry, meeting_id, MeetingMove.RESUME, by=by, on=on, now=now)


def turn_to(registry: MeetingRegistry, meeting_id: int, *, position: int, by: str) -> None:
    """Show another screen to everybody who follows. Raises NotAuthorisedError for anybody who does not lead."""
    registry.turn_to(meeting_id, position=position, leader=by)


def record_vote(
    registry: MeetingRegistry,
    meeting_id: int,
    item_id: int,
    *,
    person: str,
    choice: Choice,
    reason: str = "",
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    """Record a member's vote; a vote against with its reason is a dissent. It fills no seat: an approval is given by the person.

    Raises:
        ForbiddenMoveError: the meeting is not running.
        NotAuthorisedError: somebody else's vote is recorded by anybody but chair and caller; the person is not there, holds no
            voting role for what the item is about at this moment, proposed it or stepped back from it.
        UnknownPersonError: nobody active is called so.
    """
    with registry.meeting_records() as records:
        meeting, actor = recording(records, meeting_id, by)
        item, voter = meeting.item(item_id), records.actor(person)
        if actor.email != voter.email:
            meeting.check_leads(actor)
        if refusal := why_no_vote(meeting, item, records.matter(meeting, item), voter):
            raise NotAuthorisedError(refusal)
        entry = _entry(EntryKind.VOTE, actor, on, now, item_id=item_id, person=person, choice=choice.value, text=reason)
        said = {"vote": choice.value, "person": person}
        return _entered(records, meeting, entry, "record_vote", actor=actor, said=said, item=item)


def step_back(
    registry: MeetingRegistry,
    meeting_id: int,
    item_id: int,
    *,
    person: str,
    reason: str,
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    """Record a conflict of interest: the person neither votes on the item nor answers what it is about, in the meeting or after it.

    Raises:
        NotAuthorisedError: somebody else's conflict is recorded by anybody but chair and caller, or the person is not there.
        InvalidMeetingError: there is no reason.
        ForbiddenMoveError: the person has approved a proposal that the item is about and that still waits for somebody else.
    """
    return _conflict(
        registry, meeting_id, item_id, person=person, choice="stepped_back", reason=reason, by=by, on=on, now=now
    )


def take_part_again(
    registry: MeetingRegistry,
    meeting_id: int,
    item_id: int,
    *,
    person: str,
    reason: str,
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    """Take back a conflict of interest that was recorded by mistake. Raises as ``step_back``."""
    return _conflict(
        registry, meeting_id, item_id, person=person, choice="withdrawn", reason=reason, by=by, on=on, now=now
    )


def write_note(
    registry: MeetingRegistry, meeting_id: int, item_id: int, *, text: str, by: str, on: date, now: datetime
) -> Meeting:
    """Write the note of an item; the newest one stands in the minutes, the others in the record."""
    with registry.meeting_records() as records:
        meeting, actor = recording(records, meeting_id, by)
        item = meeting.item(item_id)
        entry = _entry(EntryKind.NOTE, actor, on, now, item_id=item_id, text=text)
        return _entered(records, meeting, entry, "write_note", actor=actor, said={}, item=item)


def give_action(
    registry: MeetingRegistry,
    meeting_id: int,
    *,
    what: str,
    assignee: str,
    due_on: date,
    item_id: int | None = None,
    by: str,
    on: date,
    now: datetime,
) -> MeetingAction:
    """Give somebody something to do. Raises what ``MeetingAction.give`` and ``write_note`` raise."""
    with registry.meeting_records() as records:
        meeting, actor = recording(records, meeting_id, by)
        item = meeting.item(item_id) if item_id else None
        action = MeetingAction.give(
            meeting_id=meeting.id,
            what=what,
            assignee=records.actor(assignee),
            due_on=due_on,
            actor=actor,
            on=on,
            item_id=item.id if item else None,
            model_id=item.model_id if item else None,
        )
        event = action.audit_event("give_action", actor=actor, role=meeting.capacity(actor), on=on, now=now)
        return records.add_action(meeting, action, event)


def confirm_minutes(registry: MeetingRegistry, meeting_id: int, *, by: str, on: date, now: datetime) -> Meeting:
    """Confirm the minutes: they are frozen with the head of the audit trail, and from then on only corrected by new entries.

    Raises:
        ForbiddenMoveError: the meeting is not over, or its minutes are confirmed already.
        NotAuthorisedError: somebody else than the chair, or a chair who is neither approver nor independent reviewer any more.
    """
    with registry.meeting_records() as records:
        meeting, actor = records.meeting(meeting_id), records.actor(by)
        if actor.email != meeting.chair:
            raise NotAuthorisedError("Only the chair confirms the minutes.")
        if not actor.acts_as(MEMBERS):
            raise NotAuthorisedError(
                "Only an approver or an independent reviewer confirms minutes; name another chair."
            )
        ready = replace(meeting, confirmed_by=actor.email, confirmed_at=now)
        document = minutes_document(
            ready, records.minutes_facts(ready, on=on), anchor=Anchor(*records.head(), now).line
        )
        ready = replace(ready, minutes=document, minutes_hash=document_hash(document))
        moved, event = ready.moved(MeetingMove.CONFIRM, actor=actor, on=on, now=now, minutes_hash=ready.minutes_hash)
        return records.change(moved, event, before=meeting)


def correct_minutes(
    registry: MeetingRegistry,
    meeting_id: int,
    *,
    text: str,
    by: str,
    on: date,
    now: datetime,
    item_id: int | None = None,
) -> Meeting:
    """Correct confirmed minutes by a new entry, which is shown with them; what was confirmed stays as it is.

    Raises:
        ForbiddenMoveError: the minutes are not confirmed yet.
        NotAuthorisedError: somebody who was not there, or only reads.
        InvalidMeetingError: it says nothing.
    """
    with registry.meeting_records() as records:
        meeting, actor = records.meeting(meeting_id), records.actor(by)
        if not meeting.is_locked:
            raise ForbiddenMoveError("The minutes are not confirmed yet: change the note instead.")
        meeting.check_records(actor)
        if not checked_text(text):
            raise InvalidMeetingError("A correction says what is right.")
        item = meeting.item(item_id) if item_id else None
        entry = _entry(EntryKind.CORRECTION, actor, on, now, item_id=item_id, text=text)
        return _entered(records, meeting, entry, "correct_minutes", actor=actor, said={}, item=item)


def _conflict(
    registry: MeetingRegistry,
    meeting_id: int,
    item_id: int,
    *,
    person: str,
    choice: str,
    reason: str,
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    with registry.meeting_records() as records:
        meeting, actor = recording(records, meeting_id, by)
        item = meeting.item(item_id)
        if actor.email != person:
            meeting.check_leads(actor)
        if not meeting.is_there(person):
            raise NotAuthorisedError("Only who is there steps back or takes part.")
        if not checked_text(reason):
            raise InvalidMeetingError("Say why: it stands in the minutes.")
        if choice == "stepped_back" and (given := records.approved_already(item, person)):
            raise ForbiddenMoveError(
                f"{records.actor(person).name} approved {given} already. It is withdrawn or rejected and proposed anew first."
            )
        entry = _entry(EntryKind.CONFLICT, actor, on, now, item_id=item_id, person=person, choice=choice, text=reason)
        said = {"conflict": choice, "person": person}
        return _entered(records, meeting, entry, "record_conflict", actor=actor, said=said, item=item)


def _moved(
    registry: MeetingRegistry, meeting_id: int, move: MeetingMove, *, by: str, on: date, now: datetime
) -> Meeting:
    with registry.meeting_records() as records:
        meeting, actor = led(records, meeting_id, by)
        moved, event = meeting.moved(move, actor=actor, on=on, now=now)
        return records.change(moved, event, before=meeting)


def _entered(
    records: MeetingRecords,
    meeting: Meeting,
    entry: Entry,
    action: str,
    *,
    actor: Actor,
    said: dict[str, str],
    item: Item | None,
) -> Meeting:
    event = meeting.audit_event(
        action,
        actor=actor,
        on=entry.recorded_on,
        now=entry.recorded_at,
        reason=entry.text,
        said=said | ({"item": item.title} if item else {}),
        model_id=item.model_id if item else None,
    )
    records.enter(meeting, [entry], event)
    return replace(meeting, entries=(*meeting.entries, entry))


def _entry(
    kind: EntryKind,
    actor: Actor,
    on: date,
    now: datetime,
    *,
    item_id: int | None,
    person: str | None = None,
    choice: str | None = None,
    text: str,
) -> Entry:
    return Entry(
        kind=kind,
        recorded_by=actor.email,
        recorded_on=on,
        recorded_at=now,
        item_id=item_id,
        person=person,
        choice=choice,
        text=checked_text(text),
    )
