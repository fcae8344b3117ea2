"""Portfolio shifts: who counts as new, what is beyond chance, which cause is named, and when it is over (METHODS section 9)."""

from __future__ import annotations

from datetime import date, timedelta
from math import comb, log10
from typing import TYPE_CHECKING

import numpy as np
import pytest

from monitoring.portfolio_shift import Grouping, ModelSigns, Shift, ShiftKind, ShiftWatch, Sign

if TYPE_CHECKING:
    from collections.abc import Callable

START = date(2026, 3, 1)
DAYS = 60
BREAK = 40
QUIET, MOVED, BROKEN, FAULTY, UNSEEN = Sign.NORMAL, Sign.MOVED, Sign.BROKEN, Sign.FAULTY, Sign.UNSEEN


def on(day: int) -> date:
    return START + timedelta(days=day)


def signs(
    models: int, sign: Callable[[int, int], Sign], *, source: str = "feed", prefix: str = "m", rest: Sign | None = None
) -> list[ModelSigns]:
    """Every model reads one source; ``sign`` gives its sign by number and day, ``rest`` that of all its features."""
    return [
        ModelSigns(
            f"{prefix}{number:02}",
            on(day),
            on(day),
            (source,),
            (sign(number, day), sign(number, day) if rest is None else rest),
        )
        for day in range(DAYS)
        for number in range(models)
    ]


def broken_from(first: int, *, of: int, sign: Sign = MOVED, until: int = DAYS) -> Callable[[int, int], Sign]:
    return lambda number, day: sign if number < of and first <= day < until else QUIET


def by_table(abnormal: np.ndarray) -> Callable[[int, int], Sign]:
    return lambda number, day: MOVED if abnormal[number, day] else QUIET


def timeline(
    *given: list[ModelSigns], crowds: dict[str, tuple[str | None, str | None]] | None = None
) -> dict[int, tuple[Shift, ...]]:
    """The shifts open on each day, found day by day."""
    watch = ShiftWatch(crowds or {})
    for some in given:
        watch.learn(some)
    found: dict[int, tuple[Shift, ...]] = {-1: ()}
    for day in range(DAYS):
        found[day] = watch.step(on(day), found[day - 1])
    return {day: shifts for day, shifts in found.items() if shifts}


def only(found: dict[int, tuple[Shift, ...]], day: int) -> Shift:
    (shift,) = found[day]
    return shift


def test_a_quarter_of_the_models_moving_at_once_is_a_shift_of_its_source_on_that_day() -> None:
    found = timeline(signs(12, broken_from(BREAK, of=4)))
    shift = only(found, BREAK)
    assert min(found) == BREAK
    assert (shift.day, shift.kind, shift.grouping, shift.source) == (
        on(BREAK),
        ShiftKind.WORLD,
        Grouping.SOURCE,
        "feed",
    )
    assert (shift.k, shift.n, shift.base) == (4, 12, 0.01)
    assert shift.models == ("m00", "m01", "m02", "m03")


def test_the_chance_is_the_binomial_tail() -> None:
    shift = only(timeline(signs(16, broken_from(BREAK, of=5))), BREAK)
    tail = sum(comb(16, k) * 0.01**k * 0.99 ** (16 - k) for k in range(5, 17))
    assert shift.log10_p == pytest.approx(log10(tail), abs=0.01)
    assert shift.p == pytest.approx(tail, rel=0.03)


@pytest.mark.parametrize(("models", "moving"), [(12, 3), (16, 4), (40, 9), (3, 3)])
def test_too_few_models_are_no_shift(models: int, moving: int) -> None:
    assert timeline(signs(models, broken_from(BREAK, of=moving))) == {}


def test_models_that_are_often_abnormal_need_more_of_them() -> None:
    def sign(number: int, day: int) -> Sign:
        often = (day * 7 + number * 3) % 10 < 2
        return MOVED if (day == BREAK and number < 6) or (day < BREAK - 3 and often) else QUIET

    assert timeline(signs(24, sign)) == {}
    assert timeline(signs(24, broken_from(BREAK, of=6)))[BREAK]


def test_models_that_were_abnormal_before_are_not_new() -> None:
    def sign(number: int, day: int) -> Sign:
        return MOVED if number < 8 and (day == BREAK or BREAK - 10 <= day < BREAK - 7) else QUIET

    watch = ShiftWatch({})
    watch.learn(signs(16, sign))
    assert watch.candidates(on(BREAK)) == []
    watch.learn(signs(16, broken_from(BREAK, of=8)))
    assert [found.k for found in watch.candidates(on(BREAK))] == [8, 8]


