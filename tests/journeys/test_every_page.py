"""What holds for every page, those of the menu and every tab of a model, in a real browser.

The page fixture fails a test when a request leaves this machine, when there is an error in the console and when a dialog opens.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Response
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.journeys.pages import MENU, model_tabs
from tests.journeys.steps import PATIENCE, settle, visit
from tests.serving import serving

pytestmark = pytest.mark.browser
MODEL = "/model?model=ewr-air-time"
MISSING = "/model?model=no-such-model"
SIZES = ((1440, 900), (1280, 720))
FITS = """width => ["html", "[data-testid=stMain]", ".st-key-page"].every(
    part => (document.querySelector(part)?.scrollWidth ?? 0) <= width)"""


@pytest.fixture(scope="module")
def address(sample_home: Path) -> Iterator[str]:
    """The sample portfolio, which nobody changes here."""
    with serving(sample_home) as served:
        yield served


def assert_fits(page: Page) -> None:
    """Neither the page nor anything in it that does not scroll by itself is wider than the window."""
    assert page.get_by_test_id("stException").count() == 0, page.url
    assert "Traceback" not in page.inner_text("body"), page.url
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        settle(page)
        try:  # tables follow a new width a moment later
            page.wait_for_function(FITS, arg=width, timeout=PATIENCE)
        except PlaywrightTimeout:
            pytest.fail(f"{page.url} is wider than a window of {width}")


@pytest.mark.parametrize("path", [*MENU, MISSING])
def test_page_opens_from_its_link_without_a_complaint_and_fits_both_windows(
    address: str, page: Page, path: str
) -> None:
    visit(page, address + path)
    assert_fits(page)


def test_every_tab_of_a_model_opens_from_its_link_and_fits_both_windows(address: str, page: Page) -> None:
    visit(page, address + MODEL)
    tabs = model_tabs(page)
    assert len(tabs) >= 6
    for tab in tabs:
        page.set_viewport_size({"width": 1440, "height": 900})
        visit(page, f"{address}{MODEL}&tab={tab}")
        assert_fits(page)


def test_every_response_carries_a_policy_under_which_no_written_script_runs(address: str, page: Page) -> None:
    seen: list[Response] = []
    page.on("response", lambda response: seen.append(response))  # noqa: PLW0108 - Playwright marks the function
    for path in (*MENU, MODEL):
        visit(page, address + path)

    policies = {response.url: response.headers.get("content-security-policy", "") for response in seen}
    assert len(policies) > 10
    for url, policy in policies.items():
        scripts = next((part for part in policy.split("; ") if part.startswith("script-src")), "none")
        assert "default-src 'self'" in policy, url
        assert "unsafe-inline" not in scripts, url
        assert "unsafe-eval" not in scripts.replace("wasm-unsafe-eval", ""), url


def test_markup_that_slips_through_would_not_run(address: str, browser: Browser) -> None:
    context = browser.new_context()
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    visit(page, address)
    page.evaluate("""() => {
        const slipped = document.createElement("div");
        slipped.innerHTML = '<button id="slipped" onclick="window.hacked=1">x</button>';
        document.body.prepend(slipped);
    }""")
    page.locator("#slipped").dispatch_event("click")

    assert page.evaluate("typeof window.hacked") == "undefined"
    assert any("Content Security Policy" in text for text in said)
    context.close()
