"""What a model said and what turned out true, as the numbers the core counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from data_access.log_values import arrow_floats, as_python, is_number
from data_access.normal_text import class_text, texts
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from data_access.log_mapping import Columns
    from data_access.log_values import Values
    from monitoring.portfolio import Model
    from monitoring.ports import Flags, Floats


@dataclass(frozen=True, slots=True)
class Output:
    """What a model said, one entry per row: see ``LogRows`` and ``LabelledRows`` for the meaning of each."""

    score: Floats
    prediction: Floats
    probabilities: Floats | None = None


def numbers(given: Values) -> tuple[Floats, Flags]:
    """Return the values as floats (missing: NaN) and which of them are no numbers at all."""
    if isinstance(given, pa.Array) and is_number(given.type):
        return arrow_floats(given), np.zeros(len(given), dtype=bool)
    values = as_python(given)
    try:
        found = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        pairs = [_number(value) for value in values]
        found = np.array([number for number, _ in pairs], dtype=np.float64)
        return found, np.array([is_mistyped for _, is_mistyped in pairs], dtype=bool)
    return found, np.zeros(len(found), dtype=bool)


def _number(value: Any) -> tuple[float, bool]:
    if value is None or (isinstance(value, str) and not value.strip()):
        return np.nan, False
    try:
        return float(value), False
    except OverflowError:
        return (np.inf if value > 0 else -np.inf), False
    except (ValueError, TypeError):
        return np.nan, True


def output(model: Model, columns: Columns, given: dict[str, Values], *, rows: int) -> Output:
    """Return what the model said; ``given`` holds the selected columns by part, probabilities as ``probability_0`` ..."""
    said = given.get("prediction")
    match model.task:
        case Task.REGRESSION:
            prediction = numbers(() if said is None else said)[0]
            return Output(score=prediction, prediction=prediction)
        case Task.BINARY:
            hard = class_codes(model, said) if said is not None else np.full(rows, np.nan)
            if columns.probability is None:
                return Output(score=hard, prediction=hard)
            score = numbers(given["probability"])[0]
            decided = np.where(np.isnan(score), np.nan, (score >= model.decision_threshold).astype(np.float64))
            return Output(score=score, prediction=hard if said is not None else decided)
    if not columns.probabilities:
        hard = class_codes(model, () if said is None else said)
        return Output(score=hard, prediction=hard)
    named = [numbers(given[f"probability_{at}"])[0] for at in range(len(columns.probabilities))]
    probabilities = np.column_stack(named) if rows else np.empty((0, len(named)))
    is_known = ~np.isnan(probabilities).any(axis=1)
    largest = np.where(is_known, np.argmax(np.nan_to_num(probabilities, nan=-np.inf), axis=1), np.nan)
    hard = class_codes(model, said) if said is not None else largest
    score = np.where(is_known, np.max(np.nan_to_num(probabilities, nan=-np.inf), axis=1), np.nan)
    return Output(score=score, prediction=hard, probabilities=probabilities)


def class_codes(model: Model, values: Values) -> Floats:
    """Return the index of each value's class, NaN for a missing value or a class nobody declared.

    Binary: whatever is not the positive class is the negative one, so that -1 and "no" need not be declared.
    """
    named = texts(values, normalise=class_text)
    if model.task is Task.BINARY:
        positive = model.classes[1]
        return np.where(pd.isna(named), np.nan, named == positive)
    index = {name: float(at) for at, name in enumerate(model.classes)}
    return np.array([index.get(name, np.nan) for name in named], dtype=np.float64)


def label_values(model: Model, values: Values) -> Floats:
    """Return labels as the core counts them, NaN where there is none to be used."""
    return numbers(values)[0] if model.task is Task.REGRESSION else class_codes(model, values)
