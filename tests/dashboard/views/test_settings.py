import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from data_access import model_registry
from data_access.registry import Registry
from tests.dashboard.conftest import Open
from tests.data_access.test_map_models import CARD
from tests.log_builders import make_table
from tests.pipeline import as_table, predictions

ANN = "ann@example.org"


def pressed(page: AppTest, label: str) -> AppTest:
    return next(each for each in page.button if each.label == label).click().run()


def test_an_administrator_tests_a_connection_and_maps_a_table_after_a_dry_run(
    registry: Registry, open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"sqlite:///{tmp_path / 'warehouse.db'}"
    make_table(address, "predictions", as_table(predictions(days=10, rows_a_day=12, seed=1)))
    monkeypatch.setenv("MODELFOLIO_CONNECTION_WAREHOUSE", address)
    monkeypatch.setenv("MODELFOLIO_CONNECTION_LAKE", "postgresql://me:se@cret@nowhere.invalid/db")
    before = len(model_registry.models(registry))
    page = open_page("settings", acting_as=ANN)
    page.button(key="se_test_warehouse").click().run()
    page.button(key="se_test_lake").click().run()
    said = "\n".join(each.value for each in page.markdown)
    assert "It answers: 1 table: predictions." in said
    assert "in a password it is written" in said
    assert "cret" not in said.replace("secret", "")
    page.text_area(key="se_card").set_value(json.dumps(CARD)).run()
    pressed(page, "Dry run")
    assert any("nothing is registered yet" in each.value for each in page.markdown)
    assert len(model_registry.models(registry)) == before
    pressed(page, "Register 1 model")
    assert page.success[0].value.startswith("Churn")
    assert len(model_registry.models(registry)) == before + 1


def test_a_wrong_table_is_one_sentence_and_offers_nothing_to_register(registry: Registry, open_page: Open) -> None:
    page = open_page("settings", acting_as=ANN)
    page.text_area(key="se_card").set_value(json.dumps(CARD | {"log": {"connection": "lake", "table": "x"}})).run()
    pressed(page, "Dry run")
    assert "there is no connection" in page.error[0].value
    assert not [each for each in page.button if each.label.startswith("Register")]


def test_others_see_people_and_connections_and_can_press_nothing(registry: Registry, open_page: Open) -> None:
    page = open_page("settings", acting_as="vera@example.org")
    assert not [each for each in page.button if each.label in {"Test", "Dry run"}]
    assert "Ann Meyer" in list(page.dataframe[0].value["Name"])
