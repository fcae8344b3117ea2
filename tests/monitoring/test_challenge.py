from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.authority import Subject
from monitoring.challenge import TURNS, AskedDecision, Challenge, ChallengedFinding, ChallengeState, Turn
from monitoring.errors import (
    ForbiddenMoveError,
    InvalidReasonError,
    ModelfolioError,
    NotAuthorisedError,
    StaleDecisionError,
)
from monitoring.lifecycle import Action
from monitoring.people import Actor, Role, RoleGrant

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 10, 42, tzinfo=UTC)
TEXT = "Is this the new tariff, and no drift?"


def person(name: str, *roles: Role, team: str | None = None) -> Actor:
    return Actor(f"{name}@example.org", name.title(), tuple(RoleGrant(role, team) for role in roles))


OWNER = person("ada")
APPROVER = person("ben", Role.APPROVER)
REVIEWER = person("dana", Role.INDEPENDENT_REVIEWER)
SECOND = person("eve", Role.INDEPENDENT_REVIEWER)
AUDITOR = person("tim", Role.AUDITOR, Role.INDEPENDENT_REVIEWER)
SUBJECT = Subject("m", "Model m", owner=OWNER.email, team="flights", tier=1)
FINDING = ChallengedFinding(DAY, DAY, "drift:amount", {"sentence": "amount moved.", "since": "2026-02-20"})
ASKED = AskedDecision(7, Action.RETRAIN, OWNER.email)


def challenged(subject: Subject = SUBJECT) -> Challenge:
    return Challenge.begin(subject, actor=REVIEWER, text=TEXT, finding=FINDING, on=DAY, now=NOW)[0]


def asked() -> Challenge:
    return Challenge.begin(SUBJECT, actor=APPROVER, text=TEXT, decision=ASKED, on=DAY, now=NOW)[0]


def then(challenge: Challenge, turn: Turn, actor: Actor, text: str = TEXT, *, on: date = DAY) -> Challenge:
    return challenge.say(turn, actor=actor, text=text, seen=len(challenge.entries), on=on, now=NOW)[0]


def test_a_challenge_is_answered_and_settled_and_everything_said_stays() -> None:
    settled = then(then(challenged(), Turn.ANSWER, OWNER), Turn.SETTLE, REVIEWER, "")
    assert settled.state is ChallengeState.SETTLED
    assert [(entry.turn, entry.person) for entry in settled.entries] == [
        (Turn.CHALLENGE, REVIEWER.email),
        (Turn.ANSWER, OWNER.email),
        (Turn.SETTLE, REVIEWER.email),
    ]


def test_a_correction_is_a_further_answer() -> None:
    corrected = then(then(challenged(), Turn.ANSWER, OWNER), Turn.ANSWER, OWNER, "It is the tariff of March.")
    assert corrected.answer is not None
    assert corrected.answer.text == "It is the tariff of March."
    assert len(corrected.entries) == 3


def test_an_owner_who_never_answers_does_not_keep_a_challenge_in_suspense() -> None:
    assert then(challenged(), Turn.UPHOLD, SECOND).state is ChallengeState.UPHELD


@pytest.mark.parametrize("state", ["settled", "upheld", "withdrawn"])
def test_nothing_is_said_after_the_end(state: str) -> None:
    ends = {"settled": Turn.SETTLE, "upheld": Turn.UPHOLD, "withdrawn": Turn.WITHDRAW}
    begun = challenged() if state == "withdrawn" else then(challenged(), Turn.ANSWER, OWNER)
    ended = then(begun, ends[state], REVIEWER)
    assert ended.state.value == state
    assert all(ended.turns(actor) == () for actor in (OWNER, APPROVER, REVIEWER, SECOND))
    with pytest.raises(ForbiddenMoveError, match=f"This is {state}"):
        then(ended, Turn.ANSWER, OWNER)


@pytest.mark.parametrize("actor", [OWNER, APPROVER, AUDITOR, person("dana", Role.INDEPENDENT_REVIEWER, team="other")])
def test_only_an_independent_reviewer_of_the_model_challenges(actor: Actor) -> None:
    with pytest.raises(NotAuthorisedError, match="Only an independent reviewer may challenge for Model m"):
        Challenge.begin(SUBJECT, actor=actor, text=TEXT, finding=FINDING, on=DAY, now=NOW)
    assert not Challenge.could_begin(SUBJECT, actor=actor)


def test_nobody_challenges_a_finding_of_their_own_model() -> None:
    with pytest.raises(NotAuthorisedError, match="You own this model"):
        challenged(Subject("m", "Model m", owner=REVIEWER.email))


@pytest.mark.parametrize("actor", [APPROVER, REVIEWER])
def test_only_the_owner_answers_a_challenge(actor: Actor) -> None:
    with pytest.raises(NotAuthorisedError, match="Only the owner may answer for Model m"):
        then(challenged(), Turn.ANSWER, actor)


def test_who_approves_answers_for_a_model_without_an_owner_and_does_not_settle_it() -> None:
    both = person("eve", Role.APPROVER, Role.INDEPENDENT_REVIEWER)
    answered = then(challenged(Subject("m", "Model m")), Turn.ANSWER, both)
    with pytest.raises(NotAuthorisedError, match="You answered this"):
        then(answered, Turn.SETTLE, both)


