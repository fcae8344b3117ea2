from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from monitoring.authority import Subject, machine
from monitoring.decision import Decision
from monitoring.errors import ForbiddenMoveError, InvalidReportError, NotAuthorisedError
from monitoring.follow_up import repair_seen
from monitoring.lifecycle import Action, Capacity, Move, State
from monitoring.outcome import Judgement, Record, cause_of, records_by_cause
from monitoring.people import Actor, Role, RoleGrant
from monitoring.ports import DataCheck
from monitoring.retraining import Report, TrainingReport, reported, review_due, reviewed, settling_until

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 10, 42, tzinfo=UTC)
ADA = Actor("ada@example.org", "Ada")
BEN = Actor("ben@example.org", "Ben", (RoleGrant(Role.APPROVER),))
REASON = "The error is where it was in spring."


def decision(state: State, **different: Any) -> Decision:
    known: dict[str, Any] = {
        "id": 1,
        "subject": Subject("m", "Model m", owner=ADA.email, tier=2),
        "action": Action.RETRAIN,
        "state": state,
        "tier": 2,
        "reason": REASON,
        "proposed_by": ADA.email,
        "proposed_on": DAY,
        "proposed_at": NOW,
        "due_on": DAY,
        "evidence": {"version": "v1", "findings": []},
    }
    return Decision(**known | different)


def says(report: Report, **more: Any) -> TrainingReport:
    return TrainingReport(decision_id=1, report=report, **more)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"report": Report.SUCCEEDED}, "names the version"),
        ({"report": Report.SUCCEEDED, "version": "  "}, "names the version"),
        ({"report": Report.STARTED, "message": "x" * 2_001}, "at most 2,000 characters"),
        ({"report": Report.STARTED, "message": "a\0b"}, "can be stored"),
        ({"report": Report.STARTED, "run": "x" * 101}, "at most 100 characters"),
        ({"report": Report.STARTED, "metrics": {"AUC": float("nan")}}, "neither a number"),
        ({"report": Report.STARTED, "metrics": {"AUC": True}}, "neither a number"),
        ({"report": Report.STARTED, "metrics": {"AUC": "y" * 101}}, "neither a number"),
        ({"report": Report.STARTED, "metrics": {"": 1.0}}, "name of a metric"),
        ({"report": Report.STARTED, "metrics": {f"m{at}": 1.0 for at in range(51)}}, "at most 50 metrics"),
        ({"report": Report.STARTED, "trained_from": DAY, "trained_to": DAY - timedelta(days=1)}, "end before"),
    ],
)
def test_report_that_cannot_be_kept_or_shown_is_refused(wrong: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidReportError, match=problem):
        TrainingReport(decision_id=1, **wrong)


def test_version_is_in_service_from_the_day_after_the_report_unless_said_otherwise() -> None:
    pipeline = machine(Capacity.PIPELINE)
    told = says(Report.SUCCEEDED, version="v2")
    done, _ = reported(decision(State.RUNNING), told, actor=pipeline, on=DAY, now=NOW)
    assert (done.new_version, done.active_from) == ("v2", DAY + timedelta(days=1))
    later = replace(told, active_from=DAY + timedelta(days=30))
    done, _ = reported(decision(State.RUNNING), later, actor=pipeline, on=DAY, now=NOW)
    assert done.active_from == DAY + timedelta(days=30)


@pytest.mark.parametrize("actor", [ADA, BEN, machine(Capacity.CLOCK), machine(Capacity.ASSESSMENT)])
def test_only_the_pipeline_says_that_a_training_succeeded(actor: Actor) -> None:
    with pytest.raises(NotAuthorisedError, match="Only the pipeline"):
        reported(decision(State.RUNNING), says(Report.SUCCEEDED, version="v2"), actor=actor, on=DAY, now=NOW)


def test_worker_may_say_that_it_failed_and_not_that_it_succeeded() -> None:
    worker = machine(Capacity.TRIGGER_WORKER)
    failed, event = reported(decision(State.TRIGGERED), says(Report.FAILED), actor=worker, on=DAY, now=NOW)
    assert (failed.state, event.role) == (State.FAILED, "trigger worker")
    with pytest.raises(NotAuthorisedError):
        reported(decision(State.TRIGGERED), says(Report.SUCCEEDED, version="v2"), actor=worker, on=DAY, now=NOW)


