"""The registry's tables; the only place they are declared."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(sa.TypeDecorator[datetime]):
    """An aware UTC timestamp on every engine: SQLite stores it naive in UTC and gives it back aware."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse naive times; store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = f"naive timestamp {value.isoformat()}"
            raise ValueError(message)
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Give back aware UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Base of every table; constraints are named so that migrations can address them."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: Instant(), dict[str, Any]: sa.JSON(none_as_null=True), list[Any]: sa.JSON()}


class RevisionRow(Table):
    """One row: a number that grows with every write, so that every cache everywhere knows when it is old."""

    __tablename__ = "revision"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)


class PersonRow(Table):
    """Somebody who may act."""

    __tablename__ = "people"
    email: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    is_demo: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class RoleRow(Table):
    """A role of a person, for every team (empty text) or one."""

    __tablename__ = "roles"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.ForeignKey("people.email"))
    role: Mapped[str]
    team: Mapped[str] = mapped_column(default="")
    __table_args__ = (sa.UniqueConstraint("email", "role", "team"),)


class ModelRow(Table):
    """A registered model: what is filtered on as columns, the whole card as JSON."""

    __tablename__ = "models"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    task: Mapped[str]
    purpose: Mapped[str | None]
    use_case: Mapped[str | None] = mapped_column(index=True)
    business_line: Mapped[str | None]
    team: Mapped[str | None] = mapped_column(index=True)
    owner: Mapped[str | None] = mapped_column(index=True)
    tier: Mapped[int | None]
    timezone: Mapped[str] = mapped_column(default="UTC")
    service_state: Mapped[str] = mapped_column(default="in_service")
    sunset_on: Mapped[date | None]
    has_log: Mapped[bool] = mapped_column(default=True)
    card: Mapped[dict[str, Any]]
    card_hash: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None]


class ModelVersionRow(Table):
    """One trained artefact of a model."""

    __tablename__ = "model_versions"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"))
    version: Mapped[str]
    active_from: Mapped[date | None]
    trained_from: Mapped[date | None]
    trained_to: Mapped[date | None]
    is_announced: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)
    __table_args__ = (sa.UniqueConstraint("model_id", "version"),)


class ReferenceRow(Table):
    """What a version is compared against: bins, day profiles and labels of the reference, packed."""

    __tablename__ = "model_references"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"))
    version: Mapped[str]
    key: Mapped[str]
    origin: Mapped[str]
    first_day: Mapped[date]
    last_day: Mapped[date]
    rows: Mapped[int]
    labels: Mapped[int]
    payload: Mapped[bytes]
    recorded_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("model_id", "version", "key"),)


class ProfileRow(Table):
    """Counts and sums of one version and day: ``kind`` rows by prediction day, labels by the day they arrived.

    The newest ``known_on`` not after D, and among those the newest ``recorded_at``, is the profile as known on D.
    """

    __tablename__ = "profiles"
    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    reference_id: Mapped[int] = mapped_column(sa.ForeignKey("model_references.id"))
    version: Mapped[str]
    kind: Mapped[str]
    day: Mapped[date]
    known_on: Mapped[date]
    rows: Mapped[int]
    payload: Mapped[bytes]
    recorded_at: Mapped[datetime]
    __table_args__ = (
        sa.UniqueConstraint(
            "reference_id", "version", "kind", "day", "known_on", "recorded_at", name="uq_profiles_day"
        ),
    )


class LogDayRow(Table):
    """Raw rows and labels a day had when it was last profiled: how a changed day is noticed."""

    __tablename__ = "log_days"
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    rows: Mapped[int]
    labels: Mapped[int]


