"""What the reference expects of labels under another mix of scores, and what of a loss that does not explain (METHODS section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.portfolio import Task

if TYPE_CHECKING:
    from monitoring.label_profile import LabelLayout
    from monitoring.ports import Flags, Floats
    from monitoring.reference import Reference


@dataclass(frozen=True)
class ReferenceByScore:
    """What the reference says per test bin of the score: expected loss ``(bins,)`` and label rates ``(bins, kinds)``.

    ``covered`` marks the bins in which it has labels; ``within`` is the label's variance that no score bin explains.
    """

    loss: Floats
    rates: Floats
    covered: Flags
    within: float

    @classmethod
    def of(cls, reference: Reference) -> ReferenceByScore:
        """Take both from the reference's label sums."""
        layout, totals = reference.label_layout, reference.totals
        n, y = rows_by_score(layout, totals[None])[0], _labels_by_score(layout, totals)
        covered, rows = n > 0, max(float(n.sum()), 1.0)
        safe = np.maximum(n, 1)
        rates = y / safe[:, None]
        squares = float(layout.field(totals, "y2")) / rows
        within = max(squares - float((n @ rates**2).sum()) / rows, 0.0)
        return cls(totals[layout.slices["test_loss"]] / safe, rates, covered, within)


def rows_by_score(layout: LabelLayout, sums: Floats) -> Floats:
    """Return labelled rows per test bin of the score, shape ``(..., bins)``."""
    bins = len(layout.score.test_edges) + 1
    matrix = np.zeros((len(layout.score.fine_to_test), bins))
    matrix[np.arange(len(matrix)), layout.score.fine_to_test] = 1
    rows: Floats = layout.field(sums, "bin_n") @ matrix
    return rows


def _labels_by_score(layout: LabelLayout, totals: Floats) -> Floats:
    """Return sums of the label (per class) per test bin of the score, shape ``(bins, kinds)``."""
    bins = len(layout.score.test_edges) + 1
    if layout.task is Task.MULTICLASS:
        per_class: Floats = totals[layout.slices["test_y"]].reshape(bins, layout.classes)
        return per_class
    y = np.bincount(layout.score.fine_to_test, weights=layout.field(totals, "bin_y"), minlength=bins)
    return y.astype(np.float64)[:, None]


def expected_naive_losses(layout: LabelLayout, known: ReferenceByScore, q: Floats) -> Floats:
    """Return the loss of the naive forecast on labels as the reference would expect them, per row of shares ``(n, bins)``."""
    means = q @ known.rates
    if layout.hard:
        reference_means = np.asarray(layout.label_means)
        if layout.task is Task.MULTICLASS:
            wrong: Floats = 1 - means[:, reference_means.argmax()]
        else:
            wrong = 1 - means[:, 0] if reference_means[0] >= 0.5 else means[:, 0]
        return wrong
    if layout.task is Task.REGRESSION:
        spread: Floats = known.within + (q @ known.rates**2 - means**2).sum(axis=1)
        return spread
    losses: Floats = (means * (1 - means)).sum(axis=1)
    return losses


def misfits(reference: Reference, by_score: Floats, sums: Floats, effect: Floats, *, c: float, scale: Floats) -> Floats:
    """Return what remains of effects when the score mix is taken off: the model is wrong where it used to be right.

    With several classes the bins of the largest probability do not tell which classes are expected, so that the naive loss
    expected is not known well; there a misfit is no larger than the loss beyond that expected of the same scores.

    Args:
        reference: what scores are expected to cost.
        by_score: labelled rows per test bin of the score, shape ``(days, bins)``.
        sums: label sums, shape ``(days, width)``; only the fields before the score bins are read.
        effect: relative loss of skill of the same labels, shape ``(days,)``.
        c: ratio of loss and naive loss in the reference.
        scale: what an effect of 1 is in units of the loss, shape ``(days,)``.

    Source: METHODS section 4 and docs/decisions/0009.
    """
    layout, known = reference.label_layout, ReferenceByScore.of(reference)
    rows = np.vstack((rows_by_score(layout, reference.totals[None]), by_score)) * known.covered
    with np.errstate(divide="ignore", invalid="ignore"):
        q = rows / rows.sum(axis=1, keepdims=True)
        expected = q @ known.loss
        u = expected - c * expected_naive_losses(layout, known, q)
        found: Floats = effect - np.nan_to_num((u[1:] - u[0]) / scale)
        if layout.task is Task.MULTICLASS and not layout.hard:
            beyond = (layout.field(sums, "loss") / layout.field(sums, "n") - expected[1:]) / scale
            found = np.fmin(found, beyond)
    return found
