from itertools import product

import pytest

from monitoring.errors import ForbiddenMoveError
from monitoring.lifecycle import LIFECYCLE, Action, Move, State, allowed_move

# DESIGN section 5, written out by hand: action, state, move -> next state. Every other combination is refused.
ANSWERS: dict[tuple[str | None, str], str] = {
    (None, "propose"): "proposed",
    ("proposed", "approve"): "approved",
    ("proposed", "reject"): "rejected",
    ("proposed", "withdraw"): "withdrawn",
}
AFTERWARDS: dict[str, dict[tuple[str | None, str], str]] = {
    "retrain": {
        ("approved", "trigger"): "triggered",
        ("triggered", "report_started"): "running",
        ("triggered", "report_succeeded"): "succeeded",
        ("triggered", "report_failed"): "failed",
        ("running", "report_succeeded"): "succeeded",
        ("running", "report_failed"): "failed",
        ("failed", "retry"): "triggered",
        ("failed", "give_up"): "closed",
        ("succeeded", "review_outcome"): "closed",
    },
    "fix_data": {
        ("approved", "start"): "in_work",
        ("in_work", "report_fixed"): "reported_fixed",
        ("reported_fixed", "finding_clear"): "closed",
        ("reported_fixed", "seen_again"): "in_work",
    },
    "suspend": {
        ("approved", "confirm_out_of_service"): "suspended",
        ("approved", "reinstate"): "closed",
        ("suspended", "reinstate"): "closed",
    },
    "retire": {
        ("proposed", "amend"): "proposed",
        ("proposed", "acknowledge"): "proposed",
        ("approved", "amend"): "approved",
        ("approved", "acknowledge"): "approved",
        ("approved", "announce"): "announced",
        ("announced", "amend"): "announced",
        ("announced", "acknowledge"): "announced",
        ("announced", "reach_sunset"): "due",
        ("due", "amend"): "due",
        ("due", "acknowledge"): "due",
        ("due", "traffic_gone"): "closed",
        ("due", "confirm_out_of_service"): "closed",
        ("approved", "reinstate"): "closed",
        ("announced", "reinstate"): "closed",
        ("due", "reinstate"): "closed",
    },
    "reinstate": {
        ("approved", "confirm_in_service"): "closed",
    },
    "accept": {
        ("approved", "expire"): "expired",
        ("approved", "end_early"): "closed",
    },
}


@pytest.mark.parametrize("action", Action)
def test_exactly_the_moves_of_the_design_are_allowed(action: Action) -> None:
    expected = ANSWERS | AFTERWARDS[action]
    for state, move in product([None, *State], Move):
        if (state, move) in expected:
            assert allowed_move(state, move, action).after == expected[state, move]
        else:
            with pytest.raises(ForbiddenMoveError):
                allowed_move(state, move, action)


def test_a_decision_is_open_until_nothing_can_follow() -> None:
    assert {state for state in State if not state.is_open} == {
        State.REJECTED,
        State.WITHDRAWN,
        State.EXPIRED,
        State.CLOSED,
    }


def test_every_state_can_be_reached_and_every_move_is_used() -> None:
    assert {allowed.after for allowed in LIFECYCLE} == set(State)
    assert {allowed.move for allowed in LIFECYCLE} == set(Move)


def test_a_refused_move_says_where_the_decision_is() -> None:
    with pytest.raises(
        ForbiddenMoveError, match=r"A decision that is reported fixed \(action: fix data\) has no move 'approve'"
    ):
        allowed_move(State.REPORTED_FIXED, Move.APPROVE, Action.FIX_DATA)
