"""A model's prediction log, read as it is mapped, through SQLAlchemy: only the days and columns that are asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from data_access.log_connections import unreadable
from data_access.model_output import label_values, numbers, output
from data_access.normal_text import texts
from data_access.reference_rows import LogReferences
from data_access.supersession import days_replaced, is_repeated
from data_access.timestamps import QUARTER_HOUR, LocalDays, TimeColumn, as_date
from monitoring.portfolio import FeatureKind, Model
from monitoring.ports import LabelledRows, LogRows, ReferenceRows, ReplacedRows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import numpy.typing as npt

    from data_access.log_connections import LogConnections, LogTable
    from data_access.log_mapping import LabelTable, LogMapping
    from monitoring.ports import Days, Flags, Floats, Texts

    Stamps = npt.NDArray[np.datetime64]
    Conditions = list[sa.ColumnElement[bool]]

AHEAD = np.timedelta64(1, "D")
"""A row stamped more than this after it arrived is stamped in the future; clocks and zones explain less."""

NO_STAMPS = np.empty(0, dtype="datetime64[us]")
NO_SHIFT = np.timedelta64(0, "us")
NO_TEXTS = np.empty(0, dtype=object)


@dataclass(frozen=True, slots=True)
class _Entries:
    """Rows of the log, or pairs of a row and a label, before it is known which still count."""

    given: dict[str, Any]
    ids: Texts
    stamp: Stamps
    arrived: Stamps
    label_stamp: Stamps

    def __len__(self) -> int:
        return len(self.stamp)

    def chosen(self, which: Flags) -> _Entries:
        """Return some of the entries."""
        if which.all():
            return self
        at = np.flatnonzero(which).tolist()
        given = {part: [values[i] for i in at] for part, values in self.given.items()}
        return _Entries(given, self.ids[which], self.stamp[which], self.arrived[which], self.label_stamp[which])

    def with_more(self, other: _Entries) -> _Entries:
        """Return these entries and then the others."""
        given = {part: [*values, *other.given[part]] for part, values in self.given.items()}
        pairs = ((self.stamp, other.stamp), (self.arrived, other.arrived), (self.label_stamp, other.label_stamp))
        return _Entries(given, np.concatenate([self.ids, other.ids]), *(np.concatenate(pair) for pair in pairs))


class SqlPredictionLog:
    """A ``PredictionLog`` over any table SQLAlchemy reaches; tried on SQLite and PostgreSQL.

    The database selects by bounds an index can answer, possibly some rows too many; which rows count, and on which local
    day, is decided here, the same for every engine.
    """

    def __init__(self, connections: LogConnections, model: Model, mapping: LogMapping) -> None:
        self.model = model
        self.mapping = mapping
        self.days = LocalDays(model.timezone)
        self._connections = connections

    # What the core asks for

    def extent(self) -> tuple[date, date] | None:
        """Return the first and last local day with rows or labels arriving, or nothing for an empty log."""
        rows = self._ends(self._stamp)
        if not rows:
            return None
        first, last = rows[0]
        others = [column for column in (self._arrived, self._label_stamp) if column is not None]
        latest = max([last, *(end for _, end in (self._ends(*others) if others else [])), *self._last_usual()])
        days = self.days.of(np.array([first, latest]))
        return as_date(days[0]), as_date(days[1])

    def day_counts(self, *, first: date, last: date) -> dict[date, tuple[int, int]]:
        """Return per day the raw rows of that day and the labels that arrived on it: cheap, to notice changed days."""
        start, end = self.days.bounds(first, last)
        rows = self._log.rows("r")
        counted = self._counted(self._stamp, rows, rows, self._log.condition(rows), (start, end))
        labels = self._label_counts(start, end)
        return {day: (counted[day], labels[day]) for day in sorted({*counted, *labels})}

    def days_replaced(self, *, first: date, last: date) -> set[date]:
        """Return the days that lost a row or a label to a newer one of the same id, on a later day, arriving in the range.

        A day is that of the row for rows, and that of its arrival for labels.
        """
        if self.mapping.columns.prediction_id is None:
            return set()
        start, end = self.days.bounds(first, last)
        low, high = np.datetime64(first, "D"), np.datetime64(last, "D")
        rows = self._log.rows("r")
        arriving = self._several_rows([sa.or_(*(column.between(rows, start, end) for column in self._row_times()))])
        entries = self._times_of(self._log.rows("o"), arriving, [])
        arrived = np.maximum(self.days.of(entries.stamp), self.days.of(entries.arrived))
        valid_to = self._row_ends(entries, entries)
        days = self.days.of(entries.stamp)[(valid_to >= low) & (valid_to <= high) & (valid_to > arrived)]
        ids = [arriving]
        if self._labels is not None and self._label_stamp is not None:
            ids.append(self._several_labels(self._label_stamp, start, end))
        if self.mapping.label_column is not None:
            for several in ids:
                arrival, valid_to = self._pair_days(self._pairs_of(several))
                days = np.concatenate([days, arrival[(valid_to >= low) & (valid_to <= high) & (valid_to > arrival)]])
        return {as_date(day) for day in np.unique(days)}

    def rows(self, *, first: date, last: date) -> LogRows:
        """Return the rows whose local day lies in the range."""
        start, end = self.days.bounds(first, last)
        rows = self._log.rows("r")
        within = [self._stamp.between(rows, start, end)]
        entries = self._entries(rows, within, features=True)
        entries = entries.chosen((entries.stamp >= start) & (entries.stamp < end))
        later = self._newer_rows(within, [self._stamp.since(rows, end)]) if len(entries) else None
        return self._log_rows(entries, later)

    def labelled(self, *, first_arrival: date, last_arrival: date) -> LabelledRows:
        """Return the pairs whose label arrived in the range, whatever their prediction day."""
        first, last = np.datetime64(first_arrival, "D"), np.datetime64(last_arrival, "D")
        bounds = self.days.bounds(first_arrival, last_arrival)
        if self.mapping.label_column is None:
            return self._no_pairs()
        if self._labels is None:
            return self._labelled_in_log(first, last, *bounds)
        return self._labelled_in_table(first, last, *bounds)

    def reference(self, version: str) -> ReferenceRows | None:
        """Return the reference of ``version`` (its own or the one it inherits), or nothing while there is none."""
        return self._references.reference(version)

    def reference_key(self, version: str) -> str:
        """Return a text that changes when the version's reference would (its table and fingerprint, or its period)."""
        return self._references.key(version)

    def of_table(self, mapping: LogMapping) -> SqlPredictionLog:
        """Return another table of the same model as a log, such as a reference."""
        return SqlPredictionLog(self._connections, self.model, mapping)

    # Where things are

    @cached_property
    def _references(self) -> LogReferences:
        return LogReferences(self.model, self.mapping, self._connections, log=self, of_table=self.of_table)

    @cached_property
    def _log(self) -> LogTable:
        return self._connections.table(self.mapping.log)

    @cached_property
    def _labels(self) -> LogTable | None:
        return self._connections.table(self.mapping.labels.source) if self.mapping.labels else None

    @property
    def _label_part(self) -> LabelTable:
        if self.mapping.labels is None:
            raise TypeError("the labels are in the log itself")
        return self.mapping.labels

    @cached_property
    def _stamp(self) -> TimeColumn:
        return self._time(self._log, self.mapping.columns.timestamp)

    @cached_property
    def _arrived(self) -> TimeColumn | None:
        name = self.mapping.columns.arrived_at
        return self._time(self._log, name) if name else None

    @cached_property
    def _label_stamp(self) -> TimeColumn | None:
        if self.mapping.labels is not None and self._labels is not None:
            name = self.mapping.labels.label_timestamp
            return self._time(self._labels, name) if name else None
        name = self.mapping.columns.label_timestamp
        return self._time(self._log, name) if name and self._log.own_name(name) else None

    def _time(self, table: LogTable, name: str) -> TimeColumn:
        try:
            columns = self.mapping.columns
            return TimeColumn.of(table, name, zone=columns.timezone, unit=columns.time_unit)
        except sa.exc.DBAPIError as error:
            raise unreadable(f"table {table.words} cannot be read", error) from None

    @property
    def _delay(self) -> np.timedelta64:
        days = self.model.label_delay_days or 0.0
        return np.timedelta64(round(days * 86_400_000_000), "us")

    # Reading

    def _parts(self, *, features: bool, label: bool) -> dict[str, str]:
        """Return what to select: the part a column plays, and its name."""
        columns = self.mapping.columns
        parts = {"prediction": columns.prediction, "probability": columns.probability, "version": columns.version}
        parts |= {f"probability_{at}": name for at, name in enumerate(columns.probabilities)}
        if label and self.mapping.labels is None:
            parts["label"] = columns.label
        if features:
            parts |= {
                f"feature_{at}": feature.name
                for at, feature in enumerate(self.model.features)
                if self._log.own_name(feature.name) is not None
            }
        return {part: name for part, name in parts.items() if name is not None}

    def _entries(
        self,
        rows: sa.FromClause,
        conditions: Conditions,
        *,
        features: bool = False,
        label: bool = False,
        joined: sa.FromClause | None = None,
    ) -> _Entries:
        """Return rows of the log, or with ``joined`` labels the pairs of both."""
        parts = self._parts(features=features, label=label)
        selected = {part: self._value(self._log, name, rows) for part, name in parts.items()}
        times = {"stamp": (self._stamp, rows), "arrived": (self._arrived, rows)}
        if joined is not None and self._labels is not None:
            selected["label"] = self._value(self._labels, self._label_part.label, joined)
        if label:
            times["label_stamp"] = (self._label_stamp, rows if joined is None else joined)
        for part, (column, of) in times.items():
            if column is not None:
                selected[part] = column.selected(of)
        if self.mapping.columns.prediction_id:
            selected["id"] = self._id(rows)
        query = sa.select(*(column.label(f"c{at}") for at, column in enumerate(selected.values())))
        query = query.where(*self._log.condition(rows), *conditions)
        if joined is not None and self._labels is not None:
            query = query.select_from(rows.join(joined, self._same_id(rows, joined)))
            query = query.where(*self._labels.condition(joined))
        given = dict(zip(selected, self._fetched(query, len(selected)), strict=True))
        return self._as_entries(given)

    def _as_entries(self, given: dict[str, Sequence[Any]]) -> _Entries:
        stamp = self._stamp.decoded(given.pop("stamp"))
        count = len(stamp)
        arrived = stamp
        if self._arrived is not None:
            said = self._arrived.decoded(given.pop("arrived"))
            arrived = np.where(np.isnat(said), stamp, said)
        label_stamp = stamp + self._delay
        if self._label_stamp is not None and "label_stamp" in given:
            said = self._label_stamp.decoded(given.pop("label_stamp"))
            label_stamp = np.where(np.isnat(said), label_stamp, said)
        ids = texts(given.pop("id")) if "id" in given else np.full(count, None, dtype=object)
        return _Entries(given, ids, stamp, arrived, label_stamp)

    def _fetched(self, query: sa.Select[Any], width: int) -> list[Sequence[Any]]:
        """Return the selected columns, one sequence each."""
        try:
            with self._log.engine.connect() as connection:
                found = connection.execute(query).all()
        except sa.exc.DBAPIError as error:
            raise unreadable(f"table {self._log.words} cannot be read", error) from None
        return list(zip(*found, strict=True)) if found else [()] * width  # no rows, no columns

    def _value(self, table: LogTable, name: str, of: sa.FromClause) -> sa.ColumnElement[Any]:
        """Return a column such that the driver gives numbers, booleans or texts."""
        column = table.column(name, of=of)
        if not table.is_postgresql:
            return column
        match table.type_of(name):
            case sa.Float() | sa.Integer() | sa.Boolean() | sa.Text() | sa.VARCHAR():
                return column
            case sa.Numeric():
                return sa.cast(column, sa.Double())
        return sa.cast(column, sa.Text())

    def _id(self, of: sa.FromClause) -> sa.ColumnElement[Any]:
        name = self.mapping.columns.prediction_id
        if name is None:
            raise TypeError("the log has no column with ids")
        column = self._log.column(name, of=of)
        plain = isinstance(self._log.type_of(name), sa.Integer | sa.Text | sa.VARCHAR) or not self._log.is_postgresql
        return column if plain else sa.cast(column, sa.Text())

    def _same_id(self, rows: sa.FromClause, labels: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return how labels find their prediction; ids kept as number here and text there are compared as text."""
        name = self.mapping.columns.prediction_id or ""
        table = self._labels or self._log
        left, right = self._log.column(name, of=rows), table.column(self._label_part.prediction_id, of=labels)
        return left == right if self._ids_alike else sa.cast(left, sa.Text()) == sa.cast(right, sa.Text())

    @cached_property
    def _ids_alike(self) -> bool:
        """Whether predictions and labels keep ids as the same type."""
        if self._labels is None:
            return True
        types = (
            self._log.type_of(self.mapping.columns.prediction_id or ""),
            self._labels.type_of(self._label_part.prediction_id),
        )
        kinds = [next((kind for kind in (sa.Integer, sa.String) if isinstance(t, kind)), type(t)) for t in types]
        return kinds[0] is kinds[1]

    # Which rows count

    def _newer_rows(self, within: Conditions, further: Conditions) -> _Entries | None:
        """Return id and time of the rows that may replace those ``within``; nothing where ids are not mapped.

        Both conditions are on alias ``r``; the inner one stands in a subquery of its own.
        """
        if self.mapping.columns.prediction_id is None:
            return None
        rows = self._log.rows("r")
        return self._times_of(rows, sa.select(self._id(rows)).where(*self._log.condition(rows), *within), further)

    def _times_of(self, rows: sa.FromClause, ids: sa.Select[Any], further: Conditions) -> _Entries:
        """Return id and time of the rows with these ids."""
        times = self._row_times()
        selected = [self._id(rows), *(column.selected(rows) for column in times)]
        query = sa.select(*(column.label(f"c{at}") for at, column in enumerate(selected)))
        query = query.where(*self._log.condition(rows), *further, self._id(rows).in_(_first_column(ids)))
        found = self._fetched(query, len(selected))
        return self._as_entries(dict(zip(("id", "stamp", "arrived"), found, strict=False)))

    def _several_rows(self, within: Conditions, joined: sa.FromClause | None = None) -> sa.Select[Any]:
        """Return the ids that occur more than once in the log and have a row (or pair) ``within``."""
        rows, grouped = self._log.rows("r"), self._log.rows("g")
        inner = sa.select(self._id(rows)).where(*self._log.condition(rows), *within)
        if joined is not None and self._labels is not None:
            inner = inner.select_from(rows.join(joined, self._same_id(rows, joined)))
            inner = inner.where(*self._labels.condition(joined))
        key = self._id(grouped)
        query = sa.select(key).where(*self._log.condition(grouped), key.in_(_first_column(inner)))
        return query.group_by(key).having(sa.func.count() > 1)

    def _several_labels(self, stamp: TimeColumn, start: np.datetime64, end: np.datetime64) -> sa.Select[Any]:
        """Return the ids that have more than one label, one of them from the range."""
        labels = stamp.table.rows("l")
        inner = sa.select(stamp.table.column(self._label_part.prediction_id, of=labels))
        dated = inner.where(*stamp.table.condition(labels), stamp.between(labels, start, end))
        rows, labels, both, undated = self._undated()
        usual = sa.select(stamp.table.column(self._label_part.prediction_id, of=labels)).select_from(both)
        usual = usual.where(*undated, self._stamp.between(rows, start - self._delay, end - self._delay))
        return self._several_of(sa.union(dated, usual).subquery().select())

    def _several_of(self, ids: sa.Select[Any]) -> sa.Select[Any]:
        """Return those of the ids that have more than one label."""
        table = self._labels or self._log
        grouped = table.rows("g")
        key = table.column(self._label_part.prediction_id, of=grouped)
        query = sa.select(key).where(*table.condition(grouped), key.in_(_first_column(ids)))
        return query.group_by(key).having(sa.func.count() > 1)

    def _pairs_of(self, ids: sa.Select[Any]) -> _Entries:
        """Return all pairs with these ids."""
        rows = self._log.rows("r")
        if self._labels is None:
            label = self._log.column(self.mapping.columns.label or "", of=rows)
            return self._entries(rows, [label.is_not(None), self._id(rows).in_(_first_column(ids))], label=True)
        labels = self._labels.rows("l")
        label_id = self._labels.column(self._label_part.prediction_id, of=labels)
        known = _first_column(ids)
        # The ids come from either table; where they are kept differently, text is what both have.
        same = label_id.in_(known) if self._ids_alike else sa.cast(label_id, sa.Text()).in_(_as_text(ids))
        return self._entries(rows, [same], label=True, joined=labels)

    def _row_ends(self, entries: _Entries, others: _Entries) -> Days:
        """Return the day each row was replaced by a newer one of the same id."""
        return days_replaced(
            ids=entries.ids,
            keys=(entries.stamp, entries.arrived),
            others=others.ids,
            other_keys=(others.stamp, others.arrived),
            other_days=np.maximum(self.days.of(others.stamp), self.days.of(others.arrived)),
        )

    def _log_rows(self, entries: _Entries, later: _Entries | None) -> LogRows:
        day, arrived = self.days.of(entries.stamp), self.days.of(entries.arrived)
        valid_from = np.maximum(day, arrived)
        others = _joined(later, entries)
        valid_to = self._row_ends(entries, others)
        repeated = is_repeated(ids=entries.ids, keys=(entries.stamp, entries.arrived))
        duplicates = int((~np.isnat(valid_to) | repeated).sum())
        replaced = self._replaced(entries, day, np.where(repeated, day, valid_to))
        counts = ~repeated & (np.isnat(valid_to) | (valid_to > valid_from))
        entries, day, valid_from, valid_to = entries.chosen(counts), day[counts], valid_from[counts], valid_to[counts]
        features: dict[str, Floats | Texts] = {}
        mistyped: dict[str, Flags] = {}
        missing = []
        for at, feature in enumerate(self.model.features):
            values = entries.given.get(f"feature_{at}")
            if values is None:
                missing.append(feature.name)
                values = (None,) * len(entries)
            if feature.kind is FeatureKind.NUMERIC:
                features[feature.name], mistyped[feature.name] = numbers(values)
            else:
                declared = self._log.types.get(self._log.own_name(feature.name) or "")
                features[feature.name] = texts(values, is_boolean=isinstance(declared, sa.Boolean))
        said = output(self.model, self.mapping.columns, entries.given, rows=len(entries))
        ahead = entries.stamp - entries.arrived > AHEAD if self._arrived is not None else np.zeros(0, dtype=bool)
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

    def _replaced(self, entries: _Entries, day: Days, known_on: Days) -> ReplacedRows | None:
        """Return the rows that a newer row of the same id replaced."""
        gone = ~np.isnat(known_on)
        if not gone.any():
            return None
        return ReplacedRows(day[gone], self._versions(entries.chosen(gone), day[gone]), known_on[gone])

    def _versions(self, entries: _Entries, day: Days) -> Texts:
        """Return each row's version; where none is said, the one current on its day (the first, before any was)."""
        said = entries.given.get("version")
        named = texts(said) if said is not None else np.full(len(day), None, dtype=object)
        unnamed = np.array([name is None for name in named], dtype=bool)
        if unnamed.any() and self.model.versions:
            known, at = np.unique(day[unnamed], return_inverse=True)
            current = [self.model.version_on(as_date(each)) or self.model.versions[0] for each in known]
            named[unnamed] = np.array([version.version for version in current], dtype=object)[at]
        return named

    # Labels

    def _labelled_in_log(
        self, first: np.datetime64, last: np.datetime64, start: np.datetime64, end: np.datetime64
    ) -> LabelledRows:
        rows = self._log.rows("r")
        label = self._log.column(self.mapping.columns.label or "", of=rows)
        arriving = [column.between(rows, start, end) for column in self._row_times()]
        arriving.append(self._stamp.between(rows, start - self._delay, end - self._delay))
        if self._label_stamp is not None:
            arriving.append(self._label_stamp.between(rows, start, end))
        within = [label.is_not(None), sa.or_(*arriving)]
        entries = self._entries(rows, within, label=True)
        newer = None
        if self.mapping.columns.prediction_id and len(entries):
            newer = self._times_of(self._log.rows("o"), self._several_rows(within), [])
        return self._pairs(entries, newer, first=first, last=last)

    def _labelled_in_table(
        self, first: np.datetime64, last: np.datetime64, start: np.datetime64, end: np.datetime64
    ) -> LabelledRows:
        """Pairs by what made them arrive in the range: the label, the row (after its label), or the usual delay."""
        rows = self._log.rows("r")
        labels = (self._labels or self._log).rows("l")
        stamp = self._label_stamp
        late_row = sa.or_(*(column.between(rows, start, end) for column in self._row_times()))
        usual = self._stamp.between(rows, start - self._delay, end - self._delay)
        if stamp is None:
            return self._pairs(*self._with_newer(rows, labels, [sa.or_(usual, late_row)], None), first=first, last=last)
        found, newer, newer_labels = self._with_newer(rows, labels, [stamp.between(labels, start, end)], end)
        exact = (found.label_stamp >= start) & (found.label_stamp < end)
        found = found.chosen(exact)
        undated = stamp.table.column(stamp.name, of=labels).is_(None)
        for condition in ([late_row, stamp.before(labels, start)], [sa.or_(usual, late_row), undated]):
            more, more_rows, more_labels = self._with_newer(rows, labels, condition, start)
            if not len(more):
                continue
            if condition[-1] is not undated:
                more = more.chosen(more.label_stamp < start)
            newer, newer_labels = _joined(newer, more_rows), _joined(newer_labels, more_labels)
            found = found.with_more(more)
        return self._pairs(found, newer, newer_labels, first=first, last=last)

    def _with_newer(
        self, rows: sa.FromClause, labels: sa.FromClause, within: Conditions, since: np.datetime64 | None
    ) -> tuple[_Entries, _Entries | None, _Entries | None]:
        """Return pairs, and the rows and later labels that may replace them."""
        found = self._entries(rows, within, label=True, joined=labels)
        if not len(found):
            return found, None, None
        newer = self._times_of(self._log.rows("o"), self._several_rows(within, labels), [])
        stamp = self._label_stamp
        if stamp is None or since is None or self._labels is None:
            return found, newer, None
        label_id = self._labels.column(self._label_part.prediction_id, of=labels)
        inner = sa.select(label_id).select_from(rows.join(labels, self._same_id(rows, labels)))
        inner = inner.where(*self._log.condition(rows), *self._labels.condition(labels), *within)
        # Of an id with several labels every pair is needed: one that does not say when it came counts from its row.
        return found, newer, self._pairs_of(self._several_of(inner))

    def _no_pairs(self) -> LabelledRows:
        none = np.empty(0, dtype="datetime64[D]")
        zero = np.empty(0)
        wide = np.empty((0, len(self.model.classes))) if self.mapping.columns.probabilities else None
        return LabelledRows(none, NO_TEXTS, none, none, zero, zero, zero, wide)

    def _row_times(self) -> list[TimeColumn]:
        return [column for column in (self._stamp, self._arrived) if column is not None]

    def _pairs(
        self,
        entries: _Entries,
        newer: _Entries | None = None,
        newer_labels: _Entries | None = None,
        *,
        first: np.datetime64,
        last: np.datetime64,
    ) -> LabelledRows:
        day = self.days.of(entries.stamp)
        arrival, valid_to = self._pair_days(entries, newer, newer_labels)
        repeated = is_repeated(ids=entries.ids, keys=(entries.stamp, entries.arrived, entries.label_stamp))
        counts = ~repeated & (np.isnat(valid_to) | (valid_to > arrival)) & (arrival >= first) & (arrival <= last)
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
        self, entries: _Entries, newer: _Entries | None = None, newer_labels: _Entries | None = None
    ) -> tuple[Days, Days]:
        """Return the day each pair arrived and the day a newer row or label of its id did."""
        row_day = np.maximum(self.days.of(entries.stamp), self.days.of(entries.arrived))
        arrival = np.maximum(row_day, self.days.of(entries.label_stamp))
        valid_to = self._row_ends(entries, _joined(newer, entries))
        if self._labels is not None:
            others = _joined(newer_labels, entries)
            label_end = days_replaced(
                ids=_row_names(entries),
                keys=(entries.label_stamp,),
                others=_row_names(others),
                other_keys=(others.label_stamp,),
                other_days=self.days.of(others.label_stamp),
            )
            valid_to = np.fmin(valid_to, label_end)
        return arrival, valid_to

    # Counting and looking

    def _ends(self, *columns: TimeColumn) -> list[tuple[np.datetime64, np.datetime64]]:
        """Return the first and last instant of each column that has any."""
        queries = []
        for column in columns:
            rows = column.table.rows("e")
            queries += column.extremes(rows, column.table.condition(rows))
        query = sa.select(*(end.label(f"c{at}") for at, end in enumerate(queries)))
        found = self._fetched(query, len(queries))
        ends = []
        for at, column in enumerate(columns):
            stamps = column.decoded([found[2 * at][0], found[2 * at + 1][0]])
            if not np.isnat(stamps).any():
                ends.append((stamps[0], stamps[1]))
        return ends

    def _last_usual(self) -> list[np.datetime64]:
        """Return when the last label that does not say when it came has arrived: its row's time and the usual delay."""
        if self.mapping.label_column is None:
            return []
        rows, _, both, conditions = self._undated()
        query = sa.select(self._stamp.latest(rows).label("c0")).select_from(both).where(*conditions)
        stamp = self._stamp.decoded(self._fetched(query, 1)[0])[0]
        return [] if np.isnat(stamp) else [stamp + self._delay]

    def _undated(self) -> tuple[sa.FromClause, sa.FromClause, sa.FromClause, Conditions]:
        """Return rows, labels, both joined, and the condition for labels that do not say when they came."""
        rows = self._log.rows("r")
        of_labels = self._labels or self._log
        labels = rows if self._labels is None else self._labels.rows("l")
        both: sa.FromClause = rows if self._labels is None else rows.join(labels, self._same_id(rows, labels))
        conditions = [*self._log.condition(rows), *(of_labels.condition(labels) if labels is not rows else [])]
        conditions.append(of_labels.column(self.mapping.label_column or "", of=labels).is_not(None))
        if self._label_stamp is not None:
            conditions.append(of_labels.column(self._label_stamp.name, of=labels).is_(None))
        return rows, labels, both, conditions

    def _label_counts(self, start: np.datetime64, end: np.datetime64) -> Counter[date]:
        if self.mapping.label_column is None:
            return Counter()
        rows, _, both, conditions = self._undated()
        undated = self._counted(self._stamp, rows, both, conditions, (start, end), shift=self._delay)
        if self._label_stamp is None:
            return undated
        table = self._label_stamp.table
        labels = table.rows("l")
        dated = [*table.condition(labels), table.column(self.mapping.label_column, of=labels).is_not(None)]
        return undated + self._counted(self._label_stamp, labels, labels, dated, (start, end))

    def _counted(
        self,
        column: TimeColumn,
        of: sa.FromClause,
        source: sa.FromClause,
        conditions: Conditions,
        bounds: tuple[np.datetime64, np.datetime64],
        *,
        shift: np.timedelta64 = NO_SHIFT,
    ) -> Counter[date]:
        """Return how many rows of ``source`` have the column's instant, moved by ``shift``, on each local day."""
        start, end = bounds
        # A shift that is no whole number of quarter hours moves a quarter hour across midnight.
        is_whole = shift % np.timedelta64(QUARTER_HOUR, "us") == NO_SHIFT
        bucket = column.quarter_hours(of) if is_whole else None
        within = [*conditions, column.between(of, start - shift, end - shift)]
        if bucket is None:
            query = sa.select(column.selected(of).label("c0")).select_from(source).where(*within)
            stamps = column.decoded(self._fetched(query, 1)[0]) + shift
            counts = np.ones(len(stamps), dtype=np.int64)
        else:
            query = sa.select(bucket.label("c0"), sa.func.count().label("c1")).select_from(source)
            found = self._fetched(query.where(*within).group_by(bucket), 2)
            stamps, counts = column.of_quarter_hours(found[0]) + shift, np.array(found[1], dtype=np.int64)
        inside = (stamps >= start) & (stamps < end)
        total: Counter[date] = Counter()
        for day, count in zip(self.days.of(stamps[inside]), counts[inside].tolist(), strict=True):
            total[as_date(day)] += count
        return total


