"""The last days under a draft of the policy: begun, watched and cancelled here, and what came out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import policy_chart, policy_preview, policy_view, session, tables
from dashboard.charts import CONFIG
from dashboard.presentation import VERDICT_LABELS, escape_markdown, plural, short_date
from dashboard.widgets import colours, complain, empty, quiet, remember_in_url, small
from data_access import policy_drafts
from data_access.policy_drafts import PREVIEWED_DAYS, PreviewState
from monitoring.assessment import Verdict
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from collections.abc import Callable

    from data_access.policy_drafts import Draft
    from monitoring.policy_preview import PolicyPreview
    from monitoring.policy_version import PolicyVersion

MOST_ROWS = 12


def why_not_draft() -> str | None:
    """Return nothing when this person may try thresholds out, else why not."""
    return policy_drafts.why_not_draft(session.registry(), by=session.actor_email())


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
    """Begin the preview of the draft that ``renew`` gives."""
    try:
        draft = renew()
        policy_preview.start(session.registry(), session.settings(), draft, by=session.actor_email() or "")
    except ModelfolioError as error:
        complain(str(error))
        return
    if "draft" in st.query_params:
        st.query_params["draft"] = str(draft.id)


def cancel(draft: Draft) -> None:
    """Stop a preview that is being worked out."""
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
    """Show the button that begins a preview, or why it cannot be pressed."""
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
    """Show the days under both: one sentence, the numbers, and the counts of one verdict per day."""
    st.markdown(policy_view.preview_sentence(preview))
    left, right = st.columns([1.1, 1], gap="medium")
    with left:
        st.markdown(policy_view.preview_numbers(preview, against=base.number, draft=name))
    with right:
        verdict = choose_verdict()
        chart = policy_chart.counts(preview, verdict, colours(), before=f"Version {base.number}", after=name)
        st.markdown(f"**Models with the verdict {VERDICT_LABELS[verdict].word}, per day**")
        st.plotly_chart(chart.figure, theme=None, config=CONFIG, key="po_chart", alt=chart.alt)
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
    """Let the reader choose the verdict whose counts are drawn; it lives in the address."""
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


def changed_models(draft: Draft | None, *, name: str) -> None:
    """List the models whose verdict would be another one, today or on any of the days."""
    preview = draft.preview if draft and draft.state is PreviewState.READY else None
    if preview is None or not preview.changed:
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
        policy_view.changes_frame(shown, name=name),
        column_config=policy_view.change_columns(name),
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
