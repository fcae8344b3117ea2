"""What follows an approval: the outbox of triggers, reports of trainings, how an outcome was judged."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FOLLOWED: dict[str, sa.types.TypeEngine[Any]] = {
    "state_on": sa.Date(),
    "state_at": sa.DateTime(timezone=True),
    "assigned_to": sa.String(),
    "sunset_on": sa.Date(),
    "new_version": sa.String(),
    "active_from": sa.Date(),
    "settles_on": sa.Date(),
    "outcome": sa.String(),
    "outcome_reason": sa.String(),
    "outcome_by": sa.String(),
    "outcome_on": sa.Date(),
    "outcome_confirmed_by": sa.String(),
    "measured": sa.JSON(none_as_null=True),
}


def upgrade() -> None:
    for name, kind in FOLLOWED.items():
        op.add_column("decisions", sa.Column(name, kind, nullable=True))
    op.create_table(
        "triggers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("payload", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("target", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("response", sa.String(), nullable=True),
        sa.Column("responded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f("fk_triggers_decision_id_decisions")),
        sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f("fk_triggers_model_id_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_triggers")),
        sa.UniqueConstraint("decision_id", name=op.f("uq_triggers_decision_id")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_triggers_idempotency_key")),
    )
    op.create_index(op.f("ix_triggers_state"), "triggers", ["state"], unique=False)
    op.create_table(
        "training_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=False),
        sa.Column("report", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("active_from", sa.Date(), nullable=True),
        sa.Column("trained_from", sa.Date(), nullable=True),
        sa.Column("trained_to", sa.Date(), nullable=True),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False, server_default="table"),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.current_timestamp()),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refusal", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.id"], name=op.f("fk_training_reports_decision_id_decisions")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_reports")),
    )
    op.create_index(op.f("ix_training_reports_decision_id"), "training_reports", ["decision_id"], unique=False)
    op.create_index("ix_audit_events_subject", "audit_events", ["subject_kind", "subject_id"], unique=False)
    _fill()


def _fill() -> None:
    """Say since when decisions are in their state, and put approved retrainings that nobody handed over into the outbox."""
    decisions = sa.table("decisions", *(sa.column(name) for name in ("state_on", "state_at")))
    known = sa.table(
        "decisions",
        *(
            sa.column(name)
            for name in ("id", "model_id", "action", "state", "reason", "decided_on", "decided_at", "proposed_on")
        ),
        sa.column("proposed_at", sa.DateTime(timezone=True)),
    )
    connection = op.get_bind()
    connection.execute(
        sa.update(decisions).values(
            state_on=sa.func.coalesce(sa.column("decided_on"), sa.column("proposed_on")),
            state_at=sa.func.coalesce(sa.column("decided_at"), sa.column("proposed_at")),
        )
    )
    triggers = sa.table(
        "triggers",
        sa.column("decision_id"),
        sa.column("model_id"),
        sa.column("idempotency_key"),
        sa.column("run"),
        sa.column("state"),
        sa.column("payload", sa.JSON()),
        sa.column("created_at", sa.DateTime(timezone=True)),
        sa.column("next_at", sa.DateTime(timezone=True)),
        sa.column("tries"),
        sa.column("fence"),
    )
    waiting = connection.execute(
        sa.select(known).where(known.c.action == "retrain", known.c.state == "approved").order_by(known.c.id)
    ).all()
    for row in waiting:
        payload = {"decision": row.id, "run": 1, "action": "retrain", "model": row.model_id, "reason": row.reason}
        connection.execute(
            sa.insert(triggers).values(
                decision_id=row.id,
                model_id=row.model_id,
                idempotency_key=f"decision-{row.id}",
                run=1,
                state="waiting",
                payload=payload,
                created_at=row.proposed_at,
                next_at=row.proposed_at,
                tries=0,
                fence=0,
            )
        )


def downgrade() -> None:
    op.drop_index("ix_audit_events_subject", "audit_events")
    op.drop_table("training_reports")
    op.drop_table("triggers")
    for name in FOLLOWED:
        op.drop_column("decisions", name)
