"""Did what we approved work? Every approved retraining, where it is, and what it brought."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import carry_out, outcome_view, session, standing_view, tables
from dashboard.outcome_words import difference, headline, lines, skill
from dashboard.presentation import duration, escape_markdown, number, percent, plural, short_date
from dashboard.widgets import empty, number_from_url, quiet, show_notice, small
from monitoring.lifecycle import State
from monitoring.outcome import Judgement, records_by_cause
from monitoring.retraining import review_due

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_access.retraining_queries import Retraining, Told

AT_WORK = {State.APPROVED, State.TRIGGERED, State.RUNNING}
REFRESH = "2s"
ANSWER_SHOWN = 600


def heading(found: Sequence[Retraining]) -> str:
    judged = [each for each in found if each.decision.review and each.decision.review.confirmed_by]
    helped = sum(
        each.decision.review is not None and each.decision.review.judgement is not Judgement.NOT_FIXED
        for each in judged
    )
    parts = [f"{helped} of {plural(len(judged), 'retraining')} helped" if judged else ""]
    failed = sum(each.decision.state is State.FAILED for each in found)
    at_work = sum(each.decision.state in AT_WORK for each in found)
    to_judge = sum(is_due(each) for each in found)
    parts += [f"{failed} failed" if failed else "", f"{at_work} under way" if at_work else ""]
    parts += [f"{plural(to_judge, 'outcome')} to judge" if to_judge else ""]
    said = [part for part in parts if part]
    return "; ".join(said) if said else f"{plural(len(found), 'retraining')}; nothing to judge yet"


def is_due(each: Retraining) -> bool:
    settles_on = each.decision.settles_on
    return each.decision.state is State.SUCCEEDED and settles_on is not None and settles_on <= session.today()


def is_under_way(each: Retraining) -> bool:
    """Whether something may move at any moment: it is with the pipeline, or the worker still waits for the pipeline's end."""
    return each.decision.state in AT_WORK or (each.trigger is not None and each.trigger.state == "sending")


def is_silent(each: Retraining) -> str:
    """Return since how long nothing was heard of a training that somebody waits for, when that is too long."""
    last = each.last_word()
    if each.decision.state not in {State.TRIGGERED, State.RUNNING} or last is None:
        return ""
    silent = session.now() - last
    allowed = timedelta(hours=session.settings().trigger_silence_hours)
    return f"no report for {duration(silent)}" if silent >= allowed else ""


def state_words(each: Retraining) -> str:
    decision = each.decision
    if decision.state is State.CLOSED:
        return decision.review.judgement.words.capitalize() if decision.review else "Given up"
    if silent := is_silent(each):
        return f"{decision.state.words.capitalize()}, {silent}"
    if decision.state is State.SUCCEEDED and decision.settles_on and session.today() < decision.settles_on:
        return f"Settling until {short_date(decision.settles_on)}"
    due_on = review_due(decision)
    if due_on is not None:
        late = "overdue" if due_on < session.today() else "to judge"
        return f"Trained, outcome {late}"
    if decision.state is State.APPROVED:
        return "Waiting for the pipeline"
    return decision.state.words.capitalize()


def rows_of(found: Sequence[Retraining]) -> pd.DataFrame:
    shown = []
    for each in found:
        decision, best = each.decision, headline(each.measured)
        old = (decision.frozen_evidence or decision.evidence).get("version") or ""
        shown.append(
            {
                "Model": decision.subject.name,
                "Where it is": state_words(each),
                "Since": short_date(decision.state_on),
                "Approved": short_date(decision.decided_on),
                "Version": f"{old} → {decision.new_version}" if decision.new_version else old,
                "Skill before": skill(best.before) if best else "",
                "Skill after": skill(best.after) if best else "",
                "Change, points [90 %]": difference(best) if best else "",
                "Because of": each.cause,
            }
        )
    return pd.DataFrame(shown)


def table(found: Sequence[Retraining], asked: int | None) -> Retraining:
    ids = [each.decision.id for each in found]
    at = ids.index(asked) if asked is not None else 0
    config = st.column_config
    event = st.dataframe(
        rows_of(found),
        column_config={
            "Model": config.TextColumn(width=230),
            "Where it is": config.TextColumn(width=220),
            "Since": config.TextColumn(width=70),
            "Approved": config.TextColumn(width=80),
            "Version": config.TextColumn(width=90),
            "Skill before": config.TextColumn(width=90),
            "Skill after": config.TextColumn(width=84),
            "Change, points [90 %]": config.TextColumn(width=160),
            "Because of": config.TextColumn(width=170),
        },
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(ids), most=6),
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [at], "columns": [], "cells": []}},
        key=tables.table_key("rt_table", [str(number) for number in ids]),
        placeholder="",
        alt="Approved retrainings, the newest first: where each is and what it brought.",
    )
    rows = event.selection.rows
    return found[rows[0]] if rows else found[at]


def path(each: Retraining) -> None:
    """Show the states it went through with the time in each."""
    st.markdown("**The way so far**")
    said = []
    for step, following in zip(each.steps, [*each.steps[1:], None], strict=False):
        if following is not None:
            took = quiet(f"for {duration(following.at - step.at)}")
        else:
            took = quiet("now") if step.state.is_open else ""
        said.append(f"- {step.state.words.capitalize()} on {short_date(step.on)} {took}")
    st.markdown("\n".join(said))
    if session.clock():
        st.markdown(small("The days are the demo's, the durations real."))


