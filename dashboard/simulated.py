"""The simulated portfolio beside the real one: where it is, how far it has come, and how it is made.

It has a home of its own inside the home, with its own registry, so that nothing of it can be taken for real. ``state.json``
there says how far it is; whoever makes it holds the lock file.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from dashboard.demo_people import add_people
from dashboard.opening import open_registry
from dashboard.settings import PREFIX
from data_access.assess_portfolio import assess_portfolio
from data_access.demo_clock import demo_clock, move_demo_clock
from data_access.registry import SCHEMA
from data_access.schema import upgrade
from monitoring.errors import ModelfolioError, SimulationError
from monitoring.policy import METHOD_VERSION
from sample_data import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dashboard.settings import Settings
    from data_access.registry import Registry
    from sample_data.simulated_recipes import Recipe

FOLDER, STATE, LOCK, LOG = "simulated", "state.json", "build.lock", "build.log"
EXPECTED, MADE_FROM = "expected.csv", "made_from.json"
JUDGED_DAYS = 60
"""The last days are judged, from all that was drawn: twice as many would take twice the time and the disk."""
OPENING_DAYS_BEFORE_END = 10
"""The clock opens when the world shift is two to three weeks old and the feed shift has just been noticed."""
SECONDS_BETWEEN_STATES = 1.0
NICENESS = 15
MOST_WORKERS = 2


class Stage(StrEnum):
    """How far the simulated portfolio is."""

    ABSENT = "absent"
    DRAWING = "drawing"
    DRAWN = "drawn"
    JUDGING = "judging"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class State:
    """What is known of the simulated portfolio; ``sentence`` says why it failed, ``made_from`` what it was made from."""

    stage: Stage = Stage.ABSENT
    models: int = 0
    done: int = 0
    total: int = 0
    sentence: str = ""
    made_from: str = ""
    process: int = 0

    @property
    def is_being_made(self) -> bool:
        """Whether a process works on it."""
        return self.stage in {Stage.DRAWING, Stage.JUDGING}

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1; judging takes the greater part."""
        part = self.done / self.total if self.total else 0.0
        return {Stage.DRAWING: 0.3 * part, Stage.JUDGING: 0.3 + 0.7 * part, Stage.READY: 1.0}.get(self.stage, 0.0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The portfolio to be made."""

    models: int = simulate.MODELS
    days: int = simulate.DAYS
    seed: int = simulate.SEED
    with_logs: bool = False

    @property
    def made_from(self) -> str:
        """A text that changes when the result would."""
        said = asdict(self) | {
            "judged": JUDGED_DAYS,
            "generation": simulate.GENERATION,
            "method": METHOD_VERSION,
            "schema": SCHEMA,
        }
        return json.dumps(said, sort_keys=True)


def simulated_settings(settings: Settings) -> Settings:
    """Return the settings of the simulated portfolio: the same, with a home, a registry and a log store of its own."""
    return settings.model_copy(
        update={
            "home": settings.home / FOLDER,
            "registry_url": None,
            "log_url": None,
            "connections": {},
            "anchor_file": None,
        }
    )


def state(settings: Settings) -> State:
    """Return how far the simulated portfolio of a home is; one whose maker is gone has failed."""
    try:
        said = json.loads((settings.home / FOLDER / STATE).read_text(encoding="utf-8"))
        found = State(**(said | {"stage": Stage(said["stage"])}))
    except (OSError, ValueError, TypeError, KeyError):
        return State()
    if found.is_being_made and not _is_alive(found.process):
        return replace(found, stage=Stage.FAILED, sentence="It was interrupted; the next start goes on with it.")
    return found


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _keep_state(home: Path, now: State) -> None:
    """Write the state such that a reader sees the old one or the new one."""
    draft = home / f"{STATE}.{os.getpid()}"
    draft.write_text(json.dumps(asdict(now)), encoding="utf-8")
    draft.replace(home / STATE)


def start(settings: Settings, wanted: Wanted) -> subprocess.Popen[bytes] | None:
    """Begin to make the portfolio in a process of its own, or go on with it; nothing when it is ready."""
    known = state(settings)
    if known.stage is Stage.READY and known.made_from == wanted.made_from:
        return None
    home = settings.home / FOLDER
    home.mkdir(parents=True, exist_ok=True)
    program = "from dashboard.cli import main; main()"
    asked = ["simulate", "--models", str(wanted.models), "--days", str(wanted.days), "--seed", str(wanted.seed)]
    environment = os.environ | {
        f"{PREFIX}HOME": str(settings.home.resolve()),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with (home / LOG).open("wb") as log:
        maker = subprocess.Popen(
            [sys.executable, "-c", program, *asked, "--background"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    # Importing takes a maker longer than this, so it is the maker that says more.
    _keep_state(home, State(Stage.DRAWING, wanted.models, total=wanted.models, process=maker.pid))
    threading.Thread(target=maker.wait, daemon=True).start()
    return maker


def stay_in_background(*, niceness: int = NICENESS) -> None:
    """Leave the processor to everybody else, and end when told to or when the process that began it is gone; pools are closed then."""
    os.nice(niceness)
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, signal.default_int_handler)
    parent, main = os.getppid(), threading.main_thread().ident

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_STATES)
        if main is not None:
            signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=watch, daemon=True).start()


def stop(process: subprocess.Popen[bytes] | None) -> None:
    """End the process that makes the portfolio; the next start goes on."""
    if process is not None and process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def build(
    settings: Settings,
    wanted: Wanted,
    *,
    judge: bool = True,
    report: Callable[[str, int, int, str], None] | None = None,
) -> Settings:
    """Make the simulated portfolio of a home, or go on where it was interrupted, and return its settings.

    One made from something else is thrown away first.

    Raises:
        SimulationError: another process is making it, or some of it could not be judged.
    """
    ours = simulated_settings(settings)
    ours.home.mkdir(parents=True, exist_ok=True)
    with _only_maker(ours.home), _failure_kept(ours.home, wanted):
        known = state(settings)
        is_same = _kept_source(ours.home) == wanted.made_from
        if is_same and known.stage is Stage.READY:
            return ours
        _keep_state(ours.home, State(Stage.DRAWING, wanted.models, total=wanted.models, process=os.getpid()))
        if not is_same:
            _throw_away(ours.home)
            (ours.home / MADE_FROM).write_text(wanted.made_from, encoding="utf-8")
        upgrade(ours.registry_address())
        registry = open_registry(ours)
        try:
            _make(registry, ours, wanted, judge=judge, report=report or _silent)
        finally:
            registry.close()
        stage = Stage.READY if judge else Stage.DRAWN
        _keep_state(ours.home, State(stage, wanted.models, made_from=wanted.made_from))
    return ours


def _silent(what: str, done: int, total: int, name: str) -> None:
    del what, done, total, name


def _make(
    registry: Registry,
    ours: Settings,
    wanted: Wanted,
    *,
    judge: bool,
    report: Callable[[str, int, int, str], None],
) -> None:
    """Register, profile and judge the models; the clock is set when all that is done."""
    planned = simulate.planned(wanted.models, days=wanted.days, seed=wanted.seed)
    now, telling = datetime.now(UTC), _Telling(ours.home, wanted, report)
    (ours.home / EXPECTED).write_text(simulate.expected_csv(planned), encoding="utf-8")
    add_people(registry)
    workers = min(MOST_WORKERS, os.cpu_count() or 1)
    simulate.add_owners(registry, now=now)
    if wanted.with_logs:
        tell = telling.of(Stage.DRAWING, "Drawing and importing")
        simulate.import_logs(registry, planned, log_address=ours.log_address(), now=now, report=tell)
    else:
        simulate.register(registry, planned, now=now)
        simulate.profile(registry, planned, now=now, workers=workers, report=telling.of(Stage.DRAWING, "Drawing"))
    if judge:
        _judge(registry, ours, planned, report=telling.of(Stage.JUDGING, "Judging"))
        last = planned[0].last_day
        if demo_clock(registry) is None:
            move_demo_clock(registry, day=last - timedelta(days=OPENING_DAYS_BEFORE_END), last_day=last)


def _judge(
    registry: Registry, ours: Settings, planned: list[Recipe], *, report: Callable[[int, int, str], None]
) -> None:
    run = assess_portfolio(
        registry,
        connections=ours.connection_addresses(),
        settle_hours=ours.settle_hours,
        now=datetime.now(UTC),
        first=max(planned[0].first_day, planned[0].last_day - timedelta(days=JUDGED_DAYS - 1)),
        last=planned[0].last_day,
        report=report,
    )
    if run.failures:
        model, reason = next(iter(run.failures.items()))
        raise SimulationError(f"{len(run.failures)} simulated models could not be judged; {model}: {reason}")


@dataclass
class _Telling:
    """Tells how far it is: the caller at every step, the state's readers about once a second."""

    home: Path
    wanted: Wanted
    report: Callable[[str, int, int, str], None]
    told_at: float = float("-inf")

    def of(self, stage: Stage, what: str) -> Callable[[int, int, str], None]:
        """Return what a stage is to call with its done, total and name."""

        def tell(done: int, total: int, name: str) -> None:
            self.report(what, done, total, name)
            now = time.monotonic()
            if now - self.told_at >= SECONDS_BETWEEN_STATES:
                self.told_at = now
                _keep_state(self.home, State(stage, self.wanted.models, done, total, process=os.getpid()))

        return tell


@contextmanager
def _only_maker(home: Path) -> Iterator[None]:
    """Hold the lock of those who make it; the system gives it back however this process ends."""
    with (home / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SimulationError("Another process is making the simulated portfolio; wait for it.") from None
        yield


@contextmanager
def _failure_kept(home: Path, wanted: Wanted) -> Iterator[None]:
    """Leave one sentence in the state when making it fails."""
    try:
        yield
    except ModelfolioError as error:
        _keep_state(home, State(Stage.FAILED, wanted.models, sentence=str(error)))
        raise
    except Exception as error:
        sentence = f"It could not be made: {type(error).__name__}: {error}"
        _keep_state(home, State(Stage.FAILED, wanted.models, sentence=sentence.splitlines()[0]))
        raise


def _kept_source(home: Path) -> str:
    try:
        return (home / MADE_FROM).read_text(encoding="utf-8")
    except OSError:
        return ""


def _throw_away(home: Path) -> None:
    """Remove a portfolio that was made from something else; the audit key stays."""
    for pattern in ("registry.db*", "predictions.db*", EXPECTED, MADE_FROM):
        for file in home.glob(pattern):
            file.unlink()
