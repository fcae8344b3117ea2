"""What labels say about predictions, as sums keyed by the day the label arrived and the day of the prediction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from monitoring.errors import IncompatibleProfilesError
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from monitoring.ports import Days, Flags, Floats, LabelledRows
    from monitoring.profile import ScoreBins

CONFUSION_CLASSES = 20


@dataclass(frozen=True)
class LabelLayout:
    """Which number of a label profile is what, and the naive forecast that its sums are taken against.

    ``label_means`` is the naive forecast: the reference's label mean (binary, regression) or its class shares. ``loss_ratio``
    is c = L_ref / L0_ref of METHODS section 4. ``hard`` marks a classifier without probabilities: 0/1 loss, naive = majority class.
    """

    task: Task
    classes: int
    score: ScoreBins
    label_means: tuple[float, ...]
    loss_ratio: float
    hard: bool = False

    @cached_property
    def slices(self) -> dict[str, slice]:
        """Slice of the vector per field."""
        fine, test = len(self.score.edges) + 1, len(self.score.test_edges) + 1
        kinds = self.classes if self.task is Task.MULTICLASS else 1
        widths = {"n": 1, "loss": 1, "naive": 1, "loss2": 1, "loss_naive": 1, "naive2": 1, "y": kinds, "y2": 1}
        widths |= {"bin_n": fine, "bin_y": fine, "test_loss": test}
        if self.task is Task.MULTICLASS:
            widths["test_y"] = test * self.classes
        if self.task is Task.REGRESSION:
            widths |= {"error": 1, "absolute_error": 1}
        elif self.classes <= CONFUSION_CLASSES:
            widths["confusion"] = self.classes * self.classes
        slices, at = {}, 0
        for name, width in widths.items():
            slices[name] = slice(at, at + width)
            at += width
        return slices

    def u(self, vectors: Floats, *, c: float) -> Floats:
        """Return the sum of u = loss - c naive loss (METHODS section 4)."""
        return self.field(vectors, "loss") - c * self.field(vectors, "naive")

    def u2(self, vectors: Floats, *, c: float) -> Floats:
        """Return the sum of u squared, for any c."""
        cross, naive2 = self.field(vectors, "loss_naive"), self.field(vectors, "naive2")
        return self.field(vectors, "loss2") - 2 * c * cross + c * c * naive2

    def naive_of_classes(self, vectors: Floats) -> tuple[Floats, Floats] | None:
        """Return the sums of the naive loss and of its square that follow from how often each class came; nothing if they do not.

        A forecast of class shares has one loss per class.
        """
        if self.hard or self.task is Task.REGRESSION:
            return None
        means, counts = np.asarray(self.label_means), self.field(vectors, "y")
        if self.task is Task.BINARY:
            counts = np.stack((self.field(vectors, "n") - counts[..., 0], counts[..., 0]), axis=-1)
            losses_of_class = np.array([means[0] ** 2, (means[0] - 1.0) ** 2])
        else:
            losses_of_class = _squared_distance(means, np.arange(self.classes, dtype=np.float64))
        naive, squares = np.zeros(vectors.shape[:-1]), np.zeros(vectors.shape[:-1])
        for at, loss in enumerate(losses_of_class.tolist()):
            naive += counts[..., at] * loss
            squares += counts[..., at] * (loss * loss)
        return naive, squares

    @property
    def tested(self) -> int:
        """Length of the first part of the vector, the fields before the score bins: what the tests of performance read."""
        return int(self.slices["bin_n"].start)

    @property
    def width(self) -> int:
        """Length of the vector."""
        return max(int(part.stop) for part in self.slices.values())

    def field(self, vectors: Floats, name: str) -> Floats:
        """Return one field of vectors ``(..., width)``; fields of one number lose their last axis."""
        part = self.slices[name]
        values: Floats = vectors[..., part]
        return (
            values[..., 0]
            if part.stop - part.start == 1 and name not in {"y", "bin_n", "bin_y", "test_loss"}
            else values
        )


@dataclass(frozen=True)
class LabelProfiles:
    """Sums per (arrival day, prediction day): ``arrival`` (n,), ``day`` (n,), ``vectors`` (n, width)."""

    arrival: Days
    day: Days
    vectors: Floats

    def __len__(self) -> int:
        """Return the number of (arrival, prediction day) pairs."""
        return len(self.day)

    def __add__(self, other: LabelProfiles) -> LabelProfiles:
        """Put two sets together; pairs of days in both are added."""
        if self.vectors.shape[1] != other.vectors.shape[1]:
            raise IncompatibleProfilesError("the label profiles were counted in different bins")
        return summed_by_day(
            np.concatenate((self.arrival, other.arrival)),
            np.concatenate((self.day, other.day)),
            np.concatenate((self.vectors, other.vectors)),
        )


def empty_labels(layout: LabelLayout) -> LabelProfiles:
    """Return no labels at all in this layout."""
    none = np.array([], dtype="datetime64[D]")
    return LabelProfiles(none, none, np.zeros((0, layout.width)))


def summed_by_day(arrival: Days, day: Days, vectors: Floats) -> LabelProfiles:
    """Return one entry per (arrival, day), ascending, each the sum of its vectors."""
    if not len(day):
        return LabelProfiles(arrival, day, vectors)
    pairs, index = np.unique(np.stack((arrival.astype(np.int64), day.astype(np.int64))), axis=1, return_inverse=True)
    total = np.zeros((pairs.shape[1], vectors.shape[1]))
    np.add.at(total, index.ravel(), vectors)
    return LabelProfiles(pairs[0].astype("datetime64[D]"), pairs[1].astype("datetime64[D]"), total)


def losses(layout: LabelLayout, rows: LabelledRows) -> Floats:
    """Return each prediction's loss: Brier, multiclass Brier, squared error, or 0/1 for hard classes (METHODS section 1)."""
    if layout.hard:
        return np.not_equal(rows.prediction, rows.label).astype(np.float64)
    if layout.task is Task.MULTICLASS and rows.probabilities is not None:
        return _squared_distance(rows.probabilities, rows.label)
    squared_errors: Floats = (rows.score - rows.label) ** 2
    return squared_errors


