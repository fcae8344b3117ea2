"""Connections tried and tables mapped by a person: nothing is written before, and only by an administrator."""

import json
from pathlib import Path

import pytest

from data_access import map_models, model_registry, people
from data_access.log_connections import LogConnections
from data_access.model_card import parse_card
from monitoring.errors import InvalidModelCardError, LogUnreadableError, NotAuthorisedError
from monitoring.people import COMMAND_LINE, Role
from tests.log_builders import make_table
from tests.pipeline import NOW, Home, as_table, predictions

ANN, VERA = "ann@example.org", "vera@example.org"
CARD = {
    "name": "Churn",
    "task": "binary",
    "positive_class": "1",
    "columns": {"timestamp": "ts", "prediction_id": "prediction_id", "probability": "probability", "label": "label",
                "label_timestamp": "label_timestamp"},
    "features": {"dep_delay": "numeric", "region": "categorical"},
    "log": {"connection": "warehouse", "table": "predictions"},
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A registry with an administrator and a viewer, and a warehouse with ten days of predictions."""
    home = Home(tmp_path)
    home.connections = {"warehouse": f"sqlite:///{tmp_path / 'warehouse.db'}"}
    make_table(home.connections["warehouse"], "predictions", as_table(predictions(days=10, rows_a_day=12, seed=1)))
    for email, role in ((ANN, Role.ADMINISTRATOR), (VERA, Role.VIEWER)):
        people.add(home.registry, email=email, name=email[:3].title(), by=COMMAND_LINE, now=NOW)
        people.grant(home.registry, email=email, role=role, by=COMMAND_LINE, now=NOW)
    return home


def text(**changes: object) -> str:
    return json.dumps(CARD | changes)


def test_a_dry_run_shows_what_would_be_registered_and_writes_nothing(home: Home) -> None:
    events = len(home.audit())
    (found,) = map_models.tried(home.registry, LogConnections(home.connections), text(), by=ANN)
    assert found.registration
    assert found.registration.kind == "new"
    assert found.checked.first_rows
    assert [rows for rows, _ in found.rows_of_days.values()][-1] == 12
    assert len(found.rows_of_days) <= map_models.SHOWN_DAYS
    assert model_registry.models(home.registry) == []
    assert len(home.audit()) == events


def test_what_was_tried_is_registered_in_the_name_of_the_administrator(home: Home) -> None:
    connections = LogConnections(home.connections)
    (done,) = map_models.map_models(home.registry, connections, text(), by=ANN, now=NOW)
    assert (done.model_id, done.kind) == ("churn", "new")
    assert home.audit()[-1].actor == ANN
    (again,) = map_models.tried(home.registry, connections, text(tier=1), by=ANN)
    assert again.registration
    assert again.registration.kind == "changed"
    assert any("tier" in each for each in again.registration.differences)


def test_only_an_administrator_tests_tries_and_registers(home: Home) -> None:
    connections = LogConnections(home.connections)
    for forbidden in (
        lambda: map_models.tables_of(home.registry, connections, "warehouse", by=VERA),
        lambda: map_models.tried(home.registry, connections, text(), by=VERA),
        lambda: map_models.map_models(home.registry, connections, text(), by=VERA, now=NOW),
        lambda: model_registry.register(home.registry, [parse_card(CARD, place="card")], now=NOW, actor=VERA),
    ):
        with pytest.raises(NotAuthorisedError, match="Only an administrator may"):
            forbidden()
    assert model_registry.models(home.registry) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "not JSON: line 1"),
        ("[]", "1 to 20 cards"),
        (text(log={"connection": "warehouse", "table": "prediction"}), "nearest are 'predictions'"),
        (text(log={"connection": "lake", "table": "predictions"}), "there is no connection 'lake'"),
        (text(features={"dep_dela": "numeric"}), "no column 'dep_dela'"),
    ],
)
def test_a_mistake_is_one_clear_sentence_and_registers_nothing(home: Home, given: str, said: str) -> None:
    with pytest.raises(InvalidModelCardError, match=said):
        map_models.map_models(home.registry, LogConnections(home.connections), given, by=ANN, now=NOW)
    assert model_registry.models(home.registry) == []


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:se@cret@nowhere.invalid/db",
        "postgresql://me:secret@host:cret/db",
        "secret",
        "sqlite:///secret.db",
    ],
)
def test_a_connection_that_fails_says_why_without_its_password(home: Home, address: str) -> None:
    with pytest.raises(LogUnreadableError) as said:
        map_models.tables_of(home.registry, LogConnections({"lake": address}), "lake", by=ANN)
    assert "\n" not in str(said.value)
    assert "cret@" not in str(said.value)
    assert address not in str(said.value)


def test_a_connection_that_answers_names_its_tables(home: Home) -> None:
    found = map_models.tables_of(home.registry, LogConnections(home.connections), "warehouse", by=ANN)
    assert found == ["predictions"]
