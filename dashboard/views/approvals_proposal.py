"""One proposal on one screen: the sentence, where it stands, what was asked, the evidence for and against, the chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import (
    answer_form,
    carry_out,
    challenges,
    charts,
    leaving,
    model_session,
    retirement_plan,
    session,
    tables,
)
from dashboard.argument import for_and_against
from dashboard.model_view import ModelView
from dashboard.performance_chart import performance
from dashboard.presentation import (
    ACTION_VERDICTS,
    ACTION_WORDS,
    VERDICT_LABELS,
    due,
    escape_markdown,
    evidence_comparison,
    long_date,
    short_date,
)
from dashboard.views.model_overview import performance_title
from dashboard.widgets import colours, quiet, small
from monitoring.assessment import Verdict
from monitoring.lifecycle import Action, Move, State

if TYPE_CHECKING:
    from monitoring.decide import Review
    from monitoring.decision import Decision

BAR = "ap"
"""The bar below a proposal, in ``answer_form``."""
MOST_POINTS = 6
CHART_HEIGHT = 220


def bullets(title: str, points: list[str], *, none: str) -> None:
    """List sentences from the registry."""
    listed(title, [escape_markdown(point, longest=220) for point in points], none=none)


def listed(title: str, points: list[str], *, none: str) -> None:
    """List what is markdown already."""
    shown = [f"- {point}" for point in points[:MOST_POINTS]]
    if len(points) > MOST_POINTS:
        shown.append(f"- {quiet(f'and {len(points) - MOST_POINTS} more on the model page')}")
    st.markdown("\n".join([f"**{title}**\n", *shown]) if shown else f"**{title}**\n\n{quiet(none)}")


def state_line(decision: Decision, review: Review) -> str:
    """Return the way of the decision so far and still to go, and whom it waits for."""
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
    if decision.is_escalated(session.today()):
        waits = f"Overdue in tier 1: every approver of every team sees it. Nothing approves it by itself. {waits}"
    return f"{path[0]} {quiet('→ ' + ' → '.join(path[1:]))}  \n{small(escape_markdown(waits, longest=400))}"


def proposal(decision: Decision, review: Review) -> None:
    """Show one proposal: the sentence, where it stands, and the evidence for and against, nothing preselected."""
    # What was approved is shown as it was approved, whatever has come since.
    snapshot = decision.frozen_evidence or review.present.snapshot
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
    who_and_when(decision)
    st.markdown(state_line(decision, review))
    answers(decision)
    asked(decision, review)
    if decision.action is Action.RETIRE:
        retirement_plan.show(decision)
    elif decision.action is Action.REINSTATE:
        leaving.undone(decision)
    speaks_for, against = for_and_against(snapshot, decision.action)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        bullets("For", speaks_for, none="No finding argues for this action.")
    with middle:
        bullets("Against", against, none="Nothing known speaks against it.")
    with right:
        changed(decision, review)
    show_performance(decision)


def asked(decision: Decision, review: Review) -> None:
    """Show what was asked about the proposal and about the findings it rests on, before anybody approves."""
    of_findings = [each for each in review.challenges if each.finding]
    challenges.show(of_findings, key="ap", keyed=challenges.first_to_reply(of_findings))
    # While it is proposed the bar has the buttons for a question.
    questions = [each for each in review.challenges if each.decision]
    is_decided = decision.state is not State.PROPOSED
    challenges.show(questions, key="apq", keyed=None, may_speak=is_decided)


def who_and_when(decision: Decision) -> None:
    """Show who proposed it when and why, and when it is due."""
    tier = f"tier {decision.subject.tier}" if decision.subject.tier else "tier not set, treated as 1"
    when = due(decision.due_on, today=session.today()) if decision.state is State.PROPOSED else ""
    late = f":red[{when}]" if decision.is_overdue(session.today()) else when
    st.markdown(
        small(
            f"Proposed by {escape_markdown(session.person_name(decision.proposed_by))} on {long_date(decision.proposed_on)}, {tier}"
        )
        + (f" {small('·')} :small[{late}]" if late else "")
        + f"  \n“{escape_markdown(decision.reason, longest=400)}”"
    )


def answers(decision: Decision) -> None:
    """Show who approved or rejected it so far."""
    for approval in decision.approvals:
        answer = "Approved" if approval.answer == "approve" else "Rejected"
        comment = f": “{escape_markdown(approval.comment)}”" if approval.comment else ""
        st.markdown(
            small(
                f"{answer} by {escape_markdown(session.person_name(approval.person))} on {short_date(approval.answered_on)}"
            )
            + comment
        )


def changed(decision: Decision, review: Review) -> None:
    """Show what changed since the proposal; who may approve says that they read it."""
    if decision.frozen_evidence:
        day = f" on {short_date(decision.decided_on)}" if decision.decided_on else ""
        st.markdown(
            f"**Evidence**\n\n{quiet(f'Frozen as it was approved{day}; what came later is on the model page.')}"
        )
        return
    changes = evidence_comparison(decision.evidence, review.present.snapshot) or [
        escape_markdown(change) for change in review.changes
    ]
    listed("Changed since proposed", changes, none="Nothing: evidence, policy and version are as proposed.")
    if review.changes and Move.APPROVE in review.may:
        with st.container(key=read_place(decision, review)):
            st.checkbox("I have read what changed", key=read_key(decision, review))


def read_key(decision: Decision, review: Review) -> str:
    """Return the key of the tick; other evidence needs another tick."""
    return f"ap_read_{decision.id}_{review.present.hash[:12]}"


def read_place(decision: Decision, review: Review) -> str:
    """Return the key of the tick's container: the cursor goes there when somebody wants to approve and has not ticked."""
    wants = answer_form.is_open(BAR, decision.id, Move.APPROVE.value)
    return f"{'focus' if wants and is_unread(decision, review) else 'place'}_{read_key(decision, review)}"


def is_unread(decision: Decision, review: Review) -> bool:
    """Whether something changed since the proposal and was not ticked as read."""
    return bool(review.changes) and not st.session_state.get(read_key(decision, review), False)


def show_performance(decision: Decision) -> None:
    """Show the measure the verdict rests on, drawn as on the model page, so that the argument can be seen."""
    today = session.today()
    facts, assessment, history = model_session.model(decision.subject.model_id, known_on=today)
    if assessment is None or history.empty:
        return
    view = ModelView(facts, assessment, history, (), (), (), today, colours(), judge=model_session.judged)
    drawn, yardstick = view.measured
    chart = performance(drawn, view.colours, marks=view.marks, yardstick=yardstick, height=CHART_HEIGHT)
    if chart is None:
        return
    st.markdown(performance_title(assessment, yardstick))
    st.plotly_chart(
        charts.Checked(chart.figure), theme=None, config=charts.CONFIG, key=f"ap_chart_{decision.id}", alt=chart.alt
    )
