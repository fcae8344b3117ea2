"""The committee's hour in a real browser: walked by keyboard, decided in place, followed on a second screen, left with minutes."""

import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.opening import open_registry
from dashboard.settings import Settings
from data_access import decision_queries
from data_access.demo_clock import move_demo_clock
from monitoring import decide
from monitoring.lifecycle import Action
from tests.builders import NOW
from tests.journeys.steps import PATIENCE, act_as, settle, succeed, visit
from tests.serving import serving

pytestmark = pytest.mark.browser
CHAIR, OTHER = "Emmy Sato (approver)", "Sofia Duarte (approver)"
DAY = date(2021, 9, 20)
PROPOSED = {
    "wiki-capacity": (Action.RETRAIN, "margaret@example.org"),
    "ewr-air-time-2012": (Action.RETIRE, "ada@example.org"),
}
FOLLOWS_WITHIN = 6_000
"""Milliseconds; on an idle machine it takes less than two seconds."""


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample portfolio in September, in which two owners have proposed something."""
    copied = Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("meeting") / "home"))
    registry = open_registry(Settings(home=copied))
    move_demo_clock(registry, day=DAY)
    for model, (action, owner) in PROPOSED.items():
        reason = "For the committee to decide."
        decide.propose(registry, model_id=model, action=action, reason=reason, by=owner, on=DAY, now=NOW)
    registry.close()
    return copied


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The sample portfolio as served by the command."""
    with serving(home) as served:
        yield served


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()
    settle(page)


def turn(page: Page, where: str) -> None:
    """Go on by keyboard, as a person does; where a field is left first, its keys are its own."""
    settle(page)
    page.locator(".st-key-meeting h1").click()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-meeting").get_by_text(where, exact=True)).to_be_visible(timeout=PATIENCE)
    settle(page)


def turn_twice(page: Page, where: str) -> None:
    """Press again before the next screen is there: neither press is lost."""
    page.locator(".st-key-meeting h1").click()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(80)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".st-key-meeting").get_by_text(where, exact=True)).to_be_visible(timeout=PATIENCE)
    settle(page)


def downloaded(page: Page, name: str, folder: Path) -> Path:
    with page.expect_download(timeout=PATIENCE) as arriving:
        page.get_by_role("button", name=name).click()
    file = folder / arriving.value.suggested_filename
    arriving.value.save_as(file)
    return file


def check_minutes(home: Path, page: Page, folder: Path) -> None:
    minutes = downloaded(page, "Markdown", folder)
    written = minutes.read_text()
    for said in (
        "Emmy Sato approved retraining of Wikipedia: page views a day",
        "On the data since May.",
        "Emmy Sato rejected retirement of EWR: air time (2012 edition)",
        "Its consumers were not asked.",
        "Sofia Duarte approved accepting it as it is until Sun 19 Dec 2021: LGA: air time, linear",
        "| Guest of the board | guest | yes |",
        "Margaret Haddad proposed it and steps back from approving.",
    ):
        assert said in written
    assert written == succeed(home, "meetings", "minutes", "1")

    printed = downloaded(page, "HTML for printing", folder)
    for file in (minutes, printed):
        assert "verified" in succeed(home, "audit", "verify", "--anchor", str(file))
    page.goto(printed.as_uri())
    expect(page.get_by_role("heading", name="Model-risk committee", exact=True)).to_be_visible()
    expect(page.get_by_text("On the data since May.").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_meeting_is_walked_by_keyboard_decided_in_place_and_left_with_minutes(
    home: Path, address: str, page: Page, browser: Browser, tmp_path: Path
) -> None:
    visit(page, f"{address}/meeting")
    act_as(page, CHAIR)
    page.get_by_label("Guests").fill("Guest of the board")
    press(page, "Build the agenda")
    expect(page.get_by_role("heading", name=re.compile(r"^6 items, 26 of 60 minutes"))).to_be_visible(timeout=PATIENCE)
    press(page, "Open the meeting")
    expect(page.get_by_role("heading", name="Quorum for every tier")).to_be_visible(timeout=PATIENCE)
    page.set_viewport_size({"width": 1280, "height": 720})
    context = browser.new_context()
    second = context.new_page()
    visit(second, page.url)

    turn(page, "1 of 6")
    expect(second.get_by_role("heading", name="Wikipedia: page views a day")).to_be_visible(timeout=FOLLOWS_WITHIN)
    headline = page.locator(".st-key-meeting h2").bounding_box()
    assert headline is not None
    assert headline["y"] + headline["height"] < 400
    page.get_by_placeholder("Reason or condition").fill("On the data since May.")
    press(page, "Approve retraining")
    expect(page.get_by_text("1 of 1 approval given")).to_be_visible(timeout=PATIENCE)
    expect(second.get_by_text("1 of 1 approval given")).to_be_visible(timeout=FOLLOWS_WITHIN)
    context.close()

    turn(page, "2 of 6")
    page.get_by_placeholder("Reason or condition").fill("Its consumers were not asked.")
    press(page, "Reject")
    turn(page, "3 of 6")
    turn_twice(page, "5 of 6")
    turn(page, "6 of 6")
    press(page, "Accept until a date")
    page.get_by_placeholder("read by the auditor").fill("The route table is replaced in winter.")
    press(page, "Propose accepting it as it is")
    act_as(page, OTHER)
    press(page, "Approve accepting it as it is")
    expect(page.get_by_text("It stays as it is until Sun 19 Dec 2021.")).to_be_visible(timeout=PATIENCE)

    page.reload()
    expect(page.get_by_text("6 of 6", exact=True)).to_be_visible(timeout=PATIENCE)
    act_as(page, CHAIR)
    turn(page, "Close")
    expect(page.get_by_role("heading", name="3 decisions, 0 actions")).to_be_visible(timeout=PATIENCE)
    press(page, "End the meeting")
    press(page, "Confirm the minutes")
    expect(page.get_by_text("The minutes are confirmed and locked.")).to_be_visible(timeout=PATIENCE)

    check_minutes(home, page, tmp_path)


def test_decisions_of_the_meeting_are_ordinary_ones(home: Path) -> None:
    registry = open_registry(Settings(home=home))
    states = decision_queries.all_decisions(registry, on=DAY).set_index("model_id")["state"].to_dict()
    registry.close()
    assert states == {
        "wiki-capacity": "approved",
        "ewr-air-time-2012": "rejected",
        "lga-air-time-linear": "approved",
    }
