"""Rows of a log, or pairs of a row and a label, before it is known which still count."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_access.log_values import as_python, chosen, is_of_one_kind, together
from data_access.normal_text import texts

if TYPE_CHECKING:
    import numpy.typing as npt

    from data_access.log_values import Values
    from monitoring.ports import Flags, Texts

    Stamps = npt.NDArray[np.datetime64]

NO_STAMPS = np.empty(0, dtype="datetime64[us]")
NO_TEXTS = np.empty(0, dtype=object)


@dataclass(frozen=True)
class Entries:
    """Times of rows, shape ``(rows,)`` each, and as the database gave them their ids and under ``given`` the other columns."""

    given: dict[str, Values]
    said_ids: Values | None
    stamp: Stamps
    arrived: Stamps
    label_stamp: Stamps

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.stamp)

    @cached_property
    def ids(self) -> Texts:
        """The ids as text, shape ``(rows,)``."""
        return np.full(len(self), None, dtype=object) if self.said_ids is None else texts(self.said_ids)

    @cached_property
    def has_several(self) -> bool:
        """Whether any id occurs more than once."""
        said = self.said_ids
        if said is None:
            return False
        if isinstance(said, pa.Array) and (pa.types.is_integer(said.type) or pa.types.is_string(said.type)):
            return bool(pc.count_distinct(said).as_py() < len(said) - said.null_count)
        values = as_python(said) if is_of_one_kind(said) else self.ids.tolist()
        known = [value for value in values if value is not None]
        return len(set(known)) < len(known)

    def chosen(self, which: Flags) -> Entries:
        """Return some of the entries."""
        if which.all():
            return self
        given = {part: chosen(values, which) for part, values in self.given.items()}
        said_ids = None if self.said_ids is None else chosen(self.said_ids, which)
        return Entries(given, said_ids, self.stamp[which], self.arrived[which], self.label_stamp[which])

    def with_more(self, other: Entries) -> Entries:
        """Return these entries and then the others."""
        given = {part: together(values, other.given[part]) for part, values in self.given.items()}
        pairs = ((self.stamp, other.stamp), (self.arrived, other.arrived), (self.label_stamp, other.label_stamp))
        return Entries(given, [*self.ids, *other.ids], *(np.concatenate(pair) for pair in pairs))

    def row_names(self) -> Texts:
        """Return a name for each entry's row, nothing where it has no id: a newer label of the same row replaces a label."""
        parts = zip(self.ids, self.stamp.astype(np.int64), self.arrived.astype(np.int64), strict=True)
        names = [None if each is None else f"{stamp} {arrived} {each}" for each, stamp, arrived in parts]
        return np.array([*names, None], dtype=object)[:-1]


def joined(*parts: Entries | None) -> Entries:
    """Return id and time of all, without anything else."""
    given = [entries for entries in parts if entries is not None]
    return Entries(
        {},
        np.concatenate([NO_TEXTS, *(entries.ids for entries in given)]).tolist(),
        np.concatenate([NO_STAMPS, *(entries.stamp for entries in given)]),
        np.concatenate([NO_STAMPS, *(entries.arrived for entries in given)]),
        np.concatenate([NO_STAMPS, *(entries.label_stamp for entries in given)]),
    )
