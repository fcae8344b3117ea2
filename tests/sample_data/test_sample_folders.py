"""Every folder of the sample keeps the contract of ``model.json`` and says what is simulated."""

import pandas as pd
import pytest

from data_access.model_card import read_card
from sample_data.build_sample import MODELS
from sample_data.flight_models import KILOMETRES_PER_MILE
from sample_data.flights import moved
from tests.sample_data.committed import MODEL_IDS, card, labelled_rows, table

SIMULATED = {"ewr-air-time-2012", "jfk-late-feed", "lga-air-time-linear", "lga-delay-band"}


def test_there_are_eleven_models() -> None:
    assert len(MODEL_IDS) == 11


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_card_is_understood_by_the_import(model_id: str) -> None:
    assert read_card(MODELS / model_id / "model.json").id == model_id


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_files_hold_the_columns_the_card_names(model_id: str) -> None:
    content = card(model_id)
    mapped = [*content["columns"].values(), *content.get("probabilities", {}).values()]
    mapped += [feature["name"] for feature in content["features"]]
    assert sorted(table(model_id, "log").columns) == sorted(mapped)
    for version in content["versions"]:
        name = version.get("reference", "reference.parquet").removesuffix(".parquet")
        reference = table(model_id, name)
        assert sorted(reference.columns) == sorted([*mapped, content["labels"]["label"]])
        assert set(reference["version"]) == {version["version"]}
    assert sorted(table(model_id, "labels").columns) == sorted(content["labels"].values())


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_every_prediction_has_one_id_and_one_label_that_arrives_later(model_id: str) -> None:
    log, labels = table(model_id, "log"), table(model_id, "labels")
    assert log["id"].is_unique
    assert log["ts"].is_monotonic_increasing
    assert log["id"].tolist() == labels["id"].tolist()
    delay = pd.Timedelta(days=card(model_id)["label_delay_days"])
    assert (labels["label_ts"] - log["ts"] == delay).all()


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_reference_ends_before_the_log_begins_and_after_the_training(model_id: str) -> None:
    first_version = card(model_id)["versions"][0]
    timezone = card(model_id)["timezone"]
    days = table(model_id, "reference")["ts"].dt.tz_convert(timezone).dt.date.astype(str)
    log_days = table(model_id, "log")["ts"].dt.tz_convert(timezone).dt.date.astype(str)
    assert first_version["trained_to"] < days.min() <= days.max() < first_version["active_from"] == log_days.min()


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_rows_are_scored_by_the_version_in_service(model_id: str) -> None:
    log = table(model_id, "log")
    log_days = log["ts"].dt.tz_convert(card(model_id)["timezone"]).dt.date.astype(str)
    for version in card(model_id)["versions"]:
        scored_days = log_days[log["version"] == version["version"]]
        assert scored_days.min() == version["active_from"]


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_importances_add_up_to_one(model_id: str) -> None:
    assert sum(feature["importance"] for feature in card(model_id)["features"]) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize("model_id", MODEL_IDS)
def test_what_is_simulated_is_called_simulated(model_id: str) -> None:
    content = card(model_id)
    assert ("Simulated" in content["facts"]) == (model_id in SIMULATED)
    assert ("SIMULATED" in content["purpose"]) == (model_id in SIMULATED)


def test_predecessor_fades_out_after_its_successor_took_over() -> None:
    rows = labelled_rows("ewr-air-time-2012")
    per_day = rows.groupby("day").size()
    assert per_day["2013-06-01":"2013-06-15"].mean() == pytest.approx(per_day[:"2013-05-31"].mean() / 2, rel=0.1)
    assert per_day["2013-06-16":].mean() == pytest.approx(per_day[:"2013-05-31"].mean() / 10, rel=0.2)
    assert rows["day"].max() <= pd.Timestamp("2013-06-30")
    assert card("ewr-air-time-2012")["superseded_by"] == {"name": "ewr-air-time", "since": moved("2013-06-01")}


def test_distances_turn_into_kilometres_on_one_day() -> None:
    rows = labelled_rows("lga-air-time-linear")
    routes = rows.groupby(rows["day"] >= pd.Timestamp("2013-08-19"))["distance"].max()
    assert routes[True] / routes[False] == pytest.approx(KILOMETRES_PER_MILE, rel=1e-6)


def test_sample_stays_small() -> None:
    sizes = [path.stat().st_size for path in MODELS.rglob("*") if path.is_file()]
    assert max(sizes) < 1.5e6
    assert sum(sizes) < 8e6
