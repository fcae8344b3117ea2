"""Models on their way out of service, or back: what an agenda, a page or a mail from cron asks for; nothing here writes.

``zombies`` are retired models that are still scored, ``retirements`` the open ones with what is due and what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.decision_records import RegistryDecisions
from data_access.retired_traffic import watched, zombies
from data_access.tables import DecisionRow, ModelRow
from monitoring.lifecycle import SOON_DAYS, Action, State
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from data_access.database import Database
    from monitoring.decision import Decision
    from monitoring.zombie import Zombie

__all__ = ["Retirement", "replacements", "retirements", "watched", "zombies"]
MOST_OFFERED = 2_000
OPEN = [State.PROPOSED.value, State.APPROVED.value, State.ANNOUNCED.value, State.DUE.value]


@dataclass(frozen=True, slots=True)
class Retirement:
    """An open retirement as an agenda needs it.

    ``sunset_on`` is the announced last day of service, else the planned one. ``is_due``: that day is reached, or within 14 days, or it
    was to be announced by now. ``zombie`` is there when it is scored after its last day.
    """

    decision: Decision
    sunset_on: date | None
    is_due: bool
    zombie: Zombie | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """What its plan lacks, each as it stands after "it lacks"."""
        return self.decision.lacks


def retirements(registry: Database, *, on: date) -> tuple[Retirement, ...]:
    """Return the open retirements proposed by ``on``: those that are due first, then by their last day of service."""
    scored = {zombie.model_id: zombie for zombie in zombies(registry, on=on)}
    with registry.read() as session:
        found = RegistryDecisions(session).decisions(
            DecisionRow.action == Action.RETIRE.value, DecisionRow.state.in_(OPEN), DecisionRow.proposed_on <= on
        )
    soon = on + timedelta(days=SOON_DAYS)
    listed = []
    for decision in found:
        sunset = decision.sunset_on or (decision.plan.sunset_on if decision.plan else None)
        is_due = decision.state is not State.PROPOSED and sunset is not None and sunset <= soon
        listed.append(Retirement(decision, sunset, is_due, scored.get(decision.subject.model_id)))
    return tuple(sorted(listed, key=lambda each: (not each.is_due, each.sunset_on or date.max, each.decision.id)))


def replacements(registry: Database, model_id: str) -> dict[str, str]:
    """Return the names of models that could take over, by id: those of the same use case and team first, at most 2,000."""
    with registry.read() as session:
        model = session.get(ModelRow, model_id)
        if model is None:
            return {}
        near = [ModelRow.use_case.is_not_distinct_from(model.use_case), ModelRow.team.is_not_distinct_from(model.team)]
        rows = session.execute(
            sa.select(ModelRow.id, ModelRow.name)
            .where(ModelRow.id != model_id, ModelRow.service_state != ServiceState.RETIRED.value)
            .order_by(*(sa.case((each, 0), else_=1) for each in near), sa.func.lower(ModelRow.name), ModelRow.id)
            .limit(MOST_OFFERED)
        )
        return {row.id: row.name for row in rows}
