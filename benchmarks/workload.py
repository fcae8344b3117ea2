"""Made-up predictions that every measurement shares: the same seed gives the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitoring.ports import Floats

NUMERIC, CATEGORICAL = 20, 10
LEVELS = (6, 6, 8, 10, 12, 15, 20, 30, 40, 50)
MISSING_SHARE = 0.01
EVERY_FIFTH: tuple[Callable[[np.random.Generator, int, float], Floats], ...] = (
    lambda rng, rows, shift: rng.normal(shift, 1, rows),
    lambda rng, rows, shift: rng.lognormal(shift, 1.2, rows),
    lambda rng, rows, shift: np.where(rng.random(rows) < 0.5, 0.0, rng.poisson(8 * (1 + shift), rows).astype(float)),
    lambda rng, rows, shift: rng.uniform(shift, 1 + shift, rows),
    lambda rng, rows, shift: rng.gamma(2.0, 1 + shift, rows),
)
SHAPES: dict[str, Callable[[np.random.Generator, int, float], Floats]] = {
    "normal": lambda rng, rows, shift: rng.normal(shift, 1, rows),
    "lognormal 1.5": lambda rng, rows, shift: rng.lognormal(shift, 1.5, rows),
    "Student t2": lambda rng, rows, shift: np.asarray(stats.t.rvs(2, loc=3 * shift, size=rows, random_state=rng)),
    "60 % zeros + Poisson": lambda rng, rows, shift: np.where(
        rng.random(rows) < 0.6, 0.0, rng.poisson(4 * (1 + shift), rows)
    ),
    "rounded to 0.5": lambda rng, rows, shift: np.round(2 * rng.normal(shift, 1, rows)) / 2,
    "uniform out of range": lambda rng, rows, shift: rng.uniform(shift, 1 + shift, rows),
    "sd grows to 2x": lambda rng, rows, shift: rng.normal(0, 1 + shift, rows),
    "bimodal, weights move": lambda rng, rows, shift: np.where(
        rng.random(rows) < 0.5 - 0.4 * shift, rng.normal(-3, 1, rows), rng.normal(3, 1, rows)
    ),
}
"""The shapes on which scores from counts are compared with those of rows; ``shift`` 0 is the reference, 1 the most."""


def numeric_names(features: int) -> list[str]:
    """Return the names of the numeric ones of so many features: two of three."""
    return [f"n{i:02d}" for i in range(features - features // 3)]


def categorical_names(features: int) -> list[str]:
    """Return the names of the categorical ones of so many features: one of three."""
    return [f"c{i:02d}" for i in range(features // 3)]


def predictions(rows: int, *, seed: int, shift: float = 0.0, features: int = NUMERIC + CATEGORICAL) -> pd.DataFrame:
    """Return rows of a calibrated binary model: features, ``score`` (a probability), ``predicted`` and ``label`` (0 or 1).

    Numeric features are normal, lognormal, half zeros, uniform and gamma in turn, every third with 1 % missing;
    categorical ones have 6 to 50 levels. ``shift`` moves every fourth feature.
    """
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {}
    for i, name in enumerate(numeric_names(features)):
        values = EVERY_FIFTH[i % 5](rng, rows, shift if i % 4 == 0 else 0.0)
        if i % 3 == 0:
            values[rng.random(rows) < MISSING_SHARE] = np.nan
        columns[name] = values
    for i, name in enumerate(categorical_names(features)):
        levels = LEVELS[i % len(LEVELS)]
        weights = (1.0 / np.arange(1, levels + 1)) ** (1 - min(shift, 0.9) / 2 if i % 4 == 0 else 1)
        names = np.array([f"level {level:02d}" for level in range(levels)], dtype=object)
        columns[name] = names[rng.choice(levels, rows, p=weights / weights.sum())]
    log_odds = 0.8 * np.nan_to_num(np.asarray(columns["n00"], dtype=np.float64)) + rng.normal(0, 1, rows) - 1.0
    score = 1 / (1 + np.exp(-log_odds))
    columns |= {
        "score": score,
        "predicted": (score >= 0.5).astype(int),
        "label": (rng.random(rows) < score).astype(int),
    }
    return pd.DataFrame(columns)
