"""The shift card of the portfolio page: there when a shift is open on the clock's day, and a filter."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.tables import ShiftDayRow, ShiftProgressRow, ShiftRow
from tests import builders
from tests.builders import NOW, TODAY

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

    from data_access.registry import Registry
    from tests.dashboard.conftest import Open

BEGAN = TODAY - timedelta(days=4)
MODELS = ["card-churn", "mule-account"]


def add_shift(
    registry: Registry, *, kind: str = "world", source: str = "bureau scores", cleared: list[str] | None = None
) -> None:
    """Add a shift that is open from its first day until today."""
    with registry.write() as session:
        for number in range(5):
            day = BEGAN + timedelta(days=number)
            row = ShiftDayRow(day=day, known_on=day, recorded_at=NOW)
            row.shifts = [
                ShiftRow(
                    began=BEGAN, kind=kind, grouping="source", source=source, k=37, n=61, base=0.04, log10_p=-20.0,
                    models=MODELS, cleared=cleared or [],
                )
            ]  # fmt: skip
            session.add(row)
        session.execute(sa.update(ShiftProgressRow).values(searched_to=TODAY))


def texts(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in page.markdown)


def pressed(page: AppTest, label: str) -> AppTest:
    (button,) = [button for button in page.button if button.label == label]
    button.click()
    page.run()
    assert not page.exception
    return page


def test_without_an_open_shift_there_is_no_card(registry: Registry, open_page: Open) -> None:
    assert "moved on the same days" not in texts(open_page())


def test_an_open_shift_says_what_moved_and_what_chance_would_be(registry: Registry, open_page: Open) -> None:
    add_shift(registry)
    said = texts(open_page()).replace("\\", "")
    assert (
        "**The world changed.** 37 of 61 models fed by bureau scores moved on the same days, from 18 Nov "
        "(0 to 5 would be chance). No fault was found in the feed; label these models first." in said
    )


def test_a_broken_feed_asks_for_its_data_to_be_fixed(registry: Registry, open_page: Open) -> None:
    add_shift(registry, kind="feed")
    assert "**A feed is broken.**" in texts(open_page())


def test_the_card_filters_the_table_and_the_address_says_so(registry: Registry, open_page: Open) -> None:
    add_shift(registry)
    page = pressed(open_page(), "Show 2 models")
    assert sorted(page.dataframe[0].value["Model"]) == ["Card churn", "Mule account"]
    assert page.query_params["shift"] == BEGAN.isoformat()
    assert page.title[0].value.startswith("2 of 2 chosen models judged")
    page = pressed(page, "Show all models")
    assert len(page.dataframe[0].value) > 2
    assert "shift" not in page.query_params


def test_a_copied_address_shows_the_models_of_the_shift(registry: Registry, open_page: Open) -> None:
    add_shift(registry)
    assert len(open_page(shift=BEGAN.isoformat()).dataframe[0].value) == 2
    assert len(open_page(shift="2026-01-01").dataframe[0].value) > 2


def test_models_that_are_clean_again_are_not_among_those_concerned(registry: Registry, open_page: Open) -> None:
    add_shift(registry, kind="feed", cleared=["mule-account"])
    assert [button.label for button in open_page().button if button.label.startswith("Show ")] == ["Show 1 model"]


def test_a_hostile_source_is_shown_as_text(registry: Registry, open_page: Open) -> None:
    add_shift(registry, source=builders.HOSTILE_NAMES[1])
    assert "![t]" not in texts(open_page())


def test_the_card_leads_to_the_shift(registry: Registry, open_page: Open) -> None:
    add_shift(registry)
    page = pressed(open_page(), "See the shift")
    assert page.title[0].value == "One shift is open: 37 of 61 models on bureau scores, since 18 Nov"
    assert page.query_params["shift"] == BEGAN.isoformat()
