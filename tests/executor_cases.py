"""Logs with every trap an engine may count differently, for the proof that both executors count alike."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from data_access.model_card import ModelCard
from tests.log_builders import HOSTILE_NAMES, card_of

NEW_YORK = ZoneInfo("America/New_York")
FIRST, LAST = date(2026, 3, 5), date(2026, 3, 11)  # the clocks go forward on 8 March
REFERENCE = (date(2026, 2, 1), date(2026, 2, 28))
LEVELS = ("a", "A", "", " ", "O'Brien", "%s", "e\u0301", "\u00e9", "naïve☂", "x" * 300, "true", "NULL", "1", "1.0")
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
COLUMNS = {"timestamp": "ts", "prediction_id": "id", "version": "version"}


@dataclass
class Case:
    """A log, its labels and its card."""

    rows: list[dict[str, Any]]
    labels: list[dict[str, Any]]
    card: ModelCard
    kinds: Mapping[str, str] = field(default_factory=dict)

    def sql_types(self) -> dict[str, sa.types.TypeEngine[Any]]:
        """The columns whose values do not tell their type, for a database."""
        known: dict[str, sa.types.TypeEngine[Any]] = {
            "decimal": sa.Numeric(12, 3),
            "naive": sa.DateTime(timezone=False),
            "real": sa.REAL(),
        }
        return {name: known[kind] for name, kind in self.kinds.items() if kind in known}

    def arrow_types(self) -> dict[str, pa.DataType]:
        """The same for Parquet."""
        known = {"decimal": pa.decimal128(12, 3), "naive": pa.timestamp("us"), "real": pa.float32()}
        return {name: known[kind] for name, kind in self.kinds.items() if kind in known}


def numeric_value(rng: np.random.Generator, *, traps: bool) -> float | None:
    """A number on a coarse grid, so that edges are hit exactly; with traps it may be missing, NaN or endless."""
    kind = rng.random()
    if traps and kind < 0.08:
        return [None, float("nan"), float("inf"), float("-inf")][int(rng.integers(4))]
    if traps and kind < 0.1:
        return float(rng.choice([-0.0, 5e-324, 1e-300, 1e15]))
    return float(np.round(rng.normal() * 4) / 8)


def trapped_rows(seed: int, days: list[datetime], *, rows_a_day: int, traps: bool) -> list[dict[str, Any]]:
    """Rows of local days (given by their midnights) with features of every kind."""
    rng, rows = np.random.default_rng(seed), list[dict[str, Any]]()
    for midnight in days:
        length = int(((midnight + DAY).astimezone(UTC) - midnight.astimezone(UTC)) / MICROSECOND)
        moments = [0, 1, length - 1, *rng.integers(0, length, rows_a_day - 3).tolist()]
        for moment in moments:
            row: dict[str, Any] = {
                "id": f"{seed}-{len(rows)}",
                "ts": midnight.astimezone(UTC) + int(moment) * MICROSECOND,
                "version": "v1",
            }
            row |= {name: numeric_value(rng, traps=traps) for name in HOSTILE_NAMES}
            row["big"] = int(rng.integers(-(2**62), 2**62))
            row["price"] = Decimal(int(rng.integers(-3000, 3000))) / 1000
            row["single"] = float(np.float32(rng.integers(-20, 20) / 10))
            row["flagged"] = bool(rng.random() < 0.3)
            row["new"] = None if rng.random() < 0.05 else bool(rng.random() < 0.5)
            row["kind"] = int(rng.integers(0, 4))
            row["size"] = float(rng.integers(0, 3)) / 2
            # Levels of the later days are partly new, and some of the reference are too rare to be kept.
            row["level"] = None if rng.random() < 0.05 else LEVELS[int(rng.integers(0, len(LEVELS) - (not traps)))]
            row["name"] = f"person {rng.integers(0, 400)}"
            rows.append(row)
    return rows


FEATURES = {
    **dict.fromkeys(HOSTILE_NAMES, "numeric"),
    **dict.fromkeys(("big", "price", "single", "flagged", "gone"), "numeric"),
    **dict.fromkeys(("new", "kind", "size", "level", "name", "lost"), "categorical"),
}
KINDS = {"price": "decimal", "single": "real"}
Task = tuple[dict[str, Any], Callable[[np.random.Generator], dict[str, Any]]]


def binary(rng: np.random.Generator) -> dict[str, Any]:
    kind = rng.random()
    p = None if kind < 0.03 else [0.5, 0.0, 1.0][int(rng.integers(3))] if kind < 0.15 else float(rng.random())
    return {"p": p, "truth": bool(rng.random() < 0.4)}


def regression(rng: np.random.Generator) -> dict[str, Any]:
    said = numeric_value(rng, traps=False)
    if rng.random() < 0.1:
        said = [None, float("nan"), float("inf"), float("-inf")][int(rng.integers(4))]
    return {"said": said, "truth": float(np.round(rng.normal() * 8) / 8)}


def multiclass(rng: np.random.Generator) -> dict[str, Any]:
    shares = np.round(rng.dirichlet([1, 1, 1]), 2)
    missing = rng.random() < 0.03
    return {
        "p_a": float(shares[0]),
        "p_b": None if missing else float(shares[1]),
        "p_c": float(shares[1] if rng.random() < 0.1 else shares[2]),
        "truth": str(rng.choice(["a", "b", "c", "nobody"], p=[0.4, 0.3, 0.28, 0.02])),
    }


def hard(rng: np.random.Generator) -> dict[str, Any]:
    return {"said": str(rng.choice(["yes", "no"])), "truth": str(rng.choice(["yes", "no"]))}


TASKS: dict[str, Task] = {
    "binary": ({"task": "binary", "columns": COLUMNS | {"probability": "p"}}, binary),
    "regression": ({"task": "regression", "columns": COLUMNS | {"prediction": "said"}}, regression),
    "multiclass": (
        {
            "task": "multiclass",
            "classes": ["a", "b", "c"],
            "columns": COLUMNS | {"probabilities": {"a": "p_a", "b": "p_b", "c": "p_c"}},
        },
        multiclass,
    ),
    "hard": ({"task": "binary", "positive_class": "yes", "columns": COLUMNS | {"prediction": "said"}}, hard),
}


def case(
    task: str, *, seed: int = 1, naive: bool = False, odd: bool = True, in_log: bool = False, dated: bool = True
) -> Case:
    """A log of four weeks of reference and a week with traps; with ``odd`` days that only rows can tell.

    ``naive`` keeps times as New York's wall clock without a zone; ``in_log`` keeps labels in the log. Labels that are not
    ``dated`` arrive after the usual delay.
    """
    said, truth = TASKS[task]
    before = [midnight(REFERENCE[0] + at * DAY) for at in range(28)]
    week = [midnight(FIRST + at * DAY) for at in range((LAST - FIRST).days + 1)]
    rows = trapped_rows(seed, before, rows_a_day=12, traps=False) + trapped_rows(
        seed + 1, week, rows_a_day=40, traps=True
    )
    rng = np.random.default_rng(seed + 2)
    labels = []
    for row in rows:
        found = truth(rng)
        label = {
            "id": row["id"],
            "label": found.pop("truth"),
            "label_ts": row["ts"] + timedelta(hours=int(rng.integers(1, 60))),
        }
        row.update(found)
        if rng.random() < 0.9:
            labels.append(label)
        if row["ts"] > week[3]:
            row["version"] = str(rng.choice(["v1", "v2"]))
    if odd:
        add_odd_rows(rows, labels)
    columns = dict(said["columns"])
    changes: dict[str, Any] = {"timezone": "America/New_York", "label_delay_days": 2, "features": FEATURES}
    if in_log:
        given = {label["id"]: label for label in labels}
        for row in rows:
            row["label"] = given.get(row["id"], {}).get("label")
            row["label_ts"] = given.get(row["id"], {}).get("label_ts")
        columns |= {"label": "label", "label_timestamp": "label_ts"}
        changes["labels"] = None
    if not dated:
        changes["labels"] = {"prediction_id": "id", "label": "label", "table": "labels"}
    kinds = dict(KINDS)
    if naive:
        columns["timezone"] = "America/New_York"
        kinds |= {"ts": "naive", "label_ts": "naive"}
        for each in (*rows, *labels):
            each |= {key: wall(each[key]) for key in ("ts", "label_ts") if each.get(key) is not None}
    versions = [{"version": "v1", "active_from": "2026-02-01"}, {"version": "v2", "active_from": "2026-03-08"}]
    reference = {"from": REFERENCE[0].isoformat(), "to": REFERENCE[1].isoformat()}
    return Case(
        rows,
        labels,
        card_of(**(said | changes | {"columns": columns, "versions": versions, "reference": reference})),
        kinds,
    )


def add_odd_rows(rows: list[dict[str, Any]], labels: list[dict[str, Any]]) -> None:
    """Add a row that replaces one of two days before, a second label, a label before its row, and a row without version."""
    late = [at for at, row in enumerate(rows) if row["ts"] > midnight(FIRST)]
    rows.append(rows[late[3]] | {"ts": rows[late[3]]["ts"] + 2 * DAY})
    rows.append(rows[late[50]] | {"id": "nobody's", "version": None})
    of_row = next(
        label for label in labels if label["id"] == rows[late[90]]["id"] or label["id"] == rows[late[91]]["id"]
    )
    labels.append(of_row | {"label_ts": of_row["label_ts"] + DAY})
    early = next(row for row in reversed(rows) if row["id"] in {label["id"] for label in labels})
    label = next(label for label in labels if label["id"] == early["id"])
    label["label_ts"] = early["ts"] - 3 * DAY


def midnight(day: date) -> datetime:
    """The beginning of a day in New York."""
    return datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)


def wall(moment: datetime) -> datetime:
    """What a clock in New York shows."""
    return moment.astimezone(NEW_YORK).replace(tzinfo=None)
