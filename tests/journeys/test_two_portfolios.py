"""The real and the simulated portfolio in a real browser: the address says which one it is, on every page."""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard import simulated
from dashboard.simulated import Stage, State
from monitoring.assessment import Verdict
from tests import builders
from tests.builders import Built
from tests.journeys.steps import PATIENCE, rows, settle, visit
from tests.serving import serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Eleven models, and two that are called simulated."""
    home = tmp_path_factory.mktemp("two")
    real = builders.new_registry(home)
    builders.small_portfolio(real)
    builders.set_clock(real)
    real.close()
    inside = home / simulated.FOLDER
    inside.mkdir()
    other = builders.new_registry(inside)
    builders.add_people(other)
    builders.add_models(other, Built("sim-fraud", Verdict.RETRAIN), Built("sim-demand", Verdict.KEEP))
    builders.set_clock(other, day=builders.TODAY - timedelta(days=1), last_day=builders.TODAY)
    other.close()
    simulated._keep_state(inside, State(Stage.READY, models=2))
    with serving(home) as served:
        yield served


def choose(page: Page, name: str) -> None:
    page.locator(".st-key-portfolio_choice").get_by_text(name).click()


def portfolio_of(page: Page) -> list[str]:
    return parse_qs(urlsplit(page.url).query).get("portfolio", [])


def test_switch_is_kept_from_page_to_page_and_in_a_copied_link(address: str, page: Page, browser: Browser) -> None:
    visit(page, address)
    choose(page, "2 simulated")
    page.wait_for_url("**portfolio=simulated**", timeout=PATIENCE)
    settle(page)
    assert [row["Model"] for row in rows(page)] == ["Sim fraud", "Sim demand"]

    for menu in ("Approvals", "Portfolio"):
        page.get_by_role("link", name=menu).click()
        page.locator("h1").first.wait_for(timeout=PATIENCE)
        settle(page)
        page.wait_for_url("**portfolio=simulated**", timeout=PATIENCE)
        expect(page.get_by_text("Simulated portfolio.")).to_be_visible()

    context = browser.new_context()
    fresh = context.new_page()
    visit(fresh, page.url)
    assert [row["Model"] for row in rows(fresh)] == ["Sim fraud", "Sim demand"]
    visit(fresh, address)
    assert len(rows(fresh)) == 11
    context.close()


def test_each_visitor_chooses_for_themselves_and_can_go_back(address: str, page: Page, browser: Browser) -> None:
    context = browser.new_context()
    somebody_else = context.new_page()
    visit(page, f"{address}/?portfolio=simulated")
    visit(somebody_else, address)
    assert len(rows(somebody_else)) == 11

    choose(page, "Real models (11)")
    expect(page.get_by_text("Simulated portfolio.")).to_have_count(0, timeout=PATIENCE)
    settle(page)

    assert portfolio_of(page) == []
    assert len(rows(page)) == 11
    context.close()
