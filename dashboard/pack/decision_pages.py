"""The pages of a pack about decisions: what was decided and what came of it, what is overdue, and what a meeting asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard.outcome_words import difference, headline, skill
from dashboard.pack.content import Column, Page, Said, Table
from dashboard.pack.standing_pages import LONGEST_NAME, LONGEST_REASON, MOST_LISTED, day_and_year, model_said, more_than
from dashboard.presentation import ACTION_VERDICTS, ACTION_WORDS, due, joined, one_line, plural
from dashboard.tables import records
from monitoring.lifecycle import SOON_DAYS, Action, State
from monitoring.retraining import review_due

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.pack.material import Material
    from data_access.retraining_queries import Retraining

TO_DO = (Column("Model", 34), Column("Action", 20), Column("To do", 24), Column("Due", 22))


def decided(material: Material) -> Page:
    """Return the decisions taken since the day compared with, and where each is now."""
    since = material.wanted.since
    rows = [row for row in records(material.decisions) if row.decided_on is not None and since <= row.decided_on]
    by_policy = [row for row in rows if is_by_policy(row)]
    by_people = [row for row in rows if not is_by_policy(row)]
    count = plural(len(rows), "decision")
    title = (
        f"{count} taken since {day_and_year(since)}" if rows else f"No decision was taken since {day_and_year(since)}"
    )
    return Page(
        name="decisions",
        title=Said(title, material.wanted.at("approvals")),
        lead=(),
        lines=(),
        at=material.wanted.at("approvals"),
        wide=(
            _decisions(material, by_people, title="Decided by people", none="None."),
            _decisions(
                material,
                by_policy,
                title="Under standing approval, without a person",
                none="None: nothing was started under a standing approval.",
            ),
        ),
    )


def is_by_policy(row: Any) -> bool:
    """Whether a decision was made under a standing approval."""
    return bool(pd.notna(row.standing_approval))


def _decisions(material: Material, rows: Sequence[Any], *, title: str, none: str) -> Table:
    return Table(
        title=title,
        columns=(
            Column("Model", 24),
            Column("Action", 16),
            Column("Decided", 22),
            Column("What came of it", 30),
            Column("Reason", 32),
        ),
        rows=tuple(
            (
                model_said(material, row.model_id, row.model),
                _action(row.action),
                _answer(material, row),
                _outcome(material, row),
                Said(one_line(row.reason, longest=LONGEST_REASON)),
            )
            for row in rows[:MOST_LISTED]
        ),
        none=none,
        more=more_than(len(rows), at=material.wanted.at("approvals")),
    )


def _action(action: str) -> Said:
    return Said(ACTION_WORDS[action], verdict=ACTION_VERDICTS[action].value)


def _answer(material: Material, row: Any) -> Said:
    was_refused = row.state in {State.REJECTED.value, State.WITHDRAWN.value}
    answer = row.state if was_refused else State.APPROVED.value
    people = [row.decided_by] if was_refused or not row.approved_by else row.approved_by.split(",")
    by = joined([one_line(material.name(person), longest=LONGEST_NAME) for person in people])
    at = material.wanted.at("approvals", decision=str(row.decision_id))
    return Said(f"{answer} by {by}, {day_and_year(row.decided_on)}", at)


def _outcome(material: Material, row: Any) -> Said:
    found = material.retrainings.get(row.decision_id)
    if found is None:
        at = material.wanted.at("approvals", decision=str(row.decision_id))
        return Said(State(row.state).words, at)
    return Said(outcome_words(found), material.wanted.at("retraining", decision=str(row.decision_id)))


def outcome_words(found: Retraining) -> str:
    """Return where a retraining is, how people judged it, and skill before and after with its interval."""
    parts = [found.decision.state.words]
    if review := found.decision.review:
        parts = [review.judgement.words + ("" if review.confirmed_by else ", not confirmed yet")]
    if line := headline(found.measured):
        parts.append(f"skill {skill(line.before)} → {skill(line.after)}, {difference(line)} points, {line.basis}")
    return "; ".join(parts)


def follow_up(material: Material) -> Page:
    """Return what should have been answered or judged by now, the acceptances that end soon, and the open actions of meetings."""
    at = material.wanted.at_portfolio(lens="overdue")
    unanswered, unjudged = _unanswered(material), _unjudged(material)
    late = [
        f"{plural(len(found), thing)} overdue"
        for found, thing in ((unanswered, "answer"), (unjudged, "outcome"))
        if found
    ]
    left = len(material.wanted.actions)
    action_words = f"{plural(left, 'action')} open" if left else "no action is open"
    title = f"{joined(late) or 'Nothing is overdue'}; {action_words}"
    return Page(
        name="follow-up",
        title=Said(title, at if unanswered or not unjudged else material.wanted.at("retraining")),
        lead=(),
        lines=(),
        at=at,
        wide=(
            _overdue(
                "Answer overdue", unanswered, none="No proposal waits for an answer longer than it should.", at=at
            ),
            _overdue(
                "Outcome overdue",
                unjudged,
                none="No outcome waits to be judged longer than it should.",
                at=material.wanted.at("retraining"),
            ),
            _acceptances(material),
            _actions(material),
        ),
    )


def _overdue(title: str, late: list[tuple[Said, ...]], *, none: str, at: str) -> Table:
    more = more_than(len(late), at=at)
    return Table(title=title, columns=TO_DO, rows=tuple(late[:MOST_LISTED]), none=none, more=more)


def _unanswered(material: Material) -> list[tuple[Said, ...]]:
    wanted = material.wanted
    return [
        (
            model_said(material, row.model_id, row.model),
            _action(row.action),
            Said("answer the proposal"),
            Said(due(row.due_on, today=wanted.day), wanted.at("approvals", decision=str(row.decision_id))),
        )
        for row in records(material.decisions)
        if row.is_overdue
    ]


def _unjudged(material: Material) -> list[tuple[Said, ...]]:
    wanted = material.wanted
    return [
        (
            model_said(material, each.decision.subject.model_id, each.decision.subject.name),
            _action(each.decision.action.value),
            Said("judge the outcome"),
            Said(due(due_on, today=wanted.day), wanted.at("retraining", decision=str(each.decision.id))),
        )
        for each in material.retrainings.values()
        if (due_on := review_due(each.decision)) is not None and due_on < wanted.day
    ]


def _acceptances(material: Material) -> Table:
    wanted = material.wanted
    until = wanted.day + timedelta(days=SOON_DAYS)
    ending = [
        each
        for each in material.approved
        if each.action is Action.ACCEPT and each.accept_until is not None and each.accept_until <= until
    ]
    return Table(
        title=f"Acceptances that end within {SOON_DAYS} days",
        columns=TO_DO,
        rows=tuple(
            (
                model_said(material, each.subject.model_id, each.subject.name),
                _action(each.action.value),
                Said("decide again"),
                Said(f"ends {day_and_year(each.accept_until)}", wanted.at("approvals", decision=str(each.id))),
            )
            for each in ending[:MOST_LISTED]
        ),
        none="None.",
        more=more_than(len(ending), at=wanted.at_portfolio(lens="acceptance_ends")),
    )


def _actions(material: Material) -> Table:
    found = material.wanted.actions
    names = material.names_of(each.model_id for each in found if each.model_id)
    return Table(
        title="Open actions of earlier meetings",
        columns=(Column("Action", 46), Column("Model", 24), Column("By", 16), Column("Due", 14)),
        rows=tuple(
            (
                Said(one_line(each.what, longest=LONGEST_REASON), each.at),
                model_said(material, each.model_id, names.get(each.model_id, each.model_id))
                if each.model_id
                else Said(""),
                Said(one_line(material.name(each.who), longest=LONGEST_NAME)),
                Said(due(each.due_on, today=material.wanted.day), each.at),
            )
            for each in found
        ),
        none="No meeting left an action that is still open.",
    )
