"""The page about portfolio shifts: is it the world or is it us."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitoring.assessment import Verdict
from tests import builders
from tests.builders import TODAY, Built
from tests.dashboard.views.test_portfolio import tick
from tests.portfolio_contract import add_shift_days, add_signs

if TYPE_CHECKING:
    from datetime import date

    from streamlit.testing.v1 import AppTest

    from data_access.registry import Registry
    from tests.dashboard.conftest import Open

BEGAN = TODAY - timedelta(days=1)
OVER = TODAY - timedelta(days=20)
HIT = [f"credit-{number}" for number in range(5)]
CALM = [f"calm-{number}" for number in range(5)]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@pytest.fixture
def shifted(empty_registry: Registry) -> Registry:
    """Ten models of which five moved yesterday and today for a source they share; an older shift is over."""
    builders.add_people(empty_registry)
    builders.add_models(
        empty_registry,
        *(Built(name, Verdict.FIX_DATA, team="Cards", owner="max@example.org") for name in HIT),
        *(Built(name, team="Loans") for name in CALM),
    )
    for name in (*HIT, *CALM):
        letters = [
            (day, day, "bb" if name in HIT and day >= BEGAN else "..")
            for day in days(TODAY - timedelta(days=40), TODAY)
        ]
        add_signs(empty_registry, name, '["bureau"]' if name in HIT else '["sensors"]', *letters)
    add_shift_days(empty_registry, (OVER, OVER, CALM[:4]), (OVER + timedelta(days=1),) * 2 + ([],), source="sensors")
    add_shift_days(empty_registry, *((day, day, HIT) for day in days(BEGAN, TODAY)), kind="feed")
    return empty_registry


def texts(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in [*page.title, *page.markdown]).replace("\\", "")


def table(page: AppTest, column: str, *, of: str) -> list[Any]:
    (found,) = [each.value for each in page.dataframe if of in each.value.columns]
    return list(found[column])


def test_heading_says_what_is_open_and_since_when(shifted: Registry, open_page: Open) -> None:
    assert open_page("shifts").title[0].value == "One shift is open: 5 of 61 models on bureau, since 21 Nov"


def test_the_newest_shift_is_chosen_with_sentence_evidence_and_its_models(shifted: Registry, open_page: Open) -> None:
    page = open_page("shifts")
    said = texts(page)
    assert "**A feed is broken.**" in said
    assert "5 of 61 exposed models newly moved on one day" in said
    assert "Broken data of this source in 5 of 5 models in its first days: a broken feed." in said
    assert sorted(table(page, "Model", of="Model")) == [name.replace("-", " ").capitalize() for name in HIT]
    assert page.query_params["shift"] == BEGAN.isoformat()


def test_shifts_that_are_over_stay_listed_and_a_link_chooses_one(shifted: Registry, open_page: Open) -> None:
    page = open_page("shifts", shift=OVER.isoformat())
    assert table(page, "State", of="In common") == ["open", f"over since {OVER.day} Nov"]
    assert "**The world changed.**" in texts(page)
    assert len(table(page, "Model", of="Model")) == 4


def test_a_shift_nobody_knows_in_a_link_is_ignored(shifted: Registry, open_page: Open) -> None:
    assert "**A feed is broken.**" in texts(open_page("shifts", shift="2020-01-01"))
    assert "**A feed is broken.**" in texts(open_page("shifts", shift="<script>"))


def test_models_are_grouped_by_source_use_case_or_team_and_told_from_chance(shifted: Registry, open_page: Open) -> None:
    page = open_page("shifts")
    assert table(page, "Source", of="Source") == ["bureau", "sensors"]
    assert table(page, "Moved", of="Source") == ["5 of 5 models", "0 of 5 models"]
    page = open_page("shifts", by="team")
    assert table(page, "Moved", of="Team") == ["5 of 5 models", "0 of 5 models"]
    assert table(page, "Share", of="Team") == [100.0, 0.0]
    assert table(open_page("shifts", by="nonsense"), "Source", of="Source")


def test_a_broken_feed_is_proposed_for_all_its_models_as_fixing_the_data(shifted: Registry, open_page: Open) -> None:
    page = open_page("shifts", acting_as="marie@example.org")
    assert page.button(key="propose").label == "Propose for all 5"
    page.button(key="propose").click().run()
    assert page.segmented_control(key="propose_action").value == "fix_data"
    assert len(page.multiselect(key="propose_models").value) == 5


def test_a_changed_world_is_proposed_as_retraining(shifted: Registry, open_page: Open) -> None:
    page = open_page("shifts", acting_as="marie@example.org", shift=OVER.isoformat())
    page.button(key="propose").click().run()
    assert page.segmented_control(key="propose_action").value == "retrain"


def test_ticked_models_are_proposed_alone(shifted: Registry, open_page: Open) -> None:
    page = open_page("shifts", acting_as="marie@example.org")
    models = next(place for place, each in enumerate(page.dataframe) if "Model" in each.value.columns)
    assert tick(page, 0, 1, table=models).button(key="propose").label == "Propose for 2 models"


@pytest.mark.parametrize("email", [None, "tim@example.org", "vera@example.org", "ann@example.org", "rosa@example.org"])
def test_everybody_reads_the_page(shifted: Registry, open_page: Open, email: str | None) -> None:
    assert "One shift is open" in open_page("shifts", acting_as=email).title[0].value


def test_days_after_the_clock_are_not_there_yet(
    shifted: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELFOLIO_AS_OF", (BEGAN - timedelta(days=1)).isoformat())
    assert open_page("shifts").title[0].value == "No shift is open; the last one began on 2 Nov"


def test_without_a_shift_the_last_day_is_shown_and_what_would_be_one(registry: Registry, open_page: Open) -> None:
    for name in ("card-churn", "limit-increase"):
        add_signs(registry, name, '["bureau"]', *((day, day, "..") for day in days(BEGAN, TODAY)))
    page = open_page("shifts")
    assert page.title[0].value == "No shift is open"
    assert "No portfolio shift has been found." in texts(page)
    assert table(page, "Moved", of="Source") == ["0 of 2 models"]


@pytest.mark.parametrize("models", [(), (Built("alone"),)])
def test_nothing_searched_yet_says_what_to_do(
    empty_registry: Registry, open_page: Open, models: tuple[Built, ...]
) -> None:
    builders.add_models(empty_registry, *models)
    page = open_page("shifts")
    assert page.title[0].value == "Nothing is known about shifts yet"
    assert page.code[0].value == "modelfolio assess"


@pytest.mark.parametrize("name", builders.HOSTILE_NAMES)
def test_a_hostile_source_stays_text(empty_registry: Registry, open_page: Open, name: str) -> None:
    builders.add_models(empty_registry, Built("m", Verdict.RETRAIN, name=name, team=name))
    add_shift_days(empty_registry, (TODAY, TODAY, ["m"]), source=name)
    page = open_page("shifts")
    said = "\n".join(str(each.value) for each in [*page.title, *page.markdown])
    assert "![" not in said
    assert ":red[x]" not in said
    assert "<img" not in said.replace("\\<", "")
    assert table(page, "In common", of="In common") == [name]