def test_settling_is_the_label_delay_and_seven_days() -> None:
    assert settling_until(DAY, label_delay_days=30) == DAY + timedelta(days=37)
    assert settling_until(DAY, label_delay_days=None) == DAY + timedelta(days=7)


def test_review_is_due_two_weeks_after_settling() -> None:
    assert review_due(decision(State.SUCCEEDED, settles_on=DAY)) == DAY + timedelta(days=14)
    assert review_due(decision(State.CLOSED, settles_on=DAY)) is None


def test_numbers_of_the_outcome_are_frozen_when_the_second_person_agrees() -> None:
    measured = {"in_service": {"difference": 0.02}}
    first, event = reviewed(
        decision(State.SUCCEEDED), Judgement.FIXED, actor=ADA, reason=REASON, measured=measured, on=DAY, now=NOW
    )
    assert (first.state, first.measured, event.evidence_hash) == (State.SUCCEEDED, None, None)
    second, event = reviewed(first, Judgement.FIXED, actor=BEN, reason=REASON, measured=measured, on=DAY, now=NOW)
    assert (second.state, second.measured) == (State.CLOSED, measured)
    assert event.evidence_hash is not None


def test_outcome_of_what_is_still_running_cannot_be_judged() -> None:
    with pytest.raises(ForbiddenMoveError):
        reviewed(decision(State.RUNNING), Judgement.FIXED, actor=ADA, reason=REASON, measured=None, on=DAY, now=NOW)


@pytest.mark.parametrize(
    ("state", "actor", "expected"),
    [
        (State.FAILED, ADA, {Move.RETRY, Move.GIVE_UP}),
        (State.FAILED, BEN, {Move.RETRY, Move.GIVE_UP}),
        (State.FAILED, Actor("vic@example.org", "Vic", (RoleGrant(Role.VIEWER),)), set()),
        (State.FAILED, Actor(ADA.email, "Ada", (RoleGrant(Role.AUDITOR),)), set()),
        (State.SUCCEEDED, ADA, {Move.REVIEW_OUTCOME}),
        (State.RUNNING, ADA, set()),
        (State.RUNNING, machine(Capacity.PIPELINE), set()),
    ],
)
def test_moves_offered_are_those_a_person_may_make(state: State, actor: Actor, expected: set[Move]) -> None:
    assert decision(state).moves(actor) == expected


def checks(said: str) -> list[DataCheck]:
    """``o`` open with rows, ``-`` open without rows, ``.`` clear."""
    return [
        DataCheck(DAY + timedelta(days=at), letter != ".", has_rows=letter == "o") for at, letter in enumerate(said)
    ]


@pytest.mark.parametrize(
    ("said", "move"),
    [
        ("", None),
        ("ooo", None),
        ("oooo", None),
        ("ooooo", Move.SEEN_AGAIN),
        ("ooo.", Move.FINDING_CLEAR),
        (".ooooo", Move.FINDING_CLEAR),
        ("o-----o-o-----", None),
        ("o-----o-o--o--o", Move.SEEN_AGAIN),
    ],
)
def test_repair_holds_when_the_finding_closes_and_not_when_a_fifth_day_is_bad(said: str, move: Move | None) -> None:
    found = repair_seen(checks(said))
    assert (found[0] if found else None) is move


def test_cause_is_the_first_finding_that_argued_for_a_retraining() -> None:
    finding = {"kind": "drift", "argues_for": "watch"}
    assert cause_of({"findings": [finding, {"kind": "no_better_than_naive", "argues_for": "retrain"}]}) == (
        "no better than naive"
    )
    assert cause_of({"findings": [finding]}) == "no finding asked for it"
    assert cause_of({"findings": [{"kind": "score_drift", "argues_for": "retrain"}]}) == "score drift"


def test_share_that_helped_counts_only_what_was_reviewed() -> None:
    ended = [("lost skill", Judgement.FIXED)] * 2 + [("lost skill", Judgement.NOT_FIXED), ("lost skill", None)]
    ended += [("drift", None)]
    assert records_by_cause(ended) == (
        Record("lost skill", fixed=2, partly=0, not_fixed=1, given_up=1),
        Record("drift", fixed=0, partly=0, not_fixed=0, given_up=1),
    )
    assert [record.helped for record in records_by_cause(ended)] == [pytest.approx(2 / 3), None]
