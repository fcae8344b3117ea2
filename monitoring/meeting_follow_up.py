"""Use cases after a meeting: an action is reported done with evidence, and closed or sent back by somebody else.

``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time; roles are those the registry holds
at that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitoring.meeting_action import MeetingAction
    from monitoring.meeting_ports import MeetingRegistry


def report_done(
    registry: MeetingRegistry, action_id: int, *, evidence: str, by: str, on: date, now: datetime
) -> MeetingAction:
    """Say that an action is done, and what shows it. Raises what ``MeetingAction.report`` raises."""
    with registry.meeting_records() as records:
        action = records.action(action_id)
        moved, event = action.report(actor=records.actor(by), evidence=evidence, on=on, now=now)
        records.store_action(moved, event, before=action)
        return moved


def confirm_done(
    registry: MeetingRegistry, action_id: int, *, comment: str = "", by: str, on: date, now: datetime
) -> MeetingAction:
    """Close an action; somebody else than whoever did it confirms. Raises what ``MeetingAction.confirm`` raises."""
    with registry.meeting_records() as records:
        action = records.action(action_id)
        moved, event = action.confirm(actor=records.actor(by), comment=comment, on=on, now=now)
        records.store_action(moved, event, before=action)
        return moved


def send_back(
    registry: MeetingRegistry, action_id: int, *, comment: str, by: str, on: date, now: datetime
) -> MeetingAction:
    """Say that the evidence is not enough; the action is open again. Raises what ``MeetingAction.send_back`` raises."""
    with registry.meeting_records() as records:
        action = records.action(action_id)
        moved, event = action.send_back(actor=records.actor(by), comment=comment, on=on, now=now)
        records.store_action(moved, event, before=action)
        return moved
