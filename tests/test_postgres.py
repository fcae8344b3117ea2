"""The PostgreSQL of the tests is real, private and left behind by nobody."""

from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresServer, packaged_programs, running_postgres, system_programs

pytestmark = pytest.mark.postgres
SOURCES = {"system": system_programs(), "package": packaged_programs()}


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""))


@pytest.mark.parametrize("programs", [pytest.param(folder, id=name) for name, folder in SOURCES.items() if folder])
def test_a_server_starts_from_either_source_and_stops(programs: Path) -> None:
    with running_postgres(programs) as server:
        url = server.new_database()
        with connect(url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError):
        connect(url)


def test_a_server_from_a_folder_nobody_may_enter_starts(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    site = packaged_programs().parents[2]
    (tmp_path / "site").symlink_to(site)
    with running_postgres(tmp_path / "site" / packaged_programs().relative_to(site)) as server:
        assert server.new_database()


def test_two_databases_share_nothing(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.new_database(), postgres_server.new_database()
    with connect(first) as connection:
        connection.execute("CREATE TABLE models (name text)")
    with connect(second) as connection:
        assert connection.execute("SELECT to_regclass('models')").fetchone() == (None,)


def test_a_password_is_asked_for(postgres_url: str) -> None:
    before, _, after = postgres_url.partition("@")
    with pytest.raises(psycopg.OperationalError):
        connect(f"{before}x@{after}")
