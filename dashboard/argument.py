"""What speaks for a verdict, what against it, and what was ruled out, in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.presentation import RULED_OUT, VERDICT_LABELS, capital, number, percent, plural
from monitoring.assessment import FindingKind, Verdict

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from monitoring.assessment import Assessment, Finding


@dataclass(frozen=True, slots=True)
class Argument:
    """Sentences for the verdict, against it, and about what it is not; ``findings`` are those that argue for it."""

    findings: tuple[Finding, ...]
    reasons: tuple[str, ...]
    against: tuple[str, ...]
    ruled_out: tuple[str, ...]


def argument(view: ModelView, assessment: Assessment) -> Argument:
    """Return what speaks for and against the newest verdict of a model."""
    ours = [finding for finding in assessment.findings if finding.argues_for is assessment.verdict]
    others = [
        finding
        for finding in assessment.findings
        if finding.argues_for is not assessment.verdict and finding.argues_for is not Verdict.KEEP
    ]
    against = [point for point in assessment.against if not point.startswith(RULED_OUT)]
    ruled_out = [capital(point.removeprefix(RULED_OUT)) for point in assessment.against if point.startswith(RULED_OUT)]
    also = [also_argues(each.argues_for, each.sentence) for each in others]
    return Argument(
        findings=tuple(ours),
        reasons=tuple(finding.sentence for finding in ours) or (assessment.sentence,),
        against=(*against, *also),
        ruled_out=(*ruled_out, *looked_at(view, assessment)),
    )


def also_argues(verdict: Verdict, sentence: str) -> str:
    """Return a finding that argues for something else, as it stands among what speaks against."""
    return f"It also argues for {VERDICT_LABELS[verdict].word.lower()}: {sentence}"


def looked_at(view: ModelView, assessment: Assessment) -> list[str]:
    """Return what was checked and found as usual, with its numbers."""
    kinds = {finding.kind for finding in assessment.findings}
    measures, said = assessment.measures, []
    features = assessment.details.get("features") or {}
    if features and not any(fact.get("flags") for fact in features.values()):
        said.append(f"Data quality: 0 findings in {plural(len(features), 'feature')}.")
    traffic = {FindingKind.TRAFFIC_LOW, FindingKind.TRAFFIC_GONE, FindingKind.TRAFFIC_HALVED, FindingKind.NO_TRAFFIC}
    if measures.traffic_ratio is not None and not kinds & traffic:
        said.append(f"Traffic: {percent(measures.traffic_ratio)} of its reference over 7 days.")
    if measures.drift_ratio is not None and FindingKind.DRIFT not in kinds:
        said.append(
            f"Drift: the most moved feature stands at {number(measures.drift_ratio, digits=1)} times its own threshold."
        )
    delay = view.facts.label_delay_days
    if measures.newest_labelled_day is not None and delay is not None:
        behind = (assessment.day - measures.newest_labelled_day).days
        if behind <= 2 * delay + 7:
            said.append(f"Label delay: newest label is {plural(behind, 'day')} behind, usually {delay:g}.")
    return said
