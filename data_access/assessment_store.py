"""References, profiles and assessments: values to rows and back, one transaction per call."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.assessment_details import facts_hash, split_details
from data_access.tables import (
    AssessmentFactsRow,
    AssessmentRow,
    AssessRunRow,
    FindingRow,
    LogDayRow,
    ModelRow,
    ModelVersionRow,
    ProfileRow,
    ReferenceRow,
)
from monitoring.assessment import Measures, Verdict
from monitoring.history import ProfileKind, StoredProfile
from monitoring.packing import pack_reference, unpack_reference
from monitoring.profiling import KeptReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from data_access.registry import Registry
    from monitoring.assessment import Assessment, Finding
    from monitoring.portfolio import ModelVersion
    from monitoring.profiling import NewProfiles
    from monitoring.reference import Reference


MEASURES = tuple(field.name for field in fields(Measures))


@dataclass(frozen=True, slots=True)
class _Said:
    """An assessment as it is stored: its columns, its findings, and the facts it shares with other days."""

    columns: dict[str, Any]
    findings: list[dict[str, Any]]
    facts: dict[str, Any]
    facts_hash: str

    @classmethod
    def of(cls, assessment: Assessment) -> _Said:
        """Pack an assessment; the content hash is that of everything it says about its day, so that saying it again stores nothing."""
        facts, packed = split_details(assessment.details)
        columns, findings = _columns(assessment), [_finding(finding) for finding in assessment.findings]
        digest = facts_hash(facts)
        text = json.dumps([columns, findings, digest], sort_keys=True, default=str)
        columns["content_hash"] = sha256(text.encode() + packed).hexdigest()
        columns["known_on"], columns["packed_details"] = assessment.known_on, packed
        return cls(columns, findings, facts, digest)


@dataclass(frozen=True)
class RegistryAssessments:
    """The assessment store of a registry."""

    registry: Registry

    def reference(self, model_id: str, version: str, key: str) -> KeptReference | None:
        """Return the reference kept under this key."""
        wanted = (ReferenceRow.model_id == model_id, ReferenceRow.version == version, ReferenceRow.key == key)
        with self.registry.read() as session:
            row = session.execute(sa.select(ReferenceRow.id, ReferenceRow.payload).where(*wanted)).one_or_none()
        return KeptReference(row.id, unpack_reference(row.payload)) if row else None

    def keep_reference(
        self, model_id: str, version: str, key: str, reference: Reference, *, now: datetime
    ) -> KeptReference:
        """Keep a reference; the old one and its profiles stay."""
        row = ReferenceRow(
            model_id=model_id,
            version=version,
            key=key,
            origin=str(reference.origin),
            first_day=reference.first_day,
            last_day=reference.last_day,
            rows=reference.rows,
            labels=reference.label_rows,
            payload=pack_reference(reference),
            recorded_at=now,
        )
        with self.registry.write() as session:
            session.add(row)
            session.flush()
            return KeptReference(row.id, reference)

    def add_versions(self, model_id: str, versions: tuple[ModelVersion, ...]) -> None:
        """Register versions that were seen in the log without being announced."""
        with self.registry.write() as session:
            for version in versions:
                session.add(
                    ModelVersionRow(
                        model_id=model_id, version=version.version, active_from=version.active_from, is_announced=False
                    )
                )

    def counted_days(self, model_id: str) -> dict[date, tuple[int, int]]:
        """Return rows and labels per day when it was last profiled."""
        query = sa.select(LogDayRow.day, LogDayRow.rows, LogDayRow.labels).where(LogDayRow.model_id == model_id)
        with self.registry.read() as session:
            return {row.day: (row.rows, row.labels) for row in session.execute(query)}

    def keep_profiles(
        self, model_id: str, new: Iterable[NewProfiles], counted: Mapping[date, tuple[int, int]], *, now: datetime
    ) -> None:
        """Keep profiles and what was counted, in one transaction; a profile equal to the one known is left out."""
        with self.registry.write() as session:
            for part in new:
                known = _newest_payloads(session, part.reference_id, part.version)
                rows = []
                for profile in part.profiles:
                    at = (profile.kind, profile.day)
                    if known.get(at, b"") == profile.payload:
                        continue
                    known[at] = profile.payload
                    rows.append(
                        {
                            "reference_id": part.reference_id,
                            "version": part.version,
                            "kind": str(profile.kind),
                            "day": profile.day,
                            "known_on": profile.known_on,
                            "rows": profile.rows,
                            "payload": profile.payload,
                            "recorded_at": now,
                        }
                    )
                if rows:
                    session.execute(sa.insert(ProfileRow), rows)
            if counted:
                days = sorted(counted)
                session.execute(
                    sa.delete(LogDayRow)
                    .where(LogDayRow.model_id == model_id, LogDayRow.day.between(days[0], days[-1]))
                    .where(LogDayRow.day.in_(days))
                )
                session.execute(
                    sa.insert(LogDayRow),
                    [
                        {"model_id": model_id, "day": day, "rows": counted[day][0], "labels": counted[day][1]}
                        for day in days
                    ],
                )

    def profiles(self, reference_id: int, version: str) -> list[StoredProfile]:
        """Return every profile kept, in the order of recording."""
        query = (
            sa.select(ProfileRow.kind, ProfileRow.day, ProfileRow.known_on, ProfileRow.rows, ProfileRow.payload)
            .where(ProfileRow.reference_id == reference_id, ProfileRow.version == version)
            .order_by(ProfileRow.recorded_at, ProfileRow.id)
        )
        with self.registry.read() as session:
            return [
                StoredProfile(ProfileKind(row.kind), row.day, row.known_on, row.rows, row.payload)
                for row in session.execute(query)
            ]

    def last_assessed(self, model_id: str) -> date | None:
        """Return the newest day assessed."""
        query = sa.select(sa.func.max(AssessmentRow.day)).where(AssessmentRow.model_id == model_id)
        with self.registry.read() as session:
            return session.execute(query).scalar_one()

    def verdict_run(self, model_id: str, *, day: date, known_on: date) -> tuple[Verdict, date] | None:
        """Return the verdict of a day as known on another, and since when it holds; nothing if the day was not assessed."""
        query = (
            sa.select(AssessmentRow.verdict, AssessmentRow.in_verdict_since)
            .where(AssessmentRow.model_id == model_id, AssessmentRow.day == day, AssessmentRow.known_on <= known_on)
            .order_by(AssessmentRow.known_on.desc(), AssessmentRow.recorded_at.desc(), AssessmentRow.id.desc())
            .limit(1)
        )
        with self.registry.read() as session:
            row = session.execute(query).one_or_none()
        return (Verdict(row.verdict), row.in_verdict_since) if row else None

    def keep_assessments(self, assessments: Iterable[Assessment], *, now: datetime) -> int:
        """Append a model's assessments that say something new about their day; return how many."""
        said = [_Said.of(assessment) for assessment in assessments]
        with self.registry.read() as session:
            if not _news(session, said):
                return 0
        with self.registry.write() as session:
            news = _news(session, said)
            if news:
                _append(session, news, now=now)
        return len(news)

    def keep_failure(self, model_id: str, message: str, *, now: datetime) -> None:
        """Remember why a model could not be assessed, until it can be again."""
        with self.registry.write() as session:
            session.execute(
                sa.update(ModelRow).where(ModelRow.id == model_id).values(last_error=message, last_error_at=now)
            )

    def clear_failures(self, assessed: Iterable[str]) -> None:
        """Forget why models could not be assessed, now that they were."""
        with self.registry.read() as session:
            failed = set(session.scalars(sa.select(ModelRow.id).where(ModelRow.last_error.is_not(None))))
        if cleared := failed & set(assessed):
            with self.registry.write() as session:
                session.execute(
                    sa.update(ModelRow).where(ModelRow.id.in_(cleared)).values(last_error=None, last_error_at=None)
                )

    def keep_run(self, *, started: datetime, finished: datetime, models: int, failures: list[dict[str, str]]) -> None:
        """Remember one run of assess."""
        with self.registry.write() as session:
            session.add(AssessRunRow(started_at=started, finished_at=finished, models=models, failures=failures))


