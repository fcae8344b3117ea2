from dataclasses import fields, replace
from datetime import date, timedelta
from json import dumps
from typing import Any

import numpy as np
import pytest

from monitoring.assessment import Basis, Finding, FindingKind, Verdict
from monitoring.estimate import WHAT_IT_CANNOT_SEE
from monitoring.policy import DEFAULT_POLICY, METHOD_VERSION, Policy
from monitoring.portfolio import ModelVersion, Supersession, Task
from monitoring.ports import ReferenceOrigin
from monitoring.reference import Reference
from monitoring.segment import Segment
from monitoring.verdict import assessments_of, expected_loss, rule
from monitoring.wording import REASON_LENGTH
from tests.monitoring.history_builders import (
    START,
    Predictions,
    assessed,
    binary,
    finding,
    hard,
    kinds,
    model,
    multiclass,
    past,
    reference,
    regression,
    segment,
    sigmoid,
    verdicts,
)

KEEP, WATCH, RETRAIN, FIX_DATA, RETIRE, UNKNOWN = (
    Verdict.KEEP,
    Verdict.WATCH,
    Verdict.RETRAIN,
    Verdict.FIX_DATA,
    Verdict.RETIRE,
    Verdict.UNKNOWN,
)
LOST: dict[str, Any] = {"kept": 0.2, "since": 20}


def first(verdict: Verdict, found: list[Verdict]) -> int | None:
    return found.index(verdict) if verdict in found else None


def flipped(live: Predictions, *, since: int, until: int) -> Predictions:
    """Return the same predictions, all wrong where they were right for a while."""
    spell = (live.since_start >= since) & (live.since_start <= until)
    return replace(live, label=np.where(spell, 1 - live.label, live.label))


# Rule 1: retire, then unknown.


def test_a_superseded_model_is_retired_from_that_day_even_with_broken_data() -> None:
    other = Supersession("m-2", START + timedelta(days=15))
    history = segment(binary(days=30).with_feature("amount", np.nan, since=10), of=model(superseded_by=other))
    assert verdicts(history)[10:15] == [FIX_DATA] * 5
    assert verdicts(history)[15:] == [RETIRE] * 15
    found = finding(history, 15, FindingKind.SUPERSEDED)
    assert found.sentence == "It has been superseded by m-2 since 15 Apr; it had 700 predictions in the last 7 days."


def test_a_model_whose_traffic_is_gone_is_unknown_first_and_retired_after_its_fortnight() -> None:
    found = verdicts(segment(binary(days=40), days=70))
    assert found[39:42] == [KEEP] * 3
    assert (first(UNKNOWN, found), first(RETIRE, found)) == (42, 40 + 6 + 13)


def test_no_traffic_stands_above_broken_data() -> None:
    history = segment(binary(days=30).with_feature("amount", np.nan, since=25), days=36)
    assert verdicts(history)[29:33] == [FIX_DATA] * 3 + [UNKNOWN]
    assert finding(history, 33, FindingKind.NO_TRAFFIC).sentence == "No predictions since 30 Apr."


def test_a_model_that_was_never_better_than_naive_and_does_not_rank_is_retired_at_once() -> None:
    random = replace(past(), score=np.random.default_rng(2).random(len(past().day)))
    live = replace(binary(days=10), score=np.random.default_rng(3).random(1_000))
    history = segment(live, against=reference(random))
    assert verdicts(history) == [RETIRE] * 10
    assert "never better than naive" in finding(history, 0, FindingKind.NO_BETTER_THAN_NAIVE).sentence


def test_a_reference_of_few_labels_cannot_say_that_a_model_was_never_useful() -> None:
    random = replace(past(rows_a_day=2), score=np.random.default_rng(2).random(168))
    live = replace(binary(days=3), score=np.random.default_rng(3).random(300))
    base = reference(random)
    assert base.skill < 0.02
    assert verdicts(segment(live, against=base)) == [WATCH] * 3


