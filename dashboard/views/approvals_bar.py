"""The bar in which a proposal is answered: a key opens the form, the cursor is in its field, Ctrl+Enter sends it, Esc closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import answer_form, challenges, session
from dashboard.answer_form import Form
from dashboard.presentation import ACTION_WORDS, escape_markdown
from dashboard.pressing import once
from dashboard.views.approvals_proposal import BAR, is_unread
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
        form = answer_form.opened(BAR, decision.id, possible)
        if form is None:
            buttons(what, possible, decision, review)
        elif form is APPROVE and is_unread(decision, review):
            read_first(what)
        else:
            said = f"**{form.label}**\u2002{what}"
            answer_form.one_form(BAR, form, decision.id, said, send=send, args=(form, decision.id, review, by))


def buttons(what: str, possible: list[Form], decision: Decision, review: Review) -> None:
    """Show the ways to answer, each with its key; what has to be settled before an approval is said at its button."""
    name, place = st.columns([1.2, 1.6], vertical_alignment="center")
    name.markdown(f"**{what}**")
    with place.container(horizontal=True, horizontal_alignment="right"):
        for form in possible:
            blocked = escape_markdown(review.blocked_by, longest=900) if form is APPROVE else ""
            answer_form.button(
                BAR,
                form,
                is_main=form in {APPROVE, ANSWER},
                on_click=open_form,
                args=(decision.id, form.name),
                why_not=blocked,
            )


def read_first(what: str) -> None:
    """Ask for the tick below "Changed since proposed" before the form opens."""
    name, close = st.columns([3, 1], vertical_alignment="center")
    name.markdown(f"**Approve** {what}\u2003Tick above that you have read what changed (Space), then approve.")
    with close.container(horizontal=True, horizontal_alignment="right"):
        answer_form.cancel(BAR)


def open_form(decision_id: int, name: str) -> None:
    """Open one of the forms; whoever comes too late is told."""
    try:
        decision_queries.decision(session.registry(), decision_id).refuse_if_decided()
    except ModelfolioError as error:
        complain(str(error))
    else:
        answer_form.open_form(BAR, decision_id, name)


@once
def send(form: Form, decision_id: int, review: Review, by: str) -> None:
    """Give the answer with what was typed; what is refused is said in its own words, and the form stays."""
    text = answer_form.typed(BAR)
    try:
        notify(_sent(form, decision_id, review, text, by))
    except ModelfolioError as error:
        complain(str(error))
    else:
        answer_form.close_form(BAR)


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
