"""The audit trail to take along: CSV for reading, JSON lines for checking, and a script that checks both without this program."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Unpack

import sqlalchemy as sa

from data_access.audit_links import links
from data_access.audit_trail import AuditFilter, head_of, matching
from data_access.tables import AuditEventRow
from monitoring.audit import EVENT_FIELDS, canonical_json, instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from typing import IO

    from data_access.database import Database
    from monitoring.audit import ChainedEvent

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
VERIFIER = Path(__file__).with_name("verify_audit.py")
README = """An export of modelfolio's audit trail.

audit.jsonl      a row per line, as it was hashed: for checking
audit.csv        the same rows for reading; a cell that a spreadsheet would take for a formula begins with an apostrophe
export.json      what was exported and when, and the head of the trail at that time
verify_audit.py  checks all of it, with Python 3.10 or newer and nothing else: python3 verify_audit.py

Get the script from somebody you trust if you do not trust whoever gave you this export; it is short enough to be read.
"""


def export_json(registry: Database, **chosen: Unpack[AuditFilter]) -> str:
    """Return the rows as JSON lines; ``hash`` is the SHA-256 of its line without ``hash`` and ``mac``."""
    with registry.read() as session:
        return "".join(json_line(link) for link in links(session, *matching(**chosen)))


def export_csv(registry: Database, **chosen: Unpack[AuditFilter]) -> str:
    """Return the rows as CSV; ``content`` is the exact text whose SHA-256 is ``hash``.

    A cell that a spreadsheet would take for a formula begins with an apostrophe; ``content`` is never changed.
    """
    with registry.read() as session:
        return csv_text(links(session, *matching(**chosen)))


def export_zip(registry: Database, *, now: datetime, **chosen: Unpack[AuditFilter]) -> bytes:
    """Return both files, the script that checks them, and what was exported, packed; all of one moment."""
    asked = {name: str(value) for name, value in chosen.items() if value is not None}
    conditions = matching(**chosen)
    packed = io.BytesIO()
    with (
        registry.read() as session,
        TemporaryFile("w+", encoding="utf-8", newline="") as for_reading,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        table = _headed(for_reading)
        with _text_in(archive, "audit.jsonl") as for_checking:
            for link in links(session, *conditions):
                for_checking.write(json_line(link))
                table.writerow(_csv_row(link))
        for_reading.seek(0)
        with _text_in(archive, "audit.csv") as out:
            shutil.copyfileobj(for_reading, out)
        head = head_of(session)
        about = {
            "rows": session.scalar(sa.select(sa.func.count()).select_from(AuditEventRow).where(*conditions)),
            "is_whole": not asked,
            "chosen": ", ".join(f"{name.removesuffix('_id')} {value}" for name, value in asked.items()),
            "head": head.sequence,
            "head_hash": head.hash,
            "exported_at": instant(now),
        }
        archive.writestr("export.json", json.dumps(about, indent=2, ensure_ascii=False) + "\n")
        archive.writestr("README.txt", README)
        archive.write(VERIFIER, VERIFIER.name)
    return packed.getvalue()


def csv_text(rows: Iterable[ChainedEvent]) -> str:
    """Return rows as CSV with a heading."""
    out = io.StringIO()
    _headed(out).writerows(_csv_row(link) for link in rows)
    return out.getvalue()


def json_line(link: ChainedEvent) -> str:
    """Return a row as a line of JSON."""
    return canonical_json(link.content() | {"hash": link.hash, "mac": link.mac}) + "\n"


@contextmanager
def _text_in(archive: zipfile.ZipFile, name: str) -> Iterator[IO[str]]:
    with archive.open(name, "w", force_zip64=True) as raw, io.TextIOWrapper(raw, encoding="utf-8", newline="") as out:
        yield out


def _headed(out: IO[str]) -> Any:
    """Return a writer of CSV that has written its heading."""
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["sequence", *EVENT_FIELDS, "previous_hash", "hash", "mac", "content"])
    return table


def _csv_row(link: ChainedEvent) -> list[object]:
    content = link.content()
    cells = [_cell(content[name]) for name in EVENT_FIELDS]
    return [link.sequence, *cells, link.previous_hash, link.hash, link.mac, canonical_json(content)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
