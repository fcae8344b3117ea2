"""Conditions that last and clear, day by day on made-up series: nothing but the rule itself decides."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from monitoring.drift import DriftSeries
from monitoring.estimate import EstimateSeries
from monitoring.performance import PerformanceSeries, WindowTest
from monitoring.policy import DEFAULT_POLICY
from monitoring.segment import Segment
from monitoring.skill_findings import _hardly_ranks
from tests.monitoring.history_builders import binary, model, reference, segment

DAYS = 60


def spell(first: int, last: int, *, inside: float, outside: float) -> np.ndarray:
    """Return ``inside`` on the days from ``first`` to ``last`` and ``outside`` on all others."""
    day = np.arange(DAYS)
    return np.where((day >= first) & (day <= last), inside, outside)


def history(**made_up: Any) -> Segment:
    """Return a history of 60 days some of whose series are made up."""
    found = segment(binary(days=DAYS), of=model(label_delay_days=1.0), previous=reference())
    found.__dict__.update(made_up)
    return found


def on(flags: np.ndarray) -> list[int]:
    return [int(i) for i in np.flatnonzero(flags)]


# A retraining that did not help (METHODS section 8)


@dataclass
class AgainstOld:
    """What the old reference says."""

    z_7: np.ndarray
    effect_7: np.ndarray
    effect_high: np.ndarray
    n: np.ndarray = field(default_factory=lambda: np.full(DAYS, 100.0))

    @property
    def window(self) -> dict[int, WindowTest]:
        one = np.ones(DAYS)
        return {7: WindowTest(self.n, self.z_7, one, self.effect_7)}


def did_not_help(
    z: float = 3.0, effect: float = 0.15, *, first: int = 20, last: int = 24, helped: int = 0
) -> list[int]:
    high = spell(8, 8 + helped - 1, inside=0.1, outside=0.5)
    old = AgainstOld(spell(first, last, inside=z, outside=0.0), spell(first, last, inside=effect, outside=0.0), high)
    return on(history(against_previous=old).did_not_help)


def test_a_vain_retraining_needs_z_of_three_and_the_effect_of_a_retraining_and_clears_after_ten_days() -> None:
    assert did_not_help() == list(range(20, 25 + 9))
    assert did_not_help(z=2.999) == []
    assert did_not_help(effect=0.1499) == []


def test_a_version_that_settles_is_not_yet_called_vain() -> None:
    assert did_not_help(first=0, last=8)[0] == 8


@pytest.mark.parametrize(("helped", "asked"), [(27, True), (28, False)])
def test_a_retraining_that_helped_for_28_days_is_never_called_vain_later(helped: int, asked: bool) -> None:
    assert bool(did_not_help(first=40, last=45, helped=helped)) is asked


# Without labels (METHODS section 5)


def series_of(significant: np.ndarray) -> DriftSeries:
    return DriftSeries(np.where(significant, 1.0, 0.0), np.full(DAYS, 0.5), np.zeros(DAYS), np.full(DAYS, 700.0))


def unlabelled(
    d: np.ndarray,
    *,
    effect: float = 0.0,
    significant: bool = True,
    labels_end: int = -1,
    first: int = 20,
    last: int = 40,
) -> Segment:
    estimate = spell(first, last, inside=effect, outside=0.0)
    return history(
        drift_score=d,
        estimate=EstimateSeries(estimate, np.full(DAYS, 0.01), np.full(DAYS, 700.0)),
        score_drift=series_of(np.full(DAYS, significant)),
        newest_labelled=np.full(DAYS, labels_end),
    )


def test_strong_drift_without_labels_asks_after_seven_days_and_clears_after_seven() -> None:
    strong = spell(20, 30, inside=0.35, outside=0.0)
    assert on(unlabelled(strong).estimated_retrain) == list(range(26, 31 + 6))
    assert on(unlabelled(strong - 1e-6).estimated_retrain) == []
    short = spell(20, 25, inside=0.35, outside=0.0)
    assert on(unlabelled(short).estimated_retrain) == []


def test_an_estimated_loss_without_labels_needs_score_drift_and_some_drift_of_inputs() -> None:
    some = np.full(DAYS, 0.10)
    assert on(unlabelled(some, effect=0.15).estimated_retrain)[0] == 26
    assert on(unlabelled(some, effect=0.1499).estimated_retrain) == []
    assert on(unlabelled(some, effect=0.15, significant=False).estimated_retrain) == []
    assert on(unlabelled(some - 1e-6, effect=0.15).estimated_retrain) == []


def test_a_model_with_labels_is_not_retrained_on_an_estimate() -> None:
    assert on(unlabelled(np.full(DAYS, 0.5), labels_end=59).estimated_retrain) == []
    assert on(unlabelled(np.full(DAYS, 0.5), labels_end=20).estimated_retrain)[0] == 20 + 2 + 7 + 1


def test_an_estimated_loss_is_watched_on_the_third_day_while_no_label_covers_it() -> None:
    calm = np.zeros(DAYS)
    assert on(unlabelled(calm, effect=0.15).estimated_watch) == list(range(22, 41 + 6))
    assert on(unlabelled(calm, effect=0.1499).estimated_watch) == []
    assert on(unlabelled(calm, effect=0.15, labels_end=59).estimated_watch) == []
    uncertain = unlabelled(calm, effect=0.15)
    uncertain.__dict__["estimate"] = EstimateSeries(
        uncertain.estimate.effect, np.full(DAYS, 0.0501), np.full(DAYS, 700.0)
    )
    assert on(uncertain.estimated_watch) == []


# Drift (METHODS section 3)


def test_drift_is_watched_from_its_third_day_until_ten_days_below() -> None:
    assert on(history(drift_score=spell(20, 22, inside=0.10, outside=0.0)).drift_watch) == list(range(22, 23 + 9))
    assert on(history(drift_score=spell(20, 21, inside=0.10, outside=0.0)).drift_watch) == []
    assert on(history(drift_score=spell(20, 25, inside=0.10 - 1e-9, outside=0.0)).drift_watch) == []


def test_days_without_rows_do_not_exist_for_drift_and_for_clearing() -> None:
    live = np.ones(DAYS, dtype=bool)
    live[[21, 25, 26]] = False
    found = history(drift_score=spell(20, 23, inside=0.10, outside=0.0), live=live)
    assert on(found.drift_watch) == list(range(23, 24 + 9 + 2))


def test_a_watch_of_last_year_is_remembered_within_a_week_of_the_same_day_52_weeks_later() -> None:
    found = segment(binary(days=DAYS), days=460)
    found.__dict__["drift_watch"] = np.arange(460) == 50
    assert on(found.moved_last_year) == list(range(50 + 364 - 7, 50 + 364 + 7 + 1))


# No better than naive (METHODS section 8)


def naive(
    upper: np.ndarray,
    skill: np.ndarray,
    *,
    labels: float = 200.0,
    counted: np.ndarray | None = None,
    error: float = 0.0,
) -> PerformanceSeries:
    base = reference()
    sums = np.zeros((DAYS, base.label_layout.width))
    series = PerformanceSeries(base, sums, policy=DEFAULT_POLICY, counted=counted)
    series.sums_28[:, base.label_layout.slices["n"]] = labels
    series.__dict__.update(skill_upper=upper, skill_28=skill, skill_error=np.full(DAYS, error))
    return series


def test_no_better_than_naive_is_bounded_above_on_200_labels_for_three_days_and_clears_after_seven_good_ones() -> None:
    upper, skill = spell(20, 25, inside=0.0199, outside=0.5), spell(20, 27, inside=0.0, outside=0.02)
    assert on(naive(upper, skill).no_better_than_naive) == list(range(22, 28 + 6))
    assert on(naive(upper, skill, labels=199.0).no_better_than_naive) == []
    assert on(naive(upper + 0.0001, skill).no_better_than_naive) == []
    assert on(naive(spell(20, 21, inside=0.0, outside=0.5), skill).no_better_than_naive) == []


def test_a_model_with_little_skill_must_have_lost_some_to_be_no_better_than_naive() -> None:
    upper, skill = spell(20, 25, inside=0.0, outside=0.5), spell(20, 27, inside=0.0, outside=0.02)
    had = reference().skill
    assert on(naive(upper, skill, error=had / 3.5).no_better_than_naive) != []
    assert on(naive(upper, skill, error=had / 2.5).no_better_than_naive) == []


def test_days_that_do_not_count_neither_raise_nor_clear_it() -> None:
    upper, skill = spell(20, 25, inside=0.0, outside=0.5), spell(20, 27, inside=0.0, outside=0.02)
    counted = np.ones(DAYS, dtype=bool)
    counted[[21, 30]] = False
    assert on(naive(upper, skill, counted=counted).no_better_than_naive) == list(range(23, 28 + 6 + 1))


@pytest.mark.parametrize(
    ("skill", "ranks", "hardly"),
    [
        (0.01, 0.0199, True),
        (0.01, 0.02, False),
        (-0.11, 0.099, True),
        (-0.10, 0.05, False),
        (-0.5, 0.10, False),
    ],
)
def test_a_score_hardly_ranks_below_two_percent_or_below_ten_when_its_skill_is_below_minus_ten(
    skill: float, ranks: float, hardly: bool
) -> None:
    assert reference().label_rows >= 2_000
    assert _hardly_ranks(history(), skill, ranks) is hardly
