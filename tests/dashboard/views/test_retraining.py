import re
from datetime import timedelta

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import session
from data_access import decision_queries
from data_access.registry import Registry
from data_access.tables import ModelRow
from data_access.trigger_outbox import TriggerOutbox
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import outbox_of
from monitoring import carry_out, decide, follow_up
from monitoring.decision import Decision
from monitoring.lifecycle import Action, State
from monitoring.outcome import Judgement
from monitoring.retraining import Report, TrainingReport
from tests import builders
from tests.dashboard.conftest import Open

REASON = "It lost too much since October."
HOSTILE = "![t](https://x.example/a.png) <img src=x> :red[x]"
ANN, MARIE = "ada@example.org", "marie@example.org"


def approved(registry: Registry, model_id: str = "card-churn", action: Action = Action.RETRAIN) -> Decision:
    until = builders.TODAY + timedelta(days=90) if action is Action.ACCEPT else None
    decision = decide.propose(
        registry,
        model_id=model_id,
        action=action,
        reason=REASON,
        by=ANN,
        on=builders.TODAY,
        now=builders.NOW,
        accept_until=until,
    )
    seen = decide.review(registry, decision.id, by=MARIE, on=builders.TODAY).present.hash
    return decide.approve(
        registry, decision.id, comment="Yes.", seen_evidence=seen, by=MARIE, on=builders.TODAY, now=builders.NOW
    )


def outbox(registry: Registry) -> TriggerOutbox:
    return outbox_of(registry, (TriggerTarget(name="training service", command=("true",)),))


def failed(registry: Registry, said: str = "Answered 500: no memory") -> Decision:
    decision = approved(registry)
    held = outbox(registry).take(on=builders.TODAY, now=builders.NOW)
    assert held is not None
    outbox(registry).failed(held, said, has_ended=False, on=builders.TODAY, now=builders.NOW)
    return decision


def handed_over(registry: Registry) -> Decision:
    decision = approved(registry)
    held = outbox(registry).take(on=builders.TODAY, now=builders.NOW)
    assert held is not None
    outbox(registry).delivered(held, "It ended well", now=builders.NOW)
    return decision


def report(registry: Registry, decision: Decision, kind: Report, **more: object) -> None:
    told = TrainingReport(decision_id=decision.id, report=kind, **more)  # type: ignore[arg-type]  # what a test says
    follow_up.take_report(registry, told, channel="http", on=builders.TODAY, now=builders.NOW)


def trained(registry: Registry, *, active_from_days_ago: int = 30) -> Decision:
    decision = handed_over(registry)
    active_from = builders.TODAY - timedelta(days=active_from_days_ago)
    report(registry, decision, Report.SUCCEEDED, version="v2", active_from=active_from)
    return decision


def texts(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in [*page.markdown, *page.subheader]).replace("\\", "")


def press(page: AppTest, label: str, *, reason: str = "") -> AppTest:
    if reason:
        page.text_input(key="co_reason").input(reason)
    next(button for button in page.button if button.label == label).click()
    return page.run()


def labels(page: AppTest) -> set[str]:
    return {button.label for button in page.button}


def state(registry: Registry, decision: Decision) -> State:
    return decision_queries.decision(registry, decision.id).state


def test_page_without_retrainings_says_how_they_come(registry: Registry, open_page: Open) -> None:
    page = open_page("retraining")
    assert page.title[0].value == "No retraining has been approved yet"
    assert "Approved retrainings are handed to your pipeline" in texts(page)


def test_what_waits_to_be_handed_over_says_what_is_missing(registry: Registry, open_page: Open) -> None:
    approved(registry)
    page = open_page("retraining")
    assert page.title[0].value == "1 under way"
    assert list(page.dataframe[0].value["Where it is"]) == ["Waiting for the pipeline"]
    assert "Not handed over yet." in texts(page)


def test_failure_shows_the_answer_and_a_person_has_it_tried_again(registry: Registry, open_page: Open) -> None:
    decision = failed(registry)
    page = open_page("retraining", acting_as=MARIE)
    assert page.title[0].value == "1 failed"
    assert "Answered 500: no memory" in texts(page)

    page = press(page, "Retry", reason="no")
    assert "at least 10 characters" in page.warning[0].value.replace("\\", "")
    assert state(registry, decision) is State.FAILED

    press(page, "Retry", reason="There is more memory now.")
    assert state(registry, decision) is State.TRIGGERED
    assert outbox(registry).take(on=builders.TODAY, now=builders.NOW + timedelta(days=36_500)) is not None


def test_failure_can_be_given_up(registry: Registry, open_page: Open) -> None:
    decision = failed(registry)
    press(open_page("retraining", acting_as=ANN), "Give up", reason="The model goes in May.")
    assert state(registry, decision) is State.CLOSED


@pytest.mark.parametrize("email", ["vera@example.org", "ann@example.org"])
def test_who_may_do_nothing_reads_what_it_waits_for(registry: Registry, open_page: Open, email: str) -> None:
    failed(registry)
    page = open_page("retraining", acting_as=email)
    assert not labels(page) & {"Retry", "Give up"}
    assert "The owner or an approver has it tried again" in texts(page)


