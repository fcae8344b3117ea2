"""Meetings: who was there, the agenda, what was entered into the minutes, the actions given."""

import sqlalchemy as sa
from alembic import op

from data_access.meeting_guards import create_meeting_guards, drop_meeting_guards

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meetings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("held_on", sa.Date(), nullable=False),
        sa.Column("length_minutes", sa.Integer(), nullable=False),
        sa.Column("chair", sa.String(), nullable=False),
        sa.Column("called_by", sa.String(), nullable=False),
        sa.Column("scope", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("minutes", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("minutes_hash", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["chair"], ["people.email"], name=op.f("fk_meetings_chair_people")),
        sa.ForeignKeyConstraint(["called_by"], ["people.email"], name=op.f("fk_meetings_called_by_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meetings")),
    )
    op.create_index(op.f("ix_meetings_state"), "meetings", ["state"], unique=False)
    op.create_table(
        "meeting_attendees",
        sa.Column("id", sa.Integer(), nullable=False),
        _meeting_id(),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("is_present", sa.Boolean(), nullable=False),
        _of_meeting("meeting_attendees"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_attendees")),
    )
    op.create_table(
        "meeting_items",
        sa.Column("id", sa.Integer(), nullable=False),
        _meeting_id(),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("action_id", sa.Integer(), nullable=True),
        sa.Column("shift_day", sa.Date(), nullable=True),
        sa.Column("policy_number", sa.Integer(), nullable=True),
        sa.Column("model_ids", sa.JSON(), nullable=False),
        sa.Column("remark", sa.String(), nullable=False),
        _of_meeting("meeting_items"),
        _of_model("meeting_items"),
        _of_decision("meeting_items"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_items")),
    )
    op.create_table(
        "meeting_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        _meeting_id(),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("choice", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("decision_id", sa.Integer(), nullable=True),
        sa.Column("policy_number", sa.Integer(), nullable=True),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        _of_meeting("meeting_entries"),
        _of_item("meeting_entries"),
        _of_decision("meeting_entries"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_entries")),
    )
    op.create_table(
        "meeting_actions",
        sa.Column("id", sa.Integer(), nullable=False),
        _meeting_id(),
        sa.Column("item_id", sa.Integer(), nullable=True),
        sa.Column("model_id", sa.String(), nullable=True),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("given_by", sa.String(), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("reported_by", sa.String(), nullable=True),
        sa.Column("reported_on", sa.Date(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        _of_meeting("meeting_actions"),
        _of_item("meeting_actions"),
        _of_model("meeting_actions"),
        sa.ForeignKeyConstraint(["assignee"], ["people.email"], name=op.f("fk_meeting_actions_assignee_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meeting_actions")),
    )
    for table, columns in {
        "meeting_attendees": ["meeting_id"],
        "meeting_items": ["meeting_id"],
        "meeting_entries": ["meeting_id", "decision_id"],
        "meeting_actions": ["meeting_id", "state"],
    }.items():
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    create_meeting_guards(op.get_bind())


def _meeting_id() -> "sa.Column[int]":
    return sa.Column("meeting_id", sa.Integer(), nullable=False)


def _of_meeting(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["meeting_id"], ["meetings.id"], name=op.f(f"fk_{table}_meeting_id_meetings"))


def _of_item(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["item_id"], ["meeting_items.id"], name=op.f(f"fk_{table}_item_id_meeting_items"))


def _of_model(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["model_id"], ["models.id"], name=op.f(f"fk_{table}_model_id_models"))


def _of_decision(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name=op.f(f"fk_{table}_decision_id_decisions"))


def downgrade() -> None:
    for table in ("meeting_actions", "meeting_entries", "meeting_items", "meeting_attendees", "meetings"):
        op.drop_table(table)
    drop_meeting_guards(op.get_bind())
