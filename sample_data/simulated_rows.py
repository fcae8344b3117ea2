"""Rows and labels of a simulated model, drawn as its recipe says, all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, ndtri, softmax

from monitoring.portfolio import FeatureKind, Task
from sample_data.simulated_fates import Fault

if TYPE_CHECKING:
    from datetime import date

    from numpy.random import Generator

    from monitoring.ports import Days, Flags, Floats, Texts
    from sample_data.simulated_business import Input
    from sample_data.simulated_recipes import Recipe

DIGITS = 4
DAY_EFFECT, WEEKEND_EFFECT, WEEKEND_TRAFFIC = 0.05, 0.2, 0.6
LABELLED_SHARE = 0.97
LONGEST_SPREAD = 30
NULL_SHARE, NEW_LEVEL_SHARE, TEXT_SHARE, OUTSIDE_SHARE, AHEAD_SHARE = 0.55, 0.25, 0.3, 0.12, 0.3
UNIT_FACTOR, RESCALE_FACTOR = 1000.0, 1.609344
TARGET_MEAN, TARGET_SPREAD = 240.0, 55.0
"""A regression's target, in whatever unit it has."""
NEW_LEVEL = "code 99"
NOT_A_NUMBER = "n/a"
MONDAY = 0
NEVER = np.datetime64("NaT", "D")

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class SimulatedRows:
    """Predictions in the order of their time, with the label each gets; every array has shape ``(rows,)``.

    ``values`` holds one column per input: floats (NaN missing) or texts (``None`` missing). ``texts_among`` flags values of a
    numeric input that are text. ``score`` is the probability, or for a regression the prediction; ``probabilities``
    ``(rows, classes)`` is for multiclass only; ``decided`` the predicted class or number. ``arrival`` is the day the label
    arrives, NaT for none. ``ahead`` flags rows stamped later than they were written.
    """

    day: Days
    version: Texts
    values: list[Floats | Texts]
    texts_among: dict[int, Flags]
    score: Floats
    decided: Floats
    label: Floats
    arrival: Days
    ahead: Flags
    probabilities: Floats | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.day)

    def chosen(self, which: slice | Flags) -> SimulatedRows:
        """Return some of the rows."""
        return SimulatedRows(
            self.day[which],
            self.version[which],
            [values[which] for values in self.values],
            {i: flags[which] for i, flags in self.texts_among.items()},
            self.score[which],
            self.decided[which],
            self.label[which],
            self.arrival[which],
            self.ahead[which],
            None if self.probabilities is None else self.probabilities[which],
        )


def live_rows(recipe: Recipe) -> SimulatedRows:
    """Return the rows of the simulated period."""
    return _drawn(recipe, np.arange(day_of(recipe.first_day), day_of(recipe.last_day) + 1), stream=2)


def reference_rows(recipe: Recipe, version: str = "v1") -> SimulatedRows:
    """Return the rows of a version's reference; every one of them has its label unless the model never gets any.

    That of a second version shows the world it was trained for: the days before it took over, scored by itself.
    """
    over = recipe.took_over if version == "v2" and recipe.took_over else recipe.first_day
    end = np.datetime64(over, "D")
    return _drawn(
        recipe, np.arange(end - recipe.reference_days, end), stream=3 if version == "v1" else 4, reference_of=version
    )


def _drawn(recipe: Recipe, days: Days, *, stream: int, reference_of: str | None = None) -> SimulatedRows:
    """Draw the rows of ``days``; a reference is without faults and has the world as it is when its version takes over."""
    draw = np.random.default_rng([*recipe.seed, stream])
    fate = recipe.fate
    is_reference = reference_of is not None
    counts = draw.poisson(_expected_rows(recipe, days, is_reference=is_reference))
    at = np.repeat(np.arange(len(days)), counts)
    day = days[at]
    progress = _progress(recipe, days) if not is_reference else np.full(len(days), float(reference_of == "v2"))
    z = draw.standard_normal((len(at), len(recipe.inputs)))
    z += DAY_EFFECT * draw.standard_normal((len(days), len(recipe.inputs)))[at]
    z[:, -1] += WEEKEND_EFFECT * _is_weekend(days)[at]
    if fate.drift and recipe.hit:
        z[:, list(recipe.hit)] += recipe.direction[list(recipe.hit)] * fate.drift * progress[at, None]
    broken = np.flatnonzero(_broken(recipe, days)[at]) if not is_reference else np.zeros(0, dtype=np.intp)
    values, seen, texts_among = _values(recipe, z, broken, draw)
    version = _versions(recipe, day, reference_of)
    truth = _relation(recipe, recipe.concept * progress)[at]
    label, score, decided, probabilities = _said_and_true(recipe, z, seen, truth=truth, version=version, draw=draw)
    if fate.fault is Fault.SCORE_RANGE and len(broken):
        outside = broken[draw.random(len(broken)) < OUTSIDE_SHARE]
        score[outside] = np.round(1.0 + score[outside], DIGITS)
        decided[outside] = 1.0
    ahead = np.zeros(len(at), dtype=bool)
    if fate.fault is Fault.STAMPED_AHEAD:
        ahead[broken] = draw.random(len(broken)) < AHEAD_SHARE
    arrival = _arrivals(recipe, day, draw, is_reference=is_reference)
    return SimulatedRows(day, version, values, texts_among, score, decided, label, arrival, ahead, probabilities)


