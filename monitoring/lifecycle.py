"""The one table of allowed moves: where a decision can be, what leads on from there, and who may do it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitoring.errors import ForbiddenMoveError


class Action(StrEnum):
    """What can be proposed for a model; ``accept`` leaves it as it is until a date, ``reinstate`` undoes a suspension or retirement."""

    RETRAIN = "retrain"
    RETIRE = "retire"
    SUSPEND = "suspend"
    FIX_DATA = "fix_data"
    ACCEPT = "accept"
    REINSTATE = "reinstate"


class State(StrEnum):
    """Where a decision is."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    TRIGGERED = "triggered"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IN_WORK = "in_work"
    REPORTED_FIXED = "reported_fixed"
    SUSPENDED = "suspended"
    ANNOUNCED = "announced"
    DUE = "due"
    EXPIRED = "expired"
    CLOSED = "closed"
    STOPPED = "stopped"

    @property
    def is_open(self) -> bool:
        """Whether something can still come of the decision."""
        return any(allowed.before is self for allowed in LIFECYCLE)

    @property
    def words(self) -> str:
        """The state as it stands in a sentence."""
        return self.value.replace("_", " ")


class Move(StrEnum):
    """What leads from one state to the next."""

    PROPOSE = "propose"
    APPROVE = "approve"
    APPROVE_BY_STANDING = "approve_by_standing_approval"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    AMEND = "amend"
    ACKNOWLEDGE = "acknowledge"
    TRIGGER = "trigger"
    REPORT_STARTED = "report_started"
    REPORT_SUCCEEDED = "report_succeeded"
    REPORT_FAILED = "report_failed"
    RETRY = "retry"
    GIVE_UP = "give_up"
    REVIEW_OUTCOME = "review_outcome"
    START = "start"
    REPORT_FIXED = "report_fixed"
    FINDING_CLEAR = "finding_clear"
    SEEN_AGAIN = "seen_again"
    CONFIRM_OUT_OF_SERVICE = "confirm_out_of_service"
    CONFIRM_IN_SERVICE = "confirm_in_service"
    REINSTATE = "reinstate"
    ANNOUNCE = "announce"
    REACH_SUNSET = "reach_sunset"
    TRAFFIC_GONE = "traffic_gone"
    EXPIRE = "expire"
    END_EARLY = "end_early"
    STOP = "stop"
    SUSPEND_ITSELF = "suspend_itself"


class Capacity(StrEnum):
    """In which capacity somebody, or something, makes a move."""

    OWNER = "owner"
    APPROVER = "approver"
    INDEPENDENT_REVIEWER = "independent_reviewer"
    PROPOSER = "proposer"
    POLICY = "policy"
    TRIGGER_WORKER = "trigger worker"
    PIPELINE = "pipeline"
    ASSESSMENT = "assessment"
    CLOCK = "clock"
    DECISION = "decision"
    STANDING_APPROVAL = "standing approval"

    @property
    def words(self) -> str:
        """The capacity as it stands in a sentence, with its article."""
        articles = {Capacity.APPROVER: "an", Capacity.INDEPENDENT_REVIEWER: "an"} | dict.fromkeys(
            (Capacity.POLICY, Capacity.DECISION, Capacity.STANDING_APPROVAL), "a"
        )
        article = articles.get(self, "the")
        return f"{article} {self.value.replace('_', ' ')}"


MACHINES = frozenset(
    {
        Capacity.POLICY,
        Capacity.TRIGGER_WORKER,
        Capacity.PIPELINE,
        Capacity.ASSESSMENT,
        Capacity.CLOCK,
        Capacity.DECISION,
        Capacity.STANDING_APPROVAL,
    }
)
"""What acts by itself; everything else is a person. A decision acts when another one ends it."""


@dataclass(frozen=True, slots=True)
class AllowedMove:
    """One row of the table; ``action`` limits it to decisions with this action, ``reason_length`` is the least reason."""

    before: State | None
    move: Move
    after: State
    by: tuple[Capacity, ...]
    action: Action | None = None
    reason_length: int = 0


SOON_DAYS = 14
"""What ends within these days is told beforehand: an acceptance, a last day of service."""

REASON_LENGTH = 10
"""Characters a reason has at least."""

_OWNER = (Capacity.OWNER,)
_APPROVER = (Capacity.APPROVER,)
_OWNER_OR_APPROVER = (Capacity.OWNER, Capacity.APPROVER)
_PIPELINE = (Capacity.PIPELINE,)
_PIPELINE_OR_WORKER = (Capacity.PIPELINE, Capacity.TRIGGER_WORKER)
_ASSESSMENT = (Capacity.ASSESSMENT,)
_CLOCK = (Capacity.CLOCK,)
_DECISION = (Capacity.DECISION,)
_PROPOSER = (Capacity.PROPOSER,)

