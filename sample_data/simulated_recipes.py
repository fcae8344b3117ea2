"""A simulated model on paper: its card and every number its rows are drawn with; the same seed gives the same recipes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from monitoring.portfolio import FeatureKind, Task
from sample_data.simulated_business import (
    CHANNELS,
    COMMON_INPUTS,
    COUNTRIES,
    DEMO_OWNERS,
    DISTANCE,
    FEED_INPUTS,
    INPUTS,
    OTHER_OWNERS,
    PRODUCTS,
    RETAILER,
    WORLD_INPUTS,
    Input,
    Product,
)
from sample_data.simulated_fates import FEED_BEGINS, WORLD_BEGINS, Exposure, Fate, Fault, fates_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from monitoring.ports import Floats

LAST_DAY = date(2026, 6, 30)
REFERENCE_DAYS, WEEKLY_REFERENCE_DAYS, TINY_REFERENCE_DAYS = 60, 119, 90
FEWEST_ROWS, MOST_ROWS, WEEKLY_FACTOR = 45, 180, 6.0
FLIPPED_SHARE, WEAKEST = 0.45, 0.85
USELESS_SKILL = -0.03
"""Skill of a model that ranks while its level is off."""
MANY_INPUTS = 4
RETRAINED_AFTER_DAYS = 21
SAID = (
    "Everything: model, rows, labels, names and people are made by sample_data/simulate.py. The verdict is not: it comes from "
    "the same rules as for real models."
)


@dataclass(frozen=True)
class Recipe:
    """How one model's rows are drawn.

    Attributes:
        betas: weight of each input in the score, shape ``(inputs,)``, for multiclass ``(inputs, classes)``.
        turned: the weights the relation moves to at full strength of a concept change.
        concept: strength of the change in the relation, as in the fate.
        level: mean logit of the truth of a binary model; ``level_off`` is what its score adds to it.
        onset: first day of what happens; missing for a steady model. ``repaired``: first day it is over.
        took_over: first day of a second version.
        hit: indices of the inputs that move or break.
        rows_a_day: mean rows on an ordinary day with rows.
    """

    id: str
    name: str
    product: Product
    owner: str
    tier: int
    fate: Fate
    inputs: tuple[Input, ...]
    importance: tuple[float, ...]
    betas: Floats
    turned: Floats
    concept: float
    level: float
    level_off: float
    rows_a_day: float
    label_delay_days: int
    first_day: date
    last_day: date
    onset: date | None
    repaired: date | None
    took_over: date | None
    hit: tuple[int, ...]
    seed: tuple[int, int]
    successor: str | None = None

    @property
    def task(self) -> Task:
        """What the model predicts."""
        return self.product.task

    @property
    def direction(self) -> Floats:
        """Which way each input moves: towards higher scores, where the labels of a rare class get more."""
        return np.sign(self.betas) if self.betas.ndim == 1 else np.ones(len(self.inputs))

    @property
    def reference_days(self) -> int:
        """Calendar days of the reference, which ends the day before the simulated period begins."""
        if self.fate.weekly:
            return WEEKLY_REFERENCE_DAYS
        return TINY_REFERENCE_DAYS if self.rows_a_day < 1 else REFERENCE_DAYS

    @property
    def probability_columns(self) -> dict[str, str]:
        """Column of each class's probability of a multiclass model."""
        return {name: f"p_{name}" for name in self.product.classes} if self.task is Task.MULTICLASS else {}

    def card(self) -> dict[str, Any]:
        """Return the model card, as ``model.json`` holds it."""
        fate, first = self.fate, self.first_day
        said: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "task": str(self.task),
            "purpose": f"SIMULATED: {self.product.name.lower()} for {self.product.use_case}.",
            "use_case": self.product.use_case,
            "business_line": self.product.line,
            "team": self.product.team,
            "owner": self.owner,
            "tier": self.tier,
            "facts": {"Simulated": SAID},
        }
        if fate.inventory:
            return said
        said |= {
            "label_delay_days": self.label_delay_days,
            "cadence": "weekly" if fate.weekly else "daily",
            "columns": {"timestamp": "ts", "prediction_id": "id", "version": "version"},
            "features": [self._feature(i) for i in range(len(self.inputs))],
            "versions": [
                {
                    "version": "v1",
                    "trained_to": str(first - timedelta(days=self.reference_days + 1)),
                    "active_from": str(first),
                }
            ],
        }
        said["columns"] |= {"prediction": "said"} if self.task is Task.REGRESSION or fate.hard else {}
        if fate.fault is Fault.STAMPED_AHEAD:
            said["columns"]["arrived_at"] = "written_at"
        if self.task is Task.MULTICLASS:
            said["classes"] = list(self.product.classes)
        if not fate.hard and self.task is Task.BINARY:
            said["columns"]["probability"] = "p"
        elif not fate.hard and self.task is Task.MULTICLASS:
            said["probabilities"] = self.probability_columns
        if fate.has_labels or fate.has_reference_labels:
            said["labels"] = {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts"}
        if self.successor and self.onset:
            said["superseded_by"] = {"name": self.successor, "since": str(self.onset)}
        if self.took_over and fate.version != "unannounced":
            until = self.took_over - timedelta(days=1)
            said["versions"].append({"version": "v2", "trained_to": str(until), "active_from": str(self.took_over)})
        return said

    def _feature(self, i: int) -> dict[str, Any]:
        column = self.inputs[i]
        said = {"name": column.name, "type": str(column.kind), "source": column.source}
        return said | ({"importance": self.importance[i]} if self.fate.has_importance else {})


def recipes(models: int, *, days: int, seed: int, last_day: date = LAST_DAY) -> Iterator[Recipe]:
    """Yield the recipes of a portfolio of ``models`` models over ``days`` days up to ``last_day``."""
    draw = np.random.default_rng([seed, models])
    fates = fates_of(models)
    order = draw.permutation(models)
    names = different_names(models)
    healthy = [names[i] for i in range(models) if fates[order[i]].name == "healthy"]
    for i in range(models):
        fate = fates[order[i]]
        name, what = names[i]
        recipe = _recipe((seed, i), name, what, fate, days=days, last_day=last_day)
        yield replace(recipe, successor=_successor(name, what, healthy)) if fate.superseded else recipe


def _successor(name: str, what: Product, healthy: list[tuple[str, Product]]) -> str:
    """Return the name of a healthy model for the same purpose, else its next generation."""
    return next((other for other, its in healthy if its is what), f"{name}, next generation")


def different_names(models: int) -> list[tuple[str, Product]]:
    """Return different names, each with its product; short ones first."""
    found: list[tuple[str, Product]] = []
    for generation in range(1 + models // (len(CHANNELS) * len(COUNTRIES) * len(PRODUCTS))):
        edition = f" {generation + 1}" if generation else ""
        for channel, j in product(CHANNELS, range(len(COUNTRIES))):
            for i, what in enumerate(PRODUCTS):
                country = COUNTRIES[(i + j) % len(COUNTRIES)]
                found.append((" ".join(part for part in (what.name, country, channel) if part) + edition, what))
    return found[:models]


def _recipe(seed: tuple[int, int], name: str, what: Product, fate: Fate, *, days: int, last_day: date) -> Recipe:
    draw = np.random.default_rng([*seed, 1])
    what = _suited(what, fate, draw)
    first = last_day - timedelta(days=days - 1)
    onset, repaired, took_over = _dates(fate, draw, first=first, days=days)
    inputs, hit = _inputs(what, fate, draw)
    strength = _strengths(inputs, hit, fate, draw)
    betas, turned = _betas(what, fate, strength, draw)
    shares = strength**2 * draw.uniform(0.9, 1.1, len(strength))
    binary_level = 0.0 if fate.hard else float(draw.uniform(-2.0, -0.7))
    rows = fate.rows_a_day or float(np.exp(draw.uniform(np.log(FEWEST_ROWS), np.log(MOST_ROWS))))
    owners = [*DEMO_OWNERS[what.line], *(email for email, _ in OTHER_OWNERS[what.line])]
    return Recipe(
        id=f"sim-{name.lower().replace(' ', '-')}",
        name=name,
        product=what,
        owner=str(draw.choice(owners)),
        tier=what.tier,
        fate=fate,
        inputs=inputs,
        importance=tuple(round(float(share), 3) for share in shares / shares.sum()),
        betas=betas,
        turned=turned,
        concept=fate.concept * (1.0 if fate.version == "helps" else float(draw.uniform(WEAKEST, 1.0))),
        level=binary_level,
        level_off=_level_off(betas, binary_level) if fate.skill == "level off" else 0.0,
        rows_a_day=rows * (WEEKLY_FACTOR if fate.weekly else 1.0),
        label_delay_days=fate.label_delay_days or int(draw.integers(1, 4)),
        first_day=first,
        last_day=last_day,
        onset=onset,
        repaired=repaired,
        took_over=took_over,
        hit=hit,
        seed=seed,
    )


def _suited(what: Product, fate: Fate, draw: Generator) -> Product:
    """Return the product with a task and a line that the fate can happen to; the name stays."""
    if what.task not in fate.tasks:
        task = fate.tasks[int(draw.integers(len(fate.tasks)))]
        classes = {Task.BINARY: ("0", "1"), Task.MULTICLASS: ("low", "middle", "high")}.get(task, ())
        what = replace(what, task=task, classes=classes)
    if fate.exposure is Exposure.FEED and what.line == RETAILER:
        what = replace(what, use_case="instalments")
    return what


def _dates(fate: Fate, draw: Generator, *, first: date, days: int) -> tuple[date | None, date | None, date | None]:
    """Return the first day of what happens, the day it is repaired, and the day a second version takes over."""

    def at(share: float) -> date:
        return first + timedelta(days=min(days - 1, round(days * (1 - share))))

    if fate.exposure is not Exposure.NONE:
        return at(WORLD_BEGINS if fate.exposure is Exposure.WORLD else FEED_BEGINS), None, None
    if fate.begins is None:
        return None, None, None
    onset = at(float(draw.uniform(min(fate.begins), max(fate.begins))))
    took_over = None
    if fate.version:
        took_over = onset if fate.version == "unannounced" else onset + timedelta(days=RETRAINED_AFTER_DAYS)
    return onset, None if fate.until is None else at(fate.until), took_over


def _inputs(what: Product, fate: Fate, draw: Generator) -> tuple[tuple[Input, ...], tuple[int, ...]]:
    """Return the model's inputs and the indices of those that something happens to, which come first."""
    special: tuple[Input, ...] = ()
    if fate.exposure is not Exposure.NONE:
        special = WORLD_INPUTS if fate.exposure is Exposure.WORLD else FEED_INPUTS
    elif fate.fault in {Fault.RESCALED, Fault.UNIT}:
        special = (DISTANCE,)
    pool = [*INPUTS[what.line], *COMMON_INPUTS]
    numeric = [column for column in pool if column.kind is FeatureKind.NUMERIC]
    named = [column for column in pool if column.kind is FeatureKind.CATEGORICAL]
    chosen = [numeric[i] for i in draw.permutation(len(numeric))[: int(draw.integers(3, 6))]]
    levels = [named[i] for i in draw.permutation(len(named))[: int(draw.integers(1, 3))]]
    front = levels + chosen if fate.fault is Fault.NEW_LEVEL else chosen + levels
    inputs = (*special, *front)
    hit = len(special) if special else max(1, fate.drift_inputs)
    return inputs, tuple(range(min(hit, len(inputs) - 1)))


def _strengths(inputs: tuple[Input, ...], hit: tuple[int, ...], fate: Fate, draw: Generator) -> Floats:
    """Return how much each input counts, squares summing to 1; what something happens to counts for a third in all.

    Inputs that move without any loss count less: the model hardly leans on them, the drift is there all the same.
    """
    strength: Floats = draw.uniform(0.5, 1.5, len(inputs))
    strength /= np.sqrt((strength**2).sum())
    share = 0.22 if fate.drift and not fate.concept and len(hit) == 1 else 0.35 if len(hit) < MANY_INPUTS else 0.6
    others = np.setdiff1d(np.arange(len(inputs)), hit)
    strength[list(hit)] = np.sqrt(share / len(hit))
    strength[others] *= np.sqrt((1 - share) / (strength[others] ** 2).sum())
    return strength


def _level_off(betas: Floats, level: float) -> float:
    """Return what a score's logit must be off by for the model to be just worse than the label mean."""
    signal = np.sqrt((betas**2).sum()) * np.random.default_rng(0).standard_normal(20_000)
    truth = expit(level + signal)

    def skill_above_target(off: float) -> float:
        loss = ((expit(level + off + signal) - truth) ** 2 + truth * (1 - truth)).mean()
        return float(1 - loss / (truth.mean() * (1 - truth.mean())) - USELESS_SKILL)

    return float(brentq(skill_above_target, 0.0, 8.0))


def _betas(what: Product, fate: Fate, strength: Floats, draw: Generator) -> tuple[Floats, Floats]:
    """Return the weights of the score and those the relation turns to: some inputs come to mean the opposite."""
    signs = draw.choice([-1.0, 1.0], len(strength))
    flip, share = np.ones(len(strength)), 0.0
    for i in draw.permutation(len(strength)):
        if share < FLIPPED_SHARE:
            flip[i], share = -1.0, share + float(strength[i] ** 2)
    match what.task:
        case Task.REGRESSION:
            betas = strength * signs * float(draw.uniform(0.72, 0.86))
        case Task.BINARY:
            betas = strength * signs * float(draw.uniform(1.5, 2.0)) * (1.4 if fate.hard else 1.0)
        case _:
            weights = draw.normal(size=(len(strength), len(what.classes)))
            weights /= np.sqrt((weights**2).mean(axis=1, keepdims=True))
            betas = strength[:, None] * weights * (2.6 if fate.hard else 1.8)
    return betas, betas * (flip if betas.ndim == 1 else flip[:, None])
