"""The demo closes the loop before the viewer's eyes: propose, approve, watch it train, see and judge what it brought."""

import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.steps import PATIENCE, act_as, eventually, rows, settle, succeed, visit
from tests.serving import serving

pytestmark = pytest.mark.browser
TRAINING_PATIENCE = 180_000
REASON = "Squared error has doubled since July."
JUDGED = "The error is a third of what it was."
TOKEN = "a token of these journeys"


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample portfolio that may be written to."""
    return Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("retraining") / "home"))


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The demo with its trigger worker, without the simulated portfolio."""
    command = ("demo", "--simulated", "0", "--at", "2021-07-17")
    with serving(home, *command, MODELFOLIO_REPORT_TOKEN=TOKEN, PYTHONPATH=str(Path.cwd())) as served:
        yield served


def press(page: Page, name: str) -> None:
    # Behind the name a button says which key presses it.
    page.get_by_role("button", name=re.compile(f"^{name}")).click()
    settle(page)


def judge(page: Page, outcome: str) -> None:
    choice = page.get_by_role("radio", name=outcome, exact=True)
    choice.click()
    expect(choice).to_be_checked(timeout=PATIENCE)
    page.get_by_placeholder("Reason, kept with the decision").fill(JUDGED)
    press(page, "Judge outcome")


def test_approved_retraining_trains_before_ones_eyes_and_its_outcome_is_judged(
    home: Path, address: str, page: Page
) -> None:
    visit(page, f"{address}/model?model=ewr-air-time")
    act_as(page, "Ada Berg (owner)")
    page.get_by_role("button", name="Propose retraining").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Reason").fill(REASON)
    drawer.get_by_role("button", name="Propose retraining").click()
    expect(page.get_by_text("Proposed retraining for EWR: air time.")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Approvals").click()
    act_as(page, "Emmy Sato (approver)")
    page.get_by_role("button", name="Approve").click()
    page.get_by_placeholder("Comment, kept with the decision").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved.", exact=True)).to_be_visible(timeout=PATIENCE)

    # Nobody touches anything: the page itself shows how it goes on.
    page.get_by_role("link", name="Retraining").click()
    expect(page.get_by_text("started by command")).to_be_visible(timeout=TRAINING_PATIENCE)
    expect(page.get_by_text("succeeded, version v2")).to_be_visible(timeout=TRAINING_PATIENCE)
    assert page.get_by_role("button", name="Judge outcome").count() == 0
    expect(page.get_by_text("is settling").first).to_be_visible(timeout=PATIENCE)

    for day in ("Sat 24 Jul 2021", "Sat 31 Jul 2021"):
        press(page, "Next week")
        expect(page.get_by_text(f"Today is {day}")).to_be_visible(timeout=PATIENCE)
    # The days of the new version are judged meanwhile.
    expect(page.get_by_text("In service, paired")).to_be_visible(timeout=TRAINING_PATIENCE)
    settle(page)
    assert eventually(page, lambda: [row["Where it is"] for row in rows(page)] == ["Trained, outcome to judge"])
    assert eventually(page, lambda: rows(page)[0]["Change, points [90 %]"].startswith("+"))
    assert rows(page)[0]["Version"] == "v1 → v2"

    judge(page, "Fixed")
    expect(page.get_by_text("Noted. Somebody else confirms it.")).to_be_visible(timeout=PATIENCE)
    act_as(page, "Ada Berg (owner)")
    judge(page, "Fixed")
    expect(page.get_by_role("heading", name="1 of 1 retraining helped")).to_be_visible(timeout=PATIENCE)

    visit(page, f"{address}/model?model=ewr-air-time")
    expect(page.get_by_text("v2 since 18 Jul").first).to_be_visible(timeout=PATIENCE)
    assert "verified" in succeed(home, "audit", "verify")


def test_pipeline_is_heard_by_the_real_server(address: str) -> None:
    def post(token: str) -> tuple[int, dict[str, str]]:
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{address}/api/decisions/999/report",
            data=json.dumps({"report": "started"}).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)  # noqa: S310 - our own address
        with refused.value as answer:
            return answer.code, json.loads(answer.read())

    assert post("wrong") == (401, {"error": "The token is missing or wrong."})
    assert post(TOKEN) == (404, {"error": "There is no decision 999."})


def test_model_is_retrained_without_a_person_under_what_people_have_approved(
    home: Path, address: str, page: Page
) -> None:
    visit(page, f"{address}/retraining?standing=all")
    act_as(page, "Sofia Duarte (approver)")
    press(page, "Propose a standing approval")
    drawer = page.get_by_role("dialog")
    drawer.get_by_text("A tier", exact=True).click()
    drawer.get_by_role("combobox", name="Tier").click()
    page.get_by_role("option", name="3", exact=True).click()
    lost = drawer.get_by_label("Advantage lost, at least (%)")
    lost.fill("20")
    lost.press("Tab")
    expect(drawer.get_by_text("at least 20 % of the advantage is lost")).to_be_visible(timeout=PATIENCE)
    drawer.get_by_label("Why").fill("Tier 3 drifts every summer.")
    drawer.get_by_label("Why").press("Tab")
    drawer.get_by_role("button", name="Propose it").click()
    expect(page.get_by_text("Standing approval 2 is proposed.")).to_be_visible(timeout=PATIENCE)
    act_as(page, "Emmy Sato (approver)")
    press(page, "Approve")
    page.get_by_placeholder("Why it may act without a person").fill("Bounded: two a month.")
    page.get_by_role("button", name=re.compile("^Approve")).dblclick()
    expect(page.get_by_text("Approved: standing approval 2 acts")).to_be_visible(timeout=PATIENCE)
    assert page.get_by_text("approved this at").count() == 0  # a double click is one press

    # The demo's worker acts on the clock's day; elsewhere that is `modelfolio assess`.
    assert eventually(page, lambda: ",standing approval 2 by emmy@example.org," in succeed(home, "decisions", "list"))
    visit(page, f"{address}/retraining")
    expect(page.get_by_text("approved by standing approval 2 by Emmy Sato")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("heading", name="LGA: air time, linear")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="Open the standing approval").click()
    expect(page.get_by_text("1 of 2 runs this month used")).to_be_visible(timeout=PATIENCE)
