"""Use cases: propose a version of the policy, approve, reject or withdraw it, and look at it before answering.

As in ``decide``, whoever calls is checked here with the roles the registry holds at that moment, inside the transaction that
writes. ``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.authority import known_actor
from monitoring.errors import NotAuthorisedError, StaleDecisionError
from monitoring.lifecycle import Move, State
from monitoring.policy_version import PolicyVersion, check_policy_proposer, outdated_words
from monitoring.proposal import STEPPED_BACK, waiting_without

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.people import Actor
    from monitoring.ports import PolicyRecords, PolicyRegistry

ANSWERS = (Move.APPROVE, Move.REJECT, Move.WITHDRAW)


@dataclass(frozen=True, slots=True)
class PolicyReview:
    """What somebody must see before answering: the version, what it would replace, who may answer and who is needed.

    ``may`` holds the answers this person can give; ``why_not`` says why they cannot approve, when they cannot.
    """

    version: PolicyVersion
    base: PolicyVersion
    may: frozenset[Move]
    waiting_for: str
    why_not: str


def propose_policy(
    registry: PolicyRegistry,
    *,
    values: Mapping[str, Mapping[str, float]],
    based_on: int,
    reason: str,
    wanted_from: date | None,
    by: str,
    on: date,
    now: datetime,
) -> PolicyVersion:
    """Propose the thresholds of every tier (by its number as text, and by name) as the next version, and return it.

    Raises:
        NotAuthorisedError: ``by`` is not an approver for every team.
        InvalidThresholdError: a threshold may not have its value.
        InvalidProposalError: nothing would change, or the day is not one of the next 365.
        InvalidReasonError: the reason is too short.
        StaleDecisionError: another version was approved since this was drafted, or proposes the same.
    """
    with registry.deciding_policies() as records:
        newest = records.history().newest
        if outdated := outdated_words(based_on, newest.number):
            raise StaleDecisionError(outdated)
        version, event = PolicyVersion.propose(
            values,
            number=records.next_number(),
            based_on=newest,
            actor=records.actor(by),
            reason=reason,
            wanted_from=wanted_from,
            on=on,
            now=now,
        )
        for other in records.proposed():
            if other.content_hash == version.content_hash:
                raise StaleDecisionError(f"Version {other.number} proposes the same already and waits for an answer.")
        records.add(version, event)
        return version


def approve_policy(
    registry: PolicyRegistry, number: int, *, comment: str, by: str, on: date, now: datetime
) -> PolicyVersion:
    """Approve; in force from the day after the quorum is complete at the earliest.

    Raises:
        NotAuthorisedError: the person proposed it, has approved it, or has not the role for every team.
        StaleDecisionError: somebody else decided it first, or approved another version since.
    """
    with registry.deciding_policies() as records:
        version, actor = records.version(number), records.actor(by)
        newest = records.history().newest
        approved, event = version.approve(newest=newest, actor=actor, comment=comment, on=on, now=now)
        return _stored(records, approved, event, before=version)


def reject_policy(
    registry: PolicyRegistry, number: int, *, comment: str, by: str, on: date, now: datetime
) -> PolicyVersion:
    """Reject, with a comment; one approver who did not propose is enough. Raises as ``approve_policy``, or InvalidReasonError."""
    with registry.deciding_policies() as records:
        version, actor = records.version(number), records.actor(by)
        rejected, event = version.reject(actor=actor, comment=comment, on=on, now=now)
        return _stored(records, rejected, event, before=version)


def withdraw_policy(
    registry: PolicyRegistry, number: int, *, by: str, on: date, now: datetime, comment: str = ""
) -> PolicyVersion:
    """Take back a proposal of one's own. Raises StaleDecisionError when it was decided first, NotAuthorisedError."""
    with registry.deciding_policies() as records:
        version, actor = records.version(number), records.actor(by)
        withdrawn, event = version.withdraw(actor=actor, comment=comment, on=on, now=now)
        return _stored(records, withdrawn, event, before=version)


def review_policy(registry: PolicyRegistry, number: int, *, by: str | None) -> PolicyReview:
    """Return everything somebody must see before answering; ``by`` is missing for a visitor who is not signed in."""
    with registry.looking_at_policies() as records:
        version, newest = records.version(number), records.history().newest
        base = records.version(version.based_on or 1)
        actor = known_actor(records, by)
        may = {answer for answer in ANSWERS if actor and version.may(answer, actor)}
        aside = records.stepped_back(version)
        why_not = version.outdated(newest)
        if actor and actor.email in aside and version.state is State.PROPOSED:
            may, why_not = may & {Move.WITHDRAW}, STEPPED_BACK
        elif why_not:
            may.discard(Move.APPROVE)
        elif Move.APPROVE not in may:
            why_not = _why_not(version, actor)
        waiting_for = waiting_without(version, records.everyone(), aside)
        return PolicyReview(version, base, frozenset(may), waiting_for, why_not)


def why_not_propose_policy(registry: PolicyRegistry, *, by: str | None) -> str | None:
    """Return nothing when this person may propose a policy, else the sentence to show in place of the form."""
    with registry.looking_at_policies() as records:
        actor = known_actor(records, by)
        try:
            check_policy_proposer(actor) if actor else None
        except NotAuthorisedError as refusal:
            return str(refusal)
        return None if actor else "Only people the registry knows may propose something."


def _why_not(version: PolicyVersion, actor: Actor | None) -> str:
    if actor is None:
        return "Only people the registry knows may approve something."
    try:
        version.check_answer(Move.APPROVE, actor)
    except (NotAuthorisedError, StaleDecisionError) as refusal:
        return str(refusal)
    return ""


def _stored(records: PolicyRecords, moved: PolicyVersion, event: AuditEvent, *, before: PolicyVersion) -> PolicyVersion:
    records.store(moved, event, before=before)
    return moved
