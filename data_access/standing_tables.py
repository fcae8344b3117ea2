"""The tables of standing approvals: what was approved, who answered, and which runs of a month are taken."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from data_access.tables import Table


class StandingApprovalRow(Table):
    """A standing approval; its envelope never changes, the row only on its way to an end.

    ``most_runs`` and ``most_runs_per_model`` repeat the envelope's, so that the rows of its runs can be held to them.
    """

    __tablename__ = "standing_approvals"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    envelope: Mapped[dict[str, Any]]
    most_runs: Mapped[int]
    most_runs_per_model: Mapped[int]
    state: Mapped[str] = mapped_column(index=True)
    tier: Mapped[int]
    reason: Mapped[str]
    proposed_by: Mapped[str]
    proposed_on: Mapped[date]
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    decided_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    ended_on: Mapped[date | None]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]
    past: Mapped[dict[str, Any] | None]
    __table_args__ = (sa.UniqueConstraint("id", "most_runs", "most_runs_per_model"),)


class StandingAnswerRow(Table):
    """One person's answer to a proposed standing approval; a person approves once, and may still reject. ``role``: those held then."""

    __tablename__ = "standing_answers"
    id: Mapped[int] = mapped_column(primary_key=True)
    standing_id: Mapped[int] = mapped_column(sa.ForeignKey("standing_approvals.id"), index=True)
    person: Mapped[str]
    role: Mapped[str]
    answer: Mapped[str]
    comment: Mapped[str]
    evidence_hash: Mapped[str | None]
    answered_on: Mapped[date]
    answered_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("standing_id", "person", "answer"),)


class StandingRunRow(Table):
    """One retraining that started without a person: the how many-th of its month, and the how many-th of the model's.

    The numbers are what bounds them: two workers who both want the second run ask for the same row, and a third of two is refused
    by a check against limits that the foreign key takes from the standing approval itself.
    """

    __tablename__ = "standing_runs"
    decision_id: Mapped[int] = mapped_column(sa.ForeignKey("decisions.id"), primary_key=True)
    standing_id: Mapped[int]
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"))
    day: Mapped[date]
    month: Mapped[str]
    place: Mapped[int]
    place_of_model: Mapped[int]
    most_runs: Mapped[int]
    most_runs_per_model: Mapped[int]
    __table_args__ = (
        sa.ForeignKeyConstraint(
            ["standing_id", "most_runs", "most_runs_per_model"],
            ["standing_approvals.id", "standing_approvals.most_runs", "standing_approvals.most_runs_per_model"],
            name="fk_standing_runs_limits",
        ),
        sa.UniqueConstraint("standing_id", "month", "place", name="uq_standing_runs_place"),
        sa.UniqueConstraint("model_id", "month", "place_of_model", name="uq_standing_runs_place_of_model"),
        sa.UniqueConstraint("model_id", "day", name="uq_standing_runs_day"),
        sa.CheckConstraint("place BETWEEN 1 AND most_runs", name="place"),
        sa.CheckConstraint("place_of_model BETWEEN 1 AND most_runs_per_model", name="place_of_model"),
    )
