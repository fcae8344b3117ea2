"""Changes of unit inside the old range and exchanged columns (METHODS section 6)."""

from dataclasses import replace

import numpy as np
import pytest

from monitoring.assessment import FindingKind, Verdict
from monitoring.profile import NumericBins
from monitoring.segment import Segment
from monitoring.unit_change import FACTORS, OFFSETS, Shape
from tests.monitoring.history_builders import Predictions, binary, finding, past, reference, segment, verdicts

CHANGED = 20
UNITS = {FindingKind.UNIT, FindingKind.RESCALED, FindingKind.UNIT_IN_RANGE, FindingKind.SWAPPED}


def shown(rows: Predictions, *, skew: float = 0.8, day_sd: float = 0.0, seed: int = 5) -> Predictions:
    """Return rows whose note is a skewed amount with a long tail, about 20."""
    rng = np.random.default_rng(seed)
    days = rng.normal(0, day_sd, 400)[rows.since_start + 200]
    return rows.with_feature("note", np.exp(3 + skew * (rows.features["note"] + days)), since=-1_000)


def history(
    change: float | None = None,
    *,
    rows_a_day: int = 150,
    until: int = 10_000,
    offset: float = 0.0,
    day_sd: float = 0.0,
    amount: float = 0.0,
    seed: int = 1,
    since: int = CHANGED,
) -> Segment:
    """Return a model whose skewed note is multiplied by ``change`` from day 20 on."""
    live = shown(binary(days=45, rows_a_day=rows_a_day, seed=seed), day_sd=day_sd, seed=6)
    if change is not None:
        live = live.with_feature("note", live.features["note"] * change + offset, since=since, until=until)
    live = live.with_feature("amount", live.features["amount"] + amount, since=since)
    base = reference(shown(past(rows_a_day=rows_a_day), day_sd=day_sd))
    return segment(live, against=replace(base, importance={"amount": 0.5, "channel": 0.1, "note": 0.4}))


def open_days(told: Segment) -> list[int]:
    """Return the days on which the note is said to have changed its unit."""
    checks = [check for check in told.quality["note"].checks if check.kind in UNITS]
    return sorted({int(i) for check in checks for i in np.flatnonzero(check.open)})


@pytest.mark.parametrize("factor", [1.609344, 1 / 1.609344, 2.54, 2.204623, 1 / 7, 0.01])
def test_a_change_of_unit_inside_the_range_is_found_on_its_second_day(factor: float) -> None:
    told = history(factor)
    assert open_days(told)[0] in {CHANGED, CHANGED + 1}
    assert verdicts(told)[CHANGED + 1] is Verdict.FIX_DATA


def test_celsius_that_becomes_fahrenheit_is_found_though_its_spread_changes_by_less_than_its_mean() -> None:
    assert open_days(history(1.8, offset=32.0))[0] in {CHANGED, CHANGED + 1}


def test_a_feature_about_zero_is_judged_by_its_whole_shape() -> None:
    live = binary(days=45, rows_a_day=150)
    wider = live.with_feature("note", live.features["note"] * 2.54, since=CHANGED)
    assert open_days(segment(wider, against=reference(past(rows_a_day=150))))[0] == CHANGED + 1


def test_it_lasts_as_long_as_the_values_look_changed_and_four_days_more() -> None:
    assert open_days(history(1.609344, until=29)) == list(range(CHANGED + 1, 33))


def test_both_days_that_prove_it_are_left_out_from_the_second_on() -> None:
    told = history(1.609344)
    flagged = told.quality["note"].flagged_from
    assert flagged[CHANGED] == flagged[CHANGED + 1] == told.days[CHANGED + 1]
    assert np.isnat(flagged[:CHANGED]).all()


def test_one_day_is_no_change_of_unit() -> None:
    assert open_days(history(1.609344, until=CHANGED)) == []


def test_fewer_than_thirty_rows_a_day_are_not_asked() -> None:
    assert open_days(history(1.609344, rows_a_day=29)) == []


