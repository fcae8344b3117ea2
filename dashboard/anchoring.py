"""Writing the head of the audit trail down outside the registry by itself, when ``MODELFOLIO_ANCHOR_FILE`` says where."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dashboard.opening import open_registry
from data_access.anchor_file import read_anchors, write_anchor
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.settings import Settings
    from data_access.registry import Registry
    from monitoring.anchor import Anchor

SECONDS_BETWEEN_ANCHORS = 60.0


def configured_anchors(settings: Settings) -> tuple[Anchor, ...]:
    """Return the heads in the configured file; none when there is no such setting, or nothing was written yet."""
    file = settings.anchor_file
    return read_anchors(file) if file and file.exists() and file.stat().st_size else ()


def keep_anchor(registry: Registry, settings: Settings) -> None:
    """Write the head down where the settings say.

    Raises:
        AuditChainError: the trail no longer holds the head written down last.
        RegistryUnavailableError: the registry does not answer.
        SettingsError: the file cannot be written.
    """
    if settings.anchor_file:
        write_anchor(registry, settings.anchor_file, now=datetime.now(UTC))


def try_to_keep_anchor(registry: Registry, settings: Settings, *, said: str = "") -> str:
    """Write the head down and return what is wrong, if anything; it is said on stderr unless it was ``said`` already."""
    try:
        keep_anchor(registry, settings)
    except ModelfolioError as error:
        if str(error) != said:
            sys.stderr.write(f"modelfolio: {error}\n")
        return str(error)
    return ""


@contextmanager
def anchoring(settings: Settings, *, pause_seconds: float = SECONDS_BETWEEN_ANCHORS) -> Iterator[None]:
    """Write the head down now, whenever it has moved within a pause, and in the end.

    What is wrong is said on stderr: pages are served from a trail that was cut, too, and say so when it is verified.
    """
    if settings.anchor_file is None:
        yield
        return
    registry, over = open_registry(settings), threading.Event()
    complaint = try_to_keep_anchor(registry, settings)

    def keep_on() -> None:
        nonlocal complaint
        while not over.wait(pause_seconds):
            complaint = try_to_keep_anchor(registry, settings, said=complaint)

    thread = threading.Thread(target=keep_on, name="anchoring", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        try_to_keep_anchor(registry, settings, said=complaint)
        registry.close()
