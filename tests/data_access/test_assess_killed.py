"""Workers killed with -9 at any moment, and pools that lose a process: the end is that of an undisturbed run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa

from data_access import assess_work, model_registry
from data_access.assess_portfolio import AssessRun, Workers, assess_portfolio
from data_access.model_import import import_folders
from data_access.registry import Registry
from data_access.schema import upgrade
from data_access.tables import (
    AssessmentFactsRow,
    AssessmentRow,
    AssessRunRow,
    AuditEventRow,
    FindingRow,
    LogDayRow,
    ProfileRow,
    ReferenceRow,
    ShiftDayRow,
    SignRow,
)
from tests.pipeline import FIRST, model_card, model_folder, predictions, reference_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAYS, BREAK = 24, 14
LAST = FIRST + timedelta(days=DAYS - 1)
NAMES = [f"m{number}" for number in range(6)]
KEY = b"key"
LEASE_SECONDS = 1.0
BEGIN = assess_work._begin
fork = multiprocessing.get_context("fork")
"""A forked process has everything imported: it can be killed in the midst of its work, many times in a minute."""


@dataclass
class Place:
    """A registry, wherever it is, and the logs of a small portfolio."""

    address: str
    log_address: str
    registry: Registry = field(init=False)

    def __post_init__(self) -> None:
        upgrade(self.address)
        self.registry = Registry.open(self.address, audit_key=KEY)

    def assesses(self, *, last: date = LAST, processes: int = 1, registry: Registry | None = None) -> AssessRun:
        return assess_portfolio(
            registry or self.registry,
            connections={"default": self.log_address},
            settle_hours=3,
            now=datetime.combine(last + timedelta(days=2), clock(12), tzinfo=UTC),
            last=last,
            workers=Workers(processes, lease_seconds=LEASE_SECONDS),
        )

    def stored(self) -> dict[str, Any]:
        """Everything that assess keeps, but for numbers and the machine's clock."""
        skipped = {
            "id",
            "recorded_at",
            "assessment_id",
            "reference_id",
            "facts_id",
            "sources_id",
            "shift_day_id",
            "mac",
        }
        found: dict[str, Any] = {}
        with self.registry.read() as session:
            tables = (ReferenceRow, ProfileRow, LogDayRow, SignRow, ShiftDayRow, AssessmentRow, FindingRow)
            for table in (*tables, AssessmentFactsRow):
                columns = [column for column in table.__table__.columns if column.key not in skipped]
                rows = session.execute(sa.select(*columns)).all()
                found[table.__tablename__] = sorted(repr(tuple(row)) for row in rows)
        return found


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six models, five of which lose half of a feed on one day."""
    root, reference = tmp_path_factory.mktemp("models"), reference_rows(rows_a_day=40)
    made = []
    for number, name in enumerate(NAMES):
        rows = predictions(days=DAYS, rows_a_day=40, seed=50 + number)
        if number:
            rows.loc[(rows["day"] >= BREAK) & (rows.index % 2 == 0), "dep_delay"] = np.nan
        made.append(model_folder(root / name, rows=rows, card=model_card(id=name, name=name), reference=reference))
    return made


def new_place(address: str, folder: Path, folders: list[Path]) -> Place:
    place = Place(address, f"sqlite:///{folder / 'predictions.db'}")
    import_folders(place.registry, folders, log_address=place.log_address, now=datetime(2026, 11, 24, tzinfo=UTC))
    return place


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, folders: list[Path]) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    place = new_place(f"sqlite:///{folder / 'registry.db'}", folder, folders)
    assert place.assesses().failures == {}
    yield place.stored()
    place.registry.close()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, folders: list[Path]) -> Iterator[Place]:
    address = f"sqlite:///{tmp_path / 'registry.db'}"
    if request.param == "postgres":
        address = request.getfixturevalue("postgres_url")
    made = new_place(address, tmp_path, folders)
    made.registry.close()
    yield made
    made.registry.close()


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [sorted(set(rows) ^ set(expected[name]))[:4], len(rows), len(expected[name])]
        for name, rows in found.items()
        if rows != expected[name]
    }


def work(place: Place, transactions: int = 0, seconds: float = 0.0) -> None:
    """Assess in a process of its own, which is killed in the midst of a transaction, right after one, or after a while."""
    if transactions:
        for name in ("write", "keep_books"):
            setattr(Registry, name, dying(getattr(Registry, name), transactions))
    if seconds:
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    registry = Registry.open(place.address, audit_key=KEY)
    place.assesses(registry=registry)
    os._exit(0)


begun = count(1)


def dying(transaction: Any, last: int) -> Any:
    """Kill the process in the transaction with this number if it is odd, else right after it; leases may be renewed meanwhile."""

    @contextmanager
    def killed(self: Registry) -> Iterator[Any]:
        number = next(begun) if threading.current_thread() is threading.main_thread() else 0
        with transaction(self) as session:
            yield session
            if number >= last and last % 2:
                session.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        if number >= last:
            os.kill(os.getpid(), signal.SIGKILL)

    return killed


def test_killed_at_random_moments_it_ends_as_if_nothing_had_happened(place: Place, undisturbed: dict[str, Any]) -> None:
    rng, kills = np.random.default_rng(7), 0
    while True:
        when = (int(rng.integers(3, 16)), 0.0) if kills < 6 else (0, float(rng.uniform(0.1, 1.0 + kills)))
        worker = fork.Process(target=work, args=(place, *when))
        worker.start()
        worker.join()
        if worker.exitcode == 0:
            break
        assert worker.exitcode == -signal.SIGKILL
        kills += 1
    assert kills >= 3
    assert differences(place.stored(), undisturbed) == {}
    with place.registry.read() as session:
        # One that is killed once its run is over leaves the next one a run with nothing to do.
        first, *later = session.scalars(sa.select(AssessRunRow).order_by(AssessRunRow.id)).all()
        assert all((run.state, run.models, run.failures) == ("finished", len(NAMES), []) for run in (first, *later))
        assert [run.assessments for run in later] == [0] * len(later)
        events = sa.select(sa.func.count()).select_from(AuditEventRow).where(AuditEventRow.action == "assess")
        assert session.scalar(events) == 1


WRITING = sa.text(
    "SELECT count(*) FROM pg_locks AS locks JOIN pg_stat_activity AS activity USING (pid) "
    "WHERE activity.datname = current_database() AND locks.mode = 'RowExclusiveLock' AND activity.state LIKE 'idle in%'"
)


def stop_between_writes(place: Place, pid: int) -> None:
    """Stop a process while it holds no lock: SQLite has one writer, PostgreSQL says who has written and waits."""
    while True:
        with place.registry.writer.begin():
            os.kill(pid, signal.SIGSTOP)
            os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)  # it may take its time
        if place.registry.engine.dialect.name == "sqlite":
            return
        writing = 0
        for _ in range(10):  # another's short write is over soon, that of a stopped process never
            with place.registry.engine.connect() as connection:
                writing = connection.execute(WRITING).scalar_one()
            if not writing:
                return
            time.sleep(0.1)
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.05)


def test_two_processes_share_a_run_and_one_that_stops_is_replaced(place: Place, undisturbed: dict[str, Any]) -> None:
    """A process that is only stopped, not dead, holds its leases until they run out; when it wakes up it is refused.

    It is stopped while it does not write: one that stands still in the middle of a write keeps its locks.
    """
    workers = [fork.Process(target=work, args=(place,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    time.sleep(1.0)
    assert workers[0].pid is not None
    stop_between_writes(place, workers[0].pid)
    try:
        workers[1].join(timeout=240)
        assert workers[1].exitcode == 0
    finally:
        os.kill(workers[0].pid, signal.SIGCONT)
        workers[0].join(timeout=240)
    assert workers[0].exitcode == 0
    assert differences(place.stored(), undisturbed) == {}
    with place.registry.read() as session:
        # One that is stopped before it could join finds a run with nothing to do when it wakes up.
        runs = [
            (run.state, run.assessments) for run in session.scalars(sa.select(AssessRunRow).order_by(AssessRunRow.id))
        ]
        assert runs in ([runs[0]], [runs[0], ("finished", 0)])
        assert runs[0][0] == "finished"
        assert runs[0][1] > 0


def begin_with_a_deadly_model(*given: Any) -> None:
    """Begin a process of a pool that ends when it opens the log of one model."""
    opened = model_registry.open_log

    def open_log(registry: Registry, model_id: str, **connections: Any) -> Any:
        if model_id == "m3":
            os.kill(os.getpid(), signal.SIGKILL)
        return opened(registry, model_id, **connections)

    model_registry.open_log = open_log  # type: ignore[assignment]  # takes what the real one takes
    BEGIN(*given)


def test_a_pool_survives_the_death_of_a_process_and_names_the_model_that_did_it(
    tmp_path: Path, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = new_place(f"sqlite:///{tmp_path / 'registry.db'}", tmp_path, folders)
    monkeypatch.setattr(assess_work, "_begin", begin_with_a_deadly_model)
    run = place.assesses(processes=2)
    assert run.models == len(NAMES) - 1
    assert run.failures == {"m3": "Its assessment ended the process that ran it; is the memory enough?"}
    with place.registry.read() as session:
        assert set(session.scalars(sa.select(AssessmentRow.model_id))) == set(NAMES) - {"m3"}
    place.registry.close()


def test_a_pool_gives_what_one_process_gives(tmp_path: Path, folders: list[Path], undisturbed: dict[str, Any]) -> None:
    place = new_place(f"sqlite:///{tmp_path / 'registry.db'}", tmp_path, folders)
    assert place.assesses(processes=2).failures == {}
    assert differences(place.stored(), undisturbed) == {}
    place.registry.close()
