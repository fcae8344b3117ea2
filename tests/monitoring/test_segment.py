from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.label_profile import count_labels
from monitoring.portfolio import Cadence
from monitoring.profile import count_rows
from monitoring.reference import Reference
from monitoring.segment import Segment
from tests.monitoring.history_builders import START, Predictions, binary, model, past, reference, segment, verdicts


def counted_in_parts(live: Predictions, cut: int) -> Segment:
    """Return the same history with rows and labels counted in two runs."""
    whole, base = segment(live), reference()
    first, second = live.only(np.arange(len(live.day)) < cut), live.only(np.arange(len(live.day)) >= cut)
    return replace(
        whole,
        profiles=count_rows(base.layout, first.as_rows()) + count_rows(base.layout, second.as_rows()),
        labels=count_labels(base.label_layout, first.as_labels()) + count_labels(base.label_layout, second.as_labels()),
    )


@given(st.integers(1, 2_999))
@settings(max_examples=10)
def test_nothing_depends_on_how_days_are_split_into_runs(cut: int) -> None:
    live = binary(days=30, amount_shift=10, since=15)
    whole, parts = segment(live), counted_in_parts(live, cut)
    assert np.array_equal(parts.drift_score, whole.drift_score, equal_nan=True)
    assert parts.performance is not None
    assert whole.performance is not None
    assert parts.performance.cusum == pytest.approx(whole.performance.cusum)
    assert verdicts(parts) == verdicts(whole)


@pytest.mark.parametrize("day", [20, 40, 59])
def test_a_day_s_verdict_does_not_know_what_comes_later(day: int) -> None:
    live = binary(days=60, kept=0.3, since=25).with_feature("note", np.nan, since=45)
    known = live.only(live.since_start <= day)
    then = segment(known)
    then = replace(then, labels=segment(known.only(known.since_start < day)).labels)
    assert verdicts(then) == verdicts(segment(live))[: day + 1]


def test_rows_and_labels_of_other_days_are_no_part_of_it() -> None:
    live = binary(days=60)
    inner = replace(segment(live), first=START + timedelta(days=20), last=START + timedelta(days=39))
    assert inner.daily.rows.sum() == 20 * 100
    assert inner.own_labels.day.min() == np.datetime64(START + timedelta(days=20))
    assert inner.day_at(3) == START + timedelta(days=23)
    assert inner.reference.label_layout.field(inner.sums, "n").sum() == 19 * 100


def test_days_with_broken_data_are_in_no_window_of_performance_and_score_drift() -> None:
    live = binary(days=60)
    broken = (live.since_start >= 20) & (live.since_start <= 30)
    history = segment(
        replace(live, label=np.where(broken, 1 - live.label, live.label)).with_feature(
            "amount", np.nan, since=20, until=30
        )
    )
    layout = history.reference.label_layout
    assert (layout.field(history.sums, "n")[21:32] == 0).all()
    assert history.score_drift.rows[30] == 17 * 100
    assert not history.performance_watch.any()


def test_a_day_found_broken_only_the_day_after_counts_until_then() -> None:
    live, base = binary(days=30, rows_a_day=15), reference(past(rows_a_day=15))
    broken = live.with_feature("amount", np.nan, since=20, until=22)
    history = segment(broken, against=base)
    found = history.days_left_out_from
    assert found[20] == np.datetime64(START + timedelta(days=21))
    assert found[21] == np.datetime64(START + timedelta(days=21))


def few_rows_with_broken_days(seed: int) -> tuple[Predictions, Reference]:
    """Return 50 days of 12 to 29 rows on which two features lose their values now and then, and a reference alike."""
    rng = np.random.default_rng(seed)
    live = binary(days=50, rows_a_day=29)
    kept = rng.random(len(live.day)) < rng.uniform(0.4, 1.0, 50)[live.since_start]
    live = live.only(kept)
    for name, begins in (("amount", (8, 20, 33)), ("note", (10, 21, 30))):
        for begin in begins:
            since = begin + int(rng.integers(0, 4))
            missing = rng.random(len(live.day)) < 0.8
            values = np.where(missing, np.nan, live.features[name])
            live = live.with_feature(name, values, since=since, until=since + int(rng.integers(1, 4)))
    return live, reference(past(rows_a_day=20))


@pytest.mark.parametrize("seed", range(3))
def test_few_rows_a_day_are_judged_alike_day_by_day_and_all_at_once(seed: int) -> None:
    live, base = few_rows_with_broken_days(seed)
    whole = segment(live, against=base, days=50)
    assert (whole.days_left_out_from > whole.days).any()
    for i in range(7, 50):
        then = segment(live.only(live.since_start <= i), against=base, days=i + 1)
        assert then.drift_score[i] == pytest.approx(whole.drift_score[i], nan_ok=True)
        assert then.score_drift.psi[i] == pytest.approx(whole.score_drift.psi[i], nan_ok=True)
        assert then.estimate.effect[i] == pytest.approx(whole.estimate.effect[i], nan_ok=True)
        assert then.sums[i] == pytest.approx(whole.sums[i])


