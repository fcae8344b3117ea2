from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from data_access import model_queries
from data_access.registry import Registry
from data_access.tables import AssessmentRow, ModelRow, ModelVersionRow
from monitoring.assessment import FindingKind, Verdict
from monitoring.errors import UnknownModelError
from tests import builders
from tests.builders import Built
from tests.dashboard.model_builders import LAST, judged_model, many_features
from tests.monitoring import history_builders


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return builders.new_registry(tmp_path)


def test_unknown_model_is_named(registry: Registry) -> None:
    with pytest.raises(UnknownModelError, match="no-such"):
        model_queries.facts(registry, "no-such", known_on=LAST)


def test_facts_are_those_of_the_card(registry: Registry) -> None:
    judged_model(registry, facts={"Validated on": "2026-01-10"})

    facts = model_queries.facts(registry, "m", known_on=LAST)

    assert facts.consumers[0].name == "Loan desk"
    assert [feature.name for feature in facts.features] == ["amount", "channel", "note"]
    assert facts.has_labels
    assert facts.facts == (("Validated on", "2026-01-10"),)


def test_version_of_the_future_is_not_known_yet(registry: Registry) -> None:
    judged_model(registry)
    with registry.write() as session:
        session.add(ModelVersionRow(model_id="m", version="v2", active_from=LAST + timedelta(days=1), position=1))

    assert [v.version for v in model_queries.facts(registry, "m", known_on=LAST).versions] == ["v1"]
    later = model_queries.facts(registry, "m", known_on=LAST + timedelta(days=1))
    assert [v.version for v in later.versions] == ["v1", "v2"]


def test_a_supersession_is_not_known_before_its_day(registry: Registry) -> None:
    judged_model(registry)
    with registry.write() as session:
        row = session.get(ModelRow, "m")
        assert row is not None
        row.card = row.card | {"superseded_by": {"name": "m-2", "since": (LAST + timedelta(days=1)).isoformat()}}

    assert model_queries.facts(registry, "m", known_on=LAST).superseded_by is None
    later = model_queries.facts(registry, "m", known_on=LAST + timedelta(days=1)).superseded_by
    assert later is not None
    assert later.name == "m-2"


def test_assessment_carries_its_findings_and_details(registry: Registry) -> None:
    judged_model(registry, history_builders.binary(days=60, kept=0.0, since=25))

    found = model_queries.assessment(registry, "m", known_on=LAST)

    assert found is not None
    assert found.verdict is Verdict.RETRAIN
    assert FindingKind.PERFORMANCE in {finding.kind for finding in found.findings}
    assert set(found.details["features"]) == {"amount", "channel", "note"}


def test_later_knowledge_does_not_change_what_was_known(registry: Registry) -> None:
    builders.add_models(registry, Built("m", Verdict.KEEP, days=5))
    day = builders.TODAY - timedelta(days=2)
    with registry.write() as session:
        old = session.query(AssessmentRow).filter_by(day=day).one()
        changed = {column.name: getattr(old, column.name) for column in AssessmentRow.__table__.columns}
        changed |= {
            "id": None,
            "known_on": builders.TODAY,
            "verdict": "watch",
            "recorded_at": datetime(2026, 11, 22, 5, tzinfo=UTC),
        }
        session.add(AssessmentRow(**changed))

    before = model_queries.history(registry, "m", known_on=builders.TODAY - timedelta(days=1))
    after = model_queries.history(registry, "m", known_on=builders.TODAY)

    assert dict(zip(before["day"], before["verdict"], strict=True))[day] == "keep"
    assert dict(zip(after["day"], after["verdict"], strict=True))[day] == "watch"
    assert list(after["day"]) == sorted(set(after["day"]))


def test_never_assessed_model_has_no_history(registry: Registry) -> None:
    builders.add_models(registry, Built("m", None))

    assert model_queries.assessment(registry, "m", known_on=builders.TODAY) is None
    assert model_queries.history(registry, "m", known_on=builders.TODAY).empty
    assert model_queries.feature_days(registry, "m", known_on=builders.TODAY, first=date(2026, 1, 1)).empty


def test_feature_days_give_the_multiple_of_the_own_threshold(registry: Registry) -> None:
    judged_model(registry, history_builders.binary(days=60, amount_shift=40, since=40))

    days = model_queries.feature_days(registry, "m", known_on=LAST, first=LAST - timedelta(days=9))

    assert len(days) == 10 * 3
    amount = days[(days["feature"] == "amount") & (days["day"] == LAST)].iloc[0]
    assert amount["ratio"] == pytest.approx(amount["psi"] / amount["threshold"])
    assert amount["ratio"] > 1


def test_three_hundred_features_are_read(registry: Registry) -> None:
    judged_model(registry, features=many_features(300))

    days = model_queries.feature_days(registry, "m", known_on=LAST, first=LAST)

    assert len(days) == 300
