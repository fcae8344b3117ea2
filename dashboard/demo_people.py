"""The invented people one may act as in the demo."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from data_access import people
from monitoring.people import COMMAND_LINE, Role

if TYPE_CHECKING:
    from data_access.registry import Registry

PEOPLE: dict[str, tuple[str, Role | None]] = {
    "ada@example.org": ("Ada Berg", None),
    "grace@example.org": ("Grace Novak", None),
    "hedy@example.org": ("Hedy Okafor", None),
    "katherine@example.org": ("Katherine Rao", None),
    "margaret@example.org": ("Margaret Haddad", None),
    "mary@example.org": ("Mary Lindqvist", None),
    "emmy@example.org": ("Emmy Sato", Role.APPROVER),
    "sofia@example.org": ("Sofia Duarte", Role.APPROVER),
    "rosalind@example.org": ("Rosalind Meyer", Role.INDEPENDENT_REVIEWER),
    "lise@example.org": ("Lise Moreau", Role.AUDITOR),
    "barbara@example.org": ("Barbara Klein", Role.ADMINISTRATOR),
    "vera@example.org": ("Vera Costa", Role.VIEWER),
}
"""Invented people: the owners of the sample's models, and one or two of each role."""


def add_people(registry: Registry) -> None:
    """Add the demo's people and their roles."""
    now = datetime.now(UTC)
    known = {person.email for person in people.everyone(registry)}
    for email, (name, role) in PEOPLE.items():
        if email not in known:
            people.add(registry, email=email, name=name, by=COMMAND_LINE, now=now, is_demo=True)
        if role:
            people.grant(registry, email=email, role=role, by=COMMAND_LINE, now=now)
