"""What a person does about an action of a meeting, in the list of open actions and where a meeting comes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard import meeting_session, session
from dashboard.pressing import once
from monitoring import meeting_follow_up

if TYPE_CHECKING:
    from collections.abc import Callable


class Step(NamedTuple):
    """A step of an action: its use case, what that calls the text, and what is said when it is done."""

    use: Callable[..., object]
    text: str
    done: str


REPORT = Step(meeting_follow_up.report_done, "evidence", "Reported done; somebody else confirms it.")
CONFIRM = Step(meeting_follow_up.confirm_done, "comment", "Confirmed; the action is closed.")
SEND_BACK = Step(meeting_follow_up.send_back, "comment", "Sent back; the action is open.")


@once
def follow_up(action_id: int, field: str, step: Step) -> None:
    """Take a step with what stands in a field."""
    text = st.session_state.get(field) or ""
    meeting_session.do(step.use, session.registry(), action_id, **{step.text: text}, done=step.done)
