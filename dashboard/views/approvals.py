"""What waits for me? The queue, and one proposal with its evidence for and against on one screen."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import (
    carry_out,
    charts,
    glossary,
    leaving,
    model_session,
    performance_chart,
    retirement_plan,
    session,
    tables,
)
from dashboard.model_view import tolerance
from dashboard.presentation import (
    ACTION_VERDICTS,
    ACTION_WORDS,
    RULED_OUT,
    VERDICT_LABELS,
    due,
    escape_markdown,
    evidence_comparison,
    long_date,
    number,
    plural,
    short_date,
    words,
)
from dashboard.widgets import colours, complain, empty, notify, quiet, show_notice, small
from data_access import decision_queries, policy_queries
from monitoring import decide
from monitoring.assessment import Basis, Verdict
from monitoring.errors import ModelfolioError, UnknownDecisionError
from monitoring.lifecycle import Action, Move, State
from monitoring.policy import DEFAULT_POLICY

if TYPE_CHECKING:
    from monitoring.decide import Review
    from monitoring.decision import Decision

DECIDED_DAYS = 7
MOST_POINTS = 6
CHART_DAYS = 120
CHART_HEIGHT = 220
LONGEST_ID = 12
POLICIES_PAGE = tables.MODEL_PAGE.with_name("policies.py")


def heading(waiting: pd.DataFrame) -> str:
    mine = waiting[waiting["is_mine"].astype(bool)]
    overdue = int(mine["is_overdue"].sum())
    if mine.empty:
        others = len(waiting)
        if not others:
            return "Nothing waits for a decision"
        return f"Nothing waits for you; {plural(others, 'proposal')} wait{'s' if others == 1 else ''} for others"
    late = f"; {overdue} {'is' if overdue == 1 else 'are'} overdue" if overdue else ""
    return f"{plural(len(mine), 'proposal')} wait{'s' if len(mine) == 1 else ''} for you{late}"


def queue(waiting: pd.DataFrame, asked: int | None) -> int:
    """Show the queue and return the decision that is open on the right: the one asked for, whether it waits or not."""
    mine = waiting[waiting["is_mine"].astype(bool)]
    is_elsewhere = asked is not None and asked not in set(mine["decision_id"])
    counts = {"mine": len(mine), "all": len(waiting)}
    whose = st.segmented_control(
        "Whose",
        ["mine", "all"],
        default="mine" if counts["mine"] and not is_elsewhere else "all",
        format_func=lambda which: f"{which.capitalize()} **{counts[which]}**",
        key=f"ap_whose_{session.actor_email()}",
        required=True,
        width="stretch",
        label_visibility="collapsed",
    )
    shown = (mine if whose == "mine" and not mine.empty else waiting).reset_index(drop=True)
    ids = [int(number) for number in shown["decision_id"]]
    waits = asked is None or asked in ids
    at = ids.index(asked) if asked in ids else 0
    event = st.dataframe(
        tables.approval_queue(shown, today=session.today(), colours=colours()),
        column_config=tables.approval_columns(),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(ids), most=9),
        on_select="rerun",
        selection_mode="single-row-required" if waits else "single-row",
        selection_default={"selection": {"rows": [at] if waits else [], "columns": [], "cells": []}},
        key=tables.table_key("ap_queue" if waits else "ap_queue_beside", [str(number) for number in ids]),
        alt="Proposals that wait for a decision, mine first, overdue first.",
    )
    rows = event.selection.rows
    if rows:
        return ids[rows[0]]
    return ids[at] if asked is None or waits else asked


def decided_lately() -> None:
    decided = decision_queries.all_decisions(session.registry(), on=session.today())
    since = session.today() - timedelta(days=DECIDED_DAYS)
    lately = decided[decided["decided_on"].notna()]
    lately = lately[pd.to_datetime(lately["decided_on"]).dt.date > since].sort_values("decided_on", ascending=False)
    if lately.empty:
        return
    st.markdown("**Decided this week**")
    st.markdown(
        "  \n".join(
            f"{escape_markdown(row.model, longest=60)}: {ACTION_WORDS[row.action].lower()}, {words(row.state).lower()}, "
            f"{short_date(pd.Timestamp(row.decided_on).date())}"
            for row in tables.records(lately.head(MOST_POINTS))
        )
    )


def policies_waiting() -> None:
    """Name the versions of the policy that wait for an answer; they are read and answered on their own page."""
    for version in policy_queries.waiting(session.registry(), on=session.today()):
        st.page_link(
            POLICIES_PAGE,
            label=f"Version {version.number} of the policy waits for an answer",
            query_params={"version": str(version.number)},
        )


def to_carry_out() -> None:
    """List the approved decisions on which this person has the next move."""
    mine = [decision for decision in session.approved_decisions() if carry_out.moves_of(decision)]
    if not mine:
        return
    st.markdown("**For you to carry out**")
    for decision in mine[:MOST_POINTS]:
        what = f"{ACTION_WORDS[decision.action.value]}: {escape_markdown(decision.subject.name, longest=40)}"
        if st.button(f"{what}, {decision.state.words}", type="tertiary", key=f"ap_carry_out_{decision.id}"):
            view = "views/retraining.py" if decision.action is Action.RETRAIN else "views/approvals.py"
            st.switch_page(view, query_params={"decision": str(decision.id)})
    if len(mine) > MOST_POINTS:
        st.markdown(quiet(f"and {len(mine) - MOST_POINTS} more"))


def bullets(title: str, points: list[str], *, none: str) -> None:
    """List sentences from the registry."""
    listed(title, [escape_markdown(point, longest=220) for point in points], none=none)


def listed(title: str, points: list[str], *, none: str) -> None:
    """List what is markdown already."""
    shown = [f"- {point}" for point in points[:MOST_POINTS]]
    if len(points) > MOST_POINTS:
        shown.append(f"- {quiet(f'and {len(points) - MOST_POINTS} more on the model page')}")
    st.markdown("\n".join([f"**{title}**\n", *shown]) if shown else f"**{title}**\n\n{quiet(none)}")


def arguments(decision: Decision, snapshot: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return what speaks for and against the action: findings that argue for it, and everything that does not."""
    wanted = ACTION_VERDICTS[decision.action.value].value
    findings: list[dict[str, str]] = snapshot["findings"]
    speaks_for = [finding["sentence"] for finding in findings if finding["argues_for"] == wanted]
    said = [str(point) for point in snapshot["against"]]
    against = [point for point in said if not point.startswith(RULED_OUT)]
    # What was ruled out is broken data: it speaks for everything but fixing them.
    ruled_out = [point for point in said if point.startswith(RULED_OUT)]
    (against if decision.action is Action.FIX_DATA else speaks_for).extend(ruled_out)
    verdict = Verdict(str(snapshot["verdict"]))
    if verdict.value != wanted and decision.action.value in {"retrain", "retire", "fix_data"}:
        against.insert(0, f"The verdict is {VERDICT_LABELS[verdict].word}, not {VERDICT_LABELS[Verdict(wanted)].word}.")
    if snapshot.get("basis") == Basis.ESTIMATED.value:
        against.append("It rests on an estimate; the labels are not there yet.")
    neutral = {wanted, Verdict.WATCH.value, Verdict.KEEP.value}
    against += [finding["sentence"] for finding in findings if finding["argues_for"] not in neutral]
    return speaks_for, against


