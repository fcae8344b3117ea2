"""The trigger worker: hands approved retrainings over, and takes the reports that pipelines wrote into the table."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.tables import TrainingReportRow
from data_access.trigger_delivery import deliver
from data_access.trigger_outbox import TriggerOutbox
from data_access.trigger_targets import target_of
from monitoring import follow_up
from monitoring.errors import LostLeaseError, ModelfolioError
from monitoring.retraining import Report, TrainingReport

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from data_access.registry import Registry
    from data_access.trigger_delivery import Answer
    from data_access.trigger_outbox import Handover
    from data_access.trigger_targets import TriggerTarget

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 10.0, 3_600.0
REPORTS_AT_ONCE = 100
TABLE = "table"
RENEWED_LEASE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: one sentence per trigger handed over or refused, and per report taken or refused."""

    said: tuple[str, ...] = ()


def wait_seconds(tries: int) -> float:
    """Return how long to wait after the ``tries``-th attempt: 10 seconds, then three times as long each time, an hour at most.

    >>> [wait_seconds(tries) for tries in (1, 2, 3, 8)]
    [10.0, 30.0, 90.0, 3600.0]
    """
    return float(min(FIRST_WAIT_SECONDS * 3 ** (tries - 1), LONGEST_WAIT_SECONDS))


def work_once(
    registry: Registry,
    targets: tuple[TriggerTarget, ...],
    *,
    day: Callable[[], date],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Round:
    """Hand over every trigger that is due and take every report that waits in the table; a registry that is away is said, not raised.

    Args:
        registry: where both are.
        targets: where retrainings go, in this order.
        day: the product's day, asked at each step.
        now: the machine's time.
    """
    said: list[str] = []
    outbox = outbox_of(registry, targets)
    try:
        said += take_written_reports(registry, day=day, now=now)
        while (held := outbox.take(on=day(), now=now())) is not None:
            target = next(each for each in targets if each.name == held.target)
            said.append(_hand_over(outbox, target, held, day=day, now=now))
        said += outbox.held_back
    except sa.exc.DBAPIError as error:
        # Whatever was not settled is leased, and handed over again when the lease ends.
        said.append(f"The registry did not answer: {str(error.orig).splitlines()[0]}.")
    return Round(tuple(said))


def outbox_of(registry: Registry, targets: tuple[TriggerTarget, ...]) -> TriggerOutbox:
    """Return the outbox as a worker with these targets sees it."""

    def name_of(model_id: str) -> str | None:
        target = target_of(targets, model_id)
        return target.name if target else None

    # A lease outlives the longest answer of a web address; while a program runs it is renewed.
    patience = max((target.patience_seconds for target in targets if target.url is not None), default=0.0)
    return TriggerOutbox(
        registry,
        target_of=name_of,
        offers=frozenset(target.name for target in targets if target.table),
        lease_seconds=patience + RENEWED_LEASE_SECONDS,
    )


def _hand_over(
    outbox: TriggerOutbox,
    target: TriggerTarget,
    held: Handover,
    *,
    day: Callable[[], date],
    now: Callable[[], datetime],
) -> str:
    what = f"decision {held.decision_id} to {target.name}"

    def renew() -> None:
        # A registry that is busy for a moment must not end a training; the lease outlives many renewals.
        with suppress(sa.exc.DBAPIError):
            outbox.renew(held, now=now())

    try:
        answer = deliver(target, held, now=now(), renew=renew)
        _settle(outbox, target, held, answer, on=day(), now=now())
    except LostLeaseError as lost:
        return str(lost)
    if answer.taken:
        return f"Handed {what} over."
    return f"Could not hand {what} over: {answer.said[:200]}"


def _settle(
    outbox: TriggerOutbox, target: TriggerTarget, held: Handover, answer: Answer, *, on: date, now: datetime
) -> None:
    if answer.taken:
        outbox.delivered(held, answer.said, now=now)
    elif answer.may_retry and held.tries < target.attempts:
        outbox.try_again(held, answer.said, now=now, after_seconds=wait_seconds(held.tries))
    else:
        outbox.failed(held, answer.said, has_ended=answer.has_ended, on=on, now=now)


def take_written_reports(
    registry: Registry, *, day: Callable[[], date], now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> list[str]:
    """Take the reports that pipelines wrote into the table, in their order; one that is refused keeps the reason."""
    with registry.read() as session:
        waiting = session.scalars(
            sa.select(TrainingReportRow)
            .where(TrainingReportRow.taken_at.is_(None))
            .order_by(TrainingReportRow.id)
            .limit(REPORTS_AT_ONCE)
        ).all()
        session.expunge_all()
    return [_take(registry, row, on=day(), now=now()) for row in waiting]


def _take(registry: Registry, row: TrainingReportRow, *, on: date, now: datetime) -> str:
    refusal = None
    try:
        report = TrainingReport(
            decision_id=row.decision_id,
            report=Report.of(row.report),
            run=row.run,
            version=row.version,
            active_from=row.active_from,
            trained_from=row.trained_from,
            trained_to=row.trained_to,
            metrics=dict(row.metrics or {}),
            message=row.message or "",
        )
        follow_up.take_report(registry, report, channel=TABLE, row=row.id, on=on, now=now)
    except ModelfolioError as error:
        refusal = str(error)
        with registry.write() as session:
            session.execute(
                sa.update(TrainingReportRow)
                .where(TrainingReportRow.id == row.id, TrainingReportRow.taken_at.is_(None))
                .values(taken_at=now, refusal=refusal)
            )
    told = f"refused: {refusal}" if refusal else "taken"
    return f"The report {row.report!r} on decision {row.decision_id} was {told}."
