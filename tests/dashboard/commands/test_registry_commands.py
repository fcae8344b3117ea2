"""`modelfolio people`, `audit`, `decisions` and `db` as somebody types them."""

import csv
import io
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dashboard import cli
from dashboard.anchoring import anchoring
from dashboard.opening import open_registry
from dashboard.settings import load_settings
from monitoring import ask, decide
from monitoring.lifecycle import Action
from monitoring.retirement import RetirementPlan
from tests.registry_contract import add_model


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class Shell:
    """Types a command and keeps what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.error = ""

    def types(self, *words: str, exit_code: int = 0) -> str:
        self.monkeypatch.setattr(sys, "argv", ["modelfolio", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == exit_code
        printed = self.capsys.readouterr()
        self.error = printed.err
        return printed.out


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture
def upgraded(shell: Shell) -> Shell:
    shell.types("db", "upgrade")
    return shell


def test_without_a_registry_one_sentence_says_what_to_do(shell: Shell) -> None:
    shell.types("people", "list", exit_code=1)
    assert shell.error.count("\n") == 1
    assert shell.error.endswith("run `modelfolio db upgrade`.\n")


def test_upgrading_twice_is_fine(upgraded: Shell) -> None:
    assert upgraded.types("db", "upgrade") == "The registry is up to date.\n"


def test_people_come_and_roles_go(upgraded: Shell) -> None:
    upgraded.types("people", "add", "Ben@Example.org", "--name", "Ben", "--role", "approver", "--team", "flights")
    assert upgraded.types("people", "list") == "ben@example.org  Ben  approver (team flights)\n"
    upgraded.types("people", "role", "ben@example.org", "approver", "--team", "flights", "--remove")
    upgraded.types("people", "role", "ben@example.org", "independent_reviewer")
    assert upgraded.types("people", "list") == "ben@example.org  Ben  independent reviewer\n"


def test_an_unknown_role_is_wrong_usage(upgraded: Shell) -> None:
    upgraded.types("people", "role", "ben@example.org", "king", exit_code=2)


def test_a_mistake_adds_nobody(upgraded: Shell) -> None:
    upgraded.types("people", "add", "ben", "--name", "Ben", exit_code=1)
    assert upgraded.error == "modelfolio: 'ben' is not an e-mail address.\n"
    assert upgraded.types("people", "list") == ""


def test_the_trail_verifies_and_its_head_is_an_anchor(upgraded: Shell) -> None:
    upgraded.types("people", "add", "ada@example.org", "--name", "Ada")
    said = upgraded.types("audit", "verify")
    assert said.startswith("1 audit row verified. Head: 1:")
    head = said.split()[-1]
    upgraded.types("people", "add", "ben@example.org", "--name", "Ben")
    upgraded.types("audit", "verify", "--anchor", head)
    upgraded.types("audit", "verify", "--anchor", f"1:{'0' * 64}", exit_code=1)
    assert upgraded.error == "modelfolio: Audit row 1 is not the one written down earlier.\n"
    upgraded.types("audit", "verify", "--anchor", "the last one", exit_code=2)


def test_heads_are_added_to_a_file_and_compared(upgraded: Shell, tmp_path: Path) -> None:
    heads, minutes = tmp_path / "heads.txt", tmp_path / "minutes.md"
    upgraded.types("people", "add", "ada@example.org", "--name", "Ada")
    line = upgraded.types("audit", "anchor", "--to", str(heads))
    upgraded.types("audit", "anchor", "--to", str(heads))  # nothing has happened since
    upgraded.types("people", "add", "ben@example.org", "--name", "Ben")
    upgraded.types("audit", "anchor", "--to", str(heads))
    assert heads.read_text().startswith(line)
    assert heads.read_text().count("\n") == 2
    minutes.write_text(f"# Minutes\n{line}")
    said = upgraded.types("audit", "verify", "--anchor", str(heads), "--anchor", str(minutes))
    assert "All 3 heads written down earlier are in the trail." in said
    minutes.write_text("# Minutes\n")
    upgraded.types("audit", "verify", "--anchor", str(minutes), exit_code=1)
    assert "holds no head" in upgraded.error
    upgraded.types("audit", "anchor", "--to", str(tmp_path / "no" / "heads.txt"), exit_code=1)
    assert upgraded.error.count("\n") == 1


def test_a_trail_begun_anew_is_noticed_by_every_run_that_writes_its_head(
    upgraded: Shell, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = tmp_path / "heads.txt"
    monkeypatch.setenv("MODELFOLIO_ANCHOR_FILE", str(heads))
    upgraded.types("people", "add", "ada@example.org", "--name", "Ada")
    upgraded.types("assess")
    assert heads.read_text().startswith("modelfolio audit head 1 ")
    with anchoring(load_settings(), pause_seconds=0.01):
        upgraded.types("people", "add", "ben@example.org", "--name", "Ben")
    assert "modelfolio audit head 2 " in heads.read_text()
    for file in home.glob("registry.db*"):
        file.unlink()
    upgraded.types("db", "upgrade")
    upgraded.types("assess", exit_code=1)
    assert upgraded.error.startswith("modelfolio: Audit row 1 is missing: row 2 was written down on ")
    with anchoring(load_settings(), pause_seconds=0.01):
        pass
    upgraded.types("audit", "verify", exit_code=1)
    assert heads.read_text().count("\n") == 2


def test_another_key_does_not_verify(upgraded: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    upgraded.types("people", "add", "ada@example.org", "--name", "Ada")
    monkeypatch.setenv("MODELFOLIO_AUDIT_KEY", "another key")
    upgraded.types("audit", "verify", exit_code=1)
    assert upgraded.error == "modelfolio: Audit row 1 was not written with this audit key.\n"
    assert "another key" not in upgraded.error


def test_the_trail_is_exported_to_a_file(upgraded: Shell, tmp_path: Path) -> None:
    upgraded.types("people", "add", "ada@example.org", "--name", "Ada")
    upgraded.types("audit", "export", "--format", "json", "--output", str(tmp_path / "trail.json"))
    assert '"subject_id":"ada@example.org"' in (tmp_path / "trail.json").read_text()
    upgraded.types("audit", "export", "--format", "zip", "--actor", "ada", "--output", str(tmp_path / "trail.zip"))
    assert zipfile.is_zipfile(tmp_path / "trail.zip")
    assert upgraded.types("audit", "export", "--to", "2000-01-01").count("\n") == 1


def test_decisions_are_listed(upgraded: Shell) -> None:
    upgraded.types("people", "add", "ada@example.org", "--name", "Ada")
    registry = open_registry(load_settings())
    add_model(registry, "m")
    decide.propose(
        registry,
        model_id="m",
        action=Action.RETRAIN,
        reason="It lost a third of its skill.",
        by="ada@example.org",
        on=date(2026, 3, 2),
        now=datetime(2026, 3, 2, 10, 42, tzinfo=UTC),
    )
    registry.close()
    listed = upgraded.types("decisions", "list").splitlines()
    assert listed[1] == "1,m,retrain,proposed,2,ada@example.org,2026-03-02,2026-03-16,,,,"
    assert len(upgraded.types("decisions", "list", "--state", "approved").splitlines()) == 1


def test_retirements_are_listed_with_what_they_lack(upgraded: Shell) -> None:
    registry = open_registry(load_settings())
    add_model(registry, "m", tier=2)
    now = datetime(2026, 3, 2, tzinfo=UTC)
    upgraded.types("people", "add", "ada@example.org", "--name", "Ada")
    plan = RetirementPlan(replacement=None, sunset_on=date(2026, 4, 1), nobody_uses_it=True, code="=git", artefact="s3")
    day = date(2026, 3, 2)
    decide.propose(
        registry,
        model_id="m",
        action=Action.RETIRE,
        reason="Nobody needs it.",
        by="ada@example.org",
        on=day,
        now=now,
        plan=plan,
    )
    registry.close()
    head, row = upgraded.types("decisions", "retirements").splitlines()
    assert head == "model_id,decision_id,state,sunset_on,is_due,missing,scored_after,scored_last"
    assert row == (
        "m,1,proposed,2026-04-01,False,a replacement or the reason why there is none; where the training data are archived,0,"
    )


def test_overdue_proposals_are_listed_with_whom_to_tell_and_nothing_is_printed_without_any(
    upgraded: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgraded.types("people", "add", "ada@example.org", "--name", "Ada")
    upgraded.types("people", "add", "ben@example.org", "--name", "Ben", "--role", "approver")
    registry = open_registry(load_settings())
    add_model(registry, "m")
    proposed = datetime(2026, 3, 2, 10, 42, tzinfo=UTC)
    made = {"model_id": "m", "action": Action.RETRAIN, "on": proposed.date(), "now": proposed}
    decision = decide.propose(registry, reason="=A third of its skill.", by="ada@example.org", **made)  # type: ignore[arg-type]  # values of several arguments
    ask.ask_about(
        registry, decision.id, text="=What of the tariff?", by="ben@example.org", on=proposed.date(), now=proposed
    )
    registry.close()
    monkeypatch.setenv("MODELFOLIO_AS_OF", "2026-03-16")
    assert upgraded.types("decisions", "--overdue") == ""
    monkeypatch.setenv("MODELFOLIO_AS_OF", "2026-03-20")
    (late,) = csv.DictReader(io.StringIO(upgraded.types("decisions", "--overdue")))
    assert (late["decision_id"], late["days_overdue"], late["tell"]) == ("1", "4", "ben@example.org")
    assert "ben@example.org asked on 2026-03-02: =What of the tariff?" in late["challenges"]
    assert upgraded.types("decisions", "list", "--overdue") == upgraded.types("decisions", "--overdue")
    (asked,) = csv.DictReader(io.StringIO(upgraded.types("challenges", "list", "--open")))
    assert (asked["about"], asked["decision_id"], asked["text"]) == ("decision", "1", "'=What of the tariff?")
    upgraded.types("decisions", "list", "--overdue", "--state", "approved", exit_code=2)
    assert "only a proposal has an answer overdue" in " ".join(upgraded.error.replace("│", " ").split())
