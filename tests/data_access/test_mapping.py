"""Mapping tables that are there: twenty models in one table, drafts of their cards, mistakes with their places."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_access import model_registry
from data_access.log_connections import LogConnections
from data_access.mapping_check import Checked, check_mapping
from data_access.mapping_guess import guess_cards
from data_access.model_card import ModelCard, parse_card
from monitoring.errors import LogUnreadableError
from tests.log_builders import make_table
from tests.pipeline import FIRST, NOW, Home, as_table, predictions, table_rows

MODELS = [f"churn-{number}" for number in range(1, 21)]
DAYS = 40
LAST = FIRST + timedelta(days=DAYS - 1)


@dataclass
class Warehouse:
    """A database with predictions of others, which only gives."""

    url: str
    home: Home
    connections: LogConnections = field(init=False)

    def __post_init__(self) -> None:
        self.home.connections = {"warehouse": self.url}
        self.connections = LogConnections(self.home.connections)

    def guessed(self, table: str, *, each: str | None = None) -> tuple[list[dict[str, Any]], list[str]]:
        return guess_cards(self.connections, connection="warehouse", table=table, each=each)

    def checked(self, **changes: Any) -> Checked:
        """The check of a card like those of the guess, with one visible difference."""
        return check_mapping(card(**changes), self.connections, place="card")

    def registers(self, *cards: ModelCard) -> list[str]:
        return [each.kind for each in model_registry.register(self.home.registry, cards, now=NOW)]


def card(**changes: Any) -> ModelCard:
    said: dict[str, Any] = {
        "name": "Churn",
        "task": "binary",
        "positive_class": "1",
        "columns": {
            "timestamp": "ts",
            "prediction_id": "prediction_id",
            "probability": "probability",
            "label": "label",
            "label_timestamp": "label_timestamp",
        },
        "features": {"dep_delay": "numeric", "region": "categorical"},
        "log": {"connection": "warehouse", "table": "predictions", "where": {"model_id": "churn-7"}},
    }
    return parse_card({key: value for key, value in (said | changes).items() if value is not None}, place="card")


@pytest.fixture(params=["sqlite", "parquet", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    files = {"sqlite": f"sqlite:///{tmp_path / 'warehouse.db'}", "parquet": f"parquet://{tmp_path / 'warehouse'}"}
    url = files.get(request.param) or request.getfixturevalue("postgres_url")
    made = Warehouse(url, Home(tmp_path))
    yield made
    made.connections.close()
    made.home.registry.close()


def with_models(warehouse: Warehouse, *names: str) -> Warehouse:
    """The warehouse with the predictions of these models in one table."""
    rows = [
        row | {"prediction_id": f"{name} {row['prediction_id']}"}
        for name in names
        for row in as_table(predictions(days=DAYS, rows_a_day=12, seed=MODELS.index(name)), model_id=name)
    ]
    make_table(warehouse.url, "predictions", rows)
    return warehouse


@pytest.fixture
def full(warehouse: Warehouse) -> Warehouse:
    """A warehouse with twenty models in one table."""
    return with_models(warehouse, *MODELS)


@pytest.fixture
def small(warehouse: Warehouse) -> Warehouse:
    """A warehouse with two models in one table."""
    return with_models(warehouse, "churn-7", "churn-8")


def test_twenty_models_of_one_table_are_guessed_mapped_and_judged(full: Warehouse) -> None:
    before = table_rows(full.url)
    drafts, _ = full.guessed("predictions", each="model_id")
    assert sorted(draft["id"] for draft in drafts) == sorted(MODELS)
    cards = [parse_card(json.loads(json.dumps(draft)), place="draft") for draft in drafts]
    assert [check_mapping(each, full.connections, place="draft").mistakes for each in cards] == [[]] * 20
    assert full.registers(*cards) == ["new"] * 20
    run = full.home.assesses(on=LAST)
    assert (run.models, run.failures) == (20, {})
    verdicts = {name: full.home.verdicts(name) for name in MODELS}
    assert {name: len(days) for name, days in verdicts.items()} == dict.fromkeys(MODELS, DAYS)
    assert {days[LAST] for days in verdicts.values()} <= {"keep", "watch"}
    assert table_rows(full.url) == before


def test_a_draft_says_what_was_recognised(small: Warehouse) -> None:
    drafts, remarks = small.guessed("predictions", each="model_id")
    (draft,) = (draft for draft in drafts if draft["id"] == "churn-7")
    assert draft["columns"] == {
        "timestamp": "ts",
        "prediction_id": "prediction_id",
        "probability": "probability",
        "prediction": "prediction",
        "version": "version",
        "label": "label",
        "label_timestamp": "label_timestamp",
    }
    assert (draft["task"], draft["positive_class"], draft["label_delay_days"]) == ("binary", "1", 1)
    assert draft["features"] == {"dep_delay": "numeric", "region": "categorical"}
    assert draft["versions"] == [{"version": "v1", "active_from": FIRST.isoformat()}]
    assert draft["log"] == {"connection": "warehouse", "table": "predictions", "where": {"model_id": "churn-7"}}
    assert "label is taken from column 'label'" in remarks


def test_a_table_of_many_models_is_noticed(small: Warehouse) -> None:
    _, remarks = small.guessed("predictions")
    assert "the table may hold many models: --each model_id writes a card for each" in remarks


def test_a_guess_names_what_is_missing(small: Warehouse) -> None:
    with pytest.raises(LogUnreadableError, match=r"no table 'prediction'; the nearest are 'predictions'"):
        small.guessed("prediction")
    with pytest.raises(LogUnreadableError, match="no column 'model'; the nearest are 'model_id'"):
        small.guessed("predictions", each="model")


def test_a_guess_needs_a_time_and_a_prediction(warehouse: Warehouse) -> None:
    make_table(warehouse.url, "weather", [{"station": "JFK", "wind": 3.5}])
    with pytest.raises(LogUnreadableError, match="no column looks like the time of a prediction: station, wind"):
        warehouse.guessed("weather")
    make_table(warehouse.url, "sensors", [{"ts": NOW, "wind": 3.5}])
    with pytest.raises(LogUnreadableError, match="no column looks like a prediction or a probability: ts, wind"):
        warehouse.guessed("sensors")


def test_looking_shows_the_first_rows_as_understood(small: Warehouse) -> None:
    found = small.checked()
    assert found.mistakes == []
    first = found.first_rows[0]
    assert re.fullmatch(r"2026-\d\d-\d\d \d\d:\d\d:\d\d UTC", first["timestamp"])
    assert first["region"] in {"north", "south", "west"}
    assert found.notes == [
        f"card: the log goes from {FIRST} to {LAST + timedelta(days=1)} (UTC)",
        f"card: no reference is named: the first 28 days, to {FIRST + timedelta(days=27)}, serve provisionally",
    ]
    assert small.home.stored()["models"] == 0


def test_times_are_shown_in_the_zone_of_the_model(small: Warehouse) -> None:
    (shown, *_) = small.checked(timezone="Asia/Tokyo").first_rows
    assert shown["timestamp"].endswith(" JST")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"log": {"connection": "warehous", "table": "predictions"}},
            ["there is no connection 'warehous'; set MODELFOLIO_CONNECTION_WAREHOUS to its address (known: warehouse)"],
        ),
        (
            {"log": {"connection": "warehouse", "table": "predictons"}},
            ["connection 'warehouse' has no table 'predictons'; the nearest are 'predictions'"],
        ),
        (
            {"log": {"connection": "warehouse", "table": "predictions", "where": {"model": "churn-7"}}},
            ["log.where: table predictions has no column 'model'; the nearest are 'model_id'"],
        ),
        (
            {"features": {"dep_dely": "numeric", "regoin": "categorical"}},
            [
                "features['dep_dely']: table predictions has no column 'dep_dely'; the nearest are 'dep_delay'",
                "features['regoin']: table predictions has no column 'regoin'; the nearest are 'region', 'prediction'",
            ],
        ),
        (
            {"columns": {"timestamp": "tss", "probability": "probabilty"}},
            [
                "columns.timestamp: table predictions has no column 'tss'; the nearest are 'ts'",
                "columns.probability: table predictions has no column 'probabilty'; the nearest are 'probability'",
            ],
        ),
        (
            {"columns": {"timestamp": "region", "probability": "probability"}},
            [re.compile(r"column 'region': '\w+' is not a timestamp \(480 of the first 480 rows\)")],
        ),
        (
            {"features": {"region": "numeric"}},
            [re.compile(r"features\['region'\]: '\w+' is not a number \(480 of the first 480 values\)")],
        ),
        (
            {"columns": {"timestamp": "ts", "probability": "dep_delay"}},
            [
                re.compile(
                    r"column 'dep_delay': \d+ of the first 480 values are outside 0 to 1; say the score's range .*"
                )
            ],
        ),
        (
            {"classes": ["no", "yes"], "positive_class": "yes"},
            ["column 'label': '0', '1' is not one of the classes no, yes"],
        ),
        (
            {"reference": {"from": "2025-01-01", "to": "2025-02-01"}},
            [f"reference: the log has no row in it; it goes from {FIRST} to {LAST + timedelta(days=1)}"],
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(
    small: Warehouse, changes: dict[str, Any], said: list[str | re.Pattern[str]]
) -> None:
    found = small.checked(**changes).mistakes
    assert len(found) == len(said)
    for mistake, expected in zip(found, said, strict=True):
        text = mistake.removeprefix("card: ")
        assert text == expected if isinstance(expected, str) else expected.fullmatch(text), mistake


def test_a_filter_that_finds_nothing_shows_what_it_could_be(small: Warehouse) -> None:
    log = {"connection": "warehouse", "table": "predictions", "where": {"model_id": "churn-99"}}
    (said,) = small.checked(log=log).mistakes
    assert said.startswith(
        "card: log: table predictions: no row has model_id = 'churn-99'; model_id is for example 'churn-"
    )


def test_labels_and_reference_may_be_tables(small: Warehouse) -> None:
    rows = as_table(predictions(days=DAYS, rows_a_day=12, seed=6), model_id="churn-7")
    truth = [{"prediction": f"churn-7 {row['prediction_id']}", "churned": row["label"]} for row in rows]
    make_table(small.url, "truth", truth)
    reference = predictions(first=date(2025, 12, 1), days=60, rows_a_day=12, seed=3)
    make_table(small.url, "accepted", [{**row, "churned": row["label"]} for row in as_table(reference)])
    mapped = card(
        columns={"timestamp": "ts", "prediction_id": "prediction_id", "probability": "probability"},
        labels={"prediction_id": "prediction", "label": "churned", "table": "truth"},
        reference={"connection": "warehouse", "table": "accepted"},
        label_delay_days=1,
    )
    assert check_mapping(mapped, small.connections, place="card").mistakes == []
    small.registers(mapped)
    assert small.home.assesses(on=LAST).failures == {}
    assert small.home.verdicts("churn")[FIRST] == "keep"


def test_labels_and_references_that_are_not_there_are_named(small: Warehouse) -> None:
    make_table(small.url, "truth", [{"prediction": "churn-7 1", "churned": 1}])
    make_table(small.url, "accepted", as_table(predictions(first=date(2025, 12, 1), days=60, rows_a_day=12)))
    columns = {"timestamp": "ts", "prediction_id": "prediction_id", "probability": "probability"}
    wrong = small.checked(columns=columns, labels={"prediction_id": "prediction", "label": "churn", "table": "truth"})
    assert wrong.mistakes == ["card: labels.label: table truth has no column 'churn'; the nearest are 'churned'"]
    found = small.checked(
        columns=columns,
        labels={"prediction_id": "prediction", "label": "churned", "table": "truth"},
        reference={"connection": "warehouse", "table": "accepted"},
    )
    assert found.mistakes == []
    assert found.notes[-1] == (
        "card: reference: table accepted has no column 'churned': without labels performance cannot be compared with it"
    )


def test_the_database_of_others_refuses_our_writing(small: Warehouse) -> None:
    before = table_rows(small.url)
    assert small.guessed("predictions")
    with (
        pytest.raises(Exception, match=r"(?i)read.?only|attempt to write|Table with name"),
        small.connections.engine("warehouse").begin() as c,
    ):
        c.exec_driver_sql("DELETE FROM predictions")
    assert table_rows(small.url) == before


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    home = Home(tmp_path)
    connections = LogConnections({"warehouse": "postgresql://reader:geheim@127.0.0.1:1/none"})
    (said,) = check_mapping(card(), connections, place="card").mistakes
    assert "cannot be read" in said
    assert "geheim" not in said
    home.registry.close()


def test_the_same_card_twice_changes_nothing(small: Warehouse) -> None:
    assert small.registers(card()) == ["new"]
    before = small.home.stored()
    assert small.registers(card()) == ["unchanged"]
    assert small.home.stored() == before
