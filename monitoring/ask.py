"""Use cases: challenge a finding, ask about a proposal, and everything that is said after that.

Whoever calls, a page or a test, is checked here, with the roles the registry holds at that moment, inside the transaction that
writes. ``by`` is the e-mail address of the person, ``on`` the product's day, ``now`` the machine's time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.authority import known_actor
from monitoring.challenge import AskedDecision, Challenge, Turn
from monitoring.errors import ForbiddenMoveError
from monitoring.lifecycle import State

if TYPE_CHECKING:
    from datetime import date, datetime

    from monitoring.ports import DecisionRegistry


def challenge_finding(
    registry: DecisionRegistry, *, model_id: str, day: date, code: str, text: str, by: str, on: date, now: datetime
) -> Challenge:
    """Challenge a finding of the assessment of ``day``, as known on ``on``; ``code`` is its kind and subject (``finding_code``).

    Raises:
        UnknownFindingError: that assessment has no such finding.
        OpenChallengeExistsError: the finding is challenged already.
        NotAuthorisedError: no independent reviewer of the model, or its owner.
        InvalidReasonError: the text is too short.
    """
    with registry.deciding() as records:
        finding = records.assessed_finding(model_id, day=day, code=code, on=on)
        begun, event = Challenge.begin(
            records.subject(model_id), actor=records.actor(by), text=text, finding=finding, on=on, now=now
        )
        return records.begin_challenge(begun, event)


def ask_about(
    registry: DecisionRegistry, decision_id: int, *, text: str, by: str, on: date, now: datetime
) -> Challenge:
    """Ask the proposer something before answering a proposal; the answer stays on the record.

    Raises:
        ForbiddenMoveError: it is decided already.
        OpenChallengeExistsError: a question about it is open already.
        NotAuthorisedError: somebody who could not answer the proposal, or the proposer.
        InvalidReasonError: the text is too short.
    """
    with registry.deciding() as records:
        decision = records.decision(decision_id)
        if decision.state is not State.PROPOSED:
            raise ForbiddenMoveError(f"It is {decision.state.words} already; there is nothing left to ask.")
        asked = AskedDecision(decision.id, decision.action, decision.proposed_by)
        begun, event = Challenge.begin(
            decision.subject, actor=records.actor(by), text=text, decision=asked, on=on, now=now
        )
        return records.begin_challenge(begun, event)


def say(
    registry: DecisionRegistry,
    challenge_id: int,
    turn: Turn,
    *,
    text: str,
    seen: int,
    by: str,
    on: date,
    now: datetime,
) -> Challenge:
    """Answer a challenge or a question, ask again, settle, uphold or withdraw it.

    Args:
        seen: how many entries the person had before them.

    Raises:
        StaleDecisionError: something was said meanwhile.
        ForbiddenMoveError: it is closed, or waits for somebody else.
        NotAuthorisedError: not by this person; the text says who may.
        InvalidReasonError: the text is too short or too long.
        UnknownChallengeError: there is none with this number.
    """
    with registry.deciding() as records:
        before = records.challenge(challenge_id)
        said, event = before.say(turn, actor=records.actor(by), text=text, seen=seen, on=on, now=now)
        records.keep_entry(said, event, before=before)
        return said


def may_challenge(registry: DecisionRegistry, *, model_id: str, by: str | None) -> bool:
    """Whether this person may challenge findings of the model."""
    with registry.looking() as records:
        actor = known_actor(records, by)
        return actor is not None and Challenge.could_begin(records.subject(model_id), actor=actor)
