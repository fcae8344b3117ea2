"""Who stepped back from something in a meeting approves nothing of it: not in the meeting, and not on another page afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.meeting_tables import MeetingEntryRow, MeetingItemRow, MeetingRow
from monitoring.errors import NotAuthorisedError
from monitoring.lifecycle import Capacity
from monitoring.meeting import EntryKind
from monitoring.proposal import STEPPED_BACK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from monitoring.audit import AuditEvent

Conflict = tuple[MeetingEntryRow, MeetingItemRow]
"""A conflict of interest and the item it is about."""

APPROVING = frozenset({Capacity.APPROVER.value, Capacity.INDEPENDENT_REVIEWER.value})


@dataclass(frozen=True, slots=True)
class Proposed:
    """Something proposed, as conflicts of interest are held against it: when, and which models, policy or standing approval it is."""

    at: datetime
    models: frozenset[str] = frozenset()
    decision_id: int | None = None
    policy_number: int | None = None
    standing_number: int | None = None


def stepped_back(session: Session, proposed: Proposed, among: Sequence[Conflict] | None = None) -> frozenset[str]:
    """Return the e-mail addresses of who may not answer a proposal, because they stepped back from an item that is about it.

    An item is about its decision, those made on it, its version of the policy, its standing approval and its models. A conflict about
    a model holds for what is proposed before the next meeting with that model on its agenda opens: whoever still has it steps back
    there again. ``among`` are the ``conflicts``, read once for many proposals.
    """
    among = conflicts(session) if among is None else among
    if not among:
        return frozenset()
    decided_in = set(
        session.scalars(sa.select(MeetingEntryRow.item_id).where(MeetingEntryRow.decision_id == proposed.decision_id))
        if proposed.decision_id is not None
        else ()
    )
    found: set[str] = set()
    for entry, item in among:
        is_its_own = (
            (proposed.decision_id is not None and item.decision_id == proposed.decision_id)
            or (item.policy_number is not None and item.policy_number == proposed.policy_number)
            or (item.standing_number is not None and item.standing_number == proposed.standing_number)
            or item.id in decided_in
        )
        shared = proposed.models & _models(item)
        if is_its_own or (shared and shared - _met_again(session, after=entry.recorded_at, until=proposed.at)):
            found.add(str(entry.person))
    return frozenset(found)


def refuse_stepped_back(session: Session, event: AuditEvent, proposed: Proposed) -> None:
    """Raise NotAuthorisedError when an approver's move is made by somebody who stepped back from what it is about."""
    if APPROVING & set(event.role.split(",")) and event.actor in stepped_back(session, proposed):
        raise NotAuthorisedError(STEPPED_BACK)


def conflicts(session: Session) -> list[Conflict]:
    """Return the conflicts of interest that were not taken back: of each person and item the newest entry counts."""
    rows = session.execute(
        sa.select(MeetingEntryRow, MeetingItemRow)
        .join(MeetingItemRow, MeetingItemRow.id == MeetingEntryRow.item_id)
        .where(MeetingEntryRow.kind == EntryKind.CONFLICT.value)
        .order_by(MeetingEntryRow.id)
    )
    newest = {(entry.item_id, entry.person): (entry, item) for entry, item in rows}
    return [found for found in newest.values() if found[0].choice == "stepped_back"]


def _met_again(session: Session, *, after: datetime, until: datetime) -> frozenset[str]:
    """Return the models on the agenda of a meeting that opened later than ``after`` and not later than ``until``."""
    items = session.scalars(
        sa.select(MeetingItemRow)
        .join(MeetingRow, MeetingRow.id == MeetingItemRow.meeting_id)
        .where(MeetingRow.opened_at > after, MeetingRow.opened_at <= until, MeetingItemRow.position.is_not(None))
    )
    return frozenset[str]().union(*map(_models, items))


def _models(item: MeetingItemRow) -> frozenset[str]:
    return frozenset(item.model_ids) | ({item.model_id} if item.model_id else set())
