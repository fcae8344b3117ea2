from datetime import timedelta
from typing import Any

import pytest

from dashboard.outcome_words import difference, headline, lines, skill
from dashboard.presentation import duration

PAIRED: dict[str, Any] = {
    "first": "2021-07-18",
    "last": "2021-07-27",
    "days": 10,
    "rows": 1691,
    "same_rows": True,
    "skill_before": 0.972,
    "skill_after": 0.992,
    "difference": 0.0199,
    "low": 0.0151,
    "high": 0.0248,
}
APART = {
    "skill_before": 0.9416,
    "skill_after": 0.91,
    "skill_difference": -0.0316,
    "skill_difference_low": -0.05,
    "skill_difference_high": -0.0002,
}


def test_paired_comparison_comes_first_and_is_called_so() -> None:
    measured = {"in_service": PAIRED, "back_scored": PAIRED, "before_after": APART}
    found = lines(measured)
    assert [line.title for line in found] == ["In service, paired", "Before it took over, paired", "Before and after"]
    assert found[0].basis == "both versions on the same 1,691 rows, 10 days, 18 Jul to 27 Jul"
    assert headline(measured) == found[0]


def test_days_without_the_same_rows_are_not_called_the_same_rows() -> None:
    (line,) = lines({"in_service": PAIRED | {"same_rows": False}})
    assert line.basis == "both versions on the same days, 1,691 rows, 10 days, 18 Jul to 27 Jul"


def test_nothing_measured_is_nothing_to_say() -> None:
    assert lines(None) == lines({"in_service": None, "back_scored": None, "before_after": None}) == []
    assert headline(None) is None


def test_difference_has_its_sign_and_interval_in_points() -> None:
    up, down = lines({"in_service": PAIRED, "before_after": APART})
    assert difference(up) == "+2.0 [1.5, 2.5]"
    assert difference(down) == "\u22123.2 [\u22125.0, 0.0]"
    assert skill(up.before) == "97.2 %"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 s"),
        (14.4, "14 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (200_000, "2 d"),
    ],
)
def test_duration_is_said_in_its_largest_unit(seconds: float, shown: str) -> None:
    assert duration(timedelta(seconds=seconds)) == shown
