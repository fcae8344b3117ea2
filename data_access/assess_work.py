"""What a worker does with a leased piece of a run, in its own process or in one of its pool."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from threading import Event, Thread
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import model_registry
from data_access.assess_jobs import FencedRegistry, JobBoard, Phase, Settled
from data_access.assessment_store import RegistryAssessments
from data_access.log_connections import LogConnections
from data_access.policy_records import policy_history
from data_access.read_ahead import ReadAhead
from data_access.registry import Registry
from data_access.shift_store import RegistryShifts, crowds
from monitoring.assess import find, judge, search_shifts
from monitoring.errors import LostLeaseError, ModelfolioError
from monitoring.policy_version import PolicyHistory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from data_access.assess_jobs import Job, Run
    from data_access.put_off import Write
    from monitoring.history import KnownInputs
    from monitoring.profiling import KeptReference


KEPT_BYTES = 96 * 1024 * 1024
"""What a process keeps from the first phase for the third, at most."""


@dataclass
class Work:
    """Everything a worker needs for the jobs of a run; it connects to a log and looks at a table once."""

    registry: Registry
    connections: Mapping[str, str]
    lease_seconds: float
    shifts: RegistryShifts = field(init=False)
    logs: LogConnections = field(init=False)
    policies: PolicyHistory = field(default_factory=PolicyHistory)
    _settled_run: int = 0
    _kept: dict[str, tuple[dict[str, KnownInputs], list[KeptReference]]] = field(default_factory=dict)
    _kept_bytes: int = 0

    def __post_init__(self) -> None:
        self.shifts = RegistryShifts(self.registry)
        self.logs = LogConnections(self.connections)

    def close(self) -> None:
        """Give the connections to the logs back."""
        self.logs.close()

    def done(self, jobs: Sequence[Job], run: Run) -> list[Settled]:
        """Do jobs of a phase and return what became of each, stored; one model's failure is its own.

        What is small is put off and stored for all of them at once, each behind its fence.
        """
        self.policies = policy_history(self.registry)
        try:
            ahead = self._read_ahead(jobs, run)
        except (ModelfolioError, sa.exc.DBAPIError):
            ahead = ReadAhead()  # each asks for itself, and the one that cannot be read fails alone
        return self._stored([self._found(job, run, ahead) for job in jobs])

    def _read_ahead(self, jobs: Sequence[Job], run: Run) -> ReadAhead:
        models = [job.model_id for job in jobs if job.model_id is not None]
        if not models:
            return ReadAhead()
        if jobs[0].phase is Phase.FINDINGS:
            return ReadAhead.for_findings(self.registry, models)
        if self._settled_run != run.id:
            self.shifts.records()
            self._settled_run = run.id
        return ReadAhead.for_verdicts(self.registry, models)

    def _stored(self, found: Sequence[Settled]) -> list[Settled]:
        """Settle jobs at once; if that cannot be done, one by one, so that it is the failure of one."""
        board = JobBoard(self.registry, lease_seconds=self.lease_seconds)
        try:
            board.settle(found)
        except sa.exc.DBAPIError:
            for each in found:
                try:
                    board.settle([each])
                except sa.exc.DBAPIError as error:
                    board.settle([Settled(each.job, error=_said(each.job, error))])
        return [replace(each, writes=(), is_stored=True) for each in found]

    def _found(self, job: Job, run: Run, ahead: ReadAhead) -> Settled:
        """Do a job and return what became of it, with what is still to be stored."""
        now = datetime.now(UTC)
        fenced = FencedRegistry(self.registry, job, lease_seconds=self.lease_seconds)
        put_off: list[Write] = []
        is_settled = job.phase is Phase.VERDICTS
        shifts = replace(self.shifts, registry=fenced, ahead=ahead, put_off=put_off, is_settled=is_settled)
        store = RegistryAssessments(fenced, ahead, put_off)
        try:
            if job.model_id is None:
                search_shifts(crowds(self.registry), shifts=shifts, last=run.asked.last, now=now)
                return Settled(job)
            new = self._model(job.model_id, run, store, shifts, now=now)
        except LostLeaseError:
            return Settled(job)
        except ModelfolioError as error:
            return Settled(job, error=str(error))
        except sa.exc.DBAPIError as error:
            return Settled(job, error=_said(job, error))
        except Exception as error:  # noqa: BLE001 - one model's failure must not stop the others; it is shown on its page
            return Settled(job, error=f"Unexpected {type(error).__name__}: {error}")
        return Settled(job, assessments=new, writes=tuple(put_off))

    def _model(
        self, model_id: str, run: Run, store: RegistryAssessments, shifts: RegistryShifts, *, now: datetime
    ) -> int:
        ahead, asked = store.ahead or ReadAhead(), run.asked
        known = ahead.models.get(model_id)
        model = known[0] if known else model_registry.model(self.registry, model_id)
        policies = self.policies.of_tier(model.effective_tier)
        if shifts.is_settled:
            inputs, references = self._taken(model_id)
            records = shifts.records()
            if ahead.is_judged(model_id, asked.first, asked.last, records, newest_policy=policies.newest):
                return 0
            ahead.unpacked.update({kept.id: kept for kept in references})
            return judge(
                model,
                store=store,
                shifts=shifts,
                first=asked.first,
                last=asked.last,
                now=now,
                policies=policies,
                inputs=inputs,
            )
        counted = ahead.counted.get(model_id)
        opened = model_registry.open_log(self.registry, model_id, connections=self.logs, known=known, counted=counted)
        found: dict[str, KnownInputs] = {}
        with opened as log:
            find(
                model,
                log=log,
                store=store,
                shifts=shifts,
                first=asked.first,
                last=asked.last,
                now=now,
                policies=policies,
                inputs=found,
            )
        self._keep(model_id, found, ahead)
        return 0

    def _keep(self, model_id: str, found: dict[str, KnownInputs], ahead: ReadAhead) -> None:
        """Keep what the third phase needs again, as much as fits: it comes by in the same order."""
        self._taken(model_id)
        size = sum(each.size_bytes for each in found.values())
        if not found or self._kept_bytes + size > KEPT_BYTES:
            return
        used = {id(each.segment.reference) for each in found.values()}
        references = [kept for kept in ahead.unpacked.values() if id(kept.reference) in used]
        self._kept[model_id], self._kept_bytes = (found, references), self._kept_bytes + size

    def _taken(self, model_id: str) -> tuple[dict[str, KnownInputs], list[KeptReference]]:
        inputs, references = self._kept.pop(model_id, ({}, []))
        self._kept_bytes -= sum(each.size_bytes for each in inputs.values())
        return inputs, references


def _said(job: Job, error: sa.exc.DBAPIError) -> str:
    whose = "The database of its log" if job.phase is Phase.FINDINGS else "The registry's database"
    return f"{whose} says: {str(error.orig).strip().splitlines()[0]}"


@contextmanager
def renewed(board: JobBoard, jobs: Sequence[Job]) -> Iterator[None]:
    """Renew the leases of jobs from a thread of its own for as long as they are worked on."""
    over = Event()

    def renew() -> None:
        while not over.wait(board.lease_seconds / 3):
            board.renew(jobs)

    thread = Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


_work: Work | None = None
"""The one of this process of a pool."""


def _begin(address: str, audit_key: bytes, connections: Mapping[str, str], lease_seconds: float) -> None:
    global _work  # noqa: PLW0603 - a process of a pool has no other place to keep what its tasks share
    _work = Work(Registry.open(address, audit_key=audit_key), connections, lease_seconds)


def _done(jobs: Sequence[Job], run: Run) -> list[Settled]:
    assert _work is not None  # noqa: S101 - the pool begins each process with it
    return _work.done(jobs, run)


class Pool:
    """Processes that do jobs, and are replaced when one of them dies.

    A process that dies takes the whole pool with it, and nobody can say which job it was: the unfinished ones are tried
    again one at a time, and one that ends its process again is what did it.
    """

    def __init__(self, work: Work, workers: int) -> None:
        url = work.registry.writer.url.render_as_string(hide_password=False)
        self._given = (url, work.registry.audit_key, dict(work.connections), work.lease_seconds)
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def _opened(self, workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, get_context("spawn"), _begin, self._given)

    def done(self, jobs: Sequence[Job], run: Run) -> list[Settled]:
        """Do jobs, some at the same time, and return what became of each."""
        if self._pool is None:
            self._pool = self._opened(self.workers)
        share = max(1, -(-len(jobs) // (2 * self.workers)))
        parts = [list(jobs[start : start + share]) for start in range(0, len(jobs), share)]
        found: list[Settled] = []
        unfinished: list[Job] = []
        try:
            futures: list[tuple[Future[list[Settled]], list[Job]]] = [
                (self._pool.submit(_done, part, run), part) for part in parts
            ]
        except BrokenProcessPool:
            futures, unfinished = [], list(jobs)
        for future, part in futures:
            try:
                found.extend(future.result())
            except BrokenProcessPool:
                unfinished.extend(part)
        if unfinished:
            self.close()
            found.extend(self._one_by_one(unfinished, run))
        return found

    def _one_by_one(self, jobs: Sequence[Job], run: Run) -> Iterator[Settled]:
        single: ProcessPoolExecutor | None = None
        try:
            for job in jobs:
                single = single or self._opened(1)
                try:
                    yield from single.submit(_done, [job], run).result()
                except BrokenProcessPool:
                    single.shutdown(wait=False)
                    single = None
                    yield Settled(job, error="Its assessment ended the process that ran it; is the memory enough?")
        finally:
            if single is not None:
                single.shutdown()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
