"""The real `modelfolio serve` for journeys in a real browser."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = Path(sys.executable).with_name("modelfolio")
PATIENCE_SECONDS = 60


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(home: Path, *command: str, **environment: str) -> Iterator[str]:
    """Serve the files in ``home`` with the installed command, from that folder, and give the address of the dashboard."""
    port = free_port()
    variables = {"MODELFOLIO_HOME": str(home), "MODELFOLIO_DEMO_SIGN_IN": "1", **environment}
    with (home / "serve.log").open("w") as log:
        server = subprocess.Popen(
            [COMMAND, *(command or ["serve"]), "--port", str(port)],
            cwd=home,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_healthy(address, server, home / "serve.log")
            yield address
        finally:
            server.terminate()
            server.wait(timeout=PATIENCE_SECONDS)


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while server.poll() is None and time.monotonic() < give_up_at:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=5):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the dashboard at {address} did not come up:\n{log.read_text()}")
