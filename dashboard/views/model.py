"""What is wrong with this one, since when, and should I believe it?"""

from __future__ import annotations

import streamlit as st

from dashboard import glossary, model_session, session
from dashboard.model_view import ModelView
from dashboard.presentation import escape_markdown
from dashboard.views import (
    model_data_quality,
    model_decisions,
    model_deep_dive,
    model_drift,
    model_header,
    model_overview,
    model_performance,
    model_service,
    model_versions,
)
from dashboard.widgets import colours, empty, show_notice
from monitoring.errors import UnknownModelError

TABS = {
    "Overview": model_overview.show,
    "Performance": model_performance.show,
    "Drift": model_drift.show,
    "Data quality": model_data_quality.show,
    "Versions": model_versions.show,
    "Decisions": model_decisions.show,
    "Deep dive": model_deep_dive.show,
}


def no_model(model_id: str) -> None:
    """Say that there is nothing to show, and the way out."""
    st.title("No such model" if model_id else "Which model?", anchor=False)
    empty(
        f"No model has the id {escape_markdown(model_id)}."
        if model_id
        else "The address names no model; open one from the portfolio.",
        "The address may be old or cut short.",
    )
    st.page_link("views/portfolio.py", label="Portfolio", icon=":material/arrow_back:")


def page() -> None:
    model_id, today = st.query_params.get("model", ""), session.today()
    known_on = model_header.asked_day(today)
    try:
        facts, assessment, history = model_session.model(model_id, known_on=known_on)
    except UnknownModelError:
        no_model(model_id)
        return
    decisions, moves, shifts = model_session.events(model_id, known_on=known_on)
    # Decisions that came later are not shown, but one of them may have taken the model out of service since.
    later, _, _ = model_session.events(model_id, known_on=today)
    facts = model_service.as_known(facts, later, known_on=known_on)
    view = ModelView(
        facts,
        assessment,
        history,
        decisions,
        moves,
        shifts,
        known_on,
        colours(),
        judge=model_session.judged,
        challenges=model_session.challenges(model_id, known_on=known_on),
    )
    show_notice()
    name, buttons = st.columns([1, 1.6], vertical_alignment="center")
    name.title(escape_markdown(facts.name, longest=90), anchor=False)
    with buttons.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        model_header.neighbours(model_id)
        model_header.day_control(today)
        model_header.actions(view, today=today)
    model_header.looking_back(view, today)
    st.header(model_header.headline(assessment, facts), anchor=False, help=glossary.meaning("verdict", "basis"))
    model_header.rests_on(view)
    model_header.warnings(view)
    model_header.challenged(view)
    model_header.open_shifts(view)
    model_header.open_decisions(view)
    model_header.fact_strip(view)
    opened = st.tabs(list(TABS), key="tab", on_change="rerun", bind="query-params")
    for tab, show in zip(opened, TABS.values(), strict=True):
        if tab.open:
            with tab:
                show(view)


page()
