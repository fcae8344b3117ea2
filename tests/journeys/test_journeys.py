import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.palette import LIGHT
from monitoring.assessment import Verdict
from tests.journeys.small_model import LAST_DAY, LAST_GOOD_DAY, broken_rows, small_model
from tests.journeys.steps import (
    PATIENCE,
    act_as,
    cell_shows_colour,
    channels,
    colour_of,
    rows,
    run,
    settle,
    succeed,
    visit,
)
from tests.serving import serving

pytestmark = pytest.mark.browser
MODEL = "/model?model=ewr-air-time"
REASON = "Squared error has doubled since July."
COMMENT = "Retrain on May and June, compare on July."


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample portfolio that may be written to."""
    return Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("journeys") / "home"))


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The sample portfolio as served by the command, started from another directory than the checkout."""
    with serving(home) as served:
        yield served


def test_log_row_becomes_a_coloured_cell(tmp_path: Path, page: Page) -> None:
    home = tmp_path / "home"
    home.mkdir()
    succeed(home, "db", "upgrade")
    succeed(home, "import", str(small_model(tmp_path / "small-loans")))
    succeed(home, "assess", "--as-of", LAST_GOOD_DAY.isoformat())
    with serving(home, MODELFOLIO_AS_OF=LAST_DAY.isoformat()) as address:
        visit(page, address)
        shown = rows(page)[0]
        assert (shown["Verdict"], shown["Model"]) == ("●\u2002Performing well", "Small loans")
        assert cell_shows_colour(page, row=0, colour=LIGHT.verdicts[Verdict.KEEP])
        assert not cell_shows_colour(page, row=0, colour=LIGHT.verdicts[Verdict.FIX_DATA])

        succeed(home, "ingest", "small-loans", "--log", str(broken_rows(tmp_path / "late.parquet")))
        succeed(home, "assess", "--as-of", LAST_DAY.isoformat())
        visit(page, address)

        shown = rows(page)[0]
        assert shown["Verdict"] == "✚\u2002Fix data"
        assert "of amount is empty" in shown["Why"]
        assert cell_shows_colour(page, row=0, colour=LIGHT.verdicts[Verdict.FIX_DATA])
        visit(page, f"{address}/model?model=small-loans")
        verdict = page.locator("h2").first.get_by_text("✚\u2002Fix data.")
        assert colour_of(verdict) == channels(LIGHT.verdicts[Verdict.FIX_DATA])
        page.goto("about:blank")  # before its server is gone


