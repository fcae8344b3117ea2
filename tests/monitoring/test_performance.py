from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from monitoring.label_profile import count_labels, label_sums
from monitoring.performance import PerformanceSeries, ReferenceYardstick, average_run_length
from monitoring.policy import DEFAULT_POLICY
from monitoring.portfolio import Task
from monitoring.reference import Reference
from monitoring.window import calendar
from tests.monitoring.history_builders import (
    MAKERS,
    START,
    Predictions,
    binary,
    hard,
    model,
    multiclass,
    past,
    reference,
    regression,
    segment,
)


def series(live: Predictions, *, against: Reference | None = None, **different: Any) -> PerformanceSeries:
    """Return the performance of labels that arrive on the day of their prediction."""
    base = against or reference()
    labels = count_labels(base.label_layout, replace(live, delay_days=0).as_labels())
    days = calendar(START, live.day.max().astype(object))
    none = np.full(len(days), np.datetime64("NaT"), dtype="datetime64[D]")
    sums = label_sums(labels, days, left_out_from=none, width=base.label_layout.width)
    return PerformanceSeries(base, sums, policy=DEFAULT_POLICY, **different)


@pytest.mark.parametrize(("level", "days"), [(4.0, 340), (5.0, 940), (6.0, 2_570), (8.0, 19_000)])
def test_false_alarms_of_the_cusum_by_siegmund(level: float, days: int) -> None:
    assert average_run_length(level) == pytest.approx(days, rel=0.03)


def test_the_run_length_of_the_cusum_is_that_of_a_simulation() -> None:
    rng, runs = np.random.default_rng(5), []
    level, z, waited = np.zeros(2_000), rng.normal(size=(4_000, 2_000)), np.zeros(2_000)
    done = np.zeros(2_000, dtype=bool)
    for step in z:
        level = np.maximum(0.0, level + step - 0.5)
        waited += ~done
        done |= level >= 4.0
    runs = waited.mean()
    assert runs == pytest.approx(average_run_length(4.0), rel=0.1)


def test_the_skill_over_28_days_is_one_minus_brier_over_the_brier_of_the_label_mean() -> None:
    live = binary(days=40)
    last = live.only(live.since_start > 39 - 28)
    naive = brier_score_loss(last.label, np.full(len(last.label), last.label.mean()))
    independent = 1 - brier_score_loss(last.label, last.score) / naive
    assert series(live).skill_28[-1] == pytest.approx(independent, abs=0.002)


def test_the_test_of_a_window_by_hand() -> None:
    live, base = binary(days=30), reference()
    yard = ReferenceYardstick.of(base)
    week = live.only(live.since_start >= 23)
    u = (week.score - week.label) ** 2 - yard.c * (base.label_layout.label_means[0] - week.label) ** 2
    tested = series(live)
    mean = u.mean() + yard.c * tested.own_shift[23:].mean()
    se = np.sqrt(tested.v[-1] / 700 + yard.tau2 / 7 + yard.v / 8_400)
    assert tested.window[7].mean[-1] == pytest.approx(mean)
    assert tested.window[7].z[-1] == pytest.approx(mean / se)
    assert tested.window[7].effect[-1] == pytest.approx(mean / tested.scale[-1])
    assert tested.scale[-1] == pytest.approx((1 - yard.c) * tested.naive_own[-1])


def test_the_reference_s_own_variance_and_day_to_day_variance_by_hand() -> None:
    used, yard, base = past(), ReferenceYardstick.of(reference()), reference()
    u = (used.score - used.label) ** 2 - yard.c * (base.label_layout.label_means[0] - used.label) ** 2
    daily = u.reshape(84, 100).mean(axis=1)
    assert yard.v == pytest.approx(u.var())
    assert yard.tau2 == pytest.approx(1.3 * max(0.0, (daily**2 - u.var() / 100).mean()))


def test_a_reference_without_days_knows_no_day_to_day_variance() -> None:
    assert ReferenceYardstick.of(reference(has_days=False)).tau2 == 0.0


def test_the_naive_forecast_knows_the_label_mean_of_its_28_days_but_no_more_than_sampling_allows() -> None:
    rare = binary(days=40, amount_shift=-25)
    moved = series(rare)
    last = rare.only(rare.since_start >= 12).label
    by_hand = (last.mean() - reference().label_layout.label_means[0]) ** 2 - last.var() / 2_800
    assert moved.own_shift[-1] == pytest.approx(by_hand)
    assert moved.naive_own[-1] == pytest.approx(last.var(), rel=0.01)
    assert series(binary(days=40)).own_shift[-1] < 0.001


