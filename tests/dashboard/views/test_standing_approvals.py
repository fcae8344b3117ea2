import re
from dataclasses import replace
from datetime import timedelta

from streamlit.testing.v1 import AppTest

from data_access.registry import Registry
from data_access.tables import ModelRow
from monitoring import decide_standing
from monitoring.act_on_standing import act_on_standing
from monitoring.lifecycle import State
from monitoring.standing_approval import StandingApproval
from monitoring.standing_envelope import Envelope, Guard, Scope, ScopeKind
from tests import builders
from tests.dashboard.conftest import PATIENCE_SECONDS, Open

ADA, MARIE, MAX, VERA = (f"{name}@example.org" for name in ("ada", "marie", "max", "vera"))
REASON = "It is quickly retrained and does little harm."
HOSTILE = "![t](https://x.example/a.png) <img src=x> :red[x]"
ENVELOPE = Envelope(
    Scope(ScopeKind.MODELS, ("card-churn",)), (Guard("skill", 0.02),), builders.TODAY + timedelta(days=90), most_runs=2
)


def proposed(registry: Registry, envelope: Envelope = ENVELOPE) -> StandingApproval:
    return decide_standing.propose_standing(
        registry, envelope, reason=REASON, by=MARIE, on=builders.TODAY, now=builders.NOW
    )


def active(registry: Registry, envelope: Envelope = ENVELOPE, *, comment: str = "Bounded.") -> StandingApproval:
    number = proposed(registry, envelope).id
    return decide_standing.approve_standing(
        registry, number, comment=comment, by=MAX, on=builders.TODAY, now=builders.NOW
    )


def standing(registry: Registry) -> StandingApproval:
    with registry.looking_at_standing() as records:
        return records.standing(1)


def text(page: AppTest) -> str:
    return (
        "\n".join(str(each.value) for each in [*page.markdown, *page.subheader, *page.info])
        .replace("\\", "")
        .replace("\u2060", "")
    )


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return page.run()


def labels(page: AppTest) -> set[str]:
    return {button.label for button in page.button if not button.disabled}


def dialog(script: str) -> AppTest:
    """Return a dialog as Ada sees it; AppTest reruns what is inside one only where it stands alone."""
    page = AppTest.from_string(script, default_timeout=PATIENCE_SECONDS)
    page.session_state["acting_as"] = ADA
    return page.run()


def test_page_without_any_says_what_one_is_and_who_may_propose(registry: Registry, open_page: Open) -> None:
    page = open_page("retraining", standing="all", acting_as=VERA)
    assert page.title[0].value == "No model is retrained without a person"
    assert "suspends itself after a failure" in text(page)
    assert "Propose a standing approval" not in labels(page)


def test_proposal_shows_what_it_would_have_done_and_somebody_else_approves_it(
    registry: Registry, open_page: Open
) -> None:
    proposed(registry)
    page = open_page("retraining", standing="1", acting_as=MARIE)
    assert labels(page) >= {"Withdraw"}
    assert not labels(page) & {"Approve", "Reject", "Stop it"}

    page = open_page("retraining", standing="1", acting_as=MAX)
    assert page.title[0].value == "1 proposal waits for you"
    assert "It would have started **1 retraining** of 1 model" in text(page)
    assert "Why" not in {field.label for field in page.text_input}
    page = press(press(page, "Reject"), "Reject")
    assert "Say in a comment" in page.warning[0].value
    page = press(press(page, "Cancel"), "Approve")
    assert standing(registry).state is State.PROPOSED
    page = press(page, "Approve")
    assert "Say in a comment why you approve" in page.warning[0].value
    page.text_input(key="sa_comment").input("Two a month are bounded.")
    page = press(page, "Approve")
    assert standing(registry).state is State.APPROVED
    assert page.title[0].value == "1 standing approval is active"


def test_active_one_names_its_runs_and_says_why_a_model_was_held_back(registry: Registry, open_page: Open) -> None:
    active(registry)
    (decision,) = act_on_standing(registry, on=builders.TODAY, now=builders.NOW)
    page = open_page("retraining", standing="1", acting_as=VERA)
    (row,) = page.dataframe[0].value.to_dict("records")
    assert (row["State"], row["Runs this month"], row["Approved by"]) == ("Active", "1 of 2", "Max Rao")
    assert row["What it permits"].startswith("Retrain Card churn without a person once the verdict has been Retrain")
    assert f"A decision about it is open: decision {decision.id}, retrain, approved." in text(page)
    assert "1 of 2 runs this month used" in text(page)


def test_retraining_without_a_person_names_the_standing_approval_and_who_approved_it(
    registry: Registry, open_page: Open
) -> None:
    active(registry)
    act_on_standing(registry, on=builders.TODAY, now=builders.NOW)
    assert "approved by standing approval 1 by Max Rao" in text(open_page("retraining", acting_as=VERA))
    assert "Standing approval 1 by max@example.org" in text(open_page("model", acting_as=VERA, model="card-churn"))


def test_kill_switch_asks_for_a_reason_and_then_stops_at_once(registry: Registry, open_page: Open) -> None:
    active(registry)
    assert "Stop it" not in labels(open_page("retraining", standing="1", acting_as=VERA))
    assert "Stop it" in labels(open_page("retraining", standing="1", acting_as=ADA))
    page = press(dialog("from dashboard.standing_answer import stop_dialog; stop_dialog(1, 1)"), "Stop it now")
    assert "Say in a comment why" in page.error[0].value
    page.text_input(key="sa_stop_reason").input("The feed is being rebuilt.")
    press(page, "Stop it now")
    assert standing(registry).state is State.STOPPED
    page = open_page("retraining", standing="1", acting_as=MAX)
    assert "Stopped on 22 Nov by Ada Berg: The feed is being rebuilt." in text(page)
    assert "never begins again" in text(page)


def test_drawer_proposes_what_was_chosen(registry: Registry, open_page: Open) -> None:
    page = dialog("from dashboard.standing_form import drawer; drawer()")
    page.multiselect(key="sa_models").set_value(["card-churn"])
    page.run()
    assert "In the last 90 days it would have started 1 retraining of 1 model. Goes to one approver" in text(page)
    page.number_input(key="sa_lost").set_value(40)
    page.text_area(key="sa_reason").input(REASON)
    page.run()
    assert "it would have started nothing" in text(page)
    press(page, "Propose it")
    found = standing(registry)
    assert (found.state, found.proposed_by, found.envelope.least_loss) == (State.PROPOSED, ADA, 0.4)


def test_hostile_names_and_reasons_stay_text(registry: Registry, open_page: Open) -> None:
    with registry.write() as session:
        session.get_one(ModelRow, "card-churn").name = HOSTILE
    active(registry, replace(ENVELOPE, least_days=90), comment=HOSTILE)
    page = open_page("retraining", standing="1", acting_as=MAX)
    raw = "\n".join(str(each.value) for each in [*page.markdown, *page.subheader])
    assert HOSTILE in text(page)
    assert not re.search(r"(?<!\\)(!\[t|<img|:red\[x)", raw)
