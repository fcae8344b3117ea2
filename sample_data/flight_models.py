"""The ten models of flights: which rows, which label, which features, and what happens to each of them.

Days are those of 2013; ``flights.moved`` says where they lie in the sample.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from sample_data.flights import WEATHER
from sample_data.learners import Learner

Task = Literal["binary", "multiclass", "regression"]
Column = Callable[[pd.DataFrame], pd.Series]
CATEGORICAL = frozenset({"carrier", "dest", "origin"})
MINUTES_LATE = 15
KILOMETRES_PER_MILE = 1.609344
BANDS = ("on_time", "late_0_15", "late_15_45", "late_45_up")


@dataclass(frozen=True, kw_only=True)
class Version:
    """One training: the months it learnt from (1 is January) and the first day it was in service."""

    name: str
    trained_months: tuple[int, ...]
    active_from: str


@dataclass(frozen=True, kw_only=True)
class FlightModel:
    """What the build needs to know of one model; what a reader is told of it stands in ``cards``.

    ``decision_threshold`` matters to a binary model only. ``damage`` returns the features as a broken feed delivered them,
    ``is_routed`` says which rows still reach the model.
    """

    id: str
    task: Task
    learner: Learner
    features: tuple[str, ...]
    prediction: str
    rows: Column
    label: Column
    counts_cancelled: bool = False
    decision_threshold: float = 0.5
    label_delay_days: int = 1
    versions: tuple[Version, ...] = (Version(name="v1", trained_months=(1, 2), active_from="2013-04-01"),)
    damage: Callable[[pd.DataFrame], pd.DataFrame] | None = None
    is_routed: Column | None = None

    @property
    def categorical(self) -> tuple[str, ...]:
        """The features that are names."""
        return tuple(name for name in self.features if name in CATEGORICAL)

    @property
    def numeric(self) -> tuple[str, ...]:
        """The features that are numbers."""
        return tuple(name for name in self.features if name not in CATEGORICAL)


def _from(origin: str, *, odd: bool) -> Column:
    """Every second flight of an airport by its place in the list (flight numbers would select by direction)."""
    return lambda flights: (flights["origin"] == origin) & (flights["k"] % 2 == int(odd))


def _is_between(flights: pd.DataFrame, first_day: str, last_day: str) -> pd.Series:
    return flights["original_date"].between(pd.Timestamp(first_day), pd.Timestamp(last_day))


def _arrived_late(flights: pd.DataFrame) -> pd.Series:
    return (flights["arr_delay"] > MINUTES_LATE).astype("int8")


def _departed_late(flights: pd.DataFrame) -> pd.Series:
    return (flights["dep_delay"] > MINUTES_LATE).astype("int8")


def _was_cancelled(flights: pd.DataFrame) -> pd.Series:
    return flights["dep_time"].isna().astype("int8")


def _air_time(flights: pd.DataFrame) -> pd.Series:
    return flights["air_time"].astype("float32")


def _delay_band(flights: pd.DataFrame) -> pd.Series:
    places = np.searchsorted([0.0, 15.0, 45.0], flights["arr_delay"], side="left")
    return pd.Series(np.array(BANDS, dtype=object)[places], index=flights.index)


def _without_departure_delays(flights: pd.DataFrame) -> pd.DataFrame:
    """Three rows of five lose their delay at departure from 9 September to 6 October (simulated)."""
    lost = _is_between(flights, "2013-09-09", "2013-10-06") & (flights["k"] // 2 % 5).isin([0, 1, 2])
    return flights.assign(dep_delay=flights["dep_delay"].mask(lost))


def _in_kilometres(flights: pd.DataFrame) -> pd.DataFrame:
    """From 19 August on distances arrive in kilometres (simulated)."""
    converted = _is_between(flights, "2013-08-19", "2013-12-31")
    distance = flights["distance"].astype("float64")
    return flights.assign(distance=distance.where(~converted, distance * KILOMETRES_PER_MILE))


def _before_hand_over(flights: pd.DataFrame) -> pd.Series:
    """All rows to the end of May, half of them to 15 June, a tenth to 30 June, then none (simulated)."""
    stretches = (("2013-01-01", "2013-05-31", 100), ("2013-06-01", "2013-06-15", 50), ("2013-06-16", "2013-06-30", 10))
    percentile = flights["k"] % 100
    routed = [_is_between(flights, first, last) & (percentile < percent) for first, last, percent in stretches]
    return pd.concat(routed, axis=1).any(axis=1)


_AT_PUSHBACK = ("dep_delay", "distance", "carrier", "sched_min")
_AIR_TIME = ("distance", "carrier", "sched_min", "dow")

FLIGHT_MODELS = (
    FlightModel(
        id="jfk-late-at-pushback",
        task="binary",
        learner="trees",
        features=_AT_PUSHBACK,
        prediction="late",
        rows=_from("JFK", odd=False),
        label=_arrived_late,
    ),
    FlightModel(
        id="ewr-air-time",
        task="regression",
        learner="trees",
        features=_AIR_TIME,
        prediction="air_minutes",
        rows=_from("EWR", odd=False),
        label=_air_time,
    ),
    FlightModel(
        id="ewr-air-time-2012",
        task="regression",
        learner="trees",
        features=_AIR_TIME,
        prediction="air_minutes",
        rows=_from("EWR", odd=False),
        label=_air_time,
        is_routed=_before_hand_over,
    ),
    FlightModel(
        id="lga-late-weather",
        task="binary",
        learner="linear",
        features=("dep_delay", "distance", "sched_min", *WEATHER),
        prediction="late",
        rows=_from("LGA", odd=False),
        label=_arrived_late,
    ),
    FlightModel(
        id="ewr-late-preflight",
        task="binary",
        learner="trees",
        features=("carrier", "dest", "sched_min", "dow", "distance", *WEATHER),
        prediction="late",
        rows=_from("EWR", odd=True),
        label=_departed_late,
        decision_threshold=0.3,
        versions=(
            Version(name="v1", trained_months=(1, 2), active_from="2013-04-01"),
            Version(name="v2", trained_months=(8, 9), active_from="2013-10-01"),
        ),
    ),
    FlightModel(
        id="lga-delay-band",
        task="multiclass",
        learner="trees",
        features=_AT_PUSHBACK,
        prediction="band",
        rows=_from("LGA", odd=False),
        label=_delay_band,
        label_delay_days=30,
    ),
    FlightModel(
        id="lga-cancel",
        task="binary",
        learner="trees",
        features=("carrier", "sched_min", "dow", "distance", *WEATHER),
        prediction="cancelled",
        rows=_from("LGA", odd=False),
        label=_was_cancelled,
        counts_cancelled=True,
        decision_threshold=0.1,
    ),
    FlightModel(
        id="jfk-late-feed",
        task="binary",
        learner="trees",
        features=_AT_PUSHBACK,
        prediction="late",
        rows=_from("JFK", odd=True),
        label=_arrived_late,
        damage=_without_departure_delays,
    ),
    FlightModel(
        id="lga-air-time-linear",
        task="regression",
        learner="linear",
        features=("carrier", "distance", "sched_min"),
        prediction="air_minutes",
        rows=_from("LGA", odd=True),
        label=_air_time,
        damage=_in_kilometres,
    ),
    FlightModel(
        id="bwi-shuttle-late",
        task="binary",
        learner="linear",
        features=("dep_delay", "carrier", "origin", "sched_min"),
        prediction="late",
        rows=lambda flights: flights["dest"] == "BWI",
        label=_arrived_late,
    ),
)
