"""Whether the standing approvals are what the audit trail says: a wider envelope behind its back does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.standing_tables import StandingApprovalRow
from data_access.tables import AuditEventRow
from monitoring.errors import AuditChainError
from monitoring.evidence import Evidence
from monitoring.lifecycle import Move

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_standing_approvals(session: Session) -> None:
    """Compare every standing approval with its newest audit event: its envelope, its state, its tier and what was frozen with it.

    Raises:
        AuditChainError: names the first one that was changed, removed or slipped in.
    """
    told, seen = _told_by_the_trail(session)
    rows = {row.id: row for row in session.scalars(sa.select(StandingApprovalRow).order_by(StandingApprovalRow.id))}
    if lost := sorted(told.keys() - rows.keys()):
        raise AuditChainError(f"Standing approval {lost[0]} is in the audit trail, and gone from the registry.")
    for number, row in rows.items():
        if number not in told:
            raise AuditChainError(
                f"Standing approval {number} is in the registry, and the audit trail does not know it."
            )
        said = told[number]
        limits = {"most_runs": row.most_runs, "most_runs_per_model": row.most_runs_per_model}
        if row.envelope != said["envelope"] or row.envelope | limits != row.envelope:
            raise AuditChainError(f"The envelope of standing approval {number} is not what it was.")
        if (row.state, row.tier) != (said["state"], said["tier"]):
            raise AuditChainError(
                f"Standing approval {number} is {row.state} from tier {row.tier} on in the registry, and {said['state']} from "
                f"tier {said['tier']} on in the audit trail."
            )
        if row.past is not None and Evidence(row.past).hash != seen.get(number):
            raise AuditChainError(f"What was frozen with standing approval {number} is not what it was.")


def _told_by_the_trail(session: Session) -> tuple[dict[int, dict[str, Any]], dict[int, str | None]]:
    """Return what the newest event of each standing approval says, and the hash of what its last approver saw."""
    told: dict[int, dict[str, Any]] = {}
    seen: dict[int, str | None] = {}
    events = session.execute(
        sa.select(AuditEventRow.subject_id, AuditEventRow.action, AuditEventRow.after, AuditEventRow.evidence_hash)
        .where(AuditEventRow.subject_kind == "standing approval")
        .order_by(AuditEventRow.sequence)
    )
    for subject_id, action, after, evidence_hash in events:
        told[int(subject_id)] = after or {}
        if action == Move.APPROVE.value:
            seen[int(subject_id)] = evidence_hash
    return told, seen
