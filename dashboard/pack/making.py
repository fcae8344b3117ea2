"""Packs that pages ask for: made one at a time beside the pages, kept a while, found again by what they are about."""

from __future__ import annotations

import traceback
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from dashboard.pack.content import fingerprint, text_of
from dashboard.pack.formats import Format, written
from dashboard.pack.gather import gather
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from dashboard.pack.material import Wanted
    from data_access.registry import Registry

MOST_KEPT = 8
UNEXPECTED = "The pack could not be made; the server's log says why."
Key = tuple[str, int, "Wanted"]
"""The registry, its revision and what is wanted: a write makes every pack an old one."""


@dataclass
class Making:
    """A pack under way, or done: its files by format; a format that cannot be written has the reason instead."""

    share: float = 0.0
    words: str = "Waiting"
    files: dict[Format, bytes] = field(default_factory=dict)
    missing: dict[Format, str] = field(default_factory=dict)
    hash: str = ""
    failure: str = ""
    is_done: bool = False


class Packs:
    """The packs of this server; safe to ask from any thread.

    One thread makes them, so that however many are asked for, everybody else is slowed down by one at most.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: OrderedDict[Key, Making] = OrderedDict()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evidence-pack")

    def start(self, registry: Registry, key: Key) -> None:
        """Begin to make a pack; one that is there or under way is not made twice, one that failed is tried again."""
        with self._lock:
            known = self._made.get(key)
            if known is not None and not known.failure:
                return
            making = self._made[key] = Making()
            self._made.move_to_end(key)
            done = [each for each, other in self._made.items() if other.is_done]
            for old in done[: max(0, len(self._made) - MOST_KEPT)]:
                del self._made[old]
        self._worker.submit(_make, making, registry, key[2])

    def find(self, key: Key) -> Making | None:
        """Return the pack that is this one, done or under way."""
        with self._lock:
            return self._made.get(key)


def _make(making: Making, registry: Registry, wanted: Wanted) -> None:
    def report(done: int, total: int, words: str) -> None:
        making.share, making.words = done / max(total, 1), f"Reading {words}"

    try:
        content = gather(registry, wanted, report=report)
        making.words = "Writing"
        for format_ in Format:
            try:
                making.files[format_] = written(content, format_)
            except ModelfolioError as error:
                making.missing[format_] = str(error)
        making.hash = fingerprint(text_of(content))
    except ModelfolioError as error:
        making.failure = str(error)
    except Exception:
        making.failure = UNEXPECTED
        traceback.print_exc()  # nobody asks the future, so its exception would be lost
        raise
    finally:
        making.is_done = True


PACKS = Packs()
"""Those of this server."""
