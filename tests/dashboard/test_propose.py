import pytest
from streamlit.testing.v1 import AppTest

from data_access import decision_queries
from data_access.registry import Registry
from monitoring.lifecycle import Action
from tests import builders
from tests.dashboard.conftest import PATIENCE_SECONDS

SCRIPT = """
import streamlit as st
from dashboard.propose import propose_dialog
propose_dialog(st.session_state["models"])
"""
REASON = "Both lost too much in October."


def opened(*model_ids: str) -> AppTest:
    """The drawer for these models, opened by an approver."""

    page = AppTest.from_string(SCRIPT, default_timeout=PATIENCE_SECONDS)
    page.session_state["acting_as"] = "marie@example.org"
    page.session_state["models"] = list(model_ids)
    return page.run()


@pytest.fixture
def drawer(registry: Registry) -> AppTest:
    """The drawer for three models."""
    return opened("sme-default", "card-churn", "mule-account")


def choose(page: AppTest, action: Action) -> AppTest:
    return page.segmented_control(key="propose_action").set_value(action.value).run()


def submit(page: AppTest, reason: str) -> AppTest:
    page.text_area[0].input(reason)
    page.button[0].click()
    return page.run()


def proposed(registry: Registry) -> dict[str, str]:
    decisions = decision_queries.all_decisions(registry, on=builders.TODAY)
    return dict(zip(decisions["model_id"], decisions["action"], strict=True))


def test_nothing_is_preselected_when_verdicts_differ(drawer: AppTest) -> None:
    assert drawer.segmented_control(key="propose_action").value is None
    assert not drawer.text_area


def test_each_model_gets_its_own_decision(drawer: AppTest, registry: Registry) -> None:
    submit(choose(drawer, Action.SUSPEND), REASON)

    assert proposed(registry) == {"sme-default": "suspend", "card-churn": "suspend", "mule-account": "suspend"}


def test_model_with_a_broken_feed_is_left_out_of_a_retraining(drawer: AppTest, registry: Registry) -> None:
    page = choose(drawer, Action.RETRAIN)
    assert "would bake the fault in" in page.warning[0].value
    submit(page, REASON)

    assert proposed(registry) == {"sme-default": "retrain", "card-churn": "retrain"}


def test_model_taken_out_is_not_proposed(drawer: AppTest, registry: Registry) -> None:
    drawer.multiselect(key="propose_models").set_value(["card-churn"]).run()
    submit(choose(drawer, Action.RETRAIN), REASON)

    assert proposed(registry) == {"card-churn": "retrain"}


def test_short_reason_is_refused_in_one_sentence(drawer: AppTest, registry: Registry) -> None:
    page = submit(choose(drawer, Action.SUSPEND), "bad")

    assert "at least 10 characters" in page.error[0].value
    assert proposed(registry) == {}


def test_open_decision_is_not_proposed_twice(drawer: AppTest, registry: Registry) -> None:
    submit(choose(drawer, Action.SUSPEND), REASON)
    page = drawer.run()

    (warning,) = page.warning
    assert "Sme default, Mule account and Card churn: Suspension is already proposed" in warning.value
    assert "They are left out." in warning.value


def test_models_of_others_are_left_out_for_an_owner(drawer: AppTest, registry: Registry) -> None:
    builders.add_models(registry, builders.Built("not-hers", owner="max@example.org"))
    page = opened("not-hers", "sme-default")
    page.session_state["acting_as"] = "ada@example.org"
    page = choose(page.run(), Action.SUSPEND)

    (warning,) = page.warning
    assert "Not hers: Only the owner or an approver" in warning.value
    assert "may propose for it" in warning.value


def test_one_reason_for_many_models_is_said_once(registry: Registry) -> None:
    others = [builders.Built(f"not-hers-{number}", owner="max@example.org") for number in range(7)]
    builders.add_models(registry, *others)
    page = opened(*(model.id for model in others), "sme-default")
    page.session_state["acting_as"] = "ada@example.org"
    (warning,) = choose(page.run(), Action.SUSPEND).warning

    assert "and 2 more: Only the owner" in warning.value
    assert "They are left out" in warning.value


def test_one_model_suggests_its_verdict_and_says_who_decides(registry: Registry) -> None:
    page = opened("sme-default")

    assert page.segmented_control(key="propose_action").value == "retrain"
    assert "an approver and an independent reviewer" in "".join(element.value for element in page.markdown)
