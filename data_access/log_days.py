"""Which days a log has and how much is on each: cheap, to notice what changed since it was last read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from data_access.log_connections import FEW_ROWS
from data_access.log_values import as_python
from data_access.timestamps import QUARTER_HOUR, LocalDays, as_date

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from data_access.log_reader import Conditions, LogReader
    from data_access.statements import Query
    from data_access.timestamps import Stamps, TimeColumn

    DayCounts = Mapping[date, tuple[int, int]]

RECENT_DAYS = 8
"""Days that are counted one by one each time; older ones in one sum, while it stays what it was."""

NO_SHIFT = np.timedelta64(0, "us")
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class _Count:
    """Something to be counted by day: a time, what it is selected from, and moved by how much; ``stamps`` if all are here."""

    name: str
    column: TimeColumn
    selected: Callable[[LogReader], _Selected]
    shift: np.timedelta64 = NO_SHIFT
    stamps: Stamps | None = None
    is_of_one_table: bool = True


@dataclass(frozen=True, slots=True)
class _Selected:
    """What is counted: ``column`` of ``of``, selected from ``source`` where all conditions hold."""

    column: TimeColumn
    of: sa.FromClause
    source: sa.FromClause
    conditions: Conditions


class LogDays:
    """The days of one mapped log."""

    def __init__(self, reader: LogReader, days: LocalDays) -> None:
        self._reader = reader
        self._days = days

    @cached_property
    def extent(self) -> tuple[date, date] | None:
        """The first and last local day with rows or labels arriving, or nothing for an empty log."""
        reader = self._reader
        ends = self._ends(*_times(reader))
        if ends[0] is None:
            return None
        latest = [*(end[1] for end in ends if end is not None), *self._last_usual()]
        days = self._days.of(np.array([ends[0][0], max(latest)]))
        return as_date(days[0]), as_date(days[1])

    def counts(self, *, first: date, last: date, known: DayCounts | None = None) -> dict[date, tuple[int, int]]:
        """Return per day the raw rows of that day and the labels that arrived on it.

        Days before the last ``RECENT_DAYS`` of ``known`` are taken from it, as long as all of them together have as many rows
        and labels as it says.
        """
        if not known or (self._reader.log.is_duckdb and sum(rows for rows, _ in known.values()) <= FEW_ROWS):
            return self._counted(first, last)
        recent = max(first, max(known) - timedelta(days=RECENT_DAYS - 1))
        older = {day: counted for day, counted in known.items() if day < recent}
        if not older and first >= recent:
            return self._counted(first, last)
        if min(older, default=first) < first or not self._agree(older, first, recent):
            return self._counted(first, last)
        within = {day: counted for day, counted in older.items() if day <= last}
        return dict(sorted((within | self._counted(recent, last)).items()))

    def _agree(self, older: DayCounts, first: date, recent: date) -> bool:
        """Whether the days from ``first`` to before ``recent`` have as many rows and labels in all as is known."""
        rows, labels = self._to_count()
        known = [sum(counted[at] for counted in older.values()) for at in range(2)]
        return all(
            self._all_but(whats, recent) == expected
            or sum(self._range(what, first, recent - ONE_DAY) for what in whats) == expected
            for whats, expected in (([rows], known[0]), (labels, known[1]))
        )

    def _all_but(self, whats: list[_Count], recent: date) -> int | None:
        """Return how many rows there are less those from ``recent`` on, where the engine knows that without looking.

        Rows without a time or a label are among them: then the sums differ, and the rows are looked at.
        """
        what = whats[0] if len(whats) == 1 else None
        if what is None or not what.is_of_one_table or not what.column.table.is_counted_at_once:
            return None

        def build(reader: LogReader, given: Mapping[str, Any]) -> tuple[list[str], Query]:
            said = what.selected(reader)
            everything = sa.select(sa.func.count()).select_from(said.of)
            column = said.column.table.column(said.column.name, of=said.of)
            since = everything.where(said.column.since(said.of, given["start"]), column.is_not(None))
            both = (everything.scalar_subquery().label("c0"), since.scalar_subquery().label("c1"))
            return ["everything", "later"], sa.select(*both)

        found = self._reader.asked(f"all {what.name}", build, start=self._days.start(recent) - what.shift)
        everything, later = (int(as_python(found[name])[0]) for name in ("everything", "later"))
        return everything - later

    def _counted(self, first: date, last: date) -> dict[date, tuple[int, int]]:
        if last < first:
            return {}
        rows, labels = self._to_count()
        of_rows = self._by_day(rows, first, last)
        of_labels = sum((self._by_day(each, first, last) for each in labels), Counter[date]())
        return {day: (of_rows[day], of_labels[day]) for day in sorted({*of_rows, *of_labels})}

    def _to_count(self) -> tuple[_Count, list[_Count]]:
        """Return what counts rows, and what together counts labels."""
        reader = self._reader
        everything = reader.all_rows
        stamps = everything.times[reader.stamp.name] if everything is not None else None
        rows = _Count("rows", reader.stamp, _rows, stamps=stamps)
        labels = []
        if reader.mapping.label_column is not None and reader.has_undated:
            is_of_one_table = reader.labels is None
            labels.append(
                _Count("undated", reader.stamp, _undated_labels, reader.delay, is_of_one_table=is_of_one_table)
            )
        if reader.label_stamp is not None and reader.mapping.label_column is not None:
            everything = reader.all_labels
            stamps = everything.times[reader.label_stamp.name][everything.labelled] if everything is not None else None
            labels.append(_Count("labels", reader.label_stamp, _dated_labels, stamps=stamps))
        return rows, labels

    def _by_day(self, what: _Count, first: date, last: date) -> Counter[date]:
        if not (what.column.is_exact and what.column.table.is_sqlite and what.is_of_one_table):
            return self._grouped(what, first, last)
        days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
        counts = self._ranges(what, [*days, last + ONE_DAY])
        return Counter({day: count for day, count in zip(days, counts, strict=True) if count})

    def _ranges(self, what: _Count, starts: list[date]) -> list[int]:
        """Return how many rows lie between one start and the next: an index answers that."""

        def build(reader: LogReader, given: Mapping[str, Any]) -> tuple[list[str], Query]:
            said = what.selected(reader)
            within = said.column.between(said.of, given["start"], given["end"])
            query = sa.select(sa.func.count().label("c0")).select_from(said.source)
            return ["count"], query.where(*said.conditions, within)

        instants = [self._days.start(day) - what.shift for day in starts]
        given = [{"start": start, "end": end} for start, end in pairwise(instants)]
        return self._reader.counted(f"range of {what.name}", build, given)

    def _range(self, what: _Count, first: date, last: date) -> int:
        if what.column.is_exact:
            return self._ranges(what, [first, last + ONE_DAY])[0]
        return sum(self._grouped(what, first, last).values())

    def _grouped(self, what: _Count, first: date, last: date) -> Counter[date]:
        """Return how many rows are on each local day: counted by quarter hours, on one of which every day begins."""
        start, end = self._days.bounds(first, last)
        if what.stamps is not None:
            return self._of_stamps(what.stamps[(what.stamps >= start) & (what.stamps < end)])
        # A shift that is no whole number of quarter hours moves a quarter hour across midnight.
        is_whole = what.shift % np.timedelta64(QUARTER_HOUR, "us") == NO_SHIFT
        said = what.selected(self._reader)
        bucket = what.column.quarter_hours(said.of) if is_whole else None
        within = [*said.conditions, what.column.between(said.of, start - what.shift, end - what.shift)]
        if bucket is None:
            query = sa.select(what.column.selected(said.of).label("c0")).select_from(said.source).where(*within)
            stamps = what.column.decoded(self._reader.fetched(query, 1)[0]) + what.shift
            counts = np.ones(len(stamps), dtype=np.int64)
        else:
            query = sa.select(bucket.label("c0"), sa.func.count().label("c1")).select_from(said.source)
            found = self._reader.fetched(query.where(*within).group_by(bucket), 2)
            stamps = what.column.of_quarter_hours(found[0]) + what.shift
            counts = np.array(as_python(found[1]), dtype=np.int64)
        inside = (stamps >= start) & (stamps < end)
        return self._of_stamps(stamps[inside], counts[inside])

    def _of_stamps(self, stamps: Stamps, counts: npt.NDArray[np.int64] | None = None) -> Counter[date]:
        """Return how many instants are on each local day, each counted once or as often as said."""
        if not len(stamps):
            return Counter()
        days = self._days.of(stamps)
        first = days.min()
        sums = np.bincount((days - first).astype(np.int64), weights=counts).astype(np.int64)
        return Counter({as_date(first + at): int(sums[at]) for at in np.flatnonzero(sums)})

    def _ends(self, *columns: TimeColumn) -> list[tuple[np.datetime64, np.datetime64] | None]:
        """Return the first and last instant of each column that has any."""
        known = [self._all_of(column) for column in columns]
        if all(stamps is not None for stamps in known):
            return [_span(stamps) for stamps in known if stamps is not None]
        found = list(self._reader.asked("ends", _ends).values())
        ends: list[tuple[np.datetime64, np.datetime64] | None] = []
        for at, column in enumerate(columns):
            low, high = (column.decoded(found[2 * at + end])[0] for end in range(2))
            ends.append(None if np.isnat(low) or np.isnat(high) else (low, high))
        return ends

    def _all_of(self, column: TimeColumn) -> Stamps | None:
        """Return all instants of a column, where they are here."""
        reader = self._reader
        everything = reader.all_labels if column is reader.label_stamp else reader.all_rows
        return everything.times[column.name] if everything is not None else None

    def _last_usual(self) -> list[np.datetime64]:
        """Return when the last label that does not say when it came has arrived: its row's time and the usual delay."""
        reader = self._reader
        if not reader.has_undated:
            return []
        rows, _, both, conditions = reader.undated()
        query = sa.select(reader.stamp.latest(rows).label("c0")).select_from(both).where(*conditions)
        stamp = reader.stamp.decoded(reader.fetched(query, 1)[0])[0]
        return [] if np.isnat(stamp) else [stamp + reader.delay]


