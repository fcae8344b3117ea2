"""A model of which only day profiles are kept: judged like any other, with no rows to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.tables import LogDayRow
from monitoring.counting import FetchedRows
from monitoring.errors import NoLogRowsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from data_access.database import Database
    from monitoring.ports import LabelledRows, LogRows, ReferenceRows

SENTENCE = "Only day profiles are kept of this model; there are no rows to read."


def reference_key(version: str) -> str:
    """Return the key under which the reference of a version stands when its rows are kept nowhere."""
    return f"profiles only {version}"


class StoredProfilesLog:
    """A ``PredictionLog`` in which nothing is ever new: its days are those that were counted when they were profiled."""

    def __init__(
        self, registry: Database, model_id: str, *, counted: Mapping[date, tuple[int, int]] | None = None
    ) -> None:
        self._registry = registry
        self._model_id = model_id
        self._counted = counted

    def extent(self) -> tuple[date, date] | None:
        """Return the first and last day profiled, or nothing when none was."""
        if self._counted is not None:
            return (min(self._counted), max(self._counted)) if self._counted else None
        ends = sa.select(sa.func.min(LogDayRow.day), sa.func.max(LogDayRow.day))
        with self._registry.read() as session:
            first, last = session.execute(ends.where(LogDayRow.model_id == self._model_id)).one()
        return (first, last) if first else None

    def day_counts(
        self, *, first: date, last: date, known: Mapping[date, tuple[int, int]] | None = None
    ) -> dict[date, tuple[int, int]]:
        """Return per day the rows and labels it had when it was profiled."""
        del known
        if self._counted is not None:
            return {day: counted for day, counted in self._counted.items() if first <= day <= last}
        query = sa.select(LogDayRow.day, LogDayRow.rows, LogDayRow.labels)
        query = query.where(LogDayRow.model_id == self._model_id, LogDayRow.day.between(first, last))
        with self._registry.read() as session:
            return {row.day: (row.rows, row.labels) for row in session.execute(query)}

    def days_replaced(self, *, first: date, last: date) -> set[date]:
        """Return no days: nothing arrives late."""
        del first, last
        return set()

    def rows(self, *, first: date, last: date) -> LogRows:
        """Refuse: there are no rows."""
        del first, last
        raise NoLogRowsError(SENTENCE)

    def labelled(self, *, first_arrival: date, last_arrival: date) -> LabelledRows:
        """Refuse: there are no rows."""
        del first_arrival, last_arrival
        raise NoLogRowsError(SENTENCE)

    def counting(self, *, first: date, last: date) -> FetchedRows:
        """Return the rows of a stretch of days."""
        return FetchedRows(self.rows(first=first, last=last), self.labelled(first_arrival=first, last_arrival=last))

    def reference(self, version: str) -> ReferenceRows | None:
        """Return nothing: a reference is kept, or there is none."""
        del version
        return None

    def reference_key(self, version: str) -> str:
        """Return the key under which the reference was kept."""
        return reference_key(version)
