"""Fetching rows and counting them here, or counting where the log is: the same profiles, on every engine and for every trap."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from sqlite3 import connect
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from data_access import log_connections, model_registry
from data_access.log_connections import LogConnections
from data_access.log_counting import SqlCounting
from data_access.model_card import parse_card
from data_access.prediction_log import SqlPredictionLog
from data_access.timestamps import EPOCH
from monitoring import profiling
from monitoring.counting import FetchedRows
from monitoring.errors import LogUnreadableError
from monitoring.history import ProfileKind, StoredProfile
from monitoring.packing import unpack_days, unpack_labels
from monitoring.ports import LabelledRows, LogRows
from monitoring.reference import Reference, reference_of
from tests.executor_cases import FIRST, LAST, MICROSECOND, TASKS, Case, case
from tests.experimental_engines import SparkServer, make_distant
from tests.log_builders import close_mapped, make_parquet, make_table, open_mapped
from tests.pipeline import FIRST as FIRST_DAY
from tests.pipeline import NOW, Home, as_table, model_card, predictions

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    close_mapped()


SLOW = [pytest.param(engine, marks=pytest.mark.slow) for engine in ("chdb", "spark")]


@pytest.fixture(params=["sqlite", "parquet", "postgres", *SLOW])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    files = {"sqlite": f"sqlite:///{tmp_path / 'warehouse.db'}", "parquet": f"parquet://{tmp_path / 'warehouse'}"}
    return files.get(request.param) or str(request.getfixturevalue(f"{request.param}_url"))


def with_case(url: str, made: Case) -> tuple[SqlPredictionLog, SqlPredictionLog]:
    """The log of a case, fetched and counted."""
    for name, rows in (("log", made.rows), ("labels", made.labels)):
        if url.startswith("parquet:"):
            make_parquet(Path(url.removeprefix("parquet://")), name, rows, **made.arrow_types())
        elif url.startswith(("chdb:", "hive:")):
            make_distant(url, name, rows, **made.arrow_types())
        elif url.startswith("sqlite:") and "ts" not in made.kinds:
            make_table(url, name, with_times_as_numbers(rows), **made.sql_types())
        else:
            make_table(url, name, rows, **made.sql_types())
    return open_mapped(url, made.card), open_mapped(f"{url}?executor=aggregate", made.card)


def with_times_as_numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as the default store keeps them, in microseconds since 1970: texts have no exact bounds, and are fetched."""
    return [
        row | {key: (row[key] - EPOCH) // MICROSECOND for key in ("ts", "label_ts") if row.get(key) is not None}
        for row in rows
    ]


def stored(log: SqlPredictionLog, reference: Reference, version: str, last: date = LAST) -> list[StoredProfile]:
    counted = log.counting(first=FIRST, last=last).counted(version, reference)
    return sorted(
        profiling._profiles(reference, version, counted, last=last, before={}, changed=set()),
        key=lambda profile: (profile.kind, profile.day, profile.known_on),
    )


def assert_alike(left: list[StoredProfile], right: list[StoredProfile], reference: Reference) -> None:
    """Both say the same: counts to the last row, sums but for the order in which they were added."""
    assert [(p.kind, p.day, p.known_on, p.rows) for p in left] == [(p.kind, p.day, p.known_on, p.rows) for p in right]
    for one, other in zip(left, right, strict=True):
        if one.kind is ProfileKind.ROWS and one.payload and other.payload:
            of_days = [unpack_days(reference.layout, [(p.day, p.rows, p.payload)]) for p in (one, other)]
            np.testing.assert_array_equal(of_days[0].counts, of_days[1].counts)
            np.testing.assert_array_equal(of_days[0].remarks, of_days[1].remarks)
            for part in ("sums", "lows", "highs"):
                mine, theirs = (getattr(days, part) for days in of_days)
                np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9, equal_nan=True)
        elif one.payload and other.payload:
            labels = [unpack_labels(reference.label_layout, [(p.day, p.payload)]) for p in (one, other)]
            assert labels[0].day.tolist() == labels[1].day.tolist()
            np.testing.assert_allclose(labels[0].vectors, labels[1].vectors, rtol=1e-9, atol=1e-9)
        else:
            assert one.payload == other.payload


def assert_executors_agree(url: str, made: Case) -> None:
    fetch, aggregate = with_case(url, made)
    assert isinstance(fetch.counting(first=FIRST, last=LAST), FetchedRows)
    assert isinstance(aggregate.counting(first=FIRST, last=LAST), SqlCounting)
    rows = fetch.reference("v1")
    assert rows is not None
    reference = reference_of(fetch.model, rows)
    for version in ("v1", "v2"):
        left, right = stored(fetch, reference, version), stored(aggregate, reference, version)
        assert {profile.kind for profile in left} == set(ProfileKind)
        assert_alike(left, right, reference)
    assert aggregate.counting(first=FIRST, last=LAST).versions == fetch.counting(first=FIRST, last=LAST).versions


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("task", TASKS)
def test_both_executors_count_the_same(url: str, task: str, seed: int) -> None:
    assert_executors_agree(url, case(task, seed=10 * seed))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_both_executors_count_the_same_with_labels_in_the_log(url: str, task: str) -> None:
    assert_executors_agree(url, case(task, in_log=True))


def test_both_executors_count_the_same_with_labels_that_do_not_say_when_they_came(url: str) -> None:
    assert_executors_agree(url, case("binary", dated=False))


