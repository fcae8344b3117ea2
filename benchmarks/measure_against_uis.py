"""Our pages against ``evidently ui`` and ``mlflow ui``, in one browser on one machine, and 25 people at ours at once.

A list is usable when the text of its first row is on the screen. All servers run at the same time; every round opens each list
once, so that a busy machine slows all alike. Ours shows a verdict, its reason, two trends, tier and owner per model; theirs
names of empty projects and of models without versions. Waits are of a second visit: what a browser keeps, it has.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import statistics
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from benchmarks import uis
from benchmarks.home import FIRST_DAY, Home, Size, imported
from benchmarks.measure_pages import copy_model
from benchmarks.measuring import Claim, Measured, print_table, short
from benchmarks.people import Crowd, crowd
from data_access.portfolio_queries import MOST_ROWS, SPARKLINE_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser, BrowserContext, Page

    from benchmarks.uis import Ui

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# No server here may be asked for anything on another machine; without this some wait for an answer that cannot come.
FLAGS = ["--no-sandbox", "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
TODAY = FIRST_DAY + timedelta(days=SPARKLINE_DAYS)
TITLES = ("", "list, first visit", "list", "kB over the wire", "filter", "a model", "server MB")


@dataclass
class Visit:
    """What was waited for at one server: seconds, and kB that came over the wire for the list."""

    first: float = 0.0
    lists: list[float] = field(default_factory=list)
    filters: list[float] = field(default_factory=list)
    models: list[float] = field(default_factory=list)
    kilobytes: list[float] = field(default_factory=list)
    megabytes: float = 0.0


def middle(values: list[float]) -> float:
    """Return the median, or nothing measured as NaN."""
    return statistics.median(values) if values else float("nan")


class Traffic:
    """Counts the bytes that come to a page, as they travel: responses with their headers, and websocket messages."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0.0
        network = page.context.new_cdp_session(page)
        network.send("Network.enable")
        network.on("Network.loadingFinished", lambda said: self._add(said["encodedDataLength"]))
        network.on("Network.webSocketFrameReceived", lambda said: self._add(_payload(said["response"])))

    def _add(self, size: float) -> None:
        self.bytes += size


def _payload(frame: dict[str, Any]) -> float:
    """Return the size of a websocket message; one that is not text is written in base64."""
    size = len(frame["payloadData"])
    return size if frame["opcode"] == 1 else 3 * size / 4


def open_list(context: BrowserContext, ui: Ui, visit: Visit, *, is_first: bool) -> None:
    """Open the list in a new tab, filter it, and open a model; the first time only the list is noted."""
    page = context.new_page()
    traffic, started = Traffic(page), time.perf_counter()
    page.goto(ui.address + ui.list_path, wait_until="commit")
    ui.wait_for_list(page)
    waited = time.perf_counter() - started
    if ui.prove_list:
        ui.prove_list(page)
    if is_first:
        visit.first = waited
    else:
        page.wait_for_timeout(300)
        visit.lists.append(waited)
        visit.kilobytes.append(traffic.bytes / 1_000)
    if ui.filter_list is not None:
        started = time.perf_counter()
        ui.filter_list(page)
        if not is_first:
            visit.filters.append(time.perf_counter() - started)
    page.close()
    page, started = context.new_page(), time.perf_counter()
    page.goto(ui.address + ui.model_path, wait_until="commit")
    ui.wait_for_model(page)
    if not is_first:
        visit.models.append(time.perf_counter() - started)
    page.close()


def browse(browser: Browser, servers: Sequence[Ui], *, rounds: int) -> dict[str, Visit]:
    """Visit every server once to warm up, then in rounds, each with the cache of its own visitor."""
    visits = {ui.name: Visit() for ui in servers}
    contexts = {ui.name: browser.new_context(viewport={"width": 1440, "height": 900}) for ui in servers}
    for at in range(rounds + 1):
        for ui in servers:
            open_list(contexts[ui.name], ui, visits[ui.name], is_first=at == 0)
    for ui in servers:
        visits[ui.name].megabytes = ui.megabytes
        contexts[ui.name].close()
    return visits


@contextmanager
def portfolios(sizes: Sequence[int]) -> Iterator[list[Ui]]:
    """Serve one portfolio of each size; the larger ones are copies of the smaller ones, grown."""
    with imported(Size(models=1, rows=200, days=SPARKLINE_DAYS, reference_rows=3_000)) as home, ExitStack() as stack:
        home.assess(until=SPARKLINE_DAYS - 1)
        there, served = 1, []
        for models in sizes:
            copy_model(home, range(there, models), shown=MOST_ROWS)
            there = models
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="modelfolio-bench-")))
            _copy(home, folder)
            served.append(stack.enter_context(uis.ours(folder, models=models, today=TODAY.isoformat(), first="Model")))
        yield served


