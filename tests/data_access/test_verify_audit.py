"""The script that comes with every export, run as somebody who has nothing but the export would run it."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from data_access import audit_export, audit_trail
from data_access.registry import Registry
from monitoring import decide
from monitoring.audit import FIRST_PREVIOUS_HASH, chained
from tests.fresh import fresh_registry
from tests.monitoring.test_audit import EVENT
from tests.registry_contract import BEN, DAY, EVENTS, KEY, NOW, add_everybody, add_model, propose

ROWS = EVENTS + 2


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    address = f"sqlite:///{tmp_path / 'registry.db'}"
    fresh_registry(address)
    registry = Registry.open(address, audit_key=KEY)
    add_everybody(registry)
    add_model(registry)
    decide.reject(registry, propose(registry).id, comment=' =1+1, "é"\nno', by=BEN, on=DAY, now=NOW)
    yield registry
    registry.close()


@pytest.fixture
def export(registry: Registry, tmp_path: Path) -> Path:
    return unpacked(audit_export.export_zip(registry, now=NOW), tmp_path / "export")


def unpacked(packed: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        archive.extractall(folder)
    return folder


def run(folder: Path, *arguments: str, key: bytes | None = None, exit_code: int = 0) -> str:
    """Run the script alone: isolated from this environment, without packages."""
    environment = {"MODELFOLIO_AUDIT_KEY": key.decode()} if key else {}
    command = [sys.executable, "-I", "-S", str(folder / "verify_audit.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment, timeout=60)
    assert done.returncode == exit_code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def without_lines(folder: Path, keep: Callable[[int], bool]) -> None:
    """Take rows out of both files, as somebody would who wants them gone."""
    lines = (folder / "audit.jsonl").read_text().splitlines(keepends=True)
    (folder / "audit.jsonl").write_text("".join(line for number, line in enumerate(lines, 1) if keep(number)))
    heading, *rows = split_csv((folder / "audit.csv").read_text())
    (folder / "audit.csv").write_text(heading + "".join(row for number, row in enumerate(rows, 1) if keep(number)))


def split_csv(text: str) -> list[str]:
    """Return the lines of a CSV, a line break inside quotes kept inside."""
    found = [""]
    for line in text.splitlines(keepends=True):
        found[-1] += line
        if found[-1].count('"') % 2 == 0:
            found.append("")
    return found[:-1]


def change(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))


def say_it_is_whole(folder: Path, *, rows: int) -> None:
    """Change what the export says about itself so that it fits what is left."""
    lines = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    about = json.loads((folder / "export.json").read_text())
    about |= {"rows": rows, "head": lines[-1]["sequence"], "head_hash": lines[-1]["hash"]}
    (folder / "export.json").write_text(json.dumps(about))


def test_good_export_is_good_with_key_and_minutes(registry: Registry, export: Path, tmp_path: Path) -> None:
    minutes = tmp_path / "minutes.md"
    minutes.write_text(f"Closed at noon.\n\n{audit_trail.anchor(registry, now=NOW).line}\n")
    said = run(export, "--anchor", str(minutes), key=None)
    assert f"Good: {ROWS} rows" in said
    assert "Signatures: not checked" in said
    assert "1 compared" in said
    (tmp_path / "audit.key").write_text(KEY.hex() + "\n")
    assert "all made with the key" in run(export, "--key-file", str(tmp_path / "audit.key"))


def test_part_says_that_it_is_a_part(registry: Registry, tmp_path: Path) -> None:
    said = run(unpacked(audit_export.export_zip(registry, now=NOW, model_id="m"), tmp_path / "part"))
    assert "Good: 2 rows" in said
    assert "A part only (model m)" in said


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (lambda at: change(at, "audit.jsonl", "command line", "command lime"), "row 1 was changed"),
        (lambda at: change(at, "audit.jsonl", '{"action"', '{ "action"'), "line 1 of audit.jsonl is not a row"),
        (lambda at: change(at, "audit.jsonl", '{"action"', '{"action'), "line 1 of audit.jsonl is not a row"),
        (lambda at: change(at, "audit.csv", "1,2026", "2,2026"), "row 1 of audit.csv says something else"),
        (lambda at: change(at, "audit.csv", ",actor,", ",at,"), "names a column twice"),
        (lambda at: change(at, "audit.csv", ",actor,", ",actress,"), "row 1 of audit.csv has other columns"),
        (lambda at: change(at, "audit.csv", '"{""action', '"{""Action'), "row 1 of audit.csv has another content"),
        (lambda at: without_lines(at, lambda row: row != 7), "row 8 does not continue|missing before row 8"),
        (lambda at: without_lines(at, lambda row: row > 1), "missing before row 2"),
        (lambda at: without_lines(at, lambda row: row < ROWS), f"row {ROWS} is missing"),
    ],
)
def test_tampered_export_is_bad_and_the_row_is_named(
    export: Path, tamper: Callable[[Path], None], problem: str
) -> None:
    tamper(export)
    said = run(export, exit_code=1)
    assert said.startswith("BAD: ")
    assert any(each in said for each in problem.split("|")), said


def test_cut_tail_that_the_export_hides_is_found_by_a_head_written_elsewhere(
    registry: Registry, export: Path, tmp_path: Path
) -> None:
    minutes = tmp_path / "minutes.html"
    minutes.write_text(f"<p>{audit_trail.anchor(registry, now=NOW).line}</p>")
    without_lines(export, lambda row: row < ROWS)
    say_it_is_whole(export, rows=ROWS - 1)
    assert "would look like this one" in run(export, key=KEY)
    assert f"row {ROWS} is missing: row {ROWS} was written down" in run(export, "--anchor", str(minutes), exit_code=1)


def test_chain_rewritten_without_the_key_is_found_with_it(export: Path) -> None:
    forged = chained(replace(EVENT, reason="Never mind."), sequence=1, previous_hash=FIRST_PREVIOUS_HASH, key=b"guess")
    (export / "audit.jsonl").write_text(audit_export.json_line(forged))
    heading = split_csv((export / "audit.csv").read_text())[0]
    line = audit_export.csv_text([forged])
    assert line.startswith(heading)
    (export / "audit.csv").write_text(line)
    say_it_is_whole(export, rows=1)
    assert "Good: 1 row," in run(export)
    assert "row 1 was not signed with this key" in run(export, "--key-file", key_file(export), exit_code=1)


def key_file(folder: Path) -> str:
    (folder / "audit.key").write_text(KEY.hex())
    return str(folder / "audit.key")


def test_what_cannot_be_checked_is_one_sentence(export: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.md"
    empty.write_text("Nothing was written down.")
    assert "holds no head" in run(export, "--anchor", str(empty), exit_code=2)
    assert "is not a key" in run(export, "--key-file", str(empty), exit_code=2)
    (export / "export.json").unlink()
    assert "cannot be checked" in run(export, exit_code=2)


def test_script_needs_nothing_but_the_standard_library() -> None:
    lines = audit_export.VERIFIER.read_text().splitlines()
    imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert imported - {"__future__"} <= set(sys.stdlib_module_names)
