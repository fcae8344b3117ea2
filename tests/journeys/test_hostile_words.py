"""Names and values meant to harm, in a real browser: they are text on every page, nothing of them runs and nothing is fetched."""

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from dashboard.presentation import FORMULA_STARTS
from tests.hostile import MARK, TEXTS
from tests.journeys.hostile_portfolio import MODEL, REASON, Portfolio, hostile_portfolio
from tests.journeys.pages import MENU, model_tabs
from tests.journeys.steps import PATIENCE, act_as, eventually, rows, settle, visit
from tests.serving import serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Portfolio:
    """A portfolio of hostile names."""
    return hostile_portfolio(tmp_path_factory.mktemp("hostile") / "home")


@pytest.fixture(scope="module")
def address(portfolio: Portfolio) -> Iterator[str]:
    """Where it is served."""
    with serving(portfolio.home, MODELFOLIO_AS_OF=portfolio.today) as served:
        yield served


def plain(text: str) -> str:
    """Text as a reader sees it: blanks are one blank, and characters nobody sees are none."""
    return " ".join(text.replace("\u2060", "").split())


def beginning(text: str) -> str:
    """As much of a text as no page cuts off."""
    return plain(text)[:24]


def words_of(page: Page) -> str:
    return plain(page.inner_text("body"))


def assert_nothing_ran(page: Page) -> None:
    """No script, picture or link of a name's, in any frame; requests and console errors are watched by the page fixture."""
    for frame in page.frames:
        assert frame.evaluate(f"typeof window.{MARK}") == "undefined", frame.url
        assert frame.locator("img[src=x], a[href^='javascript:'], a[href*='outside.example'], svg[onload]").count() == 0


@pytest.mark.parametrize("path", MENU)
def test_nothing_runs_on_a_page_of_the_menu(address: str, page: Page, path: str) -> None:
    visit(page, address + path)
    assert_nothing_ran(page)
    assert page.get_by_test_id("stException").count() == 0


def test_portfolio_shows_names_and_reasons_as_they_are(address: str, page: Page) -> None:
    visit(page, address)
    shown = rows(page)
    names = {plain(row["Model"])[:24] for row in shown}

    assert len(names & {beginning(text) for text in TEXTS}) >= 12
    assert any(beginning(TEXTS[1]) in plain(row["Why"]) for row in shown)
    for key in ("pf_team", "pf_use_case", "pf_owner"):
        page.locator(f".st-key-{key} input").click()
        page.get_by_role("option").first.wait_for(timeout=PATIENCE)
        offered = [plain(text)[:24] for text in page.get_by_role("option").all_inner_texts()]
        assert len(set(offered) & {beginning(text) for text in TEXTS}) >= 5, key
        page.keyboard.press("Escape")
    assert_nothing_ran(page)


def test_every_tab_of_a_hostile_model_shows_its_names_as_text(address: str, page: Page) -> None:
    visit(page, f"{address}/model?model={MODEL}")
    assert beginning(TEXTS[0]) in plain(page.locator("h1").inner_text())
    drawn: set[str] = set()
    for tab in model_tabs(page):
        visit(page, f"{address}/model?model={MODEL}&tab={tab}")
        page.wait_for_timeout(300)
        drawn |= {plain(text)[:20] for text in page.locator(".js-plotly-plot svg text").all_text_contents()}
        hover_every_chart(page)
        assert_nothing_ran(page)
        assert page.get_by_test_id("stException").count() == 0, tab
    assert len(drawn & {plain(text)[:20] for text in TEXTS}) >= 6


def hover_every_chart(page: Page) -> None:
    """Move over each chart, so that its hover words are drawn."""
    for plot in page.locator(".js-plotly-plot").all():
        plot.scroll_into_view_if_needed()
        box = plot.bounding_box()
        if box is None:
            continue
        for across in (0.3, 0.5, 0.7):
            page.mouse.move(box["x"] + across * box["width"], box["y"] + 0.5 * box["height"])


