"""Approving, rejecting and withdrawing a standing approval, and its kill switch: always on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from dashboard.presentation import escape_markdown, plural
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
LABELS = {Move.APPROVE: "Approve", Move.REJECT: "Reject", Move.WITHDRAW: "Withdraw"}
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
            answer_form(standing, review, by)


def answer_form(standing: StandingApproval, review: StandingReview, by: str) -> None:
    """Show the answers this person can give, with a comment."""
    with st.form("sa_answer", border=False, enter_to_submit=False, clear_on_submit=True):
        name, comment, buttons = st.columns([1.5, 1.6, 1.1], vertical_alignment="center")
        why = review.why_not or review.waiting_for
        name.markdown(f"**Standing approval {standing.id}**  \n:small[{quiet(escape_markdown(why, longest=200))}]")
        comment.text_input(
            "Comment",
            key="sa_comment",
            placeholder="Comment, kept with it (needed to reject)",
            label_visibility="collapsed",
        )
        with buttons.container(horizontal=True, horizontal_alignment="right"):
            for move, label in LABELS.items():
                if move in review.may:
                    st.form_submit_button(
                        label,
                        type="primary" if move is Move.APPROVE else "secondary",
                        on_click=answer,
                        args=(move, standing.id, by),
                        key=f"sa_{move.value}",
                    )


def answer(move: Move, number: int, by: str) -> None:
    """Give one of the three answers with what was typed."""
    comment = st.session_state.get("sa_comment") or ""
    try:
        moved = ANSWERING[move](
            session.registry(), number, comment=comment, by=by, on=session.today(), now=session.now()
        )
    except ModelfolioError as error:
        complain(str(error))
        return
    if moved.state is State.APPROVED:
        notify(f"Approved: standing approval {number} acts from the next run of assess on.")
    elif move is Move.APPROVE:
        notify("Your approval counts; the quorum is not complete yet.")
    else:
        notify(f"Standing approval {number} is {moved.state.words}.")


@st.dialog("Stop this standing approval?", width="small")
def stop_dialog(number: int, models: int) -> None:
    """Ask once more, with the reason; then it is stopped at once and for good."""
    st.markdown(
        f"No retraining of its {plural(models, 'model')} starts under standing approval {number} from this moment on. What runs already "
        "goes on. It cannot be switched on again: a new one is proposed and approved."
    )
    with st.form("sa_stop_form", border=False, enter_to_submit=False):
        reason = st.text_input("Why", placeholder="Kept for ever, read by the auditor", key="sa_stop_reason")
        pressed = st.form_submit_button("Stop it now", type="primary", width="stretch", key="sa_stop_now")
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
        notify(f"Standing approval {number} is stopped.")
        st.rerun()
