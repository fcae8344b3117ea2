"""What was decided about it, by whom and why, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import carry_out, glossary, session
from dashboard.presentation import ACTION_NOUNS, escape_markdown, short_date, words
from dashboard.widgets import quiet
from monitoring.lifecycle import Action, Move, State

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from data_access.model_timeline import DecisionMove
    from monitoring.decision import Decision


MOST_STEPS = 20


def show(view: ModelView) -> None:
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        st.markdown("**Decisions**", help=glossary.meaning("decision", "outcome"))
        for decision in view.decisions:
            one_decision(decision)
        if not view.decisions:
            st.markdown(quiet("Nothing has been decided about this model."))
        st.page_link(
            "views/audit.py", label="Audit trail", icon=":material/history:", query_params={"model": view.facts.id}
        )
    with right:
        steps(view)


def steps(view: ModelView) -> None:
    """Show every step of its decisions, newest first."""
    if not view.moves:
        return
    st.markdown("**Step by step**")
    lines = [
        f"- {move.day.isoformat()}: {ACTION_NOUNS[move.action.value]} {move_words(move)}"
        for move in reversed(view.moves)
    ]
    st.markdown("\n".join(lines[:MOST_STEPS]))
    if len(lines) > MOST_STEPS:
        st.markdown(quiet(f"and {len(lines) - MOST_STEPS} earlier; all are in the audit trail."))


def move_words(move: DecisionMove) -> str:
    """Return a move as it stands in a sentence: "approved", "outcome reviewed"."""
    if move.move is Move.REVIEW_OUTCOME:
        return "outcome reviewed"
    if move.move in {Move.AMEND, Move.ACKNOWLEDGE}:
        return {Move.AMEND: "plan changed", Move.ACKNOWLEDGE: "acknowledged by a consumer"}[move.move]
    if move.move is Move.APPROVE and move.state is State.PROPOSED:
        return "approved by one of those needed"
    return move.state.words


def one_decision(decision: Decision) -> None:
    with st.container(border=True, gap="xsmall"):
        noun = ACTION_NOUNS[decision.action.value].capitalize()
        until = f" until {decision.accept_until.isoformat()}" if decision.accept_until else ""
        proposer = escape_markdown(session.person_name(decision.proposed_by))
        st.markdown(
            f"**{noun} {decision.state.words}{until}** {quiet(f'proposed by {proposer} on {decision.proposed_on.isoformat()}')}  \n"
            f"{escape_markdown(decision.reason, longest=500)}"
        )
        for answer in decision.approvals:
            roles = ", ".join(sorted(words(role.value).lower() for role in answer.roles))
            comment = f": {escape_markdown(answer.comment, longest=300)}" if answer.comment else ""
            said = {"approve": "approved", "reject": "rejected"}.get(
                answer.answer.value, words(answer.answer.value).lower()
            )
            st.markdown(
                f"- **{escape_markdown(session.person_name(answer.person))}** ({roles}) {said} on {short_date(answer.answered_on)}{comment}"
            )
        if decision.decided_on is not None and decision.state.is_open:
            st.markdown(quiet(escape_markdown(carry_out.waits_for(decision))))
        is_retraining = decision.action is Action.RETRAIN and bool(decision.approvers)
        if decision.state.is_open or (is_retraining and decision.state is State.CLOSED):
            st.page_link(
                "views/retraining.py" if is_retraining and decision.decided_on else "views/approvals.py",
                label="Open decision",
                icon=":material/gavel:",
                query_params={"decision": str(decision.id)},
            )
