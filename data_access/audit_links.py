"""Rows of the audit trail as links of its chain, read so that nothing stored goes unnoticed.

Two texts can be read as the same value: a space more in JSON, another sign between date and time. Columns that are kept as text are therefore
read as text, and must be, letter by letter, what the program writes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.tables import AuditEventRow
from monitoring.audit import EVENT_FIELDS, AuditEvent, ChainedEvent
from monitoring.errors import AuditChainError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

ROWS_AT_ONCE = 1_000
JSON_FIELDS = ("before", "after")
TIME_FIELDS = ("at", "recorded_at")


def links(session: Session, *conditions: sa.ColumnElement[bool]) -> Iterator[ChainedEvent]:
    """Give the rows in their order, a thousand at a time.

    Raises:
        AuditChainError: names the first row that is not stored as it was written.
    """
    times_are_text = session.get_bind().dialect.name == "sqlite"
    as_text = JSON_FIELDS + (TIME_FIELDS if times_are_text else ())
    columns = [
        sa.cast(column, sa.Text).label(column.key) if column.key in as_text else column
        for column in AuditEventRow.__table__.columns
    ]
    in_order = sa.select(*columns).where(*conditions).order_by(AuditEventRow.sequence).limit(ROWS_AT_ONCE)
    last = -1
    while some := _read(session, in_order.where(AuditEventRow.sequence > last)):
        for row in some:
            yield _link(row, times_are_text=times_are_text)
        last = some[-1]["sequence"]


def _read(session: Session, page: sa.Select[Any]) -> Sequence[sa.RowMapping]:
    """Return a page of rows; where one cannot be read at all it is looked for one by one, and named."""
    try:
        return session.execute(page).mappings().all()
    except (sa.exc.DBAPIError, ValueError):
        numbers = session.scalars(page.with_only_columns(AuditEventRow.sequence)).all()
        for number in numbers:
            try:
                session.execute(page.where(AuditEventRow.sequence == number)).all()
            except (sa.exc.DBAPIError, ValueError):
                raise AuditChainError(
                    f"Audit row {number} was changed after it was written: it cannot be read."
                ) from None
        raise


def _link(row: sa.RowMapping, *, times_are_text: bool) -> ChainedEvent:
    values = {name: row[name] for name in EVENT_FIELDS}
    exact = dict.fromkeys(JSON_FIELDS, _exact_json) | (
        dict.fromkeys(TIME_FIELDS, _exact_time) if times_are_text else {}
    )
    for name, read in exact.items():
        try:
            values[name] = read(values[name])
        except (TypeError, ValueError):
            raise AuditChainError(
                f"Audit row {row['sequence']} was changed after it was written: {name} is not as it was."
            ) from None
    return ChainedEvent(
        AuditEvent(**values),
        sequence=row["sequence"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
        mac=row["mac"],
    )


def _exact_json(text: str | None) -> Any:
    if text is None:
        return None
    value = json.loads(text)
    if value is None or json.dumps(value) != text:
        raise ValueError(text)
    return value


def _exact_time(text: str) -> datetime:
    value = datetime.fromisoformat(text)
    if value.isoformat(" ", "microseconds") != text:
        raise ValueError(text)
    return value.replace(tzinfo=UTC)
