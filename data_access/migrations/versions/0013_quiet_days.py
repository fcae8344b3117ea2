"""Up to which day the search for changes of unit found nothing in a model's versions."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a model without a value is searched from its first day once."""
    op.add_column("assess_progress", sa.Column("quiet_days", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("assess_progress", "quiet_days")
