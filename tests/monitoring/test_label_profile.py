from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, confusion_matrix, mean_absolute_error, mean_squared_error

from monitoring.errors import IncompatibleProfilesError
from monitoring.label_profile import LabelProfiles, count_labels, empty_labels, losses
from monitoring.portfolio import Task
from tests.monitoring.history_builders import (
    START,
    Predictions,
    binary,
    hard,
    model,
    multiclass,
    past,
    reference,
    regression,
)


def totals(predictions: Predictions, task: Task = Task.BINARY, *, against: Any = None) -> dict[str, Any]:
    """Return every field of the label sums over all days."""
    layout = (against or reference(of=model(task))).label_layout
    total = count_labels(layout, predictions.as_labels()).vectors.sum(axis=0)
    return {name: total[part] for name, part in layout.slices.items()} | {"layout": layout, "vector": total}


def test_the_loss_of_a_probability_is_its_brier_score() -> None:
    live = binary(days=5)
    sums = totals(live)
    assert sums["loss"][0] / sums["n"][0] == pytest.approx(brier_score_loss(live.label, live.score))


def test_the_loss_of_a_regression_is_its_squared_error_and_errors_keep_their_sign() -> None:
    live = regression(days=5)
    sums = totals(live, Task.REGRESSION)
    assert sums["loss"][0] / sums["n"][0] == pytest.approx(mean_squared_error(live.label, live.score))
    assert sums["absolute_error"][0] / sums["n"][0] == pytest.approx(mean_absolute_error(live.label, live.score))
    assert sums["error"][0] == pytest.approx((live.score - live.label).sum())


def test_the_loss_of_three_probabilities_by_hand() -> None:
    live = multiclass(days=1, rows_a_day=1)
    live = replace(live, probabilities=np.array([[0.5, 0.3, 0.2]]), label=np.array([1.0]))
    layout = reference(of=model(Task.MULTICLASS)).label_layout
    assert losses(layout, live.as_labels())[0] == pytest.approx(0.5**2 + 0.7**2 + 0.2**2)


def test_without_probabilities_the_loss_is_being_wrong_and_naive_is_the_majority() -> None:
    base = reference(hard(past()), of=model(has_probability=False))
    live = hard(binary(days=5))
    sums = totals(live, against=base)
    assert sums["loss"][0] == (live.prediction != live.label).sum()
    majority = base.label_layout.label_means[0] >= 0.5
    assert sums["naive"][0] == (live.label != majority).sum()


def test_the_naive_loss_is_that_of_the_reference_s_label_mean() -> None:
    live = binary(days=5)
    sums = totals(live)
    mean = past().label.mean()
    assert sums["naive"][0] == pytest.approx(((mean - live.label) ** 2).sum())


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_the_confusion_table_is_that_of_an_independent_implementation(task: Task) -> None:
    live = {Task.BINARY: binary, Task.MULTICLASS: multiclass}[task](days=5)
    classes = 2 if task is Task.BINARY else 3
    table = totals(live, task)["confusion"].reshape(classes, classes)
    assert np.array_equal(table, confusion_matrix(live.label, live.prediction, labels=range(classes)))


@given(st.floats(-2, 2))
@settings(max_examples=25)
def test_u_and_its_square_can_be_had_for_any_c(c: float) -> None:
    live, layout = binary(days=3), reference().label_layout
    vector = count_labels(layout, live.as_labels()).vectors.sum(axis=0)
    u = (live.score - live.label) ** 2 - c * (layout.label_means[0] - live.label) ** 2
    assert layout.u(vector, c=c) == pytest.approx(u.sum())
    assert layout.u2(vector, c=c) == pytest.approx((u**2).sum())


def test_in_the_reference_the_mean_of_u_is_zero_by_definition() -> None:
    base = reference()
    assert base.label_layout.u(base.totals, c=base.label_layout.loss_ratio) == pytest.approx(0.0, abs=1e-8)
    assert base.skill == pytest.approx(base.gain / base.naive_loss)


def test_labels_are_kept_by_the_day_they_arrived_and_the_day_of_their_prediction() -> None:
    live = replace(binary(days=2, rows_a_day=10), delay_days=3)
    counted = count_labels(reference().label_layout, live.as_labels())
    start = np.datetime64(START)
    assert counted.day.tolist() == [(start + i).astype(object) for i in range(2)]
    assert counted.arrival.tolist() == [(start + i + 3).astype(object) for i in range(2)]


@given(st.lists(st.booleans(), min_size=60, max_size=60))
@settings(max_examples=25)
def test_counting_two_parts_and_adding_them_is_counting_all(part: list[bool]) -> None:
    rows, layout = binary(days=6, rows_a_day=10).as_labels(), reference().label_layout
    chosen = np.array(part)
    both = count_labels(layout, rows, counted=chosen) + count_labels(layout, rows, counted=~chosen)
    whole = count_labels(layout, rows)
    assert np.array_equal(both.day, whole.day)
    assert np.allclose(both.vectors, whole.vectors)


def test_no_labels_are_no_entries_and_add_nothing() -> None:
    layout = reference().label_layout
    some = count_labels(layout, binary(days=2).as_labels())
    assert len(empty_labels(layout)) == 0
    assert np.array_equal((empty_labels(layout) + some).vectors, some.vectors)
    none = np.zeros(len(binary(days=2).day), dtype=bool)
    assert len(count_labels(layout, binary(days=2).as_labels(), counted=none)) == 0


def test_label_sums_that_do_not_fit_are_not_added() -> None:
    layout = reference().label_layout
    day = np.array([START], dtype="datetime64[D]")
    with pytest.raises(IncompatibleProfilesError, match="different bins"):
        empty_labels(layout) + LabelProfiles(day, day, np.zeros((1, 3)))


def test_many_classes_have_no_confusion_table() -> None:
    layout = reference(of=model(Task.MULTICLASS)).label_layout
    assert "confusion" in layout.slices
    assert "confusion" not in replace(layout, classes=21, label_means=(1 / 21,) * 21).slices
