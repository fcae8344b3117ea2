"""What a registry promises about decisions after their approval, on whatever database it is kept."""

from __future__ import annotations

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_access import audit_trail, decision_queries, people, retraining_queries
from data_access.engine import registry_url, writing_engine
from data_access.registry import Registry
from data_access.schema import alembic_config, upgrade
from data_access.tables import (
    AssessmentRow,
    AuditEventRow,
    FindingRow,
    LogDayRow,
    ModelRow,
    ModelVersionRow,
    TrainingReportRow,
    TriggerRow,
)
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import outbox_of, work_once
from monitoring import carry_out, decide, follow_up
from monitoring.act_on_standing import act_on_standing
from monitoring.errors import (
    ForbiddenMoveError,
    InvalidProposalError,
    InvalidReasonError,
    InvalidReportError,
    ModelfolioError,
    NotAuthorisedError,
    StaleDecisionError,
    UnknownDecisionError,
    UnknownPersonError,
)
from monitoring.lifecycle import LIFECYCLE, Action, Capacity, Move, State
from monitoring.outcome import Judgement
from monitoring.people import COMMAND_LINE, Role
from monitoring.retirement import Notified, RetirementPlan
from monitoring.retraining import Report, TrainingReport
from tests.fresh import fresh_registry
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
    ROLES,
    VIC,
    add_assessment,
    add_everybody,
    add_model,
    answer_in_process,
    answer_one,
    approve,
    events_of,
    propose,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Barrier

    from monitoring.decision import Decision

AUDREY = "audrey@example.org"
"""An auditor and an approver: whoever audits writes nothing, whatever else they hold."""
TABLE = (TriggerTarget(name="table", table=True),)
MACHINE_NAMES = ("clock", "assessment", "trigger worker", "pipeline", "policy")
NUMBERS = count()


def approved(registry: Registry, model_id: str = "m", *, action: Action = Action.RETRAIN) -> Decision:
    return approve(registry, propose(registry, model_id, action=action), by=BEN)


def offered(registry: Registry) -> None:
    """Let a worker offer everything that is due in the table."""
    work_once(registry, TABLE, day=lambda: DAY, now=lambda: NOW)


def told(decision: Decision, report: Report, *, run: str | None = None, **more: Any) -> TrainingReport:
    if report is Report.SUCCEEDED:
        more = {"version": "v2"} | more
    return TrainingReport(decision_id=decision.id, report=report, run=run, **more)


def tell(registry: Registry, decision: Decision, report: Report, *, run: str | None = None, **more: Any) -> Decision:
    return follow_up.take_report(registry, told(decision, report, run=run, **more), channel="http", on=DAY, now=NOW)


def answer_all_in_process(race: tuple[str, list[int], str, str], barrier: Barrier, answers: Any) -> None:
    """Answer every decision at the same moment, each in a thread of its own, as ``answer_in_process`` does one by one."""
    address, decision_ids, by, seen = race
    registry, together = Registry.open(address, audit_key=KEY), threading.Barrier(len(decision_ids) + 1)

    def answer(decision_id: int) -> str:
        together.wait(timeout=60)
        return answer_one(registry, decision_id, by=by, seen=seen)

    with ThreadPoolExecutor(len(decision_ids)) as pool:
        answered = pool.map(answer, decision_ids)
        barrier.wait(timeout=60)
        together.wait(timeout=60)
        answers.put(list(answered))
    registry.close()


def triggers(registry: Registry) -> list[TriggerRow]:
    with registry.read() as session:
        rows = session.scalars(sa.select(TriggerRow).order_by(TriggerRow.id)).all()
        session.expunge_all()
        return list(rows)


def service_state(registry: Registry, model_id: str = "m") -> str:
    with registry.read() as session:
        return session.get_one(ModelRow, model_id).service_state


def with_findings(registry: Registry, days: range, *, open_on: set[int], rows: int = 100) -> None:
    """Assess days after DAY; on some of them the feed is broken."""
    for ahead in days:
        day = DAY + timedelta(days=ahead)
        add_assessment(registry, day=day)
        with registry.write() as session:
            row = session.scalars(sa.select(AssessmentRow).where(AssessmentRow.day == day)).one()
            row.rows = rows
            finding = session.scalars(sa.select(FindingRow).where(FindingRow.assessment_id == row.id)).one()
            if ahead in open_on:
                finding.kind, finding.argues_for, finding.subject = "nulls", "fix_data", "amount"
            else:
                finding.argues_for = "watch"


