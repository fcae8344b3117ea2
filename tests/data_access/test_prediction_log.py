import hashlib
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import sqlalchemy as sa

from data_access.card_values import log_mapping, model_value
from data_access.default_store import Batch, DefaultStore, Index
from data_access.log_connections import LogConnections
from data_access.prediction_log import SqlPredictionLog
from monitoring.errors import LogUnreadableError
from monitoring.ports import LabelledRows, LogRows, PredictionLog, ReferenceOrigin
from tests.log_builders import HOSTILE_NAMES, NOON, card_of, close_mapped, log_rows, make_table, open_mapped

DAY = timedelta(days=1)
TODAY = NOON.date()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    close_mapped()


@pytest.fixture(params=["sqlite", "parquet", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'warehouse.db'}"
    elif request.param == "parquet":
        yield f"parquet://{tmp_path / 'warehouse'}"
    else:
        yield request.getfixturevalue("postgres_url")


def all_rows(log: SqlPredictionLog) -> LogRows:
    extent = log.extent()
    assert extent is not None
    return log.rows(first=extent[0], last=extent[1])


def all_pairs(log: SqlPredictionLog) -> LabelledRows:
    extent = log.extent()
    assert extent is not None
    return log.labelled(first_arrival=extent[0], last_arrival=extent[1])


def with_log(url: str, rows: list[dict[str, Any]], **changes: Any) -> SqlPredictionLog:
    make_table(url, "log", rows)
    return open_mapped(url, card_of(**{"labels": None} | changes))


def with_labels(
    url: str, rows: list[dict[str, Any]], label_rows: list[dict[str, Any]], **changes: Any
) -> SqlPredictionLog:
    make_table(url, "log", rows)
    make_table(url, "labels", label_rows)
    return open_mapped(url, card_of(**changes))


def test_log_is_a_prediction_log(url: str) -> None:
    log: PredictionLog = with_log(url, log_rows({}))
    assert log.extent() == (TODAY, TODAY)


def test_rows_come_as_columns(url: str) -> None:
    rows = all_rows(with_log(url, log_rows({"age": 41.5, "p": 0.75}, {"region": "s", "version": "v2"})))
    assert rows.day.tolist() == [TODAY, TODAY]
    assert rows.features["age"].tolist() == [41.5, 40.0]
    assert rows.features["region"].tolist() == ["n", "s"]
    assert rows.version.tolist() == ["v1", "v2"]
    assert rows.score.tolist() == [0.75, 0.25]


def test_missing_values_are_missing_and_infinite_ones_are_kept(url: str) -> None:
    rows = all_rows(
        with_log(url, log_rows({"age": None, "region": None}, {"age": float("-inf")}, {"age": float("nan")}))
    )
    age = rows.features["age"].astype(float)
    assert np.isnan(age[[0, 2]]).all()
    assert age[1] == -np.inf
    assert rows.features["region"][0] is None
    assert not rows.mistyped["age"].any()


def test_text_in_a_numeric_column_is_flagged(url: str) -> None:
    rows = all_rows(with_log(url, log_rows({"age": "12"}, {"age": "twelve"}, {"age": ""}, {"age": None})))
    assert rows.mistyped["age"].tolist() == [False, True, False, False]
    assert rows.features["age"][0] == 12.0
    assert np.isnan(rows.features["age"][1:].astype(float)).all()


def test_hostile_column_names_are_only_names(url: str) -> None:
    features = dict.fromkeys(HOSTILE_NAMES, "numeric")
    log = with_log(url, log_rows({name: float(at) for at, name in enumerate(HOSTILE_NAMES)}), features=features)
    rows = all_rows(log)
    assert rows.missing_columns == ()
    assert [rows.features[name].tolist() for name in HOSTILE_NAMES] == [
        [float(at)] for at, _ in enumerate(HOSTILE_NAMES)
    ]


@pytest.mark.parametrize("name", [name for name in HOSTILE_NAMES if len(name) < 60])
def test_hostile_table_names_and_filters_are_only_values(url: str, name: str) -> None:
    rows = log_rows({name: "its"}, {name: name}, {name: name})
    make_table(url, name, rows)
    log = open_mapped(url, card_of(labels=None, log={"connection": "warehouse", "table": name, "where": {name: name}}))
    assert len(all_rows(log).day) == 2


def test_hostile_roles_find_their_labels(url: str) -> None:
    names = HOSTILE_NAMES
    row = {names[0]: NOON, names[1]: 7, names[2]: 0.5, names[9]: "n"}
    label = {names[3]: 7, names[4]: 1, names[6]: NOON + DAY}
    log = with_labels(
        url,
        [row],
        [label],
        columns={"timestamp": names[0], "prediction_id": names[1], "probability": names[2]},
        labels={"prediction_id": names[3], "label": names[4], "label_timestamp": names[6], "table": "labels"},
        features={names[9]: "categorical"},
    )
    assert all_pairs(log).label.tolist() == [1.0]
    assert log.day_counts(first=TODAY, last=TODAY + DAY) == {TODAY: (1, 0), TODAY + DAY: (0, 1)}


def test_missing_column_is_named_and_does_not_stop_the_reading(url: str) -> None:
    log = with_log(url, log_rows({}), features={"age": "numeric", "income": "numeric"})
    rows = all_rows(log)
    assert rows.missing_columns == ("income",)
    assert np.isnan(rows.features["income"].astype(float)).all()


def test_missing_table_names_the_nearest(url: str) -> None:
    make_table(url, "predictions", log_rows({}))
    log = open_mapped(url, card_of(labels=None, log={"connection": "warehouse", "table": "predictons"}))
    with pytest.raises(LogUnreadableError, match="no table 'predictons'; the nearest are 'predictions'"):
        log.extent()


def test_unknown_connection_says_how_to_set_it(url: str) -> None:
    make_table(url, "log", log_rows({}))
    log = open_mapped(url, card_of(labels=None, log={"connection": "Elsewhere", "table": "log"}))
    with pytest.raises(LogUnreadableError, match="set MODELFOLIO_CONNECTION_ELSEWHERE"):
        log.extent()


def test_booleans_integers_and_text_are_categories_alike(url: str) -> None:
    rows = log_rows({"new": True, "kind": 1}, {"new": False, "kind": 2}, {"new": None, "kind": None})
    make_table(url, "log", rows)
    found = all_rows(open_mapped(url, card_of(labels=None, features={"new": "categorical", "kind": "categorical"})))
    assert found.features["new"].tolist() == ["true", "false", None]
    assert found.features["kind"].tolist() == ["1", "2", None]


def test_days_are_those_of_the_models_zone_when_the_clocks_change(url: str) -> None:
    zone = ZoneInfo("America/New_York")
    moments = [datetime(2026, 3, 7, 23, 59, 59, 999_999, tzinfo=zone), datetime(2026, 3, 8, 0, 0, tzinfo=zone)]
    moments += [datetime(2026, 3, 8, 23, 59, 59, tzinfo=zone), datetime(2026, 3, 9, 0, 0, tzinfo=zone)]
    moments += [datetime(2026, 11, 1, 23, 59, tzinfo=zone), datetime(2026, 11, 2, 0, 0, tzinfo=zone)]
    log = with_log(url, log_rows(*({"ts": each.astimezone(UTC)} for each in moments)), timezone="America/New_York")
    wanted = [each.date() for each in moments]
    assert all_rows(log).day.tolist() == wanted
    assert len(log.rows(first=date(2026, 3, 8), last=date(2026, 3, 8)).day) == 2
    counted = log.day_counts(first=date(2026, 3, 1), last=date(2026, 11, 30))
    assert counted == {day: (wanted.count(day), 0) for day in sorted(set(wanted))}


def test_last_row_of_an_id_counts_from_the_day_it_arrived(url: str) -> None:
    log = with_log(url, log_rows({"p": 0.1}, {"id": 0, "ts": NOON + 3 * DAY, "p": 0.9}))
    rows = log.rows(first=TODAY, last=TODAY + 5 * DAY)
    assert rows.duplicates == 1
    assert rows.valid_to.tolist() == [TODAY + 3 * DAY, None]
    assert log.rows(first=TODAY, last=TODAY).valid_to.tolist() == [TODAY + 3 * DAY]
    assert log.days_replaced(first=TODAY + 3 * DAY, last=TODAY + 3 * DAY) == {TODAY}
    assert log.days_replaced(first=TODAY, last=TODAY + 2 * DAY) == set()


def test_of_two_rows_at_the_same_time_the_last_counts(url: str) -> None:
    log = with_log(url, log_rows({"p": 0.1}, {"id": 0, "ts": NOON, "p": 0.9}))
    rows = all_rows(log)
    assert (rows.score.tolist(), rows.duplicates) == ([0.9], 1)


def test_rows_without_an_id_are_no_duplicates(url: str) -> None:
    assert all_rows(with_log(url, log_rows({"id": None}, {"id": None}, {"id": 5}))).duplicates == 0


def test_late_row_counts_from_its_arrival(url: str) -> None:
    rows = log_rows({"seen": NOON}, {"seen": NOON + 2 * DAY}, {"seen": None})
    columns = {"timestamp": "ts", "prediction_id": "id", "probability": "p", "arrived_at": "seen"}
    found = all_rows(with_log(url, rows, columns=columns))
    assert found.valid_from.tolist() == [TODAY, TODAY + 2 * DAY, TODAY]
    assert found.version.tolist() == ["v1", "v1", "v1"]


def test_row_stamped_long_after_it_arrived_is_in_the_future(url: str) -> None:
    rows = log_rows({"seen": NOON}, {"ts": NOON + 9 * DAY, "seen": NOON})
    columns = {"timestamp": "ts", "prediction_id": "id", "probability": "p", "arrived_at": "seen"}
    assert all_rows(with_log(url, rows, columns=columns)).future == 1


def test_version_is_the_one_current_on_the_day_when_no_column_says_it(url: str) -> None:
    versions = [{"version": "a", "active_from": "2026-03-02"}, {"version": "b", "active_from": "2026-03-04"}]
    rows = log_rows({"ts": NOON - 5 * DAY}, {}, {"ts": NOON + 2 * DAY})
    columns = {"timestamp": "ts", "prediction_id": "id", "probability": "p"}
    assert all_rows(with_log(url, rows, columns=columns, versions=versions)).version.tolist() == ["a", "a", "b"]


def test_numbers_as_versions_are_text(url: str) -> None:
    make_table(url, "log", log_rows({"version": 1.0}, {"version": 2.0}))
    assert all_rows(open_mapped(url, card_of(labels=None))).version.tolist() == ["1", "2"]


def test_label_counts_from_the_day_it_arrived(url: str) -> None:
    log = with_labels(url, log_rows({}, {}), [{"id": 0, "label": 1, "label_ts": NOON + 10 * DAY}])
    pairs = log.labelled(first_arrival=TODAY + 10 * DAY, last_arrival=TODAY + 10 * DAY)
    assert (pairs.day.tolist(), pairs.arrival.tolist(), pairs.label.tolist()) == ([TODAY], [TODAY + 10 * DAY], [1.0])
    assert len(log.labelled(first_arrival=TODAY, last_arrival=TODAY + 9 * DAY).day) == 0
    assert log.extent() == (TODAY, TODAY + 10 * DAY)


def test_newest_label_counts_from_its_own_arrival(url: str) -> None:
    labels = [{"id": 0, "label": 0, "label_ts": NOON + DAY}, {"id": 0, "label": 1, "label_ts": NOON + 4 * DAY}]
    log = with_labels(url, log_rows({}), labels)
    pairs = all_pairs(log)
    ends = dict(zip(pairs.label.tolist(), pairs.valid_to.tolist(), strict=True))
    assert ends == {0.0: TODAY + 4 * DAY, 1.0: None}
    assert log.labelled(first_arrival=TODAY, last_arrival=TODAY + DAY).valid_to.tolist() == [TODAY + 4 * DAY]
    assert log.days_replaced(first=TODAY + 4 * DAY, last=TODAY + 4 * DAY) == {TODAY + DAY}


def test_label_never_arrives_before_its_row(url: str) -> None:
    log = with_labels(url, log_rows({}), [{"id": 0, "label": 1, "label_ts": NOON - 3 * DAY}])
    pairs = log.labelled(first_arrival=TODAY, last_arrival=TODAY)
    assert pairs.arrival.tolist() == [TODAY]


def test_label_without_a_time_arrives_after_the_usual_delay(url: str) -> None:
    labels = {"prediction_id": "id", "label": "label", "table": "labels"}
    log = with_labels(url, log_rows({}), [{"id": 0, "label": 1}], labels=labels, label_delay_days=7)
    assert all_pairs(log).arrival.tolist() == [TODAY + 7 * DAY]
    assert log.day_counts(first=TODAY, last=TODAY + 9 * DAY) == {TODAY: (1, 0), TODAY + 7 * DAY: (0, 1)}


def test_labels_in_the_log_itself(url: str) -> None:
    rows = log_rows({"y": True, "y_ts": NOON + DAY}, {"y": None, "y_ts": None}, {"y": False, "y_ts": None})
    columns = {"timestamp": "ts", "prediction_id": "id", "probability": "p", "label": "y", "label_timestamp": "y_ts"}
    pairs = all_pairs(with_log(url, rows, columns=columns, label_delay_days=2))
    assert pairs.label.tolist() == [1.0, 0.0]
    assert pairs.arrival.tolist() == [TODAY + DAY, TODAY + 2 * DAY]


def test_ids_kept_as_number_and_as_text_are_the_same(url: str) -> None:
    log = with_labels(url, log_rows({}), [{"id": "0", "label": 1, "label_ts": NOON}])
    assert all_pairs(log).label.tolist() == [1.0]
    assert log.days_replaced(first=TODAY, last=TODAY) == set()


def test_labels_of_unusable_values_are_left_out(url: str) -> None:
    rows = log_rows({"p": None}, {}, {})
    labels = [{"id": at, "label": value, "label_ts": NOON} for at, value in enumerate([1, None, 1])]
    assert len(all_pairs(with_labels(url, rows, labels)).day) == 1


def test_multiclass_labels_are_indices_of_the_classes(url: str) -> None:
    rows = log_rows(
        {"p_a": 0.2, "p_b": 0.8, "y": "a"}, {"p_a": 0.6, "p_b": 0.4, "y": "c"}, {"p_a": 0.6, "p_b": 0.4, "y": "b"}
    )
    log = with_log(
        url,
        rows,
        task="multiclass",
        classes=["b", "a"],
        columns={"timestamp": "ts", "label": "y", "probabilities": {"a": "p_a", "b": "p_b"}},
    )
    pairs = all_pairs(log)
    assert (pairs.label.tolist(), pairs.prediction.tolist()) == ([1.0, 0.0], [0.0, 1.0])
    assert pairs.probabilities is not None
    assert pairs.probabilities.tolist() == [[0.8, 0.2], [0.4, 0.6]]


def test_hard_classes_score_as_the_predicted_class(url: str) -> None:
    columns = {"timestamp": "ts", "prediction": "said", "label": "y"}
    rows = log_rows({"said": "yes", "y": "yes"}, {"said": "no", "y": "yes"})
    log = with_log(url, rows, columns=columns, positive_class="yes")
    assert all_rows(log).score.tolist() == [1.0, 0.0]
    assert all_pairs(log).label.tolist() == [1.0, 1.0]


def test_regression_predicts_numbers(url: str) -> None:
    columns = {"timestamp": "ts", "prediction": "said", "label": "y"}
    pairs = all_pairs(with_log(url, log_rows({"said": 2.5, "y": 3.0}), columns=columns, task="regression"))
    assert (pairs.score.tolist(), pairs.label.tolist()) == ([2.5], [3.0])


def test_reading_cannot_write(url: str) -> None:
    log = with_log(url, log_rows({}))
    with (
        pytest.raises(Exception, match=r"readonly|read-only|Table with name"),
        log.reader.log.engine.begin() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM log")


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2026-03-02T12:00:00Z", 2),
        ("2026-03-02 12:00:00", 2),
        ("2026-03-02 23:30:00-05:00", 3),
        ("2026-03-02", 2),
        (1_772_452_800, 2),
        (1_772_452_800_000, 2),
        (1_772_452_800_000_000, 2),
        (1_772_452_800.5, 2),
    ],
)
def test_times_kept_as_text_or_number(tmp_path: Path, stamp: Any, expected: int) -> None:
    log = with_log(f"sqlite:///{tmp_path / 'w.db'}", log_rows({"ts": stamp}))
    day = date(2026, 3, expected)
    assert log.extent() == (day, day)
    assert log.rows(first=day, last=day).day.tolist() == [day]
    assert len(log.rows(first=day + DAY, last=day + DAY).day) == 0
    assert log.day_counts(first=day - DAY, last=day + DAY) == {day: (1, 0)}


