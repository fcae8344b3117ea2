"""Rows of invented models for the validation: features, scores and labels whose truth is known, straight in the core's own values.

A model reads its features, adds them up to one signal and gives a calibrated forecast; a ``Change`` of its ``World`` spoils it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from benchmarks.validate_world import (
    START,
    Rows,
    binary_curve,
    class_shares,
    class_slope,
    sigmoid,
    walk,
    weekdays,
)
from monitoring.portfolio import Feature, FeatureKind, Model, ModelVersion, Task
from monitoring.ports import ReferenceOrigin, ReferenceRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.validate_world import Change, World
    from monitoring.ports import Flags, Floats

MEAN, SPREAD = 100.0, 20.0
LEVELS = 12
SHADOW_SHARE = 0.2
DECODERS = {
    "normal": lambda shown: (shown - MEAN) / SPREAD,
    "age": lambda shown: (shown - MEAN) / SPREAD,
    "amount": lambda shown: (np.log(np.maximum(shown, 1e-9)) - 3.0) / 0.8,
    "count": lambda shown: shown / 3.0,
}


def _as_levels(x: Floats, _: np.random.Generator) -> Any:
    codes = np.clip(np.floor(stats.norm.cdf(x) ** 1.5 * LEVELS), 0, LEVELS - 1).astype(int)
    return np.array([f"level {k}" for k in range(LEVELS)], dtype=object)[codes]


def _texts(mark: str, codes: np.ndarray) -> Any:
    return np.array([f"{mark} {k}" for k in codes.tolist()], dtype=object)


# How a standard normal input shows in its column. "tail": levels that come and go; "rain": zero on most days.
SHOWN: dict[str, Callable[[Floats, np.random.Generator], Any]] = {
    "normal": lambda x, _: MEAN + SPREAD * x,
    "age": lambda x, _: np.round(MEAN + SPREAD * x),
    "amount": lambda x, _: np.round(np.exp(3.0 + 0.8 * x), 2),
    "count": lambda x, _: np.maximum(0.0, np.floor(3.0 * x)),
    "level": _as_levels,
    "tail": lambda x, rng: _texts("t", np.minimum(rng.zipf(1.3, len(x)), 5_000)),
    "id": lambda x, rng: _texts("id", rng.integers(0, 10**9, len(x))),
    "number_id": lambda x, rng: rng.integers(0, 10**9, len(x)).astype(np.float64),
    "constant": lambda x, _: np.full(len(x), 7.0),
    "rain": lambda x, _: np.where(x > 1.2, np.round(np.exp(x), 2), 0.0),
    "flag": lambda x, _: np.array(["no", "yes"], dtype=object)[(x > 2.2).astype(int)],
    "heavy": lambda x, rng: np.sign(x) * np.abs(rng.standard_t(1.5, len(x))),
}


def read_from(kind: str, shown: Any) -> Floats:
    """Return what the model makes of a column: near the standard normal input, 0 where it is missing or unknown."""
    if kind == "level":
        known = {f"level {k}": stats.norm.ppf(((k + 0.5) / LEVELS) ** (1 / 1.5)) for k in range(LEVELS)}
        return np.array([known.get(value, 0.0) for value in shown.tolist()])
    x: Floats = np.nan_to_num(np.clip(DECODERS[kind](shown), -8, 8), nan=0.0)
    return x


TEXT_KINDS = {"level", "tail", "id", "flag"}


def features_of(world: World, rng: np.random.Generator) -> tuple[tuple[Feature, ...], dict[str, str], Floats]:
    """Return the model's features, the kind of each column, and the weights of those that carry the signal."""
    kinds = {f"s{i}_{kind}": kind for i, kind in enumerate(world.signals)}
    weights = rng.dirichlet(np.full(len(world.signals), 2.0)) ** 0.5
    kinds |= {f"o{i}_{kind}": kind for i, kind in enumerate(world.others)}
    importance = dict(zip(kinds, weights**2 / (weights**2).sum(), strict=False))
    features = tuple(
        Feature(
            name,
            FeatureKind.CATEGORICAL if kind in TEXT_KINDS else FeatureKind.NUMERIC,
            source="feed a" if i % 2 == 0 else "feed b",
            importance=float(importance.get(name, 0.001)) if world.has_importance else None,
        )
        for i, (name, kind) in enumerate(kinds.items())
    )
    return features, kinds, weights


