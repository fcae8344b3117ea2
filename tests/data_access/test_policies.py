"""The versions of the policy in SQLite and in PostgreSQL."""

from pathlib import Path

import pytest

from tests.policy_contract import PolicyContract


class TestSqlitePolicies(PolicyContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.mark.postgres
class TestPostgresPolicies(PolicyContract):
    @pytest.fixture
    def address(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql+psycopg://", "postgresql://")
