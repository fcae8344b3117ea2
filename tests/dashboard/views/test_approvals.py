import re
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.argument import for_and_against
from data_access import decision_queries
from data_access.registry import Registry
from monitoring import ask, decide
from monitoring.assessment import Verdict
from monitoring.challenge import Challenge
from monitoring.decision import Decision
from monitoring.lifecycle import Action, State
from tests import builders
from tests.dashboard.conftest import PATIENCE_SECONDS, Open

MANY = """
from dashboard import session
from dashboard.views.approvals_many import dialog
from data_access import decision_queries
waiting = decision_queries.waiting(session.registry(), person=session.actor_email(), on=session.today())
if not waiting.empty:
    dialog(waiting, list(waiting["decision_id"]))
"""
"""A page on which the drawer for many stands open: a test cannot go on in a drawer that a button opened."""
LONG_AGO = builders.TODAY - timedelta(days=10)


def propose(registry: Registry, model_id: str, action: Action, *, on: object = builders.TODAY) -> Decision:
    return decide.propose(
        registry,
        model_id=model_id,
        action=action,
        reason="It lost too much since October.",
        by="ada@example.org",
        on=on,  # type: ignore[arg-type]  # a date
        now=builders.NOW,
    )


def challenge(registry: Registry) -> Challenge:
    return ask.challenge_finding(
        registry,
        model_id="card-churn",
        day=builders.TODAY,
        code="performance:AUC",
        text="Is that the new tariff, and no loss?",
        by="rosa@example.org",
        on=builders.TODAY,
        now=builders.NOW,
    )


@pytest.fixture
def churn(registry: Registry) -> Decision:
    """A tier 2 proposal: one approver decides."""
    return propose(registry, "card-churn", Action.RETRAIN)


def press(page: AppTest, label: str, *, comment: str = "") -> AppTest:
    """Open the form of an answer, unless it is open, type a comment and send it."""
    if not any(button.key == "ap_send" for button in page.button):
        next(button for button in page.button if button.label == label).click()
        page.run()
    if comment:
        page.text_input(key="ap_comment").input(comment)
    if any(button.key == "ap_send" for button in page.button):
        page.button(key="ap_send").click()
        page.run()
    return page


def labels(page: AppTest) -> set[str]:
    """The answers that are offered."""
    offered = {button.key: button.label for button in page.button}
    return {label for key, label in offered.items() if key and key.startswith("ap_open_")}


def state(registry: Registry, decision: Decision) -> State:
    return decision_queries.decision(registry, decision.id).state


def texts(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*page.markdown, *page.subheader])


def test_empty_queue_says_how_proposals_come(registry: Registry, open_page: Open) -> None:
    page = open_page("approvals", acting_as="marie@example.org")

    assert page.title[0].value == "Nothing waits for a decision"
    assert "No proposal is open." in texts(page)


def test_heading_counts_mine_and_overdue(registry: Registry, open_page: Open, churn: Decision) -> None:
    propose(registry, "mule-account", Action.FIX_DATA, on=LONG_AGO)

    page = open_page("approvals", acting_as="marie@example.org")

    assert page.title[0].value == "2 proposals wait for you; 1 answer overdue"
    assert list(page.dataframe[0].value["Due"]) == ["overdue 3 d", "6 Dec"]


def test_evidence_for_and_against_stands_on_one_screen(registry: Registry, open_page: Open, churn: Decision) -> None:
    text = texts(open_page("approvals", acting_as="marie@example.org"))

    for part in (
        "**For**",
        "It has lost 31 %",
        "**Against**",
        "4 of the 31 % are a change of mix",
        "**Changed since proposed**",
    ):
        assert part in text.replace("\\", "")


def test_approver_approves_and_the_evidence_is_frozen(registry: Registry, open_page: Open, churn: Decision) -> None:
    page = press(open_page("approvals", acting_as="marie@example.org"), "Approve", comment="Agreed.")

    assert "Approved." in page.success[0].value.replace("\\", "")
    decided = decision_queries.decision(registry, churn.id)
    assert decided.state is State.APPROVED
    assert decided.frozen_evidence == churn.evidence