@pytest.mark.parametrize("actor", [OWNER, AUDITOR, person("vera", Role.VIEWER)])
def test_only_who_may_answer_a_proposal_and_did_not_make_it_asks_about_it(actor: Actor) -> None:
    assert not Challenge.could_begin(SUBJECT, actor=actor, decision=ASKED)
    with pytest.raises(NotAuthorisedError):
        Challenge.begin(SUBJECT, actor=actor, text=TEXT, decision=ASKED, on=DAY, now=NOW)


def test_a_proposer_who_approves_elsewhere_does_not_ask_themselves() -> None:
    own = AskedDecision(7, Action.RETRAIN, APPROVER.email)
    with pytest.raises(NotAuthorisedError, match="You proposed this"):
        Challenge.begin(SUBJECT, actor=APPROVER, text=TEXT, decision=own, on=DAY, now=NOW)


def test_a_question_is_answered_by_the_proposer_and_never_upheld() -> None:
    answered = then(asked(), Turn.ANSWER, OWNER)
    with pytest.raises(ForbiddenMoveError, match="A question has no turn 'uphold'"):
        then(answered, Turn.UPHOLD, REVIEWER)
    assert answered.turns(APPROVER) == (Turn.ASK_AGAIN, Turn.SETTLE)


def test_only_who_asked_withdraws() -> None:
    with pytest.raises(NotAuthorisedError, match=r"Only dana@example.org, who asked"):
        then(challenged(), Turn.WITHDRAW, SECOND)
    assert then(challenged(), Turn.WITHDRAW, REVIEWER, "").state is ChallengeState.WITHDRAWN


def test_who_has_not_read_the_newest_is_told() -> None:
    answered = then(challenged(), Turn.ANSWER, OWNER)
    with pytest.raises(StaleDecisionError, match=r"ada@example\.org wrote at 10:42 UTC while you were reading"):
        answered.say(Turn.SETTLE, actor=REVIEWER, text="", seen=1, on=DAY, now=NOW)


@pytest.mark.parametrize("text", ["", "too short", " " * 20, "x" * 2_001, "a null \0 character"])
def test_what_is_said_has_a_sensible_length(text: str) -> None:
    with pytest.raises(InvalidReasonError):
        Challenge.begin(SUBJECT, actor=REVIEWER, text=text, finding=FINDING, on=DAY, now=NOW)


def test_what_was_said_later_is_not_known_yet() -> None:
    answered = then(challenged(), Turn.ANSWER, OWNER, on=DAY + timedelta(days=2))
    known = answered.as_known_on(DAY + timedelta(days=1))
    assert known is not None
    assert known.state is ChallengeState.OPEN
    assert answered.as_known_on(DAY - timedelta(days=1)) is None


def test_a_closed_challenge_stands_beside_the_verdict_as_long_as_the_finding_is_there() -> None:
    settled = then(then(challenged(), Turn.ANSWER, OWNER), Turn.SETTLE, REVIEWER)
    later = DAY + timedelta(days=9)
    assert settled.stands_beside(later, {"drift:amount"})
    assert settled.stands_beside(DAY, set())
    assert not settled.stands_beside(later, {"nulls:amount"})
    assert not settled.stands_beside(DAY - timedelta(days=1), {"drift:amount"})
    assert challenged().stands_beside(later, set())


def test_the_record_says_what_was_challenged_and_said() -> None:
    begun, event = Challenge.begin(SUBJECT, actor=REVIEWER, text=TEXT, finding=FINDING, on=DAY, now=NOW)
    assert (event.action, event.role, event.subject_kind, event.model_id) == (
        "challenge",
        "independent_reviewer",
        "challenge",
        "m",
    )
    assert event.after == {
        "state": "open",
        "entries": 1,
        "finding": "drift:amount",
        "day": "2026-03-02",
        "known_on": "2026-03-02",
        "sentence": "amount moved.",
    }
    assert event.evidence_hash is not None
    assert "Challenge 0 of drift:amount, open: dana@example.org challenged it on 2026-03-02" in begun.told()


def test_every_state_but_the_last_ones_leads_on_and_every_turn_is_in_the_table() -> None:
    assert {allowed.turn for allowed in TURNS} == set(Turn)
    assert {allowed.before for allowed in TURNS} == {None, ChallengeState.OPEN, ChallengeState.ANSWERED}
    assert {allowed.after for allowed in TURNS} == set(ChallengeState)


@given(st.lists(st.tuples(st.sampled_from(list(Turn)), st.sampled_from([OWNER, APPROVER, REVIEWER, SECOND, AUDITOR]))))
def test_whoever_says_whatever_nobody_speaks_on_both_sides_and_nothing_follows_the_end(
    attempts: list[tuple[Turn, Actor]],
) -> None:
    current = challenged()
    for turn, actor in attempts:
        before = current
        with suppress(ModelfolioError):
            current = then(current, turn, actor)
        assert current.entries[: len(before.entries)] == before.entries
        assert before.is_open or current == before
    answering = {entry.person for entry in current.entries if entry.turn is Turn.ANSWER}
    assert answering <= {OWNER.email}
    assert answering.isdisjoint(entry.person for entry in current.entries if entry.turn is not Turn.ANSWER)
    assert AUDITOR.email not in {entry.person for entry in current.entries}
