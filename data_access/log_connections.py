"""Named connections to the databases prediction logs are in: opened for reading only, tables looked at once."""

from __future__ import annotations

import difflib
import sqlite3
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from data_access.experimental_engines import inspector_of, prepare
from data_access.parquet_folder import ParquetFolder, is_parquet
from data_access.statements import Given
from monitoring.errors import LogUnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from data_access.log_mapping import Scalar, TableSource
    from data_access.statements import Statement

POSTGRESQL_NAME_BYTES = 63
SHOWN_NAMES = 12
FEW_ROWS = 100_000
"""DuckDB takes longer to plan a query than to count so many, and a file of so many rows is read by parts without it."""


@dataclass(frozen=True, slots=True)
class LogTable:
    """A table as the database describes it; ``stands_for`` is what a query calls it where that is not its name.

    ``counts`` chooses the executor: the engine counts, or (by default) rows are fetched and counted here. ``size`` is the
    number of all rows where a file says it.
    """

    engine: sa.Engine
    name: str
    schema: str | None
    types: dict[str, sa.types.TypeEngine[Any]]
    where: tuple[tuple[str, Scalar | Given], ...] = ()
    stands_for: str | None = None
    counts: bool = False
    size: int | None = None
    _aliases: dict[str, sa.FromClause] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_aliases", {})

    @property
    def quoted_name(self) -> sa.quoted_name:
        """What a query calls the table."""
        return sa.quoted_name(self.stands_for or self.name, quote=True)

    @property
    def _clause(self) -> sa.FromClause:
        if "" not in self._aliases:
            self._aliases[""] = sa.table(self.quoted_name, schema=self.schema)
        return self._aliases[""]

    @property
    def is_postgresql(self) -> bool:
        """Whether the table is in PostgreSQL."""
        return self.engine.dialect.name == "postgresql"

    @property
    def is_duckdb(self) -> bool:
        """Whether DuckDB reads the table, from Parquet files; columns come as Arrow."""
        return self.engine.dialect.name == "duckdb"

    @property
    def is_sqlite(self) -> bool:
        """Whether the table is in SQLite, which keeps anything in any column."""
        return self.engine.dialect.name == "sqlite"

    @property
    def is_file(self) -> bool:
        """Whether the database is a file or in this process, without a server."""
        return self.is_sqlite or self.is_duckdb

    @property
    def is_clickhouse(self) -> bool:
        """Whether ClickHouse's engine holds the table; its times are instants, whatever zone they are shown in."""
        return self.engine.dialect.name == "chdb"

    @property
    def is_spark(self) -> bool:
        """Whether Spark SQL reads the table."""
        return self.engine.dialect.name == "hive"

    @property
    def tells_times_as_numbers(self) -> bool:
        """Whether typed times come and go as microseconds since 1970, for its driver has no times with a zone."""
        return self.is_clickhouse or self.is_spark

    @property
    def repeats_shared_queries(self) -> bool:
        """Whether a subquery that several branches share is worked out for each of them, so that each had better have its own."""
        return self.is_clickhouse or self.is_spark

    @property
    def is_counted_at_once(self) -> bool:
        """Whether the engine knows how many rows there are without looking at them."""
        return not self.where and (self.is_sqlite or self.is_duckdb)

    @property
    def small_file(self) -> str | None:
        """The path of a Parquet file that holds few rows of this model only."""
        return self.stands_for if self.size is not None and self.size <= FEW_ROWS and not self.where else None

    @property
    def is_typed(self) -> bool:
        """Whether a column holds only what its type says, times, decimals and booleans too."""
        return self.is_postgresql or self.is_duckdb or self.is_clickhouse or self.is_spark

    @property
    def words(self) -> str:
        """The table as it stands in a sentence."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def standing_in(self, part: str) -> LogTable:
        """Return a table that stands in for all that look like this one; the values of its filter are to be given."""
        where = tuple((name, Given(f"{part} where {at}")) for at, (name, _) in enumerate(self.where))
        return replace(self, stands_for=f"\x02{part}\x02", where=where)

    def filter_values(self, part: str) -> dict[str, Any]:
        """Return the values of the filter, as one that stands in for this table is given them."""
        return {f"{part} where {at}": self.fitting(name, value) for at, (name, value) in enumerate(self.where)}

    @property
    def quoted_text(self) -> str:
        """What the text of a query calls the table."""
        text: str = self.engine.dialect.identifier_preparer.quote(self.quoted_name)
        return text

    def look(self, columns: Sequence[str]) -> object:
        """Return everything but its name that a query on some columns of the table depends on."""
        own = [self.own_name(column) for column in columns]
        types = tuple((name, type(self.types[name])) if name else None for name in own)
        return self.engine, self.schema, types, tuple(name for name, _ in self.where)

    def own_name(self, column: str) -> str | None:
        """Return the column's name in the database, or nothing; PostgreSQL cuts names after 63 bytes without a word."""
        if column in self.types:
            return column
        cut = column.encode()[:POSTGRESQL_NAME_BYTES].decode(errors="ignore")
        return cut if self.is_postgresql and cut in self.types else None

    def type_of(self, column: str) -> sa.types.TypeEngine[Any]:
        """Return the declared type of a column that is there."""
        return self.types[self.own_name(column) or column]

    def column(self, column: str, *, of: sa.FromClause | None = None) -> sa.ColumnElement[Any]:
        """Return a column of the table (or of an alias of it).

        Raises:
            LogUnreadableError: there is no such column; the text names the nearest ones.
        """
        name = self.own_name(column)
        if name is None:
            raise LogUnreadableError(f"table {self.words} has no column {column!r}{nearest(column, self.types)}")
        # Without a type: the driver's own values, for SQLite keeps anything anywhere and a type would refuse it.
        return sa.column(name, _selectable=self._clause if of is None else of)

    def rows(self, alias: str) -> sa.FromClause:
        """Return the table under another name, the same each time, so that conditions made apart mean the same rows."""
        if alias not in self._aliases:
            self._aliases[alias] = self._clause.alias(alias)
        return self._aliases[alias]

    def condition(self, of: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        """Return the filter that picks the model's rows."""
        return [
            self.column(name, of=of) == sa.bindparam(f"where_{at}", self.fitting(name, value), unique=True)
            for at, (name, value) in enumerate(self.where)
        ]

    def fitting(self, column: str, value: Scalar | Given) -> Scalar | Given:
        """Return the value as the column keeps it: PostgreSQL does not compare text with numbers."""
        declared = self.type_of(column) if self.own_name(column) else None
        if isinstance(declared, sa.String) and isinstance(value, int | float):
            return str(value)
        if isinstance(declared, sa.Integer) and isinstance(value, str) and value.lstrip("-").isdigit():
            return int(value)
        return value


class LogConnections:
    """The named connections of one process; ``default`` is the store that ``import`` and ``ingest`` fill."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        # Taken apart when used: a bad setting of one connection is no matter of the others.
        self._addresses = {name.lower(): address for name, address in addresses.items()}
        self._counting: set[str] = set()
        self._engines: dict[str, sa.Engine] = {}
        self._folders: dict[str, ParquetFolder] = {}
        self._tables: dict[tuple[str, str | None, str], LogTable] = {}
        self.statements: dict[object, dict[str, Statement]] = {}
        """Statements by their name, for all logs that look alike."""

    def engine(self, name: str) -> sa.Engine:
        """Return the engine of a connection; it cannot write.

        Raises:
            LogUnreadableError: no connection has this name, or its address is not one.
        """
        if name not in self._engines:
            address = self._addresses.get(name)
            if address is None:
                known = ", ".join(sorted(self._addresses))
                raise LogUnreadableError(
                    f"there is no connection {name!r}; set MODELFOLIO_CONNECTION_{name.upper()} to its address (known: {known})"
                )
            address, counts = split_executor(address, name=name)
            if counts:
                self._counting.add(name)
            if is_parquet(address):
                self._folders[name] = ParquetFolder(name, address)
                self._engines[name] = self._folders[name].engine
            else:
                self._engines[name] = read_only_engine(name, address)
        return self._engines[name]

    def table(self, source: TableSource) -> LogTable:
        """Return the table of a mapping as it is in the database, with the filter of the mapping.

        Raises:
            LogUnreadableError: the database cannot be opened or has no such table; the text names the nearest ones.
        """
        key = (source.connection, source.schema, source.table)
        if key not in self._tables:
            self._tables[key] = self._looked_up(source)
        found = self._tables[key]
        return replace(found, where=source.where, counts=source.connection in self._counting)

    def fingerprint(self, source: TableSource) -> list[object] | None:
        """Return what tells whether a table of Parquet files changed, nothing where only its rows can tell."""
        self.engine(source.connection)
        folder = self._folders.get(source.connection)
        return folder.fingerprint(source.table) if folder is not None else None

    def folder(self, name: str) -> ParquetFolder | None:
        """Return the Parquet folder behind a connection that was opened, nothing for a database."""
        return self._folders.get(name)

    def forget_tables(self) -> None:
        """Look at every table afresh, after a write changed some."""
        self._tables.clear()

    def close(self) -> None:
        """Close every connection."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        self._folders.clear()
        self._tables.clear()
        self.statements.clear()

    def _looked_up(self, source: TableSource) -> LogTable:
        engine = self.engine(source.connection)
        try:
            if engine.dialect.name == "sqlite" and (types := _sqlite_types(engine, source.table)):
                return LogTable(engine, source.table, source.schema, types)
            if source.connection in self._folders:
                return self._parquet_table(self._folders[source.connection], source)
            inspector = inspector_of(engine)
            for schema, name in _spellings(source):
                if inspector.has_table(name, schema=schema):
                    columns = inspector.get_columns(name, schema=schema)
                    return LogTable(engine, name, schema, {column["name"]: column["type"] for column in columns})
            schema, name = _spellings(source)[-1]
            known_schema = schema is None or schema in inspector.get_schema_names()
            names = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)] if known_schema else []
        except (sa.exc.DBAPIError, sqlite3.Error) as error:
            raise unreadable(f"connection {source.connection!r} cannot be read", error) from None
        raise LogUnreadableError(
            f"connection {source.connection!r} has no table {source.table!r}{nearest(name, names, schema=schema)}"
        )

    def _parquet_table(self, folder: ParquetFolder, source: TableSource) -> LogTable:
        prepared = folder.prepare(source.table)
        if prepared is None:
            said = nearest(source.table, list(folder.tables()))
            raise LogUnreadableError(f"connection {source.connection!r} has no table {source.table!r}{said}")
        return LogTable(folder.engine, source.table, None, prepared.types, stands_for=prepared.name, size=prepared.rows)


