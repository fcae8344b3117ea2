"""The aggregate executor: the engine counts rows per bin, and only counts travel.

One statement counts all numeric features of a version, one all its levels, in long form (one branch per feature over a shared
subquery), at most ``FEATURES_AT_ONCE`` features and ``DAYS_AT_ONCE`` days at a time. What cannot be counted exactly is
fetched: days on which an id occurs more than once or a row arrived late, rows without a version, text where numbers belong; the
whole stretch where a time has no exact bounds (texts), where a numeric feature is a column of texts, or where the
engine refuses, as PostgreSQL does when a square is too large for a float.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from data_access.log_reader import is_text, value_of
from data_access.log_values import as_python, chosen
from data_access.model_output import class_codes, numbers
from data_access.normal_text import texts
from data_access.portable_sql import (
    as_float,
    bin_code,
    day_code,
    double,
    infinity,
    is_finite,
    is_text_value,
    squared,
    total,
    whole,
)
from monitoring.portfolio import Task
from monitoring.profile import REMARKS, CategoryBins, DayProfiles, NumericBins, level_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from data_access.log_reader import LogReader
    from data_access.log_values import Values
    from monitoring.portfolio import Model
    from monitoring.ports import Days, Floats
    from monitoring.profile import Layout, ScoreBins

FEATURES_AT_ONCE = 60
DAYS_AT_ONCE = 31


@dataclass(frozen=True, slots=True)
class Presence:
    """Rows per day and version: ``day`` (an index), the version as the log has it and as text, how many, how many are odd."""

    day: np.ndarray
    raw: Sequence[Any]
    version: np.ndarray
    rows: np.ndarray
    odd: np.ndarray


@dataclass(frozen=True)
class RowCounter:
    """Counts rows of the days ``days``, which begin at ``bounds`` (one more than days)."""

    reader: LogReader
    model: Model
    days: Days
    bounds: Sequence[sa.BindParameter[Any]]

    def presence(self) -> Presence:
        """Count rows per day and version, and those that are not plain: late ones, and text among numbers."""
        rows = self._rows
        name = self.reader.mapping.columns.version
        version = value_of(self.reader.log, name, rows) if name else sa.literal_column("0")
        odd = self._odd(rows)
        inner = sa.select(self._day(rows).label("d"), version.label("v"), odd.label("o"))
        coded = inner.where(*self.within(rows)).subquery("s")
        query = sa.select(coded.c.d, coded.c.v, sa.func.count().label("n"), sa.func.sum(coded.c.o).label("o"))
        day, raw, n, o = self.reader.fetched(query.group_by(coded.c.d, coded.c.v), 4)
        said = texts(raw) if name else np.full(len(raw), None, dtype=object)
        return Presence(_whole(day), as_python(raw), said, _whole(n), _whole(o))

    def profiles(self, layout: Layout, versions: Sequence[Any], rows: np.ndarray) -> DayProfiles | None:
        """Count the days of a version, which the log has under the names ``versions``; ``rows`` (days,) is 0 for the others."""
        day = np.flatnonzero(rows)
        if not len(day):
            return None
        n, numeric = len(self.days), len(layout.numeric)
        profiles = DayProfiles(
            self.days,
            rows,
            np.zeros((n, layout.n_counts), dtype=np.int64),
            np.zeros((n, layout.n_sums)),
            np.full((n, numeric), np.nan),
            np.full((n, numeric), np.nan),
        )
        self._count_numbers(profiles, layout, versions)
        self._count_levels(profiles, layout, versions)
        return DayProfiles(
            self.days[day],
            profiles.rows[day],
            profiles.counts[day],
            profiles.sums[day],
            profiles.lows[day],
            profiles.highs[day],
            self._remarks(layout, rows[day]),
        )

    def _remarks(self, layout: Layout, rows: np.ndarray) -> np.ndarray | None:
        """Return per day the rows whose column is not in the log, per feature; plain days have nothing else to remark."""
        missing = [at for at, name in enumerate(layout.features) if not self.reader.log.own_name(name)]
        if not missing:
            return None
        remarks = np.zeros((len(rows), REMARKS + len(layout.features)), dtype=np.int64)
        for at in missing:
            remarks[:, REMARKS + at] = rows
        return remarks

    # What is selected

    @property
    def _rows(self) -> sa.FromClause:
        return self.reader.log.rows("r")

    def within(self, rows: sa.FromClause, versions: Sequence[Any] | None = None) -> list[sa.ColumnElement[bool]]:
        """Return the condition for the days and the version."""
        reader = self.reader
        stamp = reader.log.column(reader.stamp.name, of=rows)
        conditions = [*reader.log.condition(rows), stamp >= self.bounds[0], stamp < self.bounds[-1]]
        name = reader.mapping.columns.version
        if versions is not None and name:
            version = value_of(reader.log, name, rows)
            conditions.append(sa.or_(*(version == sa.bindparam("version", raw, unique=True) for raw in versions)))
        return conditions

    def _day(self, rows: sa.FromClause) -> sa.ColumnElement[int]:
        return day_code(self.reader.stamp, rows, self.bounds[1:-1])

    def _odd(self, rows: sa.FromClause) -> sa.ColumnElement[int]:
        """Return 1 for a row that has to be looked at: arrived on another day, or text where a number belongs."""
        log, odd = self.reader.log, list[sa.ColumnElement[bool]]()
        if self.reader.arrived is not None:
            arrived = log.column(self.reader.arrived.name, of=rows)
            of_arrival = day_code(self.reader.arrived, rows, self.bounds[1:])
            before = arrived < self.bounds[0]
            odd.append(sa.and_(arrived.is_not(None), sa.or_(before, of_arrival != self._day(rows))))
        if log.is_sqlite:
            said, columns_of = self.model.task is Task.REGRESSION, self.reader.mapping.columns
            names = [feature.name for feature in self.model.features if feature.kind == NumericBins.kind]
            names += [*columns_of.probabilities, *filter(None, (columns_of.probability,))]
            names += [columns_of.prediction] if said and columns_of.prediction else []
            columns = [log.column(name, of=rows) for name in names if log.own_name(name)]
            odd += [is_text_value(column) for column in columns]
        return sa.case((sa.or_(*odd), whole(1)), else_=whole(0)) if odd else whole(0)

    # Numbers

    def _count_numbers(self, profiles: DayProfiles, layout: Layout, versions: Sequence[Any]) -> None:
        rows, log = self._rows, self.reader.log
        found: list[tuple[int, sa.ColumnElement[float], NumericBins | ScoreBins]] = []
        for at, (name, bins) in enumerate(layout.features.items()):
            if isinstance(bins, NumericBins) and log.own_name(name):
                found.append((at, as_float(log, name, rows), bins))
        score = score_of(self.reader, self.model, rows)
        if score is not None:
            found.append((len(layout.features), score, layout.score))
        for begin in range(0, len(found), FEATURES_AT_ONCE):
            part = found[begin : begin + FEATURES_AT_ONCE]
            query = self._counting_numbers(rows, part, versions)
            self._fill_numbers(profiles, layout, self.reader.fetched(query, 11))
        for name, bins in layout.features.items():
            if not log.own_name(name):
                nulls = len(bins.edges) + 1 if isinstance(bins, NumericBins) else bins.width - 1
                profiles.counts[:, layout.counts_at[name].start + nulls] = profiles.rows

    def _counting_numbers(
        self,
        rows: sa.FromClause,
        part: Sequence[tuple[int, sa.ColumnElement[float], NumericBins | ScoreBins]],
        versions: Sequence[Any],
    ) -> sa.Select[Any] | sa.CompoundSelect[Any]:
        columns: dict[int, list[sa.ColumnElement[Any]]] = {
            at: [number.label(f"x{at}"), bin_code(number, bins.edges).label(f"b{at}")] for at, number, bins in part
        }
        sources = self._coded(rows, columns, versions)
        branches = []
        for at, _, bins in part:
            coded = sources[at]
            x, code = coded.c[f"x{at}"], coded.c[f"b{at}"]
            finite = sa.case((is_finite(x), x), else_=sa.null())
            low, high = _outside(x, bins.lowest, bins.highest)
            counts = (sa.func.count(), low, high, sa.func.count(finite))
            sums = (sa.func.sum(finite), sa.func.sum(squared(finite)), sa.func.min(finite), sa.func.max(finite))
            measured = [each.label(f"m{i}") for i, each in enumerate((*counts, *sums))]
            branches.append(
                sa.select(coded.c.d.label("d"), whole(at).label("f"), code.label("b"), *measured).group_by(
                    coded.c.d, code
                )
            )
        return sa.union_all(*branches) if len(branches) > 1 else branches[0]

    def _coded(
        self, rows: sa.FromClause, columns: Mapping[int, Sequence[sa.ColumnElement[Any]]], versions: Sequence[Any]
    ) -> Mapping[int, sa.FromClause]:
        """Return what each feature's branch selects from: the day and its columns, shared where the engine shares it."""
        day, within = self._day(rows).label("d"), self.within(rows, versions)
        if self.reader.log.repeats_shared_queries:
            return {at: sa.select(day, *each).where(*within).subquery(f"s{at}") for at, each in columns.items()}
        together = (column for each in columns.values() for column in each)
        return dict.fromkeys(columns, sa.select(day, *together).where(*within).cte("s"))

    def _fill_numbers(self, profiles: DayProfiles, layout: Layout, found: Sequence[Values]) -> None:
        day, feature, code = (_whole(column) for column in found[:3])
        n, low, high, finite = (_whole(column) for column in found[3:7])
        sums, squares, lowest, highest = (numbers(column)[0] for column in found[7:])
        names = list(layout.features)
        for at in np.unique(feature):
            here = feature == at
            d, c = day[here], code[here]
            if at == len(names):  # the score
                start, extra = layout.score_at.start, len(layout.score.edges) + 2
                np.add.at(profiles.counts, (d, start + extra), low[here] + high[here])
                np.add.at(profiles.sums, (d, -2), np.nan_to_num(sums[here]))
                np.add.at(profiles.sums, (d, -1), np.nan_to_num(squares[here]))
                np.add.at(profiles.counts, (d, start + c), n[here])
                continue
            start, last = layout.counts_at[names[at]].start, layout.counts_at[names[at]].stop - 5
            np.add.at(profiles.counts, (d, start + c), n[here])
            for extra, counted in ((last + 2, low), (last + 3, high)):
                np.add.at(profiles.counts, (d, extra), counted[here])
            first_sum, x = layout.sums_at(names[at]).start, np.nan_to_num(sums[here])
            parts = (finite[here], x, np.nan_to_num(squares[here]), x * (c == 0), x * (c == last - start))
            for i, part in enumerate(parts):
                np.add.at(profiles.sums, (d, first_sum + i), part)
            column = layout.numeric.index(names[at])
            np.fmin.at(profiles.lows[:, column], d, lowest[here])
            np.fmax.at(profiles.highs[:, column], d, highest[here])

    # Levels

    def _count_levels(self, profiles: DayProfiles, layout: Layout, versions: Sequence[Any]) -> None:
        for at, values, (day, n) in self._levels(layout, versions):
            if at == len(layout.features):
                self._fill_classes(profiles, layout, class_codes(self.model, values), day, n)
                continue
            name = list(layout.features)[at]
            bins = layout.features[name]
            if isinstance(bins, CategoryBins):
                declared = self.reader.log.type_of(name)
                named = texts(values, is_boolean=isinstance(declared, sa.Boolean))
                np.add.at(profiles.counts, (day, layout.counts_at[name].start + _level_codes(bins, named)), n)

    def _levels(
        self, layout: Layout, versions: Sequence[Any]
    ) -> Iterator[tuple[int, Values, tuple[np.ndarray, np.ndarray]]]:
        """Yield per categorical feature (and for hard classes the prediction) its levels, with the day and count of each."""
        log = self.reader.log
        wanted = [
            (at, name)
            for at, (name, bins) in enumerate(layout.features.items())
            if isinstance(bins, CategoryBins) and log.own_name(name)
        ]
        if score_of(self.reader, self.model, self._rows) is None:
            wanted.append((len(layout.features), self.reader.mapping.columns.prediction or ""))
        alike = [each for each in wanted if log.is_sqlite or is_text(log.type_of(each[1]))]
        groups = [alike[at : at + FEATURES_AT_ONCE] for at in range(0, len(alike), FEATURES_AT_ONCE)]
        # Levels of one type fit in one statement; what is neither text nor on SQLite has one of its own.
        groups += [[each] for each in wanted if each not in alike]
        for group in groups:
            day, feature, values, n = self.reader.fetched(self._counting_levels(group, versions), 4)
            of = _whole(feature)
            for at, _ in group:
                which = of == at
                yield at, chosen(values, which), (_whole(day)[which], _whole(n)[which])

    def _counting_levels(
        self, group: Sequence[tuple[int, str]], versions: Sequence[Any]
    ) -> sa.Select[Any] | sa.CompoundSelect[Any]:
        rows = self._rows
        columns = {at: [value_of(self.reader.log, name, rows).label(f"l{at}")] for at, name in group}
        branches = []
        for at, coded in self._coded(rows, columns, versions).items():
            day, level = coded.c.d, coded.c[f"l{at}"]
            selected = (day.label("d"), whole(at).label("f"), level.label("l"), sa.func.count().label("n"))
            branches.append(sa.select(*selected).group_by(day, level))
        return sa.union_all(*branches) if len(branches) > 1 else branches[0]

    def _fill_classes(
        self, profiles: DayProfiles, layout: Layout, score: Floats, day: np.ndarray, n: np.ndarray
    ) -> None:
        """Count hard classes as scores."""
        bins, start = layout.score, layout.score_at.start
        codes = np.searchsorted(bins.edges, score, side="right")
        codes[np.isnan(score)] = len(bins.edges) + 1
        np.add.at(profiles.counts, (day, start + codes), n)
        known = np.isfinite(score)
        for at, power in ((-2, 1), (-1, 2)):
            sums = profiles.sums[:, at]  # a view
            np.add.at(sums, day[known], score[known] ** power * n[known])


