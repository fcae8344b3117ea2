"""By which rules are we judged? The thresholds per tier, their versions, and what a draft of others would change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import policy_chart, policy_preview, policy_view, session, tables
from dashboard.charts import CONFIG
from dashboard.policy_draft import draft_dialog
from dashboard.presentation import VERDICT_LABELS, escape_markdown, plural, short_date
from dashboard.widgets import colours, complain, empty, notify, quiet, remember_in_url, show_notice, small
from data_access import policy_drafts, policy_queries
from data_access.policy_drafts import PREVIEWED_DAYS, PreviewState
from data_access.policy_records import policy_history
from monitoring import decide_policy
from monitoring.assessment import Verdict
from monitoring.errors import ModelfolioError, UnknownPolicyError
from monitoring.lifecycle import Move, State
from monitoring.policy_version import TIERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from data_access.policy_drafts import Draft
    from monitoring.decide_policy import PolicyReview
    from monitoring.policy_preview import PolicyPreview
    from monitoring.policy_version import PolicyHistory, PolicyVersion

LONGEST_ID = 9
MOST_ROWS = 12
ALL = "all"


def asked_in_url(name: str) -> int | None:
    text = st.query_params.get(name, "")
    return int(text) if text.isdecimal() and len(text) <= LONGEST_ID else None


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


def choose_version(versions: Sequence[PolicyVersion], history: PolicyHistory) -> PolicyVersion:
    today = session.today()
    by_number = {version.number: version for version in versions}
    current = history.on(today).number
    asked = asked_in_url("version")
    numbers = list(by_number)
    chosen = st.selectbox(
        "Version",
        numbers,
        index=numbers.index(asked if asked in by_number else current),
        format_func=lambda number: (
            f"Version {number}, {policy_view.state_words(by_number[number], history, today=today)}"
        ),
        key=f"po_version_{len(numbers)}_{asked}",
        label_visibility="collapsed",
        width=330,
        on_change=leave_draft,
    )
    if chosen != (asked or current):
        st.query_params["version"] = str(chosen)
    return by_number[chosen]


def leave_draft() -> None:
    st.query_params.pop("draft", None)


def draft_asked() -> Draft | None:
    number = asked_in_url("draft")
    if number is None:
        return None
    try:
        return policy_drafts.draft(session.registry(), number, now=session.now())
    except UnknownPolicyError as error:
        st.markdown(quiet(escape_markdown(error)))
        return None


def why_not_draft() -> str | None:
    """Return nothing when this person may try thresholds out, else why not."""
    return policy_drafts.why_not_draft(session.registry(), by=session.actor_email())


def draft_button(label: str, draft: Draft | None, newest: PolicyVersion, *, primary: bool) -> None:
    why_not = why_not_draft()
    if st.button(
        label,
        key="po_draft",
        type="primary" if primary else "secondary",
        disabled=why_not is not None,
        help=why_not,
    ):
        draft_dialog(draft.values if draft else newest.values, based_on=draft.based_on if draft else newest.number)


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
        column_config=policy_view.rule_columns(),
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
    with st.expander("All thresholds of the draft"):
        rules_table(draft, tiers, base=base, key="po_rules")


def propose_form(draft: Draft, history: PolicyHistory) -> None:
    st.markdown("**Propose it**")
    if draft.based_on != history.newest.number:
        st.markdown(
            quiet(f"Version {history.newest.number} was approved since: draft it again from there to propose it.")
        )
        return
    if why_not := decide_policy.why_not_propose_policy(session.registry(), by=session.actor_email()):
        st.markdown(quiet(escape_markdown(why_not)))
        return
    tomorrow = session.today() + timedelta(days=1)
    with st.form("po_propose", border=False, enter_to_submit=False):
        st.text_area("Why", key="po_reason", height=90, placeholder="At least 10 characters, kept for ever")
        st.date_input(
            "In force from",
            value=max(filter(None, (tomorrow, history.newest.in_force_from))),
            min_value=tomorrow,
            max_value=session.today() + timedelta(days=365),
            format="YYYY-MM-DD",
            key="po_from",
        )
        st.form_submit_button("Propose this version", type="primary", on_click=propose, args=(draft,))
    st.markdown(small("Goes to an approver and an independent reviewer; you cannot approve your own proposal."))


def propose(draft: Draft) -> None:
    try:
        version = decide_policy.propose_policy(
            session.registry(),
            values=draft.values,
            based_on=draft.based_on,
            reason=st.session_state.get("po_reason", ""),
            wanted_from=st.session_state.get("po_from"),
            by=session.actor_email() or "",
            on=session.today(),
            now=session.now(),
        )
    except ModelfolioError as error:
        complain(str(error))
        return
    leave_draft()
    st.query_params["version"] = str(version.number)
    notify(f"Version {version.number} is proposed.")


# The preview


def renewed_draft(draft: Draft) -> Draft:
    """Return the draft of the same thresholds for today."""
    if draft.day == session.today():
        return draft
    return _kept(draft.values, based_on=draft.based_on)


def renewed(version: PolicyVersion) -> Draft:
    """Return a draft for today with the thresholds of a version."""
    return _kept(version.values, based_on=version.based_on or 1)


def _kept(values: dict[str, dict[str, float]], *, based_on: int) -> Draft:
    by, now = session.actor_email() or "", session.now()
    number = policy_drafts.keep_draft(
        session.registry(), values, based_on=based_on, day=session.today(), by=by, now=now
    )
    return policy_drafts.draft(session.registry(), number, now=now)


def begin(renew: Callable[[], Draft]) -> None:
    try:
        draft = renew()
        policy_preview.start(session.registry(), session.settings(), draft, by=session.actor_email() or "")
    except ModelfolioError as error:
        complain(str(error))
        return
    if "draft" in st.query_params:
        st.query_params["draft"] = str(draft.id)


def cancel(draft: Draft) -> None:
    try:
        policy_drafts.cancel_preview(session.registry(), draft.id, by=session.actor_email() or "", now=session.now())
    except ModelfolioError as error:
        complain(str(error))


def preview_view(draft: Draft | None, *, base: PolicyVersion, name: str, renew: Callable[[], Draft]) -> None:
    """Show how far the preview is, what came out, or how to begin it."""
    st.markdown(f"**The last {PREVIEWED_DAYS} days under it**")
    state = draft.state if draft else PreviewState.NOT_STARTED
    if draft and state is PreviewState.RUNNING:
        preview_progress(draft.id)
        return
    if draft and draft.preview and state is PreviewState.READY:
        preview_result(draft.preview, base=base, name=name)
        if draft.day != session.today():
            st.markdown(small(f"Worked out as of {short_date(draft.day)}."))
            begin_button("Renew the preview", renew)
        return
    said = {
        PreviewState.FAILED: f"It could not be worked out. {draft.sentence if draft else ''}",
        PreviewState.INTERRUPTED: "Whatever worked it out is gone before it was done.",
        PreviewState.CANCELLED: "It was cancelled.",
    }.get(state, "Not worked out yet: which models would change, and how the counts would have looked.")
    empty(escape_markdown(said, longest=400), "Verdicts are judged again from stored profiles; nothing is stored.")
    begin_button("Preview it", renew)


def begin_button(label: str, renew: Callable[[], Draft]) -> None:
    why_not = why_not_draft()
    st.button(
        label,
        key="po_preview",
        on_click=begin,
        args=(renew,),
        disabled=why_not is not None,
        help=why_not,
        icon=":material/play_arrow:",
    )


@st.fragment(run_every="1s")
def preview_progress(number: int) -> None:
    """Show how far it is; what came out takes its place when it is done."""
    draft = policy_drafts.draft(session.registry(), number, now=session.now())
    if draft.state is not PreviewState.RUNNING:
        st.rerun()
    seconds = int((session.now() - draft.started_at).total_seconds()) if draft.started_at else 0
    share = draft.done / draft.total if draft.total else 0.0
    said = f"{draft.done:,} of {plural(draft.total, 'model')}" if draft.total else "Starting"
    st.progress(share, text=f"{said}, {seconds} s")
    st.button("Cancel", key="po_cancel", on_click=cancel, args=(draft,), disabled=why_not_draft() is not None)


def preview_result(preview: PolicyPreview, *, base: PolicyVersion, name: str) -> None:
    st.markdown(policy_view.preview_sentence(preview))
    left, right = st.columns([1, 1.25], gap="medium")
    with left:
        st.markdown(policy_view.preview_numbers(preview, against=base.number, draft=name))
    with right:
        verdict = choose_verdict()
        chart = policy_chart.counts(preview, verdict, colours(), against=base.number)
        st.markdown(f"**Models with the verdict {VERDICT_LABELS[verdict].word}, per day**")
        st.plotly_chart(chart.figure, theme=None, config=CONFIG, key="po_chart", alt=chart.alt)
    changed_models(preview)
    st.markdown(
        small(
            f"Replayed from the stored profiles of {plural(preview.models, 'model')}, {short_date(preview.first)} to "
            f"{short_date(preview.last)}, as known on the last day. Portfolio shifts are those found under version {base.number}."
        )
    )
    if preview.failures:
        model, reason = next(iter(preview.failures.items()))
        st.markdown(
            quiet(
                f"{plural(len(preview.failures), 'model')} could not be replayed; {escape_markdown(model)}: {escape_markdown(reason)}"
            )
        )


def choose_verdict() -> Verdict:
    options = [verdict.value for verdict in Verdict]
    asked = st.query_params.get("verdict", Verdict.RETRAIN.value)
    chosen = st.selectbox(
        "Verdict",
        options,
        index=options.index(asked) if asked in options else 0,
        format_func=lambda value: VERDICT_LABELS[Verdict(value)].text,
        key="po_verdict",
        label_visibility="collapsed",
        width=200,
        on_change=lambda: remember_in_url("verdict", st.session_state.po_verdict),
    )
    return Verdict(chosen)


def changed_models(preview: PolicyPreview) -> None:
    if not preview.changed:
        return
    now, ever = list(preview.changed_today), sorted(preview.changed, key=lambda each: each.name)
    which = st.segmented_control(
        "Which models",
        ["today", "any"],
        default="today" if now else "any",
        format_func=lambda value: f"Today **{len(now):,}**" if value == "today" else f"On any day **{len(ever):,}**",
        key="po_which",
        required=True,
        label_visibility="collapsed",
    )
    shown = now if which == "today" else ever
    if not shown:
        st.markdown(quiet("No verdict of today changes."))
        return
    event = st.dataframe(
        policy_view.changes_frame(shown),
        column_config=policy_view.change_columns(),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(shown), most=MOST_ROWS),
        on_select="rerun",
        selection_mode="single-row",
        key=tables.table_key("po_changed", [each.model_id for each in shown]),
        alt="Models whose verdict would be another one, with both verdicts and the reason.",
    )
    if rows := event.selection.rows:
        st.switch_page(tables.MODEL_PAGE, query_params={"model": shown[rows[0]].model_id})


# Answering


ANSWERING: dict[Move, Callable[..., PolicyVersion]] = {
    Move.APPROVE: decide_policy.approve_policy,
    Move.REJECT: decide_policy.reject_policy,
    Move.WITHDRAW: decide_policy.withdraw_policy,
}


def answer(move: Move, number: int, by: str) -> None:
    comment = st.session_state.get("po_comment", "")
    try:
        version = ANSWERING[move](
            session.registry(), number, comment=comment, by=by, on=session.today(), now=session.now()
        )
    except ModelfolioError as error:
        complain(str(error))
        return
    if version.state is State.APPROVED:
        notify(f"Approved: version {number} is in force from {policy_view.in_force_words(version)} on.")
    elif move is Move.APPROVE:
        notify("Your approval counts; the quorum is not complete yet.")
    else:
        notify(f"Version {number} is {version.state.words}.")


def answer_bar(version: PolicyVersion, review: PolicyReview) -> None:
    """Show what this person may press, always on screen, or why there is nothing to press."""
    by = session.actor_email()
    with st.bottom, st.container(key="decidebar"):
        if by is None or not review.may:
            st.markdown(
                f"**Version {version.number} of the policy**\u2003{quiet(escape_markdown(review.why_not or review.waiting_for))}"
            )
            return
        with st.form("po_answer", border=False, enter_to_submit=False, clear_on_submit=True):
            name, comment, buttons = st.columns([1, 1.6, 1.4], vertical_alignment="center")
            name.markdown(f"**Version {version.number} of the policy**")
            comment.text_input(
                "Comment",
                key="po_comment",
                placeholder="Comment, kept with the version (needed to reject)",
                label_visibility="collapsed",
            )
            with buttons.container(horizontal=True, horizontal_alignment="right"):
                for move, label in ((Move.APPROVE, "Approve"), (Move.REJECT, "Reject"), (Move.WITHDRAW, "Withdraw")):
                    if move in review.may:
                        st.form_submit_button(
                            label,
                            type="primary" if move is Move.APPROVE else "secondary",
                            on_click=answer,
                            args=(move, version.number, by),
                        )


def page() -> None:
    today = session.today()
    history = policy_history(session.registry())
    versions = policy_queries.versions(session.registry(), on=today)
    waiting = [version for version in versions if version.state is State.PROPOSED]
    st.title(policy_view.heading(history, waiting, today=today), anchor=False)
    show_notice()
    draft = draft_asked()
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = choose_version(versions, history)
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
