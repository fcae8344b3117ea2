"""Versions of the policy: four eyes, from when on they hold, and by which one a day is judged."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors import (
    ForbiddenMoveError,
    InvalidProposalError,
    InvalidReasonError,
    InvalidThresholdError,
    NotAuthorisedError,
    StaleDecisionError,
)
from monitoring.lifecycle import Move, State
from monitoring.people import Actor, Role, RoleGrant
from monitoring.policy import DEFAULT_POLICY, Policy
from monitoring.policy_timeline import JUDGED_BY_DEFAULT, PolicyStart, PolicyTimeline
from monitoring.policy_version import FIRST_VERSION, PolicyHistory, PolicyVersion, check_policy_drafter
from monitoring.thresholds import values_of

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 10, 42, tzinfo=UTC)
ONE = timedelta(days=1)
REASON = "The committee wants fewer retrainings."
LENIENT = {"1": {"effect_retrain": 0.2}}


def person(name: str, *roles: Role, team: str | None = None) -> Actor:
    return Actor(f"{name}@example.org", name.title(), tuple(RoleGrant(role, team) for role in roles))


BEN, CLEO = person("ben", Role.APPROVER), person("cleo", Role.APPROVER)
DANA = person("dana", Role.INDEPENDENT_REVIEWER)
TEAM = person("tom", Role.APPROVER, team="flights")
NOBODIES = [
    person("ada"),
    person("vic", Role.VIEWER),
    person("amy", Role.ADMINISTRATOR),
    person("lise", Role.AUDITOR, Role.APPROVER),
    TEAM,
    DANA,
]


def proposed(**different: Any) -> PolicyVersion:
    given_: dict[str, Any] = {
        "values": LENIENT,
        "number": 2,
        "based_on": FIRST_VERSION,
        "actor": BEN,
        "reason": REASON,
        "wanted_from": None,
        "on": DAY,
        "now": NOW,
    } | different
    return PolicyVersion.propose(given_.pop("values"), **given_)[0]


def approve(
    version: PolicyVersion, actor: Actor, *, on: date = DAY, newest: PolicyVersion = FIRST_VERSION
) -> PolicyVersion:
    return version.approve(newest=newest, actor=actor, comment="", on=on, now=NOW)[0]


def approved(
    number: int = 2, *, on: date = DAY, newest: PolicyVersion = FIRST_VERSION, **different: Any
) -> PolicyVersion:
    version = proposed(number=number, based_on=newest, on=on, **different)
    return approve(approve(version, CLEO, on=on, newest=newest), DANA, on=on, newest=newest)


def test_the_first_version_is_the_method_for_every_tier() -> None:
    assert all(FIRST_VERSION.of_tier(tier) == DEFAULT_POLICY for tier in (1, 2, 3))
    assert FIRST_VERSION.number == int(DEFAULT_POLICY.version) == 1
    assert FIRST_VERSION.in_force_from == date.min
    # Registries name it by its number only: its thresholds must never be other ones.
    assert FIRST_VERSION.content_hash == "8d1661a9b0655cf924cdbe73a6b83cd089e30970da3f2d9f5689bb5d2b98efb2"


def test_a_version_sets_only_what_it_was_given() -> None:
    version = proposed()
    assert values_of(version.of_tier(1)) == values_of(replace(DEFAULT_POLICY, effect_retrain=0.2))
    assert values_of(version.of_tier(2)) == values_of(DEFAULT_POLICY)
    assert version.of_tier(3).version == "2"
    assert [each.sentence for each in version.differences(FIRST_VERSION)] == [
        "Retrain: advantage lost is 20 % instead of 15 % (tier 1): more lenient."
    ]


def test_tiers_that_change_alike_are_one_difference() -> None:
    version = proposed(values={tier: {"psi_floor": 0.2} for tier in "123"})
    (difference,) = version.differences(FIRST_VERSION)
    assert difference.tiers == (1, 2, 3)


@pytest.mark.parametrize("actor", NOBODIES, ids=lambda actor: actor.name)
def test_only_an_approver_for_every_team_proposes(actor: Actor) -> None:
    with pytest.raises(NotAuthorisedError, match="Only an approver for every team may propose"):
        proposed(actor=actor)


@pytest.mark.parametrize("actor", NOBODIES[:-1], ids=lambda actor: actor.name)
def test_only_who_could_decide_may_draft(actor: Actor) -> None:
    check_policy_drafter(DANA)
    check_policy_drafter(BEN)
    with pytest.raises(NotAuthorisedError, match="may draft a policy"):
        check_policy_drafter(actor)


@pytest.mark.parametrize(
    ("different", "error"),
    [
        ({"reason": "too short"}, InvalidReasonError),
        ({"values": {}}, InvalidProposalError),
        ({"values": {"1": {"effect_retrain": 0.15}}}, InvalidProposalError),
        ({"values": {"3": {"effect_retrain": 2.0}}}, InvalidThresholdError),
        ({"wanted_from": DAY}, InvalidProposalError),
        ({"wanted_from": DAY + 366 * ONE}, InvalidProposalError),
    ],
)
def test_a_proposal_that_lacks_something_is_refused(different: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        proposed(**different)


def test_two_people_approve_and_it_is_in_force_from_the_next_day() -> None:
    first = approve(proposed(), CLEO)
    assert (first.state, first.in_force_from) == (State.PROPOSED, None)

    both = approve(first, DANA)

    assert (both.state, both.in_force_from) == (State.APPROVED, DAY + ONE)
    assert both.approvers == (CLEO.email, DANA.email)


def test_a_day_that_is_wanted_later_is_kept_and_one_that_has_passed_is_not() -> None:
    assert approved(wanted_from=DAY + 9 * ONE).in_force_from == DAY + 9 * ONE
    late = approve(approve(proposed(wanted_from=DAY + ONE), CLEO), DANA, on=DAY + 5 * ONE)
    assert late.in_force_from == DAY + 6 * ONE


@pytest.mark.parametrize("actor", [BEN, *NOBODIES[:-1]], ids=lambda actor: actor.name)
@pytest.mark.parametrize("answer", [Move.APPROVE, Move.REJECT])
def test_the_proposer_and_people_without_the_role_never_count(actor: Actor, answer: Move) -> None:
    version = proposed()
    assert not version.may(answer, actor)
    with pytest.raises(NotAuthorisedError):
        approve(version, actor)
    with pytest.raises(NotAuthorisedError):
        version.reject(actor=actor, comment="No.", on=DAY, now=NOW)


def test_one_person_counts_once_and_one_seat_is_filled_once() -> None:
    first = approve(proposed(), CLEO)
    with pytest.raises(NotAuthorisedError, match="one person counts once"):
        approve(first, CLEO)
    with pytest.raises(NotAuthorisedError, match="still needs an independent reviewer"):
        approve(first, person("eve", Role.APPROVER))


def test_rejecting_needs_a_comment_and_ends_it() -> None:
    with pytest.raises(InvalidReasonError):
        proposed().reject(actor=CLEO, comment=" ", on=DAY, now=NOW)
    rejected, event = proposed().reject(actor=CLEO, comment="Too lenient.", on=DAY, now=NOW)
    assert (rejected.state, event.action, event.reason) == (State.REJECTED, "reject", "Too lenient.")
    with pytest.raises(StaleDecisionError, match=r"cleo@example.org rejected this at 10:42 UTC\. Nothing was changed"):
        approve(rejected, DANA)


def test_only_its_proposer_withdraws_it() -> None:
    with pytest.raises(NotAuthorisedError):
        proposed().withdraw(actor=CLEO, comment="", on=DAY, now=NOW)
    withdrawn, event = proposed().withdraw(actor=BEN, comment="", on=DAY, now=NOW)
    assert (withdrawn.state, event.role) == (State.WITHDRAWN, "proposer")


def test_what_was_drafted_from_an_older_version_would_undo_the_newer_one_and_is_refused() -> None:
    second = approved()
    other = proposed(number=3, values={"2": {"psi_floor": 0.2}})
    with pytest.raises(StaleDecisionError, match="Version 2 was approved since this was drafted from version 1"):
        approve(other, CLEO, newest=second)


def test_an_approved_version_has_no_further_move() -> None:
    with pytest.raises(ForbiddenMoveError):
        approved().allowed(Move.TRIGGER)


def test_every_move_names_the_thresholds_by_their_hash() -> None:
    _, event = PolicyVersion.propose(
        LENIENT, number=2, based_on=FIRST_VERSION, actor=BEN, reason=REASON, wanted_from=None, on=DAY, now=NOW
    )
    assert (event.subject_kind, event.subject_id, event.model_id) == ("policy", "2", None)
    assert event.evidence_hash == proposed().content_hash
    assert event.after is not None
    assert event.after["thresholds"]["1"]["effect_retrain"] == 0.2


def test_a_missing_reviewer_is_said_in_one_sentence() -> None:
    assert proposed().waiting_for([BEN, CLEO]) == (
        "Nobody with the role independent reviewer for every team exists besides the proposer; this cannot be approved."
    )
    assert proposed().waiting_for([BEN, CLEO, DANA]) == (
        "Waiting for Cleo as approver, and for Dana as independent reviewer."
    )


def test_each_day_is_judged_by_the_version_in_force_on_it() -> None:
    second = approved()
    third = approved(3, newest=second, on=DAY + 10 * ONE, values={"1": {"effect_retrain": 0.3}})
    history = PolicyHistory((FIRST_VERSION, second, third))

    numbers = [history.on(DAY + days * ONE).number for days in (-400, 0, 1, 10, 11, 900)]

    assert numbers == [1, 1, 2, 2, 3, 3]
    timeline = history.of_tier(1)
    assert [timeline.on(DAY + days * ONE).effect_retrain for days in (0, 1, 11)] == [0.15, 0.2, 0.3]
    assert timeline.changed_since(1) == DAY + ONE
    assert timeline.changed_since(3) is None


def test_a_later_version_never_comes_into_force_before_an_earlier_one() -> None:
    second = approved(wanted_from=DAY + 30 * ONE)
    third = approved(3, newest=second, values={"2": {"psi_floor": 0.3}})
    assert third.in_force_from == DAY + 30 * ONE
    assert PolicyHistory((FIRST_VERSION, second, third)).on(DAY + 30 * ONE).number == 3


@given(st.lists(st.integers(0, 30), max_size=4), st.integers(-5, 35), st.integers(0, 40))
def test_the_runs_of_days_cover_the_range_once_each_under_the_policy_of_its_days(
    begins: list[int], first: int, length: int
) -> None:
    starts = [
        PolicyStart(DAY + days * ONE, i, Policy(version=str(i))) for i, days in enumerate(sorted(begins), start=2)
    ]
    timeline = PolicyTimeline((*JUDGED_BY_DEFAULT.starts, *starts))
    begin, end = DAY + first * ONE, DAY + (first + length) * ONE

    covered = [
        (start + i * ONE, policy)
        for start, last, policy in timeline.spans(begin, end)
        for i in range((last - start).days + 1)
    ]

    assert covered == [(begin + i * ONE, timeline.on(begin + i * ONE)) for i in range(length + 1)]
