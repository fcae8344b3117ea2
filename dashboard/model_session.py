"""What the pages about one model show, cached like everything in ``dashboard.session``: by the registry's revision and the day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import session
from data_access import (
    challenge_queries,
    decision_queries,
    model_queries,
    model_timeline,
    portfolio_queries,
    retirement_queries,
)
from data_access.judged_versions import judged_stamp, judged_versions
from monitoring.errors import UnknownModelError

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from data_access.judged_versions import JudgedVersions
    from data_access.model_queries import ModelFacts
    from data_access.model_timeline import DecisionMove, ShiftSpell
    from data_access.registry import Registry
    from data_access.retired_traffic import Watched
    from monitoring.assessment import Assessment
    from monitoring.challenge import Challenge
    from monitoring.decision import Decision
    from monitoring.portfolio import Consumer
    from monitoring.zombie import Zombie


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=100, show_spinner=False)
def _model(
    key: tuple[str, int], _registry: Registry, *, model_id: str, known_on: date
) -> tuple[ModelFacts, Assessment | None, pd.DataFrame]:
    del key
    return (
        model_queries.facts(_registry, model_id, known_on=known_on),
        model_queries.assessment(_registry, model_id, known_on=known_on),
        model_queries.history(_registry, model_id, known_on=known_on),
    )


def model(model_id: str, *, known_on: date) -> tuple[ModelFacts, Assessment | None, pd.DataFrame]:
    """Return what is known of the model, its newest assessment and every assessed day, as known on a day."""
    return _model(session.key(), session.registry(), model_id=model_id, known_on=known_on)


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=30, show_spinner=False)
def _feature_days(
    address: str, last_assessment: int | None, _registry: Registry, *, model_id: str, known_on: date, first: date
) -> pd.DataFrame:
    """Assessments are only ever added, so the last one says whether the days changed: a decision does not read them again."""
    del address, last_assessment
    return model_queries.feature_days(_registry, model_id, known_on=known_on, first=first)


def feature_days(model_id: str, *, known_on: date, first: date) -> pd.DataFrame:
    """Return the drift and the missing values of every feature on every day from ``first`` on."""
    address, registry = session.key()[0], session.registry()
    last = portfolio_queries.last_assessment(registry.engine)
    return _feature_days(address, last, registry, model_id=model_id, known_on=known_on, first=first)


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=100, show_spinner=False)
def _events(
    key: tuple[str, int], _registry: Registry, *, model_id: str, known_on: date
) -> tuple[tuple[Decision, ...], tuple[DecisionMove, ...], tuple[ShiftSpell, ...]]:
    del key
    return (
        decision_queries.of_model(_registry, model_id, on=known_on),
        model_timeline.decision_moves(_registry, model_id, on=known_on),
        model_timeline.shift_spells(_registry, model_id, known_on=known_on),
    )


def events(
    model_id: str, *, known_on: date
) -> tuple[tuple[Decision, ...], tuple[DecisionMove, ...], tuple[ShiftSpell, ...]]:
    """Return a model's decisions, every move of them, and the portfolio shifts it was part of, as known on a day."""
    return _events(session.key(), session.registry(), model_id=model_id, known_on=known_on)


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=100, show_spinner=False)
def _challenges(key: tuple[str, int], _registry: Registry, *, model_id: str, known_on: date) -> tuple[Challenge, ...]:
    del key
    return challenge_queries.of_model(_registry, model_id, on=known_on)


def challenges(model_id: str, *, known_on: date) -> tuple[Challenge, ...]:
    """Return a model's challenges and questions with everything said by the end of a day, the newest first."""
    return _challenges(session.key(), session.registry(), model_id=model_id, known_on=known_on)


@st.cache_resource(ttl=session.CACHED_SECONDS, max_entries=30, show_spinner=False)
def _judged(stamp: tuple[Any, ...], _registry: Registry, *, model_id: str, known_on: date) -> JudgedVersions:
    del stamp
    return judged_versions(_registry, model_id, known_on=known_on)


def judged(model_id: str, known_on: date) -> JudgedVersions:
    """Return a model's versions as they were judged, put together from stored profiles; nobody may change it."""
    address, registry = session.key()[0], session.registry()
    stamp = (address, *judged_stamp(registry, model_id))
    return _judged(stamp, registry, model_id=model_id, known_on=known_on)


def name(model_id: str) -> str:
    """Return a model's name; an id that no model has stays as it is."""
    try:
        return model(model_id, known_on=session.today())[0].name
    except UnknownModelError:
        return model_id


def consumers(model_id: str) -> tuple[Consumer, ...]:
    """Return who uses the model, as its card says."""
    return model(model_id, known_on=session.today())[0].consumers


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=20, show_spinner=False)
def _replacements(key: tuple[str, int], _registry: Registry, *, model_id: str) -> dict[str, str]:
    del key
    return retirement_queries.replacements(_registry, model_id)


def replacements(model_id: str) -> dict[str, str]:
    """Return the names of models that could take over from this one, by id."""
    return _replacements(session.key(), session.registry(), model_id=model_id)


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=100, show_spinner=False)
def _zombie(
    key: tuple[str, int], _registry: Registry, *, model_id: str, known_on: date
) -> tuple[Zombie | None, Watched]:
    del key
    found = retirement_queries.zombies(_registry, on=known_on, model_id=model_id)
    return (found[0] if found else None), retirement_queries.watched(_registry, model_id, on=known_on)


def zombie(model_id: str, *, known_on: date) -> tuple[Zombie | None, Watched]:
    """Return how a retired model is still scored, if it is, and how far its log was looked at."""
    return _zombie(session.key(), session.registry(), model_id=model_id, known_on=known_on)
