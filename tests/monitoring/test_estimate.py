from dataclasses import replace

import numpy as np
import pytest

from monitoring.assessment import Basis, FindingKind, Verdict
from monitoring.estimate import estimate_series, expected_losses, labels_needed
from monitoring.label_profile import count_labels
from monitoring.policy import DEFAULT_POLICY
from monitoring.portfolio import Task
from monitoring.skill_findings import sample_words
from monitoring.wording import percent
from tests.monitoring.history_builders import (
    Predictions,
    assessed,
    binary,
    finding,
    model,
    past,
    reference,
    regression,
    segment,
    sigmoid,
    verdicts,
)


def closer(live: Predictions, *, since: int = 0) -> Predictions:
    """Return a population that is harder to tell apart, as the model rightly says: its scores move to the middle."""
    near = 100 + (live.features["amount"] - 100) * np.where(live.since_start >= since, 0.4, 1.0)
    score = sigmoid((near - 100) / 10)
    label = (np.random.default_rng(6).random(len(score)) < score).astype(np.float64)
    return replace(live.with_feature("amount", near), score=score, label=label)


def test_the_expected_losses_are_those_of_the_reference_by_score_bin() -> None:
    used, expected = past(), expected_losses(reference())
    assert expected is not None
    edges = reference().layout.score.test_edges
    loss, bin_of = (used.score - used.label) ** 2, np.searchsorted(edges, used.score, side="right")
    assert expected == pytest.approx([loss[bin_of == b].mean() for b in range(20)])


def test_the_same_mix_of_scores_is_estimated_to_lose_nothing() -> None:
    base = reference()
    counts = np.tile(base.counts[base.layout.score_at], (7, 1))
    assert estimate_series(base, counts, window_days=7).effect == pytest.approx(0.0)


def test_the_estimate_by_hand_when_all_scores_fall_into_one_bin() -> None:
    base, expected = reference(), expected_losses(reference())
    assert expected is not None
    counts = np.zeros((7, base.layout.score.width), dtype=np.int64)
    counts[:, 50] = 100
    effect = estimate_series(base, counts, window_days=7).effect[-1]
    assert effect == pytest.approx((expected[10] - base.loss) / base.gain)


def test_a_harder_population_is_seen_before_its_labels_which_then_say_the_same() -> None:
    live = closer(binary(days=40))
    estimate, week = segment(live, labelled=False).estimate, live.since_start > 40 - 8
    realised = (((live.score - live.label) ** 2)[week].mean() - reference().loss) / reference().gain
    assert estimate.low[-1] > 0.15
    assert estimate.effect[-1] == pytest.approx(realised, abs=0.15)


def test_the_interval_holds_nine_in_ten_unchanged_histories() -> None:
    inside = 0
    for seed in range(40):
        estimate = segment(binary(days=7, rows_a_day=200, seed=seed)).estimate
        inside += bool(estimate.low[-1] <= 0 <= estimate.high[-1])
    assert inside >= 33


def test_without_reference_labels_or_without_a_gain_there_is_no_estimate() -> None:
    bare = segment(binary(days=8), against=reference(labelled=False))
    assert np.isnan(bare.estimate.effect).all()
    useless = replace(past(), score=np.random.default_rng(0).random(len(past().day)))
    assert expected_losses(reference(useless)) is None


def test_scores_in_bins_without_reference_labels_are_left_out_of_the_estimate() -> None:
    used, base = past(), reference()
    approved = count_labels(base.label_layout, replace(used.only(used.score > 0.5), delay_days=0).as_labels())
    partial = replace(base, labels=approved)
    expected = expected_losses(partial)
    assert expected is not None
    assert np.isnan(expected[:9]).all()
    counts = np.zeros((7, base.layout.score.width), dtype=np.int64)
    counts[:, 80] = 100
    alone = estimate_series(partial, counts, window_days=7)
    counts[:, 5] = 900
    beside = estimate_series(partial, counts, window_days=7)
    assert beside.effect[-1] == pytest.approx(alone.effect[-1])
    assert beside.rows[-1] == 700


def test_fewer_than_thirty_rows_are_not_estimated() -> None:
    assert np.isnan(segment(binary(days=7, rows_a_day=4)).estimate.effect).all()


def test_an_estimated_loss_bridges_the_label_delay_as_a_watch() -> None:
    live = replace(closer(binary(days=40), since=20), delay_days=35)
    history = segment(live, of=model(label_delay_days=35.0))
    assert verdicts(history)[30] is Verdict.WATCH
    found = finding(history, 30, FindingKind.ESTIMATED_PERFORMANCE)
    assert "labels do not confirm it yet" in found.sentence
    assert assessed(history)[30].basis is Basis.ESTIMATED


def test_without_labels_a_lasting_loss_asks_for_a_labelled_sample_and_a_retraining() -> None:
    history = segment(closer(binary(days=40), since=15), labelled=False)
    first = verdicts(history).index(Verdict.RETRAIN)
    assert 15 + 7 <= first <= 15 + 14
    found = finding(history, first, FindingKind.ESTIMATED_PERFORMANCE)
    rows = reference().label_layout
    variance = rows.field(reference().totals, "loss2") / 8_400 - reference().loss ** 2
    wanted = int(np.ceil(16 * variance / (0.15 * reference().gain) ** 2))
    shown = 4 * np.sqrt(variance / 1_000) / reference().gain
    assert wanted > 1_000
    assert (
        f"First get a labelled sample: 1,000 rows would show a loss of {percent(float(shown))} or more; one of 15 % takes {wanted:,}."
    ) in found.sentence


def test_a_sample_that_people_can_label_is_asked_for_as_it_is() -> None:
    strong = reference(past(Task.REGRESSION), of=model(Task.REGRESSION))
    told = segment(regression(days=3), of=model(Task.REGRESSION), against=strong)
    needed = labels_needed(strong, policy=DEFAULT_POLICY)
    assert needed is not None
    assert needed <= 1_000
    assert sample_words(told) == f"First get a labelled sample of about {needed:,} rows."


def test_strong_drift_without_any_labels_asks_for_a_retraining_after_seven_days() -> None:
    history = segment(binary(days=40, amount_shift=40, since=15), against=reference(labelled=False), labelled=False)
    strong = np.flatnonzero(history.drift_score >= 0.35)
    assert verdicts(history).index(Verdict.RETRAIN) == strong[6]
    assert "no labels tell what it costs" in finding(history, 39, FindingKind.ESTIMATED_PERFORMANCE).sentence


def test_labels_older_than_twice_their_delay_and_a_week_no_longer_count_as_labels() -> None:
    live = binary(days=60)
    history = segment(live, of=model(label_delay_days=5.0))
    silent = replace(history, labels=segment(live.only(live.since_start < 20)).labels)
    assert np.flatnonzero(silent.unlabelled)[0] == 19 + 2 * 5 + 7 + 1


def test_the_estimate_of_a_regression_follows_its_errors_by_prediction() -> None:
    expected = expected_losses(reference(of=model(Task.REGRESSION)))
    assert expected is not None
    assert expected == pytest.approx(0.14**2, rel=0.25)
