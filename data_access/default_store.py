"""The default store: the database that ``import`` and ``ingest`` fill, a wide table per model.

Times are kept as microseconds since 1970 in UTC, ids and categories as normalised text. A row is known by a key made of its
id and time (or of everything it says, where ids are not mapped), so that the same file twice adds nothing.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import sqlalchemy as sa

from data_access.log_connections import database_url, unreadable
from monitoring.errors import LogUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from sqlite3 import Connection as SqliteConnection

KEY = "modelfolio_key"
PLAIN_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Index:
    """An index on columns, of the rows ``with_value`` of one; a query that asks for no more than it holds is spared the rows.

    Rows that are equal in the columns come in the order in which they are kept: of equals the last counts.
    """

    columns: tuple[str, ...]
    with_value: str | None = None

    @property
    def words(self) -> str:
        """What tells it from others on its table."""
        return " ".join(self.columns) + (f" with {self.with_value}" if self.with_value else "")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows to keep: ``columns`` by name, ``kinds`` is their SQL type, ``known_by`` the columns a row is recognised by.

    ``coming_later`` are columns that a row which is there already takes over once the first of them says something else: a
    label and when it came.
    """

    columns: Mapping[str, Sequence[Any]]
    kinds: Mapping[str, sa.types.TypeEngine[Any]]
    known_by: tuple[str, ...]
    indexed: tuple[Index, ...] = ()
    coming_later: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values())))

    def keys(self) -> list[int]:
        """Return a number per row that the same row always gets; equal rows of a batch are numbered."""
        said = {name: _said_number if isinstance(self.kinds[name], sa.Double) else _said for name in self.known_by}
        frame = pd.DataFrame({name: pd.Series(self.columns[name], dtype=object).map(said[name]) for name in said})
        hashed = pd.util.hash_pandas_object(frame, index=False)
        occurrence = hashed.groupby(hashed).cumcount().to_numpy(dtype=np.uint64)
        mixed = hashed.to_numpy(dtype=np.uint64) ^ (occurrence * np.uint64(0x9E3779B97F4A7C15))
        found: list[int] = mixed.view(np.int64).tolist()
        return found


def _said(value: object) -> str:
    return "" if value is None else f"{type(value).__name__[0]}{value}"


def _said_number(value: object) -> str:
    """A file may hold 40 where another holds 40.0."""
    return _said(float(value) if isinstance(value, int) else value)


def table_name(part: str, model_id: str, fingerprint: str = "") -> str:
    """Return the name of a model's table; SQLite does not tell ``A`` from ``a``, PostgreSQL cuts long names."""
    plain = model_id
    if not PLAIN_ID.fullmatch(model_id):
        plain = (
            re.sub(r"[^a-z0-9]+", "_", model_id.lower())[:28] + "_" + hashlib.sha256(model_id.encode()).hexdigest()[:8]
        )
    return "_".join(word for word in (part, plain, fingerprint) if word)


