"""Read-only values and frames about one model, as it was known on a day.

"As known on D" is, per model and day, the assessment with the greatest ``known_on`` not after D, then the newest ``recorded_at``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from data_access.assessment_details import joined_details
from data_access.tables import (
    AssessmentFactsRow,
    AssessmentRow,
    ModelRow,
    ModelVersionRow,
    PersonRow,
)
from monitoring.assessment import Assessment, Basis, Finding, FindingKind, Measures, Verdict
from monitoring.errors import UnknownModelError
from monitoring.portfolio import Consumer, Feature, FeatureKind, ModelVersion, ServiceState, Supersession

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data_access.database import Database

MEASURES = tuple(field.name for field in fields(Measures))
HISTORY_COLUMNS = ("day", "version", "verdict", "basis", *MEASURES)
FEATURE_COLUMNS = (
    "day",
    "feature",
    "psi",
    "threshold",
    "ratio",
    "excess",
    "importance",
    "rows",
    "nulls",
    "nulls_reference",
    "flags",
    "source",
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the organisation says about a model; whatever it does not say is missing."""

    id: str
    name: str
    task: str
    purpose: str | None = None
    use_case: str | None = None
    business_line: str | None = None
    team: str | None = None
    owner: str | None = None
    owner_name: str | None = None
    tier: int | None = None
    timezone: str = "UTC"
    service_state: ServiceState = ServiceState.IN_SERVICE
    has_log: bool = True
    has_labels: bool = False
    label_delay_days: float | None = None
    cadence: str | None = None
    versions: tuple[ModelVersion, ...] = ()
    features: tuple[Feature, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    superseded_by: Supersession | None = None
    facts: tuple[tuple[str, str], ...] = ()
    last_error: str | None = None
    last_error_at: datetime | None = None


def facts(registry: Database, model_id: str, *, known_on: date) -> ModelFacts:
    """Return what is known about the model beside its assessments; versions that take over later are left out.

    Raises:
        UnknownModelError: no model has this id.
    """
    with registry.read() as session:
        row = session.get(ModelRow, model_id)
        if row is None:
            raise UnknownModelError(f"No model has the id {model_id!r}.")
        owner = session.get(PersonRow, row.owner) if row.owner else None
        versions = session.scalars(
            sa.select(ModelVersionRow)
            .where(
                ModelVersionRow.model_id == model_id,
                sa.or_(ModelVersionRow.active_from.is_(None), ModelVersionRow.active_from <= known_on),
            )
            .order_by(ModelVersionRow.active_from, ModelVersionRow.position, ModelVersionRow.id)
        )
        card: dict[str, Any] = row.card
        successor = card.get("superseded_by")
        return ModelFacts(
            id=row.id,
            name=row.name,
            task=row.task,
            purpose=row.purpose,
            use_case=row.use_case,
            business_line=row.business_line,
            team=row.team,
            owner=row.owner,
            owner_name=owner.name if owner else None,
            tier=row.tier,
            timezone=row.timezone,
            service_state=ServiceState(row.service_state),
            has_log=row.has_log,
            has_labels=bool(card.get("labels") or (card.get("columns") or {}).get("label")),
            label_delay_days=card.get("label_delay_days"),
            cadence=card.get("cadence"),
            versions=tuple(_version(version) for version in versions),
            features=tuple(
                Feature(part["name"], FeatureKind(part["type"]), part.get("source"), part.get("importance"))
                for part in card.get("features") or []
                if part.get("type") in {kind.value for kind in FeatureKind}
            ),
            consumers=tuple(Consumer(part["name"], part.get("contact")) for part in card.get("consumers") or []),
            superseded_by=Supersession(successor["name"], date.fromisoformat(successor["since"]))
            if successor and date.fromisoformat(successor["since"]) <= known_on
            else None,
            facts=tuple((str(name), str(value)) for name, value in (card.get("facts") or {}).items()),
            last_error=row.last_error,
            last_error_at=row.last_error_at,
        )


def _version(row: ModelVersionRow) -> ModelVersion:
    return ModelVersion(row.version, row.active_from, row.trained_from, row.trained_to, row.is_announced)


def _newest_first(model_id: str, known_on: date) -> sa.Select[AssessmentRow]:
    return (
        sa.select(AssessmentRow)
        .where(AssessmentRow.model_id == model_id, AssessmentRow.day <= known_on, AssessmentRow.known_on <= known_on)
        .order_by(
            AssessmentRow.day.desc(),
            AssessmentRow.known_on.desc(),
            AssessmentRow.recorded_at.desc(),
            AssessmentRow.id.desc(),
        )
    )


def assessment(registry: Database, model_id: str, *, known_on: date) -> Assessment | None:
    """Return the newest assessment as it was known on ``known_on``, with findings and details; nothing if never assessed."""
    with registry.read() as session:
        row = session.scalars(_newest_first(model_id, known_on).limit(1)).one_or_none()
        return None if row is None else _assessment(row)


def _assessment(row: AssessmentRow) -> Assessment:
    return Assessment(
        model_id=row.model_id,
        version=row.version,
        day=row.day,
        known_on=row.known_on,
        verdict=Verdict(row.verdict),
        basis=Basis(row.basis),
        sentence=row.sentence,
        reason=row.reason,
        in_verdict_since=row.in_verdict_since,
        findings=tuple(
            Finding(
                kind=FindingKind(finding.kind),
                argues_for=Verdict(finding.argues_for),
                subject=finding.subject,
                since=finding.since,
                sentence=finding.sentence,
                source=finding.source,
                evidence=finding.evidence,
            )
            for finding in row.findings
        ),
        against=tuple(str(point) for point in row.against),
        measures=Measures(**{name: getattr(row, name) for name in MEASURES}),
        expected_loss=row.expected_loss,
        policy_version=row.policy_version,
        method_version=row.method_version,
        details=joined_details(row.facts.facts if row.facts else None, row.packed_details),
    )


def history(registry: Database, model_id: str, *, known_on: date, first: date | None = None) -> pd.DataFrame:
    """One row per assessed day as known on ``known_on``, oldest first.

    ``day`` (date), ``version``, ``verdict``, ``basis`` (str) and the fields of ``Measures`` (numbers, missing is ``None``).
    """
    columns = [getattr(AssessmentRow, name) for name in HISTORY_COLUMNS]
    query = _newest_first(model_id, known_on).with_only_columns(*columns)
    if first is not None:
        query = query.where(AssessmentRow.day >= first)
    with registry.read() as session:
        frame = pd.DataFrame([tuple(row) for row in session.execute(query)], columns=list(HISTORY_COLUMNS))
    return frame.drop_duplicates("day").iloc[::-1].reset_index(drop=True)


def feature_days(registry: Database, model_id: str, *, known_on: date, first: date) -> pd.DataFrame:
    """One row per assessed day from ``first`` on and feature, oldest first.

    ``day`` (date), ``feature`` (str), ``psi``, ``threshold``, ``ratio`` (psi / threshold), ``excess``, ``importance`` (share),
    ``rows``, ``nulls``, ``nulls_reference`` (shares; numbers are missing where nothing could be computed), ``flags`` (tuple of
    kinds of open data-quality findings), ``source`` (str or missing).
    """
    query = _newest_first(model_id, known_on).with_only_columns(
        AssessmentRow.day, AssessmentRow.facts_id, AssessmentRow.packed_details
    )
    with registry.read() as session:
        found = session.execute(query.where(AssessmentRow.day >= first)).all()
        used = sa.select(AssessmentFactsRow.id, AssessmentFactsRow.facts).where(
            AssessmentFactsRow.id.in_({row.facts_id for row in found})
        )
        facts = {row.id: row.facts for row in session.execute(used)}
    newest = {row.day: row for row in reversed(found)}
    days = {day: joined_details(facts.get(row.facts_id), row.packed_details) for day, row in newest.items()}
    rows = [feature_row(day, name, fact) for day, details in days.items() for name, fact in features_of(details)]
    return pd.DataFrame(rows, columns=list(FEATURE_COLUMNS)).sort_values(["day", "feature"], ignore_index=True)


def features_of(details: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the features of an assessment's details with what was measured of each."""
    return list((details.get("features") or {}).items())


def feature_row(day: date, name: str, fact: dict[str, Any]) -> dict[str, Any]:
    """Return one feature on one day with the columns of ``feature_days``."""
    psi, threshold = fact.get("psi"), fact.get("threshold")
    plain = ("excess", "importance", "rows", "nulls", "nulls_reference", "source")
    return {
        "day": day,
        "feature": name,
        "psi": psi,
        "threshold": threshold,
        "ratio": psi / threshold if psi is not None and threshold else None,
        **{field: fact.get(field) for field in plain},
        "flags": tuple(fact.get("flags") or ()),
    }


def model_names(registry: Database, model_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of some models by id; one that is not registered is left out."""
    wanted = sa.select(ModelRow.id, ModelRow.name).where(ModelRow.id.in_(sorted(set(model_ids))))
    with registry.read() as session:
        return {row.id: row.name for row in session.execute(wanted)}
