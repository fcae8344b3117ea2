"""What was decided about it, by whom and why, and which versions it has had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import carry_out, session
from dashboard.presentation import ACTION_NOUNS, escape_markdown, short_date, words
from dashboard.widgets import quiet
from monitoring.lifecycle import Action, State

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from monitoring.decision import Decision


def show(view: ModelView) -> None:
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        st.markdown("**Decisions**")
        for decision in view.decisions:
            one_decision(decision)
        if not view.decisions:
            st.markdown(quiet("Nothing has been decided about this model."))
        st.page_link(
            "views/audit.py", label="Audit trail", icon=":material/history:", query_params={"model": view.facts.id}
        )
    with right:
        versions(view)
        known_facts(view)


def one_decision(decision: Decision) -> None:
    with st.container(border=True, gap="xsmall"):
        noun = ACTION_NOUNS[decision.action.value].capitalize()
        until = f" until {decision.accept_until.isoformat()}" if decision.accept_until else ""
        proposer = escape_markdown(session.person_name(decision.proposed_by))
        st.markdown(
            f"**{noun} {decision.state.words}{until}** {quiet(f'proposed by {proposer} on {decision.proposed_on.isoformat()}')}  \n"
            f"{escape_markdown(decision.reason, longest=500)}"
        )
        for answer in decision.approvals:
            roles = ", ".join(sorted(words(role.value).lower() for role in answer.roles))
            comment = f": {escape_markdown(answer.comment, longest=300)}" if answer.comment else ""
            said = {"approve": "approved", "reject": "rejected"}.get(
                answer.answer.value, words(answer.answer.value).lower()
            )
            st.markdown(
                f"- **{escape_markdown(session.person_name(answer.person))}** ({roles}) {said} on {short_date(answer.answered_on)}{comment}"
            )
        if decision.decided_on is not None and decision.state.is_open:
            st.markdown(quiet(escape_markdown(carry_out.waits_for(decision))))
        is_retraining = decision.action is Action.RETRAIN and bool(decision.approvers)
        if decision.state.is_open or (is_retraining and decision.state is State.CLOSED):
            st.page_link(
                "views/retraining.py" if is_retraining and decision.decided_on else "views/approvals.py",
                label="Open decision",
                icon=":material/gavel:",
                query_params={"decision": str(decision.id)},
            )


def versions(view: ModelView) -> None:
    st.markdown("**Versions**")
    if not view.facts.versions:
        st.markdown(quiet("None is registered."))
        return
    rows = [
        {
            "Version": version.version + ("" if version.announced else " (not announced)"),
            "Trained on": f"{version.trained_from} – {version.trained_to}" if version.trained_from else "",
            "In service from": version.active_from.isoformat() if version.active_from else "the beginning",
        }
        for version in view.facts.versions
    ]
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, placeholder="", key="m_versions", alt="The versions of the model."
    )
    reference = (view.assessment.details.get("reference") if view.assessment else None) or {}
    if reference:
        origin = words(str(reference.get("origin", ""))).lower()
        st.markdown(
            quiet(
                f"Judged against {reference.get('first')} to {reference.get('last')} ({origin}), {reference.get('rows', 0):,} rows, "
                f"{reference.get('labels', 0):,} labels."
            )
        )


def known_facts(view: ModelView) -> None:
    """Show what its card says, in full."""
    facts = view.facts
    shown = {
        "Purpose": facts.purpose,
        "Use case": facts.use_case,
        "Business line": facts.business_line,
        "Task": facts.task,
        "Cadence": facts.cadence,
        "Time zone": facts.timezone,
        "Superseded by": f"{facts.superseded_by.name} since {facts.superseded_by.since}"
        if facts.superseded_by
        else None,
        "Consumers": "; ".join(f"{c.name}{f' ({c.contact})' if c.contact else ''}" for c in facts.consumers) or None,
        **dict(facts.facts),
    }
    lines = [
        f"- {quiet(escape_markdown(name))} {escape_markdown(value, longest=600)}"
        for name, value in shown.items()
        if value
    ]
    st.markdown("**What its card says**\n\n" + "\n".join(lines))