class DefaultStore:
    """The writing side of the default store."""

    def __init__(self, address: str) -> None:
        url = database_url(address, name="default")
        self._is_sqlite = url.get_backend_name() == "sqlite"
        if self._is_sqlite and url.database:
            _make_folder(Path(url.database).parent)
        self._engine = sa.create_engine(url, connect_args={"timeout": 30} if self._is_sqlite else {})
        if self._is_sqlite:
            _begin_by_hand(self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    @property
    def is_sqlite(self) -> bool:
        """Whether names differ by more than their case and anything may be kept anywhere."""
        return self._is_sqlite

    @contextmanager
    def writing(self) -> Iterator[StoreWriter]:
        """Give a writer whose work is kept as a whole or not at all."""
        try:
            with self._engine.begin() as connection:
                yield StoreWriter(connection)
        except sa.exc.DBAPIError as error:
            raise unreadable("the default store of prediction logs cannot be written", error) from None


class StoreWriter:
    """One transaction on the default store."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._quote = connection.dialect.identifier_preparer.quote_identifier
        self._mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"

    def add(self, table: str, batch: Batch) -> int:
        """Add the rows that are not there yet and return how many; columns the table lacks are added to it.

        Rows that are there already get what the new columns say.
        """
        widened = self._create_or_widen(table, batch)
        keys = batch.keys()
        if widened:
            self._delete_keys(table, keys)
        before = self.count(table)
        names = [KEY, *batch.columns]
        listed = ", ".join(self._quote(name) for name in names)
        marks = ", ".join([self._mark] * len(names))
        statement = f"INSERT INTO {self._quote(table)} ({listed}) VALUES ({marks}) {self._on_conflict(table, batch)}"  # noqa: S608 - quoted names
        rows = list(zip(keys, *batch.columns.values(), strict=True))
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            self._connection.exec_driver_sql(statement, rows[begin : begin + ROWS_AT_ONCE])
        self._index(table, batch)
        return self.count(table) - before

    def _on_conflict(self, table: str, batch: Batch) -> str:
        if not batch.coming_later:
            return "ON CONFLICT DO NOTHING"
        later = [self._quote(name) for name in batch.coming_later]
        changes = ", ".join(f"{name} = excluded.{name}" for name in later)
        known = f"{self._quote(table)}.{later[0]}"
        said = f"excluded.{later[0]} IS NOT NULL AND ({known} IS NULL OR {known} <> excluded.{later[0]})"
        return f"ON CONFLICT ({self._quote(KEY)}) DO UPDATE SET {changes} WHERE {said}"

    def count(self, table: str, *, column: str | None = None) -> int:
        """Return how many rows a table has, or how many of them have a value in a column."""
        if table not in self.tables():
            return 0
        counted = sa.func.count() if column is None else sa.func.count(sa.column(column))
        return int(self._connection.scalar(sa.select(counted).select_from(sa.table(table))) or 0)

    def tables(self) -> set[str]:
        """Return the names of the tables there are."""
        return set(sa.inspect(self._connection).get_table_names())

    def empty(self, table: str) -> int:
        """Remove all rows of a table and return how many there were."""
        if table not in self.tables():
            return 0
        return self._connection.execute(sa.delete(sa.table(table))).rowcount

    def _create_or_widen(self, table: str, batch: Batch) -> bool:
        if table not in self.tables():
            parts = [f"{self._quote(KEY)} BIGINT PRIMARY KEY"]
            if self._connection.dialect.name == "sqlite":
                # The rows stay in the order they came: of two equal in time the last counts.
                parts = [f"{self._quote(KEY)} BIGINT UNIQUE"]
            parts += [f"{self._quote(name)} {self._type(batch.kinds[name])}" for name in batch.columns]
            self._connection.exec_driver_sql(f"CREATE TABLE {self._quote(table)} ({', '.join(parts)})")
            return False
        known = {column["name"] for column in sa.inspect(self._connection).get_columns(table)}
        added = [name for name in batch.columns if name not in known]
        for name in added:
            column = f"{self._quote(name)} {self._type(batch.kinds[name])}"
            self._connection.exec_driver_sql(f"ALTER TABLE {self._quote(table)} ADD COLUMN {column}")
        return bool(added)

    def _type(self, kind: sa.types.TypeEngine[Any]) -> str:
        return kind.compile(self._connection.dialect)

    def _delete_keys(self, table: str, keys: list[int]) -> None:
        key = sa.column(KEY, sa.BigInteger())
        for begin in range(0, len(keys), 500):
            chunk = keys[begin : begin + 500]
            self._connection.execute(sa.delete(sa.table(table)).where(key.in_(chunk)))

    def _index(self, table: str, batch: Batch) -> None:
        known = {index["name"] for index in sa.inspect(self._connection).get_indexes(table)}
        for index in dict.fromkeys(batch.indexed):
            digest = hashlib.sha256(f"{table} {index.words}".encode()).hexdigest()[:16]
            if f"ix_{digest}" not in known:
                listed = ", ".join(self._quote(column) for column in index.columns)
                statement = f"CREATE INDEX {self._quote('ix_' + digest)} ON {self._quote(table)} ({listed})"
                where = f" WHERE {self._quote(index.with_value)} IS NOT NULL" if index.with_value else ""
                self._connection.exec_driver_sql(statement + where)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"the folder {folder} of the default store of prediction logs cannot be made: {error.strerror}"
        raise LogUnreadableError(said) from None


def _begin_by_hand(engine: sa.Engine) -> None:
    """Let a bulk load be one transaction, tables and rows together."""

    @sa.event.listens_for(engine, "connect")
    def configure(connection: SqliteConnection, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    @sa.event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