def _is_weekend(days: Days) -> Floats:
    weekend: Floats = (_weekday(days) >= 5).astype(np.float64)  # noqa: PLR2004 - Saturday is the fifth
    return weekend


def _weekday(days: Days) -> np.ndarray:
    """Return 0 for Monday; 1 January 1970 was a Thursday."""
    weekday: np.ndarray = (days.astype(np.int64) + 3) % 7
    return weekday


def _expected_rows(recipe: Recipe, days: Days, *, is_reference: bool) -> Floats:
    fate = recipe.fate
    if fate.weekly:
        mondays: Floats = recipe.rows_a_day * (_weekday(days) == MONDAY)
        return mondays
    rows: Floats = recipe.rows_a_day * np.where(_is_weekend(days) > 0, WEEKEND_TRAFFIC, 1.0)
    if fate.traffic is None or is_reference:
        return rows
    return rows * (1 - (1 - fate.traffic) * _progress(recipe, days))


def _progress(recipe: Recipe, days: Days) -> Floats:
    """Return how much of the change there is on each day: 0 before, 1 when it is complete, 0 again after a repair."""
    if recipe.onset is None:
        return np.zeros(len(days))
    since = (days - np.datetime64(recipe.onset, "D")).astype(np.int64)
    progress = np.clip((since + 1) / max(recipe.fate.ramp_days, 1), 0.0, 1.0)
    if recipe.repaired is not None:
        progress[days >= np.datetime64(recipe.repaired, "D")] = 0.0
    return progress


def _broken(recipe: Recipe, days: Days) -> Flags:
    return (_progress(recipe, days) > 0) & (recipe.fate.fault is not None)


def _relation(recipe: Recipe, strength: Floats) -> Floats:
    """Return the true weights for each strength of the concept change: turned, and as telling as before."""
    shape = (-1, *(1,) * recipe.betas.ndim)
    mixed: Floats = (1 - strength.reshape(shape)) * recipe.betas + strength.reshape(shape) * recipe.turned
    axis = tuple(range(1, mixed.ndim))
    size = np.sqrt((mixed**2).sum(axis=axis, keepdims=True))
    weights: Floats = mixed * np.sqrt((recipe.betas**2).sum()) / size
    return weights


def _versions(recipe: Recipe, day: Days, reference_of: str | None) -> Texts:
    if reference_of is not None:
        return np.full(len(day), reference_of, dtype=object)
    version = np.full(len(day), "v1", dtype=object)
    if recipe.took_over is not None:
        version[day >= np.datetime64(recipe.took_over, "D")] = "v2"
    return version


def _values(
    recipe: Recipe, z: Floats, broken: np.ndarray, draw: Generator
) -> tuple[list[Floats | Texts], Floats, dict[int, Flags]]:
    """Return the logged values, the inputs as the model saw them (0 where it saw nothing), and texts among numbers."""
    values: list[Floats | Texts] = []
    seen, texts_among = z, dict[int, "Flags"]()
    if len(broken):
        seen = z.copy()
    for i, column in enumerate(recipe.inputs):
        given = value_of(column, z[:, i])
        if len(broken) and i in recipe.hit:
            _break(recipe.fate.fault, given, seen[:, i], broken, draw)
            if recipe.fate.fault is Fault.TYPE_CHANGE:
                texts_among[i] = np.zeros(len(z), dtype=bool)
                texts_among[i][broken] = np.isnan(given[broken].astype(np.float64))
        values.append(given)
    return values, seen, texts_among


def value_of(column: Input, z: Floats) -> Floats | Texts:
    """Return standard normal numbers as values of an input."""
    if column.kind is FeatureKind.CATEGORICAL:
        shares = 0.62 ** np.arange(len(column.levels))
        cuts = ndtri(np.cumsum(shares / shares.sum())[:-1])
        return np.array(column.levels, dtype=object)[np.searchsorted(cuts, z)]
    match column.shape:
        case "positive":
            drawn = column.a * np.exp(column.b * z)
        case "share":
            drawn = expit(column.a + column.b * z)
        case "count":
            drawn = np.floor(column.a * np.exp(column.b * z))
        case _:
            drawn = column.a + column.b * z
    return np.round(drawn, DIGITS)


