"""Who of those present may decide on an item: seats, proposers who step back, conflicts of interest, in sentences to read aloud."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from monitoring.meeting_matter import aside, proposers
from monitoring.people import Role
from monitoring.quorum import quorum, seats_filled
from monitoring.wording import joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.meeting import Item, Meeting
    from monitoring.meeting_matter import Matter
    from monitoring.people import Actor

MOST_NAMES = 4


def meeting_quorum(meeting: Meeting, people: Iterable[Actor]) -> str:
    """Return whether those present can decide what tier 1 needs: an approver and another person as independent reviewer.

    Args:
        meeting: says who is present.
        people: everybody the registry knows, with the roles they hold now.
    """
    roles = {
        person.email: frozenset(grant.role for grant in person.grants)
        for person in people
        if meeting.is_there(person.email) and not person.is_auditor
    }
    if seats_filled(quorum(1), roles) == len(quorum(1)):
        return "Quorum for every tier: an approver and an independent reviewer are present."
    if any(Role.APPROVER in held for held in roles.values()):
        return "Quorum for tiers 2 and 3 only: no independent reviewer besides the approver is present."
    return "No quorum: no approver is present, so nothing can be approved."


def item_quorum(meeting: Meeting, item: Item, matter: Matter, *, people: Iterable[Actor]) -> str:
    """Return who of those present can fill the seats an answer on this item needs, or which seat nobody can fill.

    Args:
        meeting: says who is present and who stepped back.
        item: of the meeting.
        matter: what the item is about.
        people: everybody the registry knows, with the roles they hold now.
    """
    given: dict[str, frozenset[Role]] = {}
    if (proposal := matter.proposal) is not None:
        seats, fills = proposal.quorum, proposal.approving_roles
        given = {each.person: each.roles for each in proposal.approvals}
    elif (subject := matter.subject) is not None:
        seats = quorum(subject.effective_tier)
        fills = partial(subject.seats, seats=seats)
    else:
        return ""
    people, out = list(people), aside(meeting, item, matter)
    there = [person for person in people if meeting.is_there(person.email) and person.email not in out]
    able = {person.email: fills(person) for person in there}
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


def aside_sentence(meeting: Meeting, item: Item, matter: Matter, *, names: dict[str, str]) -> str:
    """Return who steps back from an item and why; empty when nobody does."""
    said = [
        f"{names.get(email, email)} proposed it and steps back from approving"
        for email in sorted(proposers(meeting, item, matter))
    ]
    said += [
        f"{names.get(email, email)} steps back ({why})" for email, why in sorted(meeting.conflicts(item.id).items())
    ]
    return f"{'; '.join(said)}." if said else ""