def test_first_of_two_seats_leaves_the_proposal_open(registry: Registry, open_page: Open) -> None:
    decision = propose(registry, "sme-default", Action.RETRAIN)
    page = press(open_page("approvals", acting_as="marie@example.org"), "Approve")

    assert "quorum is not complete" in page.success[0].value
    assert "approved (1 of 2)" in texts(page)
    press(open_page("approvals", acting_as="rosa@example.org", decision=str(decision.id)), "Approve")
    assert state(registry, decision) is State.APPROVED


def test_rejection_needs_a_comment(registry: Registry, open_page: Open, churn: Decision) -> None:
    page = press(open_page("approvals", acting_as="marie@example.org"), "Reject")

    assert "comment" in page.warning[0].value
    assert state(registry, churn) is State.PROPOSED
    press(page, "Reject", comment="Wait for the labels.")
    assert state(registry, churn) is State.REJECTED


def test_proposer_can_withdraw_and_nothing_else(registry: Registry, open_page: Open, churn: Decision) -> None:
    page = open_page("approvals", acting_as="ada@example.org")

    assert labels(page) == {"Withdraw"}
    press(page, "Withdraw")
    assert state(registry, churn) is State.WITHDRAWN


@pytest.mark.parametrize("email", ["tim@example.org", "vera@example.org", "ann@example.org"])
def test_who_may_not_decide_sees_who_is_needed(
    registry: Registry, open_page: Open, churn: Decision, email: str
) -> None:
    page = open_page("approvals", acting_as=email)

    assert labels(page) == set()
    assert "Waiting for Marie Novak or Max Rao" in texts(page)


def test_independent_reviewer_alone_asks_and_does_not_approve_tier_two(
    registry: Registry, open_page: Open, churn: Decision
) -> None:
    assert labels(open_page("approvals", acting_as="rosa@example.org")) == {"Ask"}


def test_question_is_answered_by_the_proposer_and_settled_before_the_approval(
    registry: Registry, open_page: Open, churn: Decision
) -> None:
    asked = press(
        open_page("approvals", acting_as="marie@example.org"), "Ask", comment="Does it hold for new cards too?"
    )
    assert "not answered yet" in texts(asked)
    assert labels(asked) == {"Approve", "Reject", "Ask again", "Take back question"}

    owner = open_page("approvals", acting_as="ada@example.org")
    assert owner.title[0].value == "1 question or challenge waits for your word"
    assert "Question to answer: Card churn" in {button.label for button in owner.button}
    press(owner, "Answer", comment="Yes, they lost as much.")

    page = open_page("approvals", acting_as="marie@example.org")
    assert "Yes, they lost as much" in texts(page)
    settled = press(page, "Settle question")
    assert "settled" in texts(settled)
    press(settled, "Approve")
    assert state(registry, churn) is State.APPROVED


def test_open_challenge_is_shown_before_approving(registry: Registry, open_page: Open, churn: Decision) -> None:
    challenge(registry)

    text = texts(open_page("approvals", acting_as="marie@example.org"))

    assert "**Challenge of performance: AUC** :gray[not answered yet]" in text
    assert "Is that the new tariff" in text


def test_evidence_against_names_what_argues_for_something_else() -> None:
    watch = {"argues_for": "watch", "sentence": "income moved (PSI 0.53)."}
    snapshot = {"verdict": "retrain", "findings": [watch], "against": [], "basis": "realised"}

    assert for_and_against(snapshot, Action.RETRAIN) == ([], ["It also argues for watch: income moved (PSI 0.53)."])


def test_performing_well_speaks_against_taking_a_model_out_of_service() -> None:
    snapshot = {"verdict": "keep", "findings": [], "against": [], "basis": "realised"}

    assert for_and_against(snapshot, Action.SUSPEND) == ([], ["The verdict is Performing well."])


