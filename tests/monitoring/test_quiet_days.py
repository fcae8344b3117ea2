"""Days on which no change of unit began are not searched again, and change nothing that is found later."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from monitoring.assessment import FindingKind
from monitoring.history import KnownInputs, ProfileKind, StoredProfile, VersionHistory
from monitoring.packing import pack_day
from monitoring.policy import DEFAULT_POLICY
from monitoring.quiet_days import QuietDays, quiet_key
from monitoring.segment import Segment
from tests.monitoring.history_builders import START, Predictions, binary, past, reference, segment

CHANGED = 20
NOTE = {FindingKind.UNIT_IN_RANGE, FindingKind.SWAPPED}


def shown(rows: Predictions) -> Predictions:
    """Return rows whose note is a skewed amount with a long tail."""
    return rows.with_feature("note", np.exp(3 + 0.8 * rows.features["note"]), since=-1_000)


def history(*, quiet_to: date | None = None, factor: float = 1.609344) -> Segment:
    """Return a model whose note is multiplied from day 20 on."""
    live = shown(binary(days=40, rows_a_day=150, seed=1))
    live = live.with_feature("note", live.features["note"] * factor, since=CHANGED)
    return segment(live, against=reference(shown(past(rows_a_day=150))), quiet_to=quiet_to)


def found(told: Segment) -> list[tuple[str, FindingKind, list[bool], list[bool]]]:
    """Return what is found of every feature: which check, on which days it holds and is open."""
    return [
        (name, check.kind, check.bad.tolist(), check.open.tolist())
        for name, quality in told.quality.items()
        for check in quality.checks
    ]


def day(at: int) -> date:
    """Return a day in service."""
    return START + timedelta(days=at)


@pytest.fixture(scope="module")
def searched() -> Segment:
    """Return the history with every day searched."""
    return history()


@pytest.mark.parametrize("quiet", [0, 1, 9, 15, 16, CHANGED - 1])
def test_a_search_that_begins_after_quiet_days_finds_what_a_search_of_all_days_finds(
    quiet: int, searched: Segment
) -> None:
    assert NOTE & {check.kind for check in searched.quality["note"].checks}
    assert found(history(quiet_to=day(quiet))) == found(searched)


def test_days_that_are_said_to_be_quiet_are_not_searched() -> None:
    told = history(quiet_to=day(39))
    assert not NOTE & {check.kind for check in told.quality["note"].checks}


def stored(told: Segment) -> list[StoredProfile]:
    """Return the days of a segment as they are stored."""
    profiles = told.profiles
    days = [each.astype(object) for each in profiles.day]
    rows = profiles.rows.tolist()
    return [StoredProfile(ProfileKind.ROWS, d, d, rows[i], pack_day(profiles, i)) for i, d in enumerate(days)]


def quiet_to(told: Segment, quiet: QuietDays | None, rows: list[StoredProfile], *, first: date = START) -> date | None:
    """Return up to which day the days are quiet as far as can be told."""
    of_version = VersionHistory(told.version, told.reference, rows, quiet)
    return of_version.quiet_to(rows, first=first, last=told.last, policy=told.policy)


def test_a_history_without_a_change_of_unit_is_quiet_until_any_of_its_days_or_rules_changes() -> None:
    told = history(factor=1.0)
    rows = stored(told)
    known = KnownInputs(rows, told)
    assert known.quiet_days(3) is None, "nobody has searched yet"
    assert told.quality
    quiet = known.quiet_days(3)
    assert quiet == QuietDays(3, told.last, quiet_key(START, DEFAULT_POLICY, [(r.day, r.payload) for r in rows]))
    assert quiet_to(told, quiet, rows) == told.last
    later = replace(rows[4], payload=rows[5].payload)
    assert quiet_to(told, quiet, [*rows[:4], later, *rows[5:]]) is None, "a late row"
    assert quiet_to(told, quiet, rows[1:]) is None
    assert quiet_to(told, quiet, rows, first=day(1)) is None, "another day of taking over"
    stricter = replace(told, policy=replace(DEFAULT_POLICY, null_rise=0.2))
    assert quiet_to(stricter, quiet, rows) is None
    assert quiet_to(replace(told, last=day(38)), quiet, rows) is None, "as known before"
    assert quiet_to(told, None, rows) is None


def test_a_history_with_a_change_of_unit_is_searched_as_a_whole(searched: Segment) -> None:
    assert searched.quality
    assert KnownInputs(stored(searched), searched).quiet_days(1) is None