def test_models_without_any_day_before_are_not_new() -> None:
    assert timeline(signs(8, broken_from(0, of=8))) == {}


def test_most_new_models_with_broken_data_make_it_a_feed() -> None:
    def kind(number: int, day: int) -> Sign:
        return (BROKEN if number < 3 else MOVED) if day >= BREAK and number < 5 else QUIET

    assert only(timeline(signs(10, kind)), BREAK).kind is ShiftKind.FEED
    half = lambda number, day: (BROKEN if number < 3 else MOVED) if day >= BREAK and number < 6 else QUIET  # noqa: E731 - the other half of the claim
    assert only(timeline(signs(10, half)), BREAK).kind is ShiftKind.WORLD


def test_a_world_shift_is_open_for_21_days() -> None:
    found = timeline(signs(8, broken_from(20, of=8)))
    assert (min(found), max(found)) == (20, 40)


def test_a_day_of_holiday_is_seen_and_not_confirmed() -> None:
    found = timeline(signs(8, broken_from(20, of=8, until=21)))
    assert sorted(found) == [20, 21]
    assert not any(only(found, day).confirmed for day in found)


@pytest.mark.parametrize(("lasting", "day"), [({20, 21}, 21), ({20, 22}, 22)])
def test_a_second_day_within_two_confirms_a_changed_world(lasting: set[int], day: int) -> None:
    found = timeline(signs(8, lambda _, on_day: MOVED if on_day in lasting else QUIET))
    assert [only(found, at).confirmed for at in found] == [at >= day for at in found]
    assert max(found) == 40


def test_a_weekend_without_rows_confirms_nothing_and_ends_nothing() -> None:
    def sign(_: int, day: int) -> Sign:
        return UNSEEN if day in {21, 22} else MOVED if day >= 20 else QUIET

    found = timeline(signs(8, sign))
    assert [only(found, day).confirmed for day in range(20, 25)] == [False, False, False, True, True]


def test_fewer_than_half_of_the_models_moving_on_confirm_nothing() -> None:
    def sign(number: int, day: int) -> Sign:
        return MOVED if day == 20 or (day > 20 and number < 3) else QUIET

    assert max(timeline(signs(8, sign))) == 21


def test_a_feed_shift_is_over_after_four_clean_days() -> None:
    found = timeline(signs(8, broken_from(20, of=8, sign=BROKEN, until=30)))
    assert (min(found), max(found)) == (20, 32)


def test_a_feed_that_stays_broken_stays_open() -> None:
    assert max(timeline(signs(8, broken_from(20, of=8, sign=BROKEN)))) == DAYS - 1


def test_few_stragglers_do_not_keep_a_feed_shift_open() -> None:
    def sign(number: int, day: int) -> Sign:
        return BROKEN if 20 <= day < (DAYS if number == 0 else 30) else QUIET

    assert max(timeline(signs(8, sign))) == 32


def test_a_model_whose_data_are_clean_again_is_cleared_before_the_shift_is_over() -> None:
    def sign(number: int, day: int) -> Sign:
        return BROKEN if 20 <= day < (25 if number == 7 else 40) else QUIET

    found = timeline(signs(8, sign))
    assert [day for day in found if "m07" in only(found, day).cleared] == list(range(28, 43))
    assert not only(found, 28).touches("m07")
    assert only(found, 28).touches("m00")


def test_days_without_rows_are_not_clean_days() -> None:
    def sign(number: int, day: int) -> Sign:
        if day >= 25 and day % 7 in {0, 1}:
            return UNSEEN
        return BROKEN if 20 <= day < 25 else QUIET

    seen = [day for day in range(25, DAYS) if day % 7 not in {0, 1}]
    assert max(timeline(signs(8, sign))) == seen[3] - 1


def test_models_that_fell_silent_do_not_keep_a_feed_shift_open() -> None:
    def sign(_: int, day: int) -> Sign:
        return UNSEEN if day >= 22 else BROKEN if day >= 20 else QUIET

    assert max(timeline(signs(8, sign))) == 48


