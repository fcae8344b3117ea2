"""One person's answer to a proposal as a row: of a decision, a version of the policy or a standing approval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitoring.lifecycle import Move
from monitoring.people import Role
from monitoring.proposal import role_words
from monitoring.quorum import Approval

if TYPE_CHECKING:
    from data_access.standing_tables import StandingAnswerRow
    from data_access.tables import ApprovalRow, PolicyAnswerRow


def answer_of(row: ApprovalRow | PolicyAnswerRow | StandingAnswerRow, *, evidence_hash: str | None) -> Approval:
    """Return the answer of a row; what it rested on has a column of its own in each table."""
    return Approval(
        person=row.person,
        roles=frozenset(Role(role) for role in row.role.split(",") if role),
        answer=Move(row.answer),
        comment=row.comment,
        evidence_hash=evidence_hash,
        answered_on=row.answered_on,
        answered_at=row.answered_at,
    )


def answer_columns(answer: Approval) -> dict[str, Any]:
    """Return the columns that all of these tables have, without what the answer rested on."""
    return {
        "person": answer.person,
        "role": role_words(answer.roles),
        "answer": answer.answer.value,
        "comment": answer.comment,
        "answered_on": answer.answered_on,
        "answered_at": answer.answered_at,
    }
