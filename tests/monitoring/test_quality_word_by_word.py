"""The checks of all features at once say what METHODS section 6 says of one feature, day by day."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.policy import DEFAULT_POLICY
from tests.monitoring.history_builders import Predictions, binary, past, reference, segment
from tests.monitoring.plain_quality import plain_checks

if TYPE_CHECKING:
    from monitoring.reference import Reference

DAYS = 50
NUMERIC_FAULTS = ("nulls", "some nulls", "stuck", "times", "plus", "season", "infinite")
CHANNEL_FAULTS = ("nulls", "stuck", "new", "some new")
FAULT = st.tuples(
    st.sampled_from(
        [*(("amount", fault) for fault in NUMERIC_FAULTS), *(("channel", fault) for fault in CHANNEL_FAULTS)]
    ),
    st.integers(0, DAYS - 1),
    st.integers(0, 12),
    st.sampled_from([0.1, 1 / 1.8, 1.2, 1.45, 1.609344, 2.54, 10.0, 1000.0]),
)


@cache
def base(rows_a_day: int, days: int) -> Reference:
    return reference(past(rows_a_day=rows_a_day, days=days))


def changed(live: Predictions, name: str, fault: str, *, first: int, last: int, factor: float) -> Predictions:
    """Return the history with a fault of a feature on some days."""
    values, some = live.features[name], np.arange(len(live.day)) % 4 == 0
    becomes: dict[str, Any] = {
        "nulls": np.nan if name == "amount" else None,
        "some nulls": np.where(some, np.nan, values) if name == "amount" else None,
        "some new": np.where(some, "drone", values),
        "new": "drone",
    }
    if name == "amount":
        becomes |= {
            "stuck": 100.0,
            "times": values * factor,
            "plus": values + 40 * factor,
            "season": values + 60 * np.sin(live.since_start / 9),
            "infinite": np.where(some, np.inf, values),
        }
    else:
        becomes["stuck"] = "web"
    return live.with_feature(name, becomes[fault], since=first, until=last)


@given(
    st.lists(FAULT, max_size=6),
    st.sampled_from([12, 15, 29, 40]),
    st.sampled_from([1, 10, 84]),
    st.sets(st.integers(0, DAYS - 1), max_size=8),
    st.integers(0, 3),
)
@settings(max_examples=150)
def test_the_checks_of_all_features_at_once_are_those_of_each_day_by_day(
    faults: list[tuple[tuple[str, str], int, int, float]],
    rows_a_day: int,
    reference_days: int,
    gaps: set[int],
    seed: int,
) -> None:
    live = binary(days=DAYS, rows_a_day=rows_a_day, seed=seed)
    for (name, fault), first, length, factor in faults:
        live = changed(live, name, fault, first=first, last=first + length, factor=factor)
    live = live.only(~np.isin(live.since_start, list(gaps - {DAYS - 1})))
    history = segment(live, against=base(rows_a_day, reference_days), days=DAYS)
    for name, quality in history.quality.items():
        plain = plain_checks(history.reference, history.daily, name, DEFAULT_POLICY)
        found = {check.kind: check for check in quality.checks if check.kind in plain}
        assert {kind for kind, check in plain.items() if any(check.bad)} <= found.keys()
        for kind, check in found.items():
            expected = plain[kind]
            assert check.bad.tolist() == expected.bad, (name, kind)
            assert check.open.tolist() == expected.open, (name, kind)
            days = [None if np.isnat(day) else int((day - history.days[0]).astype(int)) for day in check.flagged_from]
            assert days == expected.flagged_from, (name, kind)
            np.testing.assert_allclose(check.value, expected.value, rtol=1e-9)
