"""Whether a model is in service: since when it is not, by whose decision, what took over, and whether it is scored all the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import model_session, session
from dashboard.presentation import escape_markdown, joined, long_date, plural, short_date
from dashboard.widgets import small
from monitoring.lifecycle import Action, State
from monitoring.portfolio import ServiceState
from monitoring.retirement import ARCHIVED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from dashboard.model_view import ModelView
    from data_access.model_queries import ModelFacts
    from monitoring.decision import Decision
    from monitoring.zombie import Zombie


def show(view: ModelView) -> None:
    """Show where a model that is out of service stands, and say loudly when it is scored after its last day."""
    facts = view.facts
    zombie, watched = model_session.zombie(facts.id, known_on=view.known_on)
    decision = _taken_out_by(view)
    if zombie is not None:
        st.error(_zombie_words(zombie, decision), icon=":material/error:")
    if facts.service_state is ServiceState.IN_SERVICE:
        return
    st.info(
        "  \n".join(_service_words(view, decision, quiet_to=None if zombie or watched.error else watched.looked_to)),
        icon=":material/info:",
    )
    if facts.service_state is ServiceState.RETIRED and watched.error:
        st.warning(
            f"Its log cannot be looked at, so nobody can tell whether it is still scored: {escape_markdown(watched.error, longest=400)}",
            icon=":material/warning:",
        )


def as_known(facts: ModelFacts, decisions: Sequence[Decision], *, known_on: date) -> ModelFacts:
    """Return the facts with the service state of a day: whatever took the model out of service later had not."""
    last = _newest(decisions, facts.service_state)
    if (
        facts.service_state is ServiceState.IN_SERVICE
        or last is None
        or last.state_on is None
        or last.state_on <= known_on
    ):
        return facts
    return replace(facts, service_state=ServiceState.IN_SERVICE)


def _taken_out_by(view: ModelView) -> Decision | None:
    """Return the newest decision by which the model is taken out of service."""
    return _newest(view.decisions, view.facts.service_state)


def _newest(decisions: Sequence[Decision], state: ServiceState) -> Decision | None:
    wanted = {
        ServiceState.SUSPENDED: (Action.SUSPEND, {State.SUSPENDED}),
        ServiceState.RETIRED: (Action.RETIRE, {State.CLOSED}),
        ServiceState.IN_SERVICE: (Action.RETIRE, {State.ANNOUNCED, State.DUE}),
    }
    action, states = wanted[state]
    found = [each for each in decisions if each.action is action and each.state in states]
    return found[0] if found else None


def _zombie_words(zombie: Zombie, decision: Decision | None) -> str:
    """Return the finding as markdown, with whom to ask: those who used the model."""
    sentence = escape_markdown(zombie.sentence, longest=400)
    users = [
        escape_markdown(f"{each.name} ({each.contact})" if each.contact else each.name, longest=120)
        for each in (decision.plan.consumers if decision and decision.plan else ())
    ]
    asked = f" Ask {joined(users, last='or')}." if users else ""
    looked = f" Its log was looked at up to {long_date(zombie.looked_to)}." if zombie.looked_to else ""
    return f"**Zombie.** {sentence}{asked}{looked}"


def _service_words(view: ModelView, decision: Decision | None, *, quiet_to: date | None) -> list[str]:
    state = view.facts.service_state
    since = f" since {long_date(decision.state_on)}" if decision and decision.state_on else ""
    if state is ServiceState.SUSPENDED:
        rows = view.assessment.measures.rows_7 if view.assessment else 0
        scored = (
            f"It had {plural(rows, 'prediction')} in the last 7 days, judged as before."
            if rows
            else "It is not scored."
        )
        return [f"**Suspended{since}** until a decision to reinstate it. {scored}"]
    watched = "It is watched for traffic, not judged." if view.facts.has_log else "It has no log to watch."
    if decision is None:
        return [f"**Retired.** {watched}"]
    approvers = [escape_markdown(session.person_name(person)) for person in decision.approvers]
    by = f", approved by {joined(approvers)}" if approvers else ""
    lines = [f"**Retired{since}**{by}: {escape_markdown(decision.reason, longest=300)} {watched}"]
    if decision.plan is not None:
        lines.append(small(_what_is_left(decision, quiet_to=quiet_to)))
    return lines


def _what_is_left(decision: Decision, *, quiet_to: date | None) -> str:
    plan = decision.plan
    assert plan is not None  # noqa: S101 - asked for a retirement only
    parts = []
    if plan.replacement:
        parts.append(f"Replaced by {escape_markdown(model_session.name(plan.replacement), longest=60)}")
    if decision.sunset_on:
        parts.append(f"last day of service {short_date(decision.sunset_on)} {decision.sunset_on.year}")
    parts += [
        f"{words} at {escape_markdown(place, longest=80)}"
        for name, words in ARCHIVED.items()
        if (place := getattr(plan, name))
    ]
    if quiet_to and decision.sunset_on and quiet_to > decision.sunset_on:
        parts.append(f"no prediction after it, looked at up to {short_date(quiet_to)} {quiet_to.year}")
    said = " · ".join(parts)
    return said[:1].upper() + said[1:]
