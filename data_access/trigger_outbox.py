"""The outbox of triggers: written with the approval, leased by a worker, settled with what the pipeline answered.

Three transactions hand a retraining over. The approval writes the row. A worker leases it and, the first time, notes that the decision
is triggered. What the pipeline answered ends the lease. A worker that dies in between is replaced when its lease ends, and the
pipeline hears of the same decision again, under the same idempotency key.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.tables import TriggerRow
from data_access.trigger_rows import TriggerState, plain_text
from monitoring import follow_up
from monitoring.errors import LostLeaseError
from monitoring.lifecycle import State
from monitoring.retiring import why_not_hand_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from data_access.registry import Registry


@dataclass(frozen=True, slots=True)
class Handover:
    """A leased trigger: what to send, to which target, for the how many-th time; ``fence`` proves the lease."""

    id: int
    decision_id: int
    idempotency_key: str
    target: str
    payload: dict[str, Any]
    tries: int
    fence: int


@dataclass
class TriggerOutbox:
    """The outbox as one worker sees it.

    Args:
        registry: where it is.
        target_of: names the target a model's trainings go to, or nothing where none is set up; such triggers wait.
        offers: names of targets that poll the table themselves.
        lease_seconds: how long a lease holds without being renewed.
        owner: names the worker.
        held_back: a sentence for each trigger that is not handed over because its model left service.
    """

    registry: Registry
    target_of: Callable[[str], str | None]
    offers: frozenset[str] = frozenset()
    lease_seconds: float = 60.0
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}")
    held_back: list[str] = field(default_factory=list)

    def take(self, *, on: date, now: datetime) -> Handover | None:
        """Lease the next trigger that is due and note that its decision is triggered; nothing when none is due.

        A decision that is no longer with its trigger (the pipeline has reported already) needs no further delivery. What goes to a
        target that polls is offered and needs none either. A retraining whose model left service since its approval fails, and says so.
        """
        with self.registry.read() as session:
            if not self._due(session, now=now):
                return None
        with self.registry.deciding() as records:
            for row in self._due(records.session, now=now):
                target = self.target_of(row.model_id)
                if target is None:
                    continue
                decision = records.decision(row.decision_id)
                is_due = decision.state in {State.APPROVED, State.TRIGGERED}
                because = why_not_hand_over(records, decision) if is_due else None
                if decision.state is State.APPROVED:
                    follow_up.trigger(records, decision.id, on=on, now=now)
                elif decision.state is not State.TRIGGERED:
                    _end(
                        row,
                        TriggerState.DELIVERED,
                        row.response or "The pipeline reported before it answered.",
                        now=now,
                    )
                    continue
                if because is not None:
                    _end(row, TriggerState.FAILED, because, now=now)
                    follow_up.hand_over_failed(records, decision.id, reason=because, on=on, now=now)
                    self.held_back.append(f"Decision {decision.id}: {because}")
                    continue
                row.target = target
                if target in self.offers:
                    _end(row, TriggerState.OFFERED, "Offered in the table of triggers.", now=now)
                    continue
                row.state, row.owner = TriggerState.SENDING.value, self.owner
                row.fence, row.tries = row.fence + 1, row.tries + 1
                row.lease_until = now + timedelta(seconds=self.lease_seconds)
                return Handover(
                    row.id, row.decision_id, row.idempotency_key, target, dict(row.payload), row.tries, row.fence
                )
        return None

    def _due(self, session: Session, *, now: datetime) -> list[TriggerRow]:
        waiting = sa.and_(TriggerRow.state == TriggerState.WAITING.value, TriggerRow.next_at <= now)
        lost = sa.and_(TriggerRow.state == TriggerState.SENDING.value, TriggerRow.lease_until < now)
        rows = session.scalars(sa.select(TriggerRow).where(sa.or_(waiting, lost)).order_by(TriggerRow.next_at)).all()
        return [row for row in rows if self.target_of(row.model_id) is not None]

    def renew(self, held: Handover, *, now: datetime) -> None:
        """Hold on to a lease.

        Raises:
            LostLeaseError: it ended, and somebody else has it.
        """
        with self.registry.keep_books() as session:
            self._held(session, held).lease_until = now + timedelta(seconds=self.lease_seconds)

    def delivered(self, held: Handover, response: str, *, now: datetime) -> None:
        """Note that the pipeline took it. Raises as ``renew``."""
        with self.registry.write() as session:
            _end(self._held(session, held), TriggerState.DELIVERED, response, now=now)

    def try_again(self, held: Handover, response: str, *, now: datetime, after_seconds: float) -> None:
        """Note that the pipeline could not take it, and when to try again. Raises as ``renew``."""
        with self.registry.write() as session:
            row = self._held(session, held)
            _end(row, TriggerState.WAITING, response, now=now)
            row.next_at = now + timedelta(seconds=after_seconds)

    def failed(self, held: Handover, response: str, *, has_ended: bool, on: date, now: datetime) -> None:
        """Note that the pipeline did not take it, and with it that the decision failed: a person has it tried again.

        A decision on which the pipeline reported by itself stays as it is, unless its program ``has_ended`` without reporting the end.
        Raises as ``renew``.
        """
        with self.registry.deciding() as records:
            row = self._held(records.session, held)
            decision = records.decision(row.decision_id)
            is_over = decision.state is State.TRIGGERED or (has_ended and decision.state is State.RUNNING)
            _end(row, TriggerState.FAILED if is_over else TriggerState.DELIVERED, response, now=now)
            if is_over:
                follow_up.hand_over_failed(records, decision.id, reason=row.response or "", on=on, now=now)

    def _held(self, session: Session, held: Handover) -> TriggerRow:
        row = session.scalars(
            sa.select(TriggerRow)
            .where(TriggerRow.id == held.id, TriggerRow.fence == held.fence)
            .where(TriggerRow.state == TriggerState.SENDING.value)
            .with_for_update()
        ).one_or_none()
        if row is None:
            raise LostLeaseError(f"Another worker took over the trigger of decision {held.decision_id}.")
        return row


def _end(row: TriggerRow, state: TriggerState, response: str, *, now: datetime) -> None:
    row.state, row.lease_until = state.value, None
    row.response, row.responded_at = plain_text(response), now
