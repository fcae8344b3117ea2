"""What happened to a model beside its verdicts: the moves of its decisions and the portfolio shifts it was part of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.shift_store import RegistryShifts
from data_access.tables import AuditEventRow
from monitoring.lifecycle import Action, Move, State

if TYPE_CHECKING:
    from data_access.database import Database
    from monitoring.portfolio_shift import Shift


@dataclass(frozen=True, slots=True)
class DecisionMove:
    """One move of a decision: on which day, what is decided, the move and the state it led to."""

    decision_id: int
    day: date
    action: Action
    move: Move
    state: State


@dataclass(frozen=True, slots=True)
class ShiftSpell:
    """The days on which a model was part of a portfolio shift, ends included, and the shift as it stood on the last of them."""

    shift: Shift
    first: date
    last: date


def decision_moves(registry: Database, model_id: str, *, on: date) -> tuple[DecisionMove, ...]:
    """Return every move of the model's decisions up to a day, oldest first, from the audit trail."""
    query = (
        sa.select(AuditEventRow.at, AuditEventRow.subject_id, AuditEventRow.action, AuditEventRow.after)
        .where(AuditEventRow.model_id == model_id, AuditEventRow.subject_kind == "decision")
        .order_by(AuditEventRow.sequence)
    )
    with registry.read() as session:
        found = session.execute(query).all()
    return tuple(
        DecisionMove(
            int(row.subject_id),
            row.at.date(),
            Action(row.after["action"]),
            Move(row.action),
            State(row.after["state"]),
        )
        for row in found
        if row.at.date() <= on and row.after and row.action in {move.value for move in Move}
    )


def shift_spells(registry: Database, model_id: str, *, known_on: date) -> tuple[ShiftSpell, ...]:
    """Return the portfolio shifts that concerned the model up to ``known_on``, as they were known on it, oldest first."""
    spells: dict[date, ShiftSpell] = {}
    known = RegistryShifts(registry).records().known_on(known_on)
    for day in sorted(known):
        for shift in known[day]:
            if day <= known_on and shift.touches(model_id):
                before = spells.get(shift.day)
                spells[shift.day] = ShiftSpell(shift, before.first if before else day, day)
    return tuple(spells[began] for began in sorted(spells))


def is_open(spell: ShiftSpell, *, on: date) -> bool:
    """Return whether the shift still concerned the model on a day, or on the day before it."""
    return spell.last >= on - timedelta(days=1)
