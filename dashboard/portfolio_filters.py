"""The filters of the portfolio and its order: controls that live in the address, so that a copied link shows the same rows."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import meeting_session, portfolio_session, session
from dashboard.presentation import SERVICE_WORDS, VERDICT_LABELS, one_line, short_date, signed
from dashboard.widgets import chosen_from_url, remember_in_url, small, url_filter
from data_access.portfolio_filter import (
    DEFAULT_ORDER,
    LENSES,
    ORDERS,
    STALE_AFTER_DAYS,
    STATE_ORDER,
    TIER_NOT_SET,
    VERDICT_ORDER,
    PortfolioFilter,
)
from monitoring.assessment import Verdict
from monitoring.lifecycle import SOON_DAYS
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from data_access.portfolio_standing import Standing

LENS_WORDS = {
    "nothing_proposed": "Needs someone, nothing proposed",
    "open_decision": "Open decision",
    "overdue": "Answer overdue",
    "acceptance_ends": f"Acceptance ends within {SOON_DAYS} days",
    "acceptance_ended": f"Acceptance ended within {SOON_DAYS} days",
    "retirement_due": f"Last day of service within {SOON_DAYS} days, or past",
    "zombie": "Zombie: retired, still scored",
    "no_owner": "No owner",
    "tier_not_set": "Tier not set",
    "no_log": "No log mapped",
    "never_assessed": "Never assessed",
    "failed": "Failed to assess",
    "stale": f"Not assessed for {STALE_AFTER_DAYS} days",
    "no_labels": "No labels in 28 days",
    "estimated": "Judged on estimates",
}
ORDER_WORDS = {
    "loss": "Worst expected loss first",
    "lost": "Most advantage lost first",
    "drift": "Largest drift first",
    "traffic": "Least traffic first",
    "newest": "Newest verdict first",
    "longest": "Longest in verdict first",
    "verdict": "By verdict",
    "tier": "By tier",
    "due": "Decision due first",
    "owner": "By owner",
    "name": "By name",
}
MORE = ("state", "lens", "since")
NAMES = ("verdict", "q", "tier", "team", "use_case", "owner", *MORE, "shift")
"""The parameters of the address that filter."""
ADDRESS = (*NAMES, "sort")
LAST_ADDRESS = "pf_last_address"


def asked_in_url() -> PortfolioFilter:
    """Return the filters of the address; what does not exist is ignored."""
    offered = portfolio_session.filter_options()
    return PortfolioFilter(
        verdicts=tuple(chosen_from_url("verdict", VERDICT_ORDER)),
        tiers=tuple(int(tier) for tier in chosen_from_url("tier", [str(tier) for tier in offered.tiers])),
        teams=tuple(chosen_from_url("team", offered.teams)),
        use_cases=tuple(chosen_from_url("use_case", offered.use_cases)),
        owners=tuple(chosen_from_url("owner", list(offered.owners))),
        states=tuple(chosen_from_url("state", STATE_ORDER)),
        lenses=tuple(chosen_from_url("lens", list(LENSES))),
        text=st.query_params.get("q", ""),
        model_ids=_of_shift_in_url(),
        changed_since=since_in_url(),
    )


def since_in_url() -> date | None:
    """Return the day the verdicts are compared with, if the address names one that is over."""
    try:
        asked = date.fromisoformat(st.query_params.get("since", ""))
    except ValueError:
        return None
    return asked if asked < session.today() else None


def order_in_url() -> str:
    """Return the order the address asks for."""
    asked = st.query_params.get("sort", DEFAULT_ORDER)
    return asked if asked in ORDERS else DEFAULT_ORDER


def _of_shift_in_url() -> tuple[str, ...]:
    """Return the models of the open shift that the address names by its day; a shift that is over filters nothing."""
    asked = st.query_params.get("shift")
    return next((shift.models for shift in session.open_shifts() if shift.day.isoformat() == asked), ())


def keep_address() -> None:
    """Remember the filters; the browser's Back from a model brings its address here, and then they are put back."""
    if "model" in st.query_params:
        st.query_params.from_dict(st.session_state.get(LAST_ADDRESS, {}))
    st.session_state[LAST_ADDRESS] = {
        name: st.query_params.get_all(name) for name in ADDRESS if name in st.query_params
    }


def clear_filters() -> None:
    """Take every filter away; the order stays."""
    for name in NAMES:
        st.query_params.pop(name, None)
        st.session_state.pop(f"pf_{name}", None)


def count_label(standing: Standing, verdict: str) -> str:
    """Return a verdict with the number of its models and how it changed, as markdown."""
    kind = Verdict(verdict)
    change = signed(standing.changes[kind])
    label = f"{VERDICT_LABELS[kind].markdown}\u2003**{standing.counts[kind]:,}**"
    return f"{label}\u2002{small(change)}" if change else label


