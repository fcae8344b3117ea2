"""When a standing approval lets a retraining start, why it does not, and what ends it: rules on values, each one sentence.

Never on drift alone, never with broken data or a feed shift, never beside an open decision: METHODS section 11 allows a retraining
without a person only where the performance condition holds on realised labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from monitoring.assessment import QUALITY_KINDS, Basis, FindingKind, Verdict
from monitoring.lifecycle import Move, State
from monitoring.outcome import Judgement
from monitoring.portfolio import ServiceState
from monitoring.portfolio_shift import ShiftKind
from monitoring.retraining import DAYS_TO_REVIEW
from monitoring.standing_envelope import SKILL
from monitoring.wording import capital, day_text, joined, number, percent, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from monitoring.decision import Decision
    from monitoring.standing_approval import StandingApproval
    from monitoring.standing_envelope import CoveredModel, Envelope, Guard

ON_LABELS = frozenset({FindingKind.PERFORMANCE.value, FindingKind.NO_BETTER_THAN_NAIVE.value})
"""The findings that say from realised labels that a model has lost what it was approved for."""
QUALITY = frozenset(kind.value for kind in QUALITY_KINDS)
LONGEST_SAID = 300


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known on a day about a model that a standing approval may retrain.

    ``evidence`` is the newest assessment as plain JSON, ``days_in_verdict`` for how many days its verdict has stood.
    ``runs_this_month`` counts the model's retrainings without a person this month, ``last_run_on`` is the day of the last one.
    ``open_decision`` is in words, ``feed_shifts`` names the open feed shifts that concern it, ``settles_on`` is the day on which a
    newer version can be judged. ``open_challenge`` names the challenge of one of its findings that is not settled, and the finding.
    """

    model: CoveredModel
    evidence: Mapping[str, Any]
    days_in_verdict: int = 1
    runs_this_month: int = 0
    last_run_on: date | None = None
    open_decision: str | None = None
    feed_shifts: tuple[str, ...] = ()
    settles_on: date | None = None
    open_challenge: str | None = None

    @property
    def wants_retraining(self) -> bool:
        """Whether its verdict is Retrain."""
        return bool(self.evidence.get("verdict") == Verdict.RETRAIN.value)

    def measure(self, name: str) -> Any:
        """Return one of the numbers of the day; missing if unknown."""
        return (self.evidence.get("measures") or {}).get(name)

    @property
    def findings(self) -> list[Mapping[str, Any]]:
        """The findings of the day."""
        return list(self.evidence.get("findings") or [])


def why_not_now(standing: StandingApproval, on: date) -> str | None:
    """Return why a standing approval permits nothing on a day; nothing when it is active."""
    if standing.state is not State.APPROVED:
        return f"The standing approval is {standing.state.words}."
    if standing.decided_on is not None and on < standing.decided_on:
        return f"The standing approval was approved on {day_text(standing.decided_on)}."
    if on > standing.envelope.expires_on:
        return f"The standing approval expired on {day_text(standing.envelope.expires_on)}."
    return None


def why_not_start(envelope: Envelope, candidate: Candidate, *, tier: int, runs_this_month: int, on: date) -> str | None:
    """Return the first reason why a model is not retrained without a person; nothing when everything holds.

    Args:
        envelope: what was approved.
        candidate: the model as it is known on the day.
        tier: the strictest tier whose quorum approved it.
        runs_this_month: runs under this standing approval in the day's month.
        on: the newest complete day.
    """
    return (
        _about_the_model(envelope, candidate, tier)
        or _about_the_verdict(candidate, on)
        or _about_the_data(candidate)
        or _about_challenges(candidate)
        or _about_decisions(candidate, on)
        or _about_conditions(envelope, candidate)
        or _about_runs(envelope, candidate, runs_this_month)
    )