class AfterApprovalContract:
    """Subclasses give ``address``: an empty database."""

    @pytest.fixture
    def office(self, address: str) -> Iterator[Registry]:
        """A registry with people, an auditor and the assessed model ``m`` of tier 2 that Ada owns."""
        fresh_registry(address)
        registry = Registry.open(address, audit_key=KEY)
        add_everybody(registry)
        people.add(registry, email=AUDREY, name="Audrey", by=COMMAND_LINE, now=NOW)
        for role in (Role.AUDITOR, Role.APPROVER):
            people.grant(registry, email=AUDREY, role=role, by=COMMAND_LINE, now=NOW)
        add_model(registry)
        add_assessment(registry)
        yield registry
        registry.close()

    # The outbox

    def test_an_approval_and_its_trigger_are_written_together(self, office: Registry) -> None:
        decision = propose(office)
        assert triggers(office) == []
        approve(office, decision, by=BEN)
        (row,) = triggers(office)
        assert (row.decision_id, row.idempotency_key, row.state, row.run) == (
            decision.id,
            f"decision-{decision.id}",
            "waiting",
            1,
        )
        assert row.payload["approved_by"] == [BEN]
        assert row.payload["version"] == "v1"

    def test_half_a_quorum_triggers_nothing(self, office: Registry) -> None:
        add_model(office, "harm", tier=1)
        decision = propose(office, "harm")
        approve(office, decision, by=BEN)
        assert triggers(office) == []
        approve(office, decision, by=DANA)
        assert [row.decision_id for row in triggers(office)] == [decision.id]

    @pytest.mark.parametrize("action", [action for action in Action if action is not Action.RETRAIN])
    def test_nothing_but_a_retraining_is_handed_over(self, office: Registry, action: Action) -> None:
        approved(office, action=action)
        assert triggers(office) == []

    def test_a_rejected_retraining_triggers_nothing(self, office: Registry) -> None:
        decide.reject(office, propose(office).id, comment="No.", by=BEN, on=DAY, now=NOW)
        assert triggers(office) == []

    def test_an_approval_that_cannot_write_its_trigger_is_no_approval(self, office: Registry) -> None:
        decision = propose(office)
        with office.write() as session:
            session.add(
                TriggerRow(
                    decision_id=decision.id,
                    model_id="m",
                    idempotency_key="taken",
                    payload={},
                    created_at=NOW,
                    next_at=NOW,
                )
            )
        with pytest.raises(sa.exc.IntegrityError):
            approve(office, decision, by=BEN)
        assert decision_queries.decision(office, decision.id).state is State.PROPOSED
        assert events_of(office, decision) == ["propose"]

    def test_retrainings_approved_before_there_was_an_outbox_are_put_into_it(self, address: str) -> None:
        engine = writing_engine(registry_url(address))
        with engine.begin() as connection:
            command.upgrade(alembic_config(connection), "0005")
        old = sa.MetaData()
        old.reflect(engine, only=["models", "decisions"])
        model = {"id": "m", "name": "M", "task": "binary", "timezone": "UTC", "service_state": "in_service"}
        rest = {"has_log": True, "card": {}, "card_hash": "", "created_at": NOW, "updated_at": NOW}
        known = {"model_id": "m", "tier": 2, "reason": REASON, "proposed_by": ADA, "proposed_on": DAY, "due_on": DAY}
        known |= {"proposed_at": NOW, "evidence": {}, "decided_on": DAY + timedelta(days=1), "decided_at": NOW}
        with engine.begin() as connection:
            connection.execute(old.tables["models"].insert(), model | rest)
            for action, state in (("retrain", "approved"), ("retrain", "rejected"), ("retire", "approved")):
                is_open = state == "approved"
                connection.execute(
                    old.tables["decisions"].insert(), known | {"action": action, "state": state, "is_open": is_open}
                )
        engine.dispose()
        upgrade(address)
        registry = Registry.open(address, audit_key=KEY)
        assert [(row.idempotency_key, row.state, row.payload["model"]) for row in triggers(registry)] == [
            ("decision-1", "waiting", "m")
        ]
        offered(registry)
        assert decision_queries.decision(registry, 1).state is State.TRIGGERED
        assert decision_queries.decision(registry, 3).state_on == DAY + timedelta(days=1)
        registry.close()

    # A retraining, all the way

    def test_the_whole_way_of_a_retraining(self, office: Registry) -> None:
        decision = approved(office)
        offered(office)
        assert tell(office, decision, Report.STARTED).state is State.RUNNING
        done = tell(office, decision, Report.SUCCEEDED, active_from=DAY + timedelta(days=2))
        assert (done.state, done.new_version) == (State.SUCCEEDED, "v2")
        assert done.settles_on == DAY + timedelta(days=9)
        later = DAY + timedelta(days=10)
        carry_out.review_outcome(
            office, decision.id, judgement=Judgement.FIXED, reason=REASON, by=ADA, on=later, now=NOW
        )
        closed = carry_out.review_outcome(
            office, decision.id, judgement=Judgement.FIXED, reason=REASON, by=BEN, on=later, now=NOW
        )
        assert closed.state is State.CLOSED
        assert closed.review is not None
        assert (closed.review.proposed_by, closed.review.confirmed_by) == (ADA, BEN)
        assert events_of(office, decision) == [
            "propose",
            "approve",
            "trigger",
            "report_started",
            "report_succeeded",
            "review_outcome",
            "review_outcome",
        ]
        audit_trail.verify(office)

    def test_the_new_version_is_registered_with_its_day(self, office: Registry) -> None:
        decision = approved(office)
        offered(office)
        tell(
            office,
            decision,
            Report.SUCCEEDED,
            trained_from=date(2026, 1, 1),
            trained_to=date(2026, 2, 1),
        )
        with office.read() as session:
            row = session.scalars(sa.select(ModelVersionRow).where(ModelVersionRow.model_id == "m")).one()
            assert (row.version, row.active_from, row.is_announced) == ("v2", DAY + timedelta(days=1), True)
            assert (row.trained_from, row.trained_to) == (date(2026, 1, 1), date(2026, 2, 1))

    def test_a_version_known_with_another_day_is_refused_and_changes_nothing(self, office: Registry) -> None:
        with office.write() as session:
            session.add(ModelVersionRow(model_id="m", version="v2", active_from=date(2026, 5, 1)))
        decision = approved(office)
        offered(office)
        with pytest.raises(InvalidReportError, match="registered as in service from 2026-05-01"):
            tell(office, decision, Report.SUCCEEDED)
        assert decision_queries.decision(office, decision.id).state is State.TRIGGERED

    def test_the_old_version_is_no_new_one(self, office: Registry) -> None:
        decision = approved(office)
        offered(office)
        with pytest.raises(InvalidReportError, match="not a new one"):
            tell(office, decision, Report.SUCCEEDED, version="v1")

    def test_a_second_run_may_not_start(self, office: Registry) -> None:
        decision = approved(office)
        offered(office)
        tell(office, decision, Report.STARTED, run="one")
        with pytest.raises(ForbiddenMoveError):
            tell(office, decision, Report.STARTED, run="two")

    @pytest.mark.parametrize("report", Report)
    def test_a_report_that_comes_twice_from_the_same_run_changes_nothing(
        self, office: Registry, report: Report
    ) -> None:
        decision = approved(office)
        offered(office)
        first = tell(office, decision, report, run="one")
        assert tell(office, decision, report, run="one").state is first.state
        assert events_of(office, decision)[3:] == [report.move.value]

    def test_nobody_reports_on_what_was_not_handed_over(self, office: Registry) -> None:
        decision = approved(office)
        for report in Report:
            with pytest.raises(ForbiddenMoveError):
                tell(office, decision, report)
        with pytest.raises(UnknownDecisionError):
            follow_up.take_report(
                office, TrainingReport(decision_id=999, report=Report.STARTED), channel="http", on=DAY, now=NOW
            )

    def test_a_failed_training_is_tried_again_under_the_same_key(self, office: Registry) -> None:
        decision = approved(office)
        offered(office)
        tell(office, decision, Report.FAILED, message="Out of memory.")
        retried = carry_out.retry(office, decision.id, reason=REASON, by=ADA, on=DAY, now=NOW)
        assert retried.state is State.TRIGGERED
        (row,) = triggers(office)
        assert (row.idempotency_key, row.run, row.state) == (f"decision-{decision.id}", 2, "waiting")
        assert row.payload["retry_reason"] == REASON
        offered(office)
        assert events_of(office, decision).count("trigger") == 1

    @pytest.mark.parametrize("was_handed_over", [False, True])
    def test_a_model_that_was_retired_in_the_meantime_is_not_retrained(
        self, office: Registry, was_handed_over: bool
    ) -> None:
        decision = approved(office) if was_handed_over else propose(office)
        if was_handed_over:
            offered(office)
            tell(office, decision, Report.FAILED)
        with office.write() as session:
            session.execute(sa.update(ModelRow).values(service_state="retired"))
        before = audit_trail.verify(office)
        use = partial(carry_out.retry, office, decision.id, reason=REASON, by=ADA, on=DAY, now=NOW)
        use = use if was_handed_over else partial(approve, office, decision, by=BEN)
        with pytest.raises(InvalidProposalError, match=r"^Model m is retired; it has to be reinstated first\.$"):
            use()
        assert audit_trail.verify(office) == before
        blocked = decide.review(office, decision.id, by=BEN, on=DAY).blocked_by
        said = "This cannot be approved now. Model m is retired; it has to be reinstated first."
        assert blocked == ("" if was_handed_over else said)
        if was_handed_over:
            carry_out.give_up(office, decision.id, reason=REASON, by=ADA, on=DAY, now=NOW)
        else:
            assert triggers(office) == []
            decide.reject(office, decision.id, comment="Retired.", by=BEN, on=DAY, now=NOW)

    @pytest.mark.parametrize("how", ["retired", "suspended"])
    def test_what_left_service_after_the_approval_is_not_handed_over_and_its_retraining_fails(
        self, office: Registry, how: str
    ) -> None:
        decision, later = approved(office), NOW + timedelta(hours=1)
        if how == "retired":
            with office.write() as session:
                session.execute(sa.update(ModelRow).values(service_state="retired"))
            said = "It was not handed over: Model m is retired."
        else:
            other = approved(office, action=Action.SUSPEND)
            carry_out.confirm_out_of_service(office, other.id, by=ADA, on=DAY, now=later)
            said = f"It was not handed over: Model m was suspended in the meantime, by decision {other.id}."
        told = work_once(office, TABLE, day=lambda: DAY, now=lambda: later)
        assert told.said == (f"Decision {decision.id}: {said}",)
        (row,) = triggers(office)
        assert (row.state, row.response, row.target) == ("failed", said, None)
        assert decision_queries.decision(office, decision.id).state is State.FAILED
        with office.read() as session:
            event = session.scalars(sa.select(AuditEventRow).order_by(AuditEventRow.sequence.desc())).first()
            assert event is not None
            assert (event.actor, event.reason) == ("trigger worker", said)
        assert work_once(office, TABLE, day=lambda: DAY, now=lambda: later).said == ()
        if how == "suspended":  # whoever tries again knows that it is
            carry_out.retry(office, decision.id, reason=REASON, by=ADA, on=DAY, now=later)
            work_once(office, TABLE, day=lambda: DAY, now=lambda: later)
            assert triggers(office)[0].state == "offered"
        audit_trail.verify(office)

    def test_a_suspended_model_is_retrained_when_it_was_suspended_before_the_approval(self, office: Registry) -> None:
        other = approved(office, action=Action.SUSPEND)
        carry_out.confirm_out_of_service(office, other.id, by=ADA, on=DAY, now=NOW)
        approved(office)
        offered(office)
        assert triggers(office)[0].state == "offered"

    def test_a_failed_training_can_be_given_up(self, office: Registry) -> None:
        decision = approved(office)
        offered(office)
        tell(office, decision, Report.FAILED)
        with pytest.raises(InvalidReasonError):
            carry_out.give_up(office, decision.id, reason="no", by=BEN, on=DAY, now=NOW)
        assert carry_out.give_up(office, decision.id, reason=REASON, by=BEN, on=DAY, now=NOW).state is State.CLOSED
        assert propose(office).is_open

    def test_an_outcome_is_judged_after_settling_by_two_people_who_agree(self, office: Registry) -> None:
        decision = approved(office)
        offered(office)
        done = tell(office, decision, Report.SUCCEEDED)
        assert done.settles_on is not None

        def judge(judgement: Judgement, by: str, *, on: date) -> Decision:
            return carry_out.review_outcome(
                office, decision.id, judgement=judgement, reason=REASON, by=by, on=on, now=NOW
            )

        with pytest.raises(ForbiddenMoveError, match="settling until"):
            judge(Judgement.FIXED, ADA, on=done.settles_on - timedelta(days=1))
        judge(Judgement.FIXED, ADA, on=done.settles_on)
        with pytest.raises(StaleDecisionError, match="somebody else confirms"):
            judge(Judgement.FIXED, ADA, on=done.settles_on)
        assert judge(Judgement.NOT_FIXED, BEN, on=done.settles_on).state is State.SUCCEEDED
        for by in (DANA, VIC, AUDREY):
            with pytest.raises(NotAuthorisedError):
                judge(Judgement.NOT_FIXED, by, on=done.settles_on)
        closed = judge(Judgement.NOT_FIXED, ADA, on=done.settles_on)
        assert closed.review is not None
        assert (closed.review.judgement, closed.review.proposed_by) == (Judgement.NOT_FIXED, BEN)

    # Reports that pipelines write into the table

    def test_a_report_written_into_the_table_is_taken_once(self, office: Registry) -> None:
        decision = approved(office)
        offered(office)
        with office.write() as session:
            session.execute(sa.insert(TrainingReportRow).values(decision_id=decision.id, report="started"))
        offered(office)
        offered(office)
        assert decision_queries.decision(office, decision.id).state is State.RUNNING
        (retraining,) = retraining_queries.retrainings(office, on=DAY)
        assert [(said.report, said.channel, said.refusal) for said in retraining.reports] == [
            ("started", "table", None)
        ]

    @pytest.mark.parametrize(
        ("written", "refusal"),
        [
            ({"report": "done"}, "'done' is none of them"),
            ({"report": "succeeded"}, "names the version"),
            ({"report": "succeeded", "version": "v2", "metrics": {"AUC": [1]}}, "neither a number nor"),
        ],
    )
    def test_a_report_that_cannot_be_taken_keeps_the_reason(
        self, office: Registry, written: dict[str, object], refusal: str
    ) -> None:
        decision = approved(office)
        offered(office)
        with office.write() as session:
            session.execute(sa.insert(TrainingReportRow).values(decision_id=decision.id, **written))
        offered(office)
        (retraining,) = retraining_queries.retrainings(office, on=DAY)
        assert refusal in (retraining.reports[0].refusal or "")
        assert retraining.decision.state is State.TRIGGERED

    # The other actions

    def test_a_suspension_takes_the_model_out_of_service_and_a_decision_puts_it_back(self, office: Registry) -> None:
        decision = approved(office, action=Action.SUSPEND)
        assert service_state(office) == "in_service"
        with pytest.raises(NotAuthorisedError, match="Only the owner"):
            carry_out.confirm_out_of_service(office, decision.id, by=BEN, on=DAY, now=NOW)
        carry_out.confirm_out_of_service(office, decision.id, by=ADA, on=DAY, now=NOW)
        assert service_state(office) == "suspended"
        back = decide.propose(office, model_id="m", action=Action.REINSTATE, reason=REASON, by=ADA, on=DAY, now=NOW)
        with pytest.raises(ForbiddenMoveError, match="proposed"):
            carry_out.confirm_in_service(office, back.id, by=ADA, on=DAY, now=NOW)
        with pytest.raises(NotAuthorisedError, match="You proposed this"):
            approve(office, back, by=ADA)
        approve(office, back, by=BEN)
        assert service_state(office) == "suspended"
        with pytest.raises(NotAuthorisedError, match="Only the owner"):
            carry_out.confirm_in_service(office, back.id, by=BEN, on=DAY, now=NOW)
        assert carry_out.confirm_in_service(office, back.id, by=ADA, on=DAY, now=NOW).state is State.CLOSED
        assert service_state(office) == "in_service"
        assert decision_queries.decision(office, decision.id).state is State.CLOSED
        with office.read() as session:
            last = session.scalars(sa.select(AuditEventRow).order_by(AuditEventRow.sequence.desc())).first()
            assert last is not None
            assert (last.action, last.actor, last.subject_id) == ("reinstate", "decision", str(decision.id))
            assert last.reason == f"Reinstated by decision {back.id}, which {BEN} approved."
        audit_trail.verify(office)

    def test_a_model_without_an_owner_is_taken_out_of_service_by_an_approver(self, office: Registry) -> None:
        add_model(office, "orphan", owner=None)
        decision = approve(office, propose(office, "orphan", by=CLEO, action=Action.SUSPEND), by=BEN)
        with pytest.raises(NotAuthorisedError):
            carry_out.confirm_out_of_service(office, decision.id, by=DANA, on=DAY, now=NOW)
        carry_out.confirm_out_of_service(office, decision.id, by=BEN, on=DAY, now=NOW)
        assert service_state(office, "orphan") == "suspended"

    def test_a_retirement_is_announced_due_and_closed_by_an_empty_log(self, office: Registry) -> None:
        decision = approved(office, action=Action.RETIRE)
        sunset = DAY + timedelta(days=10)
        for day in (DAY - timedelta(days=1), DAY + timedelta(days=4_000)):
            with pytest.raises(InvalidProposalError, match="sunset date"):
                carry_out.announce(office, decision.id, sunset_on=day, by=ADA, on=DAY, now=NOW)
        carry_out.announce(office, decision.id, sunset_on=sunset, by=ADA, on=DAY, now=NOW)
        assert follow_up.whatever_is_due(office, on=sunset - timedelta(days=1), now=NOW) == ()
        (due,) = follow_up.whatever_is_due(office, on=sunset, now=NOW)
        assert due.state is State.DUE

        last_rows = sunset + timedelta(days=3)
        with office.write() as session:
            session.add(LogDayRow(model_id="m", day=last_rows, rows=5, labels=0))
        quiet = last_rows + timedelta(days=28)
        assert follow_up.whatever_is_due(office, on=quiet, now=NOW) == ()  # nobody has looked at the log since
        add_assessment(office, day=quiet - timedelta(days=1))
        assert follow_up.whatever_is_due(office, on=quiet - timedelta(days=1), now=NOW) == ()
        assert service_state(office) == "in_service"
        add_assessment(office, day=quiet)
        (closed,) = follow_up.whatever_is_due(office, on=quiet, now=NOW)
        assert closed.state is State.CLOSED
        assert service_state(office) == "retired"

    def test_a_repair_closes_once_the_finding_is_clear(self, office: Registry) -> None:
        decision = approved(office, action=Action.FIX_DATA)
        with pytest.raises(UnknownPersonError):
            carry_out.start_work(office, decision.id, assignee="nobody@example.org", by=ADA, on=DAY, now=NOW)
        with pytest.raises(NotAuthorisedError):
            carry_out.start_work(office, decision.id, assignee=VIC, by=BEN, on=DAY, now=NOW)
        assert carry_out.start_work(office, decision.id, assignee=VIC, by=ADA, on=DAY, now=NOW).assigned_to == VIC
        carry_out.report_fixed(office, decision.id, by=ADA, on=DAY, now=NOW)
        with_findings(office, range(1, 4), open_on={1, 2, 3})
        assert follow_up.whatever_is_due(office, on=DAY + timedelta(days=3), now=NOW) == ()
        with_findings(office, range(4, 5), open_on=set())
        (closed,) = follow_up.whatever_is_due(office, on=DAY + timedelta(days=4), now=NOW)
        assert closed.state is State.CLOSED
        assert events_of(office, decision)[-1] == "finding_clear"

    def test_a_repair_that_did_not_hold_is_in_work_again(self, office: Registry) -> None:
        decision = approved(office, action=Action.FIX_DATA)
        carry_out.start_work(office, decision.id, assignee=ADA, by=ADA, on=DAY, now=NOW)
        carry_out.report_fixed(office, decision.id, by=ADA, on=DAY, now=NOW)
        with_findings(office, range(1, 6), open_on={1, 2, 3, 4, 5})
        (again,) = follow_up.whatever_is_due(office, on=DAY + timedelta(days=5), now=NOW)
        assert again.state is State.IN_WORK

    def test_an_acceptance_ends_early_by_an_approver_only(self, office: Registry) -> None:
        decision = approved(office, action=Action.ACCEPT)
        with pytest.raises(NotAuthorisedError):
            carry_out.end_early(office, decision.id, reason=REASON, by=ADA, on=DAY, now=NOW)
        assert carry_out.end_early(office, decision.id, reason=REASON, by=CLEO, on=DAY, now=NOW).state is State.CLOSED

    # Two at once

    @pytest.mark.parametrize(
        ("races", "answer"),
        [
            (8, answer_in_process),
            pytest.param(50, answer_in_process, marks=pytest.mark.slow),
            pytest.param(50, answer_all_in_process, marks=pytest.mark.slow),
        ],
    )
    def test_of_answers_in_processes_each_approval_makes_one_trigger(
        self, address: str, office: Registry, races: int, answer: Callable[..., None]
    ) -> None:
        """Two approve and two reject, in four processes: one decision after the other, or 200 answers at one moment."""
        for place in range(races):
            add_model(office, f"race-{place}")
        decisions = [propose(office, f"race-{place}") for place in range(races)]
        seen = decide.review(office, decisions[0].id, by=BEN, on=DAY).present.hash
        context = multiprocessing.get_context("spawn")
        people_at_once = (BEN, EVE, CLEO, CLEO)
        barrier, queue = context.Barrier(len(people_at_once)), context.Queue()
        workers = [
            context.Process(target=answer, args=((address, [d.id for d in decisions], by, seen), barrier, queue))
            for by in people_at_once
        ]
        for worker in workers:
            worker.start()
        answers = [queue.get(timeout=300) for _ in workers]
        for worker in workers:
            worker.join(timeout=60)
        queue.close()
        assert [sorted(each).count("decided") for each in zip(*answers, strict=True)] == [1] * races
        final = {d.id: decision_queries.decision(office, d.id).state for d in decisions}
        assert set(final.values()) <= {State.APPROVED, State.REJECTED}
        assert sorted(row.decision_id for row in triggers(office)) == [
            number for number, state in final.items() if state is State.APPROVED
        ]
        assert all(len(events_of(office, decision)) == 2 for decision in decisions)
        audit_trail.verify(office)

    def test_of_two_workers_at_once_one_gets_the_trigger(self, office: Registry) -> None:
        decision = approved(office)
        target = (TriggerTarget(name="t", command=("true",)),)
        first, second = outbox_of(office, target), outbox_of(office, target)
        held = first.take(on=DAY, now=NOW)
        assert held is not None
        assert held.decision_id == decision.id
        assert second.take(on=DAY, now=NOW) is None
        again = second.take(on=DAY, now=NOW + timedelta(seconds=61))
        assert again is not None
        assert again.idempotency_key == held.idempotency_key
        assert events_of(office, decision).count("trigger") == 1

    # Whatever anybody tries

    # One registry serves all examples, each has a model of its own; the class runs once for each database.
    @settings(
        max_examples=50,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        action=st.sampled_from([Action.RETRAIN, *Action]),
        owner=st.sampled_from([ADA, ADA, None]),
        attempts=st.lists(
            st.tuples(
                st.sampled_from(sorted({allowed.move for allowed in LIFECYCLE} - {Move.PROPOSE})),
                st.sampled_from([*sorted(ROLES), AUDREY, *MACHINE_NAMES, "nobody@example.org"]),
                st.integers(min_value=0, max_value=40),
            ),
            max_size=25,
        ),
    )
    def test_no_sequence_of_attempts_by_anybody_reaches_a_forbidden_state(
        self, office: Registry, *, action: Action, owner: str | None, attempts: list[tuple[Move, str, int]]
    ) -> None:
        model_id = f"any-{next(NUMBERS)}"
        add_model(office, model_id, tier=2, owner=owner)
        decision = propose(office, model_id, by=CLEO if owner is None else ADA, action=action)
        for move, by, ahead in [*attempts[:3], (Move.APPROVE, BEN, 0), *attempts[3:]]:
            before = decision_queries.decision(office, decision.id)
            told_before = len(events_of(office, decision))
            try:
                attempt(office, before, move, by=by, on=DAY + timedelta(days=ahead))
            except (ModelfolioError, ValueError):
                assert decision_queries.decision(office, decision.id) == before
                assert len(events_of(office, decision)) == told_before
        check_moves(office, decision, owner=owner)

    def test_every_move_of_the_table_has_a_use_case(self) -> None:
        assert {allowed.move for allowed in LIFECYCLE} == {Move.PROPOSE, *ATTEMPTS}


