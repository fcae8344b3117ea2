"""A planned meeting: the agenda in order and in time, who comes, and the button that opens it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import meeting_session, session
from dashboard.pack_control import pack_control
from dashboard.presentation import escape_markdown, long_date, plural
from dashboard.pressing import once
from dashboard.views.meeting_home import guest_names, person_label
from dashboard.widgets import empty, quiet, small
from monitoring import hold_meeting, prepare_meeting
from monitoring.meeting_agenda import Rule
from monitoring.meeting_quorum import meeting_quorum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from monitoring.meeting import Item, Meeting

LONGEST_ITEM = 120


def show(meeting: Meeting) -> None:
    st.title(heading(meeting), anchor=False)
    leads = meeting_session.leads(meeting)
    since = f"since the meeting of {long_date(meeting.since)}" if meeting.since else "the first meeting"
    st.markdown(
        small(
            f"{escape_markdown(meeting.title)}, about {escape_markdown(meeting.scope.words)}, {since}. "
            f"Chair {escape_markdown(session.person_name(meeting.chair))}, called by {escape_markdown(session.person_name(meeting.called_by))}."
        )
    )
    buttons(meeting, leads=leads)
    left, right = st.columns([2.2, 1], gap="large")
    with left:
        agenda(meeting, leads=leads)
    with right:
        attendance(meeting, leads=leads)


def heading(meeting: Meeting) -> str:
    over = meeting.planned_minutes - meeting.length_minutes
    much = f"{over} minutes too many" if over > 0 else f"{-over} minutes to spare" if over else "exactly in time"
    items = plural(len(meeting.items), "item")
    return f"{items}, {meeting.planned_minutes} of {meeting.length_minutes} minutes: {much}"


def buttons(meeting: Meeting, *, leads: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if leads:
            st.button("Open the meeting", type="primary", key="mt_open", on_click=open_meeting, args=(meeting.id,))
            st.button(
                "Build again",
                key="mt_renew",
                help="What stays keeps its place and minutes, what is settled goes, what is new comes at the end.",
                on_click=meeting_session.do,
                args=(prepare_meeting.renew_agenda, session.registry(), meeting.id),
                kwargs={"done": "The agenda is as the registry stands now."},
            )
            with st.popover("Add an item"), st.form("mt_add", border=False, clear_on_submit=True):
                st.text_input("What about", key="mt_add_title")
                st.text_area("Why now", key="mt_add_why", height=80)
                st.number_input("Minutes", 1, LONGEST_ITEM, 5, key="mt_add_minutes")
                st.form_submit_button("Add", type="primary", on_click=add, args=(meeting.id,))
            st.button("Call off", key="mt_call_off", type="tertiary", on_click=call_off, args=(meeting.id,))
        else:
            st.markdown(
                quiet("The chair, or whoever called the meeting, opens it and puts the agenda in order."),
                width="content",
            )
        pack_control(meeting_session.scope_filter(meeting))
        st.button("All meetings", type="tertiary", key="mt_all", on_click=meeting_session.show, args=(None,))


@once
def open_meeting(meeting_id: int) -> None:
    if meeting_session.do(hold_meeting.open_meeting, session.registry(), meeting_id) is not None:
        meeting_session.show(meeting_id, present=True)


@once
def call_off(meeting_id: int) -> None:
    if meeting_session.do(hold_meeting.call_off, session.registry(), meeting_id, done="The meeting is called off."):
        meeting_session.show(None)


@once
def add(meeting_id: int) -> None:
    said = st.session_state
    meeting_session.do(
        prepare_meeting.add_item,
        session.registry(),
        meeting_id,
        title=said.get("mt_add_title") or "",
        why=said.get("mt_add_why") or "",
        minutes=int(said.get("mt_add_minutes") or 5),
        done="Added at the end.",
    )


def agenda(meeting: Meeting, *, leads: bool) -> None:
    """Show the items; who leads changes their order, minutes and remarks at once."""
    if not meeting.items:
        empty(
            "Nothing is on the agenda.",
            "No rule finds anything for these models; add an item by hand, or widen the scope.",
        )
    spent = 0
    for place, item in enumerate(meeting.items):
        start, spent = spent, spent + item.minutes
        what, controls = st.columns([1.9, 1] if leads else [1, 0.01], vertical_alignment="center")
        with what:
            late = spent > meeting.length_minutes
            clock = f":red[{start}–{spent} min]" if late else quiet(f"{start}–{spent} min")
            remark = f"  \n:small[{escape_markdown(item.remark)}]" if item.remark else ""
            st.markdown(
                f"**{place + 1}.** {small(Rule(item.rule).words)} **{escape_markdown(item.title, longest=90)}** :small[{clock}]  \n"
                f"{small(escape_markdown(item.why, longest=200))}{remark}"
            )
        if leads:
            with controls.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
                edit_buttons(meeting, item, place)


def edit_buttons(meeting: Meeting, item: Item, place: int) -> None:
    last = len(meeting.items) - 1
    key = f"mt_minutes_of_{item.id}_{item.minutes}"
    st.number_input(
        "Minutes",
        0,
        LONGEST_ITEM,
        item.minutes,
        key=key,
        label_visibility="collapsed",
        width=112,
        help="Minutes",
        on_change=lambda: changed(meeting, item, minutes=int(st.session_state[key])),
    )
    with st.popover("", icon=":material/edit_note:", help="Remark for the chair"):
        remark = f"mt_remark_{item.id}"
        st.text_area(
            "Remark",
            item.remark,
            key=remark,
            height=90,
            on_change=lambda: changed(meeting, item, remark=st.session_state[remark] or ""),
        )
    for icon, label, to in (("arrow_upward", "Earlier", place - 1), ("arrow_downward", "Later", place + 1)):
        st.button(
            "",
            icon=f":material/{icon}:",
            key=f"mt_{label}_{item.id}",
            help=label,
            type="tertiary",
            disabled=not 0 <= to <= last,
            on_click=edited,
            args=(meeting, lambda items, to=to: moved(items, place, to)),
        )
    st.button(
        "",
        icon=":material/close:",
        key=f"mt_drop_{item.id}",
        help="Drop it from this agenda",
        type="tertiary",
        on_click=edited,
        args=(meeting, lambda items: [each for each in items if each.id != item.id]),
    )


def moved(items: Sequence[Item], place: int, to: int) -> list[Item]:
    """Return the items with one of them at another place."""
    rest = [*items[:place], *items[place + 1 :]]
    return [*rest[:to], items[place], *rest[to:]]


def changed(meeting: Meeting, item: Item, **values: Any) -> None:
    edited(meeting, lambda items: [replace(each, **values) if each.id == item.id else each for each in items])


def edited(meeting: Meeting, change: Callable[[tuple[Item, ...]], Sequence[Item]]) -> None:
    meeting_session.do(prepare_meeting.edit_agenda, session.registry(), meeting.id, change=change)


def attendance(meeting: Meeting, *, leads: bool) -> None:
    """Show who comes and whether they can decide; who leads says who is there."""
    st.subheader("Who is there", anchor=False)
    st.markdown(escape_markdown(meeting_quorum(meeting, session.people_with_roles())))
    if not leads:
        for each in meeting.attendees:
            st.markdown(
                f"{escape_markdown(each.name)} {small(escape_markdown(each.role_words) + ('' if each.is_present else ', absent'))}"
            )
        return
    known = {person.email: person for person in session.people_with_roles()}
    invited = [each.email for each in meeting.attendees if each.email and each.is_present]
    with st.form(f"mt_attendance_{meeting.revision}", enter_to_submit=False):
        st.multiselect(
            "People",
            list(known),
            default=[email for email in invited if email in known],
            format_func=lambda email: person_label(known[email]),
            key=f"mt_present_{meeting.revision}",
        )
        st.text_input(
            "Guests",
            ", ".join(each.name for each in meeting.attendees if not each.email),
            placeholder="Names, separated by commas",
            key=f"mt_present_guests_{meeting.revision}",
        )
        st.form_submit_button("Save who is there", on_click=save_attendance, args=(meeting,))


@once
def save_attendance(meeting: Meeting) -> None:
    meeting_session.do(
        prepare_meeting.set_attendance,
        session.registry(),
        meeting.id,
        present=st.session_state.get(f"mt_present_{meeting.revision}") or [],
        guests=guest_names(st.session_state.get(f"mt_present_guests_{meeting.revision}") or ""),
    )
