"""Decisions as pages show them; nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa

from data_access.decision_records import RegistryDecisions
from data_access.tables import DecisionRow
from monitoring.authority import known_actor
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from datetime import date

    from data_access.database import Database
    from monitoring.decision import Decision
    from monitoring.people import Actor

DECISION_COLUMNS = (
    "decision_id",
    "model_id",
    "model",
    "team",
    "owner",
    "tier",
    "action",
    "state",
    "reason",
    "proposed_by",
    "proposed_on",
    "due_on",
    "is_overdue",
    "approvals",
    "verdict",
    "sentence",
    "decided_by",
    "decided_on",
    "standing_approval",
)
WAITING_COLUMNS = (*DECISION_COLUMNS, "is_mine", "is_own", "waiting_for")
OPEN_COLUMNS = ("model_id", "decision_id", "action", "state", "due_on")


def waiting(registry: Database, *, person: str | None, on: date) -> pd.DataFrame:
    """One row per proposed decision: those this person may answer first, then by the day they are due.

    The columns of ``all_decisions`` and ``is_mine`` (bool: this person may approve or reject it now), ``is_own`` (bool: this
    person proposed it), ``waiting_for`` (str: one sentence on who is needed or missing).
    """
    with registry.read() as session:
        records = RegistryDecisions(session)
        everyone = records.everyone()
        actor = known_actor(records, person)
        sentences: dict[object, str] = {}

        def who_is_needed(decision: Decision) -> str:
            # A bulk proposal has hundreds of decisions that wait for the same people.
            alike = (decision.quorum, decision.subject.team, decision.proposed_by, decision.approvals)
            if alike not in sentences:
                sentences[alike] = decision.waiting_for(everyone)
            return sentences[alike]

        rows = [
            _row(decision, on=on)
            | {
                "is_mine": _may_answer(decision, actor),
                "is_own": actor is not None and decision.proposed_by == actor.email,
                "waiting_for": who_is_needed(decision),
            }
            for decision in _as_of(records, on, DecisionRow.state == State.PROPOSED.value)
        ]
    rows.sort(key=lambda row: (not row["is_mine"], row["due_on"], row["decision_id"]))
    return pd.DataFrame(rows, columns=list(WAITING_COLUMNS))


def waiting_count(registry: Database, *, person: str | None, on: date) -> int:
    """Return how many decisions this person may answer now."""
    if person is None:
        return 0
    with registry.read() as session:
        records = RegistryDecisions(session)
        actor = known_actor(records, person)
        proposed = _as_of(records, on, DecisionRow.state == State.PROPOSED.value)
        return sum(_may_answer(decision, actor) for decision in proposed)


def of_model(registry: Database, model_id: str, *, on: date) -> tuple[Decision, ...]:
    """Return the model's decisions with their answers, newest first."""
    with registry.read() as session:
        return _as_of(RegistryDecisions(session), on, DecisionRow.model_id == model_id)


def decision(registry: Database, decision_id: int) -> Decision:
    """Return one decision with its answers, or raise UnknownDecisionError."""
    with registry.read() as session:
        return RegistryDecisions(session).decision(decision_id)


def approved(registry: Database, *, on: date) -> tuple[Decision, ...]:
    """Return the open decisions that were approved, the longest in their state first."""
    with registry.read() as session:
        found = _as_of(
            RegistryDecisions(session), on, DecisionRow.is_open.is_(True), DecisionRow.state != State.PROPOSED.value
        )
    return tuple(sorted(found, key=lambda decision: (decision.state_on or decision.proposed_on, decision.id)))


def open_decisions(registry: Database, *, on: date) -> pd.DataFrame:
    """One row per open decision: ``model_id`` (str), ``decision_id`` (int), ``action``, ``state`` (str), ``due_on`` (date)."""
    chosen = (
        sa.select(DecisionRow.model_id, DecisionRow.id, DecisionRow.action, DecisionRow.state, DecisionRow.due_on)
        .where(DecisionRow.is_open, DecisionRow.proposed_on <= on)
        .order_by(DecisionRow.model_id, DecisionRow.id)
    )
    with registry.read() as session:
        return pd.DataFrame([tuple(row) for row in session.execute(chosen)], columns=list(OPEN_COLUMNS))


def all_decisions(registry: Database, *, on: date, state: State | None = None) -> pd.DataFrame:
    """One row per decision, newest first.

    ``decision_id`` (int), ``model_id``, ``model``, ``team``, ``owner`` (str), ``tier`` (int, at the proposal), ``action``, ``state``,
    ``reason``, ``proposed_by`` (str), ``proposed_on``, ``due_on`` (date), ``is_overdue`` (bool), ``approvals`` (int), ``verdict``,
    ``sentence`` (str, at the proposal), ``decided_by`` (str), ``decided_on`` (date), missing while it is proposed, ``standing_approval`` (Int64, its number; missing for
    decisions of people).
    """
    chosen = [] if state is None else [DecisionRow.state == state.value]
    with registry.read() as session:
        rows = [_row(decision, on=on) for decision in _as_of(RegistryDecisions(session), on, *chosen)]
    return pd.DataFrame(rows, columns=list(DECISION_COLUMNS)).astype({"standing_approval": "Int64"})


def _as_of(records: RegistryDecisions, on: date, *conditions: sa.ColumnElement[bool]) -> tuple[Decision, ...]:
    """Return decisions that had been proposed by ``on``: what is later is invisible."""
    return records.decisions(DecisionRow.proposed_on <= on, *conditions)


def _may_answer(decision: Decision, actor: Actor | None) -> bool:
    return actor is not None and (decision.may(Move.APPROVE, actor) or decision.may(Move.REJECT, actor))


def _row(decision: Decision, *, on: date) -> dict[str, object]:
    return {
        "decision_id": decision.id,
        "model_id": decision.subject.model_id,
        "model": decision.subject.name,
        "team": decision.subject.team,
        "owner": decision.subject.owner,
        "tier": decision.tier,
        "action": decision.action.value,
        "state": decision.state.value,
        "reason": decision.reason,
        "proposed_by": decision.proposed_by,
        "proposed_on": decision.proposed_on,
        "due_on": decision.due_on,
        "is_overdue": decision.is_overdue(on),
        "approvals": len(decision.approvers),
        "verdict": decision.evidence.get("verdict"),
        "sentence": decision.evidence.get("sentence"),
        "decided_by": decision.decided_by,
        "decided_on": decision.decided_on,
        "standing_approval": decision.standing_approval,
    }
