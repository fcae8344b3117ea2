"""No meeting is open: what would be on the next agenda, who still has to do something, and the minutes of those before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import glossary, meeting_session, portfolio_session, session
from dashboard.meeting_follow_up import CONFIRM, REPORT, SEND_BACK, follow_up
from dashboard.presentation import due, escape_markdown, long_date, one_line, plural, short_date
from dashboard.pressing import once
from dashboard.widgets import empty, quiet, small
from data_access import meeting_queries
from data_access.portfolio_filter import TIER_NOT_SET
from monitoring import prepare_meeting
from monitoring.meeting import LONGEST_MINUTES, MEMBERS, SHORTEST_MINUTES, MeetingState, Scope
from monitoring.meeting_action import ActionState
from monitoring.meeting_agenda import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_access.meeting_queries import Head
    from monitoring.meeting import Item
    from monitoring.meeting_action import MeetingAction
    from monitoring.people import Actor

MOST_LISTED = 12
USUAL_MINUTES = 60


def show() -> None:
    meetings = meeting_queries.meetings(session.registry(), on=session.today())
    items = meeting_session.next_agenda()
    st.title(heading(items), anchor=False, help=glossary.meaning("meeting", "agenda"))
    open_ones = [each for each in meetings if each.state in {MeetingState.PLANNED, MeetingState.RUNNING}]
    join(open_ones)
    left, right = st.columns([1, 1.25], gap="large")
    with left:
        call_form()
    with right:
        waiting(items)
        action_list(meeting_session.open_actions())
        earlier([each for each in meetings if each not in open_ones])


def heading(items: Sequence[Item]) -> str:
    last = meeting_session.last_meeting()
    since = f"since the meeting of {short_date(last.ended_on)}" if last else "before the first meeting"
    if not items:
        return f"Nothing waits for the committee {since}"
    return f"{plural(len(items), 'item')} wait{'s' if len(items) == 1 else ''} for the committee {since}"


def join(meetings: Sequence[Head]) -> None:
    """Lead to the meetings that are planned or running."""
    for meeting in meetings:
        running = meeting.state is MeetingState.RUNNING
        with st.container(border=True, horizontal=True, vertical_alignment="center", key=f"mt_open_{meeting.id}"):
            what = "is running" if running else f"is planned with {plural(meeting.items, 'item')}"
            chair = escape_markdown(session.person_name(meeting.chair))
            st.markdown(
                f"**{escape_markdown(meeting.title)}** {what}; chair {chair}, about {escape_markdown(meeting.scope.words)}.",
                width="stretch",
            )
            st.button(
                "Join" if running else "Prepare",
                type="primary" if running else "secondary",
                key=f"mt_join_{meeting.id}",
                on_click=meeting_session.show,
                args=(meeting.id,),
                kwargs={"present": running},
            )


def call_form() -> None:
    """Show the form that calls a meeting, or why this person cannot."""
    st.subheader("Call a meeting", anchor=False)
    if not meeting_session.may_call():
        st.markdown(
            quiet(
                "An approver, an independent reviewer or an administrator calls a meeting. You can read everything here."
            )
        )
        return
    known = list(session.people_with_roles())
    names = {person.email: person_label(person) for person in known}
    chairs = [person.email for person in known if person.acts_as(MEMBERS)]
    own = session.actor_email()
    offered = portfolio_session.filter_options()
    with st.form("mt_call", enter_to_submit=False):
        st.text_input("Title", value="Model-risk committee", key="mt_title")
        first, second, third = st.columns(3)
        with first:
            st.multiselect(
                "Tiers",
                list(offered.tiers),
                format_func=lambda tier: "Tier not set" if tier == TIER_NOT_SET else f"Tier {tier}",
                placeholder="All tiers",
                key="mt_tiers",
            )
        with second:
            st.multiselect("Teams", offered.teams, format_func=one_line, placeholder="All teams", key="mt_teams")
        with third:
            st.multiselect(
                "Use cases", offered.use_cases, format_func=one_line, placeholder="All use cases", key="mt_use_cases"
            )
        chair, length = st.columns([2, 1])
        with chair:
            st.selectbox(
                "Chair",
                chairs,
                index=chairs.index(own) if own in chairs else 0 if chairs else None,
                format_func=lambda email: names[email],
                key="mt_chair",
            )
        with length:
            st.number_input(
                "Minutes", SHORTEST_MINUTES, LONGEST_MINUTES, USUAL_MINUTES, step=5, key="mt_length", width="stretch"
            )
        st.multiselect(
            "Who comes",
            list(names),
            default=[person.email for person in known if MEMBERS & {grant.role for grant in person.grants}],
            format_func=lambda email: names[email],
            placeholder="People the registry knows",
            key="mt_people",
        )
        st.text_input("Guests", placeholder="Names, separated by commas", key="mt_guests")
        st.form_submit_button("Build the agenda", type="primary", on_click=call)


def person_label(person: Actor) -> str:
    """Return a person with their roles, as plain text."""
    roles = ", ".join(dict.fromkeys(grant.role.words for grant in person.grants))
    return one_line(f"{person.name} ({roles or 'owner'})", longest=60)


@once
def call() -> None:
    said = st.session_state
    made = meeting_session.do(
        prepare_meeting.call_meeting,
        session.registry(),
        title=said.get("mt_title") or "",
        length_minutes=int(said.get("mt_length") or USUAL_MINUTES),
        chair=said.get("mt_chair") or "",
        people=said.get("mt_people") or [],
        guests=guest_names(said.get("mt_guests") or ""),
        scope=Scope(
            teams=tuple(said.get("mt_teams") or ()),
            use_cases=tuple(said.get("mt_use_cases") or ()),
            tiers=tuple(said.get("mt_tiers") or ()),
        ),
    )
    if made is not None:
        meeting_session.show(made.id)


def guest_names(text: str) -> list[str]:
    """Return the names of a list with commas, those that are empty left out."""
    return [name.strip() for name in text.split(",") if name.strip()]


def waiting(items: Sequence[Item]) -> None:
    """Say in words what would be on the agenda."""
    if not items:
        return
    counts: dict[str, int] = {}
    for item in items:
        counts[item.rule] = counts.get(item.rule, 0) + 1
    listed = " · ".join(f"{Rule(rule).words} **{count}**" for rule, count in counts.items())
    minutes = sum(item.minutes for item in items)
    st.markdown(f"{listed}  \n{small(f'About {minutes} minutes for every model together; a scope makes it shorter.')}")


def action_list(actions: Sequence[MeetingAction]) -> None:
    """List the actions that are not closed, each with what the acting person can do about it."""
    st.subheader(f"{plural(len(actions), 'open action')}" if actions else "Open actions", anchor=False)
    if not actions:
        st.markdown(quiet("No action of a meeting is open."))
    for action in actions[:MOST_LISTED]:
        action_row(action)
    if len(actions) > MOST_LISTED:
        st.markdown(quiet(f"and {len(actions) - MOST_LISTED} more"))


def action_row(action: MeetingAction) -> None:
    """Show one action; it is closed by its evidence and by somebody else than whom it was given to."""
    person, today = session.actor(), session.today()
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key=f"mt_action_{action.id}"):
        when = due(action.due_on, today=today)
        late = f":red[{when}]" if action.is_overdue(today) else quiet(when)
        who = escape_markdown(session.person_name(action.assignee))
        told = (
            f"  \n{small('Done, says ' + who + ': “' + escape_markdown(action.evidence) + '”')}"
            if action.evidence
            else ""
        )
        asked = f"  \n{small('Sent back: “' + escape_markdown(action.answer) + '”')}" if action.answer else ""
        st.markdown(f"**{escape_markdown(action.what)}** {quiet(who)} :small[{late}]{told}{asked}", width="stretch")
        if person is not None and action.may_report(person):
            with st.popover("Report done"), st.form(f"mt_report_{action.id}", border=False):
                st.text_area("What shows that it is done", key=f"mt_evidence_{action.id}", height=90)
                st.form_submit_button(
                    "Report done",
                    type="primary",
                    on_click=follow_up,
                    args=(action.id, f"mt_evidence_{action.id}", REPORT),
                )
        elif person is not None and action.may_confirm(person):
            with st.popover("Confirm"), st.form(f"mt_confirm_{action.id}", border=False):
                st.text_input("Comment", placeholder="Needed to send it back", key=f"mt_comment_{action.id}")
                with st.container(horizontal=True):
                    about = action.id, f"mt_comment_{action.id}"
                    st.form_submit_button("It is done", type="primary", on_click=follow_up, args=(*about, CONFIRM))
                    st.form_submit_button("Send back", on_click=follow_up, args=(*about, SEND_BACK))
        elif action.state is ActionState.REPORTED:
            st.markdown(small("waits for another person"), width="content")


def earlier(meetings: Sequence[Head]) -> None:
    """List the meetings that are over."""
    st.subheader("Minutes", anchor=False)
    if not meetings:
        empty("No meeting was held yet.", "Call one: its agenda is built from what stands in the registry.")
        return
    for meeting in meetings[:MOST_LISTED]:
        state = "confirmed" if meeting.is_locked else ":orange[draft, not confirmed]"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                f"{long_date(meeting.held_on)}: {escape_markdown(meeting.title, longest=60)}",
                type="tertiary",
                key=f"mt_minutes_{meeting.id}",
                on_click=meeting_session.show,
                args=(meeting.id,),
            )
            st.markdown(
                small(f"{plural(meeting.items, 'item')}, {plural(meeting.decisions, 'decision')},")
                + f" :small[{state}]",
                width="content",
            )
    if len(meetings) > MOST_LISTED:
        st.markdown(quiet(f"and {len(meetings) - MOST_LISTED} more: `modelfolio meetings list`"))