def test_a_feature_below_the_gate_counts_until_another_one_is_known_to_be_broken() -> None:
    live = binary(days=30, rows_a_day=40).with_feature("note", np.nan, since=18, until=22)
    thin = live.only((live.since_start < 20) | (np.arange(len(live.day)) % 2 == 0))
    found = segment(thin.with_feature("amount", np.nan, since=20, until=22), against=reference(past(rows_a_day=40)))
    assert np.isnat(found.left_out_from["note"][19])
    assert found.left_out_from["amount"][20] == found.days[21]
    assert found.left_out_from["note"][20] == found.days[21]


def test_labels_that_came_late_for_a_healthy_day_count_when_they_come() -> None:
    live = replace(binary(days=40), delay_days=9)
    history = segment(live, of=model(label_delay_days=9.0))
    n = history.reference.label_layout.field(history.sums, "n")
    assert n[:9].sum() == 0
    assert n[9] == 100
    assert history.label_age[9] == 9
    assert history.newest_labelled[[8, 9, 20]].tolist() == [-1, 0, 11]


def test_without_labels_in_the_reference_there_is_no_realised_performance() -> None:
    history = segment(binary(days=20), against=reference(labelled=False))
    assert history.performance is None
    assert not history.performance_watch.any()
    assert not history.performance_retrain.any()


def test_settling_lasts_the_label_delay_and_a_week_after_a_retraining_only() -> None:
    again = model(label_delay_days=5.0)
    after = segment(binary(days=30), of=again, previous=reference())
    assert np.flatnonzero(after.settling).tolist() == list(range(12))
    assert not segment(binary(days=30), of=again).settling.any()


def test_a_retraining_that_helped_for_28_days_is_no_longer_asked_about() -> None:
    live = binary(days=90, kept=0.2, since=60)
    history = segment(live, previous=reference())
    assert not history.did_not_help.any()
    early = segment(binary(days=90, kept=0.2, since=20), previous=reference())
    assert early.did_not_help[40]


def test_a_condition_is_held_until_seven_days_without_it() -> None:
    live = binary(days=80)
    spell = (live.since_start >= 20) & (live.since_start < 40)
    history = segment(replace(live, label=np.where(spell, binary(days=80, kept=0.0, seed=9).label, live.label)))
    assert history.performance is not None
    last = int(np.flatnonzero(history.performance.retrain_condition)[-1])
    assert history.performance_retrain[last + 6]
    assert not history.performance_retrain[last + 7]


@pytest.mark.parametrize(
    ("cadence", "stretch"), [(Cadence.DAILY, 1), (Cadence.WEEKLY, 2), (Cadence.MONTHLY, 9), (None, 1)]
)
def test_a_week_is_at_least_two_cadences(cadence: Cadence | None, stretch: int) -> None:
    assert segment(binary(days=3), of=model(cadence=cadence)).stretch == stretch


def test_without_a_card_the_cadence_is_that_of_the_reference() -> None:
    assert segment(binary(days=8, every=7), against=reference(past(every=7))).stretch == 2


def test_a_weekly_model_that_lost_its_skill_is_found() -> None:
    base = reference(past(every=7, days=140))
    history = segment(binary(days=182, every=7, kept=0.2, since=90), against=base)
    first = int(np.flatnonzero(history.performance_retrain)[0])
    assert 91 <= first <= 91 + 4 * 7
    assert not segment(binary(days=182, every=7), against=base).performance_watch.any()


def test_a_feature_missing_from_every_row_is_broken_and_does_not_stop_the_others() -> None:
    history = segment(binary(days=20, amount_shift=30, since=10).with_feature("channel", None))
    assert history.quality["channel"].open.all()
    assert history.drift["amount"].excess[19] > 0


def test_constant_features_have_no_drift() -> None:
    base = reference(past().with_feature("note", 0.0, since=-1_000))
    history = segment(binary(days=20).with_feature("note", 0.0), against=base)
    assert set(history.drift) == {"amount", "channel"}
    assert not history.quality["note"].open.any()


def test_a_model_without_features_is_judged_by_its_labels() -> None:
    bare = model(features=())
    history = segment(binary(days=40, kept=0.3, since=15), of=bare)
    assert np.isnan(history.drift_score).all()
    assert history.performance_retrain[30]


def test_a_single_day_can_be_judged() -> None:
    history = segment(binary(days=1))
    assert [str(verdict) for verdict in verdicts(history)] == ["keep"]
