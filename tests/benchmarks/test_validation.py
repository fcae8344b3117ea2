"""A small, seeded part of the validation: fails when a bar of docs/validation.md is clearly broken."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

from benchmarks.validate import run
from benchmarks.validate_cases import CONCEPT, FEED, HEALTHY, SCENARIOS
from benchmarks.validate_judge import ALARMS, Outcome, history_of, judge, known_by, outcome
from benchmarks.validate_real import real_model
from benchmarks.validate_rows import make_rows, reference_rows
from benchmarks.validate_table import (
    ALARM_BAR,
    CHANGE_BAR,
    MATERIAL,
    PROVABLE,
    RETRAINED_ON,
    changes,
    expects,
    first_day,
    rate_interval,
    share_interval,
    spells,
)
from benchmarks.validate_world import World
from monitoring.portfolio import Task

STEADY = (
    "ordinary",
    "tiny traffic",
    "weak model",
    "rare positives",
    "few reference labels",
    "weekly season",
    "weekdays differ, small",
    "two versions",
    "old version is lost",
    "days vary",
)
SWITCHED = {"two versions", "old version is lost"}
"""The second version settles once: two changes of verdict that METHODS section 8 asks for."""
MOVING = (
    "inputs jump",
    "strongest input moves",
    "harder population",
    "yearly season",
    "heavy tails",
    "awkward features",
)


def small(name: str, number: int) -> Outcome:
    """Judge a model of a scenario with at most 150 rows a day."""
    seed = crc32(f"small/{name}/{number}".encode())
    world = SCENARIOS[name].make(np.random.default_rng(seed))
    return outcome(name, seed, replace(world, rows_a_day=min(world.rows_a_day, 150.0), live_days=100))


def months(outcomes: list[Outcome]) -> float:
    return sum(len(o.said) for o in outcomes) / 30


@pytest.fixture(scope="module")
def steady() -> list[Outcome]:
    return [small(name, number) for name in STEADY for number in range(5)]


def test_steady_models_are_left_alone(steady: list[Outcome]) -> None:
    false = sum(spells(o.said, ALARMS) for o in steady)
    assert rate_interval(false, months(steady))[0] <= ALARM_BAR


def test_verdicts_of_steady_models_hardly_ever_change(steady: list[Outcome]) -> None:
    moved = sum(changes(o.said) - 2 * (o.scenario in SWITCHED) for o in steady)
    assert rate_interval(moved, months(steady))[0] <= CHANGE_BAR


def test_models_whose_inputs_move_harmlessly_are_neither_retrained_nor_retired_nor_called_broken() -> None:
    moving = [small(name, number) for name in MOVING for number in range(4)]
    false = sum(spells(o.said, ALARMS) for o in moving)
    assert rate_interval(false, months(moving))[0] <= ALARM_BAR


@pytest.mark.parametrize("name", ["jfk-late-at-pushback", "ewr-late-preflight", "lga-delay-band"])
def test_real_rows_put_on_other_days_raise_no_alarm(name: str) -> None:
    number = {"jfk-late-at-pushback": 0, "ewr-late-preflight": 3, "lga-delay-band": 4}[name]
    found = real_model("real rows exchanged", number)
    assert found.note.startswith(name)
    assert spells(found.said, ALARMS) == 0


def test_a_lost_half_of_the_advantage_is_found_wherever_labels_can_prove_it() -> None:
    made = [small(name, number) for name in ("lost 50 %", "lost all", "labels flip") for number in range(4)]
    provable = [o for o in made if o.provable_28 >= PROVABLE and o.effect >= MATERIAL]
    assert len(provable) >= 5
    assert all(first_day(o, {"retrain", "retire"}, since=o.start or 0) is not None for o in provable)


def test_a_quarter_lost_is_found_within_four_days_of_many_labels() -> None:
    delays = []
    for seed in range(4):
        world = SCENARIOS["lost 25 %, much data"].make(np.random.default_rng(seed))
        found = outcome("lost 25 %, much data", seed, replace(world, rows_a_day=1500.0, live_days=75))
        if found.provable_4 >= PROVABLE:
            day = first_day(found, {"retrain"}, since=found.label_days[0])
            delays.append(len([t for t in found.label_days if day is not None and t <= day]) or 99)
    assert len(delays) >= 2
    assert np.median(delays) <= 4


@pytest.mark.parametrize("name", ["nulls 100 %", "nulls 30 %", "stuck", "x 1000", "new levels", "type change"])
def test_a_broken_feed_is_found_within_two_days(name: str) -> None:
    for number in range(2):
        found = small(name, number)
        start = found.start or 0
        assert first_day(found, {"fix_data"}, since=start) in {start, start + 1}


def test_only_the_version_in_charge_is_judged_where_two_serve_side_by_side() -> None:
    made = [
        outcome(name, 5, replace(SCENARIOS[name].make(np.random.default_rng(5)), rows_a_day=400.0, skill=0.5))
        for name in ("new version is lost", "old version is lost")
    ]
    asked = [first_day(o, {"retrain", "retire"}, since=o.first) for o in made]
    assert asked[0] is not None
    assert asked[0] >= (made[0].start or 0)
    assert asked[1] is None


@pytest.mark.parametrize("name", ["retraining does not help", "retraining does not help, own reference"])
def test_a_successor_as_bad_as_the_old_version_settles_and_is_then_retired(name: str) -> None:
    world = replace(SCENARIOS[name].make(np.random.default_rng(3)), rows_a_day=300.0, skill=0.5, task=Task.BINARY)
    said = outcome(name, 3, world).said
    assert set(said[RETRAINED_ON : RETRAINED_ON + 8]) == {"watch"}
    assert said[-1] == "retire"


def test_a_successor_that_is_as_good_as_ever_settles_and_is_then_kept() -> None:
    name = "retraining helps"
    world = replace(SCENARIOS[name].make(np.random.default_rng(3)), rows_a_day=300.0, skill=0.5, task=Task.BINARY)
    said = outcome(name, 3, world).said
    assert "retrain" in said[:RETRAINED_ON]
    assert set(said[RETRAINED_ON : RETRAINED_ON + 8]) == {"watch"}
    assert set(said[RETRAINED_ON + 8 :]) == {"keep"}


def test_what_is_said_of_a_day_does_not_depend_on_later_days() -> None:
    world = World(rows_a_day=60, live_days=80, changes=SCENARIOS["lost 50 %"].make(np.random.default_rng(1)).changes)
    model, rows = make_rows(world, np.random.default_rng(2))
    live = rows.t >= 0
    history = history_of(model, reference_rows(world, rows), rows.as_log(live), rows.as_labelled(live))
    whole = judge(model, [history], days=80)
    assert len({day.verdict for day in whole}) > 1
    for t in (5, 33, 47, 62):
        assert judge(model, [known_by(history, t)], days=t + 1)[-1] == whole[t]


def test_intervals_are_those_of_the_textbook() -> None:
    assert rate_interval(0, 100.0) == pytest.approx((0.0, 0.03689), abs=1e-4)
    assert share_interval(19, 20) == pytest.approx((0.764, 0.991), abs=1e-3)


@pytest.mark.slow
def test_every_bar_holds_over_all_scenarios() -> None:
    made = list(run(list(SCENARIOS), 12))
    healthy = [o for o in made if expects(o.scenario) == HEALTHY]
    assert sum(spells(o.said, ALARMS) for o in healthy) / months(healthy) <= ALARM_BAR
    provable = [
        o for o in made if expects(o.scenario) == CONCEPT and o.provable_28 >= PROVABLE and o.effect >= MATERIAL
    ]
    found = [first_day(o, {"retrain", "retire"}, since=o.start or 0) is not None for o in provable]
    assert np.mean(found) >= 0.95
    whole = [o for o in made if expects(o.scenario) == FEED and o.scenario in {"nulls 100 %", "stuck", "x 1000"}]
    soon = [(first_day(o, {"fix_data"}, since=o.start or 0) or 999) - (o.start or 0) < 2 for o in whole]
    assert np.mean(soon) >= 0.95
