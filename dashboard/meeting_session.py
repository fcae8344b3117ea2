"""What the meeting page shows and does: which meeting the address names, what is on the next agenda, writes that answer in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import session
from dashboard.pressing import unbroken
from dashboard.widgets import complain, notify, number_from_url
from data_access import meeting_matters, meeting_queries
from data_access.meeting_room import MeetingRoom
from data_access.portfolio_filter import PortfolioFilter
from monitoring import hold_meeting
from monitoring.errors import ModelfolioError
from monitoring.meeting import CALLERS, Meeting

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from data_access.registry import Registry
    from monitoring.meeting import Item
    from monitoring.meeting_action import MeetingAction
    from monitoring.meeting_matter import Matter

ADDRESS, PRESENT = "meeting", "present"
PAGE = Path(__file__).parent / "views" / "meeting.py"
ITEM = "mt_item"
"""The name in the session of the item on screen."""
TURNED = "mt_turned"
"""The name in the session of the screen from which was gone on, and by how many."""


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=10, show_spinner=False)
def _next_agenda(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[Item, ...]:
    del key
    return meeting_queries.next_agenda(_registry, on=day)


def next_agenda() -> tuple[Item, ...]:
    """Return what would be on the agenda of a meeting about every model."""
    return _next_agenda(session.key(), session.registry(), day=session.today())


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=10, show_spinner=False)
def _last_meeting(key: tuple[str, int], _registry: Registry, *, day: date) -> Meeting | None:
    del key
    return meeting_queries.last_meeting(_registry, on=day)


def last_meeting() -> Meeting | None:
    """Return the newest meeting that is over."""
    return _last_meeting(session.key(), session.registry(), day=session.today())


def open_actions() -> tuple[MeetingAction, ...]:
    """Return the actions that nobody has closed, the first due first."""
    return meeting_queries.actions(session.registry(), on=session.today())


def asked_number() -> int | None:
    """Return the number of the meeting in the address."""
    return number_from_url(ADDRESS, "meeting")


def show(meeting_id: int | None, *, present: bool = False) -> None:
    """Put a meeting into the address, or take it out of it; ``present`` hides the menu for the projector."""
    for name, value in ((ADDRESS, str(meeting_id) if meeting_id else ""), (PRESENT, "1" if present else "")):
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)


def presents() -> bool:
    """Whether the address asks for the page of a projector."""
    return st.query_params.get(PRESENT) == "1"


def way_to(view: str | Path, *, label: str, **address: str) -> None:
    """Show the way to another page, from which ``way_back`` leads to the meeting as it is shown here."""
    st.page_link(view, label=label, icon=":material/arrow_forward:", query_params=address | _where())


def way_back() -> None:
    """Show the way back to the meeting that somebody came from; nothing when they came from elsewhere."""
    if asked_number() is not None:
        st.page_link(PAGE, label="Back to the meeting", icon=":material/arrow_back:", query_params=_where())


def _where() -> dict[str, str]:
    return {name: st.query_params[name] for name in (ADDRESS, PRESENT) if name in st.query_params}


def scope_filter(meeting: Meeting) -> PortfolioFilter:
    """Return the models a meeting is about as the portfolio filters them."""
    scope = meeting.scope
    return PortfolioFilter(tiers=scope.tiers, teams=scope.teams, use_cases=scope.use_cases)


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=50, show_spinner=False)
def _matter(
    key: tuple[str, int], _registry: Registry, *, meeting_id: int, revision: int, item_id: int, _meeting: Meeting
) -> Matter:
    del key, meeting_id, revision
    return meeting_matters.matter(_registry, _meeting, _meeting.item(item_id))


def matter(meeting: Meeting, item: Item) -> Matter:
    """Return what an item is about, and everything that is proposed about it."""
    return _matter(
        session.key(),
        session.registry(),
        meeting_id=meeting.id,
        revision=meeting.revision,
        item_id=item.id,
        _meeting=meeting,
    )


def show_item(item_id: int | None) -> None:
    """Remember which item is on screen: what somebody typed into its fields belongs to it and to no other."""
    st.session_state[ITEM] = item_id


def field(name: str) -> str:
    """Return the key of a field of the item on screen."""
    return f"{name}_{st.session_state.get(ITEM)}"


def may_call() -> bool:
    """Whether the acting person may call a meeting."""
    person = session.actor()
    return person is not None and person.acts_as(CALLERS)


def leads(meeting: Meeting) -> bool:
    """Whether the acting person leads the meeting."""
    person = session.actor()
    return person is not None and meeting.leads(person)


def may_record(meeting: Meeting) -> bool:
    """Whether the acting person may record something in the meeting."""
    person = session.actor()
    if person is None:
        return False
    try:
        meeting.check_records(person)
    except ModelfolioError:
        return False
    return True


def evidence(model_id: str) -> dict[str, Any]:
    """Return the model's newest assessment as a decision would rest on it today."""
    with session.registry().looking() as records:
        return records.evidence(model_id, on=session.today()).snapshot


def room(meeting: Meeting, item: Item) -> MeetingRoom:
    """Return the registry as seen from one item of a meeting: decisions made through it name the meeting."""
    return MeetingRoom(session.registry(), meeting_id=meeting.id, item_id=item.id)


def do(use_case: Callable[..., Any], *about: Any, done: str = "", **more: Any) -> Any:
    """Do something as the acting person and say so; whatever is refused is said in its own words. Returns nothing when refused."""
    by = session.actor_email()
    if by is None:
        complain("Only somebody who is signed in can do this.")
        return None
    try:
        found = use_case(*about, by=by, on=session.today(), now=session.now(), **more)
    except ModelfolioError as error:
        complain(str(error))
        return None
    if done:
        notify(done)
    return found


def step(meeting: Meeting, by: int) -> None:
    """Go on from the screen shown, or back, once for each press: those that come before the next screen is there add up.

    Nothing breaks a press off: the run of the first one is under way when the second one comes. Two people who go on at the same
    moment go on once, for both were shown the same screen.
    """
    with unbroken():
        shown, steps = st.session_state.get(TURNED, (None, 0))
        steps = by + (steps if shown == (meeting.id, meeting.position) else 0)
        st.session_state[TURNED] = ((meeting.id, meeting.position), steps)
        turn(meeting, min(max(meeting.position + steps, 0), meeting.last_position))


def turned() -> None:
    """Say that the next screen is there: what is pressed from now on starts from it."""
    st.session_state.pop(TURNED, None)


def turn(meeting: Meeting, position: int) -> None:
    """Show another screen of the meeting to everybody."""
    by = session.actor_email()
    try:
        hold_meeting.turn_to(session.registry(), meeting.id, position=position, by=by or "")
    except ModelfolioError as error:
        complain(str(error))
