"""Small histories of one model, each with one visible difference: nothing is wrong unless a test says so.

The ordinary model sees ``amount`` (mean 100, sd 20, importance 0.7) and ``channel`` (0.297); ``note`` hardly matters (0.003).
It was compared with 84 reference days of 100 rows before ``START``, a Monday.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.findings import findings_on
from monitoring.label_profile import count_labels
from monitoring.policy import DEFAULT_POLICY
from monitoring.portfolio import Feature, FeatureKind, Model, ModelVersion, Task
from monitoring.ports import LabelledRows, LogRows, ReferenceOrigin, ReferenceRows
from monitoring.profile import count_rows
from monitoring.reference import Reference, reference_of
from monitoring.segment import Segment
from monitoring.verdict import assessments_of, concluded
from monitoring.window import calendar

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitoring.assessment import Assessment, Finding, FindingKind, Verdict
    from monitoring.ports import Days, Flags, Floats

START = date(2025, 3, 31)
REFERENCE_DAYS = 84
FEATURES = (
    Feature("amount", FeatureKind.NUMERIC, source="core feed", importance=0.7),
    Feature("channel", FeatureKind.CATEGORICAL, source="web feed", importance=0.297),
    Feature("note", FeatureKind.NUMERIC, source="core feed", importance=0.003),
)
CHANNELS, CHANNEL_SHARES = ("web", "shop", "phone"), (0.6, 0.3, 0.1)
CLASSES = ("low", "middle", "high")


@dataclass(frozen=True)
class Predictions:
    """Rows with what became of them; arrays of shape ``(rows,)``, labels arrive ``delay_days`` after the prediction."""

    day: Days
    features: dict[str, Any]
    score: Floats
    prediction: Floats
    label: Floats
    probabilities: Floats | None = None
    delay_days: int = 1

    @property
    def since_start(self) -> np.ndarray:
        """Days since the model went into service, negative in the reference."""
        return (self.day - np.datetime64(START)).astype(np.int64)

    def only(self, chosen: Flags) -> Predictions:
        """Return some of the rows."""
        return replace(
            self,
            day=self.day[chosen],
            features={name: values[chosen] for name, values in self.features.items()},
            score=self.score[chosen],
            prediction=self.prediction[chosen],
            label=self.label[chosen],
            probabilities=None if self.probabilities is None else self.probabilities[chosen],
        )

    def with_feature(self, name: str, values: Any, *, since: int = 0, until: int = 10_000) -> Predictions:
        """Return the same rows with another feature on the days from ``since`` to ``until``."""
        changed = self.features[name].copy()
        chosen = (self.since_start >= since) & (self.since_start <= until)
        changed[chosen] = values[chosen] if isinstance(values, np.ndarray) else values
        return replace(self, features=self.features | {name: changed})

    def as_rows(self) -> LogRows:
        """Return the log's side of the rows."""
        n = len(self.day)
        never = np.full(n, np.datetime64("NaT"), dtype="datetime64[D]")
        return LogRows(self.day, np.full(n, "v1", dtype=object), self.day, never, self.features, {}, self.score)

    def as_labels(self) -> LabelledRows:
        """Return the labels' side of the rows."""
        n = len(self.day)
        return LabelledRows(
            day=self.day,
            version=np.full(n, "v1", dtype=object),
            arrival=self.day + np.timedelta64(self.delay_days, "D"),
            valid_to=np.full(n, np.datetime64("NaT"), dtype="datetime64[D]"),
            score=self.score,
            prediction=self.prediction,
            label=self.label,
            probabilities=self.probabilities,
        )


