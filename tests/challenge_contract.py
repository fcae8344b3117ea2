"""What a registry promises about challenges, about answers to many proposals at once, and about what is overdue."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from data_access import audit_export, audit_trail, challenge_queries, decision_queries, people
from data_access.registry import Registry
from data_access.tables import AuditEventRow, ModelRow
from data_access.verdict_queries import verdicts
from monitoring import ask, decide
from monitoring.challenge import ChallengeState, Turn
from monitoring.errors import (
    AuditChainError,
    EvidenceChangedError,
    ForbiddenMoveError,
    InvalidProposalError,
    InvalidReasonError,
    NotAuthorisedError,
    OpenChallengeExistsError,
    StaleDecisionError,
    UnknownChallengeError,
    UnknownFindingError,
)
from monitoring.lifecycle import Action, State
from monitoring.people import COMMAND_LINE, Role
from tests.fresh import fresh_registry
from tests.registry_contract import (
    ADA,
    BEN,
    CLEO,
    DANA,
    DAY,
    KEY,
    NOW,
    REASON,
    VIC,
    add_assessment,
    add_everybody,
    add_model,
    approve,
    propose,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.challenge import Challenge
    from monitoring.decision import Decision

CODE = "performance:AUC"
TEXT = "Is that the new tariff, and no loss?"
ANSWER = "The tariff came a week later."
LATE = DAY + timedelta(days=40)
FAY = "fay@example.org"
"""An approver of another team only."""


def challenge(registry: Registry, *, by: str = DANA, code: str = CODE) -> Challenge:
    return ask.challenge_finding(registry, model_id="m", day=DAY, code=code, text=TEXT, by=by, on=DAY, now=NOW)


def question(registry: Registry, decision: Decision, *, by: str = BEN) -> Challenge:
    return ask.ask_about(registry, decision.id, text=TEXT, by=by, on=DAY, now=NOW)


def say(registry: Registry, before: Challenge, turn: Turn, *, by: str, text: str = ANSWER) -> Challenge:
    return ask.say(registry, before.id, turn, text=text, seen=len(before.entries), by=by, on=DAY, now=NOW)


def hashes(registry: Registry, decisions: tuple[Decision, ...], *, by: str = BEN) -> dict[int, str]:
    return {each.id: decide.review(registry, each.id, by=by, on=DAY).present.hash for each in decisions}


def propose_for(registry: Registry, count: int) -> tuple[Decision, ...]:
    for number in range(count):
        add_model(registry, f"m{number}")
    ids = [f"m{number}" for number in range(count)]
    return decide.propose_many(registry, model_ids=ids, action=Action.SUSPEND, reason=REASON, by=ADA, on=DAY, now=NOW)


class ChallengeContract:
    """Subclasses give ``address``: an empty database."""

    @pytest.fixture
    def office(self, address: str) -> Iterator[Registry]:
        """A registry with people and the assessed model ``m`` of tier 2 that Ada owns."""
        fresh_registry(address)
        registry = Registry.open(address, audit_key=KEY)
        add_everybody(registry)
        add_model(registry)
        add_assessment(registry)
        yield registry
        registry.close()

    def test_a_challenge_and_its_answer_stand_beside_the_verdict_and_in_every_export(self, office: Registry) -> None:
        settled = say(office, say(office, challenge(office), Turn.ANSWER, by=ADA), Turn.SETTLE, by=DANA, text="")
        assert settled == challenge_queries.of_model(office, "m", on=DAY)[0]
        decision = propose(office)

        (line,) = verdicts(office)
        listed = decision_queries.all_decisions(office, on=DAY)["challenges"].item()
        exported = audit_export.export_csv(office, model_id="m")
        beside = challenge_queries.beside_verdicts(office, on=DAY)["m"][0].told()
        for told in (line.challenges, listed, exported, beside):
            assert TEXT in told
            assert ANSWER in told
        assert decide.review(office, decision.id, by=BEN, on=DAY).challenges == (settled,)
        assert challenge_queries.open_challenges(office, on=DAY).empty

    def test_a_finding_has_one_open_challenge(self, office: Registry) -> None:
        first = challenge(office)
        with pytest.raises(OpenChallengeExistsError, match=f"challenged already: number {first.id}, open, by {DANA}"):
            challenge(office)
        say(office, first, Turn.WITHDRAW, by=DANA)
        assert challenge(office).state is ChallengeState.OPEN

    def test_the_database_itself_refuses_a_second_open_challenge(self, office: Registry) -> None:
        challenge(office)
        copy = (
            "INSERT INTO challenges (model_id, code, day, known_on, finding, state, is_open, entries) "
            "SELECT model_id, code, day, known_on, finding, state, is_open, entries FROM challenges"
        )
        with pytest.raises(sa.exc.IntegrityError), office.write() as session:
            session.execute(sa.text(copy))

    def test_only_a_finding_of_that_assessment_is_challenged(self, office: Registry) -> None:
        with pytest.raises(UnknownFindingError, match=f"has no finding 'nulls:x'; it has: {CODE}"):
            challenge(office, code="nulls:x")
        with pytest.raises(UnknownFindingError, match="has no assessment of 2026-03-01"):
            ask.challenge_finding(
                office, model_id="m", day=DAY - timedelta(days=1), code=CODE, text=TEXT, by=DANA, on=DAY, now=NOW
            )
        with pytest.raises(UnknownChallengeError, match="no challenge 9"):
            ask.say(office, 9, Turn.ANSWER, text=ANSWER, seen=1, by=ADA, on=DAY, now=NOW)

    def test_roles_are_those_of_the_moment_of_the_write(self, office: Registry) -> None:
        begun = challenge(office)
        for by, turn in ((VIC, Turn.ANSWER), (BEN, Turn.ANSWER), (ADA, Turn.ASK_AGAIN), (ADA, Turn.UPHOLD)):
            with pytest.raises(NotAuthorisedError):
                say(office, begun, turn, by=by)
        people.revoke(office, email=DANA, role=Role.INDEPENDENT_REVIEWER, team=None, by=COMMAND_LINE, now=NOW)
        with pytest.raises(NotAuthorisedError):
            say(office, begun, Turn.UPHOLD, by=DANA)
        assert challenge_queries.of_model(office, "m", on=DAY) == (begun,)
        audit_trail.verify(office)

    def test_every_word_said_has_its_audit_event(self, office: Registry) -> None:
        upheld = say(office, say(office, challenge(office), Turn.ANSWER, by=ADA), Turn.UPHOLD, by=DANA, text=TEXT)
        with office.read() as session:
            events = session.execute(
                sa.select(AuditEventRow.action, AuditEventRow.actor, AuditEventRow.reason)
                .where(AuditEventRow.subject_kind == "challenge", AuditEventRow.subject_id == str(upheld.id))
                .order_by(AuditEventRow.sequence)
            ).all()
        assert events == [("challenge", DANA, TEXT), ("answer", ADA, ANSWER), ("uphold", DANA, TEXT)]

    @pytest.mark.parametrize(
        ("statement", "problem"),
        [
            ("UPDATE challenge_entries SET text = 'Sorry.' WHERE position = 2", "What was said in challenge 1"),
            ("DELETE FROM challenge_entries WHERE position = 2", "What was said in challenge 1"),
            ("UPDATE challenges SET state = 'settled', is_open = NOT is_open", "about, or its state"),
            ("UPDATE challenges SET code = 'drift:x'", "What challenge 1 is about"),
            ("UPDATE challenges SET is_open = NOT is_open", "about, or its state"),
            ("UPDATE challenges SET known_on = '2030-01-01'", "What challenge 1 is about"),
            ("UPDATE challenge_entries SET said_on = '2030-01-01'", "What was said in challenge 1"),
            ("DELETE FROM challenge_entries; DELETE FROM challenges", "Challenge 1 is in the audit trail, and gone"),
        ],
    )
    def test_a_word_changed_behind_the_trail_is_found(self, office: Registry, statement: str, problem: str) -> None:
        say(office, challenge(office), Turn.ANSWER, by=ADA)
        audit_trail.verify(office)
        with office.write() as session:
            for each in statement.split("; "):
                session.execute(sa.text(each))
        with pytest.raises(AuditChainError, match=problem):
            audit_trail.verify(office)

    def test_of_two_answers_at_once_the_second_is_told_to_read_the_first(self, address: str, office: Registry) -> None:
        begun, barrier, told = challenge(office), threading.Barrier(2), []

        def answer(text: str) -> None:
            registry = Registry.open(address, audit_key=KEY)
            barrier.wait(timeout=60)
            try:
                say(registry, begun, Turn.ANSWER, by=ADA, text=text)
            except StaleDecisionError as refusal:
                told.append(str(refusal))
            registry.close()

        both = [threading.Thread(target=answer, args=(text,)) for text in (ANSWER, "It was something else.")]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(timeout=60)
        assert len(told) == 1
        assert "while you were reading" in told[0]
        assert len(challenge_queries.of_model(office, "m", on=DAY)[0].entries) == 2

    def test_a_question_about_a_proposal_is_answered_on_the_record_before_it_is_decided(self, office: Registry) -> None:
        decision = propose(office)
        assert decide.review(office, decision.id, by=BEN, on=DAY).may_ask
        assert not decide.review(office, decision.id, by=ADA, on=DAY).may_ask
        asked = question(office, decision)
        with pytest.raises(OpenChallengeExistsError, match="A question about this proposal is open already"):
            question(office, decision, by=CLEO)
        mine = challenge_queries.open_challenges(office, on=DAY, person=ADA)
        assert (mine["about"].item(), mine["decision_id"].item(), mine["is_mine"].item()) == (
            "decision",
            decision.id,
            True,
        )
        answered = say(office, asked, Turn.ANSWER, by=ADA)
        assert decide.review(office, decision.id, by=BEN, on=DAY).challenges == (answered,)
        assert challenge_queries.open_challenges(office, on=DAY, person=BEN)["is_mine"].item()
        assert ANSWER in decision_queries.all_decisions(office, on=DAY)["challenges"].item()

    def test_nothing_is_asked_about_what_is_decided_and_its_questions_wait_no_longer(self, office: Registry) -> None:
        decision = propose(office)
        question(office, decision)
        approve(office, decision, by=CLEO)
        assert challenge_queries.open_challenges(office, on=DAY).empty
        with pytest.raises(ForbiddenMoveError, match="It is approved already"):
            question(office, decision)

    # Many at once

    def test_many_are_approved_with_one_comment_and_a_snapshot_and_an_event_each(self, office: Registry) -> None:
        decisions = propose_for(office, 3)
        before = audit_trail.verify(office).rows
        decided = decide.approve_many(office, hashes(office, decisions), comment="Seen.", by=BEN, on=DAY, now=NOW)
        assert [each.state for each in decided] == [State.APPROVED] * 3
        assert all(decision_queries.decision(office, each.id).frozen_evidence for each in decisions)
        assert audit_trail.verify(office).rows == before + 3

    def test_each_of_many_needs_its_own_quorum(self, office: Registry) -> None:
        decisions = propose_for(office, 2)
        with office.write() as session:
            session.get_one(ModelRow, "m1").tier = 1
        decided = decide.approve_many(office, hashes(office, decisions), comment="", by=BEN, on=DAY, now=NOW)
        assert [each.state for each in decided] == [State.APPROVED, State.PROPOSED]

    def test_one_that_cannot_be_approved_stops_all_and_is_named(self, office: Registry) -> None:
        decisions = propose_for(office, 3)
        own = propose(office, by=BEN)
        seen = hashes(office, (*decisions, own))
        with pytest.raises(NotAuthorisedError, match=r"Model m: You proposed this.* Nothing was decided\."):
            decide.approve_many(office, seen, comment="", by=BEN, on=DAY, now=NOW)
        with pytest.raises(EvidenceChangedError, match=r"Model m0: The evidence changed.* Nothing was decided\."):
            decide.approve_many(office, seen | {decisions[0].id: "old"}, comment="", by=CLEO, on=DAY, now=NOW)
        with pytest.raises(NotAuthorisedError, match=r"Model m: You proposed this.* Nothing was decided\."):
            decide.reject_many(office, list(seen), comment="No.", by=BEN, on=DAY, now=NOW)
        states = {decision_queries.decision(office, number).state for number in seen}
        assert states == {State.PROPOSED}

    def test_many_are_rejected_with_one_comment_and_an_event_each(self, office: Registry) -> None:
        decisions = propose_for(office, 3)
        numbers = [each.id for each in decisions]
        with pytest.raises(InvalidReasonError, match="Say in a comment why"):
            decide.reject_many(office, numbers, comment=" ", by=BEN, on=DAY, now=NOW)
        before = audit_trail.verify(office).rows
        decide.reject_many(office, numbers, comment="No.", by=BEN, on=DAY, now=NOW)
        assert all(decision_queries.decision(office, number).state is State.REJECTED for number in numbers)
        assert audit_trail.verify(office).rows == before + 3

    def test_at_most_200_are_answered_at_once(self, office: Registry) -> None:
        seen = dict.fromkeys(range(1, 202), "")
        with pytest.raises(InvalidProposalError, match="An approval is for 1 to 200 models; this is for 201"):
            decide.approve_many(office, seen, comment="", by=BEN, on=DAY, now=NOW)
        with pytest.raises(InvalidProposalError, match="A rejection is for 1 to 200 models; this is for 0"):
            decide.reject_many(office, [], comment="No.", by=BEN, on=DAY, now=NOW)

    # Overdue

    def test_what_is_overdue_in_tier_1_is_shown_to_every_approver_and_approved_by_nobody_else(
        self, office: Registry
    ) -> None:
        people.add(office, email=FAY, name="Fay", by=COMMAND_LINE, now=NOW)
        people.grant(office, email=FAY, role=Role.APPROVER, team="another", by=COMMAND_LINE, now=NOW)
        add_model(office, "strict", tier=1)
        strict, lenient = propose(office, "strict"), propose(office)

        def waits(on: date) -> list[int]:
            shown = decision_queries.waiting(office, person=FAY, on=on)
            return list(shown.loc[shown["is_mine"].astype(bool), "decision_id"])

        assert waits(strict.due_on) == []
        assert waits(LATE) == [strict.id]
        assert decision_queries.waiting_count(office, person=FAY, on=LATE) == 1
        assert not decision_queries.waiting(office, person=FAY, on=LATE)["can_answer"].any()
        with pytest.raises(NotAuthorisedError):
            approve(office, strict, by=FAY)
        late = decision_queries.overdue(office, on=LATE).set_index("decision_id")
        assert list(late.index) == [strict.id, lenient.id]
        assert late.loc[strict.id, "tell"] == ";".join(sorted([BEN, CLEO, DANA, "eve@example.org", FAY]))
        assert late.loc[lenient.id, "tell"] == ";".join(sorted([BEN, CLEO, "eve@example.org"]))
        assert decision_queries.overdue_counts(office, on=LATE) == (2, 1)
        assert decision_queries.overdue_counts(office, on=DAY) == (0, 0)
        assert decision_queries.decision(office, strict.id).state is State.PROPOSED