@pytest.mark.parametrize("at", [0, 1, 5, 8, 9, 16])
def test_model_page_says_the_name_the_sentence_and_the_purpose(address: str, page: Page, at: int) -> None:
    visit(page, f"{address}/model?model=m{at}")
    text = beginning(TEXTS[at])
    assert plain(page.locator("h1").inner_text()).startswith(text)
    assert text in plain(page.locator("h2").first.inner_text())
    assert words_of(page).count(text) >= 3
    assert_nothing_ran(page)


def test_proposal_approval_and_record_say_them_as_they_are(address: str, page: Page) -> None:
    visit(page, f"{address}/model?model={MODEL}")
    act_as(page, "Marie Novak (approver)")
    page.get_by_role("button", name="Propose").first.click()
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text(TEXTS[0][:20], timeout=PATIENCE)
    drawer.get_by_text("Retire", exact=True).click()
    drawer.get_by_label("Reason").fill(REASON)
    drawer.get_by_role("button", name="Propose retirement").click()
    expect(page.get_by_text("Proposed retirement for")).to_contain_text(TEXTS[0][:20], timeout=PATIENCE)
    assert_nothing_ran(page)

    visit(page, f"{address}/approvals")
    act_as(page, "Marie Novak (approver)")
    models = {beginning(text) for text in TEXTS[:4]}
    assert eventually(page, lambda: models <= {plain(row["Model"])[:24] for row in rows(page)})
    assert eventually(page, lambda: "and more" in words_of(page))
    assert_nothing_ran(page)

    visit(page, f"{address}/audit")
    assert eventually(page, lambda: plain(REASON)[:30] in {plain(row["Why"])[:30] for row in rows(page)})
    assert_nothing_ran(page)


@pytest.mark.parametrize("path", ["/", "/audit"])
def test_exported_csv_holds_no_formula(address: str, page: Page, path: str) -> None:
    visit(page, address + path)
    if path == "/audit":
        act_as(page, "Tim Okafor (auditor)")
    with page.expect_download() as started:
        page.get_by_role("button", name="Export" if path == "/audit" else "CSV").first.click()
    file = Path(started.value.path())
    text = zipfile.ZipFile(file).read("audit.csv").decode() if path == "/audit" else file.read_text(encoding="utf-8")
    cells = [cell for line in csv.reader(io.StringIO(text)) for cell in line]

    assert [cell for cell in cells if cell.lstrip(" ").startswith(FORMULA_STARTS) and not is_number(cell)] == []
    assert any(TEXTS[0] in cell for cell in cells)


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_deep_dive_of_hostile_rows_runs_nothing_in_the_page_and_as_a_file(
    address: str, page: Page, tmp_path: Path
) -> None:
    visit(page, f"{address}/model?model={MODEL}&tab=Deep dive")
    page.get_by_role("button", name="Make the report").click()
    page.get_by_test_id("stIFrame").wait_for(timeout=300_000)
    settle(page)
    inside = page.frame_locator("[data-testid=stIFrame]")
    inside.get_by_text("Drift is detected for").first.wait_for(timeout=PATIENCE)
    assert "‹img src=x" in inside.locator("body").inner_text()
    frame = next(frame for frame in page.frames if "/deep-dive/" in frame.url)
    assert frame.evaluate("window.origin") == "null"
    assert_nothing_ran(page)

    for part in ("Drift", "Performance"):
        page.locator(".st-key-m_deep_dive_part").get_by_text(part).click()
        settle(page)
        with page.expect_download() as started:
            page.get_by_role("button", name="Download as HTML").click()
        file = tmp_path / f"{part}.html"
        started.value.save_as(file)
        alone = page.context.new_page()
        alone.goto(file.as_uri())
        alone.locator("text=Current").first.wait_for(timeout=PATIENCE)
        assert_nothing_ran(alone)
        alone.close()
    visit(page, page.url)
    expect(page.get_by_test_id("stIFrame")).to_be_visible(timeout=PATIENCE)