def test_the_source_is_named_and_not_the_crowd_it_hit() -> None:
    crowds: dict[str, tuple[str | None, str | None]] = {f"m{number:02}": ("credit", "risk") for number in range(8)}
    crowds |= {f"x{number:02}": ("cards", None) for number in range(24)}
    quiet = signs(24, broken_from(0, of=0), source="other", prefix="x")
    found = timeline(signs(8, broken_from(BREAK, of=8)), quiet, crowds=crowds)
    assert {(shift.grouping, shift.source) for shifts in found.values() for shift in shifts} == {
        (Grouping.SOURCE, "feed")
    }


def test_a_source_that_varies_more_still_explains_the_crowd() -> None:
    """A chance abnormal day now and then makes p of the source larger than that of the use case with the same models."""

    def sign(number: int, day: int) -> Sign:
        return MOVED if (number < 12 and day >= BREAK) or (day * 12 + number) % 37 == 0 else QUIET

    given = [
        ModelSigns(
            each.model_id, each.day, each.day, each.sources, (each.signs[0], MOVED if each.day >= on(BREAK) else QUIET)
        )
        for each in signs(12, sign)
    ]
    crowds: dict[str, tuple[str | None, str | None]] = {f"m{number:02}": ("credit", None) for number in range(12)}
    shift = only(timeline(given, crowds=crowds), BREAK)
    assert (shift.grouping, shift.source) == (Grouping.SOURCE, "feed")


def test_without_sources_the_use_case_is_named() -> None:
    crowds: dict[str, tuple[str | None, str | None]] = {
        f"m{number:02}": ("credit" if number < 8 else "cards", None) for number in range(40)
    }
    given = [
        ModelSigns(each.model_id, each.day, each.day, (), each.signs[1:])
        for each in signs(40, broken_from(BREAK, of=8))
    ]
    shift = only(timeline(given, crowds=crowds), BREAK)
    assert (shift.grouping, shift.source, shift.k, shift.n) == (Grouping.USE_CASE, "credit", 8, 8)


def test_the_smaller_p_within_two_days_takes_the_place_and_keeps_the_day() -> None:
    first = signs(16, broken_from(BREAK, of=5), source="a", prefix="a", rest=QUIET)
    found = timeline(first, signs(30, broken_from(BREAK + 2, of=25), source="b", prefix="b", rest=QUIET))
    assert only(found, BREAK + 1).source == "a"
    later = only(found, BREAK + 2)
    assert (later.day, later.source, later.k) == (on(BREAK), "b", 25)


def test_two_shifts_of_other_sources_on_other_days_are_two() -> None:
    first = signs(16, broken_from(20, of=8), source="a", prefix="a", rest=QUIET)
    found = timeline(first, signs(16, broken_from(26, of=8), source="b", prefix="b", rest=QUIET))
    assert [(shift.day, shift.source) for shift in found[26]] == [(on(20), "a"), (on(26), "b")]


def test_models_that_follow_within_two_days_join() -> None:
    found = timeline(signs(8, lambda number, day: MOVED if day >= 20 + (number >= 5) * 2 else QUIET))
    assert len(only(found, 20).models) == 5
    assert only(found, 22).models == tuple(f"m{number:02}" for number in range(8))


def test_a_shift_is_found_once_however_long_it_lasts() -> None:
    found = timeline(signs(12, broken_from(5, of=12)))
    assert {shift.day for shifts in found.values() for shift in shifts} == {on(5)}


def test_a_second_break_of_the_same_source_is_a_second_shift() -> None:
    def sign(_: int, day: int) -> Sign:
        return BROKEN if day in {20, 21} or day in {40, 41} else QUIET

    found = timeline(signs(8, sign))
    assert {shift.day for shifts in found.values() for shift in shifts} == {on(20), on(40)}


def test_chance_alone_finds_nothing_in_a_large_portfolio() -> None:
    """Hundred models of ten sources, each abnormal on one day in fifty."""
    rng = np.random.default_rng(5)
    abnormal = rng.random((10, 10, DAYS)) < 0.02
    given = [signs(10, by_table(abnormal[at]), source=f"s{at}", prefix=f"s{at}-") for at in range(10)]
    assert timeline(*given) == {}


def test_what_is_learnt_later_changes_only_what_is_judged_afterwards() -> None:
    watch = ShiftWatch({})
    watch.learn(signs(12, broken_from(BREAK, of=3)))
    assert watch.step(on(BREAK), ()) == ()
    watch.learn([ModelSigns("m03", on(BREAK), on(BREAK + 3), ("feed",), (MOVED, MOVED))])
    assert watch.step(on(BREAK), ())[0].k == 4
