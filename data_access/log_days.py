"""Which days a log has and how much is on each: cheap, to notice what changed since it was last read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import sqlalchemy as sa

from data_access.fetching import counted
from data_access.log_connections import FEW_ROWS
from data_access.log_values import as_python
from data_access.timestamps import QUARTER_HOUR, LocalDays, as_date

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from data_access.log_reader import Conditions, LogReader
    from data_access.timestamps import Stamps, TimeColumn

    DayCounts = Mapping[date, tuple[int, int]]

RECENT_DAYS = 8
"""Days that are counted one by one each time; older ones in one sum, while it stays what it was."""

NO_SHIFT = np.timedelta64(0, "us")
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class _Count:
    """Something to be counted by day: a time, what it is selected from, and moved by how much; ``stamps`` if all are here."""

    column: TimeColumn
    of: sa.FromClause
    source: sa.FromClause
    conditions: Conditions
    shift: np.timedelta64 = NO_SHIFT
    stamps: Stamps | None = None


class LogDays:
    """The days of one mapped log."""

    def __init__(self, reader: LogReader, days: LocalDays) -> None:
        self._reader = reader
        self._days = days

    @cached_property
    def extent(self) -> tuple[date, date] | None:
        """The first and last local day with rows or labels arriving, or nothing for an empty log."""
        reader = self._reader
        columns = [column for column in (reader.stamp, reader.arrived, reader.label_stamp) if column is not None]
        ends = self._ends(*columns)
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
        if what is None or what.source is not what.of or not what.column.table.is_counted_at_once:
            return None
        query = sa.select(sa.func.count()).select_from(what.of)
        column = what.column.table.column(what.column.name, of=what.of)
        since = query.where(what.column.since(what.of, self._days.start(recent) - what.shift), column.is_not(None))
        both = sa.select(query.scalar_subquery().label("c0"), since.scalar_subquery().label("c1"))
        everything, later = (int(as_python(found)[0]) for found in self._reader.fetched(both, 2))
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
        log = reader.log.rows("r")
        everything = reader.all_rows
        stamps = everything.times[reader.stamp.name] if everything is not None else None
        rows = _Count(reader.stamp, log, log, reader.log.condition(log), stamps=stamps)
        labels = []
        if reader.mapping.label_column is not None and reader.has_undated:
            of, _, both, conditions = reader.undated()
            labels.append(_Count(reader.stamp, of, both, conditions, reader.delay))
        if reader.label_stamp is not None and reader.mapping.label_column is not None:
            table = reader.label_stamp.table
            alias = table.rows("l")
            dated = [*table.condition(alias), table.column(reader.mapping.label_column, of=alias).is_not(None)]
            everything = reader.all_labels
            stamps = everything.times[reader.label_stamp.name][everything.labelled] if everything is not None else None
            labels.append(_Count(reader.label_stamp, alias, alias, dated, stamps=stamps))
        return rows, labels

    def _by_day(self, what: _Count, first: date, last: date) -> Counter[date]:
        if not (what.column.is_exact and what.column.table.is_sqlite and what.source is what.of):
            return self._grouped(what, first, last)
        days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
        counts = self._ranges(what, [*days, last + ONE_DAY])
        return Counter({day: count for day, count in zip(days, counts, strict=True) if count})

    def _ranges(self, what: _Count, starts: list[date]) -> list[int]:
        """Return how many rows lie between one start and the next: an index answers that."""
        instants = [what.column.bound(self._days.start(day) - what.shift) for day in starts]
        query = sa.select(sa.func.count()).select_from(what.source)
        query = query.where(*what.conditions, what.column.in_range(what.of))
        parameters = [{"start": start, "end": end} for start, end in pairwise(instants)]
        return counted(what.column.table, query, parameters)

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
        bucket = what.column.quarter_hours(what.of) if is_whole else None
        within = [*what.conditions, what.column.between(what.of, start - what.shift, end - what.shift)]
        if bucket is None:
            query = sa.select(what.column.selected(what.of).label("c0")).select_from(what.source).where(*within)
            stamps = what.column.decoded(self._reader.fetched(query, 1)[0]) + what.shift
            counts = np.ones(len(stamps), dtype=np.int64)
        else:
            query = sa.select(bucket.label("c0"), sa.func.count().label("c1")).select_from(what.source)
            found = self._reader.fetched(query.where(*within).group_by(bucket), 2)
            stamps = what.column.of_quarter_hours(found[0]) + what.shift
            counts = np.array(as_python(found[1]), dtype=np.int64)
        inside = (stamps >= start) & (stamps < end)
        return self._of_stamps(stamps[inside], counts[inside])

    def _of_stamps(self, stamps: Stamps, counts: npt.NDArray[np.int64] | None = None) -> Counter[date]:
        """Return how many instants are on each local day, each counted once or as often as said."""
        days, at = np.unique(self._days.of(stamps), return_inverse=True)
        sums = np.bincount(at, weights=counts, minlength=len(days)).astype(np.int64)
        return Counter({as_date(day): count for day, count in zip(days, sums.tolist(), strict=True)})

    def _ends(self, *columns: TimeColumn) -> list[tuple[np.datetime64, np.datetime64] | None]:
        """Return the first and last instant of each column that has any."""
        known = [self._all_of(column) for column in columns]
        if all(stamps is not None for stamps in known):
            return [_span(stamps) for stamps in known if stamps is not None]
        queries = []
        for column in columns:
            rows = column.table.rows("e")
            queries += column.extremes(rows, column.table.condition(rows))
        query = sa.select(*(end.label(f"c{at}") for at, end in enumerate(queries)))
        found = self._reader.fetched(query, len(queries))
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


def _span(stamps: Stamps) -> tuple[np.datetime64, np.datetime64] | None:
    """Return the first and the last of some instants, nothing where there is none."""
    known = stamps[~np.isnat(stamps)]
    return (known.min(), known.max()) if len(known) else None
