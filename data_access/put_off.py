"""What is stored of many models at once when their jobs are settled: a statement per model would cost more than its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

How = Callable[["Session", list[Any]], object]


@dataclass(frozen=True, slots=True)
class Write:
    """Something to be stored in a transaction of somebody else: ``how`` stores ``what`` of many models in few statements."""

    how: How
    what: Any


def store(session: Session, writes: Iterable[Write]) -> None:
    """Store what was put off, each kind at once; kinds in the order in which they come first."""
    kinds: dict[How, list[Any]] = {}
    for write in writes:
        kinds.setdefault(write.how, []).append(write.what)
    for how, given in kinds.items():
        how(session, given)
