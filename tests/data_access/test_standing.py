from pathlib import Path

import pytest

from tests.standing_contract import StandingContract


class TestSqliteStanding(StandingContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.mark.postgres
class TestPostgresStanding(StandingContract):
    @pytest.fixture
    def address(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql+psycopg://", "postgresql://")
