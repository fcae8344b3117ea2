from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from sklearn.metrics import accuracy_score, roc_auc_score, root_mean_squared_error

from monitoring.label_profile import count_labels
from monitoring.metrics import area_bounds, area_under_curve, known_metric, metric_name, ranking_share
from monitoring.portfolio import Task
from tests.monitoring.history_builders import binary, hard, model, multiclass, past, reference, regression


@given(nps.arrays(np.float64, 40, elements=st.sampled_from([0.1, 0.3, 0.5, 0.9])), st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_with_few_distinct_scores_auc_is_exact(scores: np.ndarray, seed: int) -> None:
    label = np.random.default_rng(seed).integers(0, 2, 40)
    bin_of = np.searchsorted([0.2, 0.4, 0.6], scores)
    rows, positives = np.bincount(bin_of, minlength=4), np.bincount(bin_of, weights=label, minlength=4)
    auc = area_under_curve(rows.astype(np.float64), positives.astype(np.float64))
    if 0 < label.sum() < 40:
        assert auc == pytest.approx(roc_auc_score(label, scores))
    else:
        assert np.isnan(auc)


def test_from_a_hundred_bins_auc_is_that_of_the_rows() -> None:
    live = binary(days=60)
    sums = count_labels(reference().label_layout, live.as_labels()).vectors.sum(axis=0)
    assert known_metric(reference().label_layout, sums) == pytest.approx(
        roc_auc_score(live.label, live.score), abs=0.002
    )
    assert metric_name(reference().label_layout) == "AUC"


def test_the_known_metric_of_each_task_is_that_of_an_independent_implementation() -> None:
    numbers, classes, only = regression(days=9), multiclass(days=9), hard(binary(days=9))
    for task, live, name, value in (
        (Task.REGRESSION, numbers, "RMSE", root_mean_squared_error(numbers.label, numbers.score)),
        (Task.MULTICLASS, classes, "accuracy", accuracy_score(classes.label, classes.prediction)),
    ):
        layout = reference(of=model(task)).label_layout
        assert metric_name(layout) == name
        assert known_metric(layout, count_labels(layout, live.as_labels()).vectors.sum(axis=0)) == pytest.approx(value)
    base = reference(hard(past()), of=model(has_probability=False))
    sums = count_labels(base.label_layout, only.as_labels()).vectors.sum(axis=0)
    assert known_metric(base.label_layout, sums) == pytest.approx(accuracy_score(only.label, only.prediction))


def test_how_well_scores_rank_by_hand() -> None:
    used, base = past(), reference()
    bin_of = np.searchsorted(base.layout.score.test_edges, used.score, side="right")
    groups = [used.label[bin_of == b] for b in range(20)]
    total = len(used.label) * used.label.var()
    between = sum(len(g) * (g.mean() - used.label.mean()) ** 2 for g in groups)
    within = (total - between) / (len(used.label) - 20)
    assert ranking_share(base.label_layout, base.totals) == pytest.approx((between - 19 * within) / total)


def test_scores_that_do_not_rank_share_nothing() -> None:
    random = replace(past(), score=np.random.default_rng(2).random(len(past().day)))
    base = reference(random)
    assert ranking_share(base.label_layout, base.totals) == pytest.approx(0.0, abs=0.005)


def test_the_bounds_of_the_area_hold_for_scores_that_do_not_rank() -> None:
    base, rng = reference(), np.random.default_rng(4)
    layout, misses = base.label_layout, 0
    for _ in range(400):
        sums = np.zeros(layout.width)
        rows = rng.multinomial(2_000, np.full(len(layout.score.edges) + 1, 1 / (len(layout.score.edges) + 1)))
        positives = rng.binomial(rows, 0.02)
        sums[layout.slices["bin_n"]], sums[layout.slices["bin_y"]] = rows, positives
        sums[layout.slices["n"]], sums[layout.slices["y"]] = rows.sum(), positives.sum()
        low, high = area_bounds(layout, sums)
        misses += not low <= 0.5 <= high
    assert misses / 400 < 0.04


def test_without_positives_nothing_is_known_of_the_area() -> None:
    layout = reference().label_layout
    assert [float(bound) for bound in area_bounds(layout, np.zeros(layout.width))] == [0.0, 1.0]
