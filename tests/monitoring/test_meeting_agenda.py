from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from monitoring.assessment import Verdict
from monitoring.authority import machine
from monitoring.challenge import Turn
from monitoring.decision import Decision
from monitoring.lifecycle import Action, Capacity, State
from monitoring.meeting_action import ActionState, MeetingAction
from monitoring.meeting_agenda import MOST_OF_A_KIND, RULES, AgendaFacts, ModelFact, Rule, agenda
from monitoring.policy_version import FIRST_VERSION
from monitoring.portfolio_shift import Grouping, Shift, ShiftKind
from monitoring.standing_approval import StandingApproval
from monitoring.standing_envelope import CoveredModel, Envelope, Guard, Scope, ScopeKind
from monitoring.zombie import Zombie
from tests.monitoring.test_challenge import OWNER, challenged, then
from tests.monitoring.test_decision import ADA, DAY, NOW, proposed, subject

ONE = timedelta(days=1)
LAST = DAY - 30 * ONE
RULE_NAMES = set(Rule) - {Rule.BY_HAND}


def decision(
    state: State = State.PROPOSED, action: Action = Action.RETRAIN, *, number: int = 1, **more: Any
) -> Decision:
    return replace(proposed(tier=2), id=number, state=state, action=action, **more)


def model(name: str = "Late?", verdict: Verdict = Verdict.RETRAIN, **more: Any) -> ModelFact:
    asked: dict[str, Any] = {
        "model_id": name.lower(),
        "since": DAY - ONE,
        "reason": "Lost 31 %.",
        "tier": 2,
    } | more
    return ModelFact(name=name, verdict=verdict, **asked)


def action(**more: Any) -> MeetingAction:
    asked: dict[str, Any] = {"what": "Ask the feed's owner.", "due_on": DAY, "assignee": ADA.email, "id": 7} | more
    return MeetingAction(meeting_id=1, given_by="ben@example.org", given_on=LAST, **asked)


def shift(*models: str) -> Shift:
    return Shift(
        day=DAY - ONE,
        kind=ShiftKind.FEED,
        grouping=Grouping.SOURCE,
        source="bureau",
        k=9,
        n=12,
        base=0.05,
        log10_p=-8.0,
        models=models,
    )


def facts(**known: Any) -> AgendaFacts:
    return AgendaFacts(on=DAY, since=LAST, names={ADA.email: "Ada"}, **known)


def found(rule: Rule, **known: Any) -> list[str]:
    return [item.title for item in RULES[rule](facts(**known))]


def why(rule: Rule, **known: Any) -> str:
    (item,) = RULES[rule](facts(**known))
    return item.why


def test_every_rule_has_its_function_and_an_empty_registry_an_empty_agenda() -> None:
    assert RULES.keys() == RULE_NAMES
    assert agenda(facts()) == ()


def test_open_actions_come_overdue_first_and_closed_ones_not_at_all() -> None:
    late = action(id=8, what="Write to the vendor.", due_on=DAY - 3 * ONE)
    closed = action(id=9, state=ActionState.CLOSED)
    assert found(Rule.ACTION, actions=(action(), closed, late)) == ["Write to the vendor.", "Ask the feed's owner."]
    assert why(Rule.ACTION, actions=(late,)) == "Ada, overdue 3 days, not reported done yet."


def test_action_reported_done_shows_its_evidence_and_waits_for_another_person() -> None:
    told = why(Rule.ACTION, actions=(action(state=ActionState.REPORTED, evidence="The feed is back."),))
    assert told == "Ada, due 2 Mar, reported done with this evidence: The feed is back. Somebody else confirms it."


def test_shift_is_one_item_however_many_models_moved() -> None:
    (item,) = RULES[Rule.SHIFT](facts(shifts=(shift("a", "b", "c"),)))
    assert (item.title, item.shift_day, item.model_ids) == ("A feed is broken: 3 models", DAY - ONE, ("a", "b", "c"))


def test_overdue_proposal_is_overdue_and_the_others_are_due() -> None:
    both = (decision(number=1, due_on=DAY - ONE), decision(number=2, due_on=DAY))
    assert [item.decision_id for item in RULES[Rule.OVERDUE](facts(decisions=both))] == [1]
    assert [item.decision_id for item in RULES[Rule.APPROVAL](facts(decisions=both))] == [2]
    assert why(Rule.OVERDUE, decisions=both) == "Ada proposed on 2 Mar to retrain it, overdue 1 day: It got worse."


