"""Findings of one day: every threshold crossed, with its evidence (METHODS section 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring import drift_findings, quality_findings, service_findings, shift_findings, skill_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitoring.assessment import Finding
    from monitoring.segment import Segment

RULES: tuple[Callable[[Segment, int], Iterator[tuple[Finding, str]]], ...] = (
    service_findings.superseded,
    service_findings.traffic_gone,
    skill_findings.never_useful,
    service_findings.no_traffic,
    shift_findings.shift,
    quality_findings.quality,
    quality_findings.score_range,
    service_findings.settling,
    skill_findings.did_not_help,
    skill_findings.performance,
    skill_findings.naive,
    skill_findings.estimated,
    skill_findings.level_off,
    drift_findings.drift,
    drift_findings.score_drift,
    quality_findings.level_change,
    service_findings.traffic,
    service_findings.unannounced,
)


def findings_on(segment: Segment, i: int) -> list[tuple[Finding, str]]:
    """Return the findings of day ``i`` with their short form for tables, in the order of ``RULES``."""
    return shift_findings.linked(segment, i, [found for rule in RULES for found in rule(segment, i)])
