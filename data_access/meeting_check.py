"""Whether confirmed minutes are what the audit trail says: minutes changed behind its back do not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.meeting_tables import MeetingRow
from data_access.tables import AuditEventRow
from monitoring.errors import AuditChainError
from monitoring.meeting import MeetingMove, MeetingState
from monitoring.minutes import document_hash

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_meetings(session: Session) -> None:
    """Compare the confirmed minutes of every meeting with the audit event of their confirmation.

    Raises:
        AuditChainError: names the first meeting whose minutes were changed, removed or slipped in.
    """
    told = {
        int(row.subject_id): row.evidence_hash
        for row in session.execute(
            sa.select(AuditEventRow.subject_id, AuditEventRow.evidence_hash).where(
                AuditEventRow.subject_kind == "meeting", AuditEventRow.action == MeetingMove.CONFIRM.value
            )
        )
    }
    kept = {
        row.id: document_hash(row.minutes or {})
        for row in session.execute(
            sa.select(MeetingRow.id, MeetingRow.minutes).where(MeetingRow.state == MeetingState.CONFIRMED.value)
        )
    }
    if lost := sorted(told.keys() - kept.keys()):
        raise AuditChainError(
            f"The confirmed minutes of meeting {lost[0]} are in the audit trail, and gone from the registry."
        )
    for number, digest in sorted(kept.items()):
        if told.get(number) != digest:
            raise AuditChainError(f"The minutes of meeting {number} are not what was confirmed.")
