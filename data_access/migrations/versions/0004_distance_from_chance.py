"""How far a loss of skill lies from chance, kept with each assessment: the review list is cut by it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assessments", sa.Column("z_28", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("assessments", "z_28")
