"""Whether challenges and questions are what the audit trail says: a word changed behind its back does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import told
from data_access.challenge_tables import ChallengeEntryRow, ChallengeRow
from data_access.tables import AuditEventRow
from monitoring.challenge import ChallengeState
from monitoring.errors import AuditChainError
from monitoring.evidence import Evidence

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Said = list[tuple[object, ...]]
"""What was said in one challenge: the turn, who, in which role, the words, when."""
OPEN = {ChallengeState.OPEN.value, ChallengeState.ANSWERED.value}


def check_challenges(session: Session) -> None:
    """Compare everything that was said, and the finding it was said about, with the audit events.

    Raises:
        AuditChainError: names the first challenge that was changed, removed or slipped in.
    """
    expected, about = _told_by_the_trail(session)
    said: dict[int, Said] = {}
    for entry in session.scalars(
        sa.select(ChallengeEntryRow).order_by(ChallengeEntryRow.challenge_id, ChallengeEntryRow.position)
    ):
        said.setdefault(entry.challenge_id, []).append(
            (entry.turn, entry.person, entry.role, entry.text, entry.said_on, entry.said_at)
        )
    rows = {row.id: row for row in session.scalars(sa.select(ChallengeRow).order_by(ChallengeRow.id))}
    if lost := sorted(expected.keys() - rows.keys()):
        raise AuditChainError(f"Challenge {lost[0]} is in the audit trail, and gone from the registry.")
    for number, row in rows.items():
        if number not in expected:
            raise AuditChainError(f"Challenge {number} is in the registry, and the audit trail does not know it.")
        if said.get(number) != expected[number]:
            raise AuditChainError(f"What was said in challenge {number} is not what the audit trail says.")
        if _about(row) != about[number]:
            raise AuditChainError(f"What challenge {number} is about, or its state, is not what the audit trail says.")


def _about(row: ChallengeRow) -> tuple[object, ...]:
    finding_hash = Evidence(row.finding).hash if row.finding else None
    day, known_on = (each.isoformat() if each else None for each in (row.day, row.known_on))
    of_rows = (row.model_id, row.decision_id, row.code, day, known_on, finding_hash)
    return (row.state, row.is_open, row.entries, *of_rows)


def _told_by_the_trail(session: Session) -> tuple[dict[int, Said], dict[int, tuple[object, ...]]]:
    """Return what the events of each challenge say was said, and what its newest one says it is about."""
    said: dict[int, Said] = {}
    about: dict[int, tuple[object, ...]] = {}
    for event in told.events(session, AuditEventRow.subject_kind == "challenge"):
        number, after = int(event.subject_id), event.after or {}
        words = (event.action, event.actor, event.role, event.reason or "", event.at.date(), event.recorded_at)
        said.setdefault(number, []).append(words)
        names: tuple[Any, ...] = tuple(after.get(name) for name in ("decision", "finding", "day", "known_on"))
        state = after.get("state")
        about[number] = (state, state in OPEN, after.get("entries"), event.model_id, *names, event.evidence_hash)
    return said, about
