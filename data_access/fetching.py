"""Run a query and get its columns, each engine by its fastest way that refuses nothing.

SQLite and PostgreSQL give tuples straight from the driver's cursor; DuckDB gives Arrow.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.log_connections import unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_access.log_connections import LogTable
    from data_access.log_values import Values


def fetched(table: LogTable, query: sa.Select[Any] | sa.CompoundSelect[Any], width: int) -> list[Values]:
    """Return the ``width`` selected columns of a query on ``table``.

    Nothing is converted on the way: select types that the driver gives as numbers, booleans or texts.

    Raises:
        LogUnreadableError: the database refuses the query.
    """
    try:
        with table.engine.connect() as connection:
            cursor: Any = connection.execute(query).cursor
            if table.is_duckdb:
                arrow = cursor.to_arrow_table()
                return [column.combine_chunks() for column in arrow.itercolumns()]
            found = cursor.fetchall()
    except sa.exc.DBAPIError as error:
        raise unreadable(f"table {table.words} cannot be read", error) from None
    return list(zip(*found, strict=True)) if found else [()] * width  # no rows, no columns


def counted(table: LogTable, query: sa.Select[Any], parameters: Sequence[dict[str, Any]]) -> list[int]:
    """Return the one number of a query for each set of parameters; on SQLite each costs little more than its rows."""
    try:
        with table.engine.connect() as connection:
            if not table.is_sqlite:
                return [int(connection.execute(query, given).scalar_one()) for given in parameters]
            compiled: Any = query.compile(dialect=table.engine.dialect)
            cursor: Any = connection.connection.cursor()
            found = []
            for given in parameters:
                values = compiled.construct_params(given)
                cursor.execute(compiled.string, [values[name] for name in compiled.positiontup])
                found.append(int(cursor.fetchone()[0]))
            return found
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        raise unreadable(f"table {table.words} cannot be read", error) from None
