"""The tables of challenges and questions: what each is about, and what was said, one row per entry, never changed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from data_access.tables import Table


class ChallengeRow(Table):
    """A challenge of a finding (``day``, ``known_on``, ``code``, ``finding``) or a question about a decision (``decision_id``).

    ``state`` and ``entries`` follow from what was said; they are what a write is guarded by.
    """

    __tablename__ = "challenges"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"), index=True)
    decision_id: Mapped[int | None] = mapped_column(sa.ForeignKey("decisions.id"), index=True)
    day: Mapped[date | None]
    known_on: Mapped[date | None]
    code: Mapped[str | None]
    finding: Mapped[dict[str, Any] | None]
    state: Mapped[str]
    is_open: Mapped[bool]
    entries: Mapped[int]
    __table_args__ = (
        sa.Index(
            "uq_challenges_open_finding",
            "model_id",
            "code",
            unique=True,
            sqlite_where=sa.text("is_open"),
            postgresql_where=sa.text("is_open"),
        ),
        sa.Index(
            "uq_challenges_open_question",
            "decision_id",
            unique=True,
            sqlite_where=sa.text("is_open"),
            postgresql_where=sa.text("is_open"),
        ),
    )


class ChallengeEntryRow(Table):
    """One thing that was said in a challenge or question, by whom and in which role; rows are added only."""

    __tablename__ = "challenge_entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    challenge_id: Mapped[int] = mapped_column(sa.ForeignKey("challenges.id"))
    position: Mapped[int]
    turn: Mapped[str]
    text: Mapped[str]
    person: Mapped[str]
    role: Mapped[str]
    said_on: Mapped[date]
    said_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("challenge_id", "position"),)
