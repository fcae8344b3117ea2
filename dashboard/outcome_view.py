"""What a retraining brought, on the Retraining page and where its outcome is judged in a meeting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from dashboard.outcome_words import Line, difference, lines, skill
from dashboard.presentation import escape_markdown, long_date
from dashboard.widgets import quiet, small

if TYPE_CHECKING:
    from collections.abc import Callable

    from data_access.retraining_queries import Retraining


def show(each: Retraining, *, aside: Callable[[str], str] = small) -> None:
    """Show skill after against before, the paired comparison first and called so, and how people judge it.

    ``aside`` marks what stands beside a number: small on a page, and large enough to be read from afar in a meeting.
    """
    st.markdown("**What it brought**")
    decision, said = each.decision, lines(each.measured or session.measured(each.decision))
    if decision.new_version is None:
        st.markdown(quiet("Nothing yet: there is no new version."))
        return
    took_over = (
        f"Version {escape_markdown(decision.new_version)}, in service from {long_date(decision.active_from)}."
        if decision.active_from
        else ""
    )
    st.markdown(took_over)
    if not said:
        st.markdown(quiet("No labels have come that both versions could be compared by."))
    if said:
        st.markdown("\n".join(_comparison(line, aside) for line in said))
        st.markdown(
            aside(
                "Skill is the part of the naive forecast's error that a version takes away; in brackets the 90 % interval."
            )
        )
    if decision.settles_on is not None and session.today() < decision.settles_on:
        st.markdown(
            aside(f"Settling: labels enough for a judgement will have come by {long_date(decision.settles_on)}.")
        )
    if (review := decision.review) is not None:
        confirmed = (
            f", confirmed by {escape_markdown(session.person_name(review.confirmed_by))}"
            if review.confirmed_by
            else ", not confirmed yet"
        )
        st.markdown(
            f"**{review.judgement.words.capitalize()}**, says {escape_markdown(session.person_name(review.proposed_by))}"
            f"{confirmed}: “{escape_markdown(review.reason, longest=300)}”"
        )


def _comparison(line: Line, aside: Callable[[str], str]) -> str:
    change = f"skill **{skill(line.before)} → {skill(line.after)}**, {difference(line)} points"
    return f"- {line.title}: {change} {aside(line.basis)}"
