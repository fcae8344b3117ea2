"""A model's versions in service, put together again from stored profiles as they were known on a day; no log is read.

It is what the assessment of that day was made from, so every number taken from it is one that the verdict saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import model_registry
from data_access.policy_records import policy_history
from data_access.shift_store import RegistryShifts, quiet_days
from data_access.tables import (
    AssessProgressRow,
    ModelRow,
    ModelVersionRow,
    PolicyRow,
    ProfileRow,
    ReferenceRow,
    ShiftDayRow,
)
from monitoring.assess import Findings
from monitoring.history import ProfileKind, StoredProfile, VersionHistory, segments_known_on
from monitoring.lifecycle import State
from monitoring.packing import unpack_reference

if TYPE_CHECKING:
    from datetime import date

    from data_access.database import Database
    from monitoring.portfolio import Model, ModelVersion
    from monitoring.segment import Segment

_PROGRESS = sa.select(AssessProgressRow.quiet_days).where(AssessProgressRow.model_id == sa.bindparam("of_model"))


@dataclass(frozen=True)
class JudgedVersions:
    """The versions of a model up to ``day``, oldest first: each over its days in service, and everything stored of it.

    A version of ``histories`` may have rows outside its days in service, beside those of another one.
    """

    model: Model
    day: date
    segments: tuple[Segment, ...] = ()
    histories: tuple[VersionHistory, ...] = ()

    def on(self, day: date) -> tuple[Segment, int] | None:
        """Return the version in service on a day and the day's place in its days; nothing when none was judged."""
        for segment in self.segments:
            if segment.first <= day <= segment.last:
                return segment, (day - segment.first).days
        return None


def judged_versions(registry: Database, model_id: str, *, known_on: date) -> JudgedVersions:
    """Return the model's versions with what was known of them on ``known_on``, under the policy in force on that day.

    Raises:
        UnknownModelError: no model has this id.
    """
    model = model_registry.model(registry, model_id)
    if not model.has_log:
        return JudgedVersions(model, known_on)
    histories = _histories(registry, model, known_on)
    shifts = RegistryShifts(registry).records().known_on(known_on)
    policy = policy_history(registry).of_tier(model.effective_tier).on(known_on)
    segments = segments_known_on(model, histories, known_on, policy, shifts)
    return JudgedVersions(model, known_on, tuple(segments), histories)


def judged_stamp(registry: Database, model_id: str) -> tuple[Any, ...]:
    """Return what is another as soon as ``judged_versions`` could be another: after most writes it is the same.

    Profiles, references, days of shifts, versions and approved policies are only ever added; a card that changes says when.
    """
    approved = sa.select(sa.func.count()).where(PolicyRow.state == State.APPROVED.value)
    query = sa.select(
        ModelRow.card_hash,
        ModelRow.updated_at,
        ModelRow.service_state,
        sa.select(sa.func.count()).where(ModelVersionRow.model_id == model_id).scalar_subquery(),
        approved.scalar_subquery(),
        *(sa.select(sa.func.max(table.id)).scalar_subquery() for table in (ProfileRow, ReferenceRow, ShiftDayRow)),
    ).where(ModelRow.id == model_id)
    with registry.read() as session:
        return tuple(session.execute(query).one_or_none() or ())


def _histories(registry: Database, model: Model, known_on: date) -> tuple[VersionHistory, ...]:
    """Return the versions that have a reference with their stored profiles and quiet days, in the order of the card."""
    with registry.read() as session:
        progress = session.execute(_PROGRESS, {"of_model": model.id}).one_or_none()
        references = {
            row.version: row
            for row in session.execute(
                sa.select(ReferenceRow.id, ReferenceRow.version, ReferenceRow.payload)
                .where(ReferenceRow.model_id == model.id)
                .order_by(ReferenceRow.recorded_at, ReferenceRow.id)
            )
        }
        stored: dict[int, list[StoredProfile]] = {row.id: [] for row in references.values()}
        found = session.execute(
            sa.select(
                ProfileRow.reference_id,
                ProfileRow.kind,
                ProfileRow.day,
                ProfileRow.known_on,
                ProfileRow.rows,
                ProfileRow.payload,
            )
            .where(
                ProfileRow.reference_id.in_(stored),
                ProfileRow.known_on <= known_on,
            )
            .order_by(ProfileRow.recorded_at, ProfileRow.id)
        )
        for reference_id, kind, day, known, rows, payload in found:
            stored[reference_id].append(StoredProfile(ProfileKind(kind), day, known, rows, payload))
    found_before = Findings(quiet=quiet_days(progress.quiet_days if progress else None))
    by_name: dict[str, ModelVersion] = {version.version: version for version in model.versions}
    return tuple(
        VersionHistory(
            version,
            unpack_reference(references[name].payload),
            stored[references[name].id],
            found_before.quiet_days(name, references[name].id),
        )
        for name, version in by_name.items()
        if name in references
    )
