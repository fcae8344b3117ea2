"""Engines for the registry: one that writes, one that only reads, on SQLite or PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from monitoring.errors import RegistryUnavailableError, SettingsError

if TYPE_CHECKING:
    from sqlite3 import Connection as SqliteConnection

LOCK_TIMEOUT_SECONDS = 30
PAGE_BYTES = 16_384


def registry_url(address: str) -> sa.URL:
    """Return the address as SQLAlchemy understands it; PostgreSQL is spoken to through psycopg 3."""
    try:
        url = sa.make_url(address)
    except sa.exc.ArgumentError:
        raise SettingsError("The registry's address is not a database URL such as sqlite:///registry.db") from None
    if url.drivername in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise SettingsError(f"The registry is kept in SQLite or PostgreSQL, not in {url.drivername!r}.")
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise SettingsError("A registry in memory would be gone at once; name a file.")
    return url


def sqlite_file(url: sa.URL) -> Path | None:
    """Return the file of a SQLite registry, nothing for PostgreSQL."""
    return Path(str(url.database)) if url.drivername == "sqlite" else None


def writing_engine(url: sa.URL) -> sa.Engine:
    """Return the engine for transactions that write.

    SQLite: a transaction takes the write lock when it begins. One that reads first and writes later would be refused
    at once when somebody else wrote in between, in spite of any timeout.
    """
    if url.drivername != "sqlite":
        return _postgresql_engine(url)
    return _sqlite_engine(url, begin="BEGIN IMMEDIATE")


def reading_engine(url: sa.URL, *, writer: sa.Engine) -> sa.Engine:
    """Return the engine for pages: each transaction sees one moment, and the database refuses to write."""
    if url.drivername != "sqlite":
        return writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return _sqlite_engine(url, begin="BEGIN", read_only=True)


def unavailable(url: sa.URL, error: sa.exc.DBAPIError) -> RegistryUnavailableError:
    """Return the error as one sentence that shows no password."""
    reason = str(error.orig).strip().splitlines()[0]
    return RegistryUnavailableError(
        f"The registry {url.render_as_string(hide_password=True)} cannot be opened: {reason}"
    )


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    try:
        return sa.create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise SettingsError("PostgreSQL needs psycopg: install modelfolio[postgres].") from None


def _sqlite_engine(url: sa.URL, *, begin: str, read_only: bool = False) -> sa.Engine:
    engine = sa.create_engine(url, connect_args={"timeout": LOCK_TIMEOUT_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def configure(connection: SqliteConnection, _record: object) -> None:
        # Without this the driver begins transactions by itself, and later than we want them to begin.
        connection.isolation_level = None
        # Takes effect on a new file only. A packed day is one to four kilobytes: on pages of four a third stayed empty.
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: an acknowledged approval must survive a power cut.
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        if read_only:
            connection.execute("PRAGMA query_only=ON")

    @sa.event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
