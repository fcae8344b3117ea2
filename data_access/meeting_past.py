"""What stood when something was decided in a meeting, and when the meeting was over, read back from the audit trail.

Minutes are confirmed days later: by then a decision has been answered elsewhere and people hold other roles.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from data_access.tables import AuditEventRow
from monitoring.lifecycle import Move, State
from monitoring.meeting import EntryKind, MeetingMove
from monitoring.minutes import AsDecided
from monitoring.people import Role, RoleGrant
from monitoring.quorum import quorum

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sqlalchemy.orm import Session

    from monitoring.challenge import Challenge
    from monitoring.decision import Decision
    from monitoring.meeting import Meeting
    from monitoring.people import Actor
    from monitoring.policy_version import PolicyVersion
    from monitoring.standing_approval import StandingApproval

Versioned = TypeVar("Versioned", "PolicyVersion", "StandingApproval")
NEEDED = "approvals_needed"
"""What the audit event of a decision made in a meeting says beside the meeting: how many approvals its quorum has."""
ANSWERS = frozenset({Move.APPROVE.value, Move.REJECT.value, Move.APPROVE_BY_STANDING.value})


def decisions_at_end(
    events: Iterable[AuditEventRow], decisions: Iterable[Decision], *, end: int | None
) -> dict[int, Decision]:
    """Return the decisions by their numbers, with their states and answers of row ``end`` of the audit trail; without it of now."""
    answered: set[tuple[str, str]] = set()
    states: dict[str, State] = {}
    for event in events:
        if end is not None and event.sequence > end:
            continue
        states[event.subject_id] = State((event.after or {})["state"])
        if event.action in ANSWERS:
            answered.add((event.subject_id, event.actor))
    return {
        each.id: replace(
            each,
            state=states.get(str(each.id), each.state),
            approvals=tuple(given for given in each.approvals if (str(each.id), given.person) in answered),
        )
        for each in decisions
    }


def at_end(proposal: Versioned, meeting: Meeting) -> Versioned:
    """Return a policy version, or a standing approval, with the answers given until a meeting was over; all while it is not."""
    end = meeting.ended_at if meeting.is_over else None
    given = tuple(each for each in proposal.approvals if end is None or each.answered_at <= end)
    return replace(proposal, approvals=given)


def as_decided(
    events: Iterable[AuditEventRow], decisions: Iterable[Decision], meeting: Meeting
) -> dict[int, AsDecided]:
    """Return of each entry of a decision how the decision stood after it; the events of the meeting are in the entries' order."""
    frozen = {each.id: each.evidence_hash for each in decisions}
    told: dict[tuple[int, str, str], list[AuditEventRow]] = {}
    for event in events:
        if ((event.after or {}).get("meeting") or {}).get("id") == meeting.id:
            told.setdefault((int(event.subject_id), event.action, event.actor), []).append(event)
    found: dict[int, AsDecided] = {}
    for entry in meeting.entries:
        if entry.kind is not EntryKind.DECISION or entry.decision_id is None:
            continue
        rows = told.get((entry.decision_id, str(entry.choice), str(entry.person)))
        if rows:
            found[entry.id] = _as_decided(rows.pop(0), frozen=frozen[entry.decision_id])
    return found


def challenges_at_end(challenges: Iterable[Challenge], meeting: Meeting, *, on: date) -> tuple[Challenge, ...]:
    """Return challenges with what was said by the end of a meeting, or of ``on`` while it is not over."""
    ended = meeting.ended_at if meeting.is_over else None
    found = []
    for challenge in challenges:
        said = [each for each in challenge.entries if each.said_on <= on and (ended is None or each.said_at <= ended)]
        if said:
            found.append(replace(challenge, entries=tuple(said)))
    return tuple(found)


def end_of(session: Session, meeting: Meeting) -> int | None:
    """Return the row of the audit trail with which a meeting ended; nothing while it is not over."""
    if not meeting.is_over:
        return None
    return session.scalar(
        sa.select(sa.func.max(AuditEventRow.sequence)).where(
            AuditEventRow.subject_kind == "meeting",
            AuditEventRow.subject_id == str(meeting.id),
            AuditEventRow.action == MeetingMove.END.value,
        )
    )


def events_of(session: Session, decisions: Iterable[Decision]) -> list[AuditEventRow]:
    """Return the rows of the audit trail about these decisions, in their order."""
    numbers = [str(each.id) for each in decisions]
    return list(
        session.scalars(
            sa.select(AuditEventRow)
            .where(AuditEventRow.subject_kind == "decision", AuditEventRow.subject_id.in_(numbers))
            .order_by(AuditEventRow.sequence)
        )
    )


def people_at_end(session: Session, people: tuple[Actor, ...], *, end: int | None) -> tuple[Actor, ...]:
    """Return the people with the roles they held at row ``end`` of the audit trail: what changed since is taken back."""
    if end is None:
        return people
    grants = {person.email: list(person.grants) for person in people}
    for event in session.scalars(
        sa.select(AuditEventRow)
        .where(AuditEventRow.subject_kind == "person", AuditEventRow.sequence > end)
        .order_by(AuditEventRow.sequence.desc())
    ):
        held = grants.get(event.subject_id)
        if held is None:
            continue
        if event.action == "grant_role" and event.after and (given := _grant(event.after)) in held:
            held.remove(given)
        elif event.action == "revoke_role" and event.before:
            held.append(_grant(event.before))
    return tuple(replace(person, grants=tuple(grants[person.email])) for person in people)


def _as_decided(event: AuditEventRow, *, frozen: str | None) -> AsDecided:
    after = event.after or {}
    state = State(after["state"])
    digest = frozen if state not in {State.PROPOSED, State.REJECTED, State.WITHDRAWN} else None
    return AsDecided(
        state=state,
        given=len(after.get("approved_by", ())),
        needed=after.get(NEEDED) or len(quorum(after["tier"])),
        evidence_hash=event.evidence_hash if event.action == Move.APPROVE.value else digest,
    )


def _grant(plain: dict[str, str | None]) -> RoleGrant:
    return RoleGrant(Role(str(plain["role"])), plain["team"])
