from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.wording import REASON_LENGTH, day_text, interval, joined, number, percent, reason, with_note


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.31, "31 %"), (0.004, "0.4 %"), (0.0, "0 %"), (-0.05, "−5 %"), (12.5, "1,250 %"), (-0.0002, "0.0 %")],
)
def test_a_share_is_said_in_whole_percent_below_one_with_a_digit(share: float, text: str) -> None:
    assert percent(share) == text


def test_an_interval_names_the_unit_once() -> None:
    assert interval(0.31, 0.22, 0.4) == "31 % [22, 40]"
    assert interval(0.05, -0.1, 0.2) == "5 % [−10, 20]"


@pytest.mark.parametrize(
    ("value", "text"),
    [(4_321, "4,321"), (0.534, "0.53"), (12.34, "12.3"), (1234.6, "1,235"), (-0.5, "−0.50"), (0, "0")],
)
def test_a_number_has_three_significant_figures_or_comma_groups(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e9, 1e9))
def test_a_number_has_a_real_minus_sign_and_no_hyphen(value: float) -> None:
    assert "-" not in number(value) + percent(value)


def test_names_are_listed_in_words_and_the_rest_is_counted() -> None:
    assert joined(["a"]) == "a"
    assert joined(["a", "b"]) == "a and b"
    assert joined(["a", "b", "c"]) == "a, b and c"
    assert joined(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


@given(st.text())
def test_a_reason_fits_its_column(text: str) -> None:
    assert len(reason(text)) <= REASON_LENGTH
    assert reason(text) == text or reason(text).endswith("…")


def test_a_reason_is_cut_at_a_word() -> None:
    text = "wind_speed_at_departure moved, and it moved so far that there is no room"
    assert reason(text) == "wind_speed_at_departure moved, and it moved so far that…"


@given(st.text(min_size=1), st.text())
def test_a_note_is_added_only_where_it_fits(text: str, note: str) -> None:
    assert len(with_note(text, note)) <= REASON_LENGTH


def test_a_note_that_does_not_fit_is_left_out() -> None:
    assert with_note("Lost 31 % of its advantage since 25 Oct", "data clean") == (
        "Lost 31 % of its advantage since 25 Oct; data clean."
    )
    assert with_note("x" * 55, "data clean") == "x" * 55 + "."


def test_a_day_is_written_without_its_year() -> None:
    assert day_text(date(2026, 3, 1)) == "1 Mar"
