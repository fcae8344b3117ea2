"""Daily page views of Wikipedia, 2017 to 2021, and the model that forecasts them from the calendar alone."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sample_data.flights import WEEKDAYS

WIKI_VIEWS = Path(__file__).with_name("wiki_views.csv")
WAVES = tuple(f"{wave}_{times}" for times in (1, 2, 3) for wave in ("year_sin", "year_cos"))
FEATURES = ("dow", *WAVES)
TRAINED_TO = pd.Timestamp("2019-06-30", tz="UTC")
REFERENCE_TO = pd.Timestamp("2020-02-29", tz="UTC")
# The mean length of a year; with 365 days the waves of a leap year would not close.
DAYS_PER_YEAR = 365.25


def daily_forecasts() -> pd.DataFrame:
    """One row per day after the training, in order.

    ``id`` (int), ``ts`` (datetime in UTC, midnight), ``version`` (str), ``views`` (the forecast, millions), ``dow`` (str),
    six ``WAVES`` (float), ``label`` (float, millions) and ``label_ts`` (the next midnight).
    """
    history = pd.read_csv(WIKI_VIEWS)
    days = pd.to_datetime(history["date"], utc=True)
    day_of_year = days.dt.dayofyear.to_numpy()
    frame = pd.DataFrame({"id": np.arange(len(days)), "ts": days, "version": "v1"})
    frame["dow"] = days.dt.dayofweek.map(dict(enumerate(WEEKDAYS)))
    for times in (1, 2, 3):
        angle = 2 * np.pi * times * day_of_year / DAYS_PER_YEAR
        frame[f"year_sin_{times}"], frame[f"year_cos_{times}"] = np.sin(angle), np.cos(angle)
    frame["label"] = history["views"] / 1e6
    frame["label_ts"] = days + pd.Timedelta(days=1)
    inputs = make_column_transformer((OneHotEncoder(), ["dow"]), remainder="passthrough")
    model = make_pipeline(inputs, Ridge(1.0))
    trained = days <= TRAINED_TO
    model.fit(frame.loc[trained, list(FEATURES)], frame.loc[trained, "label"])
    frame["views"] = np.round(model.predict(frame[list(FEATURES)]), 4)
    return frame[~trained].reset_index(drop=True)
