"""Everything cached or remembered for a visitor: the registry, the day, who acts, the filters.

Caches are asked with the registry's revision, which grows with every write anywhere, so no cache outlives what it shows.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import simulated
from dashboard.opening import open_registry
from dashboard.settings import PREFIX, Settings, load_settings
from data_access import (
    decision_queries,
    people,
    policy_queries,
    portfolio_queries,
    retraining_queries,
    shift_queries,
)
from data_access.demo_clock import demo_clock
from data_access.policy_records import policy_history
from monitoring.errors import UnknownPersonError
from monitoring.people import Actor, Role

if TYPE_CHECKING:
    from data_access.registry import Registry
    from data_access.retraining_queries import Retraining
    from monitoring.decision import Decision
    from monitoring.policy_version import PolicyVersion
    from monitoring.portfolio_shift import Shift

ACTING_AS = "acting_as"
PORTFOLIO, REAL, SIMULATED = "portfolio", "real", "simulated"
"""The name in the address and in the session, and what it may say."""
SWITCHED = "portfolio_switched"
CACHED_SECONDS = 600
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


@st.cache_resource(show_spinner=False)
def _open(address: str, _settings: Settings) -> Registry:
    del address
    return open_registry(_settings)


@st.cache_resource(max_entries=5, show_spinner=False)
def _settings(environment: tuple[tuple[str, str], ...], folder: str) -> Settings:
    del environment, folder
    return load_settings()


def configured() -> Settings:
    """Return the configuration, read again when the environment or the folder changes."""
    ours = tuple(sorted((name, value) for name, value in os.environ.items() if name.upper().startswith(PREFIX)))
    return _settings(ours, str(Path.cwd()))


# Which portfolio: the demo has a simulated one beside the real one


def choose_portfolio() -> None:
    """Settle which portfolio this run shows: the address says so, else what was chosen before; at first the real one.

    A simulated one that is not ready cannot be shown.
    """
    asked = st.query_params.get(PORTFOLIO, st.session_state.get(PORTFOLIO, REAL))
    offered = configured().demo_sign_in and simulated.state(configured()).stage is simulated.Stage.READY
    st.session_state[PORTFOLIO] = SIMULATED if asked == SIMULATED and offered else REAL


def shows_simulated() -> bool:
    """Whether the pages show the simulated portfolio."""
    return bool(st.session_state.get(PORTFOLIO) == SIMULATED)


def say_portfolio_in_url() -> None:
    """Put the chosen portfolio into the address, so that a copied link shows the same one."""
    if shows_simulated():
        st.query_params[PORTFOLIO] = SIMULATED
    else:
        st.query_params.pop(PORTFOLIO, None)


def switch_portfolio(chosen: str) -> None:
    """Show the other portfolio from the next run on, with nothing left of what was chosen or filtered in this one."""
    acting_as = st.session_state.get(ACTING_AS)
    st.session_state.clear()
    st.query_params.clear()
    st.session_state[ACTING_AS] = acting_as
    st.session_state[PORTFOLIO] = chosen
    st.session_state[SWITCHED] = True


def settings() -> Settings:
    """Return the settings of the portfolio that is shown."""
    return simulated.simulated_settings(configured()) if shows_simulated() else configured()


def registry() -> Registry:
    """Return the registry of the portfolio that is shown, opened once in the process."""
    ours = settings()
    return _open(f"{ours.home.resolve()} {ours.registry_address()}", ours)


def real_models() -> int:
    """Return how many models the real portfolio has."""
    ours = configured()
    opened = _open(f"{ours.home.resolve()} {ours.registry_address()}", ours)
    return _models((str(opened.engine.url), opened.revision()), opened)


@st.cache_data(ttl=CACHED_SECONDS, max_entries=5, show_spinner=False)
def _models(key: tuple[str, int], _registry: Registry) -> int:
    del key
    return portfolio_queries.model_count(_registry.engine)


def now() -> datetime:
    """Return the machine's time, for the record."""
    return datetime.now(UTC)


def key() -> tuple[str, int]:
    """Return what every cached answer depends on: which registry, and its revision."""
    opened = registry()
    return str(opened.engine.url), opened.revision()


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _clock(key: tuple[str, int], _registry: Registry) -> tuple[date, date] | None:
    del key
    return demo_clock(_registry)


def clock() -> tuple[date, date] | None:
    """Return the demo's movable clock and its last day; nothing outside the demo."""
    return _clock(key(), registry()) if settings().demo_sign_in else None


def today() -> date:
    """Return the day the pages show: the demo's clock, else the present day (``MODELFOLIO_AS_OF`` pins it)."""
    moved = clock()
    return moved[0] if moved else settings().as_of or settings().now().date()


# Who acts


def is_direct_local_visit() -> bool:
    """Whether the server listens on this machine only and no proxy passes the visit on.

    The visitor's address is not asked: behind a proxy it is the proxy's, and it can be made up.
    """
    forwarded = any(st.context.headers.get(name) for name in FORWARDING_HEADERS)
    return not forwarded and st.get_option("server.address") in LOOPBACK