def _sqlite_types(engine: sa.Engine, table: str) -> dict[str, sa.types.TypeEngine[Any]]:
    """Return the declared types of a table's columns, nothing when there is no such table.

    The inspector says the same, but reads how the table was created to say more, which takes ten times as long.
    """
    quoted = engine.dialect.identifier_preparer.quote_identifier(table)
    opened = engine.raw_connection()
    try:
        found = opened.cursor().execute(f"PRAGMA main.table_xinfo({quoted})").fetchall()
    finally:
        opened.close()
    return {row[1]: _sqlite_type(row[2]) for row in found}


@lru_cache(maxsize=256)
def _sqlite_type(declared: str) -> sa.types.TypeEngine[Any]:
    """Return the type SQLite takes a declaration for: by its name, else by the letters in it."""
    word = declared.partition("(")[0].strip().upper()
    known: Mapping[str, Any] = SQLiteDialect.ischema_names
    if word in known:
        kind: type[sa.types.TypeEngine[Any]] = known[word]
        return kind()
    by_letters: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
        ("INT", sa.Integer()),
        *((letters, sa.Text()) for letters in ("CHAR", "CLOB", "TEXT")),
        ("BLOB", sa.types.NullType()),
        *((letters, sa.Double()) for letters in ("REAL", "FLOA", "DOUB")),
    )
    return next(
        (kind for letters, kind in by_letters if letters in word), sa.Numeric() if word else sa.types.NullType()
    )


