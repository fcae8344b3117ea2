"""Retrainings as pages show them: where each is, what it waited for, what the pipeline said and what it brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import outcomes
from data_access.decision_records import RegistryDecisions
from data_access.tables import AuditEventRow, DecisionRow, TrainingReportRow, TriggerRow
from monitoring.lifecycle import Action, State
from monitoring.outcome import cause_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from data_access.database import Database
    from monitoring.decision import Decision

ANSWERED = (State.PROPOSED.value, State.REJECTED.value, State.WITHDRAWN.value)
MOST_SHOWN = 500
MOST_MEASURED = 60
"""Outcomes that are not reviewed yet are worked out anew, each in about 20 ms; in a list only those of the newest are."""


@dataclass(frozen=True, slots=True)
class Step:
    """A state a decision came into: on which product's day, and when by the machine's clock."""

    state: State
    on: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Trigger:
    """The handing over of a retraining: ``run`` counts the runs people asked for, ``tries`` the attempts of this one."""

    state: str
    target: str | None
    run: int
    tries: int
    next_at: datetime
    response: str | None
    responded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """A report of the pipeline; ``refusal`` says why one that it wrote itself was not taken."""

    report: str
    at: datetime
    channel: str
    version: str | None
    metrics: dict[str, Any]
    message: str | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Retraining:
    """A retraining that was approved, with everything that followed; ``measured`` is frozen once it was reviewed."""

    decision: Decision
    cause: str
    steps: tuple[Step, ...]
    trigger: Trigger | None = None
    reports: tuple[Told, ...] = ()
    measured: dict[str, Any] | None = None

    def last_word(self) -> datetime | None:
        """Return when something was last heard of it: a report, or the move that led where it is."""
        return max([step.at for step in self.steps] + [told.at for told in self.reports], default=None)


def retrainings(registry: Database, *, on: date) -> tuple[Retraining, ...]:
    """Return the retrainings approved by ``on``, the newest first, at most 500, each with what it brought as known then."""
    with registry.read() as session:
        newest = (
            sa.select(DecisionRow.id)
            .where(
                DecisionRow.action == Action.RETRAIN.value,
                DecisionRow.state.not_in(ANSWERED),
                DecisionRow.decided_on <= on,
            )
            .order_by(DecisionRow.id.desc())
            .limit(MOST_SHOWN)
        )
        numbers = list(session.scalars(newest))
        found = RegistryDecisions(session).decisions(DecisionRow.id.in_(numbers))
        steps, triggers = _steps(session, numbers), _triggers(session, numbers)
        open_ones = [decision for decision in found if decision.state is State.SUCCEEDED][:MOST_MEASURED]
        measured = {decision.id: _measured(session, decision, on=on) for decision in open_ones}
        told = _told(session, numbers)
        return tuple(
            Retraining(
                decision,
                cause=cause_of(decision.frozen_evidence or decision.evidence),
                steps=tuple(steps.get(decision.id, ())),
                trigger=triggers.get(decision.id),
                reports=tuple(told.get(decision.id, ())),
                measured=decision.measured or measured.get(decision.id),
            )
            for decision in found
        )


def measured(registry: Database, decision: Decision, *, on: date) -> dict[str, Any] | None:
    """Return what one retraining brought as known on a day; nothing while nothing can be compared."""
    with registry.read() as session:
        return _measured(session, decision, on=on)


def _measured(session: Session, decision: Decision, *, on: date) -> dict[str, Any] | None:
    if decision.measured is not None or decision.state is not State.SUCCEEDED:
        return decision.measured
    found = outcomes.measured(session, decision, on=on)
    return found.plain() if found else None


def _steps(session: Session, numbers: Sequence[int]) -> dict[int, list[Step]]:
    """Return the states each decision came into, in their order, from the audit trail."""
    rows = session.execute(
        sa.select(AuditEventRow.subject_id, AuditEventRow.at, AuditEventRow.recorded_at, AuditEventRow.after)
        .where(AuditEventRow.subject_kind == "decision", AuditEventRow.subject_id.in_([str(each) for each in numbers]))
        .order_by(AuditEventRow.sequence)
    )
    found: dict[int, list[Step]] = {}
    for row in rows:
        steps, state = found.setdefault(int(row.subject_id), []), State((row.after or {})["state"])
        if not steps or steps[-1].state is not state:
            steps.append(Step(state, row.at.date(), row.recorded_at))
    return found


def _triggers(session: Session, numbers: Iterable[int]) -> dict[int, Trigger]:
    rows = session.scalars(sa.select(TriggerRow).where(TriggerRow.decision_id.in_(numbers)))
    return {
        row.decision_id: Trigger(row.state, row.target, row.run, row.tries, row.next_at, row.response, row.responded_at)
        for row in rows
    }


def _told(session: Session, numbers: Iterable[int]) -> dict[int, list[Told]]:
    found: dict[int, list[Told]] = {}
    rows = session.scalars(
        sa.select(TrainingReportRow)
        .where(TrainingReportRow.decision_id.in_(numbers), TrainingReportRow.taken_at.is_not(None))
        .order_by(TrainingReportRow.id)
    )
    for row in rows:
        told = Told(
            row.report,
            row.taken_at or row.written_at,
            row.channel,
            row.version,
            dict(row.metrics or {}),
            row.message,
            row.refusal,
        )
        found.setdefault(row.decision_id, []).append(told)
    return found
