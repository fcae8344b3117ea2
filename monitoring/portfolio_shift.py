"""Many models moving on the same days for a common cause (METHODS section 9).

Every day is judged from the signs of that day and the days before, so that a range gives what daily runs gave.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from functools import cached_property
from math import log
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from monitoring.portfolio import Model
    from monitoring.ports import Flags

LEAST_MODELS, LEAST_SHARE, LARGEST_P, LEAST_BASE = 4, 0.25, 1e-5, 0.01
RECENT_SHARE = 0.3
RECENT = (10, 4)
"""A model is new if it was abnormal on less than 30 % of the days from t-10 to t-4."""
BEFORE = (31, 4)
"""The chance of a model to be abnormal is taken from the days t-31 to t-4."""
SPILL_DAYS = 2
QUIET_DAYS = 5
"""A model stays new for six days; a group that was among the candidates on one of the days before is still moving, not moving anew."""
WORLD_DAYS = 21
DAYS_TO_CONFIRM = 2
CLEAN_DAYS = 4
SILENT_DAYS = 28
OVERLAP_DAYS, OVERLAP_SHARE = 10, 0.5
EXPLAINED_SHARE = 0.9
WINDOW_DAYS = 42
"""Days of signs that a day is judged from: those of ``BEFORE`` for each of the days that one shift may take to unfold."""


class ShiftKind(StrEnum):
    """Whether a feed broke or the world changed."""

    FEED = "feed"
    WORLD = "world"


class Grouping(StrEnum):
    """What the models of a shift have in common; on equal evidence the first counts."""

    SOURCE = "source"
    USE_CASE = "use_case"
    TEAM = "team"
    ALL = "all"


GROUPING_ORDER = list(Grouping)


class Sign(IntEnum):
    """How a model's features from one source stand on a day.

    A feature is abnormal when its one-day PSI is significant or a data-quality finding is raised; a source is when at least half of
    the model's features from it are. ``BROKEN`` is abnormal with a data-quality finding among them, ``FAULTY`` has one and is not.
    """

    UNSEEN = -1
    NORMAL = 0
    MOVED = 1
    BROKEN = 2
    FAULTY = 3


@dataclass(frozen=True, slots=True)
class ModelSigns:
    """The signs of one model on one day, as known from ``known_on`` on.

    ``sources`` are in ascending order; ``signs`` has one entry more: the last is that of all features together.
    """

    model_id: str
    day: date
    known_on: date
    sources: tuple[str, ...]
    signs: tuple[Sign, ...]


@dataclass(frozen=True, slots=True)
class Shift:
    """A portfolio shift as it stands on a day.

    ``day`` is the day it was first seen and names it. ``k`` of ``n`` exposed models were new on the day that speaks most clearly for it,
    with ``log10_p`` the decimal logarithm of the chance of that when each moves with the chance ``base``. ``models`` were new in its first days; ``cleared`` are
    those of them whose features from the source have been normal for four days since (feed only). A world shift is
    ``confirmed`` once half of its models are abnormal on a later day: one day may be a holiday.
    """

    day: date
    kind: ShiftKind
    grouping: Grouping
    source: str
    k: int
    n: int
    base: float
    log10_p: float
    models: tuple[str, ...]
    cleared: tuple[str, ...] = ()
    confirmed: bool = True

    @property
    def p(self) -> float:
        """The chance of ``k`` of ``n``; 0 where it is smaller than a number can be."""
        return float(10.0**self.log10_p)

    @property
    def by_chance(self) -> tuple[int, int]:
        """How many of the ``n`` models move on an ordinary day: the middle 90 %."""
        low, high = stats.binom.ppf((0.05, 0.95), self.n, self.base)
        return int(low), int(high)

    def touches(self, model_id: str) -> bool:
        """Return whether the shift still concerns a model."""
        return model_id in self.models and model_id not in self.cleared

    def exposes(self, model: Model, source: str | None) -> bool:
        """Return whether a feature from ``source`` of a model is exposed to the cause."""
        if self.grouping is Grouping.SOURCE:
            return source == self.source
        own = {Grouping.USE_CASE: model.use_case, Grouping.TEAM: model.team}
        return self.grouping is Grouping.ALL or own[self.grouping] == self.source


@dataclass(frozen=True, slots=True)
class Group:
    """Models with something in common: a source, a use case, a team, or nothing but the portfolio."""

    grouping: Grouping
    name: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A group of which too many models are new on one day for chance."""

    group: Group
    k: int
    n: int
    base: float
    log_p: float
    models: frozenset[str]

    @property
    def rank(self) -> tuple[float, float, int, str]:
        """Smallest p first, then the greatest share, then a source before a crowd."""
        return (self.log_p, -self.k / self.n, GROUPING_ORDER.index(self.group.grouping), self.group.name)

    def merged(self, other: Candidate) -> Candidate:
        """Return the stronger of two days of one group, with the models of both."""
        return replace(min(self, other, key=lambda each: each.rank), models=self.models | other.models)


