"""Decisions made in a meeting: ordinary ones, with the meeting recorded on them and the rules of the meeting held to."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from data_access.decision_records import RegistryDecisions
from data_access.meeting_past import NEEDED
from data_access.meeting_records import RegistryMeetings
from data_access.policy_records import RegistryPolicies
from data_access.standing_records import RegistryStanding
from monitoring.errors import ForbiddenMoveError
from monitoring.meeting import Entry, EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from data_access.registry import Registry
    from monitoring.audit import AuditEvent
    from monitoring.decision import Decision
    from monitoring.meeting import Meeting
    from monitoring.policy_version import PolicyVersion
    from monitoring.standing_approval import StandingApproval


class MeetingRoom:
    """The registry as seen from one item of a running meeting; every use case of a decision takes it in place of the registry.

    Whoever decides has to be there and must not have stepped back from the item, and what they decide has to be what the item is about. The audit event of the decision names the
    meeting, its chair and who was there, and the decision stands in the minutes: both in the transaction of the decision itself.
    """

    def __init__(self, registry: Registry, *, meeting_id: int, item_id: int) -> None:
        self._registry = registry
        self._meeting_id = meeting_id
        self._item_id = item_id

    @contextmanager
    def deciding(self) -> Iterator[RegistryDecisions]:
        """Give the decisions inside one writing transaction, as ``Registry.deciding``."""
        with self._registry.write_alone() as session:
            yield _Decisions(session, _Table(session, self._meeting_id, self._item_id))

    @contextmanager
    def looking(self) -> Iterator[RegistryDecisions]:
        """Give the decisions for reading only."""
        with self._registry.looking() as records:
            yield records

    @contextmanager
    def deciding_policies(self) -> Iterator[RegistryPolicies]:
        """Give the versions of the policy inside one writing transaction, as ``Registry.deciding_policies``."""
        with self._registry.write_alone() as session:
            yield _Policies(session, _Table(session, self._meeting_id, self._item_id))

    @contextmanager
    def looking_at_policies(self) -> Iterator[RegistryPolicies]:
        """Give the versions of the policy for reading only."""
        with self._registry.looking_at_policies() as records:
            yield records

    @contextmanager
    def deciding_standing(self) -> Iterator[RegistryStanding]:
        """Give the standing approvals inside one writing transaction, as ``Registry.deciding_standing``."""
        with self._registry.write_alone() as session:
            yield _Standing(session, _Table(session, self._meeting_id, self._item_id))

    @contextmanager
    def looking_at_standing(self) -> Iterator[RegistryStanding]:
        """Give the standing approvals for reading only."""
        with self._registry.looking_at_standing() as records:
            yield records


class _Table:
    """The item on the table, inside one transaction."""

    def __init__(self, session: Session, meeting_id: int, item_id: int) -> None:
        self._records = RegistryMeetings(session)
        self._meeting: Meeting = self._records.meeting(meeting_id)
        self._item_id = item_id

    def check_about_model(self, decision: Decision) -> None:
        """Raise ForbiddenMoveError unless the decision is the item's own, was made on it or is about one of its models."""
        made = {entry.decision_id for entry in self._meeting.of_item(self._item_id, EntryKind.DECISION)}
        item = self._meeting.item(self._item_id)
        if decision.subject.model_id not in {item.model_id, *item.model_ids} and (
            not decision.id or decision.id not in made | {item.decision_id}
        ):
            raise ForbiddenMoveError(
                f"This item is not about {decision.subject.name}: nothing about it is decided here."
            )

    def check_about_policy(self, number: int) -> None:
        """Raise ForbiddenMoveError unless the item is about this version of the policy."""
        if self._meeting.item(self._item_id).policy_number != number:
            raise ForbiddenMoveError(f"This item is not about version {number} of the policy: it is not decided here.")

    def check_about_standing(self, number: int) -> None:
        """Raise ForbiddenMoveError unless the item is about this standing approval."""
        if self._meeting.item(self._item_id).standing_number != number:
            raise ForbiddenMoveError(f"This item is not about standing approval {number}: it is not decided here.")

    def recorded(self, event: AuditEvent, **more: Any) -> AuditEvent:
        """Return the event with the meeting on it, and ``more`` beside it; whoever may not decide here is refused."""
        self._meeting.check_decides(event.actor, item_id=self._item_id)
        said = {
            "id": self._meeting.id,
            "item": self._item_id,
            "chair": self._meeting.chair,
            "attendees": [each.email or each.name for each in self._meeting.attendees if each.is_present],
        }
        return replace(event, after=(event.after or {}) | {"meeting": said} | more)

    def enter(self, event: AuditEvent, **about: Any) -> None:
        """Put a decision into the minutes."""
        entry = Entry(
            kind=EntryKind.DECISION,
            recorded_by=event.actor,
            recorded_on=event.at.date(),
            recorded_at=event.recorded_at,
            item_id=self._item_id,
            person=event.actor,
            choice=event.action,
            text=event.reason or "",
            **about,
        )
        self._records.keep_entries(self._meeting, [entry])


class _Decisions(RegistryDecisions):
    def __init__(self, session: Session, table: _Table) -> None:
        super().__init__(session)
        self._table = table

    def add(self, proposals: Sequence[tuple[Decision, AuditEvent]]) -> tuple[Decision, ...]:
        """Store new decisions with the meeting on their audit events."""
        for decision, _ in proposals:
            self._table.check_about_model(decision)
        recorded = [(decision, self._table.recorded(event, **_needed(decision))) for decision, event in proposals]
        added = super().add(recorded)
        for decision, (_, event) in zip(added, recorded, strict=True):
            self._table.enter(event, decision_id=decision.id)
        return added

    def store(self, moved: Decision, event: AuditEvent, *, before: Decision) -> None:
        """Store a move with the meeting on its audit event."""
        self._table.check_about_model(before)
        recorded = self._table.recorded(event, **_needed(moved))
        super().store(moved, recorded, before=before)
        self._table.enter(recorded, decision_id=moved.id)


def _needed(decision: Decision) -> dict[str, int]:
    """Return how many approvals a decision needs, for the minutes: a tier changed later changes it."""
    return {NEEDED: len(decision.quorum)}


class _Policies(RegistryPolicies):
    def __init__(self, session: Session, table: _Table) -> None:
        super().__init__(session)
        self._table = table

    def store(self, moved: PolicyVersion, event: AuditEvent, *, before: PolicyVersion) -> None:
        """Store an answer with the meeting on its audit event."""
        self._table.check_about_policy(before.number)
        recorded = self._table.recorded(event)
        super().store(moved, recorded, before=before)
        self._table.enter(recorded, policy_number=moved.number)


class _Standing(RegistryStanding):
    def __init__(self, session: Session, table: _Table) -> None:
        super().__init__(session)
        self._table = table

    def add_standing(self, standing: StandingApproval, event: AuditEvent) -> None:
        """Refuse a new one: no item is about it yet."""
        self._table.check_about_standing(standing.id)
        super().add_standing(standing, event)

    def store_standing(self, moved: StandingApproval, event: AuditEvent, *, before: StandingApproval) -> None:
        """Store an answer with the meeting on its audit event."""
        self._table.check_about_standing(before.id)
        recorded = self._table.recorded(event)
        super().store_standing(moved, recorded, before=before)
        self._table.enter(recorded, standing_number=moved.id)
