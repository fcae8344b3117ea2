"""The control that makes an evidence pack from a page: what it covers, how far it is, and its files."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from dashboard.pack.formats import Format
from dashboard.pack.making import PACKS
from dashboard.pack.material import LOCAL_ADDRESS, MOST_TOP, USUAL_TOP, Wanted, open_actions, usual_since
from dashboard.presentation import escape_markdown, number
from dashboard.widgets import small
from data_access.portfolio_filter import PortfolioFilter

if TYPE_CHECKING:
    from dashboard.pack.making import Key, Making
    from dashboard.pack.material import OpenAction
    from data_access.registry import Registry

LABELS = {Format.HTML: "HTML", Format.PPTX: "PowerPoint"}


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=10, show_spinner=False)
def _of_meetings(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[date, tuple[OpenAction, ...]]:
    del key
    return usual_since(_registry, on=day), open_actions(_registry, on=day)


def pack_control(scope: PortfolioFilter, *, since: date | None = None) -> None:
    """Show the control in a popover; the pack has the open actions of every meeting.

    Args:
        scope: whose teams, use cases and tiers the pack covers.
        since: the day to compare with; by default that of the last meeting, before the first one a week ago.
    """
    today = session.today()
    last, actions = _of_meetings(session.key(), session.registry(), day=today)
    since = since or last
    with st.popover("Evidence pack", help="One file for the meeting: offline, printable, every number with its page."):
        compared = st.date_input(
            "What changed since",
            value=min(since, today - timedelta(days=1)),
            max_value=today - timedelta(days=1),
            format="YYYY-MM-DD",
            key=f"pk_since_{today.isoformat()}_{since}",
        )
        top = st.number_input(
            "Models on a page of their own", min_value=0, max_value=MOST_TOP, value=USUAL_TOP, key="pk_top"
        )
        wanted = Wanted(
            day=today,
            since=compared,
            scope=PortfolioFilter(tiers=scope.tiers, teams=scope.teams, use_cases=scope.use_cases),
            top=int(top),
            address=f"{session.server_address()}/" if session.server_address() else LOCAL_ADDRESS,
            portfolio=session.SIMULATED if session.shows_simulated() else "",
            actions=actions,
        )
        st.markdown(
            small(
                f"Covers: {escape_markdown(wanted.scope_words)}. Tier, team and use case of the filters count, the others do not."
            )
        )
        key = (*session.key(), wanted)
        making = PACKS.find(key)
        if making is None or making.failure:
            if making is not None:
                st.error(escape_markdown(making.failure, longest=400), icon=":material/error:")
            st.button(
                "Make the pack", key="pk_make", type="primary", on_click=PACKS.start, args=(session.registry(), key)
            )
        elif making.is_done:
            files(making, today)
        else:
            under_way(key)


@st.fragment(run_every="1s")
def under_way(key: Key) -> None:
    """Show how far the pack is; its files take the place."""
    making = PACKS.find(key)
    if making is None or making.is_done:
        st.rerun()
    else:
        st.progress(making.share, text=f"{making.words} …")


def files(making: Making, today: date) -> None:
    """Show the files to take away, and the fingerprint of their content."""
    for format_, file in making.files.items():
        st.download_button(
            f"{LABELS[format_]} ({number(len(file) / 1e6, digits=1)} MB)",
            data=file,
            file_name=f"evidence-pack-{today.isoformat()}.{format_}",
            mime=format_.mime,
            on_click="ignore",
            icon=":material/download:",
            key=f"pk_{format_}",
            width="stretch",
        )
    for reason in making.missing.values():
        st.markdown(small(escape_markdown(reason)))
    st.markdown(small(f"Content {making.hash[:12]}; `modelfolio pack --check FILE` checks a file."))
