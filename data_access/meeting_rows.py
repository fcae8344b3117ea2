"""Meetings as values, read from their rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.meeting_tables import (
    MeetingActionRow,
    MeetingAttendeeRow,
    MeetingEntryRow,
    MeetingItemRow,
    MeetingRow,
)
from monitoring.errors import UnknownItemError, UnknownMeetingError
from monitoring.meeting import Attendee, Entry, EntryKind, Item, Meeting, MeetingState, Scope
from monitoring.meeting_action import ActionState, MeetingAction
from monitoring.people import Role

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

OVER = (MeetingState.ENDED.value, MeetingState.CONFIRMED.value)
ITEM_COLUMNS = (
    "rule",
    "title",
    "why",
    "minutes",
    "model_id",
    "decision_id",
    "action_id",
    "shift_day",
    "policy_number",
    "standing_number",
    "remark",
)
ENTRY_COLUMNS = (
    "item_id",
    "person",
    "choice",
    "text",
    "decision_id",
    "policy_number",
    "standing_number",
    "recorded_by",
    "recorded_on",
    "recorded_at",
)
ACTION_COLUMNS = (
    "meeting_id",
    "item_id",
    "model_id",
    "what",
    "assignee",
    "due_on",
    "given_by",
    "given_on",
    "evidence",
    "reported_by",
    "reported_on",
    "closed_by",
    "closed_on",
    "answer",
)
MEETING_COLUMNS = (
    "title",
    "held_on",
    "length_minutes",
    "chair",
    "called_by",
    "since",
    "position",
    "opened_at",
    "ended_on",
    "ended_at",
    "confirmed_by",
    "confirmed_at",
    "minutes",
    "minutes_hash",
)


def meeting_of(session: Session, meeting_id: int) -> Meeting:
    """Return a meeting with everything in it, or raise UnknownMeetingError."""
    row = session.get(MeetingRow, meeting_id, populate_existing=True)
    if row is None:
        raise UnknownMeetingError(f"There is no meeting {meeting_id}.")
    attendees = sa.select(MeetingAttendeeRow).where(MeetingAttendeeRow.meeting_id == meeting_id)
    items = sa.select(MeetingItemRow).where(
        MeetingItemRow.meeting_id == meeting_id, MeetingItemRow.position.is_not(None)
    )
    entries = sa.select(MeetingEntryRow).where(MeetingEntryRow.meeting_id == meeting_id)
    return Meeting(
        id=row.id,
        state=MeetingState(row.state),
        scope=Scope.of(row.scope),
        revision=row.revision,
        attendees=tuple(map(_attendee, session.scalars(attendees.order_by(MeetingAttendeeRow.id)))),
        items=tuple(map(_item, session.scalars(items.order_by(MeetingItemRow.position)))),
        entries=tuple(map(_entry, session.scalars(entries.order_by(MeetingEntryRow.id)))),
        **{name: getattr(row, name) for name in MEETING_COLUMNS},
    )


def action_of(session: Session, action_id: int) -> MeetingAction:
    """Return an action, or raise UnknownItemError."""
    row = session.get(MeetingActionRow, action_id, populate_existing=True)
    if row is None:
        raise UnknownItemError(f"There is no action {action_id}.")
    return action_value(row)


def actions_where(session: Session, *conditions: sa.ColumnElement[bool]) -> tuple[MeetingAction, ...]:
    """Return the actions for which the conditions hold, the first due first."""
    rows = sa.select(MeetingActionRow).where(*conditions).order_by(MeetingActionRow.due_on, MeetingActionRow.id)
    return tuple(action_value(row) for row in session.scalars(rows))


def action_value(row: MeetingActionRow) -> MeetingAction:
    """Return the action of a row."""
    return MeetingAction(
        id=row.id, state=ActionState(row.state), **{name: getattr(row, name) for name in ACTION_COLUMNS}
    )


def last_over(session: Session, *, on: date, scope: Scope | None = None) -> Meeting | None:
    """Return the newest meeting that was over by ``on``; with a scope the newest that was about all of its models."""
    rows = session.execute(
        sa.select(MeetingRow.id, MeetingRow.scope)
        .where(MeetingRow.state.in_(OVER), MeetingRow.ended_on <= on)
        .order_by(MeetingRow.ended_on.desc(), MeetingRow.id.desc())
    )
    for row in rows:
        if scope is None or Scope.of(row.scope).covers(scope):
            return meeting_of(session, row.id)
    return None


def item_columns(item: Item, *, position: int) -> dict[str, Any]:
    """Return the columns of an item."""
    return {name: getattr(item, name) for name in ITEM_COLUMNS} | {"model_ids": [*item.model_ids], "position": position}


def entry_columns(entry: Entry) -> dict[str, Any]:
    """Return the columns of an entry."""
    return {name: getattr(entry, name) for name in ENTRY_COLUMNS} | {"kind": entry.kind.value}


def attendee_columns(attendee: Attendee) -> dict[str, Any]:
    """Return the columns of an attendee."""
    roles = ",".join(role.value for role in attendee.roles)
    return {"name": attendee.name, "email": attendee.email, "roles": roles, "is_present": attendee.is_present}


def _attendee(row: MeetingAttendeeRow) -> Attendee:
    roles = tuple(Role(role) for role in row.roles.split(",") if role)
    return Attendee(name=row.name, email=row.email, roles=roles, is_present=row.is_present)


def _item(row: MeetingItemRow) -> Item:
    return Item(id=row.id, model_ids=tuple(row.model_ids), **{name: getattr(row, name) for name in ITEM_COLUMNS})


def _entry(row: MeetingEntryRow) -> Entry:
    return Entry(id=row.id, kind=EntryKind(row.kind), **{name: getattr(row, name) for name in ENTRY_COLUMNS})
