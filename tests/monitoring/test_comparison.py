from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from monitoring.comparison import Comparison, LabelDays, paired
from monitoring.label_profile import count_labels
from monitoring.ports import LabelledRows
from tests.monitoring import history_builders

START = np.datetime64("2026-03-01")


def label_days(day: np.ndarray, label: np.ndarray, said: np.ndarray) -> LabelDays:
    """Sum rows per day, squared error and one label, written as plainly as can be."""
    days = np.unique(day)
    rows = [day == each for each in days]
    return LabelDays(
        day=days,
        rows=np.array([float(row.sum()) for row in rows]),
        loss=np.array([float(((said - label)[row] ** 2).sum()) for row in rows]),
        y=np.array([[float(label[row].sum())] for row in rows]),
        y2=np.array([float((label[row] ** 2).sum()) for row in rows]),
    )


def rows_of(days: int, per_day: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    generator = np.random.default_rng(seed)
    day = np.repeat(START + np.arange(days), per_day)
    return day, generator.normal(size=days * per_day), generator


def test_skills_and_their_difference_are_those_worked_out_by_hand() -> None:
    # Six days, each with five labels 0 and five labels 2: mean 1, naive loss 60 x 60/59.
    day = np.repeat(START + np.arange(6), 10)
    label = np.tile([0.0] * 5 + [2.0] * 5, 6)
    before = label_days(day, label, label + 1.0)  # loss 1 a row
    after = label_days(day, label, label + 0.5)  # loss 0.25 a row
    found = paired(before, after)
    assert found is not None
    naive = 60 * 60 / 59
    assert found.skill_before == pytest.approx(1 - 60 / naive)
    assert found.skill_after == pytest.approx(1 - 15 / naive)
    assert found.difference == pytest.approx(45 / naive)
    assert (found.days, found.rows, found.same_rows) == (6, 60, True)
    assert (found.first, found.last) == (date(2026, 3, 1), date(2026, 3, 6))
    assert found.low == pytest.approx(found.difference) == pytest.approx(found.high)  # every day says the same


def test_agrees_with_row_by_row_arithmetic() -> None:
    day, label, generator = rows_of(20, 13)
    said = label + generator.normal(scale=0.8, size=len(label)), label + generator.normal(scale=0.5, size=len(label))
    found = paired(label_days(day, label, said[0]), label_days(day, label, said[1]))
    assert found is not None
    n, mean = len(label), label.mean()
    naive_rows = (label - mean) ** 2 * n / (n - 1)
    losses = [(each - label) ** 2 for each in said]
    difference = (losses[0] - losses[1]).sum() / naive_rows.sum()
    residuals = [((losses[0] - losses[1]) - difference * naive_rows)[day == each].sum() for each in np.unique(day)]
    error = np.sqrt(20 / 19 * np.square(residuals).sum()) / naive_rows.sum()
    assert found.difference == pytest.approx(difference)
    assert found.high - found.difference == pytest.approx(student.ppf(0.95, 19) * error)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_version_is_no_better_than_itself(seed: int) -> None:
    day, label, generator = rows_of(8, 6, seed=seed)
    one = label_days(day, label, label + generator.normal(size=len(label)))
    found = paired(one, one)
    assert found is not None
    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-50, 50))
def test_swapping_the_versions_turns_the_difference_round_and_a_shift_of_labels_changes_nothing(
    seed: int, shift: float
) -> None:
    day, label, generator = rows_of(8, 6, seed=seed)
    said = label + generator.normal(size=len(label)), label + generator.normal(size=len(label))

    def compared(old: int, new: int, by: float) -> Comparison:
        found = paired(label_days(day, label + by, said[old] + by), label_days(day, label + by, said[new] + by))
        assert found is not None
        return found

    there, back, shifted = compared(0, 1, 0.0), compared(1, 0, 0.0), compared(0, 1, shift)
    assert there.difference == pytest.approx(-back.difference, abs=1e-9)
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert there.high == pytest.approx(-back.low, abs=1e-9)
    assert shifted.difference == pytest.approx(there.difference, abs=1e-6)
    assert shifted.low == pytest.approx(there.low, abs=1e-6)


