import io
import json
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.commands.demo import LAST_DAY, SAMPLE_MODELS
from dashboard.demo_worker import example_pipeline
from dashboard.opening import open_registry
from dashboard.settings import Settings
from data_access import audit_trail, decision_queries, model_queries, model_registry, retraining_queries
from data_access.demo_clock import move_demo_clock
from data_access.model_import import import_folders
from data_access.schema import upgrade
from data_access.trigger_worker import work_once
from monitoring import decide
from monitoring.assessment import Verdict
from monitoring.lifecycle import Action, State
from sample_data import retrain
from sample_data.retrain import EVALUATED_DAYS, TrainingError, card_of, trained_version

DAY = date(2021, 7, 17)
QUICK = {"lga-air-time-linear", "lga-cancel", "lga-late-weather"}
"""Sample models that are trained in two seconds; the others take up to fifteen."""

MODELS = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in sorted(folder.name for folder in SAMPLE_MODELS.iterdir())
]
NOW = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the logs of all sample models."""
    home = tmp_path_factory.mktemp("imported")
    settings = Settings(home=home)
    upgrade(settings.registry_address())
    registry = open_registry(settings)
    import_folders(registry, [SAMPLE_MODELS], log_address=settings.log_address(), now=NOW)
    registry.close()
    return home


@pytest.fixture
def home(imported: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELFOLIO_HOME", str(imported))
    return imported


@pytest.mark.parametrize("model_id", MODELS)
def test_every_sample_model_can_be_retrained(home: Path, tmp_path: Path, model_id: str) -> None:
    day = DAY if model_id != "wiki-capacity" else date(2021, 6, 1)
    trained = trained_version(model_id, tmp_path / model_id, day=day)
    card = card_of(model_id, tmp_path / model_id)
    said, score = trained.rows[card["columns"]["prediction"]], card["columns"].get("probability")
    assert said.notna().all()
    assert score is None or trained.rows[score].between(0, 1).all()
    assert trained.entry["version"] not in {version["version"] for version in card["versions"]}
    assert trained.entry["active_from"] == (day + timedelta(days=1)).isoformat()


def test_nothing_is_learnt_from_the_days_that_evaluate_it_or_from_later_ones(home: Path, tmp_path: Path) -> None:
    trained = trained_version("ewr-air-time", tmp_path / "m", day=DAY)
    first_held = DAY - timedelta(days=1 + EVALUATED_DAYS - 1)  # labels come a day late
    assert date.fromisoformat(trained.entry["trained_to"]) < first_held
    # Labels of later days are made up: the version must come out the same.
    known = retrain._labelled

    def changed(card: dict[str, object], folder: Path) -> pd.DataFrame:
        rows = known(card, folder)
        later = rows["ts"].dt.tz_convert("America/New_York").dt.date >= first_held
        rows.loc[later, "label"] = 12_345.0
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrain, "_labelled", changed)
        again = trained_version("ewr-air-time", tmp_path / "m", day=DAY)
    np.testing.assert_array_equal(trained.rows["air_minutes"], again.rows["air_minutes"])


def test_new_version_of_the_air_time_halves_the_error_of_the_days_it_never_saw(home: Path, tmp_path: Path) -> None:
    metrics = trained_version("ewr-air-time", tmp_path / "m", day=DAY).metrics
    assert metrics["RMSE after"] < 0.6 * metrics["RMSE before"]


def test_model_with_too_few_labels_is_not_retrained(home: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="Too few labelled rows"):
        trained_version("wiki-capacity", tmp_path / "m", day=date(2020, 3, 5))


def test_other_models_are_none_of_its_business(home: Path, tmp_path: Path) -> None:
    for name in ("no-such-model", "..", "../models/ewr-air-time"):
        with pytest.raises(TrainingError, match="sample's models only"):
            trained_version(name, tmp_path / "retraining" / name, day=DAY)


def test_second_run_of_a_decision_trains_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Decision 999 does not exist, so its start is refused, as that of one that has begun is.
    told = {"decision": 999, "model": "ewr-air-time", "run": 1, "idempotency_key": "decision-999", "day": "2021-07-17"}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(told)))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    assert retrain.main([]) == 0
    assert "Not started" in capsys.readouterr().out
    assert not (home / "retraining").exists()


@pytest.mark.slow  # The journey of the retraining page goes the same way in a browser.
def test_the_demo_closes_the_loop(sample_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(shutil.copytree(sample_home, tmp_path / "home"))
    monkeypatch.setenv("MODELFOLIO_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    registry = open_registry(Settings(home=home))
    move_demo_clock(registry, day=DAY)
    decision = decide.propose(
        registry,
        model_id="ewr-air-time",
        action=Action.RETRAIN,
        reason="Squared error has doubled since July.",
        by="ada@example.org",
        on=DAY,
        now=NOW,
    )
    seen = decide.review(registry, decision.id, by="emmy@example.org", on=DAY).present.hash
    decide.approve(registry, decision.id, comment="Yes.", seen_evidence=seen, by="emmy@example.org", on=DAY, now=NOW)

    work_once(registry, (example_pipeline(LAST_DAY),), day=lambda: DAY)

    done = decision_queries.decision(registry, decision.id)
    assert (done.state, done.new_version, done.active_from) == (State.SUCCEEDED, "v2", DAY + timedelta(days=1))
    assert done.settles_on is not None
    # The verdicts follow: settling, and then as good as it was approved for.
    verdicts = {}
    for ahead in (1, 9, 20):
        day = DAY + timedelta(days=ahead)
        assessment = model_queries.assessment(registry, "ewr-air-time", known_on=day)
        assert assessment is not None
        verdicts[ahead] = (assessment.day, assessment.version, assessment.verdict)
    assert verdicts == {
        1: (DAY + timedelta(days=1), "v2", Verdict.WATCH),
        9: (DAY + timedelta(days=9), "v2", Verdict.KEEP),
        20: (DAY + timedelta(days=20), "v2", Verdict.KEEP),
    }
    before = model_queries.assessment(registry, "ewr-air-time", known_on=DAY)
    assert before is not None
    assert (before.version, before.verdict) == ("v1", Verdict.RETRAIN)
    # So does the outcome: on the same flights, with labels of the days since, and only of those known.
    (found,) = retraining_queries.retrainings(registry, on=done.settles_on)
    assert found.measured is not None
    in_service = found.measured["in_service"]
    assert in_service["same_rows"]
    assert (in_service["first"], in_service["last"]) == ("2021-07-18", "2021-07-25")
    assert in_service["low"] > 0.005
    (early,) = retraining_queries.retrainings(registry, on=DAY)
    assert early.measured is not None
    assert early.measured["in_service"] is None
    # What the old version was judged by is still what it was.
    model = model_registry.model(registry, "ewr-air-time")
    assert [version.version for version in model.versions] == ["v1", "v2"]
    audit_trail.verify(registry)
    registry.close()
