"""What the page about portfolio shifts shows, cached like everything in ``dashboard.session``: by the registry's revision and the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from dashboard.shift_movements import Movements, read_movements
from data_access import shift_queries

if TYPE_CHECKING:
    from datetime import date

    from data_access.registry import Registry
    from data_access.shift_queries import KnownShift
    from monitoring.portfolio_shift import Grouping
    from monitoring.shift_rates import ShiftRates


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _known_shifts(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[KnownShift, ...]:
    del key
    return shift_queries.known_shifts(_registry, day=day)


def known_shifts() -> tuple[KnownShift, ...]:
    """Return every portfolio shift, newest first."""
    return _known_shifts(session.key(), session.registry(), day=session.today())


@st.cache_resource(ttl=session.CACHED_SECONDS, max_entries=3, show_spinner="Reading how the models moved …")
def _movements(key: tuple[str, int], _registry: Registry, *, last: date) -> Movements:
    del key
    return read_movements(_registry, last=last)


def _last_day() -> date:
    return shift_queries.last_searched(session.registry(), day=session.today())


def movements() -> Movements:
    """Return how the models moved in the last weeks."""
    return _movements(session.key(), session.registry(), last=_last_day())


@st.cache_resource(ttl=session.CACHED_SECONDS, max_entries=3, show_spinner=False)
def _per_day(key: tuple[str, int], _registry: Registry, *, last: date) -> tuple[date, ShiftRates]:
    return _movements(key, _registry, last=last).per_day()


def per_day() -> tuple[date, ShiftRates]:
    """Return the rates at which models begin to move, a day each, and the first of these days."""
    return _per_day(session.key(), session.registry(), last=_last_day())


@st.cache_resource(ttl=session.CACHED_SECONDS, max_entries=9, show_spinner=False)
def _groups(key: tuple[str, int], _registry: Registry, *, last: date, grouping: Grouping) -> dict[str, ShiftRates]:
    return _movements(key, _registry, last=last).groups(grouping)


def groups(grouping: Grouping) -> dict[str, ShiftRates]:
    """Return the rates of each source, use case or team."""
    return _groups(session.key(), session.registry(), last=_last_day(), grouping=grouping)
