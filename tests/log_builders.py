"""Cards, folders and tables of prediction logs with one visible difference."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from data_access.card_values import log_mapping, model_value
from data_access.log_connections import LogConnections
from data_access.model_card import ModelCard, parse_card
from data_access.prediction_log import SqlPredictionLog

OPENED: list[LogConnections] = []
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOSTILE_NAMES = (
    "debt;DROP TABLE models;--",
    "o'payment %",
    "Länge_借入",
    "select",
    "back``tick",
    'quote"s',
    "colon:name",
    "dot.name",
    "percent%s (x)",
    "a" * 65,
)


def card_of(**changes: Any) -> ModelCard:
    """A mapped card of a binary model with labels in a table of their own; ``None`` removes a key."""
    card: dict[str, Any] = {
        "name": "Churn",
        "task": "binary",
        "columns": {"timestamp": "ts", "prediction_id": "id", "probability": "p", "version": "version"},
        "labels": {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts", "table": "labels"},
        "features": {"age": "numeric", "region": "categorical"},
        "versions": [{"version": "v1"}],
        "log": {"connection": "warehouse", "table": "log"},
    }
    card |= changes
    return parse_card({key: value for key, value in card.items() if value is not None}, place="card")


def log_rows(*rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of a log an hour apart, each with what it says differently."""
    return [
        {"id": number, "ts": NOON + timedelta(hours=number), "version": "v1", "p": 0.25, "age": 40.0, "region": "n"}
        | dict(row)
        for number, row in enumerate(rows)
    ]


def make_table(url: str, name: str, rows: Sequence[Mapping[str, Any]], **types: Any) -> None:
    """A table with these rows; times are typed on PostgreSQL and ISO text on SQLite, unless ``types`` says otherwise."""
    if url.startswith("parquet:"):
        make_parquet(Path(url.removeprefix("parquet://")), name, rows, **types)
        return
    engine = sa.create_engine(url)
    names = list(dict.fromkeys(key for row in rows for key in row))
    kinds = {key: types.get(key) or _kind([row.get(key) for row in rows]) for key in names}
    is_sqlite = engine.dialect.name == "sqlite"
    columns = []
    for key, kind in kinds.items():
        # PostgreSQL cuts long names after 63 bytes, and what made the table did so too.
        known = key if is_sqlite else key.encode()[:63].decode()
        columns.append(sa.Column(known, sa.Text() if is_sqlite and isinstance(kind, sa.DateTime) else kind, quote=True))
    table = sa.Table(name, sa.MetaData(), *columns)
    keys = [f"k{at}" for at, _ in enumerate(names)]
    statement = sa.insert(table).values({c: sa.bindparam(k) for c, k in zip(table.columns, keys, strict=True)})
    with engine.begin() as connection:
        table.create(connection)
        said = [
            dict(zip(keys, (_said(row.get(key), is_sqlite=is_sqlite) for key in names), strict=True)) for row in rows
        ]
        if said:
            connection.execute(statement, said)
    engine.dispose()


def make_parquet(folder: Path, name: str, rows: Sequence[Mapping[str, Any]], **types: Any) -> None:
    """The same as a Parquet file; ``types`` are Arrow's."""
    folder.mkdir(exist_ok=True)
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns = {key: pa.array([row.get(key) for row in rows], type=types.get(key)) for key in names}
    pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def _kind(values: list[Any]) -> sa.types.TypeEngine[Any]:
    first = next((value for value in values if value is not None), None)
    kinds: list[tuple[type, sa.types.TypeEngine[Any]]] = [
        (bool, sa.Boolean()),
        (int, sa.BigInteger()),
        (float, sa.Double()),
        (datetime, sa.DateTime(timezone=True)),
    ]
    return next((kind for python, kind in kinds if isinstance(first, python)), sa.Text())


def _said(value: Any, *, is_sqlite: bool) -> Any:
    return value.isoformat(sep=" ") if is_sqlite and isinstance(value, datetime) else value


def open_mapped(url: str, card: ModelCard) -> SqlPredictionLog:
    """The log of a mapped card; its connection is ``warehouse``."""
    OPENED.append(LogConnections({"warehouse": url}))
    return SqlPredictionLog(OPENED[-1], model_value(card), log_mapping(card))


def close_mapped() -> None:
    """Close the connections of every log that was opened here."""
    while OPENED:
        OPENED.pop().close()


def folder_card(**changes: Any) -> dict[str, Any]:
    """A ``model.json`` as DESIGN section 3 describes it; ``None`` removes a key."""
    card: dict[str, Any] = {
        "name": "Late at pushback?",
        "task": "binary",
        "positive_class": 1,
        "timezone": "America/New_York",
        "label_delay_days": 1,
        "columns": {"timestamp": "ts", "prediction_id": "id", "probability": "p", "version": "version"},
        "labels": {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts"},
        "features": {"age": "numeric", "region": "categorical"},
        "versions": [{"version": "v1", "active_from": "2026-03-01"}],
    }
    card |= changes
    return {key: value for key, value in card.items() if value is not None}


def make_folder(
    folder: Path,
    *,
    card: Mapping[str, Any] | None = None,
    log: pd.DataFrame | None = None,
    labels: pd.DataFrame | None = None,
    reference: pd.DataFrame | None = None,
    suffix: str = "parquet",
) -> Path:
    """A model folder with a few valid files, except for those that are given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps(card or folder_card()), encoding="utf-8")
    rows = pd.DataFrame(log_rows({}, {"p": 0.75}, {"region": "s"}))
    given = {
        "log": rows if log is None else log,
        "labels": labels_of(rows) if labels is None else labels,
        "reference": rows.assign(ts=rows["ts"] - timedelta(days=30), label=[0, 1, 0])
        if reference is None
        else reference,
    }
    for name, frame in given.items():
        if not frame.columns.empty:
            write_frame(frame, folder / f"{name}.{suffix}")
    return folder


def labels_of(rows: pd.DataFrame) -> pd.DataFrame:
    """A label a day after each row."""
    late = rows["ts"] + timedelta(days=1)
    return pd.DataFrame({"id": rows["id"], "label": [at % 2 for at in range(len(rows))], "label_ts": late})


def write_frame(frame: pd.DataFrame, file: Path) -> None:
    """Write a frame as Parquet or CSV, by the name of the file."""
    if file.suffix == ".csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file, index=False)


NO_FILE = pd.DataFrame()
