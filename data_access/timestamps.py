"""Timestamps as databases keep them, and the local days they fall on.

Inside, a timestamp is ``datetime64[us]`` in UTC and a missing one is NaT.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from data_access.log_values import arrow_micros, as_python
from data_access.portable_times import Moment, micros_of
from data_access.statements import Given
from monitoring.errors import LogUnreadableError

if TYPE_CHECKING:
    import numpy.typing as npt

    from data_access.log_connections import LogTable
    from data_access.log_values import Values
    from monitoring.ports import Days

    Stamps = npt.NDArray[np.datetime64]
    Instant = np.datetime64 | Given

DAY = np.timedelta64(1, "D")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
UNIT_MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
# Numbers since 1970 by size: seconds until the year 5138, milliseconds from 1973 on, and so on.
UNIT_BY_SIZE = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (float("inf"), "ns"))
ZONE_SUFFIX = r"(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"
NO_COLUMN = ""
QUARTER_HOUR = 900_000_000


@lru_cache(maxsize=64)
def local_days(zone: str) -> LocalDays:
    """Return the days of a zone, the same for all models in it."""
    return LocalDays(zone)


class LocalDays:
    """The days of one time zone."""

    def __init__(self, zone: str) -> None:
        self._zone = ZoneInfo(zone)
        self._is_utc = zone == "UTC"
        self._starts: dict[date, np.datetime64] = {}

    def start(self, day: date) -> np.datetime64:
        """Return the instant a day begins."""
        if day not in self._starts:
            midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
            self._starts[day] = np.datetime64((midnight - EPOCH) // MICROSECOND, "us")
        return self._starts[day]

    def bounds(self, first: date, last: date) -> tuple[np.datetime64, np.datetime64]:
        """Return the half-open range of instants of the days from ``first`` to ``last``."""
        return self.start(first), self.start(last + timedelta(days=1))

    def of(self, stamps: Stamps) -> Days:
        """Return the day each instant falls on; NaT stays NaT."""
        result = stamps.astype("datetime64[D]")
        known = ~np.isnat(stamps)
        if self._is_utc or not known.any():
            return result
        low, high = result[known].min() - DAY, result[known].max() + DAY
        days = np.arange(low, high + 2 * DAY)
        starts = np.array([self.start(day) for day in days.astype(object)])
        result[known] = days[np.searchsorted(starts, stamps[known], side="right") - 1]
        return result


def as_date(day: np.datetime64) -> date:
    """Return a NumPy day as a date."""
    found = day.astype("datetime64[D]").astype(object)
    if not isinstance(found, date):
        raise TypeError(f"{day} is not a day")
    return found


def localised(wall: Stamps, zone: str) -> Stamps:
    """Return wall-clock times of a zone as instants; the hour that comes twice in autumn is taken as the first."""
    if zone == "UTC":
        return wall
    first = np.ones(len(wall), dtype=bool)
    index = pd.DatetimeIndex(wall).tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return np.asarray(index.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy())


def parsed(values: Values, zone: str) -> Stamps:
    """Return ISO texts (or dates and times) as instants, NaT where one is none; texts without a zone are of ``zone``."""
    series = pd.Series(list(as_python(values)), dtype=object).map(
        lambda value: None if value is None else str(value).strip()
    )
    if series.empty or series.isna().all():
        return np.full(len(series), np.datetime64("NaT", "us"))
    has_zone = series.str.slice(10).str.contains(ZONE_SUFFIX, regex=True, na=False).to_numpy(dtype=bool)
    stamps = pd.to_datetime(series, format="ISO8601", utc=True, errors="coerce")
    result = np.asarray(stamps.dt.tz_localize(None).astype("datetime64[us]").to_numpy())
    if zone != "UTC" and not has_zone.all():
        result[~has_zone] = localised(result[~has_zone], zone)
    return result


def unit_by_size(value: float) -> str:
    """Return the unit of a number since 1970, judged by its size.

    >>> [unit_by_size(x) for x in (1.7e9, 1.7e12, 1.7e15, 1.7e18)]
    ['s', 'ms', 'us', 'ns']
    """
    return next(unit for bound, unit in UNIT_BY_SIZE if abs(value) < bound)


def from_numbers(given: Values, unit: str) -> Stamps:
    """Return numbers since 1970 as instants."""
    if isinstance(given, pa.Array) and unit == "us" and (micros := arrow_micros(given)) is not None:
        return micros.view("datetime64[us]")
    values = as_python(given)
    if unit == "us" and None not in values:
        return np.array(values, dtype=np.int64).view("datetime64[us]")
    numbers = np.array([np.nan if value is None else float(value) for value in values]) * UNIT_MICROSECONDS[unit]
    known = np.isfinite(numbers)
    result = np.full(len(numbers), np.datetime64("NaT", "us"))
    result[known] = np.round(numbers[known]).astype(np.int64).view("datetime64[us]")
    if unit == "us":  # a float would round what an integer keeps
        exact = [value for value, is_known in zip(values, known, strict=True) if is_known]
        result[known] = np.array(exact, dtype=np.int64).view("datetime64[us]")
    return result


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """How one column keeps time: ``native`` (typed), ``number`` since 1970 in ``unit``, ISO ``text``, or ``absent``.

    An absent column (a reference without timestamps) puts every row at 1970-01-01.

    ``is_zoned`` is false for typed times without a zone. What ``between`` and ``before`` select may hold rows around the
    bounds as well (texts are compared by their date); the caller keeps those it asked for.
    """

    table: LogTable
    name: str
    kind: str
    zone: str
    unit: str = "us"
    is_zoned: bool = True

    @classmethod
    def of(cls, table: LogTable, name: str, *, zone: str, unit: str | None) -> TimeColumn:
        """Look at a column's type, and at a value where the type does not tell."""
        if name == NO_COLUMN:
            return cls(table, name, "absent", zone)
        column, declared = table.column(name), table.type_of(name)
        if table.is_typed and isinstance(declared, sa.DateTime | sa.Date):
            is_instant = table.is_clickhouse and isinstance(declared, sa.DateTime)
            is_zoned = is_instant or bool(getattr(declared, "timezone", False))
            return cls(table, name, "native", zone, is_zoned=is_zoned)
        if unit is not None and isinstance(declared, sa.Integer):
            return cls(table, name, "number", zone, unit=unit)
        rows = table.rows("t")
        column = table.column(name, of=rows)
        with table.engine.connect() as connection:
            query = sa.select(column).where(column.is_not(None), *table.condition(rows)).limit(1)
            sample = connection.execute(query).scalar()
            if isinstance(sample, int | float) and not isinstance(sample, bool):
                if unit is None:
                    query = sa.select(sa.func.max(column)).where(*table.condition(rows))
                    unit = unit_by_size(float(connection.execute(query).scalar() or sample))
                return cls(table, name, "number", zone, unit=unit)
        if isinstance(sample, str) or sample is None:
            return cls(table, name, "number" if sample is None and unit else "text", zone, unit=unit or "us")
        raise LogUnreadableError(
            f"column {name!r} of table {table.words} holds {type(sample).__name__}, not timestamps"
        )

    @property
    def is_exact(self) -> bool:
        """Whether ``between`` selects the range and nothing around it."""
        if self.kind == "native":
            return self.is_zoned or self.zone == "UTC"
        return self.kind == "number"

    def selected(self, of: sa.FromClause) -> sa.ColumnElement[Any]:
        """Return what to select; ``decoded`` makes instants of it."""
        if self.kind == "absent":
            return sa.literal_column("0")
        return self._exported(self.table.column(self.name, of=of))

    def extremes(self, of: sa.FromClause, conditions: list[sa.ColumnElement[bool]]) -> list[sa.ScalarSelect[Any]]:
        """Return the first and the last timestamp as two subqueries, each of which an index answers at once."""
        if self.kind == "absent":
            found = sa.case((sa.func.count() > 0, 0), else_=None)
            return [sa.select(found).select_from(of).where(*conditions).scalar_subquery()] * 2
        column = self.table.column(self.name, of=of)
        ends = (sa.func.min(column), sa.func.max(column))
        return [sa.select(self._exported(end)).select_from(of).where(*conditions).scalar_subquery() for end in ends]

    def ends(self, of: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        """Return the first and the last timestamp of a selection, to be ``decoded``."""
        column = self.table.column(self.name, of=of)
        return [self._exported(end) for end in (sa.func.min(column), sa.func.max(column))]

    def latest(self, of: sa.FromClause) -> sa.ColumnElement[Any]:
        """Return the last timestamp of a selection, to be ``decoded``."""
        if self.kind == "absent":
            return sa.case((sa.func.count() > 0, 0), else_=None)
        return self._exported(sa.func.max(self.table.column(self.name, of=of)))

    def _exported(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        if self.kind != "native" or self.table.is_duckdb:  # Arrow says the instant and its unit
            return column
        if self.table.tells_times_as_numbers:
            return micros_of(column)
        # Microseconds since 1970 whatever the session's time zone; 'infinity' has none.
        stamp = column if self.is_zoned else sa.cast(column, sa.DateTime())
        micros = sa.cast(sa.cast(sa.extract("epoch", stamp), sa.Numeric()) * 1_000_000, sa.BigInteger())
        return sa.case((sa.func.isfinite(stamp), micros), else_=None)

    def decoded(self, values: Values) -> Stamps:
        """Return selected values as instants."""
        match self.kind:
            case "absent":
                stamps = np.zeros(len(values), dtype="datetime64[us]")
                stamps[[value is None for value in as_python(values)]] = np.datetime64("NaT")
                return stamps
            case "number":
                return from_numbers(values, self.unit)
            case "text":
                return parsed(values, self.zone)
        stamps = from_numbers(values, "us")
        return stamps if self.is_zoned else localised(stamps, self.zone)

    def between(self, of: sa.FromClause, start: Instant, end: Instant) -> sa.ColumnElement[bool]:
        """Return the condition for instants from ``start`` to before ``end``, so that an index on the column helps."""
        return sa.and_(self.since(of, start), self.before(of, end))

    def since(self, of: sa.FromClause, start: Instant) -> sa.ColumnElement[bool]:
        """Return the condition for instants from ``start`` on."""
        if self.kind == "absent":
            return sa.true()
        return self._comparable(of) >= self._bound(start, slack=-DAY)

    def before(self, of: sa.FromClause, end: Instant) -> sa.ColumnElement[bool]:
        """Return the condition for instants before ``end``."""
        if self.kind == "absent":
            return sa.true()
        return self._comparable(of) < self._bound(end, slack=DAY)

    def exact_bounds(self, instants: Stamps) -> list[sa.BindParameter[Any]] | None:
        """Return instants such that what is before each of them is exactly what the column has before it, if there are.

        Times of a zone without saying so have none where a clock is set back over the instant, texts never.
        """
        if self.is_exact:
            return [self._bound(each, slack=np.timedelta64(0, "us")) for each in instants]
        if self.kind != "native":
            return None
        wall = pd.DatetimeIndex(instants).tz_localize("UTC").tz_convert(self.zone).tz_localize(None).as_unit("us")
        walls = np.asarray(wall.to_numpy())
        step = np.timedelta64(1, "us")
        if (localised(walls, self.zone) != instants).any() or (localised(walls - step, self.zone) >= instants).any():
            return None
        return [sa.bindparam("bound", moment, self._time_type, unique=True) for moment in walls.astype(object).tolist()]

    def quarter_hours(self, of: sa.FromClause) -> sa.ColumnElement[Any] | None:
        """Return the number of quarter hours since 1970, for grouping (days begin on one); nothing for texts."""
        if self.kind not in {"native", "number"} or self.unit == "ns":
            return None
        column = self.table.column(self.name, of=of)
        size = 900
        if self.kind == "number":
            size = round(QUARTER_HOUR / UNIT_MICROSECONDS[self.unit])
        elif self.table.tells_times_as_numbers:
            column, size = micros_of(column), QUARTER_HOUR
        elif self.is_zoned:
            column = sa.extract("epoch", column)
        else:
            column = sa.extract("epoch", sa.cast(column, sa.DateTime()))
        # A literal, for PostgreSQL does not see that a parameter in GROUP BY is the one in SELECT.
        whole = column.op("/")(sa.literal_column(str(size)))
        return sa.cast(sa.func.floor(whole) if self.table.is_typed else whole, sa.BigInteger())

    def of_quarter_hours(self, values: Values) -> Stamps:
        """Return the beginnings of quarter hours as instants."""
        begins = (np.array(as_python(values), dtype=np.int64) * QUARTER_HOUR).view("datetime64[us]")
        return begins if self.is_zoned else localised(begins, self.zone)

    def _comparable(self, of: sa.FromClause) -> sa.ColumnElement[Any]:
        column = self.table.column(self.name, of=of)
        # The server's language must not decide whether a digit comes before a hyphen.
        return sa.collate(column, "C") if self.kind == "text" and self.table.is_postgresql else column

    def _bound(self, instant: Instant, *, slack: np.timedelta64) -> sa.BindParameter[Any]:
        kept = partial(self._kept, slack=slack)
        value = replace(instant, kept=kept) if isinstance(instant, Given) else kept(instant)
        kind = {"number": None, "text": sa.String()}.get(self.kind, self._time_type)
        return sa.bindparam("bound", value, kind, unique=True)

    def _kept(self, instant: np.datetime64, *, slack: np.timedelta64) -> Any:
        """Return an instant as the column keeps it."""
        if self.kind == "number":
            micros = int(instant.astype("datetime64[us]").astype(np.int64))
            if self.unit == "us":
                return micros
            exact = micros / UNIT_MICROSECONDS[self.unit]
            return int(exact) if float(exact).is_integer() else exact
        if self.kind == "text":  # offsets move a text by less than a day
            return str((instant + slack).astype("datetime64[D]"))
        is_wall = not self.is_zoned
        moved = instant + slack if is_wall and self.zone != "UTC" else instant
        moment = EPOCH + timedelta(microseconds=int(moved.astype("datetime64[us]").astype(np.int64)))
        return moment.replace(tzinfo=None) if is_wall else moment

    @property
    def _time_type(self) -> sa.types.TypeEngine[datetime]:
        return Moment() if self.table.tells_times_as_numbers else sa.DateTime(timezone=self.is_zoned)
