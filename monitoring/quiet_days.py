"""Days on which no change of unit began: what was searched once need not be searched again every day.

The search goes through the days in order, and where it has found nothing it goes on as if it began there. A change once found
decides which days are clean ever after: then the whole history is searched.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from monitoring.policy import Policy


@dataclass(frozen=True, slots=True)
class QuietDays:
    """Up to ``last`` no change of unit began in the days of a version against the reference numbered ``reference_id``.

    ``key`` tells the days and the rules that this was found from.
    """

    reference_id: int
    last: date
    key: str


def quiet_key(first: date, policy: Policy, days: Iterable[tuple[date, bytes]]) -> str:
    """Return a text that changes with the day a version took over, the rules, and any of the packed days of predictions."""
    found = blake2b(f"{first} {policy.configuration_hash}".encode(), digest_size=12)
    for day, payload in days:
        found.update(f" {day} {len(payload)} ".encode())
        found.update(payload)
    return found.hexdigest()
