"""The audit trail as its page shows it: a page of events at a time, filtered by the database; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

import pandas as pd
import sqlalchemy as sa

from data_access.audit_trail import AuditFilter, matching
from data_access.tables import AuditEventRow
from monitoring.audit import EVENT_FIELDS

if TYPE_CHECKING:
    from data_access.database import Database

AUDIT_COLUMNS = ("sequence", *EVENT_FIELDS, "hash")


@dataclass(frozen=True, slots=True)
class AuditChoices:
    """The values that filters of the audit trail can take."""

    actors: tuple[str, ...]
    actions: tuple[str, ...]
    models: tuple[str, ...]


def audit_events(registry: Database, *, limit: int = 500, skip: int = 0, **chosen: Unpack[AuditFilter]) -> pd.DataFrame:
    """One row per audit event, newest first, at most ``limit`` after the first ``skip``.

    ``sequence`` (int), ``at``, ``recorded_at`` (aware), ``actor``, ``role``, ``action``, ``subject_kind``, ``subject_id``, ``model_id``,
    ``reason`` (str), ``before``, ``after`` (dict), ``evidence_hash``, ``hash`` (str).
    """
    # Their numbers come from an index first: a row is large, and those that are skipped are not read.
    numbers = (
        sa.select(AuditEventRow.sequence)
        .where(*matching(**chosen))
        .order_by(AuditEventRow.sequence.desc())
        .limit(limit)
        .offset(skip)
    )
    newest = (
        sa.select(AuditEventRow)
        .where(AuditEventRow.sequence.in_(numbers.subquery().select()))
        .order_by(AuditEventRow.sequence.desc())
    )
    with registry.read() as session:
        rows = [tuple(getattr(row, name) for name in AUDIT_COLUMNS) for row in session.scalars(newest)]
    return pd.DataFrame(rows, columns=list(AUDIT_COLUMNS))


def audit_event(registry: Database, sequence: int) -> pd.DataFrame:
    """One row, or none when there is no event of this number; columns as ``audit_events``."""
    with registry.read() as session:
        row = session.get(AuditEventRow, sequence)
        rows = [tuple(getattr(row, name) for name in AUDIT_COLUMNS)] if row else []
    return pd.DataFrame(rows, columns=list(AUDIT_COLUMNS))


def audit_count(registry: Database, **chosen: Unpack[AuditFilter]) -> int:
    """Return how many events match."""
    with registry.read() as session:
        counted = sa.select(sa.func.count()).select_from(AuditEventRow).where(*matching(**chosen))
        return session.scalar(counted) or 0


def audit_choices(registry: Database) -> AuditChoices:
    """Return every actor, action and model the audit trail names."""
    with registry.read() as session:
        actors, actions, models = (
            tuple(
                value for value in session.scalars(sa.select(column).distinct().order_by(column)) if value is not None
            )
            for column in (AuditEventRow.actor, AuditEventRow.action, AuditEventRow.model_id)
        )
    return AuditChoices(actors=actors, actions=actions, models=models)
