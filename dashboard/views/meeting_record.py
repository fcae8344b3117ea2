"""The forms of the minutes beside an item: votes, a note, actions, conflicts of interest, and what is proposed instead."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import meeting_session, portfolio_session, session
from dashboard.presentation import ACTION_NOUNS, ACTION_WORDS, escape_markdown, plural
from dashboard.pressing import once
from dashboard.propose import ACCEPTED_DAYS, ACTIONS, left_out
from dashboard.widgets import complain, quiet
from data_access import meeting_queries
from data_access.portfolio_filter import PortfolioFilter
from monitoring import decide, hold_meeting
from monitoring.lifecycle import Action
from monitoring.meeting import MEMBERS, Choice, only_reads
from monitoring.meeting_matter import aside, why_no_vote

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamlit.delta_generator import DeltaGenerator

    from monitoring.meeting import Entry, Item, Meeting
    from monitoring.people import Actor

SHOWN, FORM, PROPOSES = "mt_records", "mt_form", "mt_proposes"
"""``SHOWN`` is whether this browser shows the forms of the minutes beside the item; a projector does not, a laptop does."""
FORMS = ["Votes", "Note", "Action", "Conflict", "Propose"]
CHOICES = {Choice.FOR: "For", Choice.AGAINST: "Against", Choice.ABSTAIN: "Abstain"}
ACTION_DAYS = 14


def toggle(meeting: Meeting) -> None:
    """Show the button that brings the forms of the minutes beside the item, in this browser only."""
    if meeting_session.may_record(meeting):
        shown = bool(st.session_state.get(SHOWN))
        st.button(
            "Evidence" if shown else "Minutes",
            key="mt_toggle",
            help="The evidence again" if shown else "Votes, note, actions and conflicts of this item",
            on_click=_toggled,
        )


def _toggled() -> None:
    st.session_state[SHOWN] = not st.session_state.get(SHOWN)


def open_proposal(action: Action) -> None:
    """Bring the form that proposes something beside the item, with an action chosen."""
    st.session_state[SHOWN] = True
    st.session_state[FORM] = "Propose"
    st.session_state[PROPOSES] = action.value


def show(meeting: Meeting, item: Item) -> None:
    """Show one of the forms; what is typed stays while the meeting goes on elsewhere."""
    if not meeting_session.may_record(meeting):
        st.markdown(quiet("Who is there and does more than read records something here."))
        return
    form = st.segmented_control(
        "Minutes",
        FORMS,
        default=None if FORM in st.session_state else "Votes",
        key=FORM,
        label_visibility="collapsed",
        width="stretch",
    )
    with st.container(key="mt_record", gap="xsmall"):
        {"Votes": votes, "Note": note, "Action": give, "Conflict": conflict, "Propose": propose}[form or "Votes"](
            meeting, item
        )


def votes(meeting: Meeting, item: Item) -> None:
    """Show a row per member; a vote recorded for somebody else says so in the minutes and gives no approval."""
    matter = meeting_session.matter(meeting, item)
    given, own, leads = meeting.votes(item.id), session.actor_email(), meeting_session.leads(meeting)
    for person in session.people_with_roles():
        if not meeting.is_there(person.email) or not person.acts_as(MEMBERS):
            continue
        name, choice = st.columns([1, 1.5], vertical_alignment="center")
        name.markdown(escape_markdown(person.name, longest=40))
        if refusal := why_no_vote(meeting, item, matter, person):
            is_aside = person.email in aside(meeting, item, matter)
            choice.markdown(quiet("steps back" if is_aside else "no role for this"), help=escape_markdown(refusal))
            continue
        vote = given.get(person.email)
        if not leads and person.email != own:
            choice.markdown(quiet(CHOICES[Choice(str(vote.choice))] if vote else "not yet"))
            continue
        _vote(meeting, item, person, vote, choice)
    st.markdown(quiet("A vote is no approval: that is given by whoever is signed in, in the bar below."))


def _vote(meeting: Meeting, item: Item, member: Actor, vote: Entry | None, place: DeltaGenerator) -> None:
    chosen, reason = (vote.choice, vote.text) if vote else (None, "")
    # The key holds what is stored: another screen may have recorded another vote since.
    key, why = f"mt_vote_{item.id}_{member.email}_{chosen}", f"mt_why_{item.id}_{member.email}_{reason}"

    def record() -> None:
        picked = st.session_state.get(key) or chosen
        if picked:
            use = partial(
                hold_meeting.record_vote,
                person=member.email,
                choice=Choice(picked),
                reason=st.session_state.get(why) or "",
            )
            meeting_session.do(use, session.registry(), meeting.id, item.id)

    with place:
        st.segmented_control(
            f"Vote of {member.name}",
            [each.value for each in CHOICES],
            default=chosen,
            format_func=lambda each: CHOICES[Choice(each)],
            key=key,
            label_visibility="collapsed",
            on_change=record,
        )
    if chosen == Choice.AGAINST:
        st.text_input(
            "Why against",
            reason,
            key=why,
            placeholder="Why against, for the minutes",
            label_visibility="collapsed",
            on_change=record,
        )


def note(meeting: Meeting, item: Item) -> None:
    """Show the note of the item."""
    key = f"mt_note_{item.id}"
    with st.form("mt_note_form", border=False):
        st.text_area(
            "Note",
            meeting.note(item.id),
            key=key,
            height=150,
            placeholder="What was said, for the minutes",
            label_visibility="collapsed",
        )
        st.form_submit_button("Save the note", on_click=_save_note, args=(meeting, item, key))


@once
def _save_note(meeting: Meeting, item: Item, key: str) -> None:
    use = partial(hold_meeting.write_note, text=st.session_state.get(key) or "")
    meeting_session.do(use, session.registry(), meeting.id, item.id, done="The note is kept.")


def give(meeting: Meeting, item: Item) -> None:
    """Show the actions of the item and the form that gives another."""
    for each in meeting_queries.actions(session.registry(), on=session.today(), meeting_id=meeting.id):
        if each.item_id == item.id:
            st.markdown(f"- {escape_markdown(each.what)} {quiet(escape_markdown(session.person_name(each.assignee)))}")
    known = [each for each in session.people_with_roles() if not only_reads(each)]
    with st.form("mt_action_form", border=False, clear_on_submit=True, enter_to_submit=False):
        st.text_input(
            "What", key=meeting_session.field("mt_what"), placeholder="What is to be done", label_visibility="collapsed"
        )
        who, when = st.columns(2)
        with who:
            st.selectbox(
                "Who",
                [each.email for each in known],
                index=None,
                format_func=session.person_name,
                key=meeting_session.field("mt_who"),
                placeholder="Who",
                label_visibility="collapsed",
            )
        with when:
            st.date_input(
                "Due",
                session.today() + timedelta(days=ACTION_DAYS),
                min_value=session.today(),
                key=meeting_session.field("mt_due"),
                format="YYYY-MM-DD",
                label_visibility="collapsed",
            )
        st.form_submit_button("Give the action", on_click=_give, args=(meeting, item))


@once
def _give(meeting: Meeting, item: Item) -> None:
    said = st.session_state
    due = said.get(meeting_session.field("mt_due"))
    if not said.get(meeting_session.field("mt_who")):
        complain("Choose who does it.")
        return
    use = partial(
        hold_meeting.give_action,
        what=said.get(meeting_session.field("mt_what")) or "",
        assignee=said[meeting_session.field("mt_who")],
        due_on=due if isinstance(due, date) else session.today(),
        item_id=item.id,
    )
    meeting_session.do(use, session.registry(), meeting.id, done="The action is given.")


def conflict(meeting: Meeting, item: Item) -> None:
    """Show who steps back and the form to do so; who steps back neither votes nor answers the proposal, here or elsewhere."""
    conflicts = meeting.conflicts(item.id)
    own, leads = session.actor_email(), meeting_session.leads(meeting)
    for email, why in conflicts.items():
        st.markdown(f"- **{escape_markdown(session.person_name(email))}** steps back: {escape_markdown(why)}")
    there = [str(each.email) for each in meeting.attendees if each.email and each.is_present]
    mine = [email for email in there if leads or email == own]
    with st.form("mt_conflict_form", border=False, clear_on_submit=True, enter_to_submit=False):
        st.selectbox(
            "Who",
            mine,
            index=None,
            format_func=session.person_name,
            key=meeting_session.field("mt_aside"),
            placeholder="Who",
            label_visibility="collapsed",
        )
        st.text_input(
            "Why",
            key=meeting_session.field("mt_aside_why"),
            placeholder="Why, for the minutes",
            label_visibility="collapsed",
        )
        with st.container(horizontal=True):
            st.form_submit_button(
                "Steps back", key="mt_steps_back", on_click=_step, args=(meeting, item, hold_meeting.step_back)
            )
            if conflicts:
                st.form_submit_button(
                    "Takes part again",
                    key="mt_again",
                    on_click=_step,
                    args=(meeting, item, hold_meeting.take_part_again),
                )


@once
def _step(meeting: Meeting, item: Item, use_case: Callable[..., Meeting]) -> None:
    said = st.session_state
    if not said.get(meeting_session.field("mt_aside")):
        complain("Choose who steps back.")
        return
    use = partial(
        use_case,
        person=said[meeting_session.field("mt_aside")],
        reason=said.get(meeting_session.field("mt_aside_why")) or "",
    )
    meeting_session.do(use, session.registry(), meeting.id, item.id)


def propose(meeting: Meeting, item: Item) -> None:
    """Show the form that proposes an action for the item's model or models; somebody else approves it."""
    ids = [item.model_id] if item.model_id else list(item.model_ids)
    if not ids:
        st.markdown(quiet("This item is about no model."))
        return
    picked = st.selectbox(
        "Action",
        [action.value for action in ACTIONS],
        index=None if PROPOSES not in st.session_state else 0,
        format_func=ACTION_WORDS.__getitem__,
        key=PROPOSES,
        placeholder="Choose an action",
        label_visibility="collapsed",
    )
    if picked is None:
        return
    action = Action(picked)
    chosen = _may_be_proposed(ids, action)
    if not chosen:
        return
    with st.form("mt_propose_form", border=False, enter_to_submit=False):
        if action is Action.ACCEPT:
            st.date_input(
                "Accept until, then it returns to the agenda",
                session.today() + timedelta(days=ACCEPTED_DAYS),
                min_value=session.today() + timedelta(days=1),
                format="YYYY-MM-DD",
                key=meeting_session.field("mt_until"),
            )
        st.text_area(
            "Reason",
            key=meeting_session.field("mt_reason"),
            height=80,
            placeholder="At least 10 characters; read by the auditor",
            label_visibility="collapsed",
        )
        many = f" for {plural(len(chosen), 'model')}" if len(chosen) > 1 else ""
        st.form_submit_button(
            f"Propose {ACTION_NOUNS[action.value]}{many}", on_click=_propose, args=(meeting, item, chosen, action)
        )
    st.markdown(quiet("Whoever proposes steps back from approving: somebody else answers."))


