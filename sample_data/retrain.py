"""An example of a training pipeline: it retrains a sample model from its log and reports back.

modelfolio hands it a decision as JSON on standard input: ``python -m sample_data.retrain < trigger.json``. It works through the
commands that any pipeline has: ``report-back`` says how it goes, ``import`` adds the new version with its reference and predictions.

A model is trained on 60 days of labelled rows. The four weeks after them, the newest with labels, which it never saw, are scored by
it: they become its reference, and show how it would have done where the old version was. From then on it predicts every
row that the log has, beside the old version. Asking first makes it train once: the second run of a decision is refused its start.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from dashboard.settings import load_settings
from data_access.default_store import table_name
from sample_data.learners import scores, untrained

MODELS = Path(__file__).with_name("models")
TRAINED_DAYS, EVALUATED_DAYS = 60, 28
FEWEST_ROWS = 300
FEWEST_EVALUATED = 20
SEPARATOR = ":"
"""Stands between the version and the id of a row that another version predicted first."""
COMMAND = (sys.executable, "-c", "from dashboard.cli import main; main()")


class TrainingError(Exception):
    """The model cannot be retrained; the text says why."""


@dataclass(frozen=True)
class Trained:
    """A new version: its entry on the card, its predictions with labels, and the numbers that are reported."""

    entry: dict[str, str]
    rows: pd.DataFrame
    metrics: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the decision, train, import and report; 0 unless it failed."""
    options = argparse.ArgumentParser(description="Retrain a sample model: one decision, as JSON on standard input.")
    options.add_argument("--assess-to", type=date.fromisoformat, help="Judge the new version's days up to this one.")
    assess_to = options.parse_args(arguments).assess_to
    told = json.load(sys.stdin)
    decision, model_id = str(told["decision"]), str(told["model"])
    run = f"{told['idempotency_key']}/{told['run']}/{os.getpid()}"
    started = _modelfolio("report-back", decision, "started", "--run", run)
    if started.returncode:
        _say(f"Not started: {started.stderr.strip()}")
        return 0
    try:
        folder = load_settings().home / "retraining" / model_id
        trained = trained_version(model_id, folder, day=date.fromisoformat(told["day"]))
        stage = folder / trained.entry["version"]
        write_folder(model_id, folder, stage, trained)
        _say(_must("import", str(stage)))
        keep(stage, folder)
    except Exception as error:  # noqa: BLE001 - whatever stopped it is reported, and the report is what people see
        _modelfolio("report-back", decision, "failed", "--run", run, "--message", f"{error}"[:1_000])
        _say(f"Failed: {error}")
        return 1
    _report_success(decision, run, trained)
    if assess_to is not None:
        _say(
            _must("assess", "--model", model_id, "--from", trained.entry["active_from"], "--to", assess_to.isoformat())
        )
    return 0


