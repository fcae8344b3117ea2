"""New registries for tests: the migrations run once a process, every further registry is a copy of what they made."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from data_access.engine import registry_url, sqlite_file
from data_access.schema import upgrade

TEMPLATE = "modelfolio_template"


def fresh_registry(address: str) -> None:
    """Make an empty database a registry without anything in it, as ``upgrade`` does."""
    url = registry_url(address)
    if file := sqlite_file(url):
        assert not file.exists(), f"{file} is a registry already"
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(_sqlite_template().name) / "registry.db", file)
        return
    server = url.set(database="postgres")
    _postgres_template(server)
    for statement in (f"DROP DATABASE {url.database}", f"CREATE DATABASE {url.database} TEMPLATE {TEMPLATE}"):
        _execute(server, statement)


@cache
def _sqlite_template() -> tempfile.TemporaryDirectory[str]:
    """Return the folder of the template; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="modelfolio-template-")
    upgrade(f"sqlite:///{folder.name}/registry.db")
    return folder


@cache
def _postgres_template(server: sa.URL) -> None:
    _execute(server, f"CREATE DATABASE {TEMPLATE}")
    upgrade(server.set(database=TEMPLATE).render_as_string(hide_password=False))


def _execute(server: sa.URL, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
