"""Check an exported audit trail without the program that wrote it. Python 3.10 or newer, nothing else.

    python3 verify_audit.py                                  in the folder of the unpacked export
    python3 verify_audit.py FOLDER --key-file audit.key      also check the signatures
    python3 verify_audit.py FOLDER --anchor minutes.md       also look for heads that were written down elsewhere

A key that was set as MODELFOLIO_AUDIT_KEY is read from the environment variable of that name. Exit code 0: everything fits. 1: something
does not, and the first row that does not is named. 2: the export cannot be read or the command is wrong.

How a row is checked: audit.jsonl has a row per line, as JSON with sorted names and no spaces. Without its "hash" and "mac" the line is the row's
content. "hash" is the SHA-256 of the content, in which the hash of the row before stands. "mac" is the HMAC-SHA256 of "hash" under the
key. audit.csv has the same rows for reading, and the content of each once more.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import hmac
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

NOTHING_BEFORE = "0" * 64
HEAD = re.compile(r"modelfolio\s+audit\s+head\s+(\d{1,18})\s+([0-9a-f]{64})\s+\d{8}T\d{6}Z")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
KEY_VARIABLE = "MODELFOLIO_AUDIT_KEY"


class BadError(Exception):
    """Something does not fit; the text says what."""


class UnreadableError(Exception):
    """The export, or what it is to be compared with, cannot be read."""


def written(value: object) -> str:
    """Return the one way of writing a value as JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_of(line: str, place: int) -> tuple[dict[str, Any], str]:
    """Return a line's row and its content as text."""
    problem = BadError(f"line {place} of audit.jsonl is not a row as it was exported")
    try:
        row: dict[str, Any] = json.loads(line)
        content = written({name: value for name, value in row.items() if name not in ("hash", "mac")})
        is_exact = written(row) == line and isinstance(row["sequence"], int)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise problem from None
    if not is_exact:
        raise problem
    return row, content


def check_row(row: dict[str, Any], content: str, before: dict[str, Any] | None, key: bytes | None) -> None:
    """Compare a row with its hash, its signature and the row before."""
    number = row["sequence"]
    if before is not None and number <= before["sequence"]:
        raise BadError(f"row {number} stands after row {before['sequence']}")
    if hashlib.sha256(content.encode()).hexdigest() != row.get("hash"):
        raise BadError(f"row {number} was changed: its hash is that of another content")
    expected = (
        NOTHING_BEFORE if number == 1 else before["hash"] if before and before["sequence"] == number - 1 else None
    )
    if expected is not None and row.get("previous_hash") != expected:
        raise BadError(f"row {number} does not continue row {number - 1}")
    if key is not None and hmac.new(key, row["hash"].encode(), "sha256").hexdigest() != row.get("mac"):
        raise BadError(f"row {number} was not signed with this key")