def traffic(world: World, rng: np.random.Generator) -> np.ndarray:
    """Return the day of service of every row, ascending."""
    t = np.arange(-world.reference_days, world.live_days)
    weekend = 1 - world.weekly_rows * ((t % 7) >= 5)
    mean = world.rows_a_day * weekend * np.exp(walk(rng, len(t), sd=world.day_rows, memory=world.memory))
    mean *= rng.random(len(t)) >= world.silent_days
    mean *= np.exp(weekdays(rng, t, sd=world.weekday_rows))
    for change in world.changes:
        w = world.ramp(change, t)
        if change.kind == "traffic":
            mean *= 1 - w * change.size
    return np.repeat(t, rng.poisson(mean))


def make_rows(world: World, rng: np.random.Generator) -> tuple[Model, Rows]:
    """Return a model and everything it ever saw."""
    features, kinds, weights = features_of(world, rng)
    t = traffic(world, rng)
    shown, clean = _inputs(world, rng, t, kinds, weights)
    mistyped = {f.name: np.zeros(len(t), dtype=bool) for f in features if f.kind is FeatureKind.NUMERIC}
    broken = dict(shown)
    for change in world.changes:
        _break_feed(change, world, rng, t, broken, kinds, mistyped, int(np.argmax(weights)))
    names = list(kinds)[: len(world.signals)]
    read = sum(w * read_from(kinds[name], broken[name]) for name, w in zip(names, weights, strict=True))
    reference = t < 0
    centre, spread = clean[reference].mean(), clean[reference].std()
    rows = _outcomes(world, rng, t, (clean - centre) / spread, (read - centre) / spread)
    rows.features, rows.mistyped = broken, mistyped
    classes = {Task.BINARY: ("no", "yes"), Task.REGRESSION: ()}.get(
        world.task, tuple(f"c{k}" for k in range(world.classes))
    )
    first = START if world.origin is ReferenceOrigin.OWN else START + timedelta(days=-world.reference_days)
    versions: tuple[ModelVersion, ...] = (ModelVersion("v1", active_from=first),)
    if world.second_version:
        versions += (ModelVersion("v2", active_from=START + timedelta(days=world.second_version)),)
    model = Model(
        "m", "m", world.task, features=features, versions=versions, classes=classes, label_delay_days=world.delay_days
    )
    return model, rows


def _inputs(
    world: World, rng: np.random.Generator, t: np.ndarray, kinds: dict[str, str], weights: Floats
) -> tuple[dict[str, Any], Floats]:
    """Return the columns as a working feed shows them, and the signal that the model reads from them."""
    at, days = t + world.reference_days, world.reference_days + world.live_days
    common = rng.normal(0, 1, len(t))
    season = world.weekly_inputs * ((t % 7) >= 5) + world.yearly_inputs * np.sin(2 * np.pi * t / 365)
    shown: dict[str, Any] = {}
    signal = np.zeros(len(t))
    for i, (name, kind) in enumerate(kinds.items()):
        x = np.sqrt(world.correlation) * common + np.sqrt(1 - world.correlation) * rng.normal(0, 1, len(t))
        x += walk(rng, days, sd=world.day_inputs, memory=world.memory)[at] + season * rng.choice([-1, 1])
        x += weekdays(rng, t, sd=world.weekday_inputs)
        for change in world.changes:
            if change.kind == "inputs move" and i % 2 == 0:
                x += change.size * world.ramp(change, t)
            if change.kind == "strongest moves" and i == int(np.argmax(weights)):
                x += change.size * world.ramp(change, t)
            if change.kind == "harder population" and i < len(weights):
                x *= 1 - change.size * world.ramp(change, t)
        shown[name] = SHOWN[kind](x, rng)
        if i < len(weights):
            signal += weights[i] * read_from(kind, shown[name])
        if world.null_share and kind not in TEXT_KINDS | {"constant"}:
            missing = rng.random(len(t)) < np.clip(
                world.null_share * np.exp(walk(rng, days, sd=0.3, memory=0)[at]), 0, 0.9
            )
            if i >= len(weights):
                shown[name] = np.where(missing, np.nan, shown[name])
    return shown, signal