def test_interval_holds_the_truth_about_nine_times_in_ten() -> None:
    # Days differ from each other, so an interval from rows alone would be far too narrow.
    held, truth = 0, (0.8**2 - 0.5**2)
    for seed in range(300):
        generator = np.random.default_rng(seed)
        day = np.repeat(START + np.arange(28), 20)
        label = generator.normal(size=len(day))
        hard = np.repeat(generator.gamma(4, 0.25, size=28), 20)
        said = [label + np.sqrt(hard) * generator.normal(scale=scale, size=len(day)) for scale in (0.8, 0.5)]
        found = paired(label_days(day, label, said[0]), label_days(day, label, said[1]))
        assert found is not None
        held += found.low <= truth <= found.high
    assert 0.85 <= held / 300 <= 0.95


def test_only_days_that_both_predicted_are_compared() -> None:
    day, label, _ = rows_of(20, 10)
    both = day >= START + 8
    before, after = label_days(day, label, label + 1.0), label_days(day[both], label[both], label[both])
    found = paired(before, after)
    assert found is not None
    assert (found.first, found.days, found.rows) == (date(2026, 3, 9), 12, 120)
    limited = paired(before, after, first=date(2026, 3, 12), last=date(2026, 3, 18))
    assert limited is not None
    assert (limited.first, limited.last) == (date(2026, 3, 12), date(2026, 3, 18))


def test_split_traffic_is_compared_by_days_and_not_called_the_same_rows() -> None:
    day, label, generator = rows_of(10, 40)
    first = generator.random(len(day)) < 0.3
    said = label + 1.0
    found = paired(
        label_days(day[first], label[first], said[first]), label_days(day[~first], label[~first], label[~first])
    )
    assert found is not None
    assert not found.same_rows
    assert found.skill_after == 1.0
    assert found.skill_before == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize(("days", "per_day"), [(4, 100), (5, 5)])
def test_too_little_is_not_compared(days: int, per_day: int) -> None:
    day, label, _ = rows_of(days, per_day)
    one = label_days(day, label, label)
    assert paired(one, one) is None


def test_labels_that_never_differ_cannot_be_compared() -> None:
    day, label, _ = rows_of(10, 10)
    one = label_days(day, np.ones_like(label), label)
    assert paired(one, one) is None


def test_hard_classes_are_compared_with_the_more_frequent_class() -> None:
    day = np.repeat(START + np.arange(6), 10)
    # Seven of ten are of the second class: the naive forecast misses 3 a day; the versions miss 2 and 1.
    counts = np.tile([3.0, 7.0], (6, 1))
    old = LabelDays(np.unique(day), np.full(6, 10.0), np.full(6, 2.0), counts, np.full(6, 10.0), hard=True)
    new = LabelDays(np.unique(day), np.full(6, 10.0), np.full(6, 1.0), counts, np.full(6, 10.0), hard=True)
    found = paired(old, new)
    assert found is not None
    assert found.skill_before == pytest.approx(1 / 3)
    assert found.skill_after == pytest.approx(2 / 3)


def test_sums_come_from_the_profiles_by_prediction_day_whenever_labels_came() -> None:
    reference = history_builders.reference()
    day = np.array(["2026-03-01", "2026-03-01", "2026-03-02"], dtype="datetime64[D]")
    label = np.array([1.0, 0.0, 1.0])
    rows = LabelledRows(
        day=day,
        version=np.array(["v1"] * 3, dtype=object),
        arrival=day + np.array([1, 5, 2]),
        valid_to=np.full(3, np.datetime64("NaT", "D")),
        score=np.array([0.5, 0.5, 0.25]),
        prediction=label,
        label=label,
    )
    layout = reference.label_layout
    found = LabelDays.of(layout, count_labels(layout, rows))
    assert found.rows.tolist() == [2.0, 1.0]
    assert found.loss.tolist() == pytest.approx([0.5, 0.5625])
    assert found.y[:, 0].tolist() == [1.0, 1.0]
    without = LabelDays.of(layout, count_labels(layout, rows), without=[date(2026, 3, 1)])
    assert without.day.tolist() == [date(2026, 3, 1) + timedelta(days=1)]
