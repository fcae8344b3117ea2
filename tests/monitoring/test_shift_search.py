"""The search for shifts: a range gives what daily runs gave, and what is known late changes a shift only from then on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.portfolio_shift import ModelSigns, Shift, ShiftKind, Sign
from monitoring.shift_search import ShiftRecords, found_shifts

if TYPE_CHECKING:
    from collections.abc import Iterator

START, DAYS = date(2026, 3, 1), 50
MODELS, SOURCES = 12, ("a", "b")
CROWDS = {f"m{number:02}": ("use" if number < 6 else "less", "team") for number in range(MODELS)}


def on(day: int) -> date:
    return START + timedelta(days=day)


@dataclass
class Told:
    """Signs in memory."""

    rows: list[ModelSigns]

    def signs_becoming_known(self, first: date, last: date) -> Iterator[ModelSigns]:
        return iter(sorted((r for r in self.rows if first <= r.known_on <= last), key=lambda r: r.known_on))

    def signs_known_on(self, known_on: date, *, first: date) -> Iterator[ModelSigns]:
        chosen = (r for r in self.rows if r.day >= first and r.known_on <= known_on)
        return iter(sorted(chosen, key=lambda r: (r.day, r.known_on)))


def searched(rows: list[ModelSigns], *, days_at_once: int, shuffled: bool = False) -> ShiftRecords:
    """Search the portfolio in runs of some days, each knowing only what had become known by its end."""
    records = ShiftRecords()
    for begin in range(0, DAYS, days_at_once):
        end = min(DAYS, begin + days_at_once) - 1
        known = Told([row for row in rows if row.known_on <= on(end)])
        found = found_shifts(CROWDS, known, records, first=on(begin), last=on(end))
        records = ShiftRecords((*records.days, *found), on(end))
    return records


def as_known(records: ShiftRecords) -> dict[date, dict[date, tuple[Shift, ...]]]:
    newest = {}
    for day in range(DAYS):
        known = {at: shifts for at, shifts in records.known_on(on(day)).items() if at <= on(day)}
        newest[on(day)] = known
    return newest


def portfolio(seed: int, *, late: float) -> list[ModelSigns]:
    """Twelve models reading two sources, with a feed shift, a world shift, chance, days without rows, and signs that came late."""
    rng = np.random.default_rng(seed)
    feed, world = rng.integers(8, 20), rng.integers(22, 40)
    hit, moved = rng.random(MODELS) < 0.7, rng.random(MODELS) < 0.7
    rows = []
    for day in range(DAYS):
        for number in range(MODELS):
            a = Sign.BROKEN if hit[number] and feed <= day < feed + 5 else Sign.NORMAL
            b = Sign.MOVED if moved[number] and day >= world else Sign.NORMAL
            if rng.random() < 0.02:
                a = Sign.MOVED
            signs = (a, b, max(a, b)) if rng.random() > 0.05 else (Sign.UNSEEN,) * 3
            model = f"m{number:02}"
            if rng.random() < late:
                later = min(DAYS - 1, day + int(rng.integers(1, 45)))
                rows.append(ModelSigns(model, on(day), on(day), SOURCES, (Sign.NORMAL,) * 3))
                rows.append(ModelSigns(model, on(day), on(later), SOURCES, signs))
            else:
                rows.append(ModelSigns(model, on(day), on(day), SOURCES, signs))
    return rows


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), late=st.sampled_from([0.0, 0.02, 0.2]), days_at_once=st.sampled_from([1, 3, 17]))
def test_a_range_gives_what_daily_runs_gave(seed: int, late: float, days_at_once: int) -> None:
    rows = portfolio(seed, late=late)
    assert as_known(searched(rows, days_at_once=days_at_once)) == as_known(searched(rows, days_at_once=DAYS))


def test_the_made_up_portfolio_has_a_feed_shift_and_a_world_shift() -> None:
    kinds = {shift.kind for each in searched(portfolio(1, late=0.0), days_at_once=DAYS).days for shift in each.shifts}
    assert kinds == set(ShiftKind)


def moving(first: int, models: int) -> list[ModelSigns]:
    return [
        ModelSigns(
            f"m{number:02}",
            on(day),
            on(day),
            ("a",),
            (Sign.MOVED if number < models and day >= first else Sign.NORMAL,) * 2,
        )
        for day in range(DAYS)
        for number in range(MODELS)
    ]


def test_searching_again_says_nothing_new() -> None:
    rows = portfolio(3, late=0.1)
    records = searched(rows, days_at_once=DAYS)
    assert list(found_shifts(CROWDS, Told(rows), records, first=on(0), last=on(DAYS - 1))) == []
    assert list(found_shifts(CROWDS, Told(rows), records, first=on(20), last=on(DAYS - 1))) == []


def test_what_came_late_makes_a_shift_known_from_that_day_on() -> None:
    rows = [row for row in moving(20, 4) if row.model_id != "m03" or row.day < on(20)]
    rows += [
        ModelSigns("m03", on(day), max(on(day), on(25)), ("a",), (Sign.MOVED, Sign.MOVED)) for day in range(20, DAYS)
    ]
    found = as_known(searched(rows, days_at_once=DAYS))
    assert on(20) not in found[on(24)]
    assert found[on(25)][on(20)][0].day == on(20)
    assert found[on(30)][on(20)] == found[on(25)][on(20)]


def test_what_came_late_can_take_a_shift_back_and_the_old_word_stays_readable() -> None:
    rows = [*moving(20, 4), ModelSigns("m03", on(20), on(22), ("a",), (Sign.NORMAL, Sign.NORMAL))]
    rows += [ModelSigns("m03", on(day), on(22), ("a",), (Sign.NORMAL, Sign.NORMAL)) for day in (21,)]
    rows = [row for row in rows if row.model_id != "m03" or row.known_on != row.day or row.day < on(22)]
    rows += [ModelSigns("m03", on(day), on(day), ("a",), (Sign.NORMAL, Sign.NORMAL)) for day in range(22, DAYS)]
    found = as_known(searched(rows, days_at_once=DAYS))
    assert found[on(21)][on(20)][0].k == 4
    assert found[on(22)] == {}


def test_a_model_that_is_seen_for_the_first_time_with_its_past_counts_as_if_it_had_been_there() -> None:
    rows = moving(20, 4)
    without = [row for row in rows if row.model_id != "m03"]
    records = searched(without, days_at_once=DAYS)
    assert records.days == ()
    found = tuple(found_shifts(CROWDS, Told(rows), records, first=on(0), last=on(DAYS - 1)))
    assert as_known(ShiftRecords(found, on(DAYS - 1))) == as_known(searched(rows, days_at_once=DAYS))


def test_days_nobody_has_searched_yet_have_the_shifts_of_the_last_one() -> None:
    records = searched(moving(DAYS - 5, 8), days_at_once=DAYS)
    known = records.known_on(on(DAYS + 3))
    assert known[on(DAYS + 3)] == known[on(DAYS - 1)] != ()