def _spellings(source: TableSource) -> list[tuple[str | None, str]]:
    """Return how a table's name may be meant: a dot may separate the schema or be part of the name."""
    schema, dot, name = source.table.partition(".")
    meant: list[tuple[str | None, str]] = [(source.schema, source.table)]
    return [*meant, (schema, name)] if dot and source.schema is None and schema and name else meant


def nearest(name: str, names: Mapping[str, Any] | list[str], *, schema: str | None = None) -> str:
    """Return the end of a sentence that names what may have been meant."""
    known = list(names)
    if not known:
        return ""
    near = difflib.get_close_matches(name.lower(), [each.lower() for each in known], n=3, cutoff=0.5)
    chosen = [each for match in near for each in known if each.lower() == match] or sorted(known)[:SHOWN_NAMES]
    shown = ", ".join(repr(f"{schema}.{each}" if schema else each) for each in chosen)
    return f"; {'the nearest are' if near else 'it has'} {shown}"


def unreadable(what: str, error: Exception) -> LogUnreadableError:
    """Return the error with the database's own first line and no address."""
    said = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    lines = str(said).strip().splitlines() or [type(said).__name__]
    return LogUnreadableError(f"{what}: {lines[0]}")


def split_executor(address: str, *, name: str) -> tuple[str, bool]:
    """Return an address without its executor, and whether that is the engine's own counting.

    >>> split_executor("postgresql://host/db?executor=aggregate", name="warehouse")
    ('postgresql://host/db', True)
    >>> split_executor("sqlite:///log.db", name="warehouse")
    ('sqlite:///log.db', False)
    """
    base, mark, query = address.partition("?")
    parts = query.split("&") if mark else []
    said = [part.partition("=")[2] for part in parts if part.partition("=")[0] == "executor"]
    if not set(said) <= {"fetch", "aggregate"}:
        raise LogUnreadableError(f"the executor of connection {name!r} is fetch or aggregate, not {said[0]!r}")
    rest = "&".join(part for part in parts if part.partition("=")[0] != "executor")
    return (f"{base}?{rest}" if rest else base), "aggregate" in said


