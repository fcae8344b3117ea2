"""What the registry knows of some models, read in a few statements: a question per model would cost more than its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import model_registry
from data_access.tables import Table
from monitoring.history import ProfileKind, StoredProfile
from monitoring.profiling import KeptReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from data_access.database import Database
    from data_access.model_registry import Card
    from monitoring.portfolio import Model
    from monitoring.shift_search import ShiftRecords

PROGRESS, LOG_DAYS, REFERENCES, PROFILES, ASSESSMENTS, FACTS = (
    Table.metadata.tables[name]
    for name in ("assess_progress", "log_days", "model_references", "profiles", "assessments", "assessment_facts")
)
_OF_MODELS: sa.BindParameter[list[str]] = sa.bindparam("models", expanding=True)
_PROGRESS = sa.select(PROGRESS).where(PROGRESS.c.model_id.in_(_OF_MODELS))
_COUNTED = sa.select(LOG_DAYS.c.model_id, LOG_DAYS.c.day, LOG_DAYS.c.rows, LOG_DAYS.c.labels).where(
    LOG_DAYS.c.model_id.in_(_OF_MODELS)
)
_REFERENCES = sa.select(
    REFERENCES.c.id, REFERENCES.c.model_id, REFERENCES.c.version, REFERENCES.c.key, REFERENCES.c.payload
).where(REFERENCES.c.id.in_(sa.bindparam("ids", expanding=True)))
_PROFILES = (
    sa.select(
        PROFILES.c.reference_id,
        PROFILES.c.version,
        PROFILES.c.kind,
        PROFILES.c.day,
        PROFILES.c.known_on,
        PROFILES.c.rows,
        PROFILES.c.payload,
    )
    .where(PROFILES.c.reference_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(PROFILES.c.recorded_at, PROFILES.c.id)
)
_NEWEST = (
    sa.select(ASSESSMENTS.c.model_id, sa.func.max(ASSESSMENTS.c.day).label("day"))
    .where(ASSESSMENTS.c.model_id.in_(_OF_MODELS))
    .group_by(ASSESSMENTS.c.model_id)
    .subquery()
)
_SAID = (
    sa.select(
        ASSESSMENTS.c.model_id,
        ASSESSMENTS.c.day,
        ASSESSMENTS.c.known_on,
        ASSESSMENTS.c.verdict,
        ASSESSMENTS.c.in_verdict_since,
        ASSESSMENTS.c.facts_id,
        FACTS.c.content_hash,
    )
    .join(_NEWEST, (_NEWEST.c.model_id == ASSESSMENTS.c.model_id) & (_NEWEST.c.day == ASSESSMENTS.c.day))
    .outerjoin(FACTS, FACTS.c.id == ASSESSMENTS.c.facts_id)
    .order_by(ASSESSMENTS.c.known_on, ASSESSMENTS.c.recorded_at, ASSESSMENTS.c.id)
)


@dataclass
class ReadAhead:
    """What was known of some models at one moment; only the holder of a model's lease asks, and forgets what it changes.

    ``said`` are the assessments of each model's newest day, the one that counts last; ``counted`` rows and labels per day. What
    is not here has to be asked for.
    """

    models: dict[str, tuple[Model, Card]] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    counted: dict[str, dict[date, tuple[int, int]]] = field(default_factory=dict)
    said: dict[str, list[Any]] = field(default_factory=dict)
    unpacked: dict[int, KeptReference] = field(default_factory=dict)
    """References by their number that are in memory already."""
    _profiles: dict[tuple[int, str], list[StoredProfile]] = field(default_factory=dict)
    _payloads: dict[int, bytes] = field(default_factory=dict)
    _numbers: dict[tuple[str, str, str], int] = field(default_factory=dict)

    @classmethod
    def for_findings(cls, registry: Database, model_ids: Sequence[str]) -> ReadAhead:
        """Read what the first phase asks for: how far the models are, their references and which days were counted."""
        found = cls()
        with registry.read() as session:
            found._read_models(session, model_ids)
            found._read_profiles(session, found._read_references(session))
            found.counted = {model_id: {} for model_id in model_ids}
            for row in session.execute(_COUNTED, {"models": model_ids}):
                found.counted[row.model_id][row.day] = (row.rows, row.labels)
        return found

    @classmethod
    def for_verdicts(cls, registry: Database, model_ids: Sequence[str]) -> ReadAhead:
        """Read what the third phase asks for: how far the models are, references, profiles and the newest assessments."""
        found = cls()
        with registry.read() as session:
            found._read_models(session, model_ids)
            found._read_profiles(session, found._read_references(session))
            found.said = {model_id: [] for model_id in model_ids}
            for row in session.execute(_SAID, {"models": model_ids}):
                found.said[row.model_id].append(row)
        return found

    def _read_models(self, session: Session, model_ids: Sequence[str]) -> None:
        self.models = model_registry.registered(session, model_ids)
        self.progress = dict.fromkeys(model_ids)
        self.progress |= {row.model_id: row for row in session.execute(_PROGRESS, {"models": model_ids})}

    def _read_references(self, session: Session) -> list[tuple[int, str]]:
        """Read the references of the models' versions and return their numbers, each with its version."""
        found = [(number, name) for row in self.progress.values() if row for name, number in row.reference_ids.items()]
        numbers = [number for number, _ in found]
        for row in session.execute(_REFERENCES, {"ids": numbers}) if numbers else ():
            self._payloads[row.id] = row.payload
            self._numbers[row.model_id, row.version, row.key] = row.id
        return found

    def _read_profiles(self, session: Session, of: list[tuple[int, str]]) -> None:
        self._profiles = {each: [] for each in of}
        numbers = [number for number, _ in of]
        for number, version, kind, day, known_on, rows, payload in (
            session.execute(_PROFILES, {"ids": numbers}) if numbers else ()
        ):
            profile = StoredProfile(ProfileKind(kind), day, known_on, rows, payload)
            if (number, version) in self._profiles:
                self._profiles[number, version].append(profile)

    def reference(self, model_id: str, version: str, key: str) -> KeptReference | None:
        """Return the reference kept under this key, if it was read."""
        number = self._numbers.get((model_id, version, key))
        return None if number is None else self.kept(number)

    def kept(self, number: int) -> KeptReference | None:
        """Return the reference with this number, if it was read."""
        if number in self.unpacked:
            return self.unpacked[number]
        payload = self._payloads.get(number)
        if payload is None:
            return None
        self.unpacked[number] = KeptReference(number, payload)
        return self.unpacked[number]

    def add_profiles(self, reference_id: int, version: str, added: Iterable[StoredProfile]) -> None:
        """Take in profiles that are stored later than those that were read."""
        self._profiles[reference_id, version].extend(added)

    def profiles(self, reference_id: int, version: str) -> list[StoredProfile] | None:
        """Return every profile in the order of recording, if they were read."""
        return self._profiles.get((reference_id, version))

    def last_assessed(self, model_id: str) -> date | None:
        """Return the newest day assessed of a model whose assessments were read."""
        said = self.said[model_id]
        return said[-1].day if said else None

    def is_judged(
        self, model_id: str, first: date | None, last: date, records: ShiftRecords, *, newest_policy: int
    ) -> bool:
        """Whether nothing is left to judge: the days asked for were, with all that is known of shifts and of policies."""
        row, said = self.progress.get(model_id), self.said.get(model_id)
        if first is not None or row is None or not said or said[-1].day < last:
            return False
        if row.log_first is None or row.log_first > last:  # an empty log: what is said of its last day may have changed
            return False
        known = (row.judged_to, row.shift_days, row.shifts_to, row.policy_number)
        return known == (said[-1].day, len(records.days), records.searched_to, newest_policy)

    def facts_ids(self, model_id: str) -> dict[str, int]:
        """Return the numbers of the facts that the newest assessments share, by their hash."""
        return {row.content_hash: row.facts_id for row in self.said.get(model_id, ()) if row.content_hash}

    def forget(self, model_id: str) -> None:
        """Forget what was assessed of a model: it has changed."""
        self.said.pop(model_id, None)
