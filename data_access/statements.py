"""Statements put together once for all models whose logs look alike: to put one together takes longer than to run it.

A statement is built over tables that stand in for those of a model, and with values that are given when it is run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    import sqlalchemy as sa

    Query = sa.Select[Any] | sa.CompoundSelect[Any]


@dataclass(frozen=True, slots=True)
class Given:
    """A value that is known by name until a statement is run; ``moved`` is added to it, and ``kept`` makes of it what the column keeps."""

    name: str
    moved: np.timedelta64 | None = None
    kept: Callable[[Any], Any] | None = None

    def __add__(self, move: np.timedelta64) -> Given:
        return replace(self, moved=move if self.moved is None else self.moved + move)

    def __sub__(self, move: np.timedelta64) -> Given:
        return self + -move

    def of(self, values: Mapping[str, Any]) -> Any:
        """Return the value."""
        value = values[self.name]
        if self.moved is not None:
            value = value + self.moved
        return value if self.kept is None else self.kept(value)


@dataclass(frozen=True, slots=True)
class Statement:
    """The text of a statement, the part that each of its columns plays, and its values in order."""

    text: str
    parts: tuple[str, ...]
    parameters: tuple[Any, ...]

    @classmethod
    def of(cls, query: Query, parts: Iterable[str] = (), *, dialect: sa.Dialect) -> Statement:
        """Return a query as the driver takes it."""
        compiled: Any = query.compile(dialect=dialect)
        given = compiled.construct_params()
        return cls(compiled.string, tuple(parts), tuple(given[name] for name in compiled.positiontup))

    def reading(self, names: Mapping[str, str]) -> str:
        """Return the text with tables, by the quoted names of those that stand in for them, in their place."""
        text = self.text
        for stand_in, name in names.items():
            text = text.replace(stand_in, name)
        return text

    def values(self, given: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values in order."""
        return tuple(value.of(given) if isinstance(value, Given) else value for value in self.parameters)