def test_a_model_that_ranks_while_its_level_is_off_is_watched_and_to_be_recalibrated() -> None:
    base = reference(past(level=-2.5))
    history = segment(binary(days=3, level=-2.5), against=base)
    assert base.skill < 0.02
    assert verdicts(history)[0] is WATCH
    assert "Recalibrating may be enough" in finding(history, 0, FindingKind.NO_BETTER_THAN_NAIVE).sentence


def test_a_model_that_never_had_skill_and_shows_none_in_production_is_retired() -> None:
    history = segment(binary(days=20, level=-2.5), against=reference(past(level=-2.5)))
    assert first(RETIRE, verdicts(history)) == 4


# Rule 2: fix data.


def test_broken_data_outrank_lost_skill() -> None:
    live = binary(days=50, **LOST)
    assert verdicts(segment(live))[40] is RETRAIN
    history = segment(live.with_feature("amount", np.nan, since=35))
    assert verdicts(history)[40] is FIX_DATA
    assert FindingKind.PERFORMANCE in kinds(history, 36)


def test_after_a_repair_no_retraining_follows_for_the_broken_days_are_left_out() -> None:
    live = flipped(binary(days=70), since=20, until=35)
    assert RETRAIN in verdicts(segment(live))
    repaired = verdicts(segment(live.with_feature("amount", np.nan, since=20, until=35)))
    assert repaired[20:39] == [FIX_DATA] * 19
    assert set(repaired[39:]) == {KEEP}


# Rule 3: settling, then did not help.


def test_a_new_version_settles_before_it_is_judged() -> None:
    live = binary(days=30, kept=0.5)
    found = verdicts(segment(live, against=reference(past(kept=0.5)), previous=reference()))
    assert found[:4] == [WATCH] * 4
    healthy = verdicts(segment(binary(days=30), previous=reference()))
    assert healthy == [WATCH] * 8 + [KEEP] * 22


def test_a_new_version_that_is_bad_while_it_settles_is_not_retrained_yet() -> None:
    found = verdicts(segment(binary(days=30, kept=0.5), previous=reference()))
    assert found[:8] == [WATCH] * 8


def test_a_retraining_that_did_not_help_is_for_a_person_to_retire() -> None:
    base = reference(past(kept=0.55))
    history = segment(binary(days=30, kept=0.55), against=base, previous=reference())
    assert base.skill > 0.02
    assert verdicts(history)[:9] == [WATCH] * 8 + [RETIRE]
    found = finding(history, 15, FindingKind.RETRAINING_DID_NOT_HELP)
    assert found.evidence["effect"] > 0.15
    assert "first approved for is still lost" in found.sentence


# Rule 4: retrain.


def test_lost_skill_is_retrained_within_days() -> None:
    history = segment(binary(days=60, **LOST))
    day = first(RETRAIN, verdicts(history))
    assert day is not None
    assert 20 < day <= 24
    found = finding(history, 40, FindingKind.PERFORMANCE)
    assert abs((found.since - (START + timedelta(days=20))).days) <= 1
    assert found.evidence["effect_low"] < found.evidence["effect"] < found.evidence["effect_high"]


def test_half_the_skill_is_watched_before_it_is_retrained_and_never_kept_again() -> None:
    found = verdicts(segment(binary(days=60, kept=0.75, since=20)))
    watched, retrained = first(WATCH, found), first(RETRAIN, found)
    assert watched is not None
    assert retrained is not None
    assert 20 < watched <= retrained <= 35
    assert KEEP not in found[watched:]


def test_an_unchanged_model_is_kept() -> None:
    found = [verdict for seed in range(20, 32) for verdict in verdicts(segment(binary(days=120, seed=seed)))]
    assert set(found) <= {KEEP, WATCH}
    assert found.count(KEEP) > 0.98 * len(found)


def test_drift_alone_never_asks_for_a_retraining_of_a_model_with_labels() -> None:
    history = segment(binary(days=90, amount_shift=30, since=20))
    assert history.drift_score[60] > DEFAULT_POLICY.drift_retrain_unlabelled
    assert set(verdicts(history)[27:]) == {WATCH}
    assert FindingKind.PERFORMANCE not in kinds(history, 60)


def test_the_same_drift_without_labels_does() -> None:
    history = segment(binary(days=90, amount_shift=30, since=20), labelled=False)
    assert RETRAIN in verdicts(history)