def _squared_distance(probabilities: Floats, label: Floats) -> Floats:
    """Return sum_k (p_k - 1[label = k])^2 per row."""
    truth = np.arange(probabilities.shape[-1]) == label[:, None]
    distances: Floats = ((probabilities - truth) ** 2).sum(axis=1)
    return distances


def naive_losses(layout: LabelLayout, rows: LabelledRows) -> Floats:
    """Return the loss of the naive forecast: the reference's label mean, or its majority class for hard classes."""
    means = np.asarray(layout.label_means)
    if layout.hard:
        majority = float(means.argmax()) if layout.task is Task.MULTICLASS else float(means[0] >= 0.5)
        return np.not_equal(rows.label, majority).astype(np.float64)
    if layout.task is Task.MULTICLASS:
        return _squared_distance(means, rows.label)
    squared_errors: Floats = (means[0] - rows.label) ** 2
    return squared_errors


def count_labels(
    layout: LabelLayout, rows: LabelledRows, *, counted: Flags | None = None, losses_by_score: bool = True
) -> LabelProfiles:
    """Return the sums of ``rows`` (only those ``counted``) per arrival day and prediction day.

    ``losses_by_score`` false leaves ``test_loss`` at zero: what the estimate learns from the reference is never asked of days in
    service, and would be most of what is kept of labels that arrive over a month.
    """
    if counted is not None:
        rows = _chosen(rows, counted)
    if not len(rows.day):
        return empty_labels(layout)
    pairs, index = _pairs_of_days(rows.arrival.astype("datetime64[D]").astype(np.int64), rows.day.astype(np.int64))
    n = pairs.shape[1]
    vectors = np.zeros((n, layout.width))
    for name, (weights, codes) in _terms(layout, rows).items():
        if name == "test_loss" and not losses_by_score:
            continue
        part = layout.slices[name]
        width = part.stop - part.start
        flat = index if codes is None else index * width + codes
        vectors[:, part] += np.bincount(flat, weights=weights, minlength=n * width).reshape(n, width)
    if (naive := layout.naive_of_classes(vectors)) is not None:
        vectors[:, layout.slices["naive"].start], vectors[:, layout.slices["naive2"].start] = naive
    days = pairs.astype("datetime64[D]")
    return LabelProfiles(days[0], days[1], vectors)