def _times(reader: LogReader) -> list[TimeColumn]:
    """Return every time of a row or its label that is mapped."""
    return [column for column in (reader.stamp, reader.arrived, reader.label_stamp) if column is not None]


def _ends(reader: LogReader, _: Mapping[str, Any]) -> tuple[list[str], Query]:
    """Select the first and the last instant of each time."""
    queries = []
    for column in _times(reader):
        rows = column.table.rows("e")
        queries += column.extremes(rows, column.table.condition(rows))
    names = [f"c{at}" for at in range(len(queries))]
    return names, sa.select(*(end.label(name) for name, end in zip(names, queries, strict=True)))


def _rows(reader: LogReader) -> _Selected:
    rows = reader.log.rows("r")
    return _Selected(reader.stamp, rows, rows, reader.log.condition(rows))


def _undated_labels(reader: LogReader) -> _Selected:
    """Return the labels that do not say when they came, with the time of their row."""
    of, _, both, conditions = reader.undated()
    return _Selected(reader.stamp, of, both, conditions)


def _dated_labels(reader: LogReader) -> _Selected:
    stamp, label = reader.label_stamp, reader.mapping.label_column
    if stamp is None or label is None:
        raise TypeError("labels do not say when they came")
    labels = stamp.table.rows("l")
    dated = [*stamp.table.condition(labels), stamp.table.column(label, of=labels).is_not(None)]
    return _Selected(stamp, labels, labels, dated)


def _span(stamps: Stamps) -> tuple[np.datetime64, np.datetime64] | None:
    """Return the first and the last of some instants, nothing where there is none."""
    known = stamps[~np.isnat(stamps)]
    return (known.min(), known.max()) if len(known) else None
