"""Rows as challenges: what was asked and everything that was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.challenge_tables import ChallengeEntryRow, ChallengeRow
from data_access.tables import DecisionRow, ModelRow
from monitoring.authority import Subject
from monitoring.challenge import AskedDecision, Challenge, ChallengedFinding, Entry, Turn
from monitoring.lifecycle import Action

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def read_challenges(session: Session, *conditions: sa.ColumnElement[bool]) -> tuple[Challenge, ...]:
    """Return the challenges and questions for which the conditions hold, the newest first, with everything said."""
    rows = session.execute(
        sa.select(ChallengeRow, ModelRow, DecisionRow.action, DecisionRow.proposed_by)
        .join(ModelRow, ModelRow.id == ChallengeRow.model_id)
        .outerjoin(DecisionRow, DecisionRow.id == ChallengeRow.decision_id)
        .where(*conditions)
        .order_by(ChallengeRow.id.desc())
    ).all()
    entries: dict[int, list[Entry]] = {}
    chosen = sa.select(ChallengeRow.id).where(*conditions)
    for entry in session.scalars(
        sa.select(ChallengeEntryRow)
        .where(ChallengeEntryRow.challenge_id.in_(chosen))
        .order_by(ChallengeEntryRow.challenge_id, ChallengeEntryRow.position)
    ):
        entries.setdefault(entry.challenge_id, []).append(_entry(entry))
    return tuple(
        Challenge(
            id=row.id,
            subject=Subject(model.id, model.name, owner=model.owner, team=model.team, tier=model.tier),
            entries=tuple(entries.get(row.id, ())),
            finding=_finding(row),
            decision=AskedDecision(row.decision_id, Action(action), proposed_by) if row.decision_id else None,
        )
        for row, model, action, proposed_by in rows
    )


def _finding(row: ChallengeRow) -> ChallengedFinding | None:
    if row.day is None or row.known_on is None or row.code is None or row.finding is None:
        return None
    return ChallengedFinding(row.day, row.known_on, row.code, row.finding)


def _entry(row: ChallengeEntryRow) -> Entry:
    return Entry(Turn(row.turn), row.text, row.person, row.role, said_on=row.said_on, said_at=row.said_at)
