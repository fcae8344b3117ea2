"""A model's signs: which features are abnormal on a day, and when a source is (METHODS section 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitoring.drift import drift_series, merged_bins, null_variation
from monitoring.portfolio_shift import Sign
from monitoring.shift_signs import moved_features, signs_of
from tests.monitoring.history_builders import START, binary, past, reference, segment

if TYPE_CHECKING:
    from monitoring.portfolio_shift import ModelSigns
    from monitoring.segment import Segment
    from tests.monitoring.history_builders import Predictions

DAYS, BREAK = 40, 20


def given(history: Segment) -> list[ModelSigns]:
    return list(signs_of(history, first=START))


def by_source(history: Segment, source: str) -> list[Sign]:
    found = given(history)
    return [each.signs[each.sources.index(source)] for each in found]


def of_all(history: Segment) -> list[Sign]:
    return [each.signs[-1] for each in given(history)]


def nulls(live: Predictions, name: str, *, since: int, until: int) -> Predictions:
    values = live.features[name].copy()
    values[::2] = None if values.dtype == object else np.nan
    return live.with_feature(name, values, since=since, until=until)


def test_an_ordinary_model_is_normal_on_nearly_every_day() -> None:
    found = [each for history in map(segment, (binary(seed=1), binary(seed=2))) for each in given(history)]
    abnormal = [each for each in found if any(sign is not Sign.NORMAL for sign in each.signs)]
    assert len(found) == 120
    assert len(abnormal) <= 1


def test_sources_are_those_of_its_features_and_every_sign_is_known_on_its_day() -> None:
    first = given(segment(binary(days=DAYS)))[0]
    assert (first.sources, len(first.signs)) == (("core feed", "web feed"), 3)
    assert (first.day, first.known_on) == (START, START)


def test_inputs_that_move_on_one_day_are_moved_on_that_day_only() -> None:
    live = binary(days=DAYS)
    live = live.with_feature("channel", "phone", since=BREAK, until=BREAK)
    history = segment(live.only((live.since_start != BREAK) | (np.arange(len(live.day)) % 3 > 0)))
    signs = by_source(history, "web feed")
    assert [day for day, sign in enumerate(signs) if sign is not Sign.NORMAL] == [BREAK]


def test_broken_data_are_broken_as_long_as_they_are_and_not_while_the_finding_is_only_open() -> None:
    history = segment(nulls(binary(days=DAYS), "channel", since=BREAK, until=BREAK + 3))
    signs = by_source(history, "web feed")
    assert [day for day, sign in enumerate(signs) if sign is Sign.BROKEN] == list(range(BREAK, BREAK + 4))
    assert history.quality["channel"].open[BREAK + 6]
    assert signs[BREAK + 4] is Sign.NORMAL


def test_half_of_the_features_from_a_source_make_it_abnormal_and_fewer_do_not() -> None:
    """Two features come from the core feed, one from the web feed: one of three is not half of all."""
    history = segment(nulls(binary(days=DAYS), "note", since=BREAK, until=BREAK))
    assert by_source(history, "core feed")[BREAK] is Sign.BROKEN
    assert of_all(history)[BREAK] is Sign.FAULTY
    both = nulls(nulls(binary(days=DAYS), "note", since=BREAK, until=BREAK), "amount", since=BREAK, until=BREAK)
    assert of_all(segment(both))[BREAK] is Sign.BROKEN


def test_days_with_hardly_any_rows_are_not_seen() -> None:
    live = binary(days=DAYS)
    history = segment(live.only((live.since_start != BREAK) | (np.arange(len(live.day)) % 12 == 0)))
    assert set(given(history)[BREAK].signs) == {Sign.UNSEEN}


@pytest.mark.parametrize("has_days", [True, False])
def test_a_day_moves_when_its_drift_beyond_a_floor_of_a_fifth_is_significant(has_days: bool) -> None:
    base = reference(past(), has_days=has_days)
    live = binary(days=DAYS, amount_shift=14.0, since=BREAK)
    history = segment(live, against=base)
    at, bins = base.layout.counts_at["amount"], base.layout.features["amount"].test_bins
    per_day, current = (merged_bins(p.counts[:, at], bins) for p in (base.profiles, history.daily))
    variation = null_variation(per_day, window_days=1, has_days=has_days)
    expected = drift_series(per_day.sum(axis=0), current, variation, floor=0.2, window_days=1).significant
    moves = moved_features(history, start=0)["amount"]
    until = DAYS if has_days else 28
    assert moves[:until].tolist() == expected[:until].tolist()
    assert moves[BREAK + 1] or moves[BREAK + 2]
    if not has_days:  # by then the first days in service, half of them moved, say how much a day varies
        assert moves[28:].sum() < expected[28:].sum()


def test_the_signs_of_a_day_do_not_depend_on_the_days_after_it() -> None:
    live = nulls(binary(days=DAYS, amount_shift=14.0, since=BREAK), "channel", since=BREAK, until=BREAK + 3)
    whole = given(segment(live))
    for last in (BREAK - 1, BREAK, BREAK + 5):
        shorter = replace(segment(live), last=START + timedelta(days=last))
        assert given(shorter) == whole[: last + 1]
        assert list(signs_of(segment(live), first=START + timedelta(days=last))) == whole[last:]
