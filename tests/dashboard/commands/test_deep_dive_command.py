from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard import cli
from dashboard.commands.deep_dive import order_for
from dashboard.deep_dive.running import DEEP_DIVES
from dashboard.deep_dive.sample import DeepDiveError
from dashboard.settings import Settings
from data_access.registry import Registry
from monitoring.errors import UnknownModelError
from tests.builders import TODAY
from tests.dashboard.deep_dive.test_kept import kept_report


def order_name(home: Path) -> str:
    return order_for(Settings(home=home), "limit-increase", days=7, rows=2_000, known_on=TODAY).name


def test_report_is_written_as_pages_and_laid_into_a_workspace(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_report(tmp_path, order_name(tmp_path))
    monkeypatch.setattr(DEEP_DIVES, "start", lambda *_: None)  # it is made already; making it has tests of its own
    arguments = ["deep-dive", "limit-increase", "--as-known-on", TODAY.isoformat()]
    arguments += ["--workspace", str(tmp_path / "ws"), "--html", str(tmp_path / "pages")]
    done = CliRunner().invoke(cli.application("deep-dive"), arguments)

    assert done.exit_code == 0, done.output
    assert (tmp_path / "ws" / "project" / "metadata.json").exists()
    assert [page.name for page in (tmp_path / "pages").iterdir()] == ["limit-increase-deep-dive-drift-2026-03-02.html"]
    assert "Compared 3 columns of 100 rows with 200 of the reference." in done.output
    assert "Left out: x (no value in the window)" in done.output


def test_model_that_is_not_there_or_was_never_assessed_is_one_sentence(registry: Registry, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(UnknownModelError, match="nobody"):
        order_for(settings, "nobody", days=7, rows=100, known_on=TODAY)
    with pytest.raises(DeepDiveError, match="was not assessed by 2026-11-22"):
        order_for(settings, "never-assessed", days=7, rows=100, known_on=TODAY)


def test_what_was_known_then_is_another_report(registry: Registry, tmp_path: Path) -> None:
    then = order_for(Settings(home=tmp_path), "limit-increase", days=7, rows=2_000, known_on=date(2026, 11, 20))
    assert then.request.last == date(2026, 11, 20)
    assert then.name != order_name(tmp_path)