def _copy(home: Home, folder: Path) -> None:
    home.registry.close()
    for file in home.folder.iterdir():
        if file.is_file():
            shutil.copy2(file, folder)


def ratios(visits: dict[str, Visit], mine: str, theirs: str) -> list[Claim]:
    """Return our waits, bytes and memory as a share of a peer's; below 1 is better than theirs."""
    own, other = visits[mine], visits[theirs]
    peer = theirs.partition(",")[0]
    note = f"{middle(own.lists):.2f} s against {middle(other.lists):.2f} s"
    found = [
        Claim(
            f"{mine}: time to a usable list / {peer}", middle(own.lists) / middle(other.lists), "x", 1.0, 0.5, note=note
        )
    ]
    if other.filters:
        note = f"{middle(own.filters):.2f} s against {middle(other.filters):.2f} s"
        found.append(Claim(f"{mine}: a filter / {peer}", middle(own.filters) / middle(other.filters), "x", note=note))
    note = f"{middle(own.models):.2f} s against {middle(other.models):.2f} s, theirs is empty"
    found.append(Claim(f"{mine}: a model / {peer}", middle(own.models) / middle(other.models), "x", note=note))
    found.append(Claim(f"{mine}: server memory / {peer}", own.megabytes / other.megabytes, "x"))
    return found


def at_once(ui: Ui, *, people: int, think_seconds: float, choices: int, alike: bool) -> list[Claim]:
    """Measure so many people at once against one, on the same server; what one costs is known before the others come."""

    def come(numbers: range, think: float, choosing: int) -> Crowd:
        return crowd(
            ui.address, numbers, think_seconds=think, choices=choosing, alike=alike, memory=lambda: ui.megabytes
        )

    come(range(people, people + 1), 0, choices)
    one = come(range(people + 1, people + 2), 0.2, choices)
    many = come(range(people), think_seconds, choices)
    note = f"{1_000 * many.rerun:,.0f} ms against {1_000 * one.rerun:,.0f} ms; {think_seconds:g} s between choices"
    name = f"{ui.name}, {people} people at once, {'same filters' if alike else 'each another question'}"
    return [
        Claim(f"{name}: median wait / one person's", many.rerun / one.rerun, "x", 5, 3, note=note),
        Claim(f"{name}: memory of a session", many.session_megabytes, " MB", 5),
    ]


def measure(
    sizes: Sequence[int],
    *,
    projects: int,
    registered: int,
    rounds: int,
    people: int,
    think_seconds: float = 3.0,
    choices: int = 4,
) -> Measured:
    """Measure everything that is installed."""
    found = Measured()
    chromium = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if chromium is None:
        print("No Chromium here: nothing is measured.")
        return found
    with ExitStack() as stack:
        print("Building the portfolios and starting the servers, then browsing; this takes some minutes.", flush=True)
        mine = stack.enter_context(portfolios(sizes))
        peers = [stack.enter_context(uis.evidently(projects))]
        if command := uis.mlflow_command():
            peers.append(stack.enter_context(uis.mlflow(command, registered)))
        else:
            print("mlflow is neither beside this Python nor on the path: it is left out.\n")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            visits = browse(browser, [*mine, *peers], rounds=rounds)
            browser.close()
        print_table(TITLES, [_line(name, visit) for name, visit in visits.items()])
        for ui in mine:
            for peer in peers:
                found.show(*ratios(visits, ui.name, peer.name))
        for ui in mine:
            kilobytes = middle(visits[ui.name].kilobytes)
            found.show(
                Claim(
                    f"{ui.name}: over the wire for the list",
                    kilobytes,
                    " kB",
                    450,
                    225,
                    note="second visit, websocket included",
                ),
                *at_once(ui, people=people, think_seconds=think_seconds, choices=choices, alike=True),
                *at_once(ui, people=people, think_seconds=think_seconds, choices=choices, alike=False),
            )
    return found


def _line(name: str, visit: Visit) -> list[str]:
    seconds = [visit.first, middle(visit.lists), middle(visit.filters), middle(visit.models)]
    first, usable, filtered, model = ("none" if each != each else f"{each:.2f} s" for each in seconds)  # noqa: PLR0124 - only NaN differs from itself
    return [name, first, usable, short(middle(visit.kilobytes)), filtered, model, short(visit.megabytes)]


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Measure; the defaults are the sizes of the claims."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # whoever stops this stops the servers too
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--projects", type=int, default=300)
    parser.add_argument("--registered", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--people", type=int, default=25)
    given = parser.parse_args(arguments)
    return measure(
        given.models, projects=given.projects, registered=given.registered, rounds=given.rounds, people=given.people
    )


if __name__ == "__main__":
    main()
