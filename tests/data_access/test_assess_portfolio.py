"""Assessing a portfolio: one model's failure is its own, a run leaves one event, nothing is said twice."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from data_access import model_registry
from data_access.assess_portfolio import newest_complete_day
from data_access.inventory import InventoryCard
from data_access.retired_traffic import Watched, watched, zombies
from data_access.tables import AssessmentRow, AssessRunRow, ModelRow
from monitoring.errors import UnknownModelError
from monitoring.portfolio import Model, Task
from tests.log_builders import write_frame
from tests.pipeline import FIRST, LOG_COLUMNS, NOW, Home, days_of, model_card, model_folder, predictions

LAST = FIRST + timedelta(days=13)
MODELS = ("ant", "bee", "cat")
DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A home with three models of two weeks."""
    made = Home(tmp_path, "" if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    cards = [model_card(id=name, name=name.title()) for name in MODELS]
    made.imports(*(model_folder(tmp_path / card["id"], rows=predictions(days=16), card=card) for card in cards))
    yield made
    made.registry.close()


def runs(home: Home) -> list[AssessRunRow]:
    with home.registry.read() as session:
        found = list(session.scalars(sa.select(AssessRunRow).order_by(AssessRunRow.id)))
        session.expunge_all()
        return found


def renamed(home: Home, table: str, to: str) -> None:
    engine = sa.create_engine(home.log_address)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {to}")
    engine.dispose()


def test_every_model_is_judged_and_one_event_says_so(home: Home) -> None:
    run = home.assesses(on=LAST)
    assert (run.models, run.assessments, run.failures) == (3, 3 * 14, {})
    assert [home.spells(name) for name in MODELS] == [[("keep", FIRST)]] * 3
    (event,) = [event for event in home.audit() if event.action == "assess"]
    assert event.after is not None
    assert (event.after["models"], event.after["assessments"], event.after["failures"]) == (3, 42, [])
    assert event.after["to"] == LAST.isoformat()


def test_a_model_whose_table_is_gone_does_not_stop_the_others(home: Home) -> None:
    renamed(home, "log_bee", "elsewhere")
    run = home.assesses(on=LAST)
    assert (run.models, run.assessments) == (2, 28)
    said = "connection 'default' has no table 'log_bee'; the nearest are 'log_cat', 'log_ant'"
    assert list(run.failures) == ["bee"]
    assert run.failures["bee"].startswith(said.partition(";")[0])
    assert home.model_row("bee").last_error == run.failures["bee"]
    assert home.model_row("bee").last_error_at is not None
    assert home.model_row("ant").last_error is None
    assert home.verdicts("bee") == {}
    assert runs(home)[0].failures == [{"model": "bee", "reason": run.failures["bee"]}]


def test_the_next_success_clears_the_error(home: Home) -> None:
    renamed(home, "log_bee", "elsewhere")
    home.assesses(on=LAST)
    renamed(home, "elsewhere", "log_bee")
    assert home.assesses(on=LAST).assessments == 14
    assert home.model_row("bee").last_error is None
    assert home.spells("bee") == [("keep", FIRST)]


def test_a_success_clears_the_error_though_it_has_nothing_new_to_say(home: Home) -> None:
    home.assesses(on=LAST)
    renamed(home, "log_bee", "elsewhere")
    home.assesses(on=LAST)
    assert home.model_row("bee").last_error is not None
    renamed(home, "elsewhere", "log_bee")
    assert home.assesses(on=LAST).assessments == 0
    assert home.model_row("bee").last_error is None
    assert home.model_row("bee").last_error_at is None


def test_a_failure_is_in_the_trail_of_its_run(home: Home) -> None:
    renamed(home, "labels_bee", "elsewhere")
    run = home.assesses(on=LAST)
    event = home.audit()[-1]
    assert event.after is not None
    assert event.after["failures"] == [{"model": "bee", "reason": run.failures["bee"]}]


def test_running_again_stores_nothing(home: Home) -> None:
    home.assesses(on=LAST)
    before = home.stored()
    assert home.assesses(on=LAST).assessments == 0
    assert home.assesses(on=LAST, first=FIRST).assessments == 0
    after = home.stored()
    assert {name for name in after if after[name] != before[name]} == {"assess_runs", "number"}
    assert [run.models for run in runs(home)] == [3, 3, 3]


def test_the_next_day_adds_one_assessment_a_model(home: Home) -> None:
    home.assesses(on=LAST)
    assert home.assesses(on=LAST + DAY).assessments == 3
    assert home.assesses(on=LAST + 2 * DAY, only="cat").assessments == 1


def test_nobody_of_another_name_is_assessed(home: Home) -> None:
    with pytest.raises(UnknownModelError, match="There is no model 'dog'"):
        home.assesses(on=LAST, only="dog")


def test_a_retired_model_is_not_judged_and_an_inventory_has_nothing_to_judge(home: Home) -> None:
    with home.registry.write() as session:
        session.execute(sa.update(ModelRow).where(ModelRow.id == "bee").values(service_state="retired"))
    model_registry.register(home.registry, [InventoryCard(id="dog", name="Dog")], now=NOW)
    run = home.assesses(on=LAST)
    assert (run.models, run.failures) == (2, {})
    assert home.verdicts("bee") == home.verdicts("dog") == {}


def in_service(home: Home, name: str, state: str, *, sunset_on: date | None) -> None:
    with home.registry.write() as session:
        changed = sa.update(ModelRow).where(ModelRow.id == name)
        session.execute(changed.values(service_state=state, sunset_on=sunset_on))


def test_a_retired_model_is_watched_for_traffic_and_judged_as_if_nothing_was_once_it_is_back(home: Home) -> None:
    retired_on = FIRST + 6 * DAY
    home.assesses(on=retired_on)
    in_service(home, "bee", "retired", sunset_on=retired_on)
    home.assesses(on=LAST - DAY)
    (zombie,) = zombies(home.registry, on=LAST - DAY)
    assert (zombie.model_id, zombie.rows, zombie.looked_to) == ("bee", 6 * 40, LAST - DAY)
    assert (zombie.first, zombie.last) == (retired_on + DAY, LAST - DAY)
    home.assesses(on=LAST)
    before = home.stored()
    home.assesses(on=LAST)
    after = home.stored()
    assert {name for name in after if after[name] != before[name]} == {"assess_runs", "number"}
    assert max(home.verdicts("bee")) == retired_on
    in_service(home, "bee", "in_service", sunset_on=None)
    home.assesses(on=LAST)
    assert home.spells("bee") == home.spells("ant")
    assert zombies(home.registry, on=LAST) == ()


def test_a_log_of_a_retired_model_that_is_gone_is_said_and_fails_nothing(home: Home) -> None:
    home.assesses(on=FIRST + 6 * DAY)
    in_service(home, "bee", "retired", sunset_on=FIRST + 6 * DAY)
    renamed(home, "log_bee", "elsewhere")
    assert home.assesses(on=LAST).failures == {}
    seen = watched(home.registry, "bee", on=LAST)
    assert seen.looked_to == FIRST + 6 * DAY
    assert seen.error is not None
    assert "has no table 'log_bee'" in seen.error
    renamed(home, "elsewhere", "log_bee")
    home.assesses(on=LAST)
    assert watched(home.registry, "bee", on=LAST) == Watched(LAST, None)


def test_nothing_after_the_asked_day_is_used(home: Home) -> None:
    home.assesses(on=FIRST + 6 * DAY)
    assert max(home.verdicts("ant")) == FIRST + 6 * DAY
    with home.registry.read() as session:
        newest = session.scalars(
            sa.select(AssessmentRow).where(AssessmentRow.model_id == "ant").order_by(AssessmentRow.day.desc())
        ).first()
        assert newest is not None
        assert (newest.rows_7, newest.labels_28) == (7 * 40, 6 * 40)


def test_late_rows_are_taken_in_by_the_next_run(home: Home, tmp_path: Path) -> None:
    """Without a column that says when rows arrived they count as of their own day, and that day is profiled again."""
    home.assesses(on=LAST)
    late = predictions(seed=8, days=14)
    write_frame(days_of(late, [5])[LOG_COLUMNS], tmp_path / "late.csv")
    home.ingests("cat", log=tmp_path / "late.csv")
    home.assesses(on=LAST, first=FIRST)
    with home.registry.read() as session:
        on_day = sa.select(AssessmentRow).where(AssessmentRow.model_id == "cat", AssessmentRow.day == FIRST + 5 * DAY)
        found = list(session.scalars(on_day.order_by(AssessmentRow.known_on)))
        assert [(row.known_on, row.rows) for row in found] == [(FIRST + 5 * DAY, 40), (LAST, 80)]


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("UTC", datetime(2026, 3, 10, 2, 59, tzinfo=UTC), date(2026, 3, 8)),
        ("UTC", datetime(2026, 3, 10, 3, 0, tzinfo=UTC), date(2026, 3, 9)),
        ("America/New_York", datetime(2026, 3, 10, 6, 59, tzinfo=UTC), date(2026, 3, 8)),
        ("America/New_York", datetime(2026, 3, 10, 7, 0, tzinfo=UTC), date(2026, 3, 9)),
        ("Asia/Tokyo", datetime(2026, 3, 9, 18, 0, tzinfo=UTC), date(2026, 3, 9)),
    ],
)
def test_a_day_is_complete_when_it_ended_some_hours_ago_in_the_models_zone(zone: str, now: datetime, day: date) -> None:
    model = Model(id="m", name="M", task=Task.BINARY, timezone=zone)
    assert newest_complete_day(model, now=now, settle_hours=3) == day


def test_a_new_day_of_many_models_takes_few_statements_and_the_same_day_again_stores_nothing(tmp_path: Path) -> None:
    models = 24
    home = Home(tmp_path)
    cards = [model_card(id=f"m{number:02}", name=f"M {number}") for number in range(models)]
    rows = predictions(days=10, rows_a_day=40)
    home.imports(*(model_folder(tmp_path / card["id"], rows=rows, card=card) for card in cards))
    home.assesses(on=FIRST + 7 * DAY)
    said: list[str] = []
    for engine in (home.registry.engine, home.registry.writer):
        sa.event.listen(engine, "before_cursor_execute", lambda *given: said.append(given[2]))
    assert home.assesses(on=FIRST + 8 * DAY).assessments == models
    assert len(said) / models < 12
    assert sum(each.startswith("INSERT INTO profiles") for each in said) < models / 4
    said.clear()
    assert home.assesses(on=FIRST + 8 * DAY).assessments == 0
    assert not [each for each in said if each.startswith("INSERT") and "assess_" not in each]
    home.registry.close()
