"""Run a query and get its columns, each engine by its fastest way that refuses nothing.

SQLite gives tuples straight from the driver's cursor, PostgreSQL tuples in its binary format, DuckDB gives Arrow.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.log_connections import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data_access.log_connections import LogTable
    from data_access.log_values import Values

    Query = sa.Select[Any] | sa.CompoundSelect[Any]


def fetched(table: LogTable, query: Query, width: int) -> list[Values]:
    """Return the ``width`` selected columns of a query on ``table``.

    Nothing is converted on the way: select types that the driver gives as numbers, booleans or texts.

    Raises:
        LogUnreadableError: the database refuses the query.
    """
    with _running(table, query) as run:
        cursor = run({})
        if table.is_duckdb:
            return [column.combine_chunks() for column in cursor.to_arrow_table().itercolumns()]
        found = cursor.fetchall()
    return list(zip(*found, strict=True)) if found else [()] * width  # no rows, no columns


def counted(table: LogTable, query: Query, parameters: Sequence[dict[str, Any]]) -> list[int]:
    """Return the one number of a query for each set of parameters; on SQLite each costs little more than its rows."""
    with _running(table, query) as run:
        return [int(run(given).fetchone()[0]) for given in parameters]


@contextmanager
def _running(table: LogTable, query: Query) -> Iterator[Any]:
    """Give what executes a query with parameters and returns the driver's cursor.

    A file has no session to look after: there the driver is spoken to without SQLAlchemy's bookkeeping, which costs as much
    as a small query.
    """
    engine: Any = table.engine
    try:
        if not (table.is_sqlite or table.is_duckdb):
            with engine.connect() as connection:
                yield lambda given: connection.execute(query, given).cursor
            return
        compiled: Any = query.compile(dialect=engine.dialect)
        opened = engine.raw_connection()
        try:
            cursor = opened.cursor()

            def run(given: dict[str, Any]) -> Any:
                values = compiled.construct_params(given)
                cursor.execute(compiled.string, tuple(values[name] for name in compiled.positiontup))
                return cursor

            yield run
        finally:
            opened.close()
    except (sa.exc.DBAPIError, engine.dialect.dbapi.Error) as error:
        raise unreadable(f"table {table.words} cannot be read", error) from None
