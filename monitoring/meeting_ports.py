"""What the use cases of a meeting ask of the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from monitoring.people import People

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    from monitoring.audit import AuditEvent
    from monitoring.meeting import Entry, Item, Meeting, Scope
    from monitoring.meeting_action import MeetingAction
    from monitoring.meeting_agenda import AgendaFacts
    from monitoring.meeting_matter import Matter
    from monitoring.minutes import MinutesFacts


class MeetingRecords(People, Protocol):
    """People, meetings and their actions inside one transaction: all of it is stored or nothing."""

    def meeting(self, meeting_id: int) -> Meeting:
        """Return a meeting with everything in it; UnknownMeetingError when there is none."""

    def last_meeting_on(self, scope: Scope, *, on: date) -> date | None:
        """Return the day of the last meeting that was over by ``on`` and was about every model of ``scope``."""

    def agenda_facts(self, scope: Scope, *, on: date, since: date | None) -> AgendaFacts:
        """Return what the rules of the agenda ask for, as known on ``on``."""

    def minutes_facts(self, meeting: Meeting, *, on: date) -> MinutesFacts:
        """Return what the minutes need beside the meeting."""

    def matter(self, meeting: Meeting, item: Item) -> Matter:
        """Return what an item is about, and everything that is proposed about it."""

    def approved_already(self, item: Item, person: str) -> str:
        """Return what the person approved that an item is about and that still waits for an answer; empty when nothing."""

    def head(self) -> tuple[int, str]:
        """Return the number and the hash of the newest row of the audit trail."""

    def add(self, meeting: Meeting, event: AuditEvent) -> Meeting:
        """Store a new meeting with its audit event and return it numbered."""

    def change(self, moved: Meeting, event: AuditEvent, *, before: Meeting) -> Meeting:
        """Store what is different, with its audit event; refused when the meeting is no longer in the state it was in ``before``."""

    def enter(self, meeting: Meeting, entries: Sequence[Entry], event: AuditEvent) -> None:
        """Add entries to the minutes with their audit event; refused when the meeting's state is another one now."""

    def action(self, action_id: int) -> MeetingAction:
        """Return an action; UnknownItemError when there is none."""

    def add_action(self, meeting: Meeting, action: MeetingAction, event: AuditEvent) -> MeetingAction:
        """Store a new action with its audit event and return it numbered."""

    def store_action(self, moved: MeetingAction, event: AuditEvent, *, before: MeetingAction) -> None:
        """Store a move of an action; refused when it is no longer in the state it was in ``before``."""


class MeetingRegistry(Protocol):
    """Where meetings are kept."""

    def meeting_records(self) -> AbstractContextManager[MeetingRecords]:
        """Give the records inside one writing transaction."""

    def turn_to(self, meeting_id: int, *, position: int, leader: str) -> None:
        """Show another screen of a running meeting to everybody: which one is on screen is no part of the record."""
