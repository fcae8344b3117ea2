"""The bar in which a proposal is answered: a key opens the form, the cursor is in its field, Ctrl+Enter sends it, Esc closes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import challenges, session
from dashboard.presentation import ACTION_WORDS, escape_markdown
from dashboard.pressing import once
from dashboard.views.approvals_proposal import is_unread
from dashboard.widgets import complain, notify, quiet
from data_access import decision_queries
from monitoring import ask, decide
from monitoring.challenge import Turn
from monitoring.errors import ModelfolioError
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from monitoring.challenge import Challenge
    from monitoring.decide import Review
    from monitoring.decision import Decision

FORM = "ap_form"
"""Which form is open in the session: the number of the decision, and the answer."""
TEXT = "ap_comment"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to answer: what its button says, the key that opens it, what its field asks for."""

    name: str
    label: str
    key: str
    placeholder: str


APPROVE = Form(Move.APPROVE.value, "Approve", "A", "Comment, kept with the decision (may stay empty)")
REJECT = Form(Move.REJECT.value, "Reject", "X", "Why not? The proposer and the auditor read it (needed)")
WITHDRAW = Form(Move.WITHDRAW.value, "Withdraw", "W", "Why you take it back (may stay empty)")
ASK = Form(Turn.ASK.value, "Ask", "Q", "What should the proposer answer before this is decided? At least 10 characters")
ANSWER = Form(Turn.ANSWER.value, "Answer", "Q", "Your answer, kept with the decision: at least 10 characters")
ASK_AGAIN = Form(Turn.ASK_AGAIN.value, "Ask again", "Q", "What is still not answered? At least 10 characters")
SETTLE = Form(Turn.SETTLE.value, "Settle question", "T", "Why the answer is enough (may stay empty)")
TAKE_BACK = Form(
    Turn.WITHDRAW.value + "_question", "Take back question", "T", "Why it need not be answered (may stay empty)"
)
TURNS = {ANSWER: Turn.ANSWER, ASK_AGAIN: Turn.ASK_AGAIN, SETTLE: Turn.SETTLE, TAKE_BACK: Turn.WITHDRAW}
"""What each form says about the question that is open."""


def open_question(review: Review) -> Challenge | None:
    """Return the question about this proposal that is open."""
    return next((each for each in review.challenges if each.decision and each.is_open), None)


def forms(review: Review) -> list[Form]:
    """Return what the acting person may do, in the order of the buttons."""
    found = [form for form in (APPROVE, REJECT) if Move(form.name) in review.may]
    question = open_question(review)
    if question is None:
        found += [ASK] if review.may_ask else []
    else:
        turns = challenges.turns(question)
        found += [form for form, turn in TURNS.items() if turn in turns]
    return found + ([WITHDRAW] if Move.WITHDRAW in review.may else [])


def bar(decision: Decision, review: Review) -> None:
    """Show what this person may press, always on screen; the evidence that counts is the one on this screen."""
    by, possible = session.actor_email(), forms(review)
    what = f"{ACTION_WORDS[decision.action.value]}: {escape_markdown(decision.subject.name, longest=40)}"
    with st.bottom, st.container(key="decidebar"):
        if by is None or not possible:
            st.markdown(f"**{what}**\u2003{quiet(escape_markdown(review.waiting_for))}")
            return
        opened = st.session_state.get(FORM)
        form = next((form for form in possible if opened == (decision.id, form.name)), None)
        if form is None:
            buttons(what, possible, decision, review)
        elif form is APPROVE and is_unread(decision, review):
            read_first(what)
        else:
            one_form(what, form, decision, review, by=by)


