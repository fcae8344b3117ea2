"""A simulated model as the folder that ``modelfolio import`` reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from monitoring.portfolio import Task
from sample_data.simulated_rows import Column, SimulatedRows, columns_of, live_rows, reference_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sample_data.simulated_recipes import Recipe

MICROSECONDS_A_DAY = 86_400_000_000
DAYS_AHEAD = np.timedelta64(3, "D")


def write_folder(recipe: Recipe, parent: Path) -> Path:
    """Write a model's folder below ``parent`` and return it."""
    folder = parent / recipe.id
    folder.mkdir()
    card = recipe.card()
    live = live_rows(recipe)
    stamp = _stamps(live)
    id_ = np.array([f"{i:07d}" for i in range(len(live))], dtype=object)
    written = {"written_at": stamp - DAYS_AHEAD * live.ahead} if "arrived_at" in card.get("columns", {}) else {}
    _write(folder / "log.parquet", {"ts": stamp, "id": id_, **written, **columns_of(recipe, live)})
    if "labels" in card:
        has = ~np.isnat(live.arrival)
        arrives = stamp[has] + (live.arrival[has] - live.day[has])
        _write(folder / "labels.parquet", {"id": id_[has], "label": _labels(recipe, live)[has], "label_ts": arrives})
    _write_reference(recipe, "v1", folder / "reference.parquet")
    if len(card["versions"]) > 1:
        card["versions"][1]["reference"] = "reference-v2.parquet"
        _write_reference(recipe, "v2", folder / "reference-v2.parquet")
    (folder / "model.json").write_text(json.dumps(card, indent=1), encoding="utf-8")
    return folder


def _write_reference(recipe: Recipe, version: str, file: Path) -> None:
    rows = reference_rows(recipe, version)
    columns: dict[str, Column] = {"ts": _stamps(rows), **columns_of(recipe, rows)}
    if recipe.fate.has_reference_labels:
        columns["label"] = _labels(recipe, rows)
    _write(file, columns)


def _stamps(rows: SimulatedRows) -> np.ndarray:
    """Return times that spread each day's rows over the day, in their order."""
    _, first, counts = np.unique(rows.day, return_index=True, return_counts=True)
    number = np.arange(len(rows)) - np.repeat(first, counts)
    within = (number + 0.5) / np.repeat(counts, counts) * MICROSECONDS_A_DAY
    stamps: np.ndarray = rows.day.astype("datetime64[us]") + within.astype("timedelta64[us]")
    return stamps


def _labels(recipe: Recipe, rows: SimulatedRows) -> np.ndarray:
    if recipe.task is Task.REGRESSION:
        return rows.label
    return np.array(recipe.product.classes, dtype=object)[rows.label.astype(np.intp)]


def _write(file: Path, columns: Mapping[str, Column]) -> None:
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    pyarrow.parquet.write_table(table, file, compression="zstd")
