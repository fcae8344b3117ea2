from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from monitoring.label_profile import LabelProfiles, count_labels
from monitoring.packing import (
    pack_arrays,
    pack_day,
    pack_labels,
    pack_reference,
    unpack_arrays,
    unpack_days,
    unpack_labels,
    unpack_reference,
)
from monitoring.portfolio import Task
from monitoring.profile import DayProfiles, count_rows
from monitoring.reference import Reference
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
    segment,
    verdicts,
)


def same(a: Any, b: Any) -> bool:
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name), equal_nan=f.name in {"lows", "highs"}) for f in fields(a)
    )


def days_again(given_days: DayProfiles, base: Reference) -> DayProfiles:
    packed = [
        (day.astype(object), int(n), pack_day(given_days, i))
        for i, (day, n) in enumerate(zip(given_days.day, given_days.rows, strict=True))
    ]
    return unpack_days(base.layout, packed)


def labels_again(labels: LabelProfiles, base: Reference) -> LabelProfiles:
    arrivals = [
        (day.astype(object), pack_labels(base.label_layout, labels, np.flatnonzero(labels.arrival == day)))
        for day in np.unique(labels.arrival)
    ]
    return unpack_labels(base.label_layout, arrivals)


@given(st.lists(st.integers(-(2**62), 2**62), max_size=40))
@settings(max_examples=50)
def test_whole_numbers_come_back_whatever_their_size(values: list[int]) -> None:
    _, arrays = unpack_arrays(pack_arrays({}, {"x": np.array(values, dtype=np.int64)}))
    assert arrays["x"].tolist() == values


@given(nps.arrays(np.float64, nps.array_shapes(max_dims=2, max_side=8)))
@settings(max_examples=50)
def test_numbers_come_back_bit_by_bit(values: np.ndarray) -> None:
    header, arrays = unpack_arrays(pack_arrays({"unit": "°F"}, {"x": values}))
    assert header == {"unit": "°F"}
    assert arrays["x"].tobytes() == values.tobytes()
    assert arrays["x"].shape == values.shape


def test_an_empty_array_comes_back_empty() -> None:
    _, arrays = unpack_arrays(pack_arrays({}, {"x": np.zeros((0, 3)), "y": np.array([], dtype=np.int64)}))
    assert (arrays["x"].shape, arrays["y"].shape) == ((0, 3), (0,))


def test_days_come_back_with_their_missing_values_and_extremes() -> None:
    live = binary(days=5).with_feature("amount", np.nan, since=2, until=2)
    counted = count_rows(reference().layout, live.as_rows())
    assert same(days_again(counted, reference()), counted)


def test_no_days_are_no_days() -> None:
    assert len(unpack_days(reference().layout, [])) == 0
    assert len(unpack_labels(reference().label_layout, [])) == 0


@pytest.mark.parametrize(
    ("live", "task"),
    [(binary(days=4), Task.BINARY), (regression(days=4), Task.REGRESSION), (multiclass(days=4), Task.MULTICLASS)],
)
def test_label_sums_come_back(live: Predictions, task: Task) -> None:
    base = reference(of=model(task))
    labels = count_labels(base.label_layout, live.as_labels())
    assert same(labels_again(labels, base), labels)


@pytest.mark.parametrize(
    "base",
    [
        reference(),
        reference(of=model(Task.REGRESSION)),
        reference(of=model(Task.MULTICLASS)),
        reference(hard(past()), of=model(has_probability=False)),
        reference(labelled=False),
        reference(has_days=False),
        reference(past().with_feature("amount", np.nan, since=-1_000), of=model()),
    ],
    ids=["binary", "regression", "multiclass", "hard", "unlabelled", "without days", "empty column"],
)
def test_a_reference_comes_back(base: Reference) -> None:
    again = unpack_reference(pack_reference(base))
    assert repr(again.layout) == repr(base.layout)
    assert again.label_layout == base.label_layout
    assert same(again.profiles, base.profiles)
    assert same(again.labels, base.labels)
    for name in ("importance", "has_importance", "sources", "origin", "first_day", "last_day", "has_days"):
        assert getattr(again, name) == getattr(base, name)


def test_a_history_kept_and_read_again_is_judged_the_same() -> None:
    live = binary(days=40, kept=0.3, since=20).with_feature("note", np.nan, since=30)
    history = segment(live)
    base = unpack_reference(pack_reference(history.reference))
    again = replace(
        history,
        reference=base,
        profiles=days_again(history.profiles, base),
        labels=labels_again(history.labels, base),
    )
    assert verdicts(again) == verdicts(history)
    assert np.array_equal(again.drift_score, history.drift_score, equal_nan=True)


def test_a_packed_day_is_small() -> None:
    counted = count_rows(reference().layout, binary(days=1).as_rows())
    assert counted.day[0] == np.datetime64(START)
    assert len(pack_day(counted, 0)) < 700
