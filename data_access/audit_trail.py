"""The audit trail in the registry: appended to in the caller's transaction, verified, its head told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import sqlalchemy as sa

from data_access.action_check import check_actions
from data_access.audit_guards import missing_guards
from data_access.audit_links import links
from data_access.challenge_check import check_challenges
from data_access.decision_check import check_decisions
from data_access.meeting_check import check_meetings
from data_access.meeting_guards import missing_meeting_guards
from data_access.policy_check import check_policies
from data_access.standing_check import check_standing_approvals
from data_access.tables import AuditEventRow, AuditHeadRow
from monitoring.anchor import Anchor, Anchors
from monitoring.audit import EVENT_FIELDS, FIRST_PREVIOUS_HASH, AuditEvent, chained, check_link
from monitoring.errors import AuditChainError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from data_access.database import Database


@dataclass(frozen=True, slots=True)
class Verification:
    """A trail that verified; the head is what to write down elsewhere, so that a cut tail is noticed later.

    ``anchors`` is how many heads written down earlier were compared with it.
    """

    rows: int
    head_sequence: int
    head_hash: str
    anchors: int = 0


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


def verify(registry: Database, *, anchors: Iterable[Anchor] = ()) -> Verification:
    """Check every row and the head, what the registry says of everything decided against the trail, and the guards.

    Args:
        registry: whose trail.
        anchors: heads written down earlier outside the database; each must still be part of the trail.

    Raises:
        AuditChainError: names the first bad row.
    """
    sequence, newest_hash = 0, FIRST_PREVIOUS_HASH
    expected = Anchors(anchors, first_previous_hash=FIRST_PREVIOUS_HASH)
    with registry.read() as session:
        for link in links(session):
            check_link(link, sequence=sequence + 1, previous_hash=newest_hash, key=registry.audit_key)
            sequence, newest_hash = link.sequence, link.hash
            expected.meet(sequence, newest_hash)
        _check_end(session, sequence, newest_hash)
        expected.end(sequence)
        check_decisions(session)
        check_policies(session)
        check_standing_approvals(session)
        check_challenges(session)
        check_meetings(session)
        check_actions(session)
        if missing := missing_guards(session.connection()) + missing_meeting_guards(session.connection()):
            raise AuditChainError(
                f"The database no longer refuses changes to the record: {', '.join(missing)} missing."
            )
    return Verification(rows=sequence, head_sequence=sequence, head_hash=newest_hash, anchors=expected.met)


def anchor(registry: Database, *, now: datetime) -> Anchor:
    """Return the head of the trail as it is to be written down elsewhere."""
    with registry.read() as session:
        head = head_of(session)
    return Anchor(head.sequence, head.hash, now)


def check_still_there(registry: Database, written: Anchor) -> None:
    """Refuse a trail that no longer holds a head written down earlier: one look, without reading the whole chain.

    Raises:
        AuditChainError: the row is gone or another one.
    """
    with registry.read() as session:
        expected = Anchors([written], first_previous_hash=FIRST_PREVIOUS_HASH)
        found = session.execute(
            sa.select(AuditEventRow.sequence, AuditEventRow.hash).where(AuditEventRow.sequence == written.sequence)
        ).one_or_none()
        if found:
            expected.meet(found.sequence, found.hash)
        expected.end(min(head_of(session).sequence, max(written.sequence - 1, 0)))


class AuditFilter(TypedDict, total=False):
    """Which rows of the trail: of a model, a person, an action, a period of the product's days (ends included)."""

    model_id: str | None
    actor: str | None
    action: str | None
    first: date | None
    last: date | None


def matching(**chosen: Unpack[AuditFilter]) -> list[sa.ColumnElement[bool]]:
    """Return the conditions that rows meet which were chosen; none when nothing was."""
    conditions = [
        column == wanted
        for column in (AuditEventRow.model_id, AuditEventRow.actor, AuditEventRow.action)
        if (wanted := chosen.get(column.key)) is not None
    ]
    if (first := chosen.get("first")) is not None:
        conditions.append(AuditEventRow.at >= datetime.combine(first, time.min, UTC))
    if (last := chosen.get("last")) is not None:
        conditions.append(AuditEventRow.at < datetime.combine(last + timedelta(days=1), time.min, UTC))
    return conditions


def head_of(session: Session) -> sa.Row[int, str]:
    """Return number and hash of the newest row, or raise AuditChainError."""
    head = session.execute(sa.select(AuditHeadRow.sequence, AuditHeadRow.hash)).one_or_none()
    if head is None:
        raise AuditChainError("The head of the audit trail is missing.")
    return head


def _check_end(session: Session, sequence: int, newest_hash: str) -> None:
    """Refuse a trail that does not end where its head says."""
    head = head_of(session)
    if sequence < head.sequence:
        raise AuditChainError(f"Audit row {sequence + 1} is missing: the head of the trail is row {head.sequence}.")
    if (sequence, newest_hash) != (head.sequence, head.hash):
        raise AuditChainError(f"Audit row {sequence} is not what the head of the trail says (row {head.sequence}).")
