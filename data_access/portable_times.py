"""Typed times as microseconds since 1970 and back, for engines whose drivers write times in a zone of their own choice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class _Micros(ColumnElement[int]):
    inherit_cache = False
    type = sa.BigInteger()

    def __init__(self, time: ColumnElement[Any]) -> None:
        self.time = time


class _Moment(ColumnElement[datetime]):
    inherit_cache = False

    def __init__(self, micros: ColumnElement[Any]) -> None:
        self.micros = micros


class Moment(sa.types.TypeDecorator[datetime]):
    """A time that goes to the engine as a number and is made a time there; without a zone it counts as UTC."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Return microseconds since 1970."""
        del dialect
        if value is None:
            return None
        return ((value.replace(tzinfo=UTC) if value.tzinfo is None else value) - EPOCH) // MICROSECOND

    def bind_expression(self, bindvalue: sa.BindParameter[datetime]) -> ColumnElement[datetime]:
        """Return the number as a time again."""
        return _Moment(bindvalue)


@compiles(_Micros, "chdb")
def _clickhouse_micros(element: _Micros, compiler: SQLCompiler, **options: Any) -> str:
    return f"toUnixTimestamp64Micro(toDateTime64({compiler.process(element.time, **options)}, 6, 'UTC'))"


@compiles(_Micros, "hive")
def _spark_micros(element: _Micros, compiler: SQLCompiler, **options: Any) -> str:
    return f"unix_micros(CAST({compiler.process(element.time, **options)} AS TIMESTAMP))"


@compiles(_Moment, "hive")
def _spark_moment(element: _Moment, compiler: SQLCompiler, **options: Any) -> str:
    return f"timestamp_micros({compiler.process(element.micros, **options)})"


@compiles(_Moment, "chdb")
def _clickhouse_moment(element: _Moment, compiler: SQLCompiler, **options: Any) -> str:
    return f"fromUnixTimestamp64Micro(toInt64({compiler.process(element.micros, **options)}), 'UTC')"


def micros_of(time: ColumnElement[Any]) -> ColumnElement[int]:
    """Return a typed time as microseconds since 1970; one without a zone counts as UTC."""
    return _Micros(time)
