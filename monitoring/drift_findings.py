"""Findings about drift: inputs and predictions that moved (METHODS section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from monitoring.assessment import Finding, FindingKind, Verdict, stored
from monitoring.drift import TAIL
from monitoring.finding_evidence import (
    data_are_clean,
    days_without_break,
    evidence,
    prediction_span,
    skill_is_not_lost,
)
from monitoring.segment import DRIFT_CLEAR_DAYS
from monitoring.window import run_start
from monitoring.wording import day_text, joined, number, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.drift import DriftSeries
    from monitoring.segment import Segment

RETURNED = " The same was seen in these weeks of last year: it may be the season."


def drift(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give inputs that moved: watch, never more."""
    if not segment.drift_watch[i]:
        return
    importance = segment.reference.importance
    moved = sorted(segment.drift, key=lambda name: -importance[name] * segment.drift[name].excess[i])
    moved = [name for name in moved if segment.drift[name].excess[i] > 0]
    yield _moved(segment, i, moved) if moved else _moved_back(segment, i)


def _moved_back(segment: Segment, i: int) -> tuple[Finding, str]:
    since, d = segment.day_at(run_start(segment.drift_watch, i)), float(segment.drift_score[i])
    score = number(d) if np.isfinite(d) else "unknown"
    text = f"Inputs moved until a few days ago (drift score {score} now); not yet {DRIFT_CLEAR_DAYS} days clear."
    days = 7 * segment.stretch
    found = evidence(
        segment,
        window=f"last {days} days",
        prediction_days=prediction_span(segment, i, days=days),
        rows=int(segment.traffic.rows_7[i]),
        value=stored(d),
        drift_score=stored(d),
        threshold=segment.policy.drift_watch,
        threshold_source="excess drift weighted by importance, from the policy; cleared after 7 days below",
        false_alarms=f"p < {TAIL} per feature and window",
        days_in_a_row=days_without_break(segment.drift_watch, i),
        ruled_out=(*data_are_clean(segment, i), *skill_is_not_lost(segment, i)),
    )
    finding = Finding(FindingKind.DRIFT, Verdict.WATCH, "inputs", since, text, evidence=found)
    return finding, f"Inputs moved and came back; not yet {DRIFT_CLEAR_DAYS} days clear."


def _moved(segment: Segment, i: int, moved: list[str]) -> tuple[Finding, str]:
    """Return the finding about the features that moved, the one that counts most first."""
    name = moved[0]
    series, first = segment.drift[name], run_start(segment.drift_watch, i)
    psi, threshold, since = float(series.psi[i]), float(series.threshold[i]), segment.day_at(first)
    others = f" {joined(moved[1:])} moved too." if len(moved) > 1 else ""
    weights = "" if segment.reference.has_importance else " Importances are not known: all features count the same."
    text = (
        f"{name} has moved since {day_text(since)} (PSI {number(psi)}, threshold {number(threshold)}).{others}{weights}"
    )
    if series.provisional:
        text += " Its threshold is provisional: the reference is small or has no days."
    if segment.moved_last_year[i]:
        text += RETURNED
    days = 7 * segment.stretch
    found = evidence(
        segment,
        window=f"last {days} days",
        prediction_days=prediction_span(segment, i, days=days),
        rows=int(series.rows[i]),
        value=stored(psi),
        reference_value=0.0,
        threshold=stored(threshold),
        threshold_source=_threshold_words(segment, days=days),
        drift_score=stored(segment.drift_score[i]),
        drift_score_threshold=segment.policy.drift_watch,
        false_alarms=f"p < {TAIL} per feature and window; 3 days in a row are asked",
        days_in_a_row=i - first + 1,
        features=moved[:10],
        last_year=bool(segment.moved_last_year[i]),
        ruled_out=(*data_are_clean(segment, i), *skill_is_not_lost(segment, i)),
    )
    source = segment.reference.sources.get(name)
    finding = Finding(FindingKind.DRIFT, Verdict.WATCH, name, since, text, source, found)
    return finding, reason(f"{name} moved (PSI {number(psi)} > {number(threshold)}).")


def _threshold_words(segment: Segment, *, days: int, what: str = "feature") -> str:
    return (
        f"{100 * (1 - TAIL):.2f} % point of this {what}'s own {days}-day variation in the reference, "
        f"n={segment.reference.rows:,}"
    )


def score_drift(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """The score's own drift is evidence beside the others; alone it moves no verdict (METHODS section 3)."""
    series: DriftSeries = segment.score_drift
    if not series.significant[i]:
        return
    psi, threshold, days = float(series.psi[i]), float(series.threshold[i]), 7 * segment.stretch
    since = segment.day_at(run_start(series.significant, i))
    text = f"Its predictions have moved since {day_text(since)} (PSI {number(psi)}, threshold {number(threshold)})."
    found = evidence(
        segment,
        window=f"last {days} days",
        prediction_days=prediction_span(segment, i, days=days),
        rows=int(series.rows[i]),
        value=stored(psi),
        reference_value=0.0,
        threshold=stored(threshold),
        threshold_source=_threshold_words(segment, days=days, what="score"),
        false_alarms=f"p < {TAIL} per window",
        days_in_a_row=days_without_break(series.significant, i),
        ruled_out=(*data_are_clean(segment, i), *skill_is_not_lost(segment, i)),
    )
    yield Finding(FindingKind.SCORE_DRIFT, Verdict.KEEP, "score", since, text, evidence=found), reason(text)
