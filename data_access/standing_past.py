"""What an envelope would have done in the days before it is approved, from stored assessments as each day knew them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from data_access.standing_rows import covered
from data_access.tables import AssessmentRow, DecisionRow, FindingRow, ModelRow
from monitoring.assessment import Verdict
from monitoring.portfolio import ServiceState
from monitoring.retraining import DAY, settling_until
from monitoring.standing_rules import Candidate, lost_words, why_not_start

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from monitoring.standing_envelope import CoveredModel, Envelope

PAST_DAYS = 90
IDS_AT_ONCE = 500
MEASURES = ("effect", "metric", "metric_value", "labels_28")


@dataclass(frozen=True, slots=True)
class PastStart:
    """A retraining that would have started; ``lost`` is the share of the advantage in words."""

    model_id: str
    name: str
    day: str
    lost: str


@dataclass(frozen=True, slots=True)
class PastHold:
    """On how many days a model's verdict was Retrain and nothing would have started, and the most frequent reason."""

    model_id: str
    name: str
    days: int
    because: str


@dataclass(frozen=True, slots=True)
class Past:
    """What an envelope would have done from ``first`` to ``last``; ``models`` are those inside that are in service."""

    first: str
    last: str
    models: int
    started: tuple[PastStart, ...]
    held: tuple[PastHold, ...]

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self) | {
            "started": [asdict(each) for each in self.started],
            "held": [asdict(each) for each in self.held],
        }


def past(session: Session, envelope: Envelope, *, tier: int, on: date) -> Past:
    """Return what the envelope would have done in the 90 days up to ``on``, by the rules that hold for a real start.

    A retraining that would have started is taken to give a version the next day, which settles for its label delay and a week. What
    it would have done to the verdicts nobody knows: the days after are those of the version that stayed.
    """
    first = on - timedelta(days=PAST_DAYS - 1)
    inside = {model.subject.model_id: model for model in covered(session, envelope.scope)}
    judged = _judged(session, inside, first=first, last=on)
    deciding = _decisions(session, set(inside), first=first)
    delays = _label_delays(session, {candidate.model.subject.model_id for _, candidate in judged})
    runs: Counter[str] = Counter()
    runs_of: Counter[tuple[str, str]] = Counter()
    settles: dict[str, date] = {}
    started: list[PastStart] = []
    held: dict[str, Counter[str]] = defaultdict(Counter)
    for day, known in judged:
        model_id, month = known.model.subject.model_id, f"{day:%Y-%m}"
        candidate = Candidate(
            model=known.model,
            evidence=known.evidence,
            days_in_verdict=known.days_in_verdict,
            runs_this_month=runs_of[model_id, month],
            open_decision=_open_on(deciding.get(model_id, ()), day),
            settles_on=settles.get(model_id),
        )
        because = why_not_start(envelope, candidate, tier=tier, runs_this_month=runs[month], on=day)
        if because is not None:
            held[model_id][because] += 1
            continue
        runs[month] += 1
        runs_of[model_id, month] += 1
        settles[model_id] = settling_until(day + DAY, label_delay_days=delays.get(model_id))
        effect = candidate.measure("effect")
        lost = "" if effect is None else lost_words(effect)
        started.append(PastStart(model_id, known.model.subject.name, day.isoformat(), lost))
    in_service = sum(model.service_state is ServiceState.IN_SERVICE for model in inside.values())
    holds = (
        PastHold(model_id, inside[model_id].subject.name, found.total(), found.most_common(1)[0][0])
        for model_id, found in held.items()
    )
    ordered = sorted(holds, key=lambda each: (-each.days, each.name, each.model_id))
    return Past(first.isoformat(), on.isoformat(), in_service, tuple(started), tuple(ordered))


def _judged(
    session: Session, inside: dict[str, CoveredModel], *, first: date, last: date
) -> list[tuple[date, Candidate]]:
    """Return the days on which a model inside was to be retrained, as known on each, in order, the largest loss first."""
    rows = session.execute(
        sa.select(
            *(AssessmentRow.id, AssessmentRow.model_id, AssessmentRow.day, AssessmentRow.verdict, AssessmentRow.basis),
            *(AssessmentRow.in_verdict_since, AssessmentRow.expected_loss),
            *(getattr(AssessmentRow, name) for name in MEASURES),
        )
        .where(AssessmentRow.day >= first, AssessmentRow.day <= last, AssessmentRow.known_on == AssessmentRow.day)
        .where(AssessmentRow.verdict == Verdict.RETRAIN.value)
        .order_by(AssessmentRow.day, AssessmentRow.recorded_at, AssessmentRow.id)
    ).all()
    newest = {(row.model_id, row.day): row for row in rows if row.model_id in inside}
    findings = _findings(session, [row.id for row in newest.values()])
    found = []
    for row in newest.values():
        evidence = {
            "verdict": row.verdict,
            "basis": row.basis,
            "day": row.day.isoformat(),
            "measures": {name: getattr(row, name) for name in MEASURES},
            "findings": findings.get(row.id, []),
        }
        days = (row.day - row.in_verdict_since).days + 1
        found.append((row, Candidate(inside[row.model_id], evidence, days_in_verdict=days)))
    found.sort(key=lambda pair: (pair[0].day, -pair[0].expected_loss, pair[0].model_id))
    return [(row.day, candidate) for row, candidate in found]


def _findings(session: Session, assessments: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for start in range(0, len(assessments), IDS_AT_ONCE):
        some = assessments[start : start + IDS_AT_ONCE]
        for row in session.scalars(
            sa.select(FindingRow).where(FindingRow.assessment_id.in_(some)).order_by(FindingRow.id)
        ):
            said = {"kind": row.kind, "argues_for": row.argues_for, "subject": row.subject, "sentence": row.sentence}
            found.setdefault(row.assessment_id, []).append(said | {"evidence": {"kind": row.evidence.get("kind")}})
    return found


def _decisions(session: Session, inside: set[str], *, first: date) -> dict[str, list[tuple[date, date | None, str]]]:
    """Return the decisions about each model that were open on some day since: from when, until when, and in words."""
    rows = session.execute(
        sa.select(
            *(DecisionRow.id, DecisionRow.model_id, DecisionRow.action, DecisionRow.is_open, DecisionRow.proposed_on),
            DecisionRow.state_on,
        ).where(sa.or_(DecisionRow.is_open, DecisionRow.state_on >= first))
    )
    found: dict[str, list[tuple[date, date | None, str]]] = {}
    for row in rows:
        if row.model_id in inside:
            words = f"decision {row.id}, {row.action.replace('_', ' ')}"
            found.setdefault(row.model_id, []).append((row.proposed_on, None if row.is_open else row.state_on, words))
    return found


def _open_on(decisions: list[tuple[date, date | None, str]] | tuple[()], day: date) -> str | None:
    return next((words for begun, ended, words in decisions if begun <= day and (ended is None or day < ended)), None)


def _label_delays(session: Session, model_ids: set[str]) -> dict[str, float]:
    rows = session.execute(sa.select(ModelRow.id, ModelRow.card).where(ModelRow.id.in_(model_ids)))
    return {row.id: row.card["label_delay_days"] for row in rows if row.card.get("label_delay_days") is not None}
