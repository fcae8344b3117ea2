"""Portfolio shifts with the signs they are found from, and the jobs that workers of assess lease."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

shift_progress = sa.table("shift_progress", sa.column("id"))


def upgrade() -> None:
    op.create_table(
        "shift_days",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("known_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_days")),
    )
    op.create_index("ix_shift_days_day", "shift_days", ["day", "known_on"], unique=False)
    op.create_table(
        "shift_progress",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("searched_to", sa.Date(), nullable=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_shift_progress_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shift_progress")),
    )
    op.create_table(
        "source_sets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("names", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_sets")),
        sa.UniqueConstraint("names", name=op.f("uq_source_sets_names")),
    )
    op.create_table(
        "assess_jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("leased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("assessments", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_assess_jobs_model_id_models")),
        sa.ForeignKeyConstraint(["run_id"], ["assess_runs.id"], name=op.f("fk_assess_jobs_run_id_assess_runs")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assess_jobs")),
    )
    op.create_index("ix_assess_jobs_run", "assess_jobs", ["run_id", "phase", "state"], unique=False)
    op.create_table(
        "assess_progress",
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("reference_ids", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("log_first", sa.Date(), nullable=True),
        sa.Column("log_last", sa.Date(), nullable=True),
        sa.Column("signed_to", sa.Date(), nullable=True),
        sa.Column("signs_from", sa.Date(), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("judged_to", sa.Date(), nullable=True),
        sa.Column("shift_days", sa.Integer(), nullable=False),
        sa.Column("shifts_to", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_assess_progress_model_id_models")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_assess_progress")),
    )
    op.create_table(
        "shift_signs",
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("known_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sources_id", sa.Integer(), nullable=False),
        sa.Column("signs", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_shift_signs_model_id_models")),
        sa.ForeignKeyConstraint(["sources_id"], ["source_sets.id"], name=op.f("fk_shift_signs_sources_id_source_sets")),
        sa.PrimaryKeyConstraint("model_id", "day", "known_on", "recorded_at", name=op.f("pk_shift_signs")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_shift_signs_late",
        "shift_signs",
        ["known_on"],
        unique=False,
        sqlite_where=sa.text("known_on > day"),
        postgresql_where=sa.text("known_on > day"),
    )
    op.create_table(
        "shifts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shift_day_id", sa.Integer(), nullable=False),
        sa.Column("began", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("grouping", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("k", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("base", sa.Double(), nullable=False),
        sa.Column("log10_p", sa.Double(), nullable=False),
        sa.Column("models", sa.JSON(), nullable=False),
        sa.Column("cleared", sa.JSON(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["shift_day_id"], ["shift_days.id"], name=op.f("fk_shifts_shift_day_id_shift_days")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shifts")),
    )
    op.create_index(op.f("ix_shifts_shift_day_id"), "shifts", ["shift_day_id"], unique=False)
    op.add_column("assess_runs", sa.Column("only_model", sa.String(), nullable=True))
    op.add_column("assess_runs", sa.Column("at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("assess_runs", sa.Column("state", sa.String(), nullable=False, server_default="finished"))
    op.add_column("assess_runs", sa.Column("assessments", sa.Integer(), nullable=False, server_default="0"))
    op.bulk_insert(shift_progress, [{"id": 1}])


def downgrade() -> None:
    op.drop_column("assess_runs", "assessments")
    op.drop_column("assess_runs", "state")
    op.drop_column("assess_runs", "at")
    op.drop_column("assess_runs", "only_model")
    for table in (
        "shifts",
        "shift_signs",
        "assess_progress",
        "assess_jobs",
        "source_sets",
        "shift_progress",
        "shift_days",
    ):
        op.drop_table(table)
