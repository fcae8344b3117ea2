"""The page of the policy for every role: what is in force, a draft, its preview, a proposal and its answers."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from data_access import policy_drafts, policy_queries
from data_access.policy_drafts import PreviewState
from data_access.policy_records import policy_history
from data_access.registry import Registry
from data_access.tables import PersonRow
from monitoring import decide_policy
from monitoring.assessment import Verdict
from monitoring.lifecycle import State
from monitoring.policy_preview import ModelChange, Outlook, PolicyPreview
from monitoring.policy_version import Values
from tests import builders
from tests.dashboard.conftest import Open

MARIE, MAX, ROSA, VERA, TIM, ADA = (f"{name}@example.org" for name in ("marie", "max", "rosa", "vera", "tim", "ada"))
LENIENT: Values = {"1": {"effect_retrain": 0.2}, "2": {}, "3": {}}
REASON = "The committee wants fewer retrainings."
DAYS = 90


def texts(page: AppTest) -> str:
    shown = [*page.title, *page.subheader, *page.markdown, *page.warning, *page.success, *page.error]
    return "\n".join(str(element.value) for element in shown).replace("\\", "")


def buttons(page: AppTest) -> dict[str, Any]:
    return {button.label: button for button in page.button}


def press(page: AppTest, label: str) -> AppTest:
    buttons(page)[label].click()
    page.run()
    assert not page.exception, page.exception
    return page


def draft(registry: Registry, values: Values = LENIENT, *, day: date = builders.TODAY) -> int:
    return policy_drafts.keep_draft(registry, values, based_on=1, day=day, by=MARIE, now=builders.NOW)


def proposed(registry: Registry, values: Values = LENIENT) -> int:
    return decide_policy.propose_policy(
        registry,
        values=values,
        based_on=1,
        reason=REASON,
        wanted_from=None,
        by=MARIE,
        on=builders.TODAY,
        now=builders.NOW,
    ).number


def preview(*, name: str = "SME default", last: date = builders.TODAY) -> PolicyPreview:
    first = last - timedelta(days=DAYS - 1)
    nothing = {str(verdict): [0] * DAYS for verdict in Verdict}
    before = Outlook(nothing | {"retrain": [2] * DAYS, "keep": [7] * DAYS}, (30, 40), 2, 3)
    after = Outlook(nothing | {"retrain": [1] * DAYS, "keep": [8] * DAYS}, (30,), 1, 2)
    days = (last - timedelta(days=9)).isoformat(), last.isoformat()
    change = ModelChange("sme-default", name, 1, "retrain", "keep", "Lost 18 %.", "As in its reference.", 10, *days)
    return PolicyPreview(first, last, before, after, models=9, changed=(change,))


def previewed(registry: Registry, found: PolicyPreview | None = None) -> int:
    number = draft(registry)
    policy_drafts.begin_preview(registry, number, by=MARIE, now=builders.NOW)
    policy_drafts.finish_preview(registry, number, found or preview(), now=builders.NOW)
    return number


# What is in force


@pytest.mark.parametrize("person", [MARIE, ROSA, ADA, VERA, TIM, None])
def test_everybody_reads_the_thresholds_in_force(registry: Registry, open_page: Open, person: str | None) -> None:
    page = open_page("policies", acting_as=person)

    assert page.title[0].value == "Version 1, the thresholds of the method itself, is in force for all tiers"
    rules = page.dataframe[0].value
    assert list(rules.columns) == ["About", "Threshold", "All tiers", "Rule"]
    assert len(rules) == 18
    assert rules.iloc[1]["All tiers"] == "15 %"
    assert rules.iloc[1]["Rule"].startswith("Ask for a retraining when 15 % or more")


def test_the_page_opens_for_an_empty_registry(empty_registry: Registry, open_page: Open) -> None:
    assert "Version 1" in open_page("policies").title[0].value


@pytest.mark.parametrize(("person", "may"), [(MARIE, True), (ROSA, True), (ADA, False), (VERA, False), (TIM, False)])
def test_who_may_not_draft_is_told_why(registry: Registry, open_page: Open, person: str, may: bool) -> None:
    button = buttons(open_page("policies", acting_as=person))["Try other thresholds"]
    assert button.disabled is not may
    assert bool(button.help) is not may


def test_versions_of_the_address_are_shown_and_differences_named(registry: Registry, open_page: Open) -> None:
    number = proposed(registry)
    decide_policy.withdraw_policy(registry, number, by=MARIE, on=builders.TODAY, now=builders.NOW)

    page = open_page("policies", acting_as=VERA, version="2", tier="1")

    rules = page.dataframe[0].value
    assert list(rules.columns) == ["About", "Threshold", "Tier 1", "In version 1", "Rule"]
    assert (rules.iloc[1]["Tier 1"], rules.iloc[1]["In version 1"]) == ("20 %", "15 %, now more lenient")
    assert list(page.dataframe[1].value["State"]) == ["withdrawn", "in force since the beginning"]


def test_tiers_that_differ_have_a_column_each(registry: Registry, open_page: Open) -> None:
    number = proposed(registry)
    decide_policy.withdraw_policy(registry, number, by=MARIE, on=builders.TODAY, now=builders.NOW)
    rules = open_page("policies", version="2").dataframe[0].value
    assert list(rules.iloc[1][["Tier 1", "Tier 2", "Tier 3"]]) == ["20 %", "15 %", "15 %"]
    assert "Rule" not in rules.columns
    assert rules.iloc[1]["In version 1"] == "tier 1 15 %, now more lenient"


@pytest.mark.parametrize("address", [{"version": "99"}, {"draft": "99"}, {"tier": "9"}, {"version": "x" * 300}])
def test_nonsense_in_the_address_shows_what_is_in_force(
    registry: Registry, open_page: Open, address: dict[str, str]
) -> None:
    page = open_page("policies", acting_as=MARIE, **address)
    assert "Version 1" in page.title[0].value
    assert len(page.dataframe[0].value) == 18


# Drafting


def drawer(page: AppTest, **typed: float) -> AppTest:
    press(page, "Try other thresholds")
    for name, value in typed.items():
        page.number_input(key=f"policy_draft_0_{name}").set_value(value)
    return press(page, "Use these thresholds")


def test_what_is_typed_becomes_a_draft_with_an_address(registry: Registry, open_page: Open) -> None:
    page = drawer(open_page("policies", acting_as=MARIE), effect_retrain=20.0, traffic_gone_days=21)

    assert page.query_params["draft"] in ("1", ["1"])
    values = policy_drafts.draft(registry, 1, now=builders.NOW).values
    assert {
        tier: (said["effect_retrain"], said["traffic_gone_days"]) for tier, said in values.items()
    } == dict.fromkeys("123", (0.2, 21))
    assert page.title[0].value == "A draft: 2 changes to version 1"
    assert "Retrain: advantage lost, all tiers: 15 % → **20 %**, more lenient" in texts(page)


def test_a_value_that_may_not_stand_is_one_sentence_with_field_and_range(registry: Registry, open_page: Open) -> None:
    page = drawer(open_page("policies", acting_as=MARIE), effect_retrain=120.0)
    assert "Retrain: advantage lost must lie between 2 % and 95 %; 120 % does not" in texts(page)
    assert "draft" not in page.query_params


def test_thresholds_that_contradict_each_other_are_refused(registry: Registry, open_page: Open) -> None:
    page = drawer(open_page("policies", acting_as=MARIE), effect_watch=40.0)
    assert "must not lie above Retrain: advantage lost" in texts(page)


def test_an_approver_proposes_a_draft(registry: Registry, open_page: Open) -> None:
    page = open_page("policies", acting_as=MARIE, draft=str(draft(registry)))
    page.text_area(key="po_reason").input(REASON)
    press(page, "Propose this version")

    version = policy_queries.version(registry, 2)
    assert (version.state, version.reason, version.proposed_by) == (State.PROPOSED, REASON, MARIE)
    assert version.of_tier(1).effect_retrain == 0.2
    assert "Version 2 is proposed" in texts(page)


def test_a_short_reason_is_refused_and_the_draft_stays(registry: Registry, open_page: Open) -> None:
    page = open_page("policies", acting_as=MARIE, draft=str(draft(registry)))
    page.text_area(key="po_reason").input("Short.")
    press(page, "Propose this version")
    assert "at least 10 characters" in page.warning[0].value
    assert page.query_params["draft"] in ("1", ["1"])


@pytest.mark.parametrize("person", [ROSA, ADA, VERA, TIM, None])
def test_others_read_a_draft_and_are_told_why_they_cannot_propose_it(
    registry: Registry, open_page: Open, person: str | None
) -> None:
    page = open_page("policies", acting_as=person, draft=str(draft(registry)))
    assert "Propose this version" not in buttons(page)
    assert "may propose" in texts(page)


# The preview


def test_a_preview_is_begun_in_another_process_and_watched(
    registry: Registry, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[list[str]] = []

    class Process:
        def __init__(self, command: list[str], **_: object) -> None:
            begun.append(command[3:])

        def wait(self) -> None:
            threading.Event().wait(30)

    monkeypatch.setattr("dashboard.policy_preview.subprocess.Popen", Process)
    page = press(open_page("policies", acting_as=MARIE, draft=str(draft(registry))), "Preview it")

    assert begun == [["policies", "preview", "1", "--background"]]
    assert "Cancel" in buttons(page)
    press(page, "Cancel")
    assert policy_drafts.draft(registry, 1, now=builders.NOW).state is PreviewState.CANCELLED


def test_what_came_out_is_shown_in_words_numbers_and_models(registry: Registry, open_page: Open) -> None:
    page = open_page("policies", acting_as=VERA, draft=str(previewed(registry)))
    text = texts(page)
    assert page.title[0].value == "A draft: 1 change to version 1; 1 of 9 verdicts would change today"
    assert "**1 model of 9** would have another verdict today; 1 model would have had one on some day" in text
    assert "| Asked to retrain in 90 days | 2 | **1** |" in text
    assert "| Usual length of a spell | 35 d | **30 d** |" in text
    (row,) = page.dataframe[0].value.to_dict("records")
    assert (row["Model"], row["In force"], row["Draft"]) == ("SME default", "▲\u2002Retrain", "●\u2002Performing well")
    assert row["Why, draft"] == "As in its reference."
    assert row["Other on"].startswith("10 d, ")


def test_a_proposal_shows_the_preview_of_its_draft(registry: Registry, open_page: Open) -> None:
    previewed(registry)
    page = open_page("policies", acting_as=ROSA, version=str(proposed(registry)))
    assert "would have another verdict today" in texts(page)
    assert "Version 2" in page.dataframe[0].value.columns


def test_an_old_preview_says_its_day_and_can_be_renewed(registry: Registry, open_page: Open) -> None:
    yesterday = builders.TODAY - timedelta(days=1)
    number = draft(registry, day=yesterday)
    policy_drafts.begin_preview(registry, number, by=MARIE, now=builders.NOW)
    policy_drafts.finish_preview(registry, number, preview(last=yesterday), now=builders.NOW)
    page = open_page("policies", acting_as=MARIE, draft=str(number))
    assert "Worked out as of" in texts(page)
    assert not buttons(page)["Renew the preview"].disabled


def test_names_from_the_registry_stay_text(registry: Registry, open_page: Open) -> None:
    hostile = "![x](https://evil.example/x.png) :red[x] $y$"
    with registry.write() as session:
        session.execute(sa.update(PersonRow).where(PersonRow.email == MARIE).values(name=hostile))
    page = open_page("policies", acting_as=VERA, version=str(proposed(registry)))
    shown = "\n".join(str(each.value) for each in page.markdown)
    assert "![x](https" not in shown
    assert "\\!\\[x\\]" in shown


# Answers


def test_two_people_approve_and_the_page_says_from_when_on(registry: Registry, open_page: Open) -> None:
    number = str(proposed(registry))
    first = press(open_page("policies", acting_as=MAX, version=number), "Approve")
    assert "the quorum is not complete yet" in texts(first)

    second = press(open_page("policies", acting_as=ROSA, version=number), "Approve")

    tomorrow = builders.TODAY + timedelta(days=1)
    assert policy_history(registry).newest.in_force_from == tomorrow
    assert "version 2 follows on" in second.title[0].value
    assert "earlier days stay as they are" in texts(second)


@pytest.mark.parametrize(
    ("person", "offered", "sentence"),
    [
        (MARIE, {"Withdraw"}, ""),
        (MAX, {"Approve", "Reject"}, ""),
        (ROSA, {"Approve"}, ""),
        (ADA, set(), "Only an approver or an independent reviewer may approve"),
        (VERA, set(), "Only an approver or an independent reviewer may approve"),
        (TIM, set(), "Only an approver or an independent reviewer may approve"),
    ],
)
def test_each_role_is_offered_what_it_may_press(
    registry: Registry, open_page: Open, person: str, offered: set[str], sentence: str
) -> None:
    page = open_page("policies", acting_as=person, version=str(proposed(registry)))
    assert buttons(page).keys() & {"Approve", "Reject", "Withdraw"} == offered
    assert sentence in texts(page)


def test_rejecting_needs_a_comment(registry: Registry, open_page: Open) -> None:
    page = press(open_page("policies", acting_as=MAX, version=str(proposed(registry))), "Reject")
    assert "Say in a comment why you reject this" in page.warning[0].value
    page.text_input(key="po_comment").input("Too lenient.")
    press(page, "Reject")
    assert policy_queries.version(registry, 2).state is State.REJECTED


def test_whoever_comes_second_is_told_who_was_first(registry: Registry, open_page: Open) -> None:
    number = proposed(registry)
    page = open_page("policies", acting_as=MAX, version=str(number))
    decide_policy.withdraw_policy(registry, number, by=MARIE, on=builders.TODAY, now=builders.NOW)
    press(page, "Approve")
    assert "withdrew this" in page.warning[0].value
    assert policy_queries.version(registry, number).state is State.WITHDRAWN


def test_a_waiting_version_is_counted_in_the_menu_and_named_among_the_approvals(
    registry: Registry, open_page: Open
) -> None:
    proposed(registry)
    page = open_page("policies", acting_as=MAX)
    assert "1 proposal waits for an answer" in page.title[0].value
    press(page, "Open the proposal, version 2")
    assert page.query_params["version"] in ("2", ["2"])
    approvals = open_page("approvals", acting_as=MAX)
    assert "Version 2 of the policy waits for an answer" in [
        getattr(link, "label", "") for link in approvals.get("page_link")
    ]
