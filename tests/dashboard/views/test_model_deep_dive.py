"""The deep dive tab: what it offers, what it shows of a report that is kept, and what it says when there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.deep_dive.kept import report_name
from dashboard.deep_dive.order import Request
from dashboard.deep_dive.running import DEEP_DIVES, Progress
from tests.builders import TODAY
from tests.dashboard.deep_dive.test_kept import kept_report

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from streamlit.testing.v1 import AppTest

    from data_access.registry import Registry
    from tests.dashboard.conftest import Open

MODEL = "limit-increase"


def opened(open_page: Open, model: str = MODEL, **parameters: str) -> AppTest:
    return open_page("model", model=model, tab="Deep dive", **parameters)


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def said(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in (*page.markdown, *page.error)).replace("\\", "")


def name_of(registry: Registry, **different: int) -> str:
    request = Request(model=MODEL, version="v1", last=TODAY, known_on=TODAY)
    asked = Request(**{**{name: getattr(request, name) for name in request.__dataclass_fields__}, **different})
    return report_name(str(registry.engine.url), asked)


def test_nothing_is_made_before_somebody_asks(registry: Registry, open_page: Open) -> None:
    page = opened(open_page)
    assert "Make the report" in labels(page)
    assert "Not made yet for 16 Nov to 22 Nov" in said(page)
    assert DEEP_DIVES.progress(name_of(registry)) is None


def test_model_without_a_log_says_so(registry: Registry, open_page: Open) -> None:
    page = opened(open_page, "inventory-only")
    assert "no judged log" in said(page)
    assert "Make the report" not in labels(page)


def test_kept_report_is_shown_with_what_it_compared_and_what_it_left_out(
    registry: Registry, open_page: Open, tmp_path: Path
) -> None:
    kept = kept_report(tmp_path, name_of(registry))
    page = opened(open_page)

    assert "3 columns of 100 rows" in said(page)
    assert "compared with 200 rows of the reference" in said(page)
    assert "No performance: Too few labels." in said(page)
    assert "Left out: x (no value in the window)." in said(page)
    assert "Make the report again" in labels(page)
    frames = [element.proto.src for element in page.get("iframe")]
    assert frames == [f"/deep-dive/{kept.token}/drift.html"]


def test_another_window_or_sample_is_another_report(registry: Registry, open_page: Open, tmp_path: Path) -> None:
    kept_report(tmp_path, name_of(registry, days=28, rows=500))
    assert "Make the report" in labels(opened(open_page))
    assert "Make the report again" in labels(opened(open_page, sample_days="28", sample_rows="500"))
    assert "Make the report" in labels(opened(open_page, sample_days="junk", sample_rows="-1"))


def test_report_under_way_shows_its_progress_and_the_way_to_stop_it(
    registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DEEP_DIVES, "progress", lambda _: Progress(0.3, "Loading Evidently", 4.2))
    page = opened(open_page)
    assert "Stop" in labels(page)
    assert "Make the report" not in labels(page)


def test_failure_is_one_sentence_and_the_button_is_there_again(
    registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DEEP_DIVES, "failure", lambda _: "Too few rows to compare: <b>.")
    page = opened(open_page)
    assert "Too few rows to compare: <b>." in said(page)
    assert "Make the report" in labels(page)
