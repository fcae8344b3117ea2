"""Whether the answers to a proposal are what the audit trail says: whoever was made an approver afterwards does not pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitoring.errors import AuditChainError
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from data_access.standing_tables import StandingAnswerRow
    from data_access.tables import ApprovalRow

ANSWERS = {Move.APPROVE: "approval", Move.APPROVE_BY_STANDING: "approval", Move.REJECT: "rejection"}
"""The moves that leave an answer, and how it is called."""


@dataclass(frozen=True, slots=True)
class ToldAnswer:
    """What an event says of somebody's answer; ``role`` is every role held then, where it is not whole only the one that counted."""

    person: str
    move: Move
    comment: str
    evidence_hash: str | None
    answered_on: date
    answered_at: datetime
    role: str
    is_whole_role: bool

    @classmethod
    def of(cls, event: Any) -> ToldAnswer | None:
        """Return the answer that an event of a proposal tells of; nothing for another move."""
        move = Move(event.action)
        if move not in ANSWERS:
            return None
        by_standing = move is Move.APPROVE_BY_STANDING
        return cls(
            person=event.actor,
            move=move,
            comment="" if by_standing else event.reason or "",
            evidence_hash=event.evidence_hash,
            answered_on=event.at.date(),
            answered_at=event.recorded_at,
            role="" if by_standing else event.role,
            is_whole_role=by_standing or (move is Move.APPROVE and not _names_one_capacity(event)),
        )

    def is_kept_in(self, row: ApprovalRow | StandingAnswerRow) -> bool:
        """Whether a row holds this answer."""
        answer = Move.REJECT if self.move is Move.REJECT else Move.APPROVE
        kept = (row.person, row.answer, row.comment, row.evidence_hash, row.answered_on, row.answered_at)
        told = (self.person, answer.value, self.comment, self.evidence_hash, self.answered_on, self.answered_at)
        held = row.role == self.role if self.is_whole_role else self.role in row.role.split(",")
        return kept == told and held

    def sentence(self, of: str) -> str:
        """Return in one sentence that the answer was changed or removed."""
        return f"The {ANSWERS[self.move]} of {of} by {self.person} is not what the audit trail says."


def _names_one_capacity(event: Any) -> bool:
    """Whether an approval is told like any other move: by the one capacity that allowed it."""
    after: dict[str, Any] = event.after or {}
    return event.subject_kind == "decision" and after.get("state") != State.PROPOSED.value


def check_answers(told: Sequence[ToldAnswer], rows: Sequence[Any], *, of: str) -> None:
    """Compare the answers to one proposal with those of the audit trail, both in the order they were given.

    Raises:
        AuditChainError: names the first that was changed, removed or slipped in.
    """
    for said, row in zip(told, rows, strict=False):
        if not said.is_kept_in(row):
            raise AuditChainError(said.sentence(of))
    if len(rows) < len(told):
        raise AuditChainError(told[len(rows)].sentence(of))
    if len(rows) > len(told):
        raise AuditChainError(f"The answer of {rows[len(told)].person} to {of} is not in the audit trail.")
