"""The reference of a version: a table of its own, days of the log, or provisionally its first four weeks."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import sqlalchemy as sa

from data_access.log_mapping import LogMapping, ReferencePeriod, TableSource, short_hash
from data_access.timestamps import NO_COLUMN, as_date
from monitoring.ports import LabelledRows, LogRows, PredictionLog, ReferenceOrigin, ReferenceRows

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from data_access.log_connections import LogConnections, LogTable
    from data_access.log_mapping import Reference
    from monitoring.portfolio import Model
    from monitoring.ports import Flags

EARLY_DAYS = 28


AnyRows = TypeVar("AnyRows", LogRows, LabelledRows)


@dataclass(frozen=True, slots=True)
class LogReferences:
    """The references of one model; ``of_table`` reads another table with the model's columns."""

    model: Model
    mapping: LogMapping
    connections: LogConnections
    log: PredictionLog
    of_table: Callable[[LogMapping], PredictionLog]

    def reference(self, version: str) -> ReferenceRows | None:
        """Return the reference of a version, or nothing while its rows or their labels are not there yet."""
        match self._chosen(version):
            case TableSource() as source:
                return self._from_table(source, version)
            case ReferencePeriod(first, last):
                return self._from_log(version, first, last, ReferenceOrigin.LOG_PERIOD)
        extent = self.log.extent()
        if extent is None:
            return None
        last = extent[0] + timedelta(days=EARLY_DAYS - 1)
        return self._from_log(version, extent[0], last, ReferenceOrigin.EARLY_PRODUCTION)

    def key(self, version: str) -> str:
        """Return a text that changes when the reference, the features or what the columns mean would."""
        features = [(feature.name, feature.kind, feature.importance) for feature in self.model.features]
        parts: list[object] = [features, self.mapping.fingerprint(), self.model.timezone, self.model.classes]
        match self._chosen(version):
            case TableSource() as source:
                parts += [source, *self._fingerprint(source)]
                said = f"table {source.table}"
            case ReferencePeriod(first, last):
                said = f"log {first} to {last}"
            case _:
                extent = self.log.extent()
                said = f"first {EARLY_DAYS} days from {extent[0]}" if extent else "no rows yet"
        return f"{said} {short_hash([said, *parts])}"

    def _chosen(self, version: str) -> Reference | None:
        """Return the version's own reference or the one it inherits from the version before it."""
        names = ["", *(known.version for known in self.model.versions)]
        upto = names[: names.index(version) + 1] if version in names else names
        return next((self.mapping.references[name] for name in reversed(upto) if name in self.mapping.references), None)

    def _fingerprint(self, source: TableSource) -> list[object]:
        """Return what tells whether a table changed; those of the default store are never changed, only replaced."""
        if source.connection == "default":
            return []
        of_files = self.connections.fingerprint(source)
        if of_files is not None:
            return of_files
        table = self.connections.table(source)
        rows = table.rows("f")
        query = sa.select(sa.func.count()).select_from(rows).where(*table.condition(rows))
        with table.engine.connect() as connection:
            count = connection.execute(query).scalar()
        return [count, self.of_table(self._table_mapping(source, table)).extent()]

    def _table_mapping(self, source: TableSource, table: LogTable) -> LogMapping:
        """Return the mapping of a reference table: what it lacks of the log's columns is not asked for."""
        columns = self.mapping.reference_columns()
        optional = ("prediction_id", "version", "label", "label_timestamp")
        missing: dict[str, Any] = {part: None for part in optional if not _has(table, getattr(columns, part))}
        stamp = columns.timestamp if _has(table, columns.timestamp) else NO_COLUMN
        return LogMapping(log=source, columns=replace(columns, timestamp=stamp, arrived_at=None, **missing))

    def _from_table(self, source: TableSource, version: str) -> ReferenceRows | None:
        mapping = self._table_mapping(source, self.connections.table(source))
        log = self.of_table(mapping)
        extent = log.extent()
        if extent is None:  # a column of timestamps with nothing in it
            mapping = replace(mapping, columns=replace(mapping.columns, timestamp=NO_COLUMN))
            log = self.of_table(mapping)
            extent = log.extent()
        if extent is None:
            return None
        rows = log.rows(first=extent[0], last=extent[1])
        labelled = log.labelled(first_arrival=extent[0], last_arrival=extent[1])
        has_days = mapping.columns.timestamp != NO_COLUMN
        if not has_days:
            day = self._day_before(version)
            rows, labelled = _moved(rows, day), _moved(labelled, day)
        rows, labelled = (
            _chosen_rows(rows, np.isnat(rows.valid_to)),
            _chosen_rows(labelled, np.isnat(labelled.valid_to)),
        )
        if not len(rows.day):
            return None
        first, last = as_date(rows.day.min()), as_date(rows.day.max())
        return ReferenceRows(rows, labelled, first, last, ReferenceOrigin.OWN, has_days=has_days)

    def _day_before(self, version: str) -> date:
        """Return the day rows without timestamps are put on: the last before the version was in service."""
        active = next((known.active_from for known in self.model.versions if known.version == version), None)
        extent = self.log.extent()
        begin = active or (extent[0] if extent else None)
        return begin - timedelta(days=1) if begin else as_date(np.datetime64(0, "D"))

    def _from_log(self, version: str, first: date, last: date, origin: ReferenceOrigin) -> ReferenceRows | None:
        """Return days of the log with the labels that arrive within the usual delay.

        Those that come later are left out, so that replaying history finds the same reference; where the usual delay is not
        said, all labels known count.
        """
        extent = self.log.extent()
        if extent is None or extent[1] < last:
            return None
        delay = self.model.label_delay_days
        labels_until = extent[1]
        if delay is not None:
            labels_until = last + timedelta(days=math.ceil(delay))
        waits = origin is ReferenceOrigin.EARLY_PRODUCTION and self.mapping.label_column is not None
        if waits and extent[1] < labels_until:
            return None
        rows = self.log.rows(first=first, last=last)
        labelled = self.log.labelled(first_arrival=first, last_arrival=max(labels_until, last))
        until = np.datetime64(max(labels_until, last), "D")
        rows = _chosen_rows(rows, (rows.valid_from <= until) & (np.isnat(rows.valid_to) | (rows.valid_to > until)))
        inside = (labelled.day >= np.datetime64(first, "D")) & (labelled.day <= np.datetime64(last, "D"))
        labelled = _chosen_rows(labelled, inside & (np.isnat(labelled.valid_to) | (labelled.valid_to > until)))
        if (rows.version == version).any():
            rows = _chosen_rows(rows, rows.version == version)
            labelled = _chosen_rows(labelled, labelled.version == version)
        return ReferenceRows(rows, labelled, first, last, origin) if len(rows.day) else None


def _has(table: LogTable, name: str | None) -> bool:
    return name is not None and table.own_name(name) is not None


def _moved(rows: AnyRows, day: date) -> AnyRows:
    """Return the rows with every day on ``day``."""
    days = np.full(len(rows.day), np.datetime64(day, "D"))
    known_from: dict[str, Any] = {"valid_from" if hasattr(rows, "valid_from") else "arrival": days}
    return replace(rows, day=days, **known_from)


def _chosen_rows(rows: AnyRows, which: Flags) -> AnyRows:
    """Return some of the rows."""
    if which.all():
        return rows
    changed: dict[str, Any] = {}
    for part in fields(rows):
        value = getattr(rows, part.name)
        if isinstance(value, np.ndarray):
            changed[part.name] = value[which]
        elif isinstance(value, dict):
            changed[part.name] = {name: column[which] for name, column in value.items()}
    return replace(rows, **changed)
