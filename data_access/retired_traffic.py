"""Whether a retired model is still scored: its log goes on being counted, day by day, without being judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.visitors import InternalTraversal

from data_access import model_registry
from data_access.log_connections import LogConnections
from data_access.retired_tables import WatchedDayRow, WatchRow
from data_access.tables import AssessmentRow, LogDayRow, ModelRow
from monitoring.errors import ModelfolioError
from monitoring.portfolio import ServiceState
from monitoring.ports import Traffic
from monitoring.zombie import QUIET_DAYS, Zombie

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session
    from sqlalchemy.sql.compiler import SQLCompiler

    from data_access.database import Database
    from monitoring.portfolio import Model

RETIRED = ServiceState.RETIRED.value
QUIET = timedelta(days=QUIET_DAYS)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Watched:
    """Up to which day a model's log was looked at; ``error`` says why it could not be the last time, if it could not."""

    looked_to: date | None
    error: str | None


class _QuietDaysLater(ColumnElement[date]):
    """The day on which a column's day is so long past that a model which was not scored since is out of use."""

    inherit_cache = True
    _traverse_internals = [("column", InternalTraversal.dp_clauseelement)]  # noqa: RUF012 - as SQLAlchemy declares it
    type = sa.Date()

    def __init__(self, column: Any) -> None:
        self.column = column


@compiles(_QuietDaysLater)
def _quiet_days_later(element: _QuietDaysLater, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.column, **options)
    is_sqlite = compiler.dialect.name == "sqlite"
    return f"date({column}, '+{QUIET_DAYS} days')" if is_sqlite else f"({column} + {QUIET_DAYS})"


def is_zombie(on: date) -> ColumnElement[bool]:
    """Return the condition that a model of ``ModelRow`` is a zombie on a day: scored after its last day of service, and not yet quiet
    for 28 days that somebody has looked at.
    """  # noqa: D205 - the sentence is longer than a line
    may_be = sa.or_(ModelRow.sunset_on < on, ModelRow.service_state == RETIRED)
    return sa.and_(may_be, sa.or_(*(_asked(days, on) for days in (LogDayRow, WatchedDayRow))))


def _asked(days: type[LogDayRow | WatchedDayRow], on: date) -> ColumnElement[bool]:
    return (
        sa.select(days.day)
        .where(days.model_id == ModelRow.id, *_after_service(days, on))
        .where(sa.or_(days.day > on - QUIET, ~_looked_at(days.day, on)))
        .correlate(ModelRow)
        .exists()
    )


def _after_service(days: type[LogDayRow | WatchedDayRow], on: date) -> list[ColumnElement[bool]]:
    """Return the conditions for days with rows up to ``on`` on which the model should not have been scored."""
    after: ColumnElement[bool] = ModelRow.sunset_on < days.day
    if days is WatchedDayRow:
        # Retired without a date: what was watched was watched since then.
        after = sa.or_(after, sa.and_(ModelRow.sunset_on.is_(None), ModelRow.service_state == RETIRED))
    return [days.rows > 0, days.day <= on, after]


def _looked_at(day: Any, on: date) -> ColumnElement[bool]:
    later = _QuietDaysLater(day)
    assessed = sa.select(AssessmentRow.id).where(
        AssessmentRow.model_id == ModelRow.id, AssessmentRow.day >= later, AssessmentRow.day <= on
    )
    watched = sa.select(WatchRow.model_id).where(WatchRow.model_id == ModelRow.id, WatchRow.looked_to >= later)
    return sa.or_(*(each.correlate(ModelRow, LogDayRow, WatchedDayRow).exists() for each in (assessed, watched)))


def zombies(registry: Database, *, on: date, model_id: str | None = None) -> tuple[Zombie, ...]:
    """Return the retired models that are still scored, as known on a day: the most harmful first, then by the first day.

    One stays here until its log was quiet for 28 days that somebody has looked at, or until it is reinstated.

    Args:
        registry: where models and what is known of their logs are.
        on: the day; what is later is not seen.
        model_id: ask for this model only.
    """
    with registry.read() as session:
        return zombies_on(session, on=on, model_id=model_id)


def zombies_on(session: Session, *, on: date, model_id: str | None = None) -> tuple[Zombie, ...]:
    """Return what ``zombies`` does, in the caller's transaction."""
    chosen = sa.select(ModelRow).where(is_zombie(on))
    if model_id is not None:
        chosen = chosen.where(ModelRow.id == model_id)
    found = [_zombie(session, row, on=on) for row in session.scalars(chosen)]
    return tuple(sorted(found, key=lambda each: (each.tier or 1, each.first, each.name)))


