"""The bar of a meeting's item: what the acting person can decide, given by that person and by nobody on their behalf."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import carry_out, meeting_session, policy_answer, session, standing_answer
from dashboard.meeting_follow_up import CONFIRM, REPORT, SEND_BACK, follow_up
from dashboard.presentation import ACTION_NOUNS, ACTION_WORDS, escape_markdown
from dashboard.pressing import once
from dashboard.propose import VERDICT_ACTIONS
from dashboard.views import meeting_record
from dashboard.widgets import complain, notify, quiet
from data_access import meeting_queries
from monitoring import decide, decide_policy, decide_standing, hold_meeting
from monitoring.assessment import Verdict
from monitoring.lifecycle import Action, Move, State
from monitoring.meeting import EntryKind
from monitoring.outcome import Judgement
from monitoring.portfolio_shift import ShiftKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from monitoring.decide import Review
    from monitoring.decide_policy import PolicyReview
    from monitoring.decide_standing import StandingReview
    from monitoring.decision import Decision
    from monitoring.meeting import Item, Meeting

IN_PLACE = (Move.REVIEW_OUTCOME, Move.RETRY, Move.GIVE_UP, Move.END_EARLY)
"""What can be done in a meeting about a decision that was approved before."""
COMMENT = "mt_comment"
APPROVED = {True: "Approved.", False: "This approval counts; the quorum is not complete yet."}


def bar(meeting: Meeting, item: Item) -> None:
    """Show what can be decided on this item, or whom it waits for, and the way to the minutes."""
    with st.container(
        horizontal=True, wrap=False, horizontal_alignment="right", vertical_alignment="center", gap="small"
    ):
        decision = meeting_session.matter(meeting, item).on_table
        if item.action_id:
            _action(item)
        elif item.policy_number or item.standing_number:
            _versioned(meeting, item)
        elif decision is not None and decision.state is State.PROPOSED:
            _proposal(meeting, item, decision)
        elif decision is not None and (moves := _moves(meeting, item, decision)):
            _carry_out(meeting, item, decision, moves)
        else:
            _options(meeting, item, decision)
        meeting_record.toggle(meeting)


def _moves(meeting: Meeting, item: Item, decision: Decision) -> list[Move]:
    """Return what can be done about a decision that was approved before; what was approved in this meeting is settled for today."""
    settled = {entry.decision_id for entry in meeting.of_item(item.id, EntryKind.DECISION)}
    possible = set() if decision.id in settled - {item.decision_id} else set(carry_out.moves_of(decision))
    return [move for move in IN_PLACE if move in possible]


def _sentence(text: str) -> None:
    st.markdown(quiet(escape_markdown(text, longest=200)), width="stretch", text_alignment="right")


def _comment(placeholder: str) -> None:
    st.text_input(
        "Comment",
        key=meeting_session.field(COMMENT),
        placeholder=placeholder,
        label_visibility="collapsed",
        width="stretch",
    )


def _typed() -> str:
    return str(st.session_state.get(meeting_session.field(COMMENT)) or "")


def _proposal(meeting: Meeting, item: Item, decision: Decision) -> None:
    """Offer the answers this person can give; the evidence that counts is the one on this screen."""
    review = decide.review(session.registry(), decision.id, by=session.actor_email(), on=session.today())
    what = ACTION_WORDS[decision.action.value]
    if not review.may or not _takes_part(meeting, item):
        _sentence(f"{what} is proposed. {_why_not(meeting, item, review)}")
        return
    if review.changes and Move.APPROVE in review.may:
        changed = "  \n".join(f"- {escape_markdown(change, longest=200)}" for change in review.changes[:6])
        with st.popover(f"{len(review.changes)} changed", help="What changed since the proposal"):
            st.markdown(f"**Changed since proposed**\n\n{changed}")
            st.checkbox("I have read what changed", key=_read_key(decision, review))
    unread = bool(review.changes) and not st.session_state.get(_read_key(decision, review), False)
    with (
        st.form("mt_decide", border=False, enter_to_submit=False, clear_on_submit=True, width="stretch"),
        st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"),
    ):
        _comment("Reason or condition (needed to reject)")
        if Move.WITHDRAW in review.may:
            st.form_submit_button("Withdraw", key="mt_withdraw", on_click=_withdraw, args=(meeting, item, decision.id))
        if Move.REJECT in review.may:
            st.form_submit_button("Reject", key="mt_reject", on_click=_reject, args=(meeting, item, decision.id))
        if Move.APPROVE in review.may:
            st.form_submit_button(
                f"Approve {ACTION_NOUNS[decision.action.value]}",
                key="mt_approve",
                type="primary",
                shortcut="Ctrl+Enter",
                disabled=unread or bool(review.blocked_by),
                help=escape_markdown(review.blocked_by, longest=900)
                or ("Read what changed since the proposal first." if unread else None),
                on_click=_approve,
                args=(meeting, item, decision.id, review.present.hash),
            )


def _takes_part(meeting: Meeting, item: Item) -> bool:
    email = session.actor_email()
    return email is not None and meeting.is_there(email) and email not in meeting.conflicts(item.id)


def _why_not(meeting: Meeting, item: Item, review: Review) -> str:
    email = session.actor_email()
    if email is not None and email in meeting.conflicts(item.id):
        return f"You stepped back from it. {review.waiting_for}"
    if review.may and not _takes_part(meeting, item):
        return f"You are not on the list of who is there. {review.waiting_for}"
    return review.waiting_for


def _read_key(decision: Decision, review: Review) -> str:
    return f"mt_read_{decision.id}_{review.present.hash[:12]}"


@once
def _approve(meeting: Meeting, item: Item, number: int, seen: str) -> None:
    use = partial(decide.approve, seen_evidence=seen, comment=_typed())
    moved = meeting_session.do(use, meeting_session.room(meeting, item), number)
    if moved is not None:
        notify(APPROVED[moved.state is not State.PROPOSED])


@once
def _reject(meeting: Meeting, item: Item, number: int) -> None:
    use = partial(decide.reject, comment=_typed())
    meeting_session.do(
        use, meeting_session.room(meeting, item), number, done="Rejected. The proposer sees the comment."
    )


@once
def _withdraw(meeting: Meeting, item: Item, number: int) -> None:
    use = partial(decide.withdraw, comment=_typed())
    meeting_session.do(use, meeting_session.room(meeting, item), number, done="Withdrawn.")


def _options(meeting: Meeting, item: Item, decision: Decision | None) -> None:
    """Offer what can be proposed where nothing waits for an answer; what was decided is said."""
    if decision is not None:
        _sentence(f"{ACTION_WORDS[decision.action.value]}: {decision.state.words}. {carry_out.waits_for(decision)}")
    elif not item.model_id and not item.model_ids:
        _sentence("")
    else:
        _sentence("Nothing is proposed.")
    if not meeting_session.may_record(meeting):
        return
    is_open = decision is None or not decision.is_open
    if meeting_session.leads(meeting) and is_open:
        st.button(
            "Defer", key="mt_defer", help="It comes back to the next agenda.", on_click=_defer, args=(meeting, item)
        )
    if not (item.model_id or item.model_ids) or not is_open:
        return
    st.button("Accept until a date", key="mt_accept", on_click=meeting_record.open_proposal, args=(Action.ACCEPT,))
    suggested = _suggested(item)
    if suggested is not None:
        st.button(
            f"Propose {ACTION_NOUNS[suggested.value]}",
            key="mt_propose",
            type="primary",
            on_click=meeting_record.open_proposal,
            args=(suggested,),
        )


def _suggested(item: Item) -> Action | None:
    if item.model_id:
        return VERDICT_ACTIONS.get(Verdict(str(meeting_session.evidence(item.model_id)["verdict"])))
    feeds = {shift.day for shift in session.open_shifts() if shift.kind is ShiftKind.FEED}
    return Action.FIX_DATA if item.shift_day in feeds else None


@once
def _defer(meeting: Meeting, item: Item) -> None:
    use = partial(hold_meeting.write_note, text="Deferred to the next meeting.")
    if meeting_session.do(use, session.registry(), meeting.id, item.id) is not None:
        meeting_session.turn(meeting, min(meeting.position + 1, meeting.last_position))


def _action(item: Item) -> None:
    action, person = meeting_queries.action(session.registry(), item.action_id or 0), session.actor()
    confirms, reports = (person is not None and may(person) for may in (action.may_confirm, action.may_report))
    if not confirms and not reports:
        said = {
            "open": f"{session.person_name(action.assignee)} reports it done.",
            "reported_done": "Somebody else than whom it was given to confirms it.",
        }
        _sentence(
            said.get(action.state.value, f"It is closed, confirmed by {session.person_name(action.closed_by or '')}.")
        )
        return
    about = action.id, meeting_session.field(COMMENT)
    with (
        st.form("mt_follow_up", border=False, enter_to_submit=False, clear_on_submit=True, width="stretch"),
        st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"),
    ):
        _comment("What shows that it is done" if reports else "Comment (needed to send it back)")
        if reports:
            st.form_submit_button(
                "Report done", type="primary", key="mt_report", on_click=follow_up, args=(*about, REPORT)
            )
        else:
            st.form_submit_button("Send back", key="mt_send_back", on_click=follow_up, args=(*about, SEND_BACK))
            st.form_submit_button(
                "It is done", type="primary", key="mt_confirm", on_click=follow_up, args=(*about, CONFIRM)
            )


def _versioned(meeting: Meeting, item: Item) -> None:
    """Offer the answers to a version of the policy, or to a standing approval."""
    registry, by = session.registry(), session.actor_email()
    use: Mapping[Move, Callable[..., object]]
    review: StandingReview | PolicyReview
    if item.standing_number:
        what, use = "it", standing_answer.ANSWERING
        review = decide_standing.review_standing(registry, item.standing_number, by=by, on=session.today())
    else:
        what, use = "the version", policy_answer.ANSWERING
        review = decide_policy.review_policy(registry, item.policy_number or 0, by=by)
    may = [move for move in (Move.REJECT, Move.APPROVE) if move in review.may]
    if not may or not _takes_part(meeting, item):
        _sentence(review.why_not or review.waiting_for)
        return
    with (
        st.form("mt_policy", border=False, enter_to_submit=False, clear_on_submit=True, width="stretch"),
        st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"),
    ):
        _comment(f"Reason or condition (needed{'' if item.standing_number else ' to reject'})")
        for move in may:
            st.form_submit_button(
                f"{move.value.capitalize()} {what}",
                key=f"mt_policy_{move.value}",
                type="primary" if move is Move.APPROVE else "secondary",
                on_click=_answer_versioned,
                args=(meeting, item, use[move]),
            )


@once
def _answer_versioned(meeting: Meeting, item: Item, answer: Callable[..., object]) -> None:
    use, number = partial(answer, comment=_typed()), item.policy_number or item.standing_number
    meeting_session.do(use, meeting_session.room(meeting, item), number, done="Your answer counts.")


def _carry_out(meeting: Meeting, item: Item, decision: Decision, moves: list[Move]) -> None:
    with (
        st.form("mt_carry_out", border=False, enter_to_submit=False, clear_on_submit=True, width="stretch"),
        st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"),
    ):
        if Move.REVIEW_OUTCOME in moves:
            st.segmented_control(
                "Outcome",
                list(carry_out.JUDGEMENTS),
                format_func=carry_out.JUDGEMENTS.__getitem__,
                label_visibility="collapsed",
                key=meeting_session.field("mt_judgement"),
                width="content",
            )
        _comment("Reason, at least 10 characters")
        for move in reversed(moves):
            st.form_submit_button(
                carry_out.LABELS[move],
                key=f"mt_{move.value}",
                type="primary" if move is moves[0] else "secondary",
                on_click=_make,
                args=(meeting, item, decision.id, move),
            )


@once
def _make(meeting: Meeting, item: Item, number: int, move: Move) -> None:
    more: dict[str, Any] = {"reason": _typed()}
    if move is Move.REVIEW_OUTCOME:
        judgement = st.session_state.get(meeting_session.field("mt_judgement"))
        if judgement is None:
            complain("Choose how it turned out: fixed, partly fixed or not fixed.")
            return
        more["judgement"] = Judgement(judgement)
    meeting_session.do(
        partial(carry_out.USES[move], **more), meeting_session.room(meeting, item), number, done="Recorded."
    )