def _may_be_proposed(ids: list[str], action: Action) -> list[str]:
    """Return the models that the acting person may propose this for; of the others it is said why not."""
    rows = portfolio_session.rows(portfolio_session.listed(PortfolioFilter(model_ids=tuple(ids))))
    reasons = left_out(rows, action, by=session.actor_email() or "")
    if reasons:
        first = next(iter(reasons.values()))
        st.markdown(
            quiet(
                f"{plural(len(reasons), 'model')} left out: {escape_markdown(first)}"
                if len(ids) > 1
                else escape_markdown(first)
            )
        )
    return [model_id for model_id in ids if model_id not in reasons][: decide.MOST_MODELS_AT_ONCE]


@once
def _propose(meeting: Meeting, item: Item, ids: list[str], action: Action) -> None:
    until = st.session_state.get(meeting_session.field("mt_until"))
    use = partial(
        decide.propose_many,
        model_ids=ids,
        action=action,
        reason=st.session_state.get(meeting_session.field("mt_reason")) or "",
        accept_until=until if action is Action.ACCEPT and isinstance(until, date) else None,
    )
    made = meeting_session.do(
        use,
        meeting_session.room(meeting, item),
        done=f"Proposed {ACTION_NOUNS[action.value]}; somebody else answers it.",
    )
    if made is not None:
        st.session_state[SHOWN] = False
