from datetime import date, timedelta

import numpy as np
import pytest
from scipy import stats

from monitoring.portfolio_shift import ModelSigns, ShiftWatch, Sign
from monitoring.shift_rates import first_days, has_fault, newly_moving, shift_rates

FIRST = date(2026, 3, 2)
LETTERS = {"-": Sign.UNSEEN, ".": Sign.NORMAL, "m": Sign.MOVED, "b": Sign.BROKEN, "f": Sign.FAULTY}


def signs(*rows: str) -> np.ndarray:
    return np.array([[LETTERS[letter] for letter in row] for row in rows], dtype=np.int8)


def days_of(flags: np.ndarray) -> list[int]:
    return [int(day) for day in np.flatnonzero(flags[0])]


def test_a_row_is_new_once_it_is_abnormal_after_days_on_which_it_was_not() -> None:
    assert days_of(newly_moving(signs("..........mm"))) == [10, 11]
    assert days_of(newly_moving(signs("..........bf"))) == [10]


def test_a_row_that_was_abnormal_before_is_not_new() -> None:
    assert days_of(newly_moving(signs("mmmmmmmmmmmm"))) == []
    assert days_of(newly_moving(signs(".......m...m"))) == [7, 11]


def test_a_row_without_days_to_compare_with_is_not_new() -> None:
    assert days_of(newly_moving(signs("m"))) == []
    assert days_of(newly_moving(signs("------------m"))) == []


def test_what_is_new_is_what_the_search_for_shifts_calls_new() -> None:
    """An independent implementation: the search goes day by day."""
    rng = np.random.default_rng(7)
    given = rng.choice(np.array([-1, 0, 0, 0, 0, 0, 1, 2, 3], dtype=np.int8), (12, 40))
    watch = ShiftWatch({})
    for row in range(12):
        for day in range(40):
            sign = Sign(int(given[row, day]))
            at = FIRST + timedelta(days=day)
            watch.learn([ModelSigns(f"m{row:02}", at, at, (), (sign,))])
    found = np.column_stack([watch._new(FIRST + timedelta(days=day))[1] for day in range(40)])
    assert newly_moving(given).any()
    assert np.array_equal(newly_moving(given), found)


def test_a_move_counts_on_the_day_it_begins() -> None:
    moving = np.zeros((1, 20), dtype=bool)
    moving[0, [6, 7, 8, 14]] = True
    assert days_of(first_days(moving)) == [6, 14]


def test_chance_is_what_was_usual_before_and_an_earlier_shift_does_not_hide_the_next() -> None:
    moving = np.zeros((100, 60), dtype=bool)
    moving[:5] = True  # five of a hundred on ordinary days
    moving[:90, 40] = True
    rates = shift_rates(moving, np.ones((100, 60), dtype=bool))
    assert rates.moving[40] == 90
    assert rates.exposed.tolist() == [100] * 60
    assert rates.by_chance[50] == stats.binom.ppf(0.999, 100, 0.05)


def test_chance_is_one_per_cent_where_nothing_is_known_and_nothing_where_nobody_is() -> None:
    exposed = np.ones((100, 10), dtype=bool)
    exposed[:, 9] = False
    rates = shift_rates(np.zeros((100, 10), dtype=bool), exposed)
    assert rates.by_chance[0] == stats.binom.ppf(0.999, 100, 0.01)
    assert rates.by_chance[9] == 0


@pytest.mark.parametrize(("row", "faulty"), [("..m.", False), ("..b.", True), ("f...", True), ("----", False)])
def test_a_fault_is_a_data_quality_finding_on_any_day(row: str, faulty: bool) -> None:
    assert has_fault(signs(row)).tolist() == [faulty]
