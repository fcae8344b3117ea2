"""Who did what, when, and why? The record nobody can quietly change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import audit_session, glossary, session, tables
from dashboard.anchoring import configured_anchors
from dashboard.audit_words import NOTHING, changes
from dashboard.presentation import escape_markdown, instant, one_line, plural, words
from dashboard.widgets import empty, not_in_url, number_from_url, quiet, remember_in_url, small
from data_access import audit_export, audit_queries, audit_trail
from data_access.audit_trail import AuditFilter
from monitoring.errors import AuditChainError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.audit_words import FieldChange

PAGE_ROWS = 100
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
"""Between these days one can choose."""
ROWS_IN_VIEW, ROWS_BESIDE_AN_EVENT = 14, 6
MOST_CHANGES_IN_FULL = 8
FILTERS = ("model", "actor", "action", "from", "to", "page", "event")
FILTER_KEYS = ("au_model", "au_actor", "au_action", "au_period")


def one_of(
    label: str, *, name: str, options: list[str], placeholder: str, shown: Callable[[str], str] = str
) -> str | None:
    """Show a filter of one value that lives in the URL and return what is chosen."""
    asked = st.query_params.get(name)
    key = f"au_{name}"
    chosen: str | None = st.selectbox(
        label,
        options,
        index=options.index(asked) if asked in options else None,
        format_func=lambda value: one_line(shown(value)),
        key=key,
        placeholder=placeholder,
        label_visibility="collapsed",
        on_change=lambda: filter_by({name: st.session_state[key] or ""}),
    )
    return chosen


def filter_by(values: dict[str, str]) -> None:
    """Put filters into the URL, and begin with their first page."""
    for name, value in values.items():
        remember_in_url(name, value)
    st.query_params.pop("page", None)


def clear_filters() -> None:
    for name in FILTERS:
        st.query_params.pop(name, None)
    for key in FILTER_KEYS:
        st.session_state.pop(key, None)


def day_of(name: str) -> date | None:
    """Return a day in the URL; what is no day is ignored."""
    try:
        return date.fromisoformat(st.query_params.get(name, ""))
    except ValueError:
        return None


def period() -> tuple[date | None, date | None]:
    """Show the choice of days, which lives in the URL, and return its ends; while only one is chosen nothing is filtered."""
    first, last = day_of("from"), day_of("to")

    def remember() -> None:
        days = st.session_state["au_period"]
        if len(days) != 1:
            ends = [day.isoformat() for day in days] or ["", ""]
            filter_by(dict(zip(("from", "to"), ends, strict=True)))

    st.date_input(
        "Days, first and last",
        value=[first, last] if first and last and first <= last else [],
        min_value=EARLIEST,
        max_value=LATEST,
        key="au_period",
        format="YYYY-MM-DD",
        label_visibility="collapsed",
        on_change=remember,
    )
    return first, last


def chosen_filters() -> AuditFilter:
    """Show the filters and return them as the registry's queries take them."""
    choices = audit_session.choices()
    columns = st.columns([1.5, 1.6, 1.3, 1.5, 0.8], gap="small")
    with columns[0]:
        model = one_of("Model", name="model", options=list(choices.models), placeholder="All models")
    with columns[1]:
        actor = one_of(
            "Who", name="actor", options=list(choices.actors), placeholder="Everybody", shown=session.person_name
        )
    with columns[2]:
        action = one_of("What", name="action", options=list(choices.actions), placeholder="Everything", shown=words)
    with columns[3]:
        first, last = period()
    with columns[4]:
        if model or actor or action or first or last:
            st.button("Clear filters", type="tertiary", on_click=clear_filters)
    return AuditFilter(model_id=model, actor=actor, action=action, first=first, last=last)


def verify_line() -> None:
    """Check the whole chain on request and say what came of it."""
    try:
        with st.spinner("Checking every event …"):
            verified = audit_trail.verify(session.registry(), anchors=configured_anchors(session.settings()))
    except (AuditChainError, SettingsError) as error:
        st.error(f"**The record does not verify.** {escape_markdown(error, longest=600)}", icon=":material/error:")
        return
    heads = (
        f"It still holds {plural(verified.anchors, 'head')} written down outside the registry."
        if verified.anchors
        else "No file of heads is set up (MODELFOLIO_ANCHOR_FILE): compare with minutes or a pack by `modelfolio audit verify --anchor FILE`."
    )
    st.success(
        f"**{plural(verified.rows, 'event')} verified:** none was changed, and none is missing between the first and the last. "
        f"The last is number {verified.head_sequence}, fingerprint `{verified.head_hash[:16]}`. {heads}",
        icon=":material/check:",
    )


def actions_for(filters: AuditFilter) -> None:
    """Show verify, and the export to those who may take the record away."""
    if st.button("Verify", help="Checks every event against its fingerprint and signature, and the events before it."):
        st.session_state["au_verify"] = True
    if session.may_export_audit():
        st.download_button(
            "Export",
            data=partial(audit_export.export_zip, session.registry(), now=datetime.now(UTC), **filters),
            file_name=f"audit-{session.today().isoformat()}.zip",
            mime="application/zip",
            on_click="ignore",
            help="The events that are filtered, as CSV and JSON, with a small script that checks them without modelfolio.",
        )


def go_to(page_number: int) -> None:
    remember_in_url("page", str(page_number) if page_number > 1 else "")


def asked_page(pages: int) -> int:
    """Return the page that the URL asks for, as far as there is one."""
    return min(max(number_from_url("page", "page") or 1, 1), pages)


