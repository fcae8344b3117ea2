"""Standing approvals, and what a day under one needs to know, inside one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import outcomes, standing_candidates, standing_past, standing_rows
from data_access.decision_records import RegistryDecisions
from data_access.standing_candidates import month_of
from data_access.standing_tables import StandingApprovalRow, StandingRunRow
from data_access.tables import AssessmentRow, DecisionRow, DemoClockRow, FindingRow
from monitoring.errors import StaleDecisionError, UnknownModelError, UnknownStandingApprovalError
from monitoring.evidence import NEVER_ASSESSED
from monitoring.lifecycle import State
from monitoring.standing_envelope import ScopeKind
from monitoring.standing_rules import Candidate, Measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from monitoring.audit import AuditEvent
    from monitoring.decision import Decision
    from monitoring.standing_approval import StandingApproval
    from monitoring.standing_envelope import CoveredModel, Envelope, Scope


class RegistryStanding(RegistryDecisions):
    """The standing approvals inside one transaction of the registry (the port ``StandingRecords``)."""

    def covered(self, scope: Scope) -> tuple[CoveredModel, ...]:
        """Return the models inside a scope, as the registry knows them now; UnknownModelError names one that there is not."""
        scope.check()
        found = standing_rows.covered(self.session, scope)
        if scope.kind is ScopeKind.MODELS:
            missing = sorted(set(scope.values) - {model.subject.model_id for model in found})
            if missing:
                raise UnknownModelError(f"No model has the id {missing[0]!r}.")
        return found

    def next_standing(self) -> int:
        """Return the number of the next standing approval."""
        return (self.session.scalar(sa.select(sa.func.max(StandingApprovalRow.id))) or 0) + 1

    def standing(self, number: int) -> StandingApproval:
        """Return a standing approval with its answers; UnknownStandingApprovalError when there is none."""
        found = standing_rows.standings(self.session, StandingApprovalRow.id == number)
        if not found:
            raise UnknownStandingApprovalError(f"There is no standing approval {number}.")
        return found[0]

    def stepped_back_from_standing(self, standing: StandingApproval) -> frozenset[str]:
        """Return who may not answer it, because they stepped back in a meeting from a model inside."""
        return standing_rows.stepped_back_from(self.session, standing)

    def approved_standings(self) -> tuple[StandingApproval, ...]:
        """Return those that are approved and have not ended, the oldest first."""
        approved = StandingApprovalRow.state == State.APPROVED.value
        return tuple(reversed(standing_rows.standings(self.session, approved)))

    def add_standing(self, standing: StandingApproval, event: AuditEvent) -> None:
        """Store a new standing approval with its audit event."""
        standing_rows.add(self.session, standing, event)

    def store_standing(self, moved: StandingApproval, event: AuditEvent, *, before: StandingApproval) -> None:
        """Store a move, or an answer, with its audit event; refused when it is no longer in the state it was in ``before``."""
        standing_rows.store(self.session, moved, event, before=before)

    def past_of(self, envelope: Envelope, *, tier: int, on: date) -> dict[str, Any]:
        """Return as plain JSON what the envelope would have done in the days up to ``on``."""
        return standing_past.past(self.session, envelope, tier=tier, on=on).plain()

    def newest_day(self) -> date | None:
        """Return the newest day that any model was judged on; in a demo, none after its clock."""
        newest = sa.select(sa.func.max(AssessmentRow.day))
        clock = self.session.get(DemoClockRow, 1)
        found: date | None = self.session.scalar(newest.where(AssessmentRow.day <= clock.day) if clock else newest)
        return found

    def candidates(self, standing: StandingApproval, *, on: date) -> tuple[Candidate, ...]:
        """Return the models inside whose verdict is Retrain as known on ``on``, the largest expected loss first."""
        return self.candidates_among(standing.covered, on=on)

    def candidates_among(self, models: Iterable[CoveredModel], *, on: date) -> tuple[Candidate, ...]:
        """Return those of the models whose verdict is Retrain as known on ``on``, the largest expected loss first."""
        inside = {model.subject.model_id: model for model in models}
        found = standing_candidates.known(self, inside, standing_candidates.to_retrain(on), on=on)
        return tuple(candidate for candidate in found if candidate.wants_retraining)

    def candidate(self, model: CoveredModel, *, on: date) -> Candidate:
        """Return what is known of a model on ``on``."""
        model_id = model.subject.model_id
        found = standing_candidates.known(self, {model_id: model}, lambda column: column == model_id, on=on)
        return found[0] if found else Candidate(model=model, evidence=NEVER_ASSESSED)

    def runs_in_month(self, standing: StandingApproval, *, on: date) -> int:
        """Return how many retrainings started under it in the month of ``on``."""
        return self.runs_of_month(on).get(standing.id, 0)

    def runs_of_month(self, on: date) -> dict[int, int]:
        """Return how many retrainings started in the month of ``on`` under each standing approval that started any."""
        counted = (
            sa.select(StandingRunRow.standing_id, sa.func.count().label("runs"))
            .where(StandingRunRow.month == month_of(on))
            .group_by(StandingRunRow.standing_id)
        )
        return {row.standing_id: row.runs for row in self.session.execute(counted)}

    def keep_run(self, standing: StandingApproval, decision: Decision, *, on: date) -> None:
        """Take one of the month's runs for a decision; the database refuses one too many, whoever asks at the same moment."""
        model_id, month = decision.subject.model_id, month_of(on)
        self.session.add(
            StandingRunRow(
                decision_id=decision.id,
                standing_id=standing.id,
                model_id=model_id,
                day=on,
                month=month,
                place=1 + self.runs_in_month(standing, on=on),
                place_of_model=1 + self._runs_of_model(model_id, month),
                most_runs=standing.envelope.most_runs,
                most_runs_per_model=standing.envelope.most_runs_per_model,
            )
        )
        try:
            self.session.flush()
        except sa.exc.IntegrityError:
            raise StaleDecisionError("The month's runs are used up: another worker was first.") from None

    def _runs_of_model(self, model_id: str, month: str) -> int:
        counted = sa.select(sa.func.count()).select_from(StandingRunRow)
        of_model = (StandingRunRow.model_id == model_id, StandingRunRow.month == month)
        return self.session.scalar(counted.where(*of_model)) or 0

    def trained_under(self, standing: StandingApproval) -> Sequence[Decision]:
        """Return the retrainings under it that have succeeded and are not judged by people yet."""
        return self.decisions(DecisionRow.standing_approval == standing.id, DecisionRow.state == State.SUCCEEDED.value)

    def measured_new_version(self, decision: Decision, *, on: date) -> Measured:
        """Return what is known of the version that a retraining gave, as of ``on``."""
        found = outcomes.measured(self.session, decision, on=on)
        row = self.session.scalars(
            sa.select(AssessmentRow)
            .where(AssessmentRow.model_id == decision.subject.model_id, AssessmentRow.version == decision.new_version)
            .where(AssessmentRow.day <= on, AssessmentRow.known_on <= on)
            .order_by(AssessmentRow.day.desc(), AssessmentRow.known_on.desc(), AssessmentRow.recorded_at.desc())
            .limit(1)
        ).one_or_none()
        kinds = (
            self.session.scalars(sa.select(FindingRow.kind).where(FindingRow.assessment_id == row.id)) if row else ()
        )
        return Measured(
            comparison=found.plain() if found else None,
            metric=row.metric if row else None,
            metric_value=row.metric_value if row else None,
            findings=frozenset(kinds),
        )