def attempt(registry: Registry, decision: Decision, move: Move, *, by: str, on: date) -> None:
    """Try a move in somebody's name; moves of machines have no name to give, so whoever tries is only the cause."""
    ATTEMPTS[move](registry, decision, by, on)


def _person(use: Any, **more: Any) -> Any:
    return lambda registry, decision, by, on: use(registry, decision.id, by=by, on=on, now=NOW, **more)


def _approve(registry: Registry, decision: Decision, by: str, on: date) -> None:
    del on
    approve(registry, decision, by=by)


def _reject(registry: Registry, decision: Decision, by: str, on: date) -> None:
    decide.reject(registry, decision.id, comment="No.", by=by, on=on, now=NOW)


def _trigger(registry: Registry, decision: Decision, by: str, on: date) -> None:
    del by
    with registry.deciding() as records:
        follow_up.trigger(records, decision.id, on=on, now=NOW)


def _report(report: Report) -> Any:
    def reported(registry: Registry, decision: Decision, by: str, on: date) -> None:
        del by
        follow_up.take_report(registry, told(decision, report), channel="http", on=on, now=NOW)

    return reported


def _by_standing(registry: Registry, decision: Decision, by: str, on: date) -> None:
    del decision, by
    act_on_standing(registry, on=on, now=NOW)


