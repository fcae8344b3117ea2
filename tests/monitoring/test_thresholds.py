"""What may stand in a policy: every threshold with its range, checked one by one and against each other."""

from dataclasses import asdict, replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors import InvalidThresholdError
from monitoring.policy import DEFAULT_POLICY
from monitoring.thresholds import (
    ORDERED,
    THRESHOLDS,
    THRESHOLDS_BY_NAME,
    Threshold,
    Unit,
    checked_policy,
    values_of,
)

one_threshold = st.sampled_from(THRESHOLDS)


def within(threshold: Threshold) -> st.SearchStrategy[float]:
    if threshold.unit is Unit.DAYS:
        return st.integers(int(threshold.low), int(threshold.high))
    return st.floats(threshold.low, threshold.high, allow_nan=False)


def test_every_number_of_a_policy_is_a_threshold_people_can_set() -> None:
    assert set(THRESHOLDS_BY_NAME) == set(asdict(DEFAULT_POLICY)) - {"version"}


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda threshold: threshold.name)
def test_the_default_lies_inside_its_own_range(threshold: Threshold) -> None:
    assert threshold.checked(threshold.default) == threshold.default
    assert threshold.rule.count("{}") == 1


def test_without_values_the_policy_is_the_method() -> None:
    assert checked_policy({}, version="1") == DEFAULT_POLICY
    assert checked_policy(values_of(DEFAULT_POLICY), version="1") == DEFAULT_POLICY


@given(st.data())
def test_every_value_of_the_range_is_kept_as_it_is(data: st.DataObject) -> None:
    threshold = data.draw(one_threshold)
    value = data.draw(within(threshold))

    kept = threshold.checked(value)

    assert kept == value
    assert isinstance(kept, int if threshold.unit is Unit.DAYS else float)


@given(one_threshold, st.floats(min_value=1e-6, max_value=1e12), st.booleans())
def test_a_value_outside_is_refused_and_the_sentence_names_field_and_range(
    threshold: Threshold, beyond: float, above: bool
) -> None:
    value = threshold.high + beyond if above else threshold.low - beyond
    with pytest.raises(InvalidThresholdError) as refused:
        threshold.checked(value)
    assert str(refused.value).startswith(f"{threshold.title} must lie {threshold.range_words}")


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(InvalidThresholdError, match="Retrain: advantage lost must be a number between 2 % and 95 %"):
        checked_policy({"effect_retrain": value}, version="2")


def test_half_a_day_is_refused() -> None:
    with pytest.raises(InvalidThresholdError, match="whole number of days between 3 days and 180 days"):
        checked_policy({"traffic_gone_days": 14.5}, version="2")


def test_an_unknown_threshold_is_refused_by_its_name() -> None:
    with pytest.raises(InvalidThresholdError, match="no threshold 'effect'"):
        checked_policy({"effect": 0.1}, version="2")


@pytest.mark.parametrize(("lower", "upper"), ORDERED)
def test_watch_never_asks_for_more_than_retrain(lower: str, upper: str) -> None:
    above = THRESHOLDS_BY_NAME[upper].default + 0.01
    with pytest.raises(InvalidThresholdError, match="must not lie above"):
        checked_policy({lower: above}, version="2")


@given(st.data())
def test_a_policy_of_valid_values_is_found_again_in_its_values(data: st.DataObject) -> None:
    values = {each.name: data.draw(within(each)) for each in THRESHOLDS}
    for lower, upper in ORDERED:
        pair = sorted((values[lower], values[upper]))
        values[lower] = min(max(pair[0], THRESHOLDS_BY_NAME[lower].low), THRESHOLDS_BY_NAME[lower].high)
        values[upper] = min(max(pair[1], values[lower], THRESHOLDS_BY_NAME[upper].low), THRESHOLDS_BY_NAME[upper].high)

    policy = checked_policy(values, version="7")

    assert values_of(policy) == values
    assert policy.version == "7"


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda threshold: threshold.name)
def test_a_change_is_called_stricter_or_more_lenient(threshold: Threshold) -> None:
    up = threshold.change_words(before=threshold.default, after=threshold.high)
    down = threshold.change_words(before=threshold.default, after=threshold.low)

    assert {up, down} == {"stricter", "more lenient"}
    assert threshold.change_words(before=threshold.default, after=threshold.default) == ""


def test_values_are_shown_with_their_unit() -> None:
    assert [threshold.words(threshold.default) for threshold in THRESHOLDS][:4] == [
        "8 %",
        "15 %",
        "4 standard errors",
        "6 standard errors",
    ]
    assert THRESHOLDS_BY_NAME["data_quality_gate"].words(0.005) == "0.5 %"
    assert THRESHOLDS_BY_NAME["drift_watch"].words(0.1) == "drift score 0.1"
    assert THRESHOLDS_BY_NAME["traffic_gone_days"].sentence(14).endswith("gone for 14 days in a row.")


def test_the_content_of_the_first_version_is_that_of_the_method() -> None:
    assert values_of(replace(DEFAULT_POLICY, version="2")) == values_of(DEFAULT_POLICY)
