"""Reports that were made, as files: a folder each, found again by what they are about, opened by a name nobody can guess.

A report holds values of a log. Its folder is readable by this account only, and its pages carry a policy under which they reach
no network and no other page.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import shutil
import zipfile
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from dashboard.deep_dive.order import Request
from dashboard.deep_dive.sample import neutral

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "deep_dives"
ABOUT, WORKSPACE = "about.json", "workspace"
DRIFT, PERFORMANCE = "drift", "performance"
PARTS = (DRIFT, PERFORMANCE)
KEPT_REPORTS = 20
TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "connect-src 'none'; form-action 'none'; base-uri 'none'"
)
SERVED_POLICY = f"sandbox allow-scripts; {POLICY}; frame-ancestors 'self'"
"""Served by us, a report is a page of no origin, in our frame or in a window of its own: it cannot touch ours, nor be signed in."""


@dataclass(frozen=True)
class About:
    """What a report is about and what it could not compare; counts are rows."""

    request: Request
    made_at: datetime
    parts: tuple[str, ...]
    rows: int
    reference_rows: int
    pairs: int
    reference_pairs: int
    columns: int
    left_out: dict[str, str] = field(default_factory=dict)
    no_performance: str = ""
    seconds: float = 0.0

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self), default=lambda value: value.isoformat())

    @classmethod
    def from_json(cls, text: str) -> About:
        """Return what ``to_json`` wrote."""
        said = json.loads(text)
        read = {"request": Request.from_dict(said["request"]), "made_at": datetime.fromisoformat(said["made_at"])}
        return cls(**(said | read | {"parts": tuple(said["parts"])}))


@dataclass(frozen=True)
class KeptReport:
    """A report on disk."""

    folder: Path

    @property
    def token(self) -> str:
        """The part of its address that nobody can guess."""
        return self.folder.name.rpartition(".")[2]

    @property
    def about(self) -> About:
        """What it is about."""
        return About.from_json((self.folder / ABOUT).read_text(encoding="utf-8"))

    def page(self, part: str) -> Path:
        """Return the file of a part of it."""
        return self.folder / f"{part}.html"

    def workspace_zip(self) -> bytes:
        """Return its Evidently workspace as one file to unpack."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted((self.folder / WORKSPACE).rglob("*")):
                if file.is_file():
                    archive.write(file, str(file.relative_to(self.folder)))
        return packed.getvalue()

    def add_to_workspace(self, workspace: Path) -> None:
        """Copy its runs into a folder that ``evidently ui --workspace`` opens; the same report again changes nothing."""
        shutil.copytree(self.folder / WORKSPACE, workspace, dirs_exist_ok=True)


def report_name(registry: str, request: Request) -> str:
    """Return the name of the report about exactly this; ``registry`` is an address without its password."""
    facts = json.dumps([registry, asdict(request)], default=date.isoformat)
    return sha256(facts.encode()).hexdigest()[:24]


def find_report(home: Path, name: str) -> KeptReport | None:
    """Return the kept report of this name."""
    found = [folder for folder in (home / FOLDER).glob(f"{name}.*") if (folder / ABOUT).exists()]
    return KeptReport(max(found, key=lambda folder: folder.stat().st_mtime)) if found else None


def report_of_token(home: Path, token: str) -> KeptReport | None:
    """Return the kept report with this token; anything that cannot be one finds nothing."""
    if not TOKEN.fullmatch(token):
        return None
    found = list((home / FOLDER).glob(f"*.{token}"))
    return KeptReport(found[0]) if found else None


def place_for(home: Path, name: str) -> Path:
    """Return a new folder beside the kept reports in which one is made."""
    (home / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    place = home / FOLDER / f"making-{name}-{secrets.token_hex(4)}"
    place.mkdir(mode=0o700)
    return place


def keep(folder: Path, name: str) -> KeptReport:
    """Keep a finished folder in the place of an older report of the same name; of all reports the newest 20 stay."""
    home = folder.parent
    older = list(home.glob(f"{name}.*"))
    kept = folder.rename(home / f"{name}.{secrets.token_urlsafe(16)}")
    for old in older:
        shutil.rmtree(old, ignore_errors=True)
    newest_first = sorted(home.glob("*.*"), key=lambda each: each.stat().st_mtime, reverse=True)
    for old in newest_first[KEPT_REPORTS:]:
        shutil.rmtree(old, ignore_errors=True)
    return KeptReport(kept)


def protected(page: str, *, title: str) -> str:
    """Return a page of Evidently's with its title and a policy that lets it reach no network, also as a file on its own."""
    head = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>{neutral(title)}</title>'
    return page.replace("<head>", f"<head>{head}", 1) if "<head>" in page else head + page
