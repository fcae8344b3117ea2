"""Assess every model of the portfolio in three phases; any number of processes share a run, one model's failure is its own."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from data_access import audit_trail, model_registry, retired_traffic
from data_access.assess_jobs import Asked, JobBoard, JobState, Phase, Settled
from data_access.assess_work import Pool, Work, renewed
from data_access.assessment_store import RegistryAssessments
from data_access.demo_clock import demo_clock
from data_access.tables import AssessRunRow
from monitoring import follow_up
from monitoring.errors import UnknownModelError
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from data_access.assess_jobs import Job, Run
    from data_access.registry import Registry
    from monitoring.portfolio import Model

PAUSE_SECONDS = 0.2
MODELS_FOR_A_POOL = 200
"""With fewer models the seconds that a process takes to start cost more than it saves."""


@dataclass
class AssessRun:
    """What one run did: models assessed, assessments that are new, and which models failed and why."""

    models: int = 0
    assessments: int = 0
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workers:
    """How a worker works: processes of its pool (missing: as many as fit), how long a lease holds, what is overdue."""

    processes: int | None = None
    lease_seconds: float = 60.0
    overdue_seconds: float = 1800.0


DEFAULT_WORKERS = Workers()


def newest_complete_day(model: Model, *, now: datetime, settle_hours: float) -> date:
    """Return the last day that ended at least ``settle_hours`` ago in the model's zone."""
    local = (now - timedelta(hours=settle_hours)).astimezone(ZoneInfo(model.timezone))
    return local.date() - timedelta(days=1)


def assess_portfolio(
    registry: Registry,
    *,
    connections: Mapping[str, str],
    settle_hours: float,
    now: datetime,
    first: date | None = None,
    last: date | None = None,
    only: str | None = None,
    report: Callable[[int, int, str], None] | None = None,
    workers: Workers = DEFAULT_WORKERS,
) -> AssessRun:
    """Assess all models with a log, or ``only`` one, watch retired ones, let acceptances expire, and leave one audit event.

    A day is judged once it is complete in the zone of every model: a portfolio shift needs them all. Whoever asks for the
    same at the same time shares the work, and gets the same answer.

    Args:
        registry: where models and assessments are.
        connections: SQLAlchemy URLs by name, ``default`` among them.
        settle_hours: hours after which a day is complete.
        now: the present, which the settings may pin; what is stored also carries the machine's clock.
        first: the first day to judge; by default each model goes on after its last assessment.
        last: the last day to judge; by default the newest complete day.
        only: the id of one model; the portfolio is not searched for shifts then.
        report: called with pieces done, pieces in all and what is being done.
        workers: how the work is shared.

    Raises:
        UnknownModelError: there is no model ``only``.
    """
    models = [model for model in model_registry.models(registry) if only is None or model.id == only]
    if only is not None and not models:
        raise UnknownModelError(f"There is no model {only!r}.")
    due = [model for model in models if model.has_log and model.service_state is not ServiceState.RETIRED]
    complete = min(
        (newest_complete_day(model, now=now, settle_hours=settle_hours) for model in due), default=now.date()
    )
    asked = Asked(first, min(last, complete) if last else complete, only, now)
    board = JobBoard(registry, lease_seconds=workers.lease_seconds, overdue_seconds=workers.overdue_seconds)
    while (run := board.join(asked, [model.id for model in due])) is None:
        if report:
            report(0, 0, "waiting for another run")
        time.sleep(PAUSE_SECONDS)
    work = Work(registry, connections, workers.lease_seconds)
    try:
        _Worker(board, work, run, _processes(workers, len(due)), report).work({model.id: model.name for model in due})
    finally:
        work.close()
    _watch_retired(registry, models, connections=connections, last=run.asked.last, now=now, settle_hours=settle_hours)
    _close(registry, board, run)
    return _told(registry, run)


