"""Whether the standing approvals are what the audit trail says: a wider envelope behind its back does not pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import told
from data_access.answer_check import ToldAnswer, check_answers
from data_access.standing_tables import StandingAnswerRow, StandingApprovalRow, StandingRunRow
from data_access.tables import AuditEventRow
from monitoring.errors import AuditChainError
from monitoring.evidence import Evidence
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TOLD = {"proposed_by": "proposer", "ended_because": "reason of the end"}
"""Columns that every event repeats in its ``after``, and how each is called."""
FOLLOWING = {
    "reason": "reason",
    "proposed_on": "day of proposal",
    "proposed_at": "time of proposal",
    "decided_by": "person who answered",
    "decided_on": "day of the answer",
    "decided_at": "time of the answer",
    "ended_by": "person who ended it",
    "ended_on": "day of the end",
    "ended_at": "time of the end",
}
"""Columns that follow from who made which move, and when."""


def check_standing_approvals(session: Session) -> None:
    """Compare every standing approval, its answers and its runs with the audit events.

    Raises:
        AuditChainError: names the first one that was changed, removed or slipped in.
    """
    said = _told_by_the_trail(session)
    rows = {row.id: row for row in session.scalars(sa.select(StandingApprovalRow).order_by(StandingApprovalRow.id))}
    if lost := sorted(said.keys() - rows.keys()):
        raise AuditChainError(f"Standing approval {lost[0]} is in the audit trail, and gone from the registry.")
    for number, row in rows.items():
        if number not in said:
            raise AuditChainError(
                f"Standing approval {number} is in the registry, and the audit trail does not know it."
            )
        _check(row, said[number])
    answers: dict[int, list[StandingAnswerRow]] = {}
    for answer in session.scalars(sa.select(StandingAnswerRow).order_by(StandingAnswerRow.id)):
        answers.setdefault(answer.standing_id, []).append(answer)
    for number in rows:
        check_answers(said[number].answers, answers.get(number, []), of=f"standing approval {number}")
    _check_runs(session)


@dataclass(slots=True)
class _Told:
    """What the events of one standing approval say, from the first to the newest; ``seen`` is the hash of what its last approver saw."""

    after: dict[str, Any] = field(default_factory=dict)
    following: dict[str, Any] = field(default_factory=dict)
    seen: str | None = None
    answers: list[ToldAnswer] = field(default_factory=list)

    def take(self, event: Any) -> None:
        """Take in the next event."""
        state = self.after.get("state")
        self.after = event.after or {}
        by_and_when = {"by": event.actor, "on": event.at.date(), "at": event.recorded_at}
        if state is None:
            self.following |= {f"proposed_{name}": value for name, value in by_and_when.items()}
            self.following["reason"] = event.reason or ""
        elif self.after.get("state") != state:
            way = "decided" if state == State.PROPOSED.value else "ended"
            self.following |= {f"{way}_{name}": value for name, value in by_and_when.items()}
            if event.action == Move.APPROVE.value:
                self.seen = event.evidence_hash
        if (answer := ToldAnswer.of(event)) is not None:
            self.answers.append(answer)


def _told_by_the_trail(session: Session) -> dict[int, _Told]:
    """Return what was told of each standing approval."""
    said: dict[int, _Told] = {}
    for event in told.events(session, AuditEventRow.subject_kind == "standing approval"):
        said.setdefault(int(event.subject_id), _Told()).take(event)
    return said


def _check(row: StandingApprovalRow, said: _Told) -> None:
    number, after = row.id, said.after
    limits = {"most_runs": row.most_runs, "most_runs_per_model": row.most_runs_per_model}
    if row.envelope != after["envelope"] or row.envelope | limits != row.envelope:
        raise AuditChainError(f"The envelope of standing approval {number} is not what it was.")
    if (row.state, row.tier) != (after["state"], after["tier"]):
        raise AuditChainError(
            f"Standing approval {number} is {row.state} from tier {row.tier} on in the registry, and {after['state']} from "
            f"tier {after['tier']} on in the audit trail."
        )
    if (None if row.past is None else Evidence(row.past).hash) != said.seen:
        raise AuditChainError(f"What was frozen with standing approval {number} is not what it was.")
    told.check_columns(row, after, TOLD, of=f"standing approval {number}")
    told.check_columns(row, said.following, FOLLOWING, of=f"standing approval {number}")


def _check_runs(session: Session) -> None:
    """Compare the runs that were taken with the retrainings that started: each counts in the month it started in."""
    started = {
        int(event.subject_id): ((event.after or {}).get("standing_approval"), event.model_id, event.at.date())
        for event in told.events(
            session,
            AuditEventRow.subject_kind == "decision",
            AuditEventRow.action == Move.APPROVE_BY_STANDING.value,
        )
    }
    rows = {row.decision_id: row for row in session.scalars(sa.select(StandingRunRow))}
    places: dict[tuple[object, str], list[int]] = {}
    for number in sorted(started.keys() | rows.keys()):
        row = rows.get(number)
        taken = (row.standing_id, row.model_id, row.day) if row else None
        if row is None or taken != started.get(number) or row.month != f"{row.day:%Y-%m}":
            raise AuditChainError(f"The run that decision {number} took is not what the audit trail says.")
        places.setdefault((row.standing_id, row.month), []).append(row.place)
        places.setdefault((row.model_id, row.month), []).append(row.place_of_model)
    for (_, month), found in places.items():
        if sorted(found) != [*range(1, len(found) + 1)]:
            raise AuditChainError(f"The runs of {month} are not numbered as they were taken.")
