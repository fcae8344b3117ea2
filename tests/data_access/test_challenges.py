from pathlib import Path

import pytest

from tests.challenge_contract import ChallengeContract


class TestSqliteChallenges(ChallengeContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'registry.db'}"


@pytest.mark.postgres
class TestPostgresChallenges(ChallengeContract):
    @pytest.fixture
    def address(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql+psycopg://", "postgresql://")
