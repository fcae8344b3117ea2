"""The committee's hour: call a meeting, walk its agenda on a projector, decide in place, leave with minutes."""

from __future__ import annotations

import streamlit as st

from dashboard import meeting_session, session
from dashboard.presentation import escape_markdown
from dashboard.views import meeting_home, meeting_minutes, meeting_plan, meeting_running
from dashboard.widgets import NOTICE, empty, show_notice
from data_access import meeting_queries
from monitoring.errors import UnknownMeetingError
from monitoring.meeting import MeetingState

SHOWS = {
    MeetingState.PLANNED: meeting_plan.show,
    MeetingState.RUNNING: meeting_running.show,
    MeetingState.ENDED: meeting_minutes.show,
    MeetingState.CONFIRMED: meeting_minutes.show,
}


def page() -> None:
    number = meeting_session.asked_number()
    if number is None:
        show_notice()
        meeting_home.show()
        return
    try:
        meeting = meeting_queries.meeting(session.registry(), number)
    except UnknownMeetingError as error:
        st.title("No such meeting", anchor=False)
        empty(escape_markdown(error), "The address may be old or cut short.")
        st.button("All meetings", on_click=meeting_session.show, args=(None,))
        return
    if meeting.state is MeetingState.CALLED_OFF:
        st.title("This meeting was called off", anchor=False)
        st.button("All meetings", on_click=meeting_session.show, args=(None,))
        return
    if meeting.state is MeetingState.RUNNING:
        toast_notice()
    show_notice()
    SHOWS[meeting.state](meeting)


def toast_notice() -> None:
    """Say what was just done beside the item, not above it: nothing on a projector moves because of it."""
    if sentence := st.session_state.pop(NOTICE, None):
        st.toast(escape_markdown(sentence), icon=":material/check:")


page()