def _break(fault: Fault | None, given: Floats | Texts, seen: Floats, broken: np.ndarray, draw: Generator) -> None:
    """Break the values of one input on the rows ``broken``, in place; the model scores what it gets."""
    some = draw.random(len(broken))
    match fault:
        case Fault.NULLS:
            lost = broken[some < NULL_SHARE]
            given[lost], seen[lost] = None if given.dtype == object else np.nan, 0.0
        case Fault.EMPTY_COLUMN:
            given[broken], seen[broken] = None if given.dtype == object else np.nan, 0.0
        case Fault.TYPE_CHANGE:
            lost = broken[some < TEXT_SHARE]
            given[lost], seen[lost] = np.nan, 0.0
        case Fault.STUCK:
            given[broken], seen[broken] = given[broken[0]], seen[broken[0]]
        case Fault.UNIT:
            given[broken], seen[broken] = np.round(given[broken] * UNIT_FACTOR, DIGITS), 3.0
        case Fault.RESCALED:
            given[broken], seen[broken] = np.round(given[broken] * RESCALE_FACTOR, DIGITS), seen[broken] + 3.0
        case Fault.NEW_LEVEL:
            given[broken[some < NEW_LEVEL_SHARE]] = NEW_LEVEL


def _said_and_true(
    recipe: Recipe, z: Floats, seen: Floats, *, truth: Floats, version: Texts, draw: Generator
) -> tuple[Floats, Floats, Floats, Floats | None]:
    """Return labels, scores, decisions and, for multiclass, probabilities."""
    fate, blind = recipe.fate, recipe.fate.skill == "none"
    retrained = version == "v2" if fate.version == "helps" else np.zeros(len(version), dtype=bool)
    weights = np.where(
        retrained.reshape(-1, *(1,) * recipe.betas.ndim), _relation(recipe, np.array([recipe.concept])), recipe.betas
    )
    if recipe.task is Task.MULTICLASS:
        return _multiclass(recipe, z, seen, truth=truth, weights=weights, draw=draw)
    signal = np.zeros(len(z)) if blind else np.einsum("ij,ij->i", z, truth)
    said = np.einsum("ij,ij->i", seen, weights) * (0.4 if blind else 1.0)
    if recipe.task is Task.REGRESSION:
        noise = np.sqrt(1 - (recipe.betas**2).sum())
        label = np.round(TARGET_MEAN + TARGET_SPREAD * (signal + noise * draw.standard_normal(len(z))), 2)
        score = np.round(TARGET_MEAN + TARGET_SPREAD * said, 2)
        return label, score, score, None
    label = (draw.random(len(z)) < expit(recipe.level + signal)).astype(np.float64)
    score = np.round(expit(recipe.level + recipe.level_off + said), DIGITS)
    decided = (score >= 0.5).astype(np.float64)  # noqa: PLR2004 - the decision threshold of a card that names none
    return label, decided.copy() if fate.hard else score, decided, None


def _multiclass(
    recipe: Recipe, z: Floats, seen: Floats, *, truth: Floats, weights: Floats, draw: Generator
) -> tuple[Floats, Floats, Floats, Floats | None]:
    blind = recipe.fate.skill == "none"
    signal = np.zeros((len(z), len(recipe.product.classes))) if blind else np.einsum("ij,ijk->ik", z, truth)
    said = np.einsum("ij,ijk->ik", seen, weights) * (0.4 if blind else 1.0)
    cumulative = np.cumsum(softmax(signal, axis=1), axis=1)
    label = (draw.random(len(z))[:, None] > cumulative[:, :-1]).sum(axis=1).astype(np.float64)
    probabilities = np.round(softmax(said, axis=1), DIGITS)
    decided = probabilities.argmax(axis=1).astype(np.float64)
    if recipe.fate.hard:
        return label, decided.copy(), decided, None
    return label, probabilities.max(axis=1), decided, probabilities


def _arrivals(recipe: Recipe, day: Days, draw: Generator, *, is_reference: bool) -> Days:
    fate = recipe.fate
    if is_reference:
        return day.copy() if fate.has_reference_labels else np.full(len(day), NEVER)
    if not fate.has_labels:
        return np.full(len(day), NEVER)
    delay = np.full(len(day), recipe.label_delay_days)
    if fate.spread_labels:
        delay = draw.integers(1, LONGEST_SPREAD + 1, len(day))
    return np.where(draw.random(len(day)) < LABELLED_SHARE, day + delay, NEVER)


def day_of(value: date) -> np.datetime64:
    """Return a date as numpy has it."""
    return np.datetime64(value, "D")


def columns_of(recipe: Recipe, rows: SimulatedRows) -> dict[str, Column]:
    """Return the rows as the columns of a log, texts among numbers included; times and ids are not among them."""
    columns: dict[str, Column] = {"version": rows.version}
    for i, column in enumerate(recipe.inputs):
        values = rows.values[i]
        if i in rows.texts_among:
            values = np.array(
                [None if np.isnan(x) else repr(float(x)) for x in values.astype(np.float64)], dtype=object
            )
            values[rows.texts_among[i]] = NOT_A_NUMBER
        columns[column.name] = values
    if recipe.task is Task.REGRESSION:
        columns["said"] = rows.decided
    elif recipe.fate.hard:
        columns["said"] = np.array(recipe.product.classes, dtype=object)[rows.decided.astype(np.intp)]
    elif rows.probabilities is not None:
        columns |= {name: rows.probabilities[:, k] for k, name in enumerate(recipe.probability_columns.values())}
    else:
        columns["p"] = rows.score
    return columns