def count_line(number: int, *, pages: int, first: int, shown: int, total: int) -> None:
    """Show which events the table has, and lead to the next ones."""
    with st.container(horizontal=True, vertical_alignment="center"):
        which = f"Events {first + 1:,} to {first + shown:,} of {total:,}" if pages > 1 else plural(total, "event")
        st.markdown(small(f"{which}, newest first · tick one to see what it changed"))
        if pages > 1:
            st.space("stretch")
            st.button("Newer", disabled=number == 1, on_click=go_to, args=(number - 1,))
            st.button("Older", disabled=number == pages, on_click=go_to, args=(number + 1,))


def remember_ticked(key: str, events: pd.DataFrame) -> None:
    """Put the event that was ticked into the URL, or take it out when it is ticked no more."""
    ticked = tuple(st.session_state.get(key, {}).get("selection", {}).get("rows", ()))
    if ticked != st.session_state.get("au_ticked", {}).get(key, ()):
        remember_in_url("event", str(events["sequence"].iloc[ticked[0]]) if ticked else "")
    st.session_state["au_ticked"] = {key: ticked}


def events_table(events: pd.DataFrame) -> None:
    """Show a page of events; one can be ticked."""
    key = tables.table_key("au_table", [str(number) for number in events["sequence"]])
    remember_ticked(key, events)
    most = ROWS_BESIDE_AN_EVENT if "event" in st.query_params else ROWS_IN_VIEW
    st.dataframe(
        tables.audit_table(events, person=session.person_name),
        column_config=tables.audit_columns(),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(events), most=most),
        placeholder="",
        on_select="rerun",
        selection_mode="single-row",
        key=key,
        alt="Audit events, newest first.",
    )


def change_table(rows: tuple[FieldChange, ...], *, has_before: bool) -> None:
    """Show fields with what they were and are."""
    cells = [[row.field, row.before, row.after] if has_before else [row.field, row.after] for row in rows]
    heading = ["Field", "Before", "After"] if has_before else ["Field", "Set to"]
    lines = [heading, ["---"] * len(heading), *([escape_markdown(cell, longest=600) for cell in row] for row in cells)]
    with st.container(height=280 if len(rows) > MOST_CHANGES_IN_FULL else "content", border=False):
        st.markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def event_links(event: Any) -> None:
    """Lead to what the event is about."""
    if event.subject_kind == "decision":
        st.page_link("views/approvals.py", label="Open the decision", query_params={"decision": str(event.subject_id)})
    if event.subject_kind == "meeting":
        st.page_link("views/meeting.py", label="Open the meeting", query_params={"meeting": str(event.subject_id)})
    if isinstance(event.model_id, str):
        st.page_link(tables.MODEL_PAGE, label="Open the model", query_params={"model": event.model_id})


def one_event(event: Any) -> None:
    """Show one event in full: who, why, what it changed, and the fingerprints."""
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"**{escape_markdown(words(str(event.action)))}** · {escape_markdown(event.subject_kind.replace('_', ' '))} "
                f"{escape_markdown(session.person_name(event.subject_id))} · by {escape_markdown(session.person_name(event.actor))} "
                f"as {escape_markdown(words(str(event.role)).lower())}"
            )
            st.space("stretch")
            event_links(event)
        if isinstance(event.reason, str) and event.reason:
            st.markdown(f"“{escape_markdown(event.reason, longest=1_000)}”")
        told = changes(event.before, event.after, person=session.person_name)
        if told.changed:
            change_table(told.changed, has_before=bool(event.before))
        else:
            st.markdown(quiet("It changed no field."))
        if told.unchanged:
            st.markdown(
                small(
                    "As before: "
                    + escape_markdown(
                        "; ".join(f"{row.field} {row.after}" for row in told.unchanged if row.after != NOTHING),
                        longest=600,
                    )
                )
            )
        recorded = instant(pd.Timestamp(event.recorded_at).to_pydatetime())
        evidence = f" · evidence {event.evidence_hash[:16]}" if isinstance(event.evidence_hash, str) else ""
        st.markdown(small(f"Number {event.sequence:,}, recorded {recorded} · fingerprint {event.hash[:16]}{evidence}"))


def asked_event() -> Any:
    """Return the event that the URL asks for, if there is one."""
    asked = number_from_url("event", "event")
    if asked is None:
        return None
    found = audit_queries.audit_event(session.registry(), asked)
    if len(found):
        return tables.records(found)[0]
    not_in_url("event", f"with the number “{asked}”")
    return None


def page() -> None:
    answer, actions = st.columns([3, 1], vertical_alignment="center")
    title = answer.empty()
    place = actions.container(horizontal=True, horizontal_alignment="right")
    verdict = st.container()
    filters = chosen_filters()
    total = audit_session.count(filters)
    none = "No event matches" if any(filters.values()) else "Nothing is on record yet"
    title.title(
        f"{plural(total, 'event')} on record" if total else none,
        anchor=False,
        help=glossary.meaning("audit event"),
    )
    with place:
        actions_for(filters)
    with verdict:
        if st.session_state.pop("au_verify", False):
            verify_line()
    if not total:
        empty(
            "Choose other filters, or clear them."
            if any(filters.values())
            else "Every write leaves its line here: the first is the first import."
        )
        return
    pages = -(-total // PAGE_ROWS)
    number = asked_page(pages)
    first = (number - 1) * PAGE_ROWS
    events = audit_queries.audit_events(session.registry(), limit=PAGE_ROWS, skip=first, **filters)
    events_table(events)
    count_line(number, pages=pages, first=first, shown=len(events), total=total)
    if event := asked_event():
        one_event(event)


page()