def _newest_payloads(session: Session, reference_id: int, version: str) -> dict[tuple[ProfileKind, date], bytes]:
    query = (
        sa.select(ProfileRow.kind, ProfileRow.day, ProfileRow.payload)
        .where(ProfileRow.reference_id == reference_id, ProfileRow.version == version)
        .order_by(ProfileRow.known_on, ProfileRow.recorded_at, ProfileRow.id)
    )
    return {(ProfileKind(row.kind), row.day): row.payload for row in session.execute(query)}


def _news(session: Session, said: list[_Said]) -> list[_Said]:
    """Return those of a model's assessments that say something new about their day."""
    if not said:
        return []
    days = [each.columns["day"] for each in said]
    known, news = _known_hashes(session, said[0].columns["model_id"], min(days), max(days)), []
    for each in said:
        day, known_on, digest = (each.columns[name] for name in ("day", "known_on", "content_hash"))
        before = [hashed for at, hashed in known.get(day, []) if at <= known_on]
        if not before or before[-1] != digest:
            known.setdefault(day, []).append((known_on, digest))
            news.append(each)
    return news


def _append(session: Session, news: list[_Said], *, now: datetime) -> None:
    """Insert assessments with their findings, many rows a statement."""
    facts = _facts_ids(session, news[0].columns["model_id"], {each.facts_hash: each.facts for each in news})
    rows = [each.columns | {"facts_id": facts[each.facts_hash], "recorded_at": now} for each in news]
    adding = sa.insert(AssessmentRow).returning(AssessmentRow.id, sort_by_parameter_order=True)
    ids = session.execute(adding, rows).scalars().all()
    findings = [
        finding | {"assessment_id": at} for at, each in zip(ids, news, strict=True) for finding in each.findings
    ]
    if findings:
        session.execute(sa.insert(FindingRow), findings)


