"""What an open shift does to verdicts: watch or fix the data, a lower level, and what counts as drift (METHODS section 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from monitoring.assessment import FindingKind, Verdict
from monitoring.findings import findings_on
from monitoring.portfolio_shift import Grouping, Shift, ShiftKind
from tests.monitoring.history_builders import (
    START,
    Predictions,
    assessed,
    binary,
    finding,
    kinds,
    segment,
    verdicts,
)

DAYS, BREAK = 50, 20


def shift(kind: ShiftKind = ShiftKind.WORLD, source: str = "core feed", **different: object) -> Shift:
    ordinary = Shift(START + timedelta(BREAK), kind, Grouping.SOURCE, source, 9, 12, 0.01, -14.2, ("m", "n"))
    return replace(ordinary, **different)  # type: ignore[arg-type]  # any field may differ


def open_for(found: Shift, days: int = 21) -> dict[date, tuple[Shift, ...]]:
    return {found.day + timedelta(days=number): (found,) for number in range(days)}


def scaled(live: Predictions, factor: float) -> Predictions:
    return live.with_feature("amount", live.features["amount"] * factor, since=BREAK)


def test_a_world_shift_watches_the_models_it_touches_for_as_long_as_it_is_open() -> None:
    touched = verdicts(segment(binary(days=DAYS), shifts=open_for(shift())))
    assert [day for day, verdict in enumerate(touched) if verdict is Verdict.WATCH] == list(range(BREAK, BREAK + 21))
    others = verdicts(segment(binary(days=DAYS), shifts=open_for(shift(models=("n",)))))
    assert set(others) == {Verdict.KEEP}


def test_a_model_fed_by_the_source_of_a_world_shift_says_so_though_it_did_not_move() -> None:
    exposed = segment(binary(days=DAYS), shifts=open_for(shift(models=("n",))))
    found = finding(exposed, BREAK, FindingKind.PORTFOLIO_SHIFT)
    assert found.argues_for is Verdict.KEEP
    assert found.sentence.endswith("This one is fed by it too and did not move with them.")
    assert set(verdicts(exposed)) == {Verdict.KEEP}
    for other in (
        shift(models=("n",), source="rates"),
        shift(ShiftKind.FEED, models=("n",)),
        shift(models=("n",), confirmed=False),
    ):
        assert FindingKind.PORTFOLIO_SHIFT not in kinds(segment(binary(days=DAYS), shifts=open_for(other)), BREAK)


def test_the_sentence_says_what_moved_what_chance_would_be_and_that_this_model_is_labelled_first() -> None:
    assessment = assessed(segment(binary(days=DAYS), shifts=open_for(shift())))[BREAK]
    assert assessment.sentence == (
        "9 of 12 models fed by core feed moved on the same days, from 20 Apr (0 to 1 would be chance). "
        "No fault was found in the feed: the world changed. Label this model's predictions first."
    )
    assert assessment.reason == "9 of 12 models on core feed moved 20 Apr; label first."
    found = assessment.findings[0]
    assert found.kind is FindingKind.PORTFOLIO_SHIFT
    assert found.evidence["false_alarms"] == "less than one in a billion on an ordinary day"
    assert found.evidence["method_version"]
    assert (found.evidence["models"], found.evidence["exposed"], found.evidence["kind"]) == (9, 12, "world")


def test_a_broken_feed_is_to_be_fixed_and_no_retraining_is_proposed() -> None:
    lost = binary(days=DAYS, kept=0.0, since=5)
    assert Verdict.RETRAIN in verdicts(segment(lost))[BREAK : BREAK + 10]
    open_feed = open_for(shift(ShiftKind.FEED), 10)
    assert set(verdicts(segment(lost, shifts=open_feed))[BREAK : BREAK + 10]) == {Verdict.FIX_DATA}


def test_a_model_that_is_cleared_is_no_longer_touched() -> None:
    cleared = open_for(shift(ShiftKind.FEED, cleared=("m",)))
    assert set(verdicts(segment(binary(days=DAYS), shifts=cleared))) == {Verdict.KEEP}


def test_a_broken_feed_of_features_that_hardly_matter_is_only_watched() -> None:
    history = segment(binary(days=DAYS), shifts=open_for(shift(ShiftKind.FEED, source="note feed"), 5))
    sources = history.reference.sources | {"note": "note feed"}
    minor = replace(history, reference=replace(history.reference, sources=sources))
    assert finding(minor, BREAK, FindingKind.PORTFOLIO_SHIFT).argues_for is Verdict.WATCH


def test_a_world_shift_that_is_not_confirmed_or_hardly_matters_moves_no_verdict() -> None:
    once = segment(binary(days=DAYS), shifts=open_for(shift(confirmed=False), 2))
    assert set(verdicts(once)) == {Verdict.KEEP}
    assert "One day may be a holiday" in finding(once, BREAK, FindingKind.PORTFOLIO_SHIFT).sentence
    history = segment(binary(days=DAYS), shifts=open_for(shift(source="note feed"), 5))
    minor = replace(
        history, reference=replace(history.reference, sources=history.reference.sources | {"note": "note feed"})
    )
    assert set(verdicts(minor)) == {Verdict.KEEP}
    assert "of minor importance to this model" in finding(minor, BREAK, FindingKind.PORTFOLIO_SHIFT).sentence


def test_the_level_of_retrain_is_four_while_a_world_shift_touches_the_model() -> None:
    lost = binary(days=DAYS, kept=0.55, since=BREAK, seed=3)
    plain, touched = segment(lost), segment(lost, shifts=open_for(shift(), 21))
    assert plain.performance is not None
    assert touched.performance is not None
    assert touched.performance.cusum.tolist() == plain.performance.cusum.tolist()
    early = [i for i in range(DAYS) if 4 <= plain.performance.cusum[i] < 6 and touched.performance_retrain[i]]
    assert early
    assert not plain.performance_retrain[early].any()
    assert touched.retrain_level.tolist() == [4.0 if BREAK <= i < BREAK + 21 else 6.0 for i in range(DAYS)]
    others = segment(lost, shifts=open_for(shift(models=("n",))))
    assert set(others.retrain_level) == {6.0}
    assert set(segment(lost, shifts=open_for(shift(ShiftKind.FEED))).retrain_level) == {6.0}


def test_the_finding_names_the_level_it_was_found_at() -> None:
    lost = binary(days=DAYS, kept=0.55, since=BREAK, seed=3)
    touched = segment(lost, shifts=open_for(shift(), 21))
    i = int(np.flatnonzero(touched.performance_retrain)[0])
    assert "retrain 4" in finding(touched, i, FindingKind.PERFORMANCE).evidence["threshold_source"]


@pytest.mark.parametrize("factor", [1000.0, 2.54])
def test_a_change_of_scale_in_a_world_shift_is_drift_also_afterwards(factor: float) -> None:
    live = scaled(binary(days=DAYS), factor)
    assert verdicts(segment(live))[BREAK] is Verdict.FIX_DATA
    exposed = segment(live, shifts=open_for(shift(models=("n",))))
    assert Verdict.FIX_DATA not in verdicts(exposed)
    assert FindingKind.DRIFT in kinds(exposed, BREAK + 10)
    assert exposed.drift["amount"].significant[BREAK + 1]


def test_a_change_of_scale_elsewhere_or_in_a_broken_feed_stays_broken_data() -> None:
    live = scaled(binary(days=DAYS), 1000.0)
    for other in (shift(source="web feed"), shift(ShiftKind.FEED)):
        history = segment(live, shifts=open_for(replace(other, models=("n",))))
        assert verdicts(history)[BREAK] is Verdict.FIX_DATA


def test_a_new_change_of_scale_after_the_shift_is_broken_data_again() -> None:
    live = binary(days=DAYS + 20)
    early = live.with_feature("amount", live.features["amount"] * 1000, since=BREAK, until=BREAK + 3)
    late = early.with_feature("amount", live.features["amount"] * 1000, since=BREAK + 30, until=BREAK + 33)
    found = verdicts(segment(late, shifts=open_for(shift(models=("n",)))))
    assert Verdict.FIX_DATA not in found[: BREAK + 30]
    assert found[BREAK + 30] is Verdict.FIX_DATA


def test_empty_values_and_a_stuck_number_stay_broken_data_in_a_world_shift() -> None:
    live = binary(days=DAYS)
    half = live.features["amount"].copy()
    half[::2] = np.nan
    for values in (half, 100.0):
        history = segment(live.with_feature("amount", values, since=BREAK), shifts=open_for(shift(models=("n",))))
        assert verdicts(history)[BREAK] is Verdict.FIX_DATA


def test_a_category_stuck_in_a_world_shift_is_drift() -> None:
    live = binary(days=DAYS).with_feature("channel", "web", since=BREAK)
    assert FindingKind.STUCK in kinds(segment(live), BREAK)
    exposed = segment(live, shifts=open_for(shift(source="web feed", models=("n",))))
    assert FindingKind.STUCK not in kinds(exposed, BREAK)


def test_a_shift_of_a_use_case_exposes_every_feature_of_its_models_and_no_others() -> None:
    live = scaled(binary(days=DAYS), 1000.0)
    crowd = shift(source="credit", grouping=Grouping.USE_CASE, models=("n",))
    inside = segment(live, shifts=open_for(crowd))
    inside = replace(inside, model=replace(inside.model, use_case="credit"))
    assert Verdict.FIX_DATA not in verdicts(inside)
    assert verdicts(segment(live, shifts=open_for(crowd)))[BREAK] is Verdict.FIX_DATA


def test_other_findings_of_the_same_source_or_the_same_days_name_the_shift() -> None:
    live = binary(days=DAYS, amount_shift=30.0, since=BREAK)
    history = segment(live, shifts=open_for(shift()))
    linked = finding(history, BREAK + 10, FindingKind.DRIFT)
    assert linked.evidence["shift"] == "world shift of 20 Apr: core feed"
    early = binary(days=DAYS, amount_shift=30.0, since=2)
    elsewhere = segment(early, shifts=open_for(shift(source="web feed")))
    assert finding(elsewhere, BREAK + 1, FindingKind.DRIFT).evidence.get("shift") is None
    assert all(found.evidence.get("shift") is None for found, _ in findings_on(segment(live), BREAK + 10))
