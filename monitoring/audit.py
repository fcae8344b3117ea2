"""Audit events, and the chain that makes a change to one of them visible."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from monitoring.errors import AuditChainError

FIRST_PREVIOUS_HASH = "0" * 64
WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One unchangeable line: who, in which role, when, what before and after, and why.

    ``at`` is the product's clock (the demo's movable day), ``recorded_at`` the machine's; both are aware.
    ``before``, ``after`` are plain JSON.
    """

    at: datetime
    recorded_at: datetime
    actor: str
    role: str
    action: str
    subject_kind: str
    subject_id: str
    model_id: str | None = None
    reason: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    evidence_hash: str | None = None


EVENT_FIELDS = tuple(field.name for field in fields(AuditEvent))


@dataclass(frozen=True, slots=True)
class ChainedEvent:
    """An audit event in its place of the chain; ``hash`` covers everything before it, ``mac`` needs the key."""

    event: AuditEvent
    sequence: int
    previous_hash: str
    hash: str
    mac: str

    def content(self) -> dict[str, Any]:
        """Return everything the hash covers, as plain JSON."""
        return _content(self.event, sequence=self.sequence, previous_hash=self.previous_hash)


def canonical_json(value: dict[str, Any]) -> str:
    """Return the one way of writing ``value``: sorted names, no spaces, characters as they are.

    >>> canonical_json({"b": 1.5, "a": "é"})
    '{"a":"é","b":1.5}'
    """
    return WRITER.encode(value)


def chained(event: AuditEvent, *, sequence: int, previous_hash: str, key: bytes) -> ChainedEvent:
    """Return the event as link ``sequence`` of the chain.

    The hash is SHA-256 of the canonical JSON, in which the previous hash stands: anyone can check it. The HMAC over the
    hash can be made by the holder of the key only: a chain rewritten from the start does not pass.
    """
    digest = _hash(_content(event, sequence=sequence, previous_hash=previous_hash))
    return ChainedEvent(event, sequence=sequence, previous_hash=previous_hash, hash=digest, mac=_mac(digest, key))


def check_link(link: ChainedEvent, *, sequence: int, previous_hash: str, key: bytes) -> None:
    """Refuse a link that is not what was written as number ``sequence`` after ``previous_hash``.

    Raises:
        AuditChainError: names the first bad row and what is wrong with it.
    """
    if link.sequence != sequence:
        raise AuditChainError(f"Audit row {sequence} is missing: row {link.sequence} follows row {sequence - 1}.")
    if link.previous_hash != previous_hash:
        raise AuditChainError(f"Audit row {sequence} does not continue row {sequence - 1}.")
    if _hash_or_nothing(link) != link.hash:
        raise AuditChainError(f"Audit row {sequence} was changed after it was written.")
    if _mac(link.hash, key) != link.mac:
        raise AuditChainError(f"Audit row {sequence} was not written with this audit key.")


def _content(event: AuditEvent, *, sequence: int, previous_hash: str) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in EVENT_FIELDS}
    times = {"at": instant(event.at), "recorded_at": instant(event.recorded_at)}
    return values | times | {"sequence": sequence, "previous_hash": previous_hash}


def instant(moment: datetime) -> str:
    """Return an aware time in UTC to the microsecond, always written alike."""
    if moment.tzinfo is None:
        raise ValueError(f"naive timestamp {moment.isoformat()}")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _hash(content: dict[str, Any]) -> str:
    return sha256(canonical_json(content).encode()).hexdigest()


def _hash_or_nothing(link: ChainedEvent) -> str | None:
    """Return the hash of what the row says; nothing for a row that holds what never was written, bytes in place of a text."""
    try:
        return _hash(link.content())
    except (AttributeError, TypeError, ValueError):
        return None


def _mac(digest: str, key: bytes) -> str:
    return hmac.new(key, digest.encode(), sha256).hexdigest()
