"""Selecting from a model's log and its labels: the mapped columns, their times, and which label belongs to which row."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from data_access.fetching import counted_by_driver, fetched, fetched_by_driver
from data_access.log_connections import unreadable
from data_access.log_entries import Entries
from data_access.log_values import as_python
from data_access.small_file import Outline, SmallFile, found_in
from data_access.statements import Given, Statement
from data_access.timestamps import TimeColumn
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from data_access.log_connections import LogConnections, LogTable
    from data_access.log_mapping import LabelTable, LogMapping
    from data_access.log_values import Values
    from data_access.statements import Query
    from monitoring.portfolio import Model

    Conditions = list[sa.ColumnElement[bool]]
    Selected = dict[str, sa.ColumnElement[Any]]
    Build = Callable[["LogReader", Mapping[str, Any]], tuple[Iterable[str], Query]]


FEATURES = "\x02features\x02"
"""Stands in for the columns of features, in which models differ, at the end of what is selected."""


class LogReader:
    """The tables of one mapped log.

    The database selects by bounds an index can answer, possibly some rows too many; the caller keeps those it asked for.
    """

    def __init__(self, connections: LogConnections, model: Model, mapping: LogMapping) -> None:
        self.is_stand_in = False
        """Whether its tables stand in for others, of features of which nothing is known."""
        self.model = model
        self.mapping = mapping
        self._connections = connections

    @cached_property
    def log(self) -> LogTable:
        """The table of predictions."""
        return self._connections.table(self.mapping.log)

    @cached_property
    def labels(self) -> LogTable | None:
        """The table of labels, where they have one of their own."""
        return self._connections.table(self.mapping.labels.source) if self.mapping.labels else None

    @property
    def label_part(self) -> LabelTable:
        """How the table of labels is mapped."""
        if self.mapping.labels is None:
            raise TypeError("the labels are in the log itself")
        return self.mapping.labels

    @cached_property
    def stamp(self) -> TimeColumn:
        """When a row was predicted."""
        return self._time(self.log, self.mapping.columns.timestamp)

    @cached_property
    def arrived(self) -> TimeColumn | None:
        """When a row arrived, where that is mapped."""
        name = self.mapping.columns.arrived_at
        return self._time(self.log, name) if name else None

    @cached_property
    def label_stamp(self) -> TimeColumn | None:
        """When a label arrived, where that is mapped."""
        if self.mapping.labels is not None and self.labels is not None:
            name = self.mapping.labels.label_timestamp
            return self._time(self.labels, name) if name else None
        name = self.mapping.columns.label_timestamp
        return self._time(self.log, name) if name and self.log.own_name(name) else None

    @property
    def row_times(self) -> list[TimeColumn]:
        """The times of a row that are mapped."""
        return [column for column in (self.stamp, self.arrived) if column is not None]

    @property
    def has_ids(self) -> bool:
        """Whether rows of the same id can be told."""
        return self.mapping.columns.prediction_id is not None

    @cached_property
    def has_plain_ids(self) -> bool:
        """Whether the database compares ids as we do: all of them are whole numbers or all of them texts."""
        name = self.mapping.columns.prediction_id
        declared = self.log.type_of(name) if name else None
        return declared is None or isinstance(declared, sa.Integer) or is_text(declared)

    @property
    def delay(self) -> np.timedelta64:
        """The usual time from a row to its label."""
        days = self.model.label_delay_days or 0.0
        return np.timedelta64(round(days * 86_400_000_000), "us")

    def _time(self, table: LogTable, name: str) -> TimeColumn:
        try:
            columns = self.mapping.columns
            return TimeColumn.of(table, name, zone=columns.timezone, unit=columns.time_unit)
        except sa.exc.DBAPIError as error:
            raise unreadable(f"table {table.words} cannot be read", error) from None

    @cached_property
    def all_rows(self) -> Outline | None:
        """Ids and times of all rows, where that is cheaper than to ask about them."""
        columns = self.mapping.columns
        return self._outline(self.log, self.row_times, id_name=columns.prediction_id)

    @cached_property
    def all_labels(self) -> Outline | None:
        """Ids and times of all labels, where that is cheaper than to ask about them."""
        stamp = self.label_stamp
        if stamp is None or self.mapping.label_column is None:
            return None
        id_name = self.mapping.columns.prediction_id if self.labels is None else self.label_part.prediction_id
        return self._outline(stamp.table, [stamp], id_name=id_name, label=self.mapping.label_column)

    def _outline(
        self, table: LogTable, times: list[TimeColumn], *, id_name: str | None, label: str | None = None
    ) -> Outline | None:
        if table.small_file is None or not all(column.is_exact for column in times):
            return None
        file, stamps = SmallFile(table.small_file), [column.name for column in times]
        values = [name for name in (id_name, label) if name is not None]
        if not file.are_plain(values) or (id_name is not None and not file.has_plain_ids(id_name)):
            return None
        names = list(dict.fromkeys([*stamps, *values]))
        found = dict(zip(names, file.columns(names), strict=True))
        decoded = {column.name: column.decoded(found[column.name]) for column in times}
        count = len(found[stamps[0]])
        labelled = np.ones(count, dtype=bool)
        if label is not None:
            labelled = found[label].is_valid().to_numpy(zero_copy_only=False)
        return Outline(file, found, found.get(id_name or ""), decoded, labelled)

    def rows_between(self, start: np.datetime64, end: np.datetime64, *, with_ids: bool = True) -> Entries:
        """Return the rows stamped in the range, with their features."""
        with_ids = with_ids or not self.has_plain_ids
        everything = self.all_rows
        if everything is not None:
            at = everything.between(self.stamp.name, start, end)
            found = self.rows_at(everything, at, features=True, with_ids=with_ids)
            if found is not None:
                return found
        name, build = f"rows {with_ids}", partial(_rows_between, with_ids=with_ids)
        found = self._as_entries(self.asked(name, build, start=start, end=end))
        return found.chosen((found.stamp >= start) & (found.stamp < end))

    def pairs_between(self, start: np.datetime64, end: np.datetime64) -> Entries:
        """Return the pairs of labels in a table of their own that say they came in the range."""
        found = self._single_pairs(start, end)
        if found is None:
            found = self._as_entries(self.asked("pairs", _pairs_between, start=start, end=end))
        return found.chosen((found.label_stamp >= start) & (found.label_stamp < end))

    def late_pairs(self, start: np.datetime64, end: np.datetime64) -> Entries:
        """Return the pairs of rows arriving in the range whose label says that it came before (or little later)."""
        return self._as_entries(self.asked("late pairs", _late_pairs, start=start, end=end))

    def _single_pairs(self, start: np.datetime64, end: np.datetime64) -> Entries | None:
        """Return the pairs where all ids are here and none occurs twice."""
        rows, labels, stamp = self.all_rows, self.all_labels, self.label_stamp
        if rows is None or labels is None or rows.ids is None or labels.ids is None or stamp is None:
            return None
        if rows.has_several or labels.has_several or not rows.ids.type.equals(labels.ids.type):
            return None
        came = labels.between(stamp.name, start, end)
        at = found_in(rows, labels.ids.take(pa.array(came)))
        of_labels = {"label": self.label_part.label, "label_stamp": stamp.name}
        said = labels.columns(of_labels.values(), came[at >= 0])
        return self.rows_at(rows, at[at >= 0], further={part: said[name] for part, name in of_labels.items()})

    def rows_at(
        self,
        everything: Outline,
        at: npt.NDArray[np.int64],
        *,
        features: bool = False,
        with_ids: bool = True,
        further: Mapping[str, Values] | None = None,
    ) -> Entries | None:
        """Return rows of a small file by number, beside further parts of them; nothing where the file has other types."""
        parts = self._parts(features=features, label=False)
        if with_ids and self.mapping.columns.prediction_id is not None:
            parts["id"] = self.mapping.columns.prediction_id
        if not everything.file.are_plain(parts.values()):
            return None
        parts |= dict(zip(("stamp", "arrived"), [column.name for column in self.row_times], strict=False))
        played = {*parts.values()} - {name for part, name in parts.items() if part not in self._features}
        found = everything.columns(parts.values(), at, coded=played)
        return self._as_entries({part: found[name] for part, name in parts.items()} | dict(further or {}))

    def entries(
        self,
        rows: sa.FromClause,
        conditions: Conditions,
        *,
        features: bool = False,
        label: bool = False,
        joined: sa.FromClause | None = None,
    ) -> Entries:
        """Return rows of the log, or with ``joined`` labels the pairs of both."""
        selected, query = self.selecting(rows, conditions, features=features, label=label, joined=joined)
        return self._as_entries(dict(zip(selected, self.fetched(query, len(selected)), strict=True)))

    def selecting(
        self,
        rows: sa.FromClause,
        conditions: Conditions,
        *,
        features: bool = False,
        label: bool = False,
        with_ids: bool = True,
        joined: sa.FromClause | None = None,
    ) -> tuple[Selected, sa.Select[Any]]:
        """Return what ``entries`` selects, and the query."""
        parts = self._parts(features=features, label=label)
        selected = {part: value_of(self.log, name, rows) for part, name in parts.items()}
        times = {"stamp": (self.stamp, rows), "arrived": (self.arrived, rows)}
        if joined is not None and self.labels is not None:
            selected["label"] = value_of(self.labels, self.label_part.label, joined)
        if label:
            times["label_stamp"] = (self.label_stamp, rows if joined is None else joined)
        for part, (column, of) in times.items():
            if column is not None:
                selected[part] = column.selected(of)
        if self.has_ids and with_ids:
            selected["id"] = self.id_of(rows)
        if features and self.is_stand_in:
            selected[FEATURES] = sa.literal_column(FEATURES)
        query = _selecting(selected).where(*self.log.condition(rows), *conditions)
        if joined is not None and self.labels is not None:
            query = query.select_from(rows.join(joined, self.same_id(rows, joined)))
            query = query.where(*self.labels.condition(joined))
        return selected, query

    def times_of(self, rows: sa.FromClause, ids: sa.Select[Any], further: Conditions) -> Entries:
        """Return id and time of the rows with these ids."""
        selected: Selected = {"id": self.id_of(rows), "stamp": self.stamp.selected(rows)}
        if self.arrived is not None:
            selected["arrived"] = self.arrived.selected(rows)
        query = _selecting(selected).where(*self.log.condition(rows), *further)
        query = query.where(self.id_of(rows).in_(first_column(ids)))
        return self._as_entries(dict(zip(selected, self.fetched(query, len(selected)), strict=True)))

    def fetched(self, query: Query, width: int) -> list[Values]:
        """Return the selected columns."""
        return fetched(self.log, query, width)

    def asked(self, name: str, build: Build, **given: Any) -> dict[str, Values]:
        """Return the columns of a statement by the part they play; ``build`` makes it of a reader and what is given.

        In a file a statement of a ``name`` is put together once for all models whose logs look alike.
        """
        if not self.log.is_file:
            parts, query = build(self, given)
            names = list(parts)
            return dict(zip(names, fetched(self.log, query, len(names)), strict=True))
        statement = self._statement(name, build, given)
        text, values, parts = (
            statement.reading(self._table_names),
            statement.values(given | self._filter_values),
            statement.parts,
        )
        if FEATURES in parts:
            text, parts = text.replace(FEATURES, self._feature_text()), (*parts[:-1], *self._features)
        found = fetched_by_driver(self.log, text, values, len(parts))
        return dict(zip(parts, found, strict=bool(self._features)))

    def counted(self, name: str, build: Build, given: Sequence[dict[str, Any]]) -> list[int]:
        """Return the one number of a statement, as ``asked``, for each of several things that are given."""
        if not self.log.is_file:
            return [int(as_python(fetched(self.log, build(self, each)[1], 1)[0])[0]) for each in given]
        statement = self._statement(name, build, given[0])
        values = [statement.values(each | self._filter_values) for each in given]
        return counted_by_driver(self.log, statement.reading(self._table_names), values)

    def _statement(self, name: str, build: Build, given: Mapping[str, Any]) -> Statement:
        known = self._connections.statements.setdefault(self._look, {})
        if name not in known:
            parts, query = build(self._stand_in(), {each: Given(each) for each in given})
            known[name] = Statement.of(query, parts, dialect=self.log.engine.dialect)
        return known[name]

    @cached_property
    def _tables(self) -> dict[str, LogTable]:
        tables = {"log": self.log, "labels": self.labels}
        return {part: table for part, table in tables.items() if table is not None}

    @cached_property
    def _table_names(self) -> dict[str, str]:
        """What queries call the tables, by what they call those that stand in for them."""
        return {table.standing_in(part).quoted_text: table.quoted_text for part, table in self._tables.items()}

    @cached_property
    def _filter_values(self) -> dict[str, Any]:
        return {
            name: value for part, table in self._tables.items() for name, value in table.filter_values(part).items()
        }

    @cached_property
    def _look(self) -> object:
        """Everything but the names of its tables that statements on a log depend on."""
        times = [self.stamp, self.arrived, self.label_stamp]
        labels = self.mapping.labels
        return (
            self.mapping.columns,
            labels and (labels.prediction_id, labels.label, labels.label_timestamp),
            self.model.task,
            int(self.delay.astype(np.int64)),
            tuple(table.look(self._names) for table in self._tables.values()),
            tuple(each and (each.name, each.kind, each.zone, each.unit, each.is_zoned) for each in times),
        )

    @cached_property
    def _names(self) -> list[str]:
        """The columns that play a part, but for features."""
        columns, labels = self.mapping.columns, self.mapping.labels
        names = [columns.timestamp, columns.prediction_id, columns.prediction, columns.probability, columns.version]
        names += [*columns.probabilities, columns.arrived_at, columns.label, columns.label_timestamp]
        names += [labels.prediction_id, labels.label, labels.label_timestamp] if labels else []
        return [name for name in names if name]

    def _stand_in(self) -> LogReader:
        """Return a reader of tables that stand in for those of all models whose logs look alike."""
        tables = {part: table.standing_in(part) for part, table in self._tables.items()}
        found = LogReader(self._connections, self.model, self.mapping)
        found.log, found.labels, found.is_stand_in = tables["log"], tables.get("labels"), True
        found.stamp = replace(self.stamp, table=found.log)
        found.arrived = self.arrived and replace(self.arrived, table=found.log)
        found.label_stamp = self.label_stamp and replace(self.label_stamp, table=found.labels or found.log)
        return found

    def id_of(self, of: sa.FromClause) -> sa.ColumnElement[Any]:
        """Return a row's id, to be selected and compared."""
        name = self.mapping.columns.prediction_id
        if name is None:
            raise TypeError("the log has no column with ids")
        column, declared = self.log.column(name, of=of), self.log.type_of(name)
        plain = isinstance(declared, sa.Integer) or is_text(declared) or not self.log.is_typed
        return column if plain else sa.cast(column, sa.Text())

    def same_id(self, rows: sa.FromClause, labels: sa.FromClause) -> sa.ColumnElement[bool]:
        """Return how labels find their prediction; ids kept as number here and text there are compared as text."""
        name = self.mapping.columns.prediction_id or ""
        table = self.labels or self.log
        left, right = self.log.column(name, of=rows), table.column(self.label_part.prediction_id, of=labels)
        return left == right if self.ids_alike else sa.cast(left, sa.Text()) == sa.cast(right, sa.Text())

    @cached_property
    def ids_alike(self) -> bool:
        """Whether predictions and labels keep ids as the same type."""
        if self.labels is None:
            return True
        types = (
            self.log.type_of(self.mapping.columns.prediction_id or ""),
            self.labels.type_of(self.label_part.prediction_id),
        )
        kinds = [next((kind for kind in (sa.Integer, sa.String) if isinstance(t, kind)), type(t)) for t in types]
        return kinds[0] is kinds[1]

    def undated(self) -> tuple[sa.FromClause, sa.FromClause, sa.FromClause, Conditions]:
        """Return rows, labels, both joined, and the condition for labels that do not say when they came."""
        rows = self.log.rows("r")
        of_labels = self.labels or self.log
        labels = rows if self.labels is None else self.labels.rows("l")
        both: sa.FromClause = rows if self.labels is None else rows.join(labels, self.same_id(rows, labels))
        conditions = [*self.log.condition(rows), *(of_labels.condition(labels) if labels is not rows else [])]
        conditions.append(of_labels.column(self.mapping.label_column or "", of=labels).is_not(None))
        if self.label_stamp is not None:
            conditions.append(of_labels.column(self.label_stamp.name, of=labels).is_(None))
        return rows, labels, both, conditions

    @cached_property
    def has_undated(self) -> bool:
        """Whether any label does not say when it came, so that it comes with its row and the usual delay."""
        if self.mapping.label_column is None or self.label_stamp is None:
            return self.mapping.label_column is not None
        if self.all_labels is not None:
            undated = np.isnat(self.all_labels.times[self.label_stamp.name])
            return bool((undated & self.all_labels.labelled).any())
        return len(self.asked("undated", _undated)["undated"]) > 0

    def _parts(self, *, features: bool, label: bool) -> dict[str, str]:
        """Return what to select: the part a column plays, and its name."""
        columns = self.mapping.columns
        says_enough = features and (
            columns.probability or columns.probabilities
        )  # of rows without a label the score counts
        prediction = None if says_enough and self.model.task is not Task.REGRESSION else columns.prediction
        parts = {"prediction": prediction, "probability": columns.probability, "version": columns.version}
        parts |= {f"probability_{at}": name for at, name in enumerate(columns.probabilities)}
        if label and self.mapping.labels is None:
            parts["label"] = columns.label
        if features and not self.is_stand_in:
            parts |= self._features
        return {part: name for part, name in parts.items() if name is not None}

    @cached_property
    def _features(self) -> dict[str, str]:
        """The features whose column is there, by the part they play."""
        return {
            f"feature_{at}": feature.name
            for at, feature in enumerate(self.model.features)
            if self.log.own_name(feature.name) is not None
        }

    def _feature_text(self) -> str:
        """Return what selects the features from the rows."""
        rows, dialect = self.log.rows("r"), self.log.engine.dialect
        quote = dialect.identifier_preparer.quote
        texts = [
            str(value_of(self.log, name, rows).compile(dialect=dialect))
            if self.log.is_typed
            else f"r.{quote(sa.quoted_name(self.log.own_name(name) or name, quote=True))}"
            for name in self._features.values()
        ]
        return ", ".join(texts or ["0"])

    def _as_entries(self, given: dict[str, Values]) -> Entries:
        stamp = self.stamp.decoded(given.pop("stamp"))
        arrived = stamp
        if self.arrived is not None:
            said = self.arrived.decoded(given.pop("arrived"))
            arrived = np.where(np.isnat(said), stamp, said)
        label_stamp = stamp + self.delay
        if self.label_stamp is not None and "label_stamp" in given:
            said = self.label_stamp.decoded(given.pop("label_stamp"))
            label_stamp = np.where(np.isnat(said), label_stamp, said)
        return Entries(given, given.pop("id", None), stamp, arrived, label_stamp)


