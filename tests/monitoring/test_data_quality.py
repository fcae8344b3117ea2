from dataclasses import replace

import numpy as np
import pytest

from monitoring.assessment import FindingKind, Verdict
from monitoring.data_quality import is_often_constant
from tests.monitoring.history_builders import (
    FEATURES,
    Predictions,
    binary,
    finding,
    kinds,
    model,
    past,
    reference,
    segment,
    verdicts,
)

BROKEN_FROM, BROKEN_TO = 20, 30


def with_amount(values: np.ndarray | float, live: Predictions | None = None) -> Predictions:
    """Return a history in which ``amount`` is different on the days 20 to 30."""
    return (live or binary(days=45)).with_feature("amount", values, since=BROKEN_FROM, until=BROKEN_TO)


def sparse(rows_a_day: int) -> tuple[Predictions, object]:
    return binary(days=45, rows_a_day=rows_a_day), reference(past(rows_a_day=rows_a_day))


def open_days(live: Predictions, kind: FindingKind, name: str = "amount", **different: object) -> list[int]:
    """Return the days on which this finding of a feature is open."""
    quality = segment(live, **different).quality[name]  # type: ignore[arg-type] # what differs is the caller's
    return [int(i) for check in quality.checks if check.kind is kind for i in np.flatnonzero(check.open)]


def test_ordinary_days_raise_nothing() -> None:
    assert not any(quality.open.any() for quality in segment(binary(days=120)).quality.values())


def test_nulls_are_found_on_their_first_day_and_cleared_after_four_clean_ones() -> None:
    assert open_days(with_amount(np.nan), FindingKind.NULLS) == list(range(20, 34))


def test_a_finding_says_what_since_when_and_where_it_comes_from() -> None:
    found = finding(segment(with_amount(np.nan)), 25, FindingKind.NULLS)
    assert (
        found.sentence == "Core feed has delivered broken data since 20 Apr: 100 % of amount is empty (normally 0 %)."
    )
    assert (found.argues_for, found.source) == (Verdict.FIX_DATA, "core feed")
    assert (found.evidence["rows"], found.evidence["value"], found.evidence["days_in_a_row"]) == (100, 1.0, 6)


def test_with_fewer_than_thirty_rows_a_second_day_must_confirm() -> None:
    live, base = sparse(15)
    one_day = live.with_feature("amount", np.nan, since=20, until=20)
    assert open_days(one_day, FindingKind.NULLS, against=base) == []
    assert open_days(with_amount(np.nan, live), FindingKind.NULLS, against=base)[0] == 21


def test_a_feature_that_is_often_null_must_triple() -> None:
    rng = np.random.default_rng(3)

    def often(predictions: Predictions, share: float) -> Predictions:
        empty = rng.random(len(predictions.day)) < share
        return predictions.with_feature("amount", np.where(empty, np.nan, predictions.features["amount"]), since=-1_000)

    base = reference(often(past(rows_a_day=400), 0.10))
    assert open_days(often(binary(days=20, rows_a_day=400), 0.22), FindingKind.NULLS, against=base) == []
    assert open_days(often(binary(days=20, rows_a_day=400), 0.40), FindingKind.NULLS, against=base) == list(range(20))


def test_nulls_that_come_and_go_in_the_reference_are_no_finding() -> None:
    def weekly_gap(predictions: Predictions) -> Predictions:
        gap = (predictions.since_start % 7 == 2) & (np.arange(len(predictions.day)) % 4 == 0)
        return predictions.with_feature("amount", np.where(gap, np.nan, predictions.features["amount"]), since=-1_000)

    assert open_days(weekly_gap(binary(days=30)), FindingKind.NULLS, against=reference(weekly_gap(past()))) == []


def test_a_number_that_stands_still_is_stuck() -> None:
    assert open_days(with_amount(100.0), FindingKind.STUCK) == list(range(20, 34))


def test_a_level_that_stands_still_is_stuck_when_that_is_no_chance() -> None:
    live = binary(days=45)
    stuck = live.with_feature("channel", "web", since=20, until=30)
    assert open_days(stuck, FindingKind.STUCK, "channel") == list(range(20, 34))
    few, base = sparse(12)
    assert 0.6**12 > 1e-9
    assert open_days(few.with_feature("channel", "web", since=20), FindingKind.STUCK, "channel", against=base) == []


def test_a_weekday_is_constant_all_day_and_never_stuck() -> None:
    def weekday(predictions: Predictions) -> Predictions:
        return predictions.with_feature("note", (predictions.since_start % 7).astype(np.float64), since=-1_000)

    live, base = weekday(binary(days=30)), reference(weekday(past()))
    assert kinds(segment(live, against=base), 29) == set()
    assert FindingKind.STUCK not in {check.kind for check in segment(live, against=base).quality["note"].checks}


