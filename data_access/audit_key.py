"""The key of the audit trail's signatures, kept in a file only its owner may read."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from monitoring.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32


def key_from_file(path: Path) -> bytes:
    """Return the key in ``path``; the first to ask makes it, and whoever asks at the same time gets the same one."""
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"The audit key {path} can be read by others: run `chmod 600 {path}`.")
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(f"The audit key {path} is damaged: put the right one back.")
    return key


def _make(path: Path) -> None:
    """Write a whole key beside ``path`` and link it into place: a link never replaces a key that is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(KEY_BYTES)}\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