def test_a_window_does_not_depend_on_how_its_rows_fall_on_arrival_days() -> None:
    live = binary(days=28)
    late = live.since_start % 2
    shifted = replace(live, day=live.day + late.astype("timedelta64[D]"))
    a, b = series(live), series(shifted)
    assert a.window[28].n[-1] == b.window[28].n[27] + 100
    assert a.sums.sum(axis=0) == pytest.approx(b.sums.sum(axis=0))


def test_doing_as_in_the_reference_is_an_effect_of_zero_and_naive_is_one() -> None:
    assert series(binary(days=60)).window[28].effect[-1] == pytest.approx(0.0, abs=0.1)
    mean = reference().label_layout.label_means[0]
    useless = replace(binary(days=60), score=np.full(6_000, mean))
    assert series(useless).window[28].effect[-1] == pytest.approx(1.0, abs=0.03)


def test_z_is_standard_normal_while_nothing_changes() -> None:
    z = np.array([series(binary(days=28, rows_a_day=40, seed=100 + k)).window[28].z[-1] for k in range(150)])
    assert abs(z.mean()) < 0.5
    assert 0.6 < z.std() < 1.2
    assert (np.abs(z) > 3.5).sum() == 0


@pytest.mark.parametrize(("days", "tolerance"), [(84, 0.05), (42, 0.10)])
def test_the_tolerance_is_a_twentieth_and_twice_that_for_a_short_reference(days: int, tolerance: float) -> None:
    tested = series(binary(days=30), against=reference(past(days=days)))
    assert tested.delta == tolerance
    week = tested.window[28]
    assert tested.z_28[-1] == pytest.approx((week.mean[-1] - tolerance * tested.scale[-1]) / week.se[-1])


def test_a_retraining_on_a_short_reference_waits_14_days_from_the_onset() -> None:
    live = binary(days=60, kept=0.6, since=10)
    quick, slow = series(live), series(live, against=reference(past(days=42)))
    first = int(np.flatnonzero(slow.retrain_condition & (slow.z_28 < 4))[0])
    assert first - slow.onset[first] >= 14
    assert np.flatnonzero(quick.retrain_condition)[0] < first


def test_one_terrible_day_adds_no_more_than_the_clip_which_is_not_enough_for_a_retraining() -> None:
    live = binary(days=40)
    terrible = series(replace(live, label=np.where(live.since_start == 20, 1 - live.score.round(), live.label)))
    assert terrible.cusum[20] - terrible.cusum[19] == pytest.approx(4.0 - 0.5)
    assert terrible.cusum[20] < DEFAULT_POLICY.cusum_retrain


def test_the_cusum_is_capped_so_that_it_can_recover() -> None:
    bad = series(binary(days=90, kept=0.0, since=0))
    assert bad.cusum.max() == 30.0


def test_the_onset_is_the_day_after_the_sum_was_last_zero_counted_in_prediction_days() -> None:
    history = segment(replace(binary(days=70, kept=0.2, since=30), delay_days=5), of=model(label_delay_days=5.0))
    tested = history.performance
    assert tested is not None
    assert tested.onset[50] == pytest.approx(30, abs=2)
    assert tested.cusum[34] == pytest.approx(0.0, abs=1.5)


def test_the_effect_since_the_onset_looks_back_three_weeks_at_most() -> None:
    tested = series(binary(days=80, kept=0.7, since=20))
    u = tested.sums[:, tested.layout.slices["loss"]][:, 0] - tested.yardstick.c * tested.layout.field(
        tested.sums, "naive"
    )
    u += tested.yardstick.c * tested.own_shift * tested.n
    assert tested.onset[79] < 79 - 21
    assert tested.onset_effect[79] == pytest.approx(u[59:].sum() / tested.n[59:].sum() / tested.scale[79])


def test_the_variance_of_a_row_never_falls_below_three_tenths_of_the_reference_s() -> None:
    live = binary(days=30)
    exact = series(replace(live, score=live.label))
    assert exact.v[-1] == pytest.approx(0.3 * exact.yardstick.v)


def test_a_day_without_labels_leaves_the_sum_as_it_is() -> None:
    live = binary(days=60, kept=0.5, since=20)
    gaps = series(live.only((live.since_start < 25) | (live.since_start > 30)))
    assert (gaps.cusum[25:31] == gaps.cusum[24]).all()
    assert gaps.cusum[24] > 0


@pytest.mark.parametrize(("rows_a_day", "days_of_a_step"), [(11, 1), (6, 2), (4, 3)])
def test_a_step_is_as_many_days_as_give_ten_labels(rows_a_day: int, days_of_a_step: int) -> None:
    few = series(binary(days=42, rows_a_day=rows_a_day, kept=-1.0), against=reference(past(rows_a_day=20)))
    changed = np.flatnonzero(np.diff(few.cusum) != 0) + 1
    assert (changed % days_of_a_step == days_of_a_step - 1).all()
    assert np.diff(changed).min() == days_of_a_step


