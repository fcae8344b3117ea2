"""Plans of retirements, and the days on which the log of a retired model was looked at."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decisions", sa.Column("plan", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "watched_days",
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_watched_days_model_id_models")),
        sa.PrimaryKeyConstraint("model_id", "day", name=op.f("pk_watched_days")),
    )
    op.create_table(
        "watches",
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("looked_to", sa.Date(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_watches_model_id_models")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_watches")),
    )


def downgrade() -> None:
    op.drop_table("watches")
    op.drop_table("watched_days")
    op.drop_column("decisions", "plan")
