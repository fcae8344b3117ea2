"""The drawer in which somebody proposes an action, for one model or for many."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import portfolio_session, pressing, retirement_plan, session, tables
from dashboard.presentation import (
    ACTION_NOUNS,
    ACTION_WORDS,
    VERDICT_LABELS,
    escape_markdown,
    joined,
    one_line,
    plural,
)
from dashboard.widgets import quiet, small
from data_access import decision_queries
from data_access.portfolio_filter import PortfolioFilter
from monitoring import decide
from monitoring.assessment import Verdict
from monitoring.decide import MOST_MODELS_AT_ONCE
from monitoring.errors import ModelfolioError
from monitoring.lifecycle import Action
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from monitoring.retirement import RetirementPlan

MOST_NAMED = 5
ACCEPTED_DAYS = 90
ACTIONS = [Action.RETRAIN, Action.FIX_DATA, Action.RETIRE, Action.SUSPEND, Action.ACCEPT]
VERDICT_ACTIONS = {
    Verdict.RETRAIN: Action.RETRAIN,
    Verdict.FIX_DATA: Action.FIX_DATA,
    Verdict.RETIRE: Action.RETIRE,
}


def propose_button(
    model_ids: Sequence[str], *, label: str | None = None, primary: bool | None = None, action: Action | None = None
) -> None:
    """Show the button that opens the drawer; a visitor who may not propose is told why instead of getting a dead button.

    ``action`` is the one that is chosen when the drawer opens; without it the one all the verdicts ask for.
    """
    person = session.actor()
    count = len(model_ids)
    reason = None
    if person is None:
        reason = "Only somebody who is signed in can propose."
    elif not count:
        reason = "Tick the models first."
    elif count > MOST_MODELS_AT_ONCE:
        reason = f"At most {MOST_MODELS_AT_ONCE} models at once; {count:,} are ticked."
    elif count == 1:
        reason = decide.why_not_propose(session.registry(), model_id=model_ids[0], by=person.email)
    text = label or (f"Propose for {plural(count, 'model')}" if count else "Propose for selected")
    if st.button(
        text,
        key="propose",
        disabled=reason is not None,
        help=reason,
        shortcut="P",
        type="primary" if (count if primary is None else primary) else "secondary",
    ):
        propose_dialog(model_ids, action=action)


def propose_dialog(model_ids: Sequence[str], *, action: Action | None = None) -> None:
    """Open the drawer for these models, with an action chosen already if one is given."""
    rows = portfolio_session.rows(portfolio_session.listed(PortfolioFilter(model_ids=tuple(model_ids))))
    title = "Propose" if len(rows) == 1 else f"Propose for {plural(len(rows), 'model')}"
    pressing.drawer(title, _drawer, rows, action, width="small", position="right")


def offered_actions(states: Sequence[str]) -> list[Action]:
    """Return what can be proposed for models in these service states: a retired one can only be reinstated."""
    if set(states) == {ServiceState.RETIRED.value}:
        return [Action.REINSTATE]
    if set(states) == {ServiceState.SUSPENDED.value}:
        return [Action.REINSTATE, *(action for action in ACTIONS if action is not Action.SUSPEND)]
    return ACTIONS


def suggested_action(verdicts: Sequence[str]) -> Action | None:
    """Return the action all these verdicts ask for; nothing when they differ."""
    actions = {VERDICT_ACTIONS.get(Verdict(verdict)) for verdict in verdicts}
    return actions.pop() if len(actions) == 1 else None


def who_decides(tiers: Sequence[float | None]) -> str:
    """Return one sentence on who will decide."""
    strict = [tier for tier in tiers if tier is None or tier != tier or tier == 1]  # noqa: PLR0124 - only NaN differs from itself
    if not strict:
        return "Goes to one approver; you cannot approve your own proposal."
    which = "Tier 1 goes" if len(strict) < len(tiers) else "Goes"
    rest = " The others need one approver." if len(strict) < len(tiers) else ""
    return f"{which} to an approver and an independent reviewer; you cannot approve your own proposal.{rest}"


def left_out(rows: pd.DataFrame, action: Action, *, by: str) -> dict[str, str]:
    """Return the models that this proposal cannot or should not hold, each with the reason."""
    opened = session.registry()
    open_now = decision_queries.open_decisions(opened, on=session.today())
    already = set(open_now.loc[open_now["action"] == action.value, "model_id"])
    reasons: dict[str, str] = {}
    for row in tables.records(rows):
        if refusal := decide.why_not_propose(opened, model_id=row.model_id, by=by):
            reasons[row.model_id] = refusal
        elif row.model_id in already:
            reasons[row.model_id] = f"{ACTION_NOUNS[action.value].capitalize()} is already proposed or under way."
        elif row.service_state == ServiceState.RETIRED.value and action is not Action.REINSTATE:
            reasons[row.model_id] = "It is retired: it has to be reinstated first."
        elif action is Action.RETRAIN and row.verdict == Verdict.FIX_DATA.value:
            reasons[row.model_id] = "It has a broken feed: retraining would bake the fault in."
    return reasons


def _by_reason(reasons: dict[str, str], names: dict[str, str]) -> dict[str, list[str]]:
    """Return the models of each reason; a reason that names its model holds for every model alike."""
    found: dict[str, list[str]] = {}
    for model_id, why in reasons.items():
        found.setdefault(why.replace(names[model_id], "it"), []).append(model_id)
    return found


def _summary(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts()
    parts = [f"{counts[v.value]} {VERDICT_LABELS[v].markdown}" for v in Verdict if v.value in counts]
    return f"{plural(len(rows), 'model')}: {joined(parts)}. Each gets its own decision and its own record."


def _drawer(rows: pd.DataFrame, wanted: Action | None) -> None:
    person = session.actor()
    if person is None:
        st.error("Nobody is signed in any more.")
        return
    names = dict(zip(rows["model_id"], rows["name"], strict=True))
    if len(rows) == 1:
        row = tables.records(rows)[0]
        sentence = row.sentence if isinstance(row.sentence, str) else "Never assessed."
        st.markdown(f"**{escape_markdown(row.name)}** {VERDICT_LABELS[Verdict(row.verdict)].markdown}")
        st.markdown(escape_markdown(sentence, longest=600))
        chosen = rows
    else:
        kept: list[str] = st.multiselect(
            "Models",
            list(names),
            default=list(names),
            format_func=lambda model_id: one_line(names[model_id], longest=60),
            key="propose_models",
        )
        chosen = rows[rows["model_id"].isin(kept)]
        if chosen.empty:
            st.markdown(quiet("No model is left."))
            return
        st.markdown(_summary(chosen))
    offered = offered_actions(list(chosen["service_state"]))
    default = wanted or suggested_action(list(chosen["verdict"]))
    picked = st.segmented_control(
        "Action",
        [action.value for action in offered],
        default=offered[0] if len(offered) == 1 else default if default in offered else None,
        format_func=lambda action: "Accept" if action == "accept" else ACTION_WORDS[action],
        key="propose_action",
        width="stretch",
    )
    if picked is None:
        st.markdown(quiet("Choose an action."))
        return
    action = Action(picked)
    reasons = left_out(chosen, action, by=person.email)
    for why, left in _by_reason(reasons, names).items():
        which = joined([escape_markdown(names[model_id], longest=60) for model_id in left[:MOST_NAMED]])
        more = f" and {len(left) - MOST_NAMED:,} more" if len(left) > MOST_NAMED else ""
        st.warning(
            f"{which}{more}: {escape_markdown(why)} {'It is' if len(left) == 1 else 'They are'} left out.",
            icon=":material/warning:",
        )
    proposed = chosen[~chosen["model_id"].isin(reasons)]
    if not proposed.empty:
        _form(proposed, action, by=person.email)


def _form(rows: pd.DataFrame, action: Action, *, by: str) -> None:
    today = session.today()
    with st.form("propose_form", enter_to_submit=False):
        with st.container(key="focus_reason"):
            reason = st.text_area(
                "Reason", placeholder="At least 10 characters; read by the approver and the auditor", height=110
            )
        plan: RetirementPlan | None = None
        if action is Action.RETIRE:
            plan = retirement_plan.fields("propose_plan", model_id=rows["model_id"].iloc[0], of_many=len(rows) > 1)
            st.markdown(small("What is left empty is shown as missing; in tier 1 the approval waits until nothing is."))
        until: Any = None
        if action is Action.ACCEPT:
            until = st.date_input(
                "Accept until, then it returns to the agenda",
                value=today + timedelta(days=ACCEPTED_DAYS),
                min_value=today + timedelta(days=1),
            )
        submitted = pressing.submitted(
            f"Propose {ACTION_NOUNS[action.value]}" + (f" of {len(rows)}" if len(rows) > 1 else ""),
            key="propose_send",
            type="primary",
            shortcut="Ctrl+Enter",
            width="stretch",
        )
    st.markdown(quiet(who_decides([None if tier != tier else tier for tier in rows["tier"]])))  # noqa: PLR0124 - only NaN differs from itself
    if submitted:
        try:
            decide.propose_many(
                session.registry(),
                model_ids=list(rows["model_id"]),
                action=action,
                reason=reason or "",
                by=by,
                on=today,
                now=session.now(),
                accept_until=until if isinstance(until, date) else None,
                plan=plan,
            )
        except ModelfolioError as error:
            st.error(escape_markdown(error))
            return
        tables.forget_selection()
        pressing.close_drawer(f"Proposed {ACTION_NOUNS[action.value]} for {_named(list(rows['name']))}.")


def _named(names: list[str]) -> str:
    return names[0] if len(names) == 1 else plural(len(names), "model")
