"""An action that a meeting gives to somebody: done only with evidence, closed only when somebody else confirms it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from monitoring.audit import AuditEvent
from monitoring.errors import ForbiddenMoveError, InvalidMeetingError, InvalidReasonError, NotAuthorisedError
from monitoring.meeting import MEMBERS, only_reads
from monitoring.proposal import checked_text

if TYPE_CHECKING:
    from monitoring.people import Actor

LEAST_WORDS = 10
"""Characters that say what is to be done, and that the evidence has at least."""


class ActionState(StrEnum):
    """Where an action is; reported done is not closed."""

    OPEN = "open"
    REPORTED = "reported_done"
    CLOSED = "closed"

    @property
    def words(self) -> str:
        """The state as it stands in a sentence."""
        return self.value.replace("_", " ")


@dataclass(frozen=True, slots=True)
class MeetingAction:
    """What somebody has to do after a meeting, by when; ``what``, ``assignee`` and ``due_on`` never change."""

    meeting_id: int
    what: str
    assignee: str
    due_on: date
    given_by: str
    given_on: date
    id: int = 0
    item_id: int | None = None
    model_id: str | None = None
    state: ActionState = ActionState.OPEN
    evidence: str = ""
    reported_by: str | None = None
    reported_on: date | None = None
    closed_by: str | None = None
    closed_on: date | None = None
    answer: str = ""

    @classmethod
    def give(
        cls,
        *,
        meeting_id: int,
        what: str,
        assignee: Actor,
        due_on: date,
        actor: Actor,
        on: date,
        item_id: int | None = None,
        model_id: str | None = None,
    ) -> Self:
        """Return a new action.

        Raises:
            InvalidMeetingError: it does not say what, is due in the past, or goes to somebody who only reads.
        """
        what = checked_text(what)
        if len(what) < LEAST_WORDS:
            raise InvalidMeetingError(f"Say in at least {LEAST_WORDS} characters what is to be done.")
        if due_on < on:
            raise InvalidMeetingError("An action is due today or later.")
        if only_reads(assignee):
            raise InvalidMeetingError(f"{assignee.name} only reads here and could not report it done.")
        return cls(
            meeting_id=meeting_id,
            what=what,
            assignee=assignee.email,
            due_on=due_on,
            given_by=actor.email,
            given_on=on,
            item_id=item_id,
            model_id=model_id,
        )

    def is_overdue(self, on: date) -> bool:
        """Whether it should have been closed before ``on``."""
        return self.state is not ActionState.CLOSED and self.due_on < on

    def may_report(self, actor: Actor) -> bool:
        """Whether this person may say that it is done: the assignee."""
        return self.state is ActionState.OPEN and actor.email == self.assignee and not only_reads(actor)

    def may_confirm(self, actor: Actor) -> bool:
        """Whether this person may confirm it, or send it back: an approver or a reviewer who is not the assignee."""
        is_other = actor.email not in {self.assignee, self.reported_by}
        return self.state is ActionState.REPORTED and is_other and actor.acts_as(MEMBERS)

    def report(self, *, actor: Actor, evidence: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return the action reported done, with what shows it.

        Raises:
            ForbiddenMoveError: it is not open.
            NotAuthorisedError: somebody else's.
            InvalidReasonError: the evidence is too short.
        """
        if self.state is not ActionState.OPEN:
            raise ForbiddenMoveError(f"The action is {self.state.words}.")
        if not self.may_report(actor):
            raise NotAuthorisedError("Only whoever the action was given to reports it done.")
        evidence = _said(evidence, "Say in at least {least} characters what shows that it is done.")
        moved = replace(
            self, state=ActionState.REPORTED, evidence=evidence, reported_by=actor.email, reported_on=on, answer=""
        )
        return moved, moved.audit_event("report_action_done", actor=actor, reason=evidence, on=on, now=now, before=self)

    def confirm(self, *, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return the action closed.

        Raises:
            ForbiddenMoveError: nobody has reported it done.
            NotAuthorisedError: the assignee, or neither an approver nor a reviewer.
        """
        self._check_confirms(actor)
        moved = replace(
            self, state=ActionState.CLOSED, closed_by=actor.email, closed_on=on, answer=checked_text(comment)
        )
        return moved, moved.audit_event("confirm_action", actor=actor, reason=moved.answer, on=on, now=now, before=self)

    def send_back(self, *, actor: Actor, comment: str, on: date, now: datetime) -> tuple[Self, AuditEvent]:
        """Return the action open again: the evidence was not enough. Raises as ``confirm``, or InvalidReasonError."""
        self._check_confirms(actor)
        comment = _said(comment, "Say in at least {least} characters what is missing.")
        moved = replace(self, state=ActionState.OPEN, answer=comment, reported_by=None, reported_on=None)
        return moved, moved.audit_event("send_action_back", actor=actor, reason=comment, on=on, now=now, before=self)

    def _check_confirms(self, actor: Actor) -> None:
        if self.state is not ActionState.REPORTED:
            raise ForbiddenMoveError(f"The action is {self.state.words}: there is nothing to confirm.")
        if actor.email in {self.assignee, self.reported_by}:
            raise NotAuthorisedError("The action was yours: somebody else confirms that it is done.")
        if not self.may_confirm(actor):
            raise NotAuthorisedError("Only an approver or an independent reviewer confirms that an action is done.")

    def audit_event(
        self,
        action: str,
        *,
        actor: Actor,
        on: date,
        now: datetime,
        reason: str = "",
        before: Self | None = None,
        role: str = "",
    ) -> AuditEvent:
        """Return the record of something done to the action."""
        return AuditEvent(
            at=datetime.combine(on, now.timetz()),
            recorded_at=now,
            actor=actor.email,
            role=role or ("assignee" if actor.email == self.assignee else "confirmer"),
            action=action,
            subject_kind="meeting_action",
            subject_id=str(self.id),
            model_id=self.model_id,
            reason=reason or None,
            before=before.summary() if before else None,
            after=self.summary(),
        )

    def summary(self) -> dict[str, Any]:
        """Return what an audit event says about the action, as plain JSON."""
        said: dict[str, Any] = {
            "meeting": self.meeting_id,
            "what": self.what,
            "assignee": self.assignee,
            "due_on": self.due_on.isoformat(),
            "state": self.state.value,
        }
        more = {"evidence": self.evidence, "closed_by": self.closed_by}
        return said | {name: value for name, value in more.items() if value}


def _said(text: str, complaint: str) -> str:
    text = checked_text(text)
    if len(text) < LEAST_WORDS:
        raise InvalidReasonError(complaint.format(least=LEAST_WORDS))
    return text
