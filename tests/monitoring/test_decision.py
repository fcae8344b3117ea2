from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from monitoring.audit import AuditEvent
from monitoring.authority import Subject, machine
from monitoring.decision import Decision
from monitoring.errors import (
    ForbiddenMoveError,
    InvalidProposalError,
    InvalidReasonError,
    NotAuthorisedError,
    StaleDecisionError,
)
from monitoring.evidence import NEVER_ASSESSED, Evidence
from monitoring.lifecycle import Action, Capacity, Move, State
from monitoring.people import Actor, Role, RoleGrant
from monitoring.quorum import quorum, seats_filled

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 10, 42, tzinfo=UTC)
EVIDENCE = Evidence(NEVER_ASSESSED)
APPROVER, REVIEWER = frozenset({Role.APPROVER}), frozenset({Role.INDEPENDENT_REVIEWER})
BOTH = APPROVER | REVIEWER


def person(name: str, *roles: Role, team: str | None = None) -> Actor:
    return Actor(f"{name.lower()}@example.org", name, tuple(RoleGrant(role, team) for role in roles))


ADA = person("Ada")
BEN = person("Ben", Role.APPROVER)
CLEO = person("Cleo", Role.APPROVER)
DANA = person("Dana", Role.INDEPENDENT_REVIEWER)
EVE = person("Eve", Role.APPROVER, Role.INDEPENDENT_REVIEWER)


def subject(*, tier: int | None = 1, owner: str | None = "Ada@example.org", team: str | None = "flights") -> Subject:
    return Subject(model_id="m", name="Late at pushback?", owner=owner, team=team, tier=tier)


def propose(
    *,
    about: Subject | None = None,
    action: Action = Action.RETRAIN,
    by: Actor = ADA,
    reason: str = "It got worse.",
    until: date | None = None,
) -> tuple[Decision, AuditEvent]:
    return Decision.propose(
        about or subject(), action, actor=by, reason=reason, evidence=EVIDENCE, on=DAY, now=NOW, accept_until=until
    )


def proposed(*, tier: int | None = 1, by: Actor = ADA) -> Decision:
    return propose(about=subject(tier=tier), by=by)[0]


def approve(decision: Decision, *people: Actor) -> Decision:
    for actor in people:
        decision, _ = decision.approve(actor=actor, comment="Seen.", evidence=EVIDENCE, on=DAY, now=NOW)
    return decision


def test_owner_and_approver_may_propose() -> None:
    assert propose(by=ADA)[0].proposed_by == "ada@example.org"
    assert propose(by=BEN)[0].state is State.PROPOSED
    assert propose(by=machine(Capacity.POLICY))[1].role == "policy"


@pytest.mark.parametrize(
    "somebody",
    [person("Vic", Role.VIEWER), DANA, person("Ann", Role.ADMINISTRATOR), person("Tim", Role.APPROVER, team="wiki")],
)
def test_others_may_not_propose(somebody: Actor) -> None:
    with pytest.raises(NotAuthorisedError, match="Only the owner or an approver or a policy may propose"):
        propose(by=somebody)


def test_any_approver_may_propose_for_a_model_without_owner() -> None:
    assert propose(about=subject(owner=None), by=BEN)[0].is_open


def test_an_auditor_writes_nothing_even_as_owner_and_approver() -> None:
    auditor = Actor("ada@example.org", "Ada", (RoleGrant(Role.AUDITOR), RoleGrant(Role.APPROVER)))
    with pytest.raises(NotAuthorisedError):
        propose(by=auditor)
    with pytest.raises(NotAuthorisedError):
        approve(propose(by=BEN)[0], auditor)


def test_an_administrator_approves_nothing() -> None:
    with pytest.raises(NotAuthorisedError):
        approve(proposed(tier=3), person("Ann", Role.ADMINISTRATOR))


