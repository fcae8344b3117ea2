"""The registry: the database of everything except predictions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from data_access.database import Database
from data_access.decision_records import RegistryDecisions
from data_access.engine import reading_engine, registry_url, sqlite_file, unavailable, writing_engine
from data_access.meeting_records import RegistryMeetings
from data_access.meeting_tables import MeetingRow
from data_access.policy_records import RegistryPolicies
from data_access.standing_records import RegistryStanding
from monitoring.errors import ForbiddenMoveError, RegistryOutOfDateError
from monitoring.meeting import MeetingState
from monitoring.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = "0014"
"""The newest migration; a test compares it with the migrations folder."""

UPGRADE = "run `modelfolio db upgrade`"


class Registry(Database):
    """An open registry whose tables are the ones this program knows."""

    @classmethod
    def open(cls, address: str, *, audit_key: bytes) -> Self:
        """Open the registry at ``address``; one that is missing or out of date is refused in one sentence.

        Raises:
            RegistryOutOfDateError: it has to be created or upgraded first, or this program is older than it.
            RegistryUnavailableError: the database does not answer.
        """
        url = registry_url(address)
        file = sqlite_file(url)
        if file and not file.exists():
            raise RegistryOutOfDateError(f"There is no registry yet at {file}: {UPGRADE}.")
        writer = writing_engine(url)
        registry = cls(engine=reading_engine(url, writer=writer), writer=writer, audit_key=audit_key)
        try:
            registry._refuse_other_schema()
        except sa.exc.DBAPIError as error:
            registry.close()
            raise unavailable(url, error) from None
        except RegistryOutOfDateError:
            registry.close()
            raise
        return registry

    @contextmanager
    def deciding(self) -> Iterator[RegistryDecisions]:
        """Give the decisions inside one writing transaction; whoever else wants to decide waits until it ends.

        Two approvers of the same decision must see each other's answer, or a quorum of two would never be noticed. SQLite
        lets one transaction write at a time; PostgreSQL lets the others wait for the head of the audit trail.
        """
        with self.write_alone() as session:
            yield RegistryDecisions(session)

    @contextmanager
    def looking(self) -> Iterator[RegistryDecisions]:
        """Give the decisions for reading only."""
        with self.read() as session:
            yield RegistryDecisions(session)

    @contextmanager
    def deciding_policies(self) -> Iterator[RegistryPolicies]:
        """Give the versions of the policy inside one writing transaction, one at a time as in ``deciding``."""
        with self.write_alone() as session:
            yield RegistryPolicies(session)

    @contextmanager
    def looking_at_policies(self) -> Iterator[RegistryPolicies]:
        """Give the versions of the policy for reading only."""
        with self.read() as session:
            yield RegistryPolicies(session)

    @contextmanager
    def deciding_standing(self) -> Iterator[RegistryStanding]:
        """Give the standing approvals beside the decisions inside one writing transaction, one at a time as in ``deciding``."""
        with self.write_alone() as session:
            yield RegistryStanding(session)

    @contextmanager
    def looking_at_standing(self) -> Iterator[RegistryStanding]:
        """Give the standing approvals for reading only."""
        with self.read() as session:
            yield RegistryStanding(session)

    @contextmanager
    def meeting_records(self) -> Iterator[RegistryMeetings]:
        """Give the meetings inside one writing transaction, one at a time as in ``deciding``."""
        with self.write_alone() as session:
            yield RegistryMeetings(session)

    def turn_to(self, meeting_id: int, *, position: int, leader: str) -> None:
        """Show another screen of a running meeting to everybody; only its chair and its caller can.

        Which screen is shown is no part of the record: it leaves no audit event and no cache forgets anything.
        """
        with self.keep_books() as session:
            records = RegistryMeetings(session)
            meeting = records.meeting(meeting_id)
            meeting.check_leads(records.actor(leader))
            if not 0 <= position <= meeting.last_position:
                raise ForbiddenMoveError(f"The agenda has {plural(len(meeting.items), 'item')}.")
            turned = session.execute(
                sa.update(MeetingRow)
                .where(MeetingRow.id == meeting_id, MeetingRow.state == MeetingState.RUNNING.value)
                .values(position=position, revision=MeetingRow.revision + 1)
                .returning(MeetingRow.id)
            ).all()
        if len(turned) != 1:
            raise ForbiddenMoveError("The meeting is not running.")

    def _refuse_other_schema(self) -> None:
        with self.engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                raise RegistryOutOfDateError(f"The database holds no registry yet: {UPGRADE}.")
            version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if version is None or version < SCHEMA:
            raise RegistryOutOfDateError(f"The registry is out of date: {UPGRADE}.")
        if version > SCHEMA:
            raise RegistryOutOfDateError("The registry was made by a newer modelfolio; install that version.")
