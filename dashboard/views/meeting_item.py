"""One item of a meeting on one screen: what and why now, the evidence for and against, what doing nothing costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import (
    charts,
    meeting_session,
    model_session,
    outcome_view,
    performance_chart,
    policy_view,
    portfolio_session,
    session,
    tables,
)
from dashboard.meeting_evidence import LONGEST_POINT, brief, points
from dashboard.model_view import ModelView
from dashboard.presentation import (
    ACTION_NOUNS,
    VERDICT_LABELS,
    due,
    escape_markdown,
    number,
    plural,
)
from dashboard.views import meeting_stands
from dashboard.widgets import colours, quiet
from data_access import meeting_queries, policy_queries
from data_access.portfolio_filter import PortfolioFilter
from monitoring.assessment import Verdict
from monitoring.errors import UnknownPolicyError
from monitoring.lifecycle import Action
from monitoring.meeting_agenda import Rule
from monitoring.standing_approval import StandingApproval

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamlit.delta_generator import DeltaGenerator

    from data_access.model_queries import ModelFacts
    from monitoring.decision import Decision
    from monitoring.meeting import Item, Meeting

    Beside = Callable[[Meeting, Item], None]

CHART_HEIGHT, LOW_CHART_HEIGHT = 222, 148
"""In pixels; the plan of a retirement has its place below a lower chart."""
LARGER = 1.3
MOST_POINTS, MOST_MODELS = 2, 8
LONGEST_SENTENCE, LONGEST_HEADLINE, LONGEST_WHY = 260, 170, 190
LONGEST_BLOCK = 400


def show(meeting: Meeting, item: Item, *, beside: Beside | None) -> None:
    """Show the item; with ``beside`` the forms of the minutes stand where the evidence does."""
    if item.action_id:
        _of_action(meeting, item, beside)
    elif item.policy_number:
        _of_policy(meeting, item, beside)
    elif item.model_id:
        _of_model(meeting, item, beside)
    else:
        _of_many(meeting, item, beside)


def _of_model(meeting: Meeting, item: Item, beside: Beside | None) -> None:
    today = session.today()
    facts, assessment, history = model_session.model(str(item.model_id), known_on=today)
    matter = meeting_session.matter(meeting, item)
    decision = matter.on_table
    st.title(escape_markdown(facts.name, longest=60), anchor=False)
    if assessment is None:
        st.header("Never assessed.", anchor=False)
    else:
        label = VERDICT_LABELS[assessment.verdict]
        sentence = escape_markdown(headline(assessment.sentence), longest=LONGEST_SENTENCE)
        st.header(f"{label.markdown}. {sentence}", anchor=False)
    st.markdown(f"**Why now** {quiet(escape_markdown(why_now(item), longest=LONGEST_WHY))}")
    left, right = st.columns([1.7, 1], gap="large")
    with left:
        is_leaving = decision is not None and decision.action is Action.RETIRE and decision.state.is_open
        _chart(item, facts, assessment, history, height=LOW_CHART_HEIGHT if is_leaving else CHART_HEIGHT)
        meeting_stands.show(meeting, item, matter)
    with right:
        if beside:
            beside(meeting, item)
        else:
            with st.container(key="mt_evidence", gap="xsmall"):
                if not _outcome(decision):
                    _evidence(item, decision)


def _next_to(meeting: Meeting, item: Item, beside: Beside | None) -> DeltaGenerator:
    """Return the place of what an item says: the whole width, or next to the forms of the minutes."""
    if not beside:
        return st.container()
    left, right = st.columns([1.7, 1], gap="large")
    with right:
        beside(meeting, item)
    return left


def why_now(item: Item) -> str:
    """Return why the item is on the agenda; of a new verdict without its reason, which is the headline."""
    first, _, _ = item.why.partition(". ")
    return f"{first}." if item.rule == Rule.NEW_VERDICT else item.why


def headline(sentence: str) -> str:
    """Return a verdict's sentence, of one that would fill the screen its first part only."""
    first, _, rest = sentence.partition(". ")
    return f"{first}." if rest and len(sentence) > LONGEST_HEADLINE else sentence


def _outcome(decision: Decision | None) -> bool:
    """Show what a retraining brought, once there is a new version: that is what people judge then."""
    if decision is None or decision.new_version is None:
        return False
    found = next((each for each in session.retrainings() if each.decision.id == decision.id), None)
    if found is not None:
        outcome_view.show(found, aside=quiet)
    return found is not None


def _evidence(item: Item, decision: Decision | None) -> None:
    snapshot = meeting_session.evidence(str(item.model_id))
    speaks_for, against = points(snapshot, decision.action if decision else None)
    _points(
        f"For {ACTION_NOUNS[decision.action.value]}" if decision else "For",
        speaks_for,
        none="No finding argues for it.",
    )
    _points("Against", against, none="Nothing known speaks against it.")


def _points(title: str, points: list[str], *, none: str) -> None:
    shown = [f"- {escape_markdown(brief(point), longest=LONGEST_POINT)}" for point in points[:MOST_POINTS]]
    more = f" {quiet(f'and {len(points) - MOST_POINTS} more')}" if len(points) > MOST_POINTS else ""
    st.markdown("\n".join([f"**{title}**{more}\n", *(shown or [f"- {quiet(none)}"])]))