def _facts_ids(session: Session, model_id: str, facts: dict[str, dict[str, Any]]) -> dict[str, int]:
    """Return the number under which each of the facts is kept, by their hash; new ones are added."""
    kept = sa.select(AssessmentFactsRow.content_hash, AssessmentFactsRow.id).where(
        AssessmentFactsRow.model_id == model_id, AssessmentFactsRow.content_hash.in_(facts)
    )
    ids = {row.content_hash: row.id for row in session.execute(kept)}
    for digest in facts.keys() - ids.keys():
        row = AssessmentFactsRow(model_id=model_id, content_hash=digest, facts=facts[digest])
        session.add(row)
        session.flush()
        ids[digest] = row.id
    return ids


def _known_hashes(session: Session, model_id: str, first: date, last: date) -> dict[date, list[tuple[date, str]]]:
    """Return per day what is said of it already: ``(known_on, content hash)``, the newest last."""
    query = (
        sa.select(AssessmentRow.day, AssessmentRow.known_on, AssessmentRow.content_hash)
        .where(AssessmentRow.model_id == model_id, AssessmentRow.day.between(first, last))
        .order_by(AssessmentRow.known_on, AssessmentRow.recorded_at)
    )
    known: dict[date, list[tuple[date, str]]] = {}
    for row in session.execute(query):
        known.setdefault(row.day, []).append((row.known_on, row.content_hash))
    return known


def _columns(assessment: Assessment) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "model_id": assessment.model_id,
        "version": assessment.version,
        "day": assessment.day,
        "verdict": str(assessment.verdict),
        "basis": str(assessment.basis),
        "sentence": assessment.sentence,
        "reason": assessment.reason,
        "in_verdict_since": assessment.in_verdict_since,
        "expected_loss": assessment.expected_loss,
        "policy_version": assessment.policy_version,
        "method_version": assessment.method_version,
        "against": list(assessment.against),
    }
    return columns | {name: getattr(assessment.measures, name) for name in MEASURES}


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": str(finding.kind),
        "argues_for": str(finding.argues_for),
        "subject": finding.subject,
        "source": finding.source,
        "since": finding.since,
        "sentence": finding.sentence,
        "evidence": finding.evidence,
    }
