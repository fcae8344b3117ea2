"""Standing approvals with their answers and runs, and under which one a decision was made."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standing_approvals",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("envelope", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("most_runs", sa.Integer(), nullable=False),
        sa.Column("most_runs_per_model", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("proposed_by", sa.String(), nullable=False),
        sa.Column("proposed_on", sa.Date(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_because", sa.String(), nullable=True),
        sa.Column("past", sa.JSON(none_as_null=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_approvals")),
        sa.UniqueConstraint("id", "most_runs", "most_runs_per_model", name=op.f("uq_standing_approvals_id")),
    )
    op.create_index(op.f("ix_standing_approvals_state"), "standing_approvals", ["state"], unique=False)
    op.create_table(
        "standing_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("standing_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("evidence_hash", sa.String(), nullable=True),
        sa.Column("answered_on", sa.Date(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["standing_id"], ["standing_approvals.id"], name=op.f("fk_standing_answers_standing_id_standing_approvals")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing_answers")),
        sa.UniqueConstraint("standing_id", "person", "answer", name=op.f("uq_standing_answers_standing_id")),
    )
    op.create_index(op.f("ix_standing_answers_standing_id"), "standing_answers", ["standing_id"], unique=False)
    op.create_table(
        "standing_runs",
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("standing_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("month", sa.String(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("place_of_model", sa.Integer(), nullable=False),
        sa.Column("most_runs", sa.Integer(), nullable=False),
        sa.Column("most_runs_per_model", sa.Integer(), nullable=False),
        sa.CheckConstraint("place BETWEEN 1 AND most_runs", name=op.f("ck_standing_runs_place")),
        sa.CheckConstraint(
            "place_of_model BETWEEN 1 AND most_runs_per_model", name=op.f("ck_standing_runs_place_of_model")
        ),
        sa.ForeignKeyConstraint(
            ["standing_id", "most_runs", "most_runs_per_model"],
            ["standing_approvals.id", "standing_approvals.most_runs", "standing_approvals.most_runs_per_model"],
            name="fk_standing_runs_limits",
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_standing_runs_decision_id_decisions")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_standing_runs_model_id_models")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_standing_runs")),
        sa.UniqueConstraint("standing_id", "month", "place", name="uq_standing_runs_place"),
        sa.UniqueConstraint("model_id", "month", "place_of_model", name="uq_standing_runs_place_of_model"),
        sa.UniqueConstraint("model_id", "day", name="uq_standing_runs_day"),
    )
    op.add_column("decisions", sa.Column("standing_approval", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("decisions", "standing_approval")
    op.drop_table("standing_runs")
    op.drop_table("standing_answers")
    op.drop_table("standing_approvals")
