"""Hand a trigger to a pipeline: POST it to a web address, signed, or run a program with it on its standard input."""

from __future__ import annotations

import hmac
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from threading import Event, Timer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from data_access.trigger_rows import LONGEST_RESPONSE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from data_access.trigger_outbox import Handover
    from data_access.trigger_targets import TriggerTarget

READ_BYTES = 4 * LONGEST_RESPONSE
WORTH_ANOTHER_TRY = {408, 425, 429}
"""Answers that say "not now"; so do all from 500 on. Any other refusal is for a person to look at."""
POLL_SECONDS = 0.1
RENEW_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a delivery; ``may_retry`` when the same may work later by itself, ``has_ended`` when the training is over with it."""

    taken: bool
    said: str
    may_retry: bool = False
    has_ended: bool = False


def deliver(
    target: TriggerTarget, held: Handover, *, now: datetime, renew: Callable[[], None] = lambda: None
) -> Answer:
    """Hand over once and return what the pipeline answered; nothing it does raises.

    Args:
        target: where to, from the configuration.
        held: what.
        now: the machine's time, signed so that an old message cannot be sent again by others.
        renew: called every few seconds while a program runs, to hold on to the lease.
    """
    body = json.dumps(held.payload | {"idempotency_key": held.idempotency_key}, sort_keys=True).encode()
    if target.url is not None:
        return _posted(target, held, body, now=now)
    return _run(target, held, body, renew=renew)


def signature(secret: bytes, *, timestamp: str, body: bytes) -> str:
    """Return the signature of a message: HMAC-SHA256 over its time, a full stop and its body, in hex.

    >>> signature(b"secret", timestamp="1700000000", body=b"{}")[:16]
    'b8569b78799ff9e3'
    """
    return hmac.new(secret, timestamp.encode() + b"." + body, sha256).hexdigest()


def _posted(target: TriggerTarget, held: Handover, body: bytes, *, now: datetime) -> Answer:
    parts, patience = urlsplit(target.url or ""), target.patience_seconds
    timestamp = str(int(now.timestamp()))
    secret = target.secret.get_secret_value().encode() if target.secret else b""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "modelfolio",
        "Idempotency-Key": held.idempotency_key,
        "Modelfolio-Timestamp": timestamp,
        "Modelfolio-Signature": f"sha256={signature(secret, timestamp=timestamp, body=body)}",
    }
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, patience=patience)
    # The timeout of a socket is for each read; one that sends a byte now and then is ended by the clock.
    time_is_up = Event()
    watch = Timer(patience, _hang_up, [connection, time_is_up])
    watch.daemon = True
    watch.start()
    too_late = Answer(taken=False, said=f"No complete answer within {patience:g} seconds.", may_retry=True)
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        response = connection.getresponse()
        said = response.read(READ_BYTES).decode("utf-8", errors="replace")
    except TimeoutError:
        return too_late
    except http.client.HTTPException as error:
        return too_late if time_is_up.is_set() else _upset(f"The answer is no HTTP: {type(error).__name__}.")
    except OSError as error:
        return too_late if time_is_up.is_set() else _upset(f"It could not be reached: {error.strerror or error}.")
    finally:
        watch.cancel()
        connection.close()
    return _judged(response.status, said)


def _judged(status: int, said: str) -> Answer:
    said = f": {said}" if said.strip() else ""
    if 200 <= status < 300:  # noqa: PLR2004 - the answers of HTTP
        return Answer(taken=True, said=f"Answered {status}{said}")
    if 300 <= status < 400:  # noqa: PLR2004 - the answers of HTTP
        return Answer(taken=False, said=f"Answered {status}, to ask elsewhere; that is never followed{said}")
    later = status >= 500 or status in WORTH_ANOTHER_TRY  # noqa: PLR2004 - the answers of HTTP
    return Answer(taken=False, said=f"Answered {status}{said}", may_retry=later)


def _connection(scheme: str, host: str, port: int | None, *, patience: float) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(host, port, timeout=patience, context=ssl.create_default_context())
    return http.client.HTTPConnection(host, port, timeout=patience)


def _upset(said: str) -> Answer:
    return Answer(taken=False, said=said, may_retry=True)


def _hang_up(connection: http.client.HTTPConnection, time_is_up: Event) -> None:
    time_is_up.set()
    with suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)


def _run(target: TriggerTarget, held: Handover, body: bytes, *, renew: Callable[[], None]) -> Answer:
    """Run the target's program; it is never given to a shell, and its words are read from a file, however many."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        given.write(body)
        given.seek(0)
        try:
            process = subprocess.Popen(
                list(target.command),
                stdin=given,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, "MODELFOLIO_IDEMPOTENCY_KEY": held.idempotency_key},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return Answer(taken=False, said=f"The program could not be started: {error}.")
        in_time = _waited(process, seconds=target.patience_seconds, renew=renew)
        size = said.seek(0, os.SEEK_END)
        said.seek(max(0, size - READ_BYTES))  # the end says why
        words = said.read(READ_BYTES).decode("utf-8", errors="replace")
    told = f": {words[-LONGEST_RESPONSE:]}" if words.strip() else ""
    if not in_time:
        return Answer(taken=False, said=f"It was ended after {target.patience_seconds:g} seconds{told}", has_ended=True)
    if process.returncode:
        return Answer(taken=False, said=f"It ended with {process.returncode}{told}", has_ended=True)
    return Answer(taken=True, said=f"It ended well{told}")


def _waited(process: subprocess.Popen[bytes], *, seconds: float, renew: Callable[[], None]) -> bool:
    """Wait until the program ends; one that takes too long, or whose lease is lost, is ended with what it started."""
    end = time.monotonic() + seconds
    next_renewal = time.monotonic() + RENEW_SECONDS
    try:
        while time.monotonic() < end:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=POLL_SECONDS)
                return True
            if time.monotonic() >= next_renewal:
                renew()
                next_renewal = time.monotonic() + RENEW_SECONDS
        return False
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
