"""A registry and prediction logs as the product keeps them, filled through its own import and assessed through its own assess."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.workload import categorical_names, numeric_names, predictions
from data_access import model_registry
from data_access.assess_portfolio import assess_portfolio
from data_access.audit_key import key_from_file
from data_access.model_card import parse_card
from data_access.model_import import import_folders
from data_access.registry import Registry
from data_access.schema import upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[1]
FIRST_DAY = date(2026, 3, 2)
REFERENCE_DAYS = 60
DIFFERENT_DATA = 20
"""So many models have data of their own; the others have the same again in tables of their own."""


@dataclass(frozen=True)
class Size:
    """How large a made-up portfolio is: ``days`` are the days in service, each with ``rows`` predictions per model."""

    models: int = 50
    features: int = 30
    rows: int = 1_000
    days: int = 8
    reference_rows: int = 10_000
    shift: float = 0.2
    label_days: int = 1
    """Labels arrive on so many days after the prediction, evenly."""


@dataclass
class Home:
    """A registry and the default store."""

    folder: Path
    registry: Registry
    connections: dict[str, str] = field(default_factory=dict)

    @property
    def log_address(self) -> str:
        """Where ``import`` writes."""
        return f"sqlite:///{self.folder / 'predictions.db'}"

    def assess(self, *, until: int, first: int | None = None) -> int:
        """Assess up to a day in service (0 is the first) as ``modelfolio assess`` does; return the new assessments."""
        last = FIRST_DAY + timedelta(days=until)
        run = assess_portfolio(
            self.registry,
            connections={"default": self.log_address} | self.connections,
            settle_hours=3,
            now=datetime.combine(last + timedelta(days=2), time(12), tzinfo=UTC),
            first=None if first is None else FIRST_DAY + timedelta(days=first),
            last=last,
        )
        if run.failures:
            raise RuntimeError(f"models could not be assessed: {run.failures}")
        return run.assessments

    def assess_by_command(self, *, until: int) -> float:
        """Assess as ``assess`` does, but by the command in a process of its own; return the largest process's peak in MB."""
        last = FIRST_DAY + timedelta(days=until)
        connections = {f"MODELFOLIO_CONNECTION_{name.upper()}": address for name, address in self.connections.items()}
        fixed = {"MODELFOLIO_HOME": str(self.folder), "MODELFOLIO_AS_OF": (last + timedelta(days=2)).isoformat()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELFOLIO_")}
        command = [
            sys.executable,
            "-c",
            "from dashboard.cli import main; main()",
            "assess",
            "--as-of",
            last.isoformat(),
        ]
        subprocess.run(command, env=kept | connections | fixed, check=True, capture_output=True, cwd=CHECKOUT)
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1_024


@contextmanager
def empty_home() -> Iterator[Home]:
    """Give a home in a temporary folder."""
    with TemporaryDirectory(prefix="modelfolio-bench-") as name:
        folder = Path(name)
        address = f"sqlite:///{folder / 'registry.db'}"
        upgrade(address)
        registry = Registry.open(address, audit_key=key_from_file(folder / "audit.key"))
        try:
            yield Home(folder, registry)
        finally:
            registry.close()


def stamped(frame: pd.DataFrame, *, first: date, days: int, seed: int, label_days: int = 1) -> pd.DataFrame:
    """Return the rows with an id, a version and times, spread evenly over the days in order; labels come days later."""
    rng, rows = np.random.default_rng(seed), len(frame)
    seconds = np.arange(rows) * days // rows * 86_400 + rng.integers(8 * 3600, 20 * 3600, rows)
    ts = pd.Timestamp(first, tz="UTC") + pd.to_timedelta(seconds, unit="s")
    late = pd.to_timedelta(rng.integers(1, label_days + 1, rows), unit="D")
    return frame.assign(id=np.arange(rows) + seed * 10_000_000, ts=ts, version="v1", label_ts=ts + late)


def reference_of(number: int, size: Size) -> pd.DataFrame:
    """Return the rows model ``number`` was accepted on."""
    seed = number % DIFFERENT_DATA
    rows = predictions(size.reference_rows, seed=1_000 + seed, features=size.features)
    first = FIRST_DAY - timedelta(days=REFERENCE_DAYS)
    return stamped(rows, first=first, days=REFERENCE_DAYS, seed=1_000 + seed)


def log_of(number: int, size: Size) -> pd.DataFrame:
    """Return the rows of model ``number`` in service with their labels, ``size.rows`` a day."""
    seed = number % DIFFERENT_DATA
    rows = predictions(size.rows * size.days, seed=seed, shift=size.shift, features=size.features)
    return stamped(rows, first=FIRST_DAY, days=size.days, seed=seed, label_days=size.label_days)


def day_of(log: pd.DataFrame, day: int) -> pd.DataFrame:
    """Return the rows of one day in service."""
    start = pd.Timestamp(FIRST_DAY, tz="UTC") + pd.Timedelta(days=day)
    return log[(log["ts"] >= start) & (log["ts"] < start + pd.Timedelta(days=1))]


def card_of(number: int, size: Size) -> dict[str, Any]:
    """Return the card of model ``number``; importances fall from feature to feature."""
    kinds = dict.fromkeys(numeric_names(size.features), "numeric") | dict.fromkeys(
        categorical_names(size.features), "categorical"
    )
    return {
        "id": f"model-{number:05d}",
        "name": f"Model {number}",
        "task": "binary",
        "positive_class": 1,
        "tier": number % 3 + 1,
        "label_delay_days": 1,
        "columns": {
            "timestamp": "ts",
            "prediction_id": "id",
            "prediction": "predicted",
            "probability": "score",
            "version": "version",
        },
        "labels": {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts"},
        "features": [
            {"name": name, "type": kind, "source": f"feed {at % 5}", "importance": 1 / (at + 1)}
            for at, (name, kind) in enumerate(kinds.items())
        ],
        "versions": [{"version": "v1", "active_from": FIRST_DAY.isoformat()}],
    }


def write_folder(folder: Path, number: int, size: Size) -> pd.DataFrame:
    """Write model ``number`` as a folder that can be imported, and return the rows of its log."""
    folder.mkdir(parents=True)
    (folder / "model.json").write_text(json.dumps(card_of(number, size)), encoding="utf-8")
    log, reference = log_of(number, size), reference_of(number, size)
    reference.drop(columns="label_ts").to_parquet(folder / "reference.parquet", index=False)
    log.drop(columns=["label", "label_ts"]).to_parquet(folder / "log.parquet", index=False)
    log[["id", "label", "label_ts"]].to_parquet(folder / "labels.parquet", index=False)
    return log


@contextmanager
def imported(size: Size) -> Iterator[Home]:
    """Give a home with so many models in the default SQLite store, imported one after the other."""
    with empty_home() as home:
        for number in range(size.models):
            with TemporaryDirectory() as folder:
                write_folder(Path(folder) / "model", number, size)
                import_folders(
                    home.registry,
                    [Path(folder) / "model"],
                    log_address=home.log_address,
                    now=datetime.combine(FIRST_DAY, time(), tzinfo=UTC),
                )
        yield home


@contextmanager
def mapped(size: Size) -> Iterator[Home]:
    """Give a home whose models are mapped to Parquet files, one per model with a row group per day; nothing is copied."""
    with empty_home() as home:
        lake = home.folder / "lake"
        lake.mkdir()
        home.connections["lake"] = f"parquet://{lake}"
        for number in range(size.models):
            log, reference, name = log_of(number, size), reference_of(number, size), f"model_{number:05d}"
            tables = {
                f"log_{name}": log.drop(columns=["label", "label_ts"]),
                f"labels_{name}": log[["id", "label", "label_ts"]],
                f"reference_{name}": reference.drop(columns="label_ts"),
            }
            for table, rows in tables.items():
                rows.to_parquet(lake / f"{table}.parquet", index=False, row_group_size=size.rows, compression="zstd")
            card = card_of(number, size)
            card |= {part: {"connection": "lake", "table": f"{part}_{name}"} for part in ("log", "reference")}
            card["labels"] |= {"connection": "lake", "table": f"labels_{name}"}
            now = datetime.combine(FIRST_DAY, time(), tzinfo=UTC)
            model_registry.register(home.registry, [parse_card(card, place=card["id"])], now=now)
        yield home
