import re
from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.minutes_document import blocks
from dashboard.minutes_export import minutes_html, minutes_markdown, minutes_on_page
from data_access import decision_queries, meeting_queries, people
from data_access.registry import Registry
from monitoring import ask, decide, hold_meeting, prepare_meeting
from monitoring.decision import Decision
from monitoring.lifecycle import Action, State
from monitoring.meeting import Choice, EntryKind, Meeting, MeetingState
from monitoring.meeting_agenda import Rule
from monitoring.people import COMMAND_LINE, Role
from monitoring.retirement import RetirementPlan
from tests import builders
from tests.dashboard.conftest import Open
from tests.dashboard.views.test_retraining import trained

MARIE, MAX, ROSA, VERA, ADA = (f"{name}@example.org" for name in ("marie", "max", "rosa", "vera", "ada"))
WHEN: Any = {"on": builders.TODAY, "now": builders.NOW}
BEFORE: Any = {"on": builders.TODAY - timedelta(days=20), "now": builders.NOW}


@pytest.fixture
def churn(registry: Registry) -> Decision:
    """A tier 2 proposal: one approver decides."""
    return decide.propose(
        registry, model_id="card-churn", action=Action.RETRAIN, reason="It lost too much.", by=ADA, **WHEN
    )


@pytest.fixture
def running(registry: Registry, churn: Decision) -> Meeting:
    """A running meeting that shows the proposal; Marie chairs, Max and Rosa are there."""
    planned = prepare_meeting.call_meeting(
        registry, title="Committee", length_minutes=60, chair=MARIE, people=[MAX, ROSA, ADA], by=MARIE, **WHEN
    )
    opened = hold_meeting.open_meeting(registry, planned.id, by=MARIE, **WHEN)
    at = next(place for place, item in enumerate(opened.items, 1) if item.decision_id == churn.id)
    hold_meeting.turn_to(registry, opened.id, position=at, by=MARIE)
    return meeting_queries.meeting(registry, opened.id)


def open_as(open_page: Open, person: str, meeting: Meeting) -> AppTest:
    return open_page("meeting", acting_as=person, meeting=str(meeting.id))


def field(page: AppTest, name: str) -> str:
    """The key of a field of the item on screen."""
    return f"{name}_{page.session_state['mt_item']}"


def press(page: AppTest, label: str) -> AppTest:
    next(button for button in page.button if button.label == label).click()
    return page.run()


def labels(page: AppTest) -> set[str]:
    return {button.label for button in page.button}


def texts(page: AppTest) -> str:
    return "\n".join(str(each.value) for each in [*page.title, *page.header, *page.markdown]).replace("\\", "")


def over(registry: Registry, meeting: Meeting) -> Meeting:
    return hold_meeting.end_meeting(registry, meeting.id, by=MARIE, **WHEN)


def test_meeting_is_called_and_its_agenda_is_built(registry: Registry, open_page: Open, churn: Decision) -> None:
    page = open_page("meeting", acting_as=MARIE)
    assert "wait for the committee before the first meeting" in page.title[0].value

    press(page, "Build the agenda")

    (head,) = meeting_queries.meetings(registry, on=builders.TODAY)
    meeting = meeting_queries.meeting(registry, head.id)
    assert [meeting.items[0].rule, meeting.items[0].decision_id] == [Rule.APPROVAL, churn.id]
    assert page.title[0].value.startswith(f"{len(meeting.items)} items, {meeting.planned_minutes} of 60 minutes")
    press(page, "Open the meeting")
    assert meeting_queries.meeting(registry, meeting.id).state is MeetingState.RUNNING


def test_agenda_is_reordered_and_shortened(registry: Registry, open_page: Open, churn: Decision) -> None:
    planned = prepare_meeting.call_meeting(
        registry, title="Committee", length_minutes=5, chair=MARIE, people=[], by=MARIE, **WHEN
    )
    page = open_as(open_page, MARIE, planned)
    assert "minutes too many" in page.title[0].value
    first, second, third = planned.items[:3]
    page.button(key=f"mt_Later_{first.id}").click().run()
    page.button(key=f"mt_drop_{third.id}").click().run()
    page.number_input(key=f"mt_minutes_of_{second.id}_{second.minutes}").set_value(1).run()

    items = meeting_queries.meeting(registry, planned.id).items
    assert [each.id for each in items[:2]] == [second.id, first.id]
    assert third.id not in {each.id for each in items}
    assert items[0].minutes == 1


