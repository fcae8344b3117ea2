"""The sample's verdicts come when METHODS section 16 says, within three days; dates are those of the original year 2013."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

from data_access.verdict_queries import verdicts

if TYPE_CHECKING:
    from data_access.registry import Registry

MOVED = timedelta(weeks=417)
NEAR = timedelta(days=3)
FIRST = date(2013, 4, 1)


def original(model: str, day: date) -> date:
    return day if model == "wiki-capacity" else day - MOVED


@pytest.fixture(scope="module")
def spells(sample_registry: Registry) -> dict[str, list[tuple[str, date, date]]]:
    """Return per model its verdicts as spells ``(verdict, first day, last day)``."""
    lines = verdicts(sample_registry, first=date(2020, 1, 1), last=date(2021, 12, 28))
    found: dict[str, list[tuple[str, date, date]]] = {}
    for (model, verdict), group in groupby(lines, key=lambda line: (line.model, line.verdict)):
        days = [original(model, line.day) for line in group]
        found.setdefault(model, []).append((verdict, days[0], days[-1]))
    return found


BEGINS = [
    ("jfk-late-at-pushback", "keep", FIRST),
    ("jfk-late-at-pushback", "watch", date(2013, 4, 26)),
    ("jfk-late-at-pushback", "watch", date(2013, 6, 30)),
    ("jfk-late-at-pushback", "watch", date(2013, 8, 14)),
    ("jfk-late-at-pushback", "watch", date(2013, 12, 7)),
    ("jfk-late-at-pushback", "retrain", date(2013, 12, 17)),
    ("ewr-air-time", "watch", date(2013, 5, 5)),
    ("ewr-air-time", "retrain", date(2013, 5, 14)),
    ("ewr-air-time", "retrain", date(2013, 7, 4)),
    ("ewr-air-time", "retrain", date(2013, 8, 10)),
    ("ewr-air-time", "retrain", date(2013, 9, 2)),
    ("ewr-air-time-2012", "keep", FIRST),
    ("ewr-air-time-2012", "retrain", date(2013, 5, 14)),
    ("ewr-air-time-2012", "keep", date(2013, 5, 30)),
    ("ewr-air-time-2012", "retire", date(2013, 6, 1)),
    ("lga-late-weather", "keep", FIRST),
    ("lga-late-weather", "watch", date(2013, 4, 24)),
    ("lga-late-weather", "watch", date(2013, 10, 26)),
    ("lga-late-weather", "watch", date(2013, 12, 30)),
    ("ewr-late-preflight", "fix_data", date(2013, 7, 2)),
    ("ewr-late-preflight", "fix_data", date(2013, 8, 19)),
    ("ewr-late-preflight", "fix_data", date(2013, 9, 2)),
    ("ewr-late-preflight", "retrain", date(2013, 9, 11)),
    ("ewr-late-preflight", "watch", date(2013, 10, 1)),
    ("ewr-late-preflight", "retire", date(2013, 10, 12)),
    ("lga-delay-band", "keep", FIRST),
    ("lga-cancel", "watch", FIRST),
    ("lga-cancel", "fix_data", date(2013, 8, 19)),
    ("lga-cancel", "fix_data", date(2013, 10, 25)),
    ("lga-cancel", "fix_data", date(2013, 11, 4)),
    ("lga-cancel", "fix_data", date(2013, 12, 30)),
    ("jfk-late-feed", "keep", FIRST),
    ("jfk-late-feed", "watch", date(2013, 6, 30)),
    ("jfk-late-feed", "fix_data", date(2013, 9, 9)),
    ("jfk-late-feed", "keep", date(2013, 10, 10)),
    ("lga-air-time-linear", "keep", FIRST),
    ("lga-air-time-linear", "watch", date(2013, 5, 9)),
    ("lga-air-time-linear", "retrain", date(2013, 6, 27)),
    ("lga-air-time-linear", "fix_data", date(2013, 8, 19)),
    ("bwi-shuttle-late", "keep", FIRST),
    ("bwi-shuttle-late", "watch", date(2013, 12, 20)),
    ("wiki-capacity", "watch", date(2020, 3, 1)),
    ("wiki-capacity", "retrain", date(2020, 4, 13)),
    ("wiki-capacity", "watch", date(2021, 1, 15)),
    ("wiki-capacity", "watch", date(2021, 12, 23)),
]


@pytest.mark.parametrize(("model", "verdict", "day"), BEGINS)
def test_a_spell_begins_when_it_should(
    spells: dict[str, list[tuple[str, date, date]]], model: str, verdict: str, day: date
) -> None:
    begins = [first for said, first, _ in spells[model] if said == verdict]
    assert any(abs(first - day) <= NEAR for first in begins), begins


ENDS = [
    ("jfk-late-at-pushback", "retrain", date(2013, 12, 23)),
    ("ewr-air-time", "retrain", date(2013, 5, 24)),
    ("ewr-air-time", "retrain", date(2013, 10, 10)),
    ("ewr-air-time-2012", "retire", date(2013, 12, 31)),
    ("ewr-late-preflight", "retire", date(2013, 10, 26) - timedelta(days=4)),
    ("jfk-late-feed", "fix_data", date(2013, 10, 9)),
    ("lga-air-time-linear", "fix_data", date(2013, 12, 31)),
    ("bwi-shuttle-late", "watch", date(2013, 12, 31)),
]


@pytest.mark.parametrize(("model", "verdict", "day"), ENDS)
def test_a_spell_ends_when_it_should(
    spells: dict[str, list[tuple[str, date, date]]], model: str, verdict: str, day: date
) -> None:
    ends = [last for said, _, last in spells[model] if said == verdict]
    assert any(abs(last - day) <= NEAR for last in ends), ends


NEVER = [
    ("lga-late-weather", {"retrain", "retire", "fix_data", "unknown"}),
    ("lga-delay-band", {"retrain", "retire", "fix_data", "watch", "unknown"}),
    ("lga-cancel", {"retrain", "retire", "keep", "unknown"}),
    ("jfk-late-feed", {"retrain", "retire", "unknown"}),
    ("bwi-shuttle-late", {"retrain", "retire", "fix_data", "unknown"}),
    ("jfk-late-at-pushback", {"retire", "fix_data", "unknown"}),
    ("ewr-air-time", {"retire", "fix_data", "unknown"}),
    ("wiki-capacity", {"keep", "retire", "fix_data", "unknown"}),
]


@pytest.mark.parametrize(("model", "verdicts_"), NEVER)
def test_a_verdict_that_would_be_wrong_never_comes(
    spells: dict[str, list[tuple[str, date, date]]], model: str, verdicts_: set[str]
) -> None:
    assert not verdicts_ & {said for said, _, _ in spells[model]}


def test_the_retraining_of_the_predecessor_is_not_asked_once_it_is_superseded(
    spells: dict[str, list[tuple[str, date, date]]],
) -> None:
    assert spells["ewr-air-time-2012"][-1][:2] == ("retire", date(2013, 6, 1))
