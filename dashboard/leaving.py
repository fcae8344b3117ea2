"""What an approver must not forget: retired models that are still scored, and retirements whose last day is near or past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import model_session, portfolio_session, session, tables
from dashboard.presentation import ACTION_NOUNS, escape_markdown, long_date, plural, short_date
from dashboard.widgets import quiet
from data_access import retirement_queries
from monitoring.lifecycle import Action, State

if TYPE_CHECKING:
    from datetime import date

    from data_access.registry import Registry
    from monitoring.decision import Decision

MOST_LISTED = 4


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _due(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[tuple[int, str, str], ...]:
    del key
    return tuple(
        (each.decision.id, each.decision.subject.name, _words(each))
        for each in retirement_queries.retirements(_registry, on=day)
        if each.is_due and each.zombie is None
    )


def _words(each: retirement_queries.Retirement) -> str:
    missing = f", {len(each.missing)} missing in the plan" if each.missing else ""
    return f"last day {short_date(each.sunset_on)}{missing}"


def show() -> None:
    """List them with the way to each; nothing where there is none."""
    zombies = portfolio_session.zombies()
    due = _due(session.key(), session.registry(), day=session.today())
    if not zombies and not due:
        return
    st.markdown("**Going out of service**")
    for zombie in zombies[:MOST_LISTED]:
        words = f"{escape_markdown(zombie.name, longest=40)}, still scored: {plural(zombie.rows, 'prediction')}"
        if st.button(words, type="tertiary", key=f"ap_zombie_{zombie.model_id}"):
            st.switch_page(tables.MODEL_PAGE, query_params={"model": zombie.model_id})
    for number, name, when in due[:MOST_LISTED]:
        if st.button(f"{escape_markdown(name, longest=40)}, {when}", type="tertiary", key=f"ap_leaving_{number}"):
            st.switch_page("views/approvals.py", query_params={"decision": str(number)})
    more = max(0, len(zombies) - MOST_LISTED) + max(0, len(due) - MOST_LISTED)
    if more:
        st.markdown(quiet(f"and {more} more"))


def undone(decision: Decision) -> None:
    """Show what a reinstatement undoes and why that was decided, and whether the model is scored all the same."""
    model_id, today = decision.subject.model_id, session.today()
    decisions, _, _ = model_session.events(model_id, known_on=today)
    over = {State.REJECTED, State.WITHDRAWN, State.PROPOSED}
    for each in decisions:
        if each.action in {Action.SUSPEND, Action.RETIRE} and each.state not in over:
            what = ACTION_NOUNS[each.action.value]
            since = f" since {long_date(each.state_on)}" if each.state_on else ""
            st.markdown(
                f"Undoes decision {each.id}: {what}, {each.state.words}{since}. “{escape_markdown(each.reason, longest=300)}”"
            )
            break
    zombie, _ = model_session.zombie(model_id, known_on=today)
    if zombie is not None:
        st.markdown(escape_markdown(zombie.sentence))
