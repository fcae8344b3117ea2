"""A home as `modelfolio` keeps it, for tests of the whole pipeline, and made-up predictions to put into it."""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import sqlalchemy as sa

from data_access import model_import
from data_access.assess_portfolio import AssessRun, assess_portfolio
from data_access.audit_key import key_from_file
from data_access.model_import import Imported, import_folders
from data_access.registry import Registry
from data_access.tables import AuditEventRow, ModelRow
from data_access.verdict_queries import verdicts
from tests.fresh import fresh_registry
from tests.log_builders import write_frame

FIRST = date(2026, 3, 2)
"""The Monday on which a model of ``predictions`` goes into service, unless a test says otherwise."""

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
REFERENCE_DAYS = 63


@dataclass
class Home:
    """A registry, the default store and named connections."""

    folder: Path
    log_address: str = ""
    connections: dict[str, str] = field(default_factory=dict)
    registry: Registry = field(init=False)

    def __post_init__(self) -> None:
        self.log_address = self.log_address or f"sqlite:///{self.folder / 'predictions.db'}"
        address = f"sqlite:///{self.folder / 'registry.db'}"
        fresh_registry(address)
        self.registry = Registry.open(address, audit_key=key_from_file(self.folder / "audit.key"))

    def imports(self, *folders: Path) -> Imported:
        """Import model folders."""
        return import_folders(self.registry, folders, log_address=self.log_address, now=NOW)

    def ingests(self, model: str, *, log: Path | None = None, labels: Path | None = None) -> tuple[int, int]:
        """Append files to a model's log."""
        return model_import.ingest(self.registry, model, log_address=self.log_address, log=log, labels=labels)

    def assesses(self, *, on: date, first: date | None = None, only: str | None = None) -> AssessRun:
        """Assess as ``modelfolio assess`` does when ``on`` is the newest complete day everywhere."""
        return assess_portfolio(
            self.registry,
            connections={"default": self.log_address} | self.connections,
            settle_hours=3,
            now=datetime.combine(on + timedelta(days=2), time(12), tzinfo=UTC),
            first=first,
            last=on,
            only=only,
        )

    def verdicts(self, model: str) -> dict[date, str]:
        """Return the verdict of every day of a model, as known now."""
        lines = verdicts(self.registry, first=date(2000, 1, 1))
        return {line.day: line.verdict for line in lines if line.model == model}

    def spells(self, model: str) -> list[tuple[str, date]]:
        """Return the verdicts of a model with the first day of each."""
        found = groupby(self.verdicts(model).items(), key=lambda pair: pair[1])
        return [(verdict, next(days)[0]) for verdict, days in found]

    def model_row(self, model: str) -> ModelRow:
        """Return what the registry has about a model."""
        with self.registry.read() as session:
            row = session.get_one(ModelRow, model)
            session.expunge(row)
            return row

    def audit(self) -> list[AuditEventRow]:
        """Return the audit trail, the oldest event first."""
        with self.registry.read() as session:
            rows = list(session.scalars(sa.select(AuditEventRow).order_by(AuditEventRow.sequence)))
            session.expunge_all()
            return rows

    def stored(self) -> dict[str, int]:
        """Return the rows of every table of the registry, its revision among them."""
        with self.registry.read() as session:
            names = sa.inspect(session.connection()).get_table_names()
            counts = {name: session.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) for name in names}
        return {name: int(count or 0) for name, count in counts.items()} | {"number": self.registry.revision()}

    def logged(self) -> dict[str, int]:
        """Return the rows of every table of the default store."""
        return table_rows(self.log_address)


def table_rows(url: str) -> dict[str, int]:
    """Return the rows of every table of a database, or of every Parquet file of a folder."""
    if url.startswith("parquet:"):
        files = Path(url.removeprefix("parquet://")).glob("*.parquet")
        return {file.stem: pq.read_metadata(file).num_rows for file in files}
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        counts = {name: connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) for name in names}
    engine.dispose()
    return {name: int(count or 0) for name, count in counts.items()}