def test_times_without_a_zone_are_of_the_zone_that_is_said(tmp_path: Path) -> None:
    columns = {"timestamp": "ts", "probability": "p", "timezone": "Asia/Tokyo"}
    log = with_log(f"sqlite:///{tmp_path / 'w.db'}", log_rows({"ts": "2026-03-02 08:59:59"}), columns=columns)
    assert log.extent() == (date(2026, 3, 1), date(2026, 3, 1))


def test_naive_times_of_postgresql_are_of_the_zone_that_is_said(postgres_url: str) -> None:
    import sqlalchemy as sa  # noqa: PLC0415 - only here

    make_table(postgres_url, "log", log_rows({"ts": datetime(2026, 3, 2, 8, 59)}), ts=sa.DateTime(timezone=False))  # noqa: DTZ001 - a naive time is the point
    columns = {"timestamp": "ts", "probability": "p", "timezone": "Asia/Tokyo"}
    log = open_mapped(postgres_url, card_of(labels=None, columns=columns))
    day = date(2026, 3, 1)
    assert log.extent() == (day, day)
    assert log.rows(first=day, last=day).day.tolist() == [day]
    assert log.day_counts(first=day, last=day) == {day: (1, 0)}


def test_decimals_and_large_integers_are_numbers(postgres_url: str) -> None:
    import sqlalchemy as sa  # noqa: PLC0415 - only here

    make_table(postgres_url, "log", log_rows({"age": 12.125, "big": 2**62}), age=sa.Numeric(12, 3), big=sa.BigInteger())
    rows = all_rows(open_mapped(postgres_url, card_of(labels=None, features={"age": "numeric", "big": "numeric"})))
    assert rows.features["age"].tolist() == [12.125]
    assert rows.features["big"].tolist() == [2.0**62]


