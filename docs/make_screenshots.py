"""Make the pictures of the README and of the tour from a running demo, in an installed Chromium.

Start the demo on a day on which much is going on, with the simulated portfolio beside it, and wait until that is made. Then run
this; what people decide in the pictures is decided if it has not been:

    MODELFOLIO_HOME=/tmp/pictures modelfolio demo --at 2021-09-20 --port 8600
    python docs/make_screenshots.py http://127.0.0.1:8600
"""

import io
import os
import shutil
import sys
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

IMAGES = Path(__file__).parent / "images"
OWNER, APPROVER, ADMINISTRATOR = "Ada Berg (owner)", "Emmy Sato (approver)", "Barbara Klein (administrator)"
PREFLIGHT = "model?model=ewr-late-preflight"
PICTURES = {
    "portfolio": ("", OWNER),
    "model": (PREFLIGHT, OWNER),
    "performance": (f"{PREFLIGHT}&tab=Performance", OWNER),
    "drift": (f"{PREFLIGHT}&tab=Drift", OWNER),
    "data-quality": ("model?model=jfk-late-feed&tab=Data+quality", OWNER),
    "versions": ("model?model=ewr-air-time&tab=Versions", OWNER),
    "approvals": ("approvals", APPROVER),
    "retraining": ("retraining", OWNER),
    "standing": ("retraining?standing=1", APPROVER),
    "meeting": ("meeting?meeting=1&present=1", APPROVER),
    "policies": ("policies", APPROVER),
    "audit": ("audit", APPROVER),
    "settings": ("settings", ADMINISTRATOR),
    "glossary": ("glossary", OWNER),
    "shifts": ("shifts?portfolio=simulated", None),
    "portfolio-simulated": ("?portfolio=simulated", None),
}
"""What is pictured, in both sizes and both modes: the path, and whom one acts as."""
SIZES = {"1440": (1440, 900), "1280": (1280, 720)}
MODES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
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
"""The model, who proposes, what, and why."""
APPROVED = {1: "Agreed; tell me when the feed is whole again.", 3: "Agreed; the summer is in the data now."}
"""Which of them, in this order, are approved, and the comment."""
PATIENCE = 60_000


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


def propose(page: Page, address: str, *, model: str, who: str, noun: str, reason: str) -> None:
    """Propose an action unless it is proposed already."""
    visit(page, f"{address}/model?model={model}", acting_as=who)
    button = page.get_by_role("button", name=f"Propose {noun}")
    if not button.count():
        return
    button.click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Reason").fill(reason)
    drawer.get_by_role("button", name=f"Propose {noun}").click()
    page.get_by_text(f"Proposed {noun} for").wait_for(timeout=PATIENCE)


def approve(page: Page, address: str, *, decision: int, comment: str) -> None:
    """Approve a proposal unless it is approved already."""
    visit(page, f"{address}/approvals?decision={decision}", acting_as=APPROVER)
    button = page.get_by_role("button", name="Approve")
    # Of one that is answered already the page leads on to the next.
    if f"decision={decision}" not in page.url or not button.count():
        return
    button.click()
    page.get_by_placeholder("Comment, kept with the decision").fill(comment)
    button.click()
    page.get_by_text("Approved.", exact=True).wait_for(timeout=PATIENCE)


def decide(page: Page, address: str) -> None:
    """Propose and approve what the pictures show, and wait until the approved retraining is done."""
    for (model, who, noun), reason in PROPOSALS.items():
        propose(page, address, model=model, who=who, noun=noun, reason=reason)
    for decision, comment in APPROVED.items():
        approve(page, address, decision=decision, comment=comment)
    visit(page, f"{address}/retraining", acting_as=OWNER)
    page.get_by_text("succeeded, version v2").wait_for(timeout=6 * PATIENCE)


def meet(page: Page, address: str) -> None:
    """Call a meeting and turn to its first item unless it runs already."""
    visit(page, f"{address}/meeting?meeting=1", acting_as=APPROVER)
    if page.get_by_text("No such meeting").count():
        visit(page, f"{address}/meeting", acting_as=APPROVER)
        page.get_by_role("button", name="Build the agenda").click()
        page.get_by_role("button", name="Open the meeting").click()
        settle(page)
        page.locator(".st-key-meeting h1").click()
        page.keyboard.press("ArrowRight")
        page.locator(".st-key-meeting").get_by_text("1 of ").first.wait_for(timeout=PATIENCE)


def opened(browser: Browser, *, width: int, height: int, mode: Literal["dark", "light"] = "light") -> Page:
    """Return a fresh window."""
    return browser.new_context(viewport={"width": width, "height": height}, color_scheme=mode).new_page()


def take(page: Page, name: str) -> None:
    """Keep what the window shows, every colour as it is."""
    page.evaluate("document.activeElement?.blur()")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(IMAGES / f"{name}.webp", lossless=True, quality=100, method=6)


def main(address: str) -> None:
    """Write every picture."""
    IMAGES.mkdir(exist_ok=True)
    chromium = next(path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        decide(opened(browser, width=1440, height=900), address)
        meet(opened(browser, width=1440, height=900), address)
        for size, (width, height) in SIZES.items():
            for mode in MODES:
                page = opened(browser, width=width, height=height, mode=mode)
                for name, (path, who) in PICTURES.items():
                    visit(page, f"{address}/{path}", acting_as=who)
                    take(page, f"{name}-{mode}-{size}")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
