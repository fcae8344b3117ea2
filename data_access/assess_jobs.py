"""The pieces of a run of assess, leased by workers: any number of processes share a run, and one that dies is replaced.

A lease ends by itself unless it is renewed. Whoever leases a piece gets a higher fence, and every transaction of a worker
checks its fence, so that the results of one that was thought dead are refused.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from secrets import token_hex
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.assessment_store import keep_failure
from data_access.put_off import store
from data_access.registry import Registry
from data_access.tables import AssessJobRow, AssessRunRow, ShiftProgressRow, Table
from monitoring.errors import LostLeaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from data_access.put_off import Write

MOST_JOBS_AT_ONCE, FEWEST_JOBS_AT_ONCE = 32, 8
"""Per process. What is read and stored of so many models together costs a model little."""
MOST_ATTEMPTS = 6
"""A model that was being assessed when its worker died, this many times over, is not tried again in the run."""
RUNNING, FINISHED, ABANDONED = "running", "finished", "abandoned"


class Phase(StrEnum):
    """The three phases of a run."""

    FINDINGS = "findings"
    SHIFTS = "shifts"
    VERDICTS = "verdicts"


class JobState(StrEnum):
    """Where a piece of a run is."""

    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"


SETTLED = (JobState.DONE, JobState.FAILED)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is to do: judge the days from ``first`` (missing: where each model stands) to ``last``; ``at`` is the present."""

    first: date | None
    last: date
    only: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """A run that somebody began; every worker that asks for the same shares it."""

    id: int
    started: datetime
    asked: Asked


