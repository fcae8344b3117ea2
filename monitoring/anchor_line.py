"""The head of the audit chain as one line that is kept outside the database, so that a trail cut short is noticed."""

from __future__ import annotations


def anchor_line(sequence: int, digest: str) -> str:
    """Return the line: the number of the newest row and its hash, as `modelfolio audit verify --anchor` takes them.

    >>> anchor_line(120, "9f86d0")
    'Audit trail anchor: 120:9f86d0'
    """
    return f"Audit trail anchor: {sequence}:{digest}"