def may_choose_person() -> bool:
    """Whether the demo's "acting as" is offered: only when switched on, and only to a direct visit on this machine."""
    return settings().demo_sign_in and is_direct_local_visit()


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _demo_people(key: tuple[str, int], _registry: Registry) -> tuple[Actor, ...]:
    del key
    return tuple(person for person in people.everyone(_registry) if person.is_demo)


def demo_people() -> tuple[Actor, ...]:
    """Return whom one may act as in the demo."""
    return _demo_people(key(), registry())


def signed_in_email() -> str | None:
    """Return the e-mail address the sign-in in front of the pages vouches for."""
    email = st.user.get("email") if st.user.get("is_logged_in") else None
    return str(email).lower() if email else None


def actor() -> Actor | None:
    """Return who acts; nobody for a visitor, who may read everything and change nothing.

    Roles come from the registry at each run; every write checks them again.
    """
    email = st.session_state.get(ACTING_AS) if may_choose_person() else signed_in_email()
    if not email:
        return None
    try:
        return people.find(registry(), str(email))
    except UnknownPersonError:
        return None


def actor_email() -> str | None:
    """Return the e-mail address of who acts."""
    person = actor()
    return person.email if person else None


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _names(key: tuple[str, int], _registry: Registry) -> dict[str, str]:
    del key
    return {person.email: person.name for person in people.everyone(_registry)}


def person_name(email: str) -> str:
    """Return a person's name; the address of somebody who is not known, and a policy's name, stay as they are."""
    return _names(key(), registry()).get(email) or email


def may_export_audit() -> bool:
    """Whether the person may take the audit trail with them."""
    person = actor()
    return person is not None and any(
        grant.role in {Role.AUDITOR, Role.ADMINISTRATOR, Role.APPROVER, Role.INDEPENDENT_REVIEWER}
        for grant in person.grants
    )


@st.cache_data(ttl=CACHED_SECONDS, max_entries=200, show_spinner=False)
def _has_readable_log(key: tuple[str, int], _registry: Registry, *, model_id: str) -> bool:
    del key
    with _registry.looking() as records:
        return records.has_readable_log(model_id)


def has_readable_log(model_id: str) -> bool:
    """Whether a model's log can be looked at."""
    return _has_readable_log(key(), registry(), model_id=model_id)


# Cached frames


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _open_shifts(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[Shift, ...]:
    del key
    return shift_queries.open_shifts(_registry, day=day)


def open_shifts() -> tuple[Shift, ...]:
    """Return the portfolio shifts open today."""
    return _open_shifts(key(), registry(), day=today())


@st.cache_data(ttl=CACHED_SECONDS, max_entries=50, show_spinner=False)
def _waiting_count(key: tuple[str, int], _registry: Registry, *, person: str | None, day: date) -> int:
    del key
    return decision_queries.waiting_count(_registry, person=person, on=day)


def waiting_count() -> int:
    """Return how many proposals wait for the acting person."""
    return _waiting_count(key(), registry(), person=actor_email(), day=today())


@st.cache_data(ttl=CACHED_SECONDS, max_entries=50, show_spinner=False)
def _waiting_policies(key: tuple[str, int], _registry: Registry, *, person: str | None, day: date) -> int:
    del key
    return policy_queries.waiting_count(_registry, person=person, on=day)


def waiting_policies() -> int:
    """Return how many proposed versions of the policy wait for the acting person."""
    return _waiting_policies(key(), registry(), person=actor_email(), day=today())


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _approved(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[Decision, ...]:
    del key
    return decision_queries.approved(_registry, on=day)


def approved_decisions() -> tuple[Decision, ...]:
    """Return the decisions that were approved and are still open."""
    return _approved(key(), registry(), day=today())


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _retrainings(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[Retraining, ...]:
    del key
    return retraining_queries.retrainings(_registry, on=day)


def retrainings() -> tuple[Retraining, ...]:
    """Return the retrainings that were approved by today, the newest first."""
    return _retrainings(key(), registry(), day=today())


@st.cache_data(ttl=CACHED_SECONDS, max_entries=100, show_spinner=False)
def _measured(
    key: tuple[str, int], _registry: Registry, *, day: date, number: int, _decision: Decision
) -> dict[str, Any] | None:
    del key, number
    return retraining_queries.measured(_registry, _decision, on=day)


def measured(decision: Decision) -> dict[str, Any] | None:
    """Return what one retraining has brought by today."""
    return _measured(key(), registry(), day=today(), number=decision.id, _decision=decision)


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _policy(key: tuple[str, int], _registry: Registry, *, day: date) -> PolicyVersion:
    del key
    return policy_history(_registry).on(day)


def lowest_retrain_level() -> float:
    """Return the proof that a retraining needs in the tier that needs least of it, by the policy in force today."""
    return min(policy.cusum_retrain for policy in _policy(key(), registry(), day=today()).policies)
