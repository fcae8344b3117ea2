"""What the pages about many models show, cached like everything in ``dashboard.session``: by the registry's revision and the day.

Where most writes change nothing, by less than the revision. What is cached here is shared by all visitors and never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import session
from dashboard.palette import palette
from dashboard.portfolio_table import portfolio_table
from data_access import (
    challenge_queries,
    decision_queries,
    portfolio_filter,
    portfolio_queries,
    portfolio_standing,
    retirement_queries,
)
from data_access.portfolio_filter import DEFAULT_ORDER
from data_access.portfolio_queries import MOST_ROWS

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd
    from pandas.io.formats.style import Styler

    from data_access.portfolio_filter import FilterOptions, PortfolioFilter
    from data_access.portfolio_queries import Sparklines
    from data_access.portfolio_standing import Ranked, Ranking, Standing
    from data_access.registry import Registry
    from monitoring.zombie import Zombie


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _stamp(key: tuple[str, int], _registry: Registry) -> tuple[Any, ...]:
    return key[0], *portfolio_standing.standing_stamp(_registry.engine)


@st.cache_resource(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _ranking(stamp: tuple[Any, ...], _registry: Registry, *, day: date, wanted: PortfolioFilter, order: str) -> Ranking:
    del stamp
    return portfolio_standing.ranking(_registry.engine, day=day, wanted=wanted, order=order)


def _ranked(key: tuple[str, int], _registry: Registry, *, day: date, wanted: PortfolioFilter, order: str) -> Ranking:
    stamp = key if wanted.asks_for_decisions(order) else _stamp(key, _registry)
    return _ranking(stamp, _registry, day=day, wanted=wanted.without_verdicts, order=order)


def ranking(wanted: PortfolioFilter, order: str = DEFAULT_ORDER) -> Ranking:
    """Return every model that passes the filters, in order; the chosen verdicts are not applied."""
    return _ranked(session.key(), session.registry(), day=session.today(), wanted=wanted, order=order)


def standing(wanted: PortfolioFilter) -> Standing:
    """Return how many models stand where, whatever verdicts are chosen."""
    return ranking(wanted).standing


def listed(wanted: PortfolioFilter, order: str = DEFAULT_ORDER) -> list[Ranked]:
    """Return every model that passes the filters and has one of the chosen verdicts, in order."""
    return ranking(wanted, order).of(wanted.verdicts)


def rows(ranked: list[Ranked]) -> pd.DataFrame:
    """Return what is known of some models, in the order given."""
    return portfolio_queries.overview(session.registry().engine, day=session.today(), ranked=ranked)


def exported(ranked: list[Ranked]) -> pd.DataFrame:
    """Return what is known of some models, and in one line each the challenges that stand beside their verdicts."""
    beside = challenge_queries.beside_verdicts(session.registry(), on=session.today())
    found = rows(ranked)
    said = [" ".join(each.told() for each in beside.get(model_id, ())) for model_id in found["model_id"]]
    return found.assign(challenges=said)


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _overdue(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[int, int]:
    del key
    return decision_queries.overdue_counts(_registry, on=day)


def overdue() -> tuple[int, int]:
    """Return how many proposals are overdue, and how many of them are escalated."""
    return _overdue(session.key(), session.registry(), day=session.today())


@st.cache_resource(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _sparklines(
    address: str, last_assessment: int | None, _registry: Registry, *, model_ids: tuple[str, ...], day: date
) -> Sparklines:
    """Assessments are only ever added, so the last one says whether the lines changed: a decision does not draw them again."""
    del address, last_assessment
    return portfolio_queries.sparklines(_registry.engine, model_ids=model_ids, day=day)


@st.cache_resource(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _table(
    key: tuple[str, int], _registry: Registry, *, day: date, wanted: PortfolioFilter, order: str, mode: str | None
) -> tuple[tuple[str, ...], Styler]:
    ranked = _ranked(key, _registry, day=day, wanted=wanted, order=order).of(wanted.verdicts)[:MOST_ROWS]
    found = portfolio_queries.overview(_registry.engine, day=day, ranked=ranked)
    scored = {zombie.model_id: zombie.short for zombie in _zombies(key, _registry, day=day)}
    ids = tuple(found["model_id"])
    last = portfolio_queries.last_assessment(_registry.engine)
    lines = _sparklines(key[0], last, _registry, model_ids=ids, day=day)
    return ids, portfolio_table(
        found,
        sparklines=lines,
        today=day,
        colours=palette(mode),
        with_before=wanted.changed_since is not None,
        zombies=scored,
    )


def table(wanted: PortfolioFilter, order: str) -> tuple[tuple[str, ...], Styler]:
    """Return the ids of the models that are shown, at most 1,000, and their rows as a grid."""
    return _table(
        session.key(), session.registry(), day=session.today(), wanted=wanted, order=order, mode=st.context.theme.type
    )


@st.cache_resource(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _zombies(key: tuple[str, int], _registry: Registry, *, day: date) -> tuple[Zombie, ...]:
    del key
    return retirement_queries.zombies(_registry, on=day)


def zombies() -> tuple[Zombie, ...]:
    """Return the retired models that are still scored."""
    return _zombies(session.key(), session.registry(), day=session.today())


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=5, show_spinner=False)
def _filter_options(stamp: tuple[Any, ...], _registry: Registry) -> FilterOptions:
    del stamp
    return portfolio_filter.filter_options(_registry.engine)


def filter_options() -> FilterOptions:
    """Return what can be chosen in the filters."""
    registry, key = session.registry(), session.key()
    names = frozenset(session.names().items())
    return _filter_options((*_stamp(key, registry), names), registry)
