"""What a person can do about a decision after its approval: the bar with the moves, on whichever page the decision is open."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import session
from dashboard.presentation import ACTION_WORDS, escape_markdown, long_date, short_date
from dashboard.pressing import once
from dashboard.widgets import complain, notify, quiet
from monitoring import carry_out
from monitoring.errors import ModelfolioError
from monitoring.lifecycle import Action, Move, State
from monitoring.outcome import Judgement

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitoring.decision import Decision

LABELS: dict[Move, str] = {
    Move.RETRY: "Retry",
    Move.GIVE_UP: "Give up",
    Move.REVIEW_OUTCOME: "Judge outcome",
    Move.START: "Start work",
    Move.REPORT_FIXED: "Report fixed",
    Move.CONFIRM_OUT_OF_SERVICE: "Is out of service",
    Move.CONFIRM_IN_SERVICE: "Serves again",
    Move.ANNOUNCE: "Announce",
    Move.END_EARLY: "End now",
}
DONE: dict[Move, str] = {
    Move.RETRY: "It is handed over again.",
    Move.GIVE_UP: "Given up; the decision is closed.",
    Move.START: "Work has begun.",
    Move.REPORT_FIXED: "Reported fixed. The finding must now stay clear for 4 days.",
    Move.CONFIRM_OUT_OF_SERVICE: "The model counts as out of service.",
    Move.CONFIRM_IN_SERVICE: "The model is back in service.",
    Move.ANNOUNCE: "Announced.",
    Move.END_EARLY: "Ended; the model is back on the agenda.",
}
USES: dict[Move, Callable[..., Decision]] = {
    Move.RETRY: carry_out.retry,
    Move.GIVE_UP: carry_out.give_up,
    Move.REVIEW_OUTCOME: carry_out.review_outcome,
    Move.START: carry_out.start_work,
    Move.REPORT_FIXED: carry_out.report_fixed,
    Move.CONFIRM_OUT_OF_SERVICE: carry_out.confirm_out_of_service,
    Move.CONFIRM_IN_SERVICE: carry_out.confirm_in_service,
    Move.ANNOUNCE: carry_out.announce,
    Move.END_EARLY: carry_out.end_early,
}
NEEDS_REASON = {Move.RETRY, Move.GIVE_UP, Move.REVIEW_OUTCOME, Move.END_EARLY}
NOTICE_DAYS = 30
JUDGEMENTS = {Judgement.FIXED: "Fixed", Judgement.PARTLY: "Partly fixed", Judgement.NOT_FIXED: "Not fixed"}


def waits_for(decision: Decision) -> str:
    """Return in one sentence what an approved decision waits for."""
    name, until = "The owner" if decision.subject.owner else "An approver", decision.settles_on
    review = decision.review
    if decision.state is State.SUCCEEDED:
        if until is not None and session.today() < until:
            return f"The new version is settling; its outcome can be judged from {short_date(until)} on."
        if review is not None and review.confirmed_by is None:
            who = session.person_name(review.proposed_by)
            return f"{who} says: {review.judgement.words}. Somebody else who is the owner or an approver confirms it, or says otherwise."
        return "The owner or an approver judges the outcome, somebody else confirms it."
    if decision.state is State.DUE:
        return _due_words(decision, name)
    said = {
        (Action.RETRAIN, State.APPROVED): "It waits to be handed over to the pipeline.",
        (Action.RETRAIN, State.TRIGGERED): "It is with the pipeline, which has not reported yet.",
        (Action.RETRAIN, State.RUNNING): "The pipeline is training.",
        (Action.RETRAIN, State.FAILED): "The owner or an approver has it tried again, or gives it up.",
        (Action.FIX_DATA, State.APPROVED): f"{name} says who repairs the data.",
        (Action.FIX_DATA, State.IN_WORK): f"{name} reports when the data are repaired.",
        (Action.FIX_DATA, State.REPORTED_FIXED): "The finding must stay clear for 4 days; then it closes by itself.",
        (Action.SUSPEND, State.APPROVED): f"{name} takes the model out of service and says so.",
        (Action.SUSPEND, State.SUSPENDED): "The model is out of service until a decision to reinstate it.",
        (Action.RETIRE, State.APPROVED): f"{name} announces it with its last day.",
        (Action.RETIRE, State.ANNOUNCED): f"Its last day is {_day(decision)}.",
        (Action.REINSTATE, State.APPROVED): f"{name} puts the model back into service and says so.",
        (Action.ACCEPT, State.APPROVED): f"It stays as it is until {_day(decision)}.",
    }
    return said.get((decision.action, decision.state), f"Nothing more follows: it is {decision.state.words}.")


def _due_words(decision: Decision, who: str) -> str:
    past = f"Its last day was {_day(decision)}."
    if session.has_readable_log(decision.subject.model_id):
        return f"{past} It closes after 28 days without a row in the log."
    return f"{past} Nobody can look at its log: {who.lower()} says, with a reason, that it is out of service."


def _day(decision: Decision) -> str:
    day = decision.sunset_on or decision.accept_until
    return long_date(day) if day else "a date that is missing"


def moves_of(decision: Decision) -> list[Move]:
    """Return the moves the acting person can make now, in the order of the buttons; none for what is still proposed."""
    person = session.actor()
    if person is None or decision.state is State.PROPOSED:
        return []
    may = decision.moves(person)
    if decision.settles_on is not None and session.today() < decision.settles_on:
        may -= {Move.REVIEW_OUTCOME}
    if decision.state is State.DUE and session.has_readable_log(decision.subject.model_id):
        may -= {Move.CONFIRM_OUT_OF_SERVICE}
    return [move for move in LABELS if move in may]


def bar(decision: Decision) -> None:
    """Show what this person may do next, always on screen, or what the decision waits for."""
    moves, by = moves_of(decision), session.actor_email()
    what = f"{ACTION_WORDS[decision.action.value]}: {escape_markdown(decision.subject.name, longest=40)}"
    waiting = quiet(escape_markdown(waits_for(decision), longest=240))
    with st.bottom, st.container(key="decidebar"):
        if not moves or by is None:
            st.markdown(f"**{what}**\u2003{waiting}")
            return
        with st.form("carry_out", border=False, enter_to_submit=False, clear_on_submit=True):
            said, fields, buttons = st.columns([1.25, 1.9, 1.1], vertical_alignment="center")
            said.markdown(f"**{what}**  \n:small[{waiting}]")
            with fields.container(horizontal=True, vertical_alignment="center"):
                _fields(decision, moves)
            with buttons.container(horizontal=True, horizontal_alignment="right"):
                for at, move in enumerate(moves):
                    st.form_submit_button(
                        LABELS[move],
                        type="secondary" if at else "primary",
                        shortcut=None if at else "Ctrl+Enter",
                        on_click=_make,
                        args=(decision.id, move, by),
                        key=f"co_{move.value}",
                    )


def _fields(decision: Decision, moves: list[Move]) -> None:
    """Show what the moves need to know beside a reason; nothing that is a judgement is preselected."""
    planned = decision.plan.sunset_on if decision.plan else None
    if Move.START in moves:
        known = [person.email for person in session.people_with_roles()]
        own = session.actor_email()
        st.selectbox(
            "Who repairs it",
            known,
            index=known.index(own) if own in known else None,
            format_func=session.person_name,
            placeholder="Who repairs it",
            label_visibility="collapsed",
            key="co_assignee",
            width=190,
        )
    if Move.ANNOUNCE in moves:
        first = max(planned or session.today(), session.today())
        st.date_input(
            "Last day of service",
            value=first if planned else first + timedelta(days=NOTICE_DAYS),
            min_value=first,
            label_visibility="collapsed",
            help="Last day of service",
            key="co_sunset",
            width=150,
        )
    if Move.REVIEW_OUTCOME in moves:
        st.segmented_control(
            "Outcome",
            list(JUDGEMENTS),
            format_func=JUDGEMENTS.__getitem__,
            label_visibility="collapsed",
            key="co_judgement",
            width="content",
        )
    is_word = decision.action is Action.RETIRE and Move.CONFIRM_OUT_OF_SERVICE in moves
    needed = " (needed)" if is_word or NEEDS_REASON & set(moves) else ""
    st.text_input(
        "Reason", placeholder=f"Reason, kept with the decision{needed}", label_visibility="collapsed", key="co_reason"
    )


@once
def _make(decision_id: int, move: Move, by: str) -> None:
    """Make the move; whatever is refused is said in its own words."""
    more: dict[str, Any] = {"reason": st.session_state.get("co_reason") or ""}
    if move is Move.START:
        more["assignee"] = st.session_state.get("co_assignee") or by
    elif move is Move.ANNOUNCE:
        more["sunset_on"] = st.session_state.get("co_sunset") or session.today()
    elif move is Move.REVIEW_OUTCOME:
        judgement = st.session_state.get("co_judgement")
        if judgement is None:
            complain("Choose how it turned out: fixed, partly fixed or not fixed.")
            return
        more["judgement"] = Judgement(judgement)
    try:
        moved = USES[move](session.registry(), decision_id, by=by, on=session.today(), now=session.now(), **more)
    except ModelfolioError as error:
        complain(str(error))
        return
    if move is Move.REVIEW_OUTCOME:
        closed = moved.state is State.CLOSED
        notify("Confirmed; the outcome is closed." if closed else "Noted. Somebody else confirms it.")
    else:
        notify(DONE[move])
