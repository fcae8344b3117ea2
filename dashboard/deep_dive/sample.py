"""The rows of a deep dive: a bounded sample, without anything that Evidently would fail on or that a browser would run.

Values and names come from prediction logs, which anybody may have filled, and Evidently writes both into a script of its page.
So every character that markup or a script is made of is replaced before Evidently sees the sample.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dashboard.presentation import is_missing
from monitoring.errors import ModelfolioError
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from dashboard.deep_dive.order import Request
    from monitoring.portfolio import Feature, Model
    from monitoring.ports import LabelledRows, LogRows, PredictionLog

FEWEST_ROWS = 30
MOST_COLUMNS = 60
MOST_LEVELS = 30
LONGEST_TEXT = 80
SCORE = "prediction"
LABEL, PREDICTED, PROBABILITY = "label", "predicted", "probability"
OTHER_LEVELS = "(other)"
# Every character that can end or start markup, a script or a string in one; what replaces it looks alike.
NEUTRAL = str.maketrans(
    {
        "<": "‹",
        ">": "›",
        "&": "＆",
        '"': "”",
        "'": "’",
        "`": "’",
        "\\": "⧵",
        "{": "(",
        "}": ")",
        "\u2028": " ",
        "\u2029": " ",
    }
)


class DeepDiveError(ModelfolioError):
    """A report could not be made; the text says why and what to do."""


@dataclass(frozen=True)
class Sample:
    """Rows to compare: features and the score as columns; ``left_out`` says per column why it is not compared."""

    current: pd.DataFrame
    reference: pd.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pairs:
    """Predictions with their labels: columns ``label``, ``predicted`` and the probabilities.

    ``probabilities`` names their columns: binary that of the class ``positive``, multiclass one per class under its name.
    """

    current: pd.DataFrame
    reference: pd.DataFrame
    task: Task
    probabilities: tuple[str, ...] = ()
    positive: str | None = None


def neutral(text: object) -> str:
    """Return text without any character that markup or a script could be made of, on one line.

    >>> neutral("</script><script>alert(1)</script>")
    '‹/script›‹script›alert(1)‹/script›'
    """
    plain = "".join(letter if letter.isprintable() else " " for letter in str(text)).translate(NEUTRAL)
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST_TEXT else plain[: LONGEST_TEXT - 1] + "…"


# Reading


def read_sample(
    log: PredictionLog,
    request: Request,
    features: tuple[Feature, ...],
    *,
    tick: Callable[[float], None] = lambda _: None,
) -> Sample:
    """Read the request's rows, as many of each day as its share of the window, and as many of the version's reference.

    Args:
        log: the model's prediction log; a day of it at a time is in memory.
        request: version, window and number of rows.
        features: those of the model; the 60 most important are compared.
        tick: called with the share of the window that was read.

    Raises:
        DeepDiveError: there is no reference, or too few rows to compare.
    """
    reference = log.reference(request.version)
    if reference is None:
        raise DeepDiveError(
            f"Version {neutral(request.version)} has no reference yet, so there is nothing to compare with."
        )
    important = sorted(features, key=lambda feature: -(feature.importance or 0.0))[:MOST_COLUMNS]
    names = [feature.name for feature in important]
    current = _window_rows(log, request, names, tick)
    everything = np.ones(len(reference.rows.day), dtype=bool)
    then = _frame(reference.rows, names, _drawn(everything, request.rows))
    sample = sample_of(current, then)
    too_many = {
        neutral(feature.name): f"only the {MOST_COLUMNS} most important are compared"
        for feature in features
        if feature not in important
    }
    return Sample(sample.current, sample.reference, sample.numeric, sample.categorical, sample.left_out | too_many)


def _window_rows(log: PredictionLog, request: Request, names: list[str], tick: Callable[[float], None]) -> pd.DataFrame:
    """Return rows of every day of the window, of each as many as its share of all; a day at a time is in memory."""
    counts = log.day_counts(first=request.first, last=request.last)
    there = sum(rows for rows, _ in counts.values())
    parts: list[pd.DataFrame] = []
    for read in range(request.days):
        day = request.first + timedelta(days=read)
        tick(read / request.days)
        if not counts.get(day, (0, 0))[0]:
            continue
        rows = log.rows(first=day, last=day)
        wanted = request.rows if there <= request.rows else round(request.rows * counts[day][0] / there)
        known = _known(rows.valid_from, rows.valid_to, request.known_on)
        parts.append(_frame(rows, names, _drawn((rows.version == request.version) & known, wanted)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({name: [] for name in names})


def _known(since: np.ndarray, until: np.ndarray, on: date) -> np.ndarray:
    day = np.datetime64(on)
    return np.asarray((since <= day) & (np.isnat(until) | (until > day)))


def _drawn(flags: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many of the flagged places, the same ones every time."""
    places = np.flatnonzero(flags)
    return (
        places if len(places) <= most else np.sort(np.random.default_rng(0).choice(places, max(most, 0), replace=False))
    )


