"""Use cases of a meeting: call it, put its agenda in order, hold it, confirm its minutes, follow up its actions.

Whoever calls is checked here, with the roles the registry holds at that moment, inside the transaction that writes. ``by`` is the
e-mail address of the person, ``on`` the product's day, ``now`` the machine's time. Decisions in a meeting are those of
``monitoring.decide``: they are given by the person who is signed in, never on somebody's behalf. A vote may be recorded for
somebody else, and then says by whom; it fills no seat of a quorum.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitoring.anchor_line import anchor_line
from monitoring.errors import ForbiddenMoveError, InvalidMeetingError, NotAuthorisedError
from monitoring.meeting import (
    MOST_ITEMS,
    Attendee,
    Choice,
    Entry,
    EntryKind,
    Item,
    Meeting,
    MeetingMove,
    MeetingState,
    Scope,
    check_caller,
    check_chair,
    checked_attendees,
    checked_length,
    checked_title,
)
from monitoring.meeting_action import MeetingAction
from monitoring.meeting_agenda import MINUTES, Rule, agenda
from monitoring.meeting_quorum import proposers
from monitoring.minutes import document_hash, minutes_document
from monitoring.proposal import checked_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.meeting_ports import MeetingRecords, MeetingRegistry
    from monitoring.people import Actor

EDITABLE = frozenset({MeetingState.PLANNED, MeetingState.RUNNING})
LONGEST_ITEM_MINUTES = 240


def call_meeting(
    registry: MeetingRegistry,
    *,
    title: str,
    length_minutes: int,
    chair: str,
    people: Iterable[str],
    guests: Iterable[str] = (),
    scope: Scope | None = None,
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    """Call a meeting: its agenda is built from the rules.

    Args:
        people: e-mail addresses of who is invited; the chair and the caller are in any case.
        guests: names of people the registry does not know.

    Raises:
        NotAuthorisedError: ``by`` is no approver, independent reviewer or administrator.
        InvalidMeetingError: no title, an impossible length, or a chair who is neither approver nor reviewer.
    """
    scope = scope or Scope()
    with registry.meeting_records() as records:
        actor = records.actor(by)
        check_caller(actor)
        head = records.actor(chair)
        check_chair(head)
        invited = {head.email: head, actor.email: actor} | {each.email: each for each in map(records.actor, people)}
        attendees = [Attendee.of(person) for person in invited.values()] + [Attendee(name.strip()) for name in guests]
        since = records.last_meeting_on(scope, on=on)
        meeting = Meeting(
            title=checked_title(title),
            state=MeetingState.PLANNED,
            held_on=on,
            length_minutes=checked_length(length_minutes),
            chair=head.email,
            called_by=actor.email,
            scope=scope,
            since=since,
            attendees=checked_attendees(attendees, chair=head.email),
            items=agenda(records.agenda_facts(scope, on=on, since=since)),
        )
        event = meeting.audit_event("call_meeting", actor=actor, on=on, now=now, said={"scope": scope.words})
        return records.add(meeting, event)


def renew_agenda(registry: MeetingRegistry, meeting_id: int, *, by: str, on: date, now: datetime) -> Meeting:
    """Build the agenda of a planned meeting anew: what stays keeps its place and minutes, what is settled goes, what is new comes."""
    with registry.meeting_records() as records:
        meeting, actor = _editable(records, meeting_id, by, states=frozenset({MeetingState.PLANNED}))
        found = agenda(records.agenda_facts(meeting.scope, on=on, since=meeting.since))
        present = {_subject(item) for item in found}
        known = {_subject(item): item for item in meeting.items}
        kept = [item for item in meeting.items if item.rule == Rule.BY_HAND or _subject(item) in present]
        kept = [replace(item, title=new.title, why=new.why) if (new := _now(item, found)) else item for item in kept]
        items = (*kept, *(item for item in found if _subject(item) not in known))
        return _changed(
            records, meeting, replace(meeting, held_on=on, items=items), "renew_agenda", actor=actor, on=on, now=now
        )


def edit_agenda(
    registry: MeetingRegistry,
    meeting_id: int,
    *,
    change: Callable[[tuple[Item, ...]], Sequence[Item]],
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    """Change the items of a planned or running meeting: order, minutes, remarks, what is dropped.

    Raises:
        NotAuthorisedError: neither the chair nor the caller.
        InvalidMeetingError: an item that was not on the agenda, or minutes that cannot be.
    """
    with registry.meeting_records() as records:
        meeting, actor = _editable(records, meeting_id, by)
        items = tuple(change(meeting.items))
        if not {item.id for item in items if item.id} <= {item.id for item in meeting.items} or len(items) > MOST_ITEMS:
            raise InvalidMeetingError(f"An agenda has at most {MOST_ITEMS} items, each once.")
        if any(not 0 <= item.minutes <= LONGEST_ITEM_MINUTES for item in items):
            raise InvalidMeetingError(f"An item is given 0 to {LONGEST_ITEM_MINUTES} minutes.")
        # Whatever is on screen stays there when items before it move.
        at = next(
            (place for place, item in enumerate(items, 1) if meeting.current and item.id == meeting.current.id), None
        )
        position = meeting.position if at is None else at
        moved = replace(meeting, items=items, position=min(position, len(items) + 1))
        return _changed(records, meeting, moved, "edit_agenda", actor=actor, on=on, now=now)


def add_item(
    registry: MeetingRegistry,
    meeting_id: int,
    *,
    title: str,
    why: str = "",
    minutes: int | None = None,
    model_id: str | None = None,
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    """Add an item by hand, after the one on screen of a running meeting and at the end of a planned one. Raises as ``edit_agenda``."""
    item = Item(
        rule=Rule.BY_HAND.value,
        title=checked_title(title),
        why=checked_text(why),
        minutes=MINUTES[Rule.BY_HAND] if minutes is None else minutes,
        model_id=model_id,
    )
    return edit_agenda(registry, meeting_id, change=lambda items: (*items, item), by=by, on=on, now=now)


def set_attendance(
    registry: MeetingRegistry,
    meeting_id: int,
    *,
    present: Iterable[str],
    guests: Iterable[str],
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    """Say who is there: people by e-mail address, guests by name. Who was invited and is not among them is absent.

    Raises:
        NotAuthorisedError: neither the chair nor the caller.
        InvalidMeetingError: the chair is not there; another chair has to be named first.
    """
    with registry.meeting_records() as records:
        meeting, actor = _editable(records, meeting_id, by)
        there = {each.email: Attendee.of(each) for each in map(records.actor, present)}
        if meeting.chair not in there:
            raise InvalidMeetingError("Without its chair a meeting cannot be held; name another chair.")
        absent = [
            replace(each, is_present=False) for each in meeting.attendees if each.email and each.email not in there
        ]
        everybody = [*there.values(), *absent, *(Attendee(name.strip()) for name in guests)]
        moved = replace(meeting, attendees=checked_attendees(everybody, chair=meeting.chair))
        return _changed(records, meeting, moved, "set_attendance", actor=actor, on=on, now=now)


def hand_over_chair(
    registry: MeetingRegistry, meeting_id: int, *, chair: str, by: str, on: date, now: datetime
) -> Meeting:
    """Name another chair. Raises NotAuthorisedError for anybody but chair and caller, InvalidMeetingError for one who cannot chair."""
    with registry.meeting_records() as records:
        meeting, actor = _editable(records, meeting_id, by)
        head = records.actor(chair)
        check_chair(head)
        others = [each for each in meeting.attendees if each.email != head.email]
        attendees = checked_attendees([Attendee.of(head), *others], chair=head.email)
        moved = replace(meeting, chair=head.email, attendees=attendees)
        return _changed(records, meeting, moved, "hand_over_chair", actor=actor, on=on, now=now)


def open_meeting(registry: MeetingRegistry, meeting_id: int, *, by: str, on: date, now: datetime) -> Meeting:
    """Open a planned meeting; the roles of who is there are those the registry holds now."""
    with registry.meeting_records() as records:
        meeting, actor = _led(records, meeting_id, by)
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
        meeting, actor = _led(records, meeting_id, by)
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
        NotAuthorisedError: somebody else's vote is recorded by anybody but chair and caller; the person is not there, does not
            vote, proposed what is voted on or stepped back from it.
    """
    with registry.meeting_records() as records:
        meeting, actor = _recording(records, meeting_id, by)
        item, voter = meeting.item(item_id), meeting.attendee(person)
        if actor.email != person:
            meeting.check_leads(actor)
        if voter is None or not voter.is_present or not voter.is_member:
            raise NotAuthorisedError("Only approvers and independent reviewers who are there vote.")
        decision = records.decision(item.decision_id) if item.decision_id else None
        if person in meeting.conflicts(item_id) or person in proposers(meeting, item, decision):
            raise NotAuthorisedError(f"{voter.name} proposed this or stepped back from it, and does not vote on it.")
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
    """Record a conflict of interest: the person neither votes on the item nor answers its proposal, in the meeting or after it.

    Raises:
        NotAuthorisedError: somebody else's conflict is recorded by anybody but chair and caller, or the person is not there.
        InvalidMeetingError: there is no reason.
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
        meeting, actor = _recording(records, meeting_id, by)
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
        meeting, actor = _recording(records, meeting_id, by)
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


def report_done(
    registry: MeetingRegistry, action_id: int, *, evidence: str, by: str, on: date, now: datetime
) -> MeetingAction:
    """Say that an action is done, and what shows it. Raises what ``MeetingAction.report`` raises."""
    with registry.meeting_records() as records:
        action = records.action(action_id)
        moved, event = action.report(actor=records.actor(by), evidence=evidence, on=on, now=now)
        records.store_action(moved, event, before=action)
        return moved


def confirm_done(
    registry: MeetingRegistry, action_id: int, *, comment: str = "", by: str, on: date, now: datetime
) -> MeetingAction:
    """Close an action; somebody else than whoever did it confirms. Raises what ``MeetingAction.confirm`` raises."""
    with registry.meeting_records() as records:
        action = records.action(action_id)
        moved, event = action.confirm(actor=records.actor(by), comment=comment, on=on, now=now)
        records.store_action(moved, event, before=action)
        return moved


def send_back(
    registry: MeetingRegistry, action_id: int, *, comment: str, by: str, on: date, now: datetime
) -> MeetingAction:
    """Say that the evidence is not enough; the action is open again. Raises what ``MeetingAction.send_back`` raises."""
    with registry.meeting_records() as records:
        action = records.action(action_id)
        moved, event = action.send_back(actor=records.actor(by), comment=comment, on=on, now=now)
        records.store_action(moved, event, before=action)
        return moved


def confirm_minutes(registry: MeetingRegistry, meeting_id: int, *, by: str, on: date, now: datetime) -> Meeting:
    """Confirm the minutes: they are frozen with the head of the audit trail, and from then on only corrected by new entries.

    Raises:
        ForbiddenMoveError: the meeting is not over, or its minutes are confirmed already.
        NotAuthorisedError: somebody else than the chair.
    """
    with registry.meeting_records() as records:
        meeting, actor = records.meeting(meeting_id), records.actor(by)
        if actor.email != meeting.chair:
            raise NotAuthorisedError("Only the chair confirms the minutes.")
        ready = replace(meeting, confirmed_by=actor.email, confirmed_at=now)
        document = minutes_document(ready, records.minutes_facts(ready, on=on), anchor=anchor_line(*records.head()))
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
        meeting, actor = _recording(records, meeting_id, by)
        item = meeting.item(item_id)
        if actor.email != person:
            meeting.check_leads(actor)
        if not meeting.is_there(person):
            raise NotAuthorisedError("Only who is there steps back or takes part.")
        if not checked_text(reason):
            raise InvalidMeetingError("Say why: it stands in the minutes.")
        entry = _entry(EntryKind.CONFLICT, actor, on, now, item_id=item_id, person=person, choice=choice, text=reason)
        said = {"conflict": choice, "person": person}
        return _entered(records, meeting, entry, "record_conflict", actor=actor, said=said, item=item)


def _recording(records: MeetingRecords, meeting_id: int, by: str) -> tuple[Meeting, Actor]:
    meeting, actor = records.meeting(meeting_id), records.actor(by)
    meeting.check_running()
    meeting.check_records(actor)
    return meeting, actor


def _led(records: MeetingRecords, meeting_id: int, by: str) -> tuple[Meeting, Actor]:
    meeting, actor = records.meeting(meeting_id), records.actor(by)
    meeting.check_leads(actor)
    return meeting, actor


def _editable(
    records: MeetingRecords, meeting_id: int, by: str, *, states: frozenset[MeetingState] = EDITABLE
) -> tuple[Meeting, Actor]:
    meeting, actor = _led(records, meeting_id, by)
    if meeting.state not in states:
        raise ForbiddenMoveError(f"The meeting is {meeting.state.words}: its agenda stays as it is.")
    return meeting, actor


def _moved(
    registry: MeetingRegistry, meeting_id: int, move: MeetingMove, *, by: str, on: date, now: datetime
) -> Meeting:
    with registry.meeting_records() as records:
        meeting, actor = _led(records, meeting_id, by)
        moved, event = meeting.moved(move, actor=actor, on=on, now=now)
        return records.change(moved, event, before=meeting)


def _changed(
    records: MeetingRecords, before: Meeting, after: Meeting, action: str, *, actor: Actor, on: date, now: datetime
) -> Meeting:
    said = {"agenda": [{"title": item.title, "minutes": item.minutes} for item in after.items]}
    event: AuditEvent = after.audit_event(action, actor=actor, on=on, now=now, before=before, said=said)
    return records.change(after, event, before=before)


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


def _subject(item: Item) -> tuple[object, ...]:
    """Return what an item is about, whatever has changed about it."""
    return (
        (item.rule, item.model_ids)
        if item.model_ids and not item.shift_day
        else (item.model_id, item.decision_id, item.action_id, item.shift_day, item.policy_number)
    )


def _now(item: Item, found: tuple[Item, ...]) -> Item | None:
    return (
        next((each for each in found if _subject(each) == _subject(item)), None) if item.rule != Rule.BY_HAND else None
    )
