"""Every rule that a standing approval may never break, each on its own: what holds in ``READY`` but for one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from monitoring.assessment import QUALITY_KINDS
from monitoring.authority import Subject
from monitoring.decision import Decision
from monitoring.errors import InvalidProposalError
from monitoring.evidence import Evidence
from monitoring.lifecycle import Action, Capacity, Move, State
from monitoring.outcome import Judgement, Review
from monitoring.people import Actor
from monitoring.portfolio import ServiceState
from monitoring.standing_approval import StandingApproval
from monitoring.standing_envelope import CoveredModel, Envelope, Guard, Scope, ScopeKind
from monitoring.standing_rules import Candidate, Measured, failure_of, guard_failure, why_not_now, why_not_start

DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ONE = timedelta(days=1)
LOST = {"kind": "performance", "argues_for": "retrain", "subject": "skill", "sentence": "AUC fell."}
DRIFTED = LOST | {"kind": "drift", "subject": "amount", "sentence": "amount moved."}
ENVELOPE = Envelope(
    Scope(ScopeKind.MODELS, ("m",)),
    (Guard("skill", 0.02),),
    DAY + 90 * ONE,
    least_days=3,
    least_loss=0.15,
    most_runs=2,
)
MODEL = CoveredModel(Subject("m", "Model m", owner="ada@example.org", team="flights", tier=2), use_case="delays")


def evidence(**different: Any) -> dict[str, Any]:
    measures = {"effect": 0.3, "metric": "AUC", "metric_value": 0.71, "labels_28": 2_000}
    known = {
        "verdict": "retrain",
        "basis": "realised",
        "day": DAY.isoformat(),
        "findings": [LOST],
        "measures": measures,
    }
    return known | different


READY = Candidate(MODEL, evidence(), days_in_verdict=5)


def refusal(candidate: Candidate = READY, *, tier: int = 2, runs: int = 0, envelope: Envelope = ENVELOPE) -> str | None:
    return why_not_start(envelope, candidate, tier=tier, runs_this_month=runs, on=DAY)


def with_findings(*findings: dict[str, Any]) -> Candidate:
    return replace(READY, evidence=evidence(findings=[LOST, *findings]))


def test_a_model_for_which_everything_holds_is_retrained() -> None:
    assert refusal() is None


@pytest.mark.parametrize("basis", ["estimated", "inputs", "registry"])
def test_never_on_anything_but_realised_labels(basis: str) -> None:
    assert refusal(replace(READY, evidence=evidence(basis=basis))) == "The verdict does not rest on realised labels."


@pytest.mark.parametrize(
    "findings", [[DRIFTED], [LOST | {"kind": "estimated_performance"}], [], [LOST | {"argues_for": "watch"}]]
)
def test_never_on_drift_or_an_estimate_alone_whatever_the_basis_says(findings: list[dict[str, Any]]) -> None:
    assert (
        refusal(replace(READY, evidence=evidence(findings=findings))) == "The verdict does not rest on realised labels."
    )


def test_drift_beside_a_loss_on_labels_is_no_hindrance() -> None:
    assert refusal(with_findings(DRIFTED)) is None


@pytest.mark.parametrize("verdict", ["keep", "watch", "fix_data", "retire", "unknown"])
def test_never_against_the_verdict(verdict: str) -> None:
    assert refusal(replace(READY, evidence=evidence(verdict=verdict))) == "Its verdict is not Retrain."


@pytest.mark.parametrize("kind", sorted(kind.value for kind in QUALITY_KINDS))
@pytest.mark.parametrize("argues_for", ["fix_data", "watch", "keep"])
def test_never_with_an_open_data_quality_finding_however_minor(kind: str, argues_for: str) -> None:
    found = {"kind": kind, "argues_for": argues_for, "subject": "amount", "sentence": "amount is empty."}
    assert refusal(with_findings(found)) == "A data-quality finding is open: amount is empty."


def test_never_with_a_feed_shift_that_concerns_it() -> None:
    assert refusal(replace(READY, feed_shifts=("weather",))) == "A feed shift is open: weather."
    found = {"kind": "portfolio_shift", "argues_for": "watch", "subject": "weather", "sentence": "9 of 10 moved."}
    assert refusal(with_findings(found | {"evidence": {"kind": "feed"}})) == "A feed shift is open: weather."
    assert refusal(with_findings(found | {"evidence": {"kind": "world"}})) is None


def test_never_beside_an_open_decision() -> None:
    waits = replace(READY, open_decision="decision 7, accept, approved")
    assert refusal(waits) == "A decision about it is open: decision 7, accept, approved."


@pytest.mark.parametrize("state", [ServiceState.SUSPENDED, ServiceState.RETIRED])
def test_never_on_a_model_out_of_service(state: ServiceState) -> None:
    assert refusal(replace(READY, model=replace(MODEL, service_state=state))) == f"It is {state.value}."


def test_never_while_a_version_settles() -> None:
    assert refusal(replace(READY, settles_on=DAY + ONE)) == "Its last retraining is settling until 3 Mar."
    assert refusal(replace(READY, settles_on=DAY)) is None
    found = {"kind": "settling", "argues_for": "watch", "subject": "v2", "sentence": "v2 took over."}
    assert refusal(with_findings(found)) == "Its newest version is settling."


def test_never_on_an_assessment_of_another_day() -> None:
    stale = replace(READY, evidence=evidence(day=(DAY - ONE).isoformat()))
    assert refusal(stale) == "It was not judged on 2 Mar."


def test_never_twice_on_a_day() -> None:
    assert refusal(replace(READY, last_run_on=DAY)) == "It was retrained without a person on this day already."
    assert refusal(replace(READY, last_run_on=DAY - ONE)) is None


def test_never_outside_the_models_that_were_approved() -> None:
    other = replace(MODEL, subject=replace(MODEL.subject, model_id="n"))
    assert refusal(replace(READY, model=other)) == "It is not one of the models that were approved."


@pytest.mark.parametrize("tier", [1, None])
def test_never_on_a_stricter_tier_than_the_quorum_was_for(tier: int | None) -> None:
    harmful = replace(MODEL, subject=replace(MODEL.subject, tier=tier))
    assert (refusal(replace(READY, model=harmful)) or "").startswith("It is in tier 1")
    assert refusal(replace(READY, model=harmful), tier=1) is None


def test_never_before_the_verdict_has_stood_long_enough() -> None:
    assert refusal(replace(READY, days_in_verdict=2)) == "The verdict has stood for 2 days; 3 are needed."
    assert refusal(replace(READY, days_in_verdict=3)) is None


@pytest.mark.parametrize(("effect", "words"), [(0.149, "15 %"), (None, "an unknown part")])
def test_never_before_enough_is_lost(effect: float | None, words: str) -> None:
    little = replace(READY, evidence=evidence(measures={"effect": effect}))
    assert refusal(little) == f"It has lost {words} of its advantage; 15 % is needed."


def test_never_where_the_guard_could_not_be_checked() -> None:
    by_auc = replace(ENVELOPE, guards=(Guard("AUC", 0.01),))
    assert refusal(envelope=by_auc) is None
    by_error = replace(ENVELOPE, guards=(Guard("RMSE", 0.01),))
    assert refusal(envelope=by_error) == "The guard cannot be checked: RMSE is not measured for it."


def test_never_more_often_than_approved() -> None:
    assert refusal(runs=1) is None
    assert refusal(runs=2) == "2 of 2 runs this month used."
    assert refusal(replace(READY, runs_this_month=1)) == "1 of 1 run of this model this month used."


def approved(**different: Any) -> StandingApproval:
    known = StandingApproval(1, ENVELOPE, State.APPROVED, 2, "Because.", "a", DAY, NOW, decided_on=DAY)
    return replace(known, **different)


def test_never_under_one_that_is_not_approved_not_yet_or_not_any_more() -> None:
    assert why_not_now(approved(), DAY) is None
    for state in set(State) - {State.APPROVED}:
        assert why_not_now(approved(state=state), DAY) == f"The standing approval is {state.words}."
    assert why_not_now(approved(), DAY - ONE) == "The standing approval was approved on 2 Mar."
    assert why_not_now(approved(), ENVELOPE.expires_on) is None
    assert why_not_now(approved(), ENVELOPE.expires_on + ONE) == "The standing approval expired on 31 May."


@pytest.mark.parametrize(
    ("kind", "value", "inside"),
    [
        (ScopeKind.TIER, "2", True),
        (ScopeKind.TIER, "1", False),
        (ScopeKind.TEAM, "flights", True),
        (ScopeKind.TEAM, "credit", False),
        (ScopeKind.USE_CASE, "delays", True),
        (ScopeKind.USE_CASE, "churn", False),
    ],
)
def test_a_scope_is_looked_up_when_it_is_used(kind: ScopeKind, value: str, *, inside: bool) -> None:
    assert Scope(kind, (value,)).covers(MODEL) is inside


def test_a_model_whose_tier_is_not_set_counts_as_tier_1() -> None:
    unset = replace(MODEL, subject=replace(MODEL.subject, tier=None))
    assert Scope(ScopeKind.TIER, ("1",)).covers(unset)
    assert not Scope(ScopeKind.TIER, ("3",)).covers(unset)


@pytest.mark.parametrize(
    ("different", "sentence"),
    [
        ({"expires_on": DAY + 366 * ONE}, "within a year"),
        ({"expires_on": DAY}, "ends after today"),
        ({"most_runs": 0}, "runs a month"),
        ({"most_runs_per_model": 3}, "no more than of all"),
        ({"most_runs": 101}, "1 to 100 runs"),
        ({"least_days": 0}, "1 to 90 days"),
        ({"least_loss": float("nan")}, "between 0 and 100"),
        ({"guards": ()}, "at least one guard"),
        ({"guards": (Guard("profit", 0.1),)}, "'profit' is none"),
        ({"guards": (Guard("skill", 0.6),)}, "between 0 and 50"),
        ({"guards": (Guard("AUC", 0.1), Guard("AUC", 0.2))}, "guarded once"),
        ({"scope": Scope(ScopeKind.TIER, ("4",))}, "tiers are 1, 2 and 3"),
        ({"scope": Scope(ScopeKind.TEAM, ())}, "for one team"),
        ({"scope": Scope(ScopeKind.MODELS, ())}, "1 to 200 models"),
    ],
)
def test_an_envelope_that_is_not_bounded_is_refused(different: dict[str, Any], sentence: str) -> None:
    ENVELOPE.check(on=DAY)
    with pytest.raises(InvalidProposalError, match=sentence):
        replace(ENVELOPE, **different).check(on=DAY)


def test_an_envelope_is_one_sentence_and_plain_json_and_back() -> None:
    assert ENVELOPE.sentence({"m": "Model m"}) == (
        "Retrain Model m without a person once the verdict has been Retrain on realised labels for 3 days and at least 15 % of the "
        "advantage is lost; at most 2 runs a month, 1 of one model; guard: the new version's skill is at most 2 points below the "
        "old one's; until 31 May 2026."
    )
    assert Envelope.of(ENVELOPE.plain()) == ENVELOPE


# What ends it


def trained(*, before: dict[str, Any] | None = None, **different: Any) -> Decision:
    decision, _ = Decision.propose(
        MODEL.subject,
        Action.RETRAIN,
        actor=Actor(Capacity.POLICY.value, "policy"),
        reason="It lost a third.",
        evidence=Evidence({}),
        on=DAY,
        now=NOW,
        standing_approval=1,
    )
    frozen = {"measures": before or {"metric": "AUC", "metric_value": 0.71}}
    known: dict[str, Any] = {"state": State.SUCCEEDED, "new_version": "v2", "settles_on": DAY + 9 * ONE}
    return replace(decision, id=7, **(known | {"frozen_evidence": frozen} | different))


def compared(after: float, *, high: float) -> Measured:
    return Measured({"in_service": {"skill_before": 0.30, "skill_after": after, "high": high}})


def test_a_new_version_that_is_surely_worse_breaks_the_guard_at_once() -> None:
    said = guard_failure(ENVELOPE, trained(), compared(0.2, high=-0.03), on=DAY + ONE)
    assert said == "the retraining of Model m (decision 7) broke the guard on skill: 0.3 before, 0.2 after."
    assert guard_failure(ENVELOPE, trained(), compared(0.2, high=-0.01), on=DAY + ONE) is None


def test_a_settled_version_is_judged_by_its_value() -> None:
    settled = DAY + 9 * ONE
    assert guard_failure(ENVELOPE, trained(), compared(0.27, high=0.1), on=settled) is not None
    assert guard_failure(ENVELOPE, trained(), compared(0.29, high=0.1), on=settled) is None


@pytest.mark.parametrize(
    ("metric", "before", "good", "bad"),
    [("AUC", 0.71, 0.69, 0.68), ("RMSE", 10.0, 10.1, 10.3), ("accuracy", 0.9, 0.95, 0.8)],
)
def test_a_metric_people_know_is_guarded_in_its_own_direction(
    metric: str, before: float, good: float, bad: float
) -> None:
    envelope = replace(ENVELOPE, guards=(Guard(metric, 0.02),))
    decision = trained(before={"metric": metric, "metric_value": before})
    for value, breaks in ((good, False), (bad, True)):
        measured = Measured(metric=metric, metric_value=value)
        assert (guard_failure(envelope, decision, measured, on=DAY + 9 * ONE) is not None) is breaks
        assert guard_failure(envelope, decision, measured, on=DAY + 8 * ONE) is None


def test_a_guard_that_nobody_can_check_two_weeks_later_suspends() -> None:
    assert guard_failure(ENVELOPE, trained(), Measured(), on=DAY + 22 * ONE) is None
    said = guard_failure(ENVELOPE, trained(), Measured(), on=DAY + 23 * ONE)
    assert said is not None
    assert "could not be checked" in said


def test_a_retraining_that_did_not_help_suspends() -> None:
    measured = Measured(findings=frozenset({"retraining_did_not_help"}))
    assert "did not help" in (guard_failure(ENVELOPE, trained(), measured, on=DAY + ONE) or "")


def test_a_failed_run_and_an_outcome_not_fixed_suspend_and_nothing_else_does() -> None:
    failed = failure_of(Move.REPORT_FAILED, trained(state=State.FAILED), said="No memory.")
    assert failed == "the retraining of Model m (decision 7) failed: No memory."
    judged = {each: trained(state=State.CLOSED, review=Review(each, "Because.", "a", DAY, "b")) for each in Judgement}
    assert [each for each, decision in judged.items() if failure_of(Move.REVIEW_OUTCOME, decision)] == [
        Judgement.NOT_FIXED
    ]
    waits = replace(judged[Judgement.NOT_FIXED], state=State.SUCCEEDED)
    assert failure_of(Move.REVIEW_OUTCOME, waits) is None
    assert [move for move in Move if move is not Move.REPORT_FAILED and failure_of(move, trained())] == []


def test_a_long_message_of_a_pipeline_is_cut() -> None:
    assert len(failure_of(Move.REPORT_FAILED, trained(), said="x" * 2_000) or "") == 300
