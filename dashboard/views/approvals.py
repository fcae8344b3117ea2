"""What waits for me? The queue, and one proposal with its evidence for and against on one screen."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from dashboard import answer_form, carry_out, glossary, leaving, session, tables
from dashboard.presentation import ACTION_WORDS, escape_markdown, plural, short_date, words
from dashboard.views import approvals_bar, approvals_many, approvals_proposal
from dashboard.widgets import colours, empty, number_from_url, quiet, show_notice, small
from data_access import decision_queries, policy_queries
from monitoring import decide
from monitoring.errors import UnknownDecisionError
from monitoring.lifecycle import Action, State

DECIDED_DAYS = 7
MOST_LISTED = 6
FOLLOWER = "ap_follower"
"""The name in the session of the proposal that comes after the one that is open."""
POLICIES_PAGE = tables.MODEL_PAGE.with_name("policies.py")


def heading(waiting: pd.DataFrame, *, words_awaited: int = 0) -> str:
    """Return what waits for this person: proposals to answer, else challenges and questions to say something to."""
    mine = waiting[waiting["is_mine"].astype(bool)]
    overdue = int(mine["is_overdue"].sum())
    if mine.empty:
        others = len(waiting)
        if words_awaited:
            asked = plural(words_awaited, "question or challenge", "questions or challenges")
            return f"{asked} wait{'s' if words_awaited == 1 else ''} for your word"
        if not others:
            return "Nothing waits for a decision"
        return f"Nothing waits for you; {plural(others, 'proposal')} wait{'s' if others == 1 else ''} for others"
    late = f"; {plural(overdue, 'answer')} overdue" if overdue else ""
    return f"{plural(len(mine), 'proposal')} wait{'s' if len(mine) == 1 else ''} for you{late}"


def queue(waiting: pd.DataFrame, asked: int | None) -> int:
    """Show the queue and return the decision that is open on the right: the one asked for, whether it waits or not."""
    mine = waiting[waiting["is_mine"].astype(bool)]
    is_elsewhere = asked is not None and asked not in set(mine["decision_id"])
    counts = {"mine": len(mine), "all": len(waiting)}
    whose = st.segmented_control(
        "Whose",
        ["mine", "all"],
        default="mine" if counts["mine"] and not is_elsewhere else "all",
        format_func=lambda which: f"{which.capitalize()} **{counts[which]}**",
        key=f"ap_whose_{session.actor_email()}",
        required=True,
        width="stretch",
        label_visibility="collapsed",
    )
    shown = (mine if whose == "mine" and not mine.empty else waiting).reset_index(drop=True)
    ids = [int(number) for number in shown["decision_id"]]
    waits = asked is None or asked in ids
    at = ids.index(asked) if asked in ids else 0
    chosen = at if waits else None
    place = st.container(horizontal=True, gap="small", vertical_alignment="center")
    event = st.dataframe(
        tables.approval_queue(shown, today=session.today(), colours=colours()),
        column_config=tables.approval_columns(),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(ids), most=9),
        on_select="rerun",
        selection_mode="single-row-required" if waits else "single-row",
        selection_default={"selection": {"rows": [at] if waits else [], "columns": [], "cells": []}},
        key=tables.table_key("ap_queue" if waits else "ap_queue_beside", [str(number) for number in ids]),
        alt="Proposals that wait for a decision, mine first, overdue first.",
    )
    rows = event.selection.rows
    chosen = rows[0] if rows else chosen
    with place:
        neighbours(ids, chosen)
    opened = ids[chosen] if chosen is not None else asked or ids[at]
    approvals_many.button(shown[shown["can_answer"].astype(bool)], opened)
    return opened


def neighbours(ids: list[int], at: int | None) -> None:
    """Show where the open proposal stands and the way to the next, with their keys."""
    where = f"{at + 1:,} of {len(ids):,}" if at is not None else f"{len(ids):,} in the list"
    st.markdown(small(where), width="stretch")
    if at is None:
        # What was just answered has left the list; the way leads on from where it stood.
        before, after = -1, ids.index(follower) if (follower := st.session_state.get(FOLLOWER)) in ids else 0
    else:
        before, after = at - 1, at + 1
        st.session_state[FOLLOWER] = ids[after] if after < len(ids) else ids[before] if at else None
    for label, to, key in (("Previous", before, "K"), ("Next", after, "J")):
        there = 0 <= to < len(ids)
        st.button(
            label,
            key=f"ap_{label.lower()}",
            type="tertiary",
            shortcut=key,
            disabled=not there,
            on_click=show_instead,
            args=(ids[to] if there else 0,),
        )


def show_instead(decision_id: int) -> None:
    """Open another proposal; the form of the one before is closed."""
    answer_form.close_form(approvals_proposal.BAR)
    tables.forget_selection()
    st.query_params["decision"] = str(decision_id)


def asked_of_me(mine: pd.DataFrame) -> None:
    """List the challenges and questions that wait for a word of this person."""
    if mine.empty:
        return
    st.markdown("**Waits for your word**")
    for row in tables.records(mine.head(MOST_LISTED)):
        noun = "Challenge" if row.about == "finding" else "Question"
        todo = "answer" if row.state == "open" else "settle"
        label = f"{noun} to {todo}: {escape_markdown(row.model, longest=40)}"
        if st.button(label, type="tertiary", key=f"ap_asked_{row.challenge_id}"):
            if row.about == "finding":
                st.switch_page(tables.MODEL_PAGE, query_params={"model": row.model_id})
            show_instead(int(row.decision_id))
            st.rerun()
    if len(mine) > MOST_LISTED:
        st.markdown(quiet(f"and {len(mine) - MOST_LISTED} more"))


def decided_lately() -> None:
    decided = decision_queries.all_decisions(session.registry(), on=session.today())
    since = session.today() - timedelta(days=DECIDED_DAYS)
    lately = decided[decided["decided_on"].notna()]
    lately = lately[pd.to_datetime(lately["decided_on"]).dt.date > since].sort_values("decided_on", ascending=False)
    if lately.empty:
        return
    st.markdown("**Decided this week**")
    st.markdown(
        "  \n".join(
            f"{escape_markdown(row.model, longest=60)}: {ACTION_WORDS[row.action].lower()}, {words(row.state).lower()}, "
            f"{short_date(pd.Timestamp(row.decided_on).date())}"
            for row in tables.records(lately.head(MOST_LISTED))
        )
    )


def policies_waiting() -> None:
    """Name the versions of the policy that wait for an answer; they are read and answered on their own page."""
    for version in policy_queries.waiting(session.registry(), on=session.today()):
        st.page_link(
            POLICIES_PAGE,
            label=f"Version {version.number} of the policy waits for an answer",
            query_params={"version": str(version.number)},
        )


def standing_approvals_waiting() -> None:
    """Name the standing approvals that wait for this person; they are read and answered on the Retraining page."""
    for standing in session.waiting_standing():
        st.page_link(
            "views/retraining.py",
            label=f"Standing approval {standing} waits for your answer",
            query_params={"standing": str(standing)},
        )


def to_carry_out() -> None:
    """List the approved decisions on which this person has the next move."""
    mine = [decision for decision in session.approved_decisions() if carry_out.moves_of(decision)]
    if not mine:
        return
    st.markdown("**For you to carry out**")
    for decision in mine[:MOST_LISTED]:
        what = f"{ACTION_WORDS[decision.action.value]}: {escape_markdown(decision.subject.name, longest=40)}"
        if st.button(f"{what}, {decision.state.words}", type="tertiary", key=f"ap_carry_out_{decision.id}"):
            view = "views/retraining.py" if decision.action is Action.RETRAIN else "views/approvals.py"
            st.switch_page(view, query_params={"decision": str(decision.id)})
    if len(mine) > MOST_LISTED:
        st.markdown(quiet(f"and {len(mine) - MOST_LISTED} more"))


def is_somebody_else() -> bool:
    """Whether the visitor acts as another person than a moment ago: what waits for that one comes first again."""
    before = st.session_state.get("ap_person", session.actor_email())
    st.session_state["ap_person"] = session.actor_email()
    return bool(before != session.actor_email())


def page() -> None:
    opened = session.registry()
    waiting = decision_queries.waiting(opened, person=session.actor_email(), on=session.today())
    awaited = session.awaited_words()
    st.title(heading(waiting, words_awaited=len(awaited)), anchor=False, help=glossary.meaning("decision"))
    show_notice()
    asked = None if is_somebody_else() else number_from_url("decision", "decision")
    left, right = st.columns([1.06, 2.7], gap="medium")
    chosen: int | None = asked
    with left:
        asked_of_me(awaited)
        if waiting.empty:
            empty("No proposal is open.", "Propose from a model's page, or tick models in the portfolio.")
        else:
            chosen = queue(waiting, asked)
        policies_waiting()
        standing_approvals_waiting()
        to_carry_out()
        leaving.show()
        decided_lately()
    if chosen is None:
        return
    if chosen != asked:
        st.query_params["decision"] = str(chosen)
    with right, st.container(border=True, gap="xsmall"):
        try:
            review = decide.review(opened, chosen, by=session.actor_email(), on=session.today())
        except UnknownDecisionError as error:
            st.markdown(escape_markdown(error))
            return
        approvals_proposal.proposal(review.decision, review)
    if review.decision.state is State.PROPOSED:
        approvals_bar.bar(review.decision, review)
    else:
        carry_out.bar(review.decision)


page()