def predictions(
    *,
    first: date = FIRST,
    days: int = 28,
    rows_a_day: int = 40,
    seed: int = 1,
    every: int = 1,
    useless: Callable[[np.ndarray], np.ndarray] = np.zeros_like,
) -> pd.DataFrame:
    """Rows of a calibrated binary model with what became of them, each labelled a day later.

    ``day`` counts from ``first``. ``useless`` gives the share of rows per day whose label has nothing to do with the score:
    a quarter of them halves the skill.
    """
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(0, days, every), rows_a_day)
    delay, region = rng.normal(0, 1, len(day)), rng.choice(["north", "south", "west"], len(day), p=[0.5, 0.3, 0.2])
    share = 1 / (1 + np.exp(-(2.5 * delay + (region == "south"))))
    label = rng.random(len(day)) < share
    blind = rng.random(len(day)) < useless(day.astype(float))
    label = np.where(blind, rng.permutation(label), label)
    seconds = rng.integers(9 * 3600, 17 * 3600, len(day))
    stamp = pd.Timestamp(first) + pd.to_timedelta(day, unit="D") + pd.to_timedelta(seconds, unit="s")
    return pd.DataFrame(
        {
            "id": [f"{first}-{seed}-{number}" for number in range(len(day))],
            "ts": stamp.tz_localize("UTC"),
            "version": "v1",
            "late": (share >= 0.5).astype(int),
            "p_late": share.round(6),
            "dep_delay": delay.round(6),
            "region": region,
            "label": label.astype(int),
            "label_ts": stamp.tz_localize("UTC") + pd.Timedelta(days=1),
            "day": day,
        }
    )


LOG_COLUMNS = ["id", "ts", "version", "late", "p_late", "dep_delay", "region"]
LABEL_COLUMNS = ["id", "label", "label_ts"]


def model_card(**changes: Any) -> dict[str, Any]:
    """The card of a model of ``predictions``; ``None`` removes a key."""
    card: dict[str, Any] = {
        "id": "late",
        "name": "Late at pushback?",
        "task": "binary",
        "positive_class": 1,
        "label_delay_days": 1,
        "columns": {
            "timestamp": "ts",
            "prediction_id": "id",
            "prediction": "late",
            "probability": "p_late",
            "version": "version",
        },
        "labels": {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts"},
        "features": [
            {"name": "dep_delay", "type": "numeric", "importance": 0.7, "source": "departures feed"},
            {"name": "region", "type": "categorical", "importance": 0.3, "source": "airport table"},
        ],
        "versions": [{"version": "v1", "active_from": FIRST.isoformat()}],
    }
    card |= changes
    return {key: value for key, value in card.items() if value is not None}


def reference_rows(*, rows_a_day: int = 40, days: int = REFERENCE_DAYS, every: int = 1, seed: int = 99) -> pd.DataFrame:
    """The rows a model of ``predictions`` was accepted on: the weeks before it went into service."""
    begin = FIRST - timedelta(days=days)
    found = predictions(first=begin, days=days, rows_a_day=rows_a_day, seed=seed, every=every)
    return found[[*LOG_COLUMNS, "label"]]


def model_folder(
    folder: Path,
    *,
    rows: pd.DataFrame | None = None,
    card: Mapping[str, Any] | None = None,
    reference: pd.DataFrame | None = None,
    suffix: str = "parquet",
) -> Path:
    """A folder with the model of ``predictions``; rows without a label get none."""
    rows = predictions() if rows is None else rows
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps(card or model_card()), encoding="utf-8")
    write_frame(rows[LOG_COLUMNS], folder / f"log.{suffix}")
    write_frame(rows.loc[rows["label"].notna(), LABEL_COLUMNS], folder / f"labels.{suffix}")
    write_frame(reference_rows() if reference is None else reference, folder / f"reference.{suffix}")
    return folder


def copied(folder: Path, to: Path, **card: Any) -> Path:
    """The same folder elsewhere with a changed card."""
    shutil.copytree(folder, to)
    said = json.loads((to / "model.json").read_text(encoding="utf-8")) | card
    (to / "model.json").write_text(json.dumps(said), encoding="utf-8")
    return to


def days_of(frame: pd.DataFrame, days: Iterable[int]) -> pd.DataFrame:
    """The rows of some days, counted from the first."""
    return frame[frame["day"].isin(list(days))]


def as_table(frame: pd.DataFrame, **more: Any) -> list[dict[str, Any]]:
    """The rows as somebody's own table has them, under names that speak for themselves, label in the same table."""
    names = {"id": "prediction_id", "late": "prediction", "p_late": "probability", "label_ts": "label_timestamp"}
    rows = frame.drop(columns="day").rename(columns=names).to_dict("records")
    return [{str(key): None if value is pd.NaT else value for key, value in row.items()} | more for row in rows]
