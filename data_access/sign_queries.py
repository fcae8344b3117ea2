"""The signs of many models as one array, for the page about portfolio shifts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from data_access.shift_store import LETTERS
from data_access.tables import SignRow, SourceSetRow
from monitoring.portfolio_shift import Sign

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import numpy.typing as npt

    from data_access.database import Database
    from monitoring.shift_rates import Flags, Signs

TOGETHER = ""
"""The source that stands for all features of a model together."""
SIGN_OF_LETTER = np.full(256, Sign.UNSEEN, dtype=np.int8)
for _sign, _letter in LETTERS.items():
    SIGN_OF_LETTER[ord(_letter)] = _sign


@dataclass(frozen=True, slots=True)
class SignDays:
    """The signs of models on unbroken days from ``first`` on: a row per model and source, shape ``(rows, days)``.

    ``model`` and ``source`` say which of ``models`` and ``sources`` a row is about; the source ``TOGETHER`` is all features of a model.
    """

    models: tuple[str, ...]
    sources: tuple[str, ...]
    first: date
    model: npt.NDArray[np.intp]
    source: npt.NDArray[np.intp]
    signs: Signs

    def of_source(self, name: str) -> npt.NDArray[np.intp]:
        """Return the rows of a source; none for one that nobody reads."""
        return np.flatnonzero(self.source == self.sources.index(name)) if name in self.sources else np.empty(0, np.intp)

    def per_model(self, flags: Flags) -> Flags:
        """Return for each model and day whether any of its rows is flagged."""
        any_row = np.zeros((len(self.models), flags.shape[1]), dtype=bool)
        np.logical_or.at(any_row, self.model, flags)
        return any_row


def sign_days(registry: Database, *, first: date, last: date) -> SignDays:
    """Return the signs of every model and source, as known on the last day."""
    statement = (
        # As text, the days need not be made dates one by one.
        sa.select(SignRow.model_id, sa.cast(SignRow.day, sa.String), SignRow.sources_id, SignRow.signs)
        .where(SignRow.day.between(first, last), SignRow.known_on <= last)
        .order_by(SignRow.model_id, SignRow.day, SignRow.known_on, SignRow.recorded_at)
    )
    with registry.read() as session:
        rows = _last_known(session.execute(statement).all())
        sets = {
            row.id: json.loads(row.names) for row in session.execute(sa.select(SourceSetRow.id, SourceSetRow.names))
        }
    models = tuple(dict.fromkeys(row[0] for row in rows))
    used = {row[2] for row in rows}
    sources = (TOGETHER, *sorted({name for number in used for name in sets[number]}))
    at = {(first + timedelta(days=number)).isoformat(): number for number in range((last - first).days + 1)}
    place = {model_id: number for number, model_id in enumerate(models)}
    model = np.array([place[row[0]] for row in rows], dtype=np.intp)
    day = np.array([at[row[1]] for row in rows], dtype=np.intp)
    set_of = np.array([row[2] for row in rows], dtype=np.intp)
    letters = [row[3] for row in rows]

    cells = []
    for number in sorted(used):
        chosen = np.flatnonzero(set_of == number)
        columns = [sources.index(name) for name in (*sets[number], TOGETHER)]
        text = "".join(letters[each] for each in chosen).encode()
        signs = SIGN_OF_LETTER[np.frombuffer(text, dtype=np.uint8).reshape(len(chosen), len(columns))]
        cells += [(model[chosen], column, day[chosen], signs[:, place]) for place, column in enumerate(columns)]
    row_of = np.full((len(models), len(sources)), -1, dtype=np.intp)
    for models_of, column, _, _ in cells:
        row_of[models_of, column] = 0
    pairs = np.nonzero(row_of == 0)
    row_of[pairs] = np.arange(len(pairs[0]))
    found = np.full((len(pairs[0]), len(at)), Sign.UNSEEN, dtype=np.int8)
    for models_of, column, days, signs in cells:
        found[row_of[models_of, column], days] = signs
    return SignDays(models, sources, first, pairs[0], pairs[1], found)


def _last_known(rows: Sequence[Any]) -> list[Any]:
    """Return the last row of each model and day."""
    return [row for row, after in pairwise(rows) if row[:2] != after[:2]] + list(rows[-1:])