class AssessmentRow(Table):
    """What was concluded about a model on a day; append-only, the newest ``known_on`` (then ``recorded_at``) counts."""

    __tablename__ = "assessments"
    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"))
    version: Mapped[str]
    day: Mapped[date]
    known_on: Mapped[date]
    recorded_at: Mapped[datetime]
    verdict: Mapped[str]
    basis: Mapped[str]
    sentence: Mapped[str]
    reason: Mapped[str]
    in_verdict_since: Mapped[date]
    expected_loss: Mapped[float]
    policy_version: Mapped[str]
    method_version: Mapped[str]
    content_hash: Mapped[str]
    rows: Mapped[int]
    rows_7: Mapped[int]
    labels_28: Mapped[int]
    effect: Mapped[float | None]
    effect_low: Mapped[float | None]
    effect_high: Mapped[float | None]
    z_28: Mapped[float | None]
    cusum: Mapped[float | None]
    metric: Mapped[str | None]
    metric_value: Mapped[float | None]
    metric_reference: Mapped[float | None]
    drift_score: Mapped[float | None]
    drift_ratio: Mapped[float | None]
    traffic_ratio: Mapped[float | None]
    estimated_effect: Mapped[float | None]
    newest_labelled_day: Mapped[date | None]
    against: Mapped[list[Any]]
    facts_id: Mapped[int | None] = mapped_column(sa.ForeignKey("assessment_facts.id"))
    packed_details: Mapped[bytes]
    facts: Mapped[AssessmentFactsRow | None] = relationship()
    findings: Mapped[list[FindingRow]] = relationship(order_by="FindingRow.id")
    __table_args__ = (
        sa.UniqueConstraint("model_id", "day", "known_on", "recorded_at", name="uq_assessments_day"),
        sa.Index("ix_assessments_day", "day"),
    )


class AssessmentFactsRow(Table):
    """What the details of every day of one reference repeat: names, importances and sources of features, the reference."""

    __tablename__ = "assessment_facts"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"))
    content_hash: Mapped[str]
    facts: Mapped[dict[str, Any]]
    __table_args__ = (sa.UniqueConstraint("model_id", "content_hash"),)


class FindingRow(Table):
    """One threshold crossed, with its evidence."""

    __tablename__ = "findings"
    id: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True)
    assessment_id: Mapped[int] = mapped_column(sa.ForeignKey("assessments.id"), index=True)
    kind: Mapped[str]
    argues_for: Mapped[str]
    subject: Mapped[str]
    source: Mapped[str | None]
    since: Mapped[date]
    sentence: Mapped[str]
    evidence: Mapped[dict[str, Any]]


class SourceSetRow(Table):
    """The sources of a model's features, once for all its days: a JSON list in ascending order."""

    __tablename__ = "source_sets"
    id: Mapped[int] = mapped_column(primary_key=True)
    names: Mapped[str] = mapped_column(unique=True)


class SignRow(Table):
    """What a model says about portfolio shifts on a day: one letter per source, and one for all features together.

    Append-only like assessments. SQLite keeps the rows in the order of the key: a second index would be as large as the table.
    """

    __tablename__ = "shift_signs"
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    known_on: Mapped[date] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(primary_key=True)
    sources_id: Mapped[int] = mapped_column(sa.ForeignKey("source_sets.id"))
    signs: Mapped[str]
    __table_args__ = (
        sa.Index(
            "ix_shift_signs_late",
            "known_on",
            sqlite_where=sa.text("known_on > day"),
            postgresql_where=sa.text("known_on > day"),
        ),
        {"sqlite_with_rowid": False},
    )


class ShiftDayRow(Table):
    """The portfolio shifts open on a day; append-only, the newest ``known_on`` (then ``id``) counts. A day without a row has none."""

    __tablename__ = "shift_days"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    known_on: Mapped[date]
    recorded_at: Mapped[datetime]
    shifts: Mapped[list[ShiftRow]] = relationship(order_by="ShiftRow.id")
    __table_args__ = (sa.Index("ix_shift_days_day", "day", "known_on"),)


class ShiftRow(Table):
    """A portfolio shift as it stands on a day; ``began`` names it."""

    __tablename__ = "shifts"
    id: Mapped[int] = mapped_column(primary_key=True)
    shift_day_id: Mapped[int] = mapped_column(sa.ForeignKey("shift_days.id"), index=True)
    began: Mapped[date]
    kind: Mapped[str]
    grouping: Mapped[str]
    source: Mapped[str]
    k: Mapped[int]
    n: Mapped[int]
    base: Mapped[float]
    log10_p: Mapped[float]
    models: Mapped[list[Any]]
    cleared: Mapped[list[Any]]
    confirmed: Mapped[bool] = mapped_column(default=True)


