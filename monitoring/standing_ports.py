"""What standing approvals ask of the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from monitoring.ports import DecisionRecords

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    from monitoring.audit import AuditEvent
    from monitoring.decision import Decision
    from monitoring.standing_approval import StandingApproval
    from monitoring.standing_envelope import CoveredModel, Envelope, Scope
    from monitoring.standing_rules import Candidate, Measured


class StandingRecords(DecisionRecords, Protocol):
    """Standing approvals beside people, models and decisions, inside one transaction: all of it is stored or nothing."""

    def covered(self, scope: Scope) -> tuple[CoveredModel, ...]:
        """Return the models inside a scope, as the registry knows them now; UnknownModelError names one that there is not."""

    def next_standing(self) -> int:
        """Return the number of the next standing approval."""

    def standing(self, number: int) -> StandingApproval:
        """Return a standing approval with its answers; UnknownStandingApprovalError when there is none."""

    def stepped_back_from_standing(self, standing: StandingApproval) -> frozenset[str]:
        """Return who may not answer it, because they stepped back in a meeting from a model inside."""

    def approved_standings(self) -> tuple[StandingApproval, ...]:
        """Return those that are approved and have not ended, the oldest first."""

    def add_standing(self, standing: StandingApproval, event: AuditEvent) -> None:
        """Store a new standing approval with its audit event."""

    def store_standing(self, moved: StandingApproval, event: AuditEvent, *, before: StandingApproval) -> None:
        """Store a move, or an answer, with its audit event; refused when it is no longer in the state it was in ``before``."""

    def past_of(self, envelope: Envelope, *, tier: int, on: date) -> dict[str, Any]:
        """Return as plain JSON what the envelope would have done in the days up to ``on``."""

    def newest_day(self) -> date | None:
        """Return the newest day that any model was judged on; in a demo, none after its clock."""

    def candidates(self, standing: StandingApproval, *, on: date) -> tuple[Candidate, ...]:
        """Return the models inside whose verdict is Retrain as known on ``on``, the largest expected loss first."""

    def candidate(self, model: CoveredModel, *, on: date) -> Candidate:
        """Return what is known of a model on ``on``."""

    def runs_in_month(self, standing: StandingApproval, *, on: date) -> int:
        """Return how many retrainings started under it in the month of ``on``."""

    def keep_run(self, standing: StandingApproval, decision: Decision, *, on: date) -> None:
        """Take one of the month's runs for a decision; the database refuses one too many, whoever asks at the same moment."""

    def trained_under(self, standing: StandingApproval) -> Sequence[Decision]:
        """Return the retrainings under it that have succeeded and are not judged by people yet."""

    def measured_new_version(self, decision: Decision, *, on: date) -> Measured:
        """Return what is known of the version that a retraining gave, as of ``on``."""


class StandingRegistry(Protocol):
    """Where standing approvals are kept."""

    def deciding_standing(self) -> AbstractContextManager[StandingRecords]:
        """Give the records inside one writing transaction; decisions are made one at a time."""

    def looking_at_standing(self) -> AbstractContextManager[StandingRecords]:
        """Give the records for reading only."""
