"""What speaks for a verdict, what against it, and what was ruled out, in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard.presentation import ACTION_VERDICTS, RULED_OUT, VERDICT_LABELS, capital, number, percent, plural
from data_access.portfolio_filter import NEEDS_SOMEONE
from monitoring.assessment import Basis, FindingKind, Verdict
from monitoring.lifecycle import Action

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


def for_and_against(snapshot: dict[str, Any], action: Action | None = None) -> tuple[list[str], list[str]]:
    """Return what speaks for and against an action, from the evidence of a decision; without one, for and against the verdict.

    For leaving a model as it is speaks what speaks against its verdict, and the other way round.
    """
    if action is Action.ACCEPT:
        against, speaks_for = for_and_against(snapshot)
        return speaks_for, against
    verdict = Verdict(str(snapshot["verdict"]))
    # Whatever is wrong with a model speaks for taking it out of service.
    wanted = {ACTION_VERDICTS[action.value] if action else verdict}
    wanted = set(NEEDS_SOMEONE) if action is Action.SUSPEND else wanted
    findings = [(Verdict(finding["argues_for"]), str(finding["sentence"])) for finding in snapshot["findings"]]
    speaks_for = [sentence for argues_for, sentence in findings if argues_for in wanted]
    said = [str(point) for point in snapshot["against"]]
    against = [point for point in said if not point.startswith(RULED_OUT)]
    # What was ruled out is broken data: it speaks against repairing them and against taking the model out, and for all else.
    ruled_out = [point for point in said if point.startswith(RULED_OUT)]
    is_about_data = action is Action.SUSPEND or wanted == {Verdict.FIX_DATA}
    if is_about_data:
        against.extend(ruled_out)
    elif speaks_for:  # alone it argues for nothing
        speaks_for.extend(ruled_out)
    if action and verdict not in wanted:
        instead = "" if action is Action.SUSPEND else f", not {VERDICT_LABELS[ACTION_VERDICTS[action.value]].word}"
        against.insert(0, f"The verdict is {VERDICT_LABELS[verdict].word}{instead}.")
    if snapshot.get("basis") == Basis.ESTIMATED.value:
        against.append("It rests on an estimate; the labels are not there yet.")
    against += [
        also_argues(argues_for, sentence)
        for argues_for, sentence in findings
        if argues_for not in {*wanted, Verdict.KEEP}
    ]
    return speaks_for, against


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
