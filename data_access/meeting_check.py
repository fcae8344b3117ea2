"""Whether meetings are what the audit trail says: minutes, an entry or a meeting changed behind its back does not pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from data_access import told
from data_access.meeting_tables import MeetingEntryRow, MeetingItemRow, MeetingRow
from data_access.tables import AuditEventRow
from monitoring.errors import AuditChainError
from monitoring.meeting import EntryKind, MeetingMove, MeetingState, Scope
from monitoring.minutes import document_hash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from sqlalchemy.orm import Session

KINDS = {
    "record_vote": EntryKind.VOTE,
    "record_conflict": EntryKind.CONFLICT,
    "write_note": EntryKind.NOTE,
    "correct_minutes": EntryKind.CORRECTION,
}
"""What is done in a meeting that leaves an entry, and of which kind."""
WORDS = {
    "state": "state",
    "chair": "chair",
    "held_on": "day",
    "called_by": "caller",
    "opened_at": "beginning",
    "ended_on": "last day",
    "ended_at": "end",
    "confirmed_by": "person who confirmed",
    "confirmed_at": "time of confirmation",
    "minutes_hash": "fingerprint",
}
"""Columns of a meeting that events tell, and how each is called."""


class _Entry(NamedTuple):
    """An entry of the minutes, so that one from the trail equals its row; ``item`` is what the event says of the item."""

    meeting: int
    kind: str
    person: str | None
    choice: str | None
    text: str
    decision_id: int | None
    policy_number: int | None
    standing_number: int | None
    recorded_by: str
    recorded_on: date
    recorded_at: datetime
    item: object


@dataclass(slots=True)
class _Told:
    """What the events of one meeting say, from the first to the newest."""

    columns: dict[str, Any] = field(default_factory=dict)
    scope: str | None = None
    minutes: str | None = None

    def take(self, event: Any) -> None:
        """Take in the next event that is no entry."""
        after: dict[str, Any] = event.after or {}
        self.columns |= {name: after.get(name) for name in ("state", "chair", "held_on")}
        if not self.scope:
            self.scope, self.columns["called_by"] = after.get("scope"), event.actor
        if event.action == MeetingMove.OPEN.value:
            self.columns["opened_at"] = event.recorded_at
        elif event.action == MeetingMove.END.value:
            self.columns |= {"ended_on": event.at.date(), "ended_at": event.recorded_at}
        elif event.action == MeetingMove.CONFIRM.value:
            self.minutes = event.evidence_hash
            self.columns |= {"confirmed_by": event.actor, "confirmed_at": event.recorded_at}
            self.columns["minutes_hash"] = event.evidence_hash


def check_meetings(session: Session) -> None:
    """Compare every meeting, its confirmed minutes and whatever was entered into them with the audit events.

    Raises:
        AuditChainError: names the first meeting or entry that was changed, removed or slipped in.
    """
    said: dict[int, _Told] = {}
    entries: Counter[_Entry] = Counter()
    for event in told.events(session, AuditEventRow.subject_kind == "meeting"):
        if event.action in KINDS:
            entries[_entry_of_a_meeting(event)] += 1
        else:
            said.setdefault(int(event.subject_id), _Told()).take(event)
    entries.update(_entries_of_decisions(session))
    _check_rows(session, said)
    _check_entries(session, entries)


def _check_rows(session: Session, said: dict[int, _Told]) -> None:
    rows = {row.id: row for row in session.scalars(sa.select(MeetingRow).order_by(MeetingRow.id))}
    if lost := sorted(said.keys() - rows.keys()):
        raise AuditChainError(f"Meeting {lost[0]} is in the audit trail, and gone from the registry.")
    for number, row in rows.items():
        if number not in said:
            raise AuditChainError(f"Meeting {number} is in the registry, and the audit trail does not know it.")
        minutes = document_hash(row.minutes or {}) if row.state == MeetingState.CONFIRMED.value else None
        if minutes != said[number].minutes:
            raise AuditChainError(f"The minutes of meeting {number} are not what was confirmed.")
        told.check_columns(row, said[number].columns, WORDS, of=f"meeting {number}")
        if Scope.of(row.scope).words != said[number].scope:
            raise AuditChainError(f"The scope of meeting {number} is not what the audit trail says.")


def _check_entries(session: Session, said: Counter[_Entry]) -> None:
    items = {
        row.id: (row.title, row.model_id)
        for row in session.execute(sa.select(MeetingItemRow.id, MeetingItemRow.title, MeetingItemRow.model_id))
    }
    kept: Counter[_Entry] = Counter()
    for row in session.scalars(sa.select(MeetingEntryRow)):
        is_decision = row.kind == EntryKind.DECISION.value
        item = row.item_id if is_decision else items.get(row.item_id or 0, (None, None))
        values = {name: getattr(row, name) for name in _Entry._fields if name not in {"meeting", "item"}}
        kept[_Entry(meeting=row.meeting_id, item=item, **values)] += 1
    for entry in sorted(said - kept, key=_order):
        raise AuditChainError(
            f"The {entry.kind} by {entry.recorded_by} in the minutes of meeting {entry.meeting} is not what the audit trail says."
        )
    for entry in sorted(kept - said, key=_order):
        raise AuditChainError(
            f"The {entry.kind} by {entry.recorded_by} in the minutes of meeting {entry.meeting} is not in the audit trail."
        )


def _order(entry: _Entry) -> tuple[int, datetime, str, str]:
    return entry.meeting, entry.recorded_at, entry.kind, entry.text


def _entry_of_a_meeting(event: Any) -> _Entry:
    """Return the entry that an event of a meeting tells of; it names the item by its title and model."""
    after: dict[str, Any] = event.after or {}
    return _Entry(
        meeting=int(event.subject_id),
        kind=KINDS[event.action].value,
        person=after.get("person"),
        choice=after.get("vote") or after.get("conflict"),
        text=event.reason or "",
        decision_id=None,
        policy_number=None,
        standing_number=None,
        recorded_by=event.actor,
        recorded_on=event.at.date(),
        recorded_at=event.recorded_at,
        item=(after.get("item"), event.model_id),
    )


def _entries_of_decisions(session: Session) -> Iterator[_Entry]:
    """Give the entries that decisions taken in a meeting left; their events name the meeting and the item."""
    taken = told.events(
        session,
        AuditEventRow.subject_kind.in_(["decision", "policy", "standing approval"]),
        sa.cast(AuditEventRow.after, sa.Text).contains('"meeting"'),
    )
    for event in taken:
        meeting = (event.after or {}).get("meeting")
        if not isinstance(meeting, dict):
            continue
        subject = int(event.subject_id)
        yield _Entry(
            meeting=meeting["id"],
            kind=EntryKind.DECISION.value,
            person=event.actor,
            choice=event.action,
            text=event.reason or "",
            decision_id=subject if event.subject_kind == "decision" else None,
            policy_number=subject if event.subject_kind == "policy" else None,
            standing_number=subject if event.subject_kind == "standing approval" else None,
            recorded_by=event.actor,
            recorded_on=event.at.date(),
            recorded_at=event.recorded_at,
            item=meeting["item"],
        )