def test_a_fall_of_the_label_rate_of_which_the_model_knows_is_no_loss() -> None:
    live = binary(days=90, amount_shift=-12, since=20)
    rate = live.label[live.since_start >= 20].mean()
    assert rate < 0.37
    assert {RETRAIN, FIX_DATA}.isdisjoint(verdicts(segment(live)))


def test_a_fall_of_the_label_rate_that_the_model_does_not_see_is_a_loss_though_its_error_falls() -> None:
    base = reference(past(amount_shift=-30))
    live = binary(days=60, amount_shift=-30, since=-1)
    rare = np.random.default_rng(4).random(len(live.day)) < 0.02
    live = replace(live, label=np.where(live.since_start >= 20, rare, live.label).astype(np.float64))
    after = live.only(live.since_start >= 20)
    assert ((after.score - after.label) ** 2).mean() < base.loss
    assert verdicts(segment(live, against=base))[-1] is RETRAIN


def test_labels_that_are_all_alike_for_a_month_are_no_improvement() -> None:
    live = binary(days=60)
    found = verdicts(segment(replace(live, label=np.where(live.since_start >= 20, 1.0, live.label))))
    assert set(found[22:]) == {RETRAIN}


def test_a_skill_that_is_gone_is_called_no_better_than_naive() -> None:
    history = segment(binary(days=60, kept=0.0, since=10))
    found = finding(history, 50, FindingKind.NO_BETTER_THAN_NAIVE)
    assert found.argues_for is RETRAIN
    assert found.sentence.startswith("It has been no better than a naive forecast since")


def test_a_doubled_squared_error_of_a_very_good_regression_is_told_in_its_own_words() -> None:
    of = model(Task.REGRESSION)
    history = segment(regression(days=60, noise=0.24, since=20), of=of)
    assert RETRAIN in verdicts(history)
    found = finding(history, 50, FindingKind.PERFORMANCE)
    assert found.sentence.startswith("Its squared error has been 2.")
    assert "advantage" not in found.sentence


@pytest.mark.parametrize("kind", ["hard classes", "three classes"])
def test_other_classifiers_lose_their_skill_too(kind: str) -> None:
    if kind == "hard classes":
        of, base = model(has_probability=False), reference(hard(past()), of=model(has_probability=False))
        fine, lost = hard(binary(days=60)), hard(binary(days=60, kept=0.2, since=20))
    else:
        of, base = model(Task.MULTICLASS), reference(of=model(Task.MULTICLASS))
        fine, lost = multiclass(days=60), multiclass(days=60, kept=0.2, since=20)
    assert set(verdicts(segment(fine, of=of, against=base))) == {KEEP}
    assert verdicts(segment(lost, of=of, against=base))[40] is RETRAIN


def test_a_policy_with_other_thresholds_comes_to_other_verdicts() -> None:
    live = binary(days=60, kept=0.75, since=20)
    patient = replace(DEFAULT_POLICY, effect_retrain=0.9, effect_watch=0.8)
    assert RETRAIN in verdicts(segment(live))
    assert RETRAIN not in verdicts(segment(live, policy=patient))


# Rules 5 to 7: watch, unknown, keep.


def test_fewer_than_thirty_rows_in_91_days_are_unknown_and_never_healthy() -> None:
    base = reference(past(every=28, rows_a_day=5))
    found = assessed(segment(binary(days=182, every=28, rows_a_day=5), against=base))
    assert {day.verdict for day in found} == {UNKNOWN}
    assert found[100].sentence == "15 rows in 91 days are too few to judge it."


def test_a_model_whose_inputs_alone_can_be_watched_is_never_kept() -> None:
    history = segment(binary(days=30), against=reference(labelled=False), labelled=False)
    found = assessed(history)
    assert {day.verdict for day in found} == {UNKNOWN}
    assert {day.basis for day in found} == {Basis.INPUTS}


def test_without_new_labels_a_model_is_kept_on_an_estimate_that_says_so() -> None:
    found = assessed(segment(binary(days=30), labelled=False))
    assert (found[20].verdict, found[20].basis) == (KEEP, Basis.ESTIMATED)
    assert "labels are not there yet" in found[20].sentence
    assert WHAT_IT_CANNOT_SEE in found[20].against


