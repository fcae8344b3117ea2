"""What Alembic runs: always on a connection it is given, inside a transaction that somebody else ends."""

from alembic import context

from data_access import (  # noqa: F401 - the metadata must be complete
    challenge_tables,
    meeting_tables,
    retired_tables,
    standing_tables,
)
from data_access.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