def _about_the_model(envelope: Envelope, candidate: Candidate, tier: int) -> str | None:
    model = candidate.model
    if not envelope.scope.covers(model):
        return "It is not one of the models that were approved."
    if model.service_state is not ServiceState.IN_SERVICE:
        return f"It is {model.service_state.value.replace('_', ' ')}."
    if model.subject.effective_tier < tier:
        return (
            f"It is in tier {model.subject.effective_tier}; the people who approved this may do so from tier {tier} on."
        )
    return None


def _about_the_verdict(candidate: Candidate, on: date) -> str | None:
    if not candidate.wants_retraining:
        return "Its verdict is not Retrain."
    if candidate.evidence.get("day") != on.isoformat():
        return f"It was not judged on {day_text(on)}."
    asking = [each for each in candidate.findings if each["argues_for"] == Verdict.RETRAIN.value]
    is_realised = candidate.evidence.get("basis") == Basis.REALISED.value
    if not is_realised or not any(each["kind"] in ON_LABELS for each in asking):
        return "The verdict does not rest on realised labels."
    return None


def _about_the_data(candidate: Candidate) -> str | None:
    for each in candidate.findings:
        if each["kind"] in QUALITY or each["argues_for"] == Verdict.FIX_DATA.value:
            return f"A data-quality finding is open: {each['sentence']}"
    found = [
        each["subject"]
        for each in candidate.findings
        if each["kind"] == FindingKind.PORTFOLIO_SHIFT.value
        and (each.get("evidence") or {}).get("kind") == ShiftKind.FEED.value
    ]
    if sources := sorted({*candidate.feed_shifts, *found}):
        return f"A feed shift is open: {joined(sources)}."
    return None


def _about_challenges(candidate: Candidate) -> str | None:
    if candidate.open_challenge is None:
        return None
    return f"A finding of it is challenged, and that is not settled: {candidate.open_challenge}"


def _about_decisions(candidate: Candidate, on: date) -> str | None:
    if candidate.open_decision is not None:
        return f"A decision about it is open: {candidate.open_decision}."
    if candidate.last_run_on == on:
        return "It was retrained without a person on this day already."
    if candidate.settles_on is not None and on < candidate.settles_on:
        return f"Its last retraining is settling until {day_text(candidate.settles_on)}."
    if any(each["kind"] == FindingKind.SETTLING.value for each in candidate.findings):
        return "Its newest version is settling."
    return None


def _about_conditions(envelope: Envelope, candidate: Candidate) -> str | None:
    if candidate.days_in_verdict < envelope.least_days:
        stood = plural(candidate.days_in_verdict, "day")
        return f"The verdict has stood for {stood}; {envelope.least_days} are needed."
    effect = candidate.measure("effect")
    if envelope.least_loss and (effect is None or effect < envelope.least_loss):
        lost = "an unknown part" if effect is None else lost_words(effect)
        return f"It has lost {lost} of its advantage; {percent(envelope.least_loss)} is needed."
    for guard in envelope.guards:
        is_measured = guard.metric == SKILL or (
            candidate.measure("metric") == guard.metric and candidate.measure("metric_value") is not None
        )
        if not is_measured:
            return f"The guard cannot be checked: {guard.metric} is not measured for it."
    return None


def _about_runs(envelope: Envelope, candidate: Candidate, runs_this_month: int) -> str | None:
    if runs_this_month >= envelope.most_runs:
        return f"{runs_this_month} of {plural(envelope.most_runs, 'run')} this month used."
    if candidate.runs_this_month >= envelope.most_runs_per_model:
        return f"{candidate.runs_this_month} of {plural(envelope.most_runs_per_model, 'run')} of this model this month used."
    return None


def why_start(standing: StandingApproval, candidate: Candidate, *, runs_this_month: int) -> str:
    """Return why a retraining starts, as its record keeps it: what holds, with the numbers, and which run of the month it is."""
    envelope, effect = standing.envelope, candidate.measure("effect")
    labels = candidate.measure("labels_28")
    lost = "" if effect is None else f", {lost_words(effect)} of the advantage lost"
    needed = f" (at least {percent(envelope.least_loss)})" if lost and envelope.least_loss else ""
    on_labels = f" ({number(int(labels))} of the last 28 days)" if labels else ""
    return (
        f"{capital(standing.named)}: verdict Retrain on realised labels{on_labels} for {plural(candidate.days_in_verdict, 'day')} (at least {envelope.least_days}){lost}{needed}; no "
        f"data-quality finding, no feed shift and no decision open; run {runs_this_month + 1} of {envelope.most_runs} this month."
    )


