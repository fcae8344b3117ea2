"""Use cases before and around a meeting: call it, put its agenda in order, say who comes and who chairs.

``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time; roles are those the registry holds
at that moment.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from monitoring.errors import InvalidMeetingError
from monitoring.meeting import (
    MOST_ITEMS,
    Attendee,
    Item,
    Meeting,
    MeetingState,
    Scope,
    check_caller,
    check_chair,
    checked_attendees,
    checked_length,
    checked_title,
)
from monitoring.meeting_access import changeable, editable
from monitoring.meeting_agenda import MINUTES, Rule, agenda
from monitoring.proposal import checked_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.meeting_ports import MeetingRecords, MeetingRegistry
    from monitoring.people import Actor

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
        meeting, actor = editable(records, meeting_id, by, states=frozenset({MeetingState.PLANNED}))
        found = agenda(records.agenda_facts(meeting.scope, on=on, since=meeting.since))
        coming, kept = list(found), []
        for item in meeting.items:
            new = next((each for each in coming if _subject(each) == _subject(item)), None)
            if new is not None:
                coming.remove(new)
                kept.append(replace(new, id=item.id, minutes=item.minutes, remark=item.remark))
            elif item.rule == Rule.BY_HAND:
                kept.append(item)
        items = (*kept, *coming)
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
    """Change the items of a planned or running meeting: order, minutes, remarks, what is dropped, what is added by hand.

    What an item is about and why stays as it was, whatever ``change`` says.

    Raises:
        NotAuthorisedError: neither the chair nor the caller.
        InvalidMeetingError: an item that was not on the agenda, one twice, or minutes that cannot be.
    """
    with registry.meeting_records() as records:
        meeting, actor = editable(records, meeting_id, by)
        asked = tuple(change(meeting.items))
        known = {item.id: item for item in meeting.items}
        numbers = [item.id for item in asked if item.id]
        if not known.keys() >= set(numbers) or len(set(numbers)) < len(numbers) or len(asked) > MOST_ITEMS:
            raise InvalidMeetingError(f"An agenda has at most {MOST_ITEMS} items, each once.")
        if any(not item.id and item.rule != Rule.BY_HAND for item in asked):
            raise InvalidMeetingError("Only an item by hand can be added to an agenda; rules bring the others.")
        items = tuple(
            replace(known[item.id], minutes=item.minutes, remark=item.remark) if item.id else item for item in asked
        )
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
    by: str,
    on: date,
    now: datetime,
) -> Meeting:
    """Add an item by hand at the end of the agenda. Raises as ``edit_agenda``."""
    item = Item(
        rule=Rule.BY_HAND.value,
        title=checked_title(title),
        why=checked_text(why),
        minutes=MINUTES[Rule.BY_HAND] if minutes is None else minutes,
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
        meeting, actor = editable(records, meeting_id, by)
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
    """Name another chair, also of a meeting that is over while its minutes are a draft: then one who was there.

    Where neither the chair nor the caller holds a role any more, who was there and could chair names one.

    Raises:
        NotAuthorisedError: somebody else.
        ForbiddenMoveError: the minutes are confirmed, or the meeting was called off.
        InvalidMeetingError: one who cannot chair, or was not there when the meeting was held.
    """
    with registry.meeting_records() as records:
        meeting, actor = changeable(records, meeting_id, records.actor(by))
        head = records.actor(chair)
        check_chair(head)
        attendees = meeting.attendees
        if not meeting.is_over:
            attendees = (Attendee.of(head), *(each for each in attendees if each.email != head.email))
        elif not meeting.is_there(head.email):
            raise InvalidMeetingError(f"{head.name} was not there: the chair of a meeting that is over was in it.")
        moved = replace(meeting, chair=head.email, attendees=checked_attendees(attendees, chair=head.email))
        return _changed(records, meeting, moved, "hand_over_chair", actor=actor, on=on, now=now)


def _changed(
    records: MeetingRecords, before: Meeting, after: Meeting, action: str, *, actor: Actor, on: date, now: datetime
) -> Meeting:
    said = {"agenda": [{"title": item.title, "minutes": item.minutes} for item in after.items]}
    event: AuditEvent = after.audit_event(action, actor=actor, on=on, now=now, before=before, said=said)
    return records.change(after, event, before=before)


def _subject(item: Item) -> tuple[object, ...]:
    """Return what an item is about, whatever has changed about it; what several models share is one item of its rule."""
    numbers = (item.decision_id, item.action_id, item.shift_day, item.policy_number, item.standing_number)
    if any(numbers):
        return numbers
    return item.rule, item.model_id
