"""Changes of unit that stay inside the old range, and columns that were exchanged: told by the whole distribution.

Mean and spread alone do not tell miles that became kilometres from a column that drifted (METHODS section 6). All bins together do:
the values of two days in a row are what a known change of unit makes of the values of the last 14 clean days, and nothing that
the reference's own days ever looked like. What changed by any other rule stays drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from monitoring.drift import Columns, null_variations
from monitoring.profile import NUMERIC_EXTRAS, NumericBins
from monitoring.scale_change import BASELINE_DAYS, ENOUGH_ROWS, KNOWN_FACTORS, MINIMUM_ROWS
from monitoring.window import rolling_sum

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from monitoring.ports import Flags, Floats
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference

SMALLEST_FACTOR = 1.5
"""Between smaller factors and drift the bins cannot tell."""
SMALLEST_INDEX, SUSPECT_TIMES = 0.10, 2.0
PROVEN = 12.0
"""Difference of the log-likelihoods of two days: by chance once in some 20,000 (e^-10), for each factor and pair of days."""
WITHIN, ROUGH_SHARE = 3.1, 0.01
"""A factor may lie 2.5 standard errors from the best one: half of 2.5 squared in log-likelihood, and what the rough shape costs."""
SHARE_OF_PAIR = 0.25
JUMP = 5.0
"""Standard deviations of what pairs of ordinary days do in the direction of the change."""
BADLY_EXPLAINED = 0.3
ROUGHNESS = 0.05
"""PSI by which the shape inside a bin, which is not known, may mislead."""
MOVED_BY_CHANCE = 1e-3
DAYS_TO_END = 4
ATOMS = 6
SWAPPED = np.nan


@dataclass(frozen=True)
class Transformation:
    """What a change of unit does to a value: ``factor`` times it, and ``offset`` on top."""

    factor: float
    offset: float = 0.0


FLIPPED = Transformation(-1.0)
TRANSFORMATIONS = (
    *(Transformation(float(f)) for f in KNOWN_FACTORS if abs(np.log(f)) >= np.log(SMALLEST_FACTOR)),
    FLIPPED,
    Transformation(1.8, 32.0),
    Transformation(1 / 1.8, -32.0 / 1.8),
)
FACTORS = np.array([each.factor for each in TRANSFORMATIONS])
OFFSETS = np.array([each.offset for each in TRANSFORMATIONS])
NEARBY = np.array([0.8, 0.85, 0.9, 0.95, 0.98, 1.0, 1.02, 1.05, 1.1, 1.15, 1.25])
AS_KNOWN = np.abs(NEARBY - 1) < 0.03


@dataclass(frozen=True)
class Shape:
    """A numeric feature as bins with the places of their values; the outermost two bins lie beyond the reference's range.

    ``edges`` (bins - 1,) are the cuts; ``at`` and ``bin_of`` (atoms,) are places inside the bins and which bin they stand for,
    each with the same share of it.
    """

    edges: Floats
    at: Floats
    bin_of: np.ndarray
    share: Floats

    @classmethod
    def of(cls, bins: NumericBins, outer_means: tuple[float, float]) -> Shape:
        """Place values evenly inside each bin; in the two long ones at the ends so that they have their mean."""
        inner = np.array(bins.edges)
        cuts = np.array([bins.lowest, *bins.edges, bins.highest])
        quantiles = (np.arange(ATOMS) + 0.5) / ATOMS
        low, high = cuts[:-1, None], cuts[1:, None]
        places = low + (high - low) * quantiles
        # Exponential tails with the mean of the bin, no longer than the bin.
        tail = -np.log1p(-quantiles)
        places[-1] = np.minimum(inner[-1] + (outer_means[1] - inner[-1]) * tail, bins.highest)
        places[0] = np.maximum(inner[0] - (inner[0] - outer_means[0]) * tail, bins.lowest)
        whole = np.array_equal(cuts, np.round(cuts))
        if whole:  # whole numbers lie on whole numbers; a bin holds its lower edge and not its upper one
            places[:-1] = np.minimum(np.floor(places[:-1]), np.maximum(high[:-1] - 1, low[:-1]))
            places[-1] = np.floor(places[-1])
        n = len(cuts) - 1
        at = np.concatenate(([bins.lowest], places.ravel(), [bins.highest]))
        bin_of = np.concatenate(([0], np.repeat(np.arange(1, n + 1), ATOMS), [n + 1]))
        edges = np.array([bins.lowest, *bins.edges, np.nextafter(bins.highest, np.inf)])
        return cls(edges, at, bin_of, np.where((bin_of == 0) | (bin_of == n + 1), 1.0, 1.0 / ATOMS))

    def moved(self, base: np.ndarray, factors: Floats, offsets: Floats, *, onto: Shape | None = None) -> Floats:
        """Return the counts ``(transformations, bins)`` that ``base`` ``(bins,)`` would give after each transformation."""
        return self._counted(base, self._codes(onto or self, factors, offsets), width=len((onto or self).edges) + 1)

    def transformed(self, base: np.ndarray) -> Floats:
        """Return the same after each of ``TRANSFORMATIONS``."""
        return self._counted(base, self._transformed, width=len(self.edges) + 1)

    @cached_property
    def _transformed(self) -> np.ndarray:
        return self._codes(self, FACTORS, OFFSETS)

    def _codes(self, onto: Shape, factors: Floats, offsets: Floats) -> np.ndarray:
        """Return where each atom goes, numbered through all transformations; ``(transformations, atoms)``."""
        place = np.searchsorted(onto.edges, factors[:, None] * self.at + offsets[:, None], side="right")
        return place + np.arange(len(factors))[:, None] * (len(onto.edges) + 1)

    def _counted(self, base: np.ndarray, codes: np.ndarray, *, width: int) -> Floats:
        rows = len(codes)
        weights = np.broadcast_to(base[self.bin_of] * self.share, codes.shape)
        counts: Floats = np.bincount(codes.ravel(), weights=weights.ravel(), minlength=rows * width).astype(np.float64)
        return counts.reshape(rows, width)


def _log_ratio(moved: Floats, base: np.ndarray) -> Floats:
    """Return log(p after / p before) per bin, half a row added to each; shape as ``moved``."""
    total = base.sum() + 0.5 * moved.shape[-1]
    ratios: Floats = np.log((moved + 0.5) / total) - np.log((base + 0.5) / total)
    return ratios


def _index(base: np.ndarray, current: np.ndarray) -> Floats:
    """Return the PSI of counts ``(..., bins)`` against ``base``, both in ten or so bins."""
    half = 0.5 * base.shape[-1]
    r, q = (
        (base + 0.5) / (base.sum(axis=-1, keepdims=True) + half),
        (current + 0.5) / (current.sum(axis=-1, keepdims=True) + half),
    )
    index: Floats = ((q - r) * np.log(q / r)).sum(axis=-1)
    return index


@dataclass(frozen=True)
class Found:
    """A change that explains two days: which transformation, or the other column that the values come from."""

    number: int = -1
    other: int = -1

    @property
    def factor(self) -> float:
        """The factor to show; missing for exchanged columns."""
        return SWAPPED if self.other >= 0 else float(FACTORS[self.number])


@dataclass(frozen=True)
class Pair:
    """Two days in a row of one feature, and what came before: counts in the bins of its shape.

    ``days`` (2, bins), ``base_days`` (days, bins), ``reference_days`` (days, bins). ``known`` is the PSI of a day of the
    reference beyond sampling and its degrees of freedom; ``coarse`` (bins,) the bin of the test of each bin.
    """

    days: np.ndarray
    base_days: np.ndarray
    reference_days: np.ndarray
    known: tuple[float, float]
    coarse: np.ndarray

    @cached_property
    def base(self) -> np.ndarray:
        """All baseline days together."""
        total: np.ndarray = self.base_days.sum(axis=0)
        return total

    @cached_property
    def own(self) -> np.ndarray:
        """Pairs of days in a row ``(pairs, bins)`` of the reference, and of the baseline."""
        pairs = [days[:-1] + days[1:] for days in (self.reference_days, self.base_days) if len(days) > 1]
        return np.concatenate(pairs) if pairs else np.zeros((0, self.days.shape[1]))

    @cached_property
    def variation(self) -> tuple[float, float]:
        """How much a day varies, in the reference or on the baseline's days, whichever says more: PSI, and freedom."""
        return max(self.known, _variation(self.base_days, self.coarse), key=lambda found: found[0] / found[1])

    @cached_property
    def weight(self) -> float:
        """Share of the two days' rows that is independent: days that differ by themselves say less than their rows.

        Where they differ in one direction only, as when all values of a day go up together, that direction says least.
        """
        return self._weight(*self.variation)

    def _weight(self, extra: float, freedom: float) -> float:
        n = float(self.days.sum())
        return 1 / n / (1 / n + 1 / max(float(self.base.sum()), 1.0) + extra / freedom)

    def proves(self, moved: Floats) -> tuple[Flags, Floats]:
        """Return per transformation ``(transformations, bins)`` whether it is proven, and its log-likelihood gained.

        Where the rows would not prove any if only the reference's days varied, the gain is said as if they did.
        """
        ratios = _log_ratio(moved, self.base)
        gains, rows = ratios @ self.days.T, self.days.sum(axis=1)
        total = gains.sum(axis=1)
        per_row, each = total / rows.sum(), gains / rows
        lasting = (each >= SHARE_OF_PAIR * per_row[:, None]).all(axis=1)
        at_most = total * self._weight(*self.known)
        proven: Flags = (at_most >= PROVEN) & lasting
        if not proven.any():  # most pairs end here: how the baseline's own days vary need not be known
            return proven, at_most
        own = ratios @ self.own.T / np.maximum(self.own.sum(axis=1), 1)
        sudden = per_row >= np.maximum(own.max(axis=1), own.mean(axis=1) + JUMP * own.std(axis=1))
        gained = total * self.weight
        return proven & (gained >= PROVEN) & sudden, gained


