"""What is known of the logs of retired models: kept apart, so that a reinstated model is profiled as if nobody had looked."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - the mapping reads it

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from data_access.tables import Table


class WatchedDayRow(Table):
    """Rows in the log of a retired model on a day that had any."""

    __tablename__ = "watched_days"
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    rows: Mapped[int]


class WatchRow(Table):
    """Up to which day the log of a retired model was looked at, and why it could not be the last time."""

    __tablename__ = "watches"
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"), primary_key=True)
    looked_to: Mapped[date | None]
    error: Mapped[str | None]
