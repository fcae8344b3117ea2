"""Whether the decisions are what the audit trail says: a row changed behind its back does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.tables import AuditEventRow, DecisionRow
from monitoring.errors import AuditChainError
from monitoring.evidence import Evidence
from monitoring.lifecycle import Move

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def check_decisions(session: Session) -> None:
    """Compare every decision's state, plan and evidence with its audit events.

    Raises:
        AuditChainError: names the first decision that was changed, removed or slipped in.
    """
    told, evidence_hashes = _told_by_the_trail(session)
    rows = session.execute(
        sa.select(
            DecisionRow.id,
            DecisionRow.state,
            DecisionRow.plan,
            DecisionRow.evidence,
            DecisionRow.frozen_evidence,
            DecisionRow.measured,
        ).order_by(DecisionRow.id)
    ).all()
    if lost := sorted(told.keys() - {row.id for row in rows}):
        raise AuditChainError(f"Decision {lost[0]} is in the audit trail, and gone from the registry.")
    for row in rows:
        if row.id not in told:
            raise AuditChainError(f"Decision {row.id} is in the registry, and the audit trail does not know it.")
        if row.state != told[row.id]["state"]:
            raise AuditChainError(
                f"Decision {row.id} is {row.state} in the registry, and {told[row.id]['state']} in the audit trail."
            )
        if row.plan != told[row.id].get("plan"):
            raise AuditChainError(f"The retirement plan of decision {row.id} is not what the audit trail says.")
        kept = {
            Move.PROPOSE: row.evidence,
            Move.APPROVE: row.frozen_evidence,
            Move.REVIEW_OUTCOME: row.measured,
        }
        for move, evidence in kept.items():
            if evidence is not None and Evidence(evidence).hash != evidence_hashes.get((row.id, move)):
                raise AuditChainError(f"The evidence of decision {row.id} is not what it was: {move.value}.")


def _told_by_the_trail(session: Session) -> tuple[dict[int, dict[str, Any]], dict[tuple[int, Move], str | None]]:
    """Return what was told last of each decision, and the newest evidence hash of each decision and move."""
    told: dict[int, dict[str, Any]] = {}
    hashes: dict[tuple[int, Move], str | None] = {}
    events = session.execute(
        sa.select(AuditEventRow.subject_id, AuditEventRow.action, AuditEventRow.after, AuditEventRow.evidence_hash)
        .where(AuditEventRow.subject_kind == "decision")
        .order_by(AuditEventRow.sequence)
    )
    for subject_id, action, after, evidence_hash in events:
        told[int(subject_id)] = after or {}
        hashes[int(subject_id), Move(action)] = evidence_hash
    return told, hashes
