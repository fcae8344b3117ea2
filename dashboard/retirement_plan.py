"""The plan of a retirement: the fields to write it in, and how it is shown, with whatever it lacks, wherever it is decided about."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import glossary, model_session, pressing, session
from dashboard.presentation import capital, escape_markdown, one_line, short_date
from dashboard.pressing import once
from dashboard.widgets import complain, notify, quiet, small
from monitoring import carry_out
from monitoring.errors import ModelfolioError
from monitoring.lifecycle import Move
from monitoring.retirement import ARCHIVED, LONGEST_NOTICE_DAYS, Notified, RetirementPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.decision import Decision
    from monitoring.portfolio import Consumer

MISSING = ":red[**missing**]"
GAP = ":orange[missing]"
PLACES = {
    "artefact": "Where the artefact is archived",
    "code": "Where the code is archived",
    "training_data": "Where the training data are archived",
}


def consumers_text(consumers: Sequence[Notified | Consumer]) -> str:
    """Return consumers as they are written in the form: one a line, a semicolon before the contact."""
    return "\n".join(
        one_line(f"{each.name}; {each.contact}" if each.contact else each.name, longest=210) for each in consumers
    )


def consumers_of(text: str) -> tuple[Notified, ...]:
    """Return the consumers somebody wrote down.

    >>> consumers_of("Gates; gates@example.org")
    (Notified(name='Gates', contact='gates@example.org', acknowledgement=None),)
    """
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, contact = line.partition(";")
        found.append(Notified(name.strip(), contact.strip() or None))
    return tuple(found)


def fields(key: str, *, model_id: str, plan: RetirementPlan | None = None, of_many: bool = False) -> RetirementPlan:
    """Show the fields of a plan and return what they say; ``plan`` is what they hold at first.

    Without a plan the consumers are those of the model's card. A plan of many models takes each model's own.
    """
    today = session.today()
    known = plan or RetirementPlan().with_consumers_of(() if of_many else model_session.consumers(model_id))
    others = model_session.replacements(model_id)
    if known.replacement is not None:
        others = {known.replacement: known.replacement} | others
    other = st.selectbox(
        "Replaced by",
        list(others),
        index=list(others).index(known.replacement) if known.replacement else None,
        format_func=lambda each: one_line(others[each], longest=60),
        placeholder="A registered model",
        key=f"{key}_other",
    )
    why = st.text_input(
        "or why nothing replaces it",
        value=known.why_no_replacement or "",
        placeholder="At least 10 characters",
        key=f"{key}_why",
    )
    sunset_on = st.date_input(
        "Last day of service",
        value=known.sunset_on,
        min_value=min(today, known.sunset_on or today),
        max_value=today + timedelta(days=LONGEST_NOTICE_DAYS),
        key=f"{key}_sunset",
    )
    consumers, unused = "", False
    if of_many:
        st.markdown(quiet("Consumers: those on each model's card."))
    else:
        consumers = st.text_area(
            "Who uses it, one a line: name; contact",
            value=consumers_text(known.consumers),
            placeholder="Gate staffing; gates@example.org",
            height=90,
            key=f"{key}_consumers",
        )
        unused = st.checkbox("Nobody uses it", value=known.nobody_uses_it, key=f"{key}_unused")
    places = {
        name: st.text_input(
            label,
            value=getattr(known, name) or "",
            placeholder="A place or an address; shown as text",
            key=f"{key}_{name}",
        )
        for name, label in PLACES.items()
    }
    return RetirementPlan(
        replacement=other,
        why_no_replacement=why or None,
        sunset_on=sunset_on if isinstance(sunset_on, date) else None,
        consumers=consumers_of(consumers),
        nobody_uses_it=unused,
        **places,
    )


def show(decision: Decision) -> None:
    """Show the plan of a retirement: what is settled, what is missing, and what this person can add to it."""
    plan = decision.plan or RetirementPlan()
    gap = MISSING if decision.blocked_by else GAP
    if decision.blocked_by:
        st.warning(escape_markdown(decision.blocked_by, longest=900), icon=":material/block:")
    with st.container(key="plan", gap="xsmall"):
        title, beside = st.columns([1.2, 1], vertical_alignment="center")
        lacking = "complete" if not decision.lacks else f"{len(decision.lacks)} missing"
        title.markdown(f"**Retirement plan** {quiet(lacking)}", help=glossary.meaning("retirement plan"))
        with beside.container(horizontal=True, horizontal_alignment="right"):
            controls(decision)
        instead, kept, told = st.columns(3, gap="medium")
        for column, settled in ((instead, _settled(decision, plan)), (kept, _kept(plan))):
            column.markdown("\n".join(f"- {quiet(name)} {value or gap}" for name, value in settled))
        told.markdown("\n".join(_told(plan, gap)))


def _settled(decision: Decision, plan: RetirementPlan) -> list[tuple[str, str]]:
    other = model_session.name(plan.replacement) if plan.replacement else ""
    sunset = decision.sunset_on or plan.sunset_on
    last_day = f"{short_date(sunset)} {sunset.year}" if sunset else ""
    if decision.sunset_on and plan.sunset_on and decision.sunset_on != plan.sunset_on:
        last_day += f", approved for {short_date(plan.sunset_on)} {plan.sunset_on.year}"
    instead = f"nothing: {plan.why_no_replacement}" if plan.why_no_replacement else other
    return _escaped([("Replaced by", instead), ("Last day of service", last_day)])


def _kept(plan: RetirementPlan) -> list[tuple[str, str]]:
    return _escaped([(f"{capital(words)} archived at", getattr(plan, name) or "") for name, words in ARCHIVED.items()])


def _escaped(said: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, escape_markdown(value, longest=160) if value else "") for name, value in said]


def _told(plan: RetirementPlan, gap: str) -> list[str]:
    """Return a line for each consumer: the contact, and who acknowledged it when, as whom of ours recorded."""
    if not plan.consumers:
        return [f"- {quiet('Used by')} {'nobody, the proposer says' if plan.nobody_uses_it else gap}"]
    lines = []
    for each in plan.consumers:
        contact = escape_markdown(each.contact, longest=80) if each.contact else f"contact {gap}"
        said = each.acknowledgement
        if said:
            recorded = escape_markdown(session.person_name(said.recorded_by))
            told = f"acknowledged by {escape_markdown(said.by, longest=60)} on {short_date(said.on)} {small(f'recorded by {recorded}')}"
        else:
            told = f"acknowledgement {gap}"
        lines.append(
            f"- {escape_markdown(each.name, longest=60)} {quiet(f'({contact})') if each.contact else f'({contact})'}: {told}"
        )
    return lines


def controls(decision: Decision) -> None:
    """Show what this person can add: the word of a consumer, or what the plan lacks."""
    person, plan = session.actor(), decision.plan or RetirementPlan()
    if person is None:
        return
    may = decision.moves(person)
    silent = [each.name for each in plan.consumers if each.acknowledgement is None]
    if Move.ACKNOWLEDGE in may and silent:
        with st.popover("Record acknowledgement"), st.form(f"ack_{decision.id}", border=False, clear_on_submit=True):
            st.selectbox("Consumer", silent, format_func=lambda each: one_line(each, longest=60), key="ack_of")
            st.text_input("Who said so there", placeholder="Name", key="ack_by")
            st.date_input(
                "On", value=session.today(), min_value=decision.proposed_on, max_value=session.today(), key="ack_on"
            )
            st.form_submit_button(
                "Record", type="primary", key="ack_record", on_click=_acknowledge, args=(decision.id, person.email)
            )
    approved = bool(decision.approvers)
    if Move.AMEND in may and (decision.lacks or not approved):
        label = "Fill in what is missing" if approved else "Change the plan"
        with st.popover(label), st.form(f"plan_{decision.id}", border=False):
            if not approved:
                st.markdown(small("With another last day or replacement every consumer has to acknowledge it anew."))
            # Another plan has other fields: nothing typed over the one before is kept over it.
            key = f"plan_{decision.id}_{plan.hash[:8]}"
            wanted = fields(key, model_id=decision.subject.model_id, plan=plan)
            if pressing.submitted("Keep", type="primary", key="plan_keep", about=plan.hash):
                _amend(decision, wanted, seen=pressing.asked_about(), by=person.email)


@once
def _acknowledge(decision_id: int, by: str) -> None:
    said = st.session_state
    consumer, said_by = said.get("ack_of") or "", said.get("ack_by") or ""
    try:
        carry_out.acknowledge(
            session.registry(),
            decision_id,
            consumer=consumer,
            said_by=said_by,
            said_on=said.get("ack_on") or session.today(),
            by=by,
            on=session.today(),
            now=session.now(),
        )
    except ModelfolioError as error:
        complain(str(error))
    else:
        notify(f"Recorded: {said_by.strip()} for {consumer}.")


def _amend(decision: Decision, plan: RetirementPlan, *, seen: str, by: str) -> None:
    try:
        carry_out.amend(
            session.registry(), decision.id, plan=plan, seen_plan=seen, by=by, on=session.today(), now=session.now()
        )
    except ModelfolioError as error:
        complain(str(error))
    else:
        notify("The plan is changed.")
    st.rerun()
