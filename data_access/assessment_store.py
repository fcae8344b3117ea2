"""References, profiles and assessments: values to rows and back, one transaction per call."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.assessment_details import facts_hash, split_details
from data_access.put_off import Write
from data_access.tables import (
    AssessmentFactsRow,
    AssessmentRow,
    AssessRunRow,
    LogDayRow,
    ModelRow,
    ModelVersionRow,
    ProfileRow,
    ReferenceRow,
    Table,
)
from monitoring.assessment import Measures, Verdict
from monitoring.history import ProfileKind, StoredProfile
from monitoring.packing import pack_reference
from monitoring.profiling import KeptReference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from data_access.read_ahead import ReadAhead
    from data_access.registry import Registry
    from monitoring.assessment import Assessment, Finding
    from monitoring.portfolio import ModelVersion
    from monitoring.profiling import NewProfiles
    from monitoring.reference import Reference

    Payloads = dict[tuple[ProfileKind, date], bytes]

FEW_ASSESSMENTS = 32
"""So many are a model's last: before them they come in larger parts."""
FEW_PROFILES = 64
"""So many are put off; more are stored at once."""
PROFILES, ASSESSMENTS, FINDINGS, LOG_DAYS = (
    Table.metadata.tables[name] for name in ("profiles", "assessments", "findings", "log_days")
)
PROFILES_OF = (
    sa.select(PROFILES.c.kind, PROFILES.c.day, PROFILES.c.known_on, PROFILES.c.rows, PROFILES.c.payload)
    .where(
        PROFILES.c.reference_id == sa.bindparam("reference_id"),
        PROFILES.c.version == sa.bindparam("version"),
        PROFILES.c.kind.in_(sa.bindparam("kinds", expanding=True)),
    )
    .order_by(PROFILES.c.recorded_at, PROFILES.c.id)
)
ADDING, ADDING_FINDINGS, ADDING_PROFILES, ADDING_DAYS = (
    sa.insert(table) for table in (ASSESSMENTS, FINDINGS, PROFILES, LOG_DAYS)
)
KEY_OF_ASSESSMENT = (ASSESSMENTS.c.model_id, ASSESSMENTS.c.day, ASSESSMENTS.c.known_on, ASSESSMENTS.c.recorded_at)
FORGETTING_DAYS = sa.delete(LOG_DAYS).where(
    LOG_DAYS.c.model_id == sa.bindparam("of_model"), LOG_DAYS.c.day == sa.bindparam("of_day")
)
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


@dataclass(frozen=True, slots=True)
class _News:
    """Assessments of a model that are to be added; ``facts`` are the numbers of those known already."""

    model_id: str
    news: list[_Said]
    facts: Mapping[str, int]
    now: datetime

    def rows(self, session: Session) -> list[dict[str, Any]]:
        """Return the assessments as rows; facts that are new are added."""
        added = {each.facts_hash: each.facts for each in self.news if each.facts_hash not in self.facts}
        facts = {**self.facts, **(_facts_ids(session, self.model_id, added) if added else {})}
        return [each.columns | {"facts_id": facts[each.facts_hash], "recorded_at": self.now} for each in self.news]


