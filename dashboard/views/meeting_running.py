"""A running meeting: one item a screen, large type, arrow keys; other browsers follow within two seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import meeting_session, session
from dashboard.presentation import escape_markdown, joined, long_date, plural
from dashboard.pressing import once
from dashboard.views import meeting_decide, meeting_item, meeting_record
from dashboard.views.meeting_plan import attendance
from dashboard.widgets import quiet
from data_access import meeting_queries
from monitoring import hold_meeting
from monitoring.meeting import EntryKind
from monitoring.meeting_agenda import Rule
from monitoring.meeting_quorum import meeting_quorum

if TYPE_CHECKING:
    from monitoring.meeting import Item, Meeting

FOLLOWED_EVERY = "1.5s"


def show(meeting: Meeting) -> None:
    with st.container(key="meeting", gap="xsmall"):
        head_line(meeting)
        item = meeting.current
        meeting_session.show_item(item.id if item else None)
        if item is not None:
            meeting_item.show(
                meeting, item, beside=meeting_record.show if st.session_state.get(meeting_record.SHOWN) else None
            )
        elif meeting.position == 0:
            opening(meeting)
        else:
            closing(meeting)
    bar(meeting, item)
    follow(meeting.id, meeting.revision, session.registry().revision())


@st.fragment(run_every=FOLLOWED_EVERY)
def follow(meeting_id: int, seen: int, registry_revision: int) -> None:
    """Notice that the meeting went on, or that somebody decided elsewhere, and show it: two rows are read, nothing is drawn."""
    opened = session.registry()
    if (meeting_queries.revision(opened, meeting_id), opened.revision()) != (seen, registry_revision):
        st.rerun()


def head_line(meeting: Meeting) -> None:
    """Show where the meeting stands: which item of how many, under which heading, which meeting on which day."""
    item = meeting.current
    left, right = st.columns([1.4, 1], vertical_alignment="center")
    if item is None:
        where = "Opening" if meeting.position == 0 else "Close"
        left.markdown(f"**{where}** {quiet('of ' + plural(len(meeting.items), 'item'))}")
    else:
        spent = sum(each.minutes for each in meeting.items[: meeting.position])
        left.markdown(
            f"**{meeting.position} of {len(meeting.items)}**\u2003{quiet(Rule(item.rule).words + tier_words(item))}\u2003"
            f"{quiet(f'{item.minutes} min, to minute {spent} of {meeting.length_minutes}')}"
        )
    right.markdown(
        quiet(f"{escape_markdown(meeting.title, longest=60)}, {long_date(meeting.held_on)}"), text_alignment="right"
    )


def tier_words(item: Item) -> str:
    if not item.model_id:
        return ""
    with session.registry().looking() as records:
        tier = records.subject(item.model_id).tier
    return f", tier {tier}" if tier else ", tier not set, treated as 1"


def opening(meeting: Meeting) -> None:
    """Show who is there and whether they can decide, before the first item."""
    st.title(escape_markdown(meeting.title, longest=80), anchor=False)
    st.header(escape_markdown(meeting_quorum(meeting, session.people_with_roles())), anchor=False)
    lines = [
        f"- **{escape_markdown(each.name)}** {quiet(escape_markdown(each.role_words) + (', chair' if each.email == meeting.chair else ''))}"
        for each in meeting.attendees
        if each.is_present
    ]
    st.markdown("\n".join(lines))
    st.markdown(
        quiet(
            "Whoever proposed an item steps back from approving it. Other conflicts of interest are said at the item."
        )
    )
    if meeting_session.leads(meeting):
        with st.popover("Change who is there"):
            attendance(meeting, leads=True)


def closing(meeting: Meeting) -> None:
    """Show what the meeting leaves behind before it is ended."""
    actions = meeting_queries.actions(session.registry(), on=session.today(), meeting_id=meeting.id)
    st.title(f"{plural(meeting.decided, 'decision')}, {plural(len(actions), 'action')}", anchor=False)
    open_items = [
        item
        for item in meeting.items
        if not list(meeting.of_item(item.id, EntryKind.DECISION, EntryKind.NOTE, EntryKind.VOTE))
    ]
    said = (
        f"Nothing was recorded on {plural(len(open_items), 'item')}"
        if open_items
        else "Something was recorded on every item"
    )
    st.header(f"{said}; the minutes stay a draft until the chair confirms them.", anchor=False)
    lines = [
        f"- **{escape_markdown(each.what)}** {quiet(escape_markdown(session.person_name(each.assignee)) + ', due ' + long_date(each.due_on))}"
        for each in actions
    ]
    if lines:
        st.markdown("\n".join(["**Actions**\n", *lines]))
    if open_items:
        names = joined([escape_markdown(item.title, longest=50) for item in open_items[:6]])
        more = f" and {len(open_items) - 6} more" if len(open_items) > 6 else ""  # noqa: PLR2004 - as many as were named
        st.markdown(quiet(f"Not recorded: {names}{more}."))


def bar(meeting: Meeting, item: Item | None) -> None:
    """Show what can be pressed, always on screen: the way through the agenda for who leads, decisions for whose they are."""
    leads = meeting_session.leads(meeting)
    with st.bottom, st.container(key="meetbar"):
        steps, decisions = st.columns([1, 2.6] if leads else [0.6, 2.6], vertical_alignment="center")
        with steps.container(horizontal=True, vertical_alignment="center", gap="small"):
            if leads:
                for label, by, key in (("Back", -1, "Left"), ("Next", 1, "Right")):
                    st.button(
                        label,
                        key=f"mt_{label}",
                        shortcut=key,
                        disabled=not 0 <= meeting.position + by <= meeting.last_position,
                        on_click=meeting_session.step,
                        args=(meeting, by),
                    )
                meeting_session.turned()
            else:
                st.markdown(
                    quiet("Follows"), width="content", help="The chair, or whoever called the meeting, turns the page."
                )
        with decisions:
            if item is not None:
                meeting_decide.bar(meeting, item)
            elif meeting.position:
                end_buttons(meeting, leads=leads)
            else:
                leave_buttons()


def end_buttons(meeting: Meeting, *, leads: bool) -> None:
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        leave()
        if leads:
            st.button("End the meeting", type="primary", key="mt_end", on_click=end, args=(meeting.id,))


def leave_buttons() -> None:
    with st.container(horizontal=True, horizontal_alignment="right"):
        leave()


def leave() -> None:
    presenting = meeting_session.presents()
    st.button(
        "Show the menu" if presenting else "Big screen",
        key="mt_menu",
        type="tertiary",
        on_click=meeting_session.show,
        args=(meeting_session.asked_number(),),
        kwargs={"present": not presenting},
    )


@once
def end(meeting_id: int) -> None:
    if meeting_session.do(hold_meeting.end_meeting, session.registry(), meeting_id, done="The meeting is ended."):
        meeting_session.show(meeting_id)
