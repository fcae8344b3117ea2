"""The search for portfolio shifts: every day from the signs known on it, and again where something late became known."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Protocol

from monitoring.portfolio_shift import WINDOW_DAYS, ShiftWatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from monitoring.portfolio_shift import ModelSigns, Shift

DAY = timedelta(days=1)
DAYS_AT_ONCE = 62
DAYS_KEPT = WINDOW_DAYS + 31
"""Signs in memory: what comes later than a month is read again with all it is judged from."""


@dataclass(frozen=True, slots=True)
class ShiftDay:
    """The shifts open on a day, as known from ``known_on`` on."""

    day: date
    known_on: date
    shifts: tuple[Shift, ...]


@dataclass(frozen=True)
class ShiftRecords:
    """Everything ever said about shifts, in the order of recording, and the last day that was searched."""

    days: tuple[ShiftDay, ...] = ()
    searched_to: date | None = None
    _known: dict[date, dict[date, tuple[Shift, ...]]] = field(default_factory=dict, compare=False)

    def known_on(self, day: date) -> Mapping[date, tuple[Shift, ...]]:
        """Return the open shifts per day as known on ``day``; days without any are left out.

        Days after the last one searched have the shifts of that day: a shift does not end because nobody looked.
        """
        if day not in self._known:
            self._known[day] = self._newest(day)
        return self._known[day]

    def by_knowledge(self) -> list[ShiftDay]:
        """Return what was said by ``known_on``; what was recorded later comes later."""
        return sorted(self.days, key=lambda each: each.known_on)

    def _newest(self, day: date) -> dict[date, tuple[Shift, ...]]:
        newest = {each.day: each.shifts for each in self.by_knowledge() if each.known_on <= day}
        if self.searched_to is not None and self.searched_to < day:
            last = newest.get(self.searched_to, ())
            for number in range(1, (day - self.searched_to).days + 1):
                newest[self.searched_to + number * DAY] = last
        return {at: shifts for at, shifts in newest.items() if shifts}

    def changes_known_later(self) -> dict[date, date]:
        """Return per day on which something late became known the earliest day it changed."""
        changes: dict[date, date] = {}
        for each in self.days:
            if each.known_on > each.day:
                changes[each.known_on] = min(changes.get(each.known_on, each.day), each.day)
        return changes


class SignSource(Protocol):
    """The signs of the portfolio's models."""

    def signs_becoming_known(self, first: date, last: date) -> Iterable[ModelSigns]:
        """Return the signs with ``known_on`` in the range, in the order of ``known_on`` and of recording."""

    def signs_known_on(self, known_on: date, *, first: date) -> Iterable[ModelSigns]:
        """Return the signs of the days from ``first`` on, as known on a day: the newest of each model and day last."""


def found_shifts(
    crowds: Mapping[str, tuple[str | None, str | None]],
    signs: SignSource,
    records: ShiftRecords,
    *,
    first: date,
    last: date,
) -> Iterator[ShiftDay]:
    """Yield what is new about shifts as known on each day from ``first`` to ``last``.

    Args:
        crowds: use case and team of every model.
        signs: where the signs of the models are.
        records: what was said about shifts until now.
        first: the first day whose knowledge is taken in.
        last: the last one.
    """
    watch = ShiftWatch(crowds)
    watch.learn(signs.signs_known_on(first - DAY, first=first - DAYS_KEPT * DAY))
    open_on = dict(records.known_on(min(first - DAY, records.searched_to or date.min)))
    said = {each.day: each.shifts for each in records.by_knowledge() if each.known_on < first}
    before = _said_from(records, first)
    for known_on, new in _days_of_knowledge(signs, first, last):
        said |= before.get(known_on, {})
        earliest = min((each.day for each in new), default=known_on)
        if earliest < known_on - (DAYS_KEPT - WINDOW_DAYS) * DAY:
            judge = ShiftWatch(crowds)
            judge.learn(signs.signs_known_on(known_on, first=earliest - WINDOW_DAYS * DAY))
        else:
            judge = watch
        watch.learn(new)
        for number in range((known_on - earliest).days + 1):
            day = earliest + number * DAY
            shifts = judge.step(day, open_on.get(day - DAY, ()))
            open_on[day] = shifts
            if said.get(day, ()) != shifts:
                said[day] = shifts
                yield ShiftDay(day, known_on, shifts)
        watch.forget_before(known_on - DAYS_KEPT * DAY)


def _said_from(records: ShiftRecords, first: date) -> dict[date, dict[date, tuple[Shift, ...]]]:
    """Return what was said with ``known_on`` from ``first`` on, per ``known_on`` and day."""
    found: dict[date, dict[date, tuple[Shift, ...]]] = {}
    for each in records.days:
        if each.known_on >= first:
            found.setdefault(each.known_on, {})[each.day] = each.shifts
    return found


def _days_of_knowledge(signs: SignSource, first: date, last: date) -> Iterator[tuple[date, list[ModelSigns]]]:
    """Yield every day of a range with the signs that became known on it, reading some weeks at once."""
    for start in range(0, (last - first).days + 1, DAYS_AT_ONCE):
        begin = first + start * DAY
        end = min(last, begin + (DAYS_AT_ONCE - 1) * DAY)
        by_day: dict[date, list[ModelSigns]] = {}
        for each in signs.signs_becoming_known(begin, end):
            by_day.setdefault(each.known_on, []).append(each)
        for number in range((end - begin).days + 1):
            day = begin + number * DAY
            yield day, by_day.pop(day, [])
