"""What a deep dive is asked for, and how the process that makes it is told."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta

TIME_LIMIT_SECONDS = 300
MEMORY_LIMIT_BYTES = 4 * 1024**3
PROGRESS, ERROR = "progress", "error"
"""Files of the folder in which a report is made: the share done with words, and why there will be none."""


@dataclass(frozen=True)
class Request:
    """What to look at: at most ``rows`` rows of the ``days`` days up to ``last`` as they were known on ``known_on``."""

    model: str
    version: str
    last: date
    known_on: date
    days: int = 7
    rows: int = 2_000

    @property
    def first(self) -> date:
        """The first day of the window."""
        return self.last - timedelta(days=self.days - 1)

    @classmethod
    def from_dict(cls, said: dict[str, str | int]) -> Request:
        """Return what ``dataclasses.asdict`` and JSON made of a request."""
        days = {name: date.fromisoformat(str(said[name])) for name in ("last", "known_on")}
        return cls(str(said["model"]), str(said["version"]), **days, days=int(said["days"]), rows=int(said["rows"]))


@dataclass(frozen=True)
class Order:
    """What the process reads from its standard input: addresses may hold passwords, so they stand in no argument."""

    request: Request
    registry: str
    connections: dict[str, str]
    name: str
    """Under which the result is kept: see ``kept.report_name``."""

    def to_json(self) -> str:
        """Return the order as text."""
        return json.dumps(asdict(self), default=date.isoformat)

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Return the order that ``to_json`` wrote."""
        said = json.loads(text)
        return cls(Request.from_dict(said["request"]), said["registry"], said["connections"], said["name"])
