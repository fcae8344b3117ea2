"""What an approver must not forget: retired models that are still scored, and retirements whose last day is near or past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import portfolio_session, session, tables
from dashboard.presentation import escape_markdown, plural, short_date
from dashboard.widgets import quiet
from data_access import retirement_queries

if TYPE_CHECKING:
    from datetime import date

    from data_access.registry import Registry

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
