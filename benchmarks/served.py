"""A running `modelfolio serve` and a visitor without a browser: what a rerun costs the server, and what it sends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.client import ClientConnection

PATIENCE_SECONDS = 60
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
SERVE = "from dashboard.cli import main; main()"


@dataclass(frozen=True)
class Visitor:
    """A connection to the pages, as a browser has one."""

    connection: ClientConnection
    server: int
    address: str

    def rerun(self, query: str = "", *, page: str = "") -> list[bytes]:
        """Run a page at an address once, by default the portfolio, and return what was sent."""
        asked = BackMsg()
        asked.rerun_script.page_name = page
        asked.rerun_script.query_string = query
        self.connection.send(asked.SerializeToString())
        sent = []
        while True:
            message = self.connection.recv(timeout=PATIENCE_SECONDS)
            assert isinstance(message, bytes)
            sent.append(message)
            said = ForwardMsg.FromString(message)
            if said.WhichOneof("type") == "script_finished":
                assert said.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
                return sent

    def come_again(self, query: str = "", *, page: str = "") -> list[bytes]:
        """Open a page in a session of its own and return what was sent: what an address chooses is chosen in the first run."""
        with connect(self.address, max_size=None, compression=None) as connection:
            return replace(self, connection=connection).rerun(query, page=page)

    def milliseconds(self) -> float:
        """Return the CPU milliseconds the server has taken since it started; the clock ticks every ten."""
        fields = Path(f"/proc/{self.server}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return 1_000 * (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


@contextmanager
def visiting(home: Path, **environment: str) -> Iterator[Visitor]:
    """Serve the files in ``home`` on a free port of this machine, and visit the portfolio page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MODELFOLIO_")}
    server = subprocess.Popen(
        [sys.executable, "-c", SERVE, "serve", "--port", str(port)],
        cwd=Path(__file__).parents[1],
        env=ours | environment | {"MODELFOLIO_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"ws://127.0.0.1:{port}/_stcore/stream"
        with _connected(address, server) as connection:
            yield Visitor(connection, server.pid, address)
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE_SECONDS)


def _connected(address: str, server: subprocess.Popen[bytes]) -> ClientConnection:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < give_up_at:
        try:
            return connect(address, max_size=None, compression=None)
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the dashboard did not come up")
