"""Standing approvals on the Retraining page: the list, and one of them with what it does, holds back or would have done."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import glossary, session, standing_answer, tables
from dashboard.presentation import escape_markdown, joined, long_date, plural, short_date
from dashboard.standing_form import propose_button
from dashboard.widgets import empty, number_from_url, quiet, show_notice, small
from monitoring.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data_access.standing_queries import Listed
    from monitoring.decide_standing import StandingReview

PARAMETER = "standing"
ANY = "all"
MOST_POINTS = 6
MOST_NAMES = 8
STATES = {
    State.PROPOSED: "Proposed",
    State.APPROVED: "Active",
    State.SUSPENDED: "Suspended itself",
    State.STOPPED: "Stopped",
    State.EXPIRED: "Expired",
    State.REJECTED: "Rejected",
    State.WITHDRAWN: "Withdrawn",
}


def state_words(each: Listed) -> str:
    """Return where a standing approval is; one whose last day is over has expired, whoever has said so yet."""
    standing = each.standing
    if standing.state is State.APPROVED and not standing.is_active(session.today()):
        return STATES[State.EXPIRED]
    return STATES[standing.state]


def heading(found: Sequence[Listed]) -> str:
    """Return the answer the page begins with."""
    active = sum(each.standing.is_active(session.today()) for each in found)
    waiting = len(session.waiting_standing())
    said = [f"{plural(active, 'standing approval')} {'is' if active == 1 else 'are'} active" if active else ""]
    said.append(f"{plural(waiting, 'proposal')} wait{'s' if waiting == 1 else ''} for you" if waiting else "")
    return "; ".join(part for part in said if part) or "No model is retrained without a person"


def page() -> None:
    """Show the standing approvals."""
    found = session.standing_approvals()
    st.title(heading(found), anchor=False, help=glossary.meaning("standing approval"))
    show_notice()
    with st.container(horizontal=True, vertical_alignment="center"):
        choose_view(len(found))
        propose_button()
    if not found:
        empty(
            "A standing approval lets models be retrained without a person: which ones, when, how often and until which day is "
            "approved beforehand by people.",
            "It acts only on realised labels and clean data, and suspends itself after a failure.",
        )
        return
    chosen = table(found)
    st.query_params[PARAMETER] = str(chosen.standing.id)
    review = session.standing_review(chosen.standing.id)
    detail(chosen, review)
    standing_answer.bar(chosen, review)


def choose_view(standing: int) -> None:
    """Show the switch between the retrainings and the standing approvals; the address says which is shown."""
    names = {"": "Retrainings", PARAMETER: f"Standing approvals **{standing}**" if standing else "Standing approvals"}
    st.segmented_control(
        "Shown",
        list(names),
        default=PARAMETER if PARAMETER in st.query_params else "",
        format_func=names.__getitem__,
        key=f"rt_view_{PARAMETER in st.query_params}",
        required=True,
        label_visibility="collapsed",
        on_change=_switch,
        args=(PARAMETER in st.query_params,),
    )


def _switch(showed_standing: bool) -> None:
    for name in (PARAMETER, "decision"):
        st.query_params.pop(name, None)
    if not showed_standing:
        st.query_params[PARAMETER] = ANY


def table(found: Sequence[Listed]) -> Listed:
    """Show one row per standing approval and return the one that is chosen."""
    ids = [each.standing.id for each in found]
    is_any = st.query_params.get(PARAMETER) == ANY
    asked = None if is_any else number_from_url(PARAMETER, "standing approval", ids)
    at = ids.index(asked) if asked is not None else 0
    rows = [
        {
            "No": each.standing.id,
            "State": state_words(each),
            "What it permits": each.standing.envelope.sentence(each.names),
            "Runs this month": f"{each.runs_this_month} of {each.standing.envelope.most_runs}",
            "Last day": each.standing.envelope.expires_on.isoformat(),
            "Approved by": joined([session.person_name(person) for person in each.standing.approvers]),
        }
        for each in found
    ]
    config = st.column_config
    event = st.dataframe(
        pd.DataFrame(rows),
        column_config={
            "No": config.NumberColumn(width=40),
            "State": config.TextColumn(width=120),
            "What it permits": config.TextColumn(width=640),
            "Runs this month": config.TextColumn(width=112),
            "Last day": config.TextColumn(width=90),
            "Approved by": config.TextColumn(width=210),
        },
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(ids), most=5),
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [at], "columns": [], "cells": []}},
        key=tables.table_key(f"sa_table_{asked}" if asked not in ids else "sa_table", [str(number) for number in ids]),
        placeholder="",
        alt="Standing approvals, newest first: what each permits, the runs used, its last day and who approved it.",
    )
    chosen = event.selection.rows
    return found[chosen[0]] if chosen else found[at]


def detail(each: Listed, review: StandingReview) -> None:
    """Show one of them: what it permits, who let it act, what it does or would have done."""
    standing = each.standing
    with st.container(border=True, gap="xsmall"):
        st.subheader(f"Standing approval {standing.id}: {state_words(each).lower()}", anchor=False)
        if standing.ended_because:
            st.markdown(ending(each))
        if each.lapsed:
            st.markdown(f":orange[It starts nothing: {escape_markdown(each.lapsed)}]")
        st.markdown(escape_markdown(standing.envelope.sentence(each.names), longest=900))
        left, right = st.columns([1, 1.35], gap="medium")
        with left:
            people(each)
            models(each)
        with right:
            if standing.state is State.PROPOSED:
                past(review.past, "What it would have done in the last 90 days")
            else:
                runs(each)
                held(each)
                if standing.past:
                    with st.expander("What it would have done before it was approved"):
                        past(standing.past, "As the approver saw it")


def ending(each: Listed) -> str:
    """Return as markdown how it ended; only what went wrong is coloured."""
    standing = each.standing
    by = standing.ended_by if standing.state is State.STOPPED else None
    who = f" by {escape_markdown(session.person_name(by))}" if by else ""
    because = escape_markdown(standing.ended_because, longest=320)
    said = f"{STATES[standing.state]} on {short_date(standing.ended_on)}{who}: {because}"
    return f":red[{said}]" if standing.state is State.SUSPENDED else said


def people(each: Listed) -> None:
    """List who proposed and who answered it."""
    standing = each.standing
    st.markdown("**Who let it act**")
    proposer = escape_markdown(session.person_name(standing.proposed_by))
    why = escape_markdown(standing.reason, longest=400)
    lines = [f"- Proposed by {proposer} on {short_date(standing.proposed_on)}: “{why}”"]
    for answer in standing.approvals:
        said = {"approve": "Approved", "reject": "Rejected"}.get(answer.answer.value, "Answered")
        comment = f": “{escape_markdown(answer.comment, longest=300)}”" if answer.comment else ""
        lines.append(
            f"- {said} by {escape_markdown(session.person_name(answer.person))} on {short_date(answer.answered_on)}{comment}"
        )
    st.markdown("\n".join(lines))


def models(each: Listed) -> None:
    """Name the models inside today."""
    names = [escape_markdown(model.subject.name, longest=60) for model in each.standing.covered]
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    st.markdown(f"**{plural(len(names), 'model')} inside today**  \n{' · '.join(names[:MOST_NAMES])}{more}")


def runs(each: Listed) -> None:
    """List the retrainings under it, each a link to its decision."""
    most = plural(each.standing.envelope.most_runs, "run")
    st.markdown(f"**Retrainings under it** {quiet(f'{each.runs_this_month} of {most} this month used')}")
    for decision in each.decisions[:MOST_POINTS]:
        judged = f", {decision.review.judgement.words}" if decision.review else ""
        st.page_link(
            "views/retraining.py",
            label=f"{short_date(decision.decided_on)}: {escape_markdown(decision.subject.name, longest=60)}, {decision.state.words}{judged}",
            query_params={"decision": str(decision.id)},
        )
    if len(each.decisions) > MOST_POINTS:
        st.markdown(quiet(f"and {len(each.decisions) - MOST_POINTS:,} earlier"))
    if not each.decisions:
        st.markdown(quiet("None yet."))


def held(each: Listed) -> None:
    """Say of every model inside whose verdict is Retrain why it was not retrained today."""
    if not each.standing.is_active(session.today()):
        return
    st.markdown("**Verdict Retrain, and not started today**")
    if not each.held:
        st.markdown(quiet("No model inside has it."))
        return
    lines = [
        f"- {escape_markdown(model.name, longest=60)}: {escape_markdown(model.because, longest=220)}"
        for model in each.held[:MOST_POINTS]
    ]
    if len(each.held) > MOST_POINTS:
        lines.append(f"- {quiet(f'and {len(each.held) - MOST_POINTS:,} more')}")
    st.markdown("\n".join(lines))


def past(said: dict[str, Any], title: str) -> None:
    """Show what an envelope would have done, as evidence for and against approving it."""
    first, last = date.fromisoformat(said["first"]), date.fromisoformat(said["last"])
    started, kept = said["started"], said["held"]
    concerned = len({each["model_id"] for each in started})
    answer = (
        f"It would have started **{plural(len(started), 'retraining')}** of {plural(concerned, 'model')}"
        if started
        else "It would have started **nothing**"
    )
    st.markdown(
        f"**{title}**  \n{answer}. "
        + small(f"{plural(said['models'], 'model')} in service, {short_date(first)} to {long_date(last)}")
    )
    lines = [
        f"- {short_date(date.fromisoformat(each['day']))}: {escape_markdown(each['name'], longest=60)}"
        + (f", {each['lost']} of its advantage lost" if each["lost"] else "")
        for each in started[:MOST_POINTS]
    ]
    if len(started) > MOST_POINTS:
        lines.append(f"- {quiet(f'and {len(started) - MOST_POINTS:,} more')}")
    lines += [
        f"- {quiet('Held back:')} {escape_markdown(each['name'], longest=60)} on {plural(each['days'], 'day')}, most often because: "
        f"{escape_markdown(each['because'], longest=160)}"
        for each in kept[:MOST_POINTS]
    ]
    if len(kept) > MOST_POINTS:
        more = plural(len(kept) - MOST_POINTS, "more model")
        lines.append(f"- {quiet(f'{more} held back')}")
    st.markdown("\n".join(lines))
    st.markdown(
        small(
            "From the assessments as each day knew them. What such a retraining would have changed nobody knows: the days after it "
            "are those of the version that stayed."
        )
    )
