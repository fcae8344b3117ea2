"""Portfolio shifts from logs to verdicts, on a real registry: daily or at once, in any order, said once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from data_access.shift_store import RegistryShifts
from data_access.tables import ShiftDayRow, SignRow
from monitoring.portfolio_shift import ShiftKind
from tests.builders import new_registry
from tests.data_access.small_portfolio import DAYS, FED, FEED, LAST, MOVED, NAMES, WORLD, SmallPortfolio, on

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from monitoring.portfolio_shift import Shift


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> SmallPortfolio:
    portfolio = SmallPortfolio(new_registry(tmp_path_factory.mktemp("at-once")))
    portfolio.assesses(LAST)
    return portfolio


@pytest.fixture(scope="module")
def daily(tmp_path_factory: pytest.TempPathFactory) -> SmallPortfolio:
    portfolio = SmallPortfolio(new_registry(tmp_path_factory.mktemp("daily")))
    for day in range(DAYS):
        portfolio.assesses(on(day))
    return portfolio


@pytest.fixture(scope="module")
def by_workers(tmp_path_factory: pytest.TempPathFactory) -> SmallPortfolio:
    portfolio = SmallPortfolio(new_registry(tmp_path_factory.mktemp("by-workers")), by_workers=True)
    for day in range(DAYS):
        portfolio.assesses(on(day))
    return portfolio


def shifts(portfolio: SmallPortfolio) -> dict[date, dict[date, tuple[Shift, ...]]]:
    """The open shifts of each day as known on it and later."""
    records = RegistryShifts(portfolio.registry).records()
    return {on(day): {at: s for at, s in records.known_on(on(day)).items() if at <= on(day)} for day in range(DAYS)}


def newest(portfolio: SmallPortfolio) -> dict[date, Shift]:
    return {shift.day: shift for at in sorted(shifts(portfolio)[LAST]) for shift in shifts(portfolio)[LAST][at]}


def test_both_shifts_are_found_on_their_day_with_their_source_kind_and_models(at_once: SmallPortfolio) -> None:
    feed, world = (newest(at_once)[on(day)] for day in (FEED, WORLD))
    assert (feed.kind, feed.source, set(feed.models)) == (ShiftKind.FEED, "core feed", {NAMES[at] for at in FED})
    assert (world.kind, world.source, set(world.models)) == (ShiftKind.WORLD, "regions", {NAMES[at] for at in MOVED})
    assert len(newest(at_once)) == 2


def test_daily_runs_gave_what_one_run_gives(daily: SmallPortfolio, at_once: SmallPortfolio) -> None:
    assert shifts(daily) == shifts(at_once)
    said, said_again = daily.said(), at_once.said()
    assert said.keys() == said_again.keys()
    assert {at: (said[at], said_again[at]) for at in said if said[at] != said_again[at]} == {}


@pytest.mark.slow
def test_what_is_read_ahead_put_off_and_handed_on_changes_nothing(
    by_workers: SmallPortfolio, at_once: SmallPortfolio
) -> None:
    assert shifts(by_workers) == shifts(at_once)
    said, said_again = by_workers.said(), at_once.said()
    assert said.keys() == said_again.keys()
    assert {at: (said[at], said_again[at]) for at in said if said[at] != said_again[at]} == {}
    assert by_workers.assesses(LAST, first=on(0)) == 0


def test_late_rows_change_a_shift_only_from_the_day_they_came(daily: SmallPortfolio) -> None:
    found = shifts(daily)
    assert "m2" not in found[on(FEED)][on(FEED)][0].models
    assert "m2" in found[on(FEED + 3)][on(FEED)][0].models


def test_models_of_a_broken_feed_are_to_be_fixed_and_not_retrained_until_it_is_clean(at_once: SmallPortfolio) -> None:
    for number in FED:
        verdicts = at_once.verdicts(NAMES[number])
        assert {verdicts[day] for day in range(FEED, FEED + 7)} == {"fix_data"}, NAMES[number]
        assert verdicts[FEED + 8] == "keep"
    assert {at_once.verdicts(NAMES[7])[day] for day in range(FEED, FEED + 7)} == {"keep"}


def test_models_of_a_changed_world_are_watched_and_retrained_on_proof(at_once: SmallPortfolio) -> None:
    for number in MOVED:
        verdicts = at_once.verdicts(NAMES[number])
        assert verdicts[WORLD] == "keep"
        assert verdicts[WORLD + 1] in {"watch", "retrain"}  # a second day confirms it
        assert verdicts[DAYS - 1] == "retrain"
    assert at_once.verdicts(NAMES[0])[WORLD + 3] == "keep"


def test_running_again_stores_nothing(at_once: SmallPortfolio) -> None:
    def stored() -> tuple[int, ...]:
        with at_once.registry.read() as session:
            return tuple(session.scalar(sa.select(sa.func.count()).select_from(t)) or 0 for t in (SignRow, ShiftDayRow))

    before, revision = stored(), at_once.registry.revision()
    assert at_once.assesses(LAST) == at_once.assesses(LAST, first=on(0)) == 0
    assert stored() == before
    assert at_once.registry.revision() == revision


def test_models_assessed_one_after_the_other_end_where_all_at_once_end(tmp_path: Path, at_once: SmallPortfolio) -> None:
    """Half of the portfolio is assessed first, alone; two of it once more on their own before the shifts are searched again."""
    portfolio = SmallPortfolio(new_registry(tmp_path))
    portfolio.finds(LAST, *NAMES[::2])
    portfolio.searches(LAST)
    portfolio.judges(LAST, *NAMES[::2])
    portfolio.finds(LAST, *NAMES[1:4])
    portfolio.judges(LAST, *NAMES[1:4])
    portfolio.assesses(LAST)
    assert shifts(portfolio) == shifts(at_once)
    said, said_again = portfolio.said(), at_once.said()
    assert {at: (said[at], said_again[at]) for at in said_again if said[at] != said_again[at]} == {}
