"""Standing approvals, and what a day under one needs to know, inside one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import outcomes, standing_past, standing_rows
from data_access.challenge_tables import ChallengeRow
from data_access.decision_records import RegistryDecisions
from data_access.shift_queries import shifts_open_on
from data_access.standing_tables import StandingApprovalRow, StandingRunRow
from data_access.tables import AssessmentRow, DecisionRow, DemoClockRow, FindingRow, ModelRow
from monitoring.assessment import Verdict
from monitoring.errors import StaleDecisionError, UnknownModelError, UnknownStandingApprovalError
from monitoring.lifecycle import Action, State
from monitoring.portfolio_shift import Grouping, ShiftKind
from monitoring.standing_envelope import ScopeKind
from monitoring.standing_rules import Candidate, Measured

if TYPE_CHECKING:
    from collections.abc import Sequence
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
        by_id = {model.subject.model_id: model for model in standing.covered}
        judged = (
            AssessmentRow.day == on,
            AssessmentRow.known_on <= on,
            AssessmentRow.verdict == Verdict.RETRAIN.value,
        )
        rows = self.session.execute(
            sa.select(AssessmentRow.model_id, sa.func.max(AssessmentRow.expected_loss).label("loss"))
            .where(*judged)
            .group_by(AssessmentRow.model_id)
        ).all()
        ranked = sorted((-row.loss, row.model_id) for row in rows if row.model_id in by_id)
        found = (self.candidate(by_id[model_id], on=on) for _, model_id in ranked)
        return tuple(candidate for candidate in found if candidate.wants_retraining)

    def candidate(self, model: CoveredModel, *, on: date) -> Candidate:
        """Return what is known of a model on ``on``."""
        model_id = model.subject.model_id
        evidence = self.evidence(model_id, on=on)
        since = self._in_verdict_since(evidence.assessment_id)
        of_model = sa.select(StandingRunRow.day).where(StandingRunRow.model_id == model_id)
        days = list(self.session.scalars(of_model))
        return Candidate(
            model=model,
            evidence=evidence.snapshot,
            days_in_verdict=(on - since).days + 1 if since else 1,
            runs_this_month=sum(_month(day) == _month(on) for day in days),
            last_run_on=max(days, default=None),
            open_decision=self._open_decision(model_id),
            open_challenge=self._open_challenge(model_id),
            feed_shifts=self._feed_shifts(model_id, on=on),
            settles_on=self.session.scalar(
                sa.select(sa.func.max(DecisionRow.settles_on)).where(
                    DecisionRow.model_id == model_id, DecisionRow.action == Action.RETRAIN.value
                )
            ),
        )

    def _in_verdict_since(self, assessment_id: int | None) -> date | None:
        row = self.session.get(AssessmentRow, assessment_id) if assessment_id is not None else None
        return row.in_verdict_since if row else None

    def _open_decision(self, model_id: str) -> str | None:
        row = self.session.execute(
            sa.select(DecisionRow.id, DecisionRow.action, DecisionRow.state)
            .where(DecisionRow.model_id == model_id, DecisionRow.is_open)
            .order_by(DecisionRow.id)
            .limit(1)
        ).one_or_none()
        if row is None:
            return None
        return f"decision {row.id}, {row.action.replace('_', ' ')}, {State(row.state).words}"

    def _open_challenge(self, model_id: str) -> str | None:
        """Return the oldest open challenge of a finding in words, also one that began after the day: it is open now."""
        found = self.challenges(
            ChallengeRow.model_id == model_id, ChallengeRow.code.is_not(None), ChallengeRow.is_open.is_(True)
        )
        return next((f"challenge {each.id}, {each.finding.sentence}" for each in reversed(found) if each.finding), None)

    def _feed_shifts(self, model_id: str, *, on: date) -> tuple[str, ...]:
        """Return the sources of the open feed shifts that the model is in, or whose source it reads: it may be next."""
        shifts = [shift for shift in shifts_open_on(self.session, day=on) if shift.kind is ShiftKind.FEED]
        if not shifts:
            return ()
        row = self.session.get_one(ModelRow, model_id)
        sources = {feature.get("source") for feature in row.card.get("features") or [] if isinstance(feature, dict)}
        return tuple(
            shift.source
            for shift in shifts
            if shift.touches(model_id) or (shift.grouping is Grouping.SOURCE and shift.source in sources)
        )

    def runs_in_month(self, standing: StandingApproval, *, on: date) -> int:
        """Return how many retrainings started under it in the month of ``on``."""
        return self._runs(StandingRunRow.standing_id == standing.id, StandingRunRow.month == _month(on))

    def keep_run(self, standing: StandingApproval, decision: Decision, *, on: date) -> None:
        """Take one of the month's runs for a decision; the database refuses one too many, whoever asks at the same moment."""
        model_id, month = decision.subject.model_id, _month(on)
        self.session.add(
            StandingRunRow(
                decision_id=decision.id,
                standing_id=standing.id,
                model_id=model_id,
                day=on,
                month=month,
                place=1 + self.runs_in_month(standing, on=on),
                place_of_model=1 + self._runs(StandingRunRow.model_id == model_id, StandingRunRow.month == month),
                most_runs=standing.envelope.most_runs,
                most_runs_per_model=standing.envelope.most_runs_per_model,
            )
        )
        try:
            self.session.flush()
        except sa.exc.IntegrityError:
            raise StaleDecisionError("The month's runs are used up: another worker was first.") from None

    def _runs(self, *conditions: sa.ColumnElement[bool]) -> int:
        return self.session.scalar(sa.select(sa.func.count()).select_from(StandingRunRow).where(*conditions)) or 0

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


def _month(day: date) -> str:
    return f"{day:%Y-%m}"