@pytest.mark.parametrize("person", [VERA, "tim@example.org"])
def test_viewer_and_auditor_read_and_press_nothing(
    registry: Registry, open_page: Open, running: Meeting, person: str
) -> None:
    page = open_as(open_page, person, running)
    assert "Card churn" in page.title[0].value
    assert not labels(page) & {"Back", "Next", "Approve retraining", "Reject", "Minutes"}
    assert "Build the agenda" not in labels(open_page("meeting", acting_as=person))


def test_item_says_what_why_and_who_can_decide(registry: Registry, open_page: Open, running: Meeting) -> None:
    text = texts(open_as(open_page, MARIE, running))
    for part in (
        "Approval due, tier 2",
        "▲\u2002Retrain",
        "It has lost 31 % [22, 40]",
        "**Why now**",
        "Ada Berg proposed on 22 Nov to retrain it",
        "**For retraining**",
        "Measured on 8,680 labels of 28 days and 7,000 predictions",
        "**Against**",
        "4 of the 31 % are a change of mix.",
        "**Doing nothing** About 1,000 predictions a day",
        "Quorum: Marie Novak and Max Rao as approver. Ada Berg proposed it and steps back from approving.",
    ):
        assert part in text


def test_next_turns_the_page_for_everybody(registry: Registry, open_page: Open, running: Meeting) -> None:
    page = open_as(open_page, MARIE, running)
    press(page, "Next")
    assert meeting_queries.meeting(registry, running.id).position == running.position + 1
    assert open_as(open_page, VERA, running).title[0].value == page.title[0].value


def test_approver_approves_in_place(registry: Registry, open_page: Open, running: Meeting, churn: Decision) -> None:
    page = open_as(open_page, MAX, running)
    page.text_input(key=field(page, "mt_comment")).input("Only on May.")
    press(page, "Approve retraining")

    decided = decision_queries.decision(registry, churn.id)
    assert (decided.state, decided.approvals[0].person) == (State.APPROVED, MAX)
    assert "1 of 1 approval given: approved." in texts(page)


def test_what_stands_against_an_approval_is_seen_before_it_is_given(
    registry: Registry, open_page: Open, churn: Decision
) -> None:
    ask.ask_about(registry, churn.id, text="Which labels are these?", by=MAX, **WHEN)
    leaving = decide.propose(
        registry, model_id="sme-default", action=Action.RETIRE, reason="Nobody needs it.", by=MARIE, **WHEN
    )
    planned = prepare_meeting.call_meeting(
        registry, title="Committee", length_minutes=60, chair=MARIE, people=[MAX, ROSA, ADA], by=MARIE, **WHEN
    )
    opened = hold_meeting.open_meeting(registry, planned.id, by=MARIE, **WHEN)
    places = {item.decision_id: place for place, item in enumerate(opened.items, 1)}
    hold_meeting.turn_to(registry, opened.id, position=places[churn.id], by=MARIE)
    assert "Max Rao: “Which labels are these?”" in texts(open_as(open_page, MAX, opened))

    hold_meeting.turn_to(registry, opened.id, position=places[leaving.id], by=MARIE)
    page = open_as(open_page, MAX, opened)
    (plan,) = page.get("page_link")
    assert plan.proto.label == "Open the retirement plan"
    assert plan.proto.query_string == f"decision={leaving.id}&meeting={opened.id}"
    approve = next(button for button in page.button if button.label.startswith("Approve"))
    assert approve.disabled
    for shown in (approve.help, texts(page)):
        assert "cannot be approved yet" in str(shown)

    page = open_as(open_page, MARIE, opened)
    page.text_input(key=f"plan_{leaving.id}_{RetirementPlan().hash[:8]}_why").input("Nobody asked for it for a year.")
    press(page, "Keep")
    written = decision_queries.decision(registry, leaving.id).plan
    assert written is not None
    assert written.why_no_replacement == "Nobody asked for it for a year."
    assert "a replacement" not in texts(page)


def test_way_from_an_item_to_another_page_leads_back(open_page: Open, churn: Decision) -> None:
    page = open_page("approvals", acting_as=MARIE, decision=str(churn.id), meeting="1", present="1")
    (back,) = [link.proto for link in page.get("page_link") if link.proto.label == "Back to the meeting"]
    assert back.query_string == "meeting=1&present=1"
    elsewhere = open_page("approvals", acting_as=MARIE, decision=str(churn.id))
    assert "Back to the meeting" not in {link.proto.label for link in elsewhere.get("page_link")}