def test_pressed_button_becomes_an_audit_event(home: Path, address: str, page: Page) -> None:
    visit(page, address + MODEL)
    act_as(page, "Ada Berg (owner)")
    page.get_by_role("button", name="Propose retraining").click()
    drawer = page.get_by_role("dialog")
    drawer.get_by_label("Reason").fill(REASON)
    drawer.get_by_role("button", name="Propose retraining").click()
    expect(page.get_by_text("Proposed retraining for EWR: air time.")).to_be_visible(timeout=PATIENCE)

    page.get_by_role("link", name="Approvals").click()
    expect(page.get_by_role("button", name="Withdraw")).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert page.get_by_role("button", name="Approve").count() == 0
    assert page.get_by_role("button", name="Reject").count() == 0

    act_as(page, "Emmy Sato (approver)")
    expect(page.get_by_role("link", name="Approvals (1)")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Approve").click()
    page.get_by_placeholder("Comment, kept with the decision").fill(COMMENT)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved.", exact=True)).to_be_visible(timeout=PATIENCE)

    visit(page, f"{address}/audit?model=ewr-air-time")
    events = {row["What"]: (row["Who"], row["Why"]) for row in rows(page)}
    assert events["Propose"] == ("Ada Berg", REASON)
    assert events["Approve"] == ("Emmy Sato", COMMENT)
    assert "verified" in succeed(home, "audit", "verify")


def test_link_with_filters_shows_the_same_rows_in_a_fresh_browser(address: str, page: Page, browser: Browser) -> None:
    visit(page, address)
    everything = rows(page)
    page.get_by_role("button", name="Retrain").click()
    page.locator(".st-key-pf_tier input").click()
    page.get_by_role("option", name="Tier 2").click()
    page.wait_for_url("**tier=2**", timeout=PATIENCE)
    settle(page)
    chosen = rows(page)
    assert 0 < len(chosen) < len(everything)
    assert all("Retrain" in row["Verdict"] and row["Tier"] == "2" for row in chosen)

    context = browser.new_context()
    fresh = context.new_page()
    visit(fresh, page.url)

    assert rows(fresh) == chosen
    context.close()


def test_link_to_a_tab_opens_that_tab_in_a_fresh_browser(address: str, page: Page, browser: Browser) -> None:
    visit(page, address + MODEL)
    page.get_by_role("tab", name="Drift").click()
    page.wait_for_url("**tab=Drift**", timeout=PATIENCE)

    context = browser.new_context()
    fresh = context.new_page()
    visit(fresh, page.url)

    expect(fresh.get_by_role("tab", name="Drift")).to_have_attribute("aria-selected", "true")
    expect(fresh.get_by_text("What moved and matters")).to_be_visible()
    context.close()


def test_click_in_the_drift_map_shows_that_feature_on_that_day(address: str, page: Page) -> None:
    visit(page, f"{address}{MODEL}&tab=Drift")
    plot = page.locator("[class*=st-key-m_map] .js-plotly-plot")
    plot.scroll_into_view_if_needed()
    points = plot.locator(".scatterlayer .point")
    points.first.wait_for(timeout=PATIENCE)
    at = points.count() // 2
    feature, day = plot.evaluate("(plot, at) => plot.data[1].customdata[at]", at)
    box = points.nth(at).bounding_box()
    assert box is not None

    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_url("**day=**", timeout=PATIENCE)
    settle(page)

    asked = parse_qs(urlsplit(page.url).query)
    assert (asked["feature"], asked["day"]) == ([feature], [day])
    expect(page.get_by_role("button", name="Back to the newest day")).to_be_visible()
    expect(page.locator(f'[class*="st-key-m_feature_"] [value="{feature}"]')).to_be_visible()
    words = f"{pd.Timestamp(day).day} {pd.Timestamp(day):%b} against the reference"
    expect(page.get_by_text(words)).to_be_visible()


def test_deep_dive_goes_on_without_the_page_and_is_there_after_a_reload(address: str, page: Page) -> None:
    visit(page, f"{address}{MODEL}&tab=Deep dive")
    page.get_by_role("button", name="Make the report").click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Make the report").click()
    page.get_by_role("progressbar").wait_for(timeout=PATIENCE)
    visit(page, f"{address}{MODEL}&tab=Drift")

    visit(page, f"{address}{MODEL}&tab=Deep dive")
    page.get_by_test_id("stIFrame").wait_for(timeout=300_000)
    visit(page, f"{address}{MODEL}&tab=Deep dive")
    expect(page.get_by_test_id("stIFrame")).to_be_visible(timeout=PATIENCE)
    with page.expect_download() as started:
        page.get_by_role("button", name="Download as HTML").click()

    report = Path(started.value.path()).read_text(encoding="utf-8")
    assert started.value.suggested_filename == "ewr-air-time-deep-dive-drift-2021-07-17.html"
    assert "sched_min" in report
    assert "connect-src 'none'" in report


def test_server_listens_on_this_machine_only(address: str) -> None:
    port = urlsplit(address).port
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    ]

    assert listening == [f"0100007F:{port:04X}"]


def test_second_server_on_the_same_port_is_one_sentence(home: Path, address: str) -> None:
    finished = run(home, "serve", "--port", str(urlsplit(address).port))

    assert finished.returncode == 1
    assert finished.stderr.count("\n") == 1
    assert "is taken by another program" in finished.stderr
