"""Whether the decisions are what the audit trail says: a row changed behind its back does not pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import told
from data_access.answer_check import ToldAnswer, check_answers
from data_access.tables import ApprovalRow, AuditEventRow, DecisionRow
from monitoring.errors import AuditChainError
from monitoring.evidence import Evidence
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TOLD = {
    "action": "action",
    "tier": "tier",
    "proposed_by": "proposer",
    "due_on": "day for an answer",
    "accept_until": "last day of acceptance",
    "assigned_to": "assignee",
    "sunset_on": "last day of service",
    "new_version": "new version",
    "active_from": "first day of the new version",
    "settles_on": "day to judge the outcome",
    "outcome": "outcome",
    "outcome_by": "reviewer",
    "outcome_confirmed_by": "second reviewer",
}
"""Columns that every event repeats in its ``after``, and how each is called."""
FOLLOWING = {
    "model_id": "model",
    "reason": "reason",
    "proposed_on": "day of proposal",
    "proposed_at": "time of proposal",
    "decided_by": "person who answered",
    "decided_on": "day of the answer",
    "decided_at": "time of the answer",
    "evidence_hash": "fingerprint of the evidence",
    "outcome_reason": "reason of the review",
    "outcome_on": "day of the review",
}
"""Columns that follow from who made which move, and when."""
SINCE = {"state_on": "day of the last move", "state_at": "time of the last move"}
"""Columns that say since when it is in its state; of an acceptance that ended they are none of the record."""


def check_decisions(session: Session) -> None:
    """Compare every decision, its evidence and its answers with its audit events.

    Raises:
        AuditChainError: names the first decision that was changed, removed or slipped in.
    """
    said = _told_by_the_trail(session)
    columns = [getattr(DecisionRow, name) for name in TOLD | FOLLOWING | SINCE]
    rows = session.execute(
        sa.select(
            *(DecisionRow.id, DecisionRow.state, DecisionRow.is_open, DecisionRow.plan, DecisionRow.standing_approval),
            *(DecisionRow.evidence, DecisionRow.frozen_evidence, DecisionRow.measured, *columns),
        ).order_by(DecisionRow.id)
    ).all()
    if lost := sorted(said.keys() - {row.id for row in rows}):
        raise AuditChainError(f"Decision {lost[0]} is in the audit trail, and gone from the registry.")
    for row in rows:
        if row.id not in said:
            raise AuditChainError(f"Decision {row.id} is in the registry, and the audit trail does not know it.")
        _check(row, said[row.id])
    _check_answers(session, said)


@dataclass(slots=True)
class _Told:
    """What the events of one decision say, from the first to the newest."""

    after: dict[str, Any] = field(default_factory=dict)
    following: dict[str, Any] = field(default_factory=dict)
    hashes: dict[Move, str | None] = field(default_factory=dict)
    answers: list[ToldAnswer] = field(default_factory=list)

    def take(self, event: Any) -> None:
        """Take in the next event."""
        move, state = Move(event.action), self.after.get("state")
        self.after = event.after or {}
        on, at = event.at.date(), event.recorded_at
        if move is Move.PROPOSE:
            self.hashes[move] = event.evidence_hash
            self.following |= {"model_id": event.model_id, "reason": event.reason or ""}
            self.following |= {"proposed_on": on, "proposed_at": at}
        if self.after.get("state") != state:
            self.following |= {"state_on": on, "state_at": at}
            if state == State.PROPOSED.value:
                self.following |= {"decided_by": event.actor, "decided_on": on, "decided_at": at}
                if self.after.get("state") == State.APPROVED.value:
                    self.hashes[Move.APPROVE] = self.following["evidence_hash"] = event.evidence_hash
        if move is Move.REVIEW_OUTCOME:
            self.hashes[move] = event.evidence_hash
            if self.after.get("outcome_confirmed_by") is None:
                self.following |= {"outcome_reason": event.reason or "", "outcome_on": on}
        if (answer := ToldAnswer.of(event)) is not None:
            self.answers.append(answer)


def _told_by_the_trail(session: Session) -> dict[int, _Told]:
    """Return what was told of each decision."""
    said: dict[int, _Told] = {}
    for event in told.events(session, AuditEventRow.subject_kind == "decision"):
        said.setdefault(int(event.subject_id), _Told()).take(event)
    return said


def _check(row: Any, said: _Told) -> None:
    if row.state != said.after.get("state"):
        raise AuditChainError(
            f"Decision {row.id} is {row.state} in the registry, and {said.after.get('state')} in the audit trail."
        )
    if row.is_open != State(row.state).is_open:
        raise AuditChainError(f"Decision {row.id} is {row.state}, and the registry says otherwise whether it is open.")
    if row.standing_approval != said.after.get("standing_approval"):
        raise AuditChainError(f"Decision {row.id} was not made under the standing approval that the registry names.")
    if row.plan != said.after.get("plan"):
        raise AuditChainError(f"The retirement plan of decision {row.id} is not what the audit trail says.")
    kept = {
        Move.PROPOSE: row.evidence,
        Move.APPROVE: row.frozen_evidence,
        Move.REVIEW_OUTCOME: row.measured,
    }
    for move, evidence in kept.items():
        if (None if evidence is None else Evidence(evidence).hash) != said.hashes.get(move):
            raise AuditChainError(f"The evidence of decision {row.id} is not what it was: {move.value}.")
    told.check_columns(row, said.after, TOLD, of=f"decision {row.id}")
    told.check_columns(row, said.following, FOLLOWING, of=f"decision {row.id}")
    # Earlier releases did not write down when an acceptance ended.
    if row.state != State.EXPIRED.value:
        told.check_columns(row, said.following, SINCE, of=f"decision {row.id}")


def _check_answers(session: Session, said: dict[int, _Told]) -> None:
    """Compare the answers to every decision with its events."""
    kept: dict[int, list[ApprovalRow]] = {}
    for row in session.scalars(sa.select(ApprovalRow).order_by(ApprovalRow.id)):
        kept.setdefault(row.decision_id, []).append(row)
    for number in sorted(said.keys() | kept.keys()):
        check_answers(said[number].answers if number in said else [], kept.get(number, []), of=f"decision {number}")
