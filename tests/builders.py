"""Valid rows for a small real registry, each with one visible difference from the ordinary."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.assessment_details import split_details
from data_access.audit_key import key_from_file
from data_access.registry import Registry
from data_access.tables import AssessmentRow, DemoClockRow, FindingRow, ModelRow, ModelVersionRow, PersonRow, RoleRow
from monitoring.assessment import Basis, FindingKind, Verdict
from monitoring.people import Role
from tests.fresh import fresh_registry

if TYPE_CHECKING:
    from pathlib import Path

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOSTILE_NAMES = (
    "<img src=x onerror=alert(1)>",
    "![t](https://outside.example/pixel.png)",
    ":red[x] $x$ :material/home: :red-badge[y]",
    "[click](javascript:alert(1))",
    "=HYPERLINK(1)",
    "n" * 300,
)
SENTENCES = {
    Verdict.RETRAIN: (
        "It has lost 31 % [22, 40] of its advantage over the naive forecast since 25 Oct; data are clean.",
        "Lost 31 % [22, 40] of its advantage since 25 Oct; data clean.",
    ),
    Verdict.FIX_DATA: (
        "53 % of utilisation is empty since 17 Nov (normally 1 %): device SDK.",
        "53 % of utilisation is empty since 17 Nov (normally 1 %).",
    ),
    Verdict.RETIRE: (
        "No predictions for 74 days; superseded by version 7 on 5 Sep.",
        "No predictions for 74 days; superseded by version 7 on 5 Sep.",
    ),
    Verdict.WATCH: (
        "income moved (PSI 0.53, threshold 0.47); performance did not.",
        "income moved (PSI 0.53 > 0.47); performance did not.",
    ),
    Verdict.UNKNOWN: ("136 rows are too few to judge.", "136 rows are too few to judge."),
    Verdict.KEEP: ("As in its reference, on 8,680 labels.", "As in its reference, on 8,680 labels."),
}
FINDINGS = {
    Verdict.RETRAIN: FindingKind.PERFORMANCE,
    Verdict.FIX_DATA: FindingKind.NULLS,
    Verdict.RETIRE: FindingKind.SUPERSEDED,
    Verdict.WATCH: FindingKind.DRIFT,
    Verdict.UNKNOWN: FindingKind.NOT_JUDGED,
}
EFFECTS = {Verdict.RETRAIN: 0.31, Verdict.FIX_DATA: 0.13, Verdict.RETIRE: 0.3, Verdict.WATCH: 0.04, Verdict.KEEP: 0.01}


@dataclass(frozen=True)
class Built:
    """A model and the verdicts of its last days, oldest first; the last is of ``today``."""

    id: str
    verdict: Verdict | None = Verdict.KEEP
    before: Verdict = Verdict.KEEP
    days_in_verdict: int = 10
    days: int = 28
    name: str | None = None
    owner: str | None = "ada@example.org"
    team: str | None = "Retail"
    tier: int | None = 2
    use_case: str | None = "credit"
    service_state: str = "in_service"
    has_log: bool = True
    basis: Basis = Basis.REALISED
    expected_loss: float | None = None
    card: dict[str, Any] = field(default_factory=dict)


def new_registry(home: Path) -> Registry:
    """Return an empty registry in ``home`` as `modelfolio` would open it there, with the people of a small bank."""
    home.mkdir(parents=True, exist_ok=True)
    address = f"sqlite:///{home / 'registry.db'}"
    fresh_registry(address)
    return Registry.open(address, audit_key=key_from_file(home / "audit.key"))


PEOPLE: dict[str, tuple[str, Role | None]] = {
    "ada@example.org": ("Ada Berg", None),
    "marie@example.org": ("Marie Novak", Role.APPROVER),
    "max@example.org": ("Max Rao", Role.APPROVER),
    "rosa@example.org": ("Rosa Haddad", Role.INDEPENDENT_REVIEWER),
    "tim@example.org": ("Tim Okafor", Role.AUDITOR),
    "vera@example.org": ("Vera Duarte", Role.VIEWER),
    "ann@example.org": ("Ann Meyer", Role.ADMINISTRATOR),
}


def add_people(registry: Registry) -> None:
    """Add one person of each role, all of them for the demo's "acting as"."""
    with registry.write() as session:
        for email, (name, _) in PEOPLE.items():
            session.add(PersonRow(email=email, name=name, is_active=True, is_demo=True, created_at=NOW))
        session.flush()
        session.add_all(RoleRow(email=email, role=role.value, team="") for email, (_, role) in PEOPLE.items() if role)


def set_clock(registry: Registry, *, day: date = TODAY, last_day: date | None = None) -> None:
    """Put the demo's clock on ``day``."""
    with registry.write() as session:
        session.merge(DemoClockRow(id=1, day=day, last_day=last_day or day + timedelta(days=30)))


def add_models(registry: Registry, *models: Built, today: date = TODAY) -> None:
    """Add models with their assessments up to ``today``."""
    with registry.write() as session:
        for model in models:
            session.add(_model_row(model))
        session.flush()
        for model in models:
            session.add(ModelVersionRow(model_id=model.id, version="v1", is_announced=True, position=0))
            if model.verdict is None:
                continue
            rows = [_assessment_row(model, today - timedelta(days=ago), ago=ago) for ago in reversed(range(model.days))]
            session.add_all(rows)
            session.flush()
            if (kind := FINDINGS.get(model.verdict)) is not None:
                session.add(_finding_row(rows[-1], model.verdict, kind))