def handing_over(each: Retraining) -> None:
    """Show what the trigger met with, and what the pipeline said."""
    st.markdown("**The pipeline**")
    trigger, said = each.trigger, []
    if trigger is None or trigger.target is None:
        said.append(
            "Not handed over yet. A pipeline has to be set up for this model and the trigger worker has to run."
        )
    else:
        where = escape_markdown(trigger.target)
        attempts = f", {plural(trigger.tries, 'attempt')}" if trigger.tries > 1 else ""
        runs = f", run {trigger.run}" if trigger.run > 1 else ""
        has_it = trigger.state == "sending" and bool(each.reports)
        done = {
            "waiting": "is tried again soon by",
            "sending": "is being handed to",
            "delivered": "was handed to",
            "offered": "is offered in the table to",
            "failed": "could not be handed to",
        }["delivered" if has_it else trigger.state]
        said.append(f"It {done} {where}{runs}{attempts}.")
    if silent := is_silent(each):
        said.append(f":red[▲ {silent.capitalize()}.]")
    st.markdown("  \n".join(said))
    if trigger is not None and trigger.response and trigger.state in {"failed", "waiting"}:
        st.markdown(f"> {escape_markdown(trigger.response, longest=ANSWER_SHOWN)}")
    if each.reports:
        st.markdown("\n".join(report_line(told) for told in each.reports))


def report_line(told: Told) -> str:
    refused = f" :red[refused: {escape_markdown(told.refusal)}]" if told.refusal else ""
    version = f", version {escape_markdown(told.version)}" if told.version else ""
    message = f": {escape_markdown(told.message)}" if told.message else ""
    numbers = "; ".join(f"{escape_markdown(name)} {metric(value)}" for name, value in told.metrics.items())
    return (
        f"- {told.at:%H:%M:%S} UTC, {told.report}{version} {quiet(f'by {told.channel}')}{message}{refused}"
        f"{' ' + small(numbers) if numbers else ''}"
    )


def metric(value: Any) -> str:
    if isinstance(value, int | float):
        return number(float(value), digits=0 if float(value).is_integer() else 4 if abs(value) < 1 else 2)
    return escape_markdown(value, longest=60)


def detail(each: Retraining) -> None:
    decision = each.decision
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="top"):
            st.subheader(escape_markdown(decision.subject.name, longest=80), anchor=False)
            st.page_link(tables.MODEL_PAGE, label="Open the model", query_params={"model": decision.subject.model_id})
            if decision.standing_approval is not None:
                st.page_link(
                    "views/retraining.py",
                    label="Open the standing approval",
                    query_params={standing_view.PARAMETER: str(decision.standing_approval)},
                )
        approvers = " and ".join(escape_markdown(session.person_name(person)) for person in decision.approvers)
        st.markdown(
            small(
                f"Decision {decision.id}, proposed by {escape_markdown(session.person_name(decision.proposed_by))}, "
                f"approved by {approvers or 'nobody'}"
            )
            + f"  \n“{escape_markdown(decision.reason, longest=400)}”"
        )
        left, middle, right = st.columns([1.7, 1.5, 1], gap="medium")
        with left:
            outcome_view.show(each)
        with middle:
            handing_over(each)
        with right:
            path(each)
    carry_out.bar(decision)


def shares(found: Sequence[Retraining]) -> None:
    ended = [
        (each.cause, each.decision.review.judgement if each.decision.review else None)
        for each in found
        if each.decision.state is State.CLOSED
    ]
    if not ended:
        return
    st.markdown("**What our retrainings were worth, by cause**")
    rows = [
        {
            "Because of": record.cause.capitalize(),
            "Helped": f"{percent(record.helped)} of {record.reviewed}" if record.reviewed else "none judged",
            "Fixed": record.fixed,
            "Partly": record.partly,
            "Not fixed": record.not_fixed,
            "Given up": record.given_up,
        }
        for record in records_by_cause(ended)
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="content",
        placeholder="",
        key="rt_shares",
        alt="Share of retrainings that helped, by cause.",
    )


def told_so_far(found: Sequence[Retraining]) -> list[object]:
    """Return what tells whether something moved; other writes to the registry, such as an assessment's, do not."""
    return [
        (
            each.decision.id,
            each.decision.state,
            each.trigger and each.trigger.state,
            len(each.reports),
            lines(each.measured),
        )
        for each in found
    ]


@st.fragment(run_every=REFRESH)
def watch(shown: list[object]) -> None:
    """Look every other second whether something moved, while a retraining is under way."""
    if told_so_far(session.retrainings()) != shown:
        st.rerun()


def page() -> None:
    if standing_view.PARAMETER in st.query_params:
        standing_view.page()
        return
    found = session.retrainings()
    if not found:
        st.title("No retraining has been approved yet", anchor=False)
        show_notice()
        standing_view.choose_view(len(session.standing_approvals()))
        empty(
            "Approved retrainings are handed to your pipeline and stand here with what they brought.",
            "Propose one from a model's page.",
        )
        return
    st.title(heading(found), anchor=False)
    show_notice()
    standing_view.choose_view(len(session.standing_approvals()))
    known = {each.decision.id for each in found}
    chosen = table(found, number_from_url("decision", "retraining", known))
    st.query_params["decision"] = str(chosen.decision.id)
    detail(chosen)
    shares(found)
    if any(is_under_way(each) for each in found):
        watch(told_so_far(found))


page()
