"""Where an item of a meeting stands: who of those present can decide it, what is missing or asked, what is recorded so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import challenges, meeting_session, model_session, retirement_plan, session
from dashboard.meeting_evidence import doing_nothing
from dashboard.presentation import escape_markdown, joined, plural
from dashboard.widgets import quiet
from data_access import meeting_queries
from monitoring.lifecycle import Action, State
from monitoring.meeting_quorum import aside_sentence, item_quorum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.decision import Decision
    from monitoring.meeting import Item, Meeting
    from monitoring.meeting_matter import Matter
    from monitoring.people import Actor

MOST_POINTS = 2
LONGEST_WHY, LONGEST_BLOCK = 190, 400


def show(meeting: Meeting, item: Item, matter: Matter) -> None:
    """Say which of those present can decide this, and who steps back."""
    people, decision = session.people_with_roles(), matter.on_table
    names = {person.email: person.name for person in people}
    said = [
        standing(decision, [each for each in people if each.email not in meeting.conflicts(item.id)])
        or item_quorum(meeting, item, matter, people=people),
        aside_sentence(meeting, item, matter, names=names),
        recorded(meeting, item),
    ]
    cost = doing_nothing(meeting_session.evidence(item.model_id)) if item.model_id else ""
    with st.container(key="mt_quorum", gap="xxsmall"):
        if decision is not None and decision.blocked_by:
            st.markdown(f"**Not yet** {escape_markdown(decision.blocked_by, longest=LONGEST_BLOCK)}")
        for line in doubts(item, decision):
            st.markdown(line)
        if decision is not None and decision.action is Action.RETIRE and decision.state.is_open:
            _plan(decision)
        if cost:
            st.markdown(f"**Doing nothing** {escape_markdown(cost)}")
        st.markdown(quiet(escape_markdown(" ".join(part for part in said if part), longest=320)))


def _plan(decision: Decision) -> None:
    """Say what the plan of a retirement lacks, with what this person can add to it here, and the way to all of it."""
    if decision.lacks and not decision.blocked_by:
        st.markdown(f"**The plan lacks** {escape_markdown(joined([*decision.lacks]), longest=LONGEST_BLOCK)}.")
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        retirement_plan.controls(decision)
        meeting_session.way_to("views/approvals.py", label="Open the retirement plan", decision=str(decision.id))


def doubts(item: Item, decision: Decision | None) -> list[str]:
    """Return what is asked about the model or the proposal and not settled, the newest first, both sides in a line each."""
    if not item.model_id:
        return []
    known = model_session.challenges(item.model_id, known_on=session.today())
    number = decision.id if decision else None
    asked = [
        each for each in known if each.is_open and (each.finding or (each.decision and each.decision.id == number))
    ]
    lines = []
    for each in asked[:MOST_POINTS]:
        said = [entry for entry in (each.began, each.answer) if entry is not None]
        words = [
            f"{escape_markdown(session.person_name(entry.person))}: “{escape_markdown(entry.text, longest=LONGEST_WHY)}”"
            for entry in said
        ]
        lines.append(f"{challenges.title(each)} {' '.join(words)}")
    return lines + ([quiet(f"and {len(asked) - MOST_POINTS} more")] if len(asked) > MOST_POINTS else [])


def standing(decision: Decision | None, people: Sequence[Actor]) -> str:
    """Return how far a proposal is once somebody has answered it; empty before."""
    if decision is None or not decision.approvals:
        return ""
    given = f"{len(decision.approvers)} of {plural(len(decision.quorum), 'approval')} given"
    if decision.state is State.PROPOSED:
        return f"{given}. {decision.waiting_for(people)}"
    return f"{given}: {decision.state.words}."


def recorded(meeting: Meeting, item: Item) -> str:
    """Return what the minutes hold on the item so far."""
    votes = [vote.choice for vote in meeting.votes(item.id).values()]
    parts = [f"{votes.count(choice)} {choice}" for choice in ("for", "against", "abstain") if choice in votes]
    parts += ["a note"] if meeting.note(item.id) else []
    given = meeting_queries.actions(session.registry(), on=session.today(), meeting_id=meeting.id)
    count = sum(each.item_id == item.id for each in given)
    parts += [plural(count, "action")] if count else []
    return f"Recorded: {', '.join(parts)}." if parts else ""
