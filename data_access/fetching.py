"""Run a query and get its columns, each engine by its fastest way that refuses nothing.

SQLite gives tuples straight from the driver's cursor, PostgreSQL tuples in its binary format, DuckDB gives Arrow.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.log_connections import unreadable
from data_access.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data_access.log_connections import LogTable
    from data_access.log_values import Values
    from data_access.statements import Query


def fetched(table: LogTable, query: Query, width: int) -> list[Values]:
    """Return the ``width`` selected columns of a query on ``table``.

    Nothing is converted on the way: select types that the driver gives as numbers, booleans or texts.

    Raises:
        LogUnreadableError: the database refuses the query.
    """
    if table.is_file:
        statement = Statement.of(query, dialect=table.engine.dialect)
        return fetched_by_driver(table, statement.text, statement.values({}), width)
    try:
        with table.engine.connect() as connection:
            cursor: Any = connection.execute(query).cursor
            return _columns(cursor.fetchall(), width)
    except sa.exc.DBAPIError as error:
        raise unreadable(f"table {table.words} cannot be read", error) from None


def fetched_by_driver(table: LogTable, text: str, values: Sequence[Any], width: int) -> list[Values]:
    """Return the columns of a query in the words of a file's driver."""
    with _cursor(table) as cursor:
        cursor.execute(text, values)
        if table.is_duckdb:
            return [column.combine_chunks() for column in cursor.to_arrow_table().itercolumns()]
        return _columns(cursor.fetchall(), width)


def counted_by_driver(table: LogTable, text: str, values: Sequence[Sequence[Any]]) -> list[int]:
    """Return the one number of a query in the words of a file's driver, for each of several tuples of values."""
    with _cursor(table) as cursor:
        found = []
        for each in values:
            cursor.execute(text, each)
            found.append(int(cursor.fetchone()[0]))
        return found


def _columns(found: Sequence[Sequence[Any]], width: int) -> list[Values]:
    return list(zip(*found, strict=True)) if found else [()] * width  # no rows, no columns


@contextmanager
def _cursor(table: LogTable) -> Iterator[Any]:
    """Give a cursor of a file's driver.

    A file has no session to look after: there the driver is spoken to without SQLAlchemy's bookkeeping, which costs as much
    as a small query.
    """
    engine: Any = table.engine
    try:
        opened = engine.raw_connection()
        try:
            yield opened.cursor()
        finally:
            opened.close()
    except (sa.exc.DBAPIError, engine.dialect.dbapi.Error) as error:
        raise unreadable(f"table {table.words} cannot be read", error) from None
