"""Leases: every piece of a run is done by one worker, whoever dies is replaced, and who was thought dead is refused."""

from __future__ import annotations

import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from data_access.assess_jobs import (
    FEWEST_JOBS_AT_ONCE,
    MOST_ATTEMPTS,
    MOST_JOBS_AT_ONCE,
    Asked,
    FencedRegistry,
    Job,
    JobBoard,
    JobState,
    Phase,
    Run,
    Settled,
)
from data_access.assess_portfolio import _close
from data_access.assess_work import Work
from data_access.put_off import Write
from data_access.registry import Registry
from data_access.tables import AssessJobRow, AssessRunRow, AuditEventRow, ModelRow
from monitoring.errors import LostLeaseError
from tests.fresh import fresh_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session


NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LAST = date(2026, 3, 1)
ASKED = Asked(None, LAST, None, NOW)
MODELS = [f"m{number:02}" for number in range(40)]
ELSEWHERE = "elsewhere:1:a"
"""A worker on another machine: nobody here can tell whether it lives."""


@pytest.fixture(params=["sqlite", "postgres"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    address = f"sqlite:///{tmp_path / 'registry.db'}"
    if request.param == "postgres":
        address = request.getfixturevalue("postgres_url")
    fresh_registry(address)
    opened = Registry.open(address, audit_key=b"key")
    with opened.write() as session:
        for name in MODELS:
            known: dict[str, Any] = {"card": {}, "card_hash": "", "created_at": NOW, "updated_at": NOW}
            session.add(ModelRow(id=name, name=name, task="binary", **known))
    yield opened
    opened.close()


def board(registry: Registry, owner: str = "", *, overdue_seconds: float = 1800.0) -> JobBoard:
    made = JobBoard(registry, overdue_seconds=overdue_seconds)
    made.owner = owner or made.owner
    return made


def joined(worker: JobBoard, asked: Asked = ASKED, models: list[str] = MODELS) -> Run:
    run = worker.join(asked, models)
    assert run is not None
    return run


def let_leases_run_out(registry: Registry, **changes: timedelta) -> None:
    """Turn the clock of the leases: they ended a minute ago."""
    past = datetime.now(UTC) - timedelta(minutes=1)
    values: dict[str, Any] = {"lease_until": past}
    if ago := changes.get("leased"):
        values = {"leased_at": datetime.now(UTC) - ago}
    with registry.keep_books() as session:
        session.execute(sa.update(AssessJobRow).where(AssessJobRow.state == JobState.LEASED).values(**values))


def all_of(worker: JobBoard, run: Run, phase: Phase = Phase.FINDINGS) -> list[Job]:
    found: list[Job] = []
    while leased := worker.lease(run, phase):
        found.extend(leased)
    return found


def test_workers_at_the_same_time_share_the_models_of_one_run(registry: Registry) -> None:
    start = threading.Barrier(4)

    def work() -> list[str | None]:
        worker = board(registry)
        start.wait()
        run = joined(worker)
        found = []
        while leased := worker.lease(run, Phase.FINDINGS):
            worker.settle([Settled(job) for job in leased])
            found += [job.model_id for job in leased]
        return found

    with ThreadPoolExecutor(4) as threads:
        shares = [future.result() for future in [threads.submit(work) for _ in range(4)]]
    assert sorted(name for share in shares for name in share if name) == MODELS
    with registry.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(AssessRunRow)) == 1


def test_shares_get_smaller_towards_the_end(registry: Registry) -> None:
    worker, sizes = board(registry), []
    run = joined(worker)
    while leased := worker.lease(run, Phase.FINDINGS, workers=1):
        sizes.append(len(leased))
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == len(MODELS) // 2 <= MOST_JOBS_AT_ONCE
    assert sizes[-1] <= FEWEST_JOBS_AT_ONCE < sizes[0]


def test_a_lease_that_ran_out_goes_to_somebody_else_and_the_late_one_is_refused(registry: Registry) -> None:
    late, other = board(registry, ELSEWHERE), board(registry)
    run = joined(late)
    (first, *_) = late.lease(run, Phase.FINDINGS)
    let_leases_run_out(registry)
    taken = {job.id: job for job in all_of(other, run)}
    assert taken[first.id].fence == first.fence + 1
    with pytest.raises(LostLeaseError, match="taken over"), FencedRegistry(registry, first, lease_seconds=9).write() as session:  # fmt: skip
        session.execute(sa.update(ModelRow).values(last_error="from the dead"))
    assert late.settle([Settled(first, assessments=7)]) == []
    assert other.settle([Settled(taken[first.id], assessments=1)]) != []
    with registry.read() as session:
        assert session.scalars(sa.select(ModelRow.last_error).distinct()).all() == [None]
        assert session.get_one(AssessJobRow, first.id).assessments == 1


def test_what_was_put_off_is_stored_behind_the_fence_of_its_job_alone(registry: Registry) -> None:
    late, other = board(registry, ELSEWHERE), board(registry)
    run = joined(late)
    first, second, *_ = late.lease(run, Phase.FINDINGS)
    with registry.keep_books() as session:
        session.execute(sa.update(AssessJobRow).where(AssessJobRow.id == first.id).values(fence=first.fence + 1))
    revision = registry.revision()
    late.settle([Settled(job, writes=(said_of(job),)) for job in (first, second)])
    assert registry.revision() == revision + 1
    with registry.read() as session:
        assert session.scalars(sa.select(ModelRow.id).where(ModelRow.purpose == "said")).all() == [second.model_id]
    assert other.counts(run, Phase.FINDINGS)[JobState.DONE] == 1


def said_of(job: Job) -> Write:
    return Write(says, job.model_id)


def says(session: Session, models: list[str]) -> None:
    session.execute(sa.update(ModelRow).where(ModelRow.id.in_(models)).values(purpose="said"))


def test_what_cannot_be_stored_of_one_model_is_the_failure_of_that_one(registry: Registry) -> None:
    def broken(session: Session, _: list[None]) -> None:
        session.execute(sa.text("INSERT INTO models (nothing) VALUES (1)"))

    worker = board(registry)
    run = joined(worker)
    jobs = worker.lease(run, Phase.FINDINGS)
    found = [Settled(job, writes=(said_of(job), *([Write(broken, None)] if job is jobs[1] else []))) for job in jobs]
    assert all(each.is_stored for each in Work(registry, {}, 60)._stored(found))
    with registry.read() as session:
        stored = session.scalars(sa.select(ModelRow.id).where(ModelRow.purpose == "said").order_by(ModelRow.id)).all()
        failed = session.scalars(sa.select(ModelRow.id).where(ModelRow.last_error.is_not(None))).all()
    assert stored == sorted(str(job.model_id) for job in jobs if job is not jobs[1])
    assert failed == [jobs[1].model_id]


def test_a_lease_holds_while_it_is_renewed(registry: Registry) -> None:
    holder, other = board(registry, ELSEWHERE), board(registry)
    run = joined(holder)
    leased = all_of(holder, run)
    let_leases_run_out(registry)
    holder.renew(leased)
    assert other.lease(run, Phase.FINDINGS) == []
    let_leases_run_out(registry)
    with FencedRegistry(registry, leased[0], lease_seconds=60).write():
        pass
    assert leased[0].id not in {job.id for job in all_of(other, run)}


def test_what_a_dead_process_of_this_machine_held_is_free_at_once(registry: Registry) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    dead = board(registry, f"{socket.gethostname()}:{pid}:a")
    assert len(all_of(dead, joined(dead))) == len(MODELS)
    worker = board(registry)
    assert len(all_of(worker, joined(worker))) == len(MODELS)


def test_another_run_waits_while_one_is_worked_on_and_replaces_it_when_nobody_does(registry: Registry) -> None:
    first, second = board(registry, ELSEWHERE), board(registry)
    run = joined(first)
    leased = first.lease(run, Phase.FINDINGS)
    other = Asked(None, LAST + timedelta(days=1), None, NOW)
    assert second.join(other, MODELS) is None
    first.give_back(leased)
    assert joined(second, other).id != run.id
    assert first.lease(run, Phase.FINDINGS) == []
    with registry.read() as session:
        states = session.scalars(sa.select(AssessRunRow.state).order_by(AssessRunRow.id)).all()
    assert states == ["abandoned", "running"]


def test_a_model_that_takes_too_long_does_not_hold_up_the_search_for_shifts(registry: Registry) -> None:
    slow, worker = board(registry, ELSEWHERE), board(registry, overdue_seconds=600)
    run = joined(slow, models=MODELS[:1])
    (job,) = slow.lease(run, Phase.FINDINGS)
    assert worker.counts(run, Phase.FINDINGS)[JobState.LEASED] == 1
    let_leases_run_out(registry, leased=timedelta(minutes=11))
    slow.renew([job])
    counts = worker.counts(run, Phase.FINDINGS)
    assert (counts[JobState.LEASED], counts[JobState.FAILED]) == (0, 1)
    with pytest.raises(LostLeaseError), FencedRegistry(registry, job, lease_seconds=9).write():
        pass
    with registry.read() as session:
        _, _, failures = worker.outcome(session, run)
    assert failures == [{"model": "m00", "reason": "Overdue: reading its log took longer than 10 minutes."}]


def test_a_model_whose_workers_keep_dying_comes_alone_and_is_given_up_in_the_end(registry: Registry) -> None:
    run = joined(board(registry, ELSEWHERE))
    leases = 0
    while True:
        worker = board(registry, ELSEWHERE)
        leased = [job for job in all_of(worker, run) if job.model_id == "m05"]
        if not leased:
            break
        leases += 1
        let_leases_run_out(registry)
    assert leases == MOST_ATTEMPTS
    with registry.read() as session:
        row = session.scalars(sa.select(AssessJobRow).where(AssessJobRow.model_id == "m05")).one()
        assert row.error is not None
        assert (row.state, row.error.startswith("The process that assessed it died 6 times")) == ("failed", True)


def test_after_a_death_models_are_leased_one_at_a_time(registry: Registry) -> None:
    dead, worker = board(registry, ELSEWHERE), board(registry)
    run = joined(dead)
    all_of(dead, run)
    let_leases_run_out(registry)
    assert [len(worker.lease(run, Phase.FINDINGS)) for _ in range(3)] == [1, 1, 1]


def test_failed_models_get_no_verdict_and_done_ones_do(registry: Registry) -> None:
    worker = board(registry)
    run = joined(worker, models=MODELS[:3])
    jobs = all_of(worker, run)
    worker.settle([Settled(job, error="broken" if job.model_id == "m01" else None) for job in jobs])
    worker.begin_verdicts(run)
    worker.begin_verdicts(run)
    assert sorted(job.model_id or "" for job in all_of(worker, run, Phase.VERDICTS)) == ["m00", "m02"]
    assert worker.totals(run) == (4, 6)


def test_a_run_ends_once_and_leaves_one_event_however_many_workers_end_it(registry: Registry) -> None:
    worker = board(registry)
    run = joined(worker, models=MODELS[:2])
    worker.settle([Settled(job, assessments=5) for job in all_of(worker, run)])
    start = threading.Barrier(3)

    def close() -> None:
        start.wait()
        _close(registry, board(registry), run)

    with ThreadPoolExecutor(3) as threads:
        for future in [threads.submit(close) for _ in range(3)]:
            future.result()
    with registry.read() as session:
        row = session.scalars(sa.select(AssessRunRow)).one()
        assert (row.state, row.models, row.assessments) == ("finished", 2, 10)
        assert session.scalar(sa.select(sa.func.count()).select_from(AuditEventRow)) == 1
        assert session.scalar(sa.select(sa.func.count()).select_from(AssessJobRow)) == 0


def test_leases_leave_the_caches_of_pages_as_they_are(registry: Registry) -> None:
    before, worker = registry.revision(), board(registry)
    run = joined(worker)
    worker.renew(worker.lease(run, Phase.FINDINGS))
    assert registry.revision() == before
