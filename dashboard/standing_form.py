"""The drawer in which somebody proposes a standing approval: which models, on what conditions, how often, until when."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import streamlit as st

from dashboard import pressing, session
from dashboard.presentation import escape_markdown, one_line, plural
from dashboard.widgets import quiet
from data_access import model_queries, portfolio_filter, standing_queries
from monitoring import decide_standing
from monitoring.errors import ModelfolioError
from monitoring.people import Role
from monitoring.standing_envelope import GUARD_METRICS, LONGEST_DAYS, SKILL, Envelope, Guard, Scope, ScopeKind

KINDS = {
    ScopeKind.MODELS: "Named models",
    ScopeKind.TIER: "A tier",
    ScopeKind.TEAM: "A team",
    ScopeKind.USE_CASE: "A use case",
}
USUAL_DAYS = 180
TIERS = ("3", "2", "1")


def propose_button() -> None:
    """Show the button that opens the drawer; a visitor who may not propose is told why."""
    why_not = decide_standing.why_not_propose_standing(session.registry(), by=session.actor_email())
    if st.button(
        "Propose a standing approval", key="sa_propose", disabled=why_not is not None, help=why_not, type="primary"
    ):
        dialog()


def dialog() -> None:
    """Open the drawer."""
    pressing.drawer("Propose a standing approval", drawer, width="medium", position="right")


def drawer() -> None:
    """Show the fields, the envelope in one sentence, what it would have done, and the button."""
    person = session.actor()
    if person is None:
        st.error("Nobody is signed in any more.")
        return
    is_approver = person.holds_anywhere(Role.APPROVER)
    scope = _scope(is_approver=is_approver, by=person.email)
    if scope is None:
        st.markdown(quiet("Choose the models first."))
        return
    envelope = _envelope(scope)
    reason = st.text_area(
        "Why", placeholder="At least 10 characters; read by the approver and the auditor", height=80, key="sa_reason"
    )
    preview(envelope)
    if pressing.submitted("Propose it", button=st.button, type="primary", width="stretch", key="sa_submit"):
        try:
            standing = decide_standing.propose_standing(
                session.registry(),
                envelope,
                reason=reason or "",
                by=person.email,
                on=session.today(),
                now=session.now(),
            )
        except ModelfolioError as error:
            st.error(escape_markdown(error))
            return
        pressing.close_drawer(f"Standing approval {standing.id} is proposed.", standing=str(standing.id))


def _scope(*, is_approver: bool, by: str) -> Scope | None:
    kinds = list(KINDS) if is_approver else [ScopeKind.MODELS]
    kind = ScopeKind.MODELS
    if len(kinds) > 1:
        kind = st.segmented_control(
            "Which models",
            kinds,
            default=ScopeKind.MODELS,
            format_func=KINDS.__getitem__,
            key="sa_kind",
            required=True,
        )
    if kind is ScopeKind.MODELS:
        mine = decide_standing.proposable_models(session.registry(), by=by)
        names = model_queries.model_names(session.registry(), mine)
        chosen = st.multiselect(
            "Models", mine, format_func=lambda each: one_line(names.get(each, each), longest=60), key="sa_models"
        )
        return Scope(kind, tuple(chosen)) if chosen else None
    known = portfolio_filter.filter_options(session.registry().engine)
    options = {ScopeKind.TIER: TIERS, ScopeKind.TEAM: known.teams, ScopeKind.USE_CASE: known.use_cases}[kind]
    value = st.selectbox(
        {ScopeKind.TIER: "Tier", ScopeKind.TEAM: "Team", ScopeKind.USE_CASE: "Use case"}[kind],
        options,
        index=None,
        format_func=one_line,
        placeholder="Choose; models that join later are inside too",
        key=f"sa_{kind.value}",
    )
    return Scope(kind, (value,)) if value else None


def _envelope(scope: Scope) -> Envelope:
    today = session.today()
    left, right = st.columns(2)
    days = left.number_input("Days in verdict Retrain, at least", 1, 90, 3, key="sa_days")
    lost = right.number_input("Advantage lost, at least (%)", 0, 100, 15, key="sa_lost")
    runs = left.number_input("Runs a month, at most", 1, 100, 2, key="sa_runs")
    each = right.number_input("of one model, at most", 1, 100, 1, key="sa_runs_of_model")
    metric = left.selectbox(
        "Guard: the new version's", GUARD_METRICS, index=GUARD_METRICS.index(SKILL), key="sa_metric"
    )
    is_error = metric == "RMSE"
    worse = right.number_input(
        f"may be worse by at most ({'%' if is_error else 'points'})", 0.0, 50.0, 2.0, step=0.5, key="sa_tolerance"
    )
    until: Any = st.date_input(
        "Last day",
        value=today + timedelta(days=USUAL_DAYS),
        min_value=today + timedelta(days=1),
        max_value=today + timedelta(days=LONGEST_DAYS),
        format="YYYY-MM-DD",
        key="sa_until",
    )
    return Envelope(
        scope,
        (Guard(metric, worse / 100),),
        until if isinstance(until, date) else today,
        least_days=days,
        least_loss=lost / 100,
        most_runs=runs,
        most_runs_per_model=each,
    )


def preview(envelope: Envelope) -> None:
    """Say in one sentence what is proposed, who must approve it, and what it would have done."""
    try:
        said = standing_queries.preview(session.registry(), envelope, on=session.today())
    except ModelfolioError as error:
        st.warning(escape_markdown(error), icon=":material/warning:")
        return
    started, models = said.past["started"], len({each["model_id"] for each in said.past["started"]})
    would = f"{plural(len(started), 'retraining')} of {plural(models, 'model')}" if started else "nothing"
    quorum = "an approver and an independent reviewer" if said.tier == 1 else "one approver"
    st.info(
        f"{escape_markdown(envelope.sentence(said.names), longest=900)}  \n"
        f"{plural(len(said.names), 'model')} inside today. In the last 90 days it would have started {would}. Goes to {quorum}; you "
        "cannot approve your own proposal."
    )
