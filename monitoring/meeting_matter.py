"""What an item of an agenda is about: its models and everything that is proposed about it; and who may vote on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.lifecycle import Capacity, State
from monitoring.meeting import MEMBERS, EntryKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.authority import Subject
    from monitoring.decision import Decision
    from monitoring.meeting import Item, Meeting
    from monitoring.people import Actor
    from monitoring.proposal import Proposal
    from monitoring.standing_approval import StandingApproval

ANSWERING = frozenset({Capacity.APPROVER, Capacity.INDEPENDENT_REVIEWER})


@dataclass(frozen=True, slots=True)
class Matter:
    """What an item is about, as the registry knows it.

    ``subjects`` are its models, ``decisions`` those made on it in the meeting, the newest first, and then its own. ``other`` is what is
    proposed in it that is no decision: a version of the policy or a standing approval. ``standings`` are the standing approvals under
    which its retrainings were started.
    """

    subjects: tuple[Subject, ...] = ()
    decisions: tuple[Decision, ...] = ()
    other: Proposal | None = None
    standings: tuple[StandingApproval, ...] = ()

    @property
    def on_table(self) -> Decision | None:
        """The decision that is talked about: the newest that waits for an answer, else the newest."""
        waiting = [each for each in self.decisions if each.state is State.PROPOSED]
        return next(iter(waiting or self.decisions), None)

    @property
    def proposal(self) -> Proposal | None:
        """What the quorum of the item answers, when something is proposed."""
        return self.other or self.on_table

    @property
    def subject(self) -> Subject | None:
        """The model of an item about one model."""
        return self.subjects[0] if len(self.subjects) == 1 else None

    def proposals(self) -> Iterator[Proposal]:
        """Give everything that is proposed in the item, of whatever kind."""
        yield from self.decisions
        yield from self.standings
        if self.other is not None:
            yield self.other

    def proposers(self) -> frozenset[str]:
        """Return who proposed something of it: they step back from approving and voting. A policy is nobody."""
        return frozenset(each.proposed_by for each in self.proposals() if "@" in each.proposed_by)

    def gives_vote(self, actor: Actor) -> bool:
        """Whether somebody holds a role for what the item is about: for one of its models, or for all that another proposal asks."""
        if self.other is not None:
            return bool(ANSWERING & self.other.capacities(actor))
        about = self.subjects or tuple(each.subject for each in self.decisions)
        if not about:
            return actor.acts_as(MEMBERS)
        return any(ANSWERING & each.capacities(actor) for each in about)


def proposers(meeting: Meeting, item: Item, matter: Matter) -> frozenset[str]:
    """Return who proposed what the item is about, before the meeting or in it."""
    in_meeting = {
        str(entry.person) for entry in meeting.of_item(item.id, EntryKind.DECISION) if entry.choice == "propose"
    }
    return matter.proposers() | in_meeting


def aside(meeting: Meeting, item: Item, matter: Matter) -> frozenset[str]:
    """Return who takes no part in answering an item: its proposers, and who has a conflict of interest."""
    return proposers(meeting, item, matter) | meeting.conflicts(item.id).keys()


def why_no_vote(meeting: Meeting, item: Item, matter: Matter, actor: Actor) -> str:
    """Return why somebody does not vote on an item with the roles they hold now, in one sentence; empty when they do."""
    if not meeting.is_there(actor.email) or not actor.acts_as(MEMBERS):
        return "Only approvers and independent reviewers who are there vote."
    if actor.email in aside(meeting, item, matter):
        return f"{actor.name} proposed this or stepped back from it, and does not vote on it."
    if not matter.gives_vote(actor):
        where = (
            matter.other.within
            if matter.other
            else "the team of this model"
            if matter.subject
            else "any of these models"
        )
        return f"{actor.name} is neither an approver nor an independent reviewer for {where}, and does not vote on it."
    return ""
