"""The standing approval that an item of a meeting, or an answer given there, is about has a column of its own."""

import sqlalchemy as sa
from alembic import op

from data_access.meeting_guards import without_meeting_guards

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

TABLES = ("meeting_items", "meeting_entries")


def upgrade() -> None:
    """Add the columns and move the numbers that stood, by the rule of the item, where a version of the policy has its own."""
    for table in TABLES:
        op.add_column(table, sa.Column("standing_number", sa.Integer(), nullable=True))
    with without_meeting_guards(op.get_bind()):
        op.execute(
            "UPDATE meeting_items SET standing_number = policy_number, policy_number = NULL WHERE rule = 'standing_proposed'"
        )
        op.execute(
            "UPDATE meeting_entries SET standing_number = "
            "(SELECT standing_number FROM meeting_items WHERE meeting_items.id = meeting_entries.item_id) "
            "WHERE kind = 'decision' AND decision_id IS NULL AND policy_number IS NULL"
        )


def downgrade() -> None:
    """Put the numbers back and drop the columns."""
    with without_meeting_guards(op.get_bind()):
        op.execute("UPDATE meeting_items SET policy_number = standing_number WHERE standing_number IS NOT NULL")
    for table in TABLES:
        op.drop_column(table, "standing_number")
