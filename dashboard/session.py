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
from dashboard.front_door import NOBODY_NAMED, PERSON_HEADER, vouched_person
from dashboard.one_run import asked_once
from dashboard.opening import open_registry
from dashboard.presentation import person_words
from dashboard.settings import PREFIX, Settings, load_settings
from data_access import (
    challenge_queries,
    decision_queries,
    people,
    policy_queries,
    portfolio_queries,
    retraining_queries,
    shift_queries,
    standing_queries,
)
from data_access.demo_clock import demo_clock
from data_access.policy_records import policy_history
from monitoring import decide_standing
from monitoring.errors import InactivePersonError, UnknownPersonError
from monitoring.people import Actor, Role

if TYPE_CHECKING:
    import pandas as pd

    from data_access.registry import Registry
    from data_access.retraining_queries import Retraining
    from data_access.standing_queries import Listed
    from monitoring.decide_standing import StandingReview
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
    return asked_once("configured", _configured)


def _configured() -> Settings:
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
    if not shows_simulated():
        return configured()
    return asked_once("simulated settings", lambda: simulated.simulated_settings(configured()))


def registry() -> Registry:
    """Return the registry of the portfolio that is shown, opened once in the process."""
    return asked_once(("registry", shows_simulated()), lambda: _opened(settings()))


def _opened(ours: Settings) -> Registry:
    return _open(f"{ours.home.resolve()} {ours.registry_address()}", ours)


def real_models() -> int:
    """Return how many models the real portfolio has."""
    opened = _opened(configured())
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
    return asked_once(("key", shows_simulated(), opened.written), lambda: (str(opened.engine.url), opened.revision()))


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _clock(key: tuple[str, int], _registry: Registry) -> tuple[date, date] | None:
    del key
    return demo_clock(_registry)


def clock() -> tuple[date, date] | None:
    """Return the demo's movable clock and its last day; nothing outside the demo."""
    return _clock(key(), registry()) if settings().demo_sign_in else None


def today() -> date:
    """Return the day the pages show: the demo's clock, else the present day (``MODELFOLIO_AS_OF`` pins it)."""
    return asked_once(("today", key()), _today)


def _today() -> date:
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
    return asked_once("may choose", _may_choose_person)


def _may_choose_person() -> bool:
    return settings().demo_sign_in and is_direct_local_visit()


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _demo_people(key: tuple[str, int], _registry: Registry) -> tuple[Actor, ...]:
    del key
    return tuple(person for person in people.everyone(_registry) if person.is_demo)


def demo_people() -> tuple[Actor, ...]:
    """Return whom one may act as in the demo."""
    return _demo_people(key(), registry())


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _people(key: tuple[str, int], _registry: Registry) -> tuple[Actor, ...]:
    del key
    return people.everyone(_registry)


def people_with_roles() -> tuple[Actor, ...]:
    """Return every active person with the roles they hold."""
    return _people(key(), registry())


def signed_in_email() -> str | None:
    """Return the e-mail address that the proxy in front of the pages vouches for, as the front door has let it in."""
    return vouched_person(st.context.headers.get(PERSON_HEADER))


def why_nothing_is_shown() -> str:
    """Return why this visitor sees no page, as one sentence; nothing for everybody who may read.

    Only where a proxy signs people in: who is not among the people of the registry is refused unless the settings make them viewers.
    """
    if configured().proxy_header is None:
        return ""
    email = signed_in_email()
    if email is None:
        return NOBODY_NAMED
    try:
        people.find(registry(), email)
    except InactivePersonError as error:
        return str(error)
    except UnknownPersonError:
        if configured().unknown_people == "refuse":
            return f"{email} is not known here: an administrator adds you with `modelfolio people add`."
    return ""


def actor() -> Actor | None:
    """Return who acts; nobody for a visitor, who may read everything and change nothing.

    Roles come from the registry at each run; every write checks them again.
    """
    email = st.session_state.get(ACTING_AS) if may_choose_person() else signed_in_email()
    return asked_once(("actor", key(), email), lambda: _actor(str(email))) if email else None


def _actor(email: str) -> Actor | None:
    try:
        return people.find(registry(), email)
    except UnknownPersonError:
        return None


def actor_email() -> str | None:
    """Return the e-mail address of who acts."""
    person = actor()
    return person.email if person else None


def names() -> dict[str, str]:
    """Return the names of the active people by their addresses."""
    return asked_once(("names", key()), lambda: {person.email: person.name for person in people_with_roles()})


def person_name(email: str) -> str:
    """Return how a person is called, as ``person_words``."""
    return person_words(email, names())


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


@st.cache_data(ttl=CACHED_SECONDS, max_entries=50, show_spinner=False)
def _awaited_words(key: tuple[str, int], _registry: Registry, *, person: str | None, day: date) -> pd.DataFrame:
    del key
    found = challenge_queries.open_challenges(_registry, on=day, person=person)
    return found[found["is_mine"].astype(bool)]


def awaited_words() -> pd.DataFrame:
    """Return the challenges and questions that wait for a word of the acting person, as ``open_challenges`` gives them."""
    return _awaited_words(key(), registry(), person=actor_email(), day=today())


def waiting_count() -> int:
    """Return how many proposals, challenges and questions wait for the acting person."""
    proposals = _waiting_count(key(), registry(), person=actor_email(), day=today())
    return proposals + len(awaited_words())


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


@st.cache_data(ttl=CACHED_SECONDS, max_entries=20, show_spinner=False)
def _standing_approvals(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[Listed, ...]:
    del key
    return standing_queries.listed(_registry, on=day)


def standing_approvals() -> tuple[Listed, ...]:
    """Return the standing approvals proposed by today, newest first, each with what it does and holds back today."""
    return _standing_approvals(key(), registry(), day=today())


@st.cache_data(ttl=CACHED_SECONDS, max_entries=50, show_spinner=False)
def _standing_review(
    key: tuple[str, int], _registry: Registry, *, number: int, person: str | None, day: date
) -> StandingReview:
    del key
    return decide_standing.review_standing(_registry, number, by=person, on=day)


def standing_review(number: int) -> StandingReview:
    """Return what the acting person must see before answering a standing approval."""
    return _standing_review(key(), registry(), number=number, person=actor_email(), day=today())


@st.cache_data(ttl=CACHED_SECONDS, max_entries=50, show_spinner=False)
def _waiting_standing(key: tuple[str, int], _registry: Registry, *, person: str | None, day: date) -> tuple[int, ...]:
    del key
    return tuple(each.id for each in standing_queries.waiting(_registry, person=person, on=day))


def waiting_standing() -> tuple[int, ...]:
    """Return the numbers of the proposed standing approvals that wait for the acting person."""
    return _waiting_standing(key(), registry(), person=actor_email(), day=today())


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


def server_address(url: str | None = None) -> str:
    """Return where the browser finds this server, without a slash at the end: our addresses are one segment long.

    >>> server_address("http://127.0.0.1:8501"), server_address("http://127.0.0.1:8501/audit?model=m")
    ('http://127.0.0.1:8501', 'http://127.0.0.1:8501')
    """
    scheme, _, rest = (url or st.context.url or "").split("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('/')[0] or rest}" if rest else ""
