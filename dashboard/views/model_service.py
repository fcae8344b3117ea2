"""Whether a model is in service: since when it is not, by whose decision, what took over, and whether it is scored all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import model_session, session
from dashboard.presentation import SERVICE_WORDS, escape_markdown, joined, long_date, short_date
from dashboard.widgets import small
from monitoring.lifecycle import Action, State
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from datetime import date

    from dashboard.model_view import ModelView
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


def _taken_out_by(view: ModelView) -> Decision | None:
    """Return the newest decision by which the model is, or was, taken out of service."""
    wanted = {
        ServiceState.SUSPENDED: (Action.SUSPEND, {State.SUSPENDED}),
        ServiceState.RETIRED: (Action.RETIRE, {State.CLOSED}),
        ServiceState.IN_SERVICE: (Action.RETIRE, {State.ANNOUNCED, State.DUE}),
    }
    action, states = wanted[view.facts.service_state]
    found = [each for each in view.decisions if each.action is action and each.state in states]
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
    watched = {
        ServiceState.SUSPENDED: "It is judged as long as it is scored.",
        ServiceState.RETIRED: "It is watched for traffic, not judged."
        if view.facts.has_log
        else "It has no log to watch.",
    }[state]
    if decision is None:
        return [f"**{SERVICE_WORDS[state]}.** {watched}"]
    since = f" since {long_date(decision.state_on)}" if decision.state_on else ""
    approvers = [escape_markdown(session.person_name(person)) for person in decision.approvers]
    by = f", approved by {joined(approvers)}" if approvers else ""
    lines = [f"**{SERVICE_WORDS[state]}{since}**{by}: {escape_markdown(decision.reason, longest=300)} {watched}"]
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
    places = {"artefact": plan.artefact, "code": plan.code, "training data": plan.training_data}
    parts += [f"{name} at {escape_markdown(place, longest=80)}" for name, place in places.items() if place]
    if quiet_to and decision.sunset_on and quiet_to > decision.sunset_on:
        parts.append(f"no prediction after it, looked at up to {short_date(quiet_to)} {quiet_to.year}")
    said = " · ".join(parts)
    return said[:1].upper() + said[1:]
