"""The policy in words and tables: versions, thresholds per tier, what a draft changes and what it would have changed."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import session
from dashboard.policy_words import in_force_words, state_words
from dashboard.presentation import (
    VERDICT_LABELS,
    escape_markdown,
    joined,
    long_date,
    number,
    one_line,
    plural,
    short_date,
)
from dashboard.widgets import colours, quiet, small
from data_access.policy_drafts import PreviewState
from monitoring.assessment import Verdict
from monitoring.lifecycle import Move, State
from monitoring.policy_version import FIRST_VERSION, TIERS, tier_words
from monitoring.thresholds import THRESHOLDS
from monitoring.wording import day_span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pandas.io.formats.style import Styler

    from data_access.policy_drafts import Draft
    from monitoring.policy import Policy
    from monitoring.policy_preview import ModelChange, PolicyPreview
    from monitoring.policy_version import Difference, PolicyHistory, PolicyVersion
    from monitoring.thresholds import Threshold

DAYS_OF_A_MONTH = 30


def heading(history: PolicyHistory, waiting: Sequence[PolicyVersion], *, today: date) -> str:
    """Return the answer: which version is in force, and what is coming."""
    current = history.on(today)
    if current.number == FIRST_VERSION.number:
        said = "Version 1, the thresholds of the method itself, is in force for all tiers"
    else:
        said = f"Version {current.number} is in force since {in_force_words(current)}"
    if history.newest.number != current.number:
        said += f"; version {history.newest.number} follows on {in_force_words(history.newest)}"
    if waiting:
        said += f"; {plural(len(waiting), 'proposal')} wait{'s' if len(waiting) == 1 else ''} for an answer"
    return said


def draft_heading(found: Sequence[Difference], draft: Draft) -> str:
    """Return how far a draft is from its version, and what it would change if that is known."""
    said = f"A draft: {plural(len(found), 'change')} to version {draft.based_on}"
    if draft.preview is None or draft.state is not PreviewState.READY:
        return said
    return f"{said}; {number(len(draft.preview.changed_today))} of {plural(draft.preview.models, 'verdict')} would change today"


def story(version: PolicyVersion) -> str:
    """Return as markdown who proposed a version, when and why, and who answered."""
    if version.number == FIRST_VERSION.number:
        return quiet(f"{escape_markdown(version.reason)} Every registry starts with it.")
    lines = [
        small(
            f"Proposed by {who(version.proposed_by)} on {long_date(version.proposed_on)}, from version {version.based_on}:"
        )
        + f" “{escape_markdown(version.reason, longest=400)}”"
    ]
    for answer in version.approvals:
        verb = "Approved" if answer.answer is Move.APPROVE else "Rejected"
        comment = f" “{escape_markdown(answer.comment)}”" if answer.comment else ""
        lines.append(small(f"{verb} by {who(answer.person)} on {short_date(answer.answered_on)}") + comment)
    if version.state is State.WITHDRAWN and version.decided_on:
        lines.append(small(f"Withdrawn by its proposer on {short_date(version.decided_on)}"))
    return "  \n".join(lines)


def who(email: str) -> str:
    """Return a person's name as markdown."""
    return escape_markdown(session.person_name(email))


def differences_list(found: Sequence[Difference], *, against: int, aside: Callable[[str], str] = small) -> str:
    """Return as markdown what a draft changes, each with whether it is stricter or more lenient.

    ``aside`` marks the sentence of a rule: small on a page, and large enough to be read from afar in a meeting.
    """
    lines = []
    for each in found:
        words, threshold = each.threshold.words, each.threshold
        judged = threshold.change_words(before=each.before, after=each.after)
        lines.append(
            f"- {threshold.title}, {tier_words(each.tiers)}: {words(each.before)} → **{words(each.after)}**, {judged}  \n"
            f"  {aside(threshold.sentence(each.after))}"
        )
    return "\n".join([f"**Other than in version {against}**\n", *lines])


