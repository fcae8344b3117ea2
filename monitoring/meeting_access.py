"""Who acts in a meeting, and whether they may: asked inside the transaction that writes, with the roles held at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.errors import ForbiddenMoveError, NotAuthorisedError
from monitoring.meeting import MEMBERS, Meeting, MeetingState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.meeting_ports import MeetingRecords
    from monitoring.people import Actor

EDITABLE = frozenset({MeetingState.PLANNED, MeetingState.RUNNING})
NOT_SETTLED = EDITABLE | {MeetingState.ENDED}
"""In which states a meeting can get another chair: its minutes are not confirmed."""


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


def may_name_chair(meeting: Meeting, actor: Actor, people: Iterable[Actor]) -> bool:
    """Whether somebody names another chair: who leads, and where nobody leads any more, who is there and could chair."""
    if meeting.state not in NOT_SETTLED:
        return False
    if any(meeting.leads(person) for person in people):
        return meeting.leads(actor)
    return meeting.is_there(actor.email) and actor.acts_as(MEMBERS)


def changeable(records: MeetingRecords, meeting_id: int, actor: Actor) -> tuple[Meeting, Actor]:
    """Return a meeting that can get another chair, and somebody who may name one; anybody else is refused."""
    meeting = records.meeting(meeting_id)
    if meeting.state not in NOT_SETTLED:
        raise ForbiddenMoveError(f"The meeting is {meeting.state.words}: its chair stays as it is.")
    if not may_name_chair(meeting, actor, records.everyone()):
        raise NotAuthorisedError("Only the chair, or whoever called the meeting, may do this.")
    return meeting, actor
