"""Meetings in SQLite and in PostgreSQL."""

from pathlib import Path

import pytest

from tests.meeting_contract import MeetingContract


class TestSqliteMeetings(MeetingContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'registry.db'}"

    def replaces(self) -> list[str]:
        return [
            f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"
            for table in ("meetings", "meeting_entries", "meeting_actions")
        ]


@pytest.mark.postgres
class TestPostgresMeetings(MeetingContract):
    @pytest.fixture
    def address(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql+psycopg://", "postgresql://")

    def replaces(self) -> list[str]:
        return ["TRUNCATE meeting_entries", "TRUNCATE meetings CASCADE"]
