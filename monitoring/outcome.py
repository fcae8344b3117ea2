"""How people judge what came of a retraining."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


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
