"""The days of a log on their way to profiles: counted where the log is, or read as rows to be counted here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from monitoring.ports import LabelledRows, LogRows, PredictionLog, ReplacedRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from monitoring.label_profile import LabelProfiles
    from monitoring.profile import DayProfiles
    from monitoring.reference import Reference


@dataclass(frozen=True, slots=True)
class CountedDays:
    """One version's days: ``profiles`` and ``labels`` where the log's engine counted them, rows and pairs for the rest.

    No day is in both ``profiles`` and ``rows``, no arrival day in both ``labels`` and ``labelled``. Counted days are plain: none of
    their rows and labels came late or was replaced. ``rows`` holds what is true of the read as a whole (missing columns, rows
    stamped in the future) even where it has no row.
    """

    profiles: DayProfiles | None
    labels: LabelProfiles | None
    rows: LogRows
    labelled: LabelledRows


class LogCounting(Protocol):
    """A stretch of days of one log."""

    @property
    def versions(self) -> Mapping[str, date]:
        """The versions that have rows, each with the first day of the stretch on which it has."""

    def counted(self, version: str, reference: Reference) -> CountedDays:
        """Return the days of ``version``, counted in the bins of ``reference`` or as rows."""


@runtime_checkable
class CountingLog(PredictionLog, Protocol):
    """A prediction log that knows its fastest way to profiles."""

    def counting(self, *, first: date, last: date) -> LogCounting:
        """Return the days on their way to profiles: their rows, or what the log's own engine counted."""


@dataclass(frozen=True, slots=True)
class FetchedRows:
    """The fetch executor: all rows and pairs of the stretch are here already."""

    rows: LogRows
    labelled: LabelledRows

    @property
    def versions(self) -> Mapping[str, date]:
        """The versions that have rows, each with its first day."""
        return first_days(self.rows)

    def counted(self, version: str, reference: Reference) -> CountedDays:
        """Return the rows as they are: they are counted by who asked."""
        del version, reference
        return CountedDays(None, None, self.rows, self.labelled)


def counting_of(log: PredictionLog, *, first: date, last: date) -> LogCounting:
    """Return the days on their way to profiles, the log's own way where it has one."""
    if isinstance(log, CountingLog):
        return log.counting(first=first, last=last)
    return FetchedRows(log.rows(first=first, last=last), log.labelled(first_arrival=first, last_arrival=last))


def first_days(rows: LogRows) -> dict[str, date]:
    """Return the versions named in rows, each with its first day."""
    named = {str(name) for name in set(rows.version.tolist()) if name is not None}
    return {name: rows.day[rows.version == name].min().astype(object) for name in sorted(named)}


def rows_together(parts: Sequence[LogRows]) -> LogRows:
    """Return the rows of several reads of one log, at least one, whose days are apart."""
    first = parts[0]
    has_ahead = any(part.ahead is not None for part in parts)
    ahead = [np.zeros(len(part.day), dtype=bool) if part.ahead is None else part.ahead for part in parts]
    replaced = [part.replaced for part in parts if part.replaced is not None]
    return LogRows(
        day=np.concatenate([part.day for part in parts]),
        version=np.concatenate([part.version for part in parts]),
        valid_from=np.concatenate([part.valid_from for part in parts]),
        valid_to=np.concatenate([part.valid_to for part in parts]),
        features={name: np.concatenate([part.features[name] for part in parts]) for name in first.features},
        mistyped={name: np.concatenate([part.mistyped[name] for part in parts]) for name in first.mistyped},
        score=np.concatenate([part.score for part in parts]),
        missing_columns=first.missing_columns,
        future=sum(part.future for part in parts),
        duplicates=sum(part.duplicates for part in parts),
        ahead=np.concatenate(ahead) if has_ahead else None,
        replaced=_replaced_together(replaced) if replaced else None,
    )


def _replaced_together(parts: Sequence[ReplacedRows]) -> ReplacedRows:
    return ReplacedRows(
        np.concatenate([part.day for part in parts]),
        np.concatenate([part.version for part in parts]),
        np.concatenate([part.known_on for part in parts]),
    )


def pairs_together(parts: Sequence[LabelledRows]) -> LabelledRows:
    """Return the pairs of several reads of one log, at least one, whose days of arrival are apart."""
    wide = [part.probabilities for part in parts if part.probabilities is not None]
    return LabelledRows(
        day=np.concatenate([part.day for part in parts]),
        version=np.concatenate([part.version for part in parts]),
        arrival=np.concatenate([part.arrival for part in parts]),
        valid_to=np.concatenate([part.valid_to for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        prediction=np.concatenate([part.prediction for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        probabilities=np.concatenate(wide) if wide else None,
    )
