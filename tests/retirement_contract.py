"""What a registry promises about models that leave service and come back, on whatever database it is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from data_access import audit_trail, decision_queries, portfolio_standing, retirement_queries
from data_access.portfolio_filter import PortfolioFilter
from data_access.registry import Registry
from data_access.retired_tables import WatchedDayRow, WatchRow
from data_access.tables import AuditEventRow, DecisionRow, LogDayRow, ModelRow
from monitoring import carry_out, decide, follow_up
from monitoring.errors import (
    AuditChainError,
    EvidenceChangedError,
    ForbiddenMoveError,
    IncompleteRetirementError,
    InvalidProposalError,
    InvalidReasonError,
    NotAuthorisedError,
    UnknownModelError,
)
from monitoring.lifecycle import Action, State
from monitoring.retirement import Notified, RetirementPlan
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
    events_of,
    suspend,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.decision import Decision

ONE = timedelta(days=1)
SUNSET = DAY + timedelta(days=30)
PLAN = RetirementPlan(
    replacement="next",
    sunset_on=SUNSET,
    nobody_uses_it=True,
    artefact="s3://models/m/7",
    code="git: models/m, tag 7",
    training_data="tape 12",
)
GATES = Notified("Gate staffing", "gates@example.org")


def retire(registry: Registry, model_id: str = "m", *, plan: RetirementPlan | None = None, by: str = ADA) -> Decision:
    return decide.propose(
        registry, model_id=model_id, action=Action.RETIRE, reason=REASON, by=by, on=DAY, now=NOW, plan=plan
    )


def acknowledge(registry: Registry, decision: Decision, *, by: str = ADA, **said: Any) -> Decision:
    told: dict[str, Any] = {"consumer": GATES.name, "said_by": "Gail Gates", "said_on": DAY} | said
    return carry_out.acknowledge(registry, decision.id, by=by, on=DAY, now=NOW, **told)


def amend(registry: Registry, decision: Decision, plan: RetirementPlan, *, by: str = ADA) -> Decision:
    """Change the plan that the registry holds now."""
    held = decision_queries.decision(registry, decision.id).plan or RetirementPlan()
    return carry_out.amend(registry, decision.id, plan=plan, seen_plan=held.hash, by=by, on=DAY, now=NOW)


def retired(registry: Registry, model_id: str = "m") -> Decision:
    """Retire a model up to the day on which its log was quiet for 28 days."""
    decision = approve(registry, retire(registry, model_id, plan=PLAN), by=BEN)
    carry_out.announce(registry, decision.id, by=ADA, on=DAY, now=NOW)
    follow_up.whatever_is_due(registry, on=SUNSET, now=NOW)
    quiet = SUNSET + timedelta(days=28)
    add_assessment(registry, model_id, day=quiet)
    follow_up.whatever_is_due(registry, on=quiet, now=NOW)
    return decision_queries.decision(registry, decision.id)


def scored(registry: Registry, day: date, *, model_id: str = "m", rows: int = 40, is_watched: bool = False) -> None:
    with registry.write() as session:
        kind = WatchedDayRow(model_id=model_id, day=day, rows=rows)
        session.add(kind if is_watched else LogDayRow(model_id=model_id, day=day, rows=rows, labels=0))


def looked_to(registry: Registry, day: date) -> None:
    with registry.write() as session:
        session.merge(WatchRow(model_id="m", looked_to=day, error=None))


def is_listed_as_zombie(registry: Registry, on: date) -> bool:
    """Whether the portfolio's filter and the query for agendas both name the model."""
    lens = portfolio_standing.ranking(registry.engine, day=on, wanted=PortfolioFilter(lenses=("zombie",)))
    in_query = {zombie.model_id for zombie in retirement_queries.zombies(registry, on=on)}
    assert {row.model_id for row in lens.rows} == in_query
    return in_query == {"m"}