def cell(value: object) -> str:
    """Return a value as it stands in audit.csv."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return "'" + text if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def check_cells(cells: dict[str, str] | None, row: dict[str, Any], content: str) -> None:
    """Compare a line of audit.csv with the row of audit.jsonl."""
    if cells is None:
        raise BadError(f"row {row['sequence']} is missing in audit.csv")
    if cells.get("content") != content:
        raise BadError(f"row {row['sequence']} of audit.csv has another content than that of audit.jsonl")
    if set(cells) != {*row, "content"}:
        raise BadError(f"row {row['sequence']} of audit.csv has other columns than audit.jsonl")
    for name, text in cells.items():
        if name != "content" and text != cell(row.get(name)):
            raise BadError(f"row {row['sequence']} of audit.csv says something else than audit.jsonl: {name}")


def read_trail(folder: Path, key: bytes | None) -> tuple[dict[int, str], list[int]]:
    """Check every row and return their hashes by number, and the numbers that are not there between them."""
    hashes: dict[int, str] = {}
    gaps: list[int] = []
    before: dict[str, Any] | None = None
    csv.field_size_limit(sys.maxsize)
    with (
        (folder / "audit.jsonl").open(encoding="utf-8", newline="\n") as lines,
        (folder / "audit.csv").open(encoding="utf-8", newline="") as table,
    ):
        cells = csv.DictReader(table)
        names = cells.fieldnames or []
        if len(set(names)) != len(names):
            raise BadError("audit.csv names a column twice")
        for place, line in enumerate(lines, 1):
            row, content = content_of(line.rstrip("\n"), place)
            check_row(row, content, before, key)
            check_cells(next(cells, None), row, content)
            if row["sequence"] != (before["sequence"] if before else 0) + 1:
                gaps.append(row["sequence"])
            hashes[row["sequence"]] = row["hash"]
            before = row
        if next(cells, None) is not None:
            raise BadError("audit.csv has more rows than audit.jsonl")
    return hashes, gaps


def check_whole(hashes: dict[int, str], gaps: list[int], about: dict[str, Any]) -> None:
    """Compare the rows with what the export says about itself."""
    last = max(hashes, default=0)
    if about["is_whole"]:
        if gaps:
            raise BadError(f"a row is missing before row {gaps[0]}")
        if last < about["head"]:
            raise BadError(f"row {last + 1} is missing: the trail ended with row {about['head']}")
        if (last, hashes.get(last, NOTHING_BEFORE)) != (about["head"], about["head_hash"]):
            raise BadError(f"row {last} is not the end that export.json names")
    if len(hashes) != about["rows"]:
        raise BadError(f"{len(hashes)} rows are here, and {about['rows']} were exported")


def check_heads(hashes: dict[int, str], about: dict[str, Any], files: list[str]) -> tuple[int, int]:
    """Look for the heads written down in files; return how many were compared and how many are of rows not exported."""
    compared = outside = 0
    for name in files:
        found = HEAD.findall(Path(name).read_text(encoding="utf-8", errors="replace"))
        if not found:
            raise UnreadableError(f"{name} holds no head of an audit trail")
        for number, digest in ((int(number), digest) for number, digest in found):
            if number in hashes and hashes[number] != digest:
                raise BadError(f"row {number} is not the one written down in {name}")
            if number > 0 and number not in hashes and about["is_whole"]:
                raise BadError(f"row {max(hashes, default=0) + 1} is missing: row {number} was written down in {name}")
            compared, outside = compared + (number in hashes), outside + (number not in hashes)
    return compared, outside


def key_from(file: str | None) -> bytes | None:
    """Return the key from its file, or from the environment, or none."""
    if file:
        try:
            return bytes.fromhex(Path(file).read_text(encoding="ascii"))
        except ValueError:
            raise UnreadableError(f"{file} is not a key as modelfolio keeps it") from None
    return os.environ[KEY_VARIABLE].encode() if os.environ.get(KEY_VARIABLE) else None


def check(folder: Path, key: bytes | None, heads: list[str]) -> list[str]:
    """Check everything and return what is to be said about it."""
    about = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    hashes, gaps = read_trail(folder, key)
    check_whole(hashes, gaps, about)
    compared, outside = check_heads(hashes, about, heads)
    said = [f"Good: {len(hashes)} row{'' if len(hashes) == 1 else 's'}, each is what its hash says."]
    if about["is_whole"]:
        said.append(f"Whole: rows 1 to {max(hashes, default=0)}, each continues the one before.")
    else:
        said.append(
            f"A part only ({about['chosen']}): nobody can tell from it whether rows are missing. Export the whole trail for that."
        )
    said.append(
        "Signatures: all made with the key." if key is not None else "Signatures: not checked, no key was given."
    )
    if compared or outside:
        said.append(f"Heads written down elsewhere: {compared} compared, {outside} of rows that are not in here.")
    else:
        said.append(
            "Heads written down elsewhere: none given, so a trail cut off at its end before the export would look like this one."
        )
    return said


def main() -> int:
    """Check the export that the command line names."""
    parser = argparse.ArgumentParser(description="Check an exported audit trail without the program that wrote it.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key-file", help="the file audit.key of the registry's home")
    parser.add_argument(
        "--anchor", action="append", default=[], help="a text file with heads: minutes, a file of heads"
    )
    asked = parser.parse_args()
    try:
        said = check(asked.folder, key_from(asked.key_file), asked.anchor)
    except BadError as problem:
        sys.stdout.write(f"BAD: {problem}.\n")
        return 1
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError, UnreadableError) as problem:
        sys.stderr.write(f"This cannot be checked: {problem}.\n")
        return 2
    sys.stdout.write("\n".join(said) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
