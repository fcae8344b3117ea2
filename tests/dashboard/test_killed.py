"""Everything is killed with -9 again and again, all at the same time, while decisions are made, handed over, trained and judged.

The web server, an assess worker, the trigger worker and whoever decides run as processes of their own. At the end nothing that was acknowledged
is lost, no decision was triggered twice, and the chain of the audit trail is whole.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from data_access import audit_trail, decision_queries
from data_access.assess_portfolio import assess_portfolio
from data_access.model_import import import_folders
from data_access.registry import Registry
from data_access.schema import upgrade
from data_access.tables import AssessmentRow, AssessRunRow, AuditEventRow, ModelRow, ProfileRow, TriggerRow
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import work_once
from monitoring.lifecycle import State
from tests.deciding import MODEL
from tests.pipeline import FIRST, model_card, model_folder, predictions, reference_rows
from tests.receivers import Receiver, receiving, says
from tests.registry_contract import ADA, KEY, NOW, add_everybody
from tests.serving import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOKEN, SECRET = "a token of these tests", "0123456789abcdef secret"
MODELS, DAYS, LOGS = 300, 12, 12
TODAY = FIRST + timedelta(days=DAYS)
KILLS, LEAST_KILLS = 8, 3
"""An assessment may have done all there is before it was killed so often."""
PATIENCE_SECONDS = 120.0
COMMAND = (sys.executable, "-c", "from dashboard.cli import main; main()")
SAID_YES = 200


@dataclass
class Victim:
    """A process that is killed and started again; ``lines`` is what it has said."""

    home: Path
    command: Callable[[], tuple[str, ...]]
    variables: dict[str, str]
    lines: list[str] = field(default_factory=list)
    kills: int = 0

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command(),
            cwd=self.home,
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.listener = threading.Thread(target=self._listen, args=(self.process,))
        self.listener.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            # A line that the killed process could not finish was not said.
            self.lines.extend(line for line in process.stdout if line.endswith("\n"))

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.kills += self.process.wait() == -signal.SIGKILL
        self.listener.join()

    def hunted(self, *, kills: int, progress: Callable[[], int], rng: random.Random) -> None:
        """Kill it so many times, each time shortly after it has got something done; one that has done all there was is left in peace."""
        self.start()
        while self.kills < kills and not self.has_ended():
            goal, give_up_at = progress() + rng.randint(1, 6), time.monotonic() + PATIENCE_SECONDS
            while progress() < goal and time.monotonic() < give_up_at and not self.has_ended():
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.05))
            self.kill()
            self.start()

    def has_ended(self) -> bool:
        """Whether it has ended by itself, which it does only when all is done."""
        ended = self.process.poll()
        assert ended in {None, 0}, self.lines[-5:]
        return ended == 0


@dataclass
class Storm:
    """A registry with everybody in it, the processes that work on it, and a pipeline that hears of approved retrainings."""

    home: Path
    address: str
    receiver: Receiver
    port: int = field(default_factory=free_port)
    reported: dict[int, list[str]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        upgrade(self.address)
        self.registry = Registry.open(self.address, audit_key=KEY)
        add_everybody(self.registry)
        with self.registry.write() as session:
            names = [(MODEL.format(number), f"Model {number}") for number in range(MODELS)]
            told = {"task": "binary", "owner": ADA, "tier": 2, "card_hash": "", "has_log": False}
            told |= {"created_at": NOW, "updated_at": NOW}
            session.execute(
                sa.insert(ModelRow),
                [told | {"id": id_, "name": name, "card": {"id": id_, "name": name}} for id_, name in names],
            )
        folders = [
            model_folder(
                self.home / "models" / name,
                rows=predictions(days=DAYS, rows_a_day=40, seed=number),
                card=model_card(id=name, name=name),
                reference=reference_rows(rows_a_day=40),
            )
            for number, name in enumerate(f"log-{number}" for number in range(LOGS))
        ]
        import_folders(self.registry, folders, log_address=self.log_address, now=NOW)

    @property
    def log_address(self) -> str:
        return f"sqlite:///{self.home / 'predictions.db'}"

    @property
    def target(self) -> TriggerTarget:
        return TriggerTarget(name="t", url=self.receiver.address, secret=SECRET, timeout_seconds=5)

    def victim(self, *words: str) -> Victim:
        target = {"name": "t", "url": self.receiver.address, "secret": SECRET, "timeout_seconds": 5}
        variables = {
            "HOME": str(self.home),
            "REGISTRY_URL": self.address,
            "AUDIT_KEY": KEY.decode(),
            "AS_OF": TODAY.isoformat(),
            "REPORT_TOKEN": TOKEN,
            "LEASE_SECONDS": "1",
            "TRIGGER_TARGETS": json.dumps([target]),
        }
        return Victim(
            self.home, lambda: (*COMMAND, *words), {f"MODELFOLIO_{name}": each for name, each in variables.items()}
        )

    def decider(self) -> Victim:
        made = self.victim()
        made.command = lambda: (sys.executable, "-m", "tests.deciding", self.address, str(last_number(made.lines) + 1))
        return made

    def profiles(self) -> int:
        with self.registry.read() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(ProfileRow)) or 0

    def report_until_over(self) -> None:
        """Report start and end of every training the pipeline has heard of, again and again until the server has said yes."""
        while not self.over.is_set():
            self.report_what_is_open()
            time.sleep(0.01)

    def report_what_is_open(self) -> None:
        for _, _, body in list(self.receiver.requests):
            number = json.loads(body)["decision"]
            done = self.reported.setdefault(number, [])
            for report in ("started", "succeeded" if number % 2 else "failed")[len(done) :]:
                if not self.says_yes(number, {"report": report, "run": f"run-{number}"}):
                    break
                done.append(report)

    def says_yes(self, number: int, body: dict[str, str]) -> bool:
        if body["report"] == "succeeded":
            body |= {"version": f"v-{number}"}
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/decisions/{number}/report",
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310 - our own server
                return bool(answer.status == SAID_YES)
        except urllib.error.HTTPError as refused:
            with refused:
                pytest.fail(f"report {body} on decision {number} was refused: {refused.read().decode()}")
        except OSError:
            return False  # it was killed; nothing was acknowledged


def last_number(lines: list[str]) -> int:
    return max((int(line.split()[1]) for line in lines), default=-1)


def slowly(receiver: Receiver, write: Callable[[bytes], None]) -> None:
    """Take a retraining after a moment, in which the worker may be killed."""
    receiver.closing.wait(timeout=0.02)
    says("202 Accepted")(receiver, write)


@pytest.fixture
def storm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storm]:
    is_sqlite = request.param == "sqlite"
    address = f"sqlite:///{tmp_path / 'registry.db'}" if is_sqlite else request.getfixturevalue("postgres_url")
    with receiving(slowly) as receiver:
        made = Storm(tmp_path, address, receiver)
        yield made
        made.registry.close()


@pytest.mark.slow
@pytest.mark.parametrize("storm", ["sqlite", "postgres"], indirect=True)
def test_whatever_is_killed_nothing_acknowledged_is_lost_and_nothing_happens_twice(storm: Storm) -> None:
    decider, worker, assess = storm.decider(), storm.victim("triggers", "--every", "1s"), storm.victim("assess")
    server = storm.victim("serve", "--port", str(storm.port))
    hunts: list[tuple[Victim, Callable[[], int]]] = [
        (decider, lambda: len(decider.lines)),
        (worker, lambda: len(storm.receiver.requests)),
        (assess, storm.profiles),
        (server, lambda: sum(len(done) for done in storm.reported.values())),
    ]
    reporter = threading.Thread(target=storm.report_until_over)
    reporter.start()
    try:
        with ThreadPoolExecutor(len(hunts)) as pool:
            running = [
                pool.submit(victim.hunted, kills=KILLS, progress=progress, rng=random.Random(at))  # noqa: S311 - moments to kill at
                for at, (victim, progress) in enumerate(hunts)
            ]
            for hunt in running:
                hunt.result()
    finally:
        storm.over.set()
        for victim, _ in hunts:
            victim.kill()
        reporter.join()
    assert [victim.kills >= (LEAST_KILLS if victim is assess else KILLS) for victim, _ in hunts] == [True] * 4
    settle(storm)
    check_decisions(storm, acknowledged(decider))
    check_triggers(storm)
    check_reports(storm)
    check_assessments(storm)
    audit_trail.verify(storm.registry)


def settle(storm: Storm) -> None:
    """Let a worker that nobody kills hand over what is left, once the leases of the dead have ended."""
    later = datetime.now(UTC) + timedelta(minutes=5)
    work_once(storm.registry, (storm.target,), day=lambda: TODAY, now=lambda: later)


def acknowledged(decider: Victim) -> list[tuple[str, int]]:
    """What the killed were told: the move and the decision."""
    told = [line.split() for line in decider.lines]
    assert {move for move, *_ in told} <= {"propose", "approve", "reject", "skip"}
    return [(move, int(number)) for move, _, number in told if int(number)]


def moves(storm: Storm) -> dict[int, list[str]]:
    """The moves of every decision as the audit trail has them."""
    found: dict[int, list[str]] = {}
    with storm.registry.read() as session:
        chosen = sa.select(AuditEventRow.subject_id, AuditEventRow.action).where(
            AuditEventRow.subject_kind == "decision"
        )
        for number, action in session.execute(chosen.order_by(AuditEventRow.sequence)):
            found.setdefault(int(number), []).append(action)
    return found


def check_decisions(storm: Storm, told: list[tuple[str, int]]) -> None:
    """Every answer that somebody was told is in the trail, once; each decision has one final answer at most."""
    kept = moves(storm)
    assert len(told) > 1
    for move, number in told:
        assert kept[number].count(move) == 1, (number, move)
    for number, its in kept.items():
        assert max(Counter(its).values()) == 1, (number, its)
        assert ("approve" in its) + ("reject" in its) <= 1, (number, its)
        rejected = decision_queries.decision(storm.registry, number).state is State.REJECTED
        assert rejected == ("reject" in its)


def check_triggers(storm: Storm) -> None:
    """The pipeline has heard of every approved retraining and of nothing else, each under its one key, for one run."""
    approved = {number for number, its in moves(storm).items() if "approve" in its}
    heard: dict[int, set[str]] = {}
    for _, headers, body in storm.receiver.requests:
        said = json.loads(body)
        assert said["run"] == 1
        heard.setdefault(said["decision"], set()).add(headers["idempotency-key"])
    assert heard == {number: {f"decision-{number}"} for number in approved}
    with storm.registry.read() as session:
        rows = session.execute(sa.select(TriggerRow.decision_id, TriggerRow.state)).all()
    assert sorted(row.decision_id for row in rows) == sorted(approved)
    assert {row.state for row in rows} == {"delivered"}


def check_reports(storm: Storm) -> None:
    """Every report the server said yes to is in the trail, once."""
    kept = moves(storm)
    for number, reports in storm.reported.items():
        for report in reports:
            assert kept[number].count(f"report_{report}") == 1, (number, report)


def check_assessments(storm: Storm) -> None:
    """An assessment that nobody kills goes on where the dead left off, and every model is judged up to the last day."""
    run = assess_portfolio(
        storm.registry,
        connections={"default": storm.log_address},
        settle_hours=3,
        now=datetime.combine(TODAY + timedelta(days=1), datetime.min.time(), tzinfo=UTC),
    )
    assert run.failures == {}
    with storm.registry.read() as session:
        states: Any = session.scalars(sa.select(AssessRunRow.state)).all()
        last = sa.select(AssessmentRow.model_id, sa.func.max(AssessmentRow.day).label("day"))
        judged = {row.model_id: row.day for row in session.execute(last.group_by(AssessmentRow.model_id))}
    assert judged == {f"log-{number}": TODAY - timedelta(days=1) for number in range(LOGS)}
    assert set(states) == {"finished"}
