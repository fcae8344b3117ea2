"""Bins fixed by the reference, and profiles: counts and sums per day that add up.

A profile is one vector of counts and one of sums; its ``Layout`` says which number is what. Any window is the sum of its days,
and many days are one matrix, so that scores for a whole history are a few array operations.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

from monitoring.errors import IncompatibleProfilesError
from monitoring.portfolio import FeatureKind
from monitoring.ports import CodedTexts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitoring.ports import Days, Flags, Floats, LogRows, Texts

FINE_BINS, COARSE_BINS = 40, 10
SCORE_BINS, SCORE_TEST_BINS = 100, 20
STORED_LEVELS, MINIMUM_LEVEL_ROWS = 30, 10
REMEMBERED_RARE_LEVELS = 20_000
VALUES_AT_ONCE = 100_000
"""So many numbers are counted at once: they stay near the processor."""
# After the bins of a numeric feature: missing, below and above the reference's range, values that are not numbers.
NUMERIC_EXTRAS = ("nulls", "below", "above", "mistyped")
# After the levels of a categorical feature: levels too rare to be stored, levels the reference never had, missing.
CATEGORY_EXTRAS = ("rare", "unseen", "nulls")
SCORE_EXTRAS = ("nulls", "outside")
# Sums of a numeric feature: finite values, their sum and sum of squares, and the sums in the two open end bins.
# Before the remarks about features: rows stamped in the future, rows replaced.
REMARKS = 2
NO_TEXT = np.array([None], dtype=object)
SUMS = ("finite", "sum", "squares", "first_bin", "last_bin")


def quantile_edges(values: Floats, *, bins: int) -> tuple[float, ...]:
    """Return the inner edges of at most ``bins`` quantile bins; equal edges are merged, none lies at the minimum."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ()
    edges = np.unique(np.quantile(finite, np.arange(1, bins) / bins))
    return tuple(float(edge) for edge in edges[edges > finite.min()])


def coarse_of_fine(fine: tuple[float, ...], coarse: tuple[float, ...]) -> np.ndarray:
    """Return for each fine bin the coarse bin it lies in; the coarse edges must be a subset of the fine ones."""
    return np.concatenate(([0], np.searchsorted(coarse, fine, side="right"))).astype(np.intp)


def level_digest(level: str) -> str:
    """Return the short fingerprint under which a level too rare to be stored is recognised again."""
    return blake2b(level.encode(), digest_size=5).hexdigest()


@dataclass(frozen=True)
class NumericBins:
    """Quantile bins ``[lo, hi)`` of a numeric feature, the two outer ones open; ``lowest``, ``highest`` are the reference's."""

    edges: tuple[float, ...]
    coarse_edges: tuple[float, ...]
    lowest: float
    highest: float

    kind = FeatureKind.NUMERIC

    @classmethod
    def of(cls, values: Floats) -> NumericBins:
        """Fix bins by the reference's values; a column that is nearly always the same keeps what is above its usual value apart."""
        finite = values[np.isfinite(values)]
        above = finite[finite > finite.min()] if len(finite) else finite
        edges = quantile_edges(values, bins=FINE_BINS) or ((float(above.min()),) if len(above) else ())
        return cls(
            edges=edges,
            coarse_edges=quantile_edges(values, bins=COARSE_BINS) or edges[:1],
            lowest=float(finite.min()) if len(finite) else float("nan"),
            highest=float(finite.max()) if len(finite) else float("nan"),
        )

    @property
    def width(self) -> int:
        """Numbers of the counts vector that belong to this feature."""
        return len(self.edges) + 1 + len(NUMERIC_EXTRAS)

    @cached_property
    def test_bins(self) -> np.ndarray:
        """Test bin of each count, -1 for counts that are not part of the test; missing values are a bin."""
        coarse = coarse_of_fine(self.edges, self.coarse_edges)
        return np.concatenate((coarse, [len(self.coarse_edges) + 1, -1, -1, -1]))

    @cached_property
    def cuts(self) -> Floats:
        """Where each bin ends in ascending values; the last one ends where missing values begin."""
        return np.array([*self.edges, np.nan])

    @property
    def limits(self) -> tuple[float, float, float, float]:
        """Lowest and highest value of the reference, end of the first bin, begin of the last one."""
        first, last = (self.edges[0], self.edges[-1]) if self.edges else (np.inf, -np.inf)
        return self.lowest, self.highest, first, last

    @property
    def can_drift(self) -> bool:
        """Constant features have no drift score."""
        return bool(self.edges)