def rules(policies: Sequence[Policy], *, tiers: Sequence[int], base: Sequence[Policy] | None, against: int) -> Styler:
    """One row per threshold: ``About``, ``Threshold``, a column per tier or one for all, what differs, and the rule.

    ``base`` are the policies of version ``against`` that this is compared with, if it is another one.
    """
    shown = [policies[tier - 1] for tier in tiers]
    alike = all(threshold.of(shown[0]) == threshold.of(each) for threshold in THRESHOLDS for each in shown)
    rows, differing, before = [], [], ""
    for threshold in THRESHOLDS:
        row = {"About": "" if threshold.group == before else str(threshold.group), "Threshold": threshold.title}
        values = [threshold.words(threshold.of(policy)) for policy in shown]
        row |= (
            {columns_for(tiers): values[0]} if alike else {f"Tier {t}": v for t, v in zip(tiers, values, strict=True)}
        )
        old = [threshold.of(base[tier - 1]) for tier in tiers] if base else []
        changed = [(t, o, threshold.of(p)) for t, o, p in zip(tiers, old, shown, strict=False) if o != threshold.of(p)]
        row[f"In version {against}"] = _was(threshold, changed, tiers)
        row["Rule"] = threshold.sentence(threshold.of(shown[0])) if alike else threshold.rule.replace("{}", "this much")
        rows.append(row)
        differing.append(bool(changed))
        before = threshold.group
    frame = pd.DataFrame(rows)
    if not any(differing):
        frame = frame.drop(columns=f"In version {against}")
    elif not alike:
        # With a column per tier there is no room for both; a tier's rule can be read by choosing it.
        frame = frame.drop(columns="Rule")
    accent = f"color:{colours().accent};font-weight:600"

    def style(row: pd.Series) -> list[str]:
        return [accent if differing[int(str(row.name))] else ""] * len(row)

    return frame.style.apply(style, axis=1)


def columns_for(tiers: Sequence[int]) -> str:
    """Return the name of the one column when every shown tier has the same thresholds."""
    return "All tiers" if tuple(tiers) == TIERS else f"Tier {tiers[0]}"


def _was(threshold: Threshold, changed: Sequence[tuple[int, float, float]], tiers: Sequence[int]) -> str:
    """Return what the other version says, and whether this one is stricter or more lenient; tiers are named where they differ."""
    said = {
        tier: f"{threshold.words(old)}, now {threshold.change_words(before=old, after=new)}"
        for tier, old, new in changed
    }
    if len(set(said.values())) == 1 and len(said) == len(tiers):
        return next(iter(said.values()))
    return "; ".join(f"tier {tier} {words}" for tier, words in said.items())


def history_frame(versions: Sequence[PolicyVersion], history: PolicyHistory, *, today: date) -> pd.DataFrame:
    """One row per version, newest first: number, state, who proposed it when and why, who decided it when."""
    return pd.DataFrame(
        [
            {
                "Version": version.number,
                "State": state_words(version, history, today=today),
                "Proposed by": one_line(session.person_name(version.proposed_by), longest=40),
                "On": "" if version.number == FIRST_VERSION.number else short_date(version.proposed_on),
                "Why": one_line(version.reason, longest=200),
                "Decided by": joined(
                    [one_line(session.person_name(each.person), longest=40) for each in version.approvals]
                )
                or (one_line(session.person_name(version.decided_by), longest=40) if version.decided_by else ""),
                "Decided": short_date(version.decided_on),
            }
            for version in versions
        ]
    )


def preview_sentence(preview: PolicyPreview) -> str:
    """Return as markdown what the draft would change, in one sentence."""
    now, ever = len(preview.changed_today), len(preview.changed)
    if not ever:
        return f"**No verdict** of {plural(preview.models, 'model')} would have been another one on any of these days."
    today = (
        f"**{plural(now, 'model')} of {preview.models:,}** would have another verdict today"
        if now
        else (f"**No model of {preview.models:,}** would have another verdict today")
    )
    return f"{today}; {plural(ever, 'model')} would have had one on some day since {short_date(preview.first)}."