@pytest.mark.parametrize("state", [State.APPROVED, State.REJECTED, State.WITHDRAWN])
def test_answered_proposal_waits_for_no_answer(state: State) -> None:
    assert found(Rule.APPROVAL, decisions=(decision(state),)) == []


def test_new_verdict_that_asks_for_an_action_is_on_the_agenda_worst_tier_first() -> None:
    models = (model("B", expected_loss=9.0), model("A", tier=None), model("C", Verdict.WATCH), model("D", Verdict.KEEP))
    assert found(Rule.NEW_VERDICT, models=models) == ["A", "B"]
    told = why(Rule.NEW_VERDICT, models=models[:1])
    assert told == "Retrain since 1 Mar, and nothing is proposed yet. Lost 31 %."


@pytest.mark.parametrize(
    "known",
    [
        {"models": (model(model_id="m"),), "decisions": (decision(),)},
        {"models": (model(model_id="m"),), "shifts": (shift("m"),)},
        {"models": (model(is_retired=True),)},
    ],
    ids=["proposed already", "part of a shift", "retired"],
)
def test_verdict_that_has_its_place_elsewhere_is_no_item_of_its_own(known: dict[str, Any]) -> None:
    assert found(Rule.NEW_VERDICT, **known) == []


def test_verdict_older_than_the_shift_its_model_is_part_of_is_not_hidden_by_it() -> None:
    broken_before = model(model_id="m", since=DAY - 2 * ONE)
    assert found(Rule.NEW_VERDICT, models=(broken_before,), shifts=(shift("m"),)) == ["Late?"]


def test_verdicts_older_than_the_last_meeting_without_a_decision_are_together_one_item() -> None:
    models = (model("A", since=LAST), model("B", since=LAST - ONE), model("C"))
    assert found(Rule.STILL_OPEN, models=models) == ["2 models without a decision"]
    assert found(Rule.NEW_VERDICT, models=models) == ["C"]


def test_before_the_first_meeting_every_verdict_is_new() -> None:
    first = AgendaFacts(on=DAY, models=(model(since=DAY - 400 * ONE),))
    assert [item.rule for item in agenda(first)] == [Rule.NEW_VERDICT]


@pytest.mark.parametrize(
    ("accepted", "is_on"),
    [
        ({"state": State.APPROVED, "accept_until": DAY + 14 * ONE}, True),
        ({"state": State.APPROVED, "accept_until": DAY + 15 * ONE}, False),
        ({"state": State.EXPIRED, "accept_until": DAY - ONE, "state_on": DAY - ONE}, True),
        ({"state": State.EXPIRED, "accept_until": LAST, "state_on": LAST}, False),
    ],
)
def test_acceptance_is_on_the_agenda_when_it_ends_soon_or_ended_since(accepted: dict[str, Any], is_on: bool) -> None:
    assert bool(found(Rule.ACCEPTANCE, decisions=(decision(action=Action.ACCEPT, **accepted),))) is is_on


@pytest.mark.parametrize(
    ("outcome", "is_on"),
    [
        ({"state": State.SUCCEEDED, "settles_on": DAY, "new_version": "v2"}, True),
        ({"state": State.SUCCEEDED, "settles_on": DAY + ONE, "new_version": "v2"}, False),
        ({"state": State.FAILED}, True),
        ({"state": State.RUNNING}, False),
        ({"state": State.CLOSED}, False),
    ],
)
def test_outcome_is_on_the_agenda_once_it_can_be_judged(outcome: dict[str, Any], is_on: bool) -> None:
    assert bool(found(Rule.OUTCOME, decisions=(decision(**outcome),))) is is_on


@pytest.mark.parametrize(
    ("retirement", "is_on"),
    [
        ({"state": State.ANNOUNCED, "sunset_on": DAY + 14 * ONE}, True),
        ({"state": State.ANNOUNCED, "sunset_on": DAY + 15 * ONE}, False),
        ({"state": State.DUE, "sunset_on": DAY - 9 * ONE}, True),
        ({"state": State.CLOSED, "sunset_on": DAY - 9 * ONE}, False),
    ],
)
def test_retirement_is_on_the_agenda_when_its_last_day_comes_or_is_past(
    retirement: dict[str, Any], is_on: bool
) -> None:
    assert bool(found(Rule.RETIREMENT, decisions=(decision(action=Action.RETIRE, **retirement),))) is is_on


