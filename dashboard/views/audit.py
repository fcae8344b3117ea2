"""Who did what, when, and why? The record nobody can quietly change."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, TypedDict

import pandas as pd
import streamlit as st

from dashboard import glossary, session, tables
from dashboard.presentation import escape_markdown, instant, one_line, plural, words
from dashboard.widgets import empty, quiet, remember_in_url, small
from data_access import audit_trail, decision_queries
from monitoring.errors import AuditChainError

MOST_EVENTS = 500
PERIODS = {"7": "Last 7 days", "28": "Last 28 days", "91": "Last 91 days", "365": "Last year"}
FILTERS = ("model", "actor", "action", "days")
FILTER_KEYS = ("au_model", "au_actor", "au_action", "au_days")


class AuditFilters(TypedDict):
    """The filters as the registry's queries take them."""

    model_id: str | None
    actor: str | None
    action: str | None
    first: date | None


def one_of(label: str, *, name: str, options: list[str], placeholder: str, plain: bool = True) -> str | None:
    """Show a filter of one value that lives in the URL and return what is chosen."""
    asked = st.query_params.get(name)
    key = f"au_{name}"
    chosen: str | None = st.selectbox(
        label,
        options,
        index=options.index(asked) if asked in options else None,
        format_func=one_line if plain else lambda value: PERIODS.get(value, words(value)),
        key=key,
        placeholder=placeholder,
        label_visibility="collapsed",
        on_change=lambda: remember_in_url(name, st.session_state[key] or ""),
    )
    return chosen


def clear_filters() -> None:
    for name in FILTERS:
        st.query_params.pop(name, None)
    for key in FILTER_KEYS:
        st.session_state.pop(key, None)


def chosen_filters() -> AuditFilters:
    """Show the filters and return them as the registry's queries take them."""
    choices = decision_queries.audit_choices(session.registry())
    columns = st.columns([1.6, 1.6, 1.4, 1.2, 0.9], gap="small")
    with columns[0]:
        model = one_of("Model", name="model", options=list(choices.models), placeholder="All models")
    with columns[1]:
        actor = one_of("Who", name="actor", options=list(choices.actors), placeholder="Everybody")
    with columns[2]:
        action = one_of("What", name="action", options=list(choices.actions), placeholder="Everything", plain=False)
    with columns[3]:
        days = one_of("Period", name="days", options=list(PERIODS), placeholder="All time", plain=False)
    with columns[4]:
        if model or actor or action or days:
            st.button("Clear filters", type="tertiary", on_click=clear_filters)
    first: date | None = session.today() - timedelta(days=int(days) - 1) if days else None
    return AuditFilters(model_id=model, actor=actor, action=action, first=first)


def verify_line() -> None:
    """Check the whole chain on request and say what came of it."""
    try:
        verified = audit_trail.verify(session.registry())
    except AuditChainError as error:
        st.error(escape_markdown(error))
        return
    st.success(
        f"{plural(verified.rows, 'event')} verified: nothing was changed or taken out between the first and the last. "
        f"The last is number {verified.head_sequence}, fingerprint `{verified.head_hash[:16]}`.",
        icon=":material/check:",
    )


def actions_for(filters: AuditFilters) -> None:
    """Show verify, and the exports to those who may take the record away."""
    if st.button("Verify"):
        st.session_state["au_verify"] = True
    if not session.may_export_audit():
        return
    day = session.today().isoformat()
    opened = session.registry()
    st.download_button(
        "CSV",
        data=lambda: audit_trail.export_csv(opened, **filters).encode(),
        file_name=f"audit-{day}.csv",
        mime="text/csv",
        on_click="ignore",
    )
    st.download_button(
        "JSON",
        data=lambda: audit_trail.export_json(opened, **filters).encode(),
        file_name=f"audit-{day}.json",
        mime="application/json",
        on_click="ignore",
    )


def one_event(event: Any) -> None:
    """Show one event in full: what it changed, and the fingerprints."""
    with st.container(border=True):
        st.markdown(
            f"**{words(str(event.action))}** of {escape_markdown(event.subject_kind)} {escape_markdown(event.subject_id)} "
            f"by {escape_markdown(event.actor)}"
        )
        if isinstance(event.reason, str) and event.reason:
            st.markdown(f"“{escape_markdown(event.reason, longest=1_000)}”")
        before, after = st.columns(2, gap="medium")
        for column, title, value in ((before, "Before", event.before), (after, "After", event.after)):
            with column:
                st.markdown(f"**{title}**")
                if isinstance(value, dict) and value:
                    st.json(value, expanded=1)
                else:
                    st.markdown(quiet("Nothing."))
        recorded = instant(pd.Timestamp(event.recorded_at).to_pydatetime())
        evidence = f" · evidence `{event.evidence_hash[:16]}`" if isinstance(event.evidence_hash, str) else ""
        st.markdown(
            f"{small(f'Number {event.sequence}, recorded {recorded}')} · fingerprint `{event.hash[:16]}`{evidence}"
        )


def page() -> None:
    answer, actions = st.columns([3, 1], vertical_alignment="center")
    title = answer.empty()
    place = actions.container(horizontal=True, horizontal_alignment="right")
    verdict = st.container()
    filters = chosen_filters()
    events = decision_queries.audit_events(session.registry(), limit=MOST_EVENTS + 1, **filters)
    shown = events.head(MOST_EVENTS)
    more = "more than " if len(events) > MOST_EVENTS else ""
    title.title(
        f"{more.capitalize()}{plural(len(shown), 'event')} on record" if len(shown) else "Nothing is on record yet",
        anchor=False,
        help=glossary.meaning("audit event"),
    )
    with place:
        actions_for(filters)
    with verdict:
        if st.session_state.pop("au_verify", False):
            verify_line()
    if shown.empty:
        empty(
            "No event matches."
            if any(filters.values())
            else "Every write leaves its line here: the first is the first import."
        )
        return
    event = st.dataframe(
        tables.audit_table(shown),
        column_config=tables.audit_columns(),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(shown), most=14),
        placeholder="",
        on_select="rerun",
        selection_mode="single-row",
        key=tables.table_key("au_table", [str(number) for number in shown["sequence"]]),
        alt="Audit events, newest first.",
    )
    st.markdown(
        small(f"{more}{plural(len(shown), 'event')}, newest first · tick one to see what it changed".capitalize())
    )
    if event.selection.rows:
        one_event(tables.records(shown.iloc[[event.selection.rows[0]]])[0])


page()
