"""Remove an imported model's rows from the default store, and say so in the audit trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_access import audit_trail
from data_access.default_store import DefaultStore
from data_access.model_card import TablePart
from data_access.model_import import imported_card
from monitoring.people import COMMAND_LINE, Role

if TYPE_CHECKING:
    from datetime import datetime

    from data_access.database import Database


def forget_log(registry: Database, model_id: str, *, log_address: str, now: datetime, actor: str = COMMAND_LINE) -> int:
    """Remove the rows of a model's log, labels and references; return how many there were.

    What was concluded from them stays, and so does the audit trail. A mapped table is never touched.

    Raises:
        UnknownModelError: there is no such model.
        InvalidModelCardError: its log is not in the default store.
    """
    card = imported_card(registry, model_id)
    parts = [card.log, card.reference, *(version.reference for version in card.versions)]
    tables = [part.table for part in parts if isinstance(part, TablePart) and part.connection == "default"]
    if card.labels is not None and card.labels.table is not None:
        tables.append(card.labels.table)
    with DefaultStore(log_address) as store, store.writing() as writer, registry.write() as session:
        removed = sum(writer.empty(table) for table in dict.fromkeys(tables))
        audit_trail.append(
            session,
            at=now,
            recorded_at=now,
            actor=actor,
            role=Role.ADMINISTRATOR.value,
            action="forget_log",
            subject_kind="model",
            subject_id=model_id,
            model_id=model_id,
            after={"rows_removed": removed},
        )
    return removed