def _rows_between(reader: LogReader, given: Mapping[str, Any], *, with_ids: bool) -> tuple[Selected, Query]:
    rows = reader.log.rows("r")
    within = [reader.stamp.between(rows, given["start"], given["end"])]
    return reader.selecting(rows, within, features=True, with_ids=with_ids)


def _pairs_between(reader: LogReader, given: Mapping[str, Any]) -> tuple[Selected, Query]:
    rows, labels, stamp = reader.log.rows("r"), (reader.labels or reader.log).rows("l"), reader.label_stamp
    if stamp is None:
        raise TypeError("labels do not say when they came")
    within = [stamp.between(labels, given["start"], given["end"])]
    return reader.selecting(rows, within, label=True, joined=labels)


def _late_pairs(reader: LogReader, given: Mapping[str, Any]) -> tuple[Selected, Query]:
    rows, labels, stamp = reader.log.rows("r"), (reader.labels or reader.log).rows("l"), reader.label_stamp
    if stamp is None:
        raise TypeError("labels do not say when they came")
    arriving = sa.or_(*(column.between(rows, given["start"], given["end"]) for column in reader.row_times))
    return reader.selecting(rows, [arriving, stamp.before(labels, given["start"])], label=True, joined=labels)


def _undated(reader: LogReader, _: Mapping[str, Any]) -> tuple[list[str], Query]:
    stamp, label = reader.label_stamp, reader.mapping.label_column
    if stamp is None or label is None:
        raise TypeError("labels do not say when they came")
    labels = stamp.table.rows("u")
    conditions = [*stamp.table.condition(labels), stamp.table.column(label, of=labels).is_not(None)]
    conditions.append(stamp.table.column(stamp.name, of=labels).is_(None))
    query: sa.Select[Any] = (
        sa.select(sa.literal_column("1").label("c0")).select_from(labels).where(*conditions).limit(1)
    )
    return ["undated"], query


