"""Web servers that list models, ours and others', each started as its users start it, and what to do on their pages."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from benchmarks.home import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

PATIENCE_SECONDS = 240
PATIENCE = 60_000
QUIET = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
FIRST_ROW_IS_PAINTED = """() => {
    const canvas = document.querySelector("[data-testid=stDataFrame] canvas");
    if (!canvas || !canvas.width) return false;
    const pixels = canvas.getContext("2d").getImageData(0, 40 * devicePixelRatio, canvas.width, 16).data;
    return pixels.some((value, at) => at % 4 < 3 && Math.abs(value - pixels[at % 4]) > 60);
}"""
"""There is text in the pixels of our grid's first row: it can be read. The table for screen readers follows 200 ms later."""
GRID_SAYS = """text => {
    const rows = [...document.querySelectorAll("[data-testid=stDataFrame] tbody tr")];
    return rows.length > 0 && rows.every(row => row.textContent.includes(text));
}"""
"""Each of our grid's first rows stands in its table for screen readers with a text."""
MAKE_MODELS = """
import sys
from mlflow import MlflowClient
client = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
for number in range(int(sys.argv[2])):
    client.create_registered_model(f"model-{number:04d}")
"""


@dataclass(frozen=True)
class Ui:
    """A running server: how its list is opened, proved and filtered, a page of one model, and whose memory counts.

    A list that is no canvas needs no other proof than its text, and some have no filter.
    """

    name: str
    address: str
    process: subprocess.Popen[bytes]
    list_path: str
    wait_for_list: Callable[[Page], None]
    prove_list: Callable[[Page], None] | None
    filter_list: Callable[[Page], None] | None
    model_path: str
    wait_for_model: Callable[[Page], None]

    @property
    def megabytes(self) -> float:
        """The memory of the server and everything it started; pages shared between processes count once."""
        return memory(self.process.pid)


def memory(pid: int) -> float:
    """Return the proportional set size of a process and its descendants in MB."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        own = int(next(line for line in rollup.splitlines() if line.startswith("Pss:")).split()[1]) / 1_000
        return own + sum(memory(int(child)) for child in children.read_text().split())
    except (OSError, StopIteration):
        return 0.0


@contextmanager
def _serving(
    command: list[str], *, port: int, healthy: str, folder: Path, **more: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server and wait until it answers; end it with everything it started."""
    environment = {**os.environ, **QUIET, "HOME": str(folder), **more}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not _answers(f"http://127.0.0.1:{port}{healthy}"):
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise RuntimeError(f"{command[0]} did not come up:\n{(folder / 'server.log').read_text()[-2_000:]}")
            time.sleep(0.2)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own machine
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# Ours


@contextmanager
def ours(home: Path, *, models: int, today: str, first: str) -> Iterator[Ui]:
    """Serve a home as ``modelfolio serve`` does; ``first`` is the name in the first row."""
    port = free_port()
    command = [sys.executable, "-c", "from dashboard.cli import main; main()", "serve", "--port", str(port)]
    settings = {"MODELFOLIO_HOME": str(home), "MODELFOLIO_AS_OF": today, "PYTHONPATH": str(CHECKOUT)}
    with _serving(command, port=port, healthy="/healthz", folder=home, **settings) as process:
        yield Ui(
            name=f"ours, {models:,} models",
            address=f"http://127.0.0.1:{port}",
            process=process,
            list_path="/",
            wait_for_list=_painted,
            prove_list=lambda page: _says(page, first),
            filter_list=_filter_ours,
            model_path="/model?model=model-00000",
            wait_for_model=lambda page: page.locator("h2").first.wait_for(timeout=PATIENCE),
        )


def _painted(page: Page) -> None:
    page.wait_for_function(FIRST_ROW_IS_PAINTED, polling="raf", timeout=PATIENCE)


def _says(page: Page, text: str) -> None:
    page.wait_for_function(GRID_SAYS, arg=text, polling="raf", timeout=PATIENCE)


def _filter_ours(page: Page) -> None:
    """Press a count and wait until the grid says that all its models have that verdict."""
    page.locator(".st-key-counts").get_by_role("button", name="Watch").click()
    _says(page, "Watch")


# Others'


@contextmanager
def evidently(projects: int) -> Iterator[Ui]:
    """Serve a workspace of so many empty projects by ``evidently ui``."""
    from evidently.sdk.models import ProjectModel  # noqa: PLC0415 - seconds of CPU, only here
    from evidently.ui.workspace import Workspace  # noqa: PLC0415 - the same

    port, space = free_port(), UUID(int=1)
    with TemporaryDirectory(prefix="modelfolio-bench-") as temporary:
        folder = Path(temporary)
        workspace = Workspace.create(str(folder / "workspace"))
        for number in range(projects):
            workspace.add_project(ProjectModel(id=uuid5(space, str(number)), name=f"project-{number:04d}"))
        command = [str(Path(sys.executable).with_name("evidently")), "ui", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workspace", str(folder / "workspace")]
        with _serving(command, port=port, healthy="/api/projects/", folder=folder) as process:
            yield Ui(
                name=f"evidently ui, {projects:,} projects",
                address=f"http://127.0.0.1:{port}",
                process=process,
                list_path="/",
                wait_for_list=lambda page: page.get_by_text("project-").first.wait_for(timeout=PATIENCE),
                prove_list=None,
                filter_list=None,
                model_path=f"/projects/{uuid5(space, '0')}",
                wait_for_model=lambda page: page.get_by_text("This dashboard is currently empty").wait_for(
                    timeout=PATIENCE
                ),
            )


def mlflow_command() -> Path | None:
    """Return the ``mlflow`` beside this Python, else one on the path: its dependencies would hold ours back, so it is no extra."""
    beside = Path(sys.executable).with_name("mlflow")
    found = str(beside) if beside.exists() else shutil.which("mlflow")
    return Path(found) if found else None


@contextmanager
def mlflow(command: Path, models: int) -> Iterator[Ui]:
    """Serve a registry of so many registered models without versions by ``mlflow ui``."""
    port = free_port()
    with TemporaryDirectory(prefix="modelfolio-bench-") as temporary:
        folder = Path(temporary)
        store = f"sqlite:///{folder / 'mlflow.db'}"
        make = [str(command.resolve().with_name("python")), "-c", MAKE_MODELS, store, str(models)]
        if not Path(make[0]).exists():
            make[0] = str(command.with_name("python"))
        subprocess.run(make, cwd=folder, env={**os.environ, **QUIET}, check=True, capture_output=True)
        serve = [str(command), "ui", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", store]
        with _serving([*serve, "--workers", "1"], port=port, healthy="/health", folder=folder) as process:
            yield Ui(
                name=f"mlflow ui, {models:,} registered models",
                address=f"http://127.0.0.1:{port}",
                process=process,
                list_path="/#/models",
                wait_for_list=lambda page: page.get_by_text("model-0000").first.wait_for(timeout=PATIENCE),
                prove_list=None,
                filter_list=lambda page: _filter_mlflow(page, f"model-{models - 1:04d}"),
                model_path="/#/models/model-0000",
                wait_for_model=lambda page: page.get_by_text("Created Time").first.wait_for(timeout=PATIENCE),
            )


def _filter_mlflow(page: Page, name: str) -> None:
    """Search for the last model and wait until it is the only one."""
    search = page.get_by_placeholder("Search registered models")
    search.fill(name)
    search.press("Enter")
    page.get_by_role("link", name=name).first.wait_for(timeout=PATIENCE)
