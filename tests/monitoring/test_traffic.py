from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from monitoring.assessment import FindingKind, Verdict
from monitoring.policy import DEFAULT_POLICY
from monitoring.portfolio import Cadence
from monitoring.traffic import TrafficSeries, traffic_series
from tests.monitoring.history_builders import START, binary, finding, kinds, model, past, reference, segment, verdicts


def series(*spells: tuple[int, int], every: int = 1) -> TrafficSeries:
    """Return the traffic of spells of (days, rows a day) against the ordinary reference of 100 rows a day."""
    rows = np.concatenate([np.full(days, rows) for days, rows in spells])
    return traffic_series(reference(), np.where(np.arange(len(rows)) % every == 0, rows, 0), DEFAULT_POLICY)


def first_day(flags: np.ndarray) -> int | None:
    found = np.flatnonzero(flags)
    return int(found[0]) if len(found) else None


def test_the_ratio_is_the_week_s_mean_over_that_of_the_reference_from_the_seventh_day_on() -> None:
    ratio = series((7, 100), (7, 50)).ratio
    assert np.isnan(ratio[:6]).all()
    assert ratio[[6, 8, 13]] == pytest.approx([1.0, (5 * 100 + 2 * 50) / 700, 0.5])


def test_ordinary_traffic_raises_nothing() -> None:
    traffic = series((60, 95))
    assert not (traffic.low | traffic.gone | traffic.halved | traffic.no_traffic).any()


def test_below_three_tenths_traffic_is_low() -> None:
    assert first_day(series((20, 100), (10, 29)).low) == 26
    assert first_day(series((20, 100), (10, 31)).low) is None


def test_a_few_rows_a_week_are_not_low_because_a_week_had_fewer() -> None:
    one, ten = (reference(past(rows_a_day=rows)) for rows in (1, 10))
    days = np.array([1] * 20 + [0] * 6 + [1] * 10)
    assert not traffic_series(one, days, DEFAULT_POLICY).low.any()
    assert traffic_series(ten, 10 * days, DEFAULT_POLICY).low[25]


def test_traffic_is_gone_after_fourteen_days_below_a_twentieth_and_back_after_three_above() -> None:
    traffic = series((20, 100), (30, 0), (10, 100))
    below = int(np.flatnonzero(traffic.ratio < 0.05)[0])
    assert first_day(traffic.gone) == below + 13
    assert first_day(~traffic.gone[below + 13 :]) == 50 + 2 - (below + 13)


def test_thirteen_days_below_a_twentieth_are_not_gone() -> None:
    assert not series((20, 100), (6 + 13, 0), (10, 100)).gone.any()


def test_three_days_without_rows_are_no_traffic() -> None:
    traffic = series((10, 100), (3, 0), (5, 100))
    assert np.flatnonzero(traffic.no_traffic).tolist() == [12]
    assert traffic.silent_days[12] == 3


def test_a_model_that_pauses_at_weekends_is_not_silent_after_three_days() -> None:
    used = past()
    working = used.only(used.since_start % 7 < 5)
    traffic = traffic_series(reference(working), np.r_[np.full(10, 100), np.zeros(3)], DEFAULT_POLICY)
    assert not traffic.no_traffic.any()


def test_traffic_has_halved_after_seven_days_of_a_28_day_sum_below_half() -> None:
    traffic = series((40, 100), (60, 40))
    below = 40 + int(np.flatnonzero(traffic.rows_28[40:] < 1_400)[0])
    assert first_day(traffic.halved) == below + 6


def test_a_few_rows_less_than_half_of_a_few_are_no_halving() -> None:
    used = past(rows_a_day=1)
    sparse = reference(used.only(used.since_start % 3 == 0))
    assert not traffic_series(sparse, np.where(np.arange(60) % 8 == 0, 1, 0), DEFAULT_POLICY).halved.any()


def test_rows_of_the_adjoining_reference_count_towards_the_91_days() -> None:
    traffic = series((100, 1))
    assert traffic.rows_91[0] == 1 + 84 * 100
    assert traffic.rows_91[10] == 11 + 80 * 100
    assert traffic.rows_91[95] == 91


def test_a_reference_without_days_says_nothing_about_traffic() -> None:
    used = past()
    whole = replace(used, day=np.full(len(used.day), np.datetime64(START - timedelta(days=1))))
    history = segment(binary(days=30, rows_a_day=40), against=reference(whole, has_days=False), days=34)
    assert set(verdicts(history)) == {Verdict.KEEP}
    assert np.isnan(history.traffic.ratio).all()


