"""Findings about a model in service: traffic, supersession, a version that just took over (METHODS sections 7 and 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitoring.assessment import Finding, FindingKind, Verdict, stored
from monitoring.window import run_start
from monitoring.wording import day_text, number, percent, reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitoring.segment import Segment


def superseded(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the take-over by another model or version: retire."""
    other = segment.model.superseded_by
    if other is None or other.since > segment.day_at(i):
        return
    rest = int(segment.traffic.rows_7[i])
    text = f"Superseded by {other.name} since {day_text(other.since)}; {number(rest)} predictions in the last 7 days."
    yield (
        Finding(
            FindingKind.SUPERSEDED,
            Verdict.RETIRE,
            "registry",
            other.since,
            text,
            evidence={
                "window": "last 7 days",
                "rows": rest,
                "value": other.name,
                "threshold_source": "the model's card",
            },
        ),
        f"Superseded since {day_text(other.since)} by {other.name}.",
    )


def _traffic_evidence(segment: Segment, i: int) -> dict[str, Any]:
    ratio = segment.traffic.ratio[i]
    return {
        "window": "last 7 days",
        "rows": int(segment.traffic.rows_7[i]),
        "value": stored(ratio),
        "reference_value": round(segment.reference.mean_daily_rows, 2),
        "threshold_source": "share of the reference's mean rows a day",
    }


def traffic_gone(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the end of traffic, 14 days in a row: retire."""
    if segment.traffic.gone[i]:
        since = segment.day_at(run_start(segment.traffic.gone, i) - segment.policy.traffic_gone_days + 1)
        share = percent(float(segment.traffic.ratio[i]))
        text = f"Traffic is gone: {share} of its reference since {day_text(since)}."
        evidence = _traffic_evidence(segment, i) | {"threshold": segment.policy.traffic_gone}
        yield Finding(FindingKind.TRAFFIC_GONE, Verdict.RETIRE, "traffic", since, text, evidence=evidence), text


def no_traffic(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the silence of a model that used to have rows every day: unknown, for a feed may have a hole."""
    if segment.traffic.no_traffic[i]:
        since = segment.day_at(i - int(segment.traffic.silent_days[i]) + 1)
        text = f"No predictions since {day_text(since)}."
        evidence = _traffic_evidence(segment, i) | {"days_in_a_row": int(segment.traffic.silent_days[i])}
        yield Finding(FindingKind.NO_TRAFFIC, Verdict.UNKNOWN, "traffic", since, text, evidence=evidence), text


def settling(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give the time after a retraining in which labels are too few: watch."""
    if segment.settling[i]:
        text = f"Version {segment.version.version} took over on {day_text(segment.first)}; labels are still too few to judge it."
        evidence = {"days_in_a_row": i + 1, "threshold_source": "label delay and 7 days"}
        yield (
            Finding(
                FindingKind.SETTLING, Verdict.WATCH, segment.version.version, segment.first, text, evidence=evidence
            ),
            reason(f"Version {segment.version.version} took over on {day_text(segment.first)}; settling."),
        )


def traffic(segment: Segment, i: int) -> Iterator[tuple[Finding, str]]:
    """Give traffic that has halved or is low: watch."""
    traffic = segment.traffic
    if traffic.halved[i]:
        share = percent(float(traffic.rows_28[i]) / traffic.expected_28)
        since = segment.day_at(run_start(traffic.halved, i))
        text = f"Traffic has halved: {share} of its reference over 28 days. A candidate for retirement."
        evidence = _traffic_evidence(segment, i) | {"window": "last 28 days", "rows": int(traffic.rows_28[i])}
        yield (
            Finding(FindingKind.TRAFFIC_HALVED, Verdict.WATCH, "traffic", since, text, evidence=evidence),
            f"Traffic has halved ({share}); candidate for retirement.",
        )
    elif traffic.low[i]:
        share = percent(float(traffic.ratio[i]))
        text = f"Traffic is low: {share} of its reference over 7 days."
        evidence = _traffic_evidence(segment, i) | {"threshold": segment.policy.traffic_watch}
        since = segment.day_at(run_start(traffic.low, i))
        yield Finding(FindingKind.TRAFFIC_LOW, Verdict.WATCH, "traffic", since, text, evidence=evidence), text


def unannounced(segment: Segment, _: int) -> Iterator[tuple[Finding, str]]:
    """Give a version that the log has and the card does not: watch."""
    if not segment.version.announced:
        text = f"Version {segment.version.version} appeared in the log on {day_text(segment.first)} without being announced."
        finding = Finding(FindingKind.UNANNOUNCED_VERSION, Verdict.WATCH, segment.version.version, segment.first, text)
        yield finding, reason(f"Version {segment.version.version} was not announced (seen {day_text(segment.first)}).")
