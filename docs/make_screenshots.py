"""Make the pictures of the README from a running demo, in an installed Chromium.

Start the demo on a day on which much is going on, then run this; proposals are made if they are not there:

    MODELFOLIO_HOME=/tmp/pictures modelfolio demo --at 2021-09-20 --port 8600
    python docs/make_screenshots.py http://127.0.0.1:8600
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
MODEL = "model?model=ewr-air-time"
DRIFT = "model?model=ewr-late-preflight&tab=Drift"
OWNER, APPROVER = "Ada Berg (owner)", "Emmy Sato (approver)"
PROPOSALS = {
    ("jfk-late-feed", "Mary Lindqvist (owner)", "fixing the data"): (
        "Three of five departures come without their delay since 6 September; the feed's supplier is told."
    ),
    ("ewr-late-preflight", "Grace Novak (owner)", "retraining"): (
        "No better than the naive forecast since 8 September; train it on June to August."
    ),
    ("ewr-air-time", OWNER, "retraining"): (
        "It learnt from winter headwinds: forecasts are a quarter of an hour too long. Train it on April to August."
    ),
}
"""The model, who proposes, what, and why; the first is approved."""
PATIENCE = 30_000


def visit(page: Page, address: str, *, acting_as: str | None = None) -> None:
    """Open a page and wait until it is drawn to the end."""
    page.goto(address)
    page.locator("h1").first.wait_for(timeout=PATIENCE)
    settle(page)
    if acting_as:
        choice = page.locator(".st-key-acting_as input")
        choice.click()
        page.get_by_role("option", name=acting_as).click()
        expect(choice).to_have_value(acting_as)
        settle(page)


def settle(page: Page) -> None:
    """Wait until nothing more comes, with the pointer and the focus out of the picture."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=PATIENCE)
    expect(page.locator("[data-stale=true]")).to_have_count(0, timeout=PATIENCE)
    page.mouse.move(2, 2)
    page.wait_for_timeout(1_200)  # the fonts, the grid and the charts draw themselves


def propose(page: Page, address: str, *, model: str, who: str, noun: str, reason: str) -> bool:
    """Propose an action unless it is proposed already; return whether it was done now."""
    visit(page, f"{address}/model?model={model}", acting_as=who)
    button = page.get_by_role("button", name=f"Propose {noun}")
    if not button.count():
        return False
    button.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Reason").fill(reason)
    drawer.get_by_role("button", name=f"Propose {noun}").click()
    page.get_by_text(f"Proposed {noun} for").wait_for(timeout=PATIENCE)
    return True


def approve_first(page: Page, address: str) -> None:
    """Approve the only proposal there is."""
    visit(page, f"{address}/approvals", acting_as=APPROVER)
    page.get_by_placeholder("Comment, kept with the decision").fill("Agreed; tell me when the feed is whole again.")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved.", exact=True).wait_for(timeout=PATIENCE)


def opened(browser: Browser, *, width: int, height: int, mode: Literal["dark", "light"] = "light") -> Page:
    """Return a fresh window."""
    return browser.new_context(viewport={"width": width, "height": height}, color_scheme=mode).new_page()


def take(page: Page, name: str) -> None:
    """Keep what the window shows."""
    page.evaluate("document.activeElement?.blur()")
    page.screenshot(path=IMAGES / f"{name}.png")


def main(address: str) -> None:
    """Write every picture."""
    IMAGES.mkdir(exist_ok=True)
    chromium = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        page = opened(browser, width=1440, height=900)
        for at, ((model, who, noun), reason) in enumerate(PROPOSALS.items()):
            if propose(page, address, model=model, who=who, noun=noun, reason=reason) and not at:
                approve_first(page, address)
        for name, path in {"portfolio": "", "model": MODEL, "drift": DRIFT}.items():
            visit(page, f"{address}/{path}", acting_as=OWNER)
            if path == DRIFT:
                page.locator(".st-key-m_map").scroll_into_view_if_needed()
                settle(page)
            take(page, name)
        visit(page, f"{address}/approvals", acting_as=APPROVER)
        take(page, "approvals")
        visit(page, f"{address}/audit", acting_as=APPROVER)
        page.get_by_role("button", name="Verify").click()
        page.get_by_text("events verified").wait_for(timeout=PATIENCE)
        settle(page)
        take(page, "audit")
        dark = opened(browser, width=1280, height=720, mode="dark")
        visit(dark, f"{address}/", acting_as=OWNER)
        take(dark, "portfolio-dark")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
