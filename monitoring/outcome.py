"""How people judge what came of a retraining."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from typing import Any


class Judgement(StrEnum):
    """How people judge the outcome of a retraining."""

    FIXED = "fixed"
    PARTLY = "partly"
    NOT_FIXED = "not_fixed"

    @property
    def words(self) -> str:
        """The judgement as it stands in a sentence."""
        return {"fixed": "fixed", "partly": "partly fixed", "not_fixed": "not fixed"}[self.value]


@dataclass(frozen=True, slots=True)
class Review:
    """One person's judgement of an outcome; it counts once somebody else has confirmed it."""

    judgement: Judgement
    reason: str
    proposed_by: str
    proposed_on: date
    confirmed_by: str | None = None


CAUSES: dict[str | None, str] = {
    "performance": "lost skill",
    "no_better_than_naive": "no better than naive",
    "estimated_performance": "estimated loss",
    "drift": "drift without labels",
    None: "no finding asked for it",
}
"""Why a retraining was asked for: the kind of the first finding that argued for it, in words."""


def cause_of(evidence: dict[str, Any]) -> str:
    """Return why a retraining was asked for, from the evidence that was approved.

    >>> cause_of({"findings": [{"kind": "performance", "argues_for": "retrain"}]})
    'lost skill'
    """
    kinds = [each["kind"] for each in evidence.get("findings") or [] if each["argues_for"] == "retrain"]
    kind = kinds[0] if kinds else None
    return CAUSES.get(kind) or str(kind).replace("_", " ")


@dataclass(frozen=True, slots=True)
class Record:
    """How the retrainings of one cause were judged, of those that two people agreed about, and how many were given up."""

    cause: str
    fixed: int
    partly: int
    not_fixed: int
    given_up: int

    @property
    def reviewed(self) -> int:
        """How many outcomes were reviewed."""
        return self.fixed + self.partly + self.not_fixed

    @property
    def helped(self) -> float | None:
        """The share that helped, wholly or partly; missing while none was reviewed."""
        return (self.fixed + self.partly) / self.reviewed if self.reviewed else None


def records_by_cause(ended: Iterable[tuple[str, Judgement | None]]) -> tuple[Record, ...]:
    """Return one record per cause, the most frequent first.

    Args:
        ended: cause and judgement of every retraining that is over; one without a judgement was given up.
    """
    counts: dict[str, Counter[Judgement | None]] = {}
    for cause, judgement in ended:
        counts.setdefault(cause, Counter())[judgement] += 1
    found = [
        Record(
            cause,
            fixed=count[Judgement.FIXED],
            partly=count[Judgement.PARTLY],
            not_fixed=count[Judgement.NOT_FIXED],
            given_up=count[None],
        )
        for cause, count in counts.items()
    ]
    return tuple(sorted(found, key=lambda record: (-record.reviewed, -record.given_up, record.cause)))
