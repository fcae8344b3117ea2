from pathlib import Path

import pytest

from tests.retirement_contract import RetirementContract


class TestSqliteRetirement(RetirementContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.mark.postgres
class TestPostgresRetirement(RetirementContract):
    @pytest.fixture
    def address(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql+psycopg://", "postgresql://")
