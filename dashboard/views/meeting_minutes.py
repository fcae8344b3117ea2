"""A meeting that is over: its minutes, a draft until the chair confirms them, then locked with corrections beside them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import glossary, meeting_session, session
from dashboard.minutes_document import blocks
from dashboard.minutes_export import minutes_html, minutes_markdown, minutes_on_page
from dashboard.pack_control import pack_control
from dashboard.presentation import escape_markdown, instant, plural, short_date
from dashboard.pressing import once
from dashboard.widgets import complain, quiet, small
from data_access import meeting_queries
from monitoring import hold_meeting, prepare_meeting
from monitoring.meeting import MEMBERS
from monitoring.meeting_access import may_name_chair

if TYPE_CHECKING:
    from dashboard.minutes_document import Block
    from monitoring.meeting import Meeting


def show(meeting: Meeting) -> None:
    parts = of(meeting)
    st.title(heading(meeting), anchor=False, help=glossary.meaning("minutes"))
    st.markdown(small(state_line(meeting)))
    with st.container(horizontal=True, vertical_alignment="center", key="mt_minutes_buttons"):
        buttons(meeting)
        downloads(meeting, parts)
        if meeting.is_locked and meeting_session.may_record(meeting):
            correction(meeting)
        st.button("All meetings", type="tertiary", key="mt_all", on_click=meeting_session.show, args=(None,))
    with st.container(border=True, key="mt_minutes_text"):
        st.markdown(minutes_on_page(parts[1:]))


def heading(meeting: Meeting) -> str:
    given = len(meeting_queries.actions(session.registry(), on=session.today(), meeting_id=meeting.id))
    name = f"{escape_markdown(meeting.title, longest=60)} of {short_date(meeting.held_on)}"
    return f"{name}: {plural(meeting.decided, 'decision')}, {plural(given, 'action')}"


def state_line(meeting: Meeting) -> str:
    if not meeting.is_locked:
        chair = escape_markdown(session.person_name(meeting.chair))
        if not can_chair(meeting):
            return (
                f"Draft: {chair} is neither an approver nor an independent reviewer any more; another chair confirms."
            )
        return f"Draft: {chair} confirms the minutes as chair, and from then on nothing in them can be changed."
    who = escape_markdown(session.person_name(meeting.confirmed_by or ""))
    corrections = len(meeting.corrections)
    stands = "stands" if corrections == 1 else "stand"
    corrected = f" {plural(corrections, 'correction')} {stands} beside them." if corrections else ""
    return f"Confirmed by {who} on {instant(meeting.confirmed_at)}; locked, SHA-256 {str(meeting.minutes_hash)[:16]}….{corrected}"


def of(meeting: Meeting) -> list[Block]:
    """Return the minutes as they are read: what was confirmed with its corrections, else the draft as it stands."""
    document = meeting_queries.minutes(session.registry(), meeting, on=session.today())
    return blocks(document, [(each, session.person_name(each.recorded_by)) for each in meeting.corrections])


def buttons(meeting: Meeting) -> None:
    if meeting.is_locked:
        return
    if session.actor_email() == meeting.chair and can_chair(meeting):
        st.button("Confirm the minutes", type="primary", key="mt_confirm_minutes", on_click=confirm, args=(meeting.id,))
    if meeting_session.leads(meeting):
        st.button("Go on with the meeting", key="mt_resume", on_click=resume, args=(meeting.id,))
    name_chair(meeting)


def can_chair(meeting: Meeting) -> bool:
    """Whether the chair still holds a role with which minutes are confirmed."""
    return any(each.email == meeting.chair and each.acts_as(MEMBERS) for each in session.people_with_roles())


def name_chair(meeting: Meeting) -> None:
    """Show the form that names another chair, to who may: one of those who were there confirms instead."""
    known, person = session.people_with_roles(), session.actor()
    if person is None or not may_name_chair(meeting, person, known):
        return
    could = [
        each.email
        for each in known
        if each.email != meeting.chair and meeting.is_there(each.email) and each.acts_as(MEMBERS)
    ]
    if not could:
        return
    with st.popover("Name another chair"), st.form("mt_name_chair", border=False):
        st.selectbox("Chair", could, index=None, format_func=session.person_name, key="mt_new_chair")
        st.markdown(quiet("One of those who were there confirms the minutes; the record says who named whom."))
        st.form_submit_button("Name the chair", type="primary", on_click=hand_over, args=(meeting.id,))


@once
def hand_over(meeting_id: int) -> None:
    chair = st.session_state.get("mt_new_chair")
    if not chair:
        complain("Choose who chairs.")
        return
    use = partial(prepare_meeting.hand_over_chair, chair=chair)
    meeting_session.do(use, session.registry(), meeting_id, done="Another chair is named.")


def downloads(meeting: Meeting, parts: list[Block]) -> None:
    """Show what can be taken along: the minutes, and the evidence pack of the models the meeting was about."""
    name = f"minutes-{meeting.id}-{meeting.held_on.isoformat()}" + ("" if meeting.is_locked else "-draft")
    for label, data, ending, kind in (
        ("Markdown", partial(minutes_markdown, parts), "md", "text/markdown"),
        ("HTML for printing", partial(minutes_html, parts), "html", "text/html"),
    ):
        st.download_button(
            label, data=data, file_name=f"{name}.{ending}", mime=kind, key=f"mt_download_{ending}", on_click="ignore"
        )
    pack_control(meeting_session.scope_filter(meeting))


@once
def confirm(meeting_id: int) -> None:
    meeting_session.do(
        hold_meeting.confirm_minutes, session.registry(), meeting_id, done="The minutes are confirmed and locked."
    )


@once
def resume(meeting_id: int) -> None:
    if meeting_session.do(hold_meeting.resume_meeting, session.registry(), meeting_id) is not None:
        meeting_session.show(meeting_id, present=True)


def correction(meeting: Meeting) -> None:
    """Show the form that adds a correction; what was confirmed stays as it is."""
    with st.popover("Correct something"), st.form("mt_correct", border=False, clear_on_submit=True):
        st.text_area("What is right", key="mt_correction", height=100)
        st.markdown(quiet("It stands beside the minutes with your name; what was confirmed stays as it is."))
        st.form_submit_button("Add the correction", type="primary", on_click=correct, args=(meeting.id,))


@once
def correct(meeting_id: int) -> None:
    use = partial(hold_meeting.correct_minutes, text=st.session_state.get("mt_correction") or "")
    meeting_session.do(use, session.registry(), meeting_id, done="The correction is kept.")
