"""Rows of the outbox of triggers: put there by the move that makes them due, in its transaction."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.tables import TriggerRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitoring.decision import Decision

LONGEST_RESPONSE = 2_000


class TriggerState(StrEnum):
    """Where a trigger is."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    OFFERED = "offered"
    FAILED = "failed"


def put(session: Session, decision: Decision, *, now: datetime) -> None:
    """Put an approved retraining into the outbox, in the transaction of its approval; there is one row per decision."""
    session.add(
        TriggerRow(
            decision_id=decision.id,
            model_id=decision.subject.model_id,
            idempotency_key=f"decision-{decision.id}",
            run=1,
            payload=_payload(decision, run=1),
            created_at=now,
            next_at=now,
        )
    )
    session.flush()


def put_again(session: Session, decision: Decision, *, reason: str, now: datetime) -> None:
    """Have a failed retraining handed over once more, in the transaction of the retry; the key stays, ``run`` grows."""
    row = session.scalars(sa.select(TriggerRow).where(TriggerRow.decision_id == decision.id)).one()
    row.run += 1
    row.payload = _payload(decision, run=row.run) | {"retry_reason": reason}
    row.state, row.next_at, row.tries, row.lease_until = TriggerState.WAITING.value, now, 0, None
    row.fence += 1  # whoever still holds a lease of the failed run cannot settle the new one
    session.flush()


def _payload(decision: Decision, *, run: int) -> dict[str, Any]:
    """Return what a pipeline is told: the decision and its evidence, no row of anybody's data."""
    evidence = decision.frozen_evidence or decision.evidence
    return {
        "decision": decision.id,
        "run": run,
        "action": decision.action.value,
        "model": decision.subject.model_id,
        "model_name": decision.subject.name,
        "version": evidence.get("version"),
        "day": (decision.decided_on or decision.proposed_on).isoformat(),
        "reason": decision.reason,
        "proposed_by": decision.proposed_by,
        "approved_by": list(decision.approvers),
        "verdict": evidence.get("verdict"),
        "sentence": evidence.get("sentence"),
        "evidence_hash": decision.evidence_hash,
    }


def plain_text(said: str) -> str:
    """Return what somebody outside answered as text that can be kept and shown: printable, and cut."""
    kept = "".join(character if character.isprintable() else " " for character in said[: 4 * LONGEST_RESPONSE])
    one_line = " ".join(kept.split())
    return one_line if len(one_line) <= LONGEST_RESPONSE else one_line[: LONGEST_RESPONSE - 1] + "…"