def _by_the_day(registry: Registry, decision: Decision, by: str, on: date) -> None:
    del decision, by
    follow_up.whatever_is_due(registry, on=on, now=NOW)


def _reinstate(registry: Registry, decision: Decision, by: str, on: date) -> None:
    """Take the only way there is: a decision of its own."""
    back = decide.propose(
        registry,
        model_id=decision.subject.model_id,
        action=Action.REINSTATE,
        reason=REASON,
        by=by,
        on=on,
        now=NOW,
    )
    approve(registry, back, by=EVE)
    carry_out.confirm_in_service(registry, back.id, by=by, on=on, now=NOW)


def _amend(registry: Registry, decision: Decision, by: str, on: date) -> None:
    known = decision.plan or RetirementPlan()
    plan = replace(known, code=f"git, as of {on}", consumers=(Notified("Gates"),))
    carry_out.amend(registry, decision.id, plan=plan, seen_plan=known.hash, by=by, on=on, now=NOW)


def _acknowledge(registry: Registry, decision: Decision, by: str, on: date) -> None:
    carry_out.acknowledge(registry, decision.id, consumer="Gates", said_by="Gail", said_on=on, by=by, on=on, now=NOW)


ATTEMPTS: dict[Move, Any] = {
    Move.APPROVE: _approve,
    Move.APPROVE_BY_STANDING: _by_standing,
    Move.REJECT: _reject,
    Move.WITHDRAW: _person(decide.withdraw),
    Move.TRIGGER: _trigger,
    Move.REPORT_STARTED: _report(Report.STARTED),
    Move.REPORT_SUCCEEDED: _report(Report.SUCCEEDED),
    Move.REPORT_FAILED: _report(Report.FAILED),
    Move.RETRY: _person(carry_out.retry, reason=REASON),
    Move.GIVE_UP: _person(carry_out.give_up, reason=REASON),
    Move.REVIEW_OUTCOME: _person(carry_out.review_outcome, reason=REASON, judgement=Judgement.FIXED),
    Move.START: _person(carry_out.start_work, assignee=VIC),
    Move.REPORT_FIXED: _person(carry_out.report_fixed),
    Move.FINDING_CLEAR: _by_the_day,
    Move.SEEN_AGAIN: _by_the_day,
    Move.CONFIRM_OUT_OF_SERVICE: _person(carry_out.confirm_out_of_service),
    Move.CONFIRM_IN_SERVICE: _person(carry_out.confirm_in_service),
    Move.REINSTATE: _reinstate,
    Move.AMEND: _amend,
    Move.ACKNOWLEDGE: _acknowledge,
    Move.ANNOUNCE: _person(carry_out.announce, sunset_on=DAY + timedelta(days=40)),
    Move.REACH_SUNSET: _by_the_day,
    Move.TRAFFIC_GONE: _by_the_day,
    Move.EXPIRE: _by_the_day,
    Move.END_EARLY: _person(carry_out.end_early, reason=REASON),
}

