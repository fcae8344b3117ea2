"""What verifying finds beside the trail, in SQLite and in PostgreSQL."""

from pathlib import Path

import pytest

from tests.behind_the_trail_contract import BehindTheTrailContract


class TestSqliteBehindTheTrail(BehindTheTrailContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.mark.postgres
class TestPostgresBehindTheTrail(BehindTheTrailContract):
    @pytest.fixture
    def address(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql+psycopg://", "postgresql://")
