"""What a move of a decision brings with it, and what the use cases after an approval need to know, inside one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access import outcomes, trigger_rows
from data_access.retired_traffic import traffic_of
from data_access.tables import (
    AssessmentRow,
    FindingRow,
    ModelRow,
    ModelVersionRow,
    TrainingReportRow,
)
from monitoring.assessment import Verdict
from monitoring.errors import InvalidReportError, StaleDecisionError
from monitoring.lifecycle import Action, Move, State
from monitoring.portfolio import Consumer, ServiceState
from monitoring.ports import DataCheck

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from monitoring.audit import AuditEvent
    from monitoring.decision import Decision
    from monitoring.ports import Traffic
    from monitoring.retraining import TrainingReport

SUSPENDED = ServiceState.SUSPENDED.value


def carry_through(session: Session, moved: Decision, event: AuditEvent, *, before: Decision) -> None:
    """Store what goes with a move: an approved retraining in the outbox, a model out of service or back in it."""
    move = Move(event.action)
    if moved.action is Action.RETRAIN:
        if before.state is State.PROPOSED and moved.state is State.APPROVED:
            trigger_rows.put(session, moved, now=event.recorded_at)
        elif move is Move.RETRY:
            trigger_rows.put_again(session, moved, reason=event.reason or "", now=event.recorded_at)
    if move is Move.CONFIRM_OUT_OF_SERVICE and moved.action is Action.SUSPEND:
        _model(session, moved, ModelRow.service_state != ServiceState.RETIRED.value, service_state=SUSPENDED)
    elif move in {Move.TRAFFIC_GONE, Move.CONFIRM_OUT_OF_SERVICE}:
        _model(session, moved, service_state=ServiceState.RETIRED.value)
    elif move is Move.CONFIRM_IN_SERVICE:
        _model(session, moved, service_state=ServiceState.IN_SERVICE.value, sunset_on=None)
    elif move is Move.ANNOUNCE:
        _model(session, moved, sunset_on=moved.sunset_on)


def _model(session: Session, decision: Decision, *conditions: sa.ColumnElement[bool], **values: Any) -> None:
    wanted = (ModelRow.id == decision.subject.model_id, *conditions)
    session.execute(sa.update(ModelRow).where(*wanted).values(**values))


class AfterApproval:
    """The part of the port ``DecisionRecords`` that is about what follows an approval."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def data_checks(self, decision: Decision, *, on: date) -> tuple[DataCheck, ...]:
        """Return what the days after a reported repair say of the findings it was for, as known on ``on``, ascending.

        Those are the data-quality findings of the evidence that was approved; without any, all of the model's.
        """
        if decision.state_on is None:
            return ()
        wanted = {
            (finding["kind"], finding["subject"])
            for finding in (decision.frozen_evidence or decision.evidence).get("findings") or []
            if finding["argues_for"] == Verdict.FIX_DATA.value
        }
        rows = self.session.execute(
            sa.select(AssessmentRow.id, AssessmentRow.day, AssessmentRow.rows)
            .where(
                AssessmentRow.model_id == decision.subject.model_id,
                AssessmentRow.day > decision.state_on,
                AssessmentRow.day <= on,
                AssessmentRow.known_on <= on,
            )
            .order_by(AssessmentRow.day, AssessmentRow.known_on, AssessmentRow.recorded_at, AssessmentRow.id)
        ).all()
        newest = {row.day: row for row in rows}
        found = self.session.execute(
            sa.select(FindingRow.assessment_id, FindingRow.kind, FindingRow.subject).where(
                FindingRow.assessment_id.in_([row.id for row in newest.values()]),
                FindingRow.argues_for == Verdict.FIX_DATA.value,
            )
        )
        open_in = {each.assessment_id for each in found if not wanted or (each.kind, each.subject) in wanted}
        return tuple(DataCheck(day, row.id in open_in, has_rows=row.rows > 0) for day, row in newest.items())

    def traffic(self, model_id: str, *, on: date) -> Traffic:
        """Return how the model's log stands on ``on``."""
        return traffic_of(self.session, model_id, on=on)

    def service_state(self, model_id: str) -> ServiceState:
        """Return whether the model is in service."""
        return ServiceState(self.session.get_one(ModelRow, model_id).service_state)

    def consumers(self, model_id: str) -> tuple[Consumer, ...]:
        """Return who uses the model, as its card says."""
        card: dict[str, Any] = self.session.get_one(ModelRow, model_id).card
        return tuple(Consumer(each["name"], each.get("contact")) for each in card.get("consumers") or [])

    def has_readable_log(self, model_id: str) -> bool:
        """Whether the model's log can be looked at: one is mapped, and it could be read when it was looked at last."""
        row = self.session.get_one(ModelRow, model_id)
        return row.has_log and row.last_error is None

    def label_delay_days(self, model_id: str) -> float | None:
        """Return the usual time from a prediction to its label, missing if unknown."""
        card: dict[str, Any] = self.session.get_one(ModelRow, model_id).card
        return card.get("label_delay_days")

    def measured(self, decision: Decision, *, on: date) -> dict[str, Any] | None:
        """Return what a retraining brought as plain JSON, as known on ``on``; nothing while nothing can be compared."""
        found = outcomes.measured(self.session, decision, on=on)
        return found.plain() if found else None

    def has_report(self, report: TrainingReport) -> bool:
        """Whether the same report of the same run was taken before."""
        same = sa.select(TrainingReportRow.id).where(
            TrainingReportRow.decision_id == report.decision_id,
            TrainingReportRow.report == report.report.value,
            TrainingReportRow.run == report.run,
            TrainingReportRow.version.is_not_distinct_from(report.version),
            TrainingReportRow.taken_at.is_not(None),
            TrainingReportRow.refusal.is_(None),
        )
        return self.session.scalars(same.limit(1)).one_or_none() is not None

    def keep_report(self, report: TrainingReport, *, channel: str, now: datetime, row: int | None = None) -> None:
        """Keep a report that was taken; one that stands in the table as ``row`` is marked, once."""
        if row is not None:
            marked = self.session.execute(
                sa.update(TrainingReportRow)
                .where(TrainingReportRow.id == row, TrainingReportRow.taken_at.is_(None))
                .values(taken_at=now)
                .returning(TrainingReportRow.id)
            ).all()
            if len(marked) != 1:
                raise StaleDecisionError("Another worker took this report at the same moment.")
            return
        self.session.add(
            TrainingReportRow(
                decision_id=report.decision_id,
                report=report.report.value,
                run=report.run,
                version=report.version,
                active_from=report.active_from,
                trained_from=report.trained_from,
                trained_to=report.trained_to,
                metrics=dict(report.metrics) or None,
                message=report.message or None,
                channel=channel,
                written_at=now,
                taken_at=now,
            )
        )
        self.session.flush()

    def register_version(self, decision: Decision, report: TrainingReport) -> None:
        """Register the version that a retraining gave; one that is known with another date is refused."""
        model_id, name = decision.subject.model_id, str(report.version)
        known = self.session.scalars(
            sa.select(ModelVersionRow).where(ModelVersionRow.model_id == model_id).order_by(ModelVersionRow.position)
        ).all()
        row = next((version for version in known if version.version == name), None)
        if row is None:
            row = ModelVersionRow(
                model_id=model_id, version=name, position=max((each.position for each in known), default=-1) + 1
            )
            self.session.add(row)
        elif row.active_from is not None and row.is_announced and row.active_from != decision.active_from:
            raise InvalidReportError(
                f"Version {name} is registered as in service from {row.active_from}, not from {decision.active_from}."
            )
        row.active_from, row.is_announced = decision.active_from, True
        row.trained_from = report.trained_from or row.trained_from
        row.trained_to = report.trained_to or row.trained_to
        self.session.flush()
