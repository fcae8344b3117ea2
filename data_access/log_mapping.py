"""Which column of which table plays which part for a model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table behind a named connection; ``where`` picks the rows of one model in a table that holds many."""

    connection: str
    table: str
    schema: str | None = None
    where: tuple[tuple[str, Scalar], ...] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a prediction log by the part they play.

    ``timezone`` is the zone of timestamps that carry none. ``time_unit`` is the unit of timestamps kept as numbers since
    1970 (``s``, ``ms``, ``us`` or ``ns``); missing means: judged by their size. ``probabilities`` follow the model's classes.
    """

    timestamp: str
    prediction_id: str | None = None
    prediction: str | None = None
    probability: str | None = None
    probabilities: tuple[str, ...] = ()
    version: str | None = None
    arrived_at: str | None = None
    label: str | None = None
    label_timestamp: str | None = None
    timezone: str = "UTC"
    time_unit: str | None = None


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A table of labels of its own, joined by the id of the prediction."""

    source: TableSource
    prediction_id: str
    label: str
    label_timestamp: str | None = None


@dataclass(frozen=True, slots=True)
class ReferencePeriod:
    """Days of the log that serve as the reference, both inclusive."""

    first: date
    last: date


Reference = TableSource | ReferencePeriod


@dataclass(frozen=True, slots=True)
class LogMapping:
    """Where a model's predictions, labels and references are.

    ``references`` belong to versions by name; the one under the empty name is the model's own, for the first version.
    """

    log: TableSource
    columns: Columns
    labels: LabelTable | None = None
    references: dict[str, Reference] = field(default_factory=dict)

    @property
    def label_column(self) -> str | None:
        """The label's column in the log or in a reference."""
        return self.columns.label or (self.labels.label if self.labels else None)

    def reference_columns(self) -> Columns:
        """Return the columns of a reference table: those of the log and the label."""
        stamp = self.columns.label_timestamp or (self.labels.label_timestamp if self.labels else None)
        return replace(self.columns, label=self.label_column, label_timestamp=stamp)

    def fingerprint(self) -> str:
        """Return a text that changes when the log's columns play other parts."""
        return short_hash(asdict(self.columns))


def short_hash(value: object) -> str:
    """Return sixteen characters that change when the value does."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
