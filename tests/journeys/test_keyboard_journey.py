"""Walk the approvals and decide, touching nothing but the keyboard."""

import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from data_access import decision_queries
from data_access.audit_key import key_from_file
from data_access.registry import Registry
from monitoring import decide
from monitoring.lifecycle import Action, State
from tests.journeys.steps import PATIENCE, act_as, settle, visit
from tests.serving import serving

pytestmark = pytest.mark.browser
DAY = date(2021, 7, 17)
MODELS = ("ewr-air-time", "lga-air-time-linear", "lga-cancel")
REASON = "The spring is over, and the feed is replaced."
WHY_NOT, QUESTION = "Wait for the new feed.", "What does the desk do meanwhile?"


@pytest.fixture
def registry(sample_home: Path, tmp_path: Path) -> Iterator[Registry]:
    """A copy of the sample portfolio in which a day ago three models were proposed to be suspended."""
    home = Path(shutil.copytree(sample_home, tmp_path / "home"))
    opened = Registry.open(f"sqlite:///{home / 'registry.db'}", audit_key=key_from_file(home / "audit.key"))
    decide.propose_many(
        opened,
        model_ids=MODELS,
        action=Action.SUSPEND,
        reason=REASON,
        by="sofia@example.org",
        on=DAY,
        now=datetime(2021, 7, 17, 12, 0, tzinfo=UTC),
    )
    yield opened
    opened.close()


def test_one_is_approved_one_rejected_and_one_asked_about_by_keys_alone(
    registry: Registry, tmp_path: Path, page: Page
) -> None:
    def type_and_send(text: str, *, said: str) -> None:
        field = page.locator("[class*='st-key-focus_'] input")
        expect(field).to_be_focused(timeout=PATIENCE)
        page.keyboard.type(text)
        page.keyboard.press("Control+Enter")
        expect(page.get_by_text(said)).to_be_visible(timeout=PATIENCE)
        settle(page)

    def press(key: str) -> None:
        page.keyboard.press(key)
        page.wait_for_timeout(300)
        settle(page)

    with serving(tmp_path / "home") as address:
        visit(page, f"{address}/approvals")
        act_as(page, "Emmy Sato (approver)")
        # Out of the field in which one chooses whom one acts as.
        page.keyboard.press("Tab")
        settle(page)
        queue = decision_queries.waiting(registry, person="emmy@example.org", on=DAY)
        first, second, third = (int(number) for number in queue["decision_id"])

        press("q")
        type_and_send(QUESTION, said="Asked. The proposer sees it")
        press("j")
        page.wait_for_url(f"**decision={second}**", timeout=PATIENCE)
        press("x")
        press("Escape")
        expect(page.get_by_role("button", name="Reject")).to_be_visible(timeout=PATIENCE)
        press("x")
        type_and_send(WHY_NOT, said="Rejected. The proposer sees your comment.")
        press("j")
        page.wait_for_url(f"**decision={third}**", timeout=PATIENCE)
        press("a")
        if page.get_by_text("Tick above that you have read what changed").is_visible():
            press("Space")
        type_and_send("Agreed.", said="Approved.")
        page.goto("about:blank")  # before its server is gone

    states = [decision_queries.decision(registry, number).state for number in (first, second, third)]
    assert states == [State.PROPOSED, State.REJECTED, State.APPROVED]
    (asked,) = decide.review(registry, first, by=None, on=DAY).challenges
    assert asked.began.text == QUESTION
    assert decision_queries.decision(registry, second).approvals[0].comment == WHY_NOT
