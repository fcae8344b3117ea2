"""The audit trail in the registry: appended to in the caller's transaction, verified, exported."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import sqlalchemy as sa

from data_access.audit_guards import missing_guards
from data_access.decision_check import check_decisions
from data_access.meeting_check import check_meetings
from data_access.meeting_guards import missing_meeting_guards
from data_access.policy_check import check_policies
from data_access.tables import AuditEventRow, AuditHeadRow
from monitoring.audit import FIRST_PREVIOUS_HASH, AuditEvent, ChainedEvent, canonical_json, chained, check_link
from monitoring.errors import AuditChainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from data_access.database import Database

ROWS_AT_ONCE = 1_000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
EVENT_FIELDS = tuple(field.name for field in fields(AuditEvent))

Rows = sa.Select[AuditEventRow]


@dataclass(frozen=True, slots=True)
class Verification:
    """A trail that verified; the head is what to write down elsewhere, so that a cut tail is noticed later."""

    rows: int
    head_sequence: int
    head_hash: str


def append(
    session: Session,
    *,
    at: datetime,
    recorded_at: datetime,
    actor: str,
    role: str,
    action: str,
    subject_kind: str,
    subject_id: str,
    model_id: str | None = None,
    reason: str | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    evidence_hash: str | None = None,
) -> None:
    """Append one audit event in the caller's transaction (a session of ``Registry.write``)."""
    event = AuditEvent(
        at=at,
        recorded_at=recorded_at,
        actor=actor,
        role=role,
        action=action,
        subject_kind=subject_kind,
        subject_id=subject_id,
        model_id=model_id,
        reason=reason,
        before=before,
        after=after,
        evidence_hash=evidence_hash,
    )
    append_event(session, event)


def append_event(session: Session, event: AuditEvent) -> None:
    """Append ``event`` as the next link; everybody who appends waits for the head row."""
    head = session.execute(sa.select(AuditHeadRow.sequence, AuditHeadRow.hash).with_for_update()).one()
    link = chained(event, sequence=head.sequence + 1, previous_hash=head.hash, key=session.info["audit_key"])
    session.execute(
        sa.insert(AuditEventRow).values(
            **{name: getattr(event, name) for name in EVENT_FIELDS},
            sequence=link.sequence,
            previous_hash=link.previous_hash,
            hash=link.hash,
            mac=link.mac,
        )
    )
    session.execute(sa.update(AuditHeadRow).values(sequence=link.sequence, hash=link.hash))


def verify(registry: Database, *, anchor: tuple[int, str] | None = None) -> Verification:
    """Check every row, the head, decisions, policies and minutes against the trail, and the database's guards.

    Args:
        anchor: a head written down earlier outside the database; it must still be part of the trail.

    Raises:
        AuditChainError: names the first bad row.
    """
    sequence, newest_hash = 0, FIRST_PREVIOUS_HASH
    with registry.read() as session:
        head = session.execute(sa.select(AuditHeadRow.sequence, AuditHeadRow.hash)).one_or_none()
        for link in _links(session, matching()):
            check_link(link, sequence=sequence + 1, previous_hash=newest_hash, key=registry.audit_key)
            sequence, newest_hash = link.sequence, link.hash
            if anchor and anchor[0] == sequence and anchor[1] != newest_hash:
                raise AuditChainError(f"Audit row {sequence} is not the one written down earlier.")
        missing = missing_guards(session.connection()) + missing_meeting_guards(session.connection())
        _check_end(sequence, newest_hash, head=head, anchor=anchor)
        check_decisions(session)
        check_policies(session)
        check_meetings(session)
    if missing:
        raise AuditChainError(f"The database no longer refuses changes to the record: {', '.join(missing)} missing.")
    return Verification(rows=sequence, head_sequence=sequence, head_hash=newest_hash)


class AuditFilter(TypedDict, total=False):
    """Which rows of the trail: of a model, a person, an action, a period of the product's days (ends included)."""

    model_id: str | None
    actor: str | None
    action: str | None
    first: date | None
    last: date | None


def matching(**chosen: Unpack[AuditFilter]) -> Rows:
    """Return the query for the rows that were chosen; all of them when nothing was."""
    rows = sa.select(AuditEventRow)
    for column in (AuditEventRow.model_id, AuditEventRow.actor, AuditEventRow.action):
        if (wanted := chosen.get(column.key)) is not None:
            rows = rows.where(column == wanted)
    if (first := chosen.get("first")) is not None:
        rows = rows.where(AuditEventRow.at >= datetime.combine(first, time.min, UTC))
    if (last := chosen.get("last")) is not None:
        rows = rows.where(AuditEventRow.at < datetime.combine(last + timedelta(days=1), time.min, UTC))
    return rows


def export_json(registry: Database, **chosen: Unpack[AuditFilter]) -> str:
    """Return the rows as JSON lines; ``hash`` is the SHA-256 of its line without ``hash`` and ``mac``."""
    with registry.read() as session:
        lines = [
            canonical_json(link.content() | {"hash": link.hash, "mac": link.mac})
            for link in _links(session, matching(**chosen))
        ]
    return "".join(f"{line}\n" for line in lines)


def export_csv(registry: Database, **chosen: Unpack[AuditFilter]) -> str:
    """Return the rows as CSV; ``content`` is the exact text whose SHA-256 is ``hash``.

    A cell that a spreadsheet would take for a formula begins with an apostrophe; ``content`` is never changed.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["sequence", *EVENT_FIELDS, "previous_hash", "hash", "mac", "content"])
    with registry.read() as session:
        for link in _links(session, matching(**chosen)):
            content = link.content()
            cells = [_cell(content[name]) for name in EVENT_FIELDS]
            table.writerow([link.sequence, *cells, link.previous_hash, link.hash, link.mac, canonical_json(content)])
    return out.getvalue()


def _check_end(
    sequence: int, newest_hash: str, *, head: sa.Row[int, str] | None, anchor: tuple[int, str] | None
) -> None:
    """Refuse a trail that does not end where its head, or a head written down earlier, says."""
    if head is None:
        raise AuditChainError("The head of the audit trail is missing.")
    if sequence < head.sequence:
        raise AuditChainError(f"Audit row {sequence + 1} is missing: the head of the trail is row {head.sequence}.")
    if (sequence, newest_hash) != (head.sequence, head.hash):
        raise AuditChainError(f"Audit row {sequence} is not what the head of the trail says (row {head.sequence}).")
    if anchor and anchor[0] > sequence:
        raise AuditChainError(f"Audit row {sequence + 1} is missing: row {anchor[0]} was written down earlier.")


def _links(session: Session, rows: Rows) -> Iterator[ChainedEvent]:
    """Give the rows in their order, a thousand at a time."""
    in_order = rows.order_by(AuditEventRow.sequence).limit(ROWS_AT_ONCE)
    some = session.scalars(in_order).all()
    while some:
        for row in some:
            event = AuditEvent(**{name: getattr(row, name) for name in EVENT_FIELDS})
            yield ChainedEvent(
                event, sequence=row.sequence, previous_hash=row.previous_hash, hash=row.hash, mac=row.mac
            )
        some = session.scalars(in_order.where(AuditEventRow.sequence > some[-1].sequence)).all()


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
