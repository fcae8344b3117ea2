"""Parquet files as a log: each file or folder is a table, mistakes in one sentence, verdicts as from any other database."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from data_access import model_registry
from data_access.log_connections import LogConnections
from data_access.log_mapping import TableSource
from data_access.mapping_check import check_mapping
from data_access.model_card import ModelCard, parse_card
from monitoring.errors import LogUnreadableError
from tests.log_builders import card_of, close_mapped, log_rows, make_parquet, make_table, open_mapped
from tests.pipeline import FIRST, NOW, Home, as_table, model_card, predictions, reference_rows

DAYS = 35
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    close_mapped()


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    return tmp_path / "lake"


def types_of(folder: Path, table: str) -> dict[str, sa.types.TypeEngine[Any]]:
    connections = LogConnections({"lake": f"parquet://{folder}"})
    try:
        return connections.table(TableSource("lake", table)).types
    finally:
        connections.close()


def mapped_card() -> ModelCard:
    columns = {"timestamp": "ts", "prediction_id": "prediction_id", "probability": "probability"}
    columns |= {"label": "label", "label_timestamp": "label_timestamp"}
    said = model_card(
        columns=columns,
        labels=None,
        log={"connection": "lake", "table": "predictions"},
        reference={"connection": "lake", "table": "accepted"},
    )
    return parse_card(said, place="card")


def test_a_folder_of_parquet_files_gives_the_verdicts_of_the_same_rows_in_sqlite(tmp_path: Path) -> None:
    rows = as_table(predictions(days=DAYS, useless=lambda day: (day > 20) * 0.9))
    found = []
    for name in ("sqlite", "parquet"):
        (tmp_path / name).mkdir()
        url = (
            f"sqlite:///{tmp_path / name / 'lake.db'}" if name == "sqlite" else f"parquet://{tmp_path / name / 'lake'}"
        )
        make_table(url, "predictions", rows)
        make_table(url, "accepted", as_table(reference_rows().assign(day=0)))
        home = Home(tmp_path / name, connections={"lake": url})
        connections = LogConnections(home.connections)
        assert check_mapping(mapped_card(), connections, place="card").mistakes == []
        connections.close()
        model_registry.register(home.registry, [mapped_card()], now=NOW)
        assert home.assesses(on=LAST).failures == {}
        found.append(home.verdicts("late"))
        home.registry.close()
    assert found[0] == found[1]
    assert {*found[0].values()} >= {"keep", "retrain"}


def test_each_file_and_each_folder_of_files_is_a_table(lake: Path) -> None:
    make_parquet(lake, "log", log_rows({}))
    make_parquet(lake / "daily", "a", [{"x": 1.0}])
    make_parquet(lake / "daily", "b", [{"x": 2.0, "later": "y"}])
    (lake / "_temporary.parquet").write_bytes(b"being written")
    (lake / "notes.txt").write_text("no table")
    assert sorted(types_of(lake, "daily")) == ["later", "x"]
    with pytest.raises(LogUnreadableError, match="no table 'lgo'; the nearest are 'log'"):
        types_of(lake, "lgo")


def test_partitions_in_the_names_of_folders_are_columns(lake: Path) -> None:
    for day in ("2026-03-02", "2026-03-03"):
        folder = lake / "log" / "model_id=churn-7" / f"day={day}"
        folder.mkdir(parents=True)
        make_parquet(folder, "part", log_rows({"ts": pd.Timestamp(f"{day}T12:00Z").to_pydatetime()}))
    log = {"connection": "warehouse", "table": "log", "where": {"model_id": "churn-7"}}
    opened = open_mapped(f"parquet://{lake}", card_of(labels=None, log=log))
    extent = opened.extent()
    assert extent is not None
    assert opened.rows(first=extent[0], last=extent[1]).day.astype(str).tolist() == ["2026-03-02", "2026-03-03"]


def test_a_relative_folder_is_one_of_the_working_directory(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_parquet(lake, "log", log_rows({}))
    monkeypatch.chdir(lake.parent)
    assert open_mapped("parquet:lake", card_of(labels=None)).extent() is not None


def test_rows_are_in_the_order_of_the_files(lake: Path) -> None:
    same = [{"id": 1, "p": number / 100} for number in range(50)]
    rows = [row | {"ts": log_rows({})[0]["ts"]} for row in log_rows(*same)]
    make_parquet(lake, "log", rows)
    opened = open_mapped(f"parquet://{lake}", card_of(labels=None))
    day = rows[0]["ts"].date()
    assert opened.rows(first=day, last=day).score.tolist() == [0.49]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("parquet://{lake}/none", "there is no folder .*/none"),
        ("parquet://{lake}/empty", "there is no Parquet file in .*/empty"),
        ("parquet://host", "names the host 'host'"),
        ("parquet:", "names no folder"),
        ("parquet://{lake}/broken", "'log.parquet' is no Parquet file: .*"),
        ("parquet://{lake}/capitals", "'log.parquet' has the columns 'Age' and 'age': DuckDB does not tell capitals"),
        ("parquet://{lake}/twice", "'Log.parquet' and 'log.parquet' would be one table"),
    ],
)
def test_a_mistake_is_one_clear_sentence(lake: Path, address: str, said: str) -> None:
    for name in ("empty", "broken", "capitals", "twice"):
        (lake / name).mkdir()
    (lake / "broken" / "log.parquet").write_bytes(b"PAR1 but not for long")
    pq.write_table(pa.table({"Age": [1.0], "age": [2.0]}), lake / "capitals" / "log.parquet")
    for name in ("Log", "log"):
        make_parquet(lake / "twice", name, log_rows({}))
    opened = open_mapped(address.format(lake=lake), card_of(labels=None))
    with pytest.raises(LogUnreadableError, match=said) as raised:
        opened.extent()
    assert "\n" not in str(raised.value)


def test_nothing_outside_the_folder_is_read(lake: Path) -> None:
    make_parquet(lake, "log", log_rows({}))
    make_parquet(lake.parent, "secret", log_rows({}))
    opened = open_mapped(f"parquet://{lake}", card_of(labels=None))
    engine = opened.reader.log.engine
    with pytest.raises(sa.exc.DBAPIError, match=r"(?i)permission"), engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT * FROM read_parquet('{lake.parent / 'secret.parquet'}')")
    with pytest.raises(sa.exc.DBAPIError, match=r"(?i)cannot|locked|permission"), engine.connect() as connection:
        connection.exec_driver_sql("SET enable_external_access = true")


def test_a_file_that_is_replaced_is_read_anew(lake: Path) -> None:
    url, card = f"parquet://{lake}", card_of(labels=None)
    make_parquet(lake, "log", log_rows({}))
    first = open_mapped(url, card).extent()
    later = [row | {"ts": row["ts"] + timedelta(days=1)} for row in log_rows({}, {})]
    make_parquet(lake, ".log", later)
    (lake / ".log.parquet").replace(lake / "log.parquet")
    second = open_mapped(url, card).extent()
    assert first is not None
    assert second == (first[0] + timedelta(days=1), first[1] + timedelta(days=1))