def test_outcome_is_judged_beside_what_the_retraining_brought(registry: Registry, open_page: Open) -> None:
    decision = trained(registry)
    planned = prepare_meeting.call_meeting(
        registry, title="Committee", length_minutes=60, chair=MARIE, people=[MAX], by=MARIE, **WHEN
    )
    opened = hold_meeting.open_meeting(registry, planned.id, by=MARIE, **WHEN)
    at = next(place for place, item in enumerate(opened.items, 1) if item.decision_id == decision.id)
    hold_meeting.turn_to(registry, opened.id, position=at, by=MARIE)
    text = texts(open_as(open_page, MAX, opened))
    assert "**What it brought**\nVersion v2, in service from" in text
    assert "No labels have come that both versions could be compared by." in text
    assert "**For retraining**" not in text


def test_who_proposed_or_is_not_there_has_no_button_to_approve(
    registry: Registry, open_page: Open, running: Meeting
) -> None:
    assert labels(open_as(open_page, ADA, running)) & {"Approve retraining", "Reject", "Withdraw"} == {"Withdraw"}
    prepare_meeting.set_attendance(registry, running.id, present=[MARIE, ROSA], guests=[], by=MARIE, **WHEN)
    page = open_as(open_page, MAX, running)
    assert "Approve retraining" not in labels(page)
    assert "You are not on the list of who is there." in texts(page)


def test_rejection_without_a_reason_is_one_sentence(
    registry: Registry, open_page: Open, running: Meeting, churn: Decision
) -> None:
    page = press(open_as(open_page, MAX, running), "Reject")
    assert "Say in a comment why you reject this" in page.warning[0].value.replace("\\", "")
    assert decision_queries.decision(registry, churn.id).state is State.PROPOSED


def test_votes_notes_and_actions_are_recorded_beside_the_item(
    registry: Registry, open_page: Open, running: Meeting, churn: Decision
) -> None:
    item = running.items[running.position - 1]
    page = press(open_as(open_page, MARIE, running), "Minutes")
    page.segmented_control(key=f"mt_vote_{item.id}_{MAX}_None").set_value("against").run()
    page.text_input(key=f"mt_why_{item.id}_{MAX}_").input("Too early.").run()
    page.segmented_control(key="mt_form").set_value("Action").run()
    page.text_input(key=field(page, "mt_what")).input("Ask the vendor for May.")
    page.selectbox(key=field(page, "mt_who")).set_value(ADA)
    press(page, "Give the action")

    vote = meeting_queries.meeting(registry, running.id).votes(item.id)[MAX]
    assert (vote.choice, vote.text, vote.recorded_by) == (Choice.AGAINST, "Too early.", MARIE)
    (action,) = meeting_queries.actions(registry, on=builders.TODAY)
    assert (action.what, action.assignee, action.item_id) == ("Ask the vendor for May.", ADA, item.id)
    assert "Recorded: 1 against, 1 action." in texts(page)
    assert decision_queries.decision(registry, churn.id).approvals == ()


def test_acceptance_is_proposed_by_one_and_approved_by_another(
    registry: Registry, open_page: Open, running: Meeting
) -> None:
    at = next(place for place, item in enumerate(running.items, 1) if item.rule == Rule.NEW_VERDICT)
    hold_meeting.turn_to(registry, running.id, position=at, by=MARIE)
    page = press(open_as(open_page, MARIE, running), "Accept until a date")
    page.text_area(key=field(page, "mt_reason")).input("Its successor comes in spring.")
    press(page, "Propose accepting it as it is")
    assert not labels(page) & {"Approve accepting it as it is"}

    item = running.items[at - 1]
    (entry,) = meeting_queries.meeting(registry, running.id).of_item(item.id, EntryKind.DECISION)
    decision = decision_queries.decision(registry, entry.decision_id or 0)
    assert (decision.action, decision.proposed_by, decision.state) == (Action.ACCEPT, MARIE, State.PROPOSED)
    press(open_as(open_page, MAX, running), "Approve accepting it as it is")
    approved = decision_queries.decision(registry, decision.id)
    assert {each.person for each in approved.approvals} == {MAX}


