"""Retiring from the form to the page: what is written, what is missing, who adds it, and a model that is scored all the same."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from dashboard.retirement_plan import consumers_of, consumers_text
from dashboard.views.model_service import as_known
from data_access import decision_queries
from data_access.model_queries import ModelFacts
from data_access.registry import Registry
from data_access.tables import LogDayRow, ModelRow
from monitoring import carry_out, decide, follow_up
from monitoring.decision import Decision
from monitoring.lifecycle import Action, State
from monitoring.portfolio import ServiceState
from monitoring.retirement import Notified, RetirementPlan
from tests import builders
from tests.builders import TODAY
from tests.dashboard.conftest import Open
from tests.dashboard.test_propose import opened, submit

ADA, MARIE, ROSA = "ada@example.org", "marie@example.org", "rosa@example.org"
GATES = Notified("Gates <b>", "gates@example.org")
PLAN = RetirementPlan(
    replacement="limit-increase",
    sunset_on=TODAY - timedelta(days=20),
    consumers=(GATES,),
    artefact="![](https://outside.example/x.png)",
    code="git",
    training_data="tape",
)
REASON = "The new model does it better."


def retire(registry: Registry, model_id: str, plan: RetirementPlan, *, ago: int = 0) -> Decision:
    return decide.propose(
        registry,
        model_id=model_id,
        action=Action.RETIRE,
        reason=REASON,
        by=ADA,
        on=TODAY - timedelta(days=ago),
        now=builders.NOW,
        plan=plan,
    )


def due(registry: Registry) -> Decision:
    """A tier 3 retirement whose last day was 20 days ago, and which was scored on the day after it."""
    decision = retire(registry, "invoice-match", PLAN, ago=40)
    then = TODAY - timedelta(days=39)
    seen = decide.review(registry, decision.id, by=MARIE, on=then).present.hash
    decide.approve(registry, decision.id, comment="", seen_evidence=seen, by=MARIE, on=then, now=builders.NOW)
    carry_out.announce(registry, decision.id, by=ADA, on=then, now=builders.NOW)
    follow_up.whatever_is_due(registry, on=TODAY - timedelta(days=19), now=builders.NOW)
    with registry.write() as session:
        session.add(LogDayRow(model_id="invoice-match", day=TODAY - timedelta(days=19), rows=1_204, labels=0))
    return decision_queries.decision(registry, decision.id)


def texts(page: AppTest) -> str:
    elements = [*page.markdown, *page.header, *page.warning, *page.error, *page.info]
    return "\n".join(str(element.value) for element in elements)


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click()
    return page.run()


@pytest.mark.parametrize(
    ("text", "consumers"),
    [
        ("", ()),
        ("Gates; gates@example.org\n\n  Crews  ", (Notified("Gates", "gates@example.org"), Notified("Crews"))),
        ("; a@example.org", (Notified("", "a@example.org"),)),
    ],
)
def test_consumers_are_written_one_a_line(text: str, consumers: tuple[Notified, ...]) -> None:
    assert consumers_of(text) == consumers
    assert consumers_of(consumers_text(consumers)) == consumers


def test_the_form_begins_with_the_cards_consumers_and_proposes_what_it_says(registry: Registry) -> None:
    with registry.write() as session:
        card = {"consumers": [{"name": "Collections", "contact": "collect@example.org"}]}
        session.execute(sa.update(ModelRow).where(ModelRow.id == "sme-default").values(card=card))
    page = opened("sme-default")
    page.segmented_control(key="propose_action").set_value("retire").run()
    assert page.text_area(key="propose_plan_consumers").value == "Collections; collect@example.org"
    assert page.selectbox(key="propose_plan_other").value is None
    page.selectbox(key="propose_plan_other").set_value("limit-increase")
    page.text_input(key="propose_plan_code").input("git, tag 7")
    submit(page, REASON)
    (decision,) = decision_queries.of_model(registry, "sme-default", on=TODAY)
    assert decision.plan == RetirementPlan(
        replacement="limit-increase", consumers=(Notified("Collections", "collect@example.org"),), code="git, tag 7"
    )


def test_a_blocked_retirement_says_what_is_missing_and_how_to_add_it(registry: Registry, open_page: Open) -> None:
    decision = retire(registry, "sme-default", replace(PLAN, sunset_on=None, code=None))
    page = open_page("approvals", acting_as=MARIE, decision=str(decision.id))
    assert next(button for button in page.button if button.label == "Approve").disabled
    (warning,) = page.warning
    assert (
        "lacks the last day of service, the acknowledgement of Gates \\<b\\> and where the code is archived"
        in warning.value
    )
    assert texts(page).count(":red[**missing**]") == 3
    assert "](https://outside" not in texts(page)

    page.selectbox(key="ack_of").set_value("Gates <b>")
    page.text_input(key="ack_by").input("Gail Gates")
    press(page, "ack_record")
    assert "acknowledged by Gail Gates on 22 Nov" in texts(page)
    assert "recorded by Marie Novak" in texts(page)

    page = open_page("approvals", acting_as=ADA, decision=str(decision.id))
    shown = decision_queries.decision(registry, decision.id).plan
    assert shown is not None
    key = f"plan_{decision.id}_{shown.hash[:8]}"
    page.text_input(key=f"{key}_code").input("git, an older tab")
    other = open_page("approvals", acting_as=ADA, decision=str(decision.id))
    other.date_input(key=f"{key}_sunset").set_value(TODAY + timedelta(days=30))
    other.text_input(key=f"{key}_code").input("git, tag 7")
    press(other, "plan_keep")
    assert decision_queries.decision(registry, decision.id).lacks == ()
    press(page, "plan_keep")
    assert "The plan changed while you were writing" in texts(page)
    assert decision_queries.decision(registry, decision.id).lacks == ()

    page = open_page("approvals", acting_as=ROSA, decision=str(decision.id))
    assert not page.warning
    assert "Where" not in texts(page)
    assert "acknowledged it for Gates" in texts(page)  # changed since the proposal


def test_in_tier_3_a_gap_is_shown_and_the_button_works(registry: Registry, open_page: Open) -> None:
    decision = retire(registry, "invoice-match", RetirementPlan(nobody_uses_it=True))
    page = open_page("approvals", acting_as=MARIE, decision=str(decision.id))
    assert texts(page).count(":orange[missing]") == 5
    assert not next(button for button in page.button if button.label == "Approve").disabled


def test_a_zombie_is_loud_on_its_page_and_in_the_portfolio(registry: Registry, open_page: Open) -> None:
    due(registry)
    page = open_page("model", model="invoice-match", acting_as=ADA)
    (error,) = page.error
    assert error.value.startswith("**Zombie.** It is retired and still scored\\: 1,204 predictions on 1 day")
    assert "Ask Gates \\<b\\> \\(gates" in error.value
    earlier = open_page("model", model="invoice-match", as_known_on=(TODAY - timedelta(days=20)).isoformat())
    assert not earlier.error

    approvals = open_page("approvals", acting_as=MARIE)
    assert approvals.button(key="ap_zombie_invoice-match").label == "Invoice match, still scored: 1,204 predictions"

    page = open_page(lens="zombie")
    assert "**1 retired model is still scored.** Invoice match: 1,204 predictions" in texts(page)
    assert list(page.dataframe[0].value["Model"]) == ["Invoice match"]
    assert page.dataframe[0].value["Why"][0].startswith("Retired, still scored: 1,204 predictions, newest 3 Nov")


def test_looking_back_a_model_serves_until_the_day_it_was_retired(registry: Registry) -> None:
    closed = replace(due(registry), state=State.CLOSED, state_on=TODAY)
    facts = ModelFacts("invoice-match", "Invoice match", "binary", service_state=ServiceState.RETIRED)
    assert as_known(facts, [closed], known_on=TODAY) == facts
    before = as_known(facts, [closed], known_on=TODAY - timedelta(days=1))
    assert before.service_state is ServiceState.IN_SERVICE
    assert as_known(facts, [], known_on=TODAY) == facts


def test_a_retired_model_can_only_be_reinstated(registry: Registry) -> None:
    page = opened("old-scorecard")
    assert page.segmented_control(key="propose_action").options == ["Reinstate"]
    submit(page, REASON)
    (decision,) = decision_queries.of_model(registry, "old-scorecard", on=TODAY)
    assert decision.action is Action.REINSTATE


def test_many_models_are_retired_with_one_plan_and_each_ones_consumers(registry: Registry) -> None:
    with registry.write() as session:
        card = {"consumers": [{"name": "Collections", "contact": "collect@example.org"}]}
        session.execute(sa.update(ModelRow).where(ModelRow.id == "sme-default").values(card=card))
    page = opened("sme-default", "card-churn")
    page.segmented_control(key="propose_action").set_value("retire").run()
    page.text_input(key="propose_plan_why").input("A rule does it from now on.")
    submit(page, REASON)
    for model_id, consumers in (("sme-default", (Notified("Collections", "collect@example.org"),)), ("card-churn", ())):
        (decision,) = decision_queries.of_model(registry, model_id, on=TODAY)
        assert decision.plan == RetirementPlan(why_no_replacement="A rule does it from now on.", consumers=consumers)