def test_a_column_that_is_mostly_zero_is_not_stuck_on_a_day_of_zeros() -> None:
    def rainy(predictions: Predictions) -> Predictions:
        values = np.where(np.random.default_rng(4).random(len(predictions.day)) < 0.05, 3.5, 0.0)
        return predictions.with_feature("amount", values, since=-1_000)

    base = reference(rainy(past(rows_a_day=150)))
    dry = rainy(binary(days=45, rows_a_day=150)).with_feature("amount", 0.0, since=20, until=20)
    assert open_days(dry, FindingKind.STUCK, against=base) == []
    stuck = rainy(binary(days=45, rows_a_day=150)).with_feature("amount", 3.5, since=20, until=20)
    assert open_days(stuck, FindingKind.STUCK, against=base) == list(range(20, 24))


def heavy_tailed(predictions: Predictions, seed: int) -> Predictions:
    values = np.random.default_rng(seed).standard_t(3, len(predictions.day)) ** 3
    return predictions.with_feature("amount", values, since=-1_000)


def test_one_outlier_of_a_heavy_tail_is_no_change_of_unit() -> None:
    base, live = reference(heavy_tailed(past(), 5)), heavy_tailed(binary(days=45), 6)
    outlier = live.features["amount"].copy()
    outlier[np.flatnonzero(live.since_start == 20)[0]] = 1e7
    assert open_days(live.with_feature("amount", outlier, since=20, until=20), FindingKind.UNIT, against=base) == []


def test_a_twentieth_of_the_usual_is_a_change_of_unit_although_it_lies_inside_the_range() -> None:
    def skewed(predictions: Predictions) -> Predictions:
        values = np.floor(np.random.default_rng(9).exponential(100, len(predictions.day)))
        return predictions.with_feature("amount", values, since=-1_000)

    live = skewed(binary(days=45))
    squeezed = live.with_feature("amount", live.features["amount"] / 20, since=20)
    assert open_days(squeezed, FindingKind.UNIT, against=reference(skewed(past())))[:1] == [20]


@pytest.mark.parametrize(("share", "often"), [(0.04, False), (0.06, True)])
def test_the_guard_is_one_in_twenty_days_of_the_reference(share: float, often: bool) -> None:
    rows = np.full(100, 50.0)
    assert is_often_constant(np.arange(100) < 100 * share, rows) is often
    assert is_often_constant(np.zeros(3, dtype=bool), np.zeros(3))


@pytest.mark.parametrize("factor", [1.609344, 2.54, 1.8, 1 / 3.28084])
def test_a_known_change_of_unit_is_found_on_its_first_day_and_stays_open(factor: float) -> None:
    live = binary(days=45)
    changed = live.with_feature("amount", live.features["amount"] * factor, since=20)
    quality = segment(changed).quality["amount"]
    assert np.flatnonzero(quality.open).tolist() == list(range(20, 45))


def test_miles_as_kilometres_are_called_rescaled_with_their_factor() -> None:
    live = binary(days=45, rows_a_day=400)
    changed = live.with_feature("amount", live.features["amount"] * 1.609344, since=20)
    found = finding(segment(changed, against=reference(past(rows_a_day=400))), 30, FindingKind.RESCALED)
    assert "amount is 1.6" in found.sentence
    assert verdicts(segment(changed))[20:] == [Verdict.FIX_DATA] * 25


def test_ten_times_the_usual_is_a_unit_or_scale() -> None:
    live = binary(days=45)
    changed = live.with_feature("amount", live.features["amount"] * 10, since=20)
    assert open_days(changed, FindingKind.UNIT) == list(range(20, 45))


def test_a_factor_that_is_no_unit_is_a_sudden_level_change_to_look_at() -> None:
    live = binary(days=60)
    changed = live.with_feature("amount", live.features["amount"] * 1.45, since=30)
    history = segment(changed)
    found = finding(history, 30, FindingKind.LEVEL_CHANGE)
    assert found.argues_for is Verdict.WATCH
    assert "check its source and unit" in found.sentence
    assert set(verdicts(history)[30:]) == {Verdict.WATCH}


def test_an_open_change_of_unit_stays_open_at_half_its_threshold() -> None:
    live = binary(days=45)
    amount = live.features["amount"]
    changed = live.with_feature("amount", amount + 100, since=20).with_feature("amount", amount + 75, since=25)
    assert open_days(changed, FindingKind.UNIT) == list(range(20, 45))
    assert open_days(live.with_feature("amount", amount + 75, since=25), FindingKind.UNIT) == []


