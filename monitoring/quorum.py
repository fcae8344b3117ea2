"""Which seats a decision's approvals must fill, and which they fill already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.people import Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from monitoring.lifecycle import Move


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's answer to a proposal, with the approving roles held at that moment."""

    person: str
    roles: frozenset[Role]
    answer: Move
    comment: str
    evidence_hash: str | None
    answered_on: date
    answered_at: datetime


def quorum(tier: int) -> tuple[Role, ...]:
    """Return the seats that must be filled, each by a different person who did not propose.

    >>> [role.value for role in quorum(1)], [role.value for role in quorum(2)]
    (['approver', 'independent_reviewer'], ['approver'])
    """
    return (Role.APPROVER, Role.INDEPENDENT_REVIEWER) if tier == 1 else (Role.APPROVER,)


def seats_filled(seats: tuple[Role, ...], roles: Mapping[str, frozenset[Role]]) -> int:
    """Return how many seats these people fill at best when each person sits on one only."""
    able = [{person for person, held in roles.items() if seat in held} for seat in seats]
    # With two seats at most, only one person for both can be in the way.
    return min(sum(bool(people) for people in able), len(set[str]().union(*able)))