@dataclass(frozen=True, slots=True)
class Job:
    """A leased piece of a run: one model in one phase, or without a model the search for shifts."""

    id: int
    run_id: int
    phase: Phase
    model_id: str | None
    fence: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a job; ``writes`` are to be stored with it, ``is_stored`` says that all of it is."""

    job: Job
    assessments: int = 0
    error: str | None = None
    writes: tuple[Write, ...] = ()
    is_stored: bool = False


@dataclass
class JobBoard:
    """The jobs of a registry's runs, as one worker sees them.

    Args:
        registry: where the jobs are.
        lease_seconds: how long a lease holds without being renewed.
        overdue_seconds: how long the search for shifts waits for a model that somebody is still working on.
        owner: names the worker: its machine, its process and a word of its own.
    """

    registry: Registry
    lease_seconds: float = 60.0
    overdue_seconds: float = 1800.0
    owner: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{token_hex(4)}")

    def join(self, asked: Asked, models: Sequence[str]) -> Run | None:
        """Return the run that does what is asked: one that is under way, or a new one with a job per model.

        While others work on another run there is none; one that nobody works on any more makes way.
        """
        with self.registry.keep_books() as session:
            # One process at a time decides; SQLite lets only one write anyway.
            session.execute(sa.select(ShiftProgressRow.id).with_for_update())
            self._release_the_dead(session)
            for row in session.scalars(sa.select(AssessRunRow).where(AssessRunRow.state == RUNNING)):
                if (row.first_day, row.last_day, row.only_model) == (asked.first, asked.last, asked.only):
                    return _run(row)
                if self._is_worked_on(session, row.id):
                    return None
                session.execute(sa.delete(AssessJobRow).where(AssessJobRow.run_id == row.id))
                row.state, row.finished_at = ABANDONED, _now(session)
            row = AssessRunRow(
                started_at=datetime.now(UTC),
                first_day=asked.first,
                last_day=asked.last,
                only_model=asked.only,
                at=asked.at,
                state=RUNNING,
                failures=[],
            )
            session.add(row)
            session.flush()
            waiting = {"run_id": row.id, "state": JobState.WAITING, "fence": 0, "attempts": 0, "assessments": 0}
            rows = [{"model_id": model_id, "phase": Phase.FINDINGS} | waiting for model_id in models]
            if asked.only is None:
                rows.append({"model_id": None, "phase": Phase.SHIFTS} | waiting)
            if rows:
                session.execute(sa.insert(AssessJobRow), rows)
            return _run(row)

    def _release_the_dead(self, session: Session) -> None:
        """End the leases of processes of this machine that are gone: nobody has to wait for them."""
        query = sa.select(AssessJobRow.owner).where(AssessJobRow.state == JobState.LEASED).distinct()
        for owner in session.scalars(query).all():
            if owner and not _is_alive(owner):
                self._release(session, AssessJobRow.owner == owner)

    def _release(self, session: Session, *which: sa.ColumnElement[bool]) -> None:
        session.execute(
            sa.update(AssessJobRow)
            .where(AssessJobRow.state == JobState.LEASED, *which)
            .values(state=JobState.WAITING, lease_until=None, owner=None)
        )

    def _is_worked_on(self, session: Session, run_id: int) -> bool:
        live = (AssessJobRow.state == JobState.LEASED) & (AssessJobRow.lease_until > _now(session))
        return session.scalar(sa.select(sa.func.count()).where(AssessJobRow.run_id == run_id, live)) != 0

    def lease(self, run: Run, phase: Phase, *, workers: int = 1) -> list[Job]:
        """Lease some jobs of a phase that nobody holds, fewer towards the end; one that cost a worker its life comes alone."""
        with self.registry.keep_books() as session:
            now = _now(session)
            self._fail_hopeless(session, run, now)
            if self._is_over(session, run):
                return []
            free = self._free(run, phase, now)
            left = session.scalar(sa.select(sa.func.count()).select_from(AssessJobRow).where(*free)) or 0
            most = max(FEWEST_JOBS_AT_ONCE, min(MOST_JOBS_AT_ONCE * workers, left // 2))
            fresh = self._leased(session, [*free, AssessJobRow.attempts == 0], most=most, now=now)
            return fresh or self._leased(session, free, most=1, now=now)

    def _free(self, run: Run, phase: Phase, now: datetime) -> list[sa.ColumnElement[bool]]:
        expired = (AssessJobRow.state == JobState.LEASED) & (AssessJobRow.lease_until < now)
        waits = (AssessJobRow.state == JobState.WAITING) | expired
        return [AssessJobRow.run_id == run.id, AssessJobRow.phase == phase, waits]

    def _leased(
        self, session: Session, free: Sequence[sa.ColumnElement[bool]], *, most: int, now: datetime
    ) -> list[Job]:
        some = sa.select(AssessJobRow.id).where(*free).order_by(AssessJobRow.id).limit(most)
        ids = list(session.scalars(some.with_for_update(skip_locked=True)))
        if not ids:
            return []
        rows = session.execute(
            sa.update(AssessJobRow)
            .where(AssessJobRow.id.in_(ids), *free)
            .values(
                state=JobState.LEASED,
                owner=self.owner,
                fence=AssessJobRow.fence + 1,
                attempts=AssessJobRow.attempts + 1,
                leased_at=now,
                lease_until=now + timedelta(seconds=self.lease_seconds),
            )
            .returning(
                AssessJobRow.id, AssessJobRow.run_id, AssessJobRow.phase, AssessJobRow.model_id, AssessJobRow.fence
            )
        )
        return [Job(row.id, row.run_id, Phase(row.phase), row.model_id, row.fence) for row in rows]

    def _fail_hopeless(self, session: Session, run: Run, now: datetime) -> None:
        """Give up on models whose worker died again and again."""
        hopeless = (AssessJobRow.attempts >= MOST_ATTEMPTS) & sa.or_(
            AssessJobRow.state == JobState.WAITING, AssessJobRow.lease_until < now
        )
        said = f"The process that assessed it died {MOST_ATTEMPTS} times; is the memory enough?"
        session.execute(
            sa.update(AssessJobRow)
            .where(AssessJobRow.run_id == run.id, AssessJobRow.state.not_in(SETTLED), hopeless)
            .values(state=JobState.FAILED, error=said, lease_until=None)
        )

    def _is_over(self, session: Session, run: Run) -> bool:
        return session.scalar(sa.select(AssessRunRow.state).where(AssessRunRow.id == run.id)) != RUNNING

    def renew(self, jobs: Iterable[Job]) -> None:
        """Hold the leases of jobs for another while; those that are lost stay lost."""
        with self.registry.keep_books() as session:
            until = _now(session) + timedelta(seconds=self.lease_seconds)
            for job in jobs:
                session.execute(_held(job).values(lease_until=until))

    def give_back(self, jobs: Iterable[Job]) -> None:
        """Let others have jobs that were not done."""
        with self.registry.keep_books() as session:
            for job in jobs:
                session.execute(_held(job).values(state=JobState.WAITING, lease_until=None, owner=None, attempts=0))

    def settle(self, found: Iterable[Settled]) -> list[Settled]:
        """Store what became of jobs, in one transaction, and return those; one that somebody has taken over is theirs to settle."""
        given = list(found)
        if not given:
            return []
        is_shown = any(each.writes or (each.error and each.job.model_id) for each in given)
        with self.registry.write() if is_shown else self.registry.keep_books() as session:
            _let_go_after(session, self.lease_seconds)
            accepted = self._still_held(session, given)
            if not accepted:
                return []
            session.connection().execute(
                _SETTLE,
                [
                    {
                        "of_job": each.job.id,
                        "state_now": JobState.FAILED if each.error else JobState.DONE,
                        "error_now": each.error,
                        "more": each.assessments,
                    }
                    for each in accepted
                ],
            )
            store(session, (write for each in accepted for write in each.writes))
            for each in accepted:
                if each.error and each.job.model_id:
                    keep_failure(session, each.job.model_id, each.error, now=datetime.now(UTC))
        return [replace(each, writes=(), is_stored=True) for each in accepted]

    def _still_held(self, session: Session, given: Sequence[Settled]) -> list[Settled]:
        """Return those whose lease is still theirs, locked until the transaction ends."""
        query = sa.select(JOBS.c.id, JOBS.c.fence).where(
            JOBS.c.id.in_([each.job.id for each in given]), JOBS.c.state == JobState.LEASED
        )
        held = {(row.id, row.fence) for row in session.execute(query.order_by(JOBS.c.id).with_for_update())}
        return [each for each in given if (each.job.id, each.job.fence) in held]

    def counts(self, run: Run, phase: Phase) -> dict[JobState, int]:
        """Return the jobs of a phase by state; a model that is overdue no longer counts as leased."""
        with self.registry.keep_books() as session:
            if phase is Phase.FINDINGS:
                self._fail_overdue(session, run)
            query = (
                sa.select(AssessJobRow.state, sa.func.count())
                .where(AssessJobRow.run_id == run.id, AssessJobRow.phase == phase)
                .group_by(AssessJobRow.state)
            )
            found = {JobState(state): number for state, number in session.execute(query)}
        return {state: found.get(state, 0) for state in JobState}

    def _fail_overdue(self, session: Session, run: Run) -> None:
        """Go on without models that take too long; the fence refuses what they still send, the next run takes them in."""
        since = _now(session) - timedelta(seconds=self.overdue_seconds)
        said = f"Overdue: reading its log took longer than {self.overdue_seconds / 60:g} minutes."
        session.execute(
            sa.update(AssessJobRow)
            .where(
                AssessJobRow.run_id == run.id,
                AssessJobRow.phase == Phase.FINDINGS,
                AssessJobRow.state == JobState.LEASED,
                AssessJobRow.leased_at < since,
            )
            .values(state=JobState.FAILED, error=said, fence=AssessJobRow.fence + 1, lease_until=None)
        )

    def begin_verdicts(self, run: Run) -> None:
        """Put the models whose findings are done up for their verdicts; doing it twice changes nothing."""
        with self.registry.keep_books() as session:
            session.execute(
                sa.update(AssessJobRow)
                .where(
                    AssessJobRow.run_id == run.id,
                    AssessJobRow.phase == Phase.FINDINGS,
                    AssessJobRow.state == JobState.DONE,
                )
                .values(phase=Phase.VERDICTS, state=JobState.WAITING, attempts=0, lease_until=None)
            )

    def outcome(self, session: Session, run: Run) -> tuple[list[str], int, list[dict[str, str]]]:
        """Return the models that were assessed, how many assessments are new, and why models failed."""
        query = sa.select(AssessJobRow).where(AssessJobRow.run_id == run.id).order_by(AssessJobRow.id)
        rows = session.scalars(query).all()
        models = [row.model_id for row in rows if row.model_id and row.state == JobState.DONE]
        failures = [
            {"model": row.model_id or "", "reason": row.error or ""} for row in rows if row.state == JobState.FAILED
        ]
        return models, sum(row.assessments for row in rows), failures

    def close(self, session: Session, run: Run) -> bool:
        """End a run inside a transaction; false if somebody else did. Its jobs are gone then: what they found is stored."""
        models, assessments, failures = self.outcome(session, run)
        closed = session.execute(
            sa.update(AssessRunRow)
            .where(AssessRunRow.id == run.id, AssessRunRow.state == RUNNING)
            .values(
                state=FINISHED,
                finished_at=datetime.now(UTC),
                models=len(models),
                assessments=assessments,
                failures=failures,
            )
        )
        if closed.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has a row count
            return False
        session.execute(sa.delete(AssessJobRow).where(AssessJobRow.run_id == run.id))
        return True

    def totals(self, run: Run) -> tuple[int, int]:
        """Return how many pieces of a run are settled and how many there are: a model counts for findings and for verdicts."""
        with self.registry.read() as session:
            query = sa.select(AssessJobRow.phase, AssessJobRow.state, sa.func.count()).where(
                AssessJobRow.run_id == run.id, AssessJobRow.model_id.is_not(None)
            )
            rows = session.execute(query.group_by(AssessJobRow.phase, AssessJobRow.state)).all()
        done = sum(
            number * (phase == Phase.VERDICTS) + number * (state in SETTLED) for phase, state, number in rows
        ) + sum(number for phase, state, number in rows if phase == Phase.FINDINGS and state == JobState.FAILED)
        return done, 2 * sum(number for *_, number in rows)


JOBS = Table.metadata.tables["assess_jobs"]
_SETTLE = (
    sa.update(JOBS)
    .where(JOBS.c.id == sa.bindparam("of_job"))
    .values(
        state=sa.bindparam("state_now"),
        error=sa.bindparam("error_now"),
        assessments=JOBS.c.assessments + sa.bindparam("more"),
        lease_until=None,
    )
)


class FencedRegistry(Registry):
    """A registry for the holder of a lease: every transaction that writes renews it, and is refused once it is lost."""

    def __init__(self, registry: Registry, job: Job, *, lease_seconds: float) -> None:
        super().__init__(engine=registry.engine, writer=registry.writer, audit_key=registry.audit_key)
        self._job = job
        self._lease_seconds = lease_seconds

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a writing session of the lease's holder.

        Raises:
            LostLeaseError: somebody else has taken over.
        """
        with super().write() as session:
            _let_go_after(session, self._lease_seconds)
            until = _now(session) + timedelta(seconds=self._lease_seconds)
            renewed = session.execute(_held(self._job).values(lease_until=until))
            if renewed.rowcount != 1:  # type: ignore[attr-defined]  # an UPDATE has a row count
                raise LostLeaseError(f"Somebody else has taken over the assessment of {self._job.model_id!r}.")
            yield session


