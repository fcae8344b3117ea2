"""Heads of the audit trail written down outside the registry: one line that any text file can hold.

A chain that is cut off at its end, head and all, still verifies. It no longer holds the heads that were written down before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitoring.errors import AuditChainError

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE = re.compile(r"modelfolio\s+audit\s+head\s+(\d{1,18})\s+([0-9a-f]{64})\s+(\d{8}T\d{6}Z)")
SHORT = re.compile(r"(\d{1,18}):([0-9a-f]{64})")
AT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head of the audit trail: the number and hash of its last row, and when that was written down.

    ``at`` is missing when only number and hash are known; ``where`` names the file it was found in.
    """

    sequence: int
    hash: str
    at: datetime | None = None
    where: str = ""

    @property
    def line(self) -> str:
        """The line to write down: letters, digits and spaces only, which HTML, markdown and slides leave as they are.

        >>> Anchor(7, "ab" * 32, datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC)).line[:31]
        'modelfolio audit head 7 abababa'
        """
        if self.at is None:
            raise ValueError("a head is written down with its time")
        return f"modelfolio audit head {self.sequence} {self.hash} {self.at.astimezone(UTC).strftime(AT)}"

    @property
    def told(self) -> str:
        """Where and when it was written down, as the end of a sentence."""
        when = f" on {self.at:%Y-%m-%d %H:%M} UTC" if self.at else " earlier"
        return f"{when} in {self.where}" if self.where else when


def anchors_in(text: str, *, where: str = "") -> tuple[Anchor, ...]:
    """Return the heads that stand in a text, in their order: minutes as markdown or HTML, an evidence pack, a file of heads.

    Raises:
        AuditChainError: a head has a time that does not exist.

    >>> [anchor.sequence for anchor in anchors_in("<p>" + Anchor(7, "ab" * 32, datetime.now(UTC)).line + "</p>")]
    [7]
    """
    return tuple(Anchor(int(number), digest, _time(at, where), where) for number, digest, at in LINE.findall(text))


def _time(at: str, where: str) -> datetime:
    try:
        return datetime.strptime(at, AT).replace(tzinfo=UTC)
    except ValueError:
        raise AuditChainError(
            f"A head{f' in {where}' if where else ''} has a time that does not exist: {at}."
        ) from None


def short_anchor(text: str) -> Anchor | None:
    """Return a head written as ``number:hash``; nothing when the text is none."""
    found = SHORT.fullmatch(text.strip())
    return Anchor(int(found.group(1)), found.group(2)) if found else None


class Anchors:
    """Heads to be met while a trail is read from its first row to its last."""

    def __init__(self, anchors: Iterable[Anchor], *, first_previous_hash: str) -> None:
        self._waiting: dict[int, list[Anchor]] = {}
        for anchor in anchors:
            self._waiting.setdefault(anchor.sequence, []).append(anchor)
        self.met = 0
        self.meet(0, first_previous_hash)

    def meet(self, sequence: int, digest: str) -> None:
        """Compare a row with the heads of its number.

        Raises:
            AuditChainError: another row was written down.
        """
        for anchor in self._waiting.pop(sequence, ()):
            if anchor.hash != digest:
                raise AuditChainError(f"Audit row {sequence} is not the one written down{anchor.told}.")
            self.met += 1

    def end(self, sequence: int) -> None:
        """Refuse a trail that ends before a head that was written down.

        Raises:
            AuditChainError: names the first row that is missing.
        """
        if self._waiting:
            last = self._waiting[max(self._waiting)][0]
            raise AuditChainError(
                f"Audit row {sequence + 1} is missing: row {last.sequence} was written down{last.told}."
            )
