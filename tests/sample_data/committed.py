"""The committed sample as the tests read it."""

import json
from typing import Any

import pandas as pd

from sample_data.build_sample import MODELS
from sample_data.flights import MOVED_BY_DAYS

MODEL_IDS = sorted(folder.name for folder in MODELS.iterdir() if folder.is_dir())


def card(model_id: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((MODELS / model_id / "model.json").read_text(encoding="utf-8"))
    return content


def table(model_id: str, name: str) -> pd.DataFrame:
    return pd.read_parquet(MODELS / model_id / f"{name}.parquet")


def labelled_rows(model_id: str) -> pd.DataFrame:
    """The first reference and the labelled log, in order.

    The columns of the log, ``label``, ``day`` (datetime, the model's own day, flights back in 2013) and ``month`` (str).
    """
    log = table(model_id, "log").merge(table(model_id, "labels"), on="id", how="left", validate="one_to_one")
    rows = pd.concat([table(model_id, "reference"), log], ignore_index=True)
    back = 0 if model_id == "wiki-capacity" else MOVED_BY_DAYS
    local = rows["ts"].dt.tz_convert(card(model_id)["timezone"]).dt.tz_localize(None)
    rows["day"] = local.dt.normalize() - pd.Timedelta(days=back)
    rows["month"] = rows["day"].dt.strftime("%Y-%m")
    return rows
