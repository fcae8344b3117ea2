"""Thresholds of data quality at their value and just below (METHODS section 6)."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monitoring.assessment import FindingKind
from monitoring.data_quality import _share_check
from monitoring.scale_change import KINDS, NO_CHANGE, Moments, _baselines, _day_scale, _is_known
from tests.monitoring.history_builders import binary, kinds, past, reference, segment

REFERENCE = reference().layout.counts_at
UNSEEN, MISTYPED = REFERENCE["channel"].stop - 2, REFERENCE["amount"].stop - 1


def rises(
    share: float, rows: int, *, normal: float = 0.0, variance: float = 0.0, rise: float = 0.05, own: bool = False
) -> bool:
    flags = _share_check(
        np.array([[share]]),
        np.array([rows]),
        normal=np.array([normal]),
        variance=np.array([variance]),
        rise=np.array([rise]),
        own=own,
    )
    return bool(flags[0, 0])


@pytest.mark.parametrize(("rows", "is_rise"), [(28, False), (29, True)])
def test_a_share_rises_by_six_standard_errors_of_at_least_two_in_a_thousand(rows: int, is_rise: bool) -> None:
    assert bool(0.05 / np.sqrt(0.002 / rows) >= 6) is is_rise
    assert rises(0.05, rows) is is_rise


def test_a_share_rises_by_its_whole_rise_beyond_what_the_reference_s_days_vary() -> None:
    assert rises(0.0501, 10_000)
    assert not rises(0.0499, 10_000)
    assert rises(0.0501, 10_000, variance=(0.05 / 7) ** 2)
    assert not rises(0.0501, 10_000, variance=(0.05 / 5) ** 2)
    assert not rises(0.9, 9)


def test_a_share_of_new_levels_is_material_by_one_standard_error_of_its_own() -> None:
    error = np.sqrt(0.07 * 0.93 / 100)
    assert rises(0.07, 100, rise=0.07 - error - 1e-9, own=True)
    assert not rises(0.07, 100, rise=0.07 - error + 1e-9, own=True)


@pytest.mark.parametrize(("count", "is_open"), [(57, False), (59, True)])
def test_levels_never_seen_are_a_finding_from_five_percent(count: int, is_open: bool) -> None:
    assert opened(FindingKind.NEW_LEVEL, "channel", at=UNSEEN, count=count) is is_open


@pytest.mark.parametrize(("count", "is_open"), [(9, False), (10, True)])
def test_values_that_are_no_numbers_are_a_finding_from_one_percent(count: int, is_open: bool) -> None:
    assert opened(FindingKind.TYPE_CHANGE, "amount", at=MISTYPED, count=count) is is_open


def opened(kind: FindingKind, feature: str, *, at: int, count: int) -> bool:
    history = segment(binary(days=3, rows_a_day=1_000))
    counts = history.profiles.counts.copy()
    counts[:, at] = count
    history = replace(history, profiles=replace(history.profiles, counts=counts))
    (check,) = [check for check in history.quality[feature].checks if check.kind is kind]
    return bool(check.open[0])


def test_a_number_that_never_changes_is_checked_for_nulls_and_new_values_only() -> None:
    used, live = past().with_feature("note", 5.0, since=-1_000), binary(days=30, rows_a_day=100)
    base = reference(used)
    history = segment(live.with_feature("note", 5.0), against=base)
    assert {check.kind for check in history.quality["note"].checks} == {
        FindingKind.NULLS,
        FindingKind.TYPE_CHANGE,
        FindingKind.NEW_LEVEL,
    }
    assert kinds(history, 29) == set()
    other = np.where(np.arange(3_000) % 10 == 0, 7.0, 5.0)
    assert kinds(segment(live.with_feature("note", other, since=20), against=base), 25) == {FindingKind.NEW_LEVEL}


# Changes of unit, scale and level: a day against a baseline of mean 100 and sd 10.


def moments(*, n: float, mean: float, sd: float) -> Moments:
    return Moments(np.array([[n]]), np.array([[n * mean]]), np.array([[n * (sd**2 + mean**2)]]))


def scale(
    *, mean: float, sd: float, jump: float, outside: float, n: float = 1_000_000, was: FindingKind | None = None
) -> FindingKind | bool | None:
    """Return the change a day shows, or whether an open one stays open; ``jump`` is reached by the variance between days."""
    baseline = moments(n=1e9, mean=100.0, sd=10.0)
    between = ((mean - 100.0) / jump) ** 2 / 1.3 if jump else 1e12
    between -= 10.0**2 / n / 1.3
    found = _day_scale(
        moments(n=n, mean=mean, sd=sd),
        baseline,
        between=np.array([between]),
        outside=np.array([[outside]]),
        moved=np.ones((1, 1), dtype=bool),
    )
    if was is not None:
        return bool(found.keeps[KINDS.index(was), 0, 0])
    kind = int(found.kind[0, 0])
    return None if kind == NO_CHANGE else KINDS[kind]


def test_half_of_the_rows_outside_the_range_and_a_jump_of_six_are_a_change_of_unit_or_scale() -> None:
    assert scale(mean=110, sd=10, jump=6.01, outside=0.51) is FindingKind.UNIT
    assert scale(mean=110, sd=10, jump=5.99, outside=0.51) is None
    assert scale(mean=110, sd=10, jump=6.01, outside=0.50) is None


def test_eight_times_the_spread_and_four_times_the_mean_are_one_too() -> None:
    assert scale(mean=401, sd=81, jump=6.01, outside=0.0) is FindingKind.UNIT
    assert scale(mean=399, sd=81, jump=6.01, outside=0.0) is None
    assert scale(mean=401, sd=79, jump=6.01, outside=0.0) is None
    assert scale(mean=401, sd=81, jump=6.01, outside=0.0, n=29) is None
    assert scale(mean=24.9, sd=1.24, jump=6.01, outside=0.0) is FindingKind.UNIT


def test_a_known_factor_with_a_jump_of_ten_and_a_twentieth_outside_is_rescaled() -> None:
    day: dict[str, Any] = {"mean": 160.9344, "sd": 16.1, "jump": 10.01, "outside": 0.051}
    assert scale(**day) is FindingKind.RESCALED
    assert scale(**day | {"jump": 9.99}) is None
    assert scale(**day | {"outside": 0.049}) is FindingKind.LEVEL_CHANGE
    assert scale(**day | {"mean": 165.0, "sd": 16.5}) is FindingKind.LEVEL_CHANGE
    assert scale(**day | {"n": 29}) is None
    assert scale(**day | {"sd": 16.1 * 1.17}) is None
    assert scale(**day | {"sd": 16.1 * 1.15}) is FindingKind.RESCALED


def test_a_factor_below_a_quarter_more_is_no_change_of_level() -> None:
    assert scale(mean=126, sd=12.6, jump=10.01, outside=0.0) is FindingKind.LEVEL_CHANGE
    assert scale(mean=124, sd=12.4, jump=10.01, outside=0.0) is None
    assert scale(mean=79, sd=7.9, jump=10.01, outside=0.0) is FindingKind.LEVEL_CHANGE
    assert scale(mean=81, sd=8.1, jump=10.01, outside=0.0) is None


@pytest.mark.parametrize(
    ("factor", "se", "known"),
    [(1.609344, 0.0, True), (1.64, 0.0, True), (1.645, 0.0, False), (1.645, 0.015, True), (1 / 1.609344, 0.0, True)],
)
def test_a_factor_is_known_within_two_percent_or_two_and_a_half_of_its_errors(
    factor: float, se: float, known: bool
) -> None:
    assert bool(_is_known(np.array([factor]), np.array([se]))[0]) is known


def test_an_open_change_stays_open_at_half_its_threshold_while_the_jump_is_three() -> None:
    halves = {
        FindingKind.UNIT: ({"mean": 110.0, "sd": 10.0, "outside": 0.251}, {"outside": 0.249}),
        FindingKind.RESCALED: ({"mean": 160.0, "sd": 16.0, "outside": 0.026}, {"outside": 0.024}),
        FindingKind.LEVEL_CHANGE: ({"mean": 113.0, "sd": 11.0, "outside": 0.0}, {"mean": 112.0}),
    }
    for kind, (day, less) in halves.items():
        assert scale(**day, jump=3.01, was=kind) is True
        assert scale(**day, jump=2.99, was=kind) is False
        assert scale(**day | less, jump=3.01, was=kind) is False


def test_the_baseline_is_the_fourteen_days_before() -> None:
    n = np.full((14, 1), 10.0)
    before = Moments(n, np.arange(14.0)[:, None] * n, n)
    days = Moments(n[:2], 14.0 * n[:2], n[:2])
    found = _baselines(before, days)
    assert found.mean[:, 0] == pytest.approx([np.mean(range(14)), np.mean(range(1, 15))])
