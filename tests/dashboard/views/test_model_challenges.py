from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from data_access import challenge_queries
from data_access.registry import Registry
from monitoring import ask
from monitoring.challenge import Challenge, ChallengeState, Turn
from tests import builders
from tests.dashboard.conftest import PATIENCE_SECONDS, Open

OWNER, REVIEWER = "ada@example.org", "rosa@example.org"
DOUBT = "Is that the new tariff, and no loss?"
ANSWER = "The tariff came a week later."
DRAWERS = """
from dashboard import session
from dashboard.challenges import begin_dialog, reply_dialog
from data_access import challenge_queries
found = challenge_queries.of_model(session.registry(), "card-churn", on=session.today())
if not found:
    begin_dialog("card-churn", session.today(), {"performance:AUC": "It has lost 31 %."})
elif found[0].is_open:
    reply_dialog(found[0])
"""
"""A page on which the drawer of the moment stands open: a test cannot go on in one that a button opened."""


def challenged(registry: Registry) -> Challenge:
    return ask.challenge_finding(
        registry,
        model_id="card-churn",
        day=builders.TODAY,
        code="performance:AUC",
        text=DOUBT,
        by=REVIEWER,
        on=builders.TODAY,
        now=builders.NOW,
    )


def texts(page: AppTest) -> str:
    return "\n".join(str(element.value) for element in page.markdown).replace("\\", "")


def buttons(page: AppTest) -> set[str]:
    return {button.label for button in page.button}


@pytest.mark.parametrize(("person", "offered"), [(REVIEWER, True), (OWNER, False), ("marie@example.org", False)])
def test_only_an_independent_reviewer_is_offered_to_challenge(
    registry: Registry, open_page: Open, person: str, offered: bool
) -> None:
    page = open_page("model", acting_as=person, model="card-churn")
    assert ("Challenge a finding" in buttons(page)) is offered


def test_challenge_and_answer_stand_beside_the_verdict_and_at_the_finding_from_their_day_on(
    registry: Registry, open_page: Open
) -> None:
    begun = challenged(registry)
    ask.say(registry, begun.id, Turn.ANSWER, text=ANSWER, seen=1, by=OWNER, on=builders.TODAY, now=builders.NOW)

    page = open_page("model", acting_as=REVIEWER, model="card-churn")
    text = texts(page)
    assert text.count("**Challenge of performance: AUC** :gray[answered, not settled yet]") == 2
    assert f"**Rosa Haddad** :gray[challenged it on 22 Nov]: “{DOUBT}”" in text
    assert text.count(ANSWER) == 2
    assert "Reply" in buttons(page)

    before = builders.TODAY - timedelta(days=1)
    earlier = open_page("model", acting_as=REVIEWER, model="card-churn", as_known_on=before.isoformat())
    assert "Challenge of" not in texts(earlier)
    assert "Challenge a finding" not in buttons(earlier)


def test_challenge_is_made_answered_and_upheld_in_drawers(registry: Registry) -> None:
    def page_of(person: str) -> AppTest:
        page = AppTest.from_string(DRAWERS, default_timeout=PATIENCE_SECONDS)
        page.session_state["acting_as"] = person
        return page.run()

    def send(page: AppTest, text: str) -> AppTest:
        page.text_area[0].input(text)
        page.button[0].click()
        return page.run()

    begin = page_of(REVIEWER)
    assert "at least 10 characters" in send(begin, "Really?").error[0].value
    send(begin, DOUBT)
    send(page_of(OWNER), ANSWER)
    reviewer = page_of(REVIEWER)
    reviewer.radio[0].set_value("uphold").run()
    send(reviewer, "The week does not explain it.")

    (upheld,) = challenge_queries.of_model(registry, "card-churn", on=builders.TODAY)
    assert upheld.state is ChallengeState.UPHELD
    assert [entry.person for entry in upheld.entries] == [REVIEWER, OWNER, REVIEWER]
