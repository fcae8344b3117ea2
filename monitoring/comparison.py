"""What a retraining brought: two versions compared on the days that both predicted, from sums per day (METHODS section 8)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import t as student

from monitoring.portfolio import Task

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from monitoring.label_profile import LabelLayout, LabelProfiles
    from monitoring.ports import Days, Floats

FEWEST_DAYS, FEWEST_ROWS = 5, 30
"""Below either an interval from the differences of days would promise too much."""
CONFIDENCE = 0.90


@dataclass(frozen=True)
class LabelDays:
    """Sums of one version per prediction day: ``day`` (n,), ``rows`` and ``loss`` (n,), the label ``y`` (n, kinds), ``y2`` (n,).

    ``hard`` marks classes without probabilities: 0/1 loss, and the naive forecast is the more frequent class.
    """

    day: Days
    rows: Floats
    loss: Floats
    y: Floats
    y2: Floats
    hard: bool = False

    @classmethod
    def of(cls, layout: LabelLayout, labels: LabelProfiles, *, without: Iterable[date] = ()) -> LabelDays:
        """Return the sums per prediction day, whenever its labels came; days ``without`` are left out."""
        days, at = np.unique(labels.day, return_inverse=True)
        total = np.zeros((len(days), layout.width))
        np.add.at(total, at, labels.vectors)
        kept = ~np.isin(days, np.array(sorted(without), dtype="datetime64[D]"))
        total = total[kept]
        y, y2 = layout.field(total, "y"), layout.field(total, "y2")
        if layout.hard and layout.task is Task.BINARY:
            rows = layout.field(total, "n")
            y = np.stack((rows - y[:, 0], y[:, 0]), axis=1)
        return cls(days[kept], layout.field(total, "n"), layout.field(total, "loss"), y, y2, hard=layout.hard)

    def on(self, days: Days) -> LabelDays:
        """Return the sums of these days, all of which are there."""
        at = np.searchsorted(self.day, days)
        return LabelDays(days, self.rows[at], self.loss[at], self.y[at], self.y2[at], hard=self.hard)

    def naive(self) -> Floats:
        """Return per day the loss of the best constant forecast of all these days together.

        Its sum is that of a forecast which knows one row less than it is judged on: n / (n - 1) times the squared distance from the
        days' own mean, as in METHODS section 4.
        """
        total, y = float(self.rows.sum()), self.y.sum(axis=0)
        if self.hard:
            missed: Floats = self.rows - self.y[:, int(y.argmax())]
            return missed
        mean = y / total
        distance: Floats = self.y2 - 2 * self.y @ mean + self.rows * float(mean @ mean)
        return distance * total / (total - 1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions on the same days: skill = 1 - loss / naive loss of those days, and the difference with its 90 % interval.

    ``same_rows`` when rows and labels of every day are equal in number and sum: both versions predicted the same rows.
    """

    first: date
    last: date
    days: int
    rows: int
    same_rows: bool
    skill_before: float
    skill_after: float
    difference: float
    low: float
    high: float

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON, numbers with four decimals."""
        values = asdict(self) | {"first": self.first.isoformat(), "last": self.last.isoformat()}
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def paired(
    before: LabelDays, after: LabelDays, *, first: date | None = None, last: date | None = None
) -> Comparison | None:
    """Compare two versions on the days of ``first`` to ``last`` on which both have labels; nothing where that is too little.

    With D_d the loss of the old version minus that of the new one on day d, scaled to the new version's rows, and L_d the naive
    loss of the day, the difference of skill is r = sum D / sum L. Its variance is that of a ratio over days as clusters:
    k/(k-1) sum (D_d - r L_d)^2 / (sum L)^2, with k days. The interval is r +- t(k-1) se.

    Source: Cochran, Sampling Techniques, 3rd edition 1977, equation 6.13, without the correction for a finite population.
    """
    days = np.intersect1d(before.day, after.day)
    inside = np.ones(len(days), dtype=bool)
    if first is not None:
        inside &= days >= np.datetime64(first, "D")
    if last is not None:
        inside &= days <= np.datetime64(last, "D")
    days = days[inside]
    if len(days) < FEWEST_DAYS:
        return None
    old, new = before.on(days), after.on(days)
    naive = new.naive()
    total = float(naive.sum())
    if min(old.rows.sum(), new.rows.sum()) < FEWEST_ROWS or total <= 0:
        return None
    # A day may have more rows of one version than of the other: its mean loss counts, not its sum.
    scaled = old.loss * (new.rows / old.rows)
    gained = scaled - new.loss
    difference = float(gained.sum()) / total
    k = len(days)
    error = np.sqrt(k / (k - 1) * float(np.square(gained - difference * naive).sum())) / total
    half = float(student.ppf((1 + CONFIDENCE) / 2, k - 1)) * float(error)
    same = bool(np.array_equal(old.rows, new.rows) and np.allclose(old.y, new.y) and np.allclose(old.y2, new.y2))
    return Comparison(
        first=days[0].astype(object),
        last=days[-1].astype(object),
        days=k,
        rows=int(new.rows.sum()),
        same_rows=same,
        skill_before=1 - float(scaled.sum()) / total,
        skill_after=1 - float(new.loss.sum()) / total,
        difference=difference,
        low=difference - half,
        high=difference + half,
    )
