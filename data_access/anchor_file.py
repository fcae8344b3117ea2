"""The file outside the registry in which heads of the audit trail are written down, one a line, never changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import audit_trail
from data_access.engine import unavailable
from monitoring.anchor import Anchor, anchors_in
from monitoring.errors import SettingsError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from data_access.database import Database


def read_anchors(path: Path) -> tuple[Anchor, ...]:
    """Return the heads that stand in a text file, in their order.

    Raises:
        SettingsError: it cannot be read, or holds none.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    found = anchors_in(text, where=path.name)
    if not found:
        raise SettingsError(f"{path} holds no head of an audit trail: a line `modelfolio audit head ...`.")
    return found


def write_anchor(registry: Database, path: Path, *, now: datetime) -> Anchor:
    """Add the head of the trail to the file, unless it stands there already, and return it.

    First the newest head in the file must still be in the trail: a trail that was cut is not anchored anew.

    Raises:
        AuditChainError: it is not.
        RegistryUnavailableError: the registry does not answer.
        SettingsError: the file cannot be written.
    """
    written = read_anchors(path) if path.exists() and path.stat().st_size else ()
    try:
        if written:
            audit_trail.check_still_there(registry, written[-1])
        anchor = audit_trail.anchor(registry, now=now)
    except sa.exc.DBAPIError as error:
        raise unavailable(registry.engine.url, error) from None
    if written and (written[-1].sequence, written[-1].hash) == (anchor.sequence, anchor.hash):
        return written[-1]
    try:
        # One write of one line to the end: what others write at the same time stands before or after it.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, f"{anchor.line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SettingsError(f"The head of the audit trail cannot be written to {path}: {error.strerror}.") from None
    return anchor
