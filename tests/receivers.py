"""Pipelines that misbehave: small servers on this machine that answer a trigger in every wrong way."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_REQUEST = 65_536


@dataclass
class Receiver:
    """A pipeline at ``address`` that keeps every request it got: the request line, headers in lower case, the body."""

    address: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving(answer: Callable[[Receiver, Callable[[bytes], None]], None]) -> Iterator[Receiver]:
    """Serve a pipeline whose answers ``answer`` writes, bytes as they are."""
    receiver = Receiver()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            line = self.rfile.readline().decode().strip()
            headers = {}
            while (header := self.rfile.readline().decode().strip()) != "":
                name, _, value = header.partition(": ")
                headers[name.lower()] = value
            body = self.rfile.read(int(headers.get("content-length", 0)))
            receiver.requests.append((line, headers, body))
            with suppress(OSError):  # the caller hung up, as it should
                answer(receiver, self._write)

        def _write(self, said: bytes) -> None:
            self.wfile.write(said)
            self.wfile.flush()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        receiver.address = f"http://127.0.0.1:{server.server_address[1]}/run"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.closing.set()
            server.shutdown()
            thread.join()


def says(status: str, body: bytes = b"", **headers: str) -> Callable[[Receiver, Callable[[bytes], None]], None]:
    """Return the answer of a server that speaks HTTP."""

    def answer(_receiver: Receiver, write: Callable[[bytes], None]) -> None:
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n".encode() + body)

    return answer


def hangs(receiver: Receiver, write: Callable[[bytes], None]) -> None:
    """Say nothing, for as long as the caller waits."""
    del write
    receiver.closing.wait(timeout=60)


def drips(receiver: Receiver, write: Callable[[bytes], None]) -> None:
    """Send a byte of the first line now and then, always before the caller's patience with a single read is over."""
    write(b"HTTP/1.")
    while not receiver.closing.wait(timeout=0.05):
        write(b"1")


def never_ends(receiver: Receiver, write: Callable[[bytes], None]) -> None:
    """Say yes, and begin a body that does not end."""
    write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 100000\r\n\r\n")
    while not receiver.closing.wait(timeout=0.05):
        write(b"x")


def babbles(_receiver: Receiver, write: Callable[[bytes], None]) -> None:
    """Answer what is no HTTP."""
    write(b"\x00\xff\x1b[31mSSH-2.0-OpenSSH_9.9\r\n" * 20)


def hangs_up(_receiver: Receiver, _write: Callable[[bytes], None]) -> None:
    """Close the connection without a word."""