@pytest.mark.parametrize("reason", ["", "too short", "   123456789   ", "\u200b" * 40, "short\u200d\u2060\ufeff\u200b"])
def test_a_reason_has_ten_characters(reason: str) -> None:
    with pytest.raises(InvalidReasonError, match="at least 10 characters"):
        propose(reason=reason)


@pytest.mark.parametrize("reason", ["It got worse.\0", "It got worse \ud800", "x" * 2_001])
def test_a_reason_can_be_kept_for_ever(reason: str) -> None:
    with pytest.raises(InvalidReasonError, match=r"cannot be stored|at most 2,000"):
        propose(reason=reason)
    with pytest.raises(InvalidReasonError, match=r"cannot be stored|at most 2,000"):
        proposed().approve(actor=BEN, comment=reason, evidence=EVIDENCE, on=DAY, now=NOW)


@pytest.mark.parametrize(("tier", "days"), [(None, 7), (1, 7), (2, 14), (3, 30)])
def test_an_answer_is_due_by_tier(tier: int | None, days: int) -> None:
    decision = proposed(tier=tier)
    assert decision.due_on == DAY + timedelta(days=days)
    assert not decision.is_overdue(decision.due_on)
    assert decision.is_overdue(decision.due_on + timedelta(days=1))


@pytest.mark.parametrize("until", [None, DAY, DAY - timedelta(days=1), DAY + timedelta(days=366)])
def test_an_acceptance_ends_within_a_year(until: date | None) -> None:
    with pytest.raises(InvalidProposalError):
        propose(action=Action.ACCEPT, until=until)


def test_only_an_acceptance_has_an_end() -> None:
    assert propose(action=Action.ACCEPT, until=DAY + timedelta(days=365))[0].accept_until == date(2027, 3, 2)
    with pytest.raises(InvalidProposalError):
        propose(action=Action.RETRAIN, until=DAY + timedelta(days=1))


@pytest.mark.parametrize("tier", [2, 3])
def test_one_approver_is_enough_in_tiers_2_and_3(tier: int) -> None:
    assert approve(proposed(tier=tier), BEN).state is State.APPROVED


@pytest.mark.parametrize("tier", [1, None])
def test_tier_1_needs_an_approver_and_an_independent_reviewer(tier: int | None) -> None:
    assert approve(proposed(tier=tier), BEN).state is State.PROPOSED
    assert approve(proposed(tier=tier), BEN, DANA).state is State.APPROVED
    assert approve(proposed(tier=tier), DANA, BEN).state is State.APPROVED


def test_two_approvers_are_no_quorum_in_tier_1() -> None:
    with pytest.raises(NotAuthorisedError, match="still needs an independent reviewer"):
        approve(proposed(), BEN, CLEO)


def test_one_person_with_both_roles_counts_once() -> None:
    assert approve(proposed(), EVE).state is State.PROPOSED
    with pytest.raises(NotAuthorisedError, match="one person counts once"):
        approve(proposed(), EVE, EVE)
    assert approve(proposed(), EVE, BEN).state is State.APPROVED
    assert approve(proposed(), EVE, DANA).state is State.APPROVED


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_the_proposer_never_answers(tier: int) -> None:
    decision = proposed(tier=tier, by=EVE)
    with pytest.raises(NotAuthorisedError, match="You proposed this"):
        approve(decision, EVE)
    with pytest.raises(NotAuthorisedError, match="You proposed this"):
        decision.reject(actor=EVE, comment="No.", on=DAY, now=NOW)


def test_an_independent_reviewer_alone_approves_nothing_in_tier_2() -> None:
    with pytest.raises(NotAuthorisedError, match="second pair of eyes"):
        approve(proposed(tier=2), DANA)


def test_a_role_limited_to_another_team_does_not_count() -> None:
    with pytest.raises(NotAuthorisedError):
        approve(proposed(tier=2), person("Tim", Role.APPROVER, team="wiki"))
    assert approve(proposed(tier=2), person("Fay", Role.APPROVER, team="flights")).state is State.APPROVED


