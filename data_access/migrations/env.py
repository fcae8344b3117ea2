"""What Alembic runs: always on a connection it is given, inside a transaction that somebody else ends."""

from alembic import context

from data_access import retired_tables  # noqa: F401 - the metadata must be complete
from data_access.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
