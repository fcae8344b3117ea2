"""Who may do what: roles, optionally limited to a team, and the actor who holds them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

COMMAND_LINE = "command line"


class Role(StrEnum):
    """What a person may do; being a model's owner is a right, not a role."""

    APPROVER = "approver"
    INDEPENDENT_REVIEWER = "independent_reviewer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    VIEWER = "viewer"

    @property
    def words(self) -> str:
        """The role as it stands in a sentence."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """A role for the models of one team, or of every team when ``team`` is missing."""

    role: Role
    team: str | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts, with the roles the registry gives them now."""

    email: str
    name: str
    grants: tuple[RoleGrant, ...] = ()
    is_demo: bool = False

    def holds(self, role: Role, *, team: str | None) -> bool:
        """Whether the actor has the role for models of ``team``; a role limited to a team counts nowhere else."""
        return any(grant.role is role and grant.team in {None, team} for grant in self.grants)

    def holds_anywhere(self, role: Role) -> bool:
        """Whether the actor has the role for some models, whatever team's."""
        return any(grant.role is role for grant in self.grants)

    def acts_as(self, roles: frozenset[Role]) -> bool:
        """Whether the actor has one of these roles for some models; an auditor acts in none."""
        return not self.is_auditor and any(self.holds_anywhere(role) for role in roles)

    @property
    def is_auditor(self) -> bool:
        """An auditor reads everything and writes nothing, whatever else they hold."""
        return any(grant.role is Role.AUDITOR for grant in self.grants)


def normal_email(email: str) -> str:
    """Return the e-mail address as the registry keeps it: without spaces around it, in lower case, with plain letters for wide ones.

    Two addresses that look the same are one person's; nobody is two people of a quorum.
    """
    return unicodedata.normalize("NFKC", email).strip().lower()


class People(Protocol):
    """The people the registry knows, inside one transaction."""

    def actor(self, email: str) -> Actor:
        """Return the person with the roles they hold now; somebody unknown or inactive is refused."""

    def everyone(self) -> tuple[Actor, ...]:
        """Return every active person."""
