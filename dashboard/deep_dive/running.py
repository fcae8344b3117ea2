"""Deep dives under way, seen from the web server: started, looked at, stopped; one at a time."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.deep_dive.kept import place_for
from dashboard.deep_dive.order import ERROR, PROGRESS, TIME_LIMIT_SECONDS
from dashboard.deep_dive.sample import DeepDiveError, neutral

if TYPE_CHECKING:
    from dashboard.deep_dive.order import Order, Request

CHECKOUT = Path(__file__).parents[2]
LOG = "log.txt"
SOONEST_SHARE = 0.02


@dataclass(frozen=True)
class Progress:
    """How far a report is: a share from 0 to 1, in words, and the seconds since it was asked for."""

    share: float
    words: str
    seconds: float


@dataclass
class _Running:
    name: str
    request: Request
    folder: Path
    process: subprocess.Popen[str]
    started: float = field(default_factory=time.monotonic)


class DeepDives:
    """What this server makes and what went wrong; safe to ask from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: _Running | None = None
        self._failures: dict[str, str] = {}

    def start(self, home: Path, order: Order) -> None:
        """Start the other process; the same report asked for twice is made once.

        Raises:
            DeepDiveError: another one is being made.
        """
        with self._lock:
            self._look()
            if self._running is not None:
                if self._running.name == order.name:
                    return
                raise DeepDiveError(
                    f"A deep dive into {neutral(self._running.request.model)} is being made on this server, and one at a "
                    "time is enough. Try again when it is done."
                )
            self._failures.pop(order.name, None)
            folder = place_for(home, order.name)
            self._running = _Running(order.name, order.request, folder, _process(folder, order))

    def progress(self, name: str) -> Progress | None:
        """Return how far the report of this name is, or nothing when it is not being made."""
        with self._lock:
            self._look()
            running = self._running
            if running is None or running.name != name:
                return None
            try:
                share, words = (running.folder / PROGRESS).read_text(encoding="utf-8").split(" ", 1)
                return Progress(float(share), words, time.monotonic() - running.started)
            except (OSError, ValueError):  # nothing written yet, or being written
                return Progress(SOONEST_SHARE, "Starting", time.monotonic() - running.started)

    def failure(self, name: str) -> str | None:
        """Return why the last try at this report failed."""
        with self._lock:
            self._look()
            return self._failures.get(name)

    def cancel(self, name: str) -> None:
        """Stop making the report of this name and leave nothing of it."""
        with self._lock:
            if self._running is not None and self._running.name == name:
                self._end()

    def stop(self) -> None:
        """Stop whatever is being made."""
        with self._lock:
            self._end()

    def _look(self) -> None:
        """Notice that the process has ended, and why."""
        running = self._running
        if running is None:
            return
        if running.process.poll() is None:
            if time.monotonic() - running.started > TIME_LIMIT_SECONDS:
                self._failures[running.name] = _too_slow()
                self._end()
            return
        if running.process.returncode != 0:
            self._failures[running.name] = _why(running)
        self._end()

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        if running.process.poll() is None:
            running.process.kill()
        running.process.wait()
        shutil.rmtree(running.folder, ignore_errors=True)


def _process(folder: Path, order: Order) -> subprocess.Popen[str]:
    """Return the started process; the order goes to its standard input, for addresses may hold passwords."""
    quiet = {"DO_NOT_TRACK": "1", "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH", "")]))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MODELFOLIO_")}
    with (folder / LOG).open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dashboard.deep_dive.report", str(folder.resolve())],
            env=environment | quiet | {"PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with process.stdin as said:
        said.write(order.to_json())
    return process


def _why(running: _Running) -> str:
    if running.process.returncode in {-signal.SIGALRM, -signal.SIGXCPU}:
        return _too_slow()
    if (said := running.folder / ERROR).exists():
        return said.read_text(encoding="utf-8")
    lines = (running.folder / LOG).read_text(errors="replace").strip().splitlines()
    return f"Evidently could not make the report: {neutral(lines[-1]) if lines else 'its process was stopped'}."


def _too_slow() -> str:
    return (
        f"The report was not done after {TIME_LIMIT_SECONDS} seconds and was stopped. Choose fewer rows or fewer days."
    )


DEEP_DIVES = DeepDives()
"""Those of this server."""
atexit.register(DEEP_DIVES.stop)