def strongest(candidates: Iterable[Candidate]) -> Candidate | None:
    """Return the candidate with the smallest p; a source that holds nine tenths of its models explains it.

    A use case or a team is a crowd, a source is a cause: where both saw the same models move, a little more day-to-day
    variation of the source must not hide it.
    """
    ranked = sorted(candidates, key=lambda each: each.rank)
    if not ranked:
        return None
    best = ranked[0]
    if best.group.grouping is not Grouping.SOURCE:
        for each in ranked:
            explained = len(best.models & each.models) >= EXPLAINED_SHARE * len(best.models)
            if each.group.grouping is Grouping.SOURCE and explained:
                return each
    return best


class ShiftWatch:
    """The signs of a portfolio as known on a day, and the step from one day's open shifts to the next.

    ``crowds`` gives use case and team per model.
    """

    def __init__(self, crowds: Mapping[str, tuple[str | None, str | None]]) -> None:
        self._crowds = crowds
        self._rows: dict[tuple[str, str | None], int] = {}
        self._columns: dict[date, np.ndarray] = {}
        self._found: dict[date, list[Candidate]] = {}

    def learn(self, signs: Iterable[ModelSigns]) -> None:
        """Take in signs; those of a model and day that are known already are replaced."""
        for each in signs:
            column = self._columns.get(each.day)
            for source, sign in zip((*each.sources, None), each.signs, strict=True):
                row = self._rows.get((each.model_id, source))
                if row is None:
                    row = self._rows[each.model_id, source] = len(self._rows)
                    self.__dict__.pop("_members", None)
                if column is None or row >= len(column):
                    column = self._grown(column)
                    self._columns[each.day] = column
                column[row] = sign
            for day in [day for day in self._found if day >= each.day]:
                del self._found[day]

    def _grown(self, column: np.ndarray | None) -> np.ndarray:
        size = max(64, 2 * len(self._rows))
        grown = np.full(size, Sign.UNSEEN, dtype=np.int8)
        if column is not None:
            grown[: len(column)] = column
        return grown

    def forget_before(self, day: date) -> None:
        """Drop signs and results that no later day is judged from."""
        for kept in (self._columns, self._found):
            for old in [each for each in kept if each < day]:
                del kept[old]

    @cached_property
    def _members(self) -> tuple[list[Group], np.ndarray, np.ndarray, list[dict[str, int]]]:
        """Return the groups, the pairs of row and group, and the row of each model per group."""
        found: dict[Group, dict[str, int]] = defaultdict(dict)
        for (model_id, source), row in self._rows.items():
            if source is not None:
                found[Group(Grouping.SOURCE, source)][model_id] = row
                continue
            use_case, team = self._crowds.get(model_id, (None, None))
            found[Group(Grouping.ALL, "")][model_id] = row
            if use_case:
                found[Group(Grouping.USE_CASE, use_case)][model_id] = row
            if team:
                found[Group(Grouping.TEAM, team)][model_id] = row
        groups = [group for group, members in found.items() if len(members) >= LEAST_MODELS]
        rows_of = [found[group] for group in groups]
        rows = np.array([row for members in rows_of for row in members.values()], dtype=np.intp)
        group_at = np.repeat(np.arange(len(groups)), [len(members) for members in rows_of])
        return groups, rows, group_at, rows_of

    def _window(self, last: date, days: int) -> np.ndarray:
        """Return signs of every row for the ``days`` days up to ``last``, shape ``(rows, days)``."""
        window = np.full((len(self._rows), days), Sign.UNSEEN, dtype=np.int8)
        for at in range(days):
            column = self._columns.get(last - timedelta(days=days - 1 - at))
            if column is not None:
                used = min(len(column), len(window))
                window[:used, at] = column[:used]
        return window

    def _new(self, day: date) -> tuple[Flags, Flags]:
        """Return per row whether it is exposed on ``day``, and whether it is newly abnormal."""
        window = self._window(day, RECENT[0] + 1)
        recent = window[:, : RECENT[0] - RECENT[1] + 1]
        seen, bad = (recent >= 0).sum(axis=1), _abnormal(recent).sum(axis=1)
        return window[:, -1] >= 0, _abnormal(window[:, -1]) & (seen > 0) & (bad < RECENT_SHARE * seen)

    def candidates(self, day: date) -> list[Candidate]:
        """Return the groups of which too many models are new on ``day`` for chance."""
        if day not in self._found:
            self._found[day] = self._candidates(day)
        return self._found[day]

    def _candidates(self, day: date) -> list[Candidate]:
        groups, rows, group_at, rows_of = self._members
        if not groups:
            return []
        exposed, new = self._new(day)
        before = self._window(day - timedelta(days=BEFORE[1]), BEFORE[0] - BEFORE[1] + 1)

        def per_group(values: np.ndarray) -> np.ndarray:
            return np.bincount(group_at, weights=values[rows], minlength=len(groups))

        n, k = per_group(exposed), per_group(new)
        seen, bad = per_group((before >= 0).sum(axis=1)), per_group(_abnormal(before).sum(axis=1))
        base = np.maximum(LEAST_BASE, bad / np.maximum(seen, 1))
        log_p = stats.binom.logsf(k - 1, n, base)
        enough = (n >= LEAST_MODELS) & (k >= LEAST_MODELS) & (k >= LEAST_SHARE * n) & (log_p < log(LARGEST_P))
        return [
            Candidate(
                groups[at],
                int(k[at]),
                int(n[at]),
                float(base[at]),
                float(log_p[at]),
                frozenset(model_id for model_id, row in rows_of[at].items() if new[row]),
            )
            for at in np.flatnonzero(enough)
        ]

    def step(self, day: date, before: tuple[Shift, ...]) -> tuple[Shift, ...]:
        """Return the shifts open on ``day``.

        Args:
            day: the day to judge; every sign known of it and the days before has been learnt.
            before: the shifts open on the day before.
        """
        young = [shift for shift in before if 0 < (day - shift.day).days <= SPILL_DAYS]
        old = [shift for shift in before if (day - shift.day).days > SPILL_DAYS]
        going_on = [after for shift in old if (after := self._continued(shift, day)) is not None]
        if young:
            again = (self._unfolding(shift, day, old) for shift in young)
            return (*going_on, *(shift for shift in again if shift is not None))
        found = strongest(each for each in self._contenders(day, day, old) if not _is_spill_over(each, going_on, day))
        if found is None:
            return tuple(going_on)
        return (*going_on, self._shift(found, began=day, day=day))

    def _contenders(self, began: date, day: date, old: list[Shift]) -> Iterable[Candidate]:
        """Return the groups that may be the cause of what began on ``began``: none moved just before or has a shift open."""
        known = {Group(shift.grouping, shift.source) for shift in old}
        for ago in range(1, QUIET_DAYS + 1):
            known |= {each.group for each in self.candidates(began - timedelta(days=ago))}
        found: dict[Group, Candidate] = {}
        for number in range((day - began).days + 1):
            for each in self.candidates(began + timedelta(days=number)):
                if each.group not in known:
                    found[each.group] = each.merged(found[each.group]) if each.group in found else each
        return found.values()

    def _unfolding(self, shift: Shift, day: date, old: list[Shift]) -> Shift | None:
        """Return a shift of the last two days again: a smaller p takes its place, further models join."""
        found = strongest(self._contenders(shift.day, day, old))
        return self._looked_at_again(shift if found is None else self._shift(found, began=shift.day, day=day), day)

    def _shift(self, found: Candidate, *, began: date, day: date) -> Shift:
        rows = self._rows_of(found.group)
        models = set(found.models)
        days = [began + timedelta(days=number) for number in range((day - began).days + 1)]
        for each in days:
            _, new = self._new(each)
            models |= {model_id for model_id, row in rows.items() if new[row]}
        window = self._window(day, len(days))
        broken = sum(bool(_has_fault(window[rows[model_id]]).any()) for model_id in models)
        return Shift(
            day=began,
            kind=ShiftKind.FEED if 2 * broken > len(models) else ShiftKind.WORLD,
            grouping=found.group.grouping,
            source=found.group.name,
            k=found.k,
            n=found.n,
            base=round(found.base, 4),
            log10_p=round(found.log_p / log(10), 2),
            models=tuple(sorted(models)),
            confirmed=2 * broken > len(models),
        )

    def _looked_at_again(self, shift: Shift, day: date) -> Shift | None:
        """Return a world shift, confirmed if it lasted; nothing if on two later days with rows it did not."""
        if shift.confirmed:
            return shift
        rows, window = self._rows_of(Group(shift.grouping, shift.source)), self._window(day, (day - shift.day).days)
        signs = window[[rows[model_id] for model_id in shift.models if model_id in rows]]
        exposed, abnormal = (signs >= 0).sum(axis=0), _abnormal(signs).sum(axis=0)
        seen = 2 * exposed >= len(shift.models)
        if (seen & (2 * abnormal >= exposed)).any():
            return replace(shift, confirmed=True)
        return shift if seen.sum() < DAYS_TO_CONFIRM else None

    def _rows_of(self, group: Group) -> dict[str, int]:
        groups, _, _, rows_of = self._members
        return rows_of[groups.index(group)] if group in groups else {}

    def _continued(self, shift: Shift, day: date) -> Shift | None:
        """Return a shift as it stands on ``day``; nothing once it is over.

        A world shift lasts 21 days, if it is confirmed on one of the two days with rows after it was seen. A feed shift is
        over when fewer than a quarter of its models had a data-quality finding on their last four days with rows; a model
        that has had no rows for 28 days does not keep it open.
        """
        joined = [each.models for each in self.candidates(day) if each.group == Group(shift.grouping, shift.source)]
        models = tuple(sorted(set(shift.models).union(*joined)))
        if shift.kind is ShiftKind.WORLD:
            is_open = (day - shift.day).days < WORLD_DAYS
            return self._looked_at_again(replace(shift, models=models), day) if is_open else None
        window = self._window(day, min((day - shift.day).days + 1, WINDOW_DAYS))
        rows, faulty, cleared = self._rows_of(Group(shift.grouping, shift.source)), 0, []
        for model_id in models:
            signs = window[rows[model_id]] if model_id in rows else window[:0].ravel()
            last = signs[signs >= 0][-CLEAN_DAYS:]
            if len(signs) >= SILENT_DAYS and not (signs[-SILENT_DAYS:] >= 0).any():
                continue
            faulty += len(last) < CLEAN_DAYS or bool(_has_fault(last).any())
            if len(last) == CLEAN_DAYS and not last.any():
                cleared.append(model_id)
        if faulty < LEAST_SHARE * len(models):
            return None
        return replace(shift, models=models, cleared=tuple(cleared))


def _abnormal(signs: np.ndarray) -> Flags:
    flags: Flags = (signs == Sign.MOVED) | (signs == Sign.BROKEN)
    return flags


def _has_fault(signs: np.ndarray) -> Flags:
    flags: Flags = signs >= Sign.BROKEN
    return flags


def _is_spill_over(found: Candidate, shifts: Iterable[Shift], day: date) -> bool:
    """Return whether a crowd consists mostly of models that a shift of the last days has already: they only follow later."""
    if found.group.grouping is Grouping.SOURCE:
        return False
    known = {model_id for shift in shifts if (day - shift.day).days <= OVERLAP_DAYS for model_id in shift.models}
    return len(found.models & known) >= OVERLAP_SHARE * len(found.models)
