"""What the audit events of one kind of subject say, to be compared with the rows that the program works with."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.tables import AuditEventRow
from monitoring.errors import AuditChainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

COLUMNS = (
    *(AuditEventRow.subject_kind, AuditEventRow.subject_id, AuditEventRow.action, AuditEventRow.actor),
    *(AuditEventRow.role, AuditEventRow.reason, AuditEventRow.after, AuditEventRow.model_id),
    *(AuditEventRow.at, AuditEventRow.recorded_at, AuditEventRow.evidence_hash),
)


def events(session: Session, *conditions: sa.ColumnElement[bool]) -> Iterable[Any]:
    """Give the events for which the conditions hold, the oldest first, without what links them."""
    return session.execute(sa.select(*COLUMNS).where(*conditions).order_by(AuditEventRow.sequence))


def plain(value: object) -> object:
    """Return a column's value as events write it: a day as text."""
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value


def check_columns(row: Any, told: Mapping[str, Any], words: Mapping[str, str], *, of: str) -> None:
    """Compare the columns named in ``words`` with what was told of them.

    Raises:
        AuditChainError: names the first that is another one.
    """
    for name, what in words.items():
        if plain(getattr(row, name)) != plain(told.get(name)):
            raise AuditChainError(f"The {what} of {of} is not what the audit trail says.")