def test_a_version_nobody_announced_is_watched() -> None:
    found = segment(binary(days=9), of=model(versions=(ModelVersion("v9", announced=False),)))
    assert verdicts(found) == [WATCH] * 9


def test_a_model_that_does_better_than_in_its_reference_is_kept_and_told_so() -> None:
    history = segment(binary(days=40), against=reference(past(kept=0.6)))
    assert assessed(history)[39].sentence.startswith("Better than in its reference, on ")


def test_the_order_of_the_rules_is_that_of_the_method() -> None:
    def found(kind: FindingKind, argues_for: Verdict) -> Finding:
        return Finding(kind, argues_for, "", date(2025, 1, 1), "")

    ordered = [
        found(FindingKind.TRAFFIC_GONE, RETIRE),
        found(FindingKind.NO_TRAFFIC, UNKNOWN),
        found(FindingKind.NULLS, FIX_DATA),
        found(FindingKind.RETRAINING_DID_NOT_HELP, RETIRE),
        found(FindingKind.SETTLING, WATCH),
        found(FindingKind.PERFORMANCE, RETRAIN),
        found(FindingKind.DRIFT, WATCH),
        found(FindingKind.SCORE_DRIFT, KEEP),
    ]
    places = [rule(one) for one in ordered]
    assert places == sorted(places)
    assert len(set(places)) == len(places)


# What an assessment carries.


def test_an_assessment_carries_its_numbers_its_versions_and_since_when() -> None:
    found = assessed(segment(binary(days=60, **LOST)))
    last = found[-1]
    run = next(day.day for day in found if day.verdict is RETRAIN)
    assert last.in_verdict_since == run
    assert (last.day, last.known_on) == (START + timedelta(days=59),) * 2
    assert last.method_version == f"{METHOD_VERSION}/{DEFAULT_POLICY.configuration_hash}"
    assert (last.measures.rows, last.measures.rows_7, last.measures.labels_28) == (100, 700, 2_800)
    assert last.measures.metric == "AUC"
    assert last.measures.newest_labelled_day == START + timedelta(days=58)


def extremes() -> dict[str, Segment]:
    """Return histories that leave some number without a value."""
    live, used, numbers, exact = binary(days=60), past(), model(Task.REGRESSION), past(Task.REGRESSION)
    exact, one_class = replace(exact, label=exact.score), replace(used, label=np.ones(8_400))
    late = binary(days=20, kept=0.5)
    return {
        "labels end": segment(live.with_feature("amount", np.nan, since=20), days=70),
        "alike": segment(replace(live, label=np.where(live.since_start >= 5, 1.0, live.label))),
        "one class": segment(replace(live, label=np.ones(6_000)), against=reference(one_class)),
        "no error": segment(regression(), of=numbers, against=reference(exact, of=numbers)),
        "no label after a retraining": segment(late, days=140, against=reference(past(kept=0.5)), previous=reference()),
        "no score": segment(replace(live, score=np.full(6_000, np.nan)), labelled=False),
        "infinite feature": segment(live.with_feature("amount", np.inf)),
        "no label": segment(live, labelled=False),
    }


@pytest.mark.parametrize("name", list(extremes()))
def test_every_assessment_is_plain_json_fits_its_table_and_can_be_read_aloud(name: str) -> None:
    for day in assessed(extremes()[name]):
        assert len(day.reason) <= REASON_LENGTH
        said = " ".join((day.sentence, day.reason, *day.against, *(found.sentence for found in day.findings)))
        assert {"nan", "inf", "None"}.isdisjoint(said.replace("[", " ").replace(",", " ").split())
        assert dumps([day.details, day.expected_loss, [found.evidence for found in day.findings]], allow_nan=False)
        assert dumps([getattr(day.measures, part.name) for part in fields(day.measures)], allow_nan=False, default=str)