@pytest.mark.parametrize("factor", [1.1, 1.25, 1.4])
def test_small_factors_stay_drift(factor: float) -> None:
    assert open_days(history(factor, rows_a_day=600)) == []


def test_a_factor_that_no_units_have_stays_drift_where_rows_can_tell() -> None:
    assert open_days(history(4.6, rows_a_day=1_000)) == []  # between 3.28 and 7


def test_a_population_that_moves_takes_other_features_along_and_is_no_change_of_unit() -> None:
    assert open_days(history(1.609344, amount=14.0)) == []


def test_what_the_reference_s_days_do_themselves_is_no_change_of_unit() -> None:
    assert open_days(history(1.609344, day_sd=0.5)) == []


def test_a_level_that_creeps_up_is_drift() -> None:
    live = shown(binary(days=45, rows_a_day=150))
    creeping = live.features["note"] * 1.609344 ** np.clip(live.since_start / 40, 0, 1)
    told = segment(live.with_feature("note", creeping), against=reference(shown(past(rows_a_day=150))))
    assert open_days(told) == []


@pytest.mark.parametrize("seed", range(1, 9))
def test_ordinary_days_of_skewed_features_show_no_change_of_unit(seed: int) -> None:
    assert open_days(history(seed=seed, day_sd=0.1 * (seed % 3))) == []


def test_columns_that_were_exchanged_are_told_by_each_other_s_values() -> None:
    def alike(rows: Predictions) -> Predictions:
        return rows.with_feature("note", 80 + 12 * rows.features["note"] ** 2, since=-1_000)

    live = alike(binary(days=45))
    amount, note = live.features["amount"], live.features["note"]
    swapped = live.with_feature("amount", note, since=CHANGED).with_feature("note", amount, since=CHANGED)
    told = segment(swapped, against=reference(alike(past())))
    found = finding(told, CHANGED + 1, FindingKind.SWAPPED)
    assert found.argues_for is Verdict.FIX_DATA
    assert "have the columns been exchanged?" in found.sentence


def test_what_is_known_on_a_day_does_not_change_later() -> None:
    told = history(1.609344)
    for last in (CHANGED, CHANGED + 1, CHANGED + 5):
        known = replace(told, last=told.day_at(last))
        assert open_days(known) == [day for day in open_days(told) if day <= last]


def test_the_places_of_a_shape_give_back_its_own_counts_and_those_after_a_change() -> None:
    rng = np.random.default_rng(2)
    values = rng.gamma(2.0, 300.0, 40_000)
    bins = NumericBins.of(values)
    first, last = values[values < bins.edges[0]], values[values >= bins.edges[-1]]
    shape = Shape.of(bins, (float(first.mean()), float(last.mean())))

    def counted(x: np.ndarray) -> np.ndarray:
        return np.bincount(np.searchsorted(shape.edges, x, side="right"), minlength=len(shape.edges) + 1)

    base = counted(values)
    np.testing.assert_allclose(shape.moved(base, np.ones(1), np.zeros(1))[0], base)
    for at in np.flatnonzero((FACTORS > 0.3) & (FACTORS < 4)).tolist():
        wanted = counted(FACTORS[at] * values + OFFSETS[at]) / len(values)
        found = shape.moved(base, FACTORS[[at]], OFFSETS[[at]])[0] / len(values)
        assert np.abs(np.cumsum(found) - np.cumsum(wanted)).max() < 0.01


def test_codes_for_missing_values_outside_the_range_are_told_from_a_population_that_moves() -> None:
    live, base = binary(days=45, rows_a_day=200), reference(past(rows_a_day=200))
    coded = np.where(np.arange(len(live.day)) % 5 == 0, -999.0, live.features["amount"])

    def strange(values: np.ndarray) -> list[int]:
        told = segment(live.with_feature("amount", values, since=CHANGED), against=base)
        return [
            int(i)
            for check in told.quality["amount"].checks
            if check.kind is FindingKind.STRANGE
            for i in np.flatnonzero(check.open)
        ]

    assert strange(coded)[0] == CHANGED + 1
    assert strange(live.features["amount"] + 55) == []
