import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.cli import application
from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access import decision_queries, retraining_queries
from data_access.registry import Registry
from data_access.schema import upgrade
from monitoring.errors import ForbiddenMoveError, InvalidReportError, SettingsError
from monitoring.lifecycle import State
from tests.registry_contract import BEN, DAY, add_assessment, add_everybody, add_model, approve, propose

SAYS_STARTED = (
    "import json, subprocess, sys; told = json.load(sys.stdin); "
    "sys.exit(subprocess.call([sys.executable, '-c', 'from dashboard.cli import main; main()', "
    "'report-back', str(told['decision']), 'started', '--run', told['idempotency_key']]))"
)


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry with an approved retraining."""
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path))
    monkeypatch.setenv("MODELFOLIO_AS_OF", DAY.isoformat())
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.delenv("MODELFOLIO_REGISTRY_URL", raising=False)
    settings = load_settings()
    upgrade(settings.registry_address())
    registry = open_registry(settings)
    add_everybody(registry)
    add_model(registry)
    add_assessment(registry)
    approve(registry, propose(registry), by=BEN)
    return registry


def run(*arguments: str) -> str:
    done = CliRunner().invoke(application(), list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def set_targets(monkeypatch: pytest.MonkeyPatch, *targets: object) -> None:
    monkeypatch.setenv("MODELFOLIO_TRIGGER_TARGETS", json.dumps(targets))


def test_program_is_handed_the_trigger_and_reports_back_by_command(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    set_targets(monkeypatch, {"name": "t", "command": [sys.executable, "-c", SAYS_STARTED]})
    assert run("triggers") == "Handed decision 1 to t over.\n"
    assert decision_queries.decision(registry, 1).state is State.RUNNING

    metrics = tmp_path / "metrics.json"
    metrics.write_text('{"AUC": 0.91}')
    said = run(
        "report-back", "1", "succeeded", "--version", "v2", "--active-from", "2026-04-01", "--metrics", str(metrics)
    )
    assert said == "Decision 1 is succeeded; version v2 is in service from 2026-04-01.\n"
    (found,) = retraining_queries.retrainings(registry, on=DAY)
    assert [(told.report, told.metrics) for told in found.reports] == [("started", {}), ("succeeded", {"AUC": 0.91})]


def test_report_that_cannot_be_is_one_sentence(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ForbiddenMoveError, match="has no move 'report started'"):
        run("report-back", "1", "started")
    for text in ("no json", "[1]"):
        (tmp_path / "metrics.json").write_text(text)
        with pytest.raises(InvalidReportError, match=r"metrics\.json"):
            run("report-back", "1", "failed", "--metrics", str(tmp_path / "metrics.json"))


def test_without_a_target_nothing_can_be_handed_over(registry: Registry) -> None:
    with pytest.raises(SettingsError, match="No pipeline is set up"):
        run("triggers")


@pytest.mark.parametrize(
    ("targets", "problem"),
    [
        ("no json", "TRIGGER_TARGETS"),
        ('[{"name": "t"}]', "exactly one of url, command and table"),
        ('[{"name": "t", "url": "http://x.example", "secret": "very secret thing indeed"}]', "in the clear"),
        ('[{"name": "t", "table": true}, {"name": "t", "table": true}]', "two targets have the same name"),
    ],
)
def test_targets_that_cannot_work_are_one_sentence_without_their_secrets(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, targets: str, problem: str
) -> None:
    monkeypatch.setenv("MODELFOLIO_TRIGGER_TARGETS", targets)
    with pytest.raises(SettingsError, match=problem) as refused:
        load_settings()
    assert "very secret" not in str(refused.value)