def test_silence_is_said(registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "now", lambda: builders.NOW + timedelta(hours=4))
    handed_over(registry)
    page = open_page("retraining")
    assert "no report for" in texts(page).lower()
    monkeypatch.setenv("MODELFOLIO_TRIGGER_SILENCE_HOURS", "5")
    assert "no report for" not in texts(open_page("retraining")).lower()


def test_reports_and_their_numbers_are_shown(registry: Registry, open_page: Open) -> None:
    decision = handed_over(registry)
    report(registry, decision, Report.STARTED)
    report(registry, decision, Report.SUCCEEDED, version="v2", metrics={"AUC": 0.8312}, message="Trained on May.")
    text = texts(open_page("retraining"))
    for part in ("started", "succeeded, version v2", "Trained on May.", "AUC 0.8312", "in service from"):
        assert part in text


def test_outcome_cannot_be_judged_while_it_settles(registry: Registry, open_page: Open) -> None:
    trained(registry, active_from_days_ago=0)
    page = open_page("retraining", acting_as=MARIE)
    assert "Judge outcome" not in labels(page)
    assert "settling" in texts(page)


def test_outcome_is_judged_by_two_people(registry: Registry, open_page: Open) -> None:
    decision = trained(registry)
    page = open_page("retraining", acting_as=ANN)
    assert page.title[0].value == "1 outcome to judge"
    assert page.button_group(key="co_judgement").value in (None, [])

    page = press(page, "Judge outcome", reason="The error is back where it was.")
    assert "Choose how it turned out" in page.warning[0].value
    page.button_group(key="co_judgement").set_value(Judgement.PARTLY)
    press(page, "Judge outcome", reason="The error is back where it was.")
    assert state(registry, decision) is State.SUCCEEDED

    page = open_page("retraining", acting_as=MARIE)
    assert "says: partly fixed" in texts(page)
    page.button_group(key="co_judgement").set_value(Judgement.PARTLY)
    press(page, "Judge outcome", reason="I have looked at it too.")
    assert state(registry, decision) is State.CLOSED

    page = open_page("retraining")
    assert page.title[0].value == "1 of 1 retraining helped"
    shares = page.dataframe[1].value
    assert (list(shares["Because of"]), list(shares["Helped"])) == (["Lost skill"], ["100 % of 1"])


def test_hostile_answer_and_reports_stay_text(registry: Registry, open_page: Open) -> None:
    decision = failed(registry, said=HOSTILE)
    carry_out.retry(registry, decision.id, reason=HOSTILE, by=MARIE, on=builders.TODAY, now=builders.NOW)
    outbox(registry).take(on=builders.TODAY, now=builders.NOW)
    report(registry, decision, Report.FAILED, message=HOSTILE, metrics={HOSTILE: HOSTILE})
    page = open_page("retraining", acting_as=MARIE)
    text = "\n".join(str(each.value) for each in [*page.markdown, *page.subheader])
    assert not re.search(r"(?<!\\)(!\[t|<img|:red\[x)", text)


# The other actions, on the page of approvals


NEXT = {
    Action.SUSPEND: (ANN, "Is out of service", State.SUSPENDED),
    Action.FIX_DATA: (ANN, "Start work", State.IN_WORK),
    Action.RETIRE: (ANN, "Announce", State.ANNOUNCED),
    Action.ACCEPT: (MARIE, "End now", State.CLOSED),
}


@pytest.mark.parametrize("action", NEXT)
def test_next_move_of_each_action_is_a_button(registry: Registry, open_page: Open, action: Action) -> None:
    by, label, expected = NEXT[action]
    decision = approved(registry, action=action)
    page = open_page("approvals", acting_as=by, decision=str(decision.id))
    assert label in labels(page)
    press(page, label, reason="Done as it was decided.")
    assert state(registry, decision) is expected


def test_model_page_says_what_an_approved_decision_waits_for(registry: Registry, open_page: Open) -> None:
    approved(registry, action=Action.SUSPEND)
    page = open_page("model", model="card-churn", tab="Decisions")
    assert "The owner takes the model out of service and says so." in texts(page)


def test_suspended_model_is_reinstated_by_a_decision_of_its_own(registry: Registry, open_page: Open) -> None:
    suspension = approved(registry, action=Action.SUSPEND)
    carry_out.confirm_out_of_service(registry, suspension.id, by=ANN, on=builders.TODAY, now=builders.NOW)
    page = open_page("approvals", acting_as=MARIE, decision=str(suspension.id))
    assert not labels(page) & {"Reinstate", "Serves again"}
    assert "until a decision to reinstate it" in texts(page)

    back = approved(registry, action=Action.REINSTATE)
    page = open_page("approvals", acting_as=ANN, decision=str(back.id))
    assert f"Undoes decision {suspension.id}: suspension, suspended since Sun 22 Nov 2026" in texts(page)
    press(page, "Serves again")

    assert state(registry, suspension) is state(registry, back) is State.CLOSED
    with registry.read() as session:
        assert session.get_one(ModelRow, "card-churn").service_state == "in_service"
