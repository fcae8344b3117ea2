"""Whether the versions of the policy are what the audit trail says: a threshold changed behind its back does not pass."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.tables import AuditEventRow, PolicyAnswerRow, PolicyRow
from monitoring.audit import canonical_json
from monitoring.errors import AuditChainError
from monitoring.lifecycle import Move

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_policies(session: Session) -> None:
    """Compare every version with its newest audit event: its thresholds, its state, its first day in force and who approved it.

    Raises:
        AuditChainError: names the first version that was changed, removed or slipped in.
    """
    told = _told_by_the_trail(session)
    rows = {row.number: row for row in session.scalars(sa.select(PolicyRow).order_by(PolicyRow.number))}
    if lost := sorted(told.keys() - rows.keys()):
        raise AuditChainError(f"Version {lost[0]} of the policy is in the audit trail, and gone from the registry.")
    approvers: dict[int, list[str]] = {}
    approvals = sa.select(PolicyAnswerRow).where(PolicyAnswerRow.answer == Move.APPROVE.value)
    for answer in session.scalars(approvals.order_by(PolicyAnswerRow.id)):
        approvers.setdefault(answer.number, []).append(answer.person)
    for number, row in rows.items():
        if number not in told:
            raise AuditChainError(
                f"Version {number} of the policy is in the registry, and the audit trail does not know it."
            )
        said, content_hash = told[number]
        if {sha256(canonical_json(row.thresholds).encode()).hexdigest(), row.content_hash} != {content_hash}:
            raise AuditChainError(f"The thresholds of version {number} of the policy are not what they were.")
        first = row.in_force_from.isoformat() if row.in_force_from else None
        if (said["state"], said["in_force_from"]) != (row.state, first):
            raise AuditChainError(
                f"Version {number} of the policy is {row.state} from {first} on in the registry, and {said['state']} from "
                f"{said['in_force_from']} on in the audit trail."
            )
        if said["approved_by"] != approvers.get(number, []):
            raise AuditChainError(f"The approvals of version {number} of the policy are not what the audit trail says.")


def _told_by_the_trail(session: Session) -> dict[int, tuple[dict[str, Any], str | None]]:
    """Return what the newest event of each version says, and the hash of its thresholds."""
    events = session.execute(
        sa.select(AuditEventRow.subject_id, AuditEventRow.after, AuditEventRow.evidence_hash)
        .where(AuditEventRow.subject_kind == "policy")
        .order_by(AuditEventRow.sequence)
    )
    return {int(subject_id): (after or {}, content_hash) for subject_id, after, content_hash in events}
