"""The policy as pages show it; nothing here writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from data_access.policy_records import RegistryPolicies
from monitoring.errors import UnknownPersonError
from monitoring.lifecycle import Move, State
from monitoring.policy_version import FIRST_VERSION, PolicyVersion

if TYPE_CHECKING:
    from datetime import date

    from data_access.database import Database

VERSION_COLUMNS = (
    "number",
    "state",
    "in_force_from",
    "proposed_by",
    "proposed_on",
    "reason",
    "decided_by",
    "decided_on",
    "approved_by",
    "based_on",
    "content_hash",
)


def version(registry: Database, number: int) -> PolicyVersion:
    """Return one version, or raise UnknownPolicyError."""
    with registry.read() as session:
        return RegistryPolicies(session).version(number)


def versions(registry: Database, *, on: date | None = None) -> tuple[PolicyVersion, ...]:
    """Return every version that had been proposed by ``on``, newest first; the method's own comes last."""
    with registry.read() as session:
        found = RegistryPolicies(session).versions()
    return (*(each for each in found if on is None or each.proposed_on <= on), FIRST_VERSION)


def waiting(registry: Database, *, on: date) -> tuple[PolicyVersion, ...]:
    """Return the versions that wait for an answer, newest first."""
    return tuple(each for each in versions(registry, on=on) if each.state is State.PROPOSED)


def waiting_count(registry: Database, *, person: str | None, on: date) -> int:
    """Return how many proposed versions this person may answer now."""
    if person is None:
        return 0
    with registry.read() as session:
        records = RegistryPolicies(session)
        try:
            actor = records.actor(person)
        except UnknownPersonError:
            return 0
        return sum(
            (each.may(Move.APPROVE, actor) or each.may(Move.REJECT, actor))
            and actor.email not in records.stepped_back(each)
            for each in records.proposed()
            if each.proposed_on <= on
        )


def versions_frame(registry: Database) -> pd.DataFrame:
    """One row per version, newest first.

    ``number`` (int), ``state`` (str), ``in_force_from`` (date, missing unless approved), ``proposed_by`` (str), ``proposed_on`` (date),
    ``reason``, ``decided_by`` (str), ``decided_on`` (date), ``approved_by`` (str, comma-joined), ``based_on`` (Int64), ``content_hash``
    (str). The method's own version has no days.
    """
    rows = [
        [getattr(each, name) if name != "approved_by" else ",".join(each.approvers) for name in VERSION_COLUMNS]
        for each in versions(registry)
    ]
    frame = pd.DataFrame(rows, columns=list(VERSION_COLUMNS)).astype({"based_on": "Int64"})
    frame.loc[frame["number"] == FIRST_VERSION.number, ["in_force_from", "proposed_on"]] = None
    return frame
