"""People at the pages without their browsers: sessions over the websocket that a browser would open, with time to think."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

FILTERS: tuple[dict[str, str], ...] = ({"verdict": "retrain"}, {"tier": "2"}, {"verdict": "watch", "tier": "1"}, {})
"""What each person chooses one after the other; the filters are the address."""
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Crowd:
    """What people waited for, in seconds, and what their sessions take of the server's memory, in MB each."""

    first: list[float]
    reruns: list[float]
    session_megabytes: float

    @property
    def rerun(self) -> float:
        """The median wait for a choice."""
        return statistics.median(self.reruns)


def crowd(
    server: str, people: range, *, think_seconds: float, choices: int, alike: bool, memory: Callable[[], float]
) -> Crowd:
    """Let so many people open the portfolio at once and choose filters, each with time to think in between.

    Args:
        server: the address of the pages.
        people: a number for each session open at the same time; up to 32 differ in what they ask for.
        think_seconds: mean pause before a choice; it differs from person to person, the same way in every run.
        choices: of each person, after the first page.
        alike: they choose among the same filters, so that an answer may be there already; else each asks for something of their own.
        memory: gives the server's memory in MB, asked before anybody comes and before anybody leaves.
    """
    return asyncio.run(_crowd(server, people, think_seconds=think_seconds, choices=choices, alike=alike, memory=memory))


async def _crowd(
    server: str, people: range, *, think_seconds: float, choices: int, alike: bool, memory: Callable[[], float]
) -> Crowd:
    before = memory()
    async with AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(_session(server)) for _ in people]
        waited = await asyncio.gather(
            *(
                _person(session, at, think_seconds, choices, alike=alike)
                for at, session in zip(people, sessions, strict=True)
            )
        )
        after = memory()
    return Crowd(
        first=[first for first, _ in waited],
        reruns=[seconds for _, reruns in waited for seconds in reruns],
        session_megabytes=(after - before) / len(people),
    )


def _session(server: str) -> connect:
    address = f"ws://{urlsplit(server).netloc}/_stcore/stream"
    return connect(address, subprotocols=[Subprotocol("streamlit")], origin=Origin(server), max_size=None)


async def _person(
    session: ClientConnection, number: int, think_seconds: float, choices: int, *, alike: bool
) -> tuple[float, list[float]]:
    first, reruns = await _run(session, {}), []
    for choice in range(choices):
        await asyncio.sleep(think_seconds * (0.5 + (number * 7 + choice * 3) % 10 / 10))
        reruns.append(await _run(session, _chosen(number, choice, alike=alike)))
    return first, reruns


def _chosen(number: int, choice: int, *, alike: bool) -> dict[str, str]:
    """Return a filter; unless they choose alike one that nobody else asks for and that finds as much as everybody's.

    >>> _chosen(5, 0, alike=False)
    {'tier': '2', 'q': 'MoDel'}
    """
    spelled = "".join(letter.upper() if number >> at & 1 else letter for at, letter in enumerate("model"))
    return FILTERS[(number + choice) % len(FILTERS)] | ({} if alike else {"q": spelled})


async def _run(session: ClientConnection, address: dict[str, str]) -> float:
    """Ask for the page under an address and return the seconds until the server has sent all of it."""
    asked = BackMsg()
    asked.rerun_script.query_string = urlencode(address)
    started = time.perf_counter()
    await session.send(asked.SerializeToString())
    while True:
        said = ForwardMsg()
        said.ParseFromString(await asyncio.wait_for(session.recv(decode=False), PATIENCE_SECONDS))
        if said.WhichOneof("type") == "script_finished" and said.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
            return time.perf_counter() - started
