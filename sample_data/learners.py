"""The two kinds of model in the sample, and how much each of their features matters."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

Learner = Literal["trees", "linear"]
Scores = npt.NDArray[np.float64]

_SHUFFLES = 10
_ROWS_SHUFFLED = 3_000


def untrained(*, learner: Learner, is_regression: bool, numeric: Sequence[str], categorical: Sequence[str]) -> Pipeline:
    """A pipeline from the raw features to a score; levels it was not trained on count as missing."""
    if learner == "trees":
        ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        inputs = make_column_transformer((ordinal, list(categorical)), ("passthrough", list(numeric)))
        trees = HistGradientBoostingRegressor if is_regression else HistGradientBoostingClassifier
        estimator = trees(
            max_iter=80,
            learning_rate=0.1,
            max_leaf_nodes=15,
            random_state=0,
            early_stopping=False,
            categorical_features=list(range(len(categorical))),
        )
        return make_pipeline(inputs, estimator)
    inputs = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), list(categorical)),
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), list(numeric)),
    )
    return make_pipeline(inputs, Ridge() if is_regression else LogisticRegression(max_iter=500))


def scores(model: Pipeline, features: pd.DataFrame, *, is_regression: bool) -> Scores:
    """What the model says, with 4 decimals: predictions, shape ``(rows,)``, or probabilities, ``(rows, classes)``."""
    said = np.asarray(model.predict(features) if is_regression else model.predict_proba(features), dtype=np.float64)
    return said.round(4)


def importances(model: Pipeline, features: pd.DataFrame, labels: pd.Series, *, is_regression: bool) -> dict[str, float]:
    """Each feature's share of the loss that shuffling it costs; the shares add up to 1.

    The loss is the squared error, for classes summed over all of them (Brier), as everywhere in modelfolio. A rise within
    two standard errors of none counts as none: ten useless features must not look like one useful one.
    """
    generator = np.random.default_rng(0)
    chosen = np.sort(generator.permutation(len(features))[:_ROWS_SHUFFLED])
    sample = features.iloc[chosen].reset_index(drop=True)
    truth = labels.iloc[chosen].to_numpy()
    wanted = truth[:, None] if is_regression else (truth[:, None] == model.classes_[None, :]).astype(np.float64)

    def losses(frame: pd.DataFrame) -> Scores:
        said = scores(model, frame, is_regression=is_regression).reshape(len(frame), -1)
        return np.asarray(np.square(said - wanted).sum(axis=1), dtype=np.float64)

    unshuffled = losses(sample)
    rises = {}
    for name in features.columns:
        orders = [generator.permutation(len(sample)) for _ in range(_SHUFFLES)]
        shuffled = [losses(sample.assign(**{name: sample[name].to_numpy()[order]})) for order in orders]
        rise = np.mean(shuffled, axis=0) - unshuffled
        is_clear = rise.mean() > 2 * rise.std() / np.sqrt(len(rise))
        rises[name] = float(rise.mean()) if is_clear else 0.0
    return {name: round(rise / sum(rises.values()), 4) for name, rise in rises.items()}
