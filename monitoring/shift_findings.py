"""Findings about a portfolio shift that touches the model, and the link to it that other findings carry (METHODS section 9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from monitoring.assessment import Finding, FindingKind, Verdict
from monitoring.finding_evidence import BEYOND_CHANCE, evidence, skill_is_not_lost
from monitoring.portfolio_shift import LEAST_SHARE, SPILL_DAYS, Grouping, Shift, ShiftKind
from monitoring.wording import day_text, number, with_note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.segment import Segment

CROWDS = {
    Grouping.SOURCE: "models fed by {source}",
    Grouping.USE_CASE: "models of the use case {source}",
    Grouping.TEAM: "models of the team {source}",
    Grouping.ALL: "models",
}

BILLIONTH = -9
NO_FAULT = ("Most of the models show no broken data in this source.",)
WORLD_WORDS = {
    (True, True): "No fault was found in the feed: the world changed. Label this model's predictions first.",
    (
        False,
        True,
    ): "No fault was found in the feed: the world changed. What moved is of minor importance to this model.",
    (
        False,
        False,
    ): "No fault was found in the feed. One day may be a holiday: it is watched if a later day confirms it.",
}


def shift_words(shift: Shift) -> str:
    """Return what moved, and how many would by chance, as one sentence for every model it touches."""
    low, high = shift.by_chance
    chance = f"{low} to {high}" if high > low else str(high)
    crowd = CROWDS[shift.grouping].format(source=shift.source)
    return f"{number(shift.k)} of {number(shift.n)} {crowd} moved on the same days, from {day_text(shift.day)} ({chance} would be chance)."


def _chance_words(found: Shift) -> str:
    """Return how often chance alone would do this."""
    return BEYOND_CHANCE if found.log10_p < BILLIONTH else f"one in {10.0**-found.log10_p:,.0f} on an ordinary day"


def shift(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the portfolio shifts that touch the model: fix the data of a broken feed, watch a changed world."""
    for found in segment.shifts_open_on(i):
        if not found.touches(segment.model.id):
            if found.kind is ShiftKind.FEED or not _is_exposed(segment, found):
                continue
            verdict, note = Verdict.KEEP, ""
            text = f"{shift_words(found)} This one is fed by it too and did not move with them."
        elif found.kind is ShiftKind.FEED:
            verdict = Verdict.FIX_DATA if segment.weighs(found) else Verdict.WATCH
            text = f"{shift_words(found)} The data are broken, not the model: no retraining until they are clean again."
            note = "broken feed"
        else:
            matters = found.confirmed and segment.weighs(found)
            verdict, note = (Verdict.WATCH, "label first") if matters else (Verdict.KEEP, "")
            text = f"{shift_words(found)} {WORLD_WORDS[matters, found.confirmed]}"
        given = evidence(
            segment,
            window=day_text(found.day),
            prediction_days=day_text(found.day),
            threshold_source="a quarter of the exposed models, at least 4, and a chance below 1 in 100,000 by their share of "
            "abnormal days from 31 to 4 days before",
            false_alarms=_chance_words(found),
            days_in_a_row=(segment.day_at(i) - found.day).days + 1,
            ruled_out=(*(() if found.kind is ShiftKind.FEED else NO_FAULT), *skill_is_not_lost(segment, i)),
            rows=int(segment.daily.rows[i]),
            value=round(found.k / found.n, 4),
            reference_value=found.base,
            threshold=LEAST_SHARE,
            day=found.day.isoformat(),
            kind=str(found.kind),
            grouping=str(found.grouping),
            source=found.source,
            models=found.k,
            exposed=found.n,
            log10_p=found.log10_p,
        )
        source = found.source if found.grouping is Grouping.SOURCE else None
        kind = FindingKind.PORTFOLIO_SHIFT
        subject = found.source or "portfolio"
        finding = Finding(kind, verdict, subject, found.day, text, source, given)
        short = f"{number(found.k)} of {number(found.n)} models on {subject} moved {day_text(found.day)}"
        yield finding, with_note(short, note)


def _is_exposed(segment: Segment, found: Shift) -> bool:
    """Return whether the model reads the source that moved, though it was not among those that did."""
    sources = set(segment.reference.sources.values())
    return found.grouping is Grouping.SOURCE and found.confirmed and found.source in sources


def linked(segment: Segment, i: int, found: list[tuple[Finding, str]]) -> list[tuple[Finding, str]]:
    """Return the findings with the shift they belong to in their evidence: the same source, or begun on the same days."""
    touching = [each for each in segment.shifts_open_on(i) if each.touches(segment.model.id)]
    if not touching:
        return found
    return [(_linked(finding, touching), short) for finding, short in found]


def _linked(finding: Finding, shifts: list[Shift]) -> Finding:
    if finding.kind is FindingKind.PORTFOLIO_SHIFT:
        return finding
    for each in shifts:
        same_source = each.grouping is Grouping.SOURCE and finding.source == each.source
        if same_source or finding.since >= each.day - timedelta(days=SPILL_DAYS):
            text = f"{each.kind} shift of {day_text(each.day)}: {each.source or 'portfolio'}"
            return replace(finding, evidence=finding.evidence | {"shift": text})
    return finding