def _frame(rows: LogRows, names: list[str], chosen: np.ndarray) -> pd.DataFrame:
    """Return the chosen rows as columns: numbers as float64, categories as text, both with missing values."""
    columns: dict[str, Any] = {name: np.asarray(rows.features[name])[chosen] for name in names if name in rows.features}
    columns[SCORE if SCORE not in columns else f"{SCORE} (score)"] = rows.score[chosen]
    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})


# What Evidently can compare


def sample_of(current: pd.DataFrame, reference: pd.DataFrame) -> Sample:
    """Return the sample Evidently can work on: neutral names and values, and no column it would fail on.

    Raises:
        DeepDiveError: too few rows, or no column that can be compared.
    """
    if min(len(current), len(reference)) < FEWEST_ROWS:
        raise DeepDiveError(
            f"Too few rows to compare: {len(current):,} in the window and {len(reference):,} in the reference; {FEWEST_ROWS} are needed in each."
        )
    kept: dict[str, tuple[pd.Series[Any], pd.Series[Any]]] = {}
    numeric: list[str] = []
    left_out: dict[str, str] = {}
    for given in reference.columns:
        name = _unused(neutral(given) or "(no name)", {*kept, *left_out})
        if given not in current.columns:
            left_out[name] = "its column is not in the log any more"
            continue
        is_number = _is_numeric(reference[given]) and _is_numeric(current[given])
        then, now = (_numbers(frame[given]) if is_number else _levels(frame[given]) for frame in (reference, current))
        if reason := _why_not(now, then, is_number=is_number):
            left_out[name] = reason
            continue
        if is_number:
            numeric.append(name)
        else:
            now, then = _fewer_levels(now, then)
        kept[name] = (now, then)
    for given in current.columns.difference(reference.columns):
        left_out[_unused(neutral(given) or "(no name)", {*kept, *left_out})] = "the reference does not have it"
    if not kept:
        raise DeepDiveError("No column can be compared: each is empty, constant or different in every row.")
    return Sample(
        current=pd.DataFrame({name: now for name, (now, _) in kept.items()}),
        reference=pd.DataFrame({name: then for name, (_, then) in kept.items()}),
        numeric=tuple(numeric),
        categorical=tuple(name for name in kept if name not in numeric),
        left_out=left_out,
    )


