"""What the items of a meeting are about, read from the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access import meeting_past
from data_access.decision_records import RegistryDecisions
from data_access.policy_records import RegistryPolicies
from data_access.standing_rows import standings
from data_access.standing_tables import StandingApprovalRow
from data_access.tables import DecisionRow
from monitoring.meeting import EntryKind
from monitoring.meeting_agenda import Rule
from monitoring.meeting_matter import Matter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from data_access.database import Database
    from monitoring.decision import Decision
    from monitoring.meeting import Item, Meeting
    from monitoring.policy_version import PolicyVersion
    from monitoring.standing_approval import StandingApproval


def matter_of(session: Session, meeting: Meeting, item: Item, *, known: Mapping[int, Decision] | None = None) -> Matter:
    """Return what an item is about; ``known`` are its decisions as they stood at another time than now."""
    records = RegistryDecisions(session)
    made = [entry.decision_id for entry in meeting.of_item(item.id, EntryKind.DECISION) if entry.decision_id]
    numbers = list(dict.fromkeys([*reversed(made), *([item.decision_id] if item.decision_id else [])]))
    if known is None:
        known = {each.id: each for each in records.decisions(DecisionRow.id.in_(numbers))} if numbers else {}
    decisions = tuple(known[number] for number in numbers if number in known)
    return Matter(
        subjects=records.subjects([model_id for model_id in (item.model_id, *item.model_ids) if model_id]),
        decisions=decisions,
        other=_other(session, meeting, item),
        standings=_standings(session, meeting, item, decisions),
    )


def matter(registry: Database, meeting: Meeting, item: Item) -> Matter:
    """Return what an item is about, for reading."""
    with registry.read() as session:
        return matter_of(session, meeting, item)


def _other(session: Session, meeting: Meeting, item: Item) -> PolicyVersion | StandingApproval | None:
    """Return the version of the policy or the standing approval that an item is about, as it stood when the meeting was over."""
    if item.policy_number is not None:
        return meeting_past.at_end(RegistryPolicies(session).version(item.policy_number), meeting)
    if item.standing_number is not None:
        (standing,) = standings(session, StandingApprovalRow.id == item.standing_number)
        return meeting_past.at_end(standing, meeting)
    return None


def _standings(
    session: Session, meeting: Meeting, item: Item, decisions: tuple[Decision, ...]
) -> tuple[StandingApproval, ...]:
    """Return the standing approvals under which the decisions of an item were made, and those its rule tells of."""
    numbers = {each.standing_approval for each in decisions if each.standing_approval is not None}
    if item.rule == Rule.STANDING:
        told = sa.select(DecisionRow.standing_approval).where(
            DecisionRow.model_id.in_(item.model_ids), DecisionRow.standing_approval.is_not(None)
        )
        if meeting.since is not None:
            told = told.where(DecisionRow.proposed_on > meeting.since)
        numbers |= {number for number in session.scalars(told) if number is not None}
    return standings(session, StandingApprovalRow.id.in_(numbers)) if numbers else ()
