"""A simulated model's rows as a prediction log in memory, so that they are profiled the way every log is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from data_access.stored_profiles import reference_key
from monitoring.counting import FetchedRows
from monitoring.portfolio import FeatureKind
from monitoring.ports import LabelledRows, LogRows, ReferenceOrigin, ReferenceRows
from monitoring.profiling import KeptReference, NewProfiles, ProfileStore
from sample_data.simulated_fates import Fault
from sample_data.simulated_rows import NEVER, SimulatedRows, day_of, live_rows, reference_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from monitoring.portfolio import ModelVersion
    from monitoring.ports import Floats, Texts
    from monitoring.reference import Reference
    from sample_data.simulated_recipes import Recipe


class SimulatedLog:
    """A ``PredictionLog`` over rows that are drawn when they are first asked for, and kept nowhere."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    @cached_property
    def live(self) -> SimulatedRows:
        """The rows of the simulated period."""
        return live_rows(self.recipe)

    @cached_property
    def counted(self) -> dict[date, tuple[int, int]]:
        """Rows and labels per day."""
        arrival = self.live.arrival
        days = [np.unique(x, return_counts=True) for x in (self.live.day, arrival[~np.isnat(arrival)])]
        rows, labels = (dict(zip(day.tolist(), n.tolist(), strict=True)) for day, n in days)
        return {day: (rows.get(day, 0), labels.get(day, 0)) for day in sorted({*rows, *labels})}

    def extent(self) -> tuple[date, date] | None:
        """Return the first and last day with rows or labels arriving."""
        return (min(self.counted), max(self.counted)) if self.counted else None

    def day_counts(
        self, *, first: date, last: date, known: Mapping[date, tuple[int, int]] | None = None
    ) -> dict[date, tuple[int, int]]:
        """Return rows and arriving labels per day."""
        del known
        return {day: counts for day, counts in self.counted.items() if first <= day <= last}

    def days_replaced(self, *, first: date, last: date) -> set[date]:
        """Return no days: every row comes once."""
        del first, last
        return set()

    def rows(self, *, first: date, last: date) -> LogRows:
        """Return the rows of the range."""
        begin, end = np.searchsorted(self.live.day, [day_of(first), day_of(last) + 1])
        return self._rows(self.live.chosen(slice(int(begin), int(end))))

    def labelled(self, *, first_arrival: date, last_arrival: date) -> LabelledRows:
        """Return the pairs whose label arrived in the range."""
        arrival = self.live.arrival
        return self._labelled(self.live.chosen((arrival >= day_of(first_arrival)) & (arrival <= day_of(last_arrival))))

    def counting(self, *, first: date, last: date) -> FetchedRows:
        """Return the rows of a stretch of days."""
        return FetchedRows(self.rows(first=first, last=last), self.labelled(first_arrival=first, last_arrival=last))

    def reference(self, version: str) -> ReferenceRows | None:
        """Return the version's own reference; a version that was not announced inherits that of the first."""
        recipe = self.recipe
        rows = reference_rows(recipe, version if recipe.fate.version != "unannounced" else "v1")
        labelled = self._labelled(rows.chosen(~np.isnat(rows.arrival)))
        first, last = rows.day.min().astype(object), rows.day.max().astype(object)
        return ReferenceRows(self._rows(rows), labelled, first, last, ReferenceOrigin.OWN)

    def reference_key(self, version: str) -> str:
        """Return the key under which a reference stands whose rows are kept nowhere."""
        return reference_key(version)

    def _rows(self, rows: SimulatedRows) -> LogRows:
        features: dict[str, Floats | Texts] = {}
        for i, column in enumerate(self.recipe.inputs):
            features[column.name] = rows.values[i]
        mistyped = {self.recipe.inputs[i].name: flags for i, flags in rows.texts_among.items()}
        numeric = [column.name for column in self.recipe.inputs if column.kind is FeatureKind.NUMERIC]
        none = np.zeros(len(rows), dtype=bool)
        return LogRows(
            day=rows.day,
            version=rows.version,
            valid_from=rows.day,
            valid_to=np.full(len(rows), NEVER),
            features=features,
            mistyped={name: mistyped.get(name, none) for name in numeric},
            score=rows.score,
            future=int(rows.ahead.sum()),
            ahead=rows.ahead if self.recipe.fate.fault is Fault.STAMPED_AHEAD else None,
        )

    def _labelled(self, rows: SimulatedRows) -> LabelledRows:
        return LabelledRows(
            day=rows.day,
            version=rows.version,
            arrival=rows.arrival,
            valid_to=np.full(len(rows), NEVER),
            score=rows.score,
            prediction=rows.decided,
            label=rows.label,
            probabilities=rows.probabilities,
        )


@dataclass
class ModelProfiles:
    """What profiling one model gave, before it is written: a ``ProfileStore`` that collects, for a model never profiled."""

    model_id: str
    references: list[tuple[str, str, Reference]] = field(default_factory=list)
    versions: tuple[ModelVersion, ...] = ()
    profiles: list[NewProfiles] = field(default_factory=list)
    counted: dict[date, tuple[int, int]] = field(default_factory=dict)

    def reference(self, model_id: str, version: str, key: str) -> KeptReference | None:
        """Return nothing: no reference was kept yet."""
        del model_id, version, key
        return None

    def keep_reference(
        self, model_id: str, version: str, key: str, reference: Reference, *, now: datetime
    ) -> KeptReference:
        """Collect a reference; its number is its place."""
        del model_id, now
        self.references.append((version, key, reference))
        return KeptReference(len(self.references) - 1, reference)

    def add_versions(self, model_id: str, versions: tuple[ModelVersion, ...]) -> None:
        """Collect versions seen without being announced."""
        del model_id
        self.versions += versions

    def counted_days(self, model_id: str) -> dict[date, tuple[int, int]]:
        """Return nothing: no day was profiled yet."""
        del model_id
        return {}

    def keep_profiles(
        self, model_id: str, new: Iterable[NewProfiles], counted: Mapping[date, tuple[int, int]], *, now: datetime
    ) -> None:
        """Collect profiles and what was counted."""
        del model_id, now
        self.profiles += new
        self.counted |= counted

    def keep(self, store: ProfileStore, *, now: datetime) -> None:
        """Write what was collected; the profiles and the days they cover come last and together."""
        if self.versions:
            store.add_versions(self.model_id, self.versions)
        ids = [
            (
                store.reference(self.model_id, version, key)
                or store.keep_reference(self.model_id, version, key, kept, now=now)
            ).id
            for version, key, kept in self.references
        ]
        new = [replace(part, reference_id=ids[part.reference_id]) for part in self.profiles]
        store.keep_profiles(self.model_id, new, self.counted, now=now)
