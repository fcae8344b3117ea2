"""A mapping tried against its tables before anything is registered: the first rows as understood, and every mistake."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa

from data_access.card_values import class_names, log_mapping, model_value
from data_access.log_connections import unreadable
from data_access.log_mapping import ReferencePeriod, TableSource
from data_access.model_output import numbers
from data_access.normal_text import category_text, class_text
from data_access.prediction_log import SqlPredictionLog
from data_access.reference_rows import EARLY_DAYS
from data_access.timestamps import TimeColumn, parsed
from monitoring.errors import InvalidModelCardError, LogUnreadableError
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from collections.abc import Iterable

    from data_access.log_connections import LogConnections, LogTable
    from data_access.log_mapping import LogMapping
    from data_access.model_card import ModelCard

SAMPLE_ROWS = 1_000
SHOWN_ROWS = 5
SHOWN_VALUES = 5
MOST_MISTYPED = 0.5
BINARY_LABELS = 2


@dataclass
class Checked:
    """What a mapping reads: mistakes each with their place, remarks, and the first rows by column."""

    card: ModelCard
    mistakes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    first_rows: list[dict[str, str]] = field(default_factory=list)


def check_mapping(card: ModelCard, connections: LogConnections, *, place: str) -> Checked:
    """Try a mapped card against its tables; nothing is written and nothing is raised for a mistake."""
    result = Checked(card)
    try:
        mapping = log_mapping(card)
        table = connections.table(mapping.log)
        result.mistakes += _missing_columns(card, mapping, table, connections)
        if not result.mistakes:
            _check_rows(result, mapping, table, connections)
    except (InvalidModelCardError, LogUnreadableError) as error:
        result.mistakes.append(str(error))
    except sa.exc.DBAPIError as error:
        result.mistakes.append(str(unreadable("the tables cannot be read", error)))
    result.mistakes = [f"{place}: {mistake}" for mistake in result.mistakes]
    result.notes = [f"{place}: {note}" for note in result.notes]
    return result


def _check_rows(result: Checked, mapping: LogMapping, table: LogTable, connections: LogConnections) -> None:
    card, sample = result.card, _sample(mapping, table, result.card)
    result.mistakes += _row_mistakes(card, mapping, table, connections, sample=sample)
    if not result.mistakes:
        result.mistakes += _reference_mistakes(card, mapping, connections)
    if not result.mistakes:
        result.first_rows = _first_rows(card, table, sample)
        result.notes += _notes(card, mapping, connections)


def _missing_columns(
    card: ModelCard, mapping: LogMapping, table: LogTable, connections: LogConnections
) -> Iterable[str]:
    columns = card.columns
    parts = {
        f"columns.{part}": name
        for part, name in columns.model_dump(exclude={"timezone", "time_unit"}).items()
        if name is not None
    }
    parts |= {f"probabilities.{name}": column for name, column in card.probabilities.items()}
    parts |= {f"features[{part.name!r}]": part.name for part in card.features if part.type != "ignore"}
    yield from _not_there(parts, table, "log")
    if mapping.labels is not None:
        labels = mapping.labels
        wanted = {
            "prediction_id": labels.prediction_id,
            "label": labels.label,
            "label_timestamp": labels.label_timestamp,
        }
        of_labels = connections.table(labels.source)
        yield from _not_there({f"labels.{part}": name for part, name in wanted.items() if name}, of_labels, "labels")
    for version, reference in mapping.references.items():
        if isinstance(reference, TableSource):
            at = f"versions[{version!r}].reference" if version else "reference"
            features = {f"{at}: features[{p.name!r}]": p.name for p in card.features if p.type != "ignore"}
            yield from _not_there(features, connections.table(reference), at)


def _not_there(parts: dict[str, str], table: LogTable, of: str) -> Iterable[str]:
    parts = parts | {f"{of}.where": name for name, _ in table.where if table.own_name(name) is None}
    for place, name in parts.items():
        if table.own_name(name) is None:
            try:
                table.column(name)
            except LogUnreadableError as error:
                yield f"{place}: {error}"


def _row_mistakes(
    card: ModelCard,
    mapping: LogMapping,
    table: LogTable,
    connections: LogConnections,
    *,
    sample: dict[str, tuple[Any, ...]],
) -> Iterable[str]:
    columns = card.columns
    if not sample[columns.timestamp]:
        filters = " and ".join(f"{name} = {value!r}" for name, value in mapping.log.where)
        said = f"no row has {filters}{_seen(table)}" if filters else "it has no rows"
        yield f"log: table {table.words}: {said}"
        return
    for name in (columns.timestamp, columns.arrived_at, columns.label_timestamp):
        if name is not None:
            yield from _bad_times(card, table, name, sample[name])
    for part in card.features:
        if part.type == "numeric":
            yield from _bad_numbers(f"features[{part.name!r}]", sample[part.name])
    if card.task is Task.REGRESSION:
        yield from _bad_numbers("columns.prediction", sample[columns.prediction or ""])
    yield from _bad_scores(card, sample)
    yield from _bad_classes(card, mapping, table, connections, sample=sample)


def _reference_mistakes(card: ModelCard, mapping: LogMapping, connections: LogConnections) -> Iterable[str]:
    log = SqlPredictionLog(connections, model_value(card), mapping)
    extent = log.extent()
    if extent is None:
        yield "columns.timestamp: no row has one"
        return
    for version, reference in mapping.references.items():
        place = f"versions[{version!r}].reference" if version else "reference"
        if isinstance(reference, ReferencePeriod):
            if reference.last < extent[0] or reference.first > extent[1]:
                yield f"{place}: the log has no row in it; it goes from {extent[0]} to {extent[1]}"
        elif log.reference(version or _first_version(log)) is None:
            yield f"{place}: table {reference.table!r} has no rows"


def _notes(card: ModelCard, mapping: LogMapping, connections: LogConnections) -> Iterable[str]:
    extent = SqlPredictionLog(connections, model_value(card), mapping).extent()
    if extent is None:
        return
    yield f"the log goes from {extent[0]} to {extent[1]} ({card.timezone})"
    if not mapping.references:
        until = extent[0] + timedelta(days=EARLY_DAYS - 1)
        yield f"no reference is named: the first {EARLY_DAYS} days, to {until}, serve provisionally"
    if mapping.label_column is None:
        yield "no labels are mapped: the model is judged on its inputs and on estimates"
        return
    for version, reference in mapping.references.items():
        of_table = connections.table(reference) if isinstance(reference, TableSource) else None
        if of_table is not None and of_table.own_name(mapping.label_column) is None:
            at = f"versions[{version!r}].reference" if version else "reference"
            yield f"{at}: table {of_table.words} has no column {mapping.label_column!r}: without labels performance cannot be compared with it"


def _first_version(log: SqlPredictionLog) -> str:
    return log.model.versions[0].version if log.model.versions else ""


def _sample(mapping: LogMapping, table: LogTable, card: ModelCard) -> dict[str, tuple[Any, ...]]:
    """Return the first rows of the log, by column, as the driver gives them."""
    columns = mapping.columns
    parts = [columns.timestamp, columns.prediction_id, columns.version, columns.arrived_at, columns.prediction]
    parts += [columns.probability, *columns.probabilities, columns.label, columns.label_timestamp]
    parts += [part.name for part in card.features if part.type != "ignore"]
    names = list(dict.fromkeys(name for name in parts if name is not None))
    rows = table.rows("s")
    chosen = [table.column(name, of=rows).label(f"c{at}") for at, name in enumerate(names)]
    query = sa.select(*chosen).where(*table.condition(rows)).limit(SAMPLE_ROWS)
    with table.engine.connect() as connection:
        found = connection.execute(query).all()
    return dict(zip(names, zip(*found, strict=True) if found else [()] * len(names), strict=True))


def _seen(table: LogTable) -> str:
    """Return the values a filter could have."""
    rows = table.rows("w")
    column = table.column(table.where[0][0], of=rows)
    with table.engine.connect() as connection:
        seen = connection.execute(sa.select(column).distinct().limit(SHOWN_VALUES)).scalars().all()
    return f"; {table.where[0][0]} is for example {', '.join(repr(value) for value in seen)}" if seen else ""


def _bad_times(card: ModelCard, table: LogTable, name: str, values: tuple[Any, ...]) -> Iterable[str]:
    column = TimeColumn.of(table, name, zone=card.columns.timezone, unit=card.columns.time_unit)
    if column.kind == "native":
        return
    try:
        stamps = column.decoded(values)
    except (ValueError, TypeError):
        yield f"column {name!r}: it mixes timestamps of several kinds, such as {values[0]!r}"
        return
    bad = [value for value, is_bad in zip(values, np.isnat(stamps), strict=True) if is_bad and value is not None]
    if bad:
        yield f"column {name!r}: {bad[0]!r} is not a timestamp ({len(bad)} of the first {len(values)} rows)"


def _bad_numbers(place: str, values: tuple[Any, ...]) -> Iterable[str]:
    is_mistyped = numbers(values)[1]
    said = sum(value is not None for value in values)
    if said and is_mistyped.sum() > MOST_MISTYPED * said:
        first = values[int(np.flatnonzero(is_mistyped)[0])]
        yield f"{place}: {first!r} is not a number ({int(is_mistyped.sum())} of the first {said} values)"


def _bad_scores(card: ModelCard, sample: dict[str, tuple[Any, ...]]) -> Iterable[str]:
    low, high = card.score_range or (0.0, 1.0)
    for name in [card.columns.probability, *card.probabilities.values()]:
        if name is None:
            continue
        values = numbers(sample[name])[0]
        known = values[~np.isnan(values)]
        outside = int(((known < low) | (known > high)).sum())
        if outside > MOST_MISTYPED * len(known):
            yield (
                f"column {name!r}: {outside} of the first {len(known)} values are outside {low:g} to {high:g}; "
                "say the score's range as score_range"
            )


def _bad_classes(
    card: ModelCard,
    mapping: LogMapping,
    table: LogTable,
    connections: LogConnections,
    *,
    sample: dict[str, tuple[Any, ...]],
) -> Iterable[str]:
    if card.task is Task.REGRESSION:
        return
    known = class_names(card)
    said = {card.columns.prediction: set(sample.get(card.columns.prediction or "", ()))}
    label = mapping.label_column
    if label is not None:
        source = connections.table(mapping.labels.source) if mapping.labels else table
        said[label] = set(_label_values(source, label))
    for name, values in said.items():
        seen = {text for text in map(class_text, values) if text is not None}
        shown = ", ".join(repr(value) for value in sorted(seen)[:SHOWN_VALUES])
        if card.task is Task.MULTICLASS or card.classes:
            undeclared = ", ".join(repr(value) for value in sorted(seen - set(known))[:SHOWN_VALUES])
            if undeclared:
                yield f"column {name!r}: {undeclared} is not one of the classes {', '.join(known)}"
        elif len(seen) > BINARY_LABELS:
            yield f"column {name!r}: a binary model has two classes, here are {shown}"
        elif name == label and seen and known[1] not in seen and not seen <= {"0", "1"}:
            yield f"column {name!r}: the positive class {known[1]!r} is not among {shown}; say positive_class"


def _label_values(table: LogTable, label: str) -> list[Any]:
    rows = table.rows("v")
    column = table.column(label, of=rows)
    inner = (
        sa.select(column.label("c")).where(column.is_not(None), *table.condition(rows)).limit(SAMPLE_ROWS).subquery()
    )
    with table.engine.connect() as connection:
        return list(connection.execute(sa.select(inner.c.c).distinct().limit(50)).scalars())


def _first_rows(card: ModelCard, table: LogTable, sample: dict[str, tuple[Any, ...]]) -> list[dict[str, str]]:
    columns, rows = card.columns, list[dict[str, str]]()
    parts = {
        "prediction id": columns.prediction_id,
        "version": columns.version,
        "prediction": columns.prediction,
        "probability": columns.probability,
        "label": columns.label,
    } | {part.name: part.name for part in card.features if part.type != "ignore"}
    shown = min(SHOWN_ROWS, len(sample[columns.timestamp]))
    times = _local_times(card, table, sample[columns.timestamp][:shown])
    for at in range(shown):
        row = {"timestamp": times[at]}
        row |= {part: category_text(sample[name][at]) or "missing" for part, name in parts.items() if name is not None}
        rows.append(row)
    return rows


def _local_times(card: ModelCard, table: LogTable, values: tuple[Any, ...]) -> list[str]:
    """Return timestamps as times in the model's zone."""
    columns = card.columns
    stamp = TimeColumn.of(table, columns.timestamp, zone=columns.timezone, unit=columns.time_unit)
    # Typed times print as ISO texts, which say their zone when they have one.
    stamps = parsed(values, columns.timezone) if stamp.kind == "native" else stamp.decoded(values)
    zone = ZoneInfo(card.timezone)
    moments = [None if np.isnat(each) else each.astype(object).replace(tzinfo=UTC).astimezone(zone) for each in stamps]
    return [f"{moment:%Y-%m-%d %H:%M:%S %Z}" if moment else "missing" for moment in moments]