def test_the_scale_of_a_day_that_is_mostly_empty_is_not_judged() -> None:
    live = binary(days=45)
    mostly = np.where(np.arange(len(live.day)) % 100 < 80, np.nan, 10 * live.features["amount"])
    quality = segment(live.with_feature("amount", mostly, since=20, until=22)).quality["amount"]
    (unit,) = [check for check in quality.checks if check.kind is FindingKind.UNIT]
    assert np.flatnonzero(np.isnan(unit.value)).tolist() == [20, 21, 22]
    assert not unit.open.any()


def test_a_slow_season_that_leaves_the_reference_s_range_is_no_change_of_unit() -> None:
    live = binary(days=150)
    season = 100 * np.sin(np.pi * live.since_start / 150)
    history = segment(live.with_feature("amount", live.features["amount"] + season))
    outside = history.daily.counts[75, history.reference.layout.counts_at["amount"]][-2]
    assert outside > 50
    assert not history.quality["amount"].open.any()


def test_levels_never_seen_are_new_and_rare_ones_are_not() -> None:
    live = binary(days=45)
    some = np.arange(len(live.day)) % 10 == 0

    def every_tenth(predictions: Predictions, level: str) -> Predictions:
        chosen = np.arange(len(predictions.day)) % 10 == 0
        return predictions.with_feature("channel", np.where(chosen, level, predictions.features["channel"]), since=20)

    assert open_days(every_tenth(live, "drone"), FindingKind.NEW_LEVEL, "channel") == list(range(20, 45))
    used = past()
    rare = np.where(np.arange(len(used.day)) % 2_000 == 0, "fax", used.features["channel"])
    base = reference(used.with_feature("channel", rare, since=-1_000))
    assert some.any()
    assert open_days(every_tenth(live, "fax"), FindingKind.NEW_LEVEL, "channel", against=base) == []


def test_a_feature_of_names_expects_new_names() -> None:
    def named(predictions: Predictions) -> Predictions:
        names = np.array([f"{predictions.day[i]} {i}" for i in range(len(predictions.day))], dtype=object)
        return predictions.with_feature("channel", names, since=-1_000)

    history = segment(named(binary(days=20)), against=reference(named(past(days=30))))
    assert not history.quality["channel"].open.any()
    assert "channel" not in history.drift


def test_values_that_are_no_numbers_are_a_change_of_type() -> None:
    live, base = binary(days=30).with_feature("note", np.nan, since=20), reference()
    history = segment(live)
    counts = history.profiles.counts.copy()
    counts[20:, base.layout.counts_at["note"].stop - 1] = 50
    history = replace(history, profiles=replace(history.profiles, counts=counts))
    assert FindingKind.TYPE_CHANGE in kinds(history, 20)


def test_a_score_outside_its_range_is_broken_data() -> None:
    live = binary(days=30)
    history = segment(replace(live, score=np.where(live.since_start >= 20, 100 * live.score, live.score)))
    assert verdicts(history)[19:] == [Verdict.KEEP] + [Verdict.FIX_DATA] * 10
    assert finding(history, 20, FindingKind.SCORE_RANGE).subject == "score"


def test_a_feature_that_hardly_matters_only_asks_to_watch() -> None:
    history = segment(binary(days=30).with_feature("note", np.nan, since=20))
    found = finding(history, 25, FindingKind.NULLS)
    assert found.argues_for is Verdict.WATCH
    assert found.sentence.endswith("Of minor importance to this model.")
    assert np.isnat(history.days_left_out_from).all()


def test_without_importances_every_feature_matters_however_many_there_are() -> None:
    shares = dict.fromkeys(reference().importance, 1 / 300)
    unweighted = replace(reference(), importance=shares, has_importance=False)
    history = segment(binary(days=30).with_feature("note", np.nan, since=20), against=unweighted)
    assert verdicts(history)[25] is Verdict.FIX_DATA


def test_two_minor_features_together_may_matter() -> None:
    other = replace(FEATURES[1], importance=0.003)
    pair = model(features=(replace(FEATURES[0], importance=0.994), other, FEATURES[2]))
    live = binary(days=30).with_feature("note", np.nan, since=20)
    assert verdicts(segment(live, of=pair))[25] is Verdict.WATCH
    assert verdicts(segment(live.with_feature("channel", None, since=20), of=pair))[25] is Verdict.FIX_DATA


def test_infinite_values_do_not_break_the_checks() -> None:
    live = binary(days=30)
    some = np.arange(len(live.day)) % 50 == 0
    history = segment(live.with_feature("amount", np.where(some, np.inf, live.features["amount"]), since=20))
    assert np.isfinite(history.drift_score[7:]).all()
    assert not history.quality["amount"].open.any()
