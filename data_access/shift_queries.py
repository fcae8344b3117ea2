"""Portfolio shifts for export and for pages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.shift_store import RegistryShifts, shift_day, shift_value
from data_access.tables import ShiftDayRow, ShiftProgressRow, ShiftRow
from monitoring.portfolio_shift import WORLD_DAYS, Grouping, ShiftKind

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

    from data_access.database import Database
    from monitoring.portfolio_shift import Shift

EVERYTHING = "all"


@dataclass(frozen=True, slots=True)
class KnownShift:
    """A portfolio shift as it stood on its last day."""

    shift: Shift
    last_day: date
    is_open: bool


@dataclass(frozen=True, slots=True)
class ShiftLine:
    """One shift as known today: its first day, its kind, what its models have in common, and its models."""

    day: date
    kind: str
    source: str
    models: tuple[str, ...]


def shift_lines(registry: Database, *, first: date | None = None, last: date | None = None) -> list[ShiftLine]:
    """Return the shifts that began from ``first`` to ``last``, one line each, as they last stood."""
    records = RegistryShifts(registry).records()
    if records.searched_to is None:
        return []
    newest = records.known_on(records.searched_to)
    found: dict[date, Shift] = {}
    for day in sorted(newest):
        for shift in newest[day]:
            found[shift.day] = shift
    return [
        ShiftLine(
            day, str(shift.kind), shift.source if shift.grouping is not Grouping.ALL else EVERYTHING, shift.models
        )
        for day, shift in sorted(found.items())
        if (first is None or day >= first) and (last is None or day <= last)
    ]


def open_shifts(registry: Database, *, day: date) -> tuple[Shift, ...]:
    """Return the shifts open on a day as known on it; of a day nobody has searched yet those of the last one searched.

    A changed world does not stay one for longer than its 21 days because nobody looked.
    """
    with registry.read() as session:
        return shifts_on(session, day=day)


def shifts_on(session: Session, *, day: date) -> tuple[Shift, ...]:
    """Return what ``open_shifts`` does, inside the caller's transaction."""
    searched_to = session.scalar(sa.select(ShiftProgressRow.searched_to))
    if searched_to is None:
        return ()
    query = (
        sa.select(ShiftDayRow)
        .where(ShiftDayRow.day == min(day, searched_to), ShiftDayRow.known_on <= day)
        .order_by(ShiftDayRow.known_on.desc(), ShiftDayRow.id.desc())
        .limit(1)
    )
    row = session.scalars(query).one_or_none()
    shifts = shift_day(row).shifts if row is not None else ()
    until = timedelta(days=WORLD_DAYS)
    return tuple(
        replace(shift, models=tuple(model_id for model_id in shift.models if shift.touches(model_id)), cleared=())
        for shift in shifts
        if shift.kind is ShiftKind.FEED or day < shift.day + until
    )


def known_shifts(registry: Database, *, day: date) -> tuple[KnownShift, ...]:
    """Return every shift known on a day, open or over, newest first; those open are those of ``open_shifts``."""
    with registry.read() as session:
        known = (
            sa.select(ShiftDayRow.day, ShiftRow.id, ShiftRow.began)
            .outerjoin(ShiftRow, ShiftRow.shift_day_id == ShiftDayRow.id)
            .where(ShiftDayRow.id.in_(_newest_rows(day)))
            .order_by(ShiftDayRow.day)
        )
        last = {row.began: row for row in session.execute(known) if row.began is not None}
        stood = sa.select(ShiftRow).where(ShiftRow.id.in_([row.id for row in last.values()]))
        shifts = {row.began: shift_value(row) for row in session.scalars(stood)}
    opened = {shift.day for shift in open_shifts(registry, day=day)}
    return tuple(KnownShift(shifts[began], last[began].day, began in opened) for began in sorted(shifts, reverse=True))


def _newest_rows(day: date) -> sa.Select[tuple[int]]:
    """Return the ids of the rows that count on ``day``: of each day the newest ``known_on``, of those the newest row."""
    place = (
        sa.func.row_number()
        .over(partition_by=ShiftDayRow.day, order_by=(ShiftDayRow.known_on.desc(), ShiftDayRow.id.desc()))
        .label("place")
    )
    placed = (
        sa.select(ShiftDayRow.id, place).where(ShiftDayRow.day <= day, ShiftDayRow.known_on <= day).subquery("placed")
    )
    return sa.select(placed.c.id).where(placed.c.place == 1)


def last_searched(registry: Database, *, day: date) -> date:
    """Return the last day until ``day`` that was searched for shifts; ``day`` itself if none was."""
    with registry.read() as session:
        searched_to = session.scalar(sa.select(ShiftProgressRow.searched_to))
    return day if searched_to is None else min(day, searched_to)