LIFECYCLE: tuple[AllowedMove, ...] = (
    # Every action: proposed, then answered. An approval that leaves a seat of the quorum empty does not move the decision.
    AllowedMove(
        None,
        Move.PROPOSE,
        State.PROPOSED,
        (*_OWNER_OR_APPROVER, Capacity.POLICY),
        reason_length=REASON_LENGTH,
    ),
    AllowedMove(State.PROPOSED, Move.APPROVE, State.APPROVED, (Capacity.APPROVER, Capacity.INDEPENDENT_REVIEWER)),
    AllowedMove(State.PROPOSED, Move.REJECT, State.REJECTED, _APPROVER, reason_length=1),
    AllowedMove(State.PROPOSED, Move.WITHDRAW, State.WITHDRAWN, (Capacity.PROPOSER,)),
    # Retrain, without a person: what the policy proposed inside an envelope that people have approved.
    AllowedMove(
        State.PROPOSED, Move.APPROVE_BY_STANDING, State.APPROVED, (Capacity.STANDING_APPROVAL,), Action.RETRAIN
    ),
    # Retrain: handed to the pipeline once, reported back, its outcome reviewed. The worker reports what the pipeline cannot: that
    # it could not be reached, or ended without a word.
    AllowedMove(State.APPROVED, Move.TRIGGER, State.TRIGGERED, (Capacity.TRIGGER_WORKER,), Action.RETRAIN),
    AllowedMove(State.TRIGGERED, Move.REPORT_STARTED, State.RUNNING, _PIPELINE, Action.RETRAIN),
    AllowedMove(State.TRIGGERED, Move.REPORT_SUCCEEDED, State.SUCCEEDED, _PIPELINE, Action.RETRAIN),
    AllowedMove(State.TRIGGERED, Move.REPORT_FAILED, State.FAILED, _PIPELINE_OR_WORKER, Action.RETRAIN),
    AllowedMove(State.RUNNING, Move.REPORT_SUCCEEDED, State.SUCCEEDED, _PIPELINE, Action.RETRAIN),
    AllowedMove(State.RUNNING, Move.REPORT_FAILED, State.FAILED, _PIPELINE_OR_WORKER, Action.RETRAIN),
    AllowedMove(State.FAILED, Move.RETRY, State.TRIGGERED, _OWNER_OR_APPROVER, Action.RETRAIN, REASON_LENGTH),
    AllowedMove(State.FAILED, Move.GIVE_UP, State.CLOSED, _OWNER_OR_APPROVER, Action.RETRAIN, REASON_LENGTH),
    AllowedMove(State.SUCCEEDED, Move.REVIEW_OUTCOME, State.CLOSED, _OWNER_OR_APPROVER, Action.RETRAIN, REASON_LENGTH),
    # Fix data: the owner works on it, the assessment says whether it is fixed.
    AllowedMove(State.APPROVED, Move.START, State.IN_WORK, _OWNER, Action.FIX_DATA),
    AllowedMove(State.IN_WORK, Move.REPORT_FIXED, State.REPORTED_FIXED, _OWNER, Action.FIX_DATA),
    AllowedMove(State.REPORTED_FIXED, Move.FINDING_CLEAR, State.CLOSED, _ASSESSMENT, Action.FIX_DATA),
    AllowedMove(State.REPORTED_FIXED, Move.SEEN_AGAIN, State.IN_WORK, _ASSESSMENT, Action.FIX_DATA),
    # Suspend: out of service until a decision to reinstate it is carried out.
    AllowedMove(
        State.APPROVED,
        Move.CONFIRM_OUT_OF_SERVICE,
        State.SUSPENDED,
        (Capacity.OWNER, Capacity.TRIGGER_WORKER),
        Action.SUSPEND,
    ),
    AllowedMove(State.APPROVED, Move.REINSTATE, State.CLOSED, _DECISION, Action.SUSPEND),
    AllowedMove(State.SUSPENDED, Move.REINSTATE, State.CLOSED, _DECISION, Action.SUSPEND),
    # Retire: announced to the consumers, due at the sunset date, closed when the log stays empty; where there is no log to watch, the
    # owner says so. The plan is the proposer's until it is approved; afterwards it is only filled in. Consumers acknowledge at any time.
    AllowedMove(State.PROPOSED, Move.AMEND, State.PROPOSED, _PROPOSER, Action.RETIRE),
    AllowedMove(State.PROPOSED, Move.ACKNOWLEDGE, State.PROPOSED, _OWNER_OR_APPROVER, Action.RETIRE),
    AllowedMove(State.APPROVED, Move.AMEND, State.APPROVED, _OWNER, Action.RETIRE),
    AllowedMove(State.APPROVED, Move.ACKNOWLEDGE, State.APPROVED, _OWNER_OR_APPROVER, Action.RETIRE),
    AllowedMove(State.APPROVED, Move.ANNOUNCE, State.ANNOUNCED, _OWNER, Action.RETIRE),
    AllowedMove(State.ANNOUNCED, Move.AMEND, State.ANNOUNCED, _OWNER, Action.RETIRE),
    AllowedMove(State.ANNOUNCED, Move.ACKNOWLEDGE, State.ANNOUNCED, _OWNER_OR_APPROVER, Action.RETIRE),
    AllowedMove(State.ANNOUNCED, Move.REACH_SUNSET, State.DUE, _CLOCK, Action.RETIRE),
    AllowedMove(State.DUE, Move.AMEND, State.DUE, _OWNER, Action.RETIRE),
    AllowedMove(State.DUE, Move.ACKNOWLEDGE, State.DUE, _OWNER_OR_APPROVER, Action.RETIRE),
    AllowedMove(State.DUE, Move.TRAFFIC_GONE, State.CLOSED, _ASSESSMENT, Action.RETIRE),
    AllowedMove(State.DUE, Move.CONFIRM_OUT_OF_SERVICE, State.CLOSED, _OWNER, Action.RETIRE, REASON_LENGTH),
    AllowedMove(State.APPROVED, Move.REINSTATE, State.CLOSED, _DECISION, Action.RETIRE),
    AllowedMove(State.ANNOUNCED, Move.REINSTATE, State.CLOSED, _DECISION, Action.RETIRE),
    AllowedMove(State.DUE, Move.REINSTATE, State.CLOSED, _DECISION, Action.RETIRE),
    # Reinstate: once it serves again, whatever took it out of service, or was about to, is over.
    AllowedMove(State.APPROVED, Move.CONFIRM_IN_SERVICE, State.CLOSED, _OWNER, Action.REINSTATE),
    # Accept: it ends by itself, so that the model returns to the agenda.
    AllowedMove(State.APPROVED, Move.EXPIRE, State.EXPIRED, _CLOCK, Action.ACCEPT),
    AllowedMove(State.APPROVED, Move.END_EARLY, State.CLOSED, _APPROVER, Action.ACCEPT, REASON_LENGTH),
)