def value_of(table: LogTable, name: str, of: sa.FromClause) -> sa.ColumnElement[Any]:
    """Return a column such that the driver gives numbers, booleans or texts."""
    column = table.column(name, of=of)
    if not table.is_typed:
        return column
    declared = table.type_of(name)
    if is_text(declared):
        return column
    match declared:
        case sa.Double() | sa.Integer() | sa.Boolean():
            return column
        case sa.Numeric() | sa.Float():  # what PostgreSQL keeps in four bytes would be printed as a decimal it is not
            return sa.cast(column, sa.Double())
    return sa.cast(column, sa.Text())


def is_text(declared: sa.types.TypeEngine[Any]) -> bool:
    """Whether a type is plain text; enumerations and padded text are not."""
    return isinstance(declared, sa.String) and not isinstance(declared, sa.CHAR | sa.NCHAR | sa.Enum)


def first_column(query: sa.Select[Any]) -> sa.Select[Any]:
    """Return a query of one column as what ``IN`` takes."""
    named = query.subquery()
    return sa.select(next(iter(named.c)))


def as_text(query: sa.Select[Any]) -> sa.Select[Any]:
    """Return the one column of a query as text."""
    named = query.subquery()
    return sa.select(sa.cast(next(iter(named.c)), sa.Text()))


def _selecting(columns: Selected) -> sa.Select[Any]:
    return sa.select(*(column.label(f"c{at}") for at, column in enumerate(columns.values())))