class RetirementContract:
    """Subclasses give ``address``: an empty database."""

    @pytest.fixture
    def office(self, address: str) -> Iterator[Registry]:
        """The assessed models ``m`` and ``next`` of tier 2 that Ada owns, and ``harm`` of tier 1."""
        fresh_registry(address)
        registry = Registry.open(address, audit_key=KEY)
        add_everybody(registry)
        for model_id, tier in (("m", 2), ("next", 2), ("harm", 1)):
            add_model(registry, model_id, tier=tier)
        add_assessment(registry)
        yield registry
        registry.close()

    # The plan

    @pytest.mark.parametrize("tier", [1, None])
    def test_in_tier_1_every_gap_blocks_the_approval_whoever_calls(self, office: Registry, tier: int | None) -> None:
        add_model(office, "old", tier=tier)
        decision = retire(office, "old", plan=RetirementPlan(consumers=(Notified("Gate staffing"),)))
        review = decide.review(office, decision.id, by=BEN, on=DAY)
        for by in (BEN, DANA):
            with pytest.raises(IncompleteRetirementError) as refusal:
                decide.approve(
                    office, decision.id, comment="", seen_evidence=review.present.hash, by=by, on=DAY, now=NOW
                )
            assert str(refusal.value) == review.blocked_by
        assert review.blocked_by == (
            "This cannot be approved yet. A retirement in tier 1 needs a complete plan, and this one lacks a replacement or the reason "
            "why there is none, the last day of service, a contact of Gate staffing, the acknowledgement of Gate staffing and "
            "where the artefact, code and training data are archived."
        )
        decision = amend(office, decision, replace(PLAN, nobody_uses_it=False, consumers=(GATES,)))
        with pytest.raises(IncompleteRetirementError, match=r"lacks the acknowledgement of Gate staffing\.$"):
            approve(office, decision, by=BEN)
        acknowledge(office, decision)
        approve(office, decision, by=BEN)
        assert approve(office, decision, by=DANA).state is State.APPROVED

    def test_in_tier_2_a_gap_is_shown_and_blocks_nothing_until_the_tier_becomes_1(self, office: Registry) -> None:
        decision = retire(office)
        assert decision.lacks
        assert decision.blocked_by == ""
        with office.write() as session:
            session.execute(sa.update(ModelRow).where(ModelRow.id == "m").values(tier=1))
        with pytest.raises(IncompleteRetirementError):
            approve(office, decision, by=BEN)
        with office.write() as session:
            session.execute(sa.update(ModelRow).where(ModelRow.id == "m").values(tier=3))
        assert approve(office, decision, by=BEN).state is State.APPROVED
        (listed,) = retirement_queries.retirements(office, on=DAY)
        assert listed.missing == decision.lacks

    def test_consumers_come_from_the_card_unless_the_plan_names_its_own(self, office: Registry) -> None:
        with office.write() as session:
            card = {"consumers": [{"name": "Gate staffing", "contact": "gates@example.org"}, {"name": "Crews"}]}
            session.execute(sa.update(ModelRow).values(card=card))
        assert retire(office).plan == RetirementPlan(consumers=(GATES, Notified("Crews")))
        assert retire(office, "next", plan=replace(PLAN, replacement="m")).plan == replace(PLAN, replacement="m")

    def test_an_impossible_plan_is_refused_and_leaves_nothing(self, office: Registry) -> None:
        retired(office)
        impossible: list[tuple[RetirementPlan, type[Exception], str]] = [
            (replace(PLAN, replacement="nothing"), UnknownModelError, "nothing"),
            (replace(PLAN, replacement="harm"), InvalidProposalError, "cannot replace itself"),
            (replace(PLAN, replacement="m"), InvalidProposalError, "retired itself"),
            (replace(PLAN, why_no_replacement="A rule does it now."), InvalidProposalError, "not both"),
            (replace(PLAN, replacement=None, why_no_replacement="no"), InvalidProposalError, "at least 10"),
            (replace(PLAN, sunset_on=DAY - ONE), InvalidProposalError, "sunset date"),
            (replace(PLAN, consumers=(GATES,)), InvalidProposalError, "not both"),
            (replace(PLAN, nobody_uses_it=False, consumers=(GATES, GATES)), InvalidProposalError, "named twice"),
            (replace(PLAN, code="x" * 501), InvalidProposalError, "at most 500"),
            (replace(PLAN, code="\0"), InvalidProposalError, "cannot be stored"),
        ]
        before = audit_trail.verify(office)
        for plan, error, said in impossible:
            with pytest.raises(error, match=said):
                retire(office, "harm", plan=plan)
        with pytest.raises(InvalidProposalError, match="Only a retirement has a plan"):
            decide.propose(
                office, model_id="harm", action=Action.SUSPEND, reason=REASON, by=ADA, on=DAY, now=NOW, plan=PLAN
            )
        assert audit_trail.verify(office) == before

    def test_an_approver_confirms_the_plan_that_was_on_screen(self, office: Registry) -> None:
        decision = retire(office, plan=PLAN)
        seen = decide.review(office, decision.id, by=BEN, on=DAY).present.hash
        amend(office, decision, replace(PLAN, code="git: elsewhere"))
        with pytest.raises(EvidenceChangedError, match="The archive of the code was git: models/m, tag 7"):
            decide.approve(office, decision.id, comment="", seen_evidence=seen, by=BEN, on=DAY, now=NOW)
        approved = approve(office, decision, by=BEN)
        assert approved.frozen_evidence is not None
        assert approved.frozen_evidence["plan"] == replace(PLAN, code="git: elsewhere").plain()
        audit_trail.verify(office)

    def test_the_plan_is_the_proposers_until_it_is_approved_and_then_only_filled_in(self, office: Registry) -> None:
        decision = retire(office, plan=replace(PLAN, code=None))
        with pytest.raises(NotAuthorisedError, match="Only the proposer may amend"):
            amend(office, decision, PLAN, by=BEN)
        with pytest.raises(InvalidProposalError, match="same as before"):
            amend(office, decision, replace(PLAN, code=None))
        decision = approve(office, decision, by=BEN)
        for changed in (replace(PLAN, sunset_on=SUNSET + ONE), replace(PLAN, nobody_uses_it=False), RetirementPlan()):
            with pytest.raises(InvalidProposalError, match="stays as it is"):
                amend(office, decision, changed)
        with pytest.raises(NotAuthorisedError, match="Only the owner may amend"):
            amend(office, decision, PLAN, by=BEN)
        assert amend(office, decision, PLAN).lacks == ()
        assert events_of(office, decision) == ["propose", "approve", "amend"]

    def test_a_plan_that_changed_in_the_meantime_is_not_written_over(self, office: Registry) -> None:
        decision = retire(office, plan=replace(PLAN, code=None))
        assert decision.plan is not None
        first = amend(office, decision, PLAN)
        stale = replace(decision.plan, artefact="s3://elsewhere")
        with pytest.raises(EvidenceChangedError, match="The plan changed while you were writing"):
            carry_out.amend(office, decision.id, plan=stale, seen_plan=decision.plan.hash, by=ADA, on=DAY, now=NOW)
        assert decision_queries.decision(office, decision.id) == first

    def test_a_replacement_that_was_retired_in_the_meantime_blocks_the_approval(self, office: Registry) -> None:
        decision = retire(office, plan=PLAN)
        with office.write() as session:
            session.execute(sa.update(ModelRow).where(ModelRow.id == "next").values(service_state="retired"))
        with pytest.raises(InvalidProposalError, match="Model next is retired itself"):
            approve(office, decision, by=BEN)
        assert decide.review(office, decision.id, by=BEN, on=DAY).blocked_by == (
            "This cannot be approved now. Model next is retired itself and cannot replace anything."
        )
        amend(office, decision, replace(PLAN, replacement="harm"))
        assert approve(office, decision, by=BEN).state is State.APPROVED

    def test_a_plan_changed_behind_the_trail_is_found(self, office: Registry) -> None:
        decision = retire(office, plan=PLAN)
        audit_trail.verify(office)
        with office.write() as session:
            forged = replace(PLAN, code="nowhere").plain()
            session.execute(sa.update(DecisionRow).where(DecisionRow.id == decision.id).values(plan=forged))
        with pytest.raises(AuditChainError, match=f"The retirement plan of decision {decision.id}"):
            audit_trail.verify(office)

    # Acknowledgements

    def test_an_acknowledgement_says_who_when_and_recorded_by_whom(self, office: Registry) -> None:
        decision = retire(office, plan=replace(PLAN, nobody_uses_it=False, consumers=(GATES,)))
        refused: list[tuple[dict[str, Any], type[Exception], str]] = [
            ({"by": VIC}, NotAuthorisedError, "Only the owner or an approver"),
            ({"consumer": "Crews"}, InvalidProposalError, "no consumer 'Crews'"),
            ({"said_by": " "}, InvalidProposalError, "Say who"),
            ({"said_on": DAY + ONE}, InvalidProposalError, "not of a later"),
            ({"said_on": DAY - ONE}, InvalidProposalError, "since the proposal"),
        ]
        for wrong, error, words in refused:
            with pytest.raises(error, match=words):
                acknowledge(office, decision, **wrong)
        told = acknowledge(office, decision, by=BEN)
        assert told.plan is not None
        said = told.plan.consumers[0].acknowledgement
        assert said is not None
        assert (said.by, said.on, said.recorded_by, said.recorded_at) == ("Gail Gates", DAY, BEN, NOW)
        assert decision_queries.decision(office, decision.id) == told
        with office.read() as session:
            event = session.scalars(sa.select(AuditEventRow).order_by(AuditEventRow.sequence.desc())).first()
            assert event is not None
            assert (event.action, event.actor) == ("acknowledge", BEN)
            assert event.before is not None
            assert event.before["plan"]["consumers"][0]["acknowledgement"] is None
        with pytest.raises(ForbiddenMoveError, match="Gail Gates has acknowledged it"):
            acknowledge(office, decision)

    def test_consumers_acknowledge_after_the_approval_too_and_not_once_it_is_over(self, office: Registry) -> None:
        crews = Notified("Crews", "crews@example.org")
        decision = retire(office, plan=replace(PLAN, nobody_uses_it=False, consumers=(GATES, crews)))
        approve(office, decision, by=BEN)
        acknowledge(office, decision)
        carry_out.announce(office, decision.id, by=ADA, on=DAY, now=NOW)
        announced = acknowledge(office, decision, consumer="Crews")
        assert (announced.state, announced.lacks) == (State.ANNOUNCED, ())
        rejected = retire(office, "next", plan=replace(PLAN, replacement="m", nobody_uses_it=False, consumers=(GATES,)))
        decide.reject(office, rejected.id, comment="No.", by=BEN, on=DAY, now=NOW)
        with pytest.raises(ForbiddenMoveError):
            acknowledge(office, rejected)

    def test_with_another_last_day_consumers_acknowledge_anew(self, office: Registry) -> None:
        plan = replace(PLAN, nobody_uses_it=False, consumers=(GATES,))
        decision = acknowledge(office, retire(office, plan=plan))
        same = amend(office, decision, replace(plan, code="git: elsewhere"))
        assert same.lacks == ()
        other = amend(office, decision, replace(plan, code="git: elsewhere", sunset_on=SUNSET - ONE))
        assert other.lacks == ("the acknowledgement of Gate staffing",)

    # The last day, and after it

    def test_a_retirement_is_announced_for_the_approved_day_or_a_later_one(self, office: Registry) -> None:
        decision = approve(office, retire(office, plan=PLAN), by=BEN)
        with pytest.raises(InvalidProposalError, match="not before the approved one, 1 Apr"):
            carry_out.announce(office, decision.id, sunset_on=SUNSET - ONE, by=ADA, on=DAY, now=NOW)
        with pytest.raises(NotAuthorisedError):
            carry_out.announce(office, decision.id, by=BEN, on=DAY, now=NOW)
        assert carry_out.announce(office, decision.id, by=ADA, on=DAY, now=NOW).sunset_on == SUNSET
        bare = approve(office, retire(office, "next"), by=BEN)
        with pytest.raises(InvalidProposalError, match="its plan names none"):
            carry_out.announce(office, bare.id, by=ADA, on=DAY, now=NOW)
        (first, _) = retirement_queries.retirements(office, on=SUNSET - ONE)
        assert (first.decision.id, first.is_due) == (decision.id, True)

    def test_rows_after_the_last_day_make_a_zombie_and_keep_the_retirement_open(self, office: Registry) -> None:
        decision = approve(office, retire(office, plan=PLAN), by=BEN)
        carry_out.announce(office, decision.id, by=ADA, on=DAY, now=NOW)
        scored(office, SUNSET)
        assert not is_listed_as_zombie(office, SUNSET)
        for day in (SUNSET + 2 * ONE, SUNSET + 3 * ONE):
            scored(office, day)
        assert not is_listed_as_zombie(office, SUNSET + ONE)  # what is later is not seen
        assert is_listed_as_zombie(office, SUNSET + 3 * ONE)
        (zombie,) = retirement_queries.zombies(office, on=SUNSET + 3 * ONE)
        assert zombie.sentence == (
            "It is retired and still scored: 80 predictions on 2 days since its last day of service, 1 Apr, the newest on 4 Apr."
        )
        quiet = SUNSET + 31 * ONE
        follow_up.whatever_is_due(office, on=quiet, now=NOW)
        assert decision_queries.decision(office, decision.id).state is State.DUE
        assert is_listed_as_zombie(office, quiet)  # nobody has looked since
        add_assessment(office, day=quiet)
        assert not is_listed_as_zombie(office, quiet)
        follow_up.whatever_is_due(office, on=quiet, now=NOW)
        assert decision_queries.decision(office, decision.id).state is State.CLOSED

    def test_a_retired_model_that_wakes_is_a_zombie_until_it_is_quiet_or_reinstated(self, office: Registry) -> None:
        assert retired(office).state is State.CLOSED
        woken = SUNSET + 100 * ONE
        looked_to(office, woken)
        assert not is_listed_as_zombie(office, woken)
        scored(office, woken, is_watched=True)
        assert is_listed_as_zombie(office, woken)
        assert is_listed_as_zombie(office, woken + 60 * ONE)  # nobody has looked since
        looked_to(office, woken + 28 * ONE)
        assert not is_listed_as_zombie(office, woken + 28 * ONE)
        assert is_listed_as_zombie(office, woken + 27 * ONE)
        back = decide.propose(office, model_id="m", action=Action.REINSTATE, reason=REASON, by=ADA, on=DAY, now=NOW)
        carry_out.confirm_in_service(office, approve(office, back, by=BEN).id, by=ADA, on=DAY, now=NOW)
        assert not is_listed_as_zombie(office, woken)

    def test_where_nobody_can_look_at_a_log_the_owner_says_that_it_is_out_of_service(self, office: Registry) -> None:
        decision = approve(office, retire(office, plan=PLAN), by=BEN)
        carry_out.announce(office, decision.id, by=ADA, on=DAY, now=NOW)
        follow_up.whatever_is_due(office, on=SUNSET, now=NOW)
        said: dict[str, Any] = {"on": SUNSET, "now": NOW, "reason": "Its server is switched off."}
        with pytest.raises(ForbiddenMoveError, match="Its log is watched"):
            carry_out.confirm_out_of_service(office, decision.id, by=ADA, **said)
        with office.write() as session:
            session.execute(sa.update(ModelRow).where(ModelRow.id == "m").values(has_log=False))
        with pytest.raises(NotAuthorisedError):
            carry_out.confirm_out_of_service(office, decision.id, by=BEN, **said)
        with pytest.raises(InvalidReasonError):
            carry_out.confirm_out_of_service(office, decision.id, by=ADA, **said | {"reason": "off"})
        assert carry_out.confirm_out_of_service(office, decision.id, by=ADA, **said).state is State.CLOSED
        with office.read() as session:
            assert session.get_one(ModelRow, "m").service_state == "retired"

    # Back into service

    def test_a_retired_model_can_only_be_reinstated_and_one_in_service_cannot(self, office: Registry) -> None:
        def propose(action: Action, *, model_id: str = "m") -> Decision:
            until = DAY + ONE if action is Action.ACCEPT else None
            return decide.propose(
                office, model_id=model_id, action=action, reason=REASON, by=ADA, on=DAY, now=NOW, accept_until=until
            )

        with pytest.raises(InvalidProposalError, match="Model m is in service; there is nothing to reinstate"):
            propose(Action.REINSTATE)
        retired(office)
        for action in set(Action) - {Action.REINSTATE}:
            with pytest.raises(InvalidProposalError, match="Model m is retired; it has to be reinstated first"):
                propose(action)
        assert propose(Action.REINSTATE).state is State.PROPOSED
        suspend(office, "next")
        assert propose(Action.RETRAIN, model_id="next").state is State.PROPOSED

    def test_reinstating_needs_the_quorum_of_the_tier(self, office: Registry) -> None:
        suspend(office, "harm")
        back = decide.propose(office, model_id="harm", action=Action.REINSTATE, reason=REASON, by=BEN, on=DAY, now=NOW)
        for by in (BEN, ADA, VIC):
            with pytest.raises(NotAuthorisedError):
                approve(office, back, by=by)
        approve(office, back, by=CLEO)
        with pytest.raises(ForbiddenMoveError):
            carry_out.confirm_in_service(office, back.id, by=ADA, on=DAY, now=NOW)
        approve(office, back, by=DANA)
        assert carry_out.confirm_in_service(office, back.id, by=ADA, on=DAY, now=NOW).state is State.CLOSED

    def test_an_announced_retirement_is_called_off_by_reinstating(self, office: Registry) -> None:
        decision = approve(office, retire(office, plan=PLAN), by=BEN)
        carry_out.announce(office, decision.id, by=ADA, on=DAY, now=NOW)
        back = decide.propose(office, model_id="m", action=Action.REINSTATE, reason=REASON, by=ADA, on=DAY, now=NOW)
        carry_out.confirm_in_service(office, approve(office, back, by=BEN).id, by=ADA, on=DAY, now=NOW)
        assert decision_queries.decision(office, decision.id).state is State.CLOSED
        assert events_of(office, decision)[-1] == "reinstate"
        with office.read() as session:
            row = session.get_one(ModelRow, "m")
            assert (row.service_state, row.sunset_on) == ("in_service", None)
        audit_trail.verify(office)

    # What stays

    def test_suspended_and_retired_models_stay_listed_searchable_and_counted(self, office: Registry) -> None:
        retired(office)
        suspend(office, "next")
        found = portfolio_standing.ranking(office.engine, day=SUNSET, wanted=PortfolioFilter(text="Model"))
        assert {row.model_id for row in found.rows} == {"m", "next", "harm"}
        assert (found.standing.models, found.standing.retired, found.standing.suspended) == (3, 1, 1)

    def test_an_acceptance_that_ended_is_back_on_the_agenda(self, office: Registry) -> None:
        def accepted(model_id: str) -> Decision:
            proposed = decide.propose(
                office,
                model_id=model_id,
                action=Action.ACCEPT,
                reason=REASON,
                by=ADA,
                on=DAY,
                now=NOW,
                accept_until=DAY + 5 * ONE,
            )
            return approve(office, proposed, by=BEN)

        expiring, early = accepted("m"), accepted("next")
        carry_out.end_early(office, early.id, reason=REASON, by=CLEO, on=DAY + ONE, now=NOW)
        lens = PortfolioFilter(lenses=("acceptance_ended",))
        listed = portfolio_standing.ranking(office.engine, day=DAY + 4 * ONE, wanted=lens)
        assert {row.model_id for row in listed.rows} == {"next"}
        follow_up.whatever_is_due(office, on=DAY + 5 * ONE, now=NOW)
        assert [decision_queries.decision(office, each.id).state for each in (expiring, early)] == [
            State.EXPIRED,
            State.CLOSED,
        ]
        listed = portfolio_standing.ranking(office.engine, day=DAY + 5 * ONE, wanted=lens)
        assert {row.model_id for row in listed.rows} == {"m", "next"}
