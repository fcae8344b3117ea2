"""A small lender's model as a folder, and a later delivery of rows in which a feed is broken."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tests.log_builders import folder_card, make_folder
from tests.monitoring import history_builders
from tests.monitoring.history_builders import FEATURES, START, Predictions

GOOD_DAYS, BROKEN_DAYS = 45, 7
LAST_GOOD_DAY = START + timedelta(days=GOOD_DAYS - 1)
LAST_DAY = LAST_GOOD_DAY + timedelta(days=BROKEN_DAYS)


def small_model(folder: Path) -> Path:
    """Write the model's folder; it performs well up to the last good day."""
    live = history_builders.binary(days=GOOD_DAYS)
    log = _rows(live)
    arrived = log["ts"] + pd.Timedelta(days=1)
    card = folder_card(
        id="small-loans",
        name="Small loans",
        timezone="UTC",
        features=[
            {"name": part.name, "type": part.kind.value, "source": part.source, "importance": part.importance}
            for part in FEATURES
        ],
        versions=[{"version": "v1", "active_from": START.isoformat()}],
    )
    return make_folder(
        folder,
        card=card,
        log=log,
        labels=pd.DataFrame({"id": log["id"], "label": live.label, "label_ts": arrived}),
        reference=_rows(history_builders.past()).assign(label=history_builders.past().label),
    )


def broken_rows(file: Path) -> Path:
    """Write the rows of the days after the last good one, in which 60 % of ``amount`` is empty."""
    live = history_builders.binary(days=GOOD_DAYS + BROKEN_DAYS, seed=2)
    live = live.only(live.since_start >= GOOD_DAYS)
    is_lost = np.random.default_rng(0).random(len(live.day)) < 0.6
    lost = live.with_feature("amount", np.where(is_lost, np.nan, live.features["amount"]))
    _rows(lost).to_parquet(file, index=False)
    return file


def _rows(predictions: Predictions) -> pd.DataFrame:
    minute = np.arange(len(predictions.day)) % 100 * 10
    ts = pd.DatetimeIndex(predictions.day).tz_localize("UTC") + pd.to_timedelta(minute, unit="min")
    ids = ts.strftime("%Y%m%d%H%M")
    return pd.DataFrame({"id": ids, "ts": ts, "version": "v1", "p": predictions.score} | predictions.features)
