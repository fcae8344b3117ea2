"""What an evidence pack asks the registry beside what the pages ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.tables import AuditHeadRow, ModelRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data_access.database import Database


def audit_head(registry: Database) -> tuple[int, str]:
    """Return the number and the hash of the newest row of the audit trail, to be written down outside the registry."""
    with registry.read() as session:
        head = session.execute(sa.select(AuditHeadRow.sequence, AuditHeadRow.hash)).one()
        return head.sequence, head.hash


def model_names(registry: Database, model_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of some models by id; one that is not registered is left out."""
    wanted = sa.select(ModelRow.id, ModelRow.name).where(ModelRow.id.in_(sorted(set(model_ids))))
    with registry.read() as session:
        return {row.id: row.name for row in session.execute(wanted)}
