"""The simulated portfolio beside the real one: the switch in the header, and how it is made."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import simulated
from dashboard.opening import open_registry
from dashboard.settings import Settings
from dashboard.simulated import Stage, State, Wanted
from data_access import decision_queries
from data_access.audit_trail import verify
from data_access.demo_clock import demo_clock
from data_access.portfolio_queries import model_count
from data_access.registry import Registry
from data_access.verdict_queries import verdicts
from monitoring.assessment import Verdict
from monitoring.errors import SimulationError
from sample_data import simulate
from tests import builders
from tests.builders import Built
from tests.dashboard.conftest import Open

DRAWER = """
from dashboard.propose import propose_dialog
propose_dialog(["sim-fraud"])
"""
WANTED = Wanted(models=3, days=simulate.FEWEST_DAYS)


@pytest.fixture
def other(registry: Registry, tmp_path: Path) -> Iterator[Registry]:
    """A simulated portfolio of two models beside the small real one."""
    home = tmp_path / simulated.FOLDER
    home.mkdir()
    opened = builders.new_registry(home)
    builders.add_people(opened)
    builders.add_models(opened, Built("sim-fraud", Verdict.RETRAIN), Built("sim-demand", Verdict.KEEP))
    builders.set_clock(opened, day=builders.TODAY - timedelta(days=1), last_day=builders.TODAY)
    keep(home, State(Stage.READY, models=2))
    yield opened
    opened.close()


def keep(home: Path, said: State) -> None:
    simulated._keep_state(home, said)


def shown(page: AppTest) -> list[str]:
    return list(page.dataframe[0].value["Model"])


def texts(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in page.markdown)


def switch(page: AppTest, to: str) -> AppTest:
    return page.segmented_control(key="portfolio_choice").set_value(to).run()


def test_no_switch_without_a_simulated_portfolio(registry: Registry, open_page: Open) -> None:
    page = open_page(acting_as="marie@example.org")

    assert [control.key for control in page.segmented_control] == ["pf_verdict"]
    assert "simulated" not in texts(page).lower()


def test_switch_shows_the_other_portfolio_and_back(other: Registry, open_page: Open) -> None:
    page = open_page(acting_as="marie@example.org")
    assert page.segmented_control(key="portfolio_choice").options == ["Real models (11)", "2 simulated"]
    assert len(shown(page)) == 11

    page = switch(page, "simulated")
    assert shown(page) == ["Sim fraud", "Sim demand"]
    assert "**Simulated portfolio.**" in texts(page)
    assert page.query_params["portfolio"] == "simulated"

    page = switch(page, "real")
    assert len(shown(page)) == 11
    assert "Simulated portfolio" not in texts(page)
    assert "portfolio" not in page.query_params


def test_switch_forgets_the_filters_of_the_portfolio_it_leaves(other: Registry, open_page: Open) -> None:
    page = open_page(team="Cards")
    assert shown(page) == ["Card churn"]

    assert len(shown(switch(page, "simulated"))) == 2


def test_switch_on_another_page_leads_to_the_portfolio(other: Registry, open_page: Open) -> None:
    page = open_page("model", model="mule-account")

    assert shown(switch(page, "simulated")) == ["Sim fraud", "Sim demand"]


def test_copied_link_shows_the_same_portfolio(other: Registry, open_page: Open) -> None:
    assert shown(open_page(portfolio="simulated")) == ["Sim fraud", "Sim demand"]
    assert "Sim fraud" in open_page("model", portfolio="simulated", model="sim-fraud").title[0].value


def test_link_without_the_name_stays_where_the_visitor_is(other: Registry, open_page: Open) -> None:
    page = open_page(portfolio="simulated")
    page.query_params.clear()

    page = page.run()

    assert len(shown(page)) == 2
    assert page.query_params["portfolio"] == "simulated"


def test_the_clock_of_each_portfolio_is_its_own(other: Registry, registry: Registry, open_page: Open) -> None:
    builders.set_clock(registry, day=builders.TODAY, last_day=builders.TODAY)
    page = open_page(portfolio="simulated")
    assert "Today is **Sat 21 Nov 2026**" in texts(page)

    page.button(key="clock_To the end").click().run()

    assert demo_clock(other) == (builders.TODAY, builders.TODAY)
    assert demo_clock(registry) == (builders.TODAY, builders.TODAY)


def test_proposal_is_kept_in_the_portfolio_it_was_made_in(other: Registry, registry: Registry) -> None:
    page = AppTest.from_string(DRAWER, default_timeout=60)
    page.session_state["acting_as"], page.session_state["portfolio"] = "marie@example.org", "simulated"
    page.run()
    page.text_area[0].input("It has lost its advantage for weeks.")
    page.button[0].click().run()

    assert list(decision_queries.all_decisions(other, on=builders.TODAY)["model_id"]) == ["sim-fraud"]
    assert decision_queries.all_decisions(registry, on=builders.TODAY).empty
    verify(other)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (State(Stage.DRAWING, 1000, 500, 1000, process=os.getpid()), "1,000 simulated models: 15 % made"),
        (State(Stage.JUDGING, 1000, 500, 1000, process=os.getpid()), "1,000 simulated models: 65 % made"),
        (State(Stage.FAILED, 1000, sentence="The disk is full."), "1,000 simulated models: not made"),
    ],
)
def test_header_says_how_far_it_is(other: Registry, open_page: Open, tmp_path: Path, said: State, words: str) -> None:
    keep(tmp_path / simulated.FOLDER, said)
    page = open_page(portfolio="simulated")

    assert words in texts(page)
    assert len(shown(page)) == 11


def test_it_is_offered_in_the_demo_only(other: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODELFOLIO_DEMO_SIGN_IN")

    assert len(shown(open_page(portfolio="simulated"))) == 11


# Making it


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which three simulated models were made."""
    settings = Settings(home=tmp_path_factory.mktemp("made"))
    simulated.build(settings, WANTED)
    return settings


