from pathlib import Path

import pytest

from tests.after_approval_contract import AfterApprovalContract


class TestSqliteAfterApproval(AfterApprovalContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.mark.postgres
class TestPostgresAfterApproval(AfterApprovalContract):
    @pytest.fixture
    def address(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql+psycopg://", "postgresql://")
