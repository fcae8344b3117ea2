"""What the page of the audit trail shows, cached like everything in ``dashboard.session``: by the registry's revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from data_access import audit_queries

if TYPE_CHECKING:
    from data_access.audit_queries import AuditChoices
    from data_access.audit_trail import AuditFilter
    from data_access.registry import Registry


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=5, show_spinner=False)
def _choices(key: tuple[str, int], _registry: Registry) -> AuditChoices:
    del key
    return audit_queries.audit_choices(_registry)


def choices() -> AuditChoices:
    """Return what the filters can take."""
    return _choices(session.key(), session.registry())


@st.cache_data(ttl=session.CACHED_SECONDS, max_entries=50, show_spinner=False)
def _count(key: tuple[str, int], _registry: Registry, chosen: AuditFilter) -> int:
    del key
    return audit_queries.audit_count(_registry, **chosen)


def count(chosen: AuditFilter) -> int:
    """Return how many events match."""
    return _count(session.key(), session.registry(), chosen)
