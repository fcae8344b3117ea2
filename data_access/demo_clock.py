"""The demo's movable clock: one row that everybody who looks at the demo shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data_access.tables import DemoClockRow

if TYPE_CHECKING:
    from datetime import date

    from data_access.registry import Registry


def demo_clock(registry: Registry) -> tuple[date, date] | None:
    """Return the day the clock stands on and the last day it can reach, or nothing in a registry without a demo."""
    with registry.read() as session:
        row = session.get(DemoClockRow, 1)
        return (row.day, row.last_day) if row else None


def move_demo_clock(registry: Registry, *, day: date, last_day: date | None = None) -> None:
    """Put the clock on ``day``, at most its last day; ``last_day`` is needed the first time."""
    with registry.write() as session:
        row = session.get(DemoClockRow, 1)
        if row is None:
            session.add(DemoClockRow(id=1, day=day, last_day=last_day or day))
            return
        row.last_day = last_day or row.last_day
        row.day = min(day, row.last_day)
