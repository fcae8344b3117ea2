"""A retraining after its approval: what the pipeline reports, when the new version can be judged, and how people judge it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from monitoring.authority import capacity_for
from monitoring.errors import ForbiddenMoveError, InvalidReasonError, InvalidReportError, StaleDecisionError
from monitoring.evidence import Evidence
from monitoring.lifecycle import REASON_LENGTH, Move, State, allowed_move
from monitoring.outcome import Review
from monitoring.wording import day_text

if TYPE_CHECKING:
    from typing import Any

    from monitoring.audit import AuditEvent
    from monitoring.decision import Decision
    from monitoring.outcome import Judgement
    from monitoring.people import Actor

SETTLING_DAYS = 7
"""Days of labels that a new version is given before anybody judges it (METHODS section 8), on top of the usual label delay."""
DAYS_TO_REVIEW = 14
LONGEST_MESSAGE = 2_000
LONGEST_NAME = 100
MOST_METRICS = 50
DAY = timedelta(days=1)


class Report(StrEnum):
    """What a pipeline can say about a training."""

    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @classmethod
    def of(cls, name: str) -> Self:
        """Return the report of this name.

        Raises:
            InvalidReportError: there is none.
        """
        try:
            return cls(name)
        except ValueError:
            raise InvalidReportError(f"A report is {', '.join(cls)}; {name[:40]!r} is none of them.") from None

    @property
    def move(self) -> Move:
        """The move that the report asks for."""
        return {
            Report.STARTED: Move.REPORT_STARTED,
            Report.SUCCEEDED: Move.REPORT_SUCCEEDED,
            Report.FAILED: Move.REPORT_FAILED,
        }[self]

    @property
    def state(self) -> State:
        """Where a decision is after the report."""
        return {Report.STARTED: State.RUNNING, Report.SUCCEEDED: State.SUCCEEDED, Report.FAILED: State.FAILED}[self]


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What a pipeline says about the training of a decision.

    ``run`` is the pipeline's own name for the run: the same report of the same run may come twice. ``version`` is what was trained,
    in service from ``active_from`` on. ``metrics`` are the pipeline's own numbers, shown and never judged by.

    Raises:
        InvalidReportError: something is missing, too long or no number.
    """

    decision_id: int
    report: Report
    run: str | None = None
    version: str | None = None
    active_from: date | None = None
    trained_from: date | None = None
    trained_to: date | None = None
    metrics: dict[str, float | str] = field(default_factory=dict)
    message: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not be kept or shown."""
        for name, text, longest in (
            ("run", self.run, LONGEST_NAME),
            ("version", self.version, LONGEST_NAME),
            ("message", self.message, LONGEST_MESSAGE),
        ):
            if text is not None and (len(text) > longest or not _is_storable(text)):
                raise InvalidReportError(f"The {name} has at most {longest:,} characters, all of which can be stored.")
        if self.report is Report.SUCCEEDED and not (self.version or "").strip():
            raise InvalidReportError("A training that succeeded names the version it gave.")
        if self.trained_from and self.trained_to and self.trained_to < self.trained_from:
            raise InvalidReportError("The training data end before they begin.")
        _check_metrics(self.metrics)


def _check_metrics(metrics: dict[str, float | str]) -> None:
    if len(metrics) > MOST_METRICS:
        raise InvalidReportError(f"A report has at most {MOST_METRICS} metrics; this has {len(metrics)}.")
    for name, value in metrics.items():
        if not _is_storable(name) or not 1 <= len(name) <= LONGEST_NAME:
            raise InvalidReportError(f"The name of a metric has 1 to {LONGEST_NAME} characters.")
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        is_text = isinstance(value, str) and len(value) <= LONGEST_NAME and _is_storable(value)
        if not (is_number or is_text):
            raise InvalidReportError(f"The metric {name!r} is neither a number nor a short text.")


def _is_storable(text: str) -> bool:
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)


def reported(
    decision: Decision, report: TrainingReport, *, actor: Actor, on: date, now: datetime, settles_on: date | None = None
) -> tuple[Decision, AuditEvent]:
    """Return the decision after a report, and its audit event. Raises what ``Decision.move`` raises, or InvalidReportError."""
    told = decision
    if report.report is Report.SUCCEEDED:
        if report.version == (decision.frozen_evidence or decision.evidence).get("version"):
            raise InvalidReportError(f"Version {report.version} is the one that was to be retrained, not a new one.")
        active_from = report.active_from or on + DAY
        told = replace(decision, new_version=report.version, active_from=active_from, settles_on=settles_on)
    return told.move(report.report.move, actor=actor, on=on, now=now, reason=report.message)


def settling_until(active_from: date, *, label_delay_days: float | None) -> date:
    """Return the first day on which labels enough for a judgement have come: the usual delay and seven days later.

    >>> settling_until(date(2026, 3, 1), label_delay_days=1.5).isoformat()
    '2026-03-10'
    """
    return active_from + timedelta(days=math.ceil(label_delay_days or 0) + SETTLING_DAYS)


def review_due(decision: Decision) -> date | None:
    """Return the day by which the outcome should be reviewed; nothing for what has none or is reviewed."""
    if decision.state is not State.SUCCEEDED or decision.settles_on is None:
        return None
    return decision.settles_on + timedelta(days=DAYS_TO_REVIEW)


def reviewed(
    decision: Decision,
    judgement: Judgement,
    *,
    actor: Actor,
    reason: str,
    measured: dict[str, Any] | None,
    on: date,
    now: datetime,
) -> tuple[Decision, AuditEvent]:
    """Return the decision with this judgement: proposed by the first person, confirmed and closed by the second who agrees.

    Whoever judges otherwise puts their own judgement in place of the first, and waits for somebody to agree.

    Raises:
        ForbiddenMoveError: there is no outcome yet, or the new version is still settling.
        NotAuthorisedError: neither the owner nor an approver of the model.
        InvalidReasonError: the reason is too short.
        StaleDecisionError: the same judgement by the same person is there already.
    """
    allowed = allowed_move(decision.state, Move.REVIEW_OUTCOME, decision.action)
    capacity = capacity_for(allowed, decision.capacities(actor), model=decision.subject.name)
    if decision.settles_on is not None and on < decision.settles_on:
        raise ForbiddenMoveError(
            f"Too few labels have come to judge it: the new version is settling until {day_text(decision.settles_on)}."
        )
    before = decision.review
    if before is not None and before.judgement is judgement:
        if before.proposed_by == actor.email:
            raise StaleDecisionError("You have said so already; somebody else confirms it.")
        confirmed = replace(decision, review=replace(before, confirmed_by=actor.email), measured=measured)
        return confirmed.move(
            Move.REVIEW_OUTCOME, actor=actor, on=on, now=now, reason=reason, evidence_hash=_fingerprint(measured)
        )
    reason = reason.strip()
    if not REASON_LENGTH <= len(reason) <= LONGEST_MESSAGE or not _is_storable(reason):
        raise InvalidReasonError(
            f"A reason has {REASON_LENGTH} to {LONGEST_MESSAGE:,} characters; this has {len(reason)}."
        )
    proposed = replace(decision, review=Review(judgement, reason, proposed_by=actor.email, proposed_on=on))
    event = proposed.audit_event(
        Move.REVIEW_OUTCOME,
        actor=actor,
        role=capacity.value,
        reason=reason,
        evidence_hash=None,
        on=on,
        now=now,
        before=decision,
    )
    return proposed, event


def _fingerprint(measured: dict[str, Any] | None) -> str | None:
    return Evidence(measured).hash if measured is not None else None