def state_line(decision: Decision, review: Review) -> str:
    given = sum(approval.answer == "approve" for approval in decision.approvals)
    needed = len(decision.quorum)
    steps = {
        "retrain": ["triggered", "outcome"],
        "fix_data": ["in work", "fixed"],
        "retire": ["announced", "closed"],
        "suspend": ["suspended"],
        "reinstate": ["serves again"],
        "accept": [f"expires {short_date(decision.accept_until)}" if decision.accept_until else "expires"],
    }[decision.action.value]
    path = [f"**Proposed {short_date(decision.proposed_on)}**", f"approved ({given} of {needed})", *steps]
    waits = review.waiting_for if decision.state is State.PROPOSED else carry_out.waits_for(decision)
    return f"{path[0]} {quiet('→ ' + ' → '.join(path[1:]))}  \n{small(escape_markdown(waits))}"


def proposal(decision: Decision, review: Review) -> None:
    """Show one proposal: the sentence, where it stands, and the evidence for and against, nothing preselected."""
    snapshot = review.present.snapshot
    verdict = Verdict(str(snapshot["verdict"]))
    label = VERDICT_LABELS[ACTION_VERDICTS[decision.action.value]]
    with st.container(horizontal=True, vertical_alignment="top"):
        mark = f":{label.colour}[{label.mark}]" if label.colour else label.mark
        st.subheader(
            f"{mark}\u2002{ACTION_WORDS[decision.action.value]}: {escape_markdown(decision.subject.name, longest=80)}",
            anchor=False,
        )
        st.page_link(tables.MODEL_PAGE, label="Open the model", query_params={"model": decision.subject.model_id})
    st.markdown(f"Verdict {VERDICT_LABELS[verdict].markdown}: {escape_markdown(snapshot['sentence'], longest=600)}")
    tier = f"tier {decision.subject.tier}" if decision.subject.tier else "tier not set, treated as 1"
    when = due(decision.due_on, today=session.today())
    late = f":red[{when}]" if decision.is_overdue(session.today()) else when
    st.markdown(
        small(
            f"Proposed by {escape_markdown(session.person_name(decision.proposed_by))} on {long_date(decision.proposed_on)}, {tier}"
        )
        + (f" {small('·')} :small[{late}]" if late else "")
        + f"  \n“{escape_markdown(decision.reason, longest=400)}”"
    )
    st.markdown(state_line(decision, review))
    for approval in decision.approvals:
        answer = "Approved" if approval.answer == "approve" else "Rejected"
        comment = f": “{escape_markdown(approval.comment)}”" if approval.comment else ""
        st.markdown(
            small(
                f"{answer} by {escape_markdown(session.person_name(approval.person))} on {short_date(approval.answered_on)}"
            )
            + comment
        )
    if decision.action is Action.RETIRE:
        retirement_plan.show(decision)
    elif decision.action is Action.REINSTATE:
        leaving.undone(decision)
    speaks_for, against = arguments(decision, snapshot)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        bullets("For", speaks_for, none="No finding argues for this action.")
    with middle:
        bullets("Against", against, none="Nothing known speaks against it.")
    with right:
        changes = evidence_comparison(decision.evidence, snapshot) or [
            escape_markdown(change) for change in review.changes
        ]
        listed("Changed since proposed", changes, none="Nothing: evidence, policy and version are as proposed.")
        if review.changes and Move.APPROVE in review.may:
            st.checkbox("I have read what changed", key=read_key(decision, review))
    show_performance(decision, snapshot)


