"""What ClickHouse's engine in this process (chdb) and Spark's Thrift Server need before they mean by a query what others mean.

Both are experimental: the tests that prove it run by ``make test-slow``.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

CLICKHOUSE_SETTINGS = {
    "cast_keep_nullable": 1,  # a cast of NULL is NULL, not an error
    "aggregate_functions_null_for_empty": 1,  # the largest of nothing is NULL, not 1970
    "join_use_nulls": 1,
    "max_ast_elements": 10_000_000,
    "max_query_size": 100_000_000,
    "readonly": 1,  # last: it forbids to set anything
}


class _ExactFloat(sa.Float[float]):
    """A float that goes to the engine as its bits: the driver would write fifteen digits of it."""

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[float | None], int | None]:
        """Return the bits of a float as a whole number."""
        del dialect
        return lambda value: None if value is None else struct.unpack("<q", struct.pack("<d", value))[0]

    def bind_expression(self, bindvalue: sa.BindParameter[float]) -> sa.ColumnElement[float]:
        """Return the bits as a float again."""
        return sa.func.reinterpretAsFloat64(sa.func.toInt64(bindvalue), type_=sa.Double())


def prepare_clickhouse(engine: sa.Engine) -> None:
    """Have floats sent exactly; set for each connection what standard SQL says about NULL, and that nothing is written."""
    engine.dialect.colspecs = {**engine.dialect.colspecs, sa.Float: _ExactFloat}

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for name, value in CLICKHOUSE_SETTINGS.items():
            cursor.execute(f"SET {name} = {value}")
        cursor.close()


PREPARATIONS: dict[str, Callable[[sa.Engine], None]] = {"chdb": prepare_clickhouse}


def prepare(engine: sa.Engine) -> None:
    """Prepare an engine that has just been made, where its kind needs it."""
    known = PREPARATIONS.get(engine.dialect.name)
    if known is not None:
        known(engine)
