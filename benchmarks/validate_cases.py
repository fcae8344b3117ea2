"""The scenarios of the validation: what kind of model, what happens to it, and what ought to be said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.validate_world import Change, World, any_world
from monitoring.portfolio import Task
from monitoring.ports import ReferenceOrigin

if TYPE_CHECKING:
    from collections.abc import Callable

HEALTHY, CONCEPT, FEED, TRAFFIC, USELESS, RETRAINED = "healthy", "concept", "feed", "traffic", "useless", "retrained"
HELPED = "helped"


@dataclass(frozen=True)
class Scenario:
    """One kind of model: ``expects`` says which bar it is held to, ``make`` draws one."""

    name: str
    expects: str
    make: Callable[[np.random.Generator], World]
    says: str


def healthy(name: str, says: str, **fixed: Any) -> Scenario:
    """Return a scenario in which nothing harmful happens; values that are functions are drawn for each model."""

    def make(rng: np.random.Generator) -> World:
        return any_world(rng, **{k: v(rng) if callable(v) else v for k, v in fixed.items()})

    return Scenario(name, HEALTHY, make, says)


def harmful(name: str, expects: str, says: str, *changes: Change, **fixed: Any) -> Scenario:
    """Return a scenario in which something harmful happens between day 30 and day 60 of 120."""

    def make(rng: np.random.Generator) -> World:
        start = int(rng.integers(30, 60))
        world = any_world(rng, **{k: v(rng) if callable(v) else v for k, v in fixed.items()})
        return replace(world, changes=tuple(replace(c, start=start) for c in changes))

    return Scenario(name, expects, make, says)


def log_uniform(low: float, high: float) -> Callable[[np.random.Generator], float]:
    """Return a draw between ``low`` and ``high``, even on the logarithm."""
    return lambda rng: float(np.exp(rng.uniform(np.log(low), np.log(high))))


def even(low: float, high: float) -> Callable[[np.random.Generator], float]:
    """Return a draw between ``low`` and ``high``."""
    return lambda rng: float(rng.uniform(low, high))


def of(*values: Any) -> Callable[[np.random.Generator], Any]:
    """Return a draw from the values."""
    return lambda rng: values[int(rng.integers(len(values)))]


WEEK = {"weekday_rows": even(0.1, 0.4), "weekday_inputs": even(0.2, 0.6), "weekday_labels": even(0.1, 0.4)}
"""Every weekday has its own traffic, feature means and share of positives."""
SIDE_BY_SIDE = {"second_version": 25, "shadow_days": 14, "left_behind": 0.4}
"""A second version that first sees a fifth of the rows, then takes over 60 % of them; the old one goes on with the rest."""

BENIGN = [
    healthy("ordinary", "nothing varies but chance", day_inputs=0.0),
    healthy("tiny traffic", "5 to 30 rows a day", rows_a_day=log_uniform(5, 30)),
    healthy("one row a day", "1 to 5 rows a day, regression too", rows_a_day=even(1, 5)),
    healthy("heavy traffic", "2,000 to 5,000 rows a day", rows_a_day=log_uniform(2000, 5000), live_days=90),
    healthy("weak model", "skill 0.05 to 0.10", skill=even(0.05, 0.10)),
    healthy("strong model", "skill 0.80 to 0.97", skill=even(0.80, 0.97)),
    healthy("rare positives", "1 to 3 % positive", task=Task.BINARY, base_rate=log_uniform(0.01, 0.03)),
    healthy("short reference", "28 days", reference_days=28),
    healthy("reference without days", "a test set without timestamps", has_days=False, reference_days=30),
    healthy("early production", "the first 28 days of the log", reference_days=28, origin=ReferenceOrigin.EARLY_PRODUCTION),
    healthy("few reference labels", "5 % of the reference has labels", reference_label_share=0.05),
    healthy("late labels", "labels after 30 days", delay_days=30, delay_spread=2.0),
    healthy("partial labels", "10 to 50 % of rows get a label", label_share=even(0.1, 0.5), delay_spread=3.0),
    healthy("labels become fewer", "label share falls by 70 %", changes=(Change("fewer labels", 40, 0.7),)),
    healthy("weekly season", "weekends: other inputs, a third of the rows, other labels",
            weekly_rows=0.65, weekly_inputs=even(0.2, 0.8), weekly_labels=even(-0.3, 0.3)),
    healthy("quiet weekends", "weekends with 5 % of the rows", weekly_rows=0.95, weekly_inputs=0.3),
    healthy("weekdays differ", "each weekday has its own traffic, feature means and label share", **WEEK),
    healthy("weekdays differ, small", "the same with 15 to 60 rows a day", rows_a_day=log_uniform(15, 60), **WEEK),
    healthy("days vary", "inputs, labels and traffic vary by the day",
            day_inputs=even(0.1, 0.4), day_truth=even(0.1, 0.4), day_rows=0.3),
    healthy("days vary and remember", "the same, today like yesterday (0.6)",
            day_inputs=even(0.1, 0.3), day_truth=even(0.05, 0.25), day_rows=0.3, memory=0.6),
    healthy("yearly season", "inputs follow the year, the relation stays", yearly_inputs=even(0.3, 0.8)),
    healthy("inputs move", "half of the features move by 0.3 to 1 sd over 30 days, the relation stays",
            changes=lambda rng: (Change("inputs move", 40, float(rng.uniform(0.3, 1.0)), 30),)),
    healthy("inputs jump", "half of the features move by 0.3 to 1 sd within a day, the relation stays",
            changes=lambda rng: (Change("inputs move", 40, float(rng.uniform(0.3, 1.0))),)),
    healthy("strongest input moves", "the most important feature moves by 0.5 to 1.5 sd over 30 days, the relation stays",
            changes=lambda rng: (Change("strongest moves", 40, float(rng.uniform(0.5, 1.5)), 30),)),
    healthy("strongest input jumps", "the same within a day, of this feature alone",
            changes=lambda rng: (Change("strongest moves", 40, float(rng.uniform(0.5, 1.5))),)),
    healthy("two versions", "two versions side by side, the second in charge from day 25", **SIDE_BY_SIDE),
    healthy("two versions, weekdays differ", "the same while weekdays differ", **SIDE_BY_SIDE, **WEEK),
    healthy("old version is lost", "side by side, and only the one no longer in charge loses 60 %",
            changes=(Change("concept", 50, 0.6),), lost_by="v1", **SIDE_BY_SIDE),
    healthy("version changes", "a second version as good as the first takes over on day 60", second_version=60),
    healthy("version changes, own reference", "the same, its reference are the 60 days before",
            second_version=60, own_second_reference=True),
    healthy("harder population", "signals spread 10 to 40 % less, the relation stays",
            changes=lambda rng: (Change("harder population", 40, float(rng.uniform(0.1, 0.4)), 20),)),
    healthy("heavy tails", "regression, Student t with 3 degrees, 0.5 % outliers", task=Task.REGRESSION, tails=3.0, outliers=0.005),
    healthy("correlated features", "features share 80 % of their variance", correlation=0.8, signals=("normal",) * 4 + ("amount",) * 4),
    healthy("hundred features", "without importances", others=("normal", "heavy", "rain", "age", "level") * 19,
            has_importance=False, rows_a_day=log_uniform(20, 500), live_days=90),
    healthy("awkward features", "zeros, constants, ids, long tails of levels, ordinary nulls",
            others=("rain", "constant", "id", "number_id", "tail", "tail", "flag", "heavy", "count"), null_share=even(0.02, 0.3),
            rows_a_day=log_uniform(10, 800), has_importance=False),
    healthy("days without rows", "10 % of days are empty", silent_days=0.1),
    healthy("miscalibrated", "scores too extreme or too flat from the start", miscalibrated=of(0.7, 1.4), skill=even(0.2, 0.6), base_rate=even(0.1, 0.5)),
]  # fmt: skip

CONCEPTS = [
    harmful("lost 10 %", CONCEPT, "a tenth of the advantage is lost: below what is material", Change("concept", size=0.10)),
    harmful("lost 25 %", CONCEPT, "a quarter of the advantage is lost within a day", Change("concept", size=0.25)),
    harmful("lost 25 %, much data", CONCEPT, "the same with 1,000 to 5,000 labels a day, skill above 0.2",
            Change("concept", size=0.25), rows_a_day=log_uniform(1000, 5000), skill=even(0.2, 0.7), reference_days=of(60, 90),
            delay_days=1, live_days=90),
    harmful("lost 25 %, short reference", CONCEPT, "the same with 28 days of reference",
            Change("concept", size=0.25), rows_a_day=log_uniform(1000, 5000), skill=even(0.2, 0.7), reference_days=28,
            delay_days=1, live_days=90),
    harmful("lost 50 %", CONCEPT, "half of the advantage is lost within a day", Change("concept", size=0.5)),
    harmful("lost all", CONCEPT, "no better than naive from one day to the next", Change("concept", size=1.0)),
    harmful("lost 50 % over 30 days", CONCEPT, "half of the advantage is lost step by step", Change("concept", size=0.5, days=30)),
    harmful("lost all, small", CONCEPT, "10 to 60 rows a day", Change("concept", size=1.0), rows_a_day=log_uniform(10, 60)),
    harmful("lost 50 %, labels 7 days late", CONCEPT, "half is lost, a third of the labels come, after a week",
            Change("concept", size=0.5), delay_days=7, label_share=0.33),
    harmful("lost 50 %, days vary", CONCEPT, "half is lost while labels and inputs vary by the day",
            Change("concept", size=0.5), day_inputs=even(0.1, 0.3), day_truth=even(0.1, 0.3)),
    harmful("lost 50 %, weekdays differ", CONCEPT, "half is lost while weekdays differ", Change("concept", size=0.5), **WEEK),
    harmful("new version is lost", CONCEPT, "side by side, and only the one in charge loses 60 %",
            Change("concept", size=0.6), lost_by="v2", **SIDE_BY_SIDE),
    harmful("labels flip", CONCEPT, "a quarter of the labels turn into their opposite", Change("labels flip", size=0.25)),
    harmful("level moves", CONCEPT, "the label's level moves by 1.5 (log-odds), the model does not know", Change("calibration", size=1.5)),
    harmful("score scrambled", CONCEPT, "scores are exchanged among the rows of a day", Change("scrambled")),
    harmful("strong model, lost 25 %", CONCEPT, "skill above 0.8", Change("concept", size=0.25), skill=even(0.8, 0.95)),
]  # fmt: skip

FEEDS = [
    harmful("nulls 100 %", FEED, "the strongest feature is empty", Change("nulls", size=1.0)),
    harmful("nulls 30 %", FEED, "30 % of the strongest feature is empty", Change("nulls", size=0.3)),
    harmful("stuck", FEED, "the strongest feature shows one value", Change("stuck")),
    harmful("x 1.609", FEED, "miles become kilometres", Change("scale", size=1.609344)),
    harmful("x 1000", FEED, "a thousand times", Change("scale", size=1000.0)),
    harmful("/ 100", FEED, "cents become euros", Change("scale", size=0.01)),
    harmful("C to F", FEED, "Celsius becomes Fahrenheit", Change("to fahrenheit")),
    harmful("swapped", FEED, "two columns change places", Change("swapped"), signals=("normal", "amount", "age", "count")),
    harmful("new levels", FEED, "40 % of rows show a level never seen", Change("new levels", size=0.4)),
    harmful("type change", FEED, "numbers become text", Change("type change", size=1.0)),
    harmful("tiny, nulls 100 %", FEED, "2 to 15 rows a day", Change("nulls", size=1.0), rows_a_day=log_uniform(2, 15)),
    harmful("nulls 50 %, weekdays differ, small", FEED, "15 to 60 rows a day, weekdays differ",
            Change("nulls", size=0.5), rows_a_day=log_uniform(15, 60), **WEEK),
    harmful("stuck, two versions", FEED, "one value, side by side", Change("stuck"), **SIDE_BY_SIDE),
    harmful("repaired", FEED, "nulls for 10 days, then repaired", Change("nulls", size=0.6, days=10)),
]  # fmt: skip

OTHERS = [
    harmful("traffic stops", TRAFFIC, "no rows from one day to the next", Change("traffic", size=1.0)),
    harmful("traffic fades", TRAFFIC, "down to 2 % over 30 days", Change("traffic", size=0.98, days=30)),
    harmful("useless from the start", USELESS, "scores have nothing to do with labels", Change("useless"), rows_a_day=log_uniform(50, 2000)),
    harmful("retraining does not help", RETRAINED, "60 % lost, and still lost after a new version",
            Change("concept", size=0.6), second_version=90, delay_days=1),
    harmful("retraining does not help, own reference", RETRAINED, "the same, approved on the rows since the loss",
            Change("concept", size=0.6), second_version=90, delay_days=1, own_second_reference=True, lost_after=0.6),
    harmful("retraining helps", HELPED, "60 % lost, and nothing any more with the new version",
            Change("concept", size=0.6), second_version=90, delay_days=1, lost_after=0.0),
]  # fmt: skip

SCENARIOS = {scenario.name: scenario for scenario in (*BENIGN, *CONCEPTS, *FEEDS, *OTHERS)}
