"""What a registry promises about standing approvals, on whatever database it is kept."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from data_access import audit_trail, decision_queries, people, standing_queries
from data_access.registry import Registry
from data_access.standing_tables import StandingApprovalRow, StandingRunRow
from data_access.tables import (
    AssessmentRow,
    AuditEventRow,
    DecisionRow,
    FindingRow,
    ModelRow,
    ShiftDayRow,
    ShiftProgressRow,
    ShiftRow,
    TriggerRow,
)
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import work_once
from monitoring import act_on_standing as acting
from monitoring import ask, carry_out, decide_standing, follow_up
from monitoring.act_on_standing import act_on_standing
from monitoring.challenge import Turn
from monitoring.errors import (
    AuditChainError,
    ForbiddenMoveError,
    InvalidProposalError,
    InvalidReasonError,
    NotAuthorisedError,
    StaleDecisionError,
    UnknownModelError,
    UnknownPersonError,
    UnknownStandingApprovalError,
)
from monitoring.lifecycle import Move, State
from monitoring.outcome import Judgement
from monitoring.people import COMMAND_LINE, Role
from monitoring.retraining import Report, TrainingReport
from monitoring.standing_envelope import Envelope, Guard, Scope, ScopeKind
from tests.fresh import fresh_registry
from tests.listening import statements
from tests.registry_contract import (
    ADA,
    BEN,
    CLEO,
    DANA,
    DAY,
    EVE,
    KEY,
    NOW,
    REASON,
    VIC,
    add_assessment,
    add_everybody,
    add_model,
    approve,
    events_of,
    propose,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from monitoring.decision import Decision
    from monitoring.standing_approval import StandingApproval

ONE = timedelta(days=1)
AUDREY, TEAMLEAD = "audrey@example.org", "teamlead@example.org"
BECAUSE = {
    "suspended": "It is suspended.",
    "retired": "It is retired.",
    "estimated": "The verdict does not rest on realised labels.",
    "drift": "The verdict does not rest on realised labels.",
    "minor data quality": "A data-quality finding is open: 7 % of amount is empty.",
    "feed": "A feed shift is open: weather.",
    "tier": "It is in tier 1; the people who approved this may do so from tier 2 on.",
}
"""What stands in the way of a retraining without a person, and how that is said; each of a model of that name."""
TARGETS = (TriggerTarget(name="table", table=True),)


def envelope(*model_ids: str, **different: Any) -> Envelope:
    scope = Scope(ScopeKind.MODELS, model_ids or ("m",))
    return replace(Envelope(scope, (Guard("skill", 0.02),), DAY + 90 * ONE, most_runs=2), **different)


def tier_envelope(tier: int, **different: Any) -> Envelope:
    return envelope(scope=Scope(ScopeKind.TIER, (str(tier),)), **different)


def proposed(registry: Registry, wanted: Envelope | None = None, *, by: str = BEN) -> StandingApproval:
    return decide_standing.propose_standing(registry, wanted or envelope(), reason=REASON, by=by, on=DAY, now=NOW)


def answer(registry: Registry, number: int, *, by: str) -> StandingApproval:
    return decide_standing.approve_standing(registry, number, comment="Seen.", by=by, on=DAY, now=NOW)


def active(registry: Registry, wanted: Envelope | None = None) -> StandingApproval:
    return answer(registry, proposed(registry, wanted).id, by=CLEO)


def stop(registry: Registry, number: int, *, by: str, reason: str = "Something is off.") -> StandingApproval:
    return decide_standing.stop_standing(registry, number, reason=reason, by=by, on=DAY, now=NOW)


def act(registry: Registry, on: date = DAY) -> tuple[Decision, ...]:
    return act_on_standing(registry, on=on, now=NOW)


def standing(registry: Registry, number: int = 1) -> StandingApproval:
    with registry.looking_at_standing() as records:
        return records.standing(number)


def held(registry: Registry, number: int = 1, on: date = DAY) -> dict[str, str]:
    (found,) = [each for each in standing_queries.listed(registry, on=on) if each.standing.id == number]
    return {each.model_id: each.because for each in found.held}


def triggers(registry: Registry) -> list[int]:
    with registry.read() as session:
        return list(session.scalars(sa.select(TriggerRow.decision_id).order_by(TriggerRow.id)))


def fails(registry: Registry, decision: Decision, *, said: str = "Out of memory.") -> None:
    work_once(registry, TARGETS, day=lambda: DAY, now=lambda: NOW)
    report = TrainingReport(decision_id=decision.id, report=Report.FAILED, message=said)
    follow_up.take_report(registry, report, channel="http", on=DAY, now=NOW)


def succeeds(registry: Registry, decision: Decision) -> Decision:
    work_once(registry, TARGETS, day=lambda: DAY, now=lambda: NOW)
    report = TrainingReport(decision_id=decision.id, report=Report.SUCCEEDED, version="v2")
    return follow_up.take_report(registry, report, channel="http", on=DAY, now=NOW)


def act_at_once(address: str, barrier: threading.Barrier) -> list[int]:
    registry = Registry.open(address, audit_key=KEY)
    barrier.wait(timeout=60)
    try:
        return [decision.id for decision in act(registry)]
    finally:
        registry.close()


def stand_in_the_way(registry: Registry, what: str, model_id: str | None = None) -> None:
    """Make one thing of a model different from what a retraining without a person needs."""
    with registry.write() as session:
        model = session.get_one(ModelRow, model_id or what)
        row = session.scalars(sa.select(AssessmentRow).where(AssessmentRow.model_id == model.id)).one()
        finding = session.scalars(sa.select(FindingRow).where(FindingRow.assessment_id == row.id)).one()
        if what in {"suspended", "retired"}:
            model.service_state = what
        elif what == "estimated":
            row.basis = "estimated"
        elif what == "drift":
            finding.kind = "drift"
        elif what == "minor data quality":
            more = {"kind": "nulls", "argues_for": "keep", "subject": "amount", "sentence": "7 % of amount is empty."}
            session.add(FindingRow(assessment_id=row.id, since=DAY, evidence={}, **more))
        elif what == "tier":
            model.tier = 1
        elif what == "team":
            model.team = "other"
        elif what == "feed":
            model.card = {"features": [{"name": "wind", "type": "numeric", "source": "weather"}]}
            feed_shift(session)


def feed_shift(session: Session, *, models: tuple[str, ...] = ("a", "b", "c", "d")) -> None:
    """Open a feed shift of the source weather, in which these models moved."""
    session.merge(ShiftProgressRow(id=1, searched_to=DAY))
    day = ShiftDayRow(day=DAY, known_on=DAY, recorded_at=NOW)
    session.add(day)
    session.flush()
    known = {"began": DAY, "kind": "feed", "grouping": "source", "source": "weather", "base": 0.01, "log10_p": -8.0}
    session.add(ShiftRow(shift_day_id=day.id, k=4, n=5, models=list(models), cleared=[], **known))


class StandingContract:
    """Subclasses give ``address``: an empty database."""

    @pytest.fixture
    def office(self, address: str) -> Iterator[Registry]:
        """A registry with people and the model ``m`` of tier 2 that Ada owns, to be retrained on realised labels."""
        fresh_registry(address)
        registry = Registry.open(address, audit_key=KEY)
        add_everybody(registry)
        for email in (AUDREY, TEAMLEAD):
            people.add(registry, email=email, name=email.partition("@")[0].title(), by=COMMAND_LINE, now=NOW)
        roles = ((AUDREY, Role.AUDITOR, None), (AUDREY, Role.APPROVER, None), (TEAMLEAD, Role.APPROVER, "flights"))
        for email, role, team in roles:
            people.grant(registry, email=email, role=role, team=team, by=COMMAND_LINE, now=NOW)
        add_model(registry)
        add_assessment(registry)
        yield registry
        registry.close()

    # From proposed to active

    def test_it_is_read_as_it_was_written(self, office: Registry) -> None:
        written = active(office)
        assert standing(office) == written
        assert (written.state, written.approvers, written.tier) == (State.APPROVED, (CLEO,), 2)
        assert written.envelope == envelope()
        assert [model.subject.model_id for model in standing(office).covered] == ["m"]

    def test_each_step_leaves_one_audit_event_with_the_envelope(self, office: Registry) -> None:
        active(office)
        stop(office, 1, by=ADA)
        with office.read() as session:
            events = session.scalars(
                sa.select(AuditEventRow)
                .where(AuditEventRow.subject_kind == "standing approval")
                .order_by(AuditEventRow.sequence)
            ).all()
            assert [(each.action, each.actor, each.role) for each in events] == [
                ("propose", BEN, "approver"),
                ("approve", CLEO, "approver"),
                ("stop", ADA, "owner"),
            ]
            assert all((each.after or {})["envelope"] == envelope().plain() for each in events)
        audit_trail.verify(office)

    def test_the_use_case_itself_refuses_who_may_not_propose(self, office: Registry) -> None:
        for by in (VIC, DANA, AUDREY):
            with pytest.raises(NotAuthorisedError):
                proposed(office, by=by)
        with pytest.raises(UnknownPersonError):
            proposed(office, by="nobody@example.org")
        assert standing_queries.listed(office, on=DAY) == ()

    def test_an_owner_proposes_for_the_models_that_are_hers_and_no_others(self, office: Registry) -> None:
        assert proposed(office, by=ADA).proposed_by == ADA
        add_model(office, "n", owner=VIC)
        with pytest.raises(NotAuthorisedError, match="owner of each"):
            proposed(office, envelope("m", "n"), by=ADA)
        with pytest.raises(NotAuthorisedError):
            proposed(office, tier_envelope(2), by=ADA)

    def test_four_eyes_hold_when_the_use_case_is_called_directly(self, office: Registry) -> None:
        proposed(office)
        for by in (BEN, ADA, VIC, DANA, AUDREY):
            with pytest.raises(NotAuthorisedError):
                answer(office, 1, by=by)
        assert (standing(office).state, act(office)) == (State.PROPOSED, ())

    def test_the_strictest_tier_inside_needs_an_approver_and_an_independent_reviewer(self, office: Registry) -> None:
        for tier in (1, None):
            add_model(office, f"harm {tier}", tier=tier)
            number = proposed(office, envelope("m", f"harm {tier}")).id
            assert answer(office, number, by=CLEO).state is State.PROPOSED
            with pytest.raises(NotAuthorisedError, match="one person counts once"):
                answer(office, number, by=CLEO)
            if tier == 1:
                assert act(office) == ()
            assert answer(office, number, by=DANA).state is State.APPROVED

    def test_a_model_that_became_stricter_before_the_approval_needs_its_quorum(self, office: Registry) -> None:
        proposed(office)
        stand_in_the_way(office, "tier", "m")
        assert answer(office, 1, by=CLEO).state is State.PROPOSED
        assert answer(office, 1, by=DANA).tier == 1

    def test_a_role_of_one_team_reaches_that_team_only(self, office: Registry) -> None:
        team = envelope(scope=Scope(ScopeKind.TEAM, ("flights",)))
        assert answer(office, proposed(office, team).id, by=TEAMLEAD).state is State.APPROVED
        number = proposed(office, tier_envelope(2)).id
        with pytest.raises(NotAuthorisedError):
            answer(office, number, by=TEAMLEAD)

    def test_what_is_not_bounded_is_refused_and_leaves_nothing(self, office: Registry) -> None:
        before = audit_trail.verify(office)
        with pytest.raises(InvalidProposalError, match="within a year"):
            proposed(office, envelope(expires_on=DAY + 366 * ONE))
        with pytest.raises(InvalidProposalError, match="no model to retrain among the models of team nobody"):
            proposed(office, envelope(scope=Scope(ScopeKind.TEAM, ("nobody",))))
        with pytest.raises(UnknownModelError, match="'unheard-of'"):
            proposed(office, envelope("unheard-of"))
        assert audit_trail.verify(office) == before

    def test_rejected_withdrawn_and_unknown_ones_permit_nothing(self, office: Registry) -> None:
        decide_standing.reject_standing(office, proposed(office).id, comment="No.", by=CLEO, on=DAY, now=NOW)
        decide_standing.withdraw_standing(office, proposed(office).id, by=BEN, on=DAY, now=NOW)
        assert [standing(office, number).state for number in (1, 2)] == [State.REJECTED, State.WITHDRAWN]
        assert act(office) == ()
        for refused in (1, 2):
            with pytest.raises(StaleDecisionError):
                answer(office, refused, by=CLEO)
        with pytest.raises(UnknownStandingApprovalError):
            answer(office, 9, by=CLEO)

    def test_a_review_says_what_it_would_have_done_and_who_may_answer(self, office: Registry) -> None:
        add_model(office, "n")
        add_assessment(office, "n")
        proposed(office, envelope("m", "n", most_runs=1))
        reviews = {by: decide_standing.review_standing(office, 1, by=by, on=DAY) for by in (BEN, CLEO, VIC, None)}
        assert {by: each.may for by, each in reviews.items()} == {
            BEN: {Move.WITHDRAW},
            CLEO: {Move.APPROVE, Move.REJECT},
            VIC: frozenset(),
            None: frozenset(),
        }
        past = reviews[CLEO].past
        assert [(each["model_id"], each["day"], each["lost"]) for each in past["started"]] == [
            ("m", DAY.isoformat(), "33 %")
        ]
        assert [(each["model_id"], each["because"]) for each in past["held"]] == [("n", "1 of 1 run this month used.")]
        assert answer(office, 1, by=CLEO).past == past
        assert [each.id for each in standing_queries.waiting(office, person=CLEO, on=DAY)] == []

    # What it does

    def test_it_starts_one_retraining_that_names_it_and_its_approver(self, office: Registry) -> None:
        active(office)
        (decision,) = act(office)
        stored = decision_queries.decision(office, decision.id)
        assert stored == decision
        assert (stored.state, stored.standing_approval, stored.proposed_by) == (State.APPROVED, 1, "policy")
        assert stored.decided_by == f"standing approval 1 by {CLEO}"
        assert stored.approvers == (stored.decided_by,)
        assert stored.frozen_evidence == stored.evidence
        assert "33 % of the advantage lost" in stored.reason
        assert "run 1 of 2 this month" in stored.reason
        assert triggers(office) == [decision.id]
        with office.read() as session:
            row = session.scalars(sa.select(TriggerRow)).one()
            assert row.payload["approved_by"] == [stored.decided_by]
            told = session.scalars(
                sa.select(AuditEventRow)
                .where(AuditEventRow.subject_kind == "decision")
                .order_by(AuditEventRow.sequence)
            ).all()
            assert [(each.action, each.actor, each.role) for each in told] == [
                ("propose", "policy", "policy"),
                ("approve_by_standing_approval", stored.decided_by, "standing approval"),
            ]
            assert all((each.after or {})["standing_approval"] == 1 for each in told)
            assert all("verdict Retrain on realised labels" in (each.reason or "") for each in told)
        audit_trail.verify(office)

    def test_repeating_a_day_starts_nothing_more(self, office: Registry) -> None:
        active(office)
        act(office)
        before = audit_trail.verify(office)
        assert act(office) == ()
        assert audit_trail.verify(office) == before
        assert len(triggers(office)) == 1

    def test_a_day_that_lies_behind_starts_nothing(self, office: Registry) -> None:
        active(office)
        add_assessment(office, day=DAY + ONE)
        assert act(office, DAY) == ()
        with office.deciding_standing() as records:
            assert acting.start(records, records.standing(1), "m", on=DAY, now=NOW) is None
        assert len(act(office, DAY + ONE)) == 1

    def test_the_use_case_itself_keeps_every_rule_and_says_which(self, office: Registry) -> None:
        for what in BECAUSE:
            add_model(office, what)
            add_assessment(office, what)
        active(office, envelope(*BECAUSE))
        for what in BECAUSE:
            stand_in_the_way(office, what)
        assert act(office) == ()
        with office.deciding_standing() as records:
            assert [acting.start(records, records.standing(1), what, on=DAY, now=NOW) for what in BECAUSE] == [None] * 7
        assert held(office) == BECAUSE
        assert triggers(office) == []

    def test_it_never_acts_on_a_finding_that_is_challenged_until_that_is_settled(self, office: Registry) -> None:
        active(office)
        with office.read() as session:
            finding = session.scalars(sa.select(FindingRow)).first()
            assert finding is not None
            code, said = f"{finding.kind}:{finding.subject}", finding.sentence
        text = "Is that the new tariff, and no loss?"
        asked = ask.challenge_finding(office, model_id="m", day=DAY, code=code, text=text, by=DANA, on=DAY, now=NOW)
        assert act(office) == ()
        with office.deciding_standing() as records:
            assert acting.start(records, records.standing(1), "m", on=DAY, now=NOW) is None
        because = f"A finding of it is challenged, and that is not settled: challenge {asked.id}, {said}"
        assert held(office) == {"m": because}
        ask.say(office, asked.id, Turn.WITHDRAW, text="", seen=1, by=DANA, on=DAY, now=NOW)
        assert len(act(office)) == 1

    def test_a_feed_shift_of_models_and_sources_that_are_not_its_own_is_no_hindrance(self, office: Registry) -> None:
        active(office)
        with office.write() as session:
            session.get_one(ModelRow, "m").card = {"features": [{"name": "wind", "source": "buoys"}]}
            feed_shift(session)
        assert len(act(office)) == 1

    def test_a_model_that_left_the_team_is_no_longer_inside(self, office: Registry) -> None:
        active(office, envelope(scope=Scope(ScopeKind.TEAM, ("flights",))))
        stand_in_the_way(office, "team", "m")
        assert (act(office), held(office)) == ((), {})

    def test_it_never_acts_once_those_who_approved_it_could_not_any_more(self, office: Registry) -> None:
        active(office)
        people.revoke(office, email=CLEO, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
        assert act(office) == ()
        with office.deciding_standing() as records:
            assert acting.start(records, records.standing(1), "m", on=DAY, now=NOW) is None
        assert held(office) == {"m": "Whoever approved it no longer holds the role for all of these models."}
        people.grant(office, email=CLEO, role=Role.APPROVER, by=COMMAND_LINE, now=NOW)
        assert len(act(office)) == 1

    def test_it_never_acts_beside_an_open_decision_of_people(self, office: Registry) -> None:
        active(office)
        waiting = propose(office)
        assert act(office) == ()
        assert held(office) == {"m": f"A decision about it is open: decision {waiting.id}, retrain, proposed."}
        approve(office, waiting, by=BEN)
        assert act(office) == ()
        assert triggers(office) == [waiting.id]

    def test_the_runs_of_a_month_end_and_begin_again_with_the_next(self, office: Registry) -> None:
        for place in range(3):
            add_model(office, f"m{place}")
            add_assessment(office, f"m{place}", effect=0.5 - place / 10)
        active(office, envelope("m0", "m1", "m2"))
        assert [decision.subject.model_id for decision in act(office)] == ["m0", "m1"]
        assert held(office)["m2"] == "2 of 2 runs this month used."
        april = date(2026, 4, 1)
        add_assessment(office, "m2", day=april)
        assert [decision.subject.model_id for decision in act(office, april)] == ["m2"]

    def test_the_runs_of_one_model_count_under_every_standing_approval(self, office: Registry) -> None:
        active(office)
        active(office)
        (decision,) = act(office)
        with office.write() as session:
            session.get_one(DecisionRow, decision.id).is_open = False
        add_assessment(office, day=DAY + ONE)
        assert act(office, DAY + ONE) == ()
        assert set(held(office, 2, DAY + ONE).values()) == {"1 of 1 run of this model this month used."}

    def test_the_database_itself_refuses_a_run_too_many(self, office: Registry) -> None:
        active(office)
        (decision,) = act(office)
        with office.write() as session:
            taken = session.get_one(StandingRunRow, decision.id)
            other = {column.name: getattr(taken, column.name) for column in StandingRunRow.__table__.columns}
        others = [propose_for(office, f"x{place}") for place in range(6)]
        wrong: list[dict[str, Any]] = [
            {"place": 1, "model_id": "x0"},
            {"place": 3, "model_id": "x1"},
            {"place": 3, "model_id": "x2", "most_runs": 3},
            {"place": 2, "day": DAY + ONE},
            {"place": 2, "place_of_model": 2, "day": DAY + ONE},
            {"place": 2, "place_of_model": 2, "most_runs_per_model": 2, "day": DAY + ONE},
        ]
        for number, change in zip(others, wrong, strict=True):
            with pytest.raises(sa.exc.IntegrityError), office.write() as session:
                session.add(StandingRunRow(**(other | {"decision_id": number} | change)))

    def test_of_two_workers_at_once_one_starts_each_retraining(self, address: str, office: Registry) -> None:
        for place in range(4):
            add_model(office, f"m{place}")
            add_assessment(office, f"m{place}")
        active(office, tier_envelope(2, most_runs=3))
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as both:
            started = [
                number for each in both.map(lambda _: act_at_once(address, barrier), range(2)) for number in each
            ]
        assert len(started) == len(set(started)) == 3
        assert triggers(office) == sorted(started)
        audit_trail.verify(office)

    def test_a_start_that_loses_its_run_leaves_no_decision(
        self, office: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        active(office)
        monkeypatch.setattr("data_access.standing_records.RegistryStanding.runs_in_month", lambda *_, **__: 2)
        monkeypatch.setattr(acting, "why_not_start", lambda *_, **__: None)
        assert act(office) == ()
        assert (triggers(office), len(decision_queries.all_decisions(office, on=DAY))) == ([], 0)
        audit_trail.verify(office)

    # What ends it

    def test_any_approver_the_owner_and_the_proposer_pull_the_switch_at_once(self, office: Registry) -> None:
        for by in (ADA, BEN, CLEO, TEAMLEAD):
            number = active(office).id
            with pytest.raises(InvalidReasonError):
                stop(office, number, by=by, reason=" ")
            stopped = stop(office, number, by=by)
            assert (stopped.state, stopped.ended_by, stopped.ended_because) == (State.STOPPED, by, "Something is off.")
        assert act(office) == ()
        with office.deciding_standing() as records:
            assert acting.start(records, records.standing(1), "m", on=DAY, now=NOW) is None
        with pytest.raises(ForbiddenMoveError):
            stop(office, 1, by=BEN)
        with pytest.raises(StaleDecisionError):
            answer(office, 1, by=EVE)

    def test_nobody_else_pulls_the_switch(self, office: Registry) -> None:
        active(office)
        for by in (VIC, DANA, AUDREY):
            with pytest.raises(NotAuthorisedError):
                stop(office, 1, by=by)
        assert standing(office).state is State.APPROVED

    def test_a_failed_run_suspends_it_in_the_same_transaction(self, office: Registry) -> None:
        add_model(office, "n")
        active(office, envelope("m", "n"))
        (decision,) = act(office)
        fails(office, decision)
        ended = standing(office)
        assert ended.state is State.SUSPENDED
        assert ended.ended_because == f"The retraining of Model m (decision {decision.id}) failed: Out of memory."
        add_assessment(office, "n")
        assert act(office) == ()
        carry_out.retry(office, decision.id, reason=REASON, by=ADA, on=DAY, now=NOW)
        assert standing(office).state is State.SUSPENDED
        audit_trail.verify(office)

    def test_a_run_that_could_not_be_handed_over_suspends_it(self, office: Registry) -> None:
        active(office)
        (decision,) = act(office)
        work_once(office, (TriggerTarget(name="none", command=("/no/such/program",), attempts=1),), day=lambda: DAY)
        assert decision_queries.decision(office, decision.id).state is State.FAILED
        assert standing(office).state is State.SUSPENDED

    def test_an_outcome_that_two_people_call_not_fixed_suspends_it(self, office: Registry) -> None:
        ends = {Judgement.NOT_FIXED: State.SUSPENDED, Judgement.PARTLY: State.APPROVED, Judgement.FIXED: State.APPROVED}
        for judgement in ends:
            add_model(office, judgement)
            add_assessment(office, judgement)
            active(office, envelope(judgement))
        for number, (judgement, decision) in enumerate(zip(ends, act(office), strict=True), start=1):
            succeeds(office, decision)
            for by in (ADA, BEN):
                assert standing(office, number).state is State.APPROVED
                carry_out.review_outcome(
                    office, decision.id, judgement=judgement, reason=REASON, by=by, on=DAY + 10 * ONE, now=NOW
                )
            assert standing(office, number).state is ends[judgement]

    def test_a_new_version_that_breaks_its_guard_suspends_it(self, office: Registry) -> None:
        wanted = envelope(guards=(Guard("AUC", 0.01),))
        with office.write() as session:
            row = session.scalars(sa.select(AssessmentRow)).one()
            row.metric, row.metric_value = "AUC", 0.7
        active(office, wanted)
        (decision,) = act(office)
        succeeds(office, decision)
        later = DAY + 8 * ONE
        add_assessment(office, day=later)
        with office.write() as session:
            row = session.scalars(sa.select(AssessmentRow).where(AssessmentRow.day == later)).one()
            row.version, row.metric, row.metric_value, row.verdict = "v2", "AUC", 0.65, "watch"
        act(office, later)
        ended = standing(office)
        assert ended.state is State.SUSPENDED
        assert (ended.ended_because or "").endswith("broke the guard on AUC: 0.7 before, 0.65 after.")
        audit_trail.verify(office)

    def test_after_its_last_day_it_permits_nothing_and_expires(self, office: Registry) -> None:
        active(office, envelope(expires_on=DAY + ONE))
        later = DAY + 2 * ONE
        add_assessment(office, day=later)
        with office.deciding_standing() as records:
            assert acting.start(records, records.standing(1), "m", on=later, now=NOW) is None
        assert act(office, later) == ()
        assert standing(office).state is State.EXPIRED
        with pytest.raises(ForbiddenMoveError, match="that is expired has no move 'stop'"):
            stop(office, 1, by=BEN)

    # The record

    def test_what_is_changed_behind_the_trail_is_noticed(self, office: Registry) -> None:
        active(office)
        act(office)
        for table, change, sentence in (
            (StandingApprovalRow, {"envelope": envelope(most_runs=9).plain()}, "envelope of standing approval 1"),
            (StandingApprovalRow, {"state": "stopped"}, "Standing approval 1 is stopped"),
            (StandingApprovalRow, {"tier": 1}, "from tier 1 on in the registry"),
            (StandingApprovalRow, {"past": {}}, "What was frozen with standing approval 1"),
            (DecisionRow, {"standing_approval": None}, "was not made under the standing approval"),
        ):
            with office.write() as session:
                (row,) = session.scalars(sa.select(table)).all()
                before = {name: getattr(row, name) for name in change}
                session.execute(sa.update(table).values(change))
            with pytest.raises(AuditChainError, match=sentence):
                audit_trail.verify(office)
            with office.write() as session:
                session.execute(sa.update(table).values(before))
        audit_trail.verify(office)

    def test_decisions_that_no_person_took_are_listed_with_their_standing_approval(self, office: Registry) -> None:
        add_model(office, "n")
        approve(office, propose(office, "n"), by=BEN)
        active(office)
        (decision,) = act(office)
        listed = decision_queries.all_decisions(office, on=DAY).set_index("decision_id")["standing_approval"]
        assert listed[listed.notna()].to_dict() == {decision.id: decision.standing_approval}
        assert decision.decided_on == DAY
        assert decision_queries.all_decisions(office, on=DAY - ONE).empty
        assert events_of(office, decision) == ["propose", "approve_by_standing_approval"]

    def test_a_decision_is_not_approved_by_a_standing_approval_it_was_not_proposed_under(
        self, office: Registry
    ) -> None:
        decision = propose(office)
        with office.looking() as records:
            evidence = records.evidence("m", on=DAY)
        with pytest.raises(ForbiddenMoveError, match="proposed under a standing approval"):
            decision.approve_by_standing("standing approval 1", comment="Yes.", evidence=evidence, on=DAY, now=NOW)

    def test_the_list_takes_as_many_statements_for_thirty_models_as_for_three(self, office: Registry) -> None:
        active(office, tier_envelope(2))
        active(office, envelope("m", least_days=2))
        with office.write() as session:
            feed_shift(session)

        def counted(models: int) -> int:
            with statements(office.engine) as asked:
                assert len(held(office)) == models
            return len(asked)

        def grown_by(first: int, last: int) -> None:
            for number in range(first, last):
                add_model(office, f"m{number}")
                add_assessment(office, f"m{number}")

        grown_by(1, 3)
        for_three = counted(3)
        grown_by(3, 30)
        assert counted(30) == for_three < 30


def propose_for(registry: Registry, model_id: str) -> int:
    """Return the number of some other decision, of a model of its own."""
    add_model(registry, model_id)
    return propose(registry, model_id).id