def verdict_counts(standing: Standing) -> None:
    """Show the counts, each a filter."""
    with st.container(key="counts"):
        st.segmented_control(
            "Verdict",
            VERDICT_ORDER,
            selection_mode="multi",
            default=chosen_from_url("verdict", VERDICT_ORDER),
            format_func=lambda verdict: count_label(standing, verdict),
            key="pf_verdict",
            on_change=lambda: remember_in_url("verdict", st.session_state.pf_verdict),
            width="stretch",
            label_visibility="collapsed",
        )


def model_filters() -> None:
    """Show the filters on the model and the order; they write the address, which the next run reads.

    The right end stays empty: there the grid below shows its own buttons.
    """
    offered = portfolio_session.filter_options()
    search, tier, team, use_case, owner, more, order, _ = st.columns(
        [2.1, 1.15, 1.35, 1.35, 1.3, 1.15, 2.0, 0.9], gap="small"
    )
    with search:
        st.text_input(
            "Find",
            value=st.query_params.get("q", ""),
            key="pf_q",
            type="search",
            placeholder="Find a model, owner or purpose",
            label_visibility="collapsed",
            on_change=lambda: remember_in_url("q", st.session_state.pf_q),
        )
    with tier:
        url_filter(
            "Tier",
            name="tier",
            key="pf_tier",
            options=[str(each) for each in offered.tiers],
            shown=lambda each: "Tier not set" if each == str(TIER_NOT_SET) else f"Tier {each}",
            placeholder="All tiers",
        )
    with team:
        url_filter("Team", name="team", key="pf_team", options=offered.teams, shown=one_line, placeholder="All teams")
    with use_case:
        url_filter(
            "Use case",
            name="use_case",
            key="pf_use_case",
            options=offered.use_cases,
            shown=one_line,
            placeholder="All use cases",
        )
    with owner:
        url_filter(
            "Owner",
            name="owner",
            key="pf_owner",
            options=list(offered.owners),
            shown=lambda each: one_line(offered.owners.get(each, each)),
            placeholder="All owners",
        )
    with more:
        _more_filters()
    with order:
        st.selectbox(
            "Order",
            list(ORDERS),
            index=list(ORDERS).index(order_in_url()),
            format_func=ORDER_WORDS.__getitem__,
            key="pf_sort",
            label_visibility="collapsed",
            on_change=_remember_order,
        )


def _more_filters() -> None:
    chosen = sum(name in st.query_params for name in MORE)
    with st.popover(f"More ({chosen})" if chosen else "More", width="stretch"):
        url_filter(
            "Needs attention because",
            name="lens",
            key="pf_lens",
            options=list(LENSES),
            shown=_lens_words,
            placeholder="Any reason",
            label_visibility="visible",
        )
        url_filter(
            "Service",
            name="state",
            key="pf_state",
            options=STATE_ORDER,
            shown=lambda each: SERVICE_WORDS[ServiceState(each)],
            placeholder="In service or not",
            label_visibility="visible",
        )
        st.date_input(
            "Verdict changed since",
            value=since_in_url(),
            max_value=session.today(),
            key="pf_since",
            on_change=_remember_since,
        )
        _since_last_meeting()
        st.markdown(small("One of several reasons is enough. The counts then tell changes since that day."))


def _lens_words(lens: str) -> str:
    """Return what a reason is called; what is overdue is counted."""
    late, escalated = portfolio_session.overdue() if lens == "overdue" else (0, 0)
    if not late:
        return LENS_WORDS[lens]
    return f"{LENS_WORDS[lens]} ({late:,}{f', {escalated:,} escalated' if escalated else ''})"


def _since_last_meeting() -> None:
    """Show the button that compares with the day of the last meeting, if one was held before today."""
    last = meeting_session.last_meeting()
    if last is None or last.ended_on is None or last.ended_on >= session.today():
        return
    st.button(
        f"Since the last meeting, {short_date(last.ended_on)}",
        key="pf_since_meeting",
        type="tertiary",
        disabled=since_in_url() == last.ended_on,
        on_click=_since,
        args=(last.ended_on,),
    )


def _since(day: date) -> None:
    st.session_state.pop("pf_since", None)
    remember_in_url("since", day.isoformat())


def _remember_order() -> None:
    chosen = st.session_state.pf_sort
    remember_in_url("sort", "" if chosen == DEFAULT_ORDER else chosen)


def _remember_since() -> None:
    chosen = st.session_state.pf_since
    remember_in_url("since", chosen.isoformat() if isinstance(chosen, date) else "")


def compared_with(standing: Standing) -> str:
    """Return since when the changes beside the counts are, and whether that was the day of the last meeting."""
    last = meeting_session.last_meeting() if since_in_url() else None
    meeting = ", the last meeting" if last is not None and last.ended_on == standing.compared_with else ""
    return f"± since {short_date(standing.compared_with)}{meeting}"