def test_first_four_weeks_serve_as_reference_until_there_is_another(url: str) -> None:
    rows = log_rows(*({"ts": NOON + at * DAY, "y": at % 2} for at in range(40)))
    columns = {"timestamp": "ts", "prediction_id": "id", "probability": "p", "label": "y"}
    reference = with_log(url, rows, columns=columns, label_delay_days=3).reference("v1")
    assert reference is not None
    assert reference.origin is ReferenceOrigin.EARLY_PRODUCTION
    assert (reference.first_day, reference.last_day) == (TODAY, TODAY + 27 * DAY)
    assert (len(reference.rows.day), len(reference.labelled.day)) == (28, 28)


def test_there_is_no_reference_before_its_labels_are_there(url: str) -> None:
    rows = log_rows(*({"ts": NOON + at * DAY, "y": None if at > 20 else 1} for at in range(29)))
    columns = {"timestamp": "ts", "prediction_id": "id", "probability": "p", "label": "y"}
    assert with_log(url, rows[:20], columns=columns, label_delay_days=30).reference("v1") is None


def test_period_of_the_log_as_reference(url: str) -> None:
    rows = log_rows(*({"ts": NOON + at * DAY} for at in range(10)))
    period = {"from": TODAY.isoformat(), "to": (TODAY + 4 * DAY).isoformat()}
    log = with_log(url, rows, reference=period)
    reference = log.reference("v1")
    assert reference is not None
    assert (reference.origin, len(reference.rows.day)) == (ReferenceOrigin.LOG_PERIOD, 5)
    assert f"{TODAY} to {TODAY + 4 * DAY}" in log.reference_key("v1")