def show_performance(decision: Decision, snapshot: dict[str, Any]) -> None:
    """Show the advantage kept over the last months, so that the argument can be seen."""
    today = session.today()
    _, assessment, history = model_session.model(decision.subject.model_id, known_on=today)
    if assessment is None:
        return
    history = history[history["day"] > today - timedelta(days=CHART_DAYS)]
    wanted = ACTION_VERDICTS[decision.action.value].value
    onsets = [finding["since"] for finding in snapshot["findings"] if finding["argues_for"] == wanted]
    newest = snapshot["measures"].get("newest_labelled_day")
    marks = performance_chart.PerformanceMarks(
        tolerance=tolerance(assessment),
        onset=date.fromisoformat(min(onsets)) if onsets else None,
        verdict=ACTION_VERDICTS[decision.action.value],
        last_labelled=date.fromisoformat(newest) if newest else None,
    )
    judged = model_session.judged(decision.subject.model_id, known_on=assessment.known_on)
    policies = [segment.policy for segment in judged.segments] or [DEFAULT_POLICY]
    yardstick = performance_chart.yardstick_of(assessment, policies[-1])
    chart = performance_chart.performance(history, colours(), marks=marks, yardstick=yardstick, height=CHART_HEIGHT)
    if chart is None:
        return
    st.markdown(
        f"**{yardstick.name}, with 90 % interval** "
        + small(f"28-day windows, {number(snapshot['measures'].get('labels_28'), missing='no')} labels in the last")
    )
    st.plotly_chart(chart.figure, theme=None, config=charts.CONFIG, key=f"ap_chart_{decision.id}", alt=chart.alt)


def read_key(decision: Decision, review: Review) -> str:
    """Return the key of the tick; other evidence needs another tick."""
    return f"ap_read_{decision.id}_{review.present.hash[:12]}"