STANDING_LIFECYCLE: tuple[AllowedMove, ...] = (
    # A standing approval is proposed and answered like a decision. It ends in one of these ways, and never begins again.
    AllowedMove(
        State.APPROVED,
        Move.STOP,
        State.STOPPED,
        (Capacity.PROPOSER, Capacity.OWNER, Capacity.APPROVER),
        reason_length=1,
    ),
    AllowedMove(State.APPROVED, Move.SUSPEND_ITSELF, State.SUSPENDED, (Capacity.POLICY,), reason_length=REASON_LENGTH),
    AllowedMove(State.APPROVED, Move.EXPIRE, State.EXPIRED, _CLOCK),
)


def allowed_standing_move(state: State | None, move: Move) -> AllowedMove:
    """Return the row for this move of a standing approval.

    Raises:
        ForbiddenMoveError: there is none, whoever asks.
    """
    for allowed in STANDING_LIFECYCLE:
        if allowed.before is state and allowed.move is move:
            return allowed
    if move in {Move.PROPOSE, Move.APPROVE, Move.REJECT, Move.WITHDRAW}:
        return allowed_move(state, move, None)
    where = f"A standing approval that is {state.words}" if state else "A standing approval that does not exist yet"
    raise ForbiddenMoveError(f"{where} has no move {move.value.replace('_', ' ')!r}.")


def allowed_move(state: State | None, move: Move, action: Action | None) -> AllowedMove:
    """Return the table's row for this move; without an action only the rows that hold for every proposal.

    Raises:
        ForbiddenMoveError: there is none, whoever asks.
    """
    for allowed in LIFECYCLE:
        if allowed.before is state and allowed.move is move and allowed.action in {None, action}:
            return allowed
    where = f"A decision that is {state.words}" if state else "A decision that does not exist yet"
    what = f" (action: {action.value.replace('_', ' ')})" if action else ""
    raise ForbiddenMoveError(f"{where}{what} has no move {move.value.replace('_', ' ')!r}.")