def _held(job: Job) -> sa.Update:
    return sa.update(AssessJobRow).where(
        AssessJobRow.id == job.id, AssessJobRow.fence == job.fence, AssessJobRow.state == JobState.LEASED
    )


def _let_go_after(session: Session, seconds: float) -> None:
    """End the transaction of a worker that stands still in it, where the database can: its locks would outlast its leases."""
    if session.connection().dialect.name == "postgresql":
        session.execute(sa.text(f"SET LOCAL idle_in_transaction_session_timeout = {int(seconds * 1000)}"))


def _now(session: Session) -> datetime:
    """Return the time that leases are measured in: that of the database where several machines share it."""
    if session.connection().dialect.name == "postgresql":
        found: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        return found
    return datetime.now(UTC)


def _run(row: AssessRunRow) -> Run:
    last, at = row.last_day, row.at
    assert last is not None  # noqa: S101 - a run that is running was made here
    assert at is not None  # noqa: S101 - the same
    return Run(row.id, row.started_at, Asked(row.first_day, last, row.only_model, at))


def _is_alive(owner: str) -> bool:
    """Return whether a worker may still be at work; of other machines nobody knows, their leases run out."""
    host, pid, _ = owner.rsplit(":", 2)
    if host != socket.gethostname():
        return True
    with suppress(PermissionError):
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
    return True
