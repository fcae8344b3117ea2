"""Whether the actions of meetings are what the audit trail says: whose they are and what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import told
from data_access.meeting_tables import MeetingActionRow
from data_access.tables import AuditEventRow
from monitoring.errors import AuditChainError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TOLD = {
    "meeting_id": "meeting",
    "model_id": "model",
    "what": "text",
    "assignee": "assignee",
    "due_on": "due day",
    "state": "state",
    "evidence": "evidence",
    "given_by": "giver",
    "given_on": "day of giving",
    "reported_by": "person who reported",
    "reported_on": "day of the report",
    "closed_by": "person who closed",
    "closed_on": "day of closing",
    "answer": "answer",
}
"""Columns of an action, and how each is called."""


def check_actions(session: Session) -> None:
    """Compare every action that a meeting gave with its audit events.

    Raises:
        AuditChainError: names the first that was changed, removed or slipped in.
    """
    said: dict[int, dict[str, Any]] = {}
    for event in told.events(session, AuditEventRow.subject_kind == "meeting_action"):
        said.setdefault(int(event.subject_id), {}).update(_told(event))
    rows = {row.id: row for row in session.scalars(sa.select(MeetingActionRow).order_by(MeetingActionRow.id))}
    if lost := sorted(said.keys() - rows.keys()):
        raise AuditChainError(f"Action {lost[0]} of a meeting is in the audit trail, and gone from the registry.")
    for number, row in rows.items():
        if number not in said:
            raise AuditChainError(f"Action {number} is in the registry, and the audit trail does not know it.")
        told.check_columns(row, said[number], TOLD, of=f"action {number} of meeting {row.meeting_id}")


def _told(event: Any) -> dict[str, Any]:
    """Return the columns as they are after an event."""
    after: dict[str, Any] = event.after or {}
    columns = {name: after.get(name) for name in ("what", "assignee", "due_on", "state", "closed_by")}
    columns |= {"meeting_id": after.get("meeting"), "model_id": event.model_id, "evidence": after.get("evidence", "")}
    by, on, reason = event.actor, event.at.date(), (event.reason or "").strip()
    return columns | {
        "give_action": {"given_by": by, "given_on": on, "answer": ""},
        "report_action_done": {"reported_by": by, "reported_on": on, "answer": ""},
        "send_action_back": {"reported_by": None, "reported_on": None, "answer": reason},
        "confirm_action": {"closed_on": on, "answer": reason},
    }.get(event.action, {})
