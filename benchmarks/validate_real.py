"""Real rows for the validation: the sample's flights and page views, put on other days so that nothing harmful happens.

The pool of a sample model holds its reference and log rows with the labels that came. Rows or whole days are exchanged among
days of the same weekday: weekday structure, tails, ties and dependencies between columns stay; trends and breaks go. Faults are
then injected into real rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.validate_judge import Outcome, outcome_of
from benchmarks.validate_rows import reference_rows
from benchmarks.validate_world import Change, Rows, World
from monitoring.portfolio import Feature, FeatureKind, Model, ModelVersion, Task
from monitoring.ports import ReferenceOrigin

SAMPLE = Path(__file__).parents[1] / "sample_data" / "models"
SAMPLES = (
    "jfk-late-at-pushback",
    "ewr-air-time",
    "lga-late-weather",
    "ewr-late-preflight",
    "lga-delay-band",
    "jfk-late-feed",
    "lga-air-time-linear",
    "bwi-shuttle-late",
    "wiki-capacity",
)


@dataclass(frozen=True)
class Pool:
    """A sample model's card and its rows with labels, one frame; ``day`` is its local day."""

    card: dict[str, Any]
    frame: pd.DataFrame


@cache
def pool(name: str) -> Pool:
    """Return the rows of a sample model that were not tampered with; reference and log together."""
    folder = SAMPLE / name
    card = json.loads((folder / "model.json").read_text())
    log = pd.read_parquet(folder / "log.parquet").merge(pd.read_parquet(folder / "labels.parquet"), on="id")
    frame = pd.concat([pd.read_parquet(folder / "reference.parquet"), log.drop(columns="label_ts")])
    frame = frame[frame["version"] == frame["version"].iloc[0]]
    local = frame["ts"].dt.tz_convert(card["timezone"]).dt.tz_localize(None)
    frame = frame.assign(day=local.dt.floor("D")).sort_values("ts", kind="stable").reset_index(drop=True)
    if name == "jfk-late-feed":
        frame = frame[frame["day"] < frame["day"].min() + pd.Timedelta(days=190)]
    if name == "lga-air-time-linear":
        frame = frame[frame["day"] < frame["day"].min() + pd.Timedelta(days=165)]
    if name == "wiki-capacity":
        frame = frame[frame["day"] < pd.Timestamp("2020-03-01")]
    return Pool(card, frame)


def model_of(card: dict[str, Any]) -> Model:
    """Return a sample model's card as a model with one version."""
    task = Task(card["task"])
    features = tuple(
        Feature(f["name"], FeatureKind(f["type"]), f.get("source"), f.get("importance")) for f in card["features"]
    )
    classes = ("0", "1") if task is Task.BINARY else tuple(card.get("classes", ()))
    return Model("m", "m", task, features=features, versions=(ModelVersion("v1"),), classes=classes, label_delay_days=1)


