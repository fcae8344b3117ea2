"""What a retraining brought: both versions on the days that both predicted, and before against after, from what is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.assessment_details import joined_details
from data_access.tables import AssessmentRow, FindingRow, ModelVersionRow, ProfileRow, ReferenceRow
from monitoring.assessment import Verdict
from monitoring.comparison import Comparison, LabelDays, paired
from monitoring.history import ProfileKind
from monitoring.packing import unpack_labels, unpack_reference
from monitoring.retraining import DAY

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

    from monitoring.decision import Decision


@dataclass(frozen=True, slots=True)
class MeasuredOutcome:
    """Skill of the new version against that of the old one, as known on a day.

    ``in_service`` compares both on days since the new version took over, ``back_scored`` on days before that (both may have predicted
    them in shadow, or the new version was run on them afterwards). ``before_after`` compares the old version's last 28 days of labels with
    the new version's: other days, so other flights, customers, weather; it is what is left where the old version stopped.
    """

    in_service: Comparison | None = None
    back_scored: Comparison | None = None
    before_after: dict[str, float] | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "in_service": self.in_service.plain() if self.in_service else None,
            "back_scored": self.back_scored.plain() if self.back_scored else None,
            "before_after": self.before_after,
        }


def measured(session: Session, decision: Decision, *, on: date) -> MeasuredOutcome | None:
    """Return what the retraining of a decision brought, as known on ``on``; nothing while nothing can be compared.

    Days with an open data-quality finding are left out, as in every window of a verdict.
    """
    if decision.new_version is None or decision.active_from is None:
        return None
    model_id, before = decision.subject.model_id, _version_before(session, decision)
    broken = _broken_days(session, model_id, on=on)
    after = _label_days(session, model_id, decision.new_version, on=on, without=broken)
    old = _label_days(session, model_id, before, on=on, without=broken) if before else None
    in_service = back_scored = None
    if old is not None and after is not None and old.y.shape[1:] == after.y.shape[1:]:
        in_service = paired(old, after, first=decision.active_from)
        back_scored = paired(old, after, last=decision.active_from - DAY)
    apart = _before_after(session, model_id, decision.new_version, on=on)
    if in_service is None and back_scored is None and apart is None:
        return None
    return MeasuredOutcome(in_service, back_scored, apart)


def _version_before(session: Session, decision: Decision) -> str | None:
    """Return the version that was in service until the new one took over."""
    rows = session.scalars(
        sa.select(ModelVersionRow)
        .where(ModelVersionRow.model_id == decision.subject.model_id, ModelVersionRow.version != decision.new_version)
        .where(sa.or_(ModelVersionRow.active_from.is_(None), ModelVersionRow.active_from < decision.active_from))
        .order_by(
            ModelVersionRow.active_from.is_(None), ModelVersionRow.active_from.desc(), ModelVersionRow.position.desc()
        )
        .limit(1)
    ).all()
    return rows[0].version if rows else None


def _broken_days(session: Session, model_id: str, *, on: date) -> set[date]:
    found = (
        sa.select(AssessmentRow.day)
        .join(FindingRow, FindingRow.assessment_id == AssessmentRow.id)
        .where(AssessmentRow.model_id == model_id, AssessmentRow.day <= on, AssessmentRow.known_on <= on)
        .where(FindingRow.argues_for == Verdict.FIX_DATA.value)
    )
    return set(session.scalars(found))


def _label_days(session: Session, model_id: str, version: str, *, on: date, without: set[date]) -> LabelDays | None:
    """Return a version's sums per prediction day from its newest reference's profiles; nothing where none are kept."""
    kept = session.execute(
        sa.select(ReferenceRow.id, ReferenceRow.payload)
        .where(ReferenceRow.model_id == model_id, ReferenceRow.version == version)
        .order_by(ReferenceRow.recorded_at.desc(), ReferenceRow.id.desc())
        .limit(1)
    ).one_or_none()
    if kept is None:
        return None
    rows = session.execute(
        sa.select(ProfileRow.day, ProfileRow.payload)
        .where(
            ProfileRow.reference_id == kept.id,
            ProfileRow.version == version,
            ProfileRow.kind == ProfileKind.LABELS.value,
            ProfileRow.day <= on,
            ProfileRow.known_on <= on,
        )
        .order_by(ProfileRow.day, ProfileRow.known_on, ProfileRow.recorded_at, ProfileRow.id)
    ).all()
    layout = unpack_reference(kept.payload).label_layout
    newest = {row.day: row.payload for row in rows}
    labels = unpack_labels(layout, [(day, payload) for day, payload in newest.items() if payload])
    return LabelDays.of(layout, labels, without=without) if len(labels) else None


def _before_after(session: Session, model_id: str, version: str, *, on: date) -> dict[str, float] | None:
    row = session.scalars(
        sa.select(AssessmentRow)
        .where(AssessmentRow.model_id == model_id, AssessmentRow.version == version)
        .where(AssessmentRow.day <= on, AssessmentRow.known_on <= on)
        .order_by(
            AssessmentRow.day.desc(),
            AssessmentRow.known_on.desc(),
            AssessmentRow.recorded_at.desc(),
            AssessmentRow.id.desc(),
        )
        .limit(1)
    ).one_or_none()
    if row is None:
        return None
    details = joined_details(row.facts.facts if row.facts else None, row.packed_details)
    found: dict[str, float] | None = details.get("retraining")
    return found
