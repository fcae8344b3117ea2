"""By which policy each day is judged: a new one holds from its first day in force, and changes no day before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from monitoring.policy import DEFAULT_POLICY, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PolicyStart:
    """The first day on which a version's thresholds hold."""

    first: date
    number: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class PolicyTimeline:
    """The policies of one tier in the order of their versions; the first is in force from the first day there is.

    >>> later = PolicyStart(date(2026, 3, 2), 2, Policy(version="2"))
    >>> timeline = PolicyTimeline((*JUDGED_BY_DEFAULT.starts, later))
    >>> timeline.on(date(2026, 3, 1)).version, timeline.on(date(2026, 3, 2)).version
    ('1', '2')
    """

    starts: tuple[PolicyStart, ...]

    @property
    def newest(self) -> int:
        """The number of the newest version."""
        return self.starts[-1].number

    def on(self, day: date) -> Policy:
        """Return the policy in force on a day: that of the newest version whose first day is not after it."""
        return next(start.policy for start in reversed(self.starts) if start.first <= day)

    def spans(self, first: date, last: date) -> Iterator[tuple[date, date, Policy]]:
        """Yield the runs of days of the range under one policy, in order; ends are inclusive."""
        begins = sorted({first, *(start.first for start in self.starts if first < start.first <= last)})
        for i, begin in enumerate(begins if first <= last else ()):
            yield begin, begins[i + 1] - DAY if i + 1 < len(begins) else last, self.on(begin)

    def changed_since(self, number: int) -> date | None:
        """Return the first day that versions after ``number`` govern; nothing if there are none."""
        return min((start.first for start in self.starts if start.number > number), default=None)


JUDGED_BY_DEFAULT = PolicyTimeline((PolicyStart(date.min, 1, DEFAULT_POLICY),))
"""Every day is judged by the thresholds of the method."""
