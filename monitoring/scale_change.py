"""Changes of unit, of scale and of level of a numeric feature, against its own last clean days (METHODS section 6)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from monitoring.assessment import FindingKind

if TYPE_CHECKING:
    from monitoring.ports import Flags, Floats
    from monitoring.profile import DayProfiles, Layout

MINIMUM_ROWS, ENOUGH_ROWS = 10, 30
BASELINE_DAYS = 14
SIGNIFICANT = 6.0
KINDS = (FindingKind.UNIT, FindingKind.RESCALED, FindingKind.LEVEL_CHANGE)
UNIT_FACTORS = (1.609344, 3.28084, 2.54, 2.204623, 28.3495, 0.7457, 1.8, 7, 10, 12, 24, 60, 100, 1000, 1024, 3600)
KNOWN_FACTORS = np.array(sorted([*UNIT_FACTORS, *(1 / factor for factor in UNIT_FACTORS)]))


@dataclass(frozen=True)
class Moments:
    """Finite rows, mean and variance per day of a numeric feature."""

    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, layout: Layout, profiles: DayProfiles, name: str) -> Moments:
        """Return the moments of one feature on every day of ``profiles``."""
        sums = profiles.sums[:, layout.sums_at(name)]
        return cls(sums[:, 0], sums[:, 1], sums[:, 2])

    @property
    def mean(self) -> Floats:
        """Mean of the finite values; NaN without any."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.total / self.n

    @property
    def variance(self) -> Floats:
        """Variance of the finite values."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.maximum(self.squares / self.n - self.mean**2, 0.0)

    def between_days(self) -> float:
        """Variance of the daily mean beyond sampling."""
        used = self.n >= MINIMUM_ROWS
        if used.sum() < 2:
            return 0.0
        return max(0.0, float(np.var(self.mean[used])) - float((self.variance[used] / self.n[used]).mean()))


class ScaleCheck:
    """Unit, rescaled and sudden level changes of one numeric feature, against its own last 14 clean days."""

    def __init__(self, reference: Moments) -> None:
        self.between = reference.between_days()
        self.clean: deque[tuple[float, float, float]] = deque(maxlen=BASELINE_DAYS)
        used = np.flatnonzero(reference.n >= MINIMUM_ROWS)[-BASELINE_DAYS:]
        self.clean.extend((reference.n[i], reference.total[i], reference.squares[i]) for i in used)

    def judge(
        self, n: float, total: float, squares: float, *, outside: float, was: FindingKind | None
    ) -> tuple[FindingKind | None, float]:
        """Return which change this day shows, if any, and its factor; a clean day joins the baseline."""
        kind, factor = self._kind(n, total, squares, outside=outside, was=was)
        if kind is None:
            self.clean.append((n, total, squares))
        return kind, factor

    def _kind(
        self, n: float, total: float, squares: float, *, outside: float, was: FindingKind | None
    ) -> tuple[FindingKind | None, float]:
        if len(self.clean) < 2:
            return None, 1.0
        base_n, base_total, base_squares = np.sum(self.clean, axis=0)
        base_mean, mean = base_total / base_n, total / n
        base_variance = max(base_squares / base_n - base_mean**2, 0.0)
        variance = max(squares / n - mean**2, 0.0)
        noise = np.sqrt(1.3 * self.between + base_variance / n)
        jump = abs(mean - base_mean) / noise if noise > 0 else (np.inf if mean != base_mean else 0.0)
        factor = mean / base_mean if base_mean else np.inf
        sd_ratio = np.sqrt(variance / base_variance) if base_variance > 0 else np.inf
        far = n >= ENOUGH_ROWS and _beyond(sd_ratio, 8) and _beyond(factor, 4)
        if was is not None and jump >= 3:
            still_open = {
                FindingKind.UNIT: outside > 0.25 or far,
                FindingKind.RESCALED: outside >= 0.025,
                FindingKind.LEVEL_CHANGE: _beyond(factor, 1.125),
            }
            if still_open[was]:
                return was, factor
        if (outside > 0.5 or far) and jump >= SIGNIFICANT:
            return FindingKind.UNIT, factor
        same_shape = 0 < sd_ratio < np.inf and factor > 0 and abs(np.log(sd_ratio) - np.log(factor)) <= 0.15
        if n >= ENOUGH_ROWS and jump >= 10 and _beyond(factor, 1.25) and same_shape:
            se = np.sqrt(variance / n) / abs(base_mean)
            nearest = KNOWN_FACTORS[np.argmin(np.abs(KNOWN_FACTORS - factor))]
            is_known = abs(factor - nearest) <= max(0.02 * nearest, 2.5 * se)
            if outside >= 0.05 and is_known:
                return FindingKind.RESCALED, factor
            return FindingKind.LEVEL_CHANGE, factor
        return None, factor


def _beyond(ratio: float, times: float) -> bool:
    """Return whether a ratio lies beyond a factor either way."""
    return ratio > times or ratio < 1 / times


def scale_changes(
    moments: Moments, reference: Moments, *, outside: Floats, broken: Flags
) -> tuple[dict[FindingKind, Flags], Floats]:
    """Return the days of each kind of change, and each day's factor to the days before; ``broken`` days are not judged."""
    days = len(moments.n)
    bad = {kind: np.zeros(days, dtype=bool) for kind in KINDS}
    factors = np.full(days, np.nan)
    check, was = ScaleCheck(reference), None
    for i in range(days):
        if moments.n[i] < MINIMUM_ROWS or broken[i]:
            continue
        day = (float(moments.n[i]), float(moments.total[i]), float(moments.squares[i]))
        was, factors[i] = check.judge(*day, outside=float(outside[i]), was=was)
        if was is not None:
            bad[was][i] = True
    return bad, factors
