from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from monitoring.explanation import explanation
from monitoring.finding_evidence import share_of_mix
from monitoring.label_profile import count_labels
from monitoring.portfolio import Task
from monitoring.score_mix import ReferenceByScore, rows_by_score
from monitoring.segment import Segment
from tests.monitoring.history_builders import (
    MAKERS,
    Predictions,
    assessed,
    binary,
    hard,
    model,
    past,
    reference,
    regression,
    segment,
    sigmoid,
)


def nearer(live: Predictions, *, seed: int = 6) -> Predictions:
    """Return a population that is harder to tell apart, as the model rightly says."""
    near = 100 + (live.features["amount"] - 100) * 0.4
    score = sigmoid((near - 100) / 10)
    label = (np.random.default_rng(seed).random(len(score)) < score).astype(np.float64)
    return replace(live.with_feature("amount", near), score=score, label=label)


def parts(history: Segment) -> tuple[float, float, float]:
    """Return effect, mix and misfit of the last day."""
    found, series = history.explained(len(history.days) - 1), history.performance
    assert found is not None
    assert series is not None
    return float(series.window[28].effect[-1]), found.mix, found.misfit


def test_a_harder_population_is_all_mix() -> None:
    effect, mix, misfit = parts(segment(nearer(binary(days=40))))
    assert effect > 0.3
    assert mix == pytest.approx(effect, abs=0.1)
    assert abs(misfit) < 0.1


def test_a_broken_relation_is_all_misfit() -> None:
    effect, mix, misfit = parts(segment(binary(days=60, kept=0.3, since=0)))
    assert effect > 0.5
    assert abs(mix) < 0.05
    assert misfit == pytest.approx(effect, abs=0.05)


@pytest.mark.parametrize("task", list(Task))
def test_mix_and_misfit_add_up_to_the_effect_and_are_nothing_while_nothing_changes(task: Task) -> None:
    of = model(task)
    effect, mix, misfit = parts(segment(MAKERS[task](days=40), of=of, against=reference(of=of)))
    assert mix + misfit == pytest.approx(effect)
    assert abs(mix) < 0.05


def test_mix_by_hand() -> None:
    live, base = nearer(binary(days=28)), reference()
    history = segment(replace(live, delay_days=0))
    used, series = past(), history.performance
    assert series is not None
    edges = base.layout.score.test_edges
    bin_of = np.searchsorted(edges, used.score, side="right")
    e = np.array([((used.score - used.label) ** 2)[bin_of == b].mean() for b in range(20)])
    r = np.array([used.label[bin_of == b].mean() for b in range(20)])
    q = np.bincount(np.searchsorted(edges, live.score, side="right"), minlength=20) / len(live.score)
    mean = q @ r
    by_hand = (q @ e - series.yardstick.c * mean * (1 - mean)) / series.scale[-1]
    assert parts(history)[1] == pytest.approx(by_hand)


def test_the_reference_explains_itself_exactly() -> None:
    for of in (model(), model(Task.REGRESSION), model(Task.MULTICLASS)):
        base = reference(of=of)
        history = segment(
            replace(past(of.task), day=past(of.task).day + np.timedelta64(84, "D"), delay_days=0), of=of, against=base
        )
        series = history.performance
        assert series is not None
        same = replace(history.by_score)
        series.sums_28[-1] = base.totals
        found = explanation(same, series, len(history.days) - 1, mean_score=None)
        assert found is not None
        assert found.mix == pytest.approx(0.0, abs=1e-9)


def test_classes_alone_are_explained_by_the_share_that_is_right() -> None:
    of = model(has_probability=False)
    base = reference(hard(past()), of=of)
    effect, mix, _ = parts(segment(hard(binary(days=40, kept=0.2)), of=of, against=base))
    assert effect > 0.5
    assert abs(mix) < 0.1


def test_bins_without_labels_in_the_reference_are_left_out() -> None:
    used = past()
    approved = used.only(used.score > 0.5)
    labels = count_labels(reference().label_layout, replace(approved, delay_days=0).as_labels())
    known = ReferenceByScore.of(replace(reference(), labels=labels))
    assert not known.covered[:9].any()
    assert known.covered[11:].all()
    series = segment(binary(days=40)).performance
    assert series is not None
    found = explanation(known, series, 39, mean_score=None)
    assert found is not None
    rows = rows_by_score(series.layout, series.sums_28[39][None])[0][known.covered]
    q, mean = rows / rows.sum(), float(rows @ known.rates[known.covered, 0] / rows.sum())
    by_hand = q @ known.loss[known.covered] - series.yardstick.c * mean * (1 - mean)
    assert found.mix == pytest.approx(by_hand / series.scale[39])


def test_calibration_in_the_large_is_mean_score_minus_mean_label() -> None:
    live = replace(binary(days=28, level=-1.0), delay_days=0)
    found = segment(live).explained(27)
    assert found is not None
    assert found.mean_score == pytest.approx(live.score.mean())
    assert found.mean_label == pytest.approx(live.label.mean())
    assert found.calibration == pytest.approx(live.score.mean() - live.label.mean())
    assert found.calibration is not None
    assert found.calibration > 0.1


def test_the_mean_score_is_that_of_the_predictions_whose_labels_came() -> None:
    live = replace(binary(days=40), delay_days=10)
    rising = replace(live, score=np.where(live.since_start >= 29, 0.99, live.score))
    found = segment(rising, of=model(label_delay_days=10.0)).explained(38)
    assert found is not None
    assert found.mean_score == pytest.approx(live.score[(live.since_start > 0) & (live.since_start <= 28)].mean())


def test_a_regression_s_level_is_its_mean_error() -> None:
    of = model(Task.REGRESSION)
    live = replace(regression(days=28), delay_days=0)
    found = segment(replace(live, label=live.label - 0.5), of=of).explained(27)
    assert found is not None
    assert found.calibration == pytest.approx((live.score - live.label + 0.5).mean())


def test_a_finding_and_the_page_say_how_much_is_mix() -> None:
    history = segment(nearer(binary(days=60)), against=reference())
    last = assessed(history)[-1]
    effect, mix, _ = parts(history)
    details = last.details["performance"]
    assert details["mix"] == pytest.approx(mix, abs=1e-4)
    assert details["calibration_in_the_large"] == pytest.approx(0.0, abs=0.03)
    (found,) = [found for found in last.findings if found.kind == "performance"]
    assert found.evidence["mix"] == pytest.approx(mix, abs=1e-4)
    assert "of it because the population got harder" in found.sentence
    assert share_of_mix(effect, mix) + " Retraining may not cure that part." in last.against


def test_mix_in_words_never_explains_more_than_there_is() -> None:
    assert share_of_mix(0.35, 0.04) == "A harder population explains 4 of 35 %."
    assert share_of_mix(0.35, 0.50) == "A harder population explains 35 of 35 %."
    assert share_of_mix(0.35, -0.10) == "A harder population explains 0 of 35 %."


def test_the_expected_loss_of_a_harder_population_is_its_brier_score() -> None:
    live = nearer(binary(days=40))
    known = ReferenceByScore.of(reference())
    q = np.bincount(np.searchsorted(reference().layout.score.test_edges, live.score, side="right"), minlength=20)
    assert q @ known.loss / q.sum() == pytest.approx(brier_score_loss(live.label, live.score), abs=0.01)
