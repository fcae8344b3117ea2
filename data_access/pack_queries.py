"""What an evidence pack asks the registry beside what the pages ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.audit_trail import head_of
from data_access.tables import AuditEventRow
from monitoring.anchor import Anchor

if TYPE_CHECKING:
    from data_access.database import Database


def audit_head(registry: Database) -> str:
    """Return the head of the audit trail as the line that `audit verify --anchor` finds in any file.

    Its time is that of the newest event, so that the same registry gives the same line; of an empty trail there is none.
    """
    with registry.read() as session:
        sequence, digest = head_of(session)
        at = session.scalar(sa.select(AuditEventRow.recorded_at).where(AuditEventRow.sequence == sequence))
    return Anchor(sequence, digest, at).line if at else f"{sequence}:{digest}"