@dataclass(frozen=True)
class CategoryBins:
    """The most frequent reference levels, and fingerprints of those too rare to be stored (they may be names).

    ``expected_unseen`` is the share of rows that would show a level the reference never had, without any change (Good &
    Turing: the share of levels seen once).
    """

    levels: tuple[str, ...]
    rare: frozenset[str]
    near_unique: bool = False
    expected_unseen: float = 0.0

    kind = FeatureKind.CATEGORICAL

    @classmethod
    def of(cls, values: Texts) -> CategoryBins:
        """Fix levels by the reference's values."""
        present = values[np.array([value is not None for value in values], dtype=bool)]
        names, counts = (
            np.unique(present.astype(str), return_counts=True) if len(present) else (np.array([]), np.array([]))
        )
        order = np.lexsort((names, -counts))
        stored = [int(i) for i in order[:STORED_LEVELS] if counts[i] >= MINIMUM_LEVEL_ROWS]
        levels = tuple(str(names[i]) for i in stored)
        others = [str(names[i]) for i in order if i not in set(stored)]
        rare = frozenset(level_digest(name) for name in others[:REMEMBERED_RARE_LEVELS])
        rows = max(len(present), 1)
        unseen = float((counts == 1).sum()) / rows
        return cls(levels=levels, rare=rare, near_unique=len(names) > rows / 2, expected_unseen=unseen)

    @property
    def width(self) -> int:
        """Numbers of the counts vector that belong to this feature."""
        return len(self.levels) + len(CATEGORY_EXTRAS)

    @cached_property
    def test_bins(self) -> np.ndarray:
        """Test bin of each count: every stored level, everything else together, missing."""
        n = len(self.levels)
        return np.concatenate((np.arange(n), [n, n, n + 1])).astype(np.intp)

    @cached_property
    def codes(self) -> dict[str, int]:
        """Place of each stored level among the counts."""
        return {level: code for code, level in enumerate(self.levels)}

    def code(self, level: str | None) -> int:
        """Return the place of a level among the counts, whether it is stored or not."""
        n = len(self.levels)
        if level is None:
            return n + 2
        code = self.codes.get(level)
        if code is None:
            code = n if level_digest(str(level)) in self.rare else n + 1
        return code

    @property
    def can_drift(self) -> bool:
        """Constant features and near-unique ones (ids, free text) have no drift score."""
        return not self.near_unique and len(self.levels) + bool(self.rare) > 1


Bins = NumericBins | CategoryBins


@dataclass(frozen=True)
class ScoreBins:
    """Quantile bins of the score, fine ones for curves and coarse ones for tests."""

    edges: tuple[float, ...]
    test_edges: tuple[float, ...]
    lowest: float | None = None
    highest: float | None = None

    @classmethod
    def of(cls, values: Floats, *, bounds: tuple[float, float] | None, classes: int = 0) -> ScoreBins:
        """Fix bins by the reference's scores; with hard classes only (``classes`` > 0) the classes are the bins."""
        if classes:
            edges = tuple(float(k) - 0.5 for k in range(1, classes))
            return cls(edges=edges, test_edges=edges, lowest=0.0, highest=float(classes - 1))
        low, high = bounds or (None, None)
        return cls(quantile_edges(values, bins=SCORE_BINS), quantile_edges(values, bins=SCORE_TEST_BINS), low, high)

    @property
    def width(self) -> int:
        """Numbers of the counts vector that belong to the score."""
        return len(self.edges) + 1 + len(SCORE_EXTRAS)

    @cached_property
    def test_bins(self) -> np.ndarray:
        """Test bin of each count; missing scores are a bin."""
        return np.concatenate((self.fine_to_test, [len(self.test_edges) + 1, -1]))

    @cached_property
    def fine_to_test(self) -> np.ndarray:
        """Test bin of each fine bin."""
        return coarse_of_fine(self.edges, self.test_edges)


