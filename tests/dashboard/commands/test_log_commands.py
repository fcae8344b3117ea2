"""`modelfolio import`, `map`, `ingest`, `assess`, `verdicts` and `forget` as a new user types them, in an empty home."""

import sqlite3
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from dashboard import cli
from tests.log_builders import make_table
from tests.pipeline import FIRST, as_table, copied, model_card, model_folder, predictions


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

    def types(self, *words: object, exit_code: int = 0) -> str:
        self.monkeypatch.setattr(sys, "argv", ["modelfolio", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = self.capsys.readouterr()
        assert ended.value.code == exit_code, printed
        self.error = printed.err
        return printed.out


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_a_new_user_imports_and_sees_verdicts(shell: Shell, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    said = shell.types("import", folder)
    assert said.splitlines()[0] == "late: new, 4,760 new rows"
    last = FIRST + timedelta(days=27)
    assert shell.types("assess", "--to", last) == "1 model assessed, 28 new assessments, 0 failures.\n"
    header, line = shell.types("verdicts").splitlines()
    assert header == "model,date,verdict,reason"
    assert line.startswith(f'late,{last},keep,"As in its reference, on ')
    assert shell.types("import", folder) == "late: unchanged\n"


def test_a_new_user_maps_and_sees_verdicts(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    make_table(url, "predictions", as_table(predictions(days=40)))
    monkeypatch.setenv("MODELFOLIO_CONNECTION_WAREHOUSE", url)
    shell.types("map", "--guess", "warehouse", "predictions", "--output", "card.json")
    assert shell.types("map", "card.json") == "predictions: new\n"
    shell.types("assess", "--to", FIRST + timedelta(days=39))
    assert ",keep," in shell.types("verdicts")


def test_looking_at_a_mapping_makes_no_registry(shell: Shell, tmp_path: Path, home: Path) -> None:
    url = f"sqlite:///{tmp_path / 'warehouse.db'}"
    make_table(url, "predictions", as_table(predictions(days=2)))
    shell.monkeypatch.setenv("MODELFOLIO_CONNECTION_WAREHOUSE", url)
    shell.types("map", "--guess", "warehouse", "predictions", "--output", "card.json")
    assert "nothing was registered" in shell.types("map", "--dry-run", "card.json")
    assert not (home / "registry.db").exists()


def test_an_inventory_makes_the_registry_too(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "models.csv").write_text("name,owner,tier\nChurn,ada@example.org,2\n", encoding="utf-8")
    assert shell.types("import", "models.csv") == "churn: new\n"
    shell.types("import", "models.csv", "late", exit_code=1)
    assert shell.error == "modelfolio: import folders and inventories one after the other, not together\n"


def test_an_old_registry_is_not_upgraded_by_an_import(shell: Shell, tmp_path: Path, home: Path) -> None:
    folder = model_folder(tmp_path / "late")
    shell.types("db", "upgrade")
    with sqlite3.connect(home / "registry.db") as old:
        old.execute("UPDATE alembic_version SET version_num = '0000'")
    old.close()
    shell.types("import", folder, exit_code=1)
    assert shell.error == "modelfolio: The registry is out of date: run `modelfolio db upgrade`.\n"


def test_a_registry_with_an_address_of_its_own_is_not_made_by_the_way(shell: Shell, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    shell.monkeypatch.setenv("MODELFOLIO_REGISTRY_URL", f"sqlite:///{tmp_path / 'typo.db'}")
    shell.types("import", folder, exit_code=1)
    assert "There is no registry yet" in shell.error
    assert not (tmp_path / "typo.db").exists()


def test_mistakes_are_lines_and_not_a_traceback(shell: Shell, tmp_path: Path, home: Path) -> None:
    folder = model_folder(tmp_path / "late", card=model_card(owener="ada@example.org", tier=4))
    shell.types("import", folder, exit_code=1)
    first, second = shell.error.splitlines()
    assert "owener: this key is unknown (is it owner?)" in first + second
    assert "tier: it should be 1, 2 or 3, not 4" in first + second
    assert not (home / "predictions.db").exists()


def test_a_changed_card_shows_its_difference(shell: Shell, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    shell.types("import", folder)
    said = shell.types("import", copied(folder, tmp_path / "again", owner="Ada@Example.org", tier=2))
    assert said == 'late: changed\n  owner: "ada@example.org" is new\n  tier: 2 is new\n'


def test_ingest_and_forget_say_how_many_rows(shell: Shell, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    shell.types("import", folder)
    more = model_folder(tmp_path / "more", rows=predictions(first=FIRST + timedelta(days=28), days=2))
    words = ("ingest", "late", "--log", more / "log.parquet", "--labels", more / "labels.parquet")
    assert shell.types(*words) == "late: 80 new rows, 80 new labels\n"
    assert shell.types(*words) == "late: 0 new rows, 0 new labels\n"
    assert shell.types("forget", "late", "--log", "--yes") == "late: 4,920 rows removed\n"
    shell.types("forget", "late", exit_code=2)
    shell.types("forget", "latte", "--log", exit_code=1)
    assert shell.error == "modelfolio: There is no model 'latte'.\n"
