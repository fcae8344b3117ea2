"""Who of those present may decide on an item: seats, proposers who step back, conflicts of interest, in sentences to read aloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.meeting import EntryKind
from monitoring.people import Role
from monitoring.quorum import quorum, seats_filled
from monitoring.wording import joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.authority import Subject
    from monitoring.decision import Decision
    from monitoring.meeting import Item, Meeting
    from monitoring.people import Actor

MOST_NAMES = 4


def proposers(meeting: Meeting, item: Item, decision: Decision | None) -> frozenset[str]:
    """Return who proposed what the item is about, before the meeting or in it: they step back from approving and voting."""
    in_meeting = {
        str(entry.person) for entry in meeting.of_item(item.id, EntryKind.DECISION) if entry.choice == "propose"
    }
    return frozenset(in_meeting | ({decision.proposed_by} if decision and "@" in decision.proposed_by else set()))


def meeting_quorum(meeting: Meeting) -> str:
    """Return whether those present can decide what tier 1 needs: an approver and another person as independent reviewer."""
    roles = {str(each.email): frozenset(each.roles) for each in meeting.attendees if each.is_present and each.email}
    if seats_filled(quorum(1), roles) == len(quorum(1)):
        return "Quorum for every tier: an approver and an independent reviewer are present."
    if any(Role.APPROVER in held for held in roles.values()):
        return "Quorum for tiers 2 and 3 only: no independent reviewer besides the approver is present."
    return "No quorum: no approver is present, so nothing can be approved."


def item_quorum(
    meeting: Meeting, item: Item, *, decision: Decision | None, subject: Subject | None, people: Iterable[Actor]
) -> str:
    """Return who of those present can fill the seats an answer on this item needs, or which seat nobody can fill.

    Args:
        decision: the proposal that is on the table, if there is one.
        subject: the model, for an item without a proposal.
        people: everybody the registry knows, with the roles they hold now.
    """
    about = decision.subject if decision else subject
    if about is None:
        return ""
    aside = set(meeting.conflicts(item.id)) | proposers(meeting, item, decision)
    seats = decision.quorum if decision else quorum(about.effective_tier)
    given = {each.person: each.roles for each in decision.approvals} if decision else {}
    able = {
        person.email: frozenset(role for role in seats if person.holds(role, team=about.team) and not person.is_auditor)
        for person in people
        if meeting.is_there(person.email) and person.email not in aside
    }
    could = able | given
    names = {person.email: person.name for person in people}
    for seat in seats:
        if not any(seat in roles for roles in could.values()):
            return f"No quorum on this item: nobody present can answer as {seat.words}."
    if seats_filled(seats, could) < len(seats):
        return "No quorum on this item: two different people must approve, and only one present could."
    who = [
        f"{joined([names.get(email, email) for email, roles in could.items() if seat in roles], most=MOST_NAMES)} as {seat.words}"
        for seat in seats
    ]
    return f"Quorum: {'; '.join(who)}."


def aside_sentence(meeting: Meeting, item: Item, *, decision: Decision | None, names: dict[str, str]) -> str:
    """Return who steps back from an item and why; empty when nobody does."""
    said = [
        f"{names.get(email, email)} proposed it and steps back from approving"
        for email in sorted(proposers(meeting, item, decision))
    ]
    said += [
        f"{names.get(email, email)} steps back ({why})" for email, why in sorted(meeting.conflicts(item.id).items())
    ]
    return f"{'; '.join(said)}." if said else ""
