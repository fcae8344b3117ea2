"""One small portfolio with one really judged model, and the packs made of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard.pack.content import Pack
from dashboard.pack.gather import gather
from dashboard.pack.material import OpenAction, Wanted
from data_access.registry import Registry
from monitoring import decide
from monitoring.assessment import Verdict
from monitoring.lifecycle import Action
from tests import builders
from tests.builders import Built
from tests.dashboard.model_builders import LAST, judged_model
from tests.hostile import TEXTS
from tests.monitoring import history_builders

JUDGED = "m"
ADDRESS = "https://models.example.org/"
SINCE = LAST - timedelta(days=14)


@pytest.fixture(scope="package")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A model that lost its relation to the label and is proposed for retraining, and others as they come."""
    opened = builders.new_registry(tmp_path_factory.mktemp("pack"))
    builders.add_people(opened)
    builders.add_models(
        opened,
        Built("card-churn", Verdict.RETRAIN, days_in_verdict=3, expected_loss=0.01, team="Cards"),
        Built("mule-account", Verdict.FIX_DATA, days_in_verdict=5, tier=1, expected_loss=0.02, team="AML"),
        Built("invoice-match", Verdict.RETIRE, days_in_verdict=28, tier=3, expected_loss=0.005),
        Built("income-check", Verdict.WATCH, days_in_verdict=4, tier=None, owner=None),
        Built("name-match", Verdict.UNKNOWN, days_in_verdict=28, tier=3),
        Built("limit-increase", Verdict.KEEP),
        Built("old-score", Verdict.RETIRE, service_state="retired"),
        today=LAST,
    )
    judged_model(opened, history_builders.binary(kept=0.2, since=20), model_id=JUDGED, name="SME default")
    for model_id, on in ((JUDGED, LAST - timedelta(days=2)), ("card-churn", LAST - timedelta(days=12))):
        decide.propose(
            opened,
            model_id=model_id,
            action=Action.RETRAIN,
            reason="It lost too much in April.",
            by="ada@example.org",
            on=on,
            now=builders.NOW,
        )
    decide.reject(
        opened,
        2,
        by="marie@example.org",
        comment="Wait for the new feed.",
        on=LAST - timedelta(days=1),
        now=builders.NOW,
    )
    yield opened
    opened.close()


@pytest.fixture
def own_registry(registry: Registry, tmp_path: Path) -> Iterator[Registry]:
    """A copy of the registry that a test may write to."""
    there = tmp_path / "registry.db"
    with closing(sqlite3.connect(str(registry.engine.url.database))) as source, closing(sqlite3.connect(there)) as copy:
        source.backup(copy)
    opened = Registry.open(f"sqlite:///{there}", audit_key=registry.audit_key)
    yield opened
    opened.close()


@pytest.fixture(scope="package")
def wanted() -> Wanted:
    action = OpenAction("Ask the feed's owner", "max@example.org", LAST - timedelta(days=1), model_id="card-churn")
    return Wanted(day=LAST, since=SINCE, address=ADDRESS, actions=(action,))


@pytest.fixture(scope="package")
def pack(registry: Registry, wanted: Wanted) -> Pack:
    return gather(registry, wanted)


@pytest.fixture(scope="package")
def hostile_pack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    """Models, teams and owners whose names would run, fetch or disfigure something."""
    opened = builders.new_registry(Path(tmp_path_factory.mktemp("hostile")))
    builders.add_people(opened)
    verdicts = (Verdict.RETRAIN, Verdict.FIX_DATA, Verdict.RETIRE)
    models = [
        Built(f"m{at}", verdicts[at % 3], name=text, team=text, use_case=text, owner=f"{text[:40]}@example.org")
        for at, text in enumerate(TEXTS)
    ]
    builders.add_models(opened, *models, today=LAST)
    decide.propose(
        opened,
        model_id="m0",
        action=Action.RETRAIN,
        reason=" and ".join(TEXTS[:6]),
        by="marie@example.org",
        on=LAST,
        now=builders.NOW,
    )
    yield gather(opened, Wanted(day=LAST, since=SINCE, address=ADDRESS, top=len(TEXTS)))
    opened.close()
