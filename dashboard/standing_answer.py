"""Approving, rejecting and withdrawing a standing approval, and its kill switch: always on screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import pressing, session
from dashboard.presentation import escape_markdown, plural
from dashboard.pressing import once
from dashboard.widgets import complain, notify, quiet
from monitoring import decide_standing
from monitoring.errors import ModelfolioError
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from data_access.standing_queries import Listed
    from monitoring.decide_standing import StandingReview
    from monitoring.standing_approval import StandingApproval

ANSWERING: dict[Move, Callable[..., StandingApproval]] = {
    Move.APPROVE: decide_standing.approve_standing,
    Move.REJECT: decide_standing.reject_standing,
    Move.WITHDRAW: decide_standing.withdraw_standing,
}
FORM = "sa_form"
"""Which form is open in the session: the number of the standing approval, and the answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to answer: what its button says, the key that opens its form, what its field asks for."""

    label: str
    key: str
    placeholder: str


ANSWERS = {
    Move.APPROVE: Answer("Approve", "A", "Why it may act without a person (needed)"),
    Move.REJECT: Answer("Reject", "X", "Why not? The proposer and the auditor read it (needed)"),
    Move.WITHDRAW: Answer("Withdraw", "W", "Why you take it back (may stay empty)"),
}
ACTS = "It starts retrainings by itself until it ends. A failed run, an outcome that was not fixed or a broken guard suspends it."
ENDED = "It has ended and never begins again; what comes after it is proposed and approved anew."


def bar(each: Listed, review: StandingReview) -> None:
    """Show what this person may press, or why there is nothing to press."""
    standing, by = each.standing, session.actor_email()
    name = f"**Standing approval {standing.id}**"
    with st.bottom, st.container(key="decidebar"):
        if by is None or not review.may:
            said = review.why_not or review.waiting_for
            if standing.state is State.APPROVED:
                said = "Any approver, the owner of one of its models or whoever proposed it can stop it."
            elif standing.state is not State.PROPOSED:
                said = ENDED
            st.markdown(f"{name}\u2003{quiet(escape_markdown(said, longest=300))}")
        elif Move.STOP in review.may:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{name}\u2003{quiet(ACTS)}")
                st.space("stretch")
                if st.button("Stop it", key="sa_stop", icon=":material/block:"):
                    stop_dialog(standing.id, len(standing.covered))
        else:
            opened = st.session_state.get(FORM)
            move = next((move for move in ANSWERS if move in review.may and opened == (standing.id, move)), None)
            if move is None:
                buttons(standing, review)
            else:
                one_form(standing, move, by)


def buttons(standing: StandingApproval, review: StandingReview) -> None:
    """Show the answers this person can give, each of which opens its form."""
    name, place = st.columns([1.5, 1.3], vertical_alignment="center")
    why = review.why_not or review.waiting_for
    name.markdown(f"**Standing approval {standing.id}**  \n:small[{quiet(escape_markdown(why, longest=200))}]")
    with place.container(horizontal=True, horizontal_alignment="right"):
        for move, answer in ANSWERS.items():
            if move in review.may:
                st.button(
                    answer.label,
                    key=f"sa_open_{move.value}",
                    type="primary" if move is Move.APPROVE else "secondary",
                    shortcut=answer.key,
                    on_click=open_form,
                    args=(standing.id, move),
                )


def one_form(standing: StandingApproval, move: Move, by: str) -> None:
    """Show the form that is open, with the cursor in its field."""
    answer = ANSWERS[move]
    with st.form(f"sa_{move.value}_form", border=False, enter_to_submit=False):
        name, field, place = st.columns([1, 1.9, 1.1], vertical_alignment="center")
        name.markdown(f"**{answer.label}** standing approval {standing.id}")
        with field.container(key=f"focus_sa_{move.value}_{standing.id}"):
            st.text_input(answer.label, key="sa_comment", placeholder=answer.placeholder, label_visibility="collapsed")
        with place.container(horizontal=True, horizontal_alignment="right"):
            st.form_submit_button(
                answer.label,
                type="primary",
                shortcut="Ctrl+Enter",
                key="sa_send",
                on_click=send,
                args=(move, standing.id, by),
            )
            st.form_submit_button("Cancel", key="sa_cancel", shortcut="Esc", on_click=close_form)


def open_form(number: int, move: Move) -> None:
    """Open one of the forms."""
    st.session_state[FORM] = (number, move)


def close_form() -> None:
    """Close whichever form is open."""
    for name in (FORM, "sa_comment"):
        st.session_state.pop(name, None)


@once
def send(move: Move, number: int, by: str) -> None:
    """Give the answer with what was typed; what is refused is said in its own words, and the form stays."""
    comment = st.session_state.get("sa_comment") or ""
    try:
        moved = ANSWERING[move](
            session.registry(), number, comment=comment, by=by, on=session.today(), now=session.now()
        )
    except ModelfolioError as error:
        complain(str(error))
        return
    close_form()
    if moved.state is State.APPROVED:
        notify(f"Approved: standing approval {number} acts from the next run of assess on.")
    elif move is Move.APPROVE:
        notify("Your approval counts; the quorum is not complete yet.")
    else:
        notify(f"Standing approval {number} is {moved.state.words}.")


def stop_dialog(number: int, models: int) -> None:
    """Ask once more, with the reason; then it is stopped at once and for good."""
    pressing.drawer("Stop this standing approval?", _stop, number, models, width="small")


def _stop(number: int, models: int) -> None:
    st.markdown(
        f"No retraining of its {plural(models, 'model')} starts under standing approval {number} from this moment on. What runs already "
        "goes on. It cannot be switched on again: a new one is proposed and approved."
    )
    with st.form("sa_stop_form", border=False, enter_to_submit=False):
        reason = st.text_input("Why", placeholder="Kept for ever, read by the auditor", key="sa_stop_reason")
        pressed = pressing.submitted("Stop it now", type="primary", width="stretch", key="sa_stop_now")
    if pressed:
        try:
            decide_standing.stop_standing(
                session.registry(),
                number,
                reason=reason or "",
                by=session.actor_email() or "",
                on=session.today(),
                now=session.now(),
            )
        except ModelfolioError as error:
            st.error(escape_markdown(error))
            return
        pressing.close_drawer(f"Standing approval {number} is stopped.")
