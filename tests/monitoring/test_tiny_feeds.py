"""Broken feeds of models with a few rows a day: the last rows are tested together (METHODS sections 6 and 13)."""

import numpy as np
import pytest

from monitoring.assessment import FindingKind
from monitoring.tiny_feeds import blocks, few_rows, pooled_rise, pooled_single
from tests.monitoring.history_builders import Predictions, binary, past, reference, segment


def rose(counts: list[int], rows: list[int], *, normal: float = 0.0, variance: float = 0.0) -> list[bool]:
    flags = pooled_rise(
        np.array(counts)[:, None],
        np.array(rows),
        normal=np.array([normal]),
        variance=np.array([variance]),
        rise=np.array([0.05]),
    )
    return flags[:, 0].tolist()  # type: ignore[no-any-return] # a list of flags


def test_three_empty_rows_are_no_proof_and_four_are() -> None:
    assert 0.002**3 > 1e-9 > 0.002**4
    assert rose([0, 0, 3], [3, 3, 3]) == [False, False, False]
    assert rose([0, 0, 4], [4, 4, 4]) == [False, False, True]
    assert rose([0, 2, 2], [2, 2, 2]) == [False, False, True]


def test_what_is_often_empty_needs_more_rows() -> None:
    assert rose([4, 4], [4, 4], normal=0.1) == [False, False]
    assert rose([4, 4, 4], [4, 4, 4], normal=0.1) == [False, False, True]


def test_a_day_that_does_not_show_it_is_not_broken() -> None:
    assert rose([4, 4, 0], [4, 4, 4]) == [True, True, False]


def test_no_more_than_thirty_rows_are_looked_back_on() -> None:
    few = [
        1 if i % 8 == 0 else 0 for i in range(40)
    ]  # one in eight rows: in time nine would be no chance, in thirty rows four are
    assert not any(rose(few, [1] * 40))


def test_what_differs_between_days_anyway_is_no_rise() -> None:
    assert rose([4], [4], variance=(1 / 7) ** 2) == [True]
    assert rose([4], [4], variance=(1 / 5) ** 2) == [False]


def test_days_of_ten_rows_and_weeks_of_thirty_a_day_are_not_asked() -> None:
    assert few_rows(np.array([9, 10, 0, 5])).tolist() == [True, False, False, True]
    assert few_rows(np.array([300, 5])).tolist() == [False, False]


def test_one_value_is_stuck_when_its_run_is_incredible() -> None:
    rows, asked, chance = np.array([3, 3, 3, 3]), np.ones(4, dtype=bool), np.full(4, 0.05)
    assert pooled_single(np.array([1.0, 1.0, 1.0, 2.0]), chance, rows, asked).tolist() == [False, False, True, False]
    assert not pooled_single(np.array([1.0, 2.0, 1.0, 2.0]), chance, rows, asked).any()
    assert not pooled_single(np.full(4, np.nan), np.zeros(4), rows, asked).any()


def test_runs_of_days_have_ten_rows_together() -> None:
    assert blocks(np.array([4, 4, 4, 4, 4, 4, 4])).tolist() == [0, 3]
    assert blocks(np.array([20, 20])).tolist() == [0, 1]
    assert blocks(np.array([2, 2])).tolist() == [0]


def tiny(rows_a_day: int, **different: int) -> Predictions:
    return binary(days=60, rows_a_day=rows_a_day, **different)  # type: ignore[arg-type] # a seed


def open_days(live: Predictions, kind: FindingKind, *, rows_a_day: int, name: str = "amount") -> list[int]:
    quality = segment(live, against=reference(past(rows_a_day=rows_a_day))).quality[name]
    return [int(i) for check in quality.checks if check.kind is kind for i in np.flatnonzero(check.open)]


@pytest.mark.parametrize("rows_a_day", [2, 5, 9])
def test_an_empty_feed_of_a_tiny_model_is_found_within_two_days_and_cleared_on_ten_clean_rows(rows_a_day: int) -> None:
    live = tiny(rows_a_day).with_feature("amount", np.nan, since=20, until=30)
    found = open_days(live, FindingKind.NULLS, rows_a_day=rows_a_day)
    assert found[0] - 20 <= 1
    assert found[-1] == 30 + max(4, -(-10 // rows_a_day)) - 1


def test_a_third_of_the_rows_empty_is_found_on_a_tiny_model_too() -> None:
    live = tiny(6)
    some = np.where(np.arange(len(live.day)) % 3 == 0, np.nan, live.features["amount"])
    assert open_days(live.with_feature("amount", some, since=20), FindingKind.NULLS, rows_a_day=6)[0] in {21, 22, 23}


def test_a_number_and_a_level_that_stand_still_are_found_on_tiny_models() -> None:
    assert open_days(tiny(5).with_feature("amount", 100.0, since=20), FindingKind.STUCK, rows_a_day=5)[0] <= 21
    stuck = tiny(5).with_feature("channel", "phone", since=20)
    assert open_days(stuck, FindingKind.STUCK, rows_a_day=5, name="channel")[0] <= 22


def test_unknown_levels_are_found_on_tiny_models() -> None:
    live = tiny(3).with_feature("channel", "drone", since=20)
    assert open_days(live, FindingKind.NEW_LEVEL, rows_a_day=3, name="channel")[0] <= 21


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rows_a_day", [1, 3, 9])
def test_tiny_models_of_which_nothing_is_broken_raise_nothing(rows_a_day: int, seed: int) -> None:
    quality = segment(tiny(rows_a_day, seed=seed), against=reference(past(rows_a_day=rows_a_day))).quality
    assert not any(each.open.any() for each in quality.values())
