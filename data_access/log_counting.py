"""A stretch of a log counted by its own engine, with the days that have to be read row by row."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from data_access.label_profile_sql import LabelCounter
from data_access.portable_sql import NotCountableError
from data_access.profile_sql import DAYS_AT_ONCE, Presence, RowCounter
from data_access.timestamps import as_date
from monitoring.counting import CountedDays, first_days, pairs_together, rows_together
from monitoring.errors import LogUnreadableError
from monitoring.label_profile import LabelProfiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import sqlalchemy as sa

    from data_access.log_entries import Entries
    from data_access.log_mapping import LogMapping
    from data_access.log_reader import LogReader
    from data_access.timestamps import LocalDays, TimeColumn
    from monitoring.portfolio import Model
    from monitoring.ports import Days, LabelledRows, LogRows
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference

MOST_PREDICTION_DAYS = 93
ONE_DAY = timedelta(days=1)


class ReadableLog(Protocol):
    """What the executor needs of a log whose rows it may have to read."""

    reader: LogReader
    model: Model
    mapping: LogMapping
    days: LocalDays

    def rows(self, *, first: date, last: date) -> LogRows:
        """Return the rows of these days."""

    def labelled(self, *, first_arrival: date, last_arrival: date) -> LabelledRows:
        """Return the pairs whose label arrived on these days."""

    def have_several_rows(self, bounds: tuple[np.datetime64, np.datetime64]) -> bool:
        """Whether any id of the rows arriving in the range occurs more than once."""

    def rows_of_several(self, bounds: tuple[np.datetime64, np.datetime64]) -> Entries:
        """Return id and time of all rows of those ids."""

    def odd_arrivals(self, bounds: tuple[np.datetime64, np.datetime64]) -> set[date]:
        """Return the days of arrival that have to be read."""


class SqlCounting:
    """The aggregate executor for the days from ``first`` to ``last`` of one log.

    What the engine cannot count as its reader would is fetched, rows and labels apart: see ``profile_sql``. Of labels these are those of
    ids with several rows or labels, and those whose row came after them; all of them where labels do not say when they came, where
    arrival is mapped for rows, or where their predictions spread over more than ``MOST_PREDICTION_DAYS`` days.
    """

    def __init__(self, log: ReadableLog, *, first: date, last: date) -> None:
        self._log = log
        self._first, self._last = first, last

    @cached_property
    def versions(self) -> Mapping[str, date]:
        """The versions that have rows, each with the first day of the stretch on which it has."""
        try:
            parts = self._present
        except (NotCountableError, LogUnreadableError):
            return first_days(self._all_rows)
        found: dict[str, date] = {}
        for counter, present in parts:
            for name, day in zip(self._named(counter, present), counter.days[present.day], strict=True):
                if name is not None:
                    found[name] = min(found.get(name, date.max), as_date(day))
        return found

    def counted(self, version: str, reference: Reference) -> CountedDays:
        """Return the days of ``version``: counted where they are plain, rows and pairs for the rest."""
        try:
            profiles, rows = self._counted_rows(version, reference), self._odd_rows
        except (NotCountableError, LogUnreadableError):
            profiles, rows = None, self._all_rows
        try:
            labels, labelled = self._counted_labels(version, reference), self._odd_pairs
        except (NotCountableError, LogUnreadableError):
            labels, labelled = None, self._all_pairs
        return CountedDays(profiles, labels, rows, labelled)

    # Rows

    @cached_property
    def _all_rows(self) -> LogRows:
        return self._log.rows(first=self._first, last=self._last)

    @cached_property
    def _present(self) -> list[tuple[RowCounter, Presence]]:
        counters = []
        for days in self._chunks():
            bounds = self._bounds(self._log.reader.stamp, days)
            counters.append(RowCounter(self._log.reader, self._log.model, days, bounds))
        return [(counter, counter.presence()) for counter in counters]

    def _chunks(self) -> Iterator[Days]:
        days = np.arange(np.datetime64(self._first, "D"), np.datetime64(self._last + ONE_DAY, "D"))
        for at in range(0, len(days), DAYS_AT_ONCE):
            yield days[at : at + DAYS_AT_ONCE]

    def _bounds(self, column: TimeColumn, days: Days) -> list[sa.BindParameter[Any]]:
        starts = [self._log.days.start(as_date(day)) for day in [*days, days[-1] + 1]]
        bounds = column.exact_bounds(np.array(starts))
        if bounds is None:
            raise NotCountableError(f"the days of {column.name!r} have no exact bounds")
        return bounds

    def _named(self, counter: RowCounter, present: Presence) -> list[str | None]:
        """Return the version of each group: what the log says, or where it has no such column the one current on its day."""
        if self._log.mapping.columns.version is not None:
            return [None if name is None else str(name) for name in present.version]
        return [self._current(day) for day in counter.days[present.day]]

    def _current(self, day: np.datetime64) -> str | None:
        model = self._log.model
        version = model.version_on(as_date(day)) or (model.versions[0] if model.versions else None)
        return version.version if version else None

    @cached_property
    def _odd_days(self) -> set[date]:
        """The days whose rows have to be looked at."""
        odd = set(self._repeated_days())
        for counter, present in self._present:
            named = np.array([name is not None for name in self._named(counter, present)], dtype=bool)
            odd |= {as_date(day) for day in counter.days[present.day[(present.odd > 0) | ~named]]}
        return odd

    def _repeated_days(self) -> Iterator[date]:
        log, bounds = self._log, self._log.days.bounds(self._first, self._last)
        if log.reader.has_ids and log.have_several_rows(bounds):
            stamps = log.rows_of_several(bounds).stamp
            inside = stamps[(stamps >= bounds[0]) & (stamps < bounds[1])]
            yield from (as_date(day) for day in np.unique(log.days.of(inside)))

    @cached_property
    def _odd_rows(self) -> LogRows:
        nothing = self._log.rows(first=self._first, last=self._first - ONE_DAY)
        runs = [self._log.rows(first=start, last=end) for start, end in _runs(self._odd_days)]
        return rows_together([nothing, *runs])

    def _counted_rows(self, version: str, reference: Reference) -> DayProfiles | None:
        total: DayProfiles | None = None
        for counter, present in self._present:
            named = self._named(counter, present)
            mine = np.array([name == version for name in named], dtype=bool)
            plain = ~np.isin(counter.days, np.array(sorted(self._odd_days), dtype="datetime64[D]"))
            rows = np.bincount(present.day[mine], weights=present.rows[mine], minlength=len(counter.days))
            raw = list(dict.fromkeys(each for each, is_mine in zip(present.raw, mine, strict=True) if is_mine))
            found = counter.profiles(reference.layout, raw, (rows * plain).astype(np.int64))
            total = found if total is None or found is None else total + found
        return total

    # Labels

    @cached_property
    def _all_pairs(self) -> LabelledRows:
        return self._log.labelled(first_arrival=self._first, last_arrival=self._last)

    @cached_property
    def _label_counters(self) -> list[LabelCounter]:
        reader = self._log.reader
        if self._log.mapping.label_column is None:
            return []
        if reader.label_stamp is None or reader.has_undated or reader.arrived is not None:
            raise NotCountableError("it takes the rows to say when a label came")
        counters = []
        for arrivals in self._chunks():
            bounds = self._bounds(reader.label_stamp, arrivals)
            undetermined = LabelCounter(reader, self._log.model, arrivals, bounds, arrivals[:0], [])
            days = self._prediction_days(undetermined)
            if days is not None:
                of_days = self._bounds(reader.stamp, days)
                counters.append(LabelCounter(reader, self._log.model, arrivals, bounds, days, of_days))
        return counters

    def _prediction_days(self, counter: LabelCounter) -> Days | None:
        """Return the days whose predictions got a label, nothing when none did."""
        stamp = self._log.reader.stamp
        low, high = (stamp.decoded(each)[0] for each in counter.ends_of_predictions())
        if np.isnat(low) or np.isnat(high):
            return None
        first, last = self._log.days.of(np.array([low, high]))
        days = np.arange(first, last + 1)
        if len(days) > MOST_PREDICTION_DAYS:
            raise NotCountableError("labels came for too many days at once")
        return days

    @cached_property
    def _odd_arrivals(self) -> set[date]:
        if self._log.reader.label_stamp is None:
            raise NotCountableError("it takes the rows to say when a label came")
        days = self._log.odd_arrivals(self._log.days.bounds(self._first, self._last))
        return {day for day in days if self._first <= day <= self._last}

    @cached_property
    def _odd_pairs(self) -> LabelledRows:
        nothing = self._log.labelled(first_arrival=self._first, last_arrival=self._first - ONE_DAY)
        runs = [self._log.labelled(first_arrival=start, last_arrival=end) for start, end in _runs(self._odd_arrivals)]
        return pairs_together([nothing, *runs])

    @cached_property
    def _label_versions(self) -> list[dict[str | None, list[Any]]]:
        found = [counter.versions() for counter in self._label_counters]
        if self._log.mapping.columns.version is not None and any(None in each for each in found):
            raise NotCountableError("a row does not say its version")
        return found

    def _counted_labels(self, version: str, reference: Reference) -> LabelProfiles | None:
        total: LabelProfiles | None = None
        odd = np.array(sorted(self._odd_arrivals), dtype="datetime64[D]")
        for counter, named in zip(self._label_counters, self._label_versions, strict=True):
            if self._log.mapping.columns.version is not None and version not in named:
                continue
            found = counter.profiles(reference.label_layout, named.get(version, []))
            if found is None:
                continue
            keep = (found.arrival >= np.datetime64(self._first)) & (found.arrival <= np.datetime64(self._last))
            keep &= ~np.isin(found.arrival, odd)
            if self._log.mapping.columns.version is None:
                keep &= np.array([self._current(day) == version for day in found.day], dtype=bool)
            found = LabelProfiles(found.arrival[keep], found.day[keep], found.vectors[keep])
            total = found if total is None else total + found
        return total


def _runs(days: set[date]) -> Iterator[tuple[date, date]]:
    """Yield unbroken runs of days."""
    start: date | None = None
    end = date.min
    for day in sorted(days):
        if start is not None and day - end > ONE_DAY:
            yield start, end
            start = None
        start, end = start or day, day
    if start is not None:
        yield start, end