def _first_column(query: sa.Select[Any]) -> sa.Select[Any]:
    named = query.subquery()
    return sa.select(next(iter(named.c)))


def _as_text(query: sa.Select[Any]) -> sa.Select[Any]:
    named = query.subquery()
    return sa.select(sa.cast(next(iter(named.c)), sa.Text()))


def _row_names(entries: _Entries) -> Texts:
    """Return a name for each entry's row, nothing where it has no id: a label is replaced by a newer one of the same row."""
    parts = zip(entries.ids, entries.stamp.astype(np.int64), entries.arrived.astype(np.int64), strict=True)
    names = [None if each is None else f"{stamp} {arrived} {each}" for each, stamp, arrived in parts]
    return np.array([*names, None], dtype=object)[:-1]


def _joined(first: _Entries | None, second: _Entries | None) -> _Entries:
    """Return id and time of both, without anything else."""
    both = [entries for entries in (first, second) if entries is not None]
    return _Entries(
        {},
        np.concatenate([NO_TEXTS, *(entries.ids for entries in both)]),
        np.concatenate([NO_STAMPS, *(entries.stamp for entries in both)]),
        np.concatenate([NO_STAMPS, *(entries.arrived for entries in both)]),
        np.concatenate([NO_STAMPS, *(entries.label_stamp for entries in both)]),
    )