def _unused(name: str, taken: set[str]) -> str:
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _is_numeric(values: pd.Series[Any]) -> bool:
    if pd.api.types.is_object_dtype(values):
        present = [value for value in values if not is_missing(value)]
        return bool(present) and all(isinstance(value, Decimal) for value in present)
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _numbers(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.astype("float64").replace([np.inf, -np.inf], np.nan).reset_index(drop=True)


def _levels(values: pd.Series[Any]) -> pd.Series[Any]:
    return pd.Series([None if pd.isna(value) else neutral(value) for value in values], dtype=object)


def _why_not(now: pd.Series[Any], then: pd.Series[Any], *, is_number: bool) -> str | None:
    """Return why Evidently could not compare the column, or would say something meaningless."""
    if not now.notna().any():
        return "no value in the window"
    if not then.notna().any():
        return "no value in the reference"
    if min(now.notna().sum(), then.notna().sum()) < FEWEST_ROWS:
        return f"fewer than {FEWEST_ROWS} values"
    if is_number and then.min() == then.max():
        return "constant in the reference"
    if not is_number and then.nunique() > then.notna().sum() / 2:
        return "nearly every value is different"
    return None


def _fewer_levels(now: pd.Series[Any], then: pd.Series[Any]) -> tuple[pd.Series[Any], pd.Series[Any]]:
    """Return both with the most frequent levels; the others together, for thousands of levels drift by sampling alone."""
    frequent = set(pd.concat([now, then]).value_counts().index[:MOST_LEVELS])

    def reduced(values: pd.Series[Any]) -> pd.Series[Any]:
        return values.map(lambda value: value if value is None or value in frequent else OTHER_LEVELS).astype(object)

    return reduced(now), reduced(then)


# Predictions with their labels


def read_pairs(log: PredictionLog, request: Request, model: Model) -> Pairs:
    """Read the labels that arrived in the window and as many of the reference.

    Raises:
        DeepDiveError: there are too few labels, or only one class, to measure anything.
    """
    reference = log.reference(request.version)
    if reference is None:
        raise DeepDiveError("There is no reference yet, so there is nothing to compare with.")
    arrived = log.labelled(first_arrival=request.first, last_arrival=request.last)
    known = _known(arrived.arrival, arrived.valid_to, request.known_on)
    now = pair_frame(arrived, _drawn((arrived.version == request.version) & known, request.rows), model)
    everything = np.ones(len(reference.labelled.day), dtype=bool)
    then = pair_frame(reference.labelled, _drawn(everything, request.rows), model)
    return pairs_of(now, then, model)


def class_names(model: Model) -> tuple[str, ...]:
    """Return the model's classes as neutral texts that differ from each other and from our own columns."""
    names: list[str] = []
    for each in model.classes or ("0", "1"):
        names.append(_unused(neutral(each) or "(no name)", {*names, LABEL, PREDICTED, PROBABILITY}))
    return tuple(names)


def pair_frame(rows: LabelledRows, chosen: np.ndarray, model: Model) -> pd.DataFrame:
    """Return labels and predictions as columns: classes as neutral texts, regression as numbers."""
    label, predicted, score = rows.label[chosen], rows.prediction[chosen], rows.score[chosen]
    if model.task is Task.REGRESSION:
        return pd.DataFrame({LABEL: label, PREDICTED: predicted})
    names = class_names(model)
    frame = pd.DataFrame({LABEL: _named(label, names), PREDICTED: _named(predicted, names)})
    if model.task is Task.BINARY and model.has_probability:
        frame[PROBABILITY] = score
    elif rows.probabilities is not None:
        frame[list(names)] = rows.probabilities[chosen]
    return frame


def _named(classes: np.ndarray, names: tuple[str, ...]) -> list[str | None]:
    is_known = np.isfinite(classes) & (classes >= 0) & (classes < len(names))
    return [names[int(at)] if known else None for at, known in zip(classes, is_known, strict=True)]


def pairs_of(current: pd.DataFrame, reference: pd.DataFrame, model: Model) -> Pairs:
    """Return the pairs Evidently can measure: complete rows, and every class in both windows.

    Raises:
        DeepDiveError: too few labels, or only one class.
    """
    now, then = (_complete(frame) for frame in (current, reference))
    if model.task is Task.REGRESSION:
        return _enough(Pairs(now, then, model.task))
    common = set(now[LABEL]) & set(then[LABEL])
    if len(common) == 1:
        raise DeepDiveError("Only one class has labels both in the window and in the reference.")
    now, then = (frame[frame[LABEL].isin(common) & frame[PREDICTED].isin(common)] for frame in (now, then))
    names = class_names(model)
    if model.task is Task.BINARY:
        has_chance = all(PROBABILITY in frame and frame[PROBABILITY].between(0, 1).all() for frame in (now, then))
        return _enough(Pairs(now, then, model.task, (PROBABILITY,) if has_chance else (), names[-1]))
    columns = tuple(name for name in names if name in common)
    has_all = all(name in frame for frame in (now, then) for name in columns)
    return _enough(Pairs(now, then, model.task, columns if has_all else ()))


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    is_finite = np.isfinite(frame.select_dtypes("number").to_numpy(dtype=float)).all(axis=1)
    rows: pd.DataFrame = frame[is_finite]
    return rows.dropna()


def _enough(pairs: Pairs) -> Pairs:
    now, then = len(pairs.current), len(pairs.reference)
    if min(now, then) < FEWEST_ROWS:
        raise DeepDiveError(
            f"Too few labels: {now:,} in the window and {then:,} in the reference; {FEWEST_ROWS} are needed in each."
        )
    return pairs
