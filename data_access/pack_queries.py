"""What an evidence pack asks the registry beside what the pages ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.tables import AuditEventRow, AuditHeadRow, ModelRow
from monitoring.anchor import Anchor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data_access.database import Database


def audit_head(registry: Database) -> str:
    """Return the head of the audit trail as the line that `audit verify --anchor` finds in any file.

    Its time is that of the newest event, so that the same registry gives the same line; of an empty trail there is none.
    """
    newest = (
        sa.select(AuditEventRow.recorded_at).where(AuditEventRow.sequence == AuditHeadRow.sequence).scalar_subquery()
    )
    with registry.read() as session:
        head = session.execute(sa.select(AuditHeadRow.sequence, AuditHeadRow.hash, newest)).one()
    sequence, digest, at = head
    return Anchor(sequence, digest, at).line if at else f"{sequence}:{digest}"


def model_names(registry: Database, model_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of some models by id; one that is not registered is left out."""
    wanted = sa.select(ModelRow.id, ModelRow.name).where(ModelRow.id.in_(sorted(set(model_ids))))
    with registry.read() as session:
        return {row.id: row.name for row in session.execute(wanted)}
