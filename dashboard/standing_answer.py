"""Approving, rejecting and withdrawing a standing approval, and its kill switch: always on screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import answer_form, pressing, session
from dashboard.answer_form import Form
from dashboard.presentation import escape_markdown, plural
from dashboard.pressing import once
from dashboard.widgets import complain, notify, quiet
from monitoring import decide_standing
from monitoring.errors import ModelfolioError
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from data_access.standing_queries import Listed
    from monitoring.decide_standing import StandingReview
    from monitoring.standing_approval import StandingApproval

ANSWERING: dict[Move, Callable[..., StandingApproval]] = {
    Move.APPROVE: decide_standing.approve_standing,
    Move.REJECT: decide_standing.reject_standing,
    Move.WITHDRAW: decide_standing.withdraw_standing,
}
BAR = "sa"
ANSWERS = {
    Move.APPROVE: Form(Move.APPROVE.value, "Approve", "A", "Why it may act without a person (needed)"),
    Move.REJECT: Form(Move.REJECT.value, "Reject", "X", "Why not? The proposer and the auditor read it (needed)"),
    Move.WITHDRAW: Form(Move.WITHDRAW.value, "Withdraw", "W", "Why you take it back (may stay empty)"),
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
            possible = {form: move for move, form in ANSWERS.items() if move in review.may}
            form = answer_form.opened(BAR, standing.id, possible)
            if form is None:
                buttons(standing, review, possible)
            else:
                said = f"**{form.label}** standing approval {standing.id}"
                answer_form.one_form(BAR, form, standing.id, said, send=send, args=(possible[form], standing.id, by))


def buttons(standing: StandingApproval, review: StandingReview, possible: Iterable[Form]) -> None:
    """Show the answers this person can give, each of which opens its form."""
    name, place = st.columns([1.5, 1.3], vertical_alignment="center")
    why = review.why_not or review.waiting_for
    name.markdown(f"**Standing approval {standing.id}**  \n:small[{quiet(escape_markdown(why, longest=200))}]")
    with place.container(horizontal=True, horizontal_alignment="right"):
        for form in possible:
            answer_form.button(
                BAR,
                form,
                is_main=form is ANSWERS[Move.APPROVE],
                on_click=answer_form.open_form,
                args=(BAR, standing.id, form.name),
            )


@once
def send(move: Move, number: int, by: str) -> None:
    """Give the answer with what was typed; what is refused is said in its own words, and the form stays."""
    comment = answer_form.typed(BAR)
    try:
        moved = ANSWERING[move](
            session.registry(), number, comment=comment, by=by, on=session.today(), now=session.now()
        )
    except ModelfolioError as error:
        complain(str(error))
        return
    answer_form.close_form(BAR)
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