@dataclass(frozen=True)
class RegistryAssessments:
    """The assessment store of a registry."""

    registry: Registry
    ahead: ReadAhead | None = None
    """What was read of the models before."""
    put_off: list[Write] | None = None
    """Where the last few assessments of a model are left when somebody else is to store them."""

    def reference(self, model_id: str, version: str, key: str) -> KeptReference | None:
        """Return the reference kept under this key."""
        if self.ahead and (found := self.ahead.reference(model_id, version, key)):
            return found
        wanted = (ReferenceRow.model_id == model_id, ReferenceRow.version == version, ReferenceRow.key == key)
        with self.registry.read() as session:
            row = session.execute(sa.select(ReferenceRow.id, ReferenceRow.payload).where(*wanted)).one_or_none()
        return KeptReference(row.id, row.payload) if row else None

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
        if self.ahead and model_id in self.ahead.counted:
            return dict(self.ahead.counted[model_id])
        query = sa.select(LogDayRow.day, LogDayRow.rows, LogDayRow.labels).where(LogDayRow.model_id == model_id)
        with self.registry.read() as session:
            return {row.day: (row.rows, row.labels) for row in session.execute(query)}

    def keep_profiles(
        self, model_id: str, new: Iterable[NewProfiles], counted: Mapping[date, tuple[int, int]], *, now: datetime
    ) -> None:
        """Keep profiles and what was counted, in one transaction; a profile equal to the one known is left out.

        Where they may be put off, a few are.
        """
        given = list(new)
        days = [
            {"model_id": model_id, "day": day, "rows": rows, "labels": labels}
            for day, (rows, labels) in sorted(counted.items())
        ]
        if self.put_off is not None and (known := self._known_before(given)) is not None:
            rows = [row for part, before in known for row in _new_profiles(part, before, now=now)]
            self.put_off.append(Write(_append_profiles, (rows, days)))
            return
        with self.registry.write() as session:
            rows = []
            for part in given:
                before = _newest_payloads(session, part.reference_id, part.version)
                rows += _new_profiles(part, before, now=now)
            _append_profiles(session, [(rows, days)])

    def _known_before(self, given: list[NewProfiles]) -> list[tuple[NewProfiles, Payloads]] | None:
        """Return a few profiles with what was read of those before them, to which they are added; nothing if that was not read."""
        if self.ahead is None or sum(len(part.profiles) for part in given) > FEW_PROFILES:
            return None
        known = []
        for part in given:
            before = self.ahead.profiles(part.reference_id, part.version)
            if before is None:
                return None
            in_order = sorted(before, key=lambda profile: profile.known_on)
            known.append((part, {(profile.kind, profile.day): profile.payload for profile in in_order}))
        for part in given:
            self.ahead.add_profiles(part.reference_id, part.version, part.profiles)
        return known

    def profiles(self, reference_id: int, version: str, kind: ProfileKind | None = None) -> list[StoredProfile]:
        """Return every profile kept, or those of a kind, in the order of recording."""
        if self.ahead and (found := self.ahead.profiles(reference_id, version)) is not None:
            return found if kind is None else [profile for profile in found if profile.kind is kind]
        kinds = list(ProfileKind) if kind is None else [kind]
        with self.registry.read() as session:
            given = {"reference_id": reference_id, "version": version, "kinds": [str(each) for each in kinds]}
            return [
                StoredProfile(ProfileKind(said), day, known_on, rows, payload)
                for said, day, known_on, rows, payload in session.execute(PROFILES_OF, given)
            ]

    def last_assessed(self, model_id: str) -> date | None:
        """Return the newest day assessed."""
        if self.ahead and model_id in self.ahead.said:
            return self.ahead.last_assessed(model_id)
        query = sa.select(sa.func.max(AssessmentRow.day)).where(AssessmentRow.model_id == model_id)
        with self.registry.read() as session:
            return session.execute(query).scalar_one()

    def verdict_run(self, model_id: str, *, day: date, known_on: date) -> tuple[Verdict, date] | None:
        """Return the verdict of a day as known on another, and since when it holds; nothing if the day was not assessed."""
        if self.ahead and model_id in self.ahead.said and day == self.ahead.last_assessed(model_id):
            said = [row for row in self.ahead.said[model_id] if row.known_on <= known_on]
            return (Verdict(said[-1].verdict), said[-1].in_verdict_since) if said else None
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
        """Append a model's assessments that say something new about their day; return how many.

        Where they may be put off, a few are: they have to be a model's last, for it would not see them.
        """
        said = [_Said.of(assessment) for assessment in assessments]
        if not said:
            return 0
        model_id = said[0].columns["model_id"]
        if self._are_later(said):
            news = said
        else:
            with self.registry.read() as session:
                news = _news(session, said)
        if not news:
            return 0
        if self.put_off is not None and len(said) <= FEW_ASSESSMENTS:
            facts = self.ahead.facts_ids(model_id) if self.ahead else {}
            self.put_off.append(Write(_append, _News(model_id, news, facts, now)))
            return len(news)
        with self.registry.write() as session:
            news = _news(session, said)
            if news:
                _append(session, [_News(model_id, news, {}, now)])
        if self.ahead:
            self.ahead.forget(model_id)
        return len(news)

    def _are_later(self, said: list[_Said]) -> bool:
        """Return whether the days are later than every one assessed, and one of each: then all of them are news."""
        model_id, days = said[0].columns["model_id"], [each.columns["day"] for each in said]
        if not self.ahead or model_id not in self.ahead.said or len(set(days)) < len(days):
            return False
        assessed = self.ahead.last_assessed(model_id)
        return assessed is None or min(days) > assessed

    def keep_failure(self, model_id: str, message: str, *, now: datetime) -> None:
        """Remember why a model could not be assessed, until it can be again."""
        with self.registry.write() as session:
            keep_failure(session, model_id, message, now=now)

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