def trained_version(model_id: str, folder: Path, *, day: date) -> Trained:
    """Return a version of the model trained from the rows whose labels had come by ``day``, with its predictions.

    Raises:
        TrainingError: the sample has no such model, or too few rows of it have labels.
    """
    card = card_of(model_id, folder)
    rows = _labelled(card, folder)
    local = rows["ts"].dt.tz_convert(card["timezone"])
    labelled_to = day - timedelta(days=math.ceil(card.get("label_delay_days") or 0))
    held_from = labelled_to - timedelta(days=EVALUATED_DAYS - 1)
    names = [part["name"] for part in card["features"] if part["type"] != "ignore"]
    numeric = [part["name"] for part in card["features"] if part["type"] == "numeric"]
    known = rows["label"].notna() & (rows["label_ts"].dt.tz_convert(card["timezone"]).dt.date <= day)
    earlier = known & (local.dt.date < held_from)
    chosen = earlier & (local.dt.date >= held_from - timedelta(days=TRAINED_DAYS))
    if chosen.sum() < FEWEST_ROWS:  # little traffic: everything there is
        chosen = earlier
    evaluated = known & (local.dt.date >= held_from) & (local.dt.date <= day)
    if chosen.sum() < FEWEST_ROWS or evaluated.sum() < FEWEST_EVALUATED:
        raise TrainingError(
            f"Too few labelled rows: {chosen.sum()} to train on (at least {FEWEST_ROWS}), "
            f"{evaluated.sum()} to evaluate (at least {FEWEST_EVALUATED})."
        )
    is_regression = card["task"] == "regression"
    pipeline = untrained(
        learner="trees",
        is_regression=is_regression,
        numeric=numeric,
        categorical=[name for name in names if name not in numeric],
    )
    pipeline.fit(rows.loc[chosen, names], rows.loc[chosen, "label"])
    scored = rows[local.dt.date >= held_from].copy()
    version = _next_name(card)
    before = _squared_errors(card, rows[evaluated])
    for column, values in _said(card, pipeline, scored[names]).items():
        scored[column] = values
    after = _squared_errors(card, scored[evaluated.reindex(scored.index)])
    scored["id"] = version + SEPARATOR + scored["id"].astype(str)
    scored["version"] = version
    trained_days = local.dt.date[chosen]
    entry = {
        "version": version,
        "trained_from": trained_days.min().isoformat(),
        "trained_to": trained_days.max().isoformat(),
        "active_from": (day + timedelta(days=1)).isoformat(),
        "reference": f"reference-{version}.parquet",
    }
    loss = "RMSE" if is_regression else "Brier score"
    metrics = {
        "rows trained on": int(chosen.sum()),
        "rows evaluated": int(evaluated.sum()),
        f"{loss} before": _shown_loss(before, is_regression=is_regression),
        f"{loss} after": _shown_loss(after, is_regression=is_regression),
    }
    return Trained(entry, scored, metrics)


def card_of(model_id: str, folder: Path) -> dict[str, Any]:
    """Return the model's card as it was imported last: with the versions of earlier retrainings, else that of the sample."""
    known = folder / "model.json" if (folder / "model.json").is_file() else MODELS / model_id / "model.json"
    if not known.is_file() or known.parent.parent not in {MODELS, folder.parent}:
        raise TrainingError(f"This pipeline trains the sample's models only; {model_id!r} is none of them.")
    found: dict[str, Any] = json.loads(known.read_text(encoding="utf-8"))
    return found


