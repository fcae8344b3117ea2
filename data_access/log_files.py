"""Parquet and CSV files as the columns the default store keeps, and what is wrong with them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import sqlalchemy as sa

from data_access.default_store import KEY, Batch, Index
from data_access.log_connections import nearest
from data_access.log_mapping import short_hash
from data_access.model_output import numbers
from data_access.normal_text import category_text, class_text
from data_access.timestamps import from_numbers, localised, parsed, unit_by_size
from monitoring.errors import InvalidModelCardError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MISSING_TEXTS = ["", "NaN", "nan", "NULL", "null"]
SHOWN_ROWS = 3
MOST_MISTYPED = 0.5
TIME, TEXT, CLASS, NUMBER = "time", "text", "class", "number"
KINDS: dict[str, sa.types.TypeEngine[Any]] = {
    TIME: sa.BigInteger(),
    TEXT: sa.Text(),
    CLASS: sa.Text(),
    NUMBER: sa.Double(),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column that is asked for: how it is kept, and whether every row must have a value."""

    name: str
    kind: str
    is_required: bool = False


@dataclass
class LogFile:
    """The asked-for columns of one file; ``mistakes`` say what is wrong, each with its place."""

    file: Path
    columns: dict[str, list[Any]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    rows: int = 0

    def batch(
        self,
        *,
        known_by: tuple[str, ...],
        indexed: tuple[Index, ...],
        coming_later: tuple[str, ...] = (),
    ) -> Batch:
        """Return the rows for the default store."""
        kinds = {name: KINDS[kind] for name, kind in self.kinds.items()}
        # Text among numbers is kept as it is, to be found as such; only SQLite keeps both in one column.
        for name, kind in self.kinds.items():
            if kind == NUMBER and any(isinstance(value, str) for value in self.columns[name]):
                kinds[name] = sa.Text()
        return Batch(self.columns, kinds, known_by, indexed, coming_later)

    def fingerprint(self) -> str:
        """Return a text that changes when a value or a kept column does, but not with how the file was written."""
        keys = np.array(self.batch(known_by=tuple(self.columns), indexed=()).keys(), dtype=np.int64)
        return short_hash([hashlib.sha256(keys.tobytes()).hexdigest(), self.kinds])[:10]


def file_of(folder: Path, name: str) -> Path | None:
    """Return ``name.parquet`` or ``name.csv`` in a folder.

    Raises:
        InvalidModelCardError: there are both.
    """
    found = [path for path in (folder / f"{name}.parquet", folder / f"{name}.csv") if path.is_file()]
    if len(found) > 1:
        raise InvalidModelCardError(f"{folder}: there are {found[0].name} and {found[1].name}; keep one")
    return found[0] if found else None


def read_log_file(file: Path, wanted: list[Wanted], *, zone: str, unit: str | None) -> LogFile:
    """Read the asked-for columns of a file; whatever is wrong stands in ``mistakes``."""
    result = LogFile(file)
    try:
        table = _table(file, wanted)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        result.mistakes.append(f"{file}: it cannot be read ({str(error).splitlines()[0]})")
        return result
    names = [str(name) for name in table.column_names]
    result.rows, result.unused = table.num_rows, [name for name in names if name not in {each.name for each in wanted}]
    result.mistakes += _name_mistakes(file, names, [each.name for each in wanted])
    for each in wanted:
        if names.count(each.name) != 1:
            continue
        values, mistakes = _converted(table[each.name], each, zone=zone, unit=unit)
        result.mistakes += [f"{file}: column {each.name!r}: {mistake}" for mistake in mistakes]
        result.columns[each.name], result.kinds[each.name] = values, each.kind
    return result


def _table(file: Path, wanted: list[Wanted]) -> pa.Table:
    if file.suffix != ".csv":
        return pa.parquet.read_table(file)
    # 007 is an id or a category, not the number seven.
    as_text = {each.name: pa.string() for each in wanted if each.kind in {TEXT, CLASS}}
    options = pa.csv.ConvertOptions(column_types=as_text, strings_can_be_null=True, null_values=MISSING_TEXTS)
    return pa.csv.read_csv(file, convert_options=options)


def _name_mistakes(file: Path, names: list[str], wanted: list[str]) -> list[str]:
    mistakes = [f"{file}: there is no column {name!r}{nearest(name, names)}" for name in wanted if name not in names]
    folded = Counter(name.lower() for name in {*wanted} & {*names})
    mistakes += [
        f"{file}: column {name!r} differs from another only by upper and lower case; rename one"
        for name in sorted({name for name in wanted if folded[name.lower()] > 1})
    ]
    mistakes += [
        f"{file}: column {name!r} is there {names.count(name)} times" for name in set(wanted) if names.count(name) > 1
    ]
    if KEY in {name.lower() for name in wanted}:
        mistakes.append(f"{file}: a column cannot be called {KEY!r}")
    return mistakes


def _converted(column: pa.ChunkedArray, wanted: Wanted, *, zone: str, unit: str | None) -> tuple[list[Any], list[str]]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return [None] * len(column), [f"it holds {column.type}, not single values"]
    match wanted.kind:
        case "time":
            values, mistakes = _times(column, zone=zone, unit=unit)
        case "number":
            values, mistakes = _numbers(column)
        case _:
            values, mistakes = _texts(column, class_text if wanted.kind == CLASS else category_text), []
    if wanted.is_required and not mistakes and None in values:
        mistakes = [
            f"{values.count(None)} rows have no value ({rows_named(np.flatnonzero([v is None for v in values]))})"
        ]
    return values, mistakes


def rows_named(at: Sequence[int] | np.ndarray) -> str:
    """Return the first rows of a mistake, counted from 1."""
    shown = ", ".join(str(int(row) + 1) for row in at[:SHOWN_ROWS])
    return f"row{'s' if len(at) > 1 else ''} {shown}{' ...' if len(at) > SHOWN_ROWS else ''}"


def _times(column: pa.ChunkedArray, *, zone: str, unit: str | None) -> tuple[list[Any], list[str]]:
    kind = column.type
    if pa.types.is_null(kind):
        return [None] * len(column), []
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        stamps = column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
        found = np.asarray(stamps.cast(pa.timestamp("us")).to_numpy().astype("datetime64[us]"))
        if getattr(kind, "tz", None) is None:
            found = localised(found, zone)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
        largest = pc.max(column).as_py()
        found = from_numbers(column.to_pylist(), unit or unit_by_size(float(largest or 0)))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        found = parsed(column.to_pylist(), zone)
    else:
        return [None] * len(column), [f"it holds {kind}, not timestamps"]
    unreadable = np.isnat(found) & ~column.is_null(nan_is_null=True).to_numpy().astype(bool)
    mistakes = []
    if unreadable.any():
        at = np.flatnonzero(unreadable)
        mistakes = [f"{column[int(at[0])].as_py()!r} is not a timestamp ({rows_named(at)})"]
    values: list[Any] = found.astype(np.int64).tolist()
    for row in np.flatnonzero(np.isnat(found)).tolist():
        values[row] = None
    return values, mistakes


def _numbers(column: pa.ChunkedArray) -> tuple[list[Any], list[str]]:
    kind = column.type
    if pa.types.is_null(kind):
        return [None] * len(column), []
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()).to_pylist(), []
    if pa.types.is_decimal(kind) or pa.types.is_uint64(kind) or pa.types.is_float16(kind):
        column = column.cast(pa.float64(), safe=False)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        values = column.to_pylist()
        found, is_mistyped = numbers(values)
        said = max(1, sum(value is not None for value in values))
        if is_mistyped.sum() > MOST_MISTYPED * said:
            at = np.flatnonzero(is_mistyped)
            return values, [f"{values[at[0]]!r} is not a number ({rows_named(at)}); is the column categorical?"]
        return [
            text if wrong else (None if np.isnan(number) else number)
            for text, number, wrong in zip(values, found.tolist(), is_mistyped.tolist(), strict=True)
        ], []
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return [None] * len(column), [f"it holds {kind}, not numbers"]
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return column.to_pylist(), []


def _texts(column: pa.ChunkedArray, normalise: Callable[[object], str | None]) -> list[Any]:
    if pa.types.is_null(column.type) or not len(column):
        return [None] * len(column)
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    named = [*(normalise(value) for value in encoded.dictionary.to_pylist()), None]
    return [named[at] for at in encoded.indices.fill_null(len(named) - 1).to_pylist()]
