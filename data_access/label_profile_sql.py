"""Labels by the aggregate executor: pairs of a prediction and its label, counted and summed by the engine.

Classifiers: what a pair adds depends on its label, its predicted class and its score, so pairs are grouped by the first two and
by the bin of the score, with the sums of the loss and of its square. Regression: the sums themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from data_access.log_reader import value_of
from data_access.log_values import as_python
from data_access.model_output import class_codes, numbers
from data_access.normal_text import texts
from data_access.portable_sql import (
    NotCountableError,
    as_float,
    bin_code,
    day_code,
    double,
    is_finite,
    is_text_value,
    squared,
)
from data_access.profile_sql import probabilities_of, score_of
from monitoring.label_profile import LabelProfiles, naive_losses, summed_by_day
from monitoring.portfolio import Task
from monitoring.ports import LabelledRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_access.log_reader import LogReader
    from data_access.log_values import Values
    from monitoring.label_profile import LabelLayout
    from monitoring.portfolio import Model
    from monitoring.ports import Days, Floats

MOST_CLASS_NAMES = 200


@dataclass(frozen=True)
class LabelCounter:
    """Counts pairs whose label says it came in the range of ``arrivals``, by the days of the predictions (``days``).

    ``arrivals`` and ``predictions`` say which days there are and when they begin; both must be plain: no id with several rows or
    labels among the pairs, no label without a time.
    """

    reader: LogReader
    model: Model
    arrivals: Days
    arrival_bounds: Sequence[sa.BindParameter[Any]]
    days: Days
    day_bounds: Sequence[sa.BindParameter[Any]]

    def profiles(self, layout: LabelLayout, versions: Sequence[Any]) -> LabelProfiles | None:
        """Count the pairs of a version, which the log has under the names ``versions``.

        Raises:
            NotCountableError: labels or predictions are texts where numbers belong, or of too many kinds to be classes.
        """
        if self.model.task is Task.REGRESSION:
            return self._of_numbers(layout, versions)
        return self._of_classes(layout, versions)

    def versions(self) -> dict[str | None, list[Any]]:
        """Return the versions that have pairs, as text, each with the names the log has for it."""
        name = self.reader.mapping.columns.version
        if name is None:
            return {None: []}
        source, conditions = self._from(None)
        version = value_of(self.reader.log, name, self.reader.log.rows("r"))
        query = sa.select(version.label("c")).select_from(source).where(*conditions).distinct()
        (raw,) = self.reader.fetched(query, 1)
        found: dict[str | None, list[Any]] = {}
        for text, value in zip(texts(raw), as_python(raw), strict=True):
            found.setdefault(text, []).append(value)
        return found

    def ends_of_predictions(self) -> list[Values]:
        """Return the first and the last time of a prediction among the pairs."""
        source, conditions = self._from(None)
        first, last = self.reader.stamp.ends(self.reader.log.rows("r"))
        query = sa.select(first.label("c0"), last.label("c1")).select_from(source).where(*conditions)
        return self.reader.fetched(query, 2)

    # What is selected

    @property
    def _label(self) -> sa.ColumnElement[Any]:
        name = self.reader.mapping.label_column or ""
        return value_of(self.reader.labels or self.reader.log, name, self._labels)

    @property
    def _labels(self) -> sa.FromClause:
        return self.reader.log.rows("r") if self.reader.labels is None else self.reader.labels.rows("l")

    def _from(self, versions: Sequence[Any] | None) -> tuple[sa.FromClause, list[sa.ColumnElement[bool]]]:
        """Return the pairs and the condition for those of the range."""
        reader, stamp = self.reader, self.reader.label_stamp
        if stamp is None:
            raise NotCountableError("labels do not say when they came")
        rows, labels = reader.log.rows("r"), self._labels
        when = stamp.table.column(stamp.name, of=labels)
        conditions = [*reader.log.condition(rows), when >= self.arrival_bounds[0], when < self.arrival_bounds[-1]]
        conditions.append(stamp.table.column(reader.mapping.label_column or "", of=labels).is_not(None))
        name = reader.mapping.columns.version
        if versions is not None and name:
            version = value_of(reader.log, name, rows)
            conditions.append(sa.or_(*(version == sa.bindparam("version", raw, unique=True) for raw in versions)))
        if reader.labels is None:
            return rows, conditions
        conditions += reader.labels.condition(labels)
        return rows.join(labels, reader.same_id(rows, labels)), conditions

    def _coded(self, versions: Sequence[Any], *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        source, conditions = self._from(versions)
        stamp = self.reader.label_stamp
        if stamp is None:
            raise NotCountableError("labels do not say when they came")
        arrival = day_code(stamp, self._labels, self.arrival_bounds[1:-1])
        day = day_code(self.reader.stamp, self.reader.log.rows("r"), self.day_bounds[1:-1])
        return sa.select(arrival.label("a"), day.label("d"), *columns).select_from(source).where(*conditions)

    def _class_of(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[float]:
        """Return the class of a value: the engine's own values are looked at once, and named as rows are."""
        source, conditions = self._from(None)
        query = sa.select(column.label("c")).select_from(source).where(*conditions, column.is_not(None)).distinct()
        (values,) = self.reader.fetched(query.limit(MOST_CLASS_NAMES + 1), 1)
        if len(values) > MOST_CLASS_NAMES:
            raise NotCountableError("there are too many different values to be classes")
        codes = class_codes(self.model, values)
        rungs = [
            (column == sa.bindparam("class", value, unique=True), double(code))
            for value, code in zip(as_python(values), codes, strict=True)
            if not np.isnan(code)
        ]
        return sa.case(*rungs, else_=sa.cast(sa.null(), sa.Double())) if rungs else sa.cast(sa.null(), sa.Double())

    # Classes

    def _of_classes(self, layout: LabelLayout, versions: Sequence[Any]) -> LabelProfiles | None:
        log_rows, columns = self.reader.log.rows("r"), self.reader.mapping.columns
        self._refuse_texts()
        y = self._class_of(self._label)
        said = score_of(self.reader, self.model, log_rows)
        hard = self._class_of(value_of(self.reader.log, columns.prediction, log_rows)) if columns.prediction else None
        chosen = self._chosen_class(said, log_rows) if hard is None else hard
        score = chosen if said is None else said
        loss = self._loss(layout, y, chosen, score)
        coded = self._coded(
            versions,
            y.label("y"),
            chosen.label("h"),
            score.label("s"),
            loss.label("u"),
            bin_code(score, layout.score.edges).label("b"),
        ).subquery("p")
        c = coded.c
        query = sa.select(
            c.a,
            c.d,
            c.y,
            c.h,
            c.b,
            sa.func.count().label("n"),
            sa.func.sum(c.u).label("l"),
            sa.func.sum(squared(c.u)).label("q"),
        )
        query = query.where(c.y.is_not(None), c.h.is_not(None), is_finite(c.s)).group_by(c.a, c.d, c.y, c.h, c.b)
        found = [numbers(column)[0] for column in self.reader.fetched(query, 8)]
        return self._vectors_of_classes(layout, *found) if len(found[0]) else None

    def _chosen_class(self, said: sa.ColumnElement[float] | None, rows: sa.FromClause) -> sa.ColumnElement[float]:
        """Return the class that the probabilities choose."""
        if said is None:
            raise NotCountableError("there is neither a prediction nor a probability")
        if self.model.task is Task.BINARY:
            above = (said >= double(self.model.decision_threshold), double(1.0))
            return sa.case((is_finite(said), sa.case(above, else_=double(0.0))), else_=sa.cast(sa.null(), sa.Double()))
        each = probabilities_of(self.reader, rows)
        rungs = [
            (sa.and_(*(p >= other for other in each if other is not p)), double(float(at))) for at, p in enumerate(each)
        ]
        return sa.case((said.is_(None), sa.cast(sa.null(), sa.Double())), *rungs, else_=sa.cast(sa.null(), sa.Double()))

    def _loss(
        self,
        layout: LabelLayout,
        y: sa.ColumnElement[float],
        chosen: sa.ColumnElement[float],
        score: sa.ColumnElement[float],
    ) -> sa.ColumnElement[float]:
        if layout.hard:
            return sa.case((y == chosen, double(0.0)), else_=double(1.0))
        if self.model.task is Task.BINARY:
            return squared(score - y)
        each = probabilities_of(self.reader, self.reader.log.rows("r"))
        squares = squared(each[0])
        for p in each[1:]:
            squares += squared(p)
        of_label = sa.case(*((y == double(float(at)), p) for at, p in enumerate(each)), else_=sa.null())
        return squares - double(2.0) * of_label + double(1.0)

    def _vectors_of_classes(  # noqa: PLR0917 - one private caller, in this order
        self,
        layout: LabelLayout,
        arrival: Floats,
        day: Floats,
        y: Floats,
        chosen: Floats,
        code: Floats,
        n: Floats,
        loss: Floats,
        loss2: Floats,
    ) -> LabelProfiles:
        naive = naive_losses(layout, _as_rows(layout, y, chosen))
        fine, label, said = code.astype(np.intp), y.astype(np.intp), chosen.astype(np.intp)
        test = layout.score.fine_to_test[fine]
        terms: dict[str, tuple[Floats, np.ndarray | None]] = {
            "n": (n, None),
            "loss": (loss, None),
            "naive": (n * naive, None),
            "loss2": (loss2, None),
            "loss_naive": (loss * naive, None),
            "naive2": (n * naive * naive, None),
            "bin_n": (n, fine),
        }
        if self.model.task is Task.MULTICLASS:
            terms |= {"y": (n, label), "y2": (n, None), "bin_y": (n * (label == said), fine)}
            terms["test_y"] = (n, test * layout.classes + label)
        else:
            terms |= {"y": (n * y, None), "y2": (n * y * y, None), "bin_y": (n * y, fine)}
        if "confusion" in layout.slices:
            terms["confusion"] = (n, label * layout.classes + said)
        return self._profiles_of(layout, arrival, day, terms)

    # Numbers

    def _of_numbers(self, layout: LabelLayout, versions: Sequence[Any]) -> LabelProfiles | None:
        table = self.reader.labels or self.reader.log
        y = as_float(table, self.reader.mapping.label_column or "", self._labels)
        score = score_of(self.reader, self.model, self.reader.log.rows("r"))
        if score is None:
            raise NotCountableError("there is no prediction")
        self._refuse_texts(self._label)
        coded = self._coded(
            versions, y.label("y"), score.label("s"), bin_code(score, layout.score.edges).label("b")
        ).subquery("p")
        c, mean = coded.c, double(layout.label_means[0])
        error = c.s - c.y
        loss, naive = squared(error), squared(mean - c.y)
        terms = (loss, naive, squared(loss), loss * naive, squared(naive), c.y, squared(c.y), error, sa.func.abs(error))
        sums = [sa.func.sum(term).label(f"m{at}") for at, term in enumerate(terms)]
        query = sa.select(c.a, c.d, c.b, sa.func.count().label("n"), *sums)
        query = query.where(is_finite(c.y), is_finite(c.s)).group_by(c.a, c.d, c.b)
        arrival, day, code, n, *found = (numbers(column)[0] for column in self.reader.fetched(query, 4 + len(terms)))
        if not len(n):
            return None
        fine = code.astype(np.intp)
        names = ("loss", "naive", "loss2", "loss_naive", "naive2", "y", "y2", "error", "absolute_error")
        by_name: dict[str, tuple[Floats, np.ndarray | None]] = {
            name: (values, None) for name, values in zip(names, found, strict=True)
        }
        by_name |= {"n": (n, None), "bin_n": (n, fine), "bin_y": (by_name["y"][0], fine)}
        return self._profiles_of(layout, arrival, day, by_name)

    def _refuse_texts(self, *columns: sa.ColumnElement[Any]) -> None:
        """Refuse pairs with texts that their reader may take for numbers; only SQLite keeps those in any column."""
        if not self.reader.log.is_sqlite:
            return
        said, rows = self.reader.mapping.columns, self.reader.log.rows("r")
        names = [*said.probabilities, *filter(None, (said.probability,))]
        names += [said.prediction] if self.model.task is Task.REGRESSION and said.prediction else []
        numeric = [*columns, *(self.reader.log.column(name, of=rows) for name in names)]
        source, conditions = self._from(None)
        any_text = sa.or_(sa.false(), *(is_text_value(column) for column in numeric))
        query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(source)
        if len(self.reader.fetched(query.where(*conditions, any_text).limit(1), 1)[0]):
            raise NotCountableError("there are texts among the numbers")

    def _profiles_of(
        self, layout: LabelLayout, arrival: Floats, day: Floats, terms: dict[str, tuple[Floats, np.ndarray | None]]
    ) -> LabelProfiles:
        vectors = np.zeros((len(day), layout.width))
        at = np.arange(len(day))
        for name, (values, code) in terms.items():
            column = layout.slices[name].start + (0 if code is None else code)
            np.add.at(vectors, (at, column), values)
        days = self.days[day.astype(np.intp)]
        # A label never arrives before its row.
        return summed_by_day(np.maximum(self.arrivals[arrival.astype(np.intp)], days), days, vectors)


def _as_rows(layout: LabelLayout, label: Floats, prediction: Floats) -> LabelledRows:
    """Return one row per group, as far as the naive forecast asks for it."""
    none = np.full(len(label), np.datetime64("NaT"), dtype="datetime64[D]")
    del layout
    return LabelledRows(none, np.full(len(label), None, dtype=object), none, none, prediction, prediction, label)