def _chart(item: Item, facts: ModelFacts, assessment: Any, history: Any, *, height: int) -> None:
    """Show the measure the verdict rests on, drawn as on the model page, as large as a projector needs it."""
    if assessment is None or history.empty:
        st.markdown(quiet("No day of this model was assessed yet."))
        return
    today = session.today()
    view = ModelView(facts, assessment, history, (), (), (), today, colours(), judge=model_session.judged)
    drawn, yardstick = view.measured
    chart = performance_chart.performance(
        drawn, view.colours, marks=view.marks, yardstick=yardstick, height=round(height / LARGER)
    )
    if chart is None:
        st.markdown(quiet("Its performance cannot be drawn: there are neither labels nor estimates in these months."))
        return
    labels = number(assessment.measures.labels_28, missing="no")
    with st.container(key="mt_chart_title"):
        st.markdown(f"**{yardstick.name}** {quiet(f'90 % interval, 28-day windows, {labels} labels in the last')}")
    st.plotly_chart(
        charts.enlarged(chart.figure, LARGER),
        theme=None,
        config=charts.CONFIG,
        key=f"mt_chart_{item.id}",
        alt=chart.alt,
    )


def _of_action(meeting: Meeting, item: Item, beside: Beside | None) -> None:
    action = meeting_queries.action(session.registry(), item.action_id or 0)
    today = session.today()
    st.title(escape_markdown(action.what, longest=90), anchor=False)
    when = due(action.due_on, today=today)
    late = f":red[{when}]" if action.is_overdue(today) else when
    st.header(f"{escape_markdown(session.person_name(action.assignee))}, {late}: {action.state.words}", anchor=False)
    with _next_to(meeting, item, beside):
        if action.evidence:
            st.markdown(f"**What shows it**\n\n{escape_markdown(action.evidence, longest=900)}")
        if action.answer:
            st.markdown(f"**Answer**\n\n{escape_markdown(action.answer, longest=400)}")
        if not action.evidence:
            st.markdown(quiet("It has not been reported done, so there is nothing to confirm."))
        st.markdown(quiet("It closes with evidence, and when somebody else than whom it was given to confirms it."))


def _of_policy(meeting: Meeting, item: Item, beside: Beside | None) -> None:
    st.title(escape_markdown(item.title), anchor=False)
    st.header(escape_markdown(item.why, longest=LONGEST_SENTENCE), anchor=False)
    with _next_to(meeting, item, beside):
        try:
            version = policy_queries.version(session.registry(), item.policy_number or 0)
            base = policy_queries.version(session.registry(), version.based_on or 1)
        except UnknownPolicyError as error:
            st.markdown(quiet(escape_markdown(error)))
        else:
            st.markdown(
                policy_view.differences_list(version.differences(base)[:MOST_MODELS], against=base.number, aside=quiet)
            )
        meeting_session.way_to("views/policies.py", label="See what it would change", version=str(item.policy_number))
        meeting_stands.show(meeting, item, meeting_session.matter(meeting, item))


def _of_many(meeting: Meeting, item: Item, beside: Beside | None) -> None:
    """Show an item about many models, or about none: in words, and with the first of its models."""
    st.title(escape_markdown(item.title, longest=90), anchor=False)
    if item.why:
        st.header(escape_markdown(item.why, longest=LONGEST_SENTENCE), anchor=False)
    with _next_to(meeting, item, beside):
        _models(item)
        if item.standing_number:
            _of_standing(meeting, item)
        if item.shift_day:
            meeting_session.way_to(tables.SHIFTS_PAGE, label="See the shift", shift=item.shift_day.isoformat())


def _of_standing(meeting: Meeting, item: Item) -> None:
    """Say what a standing approval permits, and who can approve it."""
    matter, number = meeting_session.matter(meeting, item), str(item.standing_number)
    if isinstance(matter.other, StandingApproval):
        names = {model.subject.model_id: model.subject.name for model in matter.other.covered}
        st.markdown(escape_markdown(matter.other.envelope.sentence(names), longest=LONGEST_BLOCK))
    meeting_session.way_to("views/retraining.py", label="Open the standing approval", standing=number)
    meeting_stands.show(meeting, item, matter)


def _models(item: Item) -> None:
    if not item.model_ids:
        return
    known = portfolio_session.listed(PortfolioFilter(model_ids=item.model_ids))
    rows = tables.records(portfolio_session.rows(known[:MOST_MODELS]))
    lines = [
        f"{VERDICT_LABELS[Verdict(row.verdict)].markdown}\u2002**{escape_markdown(row.name, longest=50)}** "
        f"{quiet(escape_markdown(row.reason) if isinstance(row.reason, str) else 'never assessed')}"
        for row in rows
    ]
    lines += [quiet(f"and {plural(len(known) - MOST_MODELS, 'more model')}")] if len(known) > MOST_MODELS else []
    st.markdown("  \n".join(lines))
