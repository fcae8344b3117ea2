"""Shares of a feature, or of the predictions themselves, in the reference and in a week, from stored profiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from monitoring.profile import NumericBins
from monitoring.scores import feature_scores

if TYPE_CHECKING:
    from datetime import date

    from data_access.judged_versions import JudgedVersions
    from monitoring.ports import Flags
    from monitoring.profile import Bins
    from monitoring.segment import Segment

WINDOW_DAYS = 7
MOST_LEVELS = 12
OTHER, MISSING = "(other)", "(missing)"
PREDICTIONS = "predictions"
WHOLE, TOO_LONG = 1e4, 1e12
PREDICTION_COLUMNS = ("day", "version", "psi", "threshold", "rows")


@dataclass(frozen=True, slots=True)
class Distribution:
    """Shares of one feature per bin: the reference's against those of the days ``first`` to ``last``, ends included.

    ``left_out`` counts the days with rows that are not in the drift score because they are known to be broken; they are in
    ``current`` only when nothing else is. ``scores`` are those of ``monitoring.scores`` by name, as far as they can be computed.
    """

    feature: str
    bins: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    reference_rows: int
    current_rows: int
    first: date
    last: date
    reference_first: date
    reference_last: date
    left_out: int = 0
    scores: dict[str, float] = field(default_factory=dict)


def distribution(judged: JudgedVersions, feature: str, *, last: date) -> Distribution | None:
    """Return the feature's shares in the week up to ``last`` and in the reference; nothing where no version was judged."""
    found = judged.on(last)
    if found is None or feature not in found[0].reference.layout.features:
        return None
    segment, i = found
    layout = segment.reference.layout
    bins, at = layout.features[feature], layout.counts_at[feature]
    window, left_out = _window(segment, i, broken=segment.left_out_from[feature] <= segment.days[i])
    counts = segment.daily.counts[window, at].sum(axis=0)
    sums = None
    if isinstance(bins, NumericBins):
        part = layout.sums_at(feature)
        sums = (segment.reference.profiles.sums[:, part].sum(axis=0), segment.daily.sums[window, part].sum(axis=0))
    then = segment.reference.counts[at]
    scores = feature_scores(bins, (then, sums[0] if sums else None), (counts, sums[1] if sums else None))
    named, expected = _binned(bins, then)
    _, current = _binned(bins, counts)
    return _shares(segment, i, feature, (named, expected, current), left_out=left_out, scores=scores)


