"""The tables of meetings: who was there, the agenda, what was entered into the minutes, the actions given."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from data_access.tables import Table


class MeetingRow(Table):
    """A meeting; ``position`` is the screen it shows, ``revision`` grows with everything a screen that follows must show."""

    __tablename__ = "meetings"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    held_on: Mapped[date]
    length_minutes: Mapped[int]
    chair: Mapped[str] = mapped_column(sa.ForeignKey("people.email"))
    called_by: Mapped[str] = mapped_column(sa.ForeignKey("people.email"))
    scope: Mapped[dict[str, Any]]
    since: Mapped[date | None]
    position: Mapped[int] = mapped_column(default=0)
    revision: Mapped[int] = mapped_column(default=0)
    opened_at: Mapped[datetime | None]
    ended_on: Mapped[date | None]
    ended_at: Mapped[datetime | None]
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    minutes: Mapped[dict[str, Any] | None]
    minutes_hash: Mapped[str | None]


class MeetingAttendeeRow(Table):
    """Somebody invited to a meeting: a person with the roles held then (comma-joined), or a guest by name without an address."""

    __tablename__ = "meeting_attendees"
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(sa.ForeignKey("meetings.id"), index=True)
    name: Mapped[str]
    email: Mapped[str | None]
    roles: Mapped[str]
    is_present: Mapped[bool] = mapped_column(default=True)


class MeetingItemRow(Table):
    """An item of an agenda; one that was dropped has no position and stays."""

    __tablename__ = "meeting_items"
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(sa.ForeignKey("meetings.id"), index=True)
    position: Mapped[int | None]
    rule: Mapped[str]
    title: Mapped[str]
    why: Mapped[str]
    minutes: Mapped[int]
    model_id: Mapped[str | None] = mapped_column(sa.ForeignKey("models.id"))
    decision_id: Mapped[int | None] = mapped_column(sa.ForeignKey("decisions.id"))
    action_id: Mapped[int | None]
    shift_day: Mapped[date | None]
    policy_number: Mapped[int | None]
    standing_number: Mapped[int | None]
    model_ids: Mapped[list[Any]]
    remark: Mapped[str] = mapped_column(default="")


class MeetingEntryRow(Table):
    """One entry of the minutes; rows are added and never changed."""

    __tablename__ = "meeting_entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(sa.ForeignKey("meetings.id"), index=True)
    item_id: Mapped[int | None] = mapped_column(sa.ForeignKey("meeting_items.id"))
    kind: Mapped[str]
    person: Mapped[str | None]
    choice: Mapped[str | None]
    text: Mapped[str]
    decision_id: Mapped[int | None] = mapped_column(sa.ForeignKey("decisions.id"), index=True)
    policy_number: Mapped[int | None]
    standing_number: Mapped[int | None]
    recorded_by: Mapped[str]
    recorded_on: Mapped[date]
    recorded_at: Mapped[datetime]


class MeetingActionRow(Table):
    """An action that a meeting gave to somebody; what, to whom and by when never change."""

    __tablename__ = "meeting_actions"
    id: Mapped[int] = mapped_column(primary_key=True)
    meeting_id: Mapped[int] = mapped_column(sa.ForeignKey("meetings.id"), index=True)
    item_id: Mapped[int | None] = mapped_column(sa.ForeignKey("meeting_items.id"))
    model_id: Mapped[str | None] = mapped_column(sa.ForeignKey("models.id"))
    what: Mapped[str]
    assignee: Mapped[str] = mapped_column(sa.ForeignKey("people.email"))
    due_on: Mapped[date]
    given_by: Mapped[str]
    given_on: Mapped[date]
    state: Mapped[str] = mapped_column(index=True)
    evidence: Mapped[str] = mapped_column(default="")
    reported_by: Mapped[str | None]
    reported_on: Mapped[date | None]
    closed_by: Mapped[str | None]
    closed_on: Mapped[date | None]
    answer: Mapped[str] = mapped_column(default="")