@dataclass(frozen=True)
class Layout:
    """Which number of a profile is what: per feature a slice of counts and, if numeric, of sums; the score comes last."""

    features: dict[str, Bins]
    score: ScoreBins

    @cached_property
    def counts_at(self) -> dict[str, slice]:
        """Slice of the counts vector per feature."""
        slices, at = {}, 0
        for name, bins in self.features.items():
            slices[name] = slice(at, at + bins.width)
            at += bins.width
        return slices

    @cached_property
    def score_at(self) -> slice:
        """Slice of the counts vector of the score."""
        at = sum(bins.width for bins in self.features.values())
        return slice(at, at + self.score.width)

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Names of the numeric features, in order."""
        return tuple(name for name, bins in self.features.items() if isinstance(bins, NumericBins))

    @cached_property
    def nulls_at(self) -> np.ndarray:
        """Place of the missing values in the counts vector, per feature."""
        before = {FeatureKind.NUMERIC: len(NUMERIC_EXTRAS), FeatureKind.CATEGORICAL: 1}
        ends = [self.counts_at[name].stop - before[bins.kind] for name, bins in self.features.items()]
        return np.array(ends, dtype=np.intp)

    @cached_property
    def range_at(self) -> np.ndarray:
        """Place of "below" in the counts vector, per numeric feature; "above" and "mistyped" stand behind it."""
        return np.array([self.counts_at[name].stop - len(NUMERIC_EXTRAS) + 1 for name in self.numeric], dtype=np.intp)

    @property
    def n_counts(self) -> int:
        """Length of the counts vector."""
        return sum(bins.width for bins in self.features.values()) + self.score.width

    @property
    def n_sums(self) -> int:
        """Length of the sums vector: five per numeric feature and two (sum, squares) of the score."""
        return len(SUMS) * len(self.numeric) + 2

    def sums_at(self, name: str) -> slice:
        """Slice of the sums vector of a numeric feature."""
        at = self.numeric.index(name) * len(SUMS)
        return slice(at, at + len(SUMS))


@dataclass(frozen=True)
class DayProfiles:
    """Profiles of several days: ``day`` (days,), ``rows`` (days,), ``counts`` (days, n_counts), ``sums`` (days, n_sums).

    ``lows`` and ``highs`` (days, numeric features) are each day's extremes, NaN without a finite value. ``remarks`` (days,
    2 + features) counts rows stamped in the future, rows that a newer one of the same id replaced, and per feature the rows
    whose column was not in the log; it is missing while there is nothing to remark.
    """

    day: Days
    rows: np.ndarray
    counts: np.ndarray
    sums: Floats
    lows: Floats
    highs: Floats
    remarks: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of days."""
        return len(self.day)

    @property
    def future(self) -> np.ndarray:
        """Rows stamped in the future, per day."""
        return self._remark(0)

    @property
    def replaced(self) -> np.ndarray:
        """Rows that a newer row of the same id replaced, per day."""
        return self._remark(1)

    def rows_without_column(self, feature: int) -> np.ndarray:
        """Return per day the rows read while the column of a feature (its place in the layout) was not in the log."""
        return self._remark(REMARKS + feature)

    def _remark(self, at: int) -> np.ndarray:
        return np.zeros(len(self), dtype=np.int64) if self.remarks is None else self.remarks[:, at]

    @property
    def numeric_sums(self) -> Floats:
        """Sums of the numeric features, shape ``(days, features, 5)`` in the order of ``SUMS``."""
        return self.sums[:, :-2].reshape(len(self.sums), -1, len(SUMS))

    def __add__(self, other: DayProfiles) -> DayProfiles:
        """Put two sets of days together; days in both are added."""
        if self.counts.shape[1:] != other.counts.shape[1:] or self.sums.shape[1:] != other.sums.shape[1:]:
            raise IncompatibleProfilesError("the profiles were counted in different bins")
        day, index = np.unique(np.concatenate((self.day, other.day)), return_inverse=True)

        def added(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            total = np.zeros((len(day), *a.shape[1:]), dtype=a.dtype)
            np.add.at(total, index, np.concatenate((a, b)))
            return total

        lows, highs = (np.full((len(day), self.lows.shape[1]), np.nan) for _ in range(2))
        np.fmin.at(lows, index, np.concatenate((self.lows, other.lows)))
        np.fmax.at(highs, index, np.concatenate((self.highs, other.highs)))
        remarks = _remarks_of(self, other)
        return DayProfiles(
            day,
            added(self.rows, other.rows),
            added(self.counts, other.counts),
            added(self.sums, other.sums),
            lows,
            highs,
            None if remarks is None else added(*remarks),
        )

    def on(self, day: Days) -> DayProfiles:
        """Return the profiles spread over exactly these ascending days; a day without rows is all zero."""
        if np.array_equal(self.day, day):
            return self
        found = np.searchsorted(self.day, day)
        found[found == len(self.day)] = 0
        here = self.day[found] == day if len(self.day) else np.zeros(len(day), dtype=bool)

        def spread(values: np.ndarray, fill: float) -> np.ndarray:
            result = np.full((len(day), *values.shape[1:]), fill, dtype=values.dtype)
            result[here] = values[found[here]]
            return result

        return DayProfiles(
            day,
            spread(self.rows, 0),
            spread(self.counts, 0),
            spread(self.sums, 0.0),
            spread(self.lows, np.nan),
            spread(self.highs, np.nan),
            None if self.remarks is None else spread(self.remarks, 0),
        )


def _remarks_of(a: DayProfiles, b: DayProfiles) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the remarks of both, zeros for one that has none; nothing if neither has any."""
    width = next((part.remarks.shape[1] for part in (a, b) if part.remarks is not None), None)
    if width is None:
        return None
    first, second = (np.zeros((len(p), width), dtype=np.int64) if p.remarks is None else p.remarks for p in (a, b))
    return first, second


def empty_profiles(layout: Layout) -> DayProfiles:
    """Return no days at all in this layout."""
    return DayProfiles(
        np.array([], dtype="datetime64[D]"),
        np.zeros(0, dtype=np.int64),
        np.zeros((0, layout.n_counts), dtype=np.int64),
        np.zeros((0, layout.n_sums)),
        np.zeros((0, len(layout.numeric))),
        np.zeros((0, len(layout.numeric))),
    )


def count_rows(layout: Layout, rows: LogRows, *, counted: Flags | None = None) -> DayProfiles:
    """Return the day profiles of ``rows`` (only those ``counted``), one per day that has any."""
    chosen = np.arange(len(rows.day)) if counted is None else np.flatnonzero(counted)
    if not len(chosen):
        return empty_profiles(layout)
    day = rows.day[chosen]
    if (day[1:] < day[:-1]).any():
        order = np.argsort(day, kind="stable")
        chosen, day = chosen[order], day[order]
    starts = np.flatnonzero(np.concatenate(([True], day[1:] != day[:-1])))
    n_days, days = len(starts), _Days(starts, np.diff(np.append(starts, len(day))))
    numeric = (n_days, len(layout.numeric))
    profiles = DayProfiles(
        day[starts],
        days.rows.astype(np.int64),
        np.zeros((n_days, layout.n_counts), dtype=np.int64),
        np.zeros((n_days, layout.n_sums)),
        np.full(numeric, np.nan),
        np.full(numeric, np.nan),
    )
    at_once = max(1, VALUES_AT_ONCE // len(chosen))
    for first in range(0, len(layout.numeric), at_once):
        _count_numeric(profiles, layout, rows, chosen, days, slice(first, first + at_once))
    for name, bins in layout.features.items():
        if isinstance(bins, CategoryBins):
            values = rows.features.get(name, CodedTexts(NO_TEXT, np.zeros(len(rows.day), dtype=np.intp)))
            if isinstance(values, CodedTexts):
                codes = np.array([bins.code(level) for level in values.names])[values.codes[chosen]]
                profiles.counts[:, layout.counts_at[name]] = days.table(codes, bins.width)
            else:
                levels = np.asarray(values, dtype=object)[chosen].tolist()
                profiles.counts[:, layout.counts_at[name]] = _level_counts(bins, levels, days)
    _count_score(profiles, layout, rows.score[chosen], days)
    return _with_remarks(profiles, layout, rows, np.repeat(np.arange(n_days), days.rows), chosen)


@dataclass(frozen=True)
class _Days:
    """Rows in order of their days: where each day starts, and how many rows it has; both ``(days,)``."""

    starts: np.ndarray
    rows: np.ndarray

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Return the sum over each day's rows, of arrays ``(..., rows)``."""
        kind = np.int64 if values.dtype == bool else values.dtype
        return np.add.reduceat(values, self.starts, axis=-1, dtype=kind)

    def table(self, codes: np.ndarray, width: int) -> np.ndarray:
        """Return how often each code below ``width`` occurs on each day, given one code per row ``(..., rows)``."""
        days = len(self.starts)
        at = codes + np.repeat(np.arange(days) * width, self.rows)
        return np.bincount(at.reshape(-1), minlength=days * width).reshape(days, width)


def _with_remarks(
    profiles: DayProfiles, layout: Layout, rows: LogRows, index: np.ndarray, chosen: np.ndarray
) -> DayProfiles:
    """Return the profiles with what there is to remark about their rows, except which were replaced."""
    profiles = with_missing(profiles, layout, rows.missing_columns)
    ahead = np.zeros(0, dtype=bool) if rows.ahead is None else rows.ahead[chosen]
    if not ahead.any():
        return profiles
    remarks = _remarks_so_far(profiles, layout)
    remarks[:, 0] = np.bincount(index[ahead], minlength=len(profiles))
    return replace(profiles, remarks=remarks)


def with_missing(profiles: DayProfiles, layout: Layout, columns: Sequence[str]) -> DayProfiles:
    """Return the profiles of a log that lacks the columns of some features altogether."""
    missing = [at for at, name in enumerate(layout.features) if name in columns]
    if not missing:
        return profiles
    remarks = _remarks_so_far(profiles, layout)
    for at in missing:
        remarks[:, REMARKS + at] = profiles.rows
    return replace(profiles, remarks=remarks)


def _remarks_so_far(profiles: DayProfiles, layout: Layout) -> np.ndarray:
    remarks = np.zeros((len(profiles), REMARKS + len(layout.features)), dtype=np.int64)
    return remarks if profiles.remarks is None else remarks + profiles.remarks


def with_replaced(profiles: DayProfiles, layout: Layout, replaced: Days) -> DayProfiles:
    """Return the profiles with the rows that a newer row of the same id replaced, given the day of each such row."""
    days, counts = np.unique(replaced, return_counts=True)
    here = np.isin(days, profiles.day)
    if not here.any():
        return profiles
    remarks = _remarks_so_far(profiles, layout)
    remarks[np.searchsorted(profiles.day, days[here]), 1] = counts[here]
    return replace(profiles, remarks=remarks)


def _count_numeric(  # noqa: PLR0917 - one private caller, in this order
    profiles: DayProfiles, layout: Layout, rows: LogRows, chosen: np.ndarray, days: _Days, part: slice
) -> None:
    """Count some of the numeric features at once."""
    names = layout.numeric[part]
    values = np.full((len(names), len(chosen)), np.nan)
    mistyped, limits = np.zeros(values.shape, dtype=bool), np.empty((len(names), 4))
    for i, name in enumerate(names):
        if (given := rows.features.get(name)) is not None:
            values[i] = given[chosen]
        if (flags := rows.mistyped.get(name)) is not None:
            mistyped[i] = flags[chosen]
        bins = layout.features[name]
        assert isinstance(bins, NumericBins)  # noqa: S101 - narrows the type for the checker
        profiles.counts[:, layout.counts_at[name]], limits[i] = _bin_counts(bins, values[i], days), bins.limits
    lowest, highest, first, last = limits.T[..., None]
    profiles.counts[:, layout.range_at[part]] = days.summed(values < lowest).T
    profiles.counts[:, layout.range_at[part] + 1] = days.summed(values > highest).T
    profiles.counts[:, layout.range_at[part] + 2] = days.summed(mistyped).T
    finite = np.isfinite(values)
    x = np.where(finite, values, 0.0)
    with np.errstate(over="ignore"):
        sums = (finite, x, x * x, np.where(values < first, x, 0.0), np.where(values >= last, x, 0.0))
        summed = np.stack([days.summed(each) for each in sums], axis=-1)
    at = slice(part.start * len(SUMS), (part.start + len(names)) * len(SUMS))
    profiles.sums[:, at] = np.swapaxes(summed, 0, 1).reshape(len(profiles), -1)
    values[~finite] = np.nan
    profiles.lows[:, part] = np.fmin.reduceat(values, days.starts, axis=-1).T
    profiles.highs[:, part] = np.fmax.reduceat(values, days.starts, axis=-1).T


def _bin_counts(bins: NumericBins, values: Floats, days: _Days) -> np.ndarray:
    """Return the counts of a numeric feature's bins and of its missing values, shape ``(days, width)``, the others zero.

    Sorted values are cut at the edges: a third of what it takes to look every value up.
    """
    counts, width = np.zeros((len(days.starts), bins.width), dtype=np.int64), len(bins.cuts)
    for row, start, rows in zip(counts, days.starts.tolist(), days.rows.tolist(), strict=True):
        ends = np.sort(values[start : start + rows]).searchsorted(bins.cuts)
        row[:width] = ends
        row[1:width] -= ends[:-1]
        row[width] = rows - ends[-1]
    return counts


def _level_counts(bins: CategoryBins, levels: list[str | None], days: _Days) -> np.ndarray:
    """Return the counts of a categorical feature, shape ``(days, width)``."""
    counts = np.zeros((len(days.starts), bins.width), dtype=np.int64)
    for row, start, rows in zip(counts, days.starts.tolist(), days.rows.tolist(), strict=True):
        for level, times in Counter(levels[start : start + rows]).items():
            row[bins.code(level)] += times
    return counts


def _count_score(profiles: DayProfiles, layout: Layout, score: Floats, days: _Days) -> None:
    bins, n_bins = layout.score, len(layout.score.edges) + 1
    codes = np.searchsorted(bins.edges, score, side="right")
    codes[np.isnan(score)] = n_bins
    table = days.table(codes, bins.width)
    if bins.lowest is not None and bins.highest is not None:
        with np.errstate(invalid="ignore"):
            table[:, n_bins + 1] = days.summed((score < bins.lowest) | (score > bins.highest))
    profiles.counts[:, layout.score_at] = table
    finite = np.where(np.isfinite(score), score, 0.0)
    with np.errstate(over="ignore"):
        profiles.sums[:, -2], profiles.sums[:, -1] = days.summed(finite), days.summed(finite * finite)


def fixed_layout(rows: LogRows, *, names: Iterable[str], score: ScoreBins, kinds: dict[str, FeatureKind]) -> Layout:
    """Fix the bins of every feature by the reference's rows."""
    features: dict[str, Bins] = {}
    for name in names:
        values = rows.features.get(name, np.array([]))
        if kinds[name] is FeatureKind.NUMERIC:
            features[name] = NumericBins.of(np.asarray(values, dtype=np.float64))
        else:
            features[name] = CategoryBins.of(np.asarray(values, dtype=object))
    return Layout(features, score)