def test_draft_is_confirmed_by_the_chair_and_then_corrected(
    registry: Registry, open_page: Open, running: Meeting
) -> None:
    over(registry, running)
    assert "Confirm the minutes" not in labels(open_as(open_page, MAX, running))
    page = open_as(open_page, MARIE, running)
    assert "Draft: the chair has not confirmed these minutes." in texts(page)
    press(page, "Confirm the minutes")
    assert "locked, SHA" in texts(page)
    page.text_area(key="mt_correction").input("It was the data of May.")
    press(page, "Add the correction")
    assert "It was the data of May." in texts(page)
    assert "1 correction stands beside them." in texts(page)


def test_another_chair_confirms_when_the_chair_lost_the_role(
    registry: Registry, open_page: Open, running: Meeting
) -> None:
    over(registry, running)
    people.revoke(registry, email=MARIE, role=Role.APPROVER, by=COMMAND_LINE, now=builders.NOW)
    page = open_as(open_page, MARIE, running)
    assert "any more; another chair confirms" in texts(page)
    assert not labels(page) & {"Confirm the minutes", "Name the chair"}
    page = open_as(open_page, MAX, running)
    page.selectbox(key="mt_new_chair").set_value(MAX)
    press(page, "Name the chair")
    press(page, "Confirm the minutes")
    assert meeting_queries.meeting(registry, running.id).confirmed_by == MAX


def test_vote_is_offered_to_who_holds_the_role_now(registry: Registry, open_page: Open, running: Meeting) -> None:
    item = running.items[running.position - 1]
    people.revoke(registry, email=MAX, role=Role.APPROVER, by=COMMAND_LINE, now=builders.NOW)
    people.grant(registry, email=MAX, role=Role.APPROVER, team="Elsewhere", by=COMMAND_LINE, now=builders.NOW)
    page = press(open_as(open_page, MARIE, running), "Minutes")
    offered = {each.key for each in page.segmented_control if str(each.key).startswith("mt_vote_")}
    assert offered == {f"mt_vote_{item.id}_{email}_None" for email in (MARIE, ROSA)}
    assert "no role for this" in texts(page)


def test_action_is_followed_up_on_the_page_by_two_people(registry: Registry, open_page: Open, running: Meeting) -> None:
    action = hold_meeting.give_action(
        registry, running.id, what="Ask the vendor for May.", assignee=MAX, due_on=builders.TODAY, by=MARIE, **WHEN
    )
    page = open_page("meeting", acting_as=MAX)
    page.text_area(key=f"mt_evidence_{action.id}").input("Their answer is in the file.")
    press(page, "Report done")
    assert "waits for another person" in texts(page)
    press(open_page("meeting", acting_as=MARIE), "It is done")
    assert meeting_queries.actions(registry, on=builders.TODAY) == ()


def test_portfolio_shows_what_changed_since_the_last_meeting(registry: Registry, open_page: Open) -> None:
    planned = prepare_meeting.call_meeting(
        registry, title="Committee", length_minutes=60, chair=MARIE, people=[], by=MARIE, **BEFORE
    )
    hold_meeting.open_meeting(registry, planned.id, by=MARIE, **BEFORE)
    hold_meeting.end_meeting(registry, planned.id, by=MARIE, **BEFORE)
    page = open_page()

    press(page, "Since the last meeting, 2 Nov")

    assert page.query_params["since"] == "2026-11-02"
    assert set(page.dataframe[0].value["Model"]) == {"Sme default", "Card churn", "Mule account", "Income check"}
    assert "± since 2 Nov, the last meeting" in texts(page)


def test_words_from_people_stay_words_in_every_form_of_the_minutes(registry: Registry, running: Meeting) -> None:
    hostile = "<script>alert(1)</script> ![x](https://outside.example/p.png) | :red[y] `z`"
    hold_meeting.write_note(registry, running.id, running.items[0].id, text=hostile, by=MARIE, **WHEN)
    ended = over(registry, running)
    parts = blocks(meeting_queries.minutes(registry, ended, on=builders.TODAY))
    assert "<script>" not in minutes_html(parts)
    assert "&lt;script&gt;alert(1)" in minutes_html(parts)
    for written in (minutes_markdown(parts), minutes_on_page(parts)):
        assert "\\<script\\>" in written
        assert "!\\[x\\]" in written.replace("\\!", "!")
        assert not re.search(r"(?<!\\)\| :red", written)


def test_unknown_meeting_is_one_sentence(registry: Registry, open_page: Open) -> None:
    page = open_page("meeting", meeting="77")
    assert page.title[0].value == "No such meeting"
    assert "There is no meeting 77." in texts(page)
