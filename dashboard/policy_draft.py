"""The drawer in which somebody tries other thresholds; what is typed is checked where it is kept."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from dashboard.presentation import escape_markdown
from dashboard.widgets import small
from data_access import policy_drafts
from monitoring.errors import ModelfolioError
from monitoring.policy_version import TIERS
from monitoring.thresholds import THRESHOLDS, Unit

if TYPE_CHECKING:
    from monitoring.policy_version import Values
    from monitoring.thresholds import Threshold

UNIT_WORDS = {
    Unit.SHARE: "%",
    Unit.DAYS: "days",
    Unit.ERRORS: "standard errors",
    Unit.DRIFT: "drift score",
    Unit.PSI: "PSI",
}


def draft_dialog(values: Values, *, based_on: int) -> None:
    """Open the drawer with these thresholds; they are those of a draft, or of the version it is to be based on."""
    st.dialog("Try other thresholds", width="medium", position="right")(_drawer)(values, based_on)


def typed(threshold: Threshold, value: float) -> float:
    """Return a value as it is typed: shares in per cent."""
    return round(100 * value, 6) if threshold.unit is Unit.SHARE else value


def read(threshold: Threshold, value: float) -> float:
    """Return what was typed as the policy holds it."""
    return round(value / 100, 8) if threshold.unit is Unit.SHARE else value


def _drawer(values: Values, based_on: int) -> None:
    chosen: int = st.segmented_control(
        "Applies to",
        [0, *TIERS],
        default=0,
        format_func=lambda tier: f"Tier {tier}" if tier else "All tiers",
        key="policy_draft_tier",
        required=True,
    )
    tiers = [str(tier) for tier in ((chosen,) if chosen else TIERS)]
    st.markdown(small("Only what you change here changes. Nothing is in force before two people have approved it."))
    with st.form("policy_draft", border=False, enter_to_submit=False):
        given: dict[str, float] = {}
        for group, members in groupby(THRESHOLDS, key=lambda threshold: threshold.group):
            st.markdown(f"**{group}**")
            columns = st.columns(2, gap="medium")
            for i, threshold in enumerate(members):
                with columns[i % 2]:
                    given[threshold.name] = _input(threshold, values[tiers[0]][threshold.name], tier=chosen)
        submitted = st.form_submit_button("Use these thresholds", type="primary")
    if submitted:
        _keep(values, given, tiers=tiers, based_on=based_on)


def _input(threshold: Threshold, value: float, *, tier: int) -> float:
    shown = typed(threshold, value)
    is_days = threshold.unit is Unit.DAYS
    found = st.number_input(
        f"{threshold.title} ({UNIT_WORDS[threshold.unit]})",
        value=int(shown) if is_days else float(shown),
        step=1 if is_days else 1.0 if threshold.unit in {Unit.SHARE, Unit.ERRORS} else 0.05,
        format="%d" if is_days else "%.4g",
        help=f"{threshold.sentence(value)} It may lie {threshold.range_words}.",
        key=f"policy_draft_{tier}_{threshold.name}",
    )
    return read(threshold, found)


def _keep(values: Values, given: dict[str, float], *, tiers: list[str], based_on: int) -> None:
    """Keep the draft and show it; what may not stand is said in the drawer."""
    changed = {name: value for name, value in given.items() if value != values[tiers[0]][name]}
    wanted = {tier: dict(old) | (changed if tier in tiers else {}) for tier, old in values.items()}
    try:
        number = policy_drafts.keep_draft(
            session.registry(),
            wanted,
            based_on=based_on,
            day=session.today(),
            by=session.actor_email() or "",
            now=session.now(),
        )
    except ModelfolioError as error:
        st.error(escape_markdown(error, longest=600), icon=":material/warning:")
        return
    st.query_params["draft"] = str(number)
    st.query_params.pop("version", None)
    st.rerun()
