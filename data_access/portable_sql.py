"""Expressions that mean the same on every engine: floats, infinity, days and bins as small whole numbers.

The rules: a ladder of CASE uses only ``IS NULL``, ``<`` and ``<=`` and ends at infinity, so that NaN falls to ELSE whether an
engine takes it for the largest number or for none; decimals and big integers are floats before they are compared; days are half-open
ranges given as parameters, so that no engine's time zone matters; bound values stay out of GROUP BY, which PostgreSQL refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.sql.compiler import SQLCompiler

    from data_access.log_connections import LogTable
    from data_access.timestamps import TimeColumn


class NotCountableError(Exception):
    """The engine cannot count this as its reader would; it has to be fetched. Never shown: whoever counts fetches instead."""


class _Infinity(ColumnElement[float]):
    inherit_cache = True
    type = sa.Double()


class _Float(ColumnElement[float]):
    """A column as an 8-byte float; NULL stays NULL, and on SQLite what is no number is NULL."""

    inherit_cache = False
    type = sa.Double()

    def __init__(self, column: ColumnElement[Any]) -> None:
        self.column = column


SMALLEST_ROOT = 1e-150
CLICKHOUSE = ("chdb", "clickhouse", "clickhousedb")
SHORT_DOUBLE = ("hive", "databricks", "trino")


@compiles(_Infinity)
def _infinity(element: _Infinity, compiler: SQLCompiler, **_: Any) -> str:
    del element
    name = compiler.dialect.name
    if name == "sqlite":
        return "9e999"
    if name in CLICKHOUSE:
        return "toFloat64('inf')"
    return "CAST('Infinity' AS DOUBLE)" if name in SHORT_DOUBLE else "CAST('Infinity' AS DOUBLE PRECISION)"


@compiles(_Float)
def _float(element: _Float, compiler: SQLCompiler, **options: Any) -> str:
    column, name = compiler.process(element.column, **options), compiler.dialect.name
    if name == "sqlite":
        return f"CASE WHEN typeof({column}) IN ('integer', 'real') THEN CAST({column} AS REAL) END"
    if name in CLICKHOUSE:
        return f"CAST({column} AS Nullable(Float64))"
    return f"CAST({column} AS {'DOUBLE' if name in SHORT_DOUBLE else 'DOUBLE PRECISION'})"


def infinity() -> ColumnElement[float]:
    """Return positive infinity."""
    return _Infinity()


def whole(number: int) -> ColumnElement[int]:
    """Return a small number as a literal: fewer parameters, and the plan does not depend on it."""
    return sa.literal_column(str(int(number)), sa.Integer())


def double(value: float) -> ColumnElement[float]:
    """Return a float as a parameter."""
    return sa.bindparam(None, float(value), type_=sa.Double(), unique=True)


def as_float(table: LogTable, name: str, of: sa.FromClause) -> ColumnElement[float]:
    """Return a column of numbers or booleans as floats.

    Raises:
        NotCountableError: it has another type, which only its reader can take for numbers.
    """
    column, declared = table.column(name, of=of), table.type_of(name)
    if isinstance(declared, sa.Boolean) and not table.is_sqlite:
        return sa.case((column.is_(None), sa.null()), (column == sa.true(), double(1.0)), else_=double(0.0))
    if table.is_sqlite or isinstance(declared, sa.Integer | sa.Numeric | sa.Float):
        return _Float(column)
    raise NotCountableError(f"{name!r} is no column of numbers")


def is_finite(number: ColumnElement[float]) -> ColumnElement[bool]:
    """Return whether a float is neither missing nor NaN nor endless."""
    return sa.and_(number < infinity(), number > -infinity())


def bin_code(number: ColumnElement[float], edges: Sequence[float]) -> ColumnElement[int]:
    """Return the bin ``[lower edge, upper edge)`` a float falls in, and one more than the last bin for NULL and NaN."""
    missing = whole(len(edges) + 1)
    rungs = [(number < double(edge), whole(at)) for at, edge in enumerate(edges)]
    return sa.case((number.is_(None), missing), *rungs, (number <= infinity(), whole(len(edges))), else_=missing)


def day_code(column: TimeColumn, of: sa.FromClause, ends: Sequence[ColumnElement[Any]]) -> ColumnElement[int]:
    """Return the number of the day a time falls on, given the end of each day but the last."""
    stamp = column.table.column(column.name, of=of)
    rungs = [(stamp < end, whole(at)) for at, end in enumerate(ends)]
    return sa.case(*rungs, else_=whole(len(ends))) if rungs else whole(0)


def total(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """Return how many rows meet a condition."""
    return sa.func.coalesce(sa.func.sum(sa.case((condition, whole(1)), else_=whole(0))), whole(0))


def squared(number: ColumnElement[float]) -> ColumnElement[float]:
    """Return the square, 0 where it is too small for a float: PostgreSQL refuses to round it."""
    near_zero = sa.and_(number < double(SMALLEST_ROOT), number > double(-SMALLEST_ROOT))
    return sa.case((near_zero, double(0.0)), else_=number * number)


def is_text_value(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether SQLite keeps a text or bytes in a column, whatever its type says."""
    kind = sa.func.typeof(column)
    return sa.or_(kind == sa.literal_column("'text'"), kind == sa.literal_column("'blob'"))