def test_both_executors_count_the_same_on_wall_clocks_that_change(url: str) -> None:
    if url.startswith("chdb:"):
        pytest.skip("every time of ClickHouse is an instant")
    assert_executors_agree(url, case("binary", naive=True))


@pytest.mark.parametrize("task", TASKS)
def test_plain_days_are_counted_without_reading_a_row(url: str, task: str) -> None:
    fetch, aggregate = with_case(url, case(task, odd=False))
    rows = fetch.reference("v1")
    assert rows is not None
    counted = aggregate.counting(first=FIRST, last=LAST).counted("v1", reference_of(fetch.model, rows))
    assert counted.profiles is not None
    assert counted.labels is not None
    assert counted.profiles.day.tolist() == [FIRST + at * DAY for at in range(7)]
    assert (len(counted.rows.day), len(counted.labelled.day)) == (0, 0)
    assert counted.rows.missing_columns == ("gone", "lost")


@pytest.mark.slow
def test_two_processes_work_for_spark(spark_server: SparkServer, spark_url: str) -> None:
    made = case("binary")
    for name in ("one", "two"):
        make_distant(spark_url, name, made.rows, **made.arrow_types())
    assert spark_server.workers == {"0", "1"}


def test_verdicts_do_not_depend_on_the_executor(tmp_path: Path) -> None:
    rows = as_table(predictions(days=40, rows_a_day=25, useless=lambda day: (day > 32) * 0.9))
    make_parquet(tmp_path / "lake", "predictions", rows)
    columns = {"timestamp": "ts", "prediction_id": "prediction_id", "probability": "probability"}
    columns |= {"version": "version", "label": "label", "label_timestamp": "label_timestamp"}
    log = {"connection": "lake", "table": "predictions"}
    card = parse_card(model_card(columns=columns, labels=None, log=log), place="card")
    found = []
    for executor in ("fetch", "aggregate"):
        (tmp_path / executor).mkdir()
        home = Home(tmp_path / executor, connections={"lake": f"parquet://{tmp_path / 'lake'}?executor={executor}"})
        model_registry.register(home.registry, [card], now=NOW)
        for on in (39, 40):
            assert home.assesses(on=FIRST_DAY + on * DAY).failures == {}
        found.append(home.verdicts("late"))
        home.registry.close()
    assert found[0] == found[1]
    assert "keep" in found[0].values()


def test_an_executor_that_does_not_exist_is_named() -> None:
    with pytest.raises(
        LogUnreadableError, match="the executor of connection 'lake' is fetch or aggregate, not 'magic'"
    ):
        LogConnections({"lake": "parquet:lake?executor=magic"}).engine("lake")


def test_a_bad_setting_of_one_connection_is_no_matter_of_the_others(tmp_path: Path) -> None:
    log = tmp_path / "log.db"
    with connect(log) as database:
        database.execute("CREATE TABLE predictions (id)")
    connections = LogConnections({"lake": "parquet:lake?executor=magic", "shop": f"sqlite:///{log}"})
    assert connections.engine("shop").url.database == str(log)


@pytest.mark.parametrize("odd", [True, False])
@pytest.mark.parametrize("in_log", [True, False])
def test_a_small_file_is_read_without_a_query_as_duckdb_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: bool, in_log: bool
) -> None:
    made = case("binary", odd=odd, in_log=in_log)
    small, _ = with_case(f"parquet://{tmp_path / 'warehouse'}", made)
    for file in (tmp_path / "warehouse").glob("*.parquet"):
        pq.write_table(pq.read_table(file), file, row_group_size=37)
    large = SqlPredictionLog(small.reader._connections, small.model, small.mapping)
    assert small.reader.all_rows is not None
    assert (small.reader.all_labels is None) == (small.reader.label_stamp is None)
    with monkeypatch.context() as patched:
        patched.setattr(log_connections, "FEW_ROWS", 0)
        assert large.reader.all_rows is None
        assert large.reader.all_labels is None
    assert small.extent() == large.extent()
    first, last = small.extent() or (FIRST, LAST)
    assert small.day_counts(first=first, last=last) == large.day_counts(first=first, last=last)
    for day in (FIRST + at * DAY for at in range((LAST - FIRST).days + 1)):
        assert small.days_replaced(first=day, last=day) == large.days_replaced(first=day, last=day)
        assert_same_rows(small.rows(first=day, last=day), large.rows(first=day, last=day))
        left, right = (log.labelled(first_arrival=day, last_arrival=day) for log in (small, large))
        assert len(left.day)
        assert sorted_pairs(left) == sorted_pairs(right)


def assert_same_rows(left: LogRows, right: LogRows) -> None:
    """Both have the same rows in the same order."""
    assert len(left.day)
    assert left.missing_columns == right.missing_columns
    assert (left.future, left.duplicates) == (right.future, right.duplicates)
    for part in ("day", "version", "valid_from", "valid_to", "score"):
        np.testing.assert_array_equal(getattr(left, part), getattr(right, part))
    assert left.features.keys() == right.features.keys()
    for name, values in left.features.items():
        np.testing.assert_array_equal(np.asarray(values), np.asarray(right.features[name]))
    np.testing.assert_equal(left.mistyped, right.mistyped)


def sorted_pairs(pairs: LabelledRows) -> list[str]:
    """The pairs as texts, in an order of their own."""
    parts = (pairs.day, pairs.version, pairs.arrival, pairs.valid_to, pairs.score, pairs.prediction, pairs.label)
    return sorted(str(each) for each in zip(*(part.tolist() for part in parts), strict=True))