FEED_FAULTS = {
    "nulls",
    "stuck",
    "scale",
    "to fahrenheit",
    "swapped",
    "new levels",
    "type change",
}


def _break_feed(  # noqa: PLR0917 - one private caller, in this order
    change: Change,
    world: World,
    rng: np.random.Generator,
    t: np.ndarray,
    shown: dict[str, Any],
    kinds: dict[str, str],
    mistyped: dict[str, Flags],
    strongest: int,
) -> None:
    if change.kind not in FEED_FAULTS:
        return
    names = list(kinds)[: len(world.signals)]
    wanted = {"new levels"} if change.kind == "new levels" else set()
    usable = [n for n in names if (kinds[n] == "level") == bool(wanted)]
    name = names[strongest] if names[strongest] in usable else usable[0]
    since = (t >= change.start) & (t < change.start + (change.days or 10_000))
    hit = since & (rng.random(len(t)) < change.size if change.kind in {"nulls", "new levels", "type change"} else True)
    values = shown[name].copy()
    if change.kind in {"nulls", "type change"}:
        values[hit] = np.nan
        if change.kind == "type change":
            mistyped[name] = mistyped[name] | hit
    elif change.kind == "stuck":
        values[hit] = values[t < change.start][-1]
    elif change.kind == "scale":
        values[hit] *= change.size
    elif change.kind == "to fahrenheit":
        values[hit] = values[hit] * 1.8 + 32
    elif change.kind == "new levels":
        values[hit] = "unheard of"
    elif change.kind == "swapped":
        other = next(n for n in usable if n != name)
        swapped = values[hit].copy()
        values[hit] = shown[other][hit]
        second = shown[other].copy()
        second[hit] = swapped
        shown[other] = second
    shown[name] = values


def _versions(world: World, rng: np.random.Generator, t: np.ndarray) -> Any:
    """Return which version scored each row."""
    second = t >= world.second_version if world.second_version else np.zeros(len(t), dtype=bool)
    if world.left_behind:
        second = second & (rng.random(len(t)) >= world.left_behind)
    if world.shadow_days:
        seen_before = (t >= world.second_version - world.shadow_days) & (t < world.second_version)
        second = second | (seen_before & (rng.random(len(t)) < SHADOW_SHARE))
    return np.where(second, "v2", "v1").astype(object)


def _lost(world: World, t: np.ndarray, version: Any) -> Floats:
    """Return the share of its advantage that the model has lost on each row's day."""
    lost = np.zeros(len(t))
    for change in world.changes:
        if change.kind == "concept":
            lost += change.size * world.ramp(change, t)
    if world.lost_by:
        lost = np.where(version == world.lost_by, lost, 0.0)
    if world.lost_after is not None:
        lost = np.where(version == "v2", world.lost_after, lost)
    return lost


def _truth_moves(world: World, rng: np.random.Generator, t: np.ndarray) -> Floats:
    """Return by how much the label's level moves without the model knowing."""
    at, days = t + world.reference_days, world.reference_days + world.live_days
    moves = walk(rng, days, sd=world.day_truth, memory=world.memory)[at] + world.weekly_labels * ((t % 7) >= 5)
    moves = moves + weekdays(rng, t, sd=world.weekday_labels)
    for change in world.changes:
        if change.kind == "calibration":
            moves = moves + change.size * world.ramp(change, t)
    level: Floats = moves
    return level