def prediction_distribution(judged: JudgedVersions, *, last: date) -> Distribution | None:
    """Return the shares of the predictions themselves: probabilities, numbers, or classes where there is nothing else."""
    found = judged.on(last)
    if found is None:
        return None
    segment, i = found
    score, at = segment.reference.layout.score, segment.reference.layout.score_at
    window, left_out = _window(segment, i, broken=segment.days_left_out_from <= segment.days[i])
    counts = (segment.reference.counts[at], segment.daily.counts[window, at].sum(axis=0))
    expected, current = (_merged(part, score.test_bins) for part in counts)
    if segment.reference.label_layout.hard:
        named = [*judged.model.classes, MISSING]
    else:
        # Every two bins of the test as one, so that their names can be read.
        edges = [float(edge) for edge in score.test_edges]
        pairs = np.append(np.arange(len(edges) + 1) // 2, len(edges) // 2 + 1)
        expected, current = (np.bincount(pairs, weights=part) for part in (expected, current))
        named = _between(edges[1::2])
    return _shares(segment, i, PREDICTIONS, (named, expected, current), left_out=left_out, scores={})


def prediction_days(judged: JudgedVersions) -> pd.DataFrame:
    """One row per day in service, oldest first, on how the predictions of the 7 days up to it differ from the reference's.

    ``day`` (date), ``version`` (str), ``psi`` and ``threshold`` (floats, missing with too few rows or only broken days), ``rows``.
    """
    parts = [
        pd.DataFrame(
            {
                "day": [segment.day_at(i) for i in range(len(segment.days))],
                "version": segment.version.version,
                "psi": segment.score_drift.psi,
                "threshold": segment.score_drift.threshold,
                "rows": segment.score_drift.rows,
            },
            columns=list(PREDICTION_COLUMNS),
        )
        for segment in judged.segments
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(PREDICTION_COLUMNS))


def _window(segment: Segment, i: int, *, broken: Flags) -> tuple[np.ndarray, int]:
    """Return the days of the window without broken ones (all of them when every one is), and how many are broken."""
    days = np.arange(max(0, i - WINDOW_DAYS * segment.stretch + 1), i + 1)
    kept = days[~broken[days]]
    return kept if segment.daily.rows[kept].sum() else days, int((broken & segment.live)[days].sum())


def _shares(
    segment: Segment,
    i: int,
    feature: str,
    counted: tuple[list[str], np.ndarray, np.ndarray],
    *,
    left_out: int,
    scores: dict[str, np.ndarray],
) -> Distribution:
    named, expected, current = counted
    kept = _worth_showing(named, expected, current)
    expected_shares, shares = expected / max(expected.sum(), 1), current / max(current.sum(), 1)
    return Distribution(
        feature=feature,
        bins=tuple(named[at] for at in kept),
        reference=tuple(round(float(expected_shares[at]), 5) for at in kept),
        current=tuple(round(float(shares[at]), 5) for at in kept),
        reference_rows=int(expected.sum()),
        current_rows=int(current.sum()),
        first=segment.day_at(max(0, i - WINDOW_DAYS * segment.stretch + 1)),
        last=segment.day_at(i),
        reference_first=segment.reference.first_day,
        reference_last=segment.reference.last_day,
        left_out=left_out,
        scores={name: float(score) for name, score in scores.items() if np.isfinite(score)},
    )


def _merged(counts: np.ndarray, test_bins: np.ndarray) -> np.ndarray:
    used = test_bins >= 0
    return np.bincount(test_bins[used], weights=counts[used], minlength=int(test_bins.max()) + 1)


def _binned(bins: Bins, counts: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return names and counts of the bins that a feature's PSI is computed in."""
    summed = _merged(counts, bins.test_bins)
    if not isinstance(bins, NumericBins):
        return [*bins.levels, OTHER, MISSING], summed
    return _between(list(bins.coarse_edges)), summed


def _between(edges: list[float]) -> list[str]:
    """Return names of the bins that inner edges make, and of the missing values behind them."""
    if not edges:
        return ["any value", MISSING]
    named = [readable(edge) for edge in edges]
    dash = " to " if "\u2212" in named[0] else "\u2013"  # no dash beside a minus
    between = [f"{low}{dash}{high}" for low, high in pairwise(named)]
    return [f"<{named[0]}", *between, f"\u2265{named[-1]}", MISSING]


def readable(value: float) -> str:
    """Return a number with four digits that count, large ones without an exponent, with a real minus sign."""
    return (f"{value:,.0f}" if WHOLE <= abs(value) < TOO_LONG else f"{value:,.4g}").replace("-", "\u2212")


def _worth_showing(named: list[str], expected: np.ndarray, current: np.ndarray) -> list[int]:
    """Return which bins to show, in order: of many levels only the most frequent, "other" and "missing" only when they occur."""
    occurs = (expected + current) > 0
    extras = [i for i, name in enumerate(named) if name in {OTHER, MISSING} and i >= len(named) - 2]
    levels = [i for i in range(len(named)) if i not in extras]
    if len(levels) > MOST_LEVELS and named[levels[0]][:1] != "<":
        share = expected / max(expected.sum(), 1) + current / max(current.sum(), 1)
        levels = sorted(sorted(levels, key=lambda i: -share[i])[:MOST_LEVELS])
    return levels + [i for i in extras if occurs[i]]
