"""Findings of one day: every threshold crossed, with its evidence (METHODS section 12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring import drift_findings, quality_findings, service_findings, shift_findings, skill_findings
from monitoring.assessment import QUALITY_KINDS, FindingKind

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
    quality_findings.whole_log,
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
    service_findings.retirement_candidate,
    service_findings.label_coverage,
)
# With fewer than 30 rows in 91 days nothing else can be told (METHODS section 13).
WITH_FEW_ROWS = {
    service_findings.superseded,
    service_findings.traffic_gone,
    service_findings.no_traffic,
    shift_findings.shift,
    service_findings.settling,
    service_findings.traffic,
    service_findings.unannounced,
    service_findings.retirement_candidate,
    quality_findings.quality,
    quality_findings.whole_log,
}
FEW_ROWS_QUALITY = {FindingKind.NULLS, FindingKind.STUCK, FindingKind.MISSING_COLUMN}


def findings_on(segment: Segment, i: int) -> list[tuple[Finding, str]]:
    """Return the findings of day ``i`` with their short form for tables, in the order of ``RULES``."""
    if not segment.too_few_rows[i]:
        return shift_findings.linked(segment, i, [found for rule in RULES for found in rule(segment, i)])
    found = [pair for rule in RULES if rule in WITH_FEW_ROWS for pair in rule(segment, i)]
    found = [pair for pair in found if pair[0].kind not in QUALITY_KINDS or pair[0].kind in FEW_ROWS_QUALITY]
    return shift_findings.linked(segment, i, found)