def test_version_without_a_reference_inherits_the_last(url: str) -> None:
    make_table(url, "ref1", [row | {"label": 1} for row in log_rows({})])
    make_table(url, "ref2", [row | {"label": 1} for row in log_rows({}, {})])
    table = {"connection": "warehouse", "table": "ref2"}
    versions = [{"version": "v1"}, {"version": "v2", "reference": table}, {"version": "v3"}]
    log = with_log(url, log_rows({}), versions=versions, reference={"connection": "warehouse", "table": "ref1"})
    sizes = {version: log.reference(version) for version in ("v1", "v2", "v3", "unannounced")}
    assert {version: len(found.rows.day) for version, found in sizes.items() if found} == {
        "v1": 1,
        "v2": 2,
        "v3": 2,
        "unannounced": 2,
    }


def test_reference_of_its_own_may_lack_times_ids_and_versions(url: str) -> None:
    make_table(url, "ref", [{"p": 0.5, "age": 40.0, "region": "n", "y": 1}] * 3)
    columns = {"timestamp": "ts", "prediction_id": "id", "probability": "p", "version": "version", "label": "y"}
    rows = [row | {"y": 0} for row in log_rows({})]
    reference = with_log(url, rows, columns=columns, reference={"connection": "warehouse", "table": "ref"}).reference(
        "v1"
    )
    assert reference is not None
    assert not reference.has_days
    assert (len(reference.rows.day), len(reference.labelled.day)) == (3, 3)
    assert reference.first_day == reference.last_day == TODAY - DAY