def lost_words(effect: float) -> str:
    """Return a share of the advantage as it stands in a sentence; more than all of it is all of it.

    >>> lost_words(0.31), lost_words(7.2)
    ('31 %', 'all')
    """
    return percent(effect) if effect < 1 else "all"


# What ends it


def failure_of(move: Move, decision: Decision, *, said: str = "") -> str | None:
    """Return why a move of a decision suspends the standing approval it was made under; nothing for every other move.

    Args:
        move: what just happened to the decision.
        decision: where it is now.
        said: the reason the move was given.
    """
    what = f"the retraining of {decision.subject.name} (decision {decision.id})"
    if move is Move.REPORT_FAILED:
        return f"{what} failed{': ' + said if said else '.'}"[:LONGEST_SAID]
    judged = decision.review.judgement if decision.review else None
    if move is Move.REVIEW_OUTCOME and decision.state is State.CLOSED and judged is Judgement.NOT_FIXED:
        return f"{what} was judged not fixed."[:LONGEST_SAID]
    return None


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of a new version on a day: the comparison with the old one, its metric, and the kinds of its findings."""

    comparison: Mapping[str, Any] | None = None
    metric: str | None = None
    metric_value: float | None = None
    findings: frozenset[str] = frozenset()


def guard_failure(envelope: Envelope, decision: Decision, measured: Measured, *, on: date) -> str | None:
    """Return which guard a new version has broken, or that it cannot be checked; nothing while there is nothing to say.

    Skill is judged at once where even the better end of its interval is worse than the guard allows. Everything else is judged once
    the new version has settled. What still cannot be compared two weeks later suspends too: nobody could say that it did no harm.
    """
    if decision.state is not State.SUCCEEDED:
        return None
    what = f"the retraining of {decision.subject.name} (decision {decision.id})"
    if FindingKind.RETRAINING_DID_NOT_HELP.value in measured.findings:
        return f"{what} did not help, by the assessment of {day_text(on)}."[:LONGEST_SAID]
    waited = (on - decision.settles_on).days if decision.settles_on else 0
    for guard in envelope.guards:
        found = list(_skills(measured) if guard.metric == SKILL else _metrics(guard, decision, measured))
        has_settled = decision.settles_on is not None and waited >= 0
        for before, after, best in found:
            if guard.is_broken(before=before, after=best) or (
                has_settled and guard.is_broken(before=before, after=after)
            ):
                return f"{what} broke the guard on {guard.metric}: {before:.4g} before, {after:.4g} after."[
                    :LONGEST_SAID
                ]
        if not found and has_settled and waited >= DAYS_TO_REVIEW:
            return f"{what}: the guard on {guard.metric} could not be checked by {day_text(on)}."[:LONGEST_SAID]
    return None


def _skills(measured: Measured) -> Iterator[tuple[float, float, float]]:
    """Give skill before and after, and after at the better end of the interval, of the comparison that counts most."""
    said = measured.comparison or {}
    paired = said.get("in_service") or said.get("back_scored")
    if paired:
        yield paired["skill_before"], paired["skill_after"], paired["skill_before"] + paired["high"]
    elif apart := said.get("before_after"):
        best = apart["skill_before"] + apart["skill_difference_high"]
        yield apart["skill_before"], apart["skill_after"], best


def _metrics(guard: Guard, decision: Decision, measured: Measured) -> Iterator[tuple[float, float, float]]:
    """Give the metric before and after; without an interval it breaks a guard only once it has settled."""
    before = (decision.frozen_evidence or {}).get("measures", {})
    if before.get("metric") == guard.metric == measured.metric:
        old, new = before.get("metric_value"), measured.metric_value
        if old is not None and new is not None:
            yield old, new, old
