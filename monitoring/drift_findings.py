"""Findings about drift: inputs and predictions that moved (METHODS section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitoring.assessment import Finding, FindingKind, Verdict, stored
from monitoring.drift import TAIL
from monitoring.window import run_start
from monitoring.wording import day_text, joined, number, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.segment import Segment


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
    text = f"Inputs moved until a few days ago (drift score {number(d)} now); not yet 7 days clear."
    evidence = {"value": stored(d), "threshold": segment.policy.drift_watch}
    finding = Finding(FindingKind.DRIFT, Verdict.WATCH, "inputs", since, text, evidence=evidence)
    return finding, "Inputs moved and came back; not yet 7 days clear."


def _moved(segment: Segment, i: int, moved: list[str]) -> tuple[Finding, str]:
    """Return the finding about the features that moved, the one that counts most first."""
    name = moved[0]
    series, first = segment.drift[name], run_start(segment.drift_watch, i)
    psi, threshold, since = float(series.psi[i]), float(series.threshold[i]), segment.day_at(first)
    others = f" {joined(moved[1:])} moved too." if len(moved) > 1 else ""
    weights = "" if segment.reference.has_importance else " Importances are not known: all features count the same."
    text = f"{name} moved since {day_text(since)} (PSI {number(psi)}, threshold {number(threshold)}).{others}{weights}"
    if series.provisional:
        text += " Its threshold is provisional: the reference is small or has no days."
    evidence: dict[str, Any] = {
        "window": "last 7 days",
        "rows": int(series.rows[i]),
        "value": stored(psi),
        "threshold": stored(threshold),
        "threshold_source": f"{100 * (1 - TAIL):.2f} % point of this feature's own 7-day variation in the reference, "
        f"n={segment.reference.rows:,}",
        "drift_score": stored(segment.drift_score[i]),
        "false_alarms": f"p < {TAIL}",
        "days_in_a_row": i - first + 1,
        "features": moved[:10],
    }
    source = segment.reference.sources.get(name)
    finding = Finding(FindingKind.DRIFT, Verdict.WATCH, name, since, text, source, evidence)
    return finding, reason(f"{name} moved (PSI {number(psi)} > {number(threshold)}).")


def score_drift(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """The score's own drift is evidence beside the others; alone it moves no verdict (METHODS section 3)."""
    series = segment.score_drift
    if series.significant[i]:
        psi, threshold = float(series.psi[i]), float(series.threshold[i])
        since = segment.day_at(run_start(series.significant, i))
        text = f"Its predictions moved since {day_text(since)} (PSI {number(psi)}, threshold {number(threshold)})."
        evidence = {
            "window": "last 7 days",
            "rows": int(series.rows[i]),
            "value": stored(psi),
            "threshold": stored(threshold),
        }
        yield Finding(FindingKind.SCORE_DRIFT, Verdict.KEEP, "score", since, text, evidence=evidence), reason(text)
