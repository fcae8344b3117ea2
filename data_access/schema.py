"""Creating the registry and bringing it up to date."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from data_access.engine import registry_url, sqlite_file, unavailable, writing_engine
from monitoring.errors import RegistryOutOfDateError

MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_LOCK = 7_205_759_403  # any number, the same in every process: PostgreSQL lets one upgrade run at a time


def upgrade(address: str) -> None:
    """Create the registry or bring it up to date; a second upgrade at the same time waits and finds nothing to do.

    Raises:
        RegistryOutOfDateError: the registry was made by a newer program.
        RegistryUnavailableError: the database does not answer.
    """
    url = registry_url(address)
    if file := sqlite_file(url):
        file.parent.mkdir(parents=True, exist_ok=True)
    engine = writing_engine(url)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
            command.upgrade(alembic_config(connection), "head")
    except CommandError:
        raise RegistryOutOfDateError("The registry was made by a newer modelfolio; install that version.") from None
    except sa.exc.DBAPIError as error:
        raise unavailable(url, error) from None
    finally:
        engine.dispose()


def alembic_config(connection: sa.Connection) -> Config:
    """Return Alembic's configuration for a connection that is already in its transaction."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
