"""The minutes of a meeting as one plain document: what a committee keeps, frozen when the chair confirms it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from monitoring.audit import canonical_json
from monitoring.meeting import EntryKind, Meeting
from monitoring.meeting_agenda import Rule
from monitoring.meeting_quorum import aside_sentence, item_quorum, meeting_quorum

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitoring.challenge import Challenge
    from monitoring.decision import Decision
    from monitoring.lifecycle import State
    from monitoring.meeting import Entry, Item
    from monitoring.meeting_action import MeetingAction
    from monitoring.meeting_matter import Matter
    from monitoring.people import Actor

FORMAT = "modelfolio minutes 1"


@dataclass(frozen=True, slots=True)
class AsDecided:
    """How a decision stood right after a move in the meeting, whatever has become of it since."""

    state: State
    given: int
    needed: int
    evidence_hash: str | None


@dataclass(frozen=True, slots=True)
class MinutesFacts:
    """What the minutes need beside the meeting itself, as it stood when the meeting was over, or stands while it is not.

    ``decisions`` are those on the agenda and those made in the meeting, ``matters`` what each item is about by its id, ``actions`` those it
    gave, ``data_day`` the newest day assessed, ``policy`` the version in force. ``decided`` says of each entry of a decision, by the
    number of the entry, how the decision stood after it. ``challenges`` are those of the models of its items.
    """

    decisions: Mapping[int, Decision]
    matters: Mapping[int, Matter]
    actions: tuple[MeetingAction, ...]
    people: tuple[Actor, ...]
    data_day: str | None
    policy: str
    decided: Mapping[int, AsDecided]
    challenges: tuple[Challenge, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """How people are called."""
        return {person.email: person.name for person in self.people}


def minutes_document(meeting: Meeting, facts: MinutesFacts, *, anchor: str | None = None) -> dict[str, Any]:
    """Return the minutes as plain JSON; without ``anchor`` they are a draft."""
    names = facts.names
    return {
        "format": FORMAT,
        "meeting": meeting.id,
        "title": meeting.title,
        "held_on": meeting.held_on.isoformat(),
        "opened_at": _instant(meeting.opened_at),
        "ended_at": _instant(meeting.ended_at),
        "length_minutes": meeting.length_minutes,
        "scope": meeting.scope.words,
        "since": meeting.since.isoformat() if meeting.since else None,
        "chair": names.get(meeting.chair, meeting.chair),
        "called_by": names.get(meeting.called_by, meeting.called_by),
        "attendees": [
            {"name": each.name, "email": each.email, "role": each.role_words, "present": each.is_present}
            for each in meeting.attendees
        ],
        "quorum": meeting_quorum(meeting, facts.people),
        "items": [_item(meeting, item, number, facts) for number, item in enumerate(meeting.items, start=1)],
        "actions": [_action(action, names) for action in facts.actions],
        "data_day": facts.data_day,
        "policy": facts.policy,
        "anchor": anchor,
        "confirmed_by": names.get(meeting.confirmed_by or "", meeting.confirmed_by),
        "confirmed_at": _instant(meeting.confirmed_at),
    }


def document_hash(document: dict[str, Any]) -> str:
    """Return the SHA-256 of the minutes as canonical JSON; the audit event of the confirmation carries it."""
    return sha256(canonical_json(document).encode()).hexdigest()


def _item(meeting: Meeting, item: Item, number: int, facts: MinutesFacts) -> dict[str, Any]:
    matter, names = facts.matters[item.id], facts.names
    made = list(meeting.of_item(item.id, EntryKind.DECISION))
    return {
        "number": number,
        "title": item.title,
        "rule": Rule(item.rule).words,
        "why": item.why,
        "minutes": item.minutes,
        "model": item.model_id,
        "quorum": item_quorum(meeting, item, matter, people=facts.people),
        "aside": aside_sentence(meeting, item, matter, names=names),
        "challenges": [each.told() for each in facts.challenges if each.is_open and _is_about(item, each)],
        "remark": item.remark,
        "note": meeting.note(item.id),
        "votes": [
            {
                "person": names.get(person, person),
                "vote": str(vote.choice),
                "reason": vote.text,
                "recorded_by": names.get(vote.recorded_by, vote.recorded_by),
            }
            for person, vote in sorted(meeting.votes(item.id).items())
        ],
        "decisions": [_decision(entry, facts) for entry in made],
        "actions": [_action(action, names) for action in facts.actions if action.item_id == item.id],
    }


def _is_about(item: Item, challenge: Challenge) -> bool:
    return challenge.subject.model_id in {item.model_id, *item.model_ids}


def _decision(entry: Entry, facts: MinutesFacts) -> dict[str, Any]:
    person = facts.names.get(str(entry.person), entry.person)
    said = {"move": entry.choice, "by": person, "reason": entry.text, "at": _instant(entry.recorded_at)}
    if entry.policy_number is not None:
        return said | {"policy": entry.policy_number}
    if entry.standing_number is not None:
        return said | {"standing": entry.standing_number}
    decision = facts.decisions[entry.decision_id or 0]
    until = decision.accept_until
    then = facts.decided[entry.id]
    return said | {
        "decision": decision.id,
        "model": decision.subject.name,
        "action": decision.action.value,
        "tier": decision.tier,
        "accept_until": until.isoformat() if until else None,
        "state": then.state.value,
        "approvals": f"{then.given} of {then.needed}",
        "evidence_hash": then.evidence_hash,
    }


def _action(action: MeetingAction, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "action": action.id,
        "what": action.what,
        "assignee": names.get(action.assignee, action.assignee),
        "due_on": action.due_on.isoformat(),
        "model": action.model_id,
    }


def _instant(moment: Any) -> str | None:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else None
