"""`modelfolio meetings` as somebody types it."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest

from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access.registry import Registry
from monitoring import hold_meeting
from tests.dashboard.commands.test_registry_commands import Shell
from tests.meeting_contract import WHEN, given, opened
from tests.registry_contract import BEN, add_everybody


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODELFOLIO_AS_OF", date(2026, 3, 3).isoformat())
    shell = Shell(monkeypatch, capsys)
    shell.types("db", "upgrade")
    return shell


@pytest.fixture
def registry(shell: Shell) -> Registry:
    registry = open_registry(load_settings())
    add_everybody(registry)
    return registry


def test_meetings_are_listed_and_their_minutes_are_a_draft_until_confirmed(
    shell: Shell, registry: Registry, tmp_path: Path
) -> None:
    meeting = opened(registry)
    given(registry, meeting)
    hold_meeting.end_meeting(registry, meeting.id, by=BEN, **WHEN)
    (row,) = csv.DictReader(io.StringIO(shell.types("meetings", "list")))
    assert (row["meeting_id"], row["state"], row["chair"], row["confirmed_by"]) == ("1", "ended", BEN, "")
    assert "Draft: the chair has not confirmed these minutes." in shell.types("meetings", "minutes", "1")

    hold_meeting.confirm_minutes(registry, meeting.id, by=BEN, **WHEN)
    file = tmp_path / "minutes.html"
    shell.types("meetings", "minutes", "1", "--format", "html", "--output", str(file))
    written = file.read_text()
    assert "modelfolio audit head " in written
    assert "Ask the feed&#x27;s owner." in written
    assert "Draft" not in written


def test_minutes_of_a_meeting_that_never_was_are_one_sentence(shell: Shell, registry: Registry) -> None:
    shell.types("meetings", "minutes", "7", exit_code=1)
    assert "There is no meeting 7." in shell.error
