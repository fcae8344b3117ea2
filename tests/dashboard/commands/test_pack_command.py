"""`modelfolio pack` as somebody types it."""

from pathlib import Path

import pytest

from tests import builders
from tests.dashboard.commands.test_registry_commands import Shell


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODELFOLIO_AS_OF", builders.TODAY.isoformat())
    opened = builders.new_registry(tmp_path / "home")
    builders.small_portfolio(opened)
    opened.close()
    return Shell(monkeypatch, capsys)


def test_a_pack_is_written_in_both_formats_and_checked(shell: Shell, tmp_path: Path) -> None:
    said = shell.types("pack", "--since", "2026-11-08", "--team", "Retail", "--top", "2")
    page = tmp_path / "evidence-pack-2026-11-22.html"
    digest = said.rpartition(": ")[2].strip()
    assert "Team Retail" in page.read_text()
    assert shell.error == ""

    assert digest in shell.types("pack", "--check", str(page))
    slides = tmp_path / "slides.pptx"
    shell.types(
        "pack", "--since", "2026-11-08", "--team", "Retail", "--top", "2", "--format", "pptx", "--out", str(slides)
    )
    assert digest in shell.types("pack", "--check", str(slides))
    assert sorted(path.name for path in tmp_path.iterdir()) == [page.name, "home", slides.name]

    page.write_text(page.read_text().replace("Retail", "Wholesale", 1))
    assert shell.types("pack", "--check", str(page), exit_code=1) == ""
    assert shell.error.startswith(f"modelfolio: {page}: A page was changed")


def test_a_mistake_is_one_sentence_and_nothing_is_written(shell: Shell, tmp_path: Path) -> None:
    shell.types("pack", "--team", "Nobody", exit_code=1)
    assert shell.error == "modelfolio: No model has the team 'Nobody'; there are: AML, Cards, Retail.\n"
    shell.types("pack", "--since", "2027-01-01", exit_code=2)
    assert "must lie before 2026-11-22" in " ".join(shell.error.split())
    shell.types("pack", "--top", "0", "--out", str(tmp_path / "no" / "pack.html"), exit_code=1)
    assert "cannot be written" in shell.error
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
