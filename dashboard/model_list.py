"""The list of models a person came from, so that the model page leads on to the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import portfolio_session
from data_access.portfolio_filter import PortfolioFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

MODEL_LIST = "model_list"


def remember(model_ids: Sequence[str]) -> None:
    """Remember the list a model is opened from."""
    st.session_state[MODEL_LIST] = tuple(model_ids)


def list_around(model_id: str) -> tuple[Sequence[str], str]:
    """Return the list the model was opened from, of one opened by its address all models, and in words which it is."""
    remembered: tuple[str, ...] = st.session_state.get(MODEL_LIST, ())
    if model_id in remembered:
        return remembered, "In the order of the list you came from."
    every = [ranked.model_id for ranked in portfolio_session.listed(PortfolioFilter())]
    return every, "All models, worst expected loss first."
