"""Transactions on the registry's database: ``read`` sees one moment, ``write`` is all or nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Session

from data_access.tables import AuditHeadRow, RevisionRow

if TYPE_CHECKING:
    from collections.abc import Iterator


class Database:
    """The two engines of the registry and the key its audit trail is signed with."""

    def __init__(self, *, engine: sa.Engine, writer: sa.Engine, audit_key: bytes) -> None:
        self.engine = engine
        self.writer = writer
        self.audit_key = audit_key
        self.written = 0
        """How often this process has written through it."""

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()
        self.writer.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one moment of the registry; the database refuses to write through it."""
        with Session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose work is stored as a whole or not at all, and tell every cache that it is old.

        The revision grows at the end, so that its row is locked as briefly as possible.
        """
        with Session(self.writer) as session, session.begin():
            session.info["audit_key"] = self.audit_key
            yield session
            session.flush()
            session.execute(sa.update(RevisionRow).values(number=RevisionRow.number + 1))
        self.written += 1

    @contextmanager
    def write_alone(self) -> Iterator[Session]:
        """Give a session like ``write`` that waits for whoever else decides: SQLite lets one write, PostgreSQL locks the trail's head."""
        with self.write() as session:
            session.execute(sa.select(AuditHeadRow.id).with_for_update())
            yield session

    @contextmanager
    def keep_books(self) -> Iterator[Session]:
        """Give a session like ``write`` for what no page shows: leases of work; caches stay as they are."""
        with Session(self.writer) as session, session.begin():
            yield session

    def revision(self) -> int:
        """Return the number that grows with every write."""
        with self.read() as session:
            return session.execute(sa.select(RevisionRow.number)).scalar_one()
