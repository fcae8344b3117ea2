"""In which capacities somebody can act on a model, and who may make a move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.errors import NotAuthorisedError, UnknownPersonError
from monitoring.lifecycle import MACHINES, Action, AllowedMove, Capacity, Move, allowed_move
from monitoring.people import Actor, People, Role

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Subject:
    """What is decided about: a model, who answers for it, and how much harm it does."""

    model_id: str
    name: str
    owner: str | None = None
    team: str | None = None
    tier: int | None = None

    @property
    def effective_tier(self) -> int:
        """An unset tier is treated as 1."""
        return self.tier if self.tier is not None else 1

    def capacities(self, actor: Actor) -> frozenset[Capacity]:
        """Return in which capacities the actor can act on this model; an auditor in none."""
        if "@" not in actor.email:
            return frozenset({Capacity(actor.email)}) & MACHINES
        if actor.is_auditor:
            return frozenset()
        return frozenset(
            capacity
            for capacity, holds in {
                Capacity.OWNER: self.owner is not None and self.owner.strip().lower() == actor.email,
                Capacity.APPROVER: actor.holds(Role.APPROVER, team=self.team),
                Capacity.INDEPENDENT_REVIEWER: actor.holds(Role.INDEPENDENT_REVIEWER, team=self.team),
            }.items()
            if holds
        )

    def seats(self, actor: Actor, seats: Iterable[Role]) -> frozenset[Role]:
        """Return which of these seats the actor can fill for this model; an auditor none."""
        capacities = self.capacities(actor)
        return frozenset(seat for seat in seats if Capacity(seat.value) in capacities)

    def check_proposer(self, actor: Actor) -> Capacity:
        """Return the capacity in which the actor may propose for this model.

        Raises:
            NotAuthorisedError: neither the owner nor an approver of the model.
        """
        return capacity_for(allowed_move(None, Move.PROPOSE, Action.RETRAIN), self.capacities(actor), model=self.name)


def machine(capacity: Capacity) -> Actor:
    """Return the actor for something that acts by itself: the clock, the trigger worker, a policy."""
    return Actor(email=capacity.value, name=capacity.value)


def known_actor(people: People, email: str | None) -> Actor | None:
    """Return the person; nothing for somebody who is not signed in, unknown or inactive."""
    try:
        return people.actor(email) if email else None
    except UnknownPersonError:
        return None


def capacity_for(allowed: AllowedMove, capacities: frozenset[Capacity], *, model: str) -> Capacity:
    """Return the first capacity of the table's row that is among ``capacities``.

    Raises:
        NotAuthorisedError: none is; the text says who may.
    """
    for capacity in allowed.by:
        if capacity in capacities:
            return capacity
    who = " or ".join(capacity.words for capacity in allowed.by)
    raise NotAuthorisedError(f"Only {who} may {allowed.move.value.replace('_', ' ')} for {model}.")
