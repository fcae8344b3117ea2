"""Who acts in a meeting, and whether they may: asked inside the transaction that writes, with the roles held at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.errors import ForbiddenMoveError
from monitoring.meeting import Meeting, MeetingState

if TYPE_CHECKING:
    from monitoring.meeting_ports import MeetingRecords
    from monitoring.people import Actor

EDITABLE = frozenset({MeetingState.PLANNED, MeetingState.RUNNING})


def recording(records: MeetingRecords, meeting_id: int, by: str) -> tuple[Meeting, Actor]:
    """Return a running meeting and somebody who may record something in it."""
    meeting, actor = records.meeting(meeting_id), records.actor(by)
    meeting.check_running()
    meeting.check_records(actor)
    return meeting, actor


def led(records: MeetingRecords, meeting_id: int, by: str) -> tuple[Meeting, Actor]:
    """Return the meeting and its chair, or whoever called it; anybody else is refused."""
    meeting, actor = records.meeting(meeting_id), records.actor(by)
    meeting.check_leads(actor)
    return meeting, actor


def editable(
    records: MeetingRecords, meeting_id: int, by: str, *, states: frozenset[MeetingState] = EDITABLE
) -> tuple[Meeting, Actor]:
    """Return a meeting whose agenda may still be changed, and its chair or caller."""
    meeting, actor = led(records, meeting_id, by)
    if meeting.state not in states:
        raise ForbiddenMoveError(f"The meeting is {meeting.state.words}: its agenda stays as it is.")
    return meeting, actor