def test_one_label_a_day_is_a_step_every_seventh_day() -> None:
    one = series(binary(days=63, rows_a_day=1, kept=-1.0), against=reference(past(rows_a_day=20)))
    changed = np.flatnonzero(np.diff(one.cusum) != 0) + 1
    assert (changed % 7 == 6).all()
    assert len(changed) >= 3


def test_a_step_waits_for_four_labels_of_the_rarer_class() -> None:
    rare = past(level=-4.0)
    daily = series(binary(days=60, rows_a_day=30, level=-4.0, kept=0.0), against=reference(rare))
    share = rare.label.mean()
    changed = np.flatnonzero(np.diff(daily.cusum) != 0)
    assert 4 / share / 30 > 2
    assert np.diff(changed).min() >= min(4 / share / 30, 7) - 1e-9


def test_a_lucky_reference_of_few_labels_does_not_accuse_the_model_day_after_day() -> None:
    lucky = past()
    loss = (lucky.score - lucky.label) ** 2
    lucky = lucky.only(np.isin(np.arange(len(loss)), np.random.default_rng(1).choice(np.flatnonzero(loss < 0.7), 80)))
    accused = series(binary(days=60, rows_a_day=300), against=reference(lucky))
    assert accused.cusum[-1] >= DEFAULT_POLICY.cusum_retrain
    assert accused.onset_effect[-1] >= DEFAULT_POLICY.effect_retrain
    assert accused.onset_z[-1] < 3
    assert not (accused.watch_condition | accused.retrain_condition)[-20:].any()


@pytest.mark.parametrize("task", [Task.BINARY, Task.REGRESSION, Task.MULTICLASS])
def test_a_population_that_got_harder_is_watched_and_not_retrained(task: Task) -> None:
    if task is Task.REGRESSION:
        live = MAKERS[task](days=60, rows_a_day=300, noise=0.5)
        base = reference(past(task, noise=0.5), of=model(task))
        live = live.only((live.since_start < 20) | (np.abs(live.score) < 1.0))
    else:
        live, base = MAKERS[task](days=60, rows_a_day=300), reference(past(task), of=model(task))
        live = live.only((live.since_start < 20) | (np.abs(live.features["amount"] - 100) < 15))
    found = series(live, against=base)
    assert found.window[28].effect[-1] > 0.15
    assert found.z_28[-1] > 4
    assert found.watch_condition[-1]
    assert not found.retrain_condition.any()
    assert abs(found.misfit_28[-1]) < 0.075


def test_a_fall_of_the_label_rate_that_the_model_does_not_know_is_all_misfit() -> None:
    fallen = series(binary(days=60, rows_a_day=300, since=20, level=-2.0))
    assert fallen.misfit_28[-1] == pytest.approx(fallen.window[28].effect[-1], abs=0.03)
    assert fallen.retrain_condition[-1]


def test_a_material_loss_that_is_over_is_no_longer_retrained() -> None:
    live = binary(days=80)
    spell = (live.since_start >= 20) & (live.since_start < 40)
    over = series(replace(live, label=np.where(spell, binary(days=80, kept=0.0, seed=9).label, live.label)))
    assert over.retrain_condition[30:40].all()
    assert not over.retrain_condition[50:].any()


def test_a_significant_loss_that_is_not_material_is_not_even_watched() -> None:
    live = binary(days=40, rows_a_day=8_000, kept=0.94)
    slight = series(live, against=reference(past(rows_a_day=1_000)))
    assert slight.window[28].z[-1] > 3
    assert slight.window[28].effect[-1] < 0.08
    assert not slight.watch_condition.any()


def test_for_a_very_good_regression_a_doubled_squared_error_is_a_material_loss() -> None:
    base = reference(of=model(Task.REGRESSION))
    live = regression(days=60, noise=0.14 * 2**0.5)
    doubled, last = series(live, against=base), live.only(live.since_start >= 32)
    times = ((last.score - last.label) ** 2).mean() / (base.label_layout.loss_ratio * doubled.naive_own[-1])
    assert base.skill > 0.97
    assert doubled.second_yardstick.all()
    assert times == pytest.approx(2.0, abs=0.25)
    assert doubled.window[28].effect[-1] == pytest.approx(0.15 * (times - 1), rel=1e-3)
    assert doubled.window[28].mean[-1] / doubled.by_advantage[-1] < 0.04