def _outcomes(world: World, rng: np.random.Generator, t: np.ndarray, signal: Floats, read: Floats) -> Rows:
    """Return scores from what the model read, and labels from the truth."""
    version = _versions(world, rng, t)
    n, lost, level = len(t), _lost(world, t, version), _truth_moves(world, rng, t)
    scrambled = [c for c in world.changes if c.kind == "scrambled"]
    flipped = [c for c in world.changes if c.kind == "labels flip"]
    useless = any(c.kind == "useless" for c in world.changes)
    if scrambled:
        read = _scrambled_by_day(rng, t, read, hit=t >= scrambled[0].start)
    if useless:
        read = rng.permutation(read)
    probabilities = None
    if world.task is Task.BINARY:
        a, b = binary_curve(world.base_rate, world.skill)
        p = sigmoid(a + b * signal)
        truth = sigmoid(a + b * signal + level)
        truth = (1 - lost / 2) * truth + lost / 2 * p[t < 0].mean()
        for change in flipped:
            w = world.ramp(change, t) * change.size
            truth = (1 - 2 * w) * truth + w
        label = (rng.random(n) < truth).astype(np.float64)
        score = sigmoid(a + b * world.miscalibrated * read)
        prediction = (score >= 0.5).astype(np.float64)
    elif world.task is Task.MULTICLASS:
        offsets = np.linspace(0.8, -0.8, world.classes)
        slope = class_slope(world.skill, tuple(offsets.tolist()))
        tilt = np.linspace(0, 1, world.classes) * level[:, None]
        truth = class_shares(signal, slope, offsets) * np.exp(tilt)
        truth /= truth.sum(axis=1, keepdims=True)
        mean = truth[t < 0].mean(axis=0)
        truth = (1 - lost[:, None] / 2) * truth + lost[:, None] / 2 * mean
        for change in flipped:
            w = (world.ramp(change, t) * change.size)[:, None]
            truth = (1 - w) * truth + w * truth[:, ::-1]
        label = (rng.random((n, 1)) > truth.cumsum(axis=1)).sum(axis=1).clip(max=world.classes - 1).astype(np.float64)
        probabilities = class_shares(world.miscalibrated * read, slope, offsets)
        score, prediction = probabilities.max(axis=1), probabilities.argmax(axis=1).astype(np.float64)
    else:
        k = world.skill
        noise = (
            rng.standard_t(world.tails, n) / np.sqrt(world.tails / (world.tails - 2))
            if world.tails
            else rng.normal(0, 1, n)
        )
        noise = np.where(rng.random(n) < world.outliers, 8 * noise, noise)
        kept = 1 - lost / 2
        moved = kept * signal + np.sqrt(np.clip(1 - kept**2, 0, 1)) * rng.normal(0, 1, n)
        for change in flipped:
            moved = moved * (1 - 2 * world.ramp(change, t) * change.size)
        label = 50 + 10 * (np.sqrt(k) * moved + np.sqrt(1 - k) * noise + np.sqrt(1 - k) * level)
        score = prediction = 50 + 10 * np.sqrt(k) * world.miscalibrated * read
    arrival = t + world.delay_days + rng.poisson(world.delay_spread, n)
    share = np.where(t < 0, world.reference_label_share, world.label_share)
    for change in world.changes:
        if change.kind == "fewer labels":
            share = share * (1 - world.ramp(change, t) * change.size)
    labelled = rng.random(n) < share
    return Rows(t, {}, {}, score, prediction, label, arrival, labelled, probabilities, version)


def _scrambled_by_day(rng: np.random.Generator, t: np.ndarray, values: Floats, *, hit: Flags) -> Floats:
    """Return the values with the hit ones exchanged among the rows of their own day."""
    result = values.copy()
    order = np.lexsort((rng.random(len(t)), t))
    result[hit] = values[order][hit]
    return result


def reference_rows(world: World, rows: Rows) -> ReferenceRows:
    """Return the rows of the reference: the days before service, or the first 28 of it."""
    chosen = rows.t < 0
    first_day, last_day = START - timedelta(days=world.reference_days), START - timedelta(days=1)
    if not world.has_days:  # a test set without timestamps: all of it stands on the day before
        rows, first_day = replace(rows, t=np.where(chosen, -1, rows.t)), last_day
    return ReferenceRows(
        rows.as_log(chosen),
        rows.as_labelled(chosen),
        first_day,
        last_day,
        world.origin,
        world.has_days,
    )


def second_reference_rows(world: World, rows: Rows) -> ReferenceRows:
    """Return the reference of a second version trained on what the first had lost: its rows since the change, as labelled by then."""
    begin = min((change.start for change in world.changes), default=0)
    chosen = (rows.t >= begin) & (rows.t < world.second_version) & (rows.version == "v1")
    first_day, last_day = START + timedelta(days=begin), START + timedelta(days=world.second_version - 1)
    known = chosen & (rows.arrival < world.second_version)
    return ReferenceRows(rows.as_log(chosen), rows.as_labelled(known), first_day, last_day, world.origin, has_days=True)