def database_url(address: str, *, name: str) -> sa.URL:
    """Return an address as SQLAlchemy understands it; it is never shown, for it may hold a password."""
    try:
        url = sa.make_url(address)
    except (sa.exc.ArgumentError, ValueError):
        raise LogUnreadableError(
            f"the address of connection {name!r} is not a database URL such as postgresql://user@host/database"
        ) from None
    if "@" in (url.host or ""):
        # What stands before it belongs to the password, and a driver would say it when it finds no such machine.
        raise LogUnreadableError(f"the address of connection {name!r} has two @: in a password it is written %40")
    return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgres", "postgresql"} else url


def read_only_engine(name: str, address: str) -> sa.Engine:
    """Return an engine whose database refuses to write."""
    url = database_url(address, name=name)
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite and not Path(url.database or "").is_file():
        said = "import or ingest a log first" if name == "default" else f"there is no file {url.database}"
        raise LogUnreadableError(f"connection {name!r} cannot be read: {said}")
    options = {} if is_sqlite else {"postgresql_readonly": True}
    try:
        # Nothing is ever written to a file, so there is nothing to roll back when a connection is given back.
        reset: Any = None if is_sqlite else "rollback"
        engine = sa.create_engine(
            url, pool_pre_ping=not is_sqlite, execution_options=options, pool_reset_on_return=reset
        )
    except (ModuleNotFoundError, sa.exc.NoSuchModuleError) as error:
        raise LogUnreadableError(f"connection {name!r} needs a driver that is not installed: {error}") from None
    if is_sqlite:

        @sa.event.listens_for(engine, "connect")
        def refuse_to_write(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA query_only=ON")
            connection.execute("PRAGMA busy_timeout=30000")

    prepare(engine)
    return engine
