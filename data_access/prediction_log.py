"""A model's prediction log, read as it is mapped: only the days and columns that are asked for, column by column."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from data_access.log_counting import SqlCounting
from data_access.log_days import LogDays
from data_access.log_entries import NO_TEXTS, Entries, joined
from data_access.log_reader import LogReader, as_text, first_column
from data_access.log_values import as_python
from data_access.model_output import label_values, numbers, output
from data_access.normal_text import coded_texts, texts
from data_access.reference_rows import LogReferences
from data_access.repeated_ids import (
    any_several_labels,
    any_several_labels_some_undated,
    any_several_rows,
    arriving,
    several_labels,
    several_of,
    several_rows,
)
from data_access.supersession import NEVER, days_replaced, have_several, is_repeated
from data_access.timestamps import as_date, local_days
from monitoring.counting import FetchedRows
from monitoring.portfolio import FeatureKind, Model
from monitoring.ports import LabelledRows, LogRows, ReferenceRows, ReplacedRows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from typing import Any

    from data_access.log_connections import LogConnections
    from data_access.log_mapping import LogMapping
    from data_access.log_reader import Conditions
    from monitoring.counting import LogCounting
    from monitoring.ports import CodedTexts, Days, Flags, Floats, Texts

    Bounds = tuple[np.datetime64, np.datetime64]

AHEAD = np.timedelta64(1, "D")
"""A row stamped more than this after it arrived is stamped in the future; clocks and zones explain less."""


class SqlPredictionLog:
    """A ``PredictionLog`` over any table SQLAlchemy reaches; tried on SQLite, PostgreSQL and Parquet files through DuckDB.

    The database selects by bounds an index can answer, possibly some rows too many; which rows count, and on which local
    day, is decided here, the same for every engine. The log is taken not to change while the object lives, which is one
    assessment of one model.
    """

    def __init__(self, connections: LogConnections, model: Model, mapping: LogMapping) -> None:
        self.model = model
        self.mapping = mapping
        self.days = local_days(model.timezone)
        self.reader = LogReader(connections, model, mapping)
        self._connections = connections
        self._log_days = LogDays(self.reader, self.days)
        self._several: dict[tuple[str, Bounds], bool] = {}

    # What the core asks for

    def extent(self) -> tuple[date, date] | None:
        """Return the first and last local day with rows or labels arriving, or nothing for an empty log."""
        return self._log_days.extent

    def day_counts(
        self, *, first: date, last: date, known: Mapping[date, tuple[int, int]] | None = None
    ) -> dict[date, tuple[int, int]]:
        """Return per day the raw rows of that day and the labels that arrived on it: cheap, to notice changed days.

        ``known`` is what was returned before: its older days are looked at in one sum, and one by one when that changed.
        """
        return self._log_days.counts(first=first, last=last, known=known)

    def days_replaced(self, *, first: date, last: date) -> set[date]:
        """Return the days that lost a row or a label to a newer one of the same id, on a later day, arriving in the range.

        A day is that of the row for rows, and that of its arrival for labels.
        """
        if not self.reader.has_ids:
            return set()
        bounds = self.days.bounds(first, last)
        low, high = np.datetime64(first, "D"), np.datetime64(last, "D")
        days, ids = np.empty(0, dtype="datetime64[D]"), []
        if self.have_several_rows(bounds):
            several = several_rows(self.reader, arriving(self.reader, *bounds))
            entries = self.rows_of_several(bounds)
            arrived = np.maximum(self.days.of(entries.stamp), self.days.of(entries.arrived))
            valid_to = self._row_ends(entries, entries)
            days = self.days.of(entries.stamp)[(valid_to >= low) & (valid_to <= high) & (valid_to > arrived)]
            ids.append(several)
        if self._have_several_labels(bounds):
            ids.append(several_labels(self.reader, *bounds, has_undated=self.reader.has_undated))
        if self.mapping.label_column is not None:
            for several in ids:
                arrival, valid_to = self._pair_days(self._pairs_of(several))
                days = np.concatenate([days, arrival[(valid_to >= low) & (valid_to <= high) & (valid_to > arrival)]])
        return {as_date(day) for day in np.unique(days)}

    def rows(self, *, first: date, last: date) -> LogRows:
        """Return the rows whose local day lies in the range."""
        start, end = bounds = self.days.bounds(first, last)
        has_several = self.reader.has_ids and self.have_several_rows(bounds)
        entries = self.reader.rows_between(start, end, with_ids=has_several)
        later = None
        if len(entries) and has_several:
            rows = self.reader.log.rows("r")
            inner = sa.select(self.reader.id_of(rows)).where(*self.reader.log.condition(rows))
            inner = inner.where(self.reader.stamp.between(rows, start, end))
            outer = self.reader.log.rows("o")
            later = self.reader.times_of(outer, inner, [self.reader.stamp.since(outer, end)])
        return self._log_rows(entries, later)

    def labelled(self, *, first_arrival: date, last_arrival: date) -> LabelledRows:
        """Return the pairs whose label arrived in the range, whatever their prediction day."""
        first, last = np.datetime64(first_arrival, "D"), np.datetime64(last_arrival, "D")
        bounds = self.days.bounds(first_arrival, last_arrival)
        if self.mapping.label_column is None:
            return self._no_pairs()
        found, *newer = self._in_log(bounds) if self.reader.labels is None else self._in_table(bounds)
        return self._pairs(found, *newer, first=first, last=last)

    def counting(self, *, first: date, last: date) -> LogCounting:
        """Return the days on their way to profiles, by the connection's executor: fetched rows, or counts of the engine."""
        if self.reader.log.counts:
            return SqlCounting(self, first=first, last=last)
        return FetchedRows(self.rows(first=first, last=last), self.labelled(first_arrival=first, last_arrival=last))

    def reference(self, version: str) -> ReferenceRows | None:
        """Return the reference of ``version`` (its own or the one it inherits), or nothing while there is none."""
        return self._references.reference(version)

    def reference_key(self, version: str) -> str:
        """Return a text that changes when the version's reference would (its table and fingerprint, or its period)."""
        return self._references.key(version)

    def of_table(self, mapping: LogMapping) -> SqlPredictionLog:
        """Return another table of the same model as a log, such as a reference."""
        return SqlPredictionLog(self._connections, self.model, mapping)

    @cached_property
    def _references(self) -> LogReferences:
        return LogReferences(self.model, self.mapping, self._connections, log=self, of_table=self.of_table)

    # Which rows count

    def have_several_rows(self, bounds: Bounds) -> bool:
        """Whether any id of the rows arriving in the range occurs more than once in the log."""
        key, everything = ("rows", bounds), self.reader.all_rows
        if everything is not None and not everything.has_several:
            self._several[key] = False
        if key not in self._several:
            found = self.reader.asked("several rows", any_several_rows, start=bounds[0], end=bounds[1])
            self._several[key] = as_python(found["more"])[0] > 0
        return self._several[key]

    def rows_of_several(self, bounds: Bounds) -> Entries:
        """Return id and time of all rows whose id occurs more than once and has a row arriving in the range."""
        return self.reader.times_of(
            self.reader.log.rows("o"), several_rows(self.reader, arriving(self.reader, *bounds)), []
        )

    def odd_arrivals(self, bounds: Bounds) -> set[date]:
        """Return the days on which labels arrive that say when, but of an id with several rows or labels, or before their row."""
        reader, stamp = self.reader, self.reader.label_stamp
        if stamp is None:
            raise TypeError("labels do not say when they came")
        rows = reader.log.rows("r")
        labels = rows if reader.labels is None else reader.labels.rows("l")
        said = stamp.table.column(self.mapping.label_column or "", of=labels).is_not(None)
        of_rows = [reader.stamp.between(rows, *bounds), stamp.before(labels, bounds[0]), said]
        joined_to = None if reader.labels is None else labels
        odd = [reader.entries(rows, of_rows, label=True, joined=joined_to)]
        if reader.has_ids:
            several = several_rows(reader, [stamp.between(labels, *bounds), said], joined_to)
            if len(reader.fetched(several.limit(1), 1)[0]):
                odd.append(self._pairs_of(several))
        if self._have_several_labels(bounds):
            odd.append(self._pairs_of(several_labels(self.reader, *bounds, has_undated=self.reader.has_undated)))
        days = np.concatenate([self._pair_days(entries)[0] for entries in odd])
        return {as_date(day) for day in np.unique(days)}

    def _have_several_labels(self, bounds: Bounds) -> bool:
        """Whether any id with a label from the range has more than one."""
        if self.reader.labels is None or self.reader.label_stamp is None:
            return False
        everything = self.reader.all_labels
        if everything is not None and not everything.has_several:
            return False
        key = ("labels", bounds)
        if key not in self._several:
            start, end = bounds
            if self.reader.has_undated:
                found = self.reader.asked("several labels", any_several_labels_some_undated, start=start, end=end)
                self._several[key] = len(found["more"]) > 0
            else:
                found = self.reader.asked("several dated labels", any_several_labels, start=start, end=end)
                self._several[key] = as_python(found["more"])[0] > 0
        return self._several[key]

    def _pairs_of(self, ids: sa.Select[Any]) -> Entries:
        """Return all pairs with these ids."""
        reader = self.reader
        rows = reader.log.rows("r")
        if reader.labels is None:
            label = reader.log.column(self.mapping.columns.label or "", of=rows)
            return reader.entries(rows, [label.is_not(None), reader.id_of(rows).in_(first_column(ids))], label=True)
        labels = reader.labels.rows("l")
        label_id = reader.labels.column(reader.label_part.prediction_id, of=labels)
        known = first_column(ids)
        # The ids come from either table; where they are kept differently, text is what both have.
        same = label_id.in_(known) if reader.ids_alike else sa.cast(label_id, sa.Text()).in_(as_text(ids))
        return reader.entries(rows, [same], label=True, joined=labels)

    def _row_ends(self, entries: Entries, others: Entries) -> Days:
        """Return the day each row was replaced by a newer one of the same id."""
        return days_replaced(
            ids=entries.ids,
            keys=(entries.stamp, entries.arrived),
            others=others.ids,
            other_keys=(others.stamp, others.arrived),
            other_days=np.maximum(self.days.of(others.stamp), self.days.of(others.arrived)),
        )

    def _log_rows(self, entries: Entries, later: Entries | None) -> LogRows:
        day = self.days.of(entries.stamp)
        valid_from = day if self.reader.arrived is None else np.maximum(day, self.days.of(entries.arrived))
        valid_to: Days = np.full(len(day), NEVER)
        duplicates, replaced = 0, None
        if later is not None or entries.has_several:
            valid_to = self._row_ends(entries, joined(later, entries))
            repeated = is_repeated(ids=entries.ids, keys=(entries.stamp, entries.arrived))
            duplicates = int((~np.isnat(valid_to) | repeated).sum())
            replaced = self._replaced(entries, day, np.where(repeated, day, valid_to))
            counts = ~repeated & (np.isnat(valid_to) | (valid_to > valid_from))
            entries, day, valid_from, valid_to = (
                entries.chosen(counts),
                day[counts],
                valid_from[counts],
                valid_to[counts],
            )
        features: dict[str, Floats | Texts | CodedTexts] = {}
        mistyped: dict[str, Flags] = {}
        missing = []
        log = self.reader.log
        for at, feature in enumerate(self.model.features):
            values = entries.given.get(f"feature_{at}")
            if values is None:
                missing.append(feature.name)
                values = (None,) * len(entries)
            if feature.kind is FeatureKind.NUMERIC:
                features[feature.name], mistyped[feature.name] = numbers(values)
            else:
                declared = log.types.get(log.own_name(feature.name) or "")
                features[feature.name] = coded_texts(values, is_boolean=isinstance(declared, sa.Boolean))
        said = output(self.model, self.mapping.columns, entries.given, rows=len(entries))
        has_arrival = self.reader.arrived is not None
        ahead = entries.stamp - entries.arrived > AHEAD if has_arrival else np.zeros(0, dtype=bool)
        return LogRows(
            day=day,
            version=self._versions(entries, day),
            valid_from=valid_from,
            valid_to=valid_to,
            features=features,
            mistyped=mistyped,
            score=said.score,
            missing_columns=tuple(missing),
            future=int(ahead.sum()),
            duplicates=duplicates,
            ahead=ahead if len(ahead) else None,
            replaced=replaced,
        )

    def _replaced(self, entries: Entries, day: Days, known_on: Days) -> ReplacedRows | None:
        """Return the rows that a newer row of the same id replaced."""
        gone = ~np.isnat(known_on)
        if not gone.any():
            return None
        return ReplacedRows(day[gone], self._versions(entries.chosen(gone), day[gone]), known_on[gone])

    def _versions(self, entries: Entries, day: Days) -> Texts:
        """Return each row's version; where none is said, the one current on its day (the first, before any was)."""
        said = entries.given.get("version")
        named = texts(said) if said is not None else np.full(len(day), None, dtype=object)
        unnamed = pd.isna(named)
        if unnamed.any() and self.model.versions:
            known, at = np.unique(day[unnamed], return_inverse=True)
            current = [self.model.version_on(as_date(each)) or self.model.versions[0] for each in known]
            named[unnamed] = np.array([version.version for version in current], dtype=object)[at]
        return named

    # Labels

    def _in_log(self, bounds: Bounds) -> tuple[Entries, Entries | None]:
        """Return the pairs of labels in the log itself, and the rows that may replace them."""
        reader = self.reader
        start, end = bounds
        rows = reader.log.rows("r")
        label = reader.log.column(self.mapping.columns.label or "", of=rows)
        arriving = [column.between(rows, start, end) for column in reader.row_times]
        arriving.append(reader.stamp.between(rows, start - reader.delay, end - reader.delay))
        if reader.label_stamp is not None:
            arriving.append(reader.label_stamp.between(rows, start, end))
        within = [label.is_not(None), sa.or_(*arriving)]
        entries = reader.entries(rows, within, label=True)
        if not reader.has_ids or not len(entries):
            return entries, None
        return entries, reader.times_of(reader.log.rows("o"), several_rows(reader, within), [])

    def _in_table(self, bounds: Bounds) -> tuple[Entries, Entries | None, Entries | None]:
        """Return pairs by what made them arrive in the range (the label, its row after it, or the usual delay).

        With them come the rows and the labels that may replace them.
        """
        reader = self.reader
        start, end = bounds
        rows = reader.log.rows("r")
        labels = (reader.labels or reader.log).rows("l")
        stamp = reader.label_stamp
        if stamp is None:
            within = [sa.or_(self._usual(bounds), *arriving(reader, start, end))]
            found = reader.entries(rows, within, label=True, joined=labels)
            return found, *self._newer(found, rows, labels, within)
        # Every row of an id is among its pairs, so none has to be looked for.
        found = reader.pairs_between(start, end)
        newer, newer_labels = None, None
        if len(found) and self._have_several_labels(bounds):
            newer_labels = self._pairs_of(several_labels(reader, start, end, has_undated=reader.has_undated))
        if self._may_have_late_rows(bounds):
            late = reader.late_pairs(start, end)
            if len(late):
                within = [*arriving(reader, start, end), stamp.before(labels, start)]
                newer, newer_labels = _joined_pairs((newer, newer_labels), self._newer(late, rows, labels, within))
                found = found.with_more(late.chosen(late.label_stamp < start))
        if reader.has_undated:
            undated = stamp.table.column(stamp.name, of=labels).is_(None)
            within = [sa.or_(self._usual(bounds), *arriving(reader, start, end)), undated]
            more = reader.entries(rows, within, label=True, joined=labels)
            if len(more):
                newer, newer_labels = _joined_pairs((newer, newer_labels), self._newer(more, rows, labels, within))
                found = found.with_more(more)
        return found, newer, newer_labels

    def _usual(self, bounds: Bounds) -> sa.ColumnElement[bool]:
        """Return the condition for rows whose label usually comes in the range."""
        reader, (start, end) = self.reader, bounds
        return reader.stamp.between(reader.log.rows("r"), start - reader.delay, end - reader.delay)

    def _may_have_late_rows(self, bounds: Bounds) -> bool:
        """Whether any row arriving in the range may be one of a label that came before; cheap where all are known."""
        reader, (start, end) = self.reader, bounds
        rows, labels, stamp = reader.all_rows, reader.all_labels, reader.label_stamp
        if rows is None or labels is None or stamp is None or rows.ids is None or labels.ids is None:
            return True
        if not rows.ids.type.equals(labels.ids.type):
            return True
        came = np.unique(np.concatenate([rows.between(name, start, end) for name in rows.times]))
        earlier = labels.ids.filter(pa.array(labels.times[stamp.name] < start))
        return bool(pc.any(pc.is_in(rows.ids.take(pa.array(came)), value_set=earlier)).as_py())

    def _newer(
        self, found: Entries, rows: sa.FromClause, labels: sa.FromClause, within: Conditions
    ) -> tuple[Entries | None, Entries | None]:
        """Return the rows and the later labels that may replace the pairs found ``within``."""
        reader = self.reader
        if not len(found):
            return None, None
        newer = reader.times_of(reader.log.rows("o"), several_rows(reader, within, labels), [])
        if reader.label_stamp is None or reader.labels is None:
            return newer, None
        label_id = reader.labels.column(reader.label_part.prediction_id, of=labels)
        inner = sa.select(label_id).select_from(rows.join(labels, reader.same_id(rows, labels)))
        inner = inner.where(*reader.log.condition(rows), *reader.labels.condition(labels), *within)
        # Of an id with several labels every pair is needed: one that does not say when it came counts from its row.
        return newer, self._pairs_of(several_of(reader, inner))

    def _no_pairs(self) -> LabelledRows:
        none = np.empty(0, dtype="datetime64[D]")
        zero = np.empty(0)
        wide = np.empty((0, len(self.model.classes))) if self.mapping.columns.probabilities else None
        return LabelledRows(none, NO_TEXTS, none, none, zero, zero, zero, wide)

    def _pairs(
        self,
        entries: Entries,
        newer: Entries | None = None,
        newer_labels: Entries | None = None,
        *,
        first: np.datetime64,
        last: np.datetime64,
    ) -> LabelledRows:
        day = self.days.of(entries.stamp)
        arrival, valid_to = self._pair_days(entries, newer, newer_labels)
        counts = np.ones(len(day), dtype=bool)
        if entries.has_several:
            counts = ~is_repeated(ids=entries.ids, keys=(entries.stamp, entries.arrived, entries.label_stamp))
        counts &= (np.isnat(valid_to) | (valid_to > arrival)) & (arrival >= first) & (arrival <= last)
        entries, day, arrival, valid_to = entries.chosen(counts), day[counts], arrival[counts], valid_to[counts]
        said = output(self.model, self.mapping.columns, entries.given, rows=len(entries))
        label = label_values(self.model, entries.given["label"])
        usable = np.isfinite(label) & np.isfinite(said.prediction) & np.isfinite(said.score)
        probabilities = said.probabilities
        return LabelledRows(
            day=day[usable],
            version=self._versions(entries, day)[usable],
            arrival=arrival[usable],
            valid_to=valid_to[usable],
            score=said.score[usable],
            prediction=said.prediction[usable],
            label=label[usable],
            probabilities=probabilities[usable] if probabilities is not None else None,
        )

    def _pair_days(
        self, entries: Entries, newer: Entries | None = None, newer_labels: Entries | None = None
    ) -> tuple[Days, Days]:
        """Return the day each pair arrived and the day a newer row or label of its id did."""
        row_day = self.days.of(entries.stamp)
        if self.reader.arrived is not None:
            row_day = np.maximum(row_day, self.days.of(entries.arrived))
        arrival = np.maximum(row_day, self.days.of(entries.label_stamp))
        if newer is None and newer_labels is None and not entries.has_several:
            return arrival, np.full(len(arrival), NEVER)
        valid_to = self._row_ends(entries, joined(newer, entries))
        others = joined(newer_labels, entries)
        if self.reader.labels is not None and have_several(others.ids):
            label_end = days_replaced(
                ids=entries.row_names(),
                keys=(entries.label_stamp,),
                others=others.row_names(),
                other_keys=(others.label_stamp,),
                other_days=self.days.of(others.label_stamp),
            )
            valid_to = np.fmin(valid_to, label_end)
        return arrival, valid_to


def _joined_pairs(
    known: tuple[Entries | None, Entries | None], more: tuple[Entries | None, Entries | None]
) -> tuple[Entries, Entries]:
    """Return newer rows and labels, those known and more of them."""
    return joined(known[0], more[0]), joined(known[1], more[1])
