"""Tiny traffic, small references, seasons: what can still be told, and what is said about the rest (METHODS section 13)."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from monitoring.assessment import FindingKind, Verdict
from monitoring.drift import NullVariation, null_variation, population_stability_index
from monitoring.estimate import labels_needed, smallest_detectable_effect
from monitoring.policy import DEFAULT_POLICY
from monitoring.portfolio import Cadence, Task
from tests.monitoring.history_builders import (
    START,
    assessed,
    binary,
    finding,
    kinds,
    model,
    past,
    reference,
    regression,
    segment,
    verdicts,
)


def test_the_smallest_effect_that_would_show_by_hand() -> None:
    used, base = past(), reference()
    sd = ((used.score - used.label) ** 2).std()
    assert smallest_detectable_effect(base, 100, policy=DEFAULT_POLICY) == pytest.approx(4 * sd / 10 / base.gain)
    assert smallest_detectable_effect(base, 0, policy=DEFAULT_POLICY) is None
    assert smallest_detectable_effect(reference(labelled=False), 100, policy=DEFAULT_POLICY) is None


def test_below_a_tenth_of_skill_what_would_show_is_measured_by_a_tenth_too() -> None:
    used = past(kept=0.42)
    weak = reference(used)
    sd = ((used.score - used.label) ** 2).std()
    assert 0 < weak.skill < 0.10
    shown = smallest_detectable_effect(weak, 100, policy=DEFAULT_POLICY)
    assert shown == pytest.approx(4 * sd / 10 / (0.10 * weak.naive_loss))


def test_the_labels_needed_show_just_a_material_loss() -> None:
    needed = labels_needed(reference(), policy=DEFAULT_POLICY)
    assert needed is not None
    shown = smallest_detectable_effect(reference(), needed, policy=DEFAULT_POLICY)
    assert shown == pytest.approx(DEFAULT_POLICY.effect_retrain, rel=1e-3)


def test_tiny_traffic_is_told_with_the_loss_that_would_show() -> None:
    said = " ".join(assessed(segment(binary(days=60, rows_a_day=3), against=reference(past(rows_a_day=3))))[-1].against)
    assert "It has little traffic: not even a loss of all its advantage would be sure to show" in said
    assert "little traffic" not in " ".join(assessed(segment(binary(days=60)))[-1].against)


def test_where_not_even_a_loss_of_all_skill_would_show_a_model_is_not_judged() -> None:
    weak = reference(past(kept=0.42, rows_a_day=20))
    weak = replace(weak, profiles=replace(weak.profiles, rows=np.ones_like(weak.profiles.rows)))
    history = segment(binary(days=100, kept=0.42, rows_a_day=1), against=weak)
    smallest = smallest_detectable_effect(weak, 91, policy=DEFAULT_POLICY)
    assert smallest is not None
    assert smallest > 1
    last = assessed(history)[-1]
    assert last.verdict is Verdict.UNKNOWN
    assert last.sentence.startswith("It cannot be judged at this traffic: on 91 predictions in 91 days")
    enough = segment(binary(days=100, rows_a_day=1), against=reference(past(rows_a_day=20)))
    assert not enough.beyond_detection[-1]
    week_of_35 = segment(binary(days=100, kept=0.42, rows_a_day=5), against=weak)
    shown = smallest_detectable_effect(weak, float(week_of_35.traffic.rows_91[-1]), policy=DEFAULT_POLICY)
    assert shown is not None
    assert shown > 1
    assert not week_of_35.beyond_detection[-1]


def test_below_thirty_rows_in_91_days_only_traffic_registry_nulls_and_stuck_are_looked_at() -> None:
    live = binary(days=300, rows_a_day=12).with_feature("amount", 100.0, since=293)
    live = live.only((live.since_start < 20) | (live.since_start >= 298))
    broken = replace(live, label=1 - live.label)
    history = segment(broken, against=reference(past(rows_a_day=12)), days=300)
    assert history.too_few_rows[299]
    assert history.performance is not None
    assert history.performance_watch[299]
    assert kinds(history, 299) == {FindingKind.STUCK, FindingKind.TRAFFIC_GONE, FindingKind.TRAFFIC_HALVED}


def test_below_a_tenth_of_skill_the_finding_says_how_the_loss_is_measured() -> None:
    weak = reference(past(kept=0.42))
    history = segment(binary(days=60, kept=-0.5, since=10), against=weak)
    assert "Its skill in the reference is below 10 %" in finding(history, 40, FindingKind.PERFORMANCE).sentence
    usual = segment(binary(days=60, kept=0.2, since=10))
    assert "below 10 %" not in finding(usual, 40, FindingKind.PERFORMANCE).sentence


def test_a_small_reference_of_a_weekly_model_doubles_its_thresholds() -> None:
    of = model(cadence=Cadence.WEEKLY)
    live = binary(days=60, every=7, rows_a_day=400)
    twelve, eleven = (
        segment(live, of=of, against=reference(past(every=7, days=7 * weeks, rows_a_day=400), of=of))
        for weeks in (12, 11)
    )
    assert not twelve.drift["amount"].provisional
    assert eleven.drift["amount"].provisional
    assert eleven.drift["amount"].threshold[-1] > 1.5 * twelve.drift["amount"].threshold[-1]


def test_the_same_days_of_last_year_are_one_more_block_of_the_reference() -> None:
    counts = np.random.default_rng(0).multinomial(100, [0.1] * 10, size=60)
    blocks = [counts[i : i + 7].sum(axis=0) for i in range(54)]
    x = np.append([population_stability_index(counts.sum(axis=0), block) for block in blocks], 0.4)
    more = null_variation(counts)
    assert isinstance(more, NullVariation)
    seasonal = more.with_block(np.array([[0.4], [np.nan]]))
    assert seasonal.extra[0] == pytest.approx(1.5 * (x.mean() - 9 / 700))
    assert seasonal.freedom[0] == pytest.approx(np.clip(2 * x.mean() ** 2 / x.var(), 1.5, 9))
    assert seasonal.extra[1] == more.extra


def test_a_summer_that_returns_is_less_of_a_surprise_and_is_annotated() -> None:
    live = binary(days=460, rows_a_day=20)
    summer = (live.since_start % 364 >= 60) & (live.since_start % 364 < 90)
    amount = live.features["amount"] + np.where(summer, 24, 0)
    history = segment(live.with_feature("amount", amount, since=-1_000), against=reference(past(rows_a_day=20)))
    series = history.drift["amount"]
    assert series.threshold[364 + 80] > 1.5 * series.threshold[80]
    assert not history.moved_last_year[80]
    assert history.moved_last_year[364 + 80]
    first, again = finding(history, 80, FindingKind.DRIFT), finding(history, 364 + 80, FindingKind.DRIFT)
    assert "weeks of last year" not in first.sentence
    assert again.sentence.endswith("The same was seen in these weeks of last year: it may be the season.")


def test_a_very_good_regression_needs_few_labels() -> None:
    base = reference(of=model(Task.REGRESSION))
    needed = labels_needed(base, policy=DEFAULT_POLICY)
    assert needed is not None
    squares = base.label_layout.field(base.totals, "loss2") / base.label_rows - base.loss**2
    assert needed == int(np.ceil((4 * np.sqrt(squares) / base.loss) ** 2))
    assert set(verdicts(segment(regression(days=20), of=model(Task.REGRESSION), against=base))) == {Verdict.KEEP}


def test_a_weekly_model_settles_two_cadences_and_its_labels_are_not_late_between_its_days() -> None:
    of = model(cadence=Cadence.WEEKLY)
    base = reference(past(every=7, days=140), of=of)
    history = segment(binary(days=90, every=7), of=of, against=base, previous=base)
    assert np.flatnonzero(history.settling).tolist() == list(range(1 + 14))
    assert not history.unlabelled[20:].any()
    monthly = model(cadence=Cadence.MONTHLY)
    slow = segment(binary(days=190, every=30), of=monthly, against=reference(past(every=30, days=400), of=monthly))
    assert not slow.unlabelled[40:].any()


def test_days_without_rows_do_not_count_towards_clearing_a_loss() -> None:
    of = model(cadence=Cadence.WEEKLY)
    base = reference(past(every=7, days=140, rows_a_day=2_000), of=of)
    live = binary(days=400, every=7, rows_a_day=400)
    spell = (live.since_start >= 70) & (live.since_start < 120)
    wrong = binary(days=400, every=7, rows_a_day=400, kept=-1.0, seed=9).label
    history = segment(replace(live, label=np.where(spell, wrong, live.label)), of=of, against=base)
    assert history.performance is not None
    crossed = history.performance.watch_condition | history.performance.retrain_condition
    last = int(np.flatnonzero(crossed)[-1])
    cleared = int(np.flatnonzero(~history.performance_watch[last:])[0])
    assert 7 * 6 < cleared <= 7 * 7


def test_the_day_after_the_start_is_the_start_of_the_label_window() -> None:
    found = finding(segment(binary(days=60, kept=0.2, since=20)), 22, FindingKind.PERFORMANCE)
    assert found.evidence["label_days"] == "31 Mar to 22 Apr"
    assert found.since >= START + timedelta(days=19)