# Who may make a move, written down a second time: by owner (where there is none, an approver does it), by approver, by machine.
OWNERS = {
    Move.START,
    Move.REPORT_FIXED,
    Move.CONFIRM_OUT_OF_SERVICE,
    Move.CONFIRM_IN_SERVICE,
    Move.ANNOUNCE,
}
APPROVERS = {Move.REJECT, Move.END_EARLY}
EITHER = {Move.RETRY, Move.GIVE_UP, Move.REVIEW_OUTCOME, Move.ACKNOWLEDGE}
MACHINES = {
    Move.TRIGGER: {Capacity.TRIGGER_WORKER},
    Move.REPORT_STARTED: {Capacity.PIPELINE},
    Move.REPORT_SUCCEEDED: {Capacity.PIPELINE},
    Move.REPORT_FAILED: {Capacity.PIPELINE, Capacity.TRIGGER_WORKER},
    Move.FINDING_CLEAR: {Capacity.ASSESSMENT},
    Move.SEEN_AGAIN: {Capacity.ASSESSMENT},
    Move.REACH_SUNSET: {Capacity.CLOCK},
    Move.TRAFFIC_GONE: {Capacity.ASSESSMENT},
    Move.EXPIRE: {Capacity.CLOCK},
    Move.REINSTATE: {Capacity.DECISION},
}
NEXT = {(a.before, a.move, a.action): a.after for a in LIFECYCLE}


