"""Meetings as pages and commands show them; nothing here writes."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa

from data_access import meeting_facts
from data_access.meeting_rows import action_of, actions_where, last_over, meeting_of
from data_access.meeting_tables import MeetingActionRow, MeetingEntryRow, MeetingItemRow, MeetingRow
from monitoring.meeting import MeetingState, Scope
from monitoring.meeting_action import ActionState
from monitoring.meeting_agenda import agenda
from monitoring.minutes import minutes_document

if TYPE_CHECKING:
    from datetime import date
    from typing import Any

    from data_access.database import Database
    from monitoring.meeting import Item, Meeting
    from monitoring.meeting_action import MeetingAction

MEETING_COLUMNS = (
    "meeting_id",
    "title",
    "state",
    "held_on",
    "chair",
    "scope",
    "items",
    "decisions",
    "confirmed_by",
    "minutes_hash",
)


HEAD_COLUMNS = ("id", "title", "state", "held_on", "chair", "scope", "confirmed_by", "minutes_hash")


@dataclass(frozen=True, slots=True)
class Head:
    """What a list says of a meeting: nothing of what was said in it but how many items and decisions it had."""

    id: int
    title: str
    state: MeetingState
    held_on: date
    chair: str
    scope: Scope
    items: int
    decisions: int
    confirmed_by: str | None
    minutes_hash: str | None

    @property
    def is_locked(self) -> bool:
        """Whether its minutes are confirmed."""
        return self.state is MeetingState.CONFIRMED


def meeting(registry: Database, meeting_id: int) -> Meeting:
    """Return a meeting with everything in it, or raise UnknownMeetingError."""
    with registry.read() as session:
        return meeting_of(session, meeting_id)


def revision(registry: Database, meeting_id: int) -> int | None:
    """Return the number that grows with everything a screen that follows must show; one row by its key."""
    with registry.read() as session:
        return session.scalar(sa.select(MeetingRow.revision).where(MeetingRow.id == meeting_id))


def meetings(registry: Database, *, on: date) -> tuple[Head, ...]:
    """Return the meetings called by ``on``, newest first, in one statement; those that were called off are left out."""
    items = sa.select(sa.func.count()).where(
        MeetingItemRow.meeting_id == MeetingRow.id, MeetingItemRow.position.is_not(None)
    )
    about = (MeetingEntryRow.decision_id, MeetingEntryRow.policy_number, MeetingEntryRow.standing_number)
    decided = (sa.func.count(number.distinct()) for number in about)
    decisions = sa.select(functools.reduce(operator.add, decided)).where(MeetingEntryRow.meeting_id == MeetingRow.id)
    wanted = (
        sa.select(
            *(getattr(MeetingRow, name) for name in HEAD_COLUMNS),
            items.scalar_subquery().label("items"),
            decisions.scalar_subquery().label("decisions"),
        )
        .where(MeetingRow.state != MeetingState.CALLED_OFF.value, MeetingRow.held_on <= on)
        .order_by(MeetingRow.held_on.desc(), MeetingRow.id.desc())
    )
    with registry.read() as session:
        found = [row._asdict() for row in session.execute(wanted)]
    return tuple(Head(**row | {"state": MeetingState(row["state"]), "scope": Scope.of(row["scope"])}) for row in found)


def last_meeting(registry: Database, *, on: date) -> Meeting | None:
    """Return the newest meeting that was over by ``on``."""
    with registry.read() as session:
        return last_over(session, on=on)


def next_agenda(registry: Database, *, on: date) -> tuple[Item, ...]:
    """Return what would be on the agenda of a meeting about every model."""
    with registry.read() as session:
        last = last_over(session, on=on, scope=Scope())
        facts = meeting_facts.agenda_facts(session, Scope(), on=on, since=last.ended_on if last else None)
    return agenda(facts)


def actions(registry: Database, *, on: date, meeting_id: int | None = None) -> tuple[MeetingAction, ...]:
    """Return the actions that nobody has closed, or all those of one meeting, the first due first."""
    with registry.read() as session:
        if meeting_id is not None:
            return actions_where(session, MeetingActionRow.meeting_id == meeting_id)
        return actions_where(
            session, MeetingActionRow.state != ActionState.CLOSED.value, MeetingActionRow.given_on <= on
        )


def action(registry: Database, action_id: int) -> MeetingAction:
    """Return one action, or raise UnknownItemError."""
    with registry.read() as session:
        return action_of(session, action_id)


def minutes(registry: Database, wanted: Meeting, *, on: date) -> dict[str, Any]:
    """Return the minutes of a meeting: what was confirmed, else the draft as it stands."""
    if wanted.minutes is not None:
        return wanted.minutes
    with registry.read() as session:
        return minutes_document(wanted, meeting_facts.minutes_facts(session, wanted, on=on))


def meetings_frame(registry: Database, *, on: date) -> pd.DataFrame:
    """One row per meeting, newest first.

    ``meeting_id`` (int), ``title``, ``state`` (str), ``held_on`` (date), ``chair`` (str), ``scope`` (str), ``items``, ``decisions``
    (int), ``confirmed_by``, ``minutes_hash`` (str, missing until confirmed).
    """
    rows = [
        (
            each.id,
            each.title,
            each.state.value,
            each.held_on,
            each.chair,
            each.scope.words,
            each.items,
            each.decisions,
            each.confirmed_by,
            each.minutes_hash,
        )
        for each in meetings(registry, on=on)
    ]
    return pd.DataFrame(rows, columns=list(MEETING_COLUMNS))
