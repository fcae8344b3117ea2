"""Findings about a model in service: traffic, supersession, a version that just took over (METHODS sections 7 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.assessment import Finding, FindingKind, Verdict, stored
from monitoring.finding_evidence import A_FACT, data_are_clean, days_without_break, evidence, prediction_span
from monitoring.traffic import UNUSED_DAYS
from monitoring.window import run_start
from monitoring.wording import day_text, number, percent, plural, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from monitoring.segment import Segment


def superseded(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the take-over by another model or version: retire."""
    other = segment.model.superseded_by
    if other is None or other.since > segment.day_at(i):
        return
    rest = int(segment.traffic.rows_7[i])
    text = f"It has been superseded by {other.name} since {day_text(other.since)}; it had {plural(rest, 'prediction')} in the last 7 days."
    found = _traffic_evidence(
        segment,
        i,
        days=7 * segment.stretch,
        value=other.name,
        threshold_source="the model's card",
        days_in_a_row=(segment.day_at(i) - other.since).days + 1,
    )
    finding = Finding(FindingKind.SUPERSEDED, Verdict.RETIRE, "registry", other.since, text, evidence=found)
    yield finding, reason(f"Superseded since {day_text(other.since)} by {other.name}.")


def _traffic_evidence(
    segment: Segment,
    i: int,
    *,
    days: int,
    days_in_a_row: int,
    threshold_source: str = "share of the reference's mean rows a day",
    **numbers: Any,
) -> dict[str, Any]:
    common: dict[str, Any] = {
        "prediction_days": prediction_span(segment, i, days=days),
        "rows": int(segment.traffic.rows_7[i]),
        "value": stored(segment.traffic.ratio[i]),
        "reference_value": round(segment.reference.mean_daily_rows, 2),
        "false_alarms": A_FACT,
        "ruled_out": data_are_clean(segment, i),
    }
    return evidence(
        segment,
        window=f"last {days} days",
        threshold_source=threshold_source,
        days_in_a_row=days_in_a_row,
        **(common | numbers),
    )


