"""Traffic: is the model still asked, and as much as in its reference? (METHODS section 7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.window import calendar, in_a_row, latched, rolling_sum, switched

if TYPE_CHECKING:
    from monitoring.policy import Policy
    from monitoring.ports import Flags, Floats
    from monitoring.reference import Reference

WEEK, MONTH = 7, 28
REGULAR_SHARE = 0.95
SILENT_CADENCES = 3
DAYS_ABOVE_TO_CLEAR = 3
HALVED_DAYS = 7
CERTAIN = 3.0
YEAR_QUARTER = 91
STOPPED_DAYS, UNUSED_DAYS = 60, 90


@dataclass(frozen=True)
class TrafficSeries:
    """Traffic day by day; arrays of shape ``(days,)``. ``ratio`` is NaN before the seventh live day."""

    ratio: Floats
    rows_7: np.ndarray
    rows_28: np.ndarray
    rows_91: np.ndarray
    silent_days: np.ndarray
    low: Flags
    gone: Flags
    halved: Flags
    no_traffic: Flags
    expected_28: float

    @property
    def stopped(self) -> Flags:
        """Days on which nothing was asked for more than 60 days: a candidate for retirement, whatever the cadence."""
        flags: Flags = self.silent_days > STOPPED_DAYS
        return flags


def traffic_series(
    reference: Reference, rows: np.ndarray, policy: Policy, *, stretch: int = 1, cadence_days: int | None = None
) -> TrafficSeries:
    """Return the traffic conditions for every calendar day, given its rows ``(days,)``.

    Rows of an adjoining reference count towards the rows of 91 days.

    Args:
        reference: what traffic is compared with.
        rows: rows per calendar day.
        policy: the thresholds.
        stretch: how much longer windows are than a daily model's.
        cadence_days: days between two days with rows; the reference's own if not given. Conditions that last some days
            last as many cadences, or days with rows.
    """
    days, week, cadence = len(rows), WEEK * stretch, cadence_days or reference.cadence_days
    counted = rows > 0 if cadence > 1 else None
    mean = reference.mean_daily_rows
    rows_7, rows_28 = rolling_sum(rows, days=week), rolling_sum(rows, days=MONTH * stretch)
    daily = reference.profiles.on(calendar(reference.first_day, reference.last_day)).rows
    blocks = rolling_sum(daily, days=week)[week - 1 :]
    variance = max(float(np.var(blocks)) if len(blocks) > 1 else 0.0, week * mean)
    ratio = np.where(np.arange(days) >= week - 1, rows_7 / week / mean if mean else np.nan, np.nan)
    with np.errstate(invalid="ignore"):
        low, gone_now = ratio < policy.traffic_watch, ratio < policy.traffic_gone
    # A few rows a week fall below a third by chance.
    low &= week * mean - rows_7 > CERTAIN * np.sqrt(variance)
    gone = switched(
        in_a_row(gone_now) >= policy.traffic_gone_days * cadence,
        in_a_row(~gone_now, counted=counted) >= DAYS_ABOVE_TO_CLEAR,
    )
    silent = in_a_row(rows == 0)
    regular = len(reference.profiles) > REGULAR_SHARE * reference.days / cadence
    no_traffic = (silent >= SILENT_CADENCES * cadence) & regular & reference.has_days
    expected = MONTH * stretch * mean
    few = (rows_28 < expected / 2) & (rows_28 < expected - 4 * np.sqrt(expected + 4 * variance))
    asked = in_a_row(few & (np.arange(days) >= MONTH * stretch - 1), counted=counted) >= HALVED_DAYS
    # Half of the traffic swings about the limit for good: it is over after as many days as it took.
    halved = latched(asked, clear_days=HALVED_DAYS, counted=counted)
    return TrafficSeries(
        ratio=ratio,
        rows_7=rows_7,
        rows_28=rows_28,
        rows_91=rolling_sum(rows, days=YEAR_QUARTER) + _adjoining(reference, days),
        silent_days=silent,
        low=low,
        gone=gone,
        halved=halved,
        no_traffic=no_traffic,
        expected_28=expected,
    )


def _adjoining(reference: Reference, days: int) -> np.ndarray:
    """Return rows of the reference that lie within the 91 days before each day, as if it ended where the days begin."""
    if not reference.has_days:
        return np.zeros(days, dtype=np.int64)
    daily = reference.profiles.on(calendar(reference.first_day, reference.last_day)).rows
    from_end = np.concatenate(([0], np.cumsum(daily[::-1])))
    reach = np.clip(YEAR_QUARTER - 1 - np.arange(days), 0, len(daily))
    adjoining: np.ndarray = from_end[reach]
    return adjoining
