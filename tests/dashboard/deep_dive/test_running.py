"""The process that makes a report, as the web server starts it: real, on a small imported model."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dashboard.deep_dive import running
from dashboard.deep_dive.kept import PARTS, find_report
from dashboard.deep_dive.order import Order, Request
from dashboard.deep_dive.running import CHECKOUT, DeepDives
from dashboard.deep_dive.sample import DeepDiveError
from data_access.model_import import import_folders
from tests import builders
from tests.journeys.small_model import LAST_GOOD_DAY, small_model

PATIENCE_SECONDS = 120


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one imported model."""
    home = tmp_path_factory.mktemp("dives")
    registry = builders.new_registry(home)
    folder = small_model(home / "small-loans")
    import_folders(
        registry, [folder], log_address=f"sqlite:///{home / 'predictions.db'}", now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    registry.close()
    return home


@pytest.fixture
def dives() -> Iterator[DeepDives]:
    """Those of a server, gone with it."""
    dives = DeepDives()
    yield dives
    dives.stop()


def order(home: Path, name: str = "report", *, model: str = "small-loans") -> Order:
    request = Request(model=model, version="v1", last=LAST_GOOD_DAY, known_on=LAST_GOOD_DAY, rows=500)
    stores = {"default": f"sqlite:///{home / 'predictions.db'}"}
    return Order(request, registry=f"sqlite:///{home / 'registry.db'}", connections=stores, name=name)


def finish(dives: DeepDives, name: str) -> list[str]:
    """Wait until the report is made or has failed; return the words of its progress."""
    words: list[str] = []
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while (progress := dives.progress(name)) and time.monotonic() < give_up_at:
        words += [] if progress.words in words else [progress.words]
        time.sleep(0.02)
    assert dives.progress(name) is None
    return words


def test_report_is_made_in_another_process_and_kept_while_progress_is_told(home: Path, dives: DeepDives) -> None:
    dives.start(home, order(home))
    words = finish(dives, "report")
    kept = find_report(home, "report")

    assert dives.failure("report") is None
    assert kept is not None
    assert kept.about.parts == PARTS
    assert 490 <= kept.about.rows <= kept.about.reference_rows == 500
    assert "Loading Evidently" in words
    assert all("connect-src 'none'" in kept.page(part).read_text() for part in PARTS)
    assert list(kept.folder.glob("workspace/*/snapshots/*.json"))
    assert "evidently" not in sys.modules or "tests.dashboard.deep_dive.test_report" in sys.modules


def test_stopped_report_leaves_nothing_and_can_be_made_again(home: Path, dives: DeepDives) -> None:
    dives.start(home, order(home, "stopped"))
    process = dives._running.process if dives._running else None
    dives.cancel("stopped")

    assert process is not None
    assert process.returncode is not None
    assert (dives.progress("stopped"), dives.failure("stopped")) == (None, None)
    assert not [each for each in (home / "deep_dives").iterdir() if "stopped" in each.name]
    dives.start(home, order(home, "stopped"))
    assert dives.progress("stopped")


def test_second_report_waits_and_the_same_one_is_made_once(home: Path, dives: DeepDives) -> None:
    dives.start(home, order(home, "first"))
    first = dives._running
    dives.start(home, order(home, "first"))
    assert dives._running is first
    with pytest.raises(DeepDiveError, match="small-loans is being made on this server"):
        dives.start(home, order(home, "second"))


def test_report_that_takes_too_long_is_stopped_and_says_so(
    home: Path, dives: DeepDives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "TIME_LIMIT_SECONDS", -1)
    dives.start(home, order(home, "slow"))
    assert dives.progress("slow") is None
    assert "was stopped. Choose fewer rows" in (dives.failure("slow") or "")


def test_model_that_is_not_there_is_one_sentence(home: Path, dives: DeepDives) -> None:
    dives.start(home, order(home, "none", model="nobody"))
    finish(dives, "none")
    assert dives.failure("none") == "There is no model 'nobody'."


def test_process_that_dies_is_told_and_forgotten_by_the_next_try(home: Path, dives: DeepDives) -> None:
    dives.start(home, order(home, "dead"))
    assert dives._running is not None
    dives._running.process.kill()
    dives._running.process.wait()
    assert "its process was stopped" in (dives.failure("dead") or "")
    dives.start(home, order(home, "dead"))
    assert dives.failure("dead") is None


@pytest.mark.parametrize(
    ("limit", "said"), [("MEMORY_LIMIT_BYTES = 300 << 20", "of memory"), ("TIME_LIMIT_SECONDS = 1", "")]
)
def test_process_limits_itself_when_nobody_looks_after_it(home: Path, tmp_path: Path, limit: str, said: str) -> None:
    program = f"import dashboard.deep_dive.order as o; o.{limit}\nimport sys, pathlib\nfrom dashboard.deep_dive import report\n"
    wait = (
        "import time; report.make = lambda *_: time.sleep(60)"
        if not said
        else "report.make = lambda *_: bytearray(1 << 30)"
    )
    run = f"{program}{wait}\nreport.main(pathlib.Path(sys.argv[1]), o.Order.from_json(sys.stdin.read()))"
    ended = subprocess.run(
        [sys.executable, "-c", run, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        input=order(home).to_json(),
        text=True,
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == (1 if said else -14), ended.stderr
    assert said in ((tmp_path / "error").read_text() if said else "")


def test_order_comes_back_from_its_text(home: Path) -> None:
    asked = replace(order(home), connections={"default": "sqlite:///a?x='\"&", "b": "postgresql://u:p@h/d"})
    assert Order.from_json(asked.to_json()) == asked
