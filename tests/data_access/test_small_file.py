"""Small Parquet files: which ids occur twice, and times as whole microseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_access.log_values import NOT_A_TIME, arrow_micros
from data_access.small_file import Outline, SmallFile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("ids", "has_several"),
    [
        ([], False),
        ([7], False),
        ([1, 2, 9], False),
        ([1, 2, 2], True),
        ([1, 3, 2], False),
        ([1, 3, 1], True),
        ([1, None, 2, None], False),
        ([1, None, 1], True),
        (["a", "b", "a"], True),
        (["b", "a"], False),
    ],
)
def test_ids_that_occur_twice_are_found_in_any_order(tmp_path: Path, ids: list[int | str], has_several: bool) -> None:
    pq.write_table(pa.table({"id": pa.array(ids, None if ids else pa.int64())}), tmp_path / "log.parquet")
    file = SmallFile(str(tmp_path / "log.parquet"))
    (read,) = file.columns(["id"])
    outline = Outline(file, {"id": read}, read, {}, np.ones(len(ids), dtype=bool))
    assert outline.has_several is has_several


@pytest.mark.parametrize(
    "kind", [pa.timestamp("s"), pa.timestamp("ns", tz="Europe/Berlin"), pa.timestamp("us", tz="UTC")]
)
def test_times_of_any_unit_are_microseconds_in_utc(kind: pa.DataType) -> None:
    given = pa.array([0, None, 1_000_000], pa.timestamp("us", tz=kind.tz)).cast(kind)
    whole, later = arrow_micros(given), arrow_micros(given.slice(1))
    assert whole is not None
    assert whole.tolist() == [0, NOT_A_TIME, 1_000_000]
    assert later is not None
    assert later.tolist() == [NOT_A_TIME, 1_000_000]


def test_days_are_midnights_and_endless_times_are_missing() -> None:
    days = arrow_micros(pa.array([1, None], pa.int32()).cast(pa.date32()))
    endless = arrow_micros(pa.array([2**63 - 1, -(2**63 - 1), 5], pa.int64()).cast(pa.timestamp("us")))
    assert days is not None
    assert days.tolist() == [86_400_000_000, NOT_A_TIME]
    assert endless is not None
    assert endless.tolist() == [NOT_A_TIME, NOT_A_TIME, 5]