def buttons(what: str, possible: list[Form], decision: Decision, review: Review) -> None:
    """Show the ways to answer, each with its key; what has to be settled before an approval is said at its button."""
    name, place = st.columns([1.2, 1.6], vertical_alignment="center")
    name.markdown(f"**{what}**")
    with place.container(horizontal=True, horizontal_alignment="right"):
        for form in possible:
            st.button(
                form.label,
                key=f"ap_open_{form.name}",
                type="primary" if form in {APPROVE, ANSWER} else "secondary",
                shortcut=form.key,
                disabled=form is APPROVE and bool(review.blocked_by),
                help=escape_markdown(review.blocked_by, longest=900) if form is APPROVE and review.blocked_by else None,
                on_click=open_form,
                args=(decision.id, form.name),
            )


def read_first(what: str) -> None:
    """Ask for the tick below "Changed since proposed" before the form opens."""
    name, close = st.columns([3, 1], vertical_alignment="center")
    name.markdown(f"**Approve** {what}\u2003Tick above that you have read what changed (Space), then approve.")
    with close.container(horizontal=True, horizontal_alignment="right"):
        st.button("Cancel", key="ap_cancel", shortcut="Esc", on_click=close_form)


def one_form(what: str, form: Form, decision: Decision, review: Review, *, by: str) -> None:
    """Show the form that is open, with the cursor in its field."""
    with st.form(f"ap_{form.name}", border=False, enter_to_submit=False, clear_on_submit=False):
        name, field, place = st.columns([1, 1.9, 1.1], vertical_alignment="center")
        name.markdown(f"**{form.label}**\u2002{what}")
        with field.container(key=f"focus_{form.name}_{decision.id}"):
            st.text_input(form.label, key=TEXT, placeholder=form.placeholder, label_visibility="collapsed")
        with place.container(horizontal=True, horizontal_alignment="right"):
            st.form_submit_button(
                form.label,
                type="primary",
                shortcut="Ctrl+Enter",
                key="ap_send",
                on_click=send,
                args=(form, decision.id, review, by),
            )
            st.form_submit_button("Cancel", key="ap_cancel", shortcut="Esc", on_click=close_form)


def open_form(decision_id: int, name: str) -> None:
    """Open one of the forms; whoever comes too late is told."""
    try:
        decision_queries.decision(session.registry(), decision_id).refuse_if_decided()
    except ModelfolioError as error:
        complain(str(error))
    else:
        st.session_state[FORM] = (decision_id, name)


def close_form() -> None:
    """Close whichever form is open."""
    st.session_state.pop(FORM, None)
    st.session_state.pop(TEXT, None)


@once
def send(form: Form, decision_id: int, review: Review, by: str) -> None:
    """Give the answer with what was typed; what is refused is said in its own words, and the form stays."""
    text = st.session_state.get(TEXT) or ""
    try:
        notify(_sent(form, decision_id, review, text, by))
    except ModelfolioError as error:
        complain(str(error))
    else:
        close_form()


def _sent(form: Form, decision_id: int, review: Review, text: str, by: str) -> str:
    """Give the answer and return what to say of it."""
    opened, on, now = session.registry(), session.today(), session.now()
    if form is APPROVE:
        seen = review.present.hash
        decided = decide.approve(opened, decision_id, comment=text, seen_evidence=seen, by=by, on=on, now=now)
        waits = decided.state is State.PROPOSED
        return "Your approval counts; the quorum is not complete yet." if waits else "Approved."
    if form is REJECT:
        decide.reject(opened, decision_id, comment=text, by=by, on=on, now=now)
        return "Rejected. The proposer sees your comment."
    if form is WITHDRAW:
        decide.withdraw(opened, decision_id, comment=text, by=by, on=on, now=now)
        return "Withdrawn."
    question = open_question(review)
    if form is ASK or question is None:
        ask.ask_about(opened, decision_id, text=text, by=by, on=on, now=now)
        return "Asked. The proposer sees it and answers on the record."
    turn, seen_entries = TURNS[form], len(question.entries)
    ask.say(opened, question.id, turn, text=text, seen=seen_entries, by=by, on=on, now=now)
    return challenges.DONE[turn]