def write_folder(model_id: str, folder: Path, stage: Path, trained: Trained) -> None:
    """Write what ``modelfolio import`` reads to ``stage``: the card with one more version, its reference, its rows, their labels."""
    card = card_of(model_id, folder)
    stage.mkdir(parents=True, exist_ok=True)
    for known in (MODELS / model_id, folder):
        for file in known.glob("reference*.parquet"):
            copyfile(file, stage / file.name)
    columns = _log_columns(card)
    first_day = pd.Timestamp(trained.entry["active_from"], tz=card["timezone"])
    reference = trained.rows[trained.rows["label"].notna() & (trained.rows["label_ts"] < first_day)]
    reference[[*columns, "label"]].to_parquet(stage / trained.entry["reference"], index=False)
    trained.rows[columns].to_parquet(stage / "log.parquet", index=False)
    labelled = trained.rows[trained.rows["label"].notna()]
    labelled[["id", "label", "label_ts"]].to_parquet(stage / "labels.parquet", index=False)
    card["versions"].append(trained.entry)
    (stage / "model.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def keep(stage: Path, folder: Path) -> None:
    """Keep what the next retraining of the model begins from, now that it is imported: the card and the references."""
    for file in (*stage.glob("reference*.parquet"), stage / "model.json"):
        copyfile(file, folder / f"{file.name}.new")
        (folder / f"{file.name}.new").replace(folder / file.name)


def _labelled(card: dict[str, Any], folder: Path) -> pd.DataFrame:
    """Return the model's first predictions with their labels: the reference before the log, then the log as the store has it.

    The columns of the log, ``label`` and ``label_ts`` (missing where none came); what other versions predicted again is left out.
    """
    home = folder if (folder / "reference.parquet").exists() else MODELS / card["id"]
    reference = pd.read_parquet(home / "reference.parquet")
    delay = pd.Timedelta(days=card.get("label_delay_days") or 0)
    reference = reference.assign(label_ts=reference["ts"] + delay)
    engine = sa.create_engine(load_settings().log_address())
    try:
        log = pd.read_sql_table(table_name("log", card["id"]), engine)
        labels = pd.read_sql_table(table_name("labels", card["id"]), engine)
    finally:
        engine.dispose()
    rows = log.merge(labels[["id", "label", "label_ts"]], on="id", how="left")
    rows = rows[~rows["id"].astype(str).str.contains(SEPARATOR, regex=False)]
    for name in ("ts", "label_ts"):
        rows[name] = pd.to_datetime(rows[name], unit="us", utc=True)
        for frame in (reference, rows):
            frame[name] = frame[name].astype("datetime64[us, UTC]")
    names = [*_log_columns(card), "label", "label_ts"]
    together = pd.concat([reference[names], rows[names]], ignore_index=True)
    if card["task"] != "regression":
        together["label"] = together["label"].map(_class_text)
    return together.sort_values(["ts", "id"], key=lambda values: values.astype(str) if values.name == "id" else values)


def _class_text(value: object) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        return None
    return str(int(value)) if isinstance(value, float | np.floating) else str(value)


def _log_columns(card: dict[str, Any]) -> list[str]:
    part = card["columns"]
    said = [part.get(name) for name in ("prediction_id", "timestamp", "version", "prediction", "probability")]
    names = [*said, *card.get("probabilities", {}).values()]
    names += [feature["name"] for feature in card["features"] if feature["type"] != "ignore"]
    return list(dict.fromkeys(name for name in names if name))


def _said(card: dict[str, Any], pipeline: Any, features: pd.DataFrame) -> dict[str, Any]:
    """Return the columns that hold what the model says; probability and prediction always agree."""
    part = card["columns"]
    said = scores(pipeline, features, is_regression=card["task"] == "regression")
    if card["task"] == "regression":
        return {part["prediction"]: said}
    classes = [str(name) for name in pipeline.classes_]
    if card["task"] == "multiclass":
        columns = {column: said[:, classes.index(name)] for name, column in card["probabilities"].items()}
        order = list(card["probabilities"])
        stacked = np.column_stack([columns[card["probabilities"][name]] for name in order])
        return {**columns, part["prediction"]: np.array(order, dtype=object)[stacked.argmax(axis=1)]}
    positive = said[:, classes.index(str(card.get("positive_class", 1)))]
    threshold = card.get("decision_threshold", 0.5)
    return {part["probability"]: positive, part["prediction"]: (positive >= threshold).astype(int).astype(str)}


def _squared_errors(card: dict[str, Any], rows: pd.DataFrame) -> float:
    """Return the mean squared error of what is predicted in ``rows``, for classes summed over them."""
    if card["task"] == "regression":
        return float(np.mean((rows[card["columns"]["prediction"]].astype(float) - rows["label"].astype(float)) ** 2))
    if card["task"] == "multiclass":
        parts = [(rows[c].astype(float) - (rows["label"] == name)) ** 2 for name, c in card["probabilities"].items()]
        return float(np.mean(np.sum(parts, axis=0)))
    positive = rows["label"] == str(card.get("positive_class", 1))
    return float(np.mean((rows[card["columns"]["probability"]].astype(float) - positive) ** 2))


def _shown_loss(loss: float, *, is_regression: bool) -> float:
    return round(loss**0.5, 2) if is_regression else round(loss, 4)


def _next_name(card: dict[str, Any]) -> str:
    known = {part["version"] for part in card["versions"]}
    return next(name for number in range(len(known) + 1, 10_000) if (name := f"v{number}") not in known)


def _report_success(decision: str, run: str, trained: Trained) -> None:
    with tempfile.TemporaryDirectory() as folder:
        metrics = Path(folder) / "metrics.json"
        metrics.write_text(json.dumps(trained.metrics))
        entry = trained.entry
        message = f"Trained on {entry['trained_from']} to {entry['trained_to']}."
        version = ("--version", entry["version"], "--active-from", entry["active_from"])
        _must(
            "report-back",
            decision,
            "succeeded",
            "--run",
            run,
            *version,
            "--metrics",
            str(metrics),
            "--message",
            message,
        )


def _modelfolio(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def _must(*arguments: str) -> str:
    done = _modelfolio(*arguments)
    if done.returncode:
        raise TrainingError(f"modelfolio {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def _say(sentence: str) -> None:
    """Write what the trigger worker keeps as the answer."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
