"""`modelfolio policies` as somebody types it, and a preview worked out as the page's process does it."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard import policy_preview
from dashboard.opening import open_registry
from dashboard.settings import load_settings
from data_access import policy_drafts
from data_access.policy_drafts import PreviewState
from data_access.registry import Registry
from monitoring.errors import PreviewRunningError
from tests.dashboard.commands.test_registry_commands import Shell
from tests.policy_contract import LENIENT, approved, propose
from tests.registry_contract import BEN, DAY, add_everybody


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path / "home"))
    shell = Shell(monkeypatch, capsys)
    shell.types("db", "upgrade")
    return shell


@pytest.fixture
def registry(shell: Shell) -> Registry:
    registry = open_registry(load_settings())
    add_everybody(registry)
    return registry


def started(registry: Registry) -> int:
    """A draft whose preview the page has begun."""
    now = datetime.now(UTC)
    number = policy_drafts.keep_draft(registry, LENIENT, based_on=1, day=DAY, by=BEN, now=now)
    policy_drafts.begin_preview(registry, number, by=BEN, now=now)
    return number


def test_list_writes_every_version_with_who_when_and_why(shell: Shell, registry: Registry) -> None:
    approved(registry)
    rows = list(csv.DictReader(io.StringIO(shell.types("policies", "list"))))
    assert [(row["number"], row["state"], row["in_force_from"], row["based_on"]) for row in rows] == [
        ("2", "approved", "2026-03-03", "1"),
        ("1", "approved", "", ""),
    ]


def test_show_says_the_thresholds_in_words_and_names_tiers_that_differ(shell: Shell, registry: Registry) -> None:
    propose(registry)
    assert "Retrain: advantage lost: 15 %\n" in shell.types("policies", "show")
    said = shell.types("policies", "show", "2")
    assert said.startswith("Version 2, proposed: ")
    assert "Retrain: advantage lost: tier 1 20 %, tier 2 15 %, tier 3 15 %\n" in said


def test_export_writes_what_can_be_read_again(shell: Shell, registry: Registry) -> None:
    version = approved(registry)
    said = json.loads(shell.types("policies", "export", "2"))
    assert said["thresholds"] == version.values
    assert (said["content_hash"], said["state"]) == (version.content_hash, "approved")


def test_an_unknown_version_is_one_sentence(shell: Shell, registry: Registry) -> None:
    shell.types("policies", "show", "9", exit_code=1)
    assert shell.error == "modelfolio: There is no version 9 of the policy.\n"


def test_the_preview_that_was_begun_is_worked_out_and_kept(shell: Shell, registry: Registry) -> None:
    number = started(registry)
    assert shell.types("policies", "preview", str(number)) == "Previewed.\n"
    found = policy_drafts.draft(registry, number, now=datetime.now(UTC))
    assert found.state is PreviewState.READY
    assert found.preview is not None
    assert (found.preview.models, len(found.preview.days), found.preview.last) == (0, 90, DAY)


def test_a_preview_that_was_cancelled_keeps_nothing(shell: Shell, registry: Registry) -> None:
    number = started(registry)
    policy_drafts.cancel_preview(registry, number, by=BEN, now=datetime.now(UTC))
    assert shell.types("policies", "preview", str(number)) == "Cancelled.\n"
    assert policy_drafts.draft(registry, number, now=datetime.now(UTC)).preview is None


def test_what_goes_wrong_is_kept_as_a_sentence(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("the profiles are gone\nand so on")

    monkeypatch.setattr(policy_preview, "policy_preview", broken)
    number = started(registry)
    with pytest.raises(ValueError, match="profiles are gone"):
        policy_preview.work_out(registry, policy_drafts.draft(registry, number, now=datetime.now(UTC)))
    found = policy_drafts.draft(registry, number, now=datetime.now(UTC))
    assert (found.state, found.sentence) == (PreviewState.FAILED, "ValueError: the profiles are gone")


def test_a_process_of_its_own_works_it_out(shell: Shell, registry: Registry) -> None:
    now = datetime.now(UTC)
    number = policy_drafts.keep_draft(registry, LENIENT, based_on=1, day=DAY, by=BEN, now=now)
    draft = policy_drafts.draft(registry, number, now=now)

    policy_preview.start(registry, load_settings(), draft, by=BEN).join(timeout=120)

    assert policy_drafts.draft(registry, number, now=datetime.now(UTC)).state is PreviewState.READY
    policy_drafts.begin_preview(registry, number, by=BEN, now=datetime.now(UTC))
    with pytest.raises(PreviewRunningError):
        policy_preview.start(registry, load_settings(), draft, by=BEN)