def opened(settings: Settings) -> Registry:
    return open_registry(simulated.simulated_settings(settings))


def test_it_is_made_judged_and_ready_with_its_clock_before_the_end(made: Settings) -> None:
    registry = opened(made)

    assert simulated.state(made).stage is Stage.READY
    assert model_count(registry.engine) == 3
    assert len({line.model for line in verdicts(registry)}) == 3
    assert demo_clock(registry) == (
        simulate.planned(1)[0].last_day - timedelta(days=10),
        simulate.planned(1)[0].last_day,
    )
    assert (made.home / "simulated" / "expected.csv").read_text().count("\n") == 4
    registry.close()


def test_it_never_touches_the_real_registry(made: Settings) -> None:
    assert sorted(file.name for file in made.home.iterdir()) == ["simulated"]


def test_one_that_is_ready_is_not_made_again(made: Settings) -> None:
    before = opened(made).revision()

    assert simulated.start(made, WANTED) is None
    simulated.build(made, WANTED)

    assert opened(made).revision() == before


def test_one_made_from_something_else_is_made_anew(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    simulated.build(settings, Wanted(models=2, days=simulate.FEWEST_DAYS), judge=False)
    simulated.build(settings, Wanted(models=1, days=simulate.FEWEST_DAYS), judge=False)

    assert model_count(opened(settings).engine) == 1
    assert simulated.state(settings).stage is Stage.DRAWN


def test_one_that_was_interrupted_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(simulated, "_judge", interrupted)
        with pytest.raises(KeyboardInterrupt):
            simulated.build(settings, WANTED)
    registry = opened(settings)
    drawn = registry.revision()
    simulated.build(settings, WANTED)

    assert simulated.state(settings).stage is Stage.READY
    assert registry.revision() > drawn
    assert len({line.model for line in verdicts(registry)}) == 3
    registry.close()


def test_failure_is_one_sentence_in_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home=tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(simulate, "register", full)
    with pytest.raises(OSError, match="No space"):
        simulated.build(settings, WANTED)

    assert simulated.state(settings).sentence == "It could not be made: OSError: No space left on device"


def test_two_cannot_make_it_at_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    (tmp_path / simulated.FOLDER).mkdir()

    with simulated._only_maker(tmp_path / simulated.FOLDER), pytest.raises(SimulationError, match="Another process"):
        simulated.build(settings, WANTED)


def test_state_of_a_maker_that_is_gone_is_interrupted(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / simulated.FOLDER).mkdir()
    keep(tmp_path / simulated.FOLDER, State(Stage.JUDGING, 1000, 3, 9, process=gone.pid))

    found = simulated.state(Settings(home=tmp_path))

    assert (found.stage, found.sentence) == (Stage.FAILED, "It was interrupted; the next start goes on with it.")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"stage": "lost"}', json.dumps({"stage": "ready", "more": 1})])
def test_unreadable_state_is_none_at_all(tmp_path: Path, text: str) -> None:
    (tmp_path / simulated.FOLDER).mkdir()
    (tmp_path / simulated.FOLDER / simulated.STATE).write_text(text)

    assert simulated.state(Settings(home=tmp_path)).stage is Stage.ABSENT


def test_started_in_the_background_it_becomes_ready_and_can_be_stopped(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    maker = simulated.start(settings, Wanted(models=1, days=simulate.FEWEST_DAYS))
    assert maker is not None
    assert simulated.state(settings).is_being_made

    assert maker.wait(timeout=120) == 0, (tmp_path / "simulated" / "build.log").read_text()

    assert simulated.state(settings).stage is Stage.READY
    simulated.stop(maker)
