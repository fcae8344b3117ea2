"""A prediction log and an assessment store in memory, for proofs about assess."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from monitoring.ports import LabelledRows, LogRows, ReferenceOrigin, ReferenceRows
from monitoring.profiling import KeptReference, NewProfiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from monitoring.assessment import Assessment, Verdict
    from monitoring.history import ProfileKind, StoredProfile
    from monitoring.portfolio import ModelVersion
    from monitoring.ports import Flags
    from monitoring.reference import Reference


def rows_where(rows: LogRows, chosen: Flags) -> LogRows:
    """Return the chosen rows."""
    return replace(
        rows,
        day=rows.day[chosen],
        version=rows.version[chosen],
        valid_from=rows.valid_from[chosen],
        valid_to=rows.valid_to[chosen],
        features={name: values[chosen] for name, values in rows.features.items()},
        mistyped={name: values[chosen] for name, values in rows.mistyped.items()},
        score=rows.score[chosen],
    )


def pairs_where(pairs: LabelledRows, chosen: Flags) -> LabelledRows:
    """Return the chosen pairs."""
    return replace(
        pairs,
        day=pairs.day[chosen],
        version=pairs.version[chosen],
        arrival=pairs.arrival[chosen],
        valid_to=pairs.valid_to[chosen],
        score=pairs.score[chosen],
        prediction=pairs.prediction[chosen],
        label=pairs.label[chosen],
        probabilities=None if pairs.probabilities is None else pairs.probabilities[chosen],
    )


@dataclass
class MemoryLog:
    """A log whose rows and labels are seen only once they have arrived by ``known_until``; ``reads`` counts days read."""

    all_rows: LogRows
    all_pairs: LabelledRows
    reference_rows: ReferenceRows
    known_until: date
    reads: int = 0

    def _rows(self) -> LogRows:
        return rows_where(self.all_rows, self.all_rows.valid_from <= np.datetime64(self.known_until))

    def _pairs(self) -> LabelledRows:
        return pairs_where(self.all_pairs, self.all_pairs.arrival <= np.datetime64(self.known_until))

    def extent(self) -> tuple[date, date] | None:
        """Return the first and last day with rows or labels."""
        rows, pairs = self._rows(), self._pairs()
        days = np.concatenate((rows.day, pairs.arrival))
        return (days.min().astype(object), days.max().astype(object)) if len(days) else None

    def day_counts(
        self, *, first: date, last: date, known: Mapping[date, tuple[int, int]] | None = None
    ) -> dict[date, tuple[int, int]]:
        """Return rows and arrived labels per day."""
        del known
        counts: dict[date, list[int]] = {}
        for at, days in enumerate((self._rows().day, self._pairs().arrival)):
            for day, n in zip(*np.unique(days, return_counts=True), strict=True):
                counts.setdefault(day.astype(object), [0, 0])[at] = int(n)
        return {day: (n[0], n[1]) for day, n in counts.items() if first <= day <= last}

    def days_replaced(self, *, first: date, last: date) -> set[date]:
        """Return the days that lost a row or a label in the range."""
        found: set[date] = set()
        rows, pairs = self._rows(), self._pairs()
        for days, valid_to in ((rows.day, rows.valid_to), (pairs.arrival, pairs.valid_to)):
            lost = (valid_to >= np.datetime64(first)) & (valid_to <= np.datetime64(last))
            found |= set(days[lost].astype(object))
        return found

    def rows(self, *, first: date, last: date) -> LogRows:
        """Return the rows of the days."""
        self.reads += (last - first).days + 1
        rows = self._rows()
        return rows_where(rows, (rows.day >= np.datetime64(first)) & (rows.day <= np.datetime64(last)))

    def labelled(self, *, first_arrival: date, last_arrival: date) -> LabelledRows:
        """Return the pairs that arrived on the days."""
        pairs = self._pairs()
        chosen = (pairs.arrival >= np.datetime64(first_arrival)) & (pairs.arrival <= np.datetime64(last_arrival))
        return pairs_where(pairs, chosen)

    def reference(self, version: str) -> ReferenceRows | None:
        """Return the reference of every version."""
        del version
        return self.reference_rows

    def reference_key(self, version: str) -> str:
        """Return the same key for every version."""
        del version
        return "reference"


@dataclass
class MemoryStore:
    """What assess keeps, in dictionaries."""

    references: dict[tuple[str, str, str], KeptReference] = field(default_factory=dict)
    kept_profiles: dict[tuple[int, str], list[StoredProfile]] = field(default_factory=dict)
    counted: dict[str, dict[date, tuple[int, int]]] = field(default_factory=dict)
    assessments: list[Assessment] = field(default_factory=list)
    seen_versions: list[ModelVersion] = field(default_factory=list)

    def reference(self, model_id: str, version: str, key: str) -> KeptReference | None:
        """Return the reference kept under this key."""
        return self.references.get((model_id, version, key))

    def keep_reference(
        self, model_id: str, version: str, key: str, reference: Reference, *, now: datetime
    ) -> KeptReference:
        """Keep a reference."""
        del now
        kept = KeptReference(len(self.references) + 1, reference)
        self.references[model_id, version, key] = kept
        return kept

    def add_versions(self, model_id: str, versions: tuple[ModelVersion, ...]) -> None:
        """Remember versions seen."""
        del model_id
        self.seen_versions.extend(versions)

    def counted_days(self, model_id: str) -> dict[date, tuple[int, int]]:
        """Return what was counted."""
        return dict(self.counted.get(model_id, {}))

    def keep_profiles(
        self, model_id: str, new: Iterable[NewProfiles], counted: Mapping[date, tuple[int, int]], *, now: datetime
    ) -> None:
        """Keep profiles that differ from the one known."""
        del now
        for part in new:
            kept = self.kept_profiles.setdefault((part.reference_id, part.version), [])
            for profile in part.profiles:
                if _newest(kept, profile.kind, profile.day) != profile.payload:
                    kept.append(profile)
        self.counted.setdefault(model_id, {}).update(counted)

    def profiles(self, reference_id: int, version: str, kind: ProfileKind | None = None) -> list[StoredProfile]:
        """Return every profile kept, or those of a kind."""
        return [each for each in self.kept_profiles.get((reference_id, version), []) if kind in {None, each.kind}]

    def last_assessed(self, model_id: str) -> date | None:
        """Return the newest day assessed."""
        return max((a.day for a in self.assessments if a.model_id == model_id), default=None)

    def verdict_run(self, model_id: str, *, day: date, known_on: date) -> tuple[Verdict, date] | None:
        """Return the verdict of a day as known on another, and since when it holds."""
        del model_id
        found = self.as_known(day, known_on)
        return (found.verdict, found.in_verdict_since) if found else None

    def keep_assessments(self, assessments: Iterable[Assessment], *, now: datetime) -> int:
        """Append what says something new."""
        del now
        before = len(self.assessments)
        for assessment in assessments:
            known = self.as_known(assessment.day, assessment.known_on)
            if known is None or replace(known, known_on=assessment.known_on) != assessment:
                self.assessments.append(assessment)
        return len(self.assessments) - before

    def as_known(self, day: date, known_on: date) -> Assessment | None:
        """Return the assessment of a day as known on another."""
        found = [a for a in self.assessments if a.day == day and a.known_on <= known_on]
        return max(found, key=lambda a: a.known_on) if found else None


def _newest(kept: list[StoredProfile], kind: ProfileKind, day: date) -> bytes:
    found = [profile for profile in kept if profile.kind is kind and profile.day == day]
    return max(found, key=lambda profile: profile.known_on).payload if found else b""


def reference_from(rows: LogRows, pairs: LabelledRows) -> ReferenceRows:
    """Return rows as an own reference."""
    first, last = rows.day.min().astype(object), rows.day.max().astype(object)
    return ReferenceRows(rows, pairs, first, last, ReferenceOrigin.OWN)
