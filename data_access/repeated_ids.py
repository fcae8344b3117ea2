"""Queries for ids that occur more than once: of several rows or labels of an id the newest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.log_reader import first_column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data_access.log_reader import Conditions, LogReader
    from data_access.statements import Query
    from data_access.timestamps import Instant


def arriving(reader: LogReader, start: Instant, end: Instant) -> Conditions:
    """Return the condition for rows stamped or arriving in the range."""
    rows = reader.log.rows("r")
    return [sa.or_(*(column.between(rows, start, end) for column in reader.row_times))]


def several_rows(reader: LogReader, within: Conditions, joined_to: sa.FromClause | None = None) -> sa.Select[Any]:
    """Return the ids that occur more than once in the log and have a row (or pair) ``within``."""
    rows, grouped = reader.log.rows("r"), reader.log.rows("g")
    inner = sa.select(reader.id_of(rows)).where(*reader.log.condition(rows), *within)
    if joined_to is not None and reader.labels is not None:
        inner = inner.select_from(rows.join(joined_to, reader.same_id(rows, joined_to)))
        inner = inner.where(*reader.labels.condition(joined_to))
    key = reader.id_of(grouped)
    query = sa.select(key).where(*reader.log.condition(grouped), key.in_(first_column(inner)))
    return query.group_by(key).having(sa.func.count() > 1)


def several_labels(reader: LogReader, start: Instant, end: Instant, *, has_undated: bool) -> sa.Select[Any]:
    """Return the ids that have more than one label, one of them from the range."""
    stamp = reader.label_stamp
    if stamp is None:
        raise TypeError("labels do not say when they came")
    labels = stamp.table.rows("l")
    inner = sa.select(stamp.table.column(reader.label_part.prediction_id, of=labels))
    dated = inner.where(*stamp.table.condition(labels), stamp.between(labels, start, end))
    if not has_undated:
        return several_of(reader, dated)
    _, labels, both, undated = reader.undated()
    usual = sa.select(stamp.table.column(reader.label_part.prediction_id, of=labels)).select_from(both)
    usual = usual.where(*undated, reader.stamp.between(reader.log.rows("r"), start - reader.delay, end - reader.delay))
    return several_of(reader, sa.union(dated, usual).subquery().select())


def several_of(reader: LogReader, ids: sa.Select[Any]) -> sa.Select[Any]:
    """Return those of the ids that have more than one label."""
    table = reader.labels or reader.log
    grouped = table.rows("g")
    key = table.column(reader.label_part.prediction_id, of=grouped)
    query = sa.select(key).where(*table.condition(grouped), key.in_(first_column(ids)))
    return query.group_by(key).having(sa.func.count() > 1)


def any_several_rows(reader: LogReader, given: Mapping[str, Any]) -> tuple[list[str], Query]:
    """Select how many more rows share an id with one arriving in the range than there are of those."""
    rows, others = reader.log.rows("r"), reader.log.rows("g")
    within = [*reader.log.condition(rows), *arriving(reader, given["start"], given["end"])]
    same = [reader.id_of(rows) == reader.id_of(others), *reader.log.condition(others)]
    return ["more"], _more_than(rows, others, within, same)


def any_several_labels(reader: LogReader, given: Mapping[str, Any]) -> tuple[list[str], Query]:
    """Select how many more labels share an id with one from the range than there are of those."""
    stamp = reader.label_stamp
    if stamp is None:
        raise TypeError("labels do not say when they came")
    table, name = stamp.table, reader.label_part.prediction_id
    labels, others = table.rows("l"), table.rows("g")
    within = [*table.condition(labels), stamp.between(labels, given["start"], given["end"])]
    same = [table.column(name, of=labels) == table.column(name, of=others), *table.condition(others)]
    return ["more"], _more_than(labels, others, within, same)


def any_several_labels_some_undated(reader: LogReader, given: Mapping[str, Any]) -> tuple[list[str], Query]:
    """Select an id that has more than one label, one of them from the range or undated, if there is one."""
    return ["more"], several_labels(reader, given["start"], given["end"], has_undated=True).limit(1)


def _more_than(one: sa.FromClause, others: sa.FromClause, within: Conditions, same: Conditions) -> sa.Select[Any]:
    """Select how many more pairs of the same there are than rows ``within``: none if each is only the same as itself.

    Half of what it takes to group by id. A row without an id is a pair with nothing.
    """
    pairs = sa.select(sa.func.count()).select_from(one.outerjoin(others, sa.and_(*same))).where(*within)
    rows = sa.select(sa.func.count()).select_from(one).where(*within)
    return sa.select((pairs.scalar_subquery() - rows.scalar_subquery()).label("c0"))