def _fits(pair: Pair, moved: Floats, *, allowed: float) -> bool:
    """Return whether the two days look like what the transformation makes of the baseline, in the bins of the test."""
    current, explained, before = (
        np.bincount(pair.coarse, weights=values) for values in (pair.days.sum(axis=0), moved, pair.base)
    )
    left = float(_index(explained, current))
    return left <= allowed and left <= BADLY_EXPLAINED * float(_index(before, current))


class UnitChanges:
    """The search for changes of unit inside the range, over days in service with at least 10 rows.

    Args:
        reference: fixes the bins and says how days vary.
        profiles: days in service.
        unusable: days and features ``(days, numeric features)`` that are broken or explained otherwise.
        values: the days' counts in the reference's ``bins_of_values``, shape ``(days, bins)``.
        searched: on so many of the first days it is known that no change began.
    """

    def __init__(
        self, reference: Reference, profiles: DayProfiles, unusable: Flags, values: np.ndarray, *, searched: int = 0
    ) -> None:
        self.reference, self.layout = reference, reference.layout
        self.names = self.layout.numeric
        known = reference.profiles
        self.reference_days = np.flatnonzero(known.rows >= MINIMUM_ROWS)
        self.days = np.flatnonzero(profiles.rows >= MINIMUM_ROWS)
        self.profiles, self.unusable, self.values = profiles, unusable[self.days], values[self.days]
        self.bins = reference.bins_of_values
        self.start = int(np.searchsorted(self.days, searched))
        self.shape: dict[int, Shape] = {}
        self.counted: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @cached_property
    def variation(self) -> tuple[Floats, Floats]:
        """PSI of a day of the reference beyond sampling, and its degrees of freedom; shape ``(features,)``."""
        columns = self.bins.columns
        days = self.bins(self.reference.profiles.counts[self.reference_days])
        if len(days) < 2 or not self.reference.has_days:
            return np.zeros(len(columns)), np.maximum(columns.widths - 1.0, 1.0)
        found = null_variations(columns, days, window_days=1)
        return found.extra, found.freedom

    @cached_property
    def indices(self) -> tuple[Floats, Floats]:
        """PSI of each two days in a row against the 14 days before them, and its mean by sampling alone; ``(days, features)``.

        The days are those from ``start`` on, with the day before them; missing (NaN) where one cannot be judged.
        """
        columns, first = self.bins.columns, max(self.start - 1, 0)
        needed = max(first - BASELINE_DAYS - 1, 0)
        unusable = np.zeros((len(self.days) - needed, len(columns)), dtype=bool)
        unusable[:, : len(self.names)] = self.unusable[needed:]
        every = self.values[needed:] * columns.spread(~unusable)
        missing = BASELINE_DAYS + 1 - first
        if missing > 0:
            days = self.reference_days[-BASELINE_DAYS:]
            every = np.concatenate((self.bins(self.reference.profiles.counts[days]), every))
        base = np.zeros(every.shape, dtype=every.dtype)
        base[2:] = rolling_sum(every, days=BASELINE_DAYS)[:-2]
        here = len(self.days) - first
        pairs, base, unusable = rolling_sum(every, days=2)[-here:], base[-here:], unusable[-here:]
        n, n_base = columns.summed(pairs), columns.summed(base)
        usable = ~unusable & (n >= 2 * ENOUGH_ROWS) & (n_base > 0)
        usable[1:] &= ~unusable[:-1]
        usable[:1] = False  # its pair was searched, or there is none
        with np.errstate(divide="ignore", invalid="ignore"):
            r = (base + 0.5) / columns.spread(n_base + 0.5 * columns.widths)
            q = (pairs + 0.5) / columns.spread(n + 0.5 * columns.widths)
            index = columns.summed((q - r) * np.log(q / r))
            mean = (columns.widths - 1) * (1 / n + 1 / n_base)
        return np.where(usable, index, np.nan), mean

    @cached_property
    def suspect(self) -> Flags:
        """Where two days in a row of a numeric feature may have changed, ``(days, numeric features)``; no day before ``start``."""
        n = len(self.names)
        index, sampling = (each[:, :n] for each in self.indices)
        flags: Flags = np.zeros((len(self.days), n), dtype=bool)
        with np.errstate(invalid="ignore"):
            high = index > np.maximum(SMALLEST_INDEX, SUSPECT_TIMES * sampling)
            if high.any():  # seldom: how days of the reference vary need not be known before
                high &= index > SUSPECT_TIMES * (sampling + self.variation[0][:n])
        flags[-len(index) :] = high
        return flags

    def population_moved(self, i: int, but: AbstractSet[int]) -> bool:
        """Return whether the features, ``but`` some, moved on day ``i`` and the day before more than their own days explain.

        The sum of PSI over its mean, each times its degrees of freedom, is about chi-square without a change.
        """
        (indices, means), (_, freedom) = self.indices, self.variation
        index, mean = indices[i - len(self.days)], means[i - len(self.days)] + self.variation[0]
        others = np.array([at not in but and np.isfinite(index[at]) for at in range(len(index))], dtype=bool)
        if not others.any():
            return False
        total = float((freedom * index / mean)[others].sum())
        return bool(special.gammaincc(float(freedom[others].sum()) / 2, total / 2) < MOVED_BY_CHANCE)

    def _numeric(self, at: int) -> NumericBins:
        bins = self.layout.features[self.names[at]]
        assert isinstance(bins, NumericBins)  # noqa: S101 - only numeric features are asked for
        return bins

    def _shape(self, at: int) -> Shape:
        if at not in self.shape:
            bins = self._numeric(at)
            sums = self.reference.profiles.numeric_sums[:, at].sum(axis=0)
            counts = self.reference.counts[self.layout.counts_at[self.names[at]]]
            first, last = counts[0], counts[len(bins.edges)]
            middle = (bins.lowest + bins.edges[0]) / 2, (bins.edges[-1] + bins.highest) / 2
            means = (sums[3] / first if first else middle[0], sums[4] / last if last else middle[1])
            self.shape[at] = Shape.of(bins, (float(means[0]), float(means[1])))
        return self.shape[at]

    def _counts(self, at: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the counts of a feature in the bins of its shape, of the reference's days and of those in service."""
        if at not in self.counted:
            bins, first = len(self._numeric(at).edges) + 1, self.layout.counts_at[self.names[at]].start
            beyond, parts = self.layout.range_at[at], []
            for profiles, days in ((self.reference.profiles, self.reference_days), (self.profiles, self.days)):
                counts = profiles.counts[days]
                inside, below, above = counts[:, first : first + bins].copy(), counts[:, beyond], counts[:, beyond + 1]
                inside[:, 0] -= below
                inside[:, -1] -= above
                parts.append(np.maximum(np.column_stack((below, inside, above)), 0))
            self.counted[at] = parts[0], parts[1]
        return self.counted[at]

    def _coarse(self, at: int) -> np.ndarray:
        """Return the bin of the test of each bin of a feature's shape."""
        bins = self.layout.features[self.names[at]].test_bins
        inner = bins[: len(bins) - len(NUMERIC_EXTRAS)]
        return np.concatenate(([0], inner + 1, [int(inner.max()) + 2]))

    def _pair(self, at: int, i: int, base_days: np.ndarray) -> Pair:
        reference, live = self._counts(at)
        known = float(self.variation[0][at]), float(self.variation[1][at])
        return Pair(live[i - 1 : i + 1], base_days, reference, known, self._coarse(at))

    def _allowed(self, at: int, pair: Pair) -> float:
        freedom = max(int(self.bins.columns.widths[at]) - 1, 1)
        sampling = freedom * (1 / float(pair.days.sum()) + 1 / max(float(pair.base.sum()), 1.0))
        return 2 * (sampling + pair.variation[0]) + ROUGHNESS

    def unit(self, at: int, i: int, base_days: np.ndarray) -> Found | None:
        """Return the change of unit that explains day ``i`` and the day before it, if one does."""
        shape, pair = self._shape(at), self._pair(at, i, base_days)
        moved = shape.transformed(pair.base)
        proven, gained = pair.proves(moved)
        if not proven.any():
            return None
        best = int(np.where(proven, gained, -np.inf).argmax())
        near = shape.moved(pair.base, FACTORS[best] * NEARBY, np.full(len(NEARBY), OFFSETS[best]))
        around = _log_ratio(near, pair.base) @ pair.days.sum(axis=0) * pair.weight
        if around[AS_KNOWN].max() < (1 - ROUGH_SHARE) * around.max() - WITHIN:
            return None
        return Found(best) if _fits(pair, moved[best], allowed=self._allowed(at, pair)) else None

    def swapped(self, at: int, other: int, i: int, bases: tuple[np.ndarray, np.ndarray]) -> bool:
        """Return whether two columns show each other's values on day ``i`` and the day before."""
        for (a, b), (mine, theirs) in (((at, other), bases), ((other, at), bases[::-1])):
            pair = self._pair(a, i, mine)
            moved = self._shape(b).moved(theirs.sum(axis=0), np.ones(1), np.zeros(1), onto=self._shape(a))
            moved *= pair.base.sum() / max(float(moved.sum()), 1.0)
            proven, _ = pair.proves(moved)
            if not proven[0] or not _fits(pair, moved[0], allowed=self._allowed(a, pair)):
                return False
        return True

    def ratio(self, at: int, change: Found, bases: dict[int, np.ndarray]) -> Floats:
        """Return per bin how much more likely a value is after a change than before, as a logarithm."""
        base = bases[at].sum(axis=0)
        if change.other >= 0:
            theirs = bases[change.other].sum(axis=0)
            moved = self._shape(change.other).moved(theirs, np.ones(1), np.zeros(1), onto=self._shape(at))
            moved *= base.sum() / max(float(moved.sum()), 1.0)
        else:
            moved = self._shape(at).moved(base, FACTORS[change.number, None], OFFSETS[change.number, None])
        ratio: Floats = _log_ratio(moved, base)[0]
        return ratio

    def found(self) -> tuple[Flags, Floats]:
        """Return the days that show a change of unit, the first two together, and the factor; ``(all days, features)``.

        Exchanged columns have the factor NaN. Days are judged in order, each from the days before it.
        """
        shape = self.profiles.rows.shape[0], len(self.names)
        bad, factors = np.zeros(shape, dtype=bool), np.ones(shape)
        if self.start >= len(self.days) or not self.names or not self.suspect.any():
            return bad, factors
        search = _Search(self)
        search.run()
        bad[self.days], factors[self.days] = search.bad, search.factors
        return bad, factors


class _Search:
    """Day after day: which features show a change of unit, and which days are clean enough to compare the next ones with."""

    def __init__(self, changes: UnitChanges) -> None:
        self.changes, self.suspect = changes, changes.suspect
        self.bad, self.factors = np.zeros(self.suspect.shape, dtype=bool), np.ones(self.suspect.shape)
        self.clean = ~changes.unusable
        self.open: dict[int, tuple[Floats, float]] = {}
        self.quiet: dict[int, int] = {}

    def run(self) -> None:
        """Go through the days; most of them show nothing."""
        any_suspect: list[bool] = np.any(self.suspect, axis=1).tolist()
        for i in range(max(self.changes.start, 1), len(self.suspect)):
            for at in list(self.open):
                self._go_on(at, i)
            if any_suspect[i]:
                self._begin(i)

    def _base_days(self, at: int, i: int) -> np.ndarray:
        """Return the last 14 clean days before day ``i - 1``, those of the reference before any in service."""
        reference, live = self.changes._counts(at)  # noqa: SLF001 - two halves of one search
        days = live[np.flatnonzero(self.clean[: i - 1, at])[-BASELINE_DAYS:]]
        missing = BASELINE_DAYS - len(days)
        return np.concatenate((reference[-missing:], days)) if missing else days

    def _go_on(self, at: int, i: int) -> None:
        """Keep a change open while days look like it; four in a row that do not end it."""
        if self.changes.unusable[i, at]:
            return
        ratio, factor = self.open[at]
        live = self.changes._counts(at)[1]  # noqa: SLF001 - two halves of one search
        if live[i] @ ratio > 0:
            self._mark(at, i, factor)
            self.quiet[at] = 0
            return
        self.quiet[at] += 1
        if self.quiet[at] >= DAYS_TO_END:
            del self.open[at]

    def _mark(self, at: int, i: int, factor: float) -> None:
        self.bad[i, at], self.clean[i, at], self.factors[i, at] = True, False, factor

    def _begin(self, i: int) -> None:
        """Look for the one change that explains the features that moved on day ``i`` and the day before.

        Where others moved too, or by another factor, the population has changed, and no unit.
        """
        changes = self.changes
        bases = {int(at): self._base_days(int(at), i) for at in np.flatnonzero(self.suspect[i]) if at not in self.open}
        moved = [at for at, days in bases.items() if len(days) > 1]
        found: dict[int, Found] = {}
        for at, other in combinations(moved, 2):
            if not found.keys() & {at, other} and changes.swapped(at, other, i, (bases[at], bases[other])):
                found |= {at: Found(other=other), other: Found(other=at)}
        for at in moved:
            if at not in found and (change := changes.unit(at, i, bases[at])) is not None:
                found[at] = change
        for same in {self._with_the_same(at, found) for at in found}:
            if changes.population_moved(i, same | self.open.keys()):
                continue
            for at in same:
                self.open[at] = changes.ratio(at, found[at], bases), found[at].factor
                self.quiet[at] = 0
                self._mark(at, i - 1, found[at].factor)
                self._mark(at, i, found[at].factor)

    @staticmethod
    def _with_the_same(at: int, found: dict[int, Found]) -> frozenset[int]:
        """Return the features that one cause explains: the same change of unit, or an exchange."""
        change = found[at]
        if change.other >= 0:
            return frozenset({at, change.other})
        return frozenset(each for each, other in found.items() if other == change)


def _variation(days: np.ndarray, coarse: np.ndarray) -> tuple[float, float]:
    """Return the PSI of days ``(days, bins)`` against all of them beyond sampling, and its degrees of freedom."""
    merged = np.stack([np.bincount(coarse, weights=day) for day in days])
    found = null_variations(Columns.of([merged.shape[1]]), merged, window_days=1)
    return float(found.extra[0]), float(found.freedom[0])
