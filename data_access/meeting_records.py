"""Meetings, and what holding them needs, as rows: read and stored inside one transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import audit_trail, meeting_facts, people
from data_access.decision_records import RegistryDecisions
from data_access.meeting_matters import matter_of
from data_access.meeting_rows import (
    ACTION_COLUMNS,
    MEETING_COLUMNS,
    action_of,
    attendee_columns,
    entry_columns,
    item_columns,
    last_over,
    meeting_of,
)
from data_access.meeting_tables import (
    MeetingActionRow,
    MeetingAttendeeRow,
    MeetingEntryRow,
    MeetingItemRow,
    MeetingRow,
)
from data_access.policy_records import RegistryPolicies
from data_access.standing_rows import standings
from data_access.standing_tables import StandingApprovalRow
from data_access.tables import DecisionRow
from monitoring.errors import ForbiddenMoveError
from monitoring.lifecycle import State
from monitoring.meeting import MeetingState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from monitoring.audit import AuditEvent
    from monitoring.meeting import Entry, Item, Meeting, Scope
    from monitoring.meeting_action import MeetingAction
    from monitoring.meeting_agenda import AgendaFacts
    from monitoring.meeting_matter import Matter
    from monitoring.minutes import MinutesFacts

OVERTAKEN = "Somebody else changed this at the same moment; look again."


class RegistryMeetings(people.RegistryPeople):
    """The meetings inside one transaction of the registry (the port ``MeetingRecords``)."""

    def meeting(self, meeting_id: int) -> Meeting:
        """Return a meeting with everything in it; UnknownMeetingError when there is none."""
        return meeting_of(self.session, meeting_id)

    def last_meeting_on(self, scope: Scope, *, on: date) -> date | None:
        """Return the day of the last meeting that was over by ``on`` and was about every model of ``scope``."""
        last = last_over(self.session, on=on, scope=scope)
        return last.ended_on if last else None

    def agenda_facts(self, scope: Scope, *, on: date, since: date | None) -> AgendaFacts:
        """Return what the rules of the agenda ask for, as known on ``on``."""
        return meeting_facts.agenda_facts(self.session, scope, on=on, since=since)

    def minutes_facts(self, meeting: Meeting, *, on: date) -> MinutesFacts:
        """Return what the minutes need beside the meeting."""
        return meeting_facts.minutes_facts(self.session, meeting, on=on)

    def matter(self, meeting: Meeting, item: Item) -> Matter:
        """Return what an item is about, and everything that is proposed about it."""
        return matter_of(self.session, meeting, item)

    def approved_already(self, item: Item, person: str) -> str:
        """Return what the person approved that an item is about and that still waits for an answer; empty when nothing."""
        models, records = {item.model_id, *item.model_ids}, RegistryDecisions(self.session)
        about = sa.or_(DecisionRow.id == item.decision_id, DecisionRow.model_id.in_(models - {None}))
        for decision in records.decisions(about, DecisionRow.state == State.PROPOSED.value):
            if person in decision.approvers:
                return f"decision {decision.id} about {decision.about}"
        for version in RegistryPolicies(self.session).proposed():
            if version.number == item.policy_number and person in version.approvers:
                return f"version {version.number} of the policy"
        for standing in standings(self.session, StandingApprovalRow.state == State.PROPOSED.value):
            inside = {model.subject.model_id for model in standing.covered}
            if (inside & models or standing.id == item.standing_number) and person in standing.approvers:
                return f"standing approval {standing.id}"
        return ""

    def head(self) -> tuple[int, str]:
        """Return the number and the hash of the newest row of the audit trail."""
        sequence, digest = audit_trail.head_of(self.session)
        return sequence, digest

    def add(self, meeting: Meeting, event: AuditEvent) -> Meeting:
        """Store a new meeting with its audit event and return it numbered."""
        row = MeetingRow(
            state=meeting.state.value,
            scope=meeting.scope.plain(),
            **{name: getattr(meeting, name) for name in MEETING_COLUMNS},
        )
        self.session.add(row)
        self.session.flush()
        self._keep_attendees(row.id, meeting)
        self._keep_items(row.id, meeting)
        audit_trail.append_event(self.session, replace(event, subject_id=str(row.id)))
        return meeting_of(self.session, row.id)

    def change(self, moved: Meeting, event: AuditEvent, *, before: Meeting) -> Meeting:
        """Store what is different, with its audit event; refused when the meeting is no longer in the state it was in ``before``.

        What belongs to the meeting is stored first: once it is confirmed, the database lets nothing be changed.
        """
        if moved.attendees != before.attendees:
            self._keep_attendees(moved.id, moved)
        if moved.items != before.items:
            self._keep_items(moved.id, moved)
        values: dict[str, Any] = {name: getattr(moved, name) for name in MEETING_COLUMNS}
        if moved.position == before.position:
            del values["position"]
        self._update(moved.id, before.state, values | {"state": moved.state.value})
        audit_trail.append_event(self.session, event)
        self.session.expire_all()
        return meeting_of(self.session, moved.id)

    def enter(self, meeting: Meeting, entries: Sequence[Entry], event: AuditEvent) -> None:
        """Add entries to the minutes with their audit event; refused when the meeting's state is another one now."""
        self.keep_entries(meeting, entries)
        audit_trail.append_event(self.session, event)

    def keep_entries(self, meeting: Meeting, entries: Sequence[Entry]) -> None:
        """Add entries whose audit event is that of something else: a decision."""
        self.session.add_all(MeetingEntryRow(meeting_id=meeting.id, **entry_columns(entry)) for entry in entries)
        self.session.flush()
        if meeting.state is not MeetingState.CONFIRMED:
            self._update(meeting.id, meeting.state)

    def action(self, action_id: int) -> MeetingAction:
        """Return an action; UnknownItemError when there is none."""
        return action_of(self.session, action_id)

    def add_action(self, meeting: Meeting, action: MeetingAction, event: AuditEvent) -> MeetingAction:
        """Store a new action with its audit event and return it numbered."""
        row = MeetingActionRow(state=action.state.value, **{name: getattr(action, name) for name in ACTION_COLUMNS})
        self.session.add(row)
        self.session.flush()
        self._update(meeting.id, meeting.state)
        audit_trail.append_event(self.session, replace(event, subject_id=str(row.id)))
        return replace(action, id=row.id)

    def store_action(self, moved: MeetingAction, event: AuditEvent, *, before: MeetingAction) -> None:
        """Store a move of an action; refused when it is no longer in the state it was in ``before``."""
        followed = ("evidence", "reported_by", "reported_on", "closed_by", "closed_on", "answer")
        updated = self.session.execute(
            sa.update(MeetingActionRow)
            .where(MeetingActionRow.id == moved.id, MeetingActionRow.state == before.state.value)
            .values(state=moved.state.value, **{name: getattr(moved, name) for name in followed})
            .returning(MeetingActionRow.id)
        ).all()
        if len(updated) != 1:
            raise ForbiddenMoveError(OVERTAKEN)
        audit_trail.append_event(self.session, event)

    def _update(self, meeting_id: int, state: MeetingState, values: dict[str, Any] | None = None) -> None:
        """Change the row if it is in this state, and tell every screen that follows."""
        updated = self.session.execute(
            sa.update(MeetingRow)
            .where(MeetingRow.id == meeting_id, MeetingRow.state == state.value)
            .values(revision=MeetingRow.revision + 1, **(values or {}))
            .returning(MeetingRow.id)
        ).all()
        if len(updated) != 1:
            raise ForbiddenMoveError(OVERTAKEN)

    def _keep_attendees(self, meeting_id: int, meeting: Meeting) -> None:
        self.session.execute(sa.delete(MeetingAttendeeRow).where(MeetingAttendeeRow.meeting_id == meeting_id))
        self.session.add_all(
            MeetingAttendeeRow(meeting_id=meeting_id, **attendee_columns(each)) for each in meeting.attendees
        )
        self.session.flush()

    def _keep_items(self, meeting_id: int, meeting: Meeting) -> None:
        """Store the items in their order; one that was dropped stays without a position."""
        kept = {item.id for item in meeting.items if item.id}
        rows = {
            row.id: row
            for row in self.session.scalars(sa.select(MeetingItemRow).where(MeetingItemRow.meeting_id == meeting_id))
        }
        for row in rows.values():
            if row.id not in kept:
                row.position = None
        for position, item in enumerate(meeting.items, start=1):
            columns = item_columns(item, position=position)
            if item.id:
                for name, value in columns.items():
                    setattr(rows[item.id], name, value)
            else:
                self.session.add(MeetingItemRow(meeting_id=meeting_id, **columns))
        self.session.flush()