def test_a_tier_lowered_after_the_proposal_does_not_weaken_the_quorum() -> None:
    lowered = replace(proposed(tier=1), subject=subject(tier=3))
    raised = replace(proposed(tier=3), subject=subject(tier=1))
    assert approve(lowered, BEN).state is State.PROPOSED
    assert approve(raised, BEN).state is State.PROPOSED


def test_a_move_alone_cannot_go_round_the_quorum() -> None:
    with pytest.raises(ForbiddenMoveError, match="quorum"):
        proposed().move(Move.APPROVE, actor=BEN, on=DAY, now=NOW)


def test_approving_freezes_the_evidence() -> None:
    decision = approve(proposed(), BEN)
    assert (decision.frozen_evidence, decision.evidence_hash) == (None, None)
    decision = approve(decision, DANA)
    assert (decision.frozen_evidence, decision.evidence_hash) == (NEVER_ASSESSED, EVIDENCE.hash)


def test_rejecting_needs_an_approver_and_a_comment() -> None:
    with pytest.raises(InvalidReasonError, match="Say in a comment why you reject this"):
        proposed().reject(actor=BEN, comment="  ", on=DAY, now=NOW)
    with pytest.raises(NotAuthorisedError):
        proposed().reject(actor=DANA, comment="No.", on=DAY, now=NOW)
    assert proposed().reject(actor=BEN, comment="No.", on=DAY, now=NOW)[0].state is State.REJECTED


def test_only_the_proposer_withdraws() -> None:
    with pytest.raises(NotAuthorisedError, match="Only the proposer may withdraw"):
        proposed().withdraw(actor=BEN, comment="", on=DAY, now=NOW)
    assert proposed().withdraw(actor=ADA, comment="", on=DAY, now=NOW)[0].state is State.WITHDRAWN


def test_whoever_comes_second_is_told_who_was_first() -> None:
    with pytest.raises(
        StaleDecisionError, match=r"ben@example.org approved this at 10:42 UTC. Nothing was sent twice."
    ):
        approve(proposed(tier=2), BEN, CLEO)


def test_a_move_yields_its_own_record() -> None:
    _, event = proposed(tier=2).approve(actor=BEN, comment="Seen.", evidence=EVIDENCE, on=date(2013, 7, 20), now=NOW)
    assert (event.actor, event.role, event.action, event.reason) == ("ben@example.org", "approver", "approve", "Seen.")
    assert event.before is not None
    assert event.after is not None
    assert (event.before["state"], event.after["state"]) == ("proposed", "approved")
    assert (event.at, event.recorded_at) == (datetime(2013, 7, 20, 10, 42, tzinfo=UTC), NOW)


@pytest.mark.parametrize(
    ("people", "sentence"),
    [
        ([ADA, BEN, DANA], "Waiting for Ben as approver, and for Dana as independent reviewer."),
        ([ADA, BEN], "Nobody with the role independent reviewer for this model exists besides the proposer"),
        ([ADA, DANA], "Nobody with the role approver for this model exists besides the proposer"),
        ([ADA, EVE], "Two different people must approve, and only one could"),
    ],
)
def test_who_is_missing_is_said_in_one_sentence(people: list[Actor], sentence: str) -> None:
    assert proposed().waiting_for(people).startswith(sentence)


def test_after_the_first_approval_the_second_is_named() -> None:
    assert approve(proposed(), BEN).waiting_for([ADA, BEN, CLEO, DANA]) == "Waiting for Dana."


def test_seats_are_filled_as_well_as_possible() -> None:
    assert quorum(1) == (Role.APPROVER, Role.INDEPENDENT_REVIEWER)
    assert seats_filled(quorum(1), {}) == 0
    assert seats_filled(quorum(1), {"a": BOTH}) == 1
    assert seats_filled(quorum(1), {"a": BOTH, "b": APPROVER}) == 2
    assert seats_filled(quorum(1), {"a": APPROVER, "b": APPROVER}) == 1
