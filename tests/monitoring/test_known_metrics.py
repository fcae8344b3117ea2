import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sklearn_metrics

from monitoring.known_metrics import known_metrics, share
from monitoring.label_profile import LabelLayout, count_labels
from monitoring.metrics import known_metric
from monitoring.portfolio import Task
from tests.monitoring.history_builders import (
    MAKERS,
    Predictions,
    binary,
    hard,
    model,
    multiclass,
    past,
    reference,
    regression,
)

LIVE = {Task.BINARY: binary(days=9), Task.MULTICLASS: multiclass(days=9), Task.REGRESSION: regression(days=9)}


def measured(task: Task, live: Predictions | None = None) -> dict[str, tuple[float, float, float, float]]:
    """Value, interval and cases of every metric of a task."""
    layout = reference(of=model(task)).label_layout
    return measured_in(layout, live or LIVE[task])


def measured_in(layout: LabelLayout, live: Predictions) -> dict[str, tuple[float, float, float, float]]:
    sums = count_labels(layout, live.as_labels()).vectors.sum(axis=0)[None]
    found = {metric.name: metric.measure(layout, sums) for metric in known_metrics(layout)}
    return {
        name: (float(m.value[0]), float(m.low[0]), float(m.high[0]), float(m.cases[0])) for name, m in found.items()
    }


def test_binary_metrics_are_those_of_an_independent_implementation() -> None:
    live, found = LIVE[Task.BINARY], measured(Task.BINARY)

    assert found["AUC"][0] == pytest.approx(sklearn_metrics.roc_auc_score(live.label, live.score), abs=0.002)
    assert found["precision"][0] == pytest.approx(sklearn_metrics.precision_score(live.label, live.prediction))
    assert found["recall"][0] == pytest.approx(sklearn_metrics.recall_score(live.label, live.prediction))
    assert found["accuracy"][0] == pytest.approx(sklearn_metrics.accuracy_score(live.label, live.prediction))
    assert found["Brier score"][0] == pytest.approx(sklearn_metrics.brier_score_loss(live.label, live.score))
    assert found["alarm rate"][0] == pytest.approx(live.prediction.mean())
    assert found["precision"][3] == live.prediction.sum()
    assert found["recall"][3] == live.label.sum()


def test_multiclass_metrics_are_those_of_an_independent_implementation() -> None:
    live, found = LIVE[Task.MULTICLASS], measured(Task.MULTICLASS)

    assert found["accuracy"][0] == pytest.approx(sklearn_metrics.accuracy_score(live.label, live.prediction))
    assert found["mean recall"][0] == pytest.approx(
        sklearn_metrics.balanced_accuracy_score(live.label, live.prediction)
    )
    assert live.probabilities is not None
    squares = ((live.probabilities - np.eye(3)[live.label.astype(int)]) ** 2).sum(axis=1)
    assert found["Brier score"][0] == pytest.approx(squares.mean())


def test_regression_metrics_are_those_of_an_independent_implementation() -> None:
    live, found = LIVE[Task.REGRESSION], measured(Task.REGRESSION)

    assert found["RMSE"][0] == pytest.approx(sklearn_metrics.root_mean_squared_error(live.label, live.score))
    assert found["MAE"][0] == pytest.approx(sklearn_metrics.mean_absolute_error(live.label, live.score))
    assert found["mean error"][0] == pytest.approx((live.score - live.label).mean())
    assert found["R²"][0] == pytest.approx(sklearn_metrics.r2_score(live.label, live.score))


@pytest.mark.parametrize("task", Task)
def test_the_first_metric_is_the_one_the_verdict_names(task: Task) -> None:
    layout = reference(of=model(task)).label_layout
    sums = count_labels(layout, LIVE[task].as_labels()).vectors.sum(axis=0)[None]

    assert known_metrics(layout)[0].measure(layout, sums).value == pytest.approx(known_metric(layout, sums))


def test_hard_classes_have_no_metric_that_needs_a_probability() -> None:
    layout = reference(hard(past()), of=model(has_probability=False)).label_layout
    live = hard(LIVE[Task.BINARY])

    found = measured_in(layout, live)

    assert set(found) == {"precision", "recall", "accuracy", "alarm rate"}
    assert found["accuracy"][0] == pytest.approx(sklearn_metrics.accuracy_score(live.label, live.prediction))


def test_a_share_has_wilsons_interval() -> None:
    found = share(np.array([7.0]), np.array([25.0]))
    by_scipy = stats.binomtest(7, 25).proportion_ci(0.90, method="wilson")

    assert (found.low[0], found.high[0]) == pytest.approx((by_scipy.low, by_scipy.high), abs=1e-3)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (Task.BINARY, "AUC"),
        (Task.BINARY, "Brier score"),
        (Task.BINARY, "precision"),
        (Task.MULTICLASS, "mean recall"),
        (Task.REGRESSION, "RMSE"),
        (Task.REGRESSION, "MAE"),
        (Task.REGRESSION, "mean error"),
    ],
)
def test_an_interval_holds_the_long_run_value_in_nine_samples_of_ten(task: Task, name: str) -> None:
    maker = MAKERS[task]
    true = measured(task, maker(days=400, seed=99))[name][0]
    samples = [measured(task, maker(days=5, seed=seed))[name] for seed in range(120)]

    held = np.mean([low <= true <= high for _, low, high, _ in samples])

    assert 0.83 <= held <= 0.97


def test_precision_and_recall_on_fewer_than_twenty_cases_are_missing() -> None:
    live = LIVE[Task.BINARY]
    few = live.only((live.label == 0) | (np.cumsum(live.label) <= 19))

    found = measured(Task.BINARY, few)

    assert np.isnan(found["precision"][0])
    assert np.isnan(found["recall"][0])
    assert not np.isnan(found["AUC"][0])


def test_without_labels_every_metric_is_missing() -> None:
    layout = reference().label_layout
    with np.errstate(all="raise"):
        found = [metric.measure(layout, np.zeros((2, layout.width))) for metric in known_metrics(layout)]

    assert all(np.isnan(each.value).all() for each in found)