def check_moves(registry: Registry, decision: Decision, *, owner: str | None) -> None:
    """Judge the whole story from the audit trail: every step allowed from the one before, by somebody who may."""
    with registry.read() as session:
        events = session.execute(
            sa.select(AuditEventRow.action, AuditEventRow.actor, AuditEventRow.after)
            .where(AuditEventRow.subject_kind == "decision", AuditEventRow.subject_id == str(decision.id))
            .order_by(AuditEventRow.sequence)
        ).all()
    state: State | None = None
    for event in events:
        move, after = Move(event.action), State(event.after["state"])
        expected = NEXT.get((state, move, decision.action)) or NEXT.get((state, move, None))
        assert expected is not None, (state, move)
        waits_for_another = move is Move.REVIEW_OUTCOME and after is State.SUCCEEDED
        assert after is expected or waits_for_another
        if move is Move.AMEND and state is State.PROPOSED:
            assert event.actor == decision.proposed_by
        else:
            check_actor(move, event.actor, owner=owner, proposer=decision.proposed_by)
        state = after
    final = decision_queries.decision(registry, decision.id)
    assert final.state is state
    with registry.read() as session:
        rows = session.scalars(sa.select(TriggerRow).where(TriggerRow.decision_id == decision.id)).all()
        was_approved = any(event.action == "approve" for event in events)
        assert len(rows) == (1 if was_approved and decision.action is Action.RETRAIN else 0)
    assert [event.action for event in events].count("trigger") <= 1
    service = service_state(registry, decision.subject.model_id)
    if decision.action is Action.SUSPEND:
        assert (service == "suspended") == (final.state is State.SUSPENDED)
    if decision.action is Action.REINSTATE:
        assert (service == "suspended") == (final.state is not State.CLOSED)
    if decision.action is Action.RETIRE:
        kept = final.plan or RetirementPlan()
        assert kept.plain() == (events[-1].after["plan"])
        assert all(each.acknowledgement is None or each.name == "Gates" for each in kept.consumers)


def check_actor(move: Move, actor: str, *, owner: str | None, proposer: str) -> None:
    is_owner = actor == owner
    is_approver = Role.APPROVER in ROLES.get(actor, [])
    if move in MACHINES:
        assert actor in MACHINES[move]
    elif move in OWNERS | {Move.AMEND}:
        assert is_owner or (owner is None and is_approver)
    elif move in APPROVERS:
        assert is_approver
        assert move is not Move.REJECT or actor != proposer
    elif move in EITHER:
        assert is_owner or is_approver
    elif move is Move.APPROVE:
        assert is_approver
        assert actor != proposer
    elif move is Move.WITHDRAW:
        assert actor == proposer