def _zombie(session: Session, row: ModelRow, *, on: date) -> Zombie:
    asked: dict[date, int] = {}
    for days in (WatchedDayRow, LogDayRow):
        after = sa.select(days.day, days.rows).join(ModelRow, ModelRow.id == days.model_id)
        rows = session.execute(after.where(ModelRow.id == row.id, *_after_service(days, on)))
        asked |= {each.day: each.rows for each in rows}
    return Zombie(
        model_id=row.id,
        name=row.name,
        owner=row.owner,
        team=row.team,
        tier=row.tier,
        sunset_on=row.sunset_on,
        asked=tuple(sorted(asked.items())),
        looked_to=traffic_of(session, row.id, on=on).looked_to,
    )


def traffic_of(session: Session, model_id: str, *, on: date) -> Traffic:
    """Return how a model's log stands on a day, whether it was assessed or, being retired, only watched."""
    assessed = session.scalar(
        sa.select(sa.func.max(AssessmentRow.day)).where(
            AssessmentRow.model_id == model_id, AssessmentRow.day <= on, AssessmentRow.known_on <= on
        )
    )
    watched = session.scalar(sa.select(WatchRow.looked_to).where(WatchRow.model_id == model_id))
    rows = [
        session.scalar(sa.select(sa.func.max(days.day)).where(days.model_id == model_id, days.day <= on, days.rows > 0))
        for days in (LogDayRow, WatchedDayRow)
    ]
    looked = max(filter(None, (assessed, min(watched, on) if watched else None)), default=None)
    return Traffic(looked, max(filter(None, rows), default=None))


def watched(registry: Database, model_id: str, *, on: date) -> Watched:
    """Return how far a model's log was looked at on a day, and why not further."""
    with registry.read() as session:
        row = session.get(WatchRow, model_id)
        return Watched(traffic_of(session, model_id, on=on).looked_to, row.error if row else None)


def watch(
    registry: Database, models: Sequence[Model], *, connections: Mapping[str, str], last: Mapping[str, date]
) -> None:
    """Count the days of retired models in their logs up to ``last`` of each, and keep those that have rows.

    Days are looked at again for 28 days, for rows that came late. A log that cannot be read is noted: nobody can say then whether the
    model is still scored. What is known already is not written again.
    """
    if not models:
        return
    found: dict[str, dict[date, int] | str] = {}
    opened = LogConnections(connections)
    try:
        with registry.read() as session:
            firsts = {model.id: _first(session, model.id, last=last[model.id]) for model in models}
        for model in models:
            try:
                with model_registry.open_log(registry, model.id, connections=opened) as log:
                    counts = log.day_counts(first=firsts[model.id], last=last[model.id])
                found[model.id] = {day: rows for day, (rows, _) in counts.items() if rows}
            except ModelfolioError as error:
                found[model.id] = str(error)
            except sa.exc.DBAPIError as error:
                found[model.id] = f"The database of its log says: {str(error.orig).strip().splitlines()[0]}"
    finally:
        opened.close()
    with registry.read() as session:
        news = [model_id for model_id, seen in found.items() if _is_news(session, model_id, seen, last[model_id])]
    if not news:
        return
    with registry.write_alone() as session:
        for model_id in news:
            _keep(session, model_id, found[model_id], last[model_id])


def _first(session: Session, model_id: str, *, last: date) -> date:
    """Return the day from which on to look: the day after the last one of service, or 28 days before the last look."""
    row, known = session.get_one(ModelRow, model_id), session.get(WatchRow, model_id)
    if known is not None and known.looked_to is not None:
        return min(known.looked_to - QUIET, last)
    assessed = traffic_of(session, model_id, on=last).looked_to
    after = max(filter(None, (row.sunset_on, assessed)), default=last - QUIET)
    return min(after + DAY, last)


def _is_news(session: Session, model_id: str, seen: dict[date, int] | str, last: date) -> bool:
    known = session.get(WatchRow, model_id)
    if isinstance(seen, str):
        return known is None or known.error != seen
    if known is None or known.error is not None or known.looked_to is None or known.looked_to < last:
        return True
    days = session.execute(sa.select(WatchedDayRow.day, WatchedDayRow.rows).where(WatchedDayRow.model_id == model_id))
    return not seen.items() <= {each.day: each.rows for each in days}.items()


def _keep(session: Session, model_id: str, seen: dict[date, int] | str, last: date) -> None:
    row = session.get(WatchRow, model_id) or WatchRow(model_id=model_id)
    session.add(row)
    if isinstance(seen, str):
        row.error = seen
        return
    row.looked_to, row.error = max(row.looked_to or last, last), None
    for day, rows in seen.items():
        session.merge(WatchedDayRow(model_id=model_id, day=day, rows=rows))
