"""Point in time on the real store: rows and labels put in day by day give what one run over the complete log gives."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from data_access.tables import AssessmentRow
from tests.log_builders import write_frame
from tests.pipeline import FIRST, LABEL_COLUMNS, LOG_COLUMNS, Home, model_card, model_folder, predictions

DAYS = 36
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture(params=["sqlite", "postgres"])
def homes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Home, Home]]:
    """Two homes whose logs are kept in the same kind of database."""
    made = []
    for name in ("daily", "range"):
        (tmp_path / name).mkdir()
        is_sqlite = request.param == "sqlite"
        made.append(
            Home(tmp_path / name, "" if is_sqlite else schema_of(request.getfixturevalue("postgres_url"), name))
        )
    yield made[0], made[1]
    for home in made:
        home.registry.close()


def schema_of(url: str, name: str) -> str:
    """The address of a schema of its own in a database."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    engine.dispose()
    return f"{url}?options=-csearch_path%3D{name}"


def log_with_surprises() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows and labels with the day each arrived.

    Some rows arrive five days late, some ids are said again two days later with another probability, some labels are
    corrected nine days later, and a few labels come before their late row. From day 20 on half the labels are blind.
    """
    rows = predictions(days=DAYS, rows_a_day=30, useless=lambda day: np.where(day >= 18, 0.5, 0.0))
    rows["arrived_at"] = rows["ts"]
    late = rows.index % 41 == 7
    rows.loc[late, "arrived_at"] += pd.Timedelta(days=5)
    again = rows[rows.index % 53 == 11].copy()
    again["ts"] += pd.Timedelta(days=2)
    again["arrived_at"] = again["ts"]
    again["p_late"] = 1 - again["p_late"]
    labels = rows[LABEL_COLUMNS]
    corrected = labels[labels.index % 29 == 3].copy()
    corrected["label"] = 1 - corrected["label"]
    corrected["label_ts"] += pd.Timedelta(days=9)
    return pd.concat([rows, again], ignore_index=True), pd.concat([labels, corrected], ignore_index=True)


def card(**changes: Any) -> dict[str, Any]:
    said = model_card()
    return said | {"columns": said["columns"] | {"arrived_at": "arrived_at"}} | changes


def day_of(stamps: pd.Series) -> Any:
    return stamps.dt.date


def as_known(home: Home) -> dict[tuple[date, date], tuple[Any, ...]]:
    """What was said of every day on each day from it on: the verdict and the numbers behind it."""
    order = (AssessmentRow.day, AssessmentRow.known_on, AssessmentRow.recorded_at, AssessmentRow.id)
    with home.registry.read() as session:
        rows = list(session.scalars(sa.select(AssessmentRow).order_by(*order)))
        found = {}
        for known_on in (FIRST + timedelta(days=number) for number in range(DAYS)):
            for row in rows:
                if row.known_on <= known_on and row.day <= known_on:
                    said = (row.verdict, row.sentence, row.rows, row.rows_7, row.labels_28, row.effect, row.cusum)
                    found[row.day, known_on] = (*said, row.drift_score, row.in_verdict_since)
        return found


def ingested_daily(home: Home, folder: Path, rows: pd.DataFrame, labels: pd.DataFrame, *, days: int = DAYS) -> None:
    """Import the first day, then put in each day's rows and labels and assess it, as cron would."""
    for number in range(days):
        day = FIRST + timedelta(days=number)
        new = rows[day_of(rows["arrived_at"]) == day]
        new_labels = labels[day_of(labels["label_ts"]) == day]
        if number == 0:
            write_frame(new[[*LOG_COLUMNS, "arrived_at"]], folder / "log.parquet")
            write_frame(labels[LABEL_COLUMNS].iloc[:0], folder / "labels.parquet")
            home.imports(folder)
        else:
            write_frame(new[[*LOG_COLUMNS, "arrived_at"]], folder / "new.parquet")
            write_frame(new_labels[LABEL_COLUMNS], folder / "new_labels.parquet")
            home.ingests("late", log=folder / "new.parquet", labels=folder / "new_labels.parquet")
        assert home.assesses(on=day).failures == {}


def test_day_by_day_gives_what_one_run_over_the_complete_log_gives(homes: tuple[Home, Home], tmp_path: Path) -> None:
    daily, in_one_go = homes
    rows, labels = log_with_surprises()
    folder = model_folder(tmp_path / "late", card=card())
    ingested_daily(daily, folder, rows, labels)
    write_frame(rows[[*LOG_COLUMNS, "arrived_at"]], folder / "log.parquet")
    write_frame(labels, folder / "labels.parquet")
    in_one_go.imports(folder)
    assert in_one_go.assesses(on=LAST, first=FIRST).failures == {}
    said, said_again = as_known(daily), as_known(in_one_go)
    assert said.keys() == said_again.keys()
    different = {at: (said[at], said_again[at]) for at in said if said[at] != said_again[at]}
    assert different == {}
    assert "retrain" in {verdict for verdict, *_ in said.values()}
    learnt_later = {day for day, known_on in said if known_on > day and said[day, known_on] != said[day, day]}
    assert len(learnt_later) > DAYS / 2


def test_putting_the_whole_log_in_again_after_daily_runs_stores_nothing(
    homes: tuple[Home, Home], tmp_path: Path
) -> None:
    daily, _ = homes
    rows, labels = log_with_surprises()
    folder = model_folder(tmp_path / "late", card=card())
    ingested_daily(daily, folder, rows, labels, days=12)
    before, last = daily.stored(), FIRST + timedelta(days=11)
    known = day_of(rows["arrived_at"]) <= last
    write_frame(rows.loc[known, [*LOG_COLUMNS, "arrived_at"]], folder / "log.parquet")
    write_frame(labels[day_of(labels["label_ts"]) <= last], folder / "labels.parquet")
    assert daily.imports(folder).rows == {"late": 0}
    assert daily.assesses(on=last, first=FIRST).assessments == 0
    assert daily.stored()["profiles"] == before["profiles"]


def test_labels_that_do_not_say_when_they_came_arrive_after_the_usual_delay(
    homes: tuple[Home, Home], tmp_path: Path
) -> None:
    daily, in_one_go = homes
    rows = predictions(days=DAYS, rows_a_day=30)
    undated = card(labels={"prediction_id": "id", "label": "label"}, columns=model_card()["columns"])
    folder = model_folder(tmp_path / "late", card=undated)
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        write_frame(rows.loc[day_of(rows["ts"]) == day, LOG_COLUMNS], folder / "log.parquet")
        labels = rows.loc[day_of(rows["label_ts"]) == day, ["id", "label"]]
        write_frame(labels, folder / "labels.parquet")
        if number == 0:
            daily.imports(folder)
        else:
            daily.ingests("late", log=folder / "log.parquet", labels=folder / "labels.parquet")
        daily.assesses(on=day)
    write_frame(rows[LOG_COLUMNS], folder / "log.parquet")
    write_frame(rows[["id", "label"]], folder / "labels.parquet")
    in_one_go.imports(folder)
    in_one_go.assesses(on=LAST, first=FIRST)
    assert as_known(daily) == as_known(in_one_go)
    assert max(labels for _, _, _, _, labels, *_ in as_known(daily).values()) == 28 * 30