class AssessProgressRow(Table):
    """How far a model's assessment has come: what its last findings were read from, and which shifts its verdicts know.

    ``signs_from`` is the earliest day on which signs became known that no search for shifts has taken in yet.
    When it was last judged, up to ``judged_to``, ``shift_days`` rows of that table were there, ``shifts_to`` was the last day
    searched and ``policy_number`` the newest approved version of the policy.
    """

    __tablename__ = "assess_progress"
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"), primary_key=True)
    references: Mapped[dict[str, Any]] = mapped_column("reference_ids")
    log_first: Mapped[date | None]
    log_last: Mapped[date | None]
    signed_to: Mapped[date | None]
    signs_from: Mapped[date | None]
    signed_at: Mapped[datetime]
    judged_to: Mapped[date | None]
    shift_days: Mapped[int] = mapped_column(default=0)
    shifts_to: Mapped[date | None]
    policy_number: Mapped[int] = mapped_column(default=1)


class ShiftProgressRow(Table):
    """One row: the last day that was searched for portfolio shifts."""

    __tablename__ = "shift_progress"
    id: Mapped[int] = mapped_column(primary_key=True)
    searched_to: Mapped[date | None]
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)


class AssessRunRow(Table):
    """One run of ``modelfolio assess``."""

    __tablename__ = "assess_runs"
    id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    only_model: Mapped[str | None]
    at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(default="finished")
    models: Mapped[int] = mapped_column(default=0)
    assessments: Mapped[int] = mapped_column(default=0)
    failures: Mapped[list[Any]]


class AssessJobRow(Table):
    """One piece of a run that is not over: a model, or (without a model) the search for shifts.

    A worker leases it for a while; ``fence`` grows with each lease, and results are taken only from the holder of the newest.
    """

    __tablename__ = "assess_jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("assess_runs.id"))
    model_id: Mapped[str | None] = mapped_column(sa.ForeignKey("models.id"))
    phase: Mapped[str]
    state: Mapped[str]
    owner: Mapped[str | None]
    fence: Mapped[int] = mapped_column(default=0)
    leased_at: Mapped[datetime | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    assessments: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    __table_args__ = (sa.Index("ix_assess_jobs_run", "run_id", "phase", "state"),)


class DecisionRow(Table):
    """An action proposed for a model, and its way to an outcome."""

    __tablename__ = "decisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"), index=True)
    action: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    is_open: Mapped[bool]
    tier: Mapped[int]
    reason: Mapped[str]
    proposed_by: Mapped[str]
    proposed_on: Mapped[date]
    proposed_at: Mapped[datetime]
    due_on: Mapped[date]
    accept_until: Mapped[date | None]
    plan: Mapped[dict[str, Any] | None]
    evidence: Mapped[dict[str, Any]]
    frozen_evidence: Mapped[dict[str, Any] | None]
    evidence_hash: Mapped[str | None]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_on: Mapped[date | None]
    state_on: Mapped[date | None]
    state_at: Mapped[datetime | None]
    assigned_to: Mapped[str | None]
    sunset_on: Mapped[date | None]
    new_version: Mapped[str | None]
    active_from: Mapped[date | None]
    settles_on: Mapped[date | None]
    outcome: Mapped[str | None]
    outcome_reason: Mapped[str | None]
    outcome_by: Mapped[str | None]
    outcome_on: Mapped[date | None]
    outcome_confirmed_by: Mapped[str | None]
    measured: Mapped[dict[str, Any] | None]
    __table_args__ = (
        sa.Index(
            "uq_decisions_open",
            "model_id",
            "action",
            unique=True,
            sqlite_where=sa.text("is_open"),
            postgresql_where=sa.text("is_open"),
        ),
    )


class ApprovalRow(Table):
    """One person's answer to a proposal; a person approves once, and may still reject. ``role``: the roles held then, comma-joined."""

    __tablename__ = "approvals"
    id: Mapped[int] = mapped_column(primary_key=True)
    decision_id: Mapped[int] = mapped_column(sa.ForeignKey("decisions.id"), index=True)
    person: Mapped[str]
    role: Mapped[str]
    answer: Mapped[str]
    comment: Mapped[str]
    evidence_hash: Mapped[str | None]
    answered_on: Mapped[date]
    answered_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("decision_id", "person", "answer"),)


class PolicyRow(Table):
    """A version of the policy: thresholds by tier and name; the row never changes but for its way to an answer.

    Version 1 is the method's own and stands in the code. ``policy_version`` of an assessment is the ``number`` here.
    """

    __tablename__ = "policies"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    thresholds: Mapped[dict[str, Any]]
    content_hash: Mapped[str]
    based_on: Mapped[int]
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str]
    proposed_by: Mapped[str]
    proposed_on: Mapped[date]
    proposed_at: Mapped[datetime]
    wanted_from: Mapped[date | None]
    in_force_from: Mapped[date | None]
    decided_by: Mapped[str | None]
    decided_on: Mapped[date | None]
    decided_at: Mapped[datetime | None]


