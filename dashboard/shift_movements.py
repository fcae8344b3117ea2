"""How the models of a portfolio moved in the last weeks, day by day and group by group."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from data_access.shift_store import crowds
from data_access.sign_queries import TOGETHER, sign_days
from monitoring.portfolio_shift import SPILL_DAYS, Grouping
from monitoring.shift_rates import DAYS_BEFORE, first_days, has_fault, newly_moving, shift_rates

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from data_access.registry import Registry
    from data_access.sign_queries import SignDays
    from monitoring.portfolio_shift import Shift
    from monitoring.shift_rates import Flags, ShiftRates

SHOWN_DAYS = 56


@dataclass(frozen=True, slots=True)
class Movements:
    """The signs of the portfolio and which of them are new; ``crowds`` gives use case and team per model."""

    signs: SignDays
    new: Flags
    crowds: Mapping[str, tuple[str | None, str | None]]

    @property
    def has_days(self) -> bool:
        """Whether anything is known of any model."""
        return bool(len(self.signs.models))

    def per_day(self, *, days: int = SHOWN_DAYS) -> tuple[date, ShiftRates]:
        """Return the rates of the last ``days`` days at which models begin to move, and the first of these days."""
        moving, exposed = first_days(self.signs.per_model(self.new)), self.signs.per_model(self.signs.signs >= 0)
        rates, left_out = shift_rates(moving, exposed), moving.shape[1] - days
        cut = [each[left_out:] for each in (rates.exposed, rates.moving, rates.by_chance)]
        return self.signs.first + timedelta(days=left_out), type(rates)(*cut)

    def groups(self, grouping: Grouping) -> dict[str, ShiftRates]:
        """Return the rates of each source, use case or team: how many of its models are newly moving.

        A model of a use case or team moves if any of its sources does.
        """
        exposed = self.signs.signs >= 0
        if grouping is Grouping.SOURCE:
            rows_of = {name: self.signs.of_source(name) for name in self.signs.sources if name != TOGETHER}
            return {name: shift_rates(self.new[rows], exposed[rows]) for name, rows in rows_of.items()}
        moving, present = self.signs.per_model(self.new), self.signs.per_model(exposed)
        place = 0 if grouping is Grouping.USE_CASE else 1
        members: dict[str, list[int]] = {}
        for row, model_id in enumerate(self.signs.models):
            if name := self.crowds.get(model_id, (None, None))[place]:
                members.setdefault(name, []).append(row)
        return {name: shift_rates(moving[rows], present[rows]) for name, rows in sorted(members.items())}

    def without_fault(self, shift: Shift) -> tuple[int, int] | None:
        """Return of how many of the shift's models no data of its source were broken in its first days, and of how many that is known."""
        start = (shift.day - self.signs.first).days
        if start < 0:
            return None
        of_group = self.signs.of_source(shift.source if shift.grouping is Grouping.SOURCE else TOGETHER)
        wanted = {place for place, model_id in enumerate(self.signs.models) if model_id in set(shift.models)}
        rows = np.array([row for row in of_group if self.signs.model[row] in wanted], dtype=np.intp)
        signs = self.signs.signs[rows, start : start + SPILL_DAYS + 1]
        return int((~has_fault(signs)).sum()), len(rows)


def read_movements(registry: Registry, *, last: date) -> Movements:
    """Return how the models moved in the weeks up to a day."""
    signs = sign_days(registry, first=last - timedelta(days=SHOWN_DAYS + DAYS_BEFORE - 1), last=last)
    return Movements(signs, newly_moving(signs.signs), crowds(registry))