@pytest.mark.parametrize(("noise", "second"), [(0.37, True), (0.39, False)])
def test_the_second_yardstick_takes_over_at_a_skill_of_0_87(noise: float, second: bool) -> None:
    used = past(Task.REGRESSION)
    base = reference(
        replace(used, label=used.score + (used.label - used.score) * noise / 0.14), of=model(Task.REGRESSION)
    )
    assert base.skill == pytest.approx(0.87, abs=0.01)
    assert bool(series(regression(days=30), against=base).second_yardstick[-1]) is second


def test_better_than_the_reference_is_a_cusum_of_the_other_direction_that_resets_nothing() -> None:
    worse_reference = reference(past(kept=0.6))
    better = series(binary(days=60), against=worse_reference)
    assert better.is_better[-1]
    assert better.cusum[-1] == pytest.approx(0.0)
    assert not series(binary(days=60)).is_better.any()
    lost = series(binary(days=60, kept=0.5))
    assert not lost.is_better.any()
    assert lost.improvement.max() < 4


def test_what_a_doubled_loss_counts_as_is_the_policy_s() -> None:
    base, live = reference(of=model(Task.REGRESSION)), regression(days=30, noise=0.14 * 2**0.5)
    stricter = replace(DEFAULT_POLICY, double_loss_effect=0.30)
    usual = series(live, against=base)
    twice = PerformanceSeries(base, usual.sums, policy=stricter)
    assert twice.window[28].effect[-1] == pytest.approx(2 * usual.window[28].effect[-1])


def test_below_a_tenth_of_skill_the_effect_is_measured_by_a_tenth() -> None:
    weak = reference(past(kept=0.42))
    assert 0 < weak.skill < 0.10
    tested = series(binary(days=30), against=weak)
    assert tested.by_advantage == pytest.approx(0.10 * tested.naive_own)


def test_a_lost_skill_is_shown_after_200_labels_on_three_days_and_held_until_seven_good_ones() -> None:
    live = binary(days=90)
    noise = np.random.default_rng(8).random(9_000) < 0.5
    lost = series(replace(live, label=np.where(live.since_start < 20, noise, live.label).astype(np.float64)))
    first = int(np.flatnonzero(lost.no_better_than_naive)[0])
    labels = lost.window[28].n
    assert labels[first - 2] >= 200 > labels[first - 3]
    recovered = np.flatnonzero((lost.skill_28 >= 0.02) & (np.arange(90) > 25))[0]
    assert (lost.skill_28[recovered : recovered + 7] >= 0.02).all()
    assert lost.no_better_than_naive[recovered + 5]
    assert not lost.no_better_than_naive[recovered + 6]
    assert lost.no_better_than_naive[recovered - 1]


def test_windows_widen_until_both_classes_have_twenty_labels() -> None:
    rare = binary(days=80, rows_a_day=20, level=-3.5)
    tested = series(rare, against=reference(past(rows_a_day=200, level=-3.5)))
    positives = rare.label.sum()
    assert positives / 80 * 7 < 20
    assert tested.window[7].n[-1] > 7 * 20


def test_a_classifier_of_classes_alone_is_judged_by_its_accuracy() -> None:
    base = reference(hard(past()), of=model(has_probability=False))
    good, bad = (series(hard(binary(days=60, kept=kept)), against=base) for kept in (1.0, 0.2))
    assert not good.watch_condition.any()
    assert bad.retrain_condition[-1]


def test_three_classes_are_judged_by_all_three_probabilities() -> None:
    base = reference(of=model(Task.MULTICLASS))
    assert not series(multiclass(days=60), against=base).watch_condition.any()
    assert series(multiclass(days=60, kept=0.3), against=base).retrain_condition[-1]


def test_the_version_before_is_a_yardstick_like_its_own_reference() -> None:
    base, old = reference(past(kept=0.5)), reference()
    live = binary(days=40)
    mine = series(live, against=base, yardstick=ReferenceYardstick.of(old))
    theirs = series(live, against=old)
    assert mine.window[28].effect[-1] == pytest.approx(theirs.window[28].effect[-1], abs=0.005)


def test_labels_of_days_known_to_be_broken_are_left_out_from_then_on() -> None:
    live, layout = binary(days=4, rows_a_day=10), reference().label_layout
    days = calendar(START, START.replace(day=31)) + np.arange(5)
    broken = np.full(5, np.datetime64("NaT"), dtype="datetime64[D]")
    broken[1] = days[2]
    labels = count_labels(layout, live.as_labels()) + count_labels(layout, replace(live, delay_days=0).as_labels())
    sums = label_sums(labels, days, left_out_from=broken, width=layout.width)
    assert layout.field(sums, "n").tolist() == [10, 20, 10, 20, 10]