class PolicyAnswerRow(Table):
    """One person's answer to a proposed version; a person approves once, and may still reject. ``role``: the roles held then."""

    __tablename__ = "policy_answers"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(sa.ForeignKey("policies.number"), index=True)
    person: Mapped[str]
    role: Mapped[str]
    answer: Mapped[str]
    comment: Mapped[str]
    content_hash: Mapped[str | None]
    answered_on: Mapped[date]
    answered_at: Mapped[datetime]
    __table_args__ = (sa.UniqueConstraint("number", "person", "answer"),)


class PolicyDraftRow(Table):
    """Thresholds somebody tries out, and what the days up to ``day`` would have looked like under them.

    ``state`` is that of the preview; whoever works it out says in ``told_at`` that it is alive, ``total`` models of which ``done``.
    """

    __tablename__ = "policy_drafts"
    id: Mapped[int] = mapped_column(primary_key=True)
    thresholds: Mapped[dict[str, Any]]
    content_hash: Mapped[str] = mapped_column(index=True)
    based_on: Mapped[int]
    day: Mapped[date]
    state: Mapped[str]
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    drafted_by: Mapped[str]
    drafted_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    sentence: Mapped[str | None]
    preview: Mapped[dict[str, Any] | None]


class TriggerRow(Table):
    """The outbox: an approved retraining on its way to a pipeline, one row per decision, written with the approval.

    ``state`` waiting, sending, delivered, offered (a pipeline that polls this table takes it from here) or failed. A worker leases it
    for a while; ``fence`` grows with each lease. ``run`` grows when a person has a failed retraining tried again.
    """

    __tablename__ = "triggers"
    id: Mapped[int] = mapped_column(primary_key=True)
    decision_id: Mapped[int] = mapped_column(sa.ForeignKey("decisions.id"), unique=True)
    model_id: Mapped[str] = mapped_column(sa.ForeignKey("models.id"))
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    run: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(default="waiting", index=True)
    payload: Mapped[dict[str, Any]]
    target: Mapped[str | None]
    created_at: Mapped[datetime]
    next_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None]
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    response: Mapped[str | None]
    responded_at: Mapped[datetime | None]


class TrainingReportRow(Table):
    """What a pipeline said about a training. One that writes it here itself leaves out when it was taken; a worker takes it."""

    __tablename__ = "training_reports"
    id: Mapped[int] = mapped_column(primary_key=True)
    decision_id: Mapped[int] = mapped_column(sa.ForeignKey("decisions.id"), index=True)
    report: Mapped[str]
    run: Mapped[str | None]
    version: Mapped[str | None]
    active_from: Mapped[date | None]
    trained_from: Mapped[date | None]
    trained_to: Mapped[date | None]
    metrics: Mapped[dict[str, Any] | None]
    message: Mapped[str | None]
    channel: Mapped[str] = mapped_column(default="table", server_default="table")
    written_at: Mapped[datetime] = mapped_column(server_default=sa.func.current_timestamp())
    taken_at: Mapped[datetime | None]
    refusal: Mapped[str | None]


class AuditEventRow(Table):
    """One unchangeable line: who, what, when, why; chained by hash. Never alter this table in batch mode."""

    __tablename__ = "audit_events"
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    actor: Mapped[str]
    role: Mapped[str]
    action: Mapped[str] = mapped_column(index=True)
    subject_kind: Mapped[str]
    subject_id: Mapped[str]
    model_id: Mapped[str | None] = mapped_column(index=True)
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    evidence_hash: Mapped[str | None]
    previous_hash: Mapped[str]
    hash: Mapped[str]
    mac: Mapped[str]
    __table_args__ = (sa.Index("ix_audit_events_subject", "subject_kind", "subject_id"),)


class AuditHeadRow(Table):
    """One row: the newest audit event; appends serialise on it."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int]
    hash: Mapped[str]
    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)


class DemoClockRow(Table):
    """One row in the demo: the day the movable clock stands on."""

    __tablename__ = "demo_clock"
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    last_day: Mapped[date]
