"""The reference of a version: its bins, its own days, and the constants every threshold comes from (METHODS section 2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from monitoring.drift import MergedBins
from monitoring.label_profile import LabelLayout, LabelProfiles, count_labels, losses, naive_losses
from monitoring.portfolio import Model, Task
from monitoring.profile import NUMERIC_EXTRAS, DayProfiles, Layout, NumericBins, ScoreBins, count_rows, fixed_layout

if TYPE_CHECKING:
    from datetime import date

    from monitoring.ports import Floats, LabelledRows, ReferenceOrigin, ReferenceRows

SMALLEST_LOSS = 1e-12


@dataclass(frozen=True)
class Reference:
    """What a version is compared against.

    ``profiles`` are the reference's days; ``labels`` its label sums by prediction day (``arrival`` equals ``day`` here).
    ``importance`` maps each feature to its share, summing to 1; ``has_importance`` is false when they are equal by default.
    """

    layout: Layout
    label_layout: LabelLayout
    profiles: DayProfiles
    labels: LabelProfiles
    importance: dict[str, float]
    has_importance: bool
    sources: dict[str, str | None]
    origin: ReferenceOrigin
    first_day: date
    last_day: date
    has_days: bool = True

    @cached_property
    def rows(self) -> int:
        """Rows of the reference, N."""
        return int(self.profiles.rows.sum())

    @cached_property
    def counts(self) -> np.ndarray:
        """Counts over the whole reference, shape ``(n_counts,)``."""
        counts: np.ndarray = self.profiles.counts.sum(axis=0)
        return counts

    @cached_property
    def totals(self) -> Floats:
        """Label sums over the whole reference, shape ``(width,)``."""
        totals: Floats = self.labels.vectors.sum(axis=0)
        return totals

    @cached_property
    def label_rows(self) -> int:
        """Labelled rows of the reference."""
        return int(self.label_layout.field(self.totals, "n"))

    @cached_property
    def drifting(self) -> tuple[list[str], MergedBins]:
        """The features that can drift and the bins of their test, those of the score last; missing values are a bin."""
        layout = self.layout
        names = [name for name, bins in layout.features.items() if bins.can_drift]
        parts = [(layout.counts_at[name].start, layout.features[name].test_bins) for name in names]
        return names, MergedBins.of([*parts, (layout.score_at.start, layout.score.test_bins)])

    @cached_property
    def drifting_days(self) -> np.ndarray:
        """Counts per day in the bins of the test of what can drift, shape ``(days with rows, bins)``."""
        return self.drifting[1](self.profiles.counts)

    @cached_property
    def bins_of_values(self) -> MergedBins:
        """The bins of the test without missing values: of all numeric features, then of the categorical ones that can drift."""
        layout, parts = self.layout, []
        features = layout.features
        for name in (*layout.numeric, *(name for name in self.drifting[0] if name not in layout.numeric)):
            of = features[name]
            bins, missing = of.test_bins, len(NUMERIC_EXTRAS) if isinstance(of, NumericBins) else 1
            parts.append((layout.counts_at[name].start, np.where(np.arange(len(bins)) < len(bins) - missing, bins, -1)))
        return MergedBins.of(parts)

    @cached_property
    def values(self) -> np.ndarray:
        """Counts over the whole reference in ``bins_of_values``."""
        return self.bins_of_values(self.counts)

    @property
    def days(self) -> int:
        """Calendar days from first to last."""
        return (self.last_day - self.first_day).days + 1

    @cached_property
    def loss(self) -> float:
        """Mean loss, L_ref."""
        return float(self.label_layout.field(self.totals, "loss")) / max(self.label_rows, 1)

    @cached_property
    def naive_loss(self) -> float:
        """Mean loss of the naive forecast, L0_ref."""
        return float(self.label_layout.field(self.totals, "naive")) / max(self.label_rows, 1)

    @property
    def gain(self) -> float:
        """Advantage over the naive forecast, g = L0_ref - L_ref."""
        return self.naive_loss - self.loss

    @property
    def skill(self) -> float:
        """1 - L_ref / L0_ref; 0 is no better than naive."""
        return 1.0 - self.label_layout.loss_ratio

    @cached_property
    def mean_daily_rows(self) -> float:
        """Mean rows a day over the days from first to last; 0 (unknown) for a reference without days."""
        return self.rows / max(self.days, 1) if self.has_days else 0.0

    @cached_property
    def cadence_days(self) -> int:
        """Median gap between days with rows; 1 for a daily model."""
        gaps = np.diff(self.profiles.day).astype(int)
        return max(1, int(np.median(gaps))) if len(gaps) else 1


def label_layout_of(model: Model, score: ScoreBins, labelled: LabelledRows) -> LabelLayout:
    """Return the layout of label sums, with the naive forecast and c = L_ref / L0_ref taken from the reference's labels."""
    classes = 0 if model.task is Task.REGRESSION else max(len(model.classes), 2)
    hard = model.task is not Task.REGRESSION and not model.has_probability
    if not len(labelled.day):
        means: tuple[float, ...] = (0.0,) if model.task is not Task.MULTICLASS else (1 / classes,) * classes
        return LabelLayout(model.task, classes, score, means, loss_ratio=1.0, hard=hard)
    if model.task is Task.MULTICLASS:
        shares = np.bincount(labelled.label.astype(np.intp), minlength=classes) / len(labelled.label)
        means = tuple(float(share) for share in shares)
    else:
        means = (float(labelled.label.mean()),)
    layout = LabelLayout(model.task, classes, score, means, loss_ratio=1.0, hard=hard)
    naive = float(naive_losses(layout, labelled).mean())
    return replace(layout, loss_ratio=float(losses(layout, labelled).mean()) / max(naive, SMALLEST_LOSS))


def reference_of(model: Model, given: ReferenceRows) -> Reference:
    """Count the rows of a reference: fixes the bins, the naive forecast and the importance shares."""
    hard_classes = 0 if model.has_probability or model.task is Task.REGRESSION else max(len(model.classes), 2)
    bounds = model.score_range or ((0.0, 1.0) if model.task is not Task.REGRESSION else None)
    score = ScoreBins.of(given.rows.score, bounds=bounds, classes=hard_classes)
    names = [feature.name for feature in model.features]
    layout = fixed_layout(given.rows, names=names, score=score, kinds={f.name: f.kind for f in model.features})
    label_layout = label_layout_of(model, score, given.labelled)
    by_day = replace(given.labelled, arrival=given.labelled.day)
    weights = np.array([max(feature.importance or 0.0, 0.0) for feature in model.features])
    has_importance = bool(weights.sum() > 0)
    if not has_importance:
        weights = np.ones(len(names))
    shares = weights / max(weights.sum(), SMALLEST_LOSS)
    return Reference(
        layout=layout,
        label_layout=label_layout,
        profiles=count_rows(layout, given.rows),
        labels=count_labels(label_layout, by_day),
        importance={name: float(share) for name, share in zip(names, shares, strict=True)},
        has_importance=has_importance,
        sources={feature.name: feature.source for feature in model.features},
        origin=given.origin,
        first_day=given.first_day,
        last_day=given.last_day,
        has_days=given.has_days,
    )