def score_of(reader: LogReader, model: Model, rows: sa.FromClause) -> sa.ColumnElement[float] | None:
    """Return what a model said as one number, nothing for hard classes.

    Raises:
        NotCountableError: its column holds texts, which only the reader of rows takes for numbers.
    """
    columns = reader.mapping.columns
    if model.task is Task.MULTICLASS and columns.probabilities:
        each = probabilities_of(reader, rows)
        largest = [sa.and_(*(p >= other for other in each if other is not p)) for p in each]
        known = sa.and_(*(p <= infinity() for p in each))
        rungs = [(sa.and_(known, is_largest), p) for is_largest, p in zip(largest, each, strict=True)]
        return sa.case(*rungs, else_=sa.null())
    name = columns.prediction if model.task is Task.REGRESSION else columns.probability
    if name is None or model.task is Task.MULTICLASS:
        return None
    return as_float(reader.log, name, rows)


def probabilities_of(reader: LogReader, rows: sa.FromClause) -> list[sa.ColumnElement[float]]:
    """Return the probability of each class."""
    return [as_float(reader.log, name, rows) for name in reader.mapping.columns.probabilities]


def _level_codes(bins: CategoryBins, values: np.ndarray) -> np.ndarray:
    n = len(bins.levels)
    known: dict[object, int] = {level: code for code, level in enumerate(bins.levels)} | {None: n + 2}
    codes = [
        known[value] if value in known else n + (level_digest(str(value)) not in bins.rare) for value in values.tolist()
    ]
    return np.array(codes, dtype=np.intp)


def _outside(
    x: sa.ColumnElement[float], lowest: float | None, highest: float | None
) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    """Return how many values are below and above the known bounds."""
    low, high = whole(0), whole(0)
    if lowest is not None and not np.isnan(lowest):
        low = total(x < double(lowest))
    if highest is not None and not np.isnan(highest):
        high = total(sa.and_(x > double(highest), x <= infinity()))
    return low, high


def _whole(values: Values) -> np.ndarray:
    """Return counts and codes as integers, a missing sum as none."""
    return np.nan_to_num(numbers(values)[0]).astype(np.int64)