def exchanged(
    frame: pd.DataFrame, rng: np.random.Generator, *, whole_days: bool, days: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return rows put on ``days`` days, drawn among days of the same weekday, and the day (0, 1, ...) of each.

    ``whole_days`` keeps what a day's rows have in common; otherwise single rows are exchanged as well. Days are dealt without
    replacement until they run out, then dealt again.
    """
    weekday = frame["day"].dt.dayofweek.to_numpy()
    code, _ = pd.factorize(frame["day"])
    by_day = [np.flatnonzero(code == k) for k in range(code.max() + 1)]
    day_weekday = np.array([weekday[rows[0]] for rows in by_day])
    picked, at = [], []
    decks: dict[int, list[int]] = {}
    for t in range(days):
        w = t % 7
        if not decks.get(w):
            decks[w] = rng.permutation(np.flatnonzero(day_weekday == w)).tolist()
        rows = by_day[decks[w].pop()]
        picked.append(rows)
        at.append(np.full(len(rows), t))
    index, t_of = np.concatenate(picked), np.concatenate(at)
    if not whole_days:
        for w in range(7):
            here = np.flatnonzero(t_of % 7 == w)
            index[here] = index[rng.permutation(here)]
    return frame.iloc[index].reset_index(drop=True), t_of


def rows_of(p: Pool, frame: pd.DataFrame, t: np.ndarray, *, delay: int) -> Rows:
    """Return a frame as rows with their labels; ``t`` is the day of service of each."""
    card, n = p.card, len(frame)
    features: dict[str, Any] = {}
    for f in card["features"]:
        column = frame[f["name"]]
        if f["type"] == "numeric":
            features[f["name"]] = column.to_numpy(dtype=np.float64)
        else:
            features[f["name"]] = np.array([None if v is None else str(v) for v in column.tolist()], dtype=object)
    columns = card["columns"]
    probabilities: Any = None
    label: Any = frame["label"]
    if card["task"] == "multiclass":
        order = {name: k for k, name in enumerate(card["classes"])}
        probabilities = np.stack([frame[f"p_{name}"].to_numpy(dtype=np.float64) for name in order], axis=1)
        score, prediction = probabilities.max(axis=1), probabilities.argmax(axis=1).astype(np.float64)
        label = np.array([order[v] for v in label.tolist()], dtype=np.float64)
    elif card["task"] == "binary":
        score = frame[columns["probability"]].to_numpy(dtype=np.float64)
        prediction = (score >= 0.5).astype(np.float64)
        label = label.to_numpy(dtype=np.float64)
    else:
        score = prediction = frame[columns["prediction"]].to_numpy(dtype=np.float64)
        label = label.to_numpy(dtype=np.float64)
    mistyped = {f["name"]: np.zeros(n, dtype=bool) for f in card["features"] if f["type"] == "numeric"}
    return Rows(t, features, mistyped, score, prediction, label, t + delay, np.ones(n, dtype=bool), probabilities)


def with_faults(rows: Rows, p: Pool, change: Change, rng: np.random.Generator) -> Rows:
    """Return real rows with an injected fault: in the strongest numeric feature, in the labels or in the scores."""
    hit = rows.t >= change.start
    numeric = [f for f in p.card["features"] if f["type"] == "numeric"]
    name = max(numeric, key=lambda f: f.get("importance") or 0.0)["name"]
    values = rows.features[name].copy()
    if change.kind == "nulls":
        values[hit & (rng.random(len(values)) < change.size)] = np.nan
    elif change.kind == "stuck":
        values[hit] = values[~hit][-1]
    elif change.kind == "scale":
        values[hit] *= change.size
    elif (
        change.kind == "labels exchanged"
    ):  # a share of labels belongs to other rows: that share of the relation is gone
        label = rows.label.copy()
        chosen = np.flatnonzero(hit & (rng.random(len(label)) < change.size))
        label[chosen] = label[rng.permutation(chosen)]
        return replace(rows, label=label)
    return replace(rows, features=rows.features | {name: values})


def real_outcome(
    scenario: str, name: str, seed: int, *, whole_days: bool, change: Change | None, traffic: float
) -> Outcome:
    """Judge a sample model on exchanged rows: 60 reference days (31 for every second), 120 of service."""
    rng = np.random.default_rng(seed)
    p = pool(name)
    reference_days = 31 if rng.random() < 0.5 else 63
    live = 120
    frame, t = exchanged(p.frame, rng, whole_days=whole_days, days=reference_days + live)
    kept = rng.random(len(t)) < traffic
    frame, t = frame[kept].reset_index(drop=True), t[kept] - reference_days
    rows = rows_of(p, frame, t, delay=1)
    if change is not None:
        rows = with_faults(rows, p, change, rng)
    world = World(
        reference_days=reference_days,
        live_days=live,
        changes=() if change is None else (change,),
        origin=ReferenceOrigin.OWN,
    )
    note = f"{name} ref={reference_days} rows={len(t) / (reference_days + live):.0f}"
    return outcome_of(scenario, seed, model_of(p.card), rows, world, given=reference_rows(world, rows), note=note)


# Name, what ought to be said, whole days kept together, change, share of traffic kept.
REAL: dict[str, tuple[str, bool, Change | None, float]] = {
    "real rows exchanged": ("healthy", False, None, 1.0),
    "real days exchanged": ("healthy", True, None, 1.0),
    "real rows, a tenth of the traffic": ("healthy", False, None, 0.1),
    "real rows, labels exchanged 25 %": ("concept", False, Change("labels exchanged", 45, 0.125), 1.0),
    "real rows, labels exchanged 50 %": ("concept", False, Change("labels exchanged", 45, 0.25), 1.0),
    "real days, labels exchanged 100 %": ("concept", True, Change("labels exchanged", 45, 0.5), 1.0),
    "real rows, nulls 50 %": ("feed", False, Change("nulls", 45, 0.5), 1.0),
    "real rows, stuck": ("feed", False, Change("stuck", 45), 1.0),
    "real rows, x 1.609": ("feed", False, Change("scale", 45, 1.609344), 1.0),
    "real rows, x 1000": ("feed", False, Change("scale", 45, 1000.0), 1.0),
}


def real_model(scenario: str, number: int) -> Outcome:
    """Judge model ``number`` of a scenario with real rows; the sample's models take turns."""
    _, whole_days, change, traffic = REAL[scenario]
    names = [n for n in SAMPLES if change is None or n not in {"bwi-shuttle-late", "wiki-capacity"}]
    name = names[number % len(names)]
    return real_outcome(scenario, name, 1000 + number, whole_days=whole_days, change=change, traffic=traffic)
