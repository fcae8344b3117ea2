"""`modelfolio assess`, `verdicts` and `shifts` as somebody types them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from dashboard.cli import application
from tests.data_access.small_portfolio import FED, FEED, LAST, MOVED, NAMES, WORLD, SmallPortfolio, on

if TYPE_CHECKING:
    from data_access.registry import Registry


def written(*words: str) -> list[str]:
    done = CliRunner().invoke(application(words[0]), words)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


@pytest.fixture
def home(empty_registry: Registry) -> SmallPortfolio:
    portfolio = SmallPortfolio(empty_registry, late=False)
    portfolio.assesses(LAST)
    return portfolio


def test_shifts_are_one_line_each_with_their_models(home: SmallPortfolio) -> None:
    feed = ";".join(NAMES[number] for number in FED)
    world = ";".join(NAMES[number] for number in MOVED)
    lines = [f"{on(FEED)},feed,core feed,{feed}", f"{on(WORLD)},world,regions,{world}"]
    assert written("shifts", "--format", "csv") == ["date,kind,source,models", *lines]
    assert written("shifts", "--from", str(on(FEED + 1))) == ["date,kind,source,models", lines[1]]
    assert written("shifts", "--to", str(on(FEED))) == ["date,kind,source,models", lines[0]]


@pytest.mark.parametrize("command", ["shifts", "verdicts"])
def test_a_range_that_ends_before_it_begins_is_refused(command: str) -> None:
    words = (command, "--from", "2026-01-02", "--to", "2026-01-01")
    done = CliRunner().invoke(application(command), words)
    assert done.exit_code == 2
    assert "lies before --from 2026-01-02" in " ".join(done.output.replace("│", " ").split())


def test_a_source_cannot_carry_a_formula_into_a_spreadsheet(
    empty_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.commands import exports  # noqa: PLC0415 - the command imports it when it is called
    from data_access.shift_queries import ShiftLine  # noqa: PLC0415 - beside the other

    line = ShiftLine(on(0), "feed", "=cmd()", ("=a", "b"))
    monkeypatch.setattr(exports, "shift_lines", lambda *_, **__: [line])
    assert written("shifts")[1] == f"{on(0)},feed,'=cmd(),'=a;b"


def test_a_registry_that_was_never_searched_has_no_shifts(empty_registry: Registry) -> None:
    assert written("shifts") == ["date,kind,source,models"]


def test_assess_takes_a_number_of_workers(empty_registry: Registry) -> None:
    assert written("assess", "--workers", "2")[-1] == "0 models assessed, 0 new assessments, 0 failures."
    refused = CliRunner().invoke(application("assess"), ["assess", "--workers", "0"])
    assert refused.exit_code == 2


def test_a_range_that_has_not_begun_is_refused(empty_registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFOLIO_AS_OF", "2026-03-01")
    refused = CliRunner().invoke(application("assess"), ["assess", "--from", "2026-03-05"])
    assert refused.exit_code == 2
    assert "lies in the future" in refused.output