def test_reference_key_changes_with_the_features_and_their_importance(url: str) -> None:
    make_table(url, "log", log_rows({}))
    one = [{"name": "age", "type": "numeric", "importance": 1}]
    keys = {open_mapped(url, card_of(labels=None, features=each)).reference_key("v1") for each in (
        {"age": "numeric"}, one, {"age": "categorical"}, {"age": "numeric", "region": "categorical"},
    )}  # fmt: skip
    assert len(keys) == 4


def random_log(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows and labels with duplicates, late rows, relabels and labels before their rows.

    An id has one label at most that does not say when it came: of several nobody could tell which is the newest.
    """
    rng = np.random.default_rng(seed)
    rows, labels, undated = [], [], set[int]()
    for at in range(60):
        stamp = NOON + timedelta(hours=int(rng.integers(0, 24 * 9)))
        late = timedelta(days=int(rng.choice([0, 0, 0, 1, 3])))
        number = int(rng.integers(0, 35))
        rows.append({"id": number, "ts": stamp, "seen": stamp + late, "p": at / 100, "age": 1.0, "region": "n"})
    for at in range(50):
        stamp = NOON + timedelta(hours=int(rng.integers(-24, 24 * 12)))
        number = int(rng.integers(0, 40))
        is_undated = rng.integers(5) == 0 and number not in undated
        undated |= {number} if is_undated else set()
        labels.append({"id": number, "label": at % 2, "label_ts": None if is_undated else stamp})
    return rows, labels


COLUMNS = {"timestamp": "ts", "prediction_id": "id", "probability": "p"}
LATE = COLUMNS | {"arrived_at": "seen"}


@pytest.mark.parametrize("columns", [COLUMNS, LATE], ids=["in time", "late"])
@pytest.mark.parametrize("seed", range(3))
def test_reading_day_by_day_equals_reading_the_range(url: str, seed: int, columns: dict[str, str]) -> None:
    rows, labels = random_log(seed)
    log = with_labels(url, rows, labels, columns=columns, label_delay_days=2)
    extent = log.extent()
    assert extent is not None
    days = [extent[0] + at * DAY for at in range((extent[1] - extent[0]).days + 1)]
    whole, parts = log.rows(first=days[0], last=days[-1]), [log.rows(first=day, last=day) for day in days]
    assert as_set(whole) == set().union(*(as_set(part) for part in parts))
    assert whole.duplicates == sum(part.duplicates for part in parts)
    pairs, by_day = all_pairs(log), [log.labelled(first_arrival=day, last_arrival=day) for day in days]
    assert as_set(pairs) == set().union(*(as_set(part) for part in by_day))
    assert len(pairs.day) == sum(len(part.day) for part in by_day)


@pytest.mark.parametrize("columns", [COLUMNS, LATE], ids=["in time", "late"])
@pytest.mark.parametrize("seed", range(4))
def test_rows_and_labels_that_count_on_each_day_are_those_a_person_would_name(
    tmp_path: Path, seed: int, columns: dict[str, str]
) -> None:
    rows, labels = random_log(seed)
    log = with_labels(f"sqlite:///{tmp_path / 'w.db'}", rows, labels, columns=columns, label_delay_days=2)
    found, pairs = all_rows(log), all_pairs(log)
    seen = "seen" if "arrived_at" in columns else "ts"
    for day in [TODAY + at * DAY for at in range(16)]:
        known = [row for row in rows if max(row["ts"], row[seen]).date() <= day]
        last = {row["id"]: row for row in sorted(known, key=lambda row: (row["ts"], row[seen]))}
        now = np.datetime64(day)
        counting = (found.valid_from <= now) & ~(found.valid_to <= now)
        assert sorted(found.score[counting]) == sorted(row["p"] for row in last.values())
        expected = []
        for number, row in last.items():
            stamped = [
                (label["label_ts"] or row["ts"] + 2 * DAY, at, label["label"])
                for at, label in enumerate(labels)
                if label["id"] == number
            ]
            arrived = [each for each in stamped if each[0].date() <= day]
            if arrived:
                expected.append((row["p"], float(max(arrived)[2])))
        counting = (pairs.arrival <= now) & ~(pairs.valid_to <= now)
        assert sorted(zip(pairs.score[counting], pairs.label[counting], strict=True)) == sorted(expected)


def as_set(rows: LogRows | LabelledRows) -> set[tuple[Any, ...]]:
    arrays = [getattr(rows, part.name) for part in fields(rows)]
    return set(zip(*(array.tolist() for array in arrays if isinstance(array, np.ndarray)), strict=True))


def test_days_replaced_are_those_whose_rows_or_labels_ended(url: str) -> None:
    rows, labels = random_log(7)
    log = with_labels(url, rows, labels, columns=LATE, label_delay_days=2)
    found, pairs = all_rows(log), all_pairs(log)
    for day in [TODAY + at * DAY for at in range(15)]:
        ended = {*found.day[found.valid_to == np.datetime64(day)].tolist()}
        ended |= {*pairs.arrival[pairs.valid_to == np.datetime64(day)].tolist()}
        assert ended <= log.days_replaced(first=day, last=day)


def test_model_without_labels_has_no_pairs(url: str) -> None:
    log = with_log(url, log_rows({}))
    assert len(all_pairs(log).day) == 0
    assert model_value(card_of(labels=None)).has_probability


def test_models_whose_logs_look_alike_share_statements_and_each_reads_its_own_table(url: str) -> None:
    """Statements are put together once for all of them: names, filters, features and times are those of each."""
    names = ["log", 'l"og', "log;"]
    for at, name in enumerate(names):
        said: dict[str, Any] = {"age": float(at), f"own {at}": at + 0.5, "owner": "its"}
        make_table(url, name, log_rows(said, said | {"owner": f"o{at}"}, said | {"id": 0, "ts": NOON + at * DAY}))
        make_table(url, f"labels {name}", [{"id": 1, "label": at % 2, "label_ts": NOON + (at + 1) * DAY}])
    connections = LogConnections({"warehouse": url})
    for at, name in enumerate(names):
        labels = {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts", "table": f"labels {name}"}
        card = card_of(
            name=name,
            log={"connection": "warehouse", "table": name, "where": {"owner": f"o{at}"}},
            labels=labels,
            features={"age": "numeric", f"own {at}": "numeric"},
        )
        log = SqlPredictionLog(connections, model_value(card), log_mapping(card))
        assert log.extent() == (TODAY, TODAY + (at + 1) * DAY)
        assert log.day_counts(first=TODAY, last=TODAY + 9 * DAY) == {TODAY: (1, 0), TODAY + (at + 1) * DAY: (0, 1)}
        assert log.days_replaced(first=TODAY, last=TODAY + 9 * DAY) == set()
        rows, pairs = all_rows(log), all_pairs(log)
        assert {feature: values.tolist() for feature, values in rows.features.items()} == {
            "age": [float(at)],
            f"own {at}": [at + 0.5],
        }
        assert (pairs.label.tolist(), pairs.arrival.tolist()) == ([float(at % 2)], [TODAY + (at + 1) * DAY])
    assert len(connections.statements) == (0 if url.startswith("postgres") else 1)
    connections.close()


def test_of_equal_labels_the_last_one_counts_also_through_the_indexes_of_the_default_store(tmp_path: Path) -> None:
    with DefaultStore(f"sqlite:///{tmp_path / 'predictions.db'}") as store, store.writing() as writer:
        stamp = int(NOON.timestamp()) * 1_000_000
        columns: dict[str, list[Any]] = {
            "id": ["0", "0", "1"],
            "label": ["1", "0", "1"],
            "label_ts": [stamp, stamp, stamp],
        }
        kinds: dict[str, Any] = {"id": sa.Text(), "label": sa.Text(), "label_ts": sa.BigInteger()}
        indexed = (Index(("id", "label_ts")), Index(("label_ts",)), Index(("label_ts",), with_value="label"))
        writer.add("labels", Batch(columns, kinds, known_by=("id", "label", "label_ts"), indexed=indexed))
        rows: dict[str, list[Any]] = {"id": ["0", "1"], "ts": [stamp, stamp], "p": [0.2, 0.8]}
        writer.add("log", Batch(rows, kinds | {"ts": sa.BigInteger(), "p": sa.Double()}, known_by=("id",)))
    log = open_mapped(
        f"sqlite:///{tmp_path / 'predictions.db'}",
        card_of(
            columns={"timestamp": "ts", "prediction_id": "id", "probability": "p", "time_unit": "us"},
            features={"age": "numeric"},
        ),
    )
    pairs = all_pairs(log)
    assert sorted(zip(pairs.score.tolist(), pairs.label.tolist(), strict=True)) == [(0.2, 0.0), (0.8, 1.0)]
    with log.reader.log.engine.connect() as connection:
        query = "SELECT count(*) FROM labels WHERE label IS NOT NULL AND label_ts >= 0 AND label_ts < 9"
        (plan,) = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
    names = Index(("label_ts",), with_value="label").words
    assert hashlib.sha256(f"labels {names}".encode()).hexdigest()[:16] in plan[3]