def test_proposals_made_together_are_answered_together_but_for_those_taken_out(
    registry: Registry, open_page: Open
) -> None:
    decisions = decide.propose_many(
        registry,
        model_ids=["card-churn", "limit-increase", "invoice-match"],
        action=Action.SUSPEND,
        reason="The feed is replaced this week.",
        by="ada@example.org",
        on=builders.TODAY,
        now=builders.NOW,
    )
    queue = open_page("approvals", acting_as="marie@example.org")
    assert queue.button(key="ap_many").label == "Answer 3 proposed together"
    page = AppTest.from_string(MANY, default_timeout=PATIENCE_SECONDS)
    page.session_state["acting_as"] = "marie@example.org"
    page.run()
    kept = [each.id for each in decisions if each.subject.model_id != "card-churn"]
    page.multiselect(key="ap_many_kept").set_value(kept).run()
    page.button(key="ap_many_approve").click().run()

    assert not page.error
    states = {each.subject.model_id: state(registry, each) for each in decisions}
    assert states == {
        "card-churn": State.PROPOSED,
        "limit-increase": State.APPROVED,
        "invoice-match": State.APPROVED,
    }


def test_second_approver_is_told_that_somebody_was_first(registry: Registry, open_page: Open, churn: Decision) -> None:
    late = open_page("approvals", acting_as="max@example.org")
    press(open_page("approvals", acting_as="marie@example.org"), "Approve")

    assert "Nothing was sent twice" in press(late, "Approve").warning[0].value


def test_changed_evidence_must_be_read_before_the_button_works(registry: Registry, open_page: Open) -> None:
    decision = propose(registry, "card-churn", Action.RETRAIN, on=builders.TODAY - timedelta(days=5))
    page = open_page("approvals", acting_as="marie@example.org")

    assert "Verdict: Performing well → **Retrain**" in texts(page).replace("\\", "")
    assert "Tick above that you have read what changed" in texts(press(page, "Approve"))
    assert state(registry, decision) is State.PROPOSED
    page.checkbox[0].check().run()
    press(page, "Approve")
    assert state(registry, decision) is State.APPROVED


def test_link_opens_that_proposal(registry: Registry, open_page: Open, churn: Decision) -> None:
    other = propose(registry, "mule-account", Action.FIX_DATA)

    page = open_page("approvals", acting_as="marie@example.org", decision=str(other.id))

    assert "Mule account" in page.subheader[0].value


def test_link_to_a_decided_proposal_shows_that_one_and_not_another_that_waits(
    registry: Registry, open_page: Open, churn: Decision
) -> None:
    propose(registry, "mule-account", Action.FIX_DATA)
    press(open_page("approvals", acting_as="marie@example.org", decision=str(churn.id)), "Approve", comment="Agreed.")

    page = open_page("approvals", acting_as="marie@example.org", decision=str(churn.id))

    assert "Card churn" in page.subheader[0].value
    assert not labels(page)
    assert page.query_params["decision"] == str(churn.id)


@pytest.mark.parametrize("decision", ["999", "no number", "9" * 40])
def test_link_to_nothing_is_no_error(registry: Registry, open_page: Open, decision: str) -> None:
    assert open_page("approvals", decision=decision).title[0].value == "Nothing waits for a decision"


@pytest.mark.parametrize("name", builders.HOSTILE_NAMES)
def test_hostile_name_and_reason_stay_text(empty_registry: Registry, open_page: Open, name: str) -> None:
    builders.add_people(empty_registry)
    builders.add_models(empty_registry, builders.Built("hostile", Verdict.RETRAIN, name=name))
    decide.propose(
        empty_registry,
        model_id="hostile",
        action=Action.RETRAIN,
        reason=f"{name} because of it",
        by="ada@example.org",
        on=builders.TODAY,
        now=builders.NOW,
    )
    text = texts(open_page("approvals", acting_as="marie@example.org"))

    assert not re.search(r"(?<!\\)(!\[t|<img|:red\[x|\[click)", text)
