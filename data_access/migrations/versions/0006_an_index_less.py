"""An index of profiles by day goes: nothing asks for it, and it took a tenth of their room."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the index."""
    op.drop_index("ix_profiles_day", table_name="profiles")


def downgrade() -> None:
    """Make it again."""
    op.create_index("ix_profiles_day", "profiles", ["day"], unique=False)
