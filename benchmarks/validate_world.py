"""What an invented model of the validation is like: its world, what happens to it, and the curves and walks these are drawn from.

What happens is one ``Change``: nothing, the world (the relation between signal and label), or the feed (the features it reads).
``benchmarks.validate_rows`` makes the rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from monitoring.portfolio import Task
from monitoring.ports import LabelledRows, LogRows, ReferenceOrigin

if TYPE_CHECKING:
    from monitoring.ports import Days, Flags, Floats

START = date(2025, 3, 31)  # a Monday
GRID = stats.norm.ppf((np.arange(400) + 0.5) / 400)


@dataclass(frozen=True)
class Change:
    """What happens from day ``start`` of service on; ``size`` is explained by ``kind``, ``days`` is how long it takes."""

    kind: str
    start: int = 60
    size: float = 1.0
    days: int = 0


@dataclass(frozen=True)
class World:
    """How a model and its inputs behave while nothing is wrong. Variations are in standard deviations or log-odds.

    ``weekday_*`` draw one value for each of the seven weekdays; they stay. A ``second_version`` takes over on its day, having seen
    ``shadow_days`` of a fifth of the rows before; the old one goes on with the share ``left_behind``. Changes hit only the version
    ``lost_by``, if it names one; ``lost_after`` is the share of the advantage that the second one lacks.
    """

    task: Task = Task.BINARY
    skill: float = 0.3
    base_rate: float = 0.3
    classes: int = 4
    rows_a_day: float = 300.0
    reference_days: int = 60
    live_days: int = 120
    delay_days: int = 1
    delay_spread: float = 0.0
    label_share: float = 1.0
    reference_label_share: float = 1.0
    has_days: bool = True
    origin: ReferenceOrigin = ReferenceOrigin.OWN
    has_importance: bool = True
    signals: tuple[str, ...] = ("normal", "amount", "count", "level")
    others: tuple[str, ...] = ("normal",)
    correlation: float = 0.2
    miscalibrated: float = 1.0
    tails: float = 0.0
    outliers: float = 0.0
    weekly_rows: float = 0.0
    weekly_inputs: float = 0.0
    weekly_labels: float = 0.0
    weekday_rows: float = 0.0
    weekday_inputs: float = 0.0
    weekday_labels: float = 0.0
    day_rows: float = 0.0
    day_inputs: float = 0.0
    day_truth: float = 0.0
    memory: float = 0.0
    yearly_inputs: float = 0.0
    null_share: float = 0.0
    silent_days: float = 0.0
    second_version: int = 0
    shadow_days: int = 0
    left_behind: float = 0.0
    lost_by: str = ""
    lost_after: float | None = None
    own_second_reference: bool = False
    changes: tuple[Change, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def ramp(self, change: Change, t: np.ndarray) -> Floats:
        """Return how much of a change has happened on day ``t`` of service, 0 to 1."""
        w: Floats = np.clip((t - change.start + 1) / max(change.days, 1), 0.0, 1.0)
        return w


@dataclass
class Rows:
    """Rows with what became of them; ``t`` is the day of service, negative in the reference; arrays ``(rows,)``."""

    t: np.ndarray
    features: dict[str, Any]
    mistyped: dict[str, Flags]
    score: Floats
    prediction: Floats
    label: Floats
    arrival: np.ndarray
    labelled: Flags
    probabilities: Floats | None = None
    version: Any = None

    def _named(self, chosen: Flags) -> Any:
        return np.full(int(chosen.sum()), "v1", dtype=object) if self.version is None else self.version[chosen]

    def as_log(self, chosen: Flags) -> LogRows:
        """Return the log's side of the chosen rows."""
        day = days_of(self.t[chosen])
        return LogRows(
            day=day,
            version=self._named(chosen),
            valid_from=day,
            valid_to=never(len(day)),
            features={name: values[chosen] for name, values in self.features.items()},
            mistyped={name: values[chosen] for name, values in self.mistyped.items()},
            score=self.score[chosen],
        )

    def as_labelled(self, chosen: Flags) -> LabelledRows:
        """Return the labels' side of the chosen rows, those that have a label."""
        chosen = chosen & self.labelled
        day = days_of(self.t[chosen])
        return LabelledRows(
            day=day,
            version=self._named(chosen),
            arrival=days_of(self.arrival[chosen]),
            valid_to=never(len(day)),
            score=self.score[chosen],
            prediction=self.prediction[chosen],
            label=self.label[chosen],
            probabilities=None if self.probabilities is None else self.probabilities[chosen],
        )