def _pairs_of_days(arrival: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different pairs ``(2, pairs)``, ascending, and which of them each row is; both days are whole numbers."""
    first = day.min()
    span = day.max() - first + 1
    # One number per pair: rows of an array are compared as bytes, which takes ten times as long.
    keys, index = np.unique(arrival * span + (day - first), return_inverse=True)
    return np.stack((keys // span, keys % span + first)), index


def _chosen(rows: LabelledRows, chosen: Flags) -> LabelledRows:
    return replace(
        rows,
        day=rows.day[chosen],
        version=rows.version[chosen],
        arrival=rows.arrival[chosen],
        valid_to=rows.valid_to[chosen],
        score=rows.score[chosen],
        prediction=rows.prediction[chosen],
        label=rows.label[chosen],
        probabilities=None if rows.probabilities is None else rows.probabilities[chosen],
    )


def _terms(layout: LabelLayout, rows: LabelledRows) -> dict[str, tuple[Floats | None, np.ndarray | None]]:
    """Return per field what each row adds (nothing: 1) and to which of the field's numbers (nothing: its only one)."""
    loss, naive = losses(layout, rows), naive_losses(layout, rows)
    fine = np.searchsorted(layout.score.edges, rows.score, side="right")
    test = layout.score.fine_to_test[fine]
    terms: dict[str, tuple[Floats | None, np.ndarray | None]] = {
        "n": (None, None),
        "loss": (loss, None),
        "naive": (naive, None),
        "loss2": (loss * loss, None),
        "loss_naive": (loss * naive, None),
        "naive2": (naive * naive, None),
        "bin_n": (None, fine),
        "test_loss": (loss, test),
    }
    if layout.task is Task.MULTICLASS:
        label = rows.label.astype(np.intp)
        right = np.equal(rows.prediction, rows.label).astype(np.float64)
        terms |= {"y": (None, label), "y2": (None, None), "bin_y": (right, fine)}
        terms["test_y"] = (None, test * layout.classes + label)
    else:
        terms |= {"y": (rows.label, None), "y2": (rows.label**2, None), "bin_y": (rows.label, fine)}
    if "confusion" in layout.slices:
        terms["confusion"] = (None, (rows.label * layout.classes + rows.prediction).astype(np.intp))
    if layout.task is Task.REGRESSION:
        error = rows.prediction - rows.label
        terms |= {"error": (error, None), "absolute_error": (np.abs(error), None)}
    return terms


def label_sums(labels: LabelProfiles, days: Days, *, left_out_from: Days, width: int) -> Floats:
    """Return label sums by arrival day, shape ``(days, width)``, without prediction days left out by then.

    Args:
        labels: sums per (arrival, prediction day).
        days: every calendar day, ascending and unbroken.
        left_out_from: per day of ``days`` the day from which it is known to be broken (NaT: it counts).
        width: length of a vector.
    """
    sums = np.zeros((len(days), width))
    if not len(labels) or not len(days):
        return sums
    arrival = (labels.arrival - days[0]).astype(np.int64)
    prediction = (labels.day - days[0]).astype(np.int64)
    inside = (arrival >= 0) & (arrival < len(days))
    known = (prediction >= 0) & (prediction < len(days))
    out = np.zeros(len(labels), dtype=bool)
    out[known] = left_out_from[prediction[known]] <= labels.arrival[known]
    chosen = inside & ~out
    np.add.at(sums, arrival[chosen], labels.vectors[chosen])
    return sums