def _watch_retired(
    registry: Registry,
    models: Sequence[Model],
    *,
    connections: Mapping[str, str],
    last: date,
    now: datetime,
    settle_hours: float,
) -> None:
    """Look whether retired models are still scored, each up to its own newest complete day."""
    retired = [model for model in models if model.has_log and model.service_state is ServiceState.RETIRED]
    ends = {model.id: min(last, newest_complete_day(model, now=now, settle_hours=settle_hours)) for model in retired}
    retired_traffic.watch(registry, retired, connections=connections, last=ends)


def _processes(workers: Workers, models: int) -> int:
    if workers.processes is not None:
        return workers.processes
    return len(os.sched_getaffinity(0)) if models >= MODELS_FOR_A_POOL else 1


@dataclass
class _Worker:
    """One process at work on a run."""

    board: JobBoard
    jobs: Work
    run: Run
    processes: int
    report: Callable[[int, int, str], None] | None

    def work(self, names: Mapping[str, str]) -> None:
        """Work on the run until nothing is left to do."""
        with ExitStack() as stack:
            pool = Pool(self.jobs, self.processes) if self.processes > 1 else None
            if pool:
                stack.callback(pool.close)
            self._phase(Phase.FINDINGS, pool, names)
            self._phase(Phase.SHIFTS, None, names)
            self.board.begin_verdicts(self.run)
            self._phase(Phase.VERDICTS, pool, names)

    def _phase(self, phase: Phase, pool: Pool | None, names: Mapping[str, str]) -> None:
        """Do jobs of a phase until all of them are settled, by us or by others."""
        while True:
            leased = self.board.lease(self.run, phase, workers=self.processes)
            if leased:
                self._tell(names.get(leased[0].model_id or "", "portfolio shifts"))
                self.board.settle(each for each in self._done(leased, pool) if not each.is_stored)
                continue
            counts = self.board.counts(self.run, phase)
            if not counts[JobState.LEASED] and not counts[JobState.WAITING]:
                return
            self._tell("waiting for other workers")
            time.sleep(PAUSE_SECONDS)

    def _done(self, leased: Sequence[Job], pool: Pool | None) -> list[Settled]:
        try:
            with renewed(self.board, leased):
                if pool:
                    return pool.done(leased, self.run)
                return self.jobs.done(leased, self.run)
        except BaseException:
            self.board.give_back(leased)
            raise

    def _tell(self, what: str) -> None:
        if self.report:
            done, total = self.board.totals(self.run)
            self.report(done, total, what)


def _close(registry: Registry, board: JobBoard, run: Run) -> None:
    """End the run, once: clear what failed before and works now, and leave one audit event if anything was stored or failed."""
    with registry.read() as session:
        models, _, _ = board.outcome(session, run)
    RegistryAssessments(registry).clear_failures(models)
    clock = demo_clock(registry)
    # Before the demo's clock, the days it has not reached yet bring nothing about.
    follow_up.whatever_is_due(registry, on=min(run.asked.last, clock[0]) if clock else run.asked.last, now=run.started)
    with registry.write() as session:
        if not board.close(session, run):
            return
        row = session.get_one(AssessRunRow, run.id)
        if not row.assessments and not row.failures:
            return
        after = {
            "models": row.models,
            "assessments": row.assessments,
            "failures": row.failures,
            "from": run.asked.first.isoformat() if run.asked.first else None,
            "to": run.asked.last.isoformat(),
        }
        audit_trail.append(
            session,
            at=run.asked.at,
            recorded_at=datetime.now(UTC),
            actor="assess",
            role="policy",
            action="assess",
            subject_kind="portfolio",
            subject_id="portfolio",
            after=after,
        )


def _told(registry: Registry, run: Run) -> AssessRun:
    """Return what the run did, whoever did it."""
    with registry.read() as session:
        row = session.get_one(AssessRunRow, run.id)
        failures = {str(each["model"] or "portfolio shifts"): str(each["reason"]) for each in row.failures}
        return AssessRun(row.models, row.assessments, failures)