def test_a_weekly_model_is_silent_after_three_weeks_and_its_week_is_two() -> None:
    used = past(every=7, days=134)
    weekly = reference(used, of=model(cadence=Cadence.WEEKLY))
    live = binary(days=92, every=7)
    assert weekly.cadence_days == 7
    history = segment(live, against=weekly, of=model(cadence=Cadence.WEEKLY), days=120)
    assert history.stretch == 2
    assert history.traffic.ratio[91] == pytest.approx(1.0, abs=0.08)
    assert first_day(history.traffic.no_traffic) == 91 + 21
    assert set(verdicts(history)[:98]) == {Verdict.KEEP}


def test_a_monthly_model_is_judged_over_two_months() -> None:
    history = segment(binary(days=200, every=30, rows_a_day=400), of=model(cadence=Cadence.MONTHLY))
    assert history.stretch == 9


def test_the_finding_of_halved_traffic_asks_for_a_look_and_names_its_numbers() -> None:
    live = binary(days=70)
    history = segment(live.only((live.since_start < 20) | (np.arange(len(live.day)) % 100 < 40)))
    found = finding(history, 69, FindingKind.TRAFFIC_HALVED)
    assert found.argues_for is Verdict.WATCH
    assert found.sentence == "Traffic has halved: 40 % of its reference over 28 days. A candidate for retirement."
    assert (found.evidence["rows"], found.evidence["reference_value"]) == (1_120, 100.0)


def test_low_traffic_is_said_once_it_has_not_halved_yet() -> None:
    live = binary(days=31)
    history = segment(live.only((live.since_start < 20) | (np.arange(len(live.day)) % 100 < 20)))
    assert kinds(history, 30) == {FindingKind.TRAFFIC_LOW}


def weekly(*, weeks: int, rows_a_day: int = 100) -> TrafficSeries:
    """Return the traffic of a weekly model that ran for so many weeks and then was asked no more."""
    base = reference(past(every=7, days=140))
    rows = np.where((np.arange(400) % 7 == 0) & (np.arange(400) < 7 * weeks), rows_a_day, 0)
    return traffic_series(base, rows, DEFAULT_POLICY, stretch=2, cadence_days=7)


def test_a_weekly_model_is_gone_after_fourteen_weeks_not_fourteen_days() -> None:
    traffic = weekly(weeks=20)
    below = 140 + int(np.flatnonzero(traffic.ratio[140:] < 0.05)[0])
    assert first_day(traffic.gone) == below + 14 * 7 - 1


def test_a_weekly_model_has_halved_after_seven_weeks_with_rows() -> None:
    base = reference(past(every=7, days=140))
    rows = np.where(np.arange(400) % 7 == 0, np.where(np.arange(400) < 140, 100, 40), 0)
    traffic = traffic_series(base, rows, DEFAULT_POLICY, stretch=2, cadence_days=7)
    few = 140 + int(np.flatnonzero(traffic.rows_28[140:] < traffic.expected_28 / 2)[0])
    counted = [day for day in range(few, 400) if rows[day]]
    assert first_day(traffic.halved) == counted[6]


def test_the_card_s_cadence_stands_above_that_of_the_reference() -> None:
    history = segment(binary(days=20, every=7), of=model(cadence=Cadence.WEEKLY), days=40)
    assert history.cadence_days == 7
    assert first_day(history.traffic.no_traffic) == 14 + 21
    assert segment(binary(days=20, every=7), days=40).cadence_days == 1


def test_a_model_that_stops_for_more_than_sixty_days_is_a_candidate_for_retirement() -> None:
    history = segment(binary(days=20), days=120)
    assert first_day(history.traffic.stopped) == 19 + 61
    found = finding(history, 19 + 61, FindingKind.RETIREMENT_CANDIDATE)
    assert found.sentence == "Nobody has asked it for 61 days: a candidate for retirement."
    assert found.argues_for is Verdict.KEEP
    assert FindingKind.RETIREMENT_CANDIDATE not in kinds(history, 19 + 60)


def test_a_model_without_an_owner_is_a_candidate_and_nothing_more() -> None:
    history = segment(binary(days=9), of=model(owner=None))
    assert finding(history, 8, FindingKind.RETIREMENT_CANDIDATE).subject == "owner"
    assert set(verdicts(history)) == {Verdict.KEEP}


def test_halved_traffic_needs_four_standard_errors_of_the_reference_s_own_weeks() -> None:
    used = past()
    wild = reference(used.only((used.since_start // 7) % 2 == 0))
    spread = traffic_series(wild, np.full(60, 20), DEFAULT_POLICY)
    calm = traffic_series(reference(past(rows_a_day=50)), np.full(60, 20), DEFAULT_POLICY)
    assert calm.halved.any()
    assert spread.expected_28 == pytest.approx(calm.expected_28, rel=0.1)
    assert not spread.halved.any()