def copy_models(registry: Registry, model_id: str, *, copies: int) -> None:
    """Add copies of a model with its assessments, by the database: thousands of models in a second."""
    numbers = sa.select(sa.literal(1).label("number")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.number + 1).where(numbers.c.number < copies))
    name = sa.literal(f"{model_id}-") + sa.cast(numbers.c.number, sa.String)
    with registry.write() as session:
        for row, key in ((ModelRow, "id"), (AssessmentRow, "model_id")):
            table = row.__table__
            assert isinstance(table, sa.Table)
            columns = [column for column in table.columns if column.name not in {"id", key}]
            changed = [name if column.name == "name" else column for column in columns]
            copied = (
                sa.select(name, *changed).select_from(table.join(numbers, sa.true())).where(table.c[key] == model_id)
            )
            session.execute(sa.insert(table).from_select([key, *(column.name for column in columns)], copied))


def _model_row(model: Built) -> ModelRow:
    return ModelRow(
        id=model.id,
        name=model.name or model.id.replace("-", " ").capitalize(),
        task="binary",
        purpose="Says who pays back.",
        use_case=model.use_case,
        business_line="Retail",
        team=model.team,
        owner=model.owner,
        tier=model.tier,
        timezone="UTC",
        service_state=model.service_state,
        has_log=model.has_log,
        card=_card(model),
        card_hash="-",
        created_at=NOW,
        updated_at=NOW,
    )


def _card(model: Built) -> dict[str, Any]:
    """Return the card of a small binary model, or that of an inventory entry."""
    named = {"id": model.id, "name": model.name or model.id}
    if not model.has_log:
        return named | model.card
    log = {"task": "binary", "columns": {"timestamp": "ts", "probability": "p"}, "positive_class": "yes"}
    return named | log | {"features": [{"name": "amount", "type": "numeric"}]} | model.card


def _wave(model_id: str, day: date, size: float) -> float:
    """Return a small movement that is the same in every run."""
    return size * (zlib.crc32(f"{model_id}{day}".encode()) % 1_000 / 1_000 - 0.5)


def _assessment_row(model: Built, day: date, *, ago: int) -> AssessmentRow:
    is_current = ago < model.days_in_verdict
    verdict = (model.verdict if is_current else model.before) or Verdict.UNKNOWN
    since = day - timedelta(days=(model.days_in_verdict if is_current else model.days) - 1 - (ago if is_current else 0))
    sentence, reason = SENTENCES[verdict]
    effect = EFFECTS.get(verdict)
    if effect is not None:
        effect = effect * min(1.0, (model.days_in_verdict - ago) / 8 + 0.3) + _wave(model.id, day, 0.03)
    drift = (1.4 if verdict in (Verdict.WATCH, Verdict.RETRAIN) else 0.3) + _wave(model.id, day, 0.2)
    estimated = model.basis is Basis.ESTIMATED
    loss = model.expected_loss if model.expected_loss is not None else max(effect or 0.0, 0.0)
    return AssessmentRow(
        model_id=model.id,
        version="v1",
        day=day,
        known_on=day,
        recorded_at=datetime(day.year, day.month, day.day, 4, 10, tzinfo=UTC),
        verdict=verdict.value,
        basis=model.basis.value,
        sentence=sentence,
        reason=reason,
        in_verdict_since=since,
        expected_loss=loss,
        policy_version="1",
        method_version="1",
        content_hash="-",
        rows=1_000,
        rows_7=7_000,
        labels_28=0 if estimated else 8_680,
        effect=None if estimated else effect,
        effect_low=None if estimated or effect is None else effect - 0.09,
        effect_high=None if estimated or effect is None else effect + 0.09,
        z_28=None if estimated or effect is None else 12 * effect,
        metric="AUC",
        metric_value=0.79,
        metric_reference=0.84,
        drift_ratio=drift,
        drift_score=drift / 2,
        traffic_ratio=1.0,
        estimated_effect=effect if estimated else None,
        newest_labelled_day=None if estimated else day - timedelta(days=1),
        against=["4 of the 31 % are a change of mix.", "36 models on bureau scores moved the same day: may settle."]
        if verdict is Verdict.RETRAIN
        else [],
        packed_details=split_details({})[1],
    )


def _finding_row(assessment: AssessmentRow, verdict: Verdict, kind: FindingKind) -> FindingRow:
    return FindingRow(
        assessment_id=assessment.id,
        kind=kind.value,
        argues_for=verdict.value,
        subject="AUC",
        source="bureau scores",
        since=assessment.in_verdict_since,
        sentence=SENTENCES[verdict][0],
        evidence={"rows": 7_000, "labels": 8_680},
    )


def small_portfolio(registry: Registry) -> None:
    """Add people and one model per verdict, and some that are hard to show."""
    add_people(registry)
    add_models(
        registry,
        Built("sme-default", Verdict.RETRAIN, days_in_verdict=16, tier=1, expected_loss=0.9),
        Built("card-churn", Verdict.RETRAIN, days_in_verdict=3, expected_loss=0.5, team="Cards"),
        Built("mule-account", Verdict.FIX_DATA, days_in_verdict=5, tier=1, expected_loss=0.8, team="AML"),
        Built("invoice-match", Verdict.RETIRE, days_in_verdict=28, tier=3, expected_loss=0.4),
        Built("income-check", Verdict.WATCH, days_in_verdict=4, tier=None, owner=None),
        Built("name-match", Verdict.UNKNOWN, days_in_verdict=28, tier=3),
        Built("limit-increase", Verdict.KEEP),
        Built("next-product", Verdict.KEEP, basis=Basis.ESTIMATED, owner="max@example.org"),
        Built("never-assessed", None),
        Built("inventory-only", None, has_log=False),
        Built("old-scorecard", Verdict.RETIRE, days_in_verdict=28, service_state="retired"),
    )
