"""By which rules are we judged? The thresholds per tier, their versions, and what a draft of others would change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import policy_view, policy_words, session, tables
from dashboard.policy_answer import answer_bar, leave_draft, propose_form
from dashboard.policy_draft import draft_dialog
from dashboard.policy_past import changed_models, preview_view, renewed, renewed_draft, why_not_draft
from dashboard.presentation import escape_markdown, short_date
from dashboard.widgets import number_from_url, quiet, remember_in_url, show_notice, small
from data_access import policy_drafts, policy_queries
from data_access.policy_records import policy_history
from monitoring import decide_policy
from monitoring.errors import UnknownPolicyError
from monitoring.lifecycle import State
from monitoring.policy_version import TIERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_access.policy_drafts import Draft
    from monitoring.decide_policy import PolicyReview
    from monitoring.policy_version import PolicyHistory, PolicyVersion

MOST_ROWS = 12
ALL = "all"


# What is chosen


def choose_tiers() -> tuple[int, ...]:
    options = [ALL, *(str(tier) for tier in TIERS)]
    asked = st.query_params.get("tier", ALL)
    chosen = st.segmented_control(
        "Tier",
        options,
        default=asked if asked in options else ALL,
        format_func=lambda value: "All tiers" if value == ALL else f"Tier {value}",
        key="po_tier",
        required=True,
        label_visibility="collapsed",
        on_change=lambda: remember_in_url("tier", "" if st.session_state.po_tier == ALL else st.session_state.po_tier),
    )
    return TIERS if chosen == ALL else (int(chosen),)


def choose_version(versions: Sequence[PolicyVersion], history: PolicyHistory, asked: int | None) -> PolicyVersion:
    today = session.today()
    by_number = {version.number: version for version in versions}
    current = history.on(today).number
    numbers = list(by_number)
    chosen = st.selectbox(
        "Version",
        numbers,
        index=numbers.index(asked or current),
        format_func=lambda number: (
            f"Version {number}, {policy_words.state_words(by_number[number], history, today=today)}"
        ),
        # The browser keeps the words of what is chosen: other states need another box.
        key=tables.table_key(f"po_version_{asked}", [f"{each.number} {each.state}" for each in versions]),
        label_visibility="collapsed",
        width=330,
        on_change=leave_draft,
    )
    if chosen != (asked or current):
        st.query_params["version"] = str(chosen)
    return by_number[chosen]


def draft_asked() -> Draft | None:
    number = number_from_url("draft", "draft of the policy")
    if number is None:
        return None
    try:
        return policy_drafts.draft(session.registry(), number, now=session.now())
    except UnknownPolicyError as error:
        st.markdown(quiet(escape_markdown(error)))
        return None


def draft_button(label: str, draft: Draft | None, newest: PolicyVersion, *, primary: bool) -> None:
    why_not = why_not_draft()
    if st.button(
        label,
        key="po_draft",
        type="primary" if primary else "secondary",
        disabled=why_not is not None,
        help=why_not,
    ):
        draft_dialog(draft.values if draft else newest.values, based_on=newest.number)


# A version


def rules_table(
    version: PolicyVersion | Draft, tiers: tuple[int, ...], *, base: PolicyVersion | None, key: str
) -> None:
    table = policy_view.rules(
        version.policies,
        tiers=tiers,
        base=base.policies if base else None,
        against=base.number if base else 0,
    )
    st.dataframe(
        table,
        column_config=policy_view.rule_columns(base.number if base else 0),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(18, most=18),
        key=key,
        alt="The thresholds per tier, each with its unit and its rule in words.",
    )


def versions_table(versions: Sequence[PolicyVersion], history: PolicyHistory) -> None:
    st.subheader("Versions", anchor=False)
    frame = policy_view.history_frame(versions, history, today=session.today())
    st.dataframe(
        frame,
        column_config={
            "Version": st.column_config.NumberColumn(width=60),
            "State": st.column_config.TextColumn(width=210),
            "Proposed by": st.column_config.TextColumn(width=130),
            "On": st.column_config.TextColumn(width=66),
            "Why": st.column_config.TextColumn(width=420),
            "Decided by": st.column_config.TextColumn(width=200),
            "Decided": st.column_config.TextColumn(width=66),
        },
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(frame), most=MOST_ROWS),
        key="po_versions",
        alt="Every version of the policy with who, when and why, newest first.",
    )


def version_view(version: PolicyVersion, history: PolicyHistory, tiers: tuple[int, ...]) -> None:
    """Show a version as it is or was in force, and how it differs from the one in force."""
    current = history.on(session.today())
    before = policy_queries.version(session.registry(), version.based_on) if version.based_on else None
    st.markdown(policy_view.story(version))
    rules_table(version, tiers, base=current if version.number != current.number else before, key="po_rules")


def proposal_view(version: PolicyVersion, review: PolicyReview, tiers: tuple[int, ...]) -> None:
    """Show a proposed version: what it changes, what it would have changed, and who is still needed."""
    st.markdown(policy_view.story(version) + "  \n" + small(escape_markdown(review.waiting_for)))
    if review.why_not.startswith("Version "):
        st.warning(escape_markdown(review.why_not), icon=":material/warning:")
    draft = policy_drafts.newest_draft_of(session.registry(), version, now=session.now())
    left, right = st.columns([1, 2], gap="medium")
    with left:
        st.markdown(policy_view.differences_list(version.differences(review.base), against=review.base.number))
        wanted = max(filter(None, (version.wanted_from, session.today() + timedelta(days=1))))
        st.markdown(
            small(f"In force from {short_date(wanted)}, or the day after the second approval if that is later.")
        )
    with right:
        preview_view(draft, base=review.base, name=f"Version {version.number}", renew=lambda: renewed(version))
    changed_models(draft, name=f"Version {version.number}")
    with st.expander("All thresholds of the proposal"):
        rules_table(version, tiers, base=review.base, key="po_rules")
    answer_bar(version, review)


# A draft


def draft_view(draft: Draft, history: PolicyHistory, tiers: tuple[int, ...]) -> None:
    """Show a draft: what it changes, what it would have changed, and the form that proposes it."""
    base = policy_queries.version(session.registry(), draft.based_on)
    st.markdown(
        small(
            f"A draft by {policy_view.who(draft.drafted_by)}: nothing is judged by it. "
            "Its address can be sent to somebody else."
        )
    )
    left, right = st.columns([1, 2], gap="medium")
    with left:
        st.markdown(policy_view.differences_list(draft.differences(base), against=base.number))
        with st.container(horizontal=True):
            draft_button("Change it further", draft, history.newest, primary=False)
            st.button("Leave the draft", on_click=leave_draft, key="po_leave")
        propose_form(draft, history)
    with right:
        preview_view(draft, base=base, name="Draft", renew=lambda: renewed_draft(draft))
    changed_models(draft, name="Draft")
    with st.expander("All thresholds of the draft"):
        rules_table(draft, tiers, base=base, key="po_rules")


def page() -> None:
    today = session.today()
    history = policy_history(session.registry())
    versions = policy_queries.versions(session.registry(), on=today)
    waiting = [version for version in versions if version.state is State.PROPOSED]
    draft = draft_asked()
    st.title(
        policy_view.draft_heading(draft.differences(policy_queries.version(session.registry(), draft.based_on)), draft)
        if draft
        else policy_view.heading(history, waiting, today=today),
        anchor=False,
    )
    show_notice()
    asked = number_from_url("version", "version of the policy", {version.number for version in versions})
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = choose_version(versions, history, asked)
        tiers = choose_tiers()
        for version in waiting:
            if version.number != chosen.number or draft:
                st.button(
                    f"Open the proposal, version {version.number}",
                    key=f"po_open_{version.number}",
                    on_click=open_version,
                    args=(version.number,),
                )
        st.space("stretch")
        if draft is None:
            draft_button("Try other thresholds", None, history.newest, primary=chosen.state is not State.PROPOSED)
    if draft is not None:
        draft_view(draft, history, tiers)
    elif chosen.state is State.PROPOSED:
        review = decide_policy.review_policy(session.registry(), chosen.number, by=session.actor_email())
        proposal_view(chosen, review, tiers)
    else:
        version_view(chosen, history, tiers)
    versions_table(versions, history)


def open_version(number: int) -> None:
    leave_draft()
    st.query_params["version"] = str(number)


page()
