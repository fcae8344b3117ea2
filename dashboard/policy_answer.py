"""Proposing a draft of the policy, and approving, rejecting or withdrawing what was proposed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import policy_words, session
from dashboard.presentation import escape_markdown
from dashboard.pressing import once
from dashboard.widgets import complain, notify, quiet, small
from monitoring import decide_policy
from monitoring.errors import ModelfolioError
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from data_access.policy_drafts import Draft
    from monitoring.decide_policy import PolicyReview
    from monitoring.policy_version import PolicyHistory, PolicyVersion

ANSWERING: dict[Move, Callable[..., PolicyVersion]] = {
    Move.APPROVE: decide_policy.approve_policy,
    Move.REJECT: decide_policy.reject_policy,
    Move.WITHDRAW: decide_policy.withdraw_policy,
}


def leave_draft() -> None:
    """Show a version again."""
    st.query_params.pop("draft", None)


def propose_form(draft: Draft, history: PolicyHistory) -> None:
    """Show the form that proposes a draft, or why this person cannot."""
    st.markdown("**Propose it**")
    if draft.based_on != history.newest.number:
        st.markdown(
            quiet(f"Version {history.newest.number} was approved since: draft it again from there to propose it.")
        )
        return
    if why_not := decide_policy.why_not_propose_policy(session.registry(), by=session.actor_email()):
        st.markdown(quiet(escape_markdown(why_not)))
        return
    tomorrow = session.today() + timedelta(days=1)
    with st.form("po_propose", border=False, enter_to_submit=False):
        st.text_area("Why", key="po_reason", height=90, placeholder="At least 10 characters, kept for ever")
        st.date_input(
            "In force from",
            value=max(filter(None, (tomorrow, history.newest.in_force_from))),
            min_value=tomorrow,
            max_value=session.today() + timedelta(days=365),
            format="YYYY-MM-DD",
            key="po_from",
        )
        st.form_submit_button("Propose this version", type="primary", on_click=propose, args=(draft,))
    st.markdown(small("Goes to an approver and an independent reviewer; you cannot approve your own proposal."))


@once
def propose(draft: Draft) -> None:
    """Propose the draft with what was typed."""
    try:
        version = decide_policy.propose_policy(
            session.registry(),
            values=draft.values,
            based_on=draft.based_on,
            reason=st.session_state.get("po_reason", ""),
            wanted_from=st.session_state.get("po_from"),
            by=session.actor_email() or "",
            on=session.today(),
            now=session.now(),
        )
    except ModelfolioError as error:
        complain(str(error))
        return
    leave_draft()
    st.query_params["version"] = str(version.number)
    notify(f"Version {version.number} is proposed.")


@once
def answer(move: Move, number: int, by: str) -> None:
    """Give one of the three answers with what was typed."""
    comment = st.session_state.get("po_comment", "")
    try:
        version = ANSWERING[move](
            session.registry(), number, comment=comment, by=by, on=session.today(), now=session.now()
        )
    except ModelfolioError as error:
        complain(str(error))
        return
    if version.state is State.APPROVED:
        notify(
            f"Approved: version {number} is in force from {policy_words.in_force_words(version)} on. "
            "The next run of assess judges the days from then on by it; earlier days stay as they are."
        )
    elif move is Move.APPROVE:
        notify("Your approval counts; the quorum is not complete yet.")
    else:
        notify(f"Version {number} is {version.state.words}.")


def answer_bar(version: PolicyVersion, review: PolicyReview) -> None:
    """Show what this person may press, always on screen, or why there is nothing to press."""
    by = session.actor_email()
    with st.bottom, st.container(key="decidebar"):
        if by is None or not review.may:
            st.markdown(
                f"**Version {version.number} of the policy**\u2003{quiet(escape_markdown(review.why_not or review.waiting_for))}"
            )
            return
        with st.form("po_answer", border=False, enter_to_submit=False, clear_on_submit=True):
            name, comment, buttons = st.columns([1, 1.6, 1.4], vertical_alignment="center")
            name.markdown(f"**Version {version.number} of the policy**")
            comment.text_input(
                "Comment",
                key="po_comment",
                placeholder="Comment, kept with the version (needed to reject)",
                label_visibility="collapsed",
            )
            with buttons.container(horizontal=True, horizontal_alignment="right"):
                for move, label in ((Move.APPROVE, "Approve"), (Move.REJECT, "Reject"), (Move.WITHDRAW, "Withdraw")):
                    if move in review.may:
                        st.form_submit_button(
                            label,
                            type="primary" if move is Move.APPROVE else "secondary",
                            on_click=answer,
                            args=(move, version.number, by),
                        )
