"""A small Parquet file of one model, read without DuckDB: planning a query takes longer than to read the ids and times of all rows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring.errors import LogUnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import numpy.typing as npt

    from monitoring.ports import Flags

    Stamps = npt.NDArray[np.datetime64]
    Numbers = npt.NDArray[np.int64]

IDS = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string)
PLAIN = (*IDS, pa.types.is_boolean, pa.types.is_float32, pa.types.is_float64)


@lru_cache(maxsize=8)
def _footer(path: str, _size: int, _changed: int) -> tuple[pq.FileMetaData, pa.Schema]:
    footer = pq.read_metadata(path)
    return footer, footer.schema.to_arrow_schema()


def footer_of(path: str) -> tuple[pq.FileMetaData, pa.Schema]:
    """Return the footer of a Parquet file and its columns; that of the last few files is read once.

    Raises:
        OSError: the file cannot be read.
        ArrowException: it is no Parquet file.
    """
    said = Path(path).stat()
    return _footer(path, said.st_size, said.st_mtime_ns)


class SmallFile:
    """One Parquet file; its rows are numbered from 0 in the order of the file."""

    def __init__(self, path: str) -> None:
        self._path = path
        with self._understood():
            self._footer, schema = footer_of(path)
        footer, self._types = self._footer, {field.name: field.type for field in schema}
        sizes = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
        self._starts = np.cumsum([0, *sizes])

    @contextmanager
    def _opened(self, coded: Iterable[str] = ()) -> Iterator[pq.ParquetFile]:
        """Open the file for one read: a run over many models would keep too many open."""
        texts = [name for name in coded if self._is_one(name, (pa.types.is_string,))]
        with (
            self._understood(),
            pq.ParquetFile(self._path, metadata=self._footer, read_dictionary=texts, pre_buffer=False) as file,
        ):
            yield file

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Say in our words what is wrong with the file."""
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            said = str(error).strip().splitlines()[0]
            raise LogUnreadableError(f"{Path(self._path).name!r} cannot be read: {said}") from None

    def are_plain(self, names: Iterable[str]) -> bool:
        """Whether columns are there and of types whose values are selected as they are."""
        return all(self._is_one(name, PLAIN) for name in names)

    def has_plain_ids(self, name: str) -> bool:
        """Whether a column holds whole numbers or text, which are compared as they are."""
        return self._is_one(name, IDS)

    def _is_one(self, name: str, kinds: tuple[Callable[[pa.DataType], bool], ...]) -> bool:
        return name in self._types and any(is_kind(self._types[name]) for is_kind in kinds)

    def columns(self, names: Iterable[str], at: Numbers | None = None, *, coded: Iterable[str] = ()) -> list[pa.Array]:
        """Return columns of all rows, or of those numbered ``at``: only the row groups are read that hold them.

        Texts among those ``coded`` stay as the file has them: each once, with the place of every row's.
        """
        wanted = list(names)
        if at is None:
            with self._opened() as file:
                found = file.read(columns=wanted, use_threads=False)
        else:
            group_of = np.searchsorted(self._starts, at, side="right") - 1
            groups = np.unique(group_of)
            sizes = np.diff(self._starts)[groups]
            moved = (np.cumsum(sizes) - sizes) - self._starts[groups]
            here = at + moved[np.searchsorted(groups, group_of)]
            with self._opened(coded) as file:
                found = file.read_row_groups(groups.tolist(), columns=wanted, use_threads=False)
            if len(here) != found.num_rows or (np.diff(here) != 1).any():
                found = found.take(pa.array(here))
        return [found[name].combine_chunks() for name in wanted]


@dataclass(frozen=True)
class Outline:
    """Ids and times (by column) of all rows of a small file, and which of them have a label where that is asked.

    ``said`` are the columns as the file has them.
    """

    file: SmallFile
    said: dict[str, pa.Array]
    ids: pa.Array | None
    times: dict[str, Stamps]
    labelled: Flags

    @cached_property
    def has_several(self) -> bool:
        """Whether any id occurs more than once."""
        ids = self.ids
        if ids is None or _are_ascending(ids):
            return False
        return bool(pc.count_distinct(ids).as_py() < len(ids) - ids.null_count)

    def columns(self, names: Iterable[str], at: Numbers, *, coded: Iterable[str] = ()) -> dict[str, pa.Array]:
        """Return columns of the rows numbered ``at``; those that are here are not read again."""
        wanted = list(dict.fromkeys(names))
        further = [name for name in wanted if name not in self.said]
        found = dict(zip(further, self.file.columns(further, at, coded=coded), strict=True)) if further else {}
        here = pa.array(at)
        return {name: found[name] if name in found else self.said[name].take(here) for name in wanted}

    def between(self, column: str, start: np.datetime64, end: np.datetime64) -> Numbers:
        """Return the numbers of the rows whose time is in a half-open range."""
        times = self.times[column]
        return np.flatnonzero((times >= start) & (times < end))


def _are_ascending(ids: pa.Array) -> bool:
    """Whether ids are whole numbers, each larger than the one before: then none occurs twice, and none has to be looked up."""
    if not pa.types.is_integer(ids.type) or ids.null_count:
        return False
    values = ids.to_numpy()
    return bool((values[1:] > values[:-1]).all())


def found_in(outline: Outline, ids: pa.Array) -> Numbers:
    """Return the number of the row with each id, -1 where there is none."""
    at = pc.index_in(ids, value_set=outline.ids, skip_nulls=True)
    found: Numbers = at.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found
