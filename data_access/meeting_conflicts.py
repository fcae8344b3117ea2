"""Who stepped back from a decision in a meeting answers it nowhere: not in the meeting, and not on another page afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.meeting_tables import MeetingEntryRow, MeetingItemRow
from monitoring.errors import NotAuthorisedError
from monitoring.meeting import EntryKind

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def refuse_conflicted(session: Session, decision_id: int, *, person: str) -> None:
    """Raise NotAuthorisedError when the person recorded a conflict of interest on an item about this decision."""
    decided_in = sa.select(MeetingEntryRow.item_id).where(MeetingEntryRow.decision_id == decision_id)
    about_it = sa.select(MeetingItemRow.id).where(
        sa.or_(MeetingItemRow.decision_id == decision_id, MeetingItemRow.id.in_(decided_in))
    )
    newest = {
        row.item_id: row.choice
        for row in session.execute(
            sa.select(MeetingEntryRow.item_id, MeetingEntryRow.choice)
            .where(
                MeetingEntryRow.kind == EntryKind.CONFLICT.value,
                MeetingEntryRow.person == person,
                MeetingEntryRow.item_id.in_(about_it),
            )
            .order_by(MeetingEntryRow.id)
        )
    }
    if "stepped_back" in newest.values():
        raise NotAuthorisedError("You stepped back from this in a meeting: somebody else answers it.")
