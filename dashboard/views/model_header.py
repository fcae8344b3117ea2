"""The head of the model page: where it stands in the list, its verdict in one sentence, its facts, and what limits the rest."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import challenges, glossary, model_list, session
from dashboard.fact_words import shown_facts
from dashboard.presentation import (
    ACTION_NOUNS,
    BASIS_WORDS,
    VERDICT_LABELS,
    escape_markdown,
    instant,
    joined,
    long_date,
    plural,
    shift_sentence,
    short_date,
)
from dashboard.propose import VERDICT_ACTIONS, propose_button
from dashboard.views import model_service as service
from dashboard.widgets import empty, quiet, remember_in_url, small
from data_access.model_timeline import is_open
from monitoring.assessment import Basis, Verdict
from monitoring.lifecycle import Action, State
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from data_access.model_queries import ModelFacts
    from monitoring.assessment import Assessment
    from monitoring.decision import Decision

EARLIEST = date(2000, 1, 1)
STALE_AFTER_DAYS = 2
LONGEST_FACT = 46
LONGEST_SENTENCE = 600
LONGEST_TOLD = 120
NOT_REAL = ("Simulated", "Invented")
"""Facts of a card that say what of it is not real; shown wherever the others are."""
OF_ONE_MODEL = ("feature", "day")
"""Parameters of the address that name something of one model."""
SHIFTS_PAGE = Path(__file__).parent / "shifts.py"


def asked_day(today: date) -> date:
    """Return the day of the address, today when it names none or one that cannot be chosen."""
    try:
        asked = date.fromisoformat(st.query_params.get("as_known_on", ""))
    except ValueError:
        return today
    return asked if EARLIEST <= asked <= today else today


def neighbours(model_id: str) -> None:
    """Show where the model stands in the list and the way to the next; the arrow keys do the same."""
    ids, which = model_list.list_around(model_id)
    at = ids.index(model_id) if model_id in ids else None
    if at is None or len(ids) < 2:  # noqa: PLR2004 - a list of one has no next
        return
    st.markdown(small(f"{at + 1:,} of {len(ids):,}"), width="content")
    for label, to, key in (("Previous", at - 1, "Left"), ("Next", at + 1, "Right")):
        there = 0 <= to < len(ids)
        st.button(
            label,
            key=f"m_{label.lower()}",
            type="tertiary",
            shortcut=key,
            help=which,
            disabled=not there,
            on_click=show_instead,
            args=(ids[to] if there else model_id,),
        )


def show_instead(model_id: str) -> None:
    """Show another model in the same tab, as known on the same day; what was chosen of this one is forgotten."""
    st.query_params["model"] = model_id
    for name in OF_ONE_MODEL:
        st.query_params.pop(name, None)


def day_control(today: date) -> None:
    """Show the link to pass on and the day as of which everything is shown."""
    with st.popover("Copy link", type="tertiary"):
        st.code(permalink(), language=None)
    st.markdown(small("As known on"), width="content")
    key = f"m_known_on_{today.isoformat()}"
    st.date_input(
        "As known on",
        value=asked_day(today),
        max_value=today,
        min_value=EARLIEST,
        format="YYYY-MM-DD",
        key=key,
        label_visibility="collapsed",
        width=136,
        on_change=lambda: remember_in_url("as_known_on", _as_text(st.session_state[key], today)),
    )


def _as_text(day: object, today: date) -> str:
    return day.isoformat() if isinstance(day, date) and day != today else ""


def permalink() -> str:
    """Return the address that shows the same thing to the next person."""
    address = st.context.url or ""
    asked = "&".join(f"{name}={value}" for name, value in st.query_params.items())
    return f"{address.split('?')[0]}?{asked}"


def looking_back(view: ModelView, today: date) -> None:
    """Mark the page when it shows an earlier day."""
    if view.known_on < today:
        st.warning(
            f"As known on {long_date(view.known_on)}. Rows, labels, verdicts and decisions that came later are left out; the card’s "
            "facts are today’s.",
            icon=":material/history:",
        )


def headline(assessment: Assessment | None, facts: ModelFacts) -> str:
    """Return the verdict and its sentence, as a chairperson reads it aloud."""
    if assessment is None:
        label = VERDICT_LABELS[Verdict.UNKNOWN]
        why = "No log is mapped to it." if not facts.has_log else "It has never been assessed."
        return f":{label.colour}[**{label.text}.**] {why}"
    label = VERDICT_LABELS[assessment.verdict]
    head = f"**{label.text}.**"
    coloured = f":{label.colour}[{head}]" if label.colour else head
    said = escape_markdown(assessment.sentence, longest=LONGEST_SENTENCE)
    if facts.service_state is ServiceState.RETIRED:
        return f"**Retired.** Its last verdict was {label.markdown}: {said}"
    return f"{coloured} {said}"


def rests_on(view: ModelView) -> None:
    """Say on what the verdict rests, since when it holds, which day it is about, and what of the model is not real."""
    assessment, facts = view.assessment, dict(view.facts.facts)
    parts = []
    if assessment is not None:
        days = (assessment.day - assessment.in_verdict_since).days + 1
        parts = [
            f"Rests on {BASIS_WORDS[assessment.basis]}",
            f"held for {plural(days, 'day')}, since {short_date(assessment.in_verdict_since)}",
            f"assessed for {long_date(assessment.day)}",
            f"policy {escape_markdown(assessment.policy_version)}",
        ]
        if assessment.basis is Basis.ESTIMATED:
            parts.append("an estimate cannot see a changed relation between inputs and labels")
    said = " · ".join(parts)
    not_real = " ".join(f"{name}: {escape_markdown(facts[name], longest=400)}" for name in NOT_REAL if name in facts)
    if said or not_real:
        st.markdown(small("  \n".join(part for part in (said, not_real) if part)))


def actions(view: ModelView, *, today: date) -> None:
    """Show what can be done from here; looking back, nothing can."""
    if view.known_on < today:
        st.button(
            "Back to today", on_click=lambda: remember_in_url("as_known_on", ""), icon=":material/today:", key="m_today"
        )
        return
    verdict = view.assessment.verdict if view.assessment else Verdict.UNKNOWN
    is_out = view.facts.service_state is not ServiceState.IN_SERVICE
    action = Action.REINSTATE if is_out else VERDICT_ACTIONS.get(verdict)
    already = {decision.action for decision in view.decisions if decision.state.is_open}
    if action is None or action in already:
        propose_button([view.facts.id], label="Propose", primary=False)
    else:
        propose_button(
            [view.facts.id], label=f"Propose {ACTION_NOUNS[action.value]}", primary=not is_out, action=action
        )


def challenged(view: ModelView) -> None:
    """Say beside the verdict which findings are questioned and where that stands; every word is at the finding."""
    for challenge in view.challenges_beside:
        # The doubt, the newest answer and, once it is closed, the last word.
        told = [challenge.began, *filter(None, [challenge.answer])]
        told += [] if challenge.is_open or challenge.entries[-1] in told else [challenge.entries[-1]]
        words = "; ".join(
            f"{escape_markdown(session.person_name(entry.person))} {entry.turn.said} on {short_date(entry.said_on)}"
            + (f": “{escape_markdown(entry.text, longest=LONGEST_TOLD)}”" if entry.text else "")
            for entry in told
        )
        st.markdown(f"{challenges.title(challenge)}\u2003{quiet(words)}")


def open_decisions(view: ModelView) -> None:
    """Show the decisions under way with the way to them; the key O leads to the first."""
    shortcut: str | None = "O"
    for decision in view.decisions:
        if not decision.state.is_open:
            continue
        what = f"{ACTION_NOUNS[decision.action.value].capitalize()}: {decision.state.words}"
        if decision.accept_until is not None:
            what += f" until {long_date(decision.accept_until)}"
        elif decision.sunset_on is not None:
            what += f", last day {long_date(decision.sunset_on)}"
        line, link = st.columns([6, 1], vertical_alignment="center")
        by = escape_markdown(session.person_name(decision.proposed_by))
        # "Proposed" stands before it already.
        by = f"by {by}" if decision.state is State.PROPOSED else f"proposed by {by}"
        line.markdown(
            f"**{what}** {quiet(f'{by} on {short_date(decision.proposed_on)}{_approved_by(decision)}: {escape_markdown(decision.reason, longest=140)}')}"
        )
        with link.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Open decision", key=f"m_decision_{decision.id}", type="tertiary", shortcut=shortcut):
                st.switch_page("views/approvals.py", query_params={"decision": str(decision.id)})
        shortcut = None


def _approved_by(decision: Decision) -> str:
    names = [escape_markdown(session.person_name(person)) for person in decision.approvers]
    return f", approved by {joined(names)}" if names else ""


def open_shifts(view: ModelView) -> None:
    """Say which portfolio shift the model is part of, with the way to it."""
    for spell in view.shifts:
        if not is_open(spell, on=view.known_on):
            continue
        line, link = st.columns([6, 1], vertical_alignment="center")
        line.markdown(
            f"**Part of a portfolio shift since {short_date(spell.first)}.** {shift_sentence(spell.shift)}",
            help=glossary.meaning("portfolio shift"),
        )
        if SHIFTS_PAGE.exists():
            link.container(horizontal=True, horizontal_alignment="right").page_link(
                SHIFTS_PAGE,
                label="Open shift",
                icon=":material/hub:",
                query_params={"shift": spell.shift.day.isoformat()},
            )


def fact_strip(view: ModelView) -> None:
    """Show what the model is, in one line, and everything its card says behind it."""
    facts, assessment = view.facts, view.assessment
    shown = shown_facts(facts, assessment)
    with st.container(key="facts"):
        *columns, card = st.columns([1.75, 2.75, 0.75, 0.95, 1.1, 0.75, 1.3, 0.65], gap="small")
        for column, (name, value) in zip(columns, shown.items(), strict=True):
            help_text = escape_markdown(value, longest=600) if len(value) > LONGEST_FACT else None
            column.markdown(f"{small(name)}  \n{escape_markdown(value, longest=LONGEST_FACT)}", help=help_text)
        with card.popover("Card", type="tertiary"):
            known_facts(facts)


def known_facts(facts: ModelFacts) -> None:
    """Show what its card says, in full."""
    shown = {
        "Purpose": facts.purpose,
        "Use case": facts.use_case,
        "Business line": facts.business_line,
        "Task": facts.task,
        "Cadence": facts.cadence,
        "Time zone": facts.timezone,
        "Superseded by": f"{facts.superseded_by.name} since {facts.superseded_by.since}"
        if facts.superseded_by
        else None,
        "Used by": "; ".join(f"{c.name}{f' ({c.contact})' if c.contact else ''}" for c in facts.consumers) or None,
        "Features": plural(len(facts.features), "feature"),
        **dict(facts.facts),
    }
    lines = [
        f"- {quiet(escape_markdown(name))} {escape_markdown(value, longest=600)}"
        for name, value in shown.items()
        if value
    ]
    st.markdown("**What its card says**\n\n" + "\n".join(lines))


def warnings(view: ModelView) -> None:
    """Say what makes the rest of the page less than it seems."""
    facts, assessment = view.facts, view.assessment
    service.show(view)
    if facts.last_error:
        since = f" ({instant(facts.last_error_at)})" if facts.last_error_at else ""
        st.error(
            f"The last assessment failed{since}: {escape_markdown(facts.last_error, longest=500)}",
            icon=":material/error:",
        )
    if assessment and (view.known_on - assessment.day).days > STALE_AFTER_DAYS:
        age = plural((view.known_on - assessment.day).days, "day")
        st.info(
            f"Stale: last assessed for {short_date(assessment.day)}, {age} before. The verdict is of that day.",
            icon=":material/schedule:",
        )
    if not facts.has_log:
        empty("No log is mapped, so nothing can be judged.", command="modelfolio map path/to/model.json")