def keep_failure(session: Session, model_id: str, message: str, *, now: datetime) -> None:
    """Remember why a model could not be assessed, until it can be again."""
    session.execute(sa.update(ModelRow).where(ModelRow.id == model_id).values(last_error=message, last_error_at=now))


def _newest_payloads(session: Session, reference_id: int, version: str) -> Payloads:
    query = (
        sa.select(ProfileRow.kind, ProfileRow.day, ProfileRow.payload)
        .where(ProfileRow.reference_id == reference_id, ProfileRow.version == version)
        .order_by(ProfileRow.known_on, ProfileRow.recorded_at, ProfileRow.id)
    )
    return {(ProfileKind(row.kind), row.day): row.payload for row in session.execute(query)}


def _new_profiles(part: NewProfiles, known: Payloads, *, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the profiles that differ from the newest of their day, as rows."""
    for profile in part.profiles:
        at = (profile.kind, profile.day)
        if known.get(at, b"") == profile.payload:
            continue
        known[at] = profile.payload
        yield {
            "reference_id": part.reference_id,
            "version": part.version,
            "kind": str(profile.kind),
            "day": profile.day,
            "known_on": profile.known_on,
            "rows": profile.rows,
            "payload": profile.payload,
            "recorded_at": now,
        }


def _append_profiles(session: Session, given: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]) -> None:
    """Insert profiles of many models, and put the days they cover in the place of what was counted before."""
    if rows := [row for rows, _ in given for row in rows]:
        session.execute(ADDING_PROFILES, rows)
    if days := [day for _, days in given for day in days]:
        # Not through the session, which sends such a DELETE once per row.
        session.connection().execute(
            FORGETTING_DAYS, [{"of_model": day["model_id"], "of_day": day["day"]} for day in days]
        )
        session.execute(ADDING_DAYS, days)


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


def _append(session: Session, given: list[_News]) -> None:
    """Insert assessments of many models with their findings, many rows a statement."""
    rows = [row for each in given for row in each.rows(session)]
    session.execute(ADDING, rows)
    ids = _ids_of(session, rows)
    said = [assessment for each in given for assessment in each.news]
    findings = [
        finding | {"assessment_id": ids[tuple(row[column.name] for column in KEY_OF_ASSESSMENT)]}
        for row, each in zip(rows, said, strict=True)
        for finding in each.findings
    ]
    if findings:
        session.execute(ADDING_FINDINGS, findings)


def _ids_of(session: Session, rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], int]:
    """Return the numbers of assessments just added, by their key; to have each INSERT return its own costs SQLite a statement a row."""
    model_id, day, _, recorded_at = KEY_OF_ASSESSMENT
    query = sa.select(ASSESSMENTS.c.id, *KEY_OF_ASSESSMENT).where(
        model_id.in_({row["model_id"] for row in rows}),
        day.between(min(row["day"] for row in rows), max(row["day"] for row in rows)),
        recorded_at.in_({row["recorded_at"] for row in rows}),
    )
    return {tuple(key): number for number, *key in session.execute(query)}


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