def test_findings_say_how_sure_they_are_and_where_the_threshold_is_from() -> None:
    history = segment(binary(days=60, amount_shift=20, **LOST))
    skill, moved = finding(history, 50, FindingKind.PERFORMANCE), finding(history, 50, FindingKind.DRIFT)
    assert skill.evidence["false_alarms"] == "one in about 2,573 days by chance"
    assert skill.evidence["threshold_source"].startswith("tolerance 5 % of the advantage; CUSUM 30")
    assert moved.evidence["threshold_source"].endswith("7-day variation in the reference, n=8,400")
    assert moved.evidence["days_in_a_row"] > 20


def test_what_speaks_against_a_verdict_is_said() -> None:
    history = segment(flipped(binary(days=60), since=20, until=27))
    over = [day for day in assessed(history) if day.verdict in {RETRAIN, WATCH}][-1]
    assert any(said.startswith("The last 7 days look better") for said in over.against)
    early = reference(origin=ReferenceOrigin.EARLY_PRODUCTION, of=model())
    assert any("provisional" in said for said in assessed(segment(binary(days=9), against=early))[8].against)


def test_only_the_days_asked_for_are_given_but_a_run_is_dated_from_its_beginning() -> None:
    history, since = segment(binary(days=30)), {"verdict": None, "day": None}
    given = list(assessments_of(history, first=START + timedelta(days=20), known_on=date(2025, 5, 20), since=since))
    assert len(given) == 10
    assert given[0].in_verdict_since == START
    assert given[0].known_on == date(2025, 5, 20)
    assert since == {"verdict": KEEP, "day": START}


def test_the_portfolio_is_ordered_by_effect_traffic_and_tier() -> None:
    live = binary(days=40, **LOST)
    by_tier = [segment(live, of=model(tier=tier)) for tier in (1, 2, 3, None)]
    losses = [assessed(history)[-1].expected_loss for history in by_tier]
    assert losses == pytest.approx([losses[0], losses[0] * 2 / 3, losses[0] / 3, losses[0]])
    day = assessed(by_tier[2])[-1]
    assert losses[2] == pytest.approx(min(day.measures.effect or 0.0, 1.0) * 100, rel=1e-3)
    assert expected_loss(by_tier[0], 39, KEEP, effect=0.5) == 0.0


def test_every_threshold_and_the_method_are_in_the_hash() -> None:
    assert Policy().configuration_hash == DEFAULT_POLICY.configuration_hash
    changed = {
        policy.configuration_hash
        for policy in (replace(DEFAULT_POLICY, psi_floor=0.2), replace(DEFAULT_POLICY, cusum_watch=5.0))
    }
    assert len(changed | {DEFAULT_POLICY.configuration_hash}) == 3


def rare(*, strength: float, days: int, first: date = START, seed: int = 3, level: float = -4.2) -> Predictions:
    """Return a calibrated classifier of which about 2 % is positive; ``strength`` 0 has nothing to do with the label."""
    rows = binary(first=first, days=days, rows_a_day=300, seed=seed)
    rng = np.random.default_rng(seed)
    x = (rows.features["amount"] - 100) / 20
    score = sigmoid(level + 0.7 * x)
    label = (rng.random(len(x)) < sigmoid(level + strength * x)).astype(np.float64)
    return replace(rows, score=score, prediction=(score >= 0.5).astype(np.float64), label=label)


def rare_reference(strength: float) -> Reference:
    return reference(rare(strength=strength, days=60, first=START - timedelta(days=60), seed=9))


def test_a_model_of_rare_positives_that_ranks_is_neither_retired_nor_said_to_be_off() -> None:
    base = rare_reference(0.7)
    assert base.skill < 0.02
    said = verdicts(segment(rare(strength=0.7, days=40), against=base))
    assert set(said) == {Verdict.KEEP}


def test_a_model_of_rare_positives_that_does_not_rank_is_retired() -> None:
    assert verdicts(segment(rare(strength=0.0, days=10), against=rare_reference(0.0)))[0] is Verdict.RETIRE


def test_a_model_of_rare_positives_that_stops_ranking_in_production_is_retired() -> None:
    said = verdicts(segment(rare(strength=-0.3, days=60), against=rare_reference(0.7)))
    assert Verdict.RETIRE in said or Verdict.RETRAIN in said
