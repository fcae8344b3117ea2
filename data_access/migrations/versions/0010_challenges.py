"""Challenges of findings and questions about proposals."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "challenges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("known_on", sa.Date(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("finding", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_challenges_decision_id_decisions")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_challenges_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenges")),
    )
    op.create_index(op.f("ix_challenges_model_id"), "challenges", ["model_id"], unique=False)
    op.create_index(op.f("ix_challenges_decision_id"), "challenges", ["decision_id"], unique=False)
    for name, columns in (
        ("uq_challenges_open_finding", ["model_id", "code"]),
        ("uq_challenges_open_question", ["decision_id"]),
    ):
        is_open = sa.text("is_open")
        op.create_index(name, "challenges", columns, unique=True, sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "challenge_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("challenge_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("turn", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("said_on", sa.Date(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["challenge_id"], ["challenges.id"], name=op.f("fk_challenge_entries_challenge_id_challenges")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_challenge_entries")),
        sa.UniqueConstraint("challenge_id", "position", name=op.f("uq_challenge_entries_challenge_id")),
    )


def downgrade() -> None:
    op.drop_table("challenge_entries")
    op.drop_table("challenges")
