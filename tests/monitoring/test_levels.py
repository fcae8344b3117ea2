"""The levels of METHODS section 4, each condition at its threshold and just below, with all others held."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from monitoring.performance import PerformanceSeries, WindowTest
from monitoring.policy import DEFAULT_POLICY
from monitoring.reference import Reference
from tests.monitoring.history_builders import past, reference

BELOW = 1e-6


@dataclass(frozen=True)
class Day:
    """What the levels look at on one day."""

    cusum: float = 0.0
    improvement: float = 0.0
    onset_effect: float = 0.0
    onset_z: float = 9.0
    onset_misfit: float = 0.5
    misfit_28: float = 0.5
    error: float = 0.001
    days_since_onset: int = 30
    z_28: float = 0.0
    effect_28: float = 0.0
    z_7: float = 5.0
    effect_7: float = 0.5


def series_of(day: Day, *, against: Reference | None = None) -> PerformanceSeries:
    """Return a series of 40 days, each as ``day``."""
    base = against or reference()
    series = PerformanceSeries(base, np.zeros((40, base.label_layout.width)), policy=DEFAULT_POLICY)

    def each(value: float) -> np.ndarray:
        return np.full(40, value)

    series.cusum, series.improvement, series.onset_effect = map(each, (day.cusum, day.improvement, day.onset_effect))
    series.onset = np.arange(40) - day.days_since_onset
    series.onset_se, series.scale = each(day.error), each(1.0)
    series.window = {
        7: WindowTest(n=each(100), mean=each(day.z_7), se=each(1.0), effect=each(day.effect_7)),
        28: WindowTest(n=each(400), mean=each(0.0), se=each(day.error), effect=each(day.effect_28)),
    }
    made_up = {"z_28": day.z_28, "onset_z": day.onset_z, "onset_misfit": day.onset_misfit, "misfit_28": day.misfit_28}
    series.__dict__.update({name: each(value) for name, value in made_up.items()})
    return series


def watched(day: Day) -> bool:
    return bool(series_of(day).watch_condition[-1])


def retrained(day: Day, *, against: Reference | None = None) -> bool:
    return bool(series_of(day, against=against).retrain_condition[-1])


def lower(day: Day, name: str) -> Day:
    return replace(day, **{name: getattr(day, name) - BELOW})


@pytest.mark.parametrize("day", [Day(cusum=4.0, onset_effect=0.08, onset_z=3.0), Day(z_28=3.0, effect_28=0.08)])
def test_watch_needs_distance_from_chance_and_an_effect_of_eight_percent(day: Day) -> None:
    assert watched(day)
    names = ("cusum", "onset_effect", "onset_z") if day.cusum else ("z_28", "effect_28")
    assert not any(watched(lower(day, name)) for name in names)


@pytest.mark.parametrize("day", [Day(cusum=6.0, onset_effect=0.15), Day(z_28=4.0, effect_28=0.15)])
def test_retrain_needs_more_of_both_and_a_week_that_is_still_bad(day: Day) -> None:
    still = replace(day, z_7=1.5, effect_7=0.075, onset_misfit=0.075, misfit_28=0.075)
    assert retrained(still)
    names = ("cusum", "onset_effect", "onset_misfit") if day.cusum else ("z_28", "effect_28", "misfit_28")
    assert not any(retrained(lower(still, name)) for name in (*names, "z_7", "effect_7"))


@pytest.mark.parametrize("day", [Day(cusum=6.0, onset_effect=0.15), Day(z_28=4.0, effect_28=0.15)])
def test_a_misfit_that_is_not_proven_beyond_the_tolerance_is_no_retraining(day: Day) -> None:
    assert retrained(replace(day, onset_misfit=0.15, misfit_28=0.15, error=0.10 / 3.001))
    assert not retrained(replace(day, onset_misfit=0.15, misfit_28=0.15, error=0.10 / 2.999))


def test_watch_does_not_ask_how_the_last_week_was() -> None:
    assert watched(Day(cusum=4.0, onset_effect=0.08, z_7=-3.0, effect_7=-0.2))


def test_on_a_short_reference_the_cusum_waits_fourteen_days_and_the_window_does_not() -> None:
    short = reference(past(days=42))
    day = Day(cusum=6.0, onset_effect=0.15, days_since_onset=14)
    assert retrained(day, against=short)
    young = replace(day, days_since_onset=13)
    assert not retrained(young, against=short)
    assert retrained(young)
    assert retrained(replace(young, z_28=4.0, effect_28=0.15), against=short)


def test_better_needs_as_much_as_watch_in_the_other_direction() -> None:
    day = Day(improvement=4.0, effect_28=-0.08)
    assert series_of(day).is_better[-1]
    assert not series_of(lower(day, "improvement")).is_better[-1]
    assert not series_of(replace(day, effect_28=-0.08 + BELOW)).is_better[-1]


def test_the_interval_is_one_and_two_thirds_standard_errors_either_way() -> None:
    series = series_of(Day(error=1.0))
    series.scale = np.full(40, 0.5)
    assert series.effect_low[-1] == pytest.approx(-1.645 / 0.5)
    assert series.effect_high[-1] == pytest.approx(1.645 / 0.5)