def _inputs(first: date, days: int, rows_a_day: int, every: int, seed: int) -> tuple[Days, dict[str, Any], Any]:
    rng = np.random.default_rng(seed)
    day = np.repeat(calendar(first, first + timedelta(days=days - 1))[::every], rows_a_day)
    features = {
        "amount": rng.normal(100, 20, len(day)),
        "channel": rng.choice(np.array(CHANNELS, dtype=object), len(day), p=CHANNEL_SHARES),
        "note": rng.normal(0, 1, len(day)),
    }
    return day, features, rng


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + exp(-x))."""
    values: Floats = 1 / (1 + np.exp(-x))
    return values


def binary(
    *,
    first: date = START,
    days: int = 60,
    rows_a_day: int = 100,
    every: int = 1,
    seed: int = 1,
    kept: float = 1.0,
    since: int = 0,
    level: float = 0.0,
    amount_shift: float = 0.0,
) -> Predictions:
    """Return predictions of a calibrated classifier.

    From day ``since`` on only ``kept`` of its relation between amount and label still holds, the label's log-odds move
    by ``level`` without the model knowing, and amounts move by ``amount_shift``, of which the model knows.
    """
    day, features, rng = _inputs(first, days, rows_a_day, every, seed)
    later = (day - np.datetime64(START)).astype(np.int64) >= since
    features["amount"] = features["amount"] + amount_shift * later
    x = (features["amount"] - 100) / 20
    score = sigmoid(2 * x)
    truth = sigmoid(2 * x * np.where(later, kept, 1.0) + level * later)
    label = (rng.random(len(day)) < truth).astype(np.float64)
    return Predictions(day, features, score, (score >= 0.5).astype(np.float64), label)


def regression(
    *, first: date = START, days: int = 60, rows_a_day: int = 100, seed: int = 1, noise: float = 0.14, since: int = 0
) -> Predictions:
    """Return predictions of a regression with R2 = 0.98 in the reference; from ``since`` on the error has this sd."""
    day, features, rng = _inputs(first, days, rows_a_day, 1, seed)
    later = (day - np.datetime64(START)).astype(np.int64) >= since
    score = (features["amount"] - 100) / 20
    label = score + np.where(later, noise, 0.14) * rng.normal(0, 1, len(day))
    return Predictions(day, features, score, score, label)


def multiclass(
    *, first: date = START, days: int = 60, rows_a_day: int = 100, seed: int = 1, kept: float = 1.0, since: int = 0
) -> Predictions:
    """Return predictions of a calibrated classifier with three classes."""
    day, features, rng = _inputs(first, days, rows_a_day, 1, seed)
    later = (day - np.datetime64(START)).astype(np.int64) >= since
    x = (features["amount"] - 100) / 20

    def shares(strength: Floats) -> Floats:
        powers = np.exp(np.stack((-2 * strength, np.zeros(len(strength)), 2 * strength), axis=1))
        normed: Floats = powers / powers.sum(axis=1, keepdims=True)
        return normed

    p, truth = shares(x), shares(x * np.where(later, kept, 1.0))
    label = (rng.random((len(day), 1)) > truth.cumsum(axis=1)).sum(axis=1).astype(np.float64)
    return Predictions(day, features, p.max(axis=1), p.argmax(axis=1).astype(np.float64), label, p)


def hard(predictions: Predictions) -> Predictions:
    """Return the same predictions as classes only."""
    return replace(predictions, score=predictions.prediction)


MAKERS: dict[Task, Callable[..., Predictions]] = {
    Task.BINARY: binary,
    Task.REGRESSION: regression,
    Task.MULTICLASS: multiclass,
}


def model(task: Task = Task.BINARY, **different: Any) -> Model:
    """Return a model with one version; anything else of it can be given."""
    classes = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: CLASSES, Task.REGRESSION: ()}[task]
    ordinary: dict[str, Any] = {
        "features": FEATURES,
        "classes": classes,
        "label_delay_days": 1.0,
        "owner": "ada@example.org",
    }
    versions = (ModelVersion("v1", active_from=START),)
    return Model("m", "m", task, **({"versions": versions} | ordinary | different))


def past(task: Task = Task.BINARY, *, days: int = REFERENCE_DAYS, seed: int = 7, **different: Any) -> Predictions:
    """Return the predictions of the days before the model went into service."""
    return MAKERS[task](first=START - timedelta(days=days), days=days, seed=seed, since=-10_000, **different)


def reference(
    predictions: Predictions | None = None,
    *,
    of: Model | None = None,
    labelled: bool = True,
    has_days: bool = True,
    origin: ReferenceOrigin = ReferenceOrigin.OWN,
) -> Reference:
    """Return a reference counted from ``predictions``; the ordinary model's own without any."""
    if predictions is None and of is None and labelled and has_days:
        return _ordinary_reference()
    used_model = of or model()
    used = past(used_model.task) if predictions is None else predictions
    labels = used.as_labels() if labelled else used.only(np.zeros(len(used.day), dtype=bool)).as_labels()
    first, last = used.day.min().astype(object), used.day.max().astype(object)
    return reference_of(used_model, ReferenceRows(used.as_rows(), labels, first, last, origin, has_days))


@cache
def _ordinary_reference() -> Reference:
    used = past()
    given = ReferenceRows(
        used.as_rows(),
        used.as_labels(),
        START - timedelta(days=REFERENCE_DAYS),
        START - timedelta(1),
        ReferenceOrigin.OWN,
    )
    return reference_of(model(), given)


def segment(
    live: Predictions,
    *,
    against: Reference | None = None,
    of: Model | None = None,
    days: int | None = None,
    labelled: bool = True,
    **different: Any,
) -> Segment:
    """Return the history of a version in service; ``days`` beyond the last row are days without rows."""
    used_model = of or model()
    base = against or (reference() if of is None else reference(of=of))
    labels = live if labelled else live.only(np.zeros(len(live.day), dtype=bool))
    last = live.day.max().astype(object) if days is None else START + timedelta(days=days - 1)
    return Segment(
        model=used_model,
        version=used_model.versions[0],
        reference=base,
        profiles=count_rows(base.layout, live.as_rows()),
        labels=count_labels(base.label_layout, labels.as_labels()),
        first=START,
        last=last,
        policy=different.pop("policy", DEFAULT_POLICY),
        **different,
    )


def verdicts(history: Segment) -> list[Verdict]:
    """Return the verdict of each day."""
    return [concluded(history, i, findings_on(history, i)).verdict for i in range(len(history.days))]


def assessed(history: Segment) -> list[Assessment]:
    """Return the assessment of each day."""
    return list(assessments_of(history, first=history.first, known_on=None, since={}))


def finding(history: Segment, i: int, kind: FindingKind) -> Finding:
    """Return the only finding of this kind on day ``i``."""
    (found,) = [found for found, _ in findings_on(history, i) if found.kind is kind]
    return found


def kinds(history: Segment, i: int) -> set[FindingKind]:
    """Return the kinds of findings on day ``i``."""
    return {found.kind for found, _ in findings_on(history, i)}