def days_of(t: np.ndarray) -> Days:
    """Return calendar days of days of service."""
    days: Days = np.datetime64(START, "D") + t.astype("timedelta64[D]")
    return days


def never(n: int) -> Days:
    """Return ``n`` days that never come."""
    return np.full(n, np.datetime64("NaT"), dtype="datetime64[D]")


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    y: Floats = 1 / (1 + np.exp(-np.clip(x, -500, 500)))
    return y


@cache
def binary_curve(base_rate: float, skill: float) -> tuple[float, float]:
    """Return intercept and slope of log-odds on a standard normal signal that give this base rate and Brier skill."""

    def intercept(slope: float) -> float:
        low, high = -60.0 - 3 * slope, 60.0 + 3 * slope
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if sigmoid(middle + slope * GRID).mean() < base_rate else (low, middle)
        return (low + high) / 2

    low, high = 0.0, 60.0
    for _ in range(40):
        slope = (low + high) / 2
        p = sigmoid(intercept(slope) + slope * GRID)
        low, high = (slope, high) if p.var() / (base_rate * (1 - base_rate)) < skill else (low, slope)
    return intercept(low), low


def class_shares(signal: Floats, slope: float, offsets: Floats) -> Floats:
    """Return class probabilities ``(rows, classes)`` of ordered classes."""
    powers = slope * signal[:, None] * np.linspace(-1, 1, len(offsets)) + offsets
    powers = np.exp(powers - powers.max(axis=1, keepdims=True))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


@cache
def class_slope(skill: float, offsets: tuple[float, ...]) -> float:
    """Return the slope that gives this multiclass Brier skill."""
    low, high = 0.0, 80.0
    for _ in range(40):
        slope = (low + high) / 2
        p = class_shares(GRID, slope, np.array(offsets))
        mean = p.mean(axis=0)
        low, high = (slope, high) if p.var(axis=0).sum() / (mean * (1 - mean)).sum() < skill else (low, slope)
    return low


def walk(rng: np.random.Generator, days: int, *, sd: float, memory: float) -> Floats:
    """Return a daily random effect of this standard deviation, each day remembering a share of the day before."""
    steps = rng.normal(0, 1, days)
    for i in range(1, days):
        steps[i] = memory * steps[i - 1] + np.sqrt(1 - memory**2) * steps[i]
    return sd * steps


def weekdays(rng: np.random.Generator, t: np.ndarray, *, sd: float) -> Floats:
    """Return what each row's weekday adds: seven values of this standard deviation around 0, the same in every week."""
    if not sd:
        return np.zeros(len(t))
    each = rng.normal(0, 1, 7)
    added: Floats = (sd * (each - each.mean()) / each.std())[t % 7]
    return added


def any_world(rng: np.random.Generator, **fixed: Any) -> World:
    """Return a model as a bank might have one: task, skill, size and reference at random, anything given stays."""
    task = rng.choice([Task.BINARY, Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
    drawn: dict[str, Any] = {
        "task": Task(task),
        "skill": round(float(rng.uniform(0.08, 0.75)), 3),
        "base_rate": round(float(np.exp(rng.uniform(np.log(0.02), np.log(0.5)))), 3),
        "classes": int(rng.integers(3, 8)),
        "rows_a_day": float(np.exp(rng.uniform(np.log(20), np.log(2_000)))),
        "reference_days": int(rng.choice([31, 60, 60, 90])),
        "delay_days": int(rng.choice([0, 1, 1, 7])),
        "has_importance": bool(rng.random() < 0.7),
        "miscalibrated": float(rng.uniform(0.85, 1.2)),
        "day_inputs": 0.05,
    }
    return replace(World(), **(drawn | fixed))