def preview_numbers(preview: PolicyPreview, *, against: int, draft: str) -> str:
    """Return as a markdown table what the days looked like under both: today's counts, spells of Retrain, changes of verdict."""
    before, after = preview.before, preview.after
    months = max(len(preview.days) / DAYS_OF_A_MONTH, 1)

    def changes(count: int) -> str:
        return number(count / max(preview.models, 1) / months, digits=2)

    rows = [
        (
            VERDICT_LABELS[verdict].markdown + " today",
            number(before.counts[verdict][-1]),
            number(after.counts[verdict][-1]),
        )
        for verdict in Verdict
        if before.counts[verdict][-1] or after.counts[verdict][-1]
    ]
    rows += [
        (
            f"Asked to retrain in {len(preview.days)} days",
            number(before.retrained_models),
            number(after.retrained_models),
        ),
        ("Spells of Retrain", number(len(before.retrain_spells)), number(len(after.retrain_spells))),
        ("Usual length of a spell", _days(before.median_spell), _days(after.median_spell)),
        ("Verdict changes in 30 days", changes(before.verdict_changes), changes(after.verdict_changes)),
    ]
    names = (name.replace(" ", "\u00a0") for name in (f"Version {against}", draft))
    lines = [f"| Models | {' | '.join(names)} |", "|---|---:|---:|"]
    lines += [f"| {name} | {old} | {f'**{new}**' if new != old else new} |" for name, old, new in rows]
    return "\n".join(lines)


def _days(length: float | None) -> str:
    return "none" if length is None else f"{number(length)} d"


def changes_frame(changed: Sequence[ModelChange], *, name: str) -> Styler:
    """One row per model: from which verdict to which today, why, and on which of the days they differ."""
    frame = pd.DataFrame(
        [
            {
                "Model": one_line(each.name, longest=80),
                "Tier": each.tier,
                "In force": VERDICT_LABELS[Verdict(each.before)].text,
                "Why in force": one_line(each.reason_before, longest=80),
                name: VERDICT_LABELS[Verdict(each.after)].text,
                f"Why, {name.lower()}": one_line(each.reason_after, longest=80),
                "Other on": _days_other(each),
            }
            for each in changed
        ]
    )
    by_text = {label.text: colours().verdicts[verdict] for verdict, label in VERDICT_LABELS.items()}

    def style(column: pd.Series) -> list[str]:
        return [f"color:{by_text[text]};font-weight:600" for text in column]

    return frame.style.apply(style, subset=["In force", name])


def _days_other(change: ModelChange) -> str:
    first, last = date.fromisoformat(change.first_day), date.fromisoformat(change.last_day)
    return f"{change.days} d, {day_span(first, last)}"


def change_columns(name: str) -> dict[str, Any]:
    """Return widths of the models that change."""
    return {
        "Model": st.column_config.TextColumn(width=168),
        "Tier": st.column_config.NumberColumn(width=42),
        "In force": st.column_config.TextColumn(width=116),
        "Why in force": st.column_config.TextColumn(width=296),
        name: st.column_config.TextColumn(width=116),
        f"Why, {name.lower()}": st.column_config.TextColumn(width=296),
        "Other on": st.column_config.TextColumn(width=136, help="Days with another verdict, first to last"),
    }


def rule_columns(against: int) -> dict[str, Any]:
    """Return the widths of the table of thresholds, compared with version ``against``."""
    return {
        "About": st.column_config.TextColumn(width=104),
        "Threshold": st.column_config.TextColumn(width=218),
        "All tiers": st.column_config.TextColumn(width=122),
        **{f"Tier {tier}": st.column_config.TextColumn(width=122) for tier in TIERS},
        f"In version {against}": st.column_config.TextColumn(width=212),
        "Rule": st.column_config.TextColumn(width=540),
    }
