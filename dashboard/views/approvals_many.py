"""The drawer in which many proposals are answered with one comment: all of them or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import pressing, session, tables
from dashboard.presentation import (
    ACTION_NOUNS,
    VERDICT_LABELS,
    escape_markdown,
    evidence_comparison,
    joined,
    one_line,
    plural,
    short_date,
)
from dashboard.widgets import quiet
from monitoring import decide
from monitoring.assessment import Verdict
from monitoring.decide import MOST_MODELS_AT_ONCE
from monitoring.errors import ModelfolioError
from monitoring.lifecycle import Move, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from monitoring.decide import Review

MOST_CHANGES = 4


def alike(mine: pd.DataFrame, decision_id: int) -> pd.DataFrame:
    """Return the proposals that were proposed together with one: the same action, by the same person, for the same reason."""
    this = mine[mine["decision_id"] == decision_id]
    if this.empty:
        return this
    together = ["action", "proposed_by", "reason", "proposed_on"]
    return mine.merge(this[together], on=together)


def button(mine: pd.DataFrame, decision_id: int | None) -> None:
    """Show the button that answers the open proposal and those like it together, where there are several of its action."""
    if decision_id is None or decision_id not in set(mine["decision_id"]):
        return
    action = mine.loc[mine["decision_id"] == decision_id, "action"].iloc[0]
    same_action = mine[mine["action"] == action]
    together = alike(mine, decision_id)
    if len(same_action) < 2:  # noqa: PLR2004 - one is answered in the bar
        return
    label = f"Answer {len(together)} proposed together" if len(together) > 1 else "Answer several together"
    if st.button(label, key="ap_many", shortcut="M", width="stretch"):
        dialog(same_action, list(together["decision_id"]))


def dialog(rows: pd.DataFrame, chosen: list[int]) -> None:
    """Open the drawer for these proposals of one action, with some of them chosen."""
    title = f"Answer several: {ACTION_NOUNS[str(rows['action'].iloc[0])]}"
    pressing.drawer(title, _drawer, rows, chosen, width="small", position="right")


def _drawer(rows: pd.DataFrame, chosen: list[int]) -> None:
    names = dict(zip((int(number) for number in rows["decision_id"]), rows["model"], strict=True))
    kept: list[int] = st.multiselect(
        "Proposals",
        list(names),
        default=[number for number in names if number in chosen][:MOST_MODELS_AT_ONCE],
        format_func=lambda number: one_line(names[number], longest=60),
        key="ap_many_kept",
        help="Take out whatever deserves an answer of its own.",
    )
    if not kept:
        st.markdown(quiet("No proposal is left."))
        return
    if len(kept) > MOST_MODELS_AT_ONCE:
        st.warning(f"At most {MOST_MODELS_AT_ONCE} at once; {len(kept):,} are chosen.", icon=":material/warning:")
        return
    reviews = decide.review_many(session.registry(), kept, by=session.actor_email(), on=session.today())
    _evidence(reviews)
    changed = [review for review in reviews if review.changes]
    read = True
    if changed:
        read = st.checkbox(
            f"I have read what changed for {plural(len(changed), 'model')}",
            key="ap_many_read_" + "_".join(f"{review.decision.id}_{review.present.hash[:12]}" for review in changed),
        )
    _form(reviews, has_read=read)


def _evidence(reviews: Sequence[Review]) -> None:
    """Show of each what its verdict is now, what changed since it was proposed and what is asked about it."""
    first = reviews[0].decision
    verdicts = [Verdict(str(review.present.snapshot["verdict"])) for review in reviews]
    counts = joined(
        [f"{verdicts.count(verdict)} {VERDICT_LABELS[verdict].markdown}" for verdict in Verdict if verdict in verdicts]
    )
    reasons = {review.decision.reason for review in reviews}
    proposers = {review.decision.proposed_by for review in reviews}
    by = joined([escape_markdown(session.person_name(each)) for each in sorted(proposers)])
    why = f"for this reason: “{escape_markdown(first.reason, longest=300)}”"
    if len(reasons) > 1:
        why = f"for {len(reasons)} different reasons"
    days = sorted({review.decision.proposed_on for review in reviews})
    when = f"on {short_date(days[0])}" if len(days) == 1 else f"from {short_date(days[0])} to {short_date(days[-1])}"
    st.markdown(
        f"{plural(len(reviews), 'model')}: {counts}. Proposed by {by} {when} {why}  \n"
        "Each keeps its own evidence and its own record; each needs its own quorum."
    )
    # What changed or is asked about comes first: that is what must be read.
    ordered = sorted(reviews, key=lambda review: (not review.changes, not review.challenges))
    with st.container(height=200 if len(reviews) > 3 else "content", border=True, gap="xsmall"):  # noqa: PLR2004 - what fits
        st.markdown("\n".join(_line(review) for review in ordered))


def _line(review: Review) -> str:
    snapshot = review.present.snapshot
    label = VERDICT_LABELS[Verdict(str(snapshot["verdict"]))]
    name = escape_markdown(review.decision.subject.name, longest=60)
    line = f"- **{name}** {label.markdown} {quiet(escape_markdown(snapshot['reason'], longest=120))}"
    asked = [each for each in review.challenges if each.is_open]
    if asked:
        line += f"  \n  **{plural(len(asked), 'open question or challenge', 'open questions or challenges')}**"
    if review.changes:
        compared = evidence_comparison(review.decision.evidence, snapshot)[:MOST_CHANGES]
        line += f"  \n  Changed: {'; '.join(compared) or escape_markdown(review.changes[0])}"
    return line


def _form(reviews: Sequence[Review], *, has_read: bool) -> None:
    may_approve = all(Move.APPROVE in review.may for review in reviews)
    blocked = next((review.blocked_by for review in reviews if review.blocked_by), "")
    may_reject = all(Move.REJECT in review.may for review in reviews)
    if not may_approve and not may_reject:
        st.markdown(quiet("Not all of these are yours to answer; take the others out."))
        return
    with st.form("ap_many_form", enter_to_submit=False):
        with st.container(key="focus_many"):
            comment = st.text_area(
                "Comment",
                placeholder="One comment for all (needed to reject)",
                height=80,
                label_visibility="collapsed",
                key="ap_many_comment",
            )
        with st.container(horizontal=True):
            approves = pressing.submitted(
                f"Approve {len(reviews)}",
                type="primary",
                shortcut="Ctrl+Enter",
                disabled=not may_approve or not has_read or bool(blocked),
                help=escape_markdown(blocked, longest=900)
                or (None if has_read else "Tick that you have read what changed."),
                key="ap_many_approve",
            )
            rejects = pressing.submitted(f"Reject {len(reviews)}", disabled=not may_reject, key="ap_many_reject")
    if approves or rejects:
        _send(reviews, comment or "", approves=approves)


def _send(reviews: Sequence[Review], comment: str, *, approves: bool) -> None:
    opened, by, on, now = session.registry(), session.actor_email() or "", session.today(), session.now()
    try:
        if approves:
            seen = {review.decision.id: review.present.hash for review in reviews}
            decided = decide.approve_many(opened, seen, comment=comment, by=by, on=on, now=now)
        else:
            numbers = [review.decision.id for review in reviews]
            decided = decide.reject_many(opened, numbers, comment=comment, by=by, on=on, now=now)
    except ModelfolioError as error:
        st.error(escape_markdown(error, longest=600))
        return
    waiting = sum(decision.state is State.PROPOSED for decision in decided)
    done = "Approved" if approves else "Rejected"
    more = f" Of these, {waiting} still {'waits' if waiting == 1 else 'wait'} for a second approval." if waiting else ""
    tables.forget_selection()
    pressing.close_drawer(f"{done} for {plural(len(decided), 'model')}.{more}", decision="")
