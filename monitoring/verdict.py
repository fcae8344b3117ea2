"""The verdict of each day: the first rule of METHODS section 11 that holds, with its sentence, basis and evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from monitoring.assessment import Assessment, Basis, Finding, FindingKind, Measures, Verdict, stored
from monitoring.estimate import WHAT_IT_CANNOT_SEE, labels_needed, smallest_detectable_effect
from monitoring.finding_evidence import A_FACT, is_provisional, share_of_mix
from monitoring.findings import findings_on
from monitoring.metrics import known_metric, metric_name
from monitoring.policy import METHOD_VERSION
from monitoring.ports import ReferenceOrigin
from monitoring.profile import CategoryBins, NumericBins
from monitoring.skill_findings import mix_of_loss
from monitoring.wording import interval, number, percent, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from monitoring.policy import Policy
    from monitoring.portfolio import Model
    from monitoring.ports import Floats
    from monitoring.segment import Segment

MINIMUM_ROWS, MINIMUM_LABELS = 30, 20
TIER_WEIGHT = {1: 3.0, 2: 2.0, 3: 1.0}
# What a verdict without a measured loss counts for in the order of the portfolio.
ASSUMED_EFFECT = {Verdict.RETRAIN: 0.15, Verdict.FIX_DATA: 0.15, Verdict.RETIRE: 0.15, Verdict.WATCH: 0.04}
RETIRING = {FindingKind.SUPERSEDED, FindingKind.TRAFFIC_GONE, FindingKind.NO_BETTER_THAN_NAIVE}


def rule(finding: Finding) -> int:
    """Return the place of a finding in the order of METHODS section 11; a smaller one decides."""
    if finding.argues_for is Verdict.RETIRE:
        return 0 if finding.kind in RETIRING else 3
    if finding.kind is FindingKind.SETTLING:
        return 4
    return {Verdict.UNKNOWN: 1, Verdict.FIX_DATA: 2, Verdict.RETRAIN: 5, Verdict.WATCH: 6}.get(finding.argues_for, 9)


@dataclass(frozen=True)
class Conclusion:
    """A verdict before it is dated: what, on which basis, and in which words."""

    verdict: Verdict
    basis: Basis
    sentence: str
    reason: str


def basis_on(segment: Segment, i: int) -> Basis:
    """Return what performance can be judged on: labels of the last 28 days, else the estimate, else nothing."""
    series = segment.performance
    if series is not None and series.window[28].n[i] >= MINIMUM_LABELS and not segment.unlabelled[i]:
        return Basis.REALISED
    return Basis.ESTIMATED if segment.reference.label_rows and segment.reference.gain > 0 else Basis.INPUTS


def concluded(segment: Segment, i: int, found: list[tuple[Finding, str]]) -> Conclusion:
    """Return the first rule that holds; nothing found means keep, unless nothing could be judged."""
    basis = basis_on(segment, i)
    deciding = sorted((pair for pair in found if rule(pair[0]) < 9), key=lambda pair: rule(pair[0]))
    if deciding:
        finding, short = deciding[0]
        if finding.kind is FindingKind.ESTIMATED_PERFORMANCE:
            basis = Basis.ESTIMATED
        return Conclusion(finding.argues_for, basis, finding.sentence, short)
    rows = number(int(segment.traffic.rows_91[i]))
    if segment.too_few_rows[i]:
        text = f"{rows} rows in 91 days are too few to judge it."
        return Conclusion(Verdict.UNKNOWN, Basis.INPUTS, text, f"{rows} rows in 91 days are too few.")
    if segment.beyond_detection[i]:
        text = (
            f"It cannot be judged at this traffic: on {rows} predictions in 91 days not even a loss of all its advantage "
            "would show."
        )
        return Conclusion(Verdict.UNKNOWN, basis, text, f"Cannot be judged at this traffic: {rows} rows in 91 days.")
    if basis is Basis.INPUTS:
        text = "Only its inputs can be watched: no labels, and nothing to estimate from."
        return Conclusion(Verdict.UNKNOWN, basis, text, reason("Only inputs can be watched: no labels."))
    if basis is Basis.ESTIMATED:
        rows = number(int(segment.traffic.rows_7[i]))
        text = f"Estimated to perform as in its reference, on {rows} predictions of the last 7 days; labels are not there yet."
        return Conclusion(Verdict.KEEP, basis, text, f"As in its reference (estimated), on {rows} predictions.")
    labels = number(int(segment.performance.window[28].n[i])) if segment.performance else "0"
    better = segment.performance is not None and bool(segment.performance.is_better[i])
    words = "Better than in its reference" if better else "As in its reference"
    return Conclusion(
        Verdict.KEEP, basis, f"{words}, on {labels} labels of the last 28 days.", f"{words}, on {labels} labels."
    )


def measures_on(segment: Segment, i: int) -> Measures:
    """Return the numbers of day ``i`` that pages draw as series."""
    series, newest = segment.performance, int(segment.newest_labelled[i])
    ratios = [s.psi[i] / s.threshold[i] for s in segment.drift.values() if not np.isnan(s.psi[i])]
    numbers: dict[str, Any] = {
        "rows": int(segment.daily.rows[i]),
        "rows_7": int(segment.traffic.rows_7[i]),
        "drift_score": stored(segment.drift_score[i]),
        "drift_ratio": stored(max(ratios)) if ratios else None,
        "traffic_ratio": stored(segment.traffic.ratio[i]),
        "estimated_effect": stored(segment.estimate.effect[i]),
        "newest_labelled_day": (segment.days[0] + np.timedelta64(newest, "D")).astype(object) if newest >= 0 else None,
    }
    if series is not None and series.window[28].n[i] > 0:
        layout = segment.reference.label_layout
        numbers |= {
            "labels_28": int(series.window[28].n[i]),
            "effect": stored(series.window[28].effect[i]),
            "effect_low": stored(series.effect_low[i]),
            "effect_high": stored(series.effect_high[i]),
            "z_28": stored(series.z_28[i]),
            "cusum": stored(series.cusum[i]),
            "metric": metric_name(layout),
            "metric_value": stored(known_metric(layout, series.sums_28[i : i + 1])[0]),
            "metric_reference": stored(known_metric(layout, segment.reference.totals[None])[0]),
        }
    return Measures(**numbers)


def against(segment: Segment, i: int, verdict: Verdict, found: list[tuple[Finding, str]]) -> tuple[str, ...]:
    """Return what speaks against the verdict or was ruled out."""
    kinds, said, series = {finding.kind for finding, _ in found}, [], segment.performance
    broken = any(f.argues_for is Verdict.FIX_DATA for f, _ in found)
    if not broken and verdict is not Verdict.FIX_DATA:
        said.append("Ruled out: broken data. No feature that matters has an open data-quality finding.")
    if (
        FindingKind.DRIFT not in kinds
        and not np.isnan(segment.drift_score[i])
        and verdict in {Verdict.RETRAIN, Verdict.RETIRE}
    ):
        d = number(float(segment.drift_score[i]))
        said.append(f"Inputs have not moved: drift score {d}, watched from {segment.policy.drift_watch}.")
    if series is not None and series.window[28].n[i] >= MINIMUM_LABELS:
        said.extend(_against_performance(segment, i, verdict, kinds))
    if basis_on(segment, i) is Basis.ESTIMATED and np.isfinite(segment.estimate.effect[i]):
        said.append(WHAT_IT_CANNOT_SEE)
    if (smallest := smallest_effect(segment, i)) is not None:
        said.append(
            f"It has little traffic: only a loss of {percent(smallest)} of its advantage or more would show in 28 days."
            if smallest < 1
            else "It has little traffic: not even a loss of all its advantage would be sure to show in 28 days."
        )
    if segment.reference.origin is ReferenceOrigin.EARLY_PRODUCTION:
        said.append("The reference is early production: thresholds are provisional.")
    elif is_provisional(segment):
        said.append("The reference is small or has no days: thresholds are provisional.")
    if not segment.reference.has_importance:
        said.append("Importances are not known: every feature counts the same.")
    return tuple(said)


def _against_performance(segment: Segment, i: int, verdict: Verdict, kinds: set[FindingKind]) -> Iterator[str]:
    series = segment.performance
    assert series is not None  # noqa: S101 - the only caller has checked
    week, month = series.window[7], series.window[28]
    effect, low, high = float(month.effect[i]), float(series.effect_low[i]), float(series.effect_high[i])
    labels = number(int(month.n[i]))
    if FindingKind.PERFORMANCE not in kinds and verdict in {Verdict.WATCH, Verdict.FIX_DATA, Verdict.RETIRE}:
        if high - low > 1:
            yield f"Its performance cannot be told from that of its reference: the interval is wide, on {labels} labels."
        elif effect <= 0:
            yield f"Performance is no worse than in its reference, on {labels} labels of the last 28 days."
        else:
            lost = interval(effect, low, high)
            yield f"A loss of performance is not proven beyond its tolerance: {lost} of the advantage, on {labels} labels."
    if verdict in {Verdict.RETRAIN, Verdict.WATCH} and FindingKind.PERFORMANCE in kinds:
        recent = float(week.effect[i])
        if np.isfinite(recent) and recent < segment.policy.effect_retrain / 2:
            now = "nothing is lost" if recent <= 0 else f"{percent(recent)} lost"
            yield f"The last 7 days look better: {now}, on {number(int(week.n[i]))} labels."
        found = mix_of_loss(segment, i)
        if found is not None and found[1] > 0.01:
            yield f"{share_of_mix(*found)} Retraining may not cure that part."
        if low <= 0:
            yield f"Over 28 days the interval still includes no loss, on {labels} labels."


def smallest_effect(segment: Segment, i: int) -> float | None:
    """Return the smallest loss that the labels of 28 days would show, where traffic is tiny; missing elsewhere."""
    series = segment.performance
    if series is None or segment.traffic.rows_7[i] >= MINIMUM_ROWS or i < 6:
        return None
    return smallest_detectable_effect(segment.reference, float(series.window[28].n[i]), policy=segment.policy)


def details_on(segment: Segment, i: int) -> dict[str, Any]:
    """Return what the model page shows beyond the findings, as plain JSON."""
    layout, features = segment.reference.layout, {}
    for name, bins in layout.features.items():
        drift, quality = segment.drift.get(name), segment.quality[name]
        at = layout.counts_at[name]
        null_at = at.start + (len(bins.edges) + 1 if isinstance(bins, NumericBins) else len(bins.levels) + 2)
        features[name] = {
            "psi": None if drift is None else stored(drift.psi[i]),
            "threshold": None if drift is None else stored(drift.threshold[i]),
            "excess": None if drift is None else stored(drift.excess[i]),
            "importance": stored(segment.reference.importance[name]),
            "rows": int(segment.daily.rows[i]),
            "nulls": stored(quality.null_share[i]) if segment.daily.rows[i] else None,
            "nulls_reference": stored(segment.reference.counts[null_at] / max(segment.reference.rows, 1)),
            "flags": [str(check.kind) for check in quality.seen if check.open[i]],
            "source": segment.reference.sources.get(name),
            "kind": str(CategoryBins.kind if isinstance(bins, CategoryBins) else NumericBins.kind),
        }
    details: dict[str, Any] = {"features": features, "has_importance": segment.reference.has_importance}
    details["score"] = {
        "psi": stored(segment.score_drift.psi[i]),
        "threshold": stored(segment.score_drift.threshold[i]),
    }
    details["reference"] = {
        "first": segment.reference.first_day.isoformat(),
        "last": segment.reference.last_day.isoformat(),
        "rows": segment.reference.rows,
        "labels": segment.reference.label_rows,
        "origin": str(segment.reference.origin),
        "skill": stored(segment.reference.skill),
    }
    if segment.performance is not None and segment.performance.window[28].n[i] > 0:
        details["performance"] = _performance_details(segment, i)
    if np.isfinite(segment.estimate.effect[i]):
        details["estimate"] = {
            "effect": stored(segment.estimate.effect[i]),
            "se": stored(segment.estimate.se[i]),
            "rows": int(segment.estimate.rows[i]),
            "labels_needed": labels_needed(segment.reference, policy=segment.policy),
        }
    if segment.coverage is not None and segment.coverage.rows[i] > 0:
        details["label_coverage"] = {
            "share": stored(segment.coverage.share[i]),
            "reference": stored(segment.coverage.reference),
        }
    if replaced := int(segment.daily.replaced[max(i - 6, 0) : i + 1].sum()):
        details["replaced_rows_7"] = replaced
    if retraining := segment.retraining(i):
        details["retraining"] = retraining
    return details


def _performance_details(segment: Segment, i: int) -> dict[str, Any]:
    series, layout = segment.performance, segment.reference.label_layout
    assert series is not None  # noqa: S101 - the only caller has checked
    sums = series.sums_28[i]
    n = float(layout.field(sums, "n"))
    details: dict[str, Any] = {
        "windows": {
            str(days): {"labels": int(w.n[i]), "z": stored(w.z[i], digits=2), "effect": stored(w.effect[i])}
            for days, w in series.window.items()
        },
        "onset": (segment.days[0] + np.timedelta64(int(series.onset[i]), "D")).astype(object).isoformat(),
        "cusum": stored(series.cusum[i], digits=2),
        "tolerance": series.delta,
        "skill": stored(series.skill_28[i]),
        "metric_7": stored(known_metric(layout, series.sums[max(0, i - 6) : i + 1].sum(axis=0)[None])[0]),
        "label_mean": [stored(x / n) for x in np.atleast_1d(layout.field(sums, "y"))] if n else [],
        "label_mean_reference": [stored(x) for x in layout.label_means],
        "second_yardstick": bool(series.second_yardstick[i]),
        "improvement": stored(series.improvement[i], digits=2),
        "smallest_effect": _stored_or_none(
            smallest_detectable_effect(segment.reference, float(series.window[28].n[i]), policy=segment.policy)
        ),
    }
    explained = segment.explained(i)
    if explained is not None:
        details |= {
            "mix": stored(explained.mix),
            "misfit": stored(explained.misfit),
            "mean_score": _stored_or_none(explained.mean_score),
            "mean_label": _stored_or_none(explained.mean_label),
            "calibration_in_the_large": _stored_or_none(explained.calibration),
        }
    if "confusion" in layout.slices:
        details["confusion"] = [int(x) for x in sums[layout.slices["confusion"]]]
    if "error" in layout.slices:
        details["bias"] = stored(float(layout.field(sums, "error")) / n) if n else None
        details["mean_absolute_error"] = stored(float(layout.field(sums, "absolute_error")) / n) if n else None
    if layout.task == "binary":
        details["calibration"] = _calibration(
            layout.field(sums, "bin_n"), layout.field(sums, "bin_y"), layout.score.fine_to_test
        )
    return details


def _stored_or_none(value: float | None) -> float | None:
    return None if value is None else stored(value)


def _calibration(rows: Floats, positives: Floats, fine_to_test: np.ndarray) -> list[list[int]]:
    """Return rows and positives per test bin of the score."""
    bins = int(fine_to_test.max()) + 1
    counted = [np.bincount(fine_to_test, weights=values, minlength=bins) for values in (rows, positives)]
    return [[int(n), int(y)] for n, y in zip(*counted, strict=True)]


def expected_loss(segment: Segment, i: int, verdict: Verdict, *, effect: float | None) -> float:
    """Return what orders the portfolio: effect x traffic x tier; keep and unknown count nothing.

    ``effect`` is the measured loss if a finding says so; without one the verdict counts for an assumed one.
    """
    if verdict not in ASSUMED_EFFECT:
        return 0.0
    effect = max(ASSUMED_EFFECT[verdict], min(effect or 0.0, 1.0))
    traffic = max(float(segment.traffic.rows_7[i]) / 7, 1.0)
    return round(effect * traffic * TIER_WEIGHT.get(segment.model.effective_tier, 1.0), 4)


def assessments_of(
    segment: Segment, *, first: date, known_on: date | None, since: dict[str, Any], last: date | None = None
) -> Iterator[Assessment]:
    """Yield the assessment of each day from ``first`` to ``last``.

    Args:
        segment: the version's series.
        first: the first day to give.
        known_on: the day whose knowledge the series hold, for days before it; ``None``: each day's own.
        since: ``verdict`` and ``day`` of the run of equal verdicts up to the day before ``first``; changed in place. While
            it has none, the days before ``first`` are judged to find out.
        last: the last day to give; by default the segment's.
    """
    lost_skill = {FindingKind.PERFORMANCE, FindingKind.NO_BETTER_THAN_NAIVE, FindingKind.RETRAINING_DID_NOT_HELP}
    begin = max(0, (first - segment.first).days) if since.get("verdict") else 0
    end = len(segment.days) if last is None else min(len(segment.days), (last - segment.first).days + 1)
    for i in range(begin, end):
        day = segment.day_at(i)
        found = findings_on(segment, i)
        conclusion = concluded(segment, i, found)
        if since.get("verdict") != conclusion.verdict:
            since.update(verdict=conclusion.verdict, day=day)
        if day < first:
            continue
        measures = measures_on(segment, i)
        yield Assessment(
            model_id=segment.model.id,
            version=segment.version.version,
            day=day,
            known_on=max(day, known_on or day),
            verdict=conclusion.verdict,
            basis=conclusion.basis,
            sentence=conclusion.sentence,
            reason=reason(conclusion.reason),
            in_verdict_since=since["day"],
            findings=tuple(finding for finding, _ in found),
            against=against(segment, i, conclusion.verdict, found),
            measures=measures,
            expected_loss=expected_loss(
                segment,
                i,
                conclusion.verdict,
                effect=measures.effect if lost_skill & {f.kind for f, _ in found} else None,
            ),
            policy_version=segment.policy.version,
            method_version=f"{METHOD_VERSION}/{segment.policy.configuration_hash}",
            details=details_on(segment, i),
        )


def not_judged(model: Model, *, version: str, day: date, since: date, sentence: str, policy: Policy) -> Assessment:
    """Return the assessment of a day on which nothing can be judged, saying why."""
    evidence = {
        "window": "no window",
        "value": "not judged",
        "threshold_source": "what there is of its log and reference",
        "false_alarms": A_FACT,
        "days_in_a_row": (day - since).days + 1,
        "ruled_out": [],
        "shift": None,
        "reference": "none yet",
        "method_version": METHOD_VERSION,
        "configuration": policy.configuration_hash,
        "policy_version": policy.version,
    }
    finding = Finding(FindingKind.NOT_JUDGED, Verdict.UNKNOWN, "log", since, sentence, evidence=evidence)
    return Assessment(
        model_id=model.id,
        version=version,
        day=day,
        known_on=day,
        verdict=Verdict.UNKNOWN,
        basis=Basis.INPUTS,
        sentence=sentence,
        reason=reason(sentence),
        in_verdict_since=since,
        findings=(finding,),
        policy_version=policy.version,
        method_version=f"{METHOD_VERSION}/{policy.configuration_hash}",
    )
