import sqlite3
from pathlib import Path

import pytest

from data_access import audit_trail
from data_access.audit_guards import POSTGRESQL_GUARDS, SQLITE_GUARDS
from data_access.meeting_guards import POSTGRESQL_MEETING_GUARDS, SQLITE_MEETING_GUARDS
from data_access.registry import Registry
from data_access.schema import upgrade
from monitoring.errors import AuditChainError, RegistryOutOfDateError, RegistryUnavailableError, SettingsError
from tests.registry_contract import KEY, RegistryContract

FIRST_ROW = "SELECT * FROM audit_events WHERE sequence = 1"


class TestSqliteRegistry(RegistryContract):
    @pytest.fixture
    def address(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'registry.db'}"

    def other_ways_to_change_the_trail(self) -> list[str]:
        return [
            f"INSERT OR REPLACE INTO audit_events {FIRST_ROW}",
            f"REPLACE INTO audit_events {FIRST_ROW}",
            f"INSERT INTO audit_events {FIRST_ROW} ON CONFLICT (sequence) DO UPDATE SET actor = 'eve'",
            "UPDATE OR REPLACE audit_events SET sequence = 1 WHERE sequence = 2",
            "INSERT OR REPLACE INTO audit_head (id, sequence, hash) VALUES (1, 0, '')",
        ]

    def test_a_crash_loses_no_acknowledged_write(self, address: str, registry: Registry) -> None:
        with registry.writer.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1

    @pytest.mark.parametrize("column", ["at", "actor", "after", "hash", "mac"])
    def test_a_byte_that_cannot_be_read_is_named(self, office: Registry, column: str) -> None:
        self.without_guards(office, f"UPDATE audit_events SET \"{column}\" = CAST(x'7bff' AS TEXT) WHERE sequence = 3")
        with pytest.raises(AuditChainError, match="Audit row 3 was changed after it was written: it cannot be read"):
            audit_trail.verify(office)
        self.without_guards(office, f"UPDATE audit_events SET \"{column}\" = x'7b' WHERE sequence = 3")
        with pytest.raises(AuditChainError, match="Audit row 3 was"):
            audit_trail.verify(office)

    def test_opening_makes_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(RegistryOutOfDateError, match="There is no registry yet"):
            Registry.open(f"sqlite:///{tmp_path / 'none.db'}", audit_key=KEY)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_is_no_database_is_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "registry.db").write_text("not a database " * 100)
        with pytest.raises(RegistryUnavailableError, match="file is not a database"):
            Registry.open(f"sqlite:///{tmp_path / 'registry.db'}", audit_key=KEY)

    def test_the_guards_are_named_in_the_file(self, tmp_path: Path, registry: Registry) -> None:
        with sqlite3.connect(tmp_path / "registry.db") as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
        connection.close()
        assert names == SQLITE_GUARDS.keys() | SQLITE_MEETING_GUARDS


@pytest.mark.postgres
class TestPostgresRegistry(RegistryContract):
    @pytest.fixture
    def address(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql+psycopg://", "postgresql://")

    def other_ways_to_change_the_trail(self) -> list[str]:
        return [
            "TRUNCATE audit_events",
            "TRUNCATE audit_head",
            f"INSERT INTO audit_events {FIRST_ROW} ON CONFLICT (sequence) DO UPDATE SET actor = 'eve'",
        ]

    def test_the_password_is_never_shown(self) -> None:
        with pytest.raises(RegistryUnavailableError) as refusal:
            Registry.open("postgresql://somebody:secret@127.0.0.1:1/registry", audit_key=KEY)
        with pytest.raises(RegistryUnavailableError, match=r"somebody:\*\*\*@127"):
            upgrade("postgresql://somebody:secret@127.0.0.1:1/registry")
        assert "secret" not in str(refusal.value)
        assert "somebody:***@127.0.0.1" in str(refusal.value)

    def test_there_are_as_many_guards_as_promised(self, registry: Registry) -> None:
        with registry.engine.connect() as connection:
            names = connection.exec_driver_sql("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").scalars()
            assert set(names) == POSTGRESQL_GUARDS.keys() | POSTGRESQL_MEETING_GUARDS


@pytest.mark.parametrize("address", ["", "not a url", "mysql://host/db", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_is_no_registry_is_one_sentence(address: str) -> None:
    with pytest.raises(SettingsError):
        upgrade(address)
