"""Use cases after an approval, by machines: hand over, take a report, and whatever a day or an assessment brings about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.authority import machine
from monitoring.lifecycle import Action, Capacity, Move, State
from monitoring.retraining import DAY, Report, reported, settling_until
from monitoring.wording import day_text
from monitoring.zombie import QUIET_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from monitoring.decision import Decision
    from monitoring.ports import DataCheck, DecisionRecords, DecisionRegistry
    from monitoring.retraining import TrainingReport

CLEAN_DAYS = 4
"""A data-quality finding stays open for this many clean days (METHODS section 6)."""


def trigger(records: DecisionRecords, decision_id: int, *, on: date, now: datetime) -> Decision:
    """Note, in the caller's transaction, that the trigger worker hands an approved retraining over.

    Raises:
        ForbiddenMoveError: it is not an approved retraining, or it was handed over already.
    """
    return _stored(records, records.decision(decision_id), Move.TRIGGER, Capacity.TRIGGER_WORKER, on=on, now=now)


def hand_over_failed(records: DecisionRecords, decision_id: int, *, reason: str, on: date, now: datetime) -> Decision:
    """Note, in the caller's transaction, that the pipeline could not be reached or ended without a word.

    Raises:
        ForbiddenMoveError: the decision is not with the pipeline.
    """
    decision = records.decision(decision_id)
    return _stored(records, decision, Move.REPORT_FAILED, Capacity.TRIGGER_WORKER, on=on, now=now, reason=reason)


def take_report(
    registry: DecisionRegistry,
    report: TrainingReport,
    *,
    channel: str,
    on: date,
    now: datetime,
    row: int | None = None,
) -> Decision:
    """Take a pipeline's report and return the decision; the same report of the same run changes nothing.

    Args:
        registry: where decisions are.
        report: what the pipeline says.
        channel: how it came: command, http or table.
        on: the product's day.
        now: the machine's time.
        row: the number of the report where the pipeline wrote it into the table itself.

    Raises:
        UnknownDecisionError: there is no such decision.
        ForbiddenMoveError: it does not wait for this report: another run has begun, or it is over.
        InvalidReportError: the version it gives is the old one, or known with another date.
        StaleDecisionError: somebody else took the row.
    """
    with registry.deciding() as records:
        moved = records.decision(report.decision_id)
        is_repeated = report.run is not None and moved.state is report.report.state and records.has_report(report)
        if not is_repeated:
            moved = _told(records, moved, report, on=on, now=now)
        if row is not None or not is_repeated:
            records.keep_report(report, channel=channel, now=now, row=row)
        return moved


def _told(records: DecisionRecords, decision: Decision, report: TrainingReport, *, on: date, now: datetime) -> Decision:
    settles_on = None
    if report.report is Report.SUCCEEDED:
        delay = records.label_delay_days(decision.subject.model_id)
        settles_on = settling_until(report.active_from or on + DAY, label_delay_days=delay)
    moved, event = reported(decision, report, actor=machine(Capacity.PIPELINE), on=on, now=now, settles_on=settles_on)
    if report.report is Report.SUCCEEDED:
        records.register_version(moved, report)
    records.store(moved, event, before=decision)
    return moved


def whatever_is_due(registry: DecisionRegistry, *, on: date, now: datetime) -> tuple[Decision, ...]:
    """Make every move that the day or the assessments up to it bring about, and return the decisions that moved.

    Acceptances expire, sunset dates are reached, retired models without traffic close, repairs are found to hold or not.
    """
    with registry.deciding() as records:
        moved = list(_by_the_clock(records, on=on, now=now))
        moved += _repairs(records, on=on, now=now)
        moved += _retirements(records, on=on, now=now)
        return tuple(moved)


def _by_the_clock(records: DecisionRecords, *, on: date, now: datetime) -> Iterable[Decision]:
    for decision in records.ended_acceptances(on=on):
        yield _stored(records, decision, Move.EXPIRE, Capacity.CLOCK, on=on, now=now)
    for decision in records.decisions_in(Action.RETIRE, State.ANNOUNCED):
        if decision.sunset_on is not None and decision.sunset_on <= on:
            yield _stored(records, decision, Move.REACH_SUNSET, Capacity.CLOCK, on=on, now=now)


def _repairs(records: DecisionRecords, *, on: date, now: datetime) -> Iterable[Decision]:
    for decision in records.decisions_in(Action.FIX_DATA, State.REPORTED_FIXED):
        said = repair_seen(records.data_checks(decision, on=on))
        if said is not None:
            move, reason = said
            yield _stored(records, decision, move, Capacity.ASSESSMENT, on=on, now=now, reason=reason)


def repair_seen(checks: Iterable[DataCheck]) -> tuple[Move, str] | None:
    """Return what the days after a repair say of it, with the reason; nothing while they say nothing.

    An open finding closes after four clean days. Open on a fifth day with rows, one of the days after the repair was bad.

    Args:
        checks: the days after the repair was reported, in ascending order.
    """
    open_days = 0
    for check in checks:
        if not check.is_open:
            return Move.FINDING_CLEAR, f"No such finding is open on {day_text(check.day)}."
        open_days += check.has_rows
        if open_days > CLEAN_DAYS:
            return Move.SEEN_AGAIN, f"The finding is still open on {day_text(check.day)}."
    return None


def _retirements(records: DecisionRecords, *, on: date, now: datetime) -> Iterable[Decision]:
    for decision in records.decisions_in(Action.RETIRE, State.DUE):
        traffic = records.traffic(decision.subject.model_id, on=on)
        quiet_since = max(filter(None, (traffic.last_rows, decision.sunset_on)), default=None)
        if traffic.looked_to is None or quiet_since is None:
            continue
        if (traffic.looked_to - quiet_since).days >= QUIET_DAYS:
            reason = f"No row in the log since {day_text(quiet_since)}."
            yield _stored(records, decision, Move.TRAFFIC_GONE, Capacity.ASSESSMENT, on=on, now=now, reason=reason)


def _stored(
    records: DecisionRecords,
    decision: Decision,
    move: Move,
    capacity: Capacity,
    *,
    on: date,
    now: datetime,
    reason: str = "",
) -> Decision:
    moved, event = decision.move(move, actor=machine(capacity), reason=reason, on=on, now=now)
    records.store(moved, event, before=decision)
    return moved
