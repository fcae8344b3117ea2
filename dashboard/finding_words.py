"""The evidence a finding carries, as names and values that people read."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from dashboard.presentation import long_date, lost, number, percent, short_date
from monitoring.assessment import FindingKind

if TYPE_CHECKING:
    from monitoring.assessment import Finding

SHARES = {
    FindingKind.NULLS,
    FindingKind.NEW_LEVEL,
    FindingKind.TYPE_CHANGE,
    FindingKind.MISSING_COLUMN,
    FindingKind.SCORE_RANGE,
    FindingKind.FUTURE_ROWS,
    FindingKind.PERFORMANCE,
    FindingKind.NO_BETTER_THAN_NAIVE,
    FindingKind.LABEL_COVERAGE,
    FindingKind.TRAFFIC_HALVED,
    FindingKind.TRAFFIC_LOW,
    FindingKind.TRAFFIC_GONE,
    FindingKind.PORTFOLIO_SHIFT,
}
"""Kinds whose value is a share (of rows, labels or models) or a skill."""
AGAINST_ROWS_A_DAY = {
    FindingKind.TRAFFIC_HALVED,
    FindingKind.TRAFFIC_LOW,
    FindingKind.TRAFFIC_GONE,
    FindingKind.NO_TRAFFIC,
    FindingKind.SUPERSEDED,
    FindingKind.RETIREMENT_CANDIDATE,
}
"""Kinds whose reference value is the mean number of rows a day, whatever their value is."""


def evidence_facts(finding: Finding, *, on: date) -> list[tuple[str, str]]:
    """Return the evidence as names and values, in the order of METHODS section 12; what it does not carry is left out."""
    evidence = finding.evidence
    shown: list[tuple[str, str | None]] = [
        ("Since", short_date(finding.since) if finding.since.year == on.year else long_date(finding.since)),
        (name_of_value(finding), figure(evidence.get("value"), finding.kind)),
        ("In the reference", reference_figure(evidence.get("reference_value"), finding.kind)),
        ("Effect", text(evidence.get("effect_words")) or effect(evidence)),
        ("Threshold", figure(evidence.get("threshold"), finding.kind, is_share="effect" in evidence)),
        ("Where the threshold comes from", text(evidence.get("threshold_source"))),
        ("Effect measured", text(evidence.get("effect_window"))),
        ("Window of the other numbers" if evidence.get("effect_window") else "Window", text(evidence.get("window"))),
        ("Predictions covered", text(evidence.get("prediction_days"))),
        ("Labels arrived", text(evidence.get("label_days"))),
        ("Rows", count(evidence.get("rows"))),
        ("Labels", count(evidence.get("labels"))),
        ("Days in a row", count(evidence.get("days_in_a_row"))),
        ("By chance", text(evidence.get("false_alarms"))),
        ("Importance", percent(evidence["importance"]) if isinstance(evidence.get("importance"), float) else None),
        ("Ruled out", text(evidence.get("ruled_out"))),
        ("Portfolio shift", text(evidence.get("shift"))),
        ("Compared with", text(evidence.get("reference"))),
    ]
    return [(name, value) for name, value in shown if value]


def name_of_value(finding: Finding) -> str:
    """Return what the value of a finding is."""
    return {
        FindingKind.PERFORMANCE: "Skill now",
        FindingKind.NO_BETTER_THAN_NAIVE: "Skill now",
        FindingKind.SCORE_DRIFT: "PSI now",
    }.get(finding.kind, "Value now")


def figure(value: Any, kind: FindingKind, *, is_share: bool = False) -> str | None:
    """Return a value of a finding as it is written."""
    if value is None or isinstance(value, bool):
        return None
    if not isinstance(value, int | float):
        return str(value)
    if is_share or kind in SHARES:
        return percent(float(value))
    return number(float(value), digits=0 if float(value).is_integer() else 2 if abs(value) < 100 else 1)  # noqa: PLR2004 - digits that matter


def reference_figure(value: Any, kind: FindingKind) -> str | None:
    """Return what the value of a finding is in the reference."""
    if kind in AGAINST_ROWS_A_DAY and isinstance(value, int | float):
        return f"{number(float(value), digits=0 if value >= 10 else 1)} rows a day"  # noqa: PLR2004 - two digits are enough
    return figure(value, kind)


def effect(evidence: dict[str, Any]) -> str | None:
    """Return the advantage that is lost with its interval."""
    value, low, high = (evidence.get(name) for name in ("effect", "effect_low", "effect_high"))
    if value is None:
        return None
    return lost(value, low, high)


def text(value: Any) -> str | None:
    """Return words of the evidence; several as sentences or a list."""
    if isinstance(value, list | tuple):
        parts = [str(part) for part in value if part]
        return (" " if all(part.endswith(".") for part in parts) else "; ").join(parts) or None
    return value.isoformat() if isinstance(value, date) else str(value) if value else None


def count(value: Any) -> str | None:
    """Return a count with comma groups."""
    return f"{value:,}" if isinstance(value, int) else None