def test_retired_model_that_is_still_scored_is_on_the_agenda_with_how_much() -> None:
    scored = Zombie("a", "A", None, None, 2, sunset_on=LAST, asked=((DAY - ONE, 5), (DAY, 7)))
    assert found(Rule.ZOMBIE, zombies=(scored,)) == ["A"]
    assert "12 predictions on 2 days" in why(Rule.ZOMBIE, zombies=(scored,))


def test_what_standing_approvals_started_since_the_last_meeting_is_one_item_that_names_them() -> None:
    without_person: dict[str, Any] = {"standing_approval": 3, "proposed_by": machine(Capacity.POLICY).email}
    started = decision(State.TRIGGERED, **without_person)
    before = decision(State.CLOSED, **without_person, proposed_on=LAST)
    known = {"decisions": (started, before, decision())}
    assert found(Rule.STANDING, **known) == ["1 retraining without a person"]
    assert why(Rule.STANDING, **known) == f"Started under standing approval 3: {started.subject.name} (triggered)."


def test_proposed_standing_approval_is_on_the_agenda_with_its_models_and_how_far_it_goes() -> None:
    envelope = Envelope(Scope(ScopeKind.TIER, ("2",)), (Guard("skill", 0.02),), DAY + 90 * ONE, most_runs=2)
    inside = (CoveredModel(subject(), "fares"),)
    waiting = StandingApproval(3, envelope, State.PROPOSED, 2, "Tier 2 drifts.", ADA.email, DAY, NOW, covered=inside)
    (item,) = RULES[Rule.STANDING_PROPOSED](facts(standing=(waiting,)))
    assert (item.title, item.standing_number, item.model_ids) == ("Standing approval 3", 3, (subject().model_id,))
    assert item.why == (
        "Ada proposed on 2 Mar that 1 model may be retrained without a person, at most 2 runs a month, until 31 May 2026: Tier 2 drifts."
    )
    many = tuple(replace(waiting, id=number) for number in range(1, 12))
    *_, rest = agenda(facts(standing=many))
    assert (rest.title, rest.model_ids) == ("3 more: standing approval proposed", (subject().model_id,))


def test_open_challenge_of_a_finding_is_on_the_agenda_with_what_was_asked_and_answered() -> None:
    asked = challenged()
    assert found(Rule.CHALLENGE, challenges=(asked,)) == ["Model m"]
    said = why(Rule.CHALLENGE, challenges=(asked,))
    assert "challenged a finding on 2 Mar (amount moved.): Is this the new tariff, and no drift?" in said
    assert said.endswith("The owner has not answered yet.")
    answered = then(asked, Turn.ANSWER, OWNER, "It is the tariff of March.")
    assert why(Rule.CHALLENGE, challenges=(answered,)).endswith("Ada answered: It is the tariff of March.")


def test_policy_is_on_the_agenda_while_it_waits_and_once_it_was_approved() -> None:
    version = replace(FIRST_VERSION, number=2, proposed_by=ADA.email, proposed_on=DAY, reason="Fewer retrainings.")
    waiting = replace(version, state=State.PROPOSED)
    approved = replace(version, state=State.APPROVED, number=3, in_force_from=DAY + ONE, decided_on=DAY)
    known = replace(approved, number=4, decided_on=LAST)
    titles = ["Version 2 of the policy", "Version 3 of the policy"]
    assert found(Rule.POLICY, policies=(waiting, approved, known, replace(version, state=State.REJECTED))) == titles


def test_agenda_has_the_order_of_the_rules() -> None:
    known = facts(actions=(action(),), shifts=(shift("x"),), decisions=(decision(due_on=LAST),), models=(model("New"),))
    assert [item.rule for item in agenda(known)] == [Rule.ACTION, Rule.SHIFT, Rule.OVERDUE, Rule.NEW_VERDICT]


def test_what_goes_beyond_a_handful_of_one_kind_shares_an_item() -> None:
    models = tuple(model(f"M{number:02}") for number in range(40))
    items = agenda(facts(models=models))
    assert len(items) == MOST_OF_A_KIND + 1
    assert items[-1].title == "32 more: new verdict"
    assert len(items[-1].model_ids) == 32


def test_models_named_like_their_subject_are_told_apart_by_id() -> None:
    known = facts(models=(model("Twin", model_id="a"), model("Twin", model_id="b")), decisions=(decision(),))
    assert [item.model_id for item in agenda(known)] == [subject().model_id, "a", "b"]
