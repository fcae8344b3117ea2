"""Meetings in SQLite and in PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.meeting_contract import MeetingContract, fill
from tests.postgres import PostgresServer


@pytest.fixture(scope="module")
def filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry in SQLite that every test copies."""
    file = tmp_path_factory.mktemp("meetings") / "registry.db"
    fill(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="module")
def filled_database(postgres_server: PostgresServer) -> Iterator[str]:
    """A registry in PostgreSQL that every test copies."""
    url = postgres_server.new_database()
    fill(url)
    yield url
    postgres_server.drop_database(url)


class TestSqliteMeetings(MeetingContract):
    @pytest.fixture
    def address(self, tmp_path: Path, filled_file: Path) -> str:
        return f"sqlite:///{shutil.copy(filled_file, tmp_path / 'registry.db')}"

    def replaces(self) -> list[str]:
        return [
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
            for table in ("meetings", "meeting_entries", "meeting_actions")
        ]


@pytest.mark.postgres
class TestPostgresMeetings(MeetingContract):
    @pytest.fixture
    def address(self, postgres_server: PostgresServer, filled_database: str) -> Iterator[str]:
        url = postgres_server.new_database(like=filled_database)
        yield url
        postgres_server.drop_database(url)

    def replaces(self) -> list[str]:
        return ["TRUNCATE meeting_entries", "TRUNCATE meetings CASCADE"]