def traffic_gone(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the end of traffic, 14 days in a row: retire."""
    if segment.traffic.gone[i]:
        waited = segment.policy.traffic_gone_days * segment.cadence_days
        since = segment.day_at(run_start(segment.traffic.gone, i) - waited + 1)
        share = percent(float(segment.traffic.ratio[i]))
        text = f"Traffic is gone: {share} of its reference since {day_text(since)}."
        found = _traffic_evidence(
            segment,
            i,
            days=7 * segment.stretch,
            threshold=segment.policy.traffic_gone,
            days_in_a_row=days_without_break(segment.traffic.gone, i) + waited - 1,
        )
        yield Finding(FindingKind.TRAFFIC_GONE, Verdict.RETIRE, "traffic", since, text, evidence=found), text


def no_traffic(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the silence of a model that used to have rows every day: unknown, for a feed may have a hole."""
    if segment.traffic.no_traffic[i]:
        silent = int(segment.traffic.silent_days[i])
        since = segment.day_at(i - silent + 1)
        text = f"No predictions since {day_text(since)}."
        found = _traffic_evidence(
            segment,
            i,
            days=silent,
            rows=0,
            value=0.0,
            threshold=3 * segment.cadence_days,
            threshold_source="days without rows; its reference has rows on more than 95 % of the days it should",
            days_in_a_row=silent,
            ruled_out=(),
        )
        yield Finding(FindingKind.NO_TRAFFIC, Verdict.UNKNOWN, "traffic", since, text, evidence=found), text


def settling(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the time after a retraining in which labels are too few: watch."""
    if not segment.settling[i]:
        return
    version, since = segment.version.version, segment.first
    delay = segment.model.label_delay_days or 0
    text = f"Version {version} took over on {day_text(since)}; labels are still too few to judge it."
    series = segment.performance
    found = evidence(
        segment,
        window="since it took over",
        prediction_days=prediction_span(segment, i, days=i + 1),
        rows=int(segment.daily.rows[: i + 1].sum()),
        labels=0 if series is None else int(series.n[: i + 1].sum()),
        value=version,
        threshold=delay + 7 * segment.stretch,
        threshold_source="days: its label delay and 7 more",
        false_alarms=A_FACT,
        days_in_a_row=i + 1,
        ruled_out=data_are_clean(segment, i),
    )
    finding = Finding(FindingKind.SETTLING, Verdict.WATCH, version, since, text, evidence=found)
    yield finding, reason(f"Version {version} took over on {day_text(since)}; settling.")


def traffic(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give traffic that has halved or is low: watch."""
    traffic = segment.traffic
    if traffic.halved[i]:
        month = 28 * segment.stretch
        share = float(traffic.rows_28[i]) / traffic.expected_28
        since = segment.day_at(run_start(traffic.halved, i))
        text = f"Traffic has halved: {percent(share)} of its reference over {month} days. A candidate for retirement."
        found = _traffic_evidence(
            segment,
            i,
            days=month,
            rows=int(traffic.rows_28[i]),
            value=stored(share),
            threshold=0.5,
            threshold_source=f"half of the {number(round(traffic.expected_28))} rows expected, and 4 standard errors of "
            "its own weeks in the reference, on 7 days in a row",
            false_alarms="p < 0.0001",
            days_in_a_row=days_without_break(traffic.halved, i),
        )
        yield (
            Finding(FindingKind.TRAFFIC_HALVED, Verdict.WATCH, "traffic", since, text, evidence=found),
            f"Traffic has halved ({percent(share)}); candidate for retirement.",
        )
    elif traffic.low[i]:
        week = 7 * segment.stretch
        text = f"Traffic is low: {percent(float(traffic.ratio[i]))} of its reference over {week} days."
        found = _traffic_evidence(
            segment,
            i,
            days=week,
            threshold=segment.policy.traffic_watch,
            days_in_a_row=days_without_break(traffic.low, i),
        )
        since = segment.day_at(run_start(traffic.low, i))
        yield Finding(FindingKind.TRAFFIC_LOW, Verdict.WATCH, "traffic", since, text, evidence=found), text


def retirement_candidate(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give what makes a model a candidate for retirement: listed, never a verdict by itself (METHODS section 7)."""
    if segment.traffic.stopped[i]:
        silent = int(segment.traffic.silent_days[i])
        since = segment.day_at(i - silent + 1)
        text = f"Nobody has asked it for {plural(silent, 'day')}: a candidate for retirement."
        found = _traffic_evidence(
            segment,
            i,
            days=silent,
            rows=0,
            value=silent,
            threshold=UNUSED_DAYS if silent >= UNUSED_DAYS else 60,
            threshold_source="days without rows",
            days_in_a_row=silent,
            ruled_out=(),
        )
        yield _candidate("traffic", since, text, found)
    if not segment.model.owner:
        text = "No owner is named: a candidate for retirement."
        found = _traffic_evidence(
            segment,
            i,
            days=7 * segment.stretch,
            value="no owner",
            threshold_source="the model's card",
            days_in_a_row=i + 1,
            ruled_out=(),
        )
        yield _candidate("owner", segment.first, text, found)


def _candidate(subject: str, since: date, text: str, found: dict[str, Any]) -> tuple[Finding, str]:
    kind = FindingKind.RETIREMENT_CANDIDATE
    return Finding(kind, Verdict.KEEP, subject, since, text, evidence=found), reason(text)


def unannounced(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give a version that the log has and the card does not: watch."""
    if segment.version.announced:
        return
    version, since = segment.version.version, segment.first
    text = f"Version {version} appeared in the log on {day_text(since)} without being announced."
    found = _traffic_evidence(
        segment,
        i,
        days=7 * segment.stretch,
        value=version,
        threshold_source="the versions of the model's card",
        days_in_a_row=i + 1,
    )
    finding = Finding(FindingKind.UNANNOUNCED_VERSION, Verdict.WATCH, version, since, text, evidence=found)
    yield finding, reason(f"Version {version} was not announced (seen {day_text(since)}).")


def label_coverage(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give labels that cover other predictions than in the reference: a warning, for what they say may be biased."""
    coverage = segment.coverage
    if coverage is None:
        return
    flags = coverage.is_changed
    if not flags[i] or not coverage.share[i] > 0:
        return
    changed = coverage.changed[i]
    now, then = float(coverage.share[i]), coverage.reference
    since = segment.day_at(run_start(flags, i))
    text = (
        f"Labels cover {percent(now)} of its predictions, {percent(then)} in the reference: what they say about "
        "performance may not hold for the rest."
    )
    distance = np.abs(coverage.by_score[i] - coverage.reference_by_score)
    at = int(np.nanargmax(np.where(coverage.rows_by_score[i] > 0, distance, np.nan)))
    found = evidence(
        segment,
        window="28 days of predictions as old as a label usually is",
        rows=int(coverage.rows[i]),
        value=stored(now),
        reference_value=stored(then),
        threshold=0.10,
        threshold_source="a change of 10 points, over all scores or in one of their bins, and 3 standard errors",
        score_bins=int(changed.sum()),
        worst_bin=[at + 1, stored(coverage.by_score[i, at]), stored(coverage.reference_by_score[at])],
        false_alarms="p < 0.002 per bin of the score",
        days_in_a_row=days_without_break(flags, i),
        ruled_out=data_are_clean(segment, i),
    )
    finding = Finding(FindingKind.LABEL_COVERAGE, Verdict.KEEP, "labels", since, text, evidence=found)
    yield finding, reason(f"Labels cover {percent(now)}, {percent(then)} in the reference.")