def approve(decision_id: int, seen_evidence: str, by: str) -> None:
    comment = st.session_state.get("ap_comment", "")
    try:
        decided = decide.approve(
            session.registry(),
            decision_id,
            comment=comment,
            seen_evidence=seen_evidence,
            by=by,
            on=session.today(),
            now=session.now(),
        )
    except ModelfolioError as error:
        complain(str(error))
    else:
        notify(
            "Approved."
            if decided.state is not State.PROPOSED
            else "Your approval counts; the quorum is not complete yet."
        )


def reject(decision_id: int, by: str) -> None:
    try:
        decide.reject(
            session.registry(),
            decision_id,
            comment=st.session_state.get("ap_comment", ""),
            by=by,
            on=session.today(),
            now=session.now(),
        )
    except ModelfolioError as error:
        complain(str(error))
    else:
        notify("Rejected. The proposer sees your comment.")


def withdraw(decision_id: int, by: str) -> None:
    try:
        decide.withdraw(
            session.registry(),
            decision_id,
            comment=st.session_state.get("ap_comment", ""),
            by=by,
            on=session.today(),
            now=session.now(),
        )
    except ModelfolioError as error:
        complain(str(error))
    else:
        notify("Withdrawn.")


def decide_bar(decision: Decision, review: Review) -> None:
    """Show what this person may press, always on screen; the evidence that counts is the one on this screen."""
    by = session.actor_email()
    what = f"{ACTION_WORDS[decision.action.value]}: {escape_markdown(decision.subject.name, longest=40)}"
    with st.bottom, st.container(key="decidebar"):
        if by is None or not review.may & {Move.APPROVE, Move.REJECT, Move.WITHDRAW}:
            st.markdown(f"**{what}**\u2003{quiet(escape_markdown(review.waiting_for))}")
            return
        unread = bool(review.changes) and not st.session_state.get(read_key(decision, review), False)
        with st.form("decide", border=False, enter_to_submit=False, clear_on_submit=True):
            name, comment, buttons = st.columns([1, 1.6, 1.4], vertical_alignment="center")
            name.markdown(f"**{what}**")
            comment.text_input(
                "Comment",
                key="ap_comment",
                placeholder="Comment, kept with the decision (needed to reject)",
                label_visibility="collapsed",
            )
            with buttons.container(horizontal=True, horizontal_alignment="right"):
                if Move.APPROVE in review.may:
                    st.form_submit_button(
                        "Approve",
                        type="primary",
                        shortcut="Ctrl+Enter",
                        disabled=unread or bool(review.blocked_by),
                        help=review.blocked_by
                        or ("Tick that you have read what changed since the proposal." if unread else None),
                        on_click=approve,
                        args=(decision.id, review.present.hash, by),
                    )
                if Move.REJECT in review.may:
                    st.form_submit_button("Reject", on_click=reject, args=(decision.id, by))
                if Move.WITHDRAW in review.may:
                    st.form_submit_button("Withdraw", on_click=withdraw, args=(decision.id, by))


def asked_in_url() -> int | None:
    text = st.query_params.get("decision", "")
    return int(text) if text.isdecimal() and len(text) <= LONGEST_ID else None


def is_somebody_else() -> bool:
    """Whether the visitor acts as another person than a moment ago: what waits for that one comes first again."""
    before = st.session_state.get("ap_person", session.actor_email())
    st.session_state["ap_person"] = session.actor_email()
    return bool(before != session.actor_email())


def page() -> None:
    opened = session.registry()
    waiting = decision_queries.waiting(opened, person=session.actor_email(), on=session.today())
    st.title(heading(waiting), anchor=False, help=glossary.meaning("decision"))
    show_notice()
    asked = None if is_somebody_else() else asked_in_url()
    left, right = st.columns([1, 2.75], gap="medium")
    chosen: int | None = asked
    with left:
        if waiting.empty:
            empty("No proposal is open.", "Propose from a model's page, or tick models in the portfolio.")
        else:
            chosen = queue(waiting, asked)
        policies_waiting()
        to_carry_out()
        leaving.show()
        decided_lately()
    if chosen is None:
        return
    if chosen != asked:
        st.query_params["decision"] = str(chosen)
    with right, st.container(border=True, gap="xsmall"):
        try:
            review = decide.review(opened, chosen, by=session.actor_email(), on=session.today())
        except UnknownDecisionError as error:
            st.markdown(escape_markdown(error))
            return
        proposal(review.decision, review)
    if review.decision.state is State.PROPOSED:
        decide_bar(review.decision, review)
    else:
        carry_out.bar(review.decision)


page()
