"""`modelfolio standing` as somebody types it."""

import csv
import io
from pathlib import Path

import pytest

from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access import audit_export
from tests.dashboard.commands.test_registry_commands import Shell
from tests.registry_contract import BEN, CLEO, DAY, REASON, add_assessment, add_everybody, add_model


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODELFOLIO_AS_OF", DAY.isoformat())
    shell = Shell(monkeypatch, capsys)
    shell.types("db", "upgrade")
    registry = open_registry(load_settings())
    add_everybody(registry)
    add_model(registry)
    add_assessment(registry)
    registry.close()
    return shell


def test_a_standing_approval_is_proposed_approved_listed_and_stopped(shell: Shell) -> None:
    where = ("--model", "m", "--days", "1", "--guard", "skill=1.5", "--until", "2026-06-30")
    said = shell.types("standing", "propose", "--by", BEN, "--reason", REASON, *where)
    assert said.startswith("Standing approval 1 is proposed. Retrain Model m without a person")
    shell.types("standing", "approve", "1", "--by", BEN, "--comment", "Mine.", exit_code=1)
    assert "You proposed this" in shell.error
    assert shell.types("standing", "approve", "1", "--by", CLEO, "--comment", "Bounded.").splitlines() == [
        "In the last 90 days it would have started 1.",
        "2026-03-02: Model m",
        "Standing approval 1 is active.",
    ]
    (row,) = csv.DictReader(io.StringIO(shell.types("standing", "list")))
    assert (row["state"], row["approved_by"], row["runs_this_month"], row["most_runs"]) == ("approved", CLEO, "0", "2")
    said = shell.types("standing", "stop", "1", "--by", CLEO, "--reason", "Enough.")
    assert said == "Standing approval 1 is stopped.\n"
    registry = open_registry(load_settings())
    trail = audit_export.export_csv(registry)
    registry.close()
    assert trail.count("(at the command line)") >= 2


def test_what_is_wrong_is_said_in_one_sentence(shell: Shell) -> None:
    start = ("standing", "propose", "--by", BEN, "--reason", REASON, "--until", "2026-06-30")
    for more, code, sentence in (
        (("--tier", "2", "--team", "flights"), 2, "give one of --model, --tier, --team and --use-case"),
        (("--tier", "2", "--guard", "skill"), 1, "A guard is written as in skill=2 or RMSE=5, not 'skill'."),
        (("--tier", "2", "--guard", "profit=2"), 1, "'profit' is none of them"),
        (("--model", "unheard-of"), 1, "No model has the id 'unheard-of'."),
    ):
        shell.types(*start, *more, exit_code=code)
        assert sentence in shell.error
    shell.types("standing", "stop", "7", "--by", BEN, "--reason", "No.", exit_code=1)
    assert shell.error == "modelfolio: There is no standing approval 7.\n"
