"""The drawer in which somebody tries other thresholds; what is typed is checked where it is kept."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from dashboard.presentation import escape_markdown
from dashboard.widgets import COMPLAINT, complain, small
from data_access import policy_drafts
from monitoring.errors import ModelfolioError
from monitoring.policy_version import TIERS
from monitoring.thresholds import THRESHOLDS, Unit

if TYPE_CHECKING:
    from monitoring.policy_version import Values
    from monitoring.thresholds import Threshold

KEPT = "policy_draft_kept"
"""Whether the drawer has done its work and the page has to show the draft."""
UNIT_WORDS = {
    Unit.SHARE: "%",
    Unit.DAYS: "days",
    Unit.ERRORS: "standard errors",
    Unit.DRIFT: "drift score",
    Unit.PSI: "PSI",
}


def draft_dialog(values: Values, *, based_on: int) -> None:
    """Open the drawer with these thresholds; they are those of a draft, or of the version it is to be based on."""
    st.session_state.pop(KEPT, None)
    st.dialog("Try other thresholds", width="medium", position="right")(_drawer)(values, based_on)


def typed(threshold: Threshold, value: float) -> float:
    """Return a value as it is typed: shares in per cent."""
    return round(100 * value, 6) if threshold.unit is Unit.SHARE else value


def read(threshold: Threshold, value: float) -> float:
    """Return what was typed as the policy holds it."""
    return round(value / 100, 8) if threshold.unit is Unit.SHARE else value


def _drawer(values: Values, based_on: int) -> None:
    if st.session_state.pop(KEPT, False):
        st.rerun()
    chosen: int = st.segmented_control(
        "Applies to",
        [0, *TIERS],
        default=0,
        format_func=lambda tier: f"Tier {tier}" if tier else "All tiers",
        key="policy_draft_tier",
        required=True,
    )
    of_tier = values[str(chosen or TIERS[0])]
    st.markdown(small("Only what you change here changes. Nothing is in force before two people have approved it."))
    with st.form("policy_draft", border=False, enter_to_submit=False):
        for group, members in groupby(THRESHOLDS, key=lambda threshold: threshold.group):
            st.markdown(f"**{group}**")
            columns = st.columns(2, gap="medium")
            for i, threshold in enumerate(members):
                with columns[i % 2]:
                    _input(threshold, of_tier[threshold.name], tier=chosen)
        if refusal := st.session_state.pop(COMPLAINT, None):
            st.error(escape_markdown(refusal, longest=600), icon=":material/warning:")
        st.form_submit_button(
            "Use these thresholds", type="primary", on_click=_keep, args=(values, chosen), kwargs={"based_on": based_on}
        )


def _key(threshold: Threshold, tier: int) -> str:
    return f"policy_draft_{tier}_{threshold.name}"


def _input(threshold: Threshold, value: float, *, tier: int) -> None:
    shown = typed(threshold, value)
    is_days = threshold.unit is Unit.DAYS
    st.number_input(
        f"{threshold.title} ({UNIT_WORDS[threshold.unit]})",
        value=int(shown) if is_days else float(shown),
        step=1 if is_days else 1.0 if threshold.unit in {Unit.SHARE, Unit.ERRORS} else 0.05,
        format="%d" if is_days else "%.4g",
        help=f"{threshold.sentence(value)} It may lie {threshold.range_words}.",
        key=_key(threshold, tier),
    )


def _keep(values: Values, chosen: int, *, based_on: int) -> None:
    """Keep what was typed as a draft that the page shows; what may not stand is said in the drawer."""
    tiers = [str(tier) for tier in ((chosen,) if chosen else TIERS)]
    given = {each.name: read(each, st.session_state[_key(each, chosen)]) for each in THRESHOLDS}
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
        complain(str(error))
        return
    st.query_params["draft"] = str(number)
    st.query_params.pop("version", None)
    st.session_state[KEPT] = True
