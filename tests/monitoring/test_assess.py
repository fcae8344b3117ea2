"""Assess: a range gives what daily runs gave, nothing unchanged is read again, nothing is said twice."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from monitoring.assess import assess_model
from monitoring.assessment import Verdict
from monitoring.portfolio import Feature, FeatureKind, Model, ModelVersion, Task
from monitoring.ports import LabelledRows, LogRows
from tests.monitoring.memory import MemoryLog, MemoryStore, reference_from

NOW = datetime(2026, 6, 1, tzinfo=UTC)
REFERENCE_START, LIVE_START = np.datetime64("2026-01-01"), np.datetime64("2026-03-02")
LIVE_DAYS, ROWS_A_DAY = 40, 30
LAST = date(2026, 4, 10)
NAT = np.datetime64("NaT", "D")


def model(*, versions: tuple[ModelVersion, ...] = (ModelVersion("v1", active_from=date(2026, 3, 2)),)) -> Model:
    return Model(
        id="m",
        name="M",
        task=Task.BINARY,
        features=(Feature("x", FeatureKind.NUMERIC, importance=1.0),),
        versions=versions,
        classes=("0", "1"),
        label_delay_days=1,
    )


def rows_and_pairs(start: np.datetime64, days: int, *, seed: int) -> tuple[LogRows, LabelledRows]:
    """Return days of rows whose label arrives on the next day."""
    rng = np.random.default_rng(seed)
    n = days * ROWS_A_DAY
    day = np.repeat(start + np.arange(days), ROWS_A_DAY)
    x = rng.normal(size=n)
    score = 1 / (1 + np.exp(-2 * x))
    label = (rng.random(n) < score).astype(float)
    version, never = np.full(n, "v1", dtype=object), np.full(n, NAT)
    rows = LogRows(day, version, day.copy(), never, {"x": x}, {}, score)
    return rows, LabelledRows(day, version, day + 1, never.copy(), score, (score > 0.5).astype(float), label)


def log_with_surprises() -> MemoryLog:
    """Return a log in which rows arrive days late, one id is replaced later, and labels are corrected."""
    rows, pairs = rows_and_pairs(LIVE_START, LIVE_DAYS, seed=1)
    late = np.arange(0, len(rows.day), 97)
    rows.valid_from[late] = rows.day[late] + 5
    replaced = np.arange(50, len(rows.day), 211)
    rows.valid_to[replaced] = rows.day[replaced] + 3
    corrected = np.arange(20, len(pairs.day), 173)
    pairs.valid_to[corrected] = pairs.arrival[corrected] + 9
    reference = reference_from(*rows_and_pairs(REFERENCE_START, 60, seed=2))
    return MemoryLog(rows, pairs, reference, known_until=LAST)


def assessed(log: MemoryLog, *, first: date | None = None, last: date = LAST) -> MemoryStore:
    store = MemoryStore()
    assess_model(model(), log=log, store=store, first=first, last=last, now=NOW)
    return store


def test_a_range_gives_what_daily_runs_gave() -> None:
    in_one_go = assessed(log_with_surprises())
    daily, log = MemoryStore(), log_with_surprises()
    for i in range(LIVE_DAYS):
        log.known_until = date(2026, 3, 2) + timedelta(days=i)
        hide_what_is_not_known_yet(log)
        assess_model(model(), log=log, store=daily, last=log.known_until, now=NOW)
    for i in range(LIVE_DAYS):
        day = date(2026, 3, 2) + timedelta(days=i)
        for known_on in (day, day + timedelta(days=6), LAST):
            assert daily.as_known(day, known_on) == in_one_go.as_known(day, known_on), (day, known_on)


def hide_what_is_not_known_yet(log: MemoryLog) -> None:
    """Show the log as its table is on a day: a replacement that comes later is not there yet."""
    full = log_with_surprises()
    for given, shown in ((full.all_rows, log.all_rows), (full.all_pairs, log.all_pairs)):
        shown.valid_to[:] = np.where(given.valid_to <= np.datetime64(log.known_until), given.valid_to, NAT)


def test_running_again_changes_nothing() -> None:
    log = log_with_surprises()
    store = assessed(log)
    said = len(store.assessments)
    assert assess_model(model(), log=log, store=store, first=date(2026, 3, 2), last=LAST, now=NOW) == 0
    assert len(store.assessments) == said


def test_a_day_that_did_not_change_is_not_read_again() -> None:
    log = log_with_surprises()
    store = assessed(log)
    log.reads = 0
    assess_model(model(), log=log, store=store, last=LAST, now=NOW)
    assert log.reads == 0


def test_a_late_row_makes_its_day_known_anew_and_keeps_the_old_profile() -> None:
    store = assessed(log_with_surprises())
    (profiles,) = store.kept_profiles.values()
    first_day = [profile for profile in profiles if profile.day == date(2026, 3, 2) and profile.kind == "rows"]
    assert [profile.known_on for profile in first_day] == [date(2026, 3, 2), date(2026, 3, 7)]
    assert [profile.rows for profile in first_day] == [ROWS_A_DAY - 1, ROWS_A_DAY]


def test_a_version_seen_but_not_announced_is_registered_and_watched() -> None:
    log = log_with_surprises()
    log.all_rows.version[log.all_rows.day >= np.datetime64("2026-03-20")] = "v9"
    log.all_pairs.version[log.all_pairs.day >= np.datetime64("2026-03-20")] = "v9"
    store = assessed(log)
    assert [version.version for version in store.seen_versions] == ["v9"]
    assert store.seen_versions[0].active_from == date(2026, 3, 20)
    known = store.as_known(date(2026, 3, 20), LAST)
    assert known is not None
    assert (known.version, known.verdict) == ("v9", Verdict.WATCH)


@pytest.mark.parametrize("last", [date(2026, 3, 2), date(2026, 3, 15)])
def test_nothing_after_the_last_day_is_used(last: date) -> None:
    short = assessed(log_with_surprises(), last=last)
    long = assessed(log_with_surprises())
    assert short.as_known(last, last) == long.as_known(last, last)
    assert max(assessment.day for assessment in short.assessments) == last
