"""What is known on a day about models that a standing approval may retrain, in as many statements for a thousand as for one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.challenge_tables import ChallengeRow
from data_access.decision_records import assessed_evidence
from data_access.portfolio_filter import newest_assessment
from data_access.shift_queries import shifts_open_on
from data_access.standing_tables import StandingRunRow
from data_access.tables import AssessmentRow, DecisionRow, FindingRow, ModelRow
from monitoring.assessment import Verdict
from monitoring.lifecycle import Action, State
from monitoring.portfolio_shift import Grouping, ShiftKind
from monitoring.standing_rules import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from sqlalchemy.orm import Session

    from data_access.decision_records import RegistryDecisions
    from monitoring.standing_envelope import CoveredModel

    Among = Callable[[sa.orm.InstrumentedAttribute[str]], sa.ColumnElement[bool]]
    """Says of a column with ids of models which of them are asked for."""


def month_of(day: date) -> str:
    """Return the month of a day as runs are counted by it."""
    return f"{day:%Y-%m}"


def to_retrain(on: date) -> Among:
    """Return the models whose verdict was Retrain by some assessment of the day, as known on it."""
    judged = sa.select(AssessmentRow.model_id).where(
        AssessmentRow.day == on, AssessmentRow.known_on <= on, AssessmentRow.verdict == Verdict.RETRAIN.value
    )
    return lambda column: column.in_(judged)


def known(
    records: RegistryDecisions, models: Mapping[str, CoveredModel], among: Among, *, on: date
) -> tuple[Candidate, ...]:
    """Return what is known on ``on`` of the models that are ``among`` those asked for, the largest expected loss first.

    A model that was never assessed is left out.
    """
    session = records.session
    newest = _newest(session, among, on=on)
    findings = _findings(session, among, on=on)
    runs = _runs(session, among)
    busy, doubted = _open_decisions(session, among), _open_challenges(records, among)
    settles, feeds = _settling(session, among), _feed_shifts(session, among, on=on)
    found = []
    for model_id, row in newest.items():
        if model_id not in models:
            continue
        days = runs.get(model_id, [])
        candidate = Candidate(
            model=models[model_id],
            evidence=assessed_evidence(row, findings.get(row.id, [])).snapshot,
            days_in_verdict=(on - row.in_verdict_since).days + 1,
            runs_this_month=sum(month_of(day) == month_of(on) for day in days),
            last_run_on=max(days, default=None),
            open_decision=busy.get(model_id),
            open_challenge=doubted.get(model_id),
            feed_shifts=feeds.get(model_id, ()),
            settles_on=settles.get(model_id),
        )
        found.append((-row.expected_loss, model_id, candidate))
    return tuple(candidate for _, _, candidate in sorted(found, key=lambda each: each[:2]))


def _newest(session: Session, among: Among, *, on: date) -> dict[str, AssessmentRow]:
    """Return of each model the assessment that counts on ``on``."""
    chosen = (
        sa.select(AssessmentRow)
        .join(ModelRow, AssessmentRow.id == newest_assessment(on))
        .where(among(ModelRow.id))
        .options(sa.orm.defer(AssessmentRow.packed_details))
    )
    return {row.model_id: row for row in session.scalars(chosen)}


def _findings(session: Session, among: Among, *, on: date) -> dict[int, list[FindingRow]]:
    chosen = sa.select(newest_assessment(on)).select_from(ModelRow).where(among(ModelRow.id))
    found: dict[int, list[FindingRow]] = defaultdict(list)
    for row in session.scalars(
        sa.select(FindingRow).where(FindingRow.assessment_id.in_(chosen)).order_by(FindingRow.id)
    ):
        found[row.assessment_id].append(row)
    return found


def _runs(session: Session, among: Among) -> dict[str, list[date]]:
    found: dict[str, list[date]] = defaultdict(list)
    for row in session.execute(
        sa.select(StandingRunRow.model_id, StandingRunRow.day).where(among(StandingRunRow.model_id))
    ):
        found[row.model_id].append(row.day)
    return found


def _open_decisions(session: Session, among: Among) -> dict[str, str]:
    """Return the oldest open decision of each model in words."""
    rows = session.execute(
        sa.select(DecisionRow.model_id, DecisionRow.id, DecisionRow.action, DecisionRow.state)
        .where(among(DecisionRow.model_id), DecisionRow.is_open)
        .order_by(DecisionRow.id.desc())
    )
    return {
        row.model_id: f"decision {row.id}, {row.action.replace('_', ' ')}, {State(row.state).words}" for row in rows
    }


def _open_challenges(records: RegistryDecisions, among: Among) -> dict[str, str]:
    """Return the oldest open challenge of a finding of each model in words, also one that began after the day: it is open now."""
    found = records.challenges(
        among(ChallengeRow.model_id), ChallengeRow.code.is_not(None), ChallengeRow.is_open.is_(True)
    )
    return {each.subject.model_id: f"challenge {each.id}, {each.finding.sentence}" for each in found if each.finding}


def _settling(session: Session, among: Among) -> dict[str, date]:
    """Return until when the newest retraining of each model settles."""
    last = sa.func.max(DecisionRow.settles_on)
    rows = session.execute(
        sa.select(DecisionRow.model_id, last)
        .where(among(DecisionRow.model_id), DecisionRow.action == Action.RETRAIN.value)
        .group_by(DecisionRow.model_id)
    )
    return {model_id: settles_on for model_id, settles_on in rows if settles_on is not None}


def _feed_shifts(session: Session, among: Among, *, on: date) -> dict[str, tuple[str, ...]]:
    """Return the sources of the open feed shifts that each model is in, or whose source it reads: it may be next."""
    shifts = [shift for shift in shifts_open_on(session, day=on) if shift.kind is ShiftKind.FEED]
    if not shifts:
        return {}
    found = {}
    for model_id, card in session.execute(sa.select(ModelRow.id, ModelRow.card).where(among(ModelRow.id))):
        sources = {feature.get("source") for feature in card.get("features") or [] if isinstance(feature, dict)}
        found[model_id] = tuple(
            shift.source
            for shift in shifts
            if shift.touches(model_id) or (shift.grouping is Grouping.SOURCE and shift.source in sources)
        )
    return found
