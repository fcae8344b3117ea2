"""Small frames to compare, each input that Evidently fails on or misreads once, and a model whose pairs can be measured."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from monitoring.portfolio import Model, Task

ROWS = 120


@dataclass(frozen=True)
class Input:
    """A column called ``bad`` as it is now and in the reference; as what it is declared when nobody looks at it first."""

    now: object
    then: object
    declared: str
    verdict: str
    """What is said of it: ``numeric``, ``categorical``, or why it is left out."""
    fails: bool = True
    """Whether Evidently alone raises; otherwise it reports something meaningless."""


def _noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, ROWS)


def _days(seed: int) -> list[datetime]:
    return [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=float(each)) for each in 100 * abs(_noise(seed))]


def _many_levels(seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [f"level {rng.integers(2_500)}" if rng.random() < 0.4 else "usual" for _ in range(ROWS)]


BAD_INPUTS = {
    "all missing now": Input(np.full(ROWS, np.nan), _noise(1), "numeric", "no value in the window"),
    "all missing then": Input(_noise(1), np.full(ROWS, np.nan), "numeric", "no value in the reference"),
    "missing column": Input(None, _noise(1), "numeric", "its column is not in the log any more"),
    "booleans": Input(_noise(1) > 0, _noise(2) > 0, "numeric", "categorical"),
    "decimals": Input([Decimal(f"{x:.3f}") for x in _noise(1)], [Decimal(f"{x:.3f}") for x in _noise(2)], "numeric", "numeric"),
    "dates": Input(_days(1), _days(2), "numeric", "nearly every value is different"),
    "nullable numbers": Input(
        pd.array([None, *range(ROWS - 1)], dtype="Int64"), pd.array(range(ROWS), dtype="Int64"), "numeric", "numeric", fails=False
    ),
    "arrow texts": Input(
        pd.array(["a", "b", None] * 40, dtype="string[pyarrow]"),
        pd.array(["a", "a", "b"] * 40, dtype="string[pyarrow]"),
        "categorical",
        "categorical",
        fails=False,
    ),
    "infinities": Input(np.where(_noise(1) > 1, np.inf, _noise(1)), _noise(2), "numeric", "numeric", fails=False),
    "identifiers": Input(
        [f"id {at}" for at in range(ROWS)],
        [f"id {-at}" for at in range(ROWS)],
        "categorical",
        "nearly every value is different",
        fails=False,
    ),
    "constant reference": Input(_noise(1), np.zeros(ROWS), "numeric", "constant in the reference", fails=False),
    "thousands of levels": Input(_many_levels(1), _many_levels(2), "categorical", "categorical", fails=False),
    "hardly any value": Input(
        np.where(np.arange(ROWS) < 5, _noise(1), np.nan), _noise(2), "numeric", "fewer than 30 values", fails=False
    ),
}  # fmt: skip


def frames(bad: Input) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the input beside a good column, now and in the reference."""
    now = pd.DataFrame({"good": _noise(3)} | ({} if bad.now is None else {"bad": bad.now}))
    return now, pd.DataFrame({"good": _noise(4), "bad": bad.then})


def model(task: Task = Task.BINARY, *classes: str) -> Model:
    """Return a model whose classes are ``classes``."""
    return Model(id="m", name="M", task=task, classes=classes)


def pair_columns(
    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return labels, predictions and probabilities of a binary model with classes no and yes, now changed and then."""

    def made(seed: int) -> pd.DataFrame:
        chance = np.random.default_rng(seed).random(ROWS)
        label = np.where(np.random.default_rng(seed + 9).random(ROWS) < chance, "yes", "no").astype(object)
        predicted = np.where(chance > 0.5, "yes", "no").astype(object)
        return pd.DataFrame({"label": label, "predicted": predicted, "probability": chance})

    return change(made(1)), made(2)
