"""What a person does at the screen, and what they see there."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.serving import COMMAND

PATIENCE = 30_000
HAS_COLOUR = """(canvas, {x, y, colour}) => {
    const pixels = canvas.getContext("2d").getImageData(x, y, 130, 32).data;
    for (let at = 0; at < pixels.length; at += 4)
        if (colour.every((channel, part) => pixels[at + part] === channel)) return true;
    return false;
}"""
CELL_TEXTS = """grid => [
    [...grid.querySelectorAll("th")], ...[...grid.querySelectorAll("tbody tr")].map(row => [...row.querySelectorAll("td")])
].map(cells => cells.map(cell => cell.innerText))"""
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command on the files in ``home``, from that folder."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=home,
        env={**os.environ, "MODELFOLIO_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def succeed(home: Path, *arguments: str) -> str:
    """Run the command and return what it said; it must not fail."""
    finished = run(home, *arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def visit(page: Page, address: str) -> None:
    """Open an address and wait until the page is complete."""
    page.goto(address)
    page.locator("h1").first.wait_for(timeout=PATIENCE)
    settle(page)


def settle(page: Page) -> None:
    """Wait until the server has nothing more to say and no stale element is left."""
    page.locator(SETTLED).wait_for(timeout=PATIENCE)
    expect(page.locator("[data-stale=true]")).to_have_count(0, timeout=PATIENCE)


def act_as(page: Page, who: str) -> None:
    """Choose a person in the demo's bar."""
    choice = page.locator(".st-key-acting_as input")
    choice.click()
    page.get_by_role("option", name=who).click()
    expect(choice).to_have_value(who)
    settle(page)


def rows(page: Page) -> list[dict[str, str]]:
    """Return the first grid's rows by column, read from what it tells screen readers, 200 ms after it has drawn them."""
    grid = page.get_by_test_id("stDataFrame").first
    grid.locator("tbody tr").first.wait_for(state="attached", timeout=PATIENCE)
    page.wait_for_timeout(250)
    # In one look: between two of them the grid may have got other columns.
    names, *cells = grid.evaluate(CELL_TEXTS)
    return [dict(zip(names, row, strict=True)) for row in cells]


def cell_shows_colour(page: Page, *, row: int, colour: str) -> bool:
    """Whether the verdict in a row of the portfolio's grid, which is drawn on a canvas, has pixels of this colour."""
    canvas = page.get_by_test_id("stDataFrame").first.locator("canvas").first
    drawn: bool = canvas.evaluate(HAS_COLOUR, {"x": 36, "y": 33 + 32 * row, "colour": channels(colour)})
    return drawn


def colour_of(text: Locator) -> list[int]:
    """Return the colour in which a text is written."""
    written: str = text.evaluate("text => getComputedStyle(text).color")
    return [int(channel) for channel in re.findall(r"\d+", written)]


def channels(colour: str) -> list[int]:
    """Return a hex colour as red, green and blue."""
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def eventually(page: Page, holds: Callable[[], bool]) -> bool:
    """Return whether something holds within half a minute: tables for screen readers follow what is drawn a moment later."""
    for _ in range(PATIENCE // 500):
        if holds():
            return True
        page.wait_for_timeout(500)
    return holds()
