"""Read-only frames for the pages about many models, as the registry stood on a clock day.

On a clock day only assessments of that day or earlier that were known by its end count (``day`` and ``known_on`` not after it);
of those the newest day, then the newest ``known_on``, then the newest ``recorded_at``. A model without any is not judged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy import func, select

from data_access.tables import AssessmentRow, DecisionRow, FindingRow, ModelRow, PersonRow
from monitoring.assessment import Basis, FindingKind, Verdict
from monitoring.portfolio import ServiceState

MOST_ROWS = 1_000
SPARKLINE_DAYS = 28
COMPARED_DAYS = 7
TIER_NOT_SET = 0
RETIRED = ServiceState.RETIRED.value
NEEDS_SOMEONE = (Verdict.RETRAIN, Verdict.FIX_DATA, Verdict.RETIRE)
VERDICT_ORDER = [verdict.value for verdict in Verdict]
NOT_JUDGED_REASONS = {
    FindingKind.NO_TRAFFIC.value: "without predictions",
    FindingKind.NOT_JUDGED.value: "with too little to judge on",
}


@dataclass(frozen=True, slots=True)
class PortfolioFilter:
    """Which models to show; an empty part filters nothing. Tier 0 means: not set."""

    verdicts: tuple[str, ...] = ()
    tiers: tuple[int, ...] = ()
    teams: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    text: str = ""
    model_ids: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether every model passes."""
        return self == PortfolioFilter()


@dataclass(frozen=True, slots=True)
class Standing:
    """How many models stand where; retired models are counted apart and in no verdict.

    ``measured`` are the models judged on labels: those whose loss can be told from chance. ``failed`` counts models whose last assessment
    failed.
    """

    counts: dict[Verdict, int]
    changes: dict[Verdict, int]
    estimated: dict[Verdict, int]
    not_judged: dict[str, int]
    measured: int = 0
    retired: int = 0
    suspended: int = 0
    failed: int = 0
    newest_day: date | None = None
    assessed_at: datetime | None = None

    @property
    def models(self) -> int:
        """Every model that is not retired."""
        return sum(self.counts.values())

    @property
    def judged(self) -> int:
        """Models with a verdict other than not judged."""
        return self.models - self.counts[Verdict.UNKNOWN]

    @property
    def needing_someone(self) -> int:
        """Models whose verdict asks for an action."""
        return sum(self.counts[verdict] for verdict in NEEDS_SOMEONE)


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """What can be chosen in the filters, sorted."""

    tiers: tuple[int, ...] = ()
    teams: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)


def _newest_assessment(day: date) -> sa.ScalarSelect[int]:
    """Return the id of the assessment that counts on ``day``: one seek in the unique index per model."""
    candidate = sa.orm.aliased(AssessmentRow)
    return (
        select(candidate.id)
        .where(candidate.model_id == ModelRow.id, candidate.day <= day, candidate.known_on <= day)
        .order_by(candidate.day.desc(), candidate.known_on.desc(), candidate.recorded_at.desc())
        .limit(1)
        .correlate(ModelRow)
        .scalar_subquery()
    )


def _open_decision(day: date) -> sa.ScalarSelect[int]:
    candidate = sa.orm.aliased(DecisionRow)
    return (
        select(func.max(candidate.id))
        .where(candidate.model_id == ModelRow.id, candidate.is_open, candidate.proposed_on <= day)
        .correlate(ModelRow)
        .scalar_subquery()
    )


def _verdict() -> sa.ColumnElement[str]:
    return func.coalesce(AssessmentRow.verdict, Verdict.UNKNOWN.value)


def _conditions(wanted: PortfolioFilter) -> list[sa.ColumnElement[bool]]:
    """Return the SQL conditions of every filter on the model itself (not of the verdict)."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.tiers:
        known = ModelRow.tier.in_([tier for tier in wanted.tiers if tier != TIER_NOT_SET])
        conditions.append(sa.or_(known, ModelRow.tier.is_(None)) if TIER_NOT_SET in wanted.tiers else known)
    if wanted.teams:
        conditions.append(ModelRow.team.in_(wanted.teams))
    if wanted.use_cases:
        conditions.append(ModelRow.use_case.in_(wanted.use_cases))
    if wanted.owners:
        conditions.append(ModelRow.owner.in_(wanted.owners))
    if wanted.model_ids:
        conditions.append(ModelRow.id.in_(wanted.model_ids))
    if text := wanted.text.strip().lower():
        columns = (ModelRow.name, ModelRow.id, ModelRow.owner, ModelRow.purpose, PersonRow.name)
        conditions.append(sa.or_(*(func.lower(column).contains(text, autoescape=True) for column in columns)))
    return conditions


def _filtered(wanted: PortfolioFilter, *columns: Any) -> sa.Select[Any]:
    return (
        select(*columns)
        .select_from(ModelRow)
        .outerjoin(PersonRow, PersonRow.email == ModelRow.owner)
        .where(*_conditions(wanted))
    )


def _tally(connection: sa.Connection, day: date, wanted: PortfolioFilter) -> dict[tuple[Verdict, str, str], int]:
    """Return the number of models by verdict, basis and service state on ``day``."""
    statement = (
        _filtered(wanted, _verdict(), func.coalesce(AssessmentRow.basis, ""), ModelRow.service_state, func.count())
        .outerjoin(AssessmentRow, AssessmentRow.id == _newest_assessment(day))
        .group_by(_verdict(), func.coalesce(AssessmentRow.basis, ""), ModelRow.service_state)
    )
    return {(Verdict(verdict), basis, state): count for verdict, basis, state, count in connection.execute(statement)}


def _by_verdict(tally: dict[tuple[Verdict, str, str], int], *, basis: str | None = None) -> dict[Verdict, int]:
    """Return the models in service per verdict, all of them or those on one basis; verdicts nobody has count zero."""
    total = Counter[Verdict]()
    for (verdict, found_basis, state), count in tally.items():
        if state != RETIRED and basis in (None, found_basis):
            total[verdict] += count
    return {verdict: total[verdict] for verdict in Verdict}


def _not_judged(connection: sa.Connection, day: date, wanted: PortfolioFilter) -> dict[str, int]:
    """Return why models are not judged, most frequent first."""
    finding = (
        select(func.min(FindingRow.kind))
        .where(FindingRow.assessment_id == AssessmentRow.id, FindingRow.kind.in_(NOT_JUDGED_REASONS))
        .correlate(AssessmentRow)
        .scalar_subquery()
    )
    statement = (
        _filtered(wanted, ModelRow.has_log, AssessmentRow.id.is_(None), finding)
        .outerjoin(AssessmentRow, AssessmentRow.id == _newest_assessment(day))
        .where(_verdict() == Verdict.UNKNOWN.value, ModelRow.service_state != RETIRED)
    )
    reasons = Counter[str]()
    for has_log, never_assessed, kind in connection.execute(statement):
        if not has_log:
            reasons["without a mapped log"] += 1
        elif never_assessed:
            reasons["never assessed"] += 1
        else:
            reasons[NOT_JUDGED_REASONS.get(kind, NOT_JUDGED_REASONS[FindingKind.NOT_JUDGED.value])] += 1
    return dict(reasons.most_common())


def standing(engine: sa.Engine, *, day: date, wanted: PortfolioFilter) -> Standing:
    """Return the counts by verdict on ``day``, their change since a week before, and why models are not judged.

    The verdicts chosen in ``wanted`` are not applied: the counts are what one chooses from.
    """
    with engine.connect() as connection:
        now = _tally(connection, day, wanted)
        before = _by_verdict(_tally(connection, day - timedelta(days=COMPARED_DAYS), wanted))
        counts = _by_verdict(now)
        newest = connection.execute(
            select(AssessmentRow.day, AssessmentRow.recorded_at)
            .where(AssessmentRow.day <= day, AssessmentRow.known_on <= day)
            .order_by(AssessmentRow.day.desc())
            .limit(1)
        ).one_or_none()
        reasons = _not_judged(connection, day, wanted) if counts[Verdict.UNKNOWN] else {}
        failed = connection.scalar(
            _filtered(wanted, func.count()).where(ModelRow.last_error.is_not(None), ModelRow.service_state != RETIRED)
        )
    return Standing(
        counts=counts,
        changes={verdict: counts[verdict] - before[verdict] for verdict in Verdict},
        estimated=_by_verdict(now, basis=Basis.ESTIMATED.value),
        not_judged=reasons,
        measured=sum(_by_verdict(now, basis=Basis.REALISED.value).values()),
        retired=sum(count for (_, _, state), count in now.items() if state == RETIRED),
        suspended=sum(count for (_, _, state), count in now.items() if state == ServiceState.SUSPENDED.value),
        failed=failed or 0,
        newest_day=newest.day if newest else None,
        assessed_at=newest.recorded_at if newest else None,
    )


OVERVIEW_COLUMNS = {
    "model_id": ModelRow.id,
    "name": ModelRow.name,
    "tier": ModelRow.tier,
    "owner": ModelRow.owner,
    "owner_name": PersonRow.name,
    "team": ModelRow.team,
    "use_case": ModelRow.use_case,
    "service_state": ModelRow.service_state,
    "has_log": ModelRow.has_log,
    "last_error": ModelRow.last_error,
    "verdict": _verdict(),
    "basis": AssessmentRow.basis,
    "reason": AssessmentRow.reason,
    "sentence": AssessmentRow.sentence,
    "version": AssessmentRow.version,
    "day": AssessmentRow.day,
    "in_verdict_since": AssessmentRow.in_verdict_since,
    "expected_loss": AssessmentRow.expected_loss,
    "effect": AssessmentRow.effect,
    "estimated_effect": AssessmentRow.estimated_effect,
    "z_28": AssessmentRow.z_28,
    "decision_id": DecisionRow.id,
    "decision_action": DecisionRow.action,
    "decision_state": DecisionRow.state,
}


def overview(
    engine: sa.Engine, *, day: date, wanted: PortfolioFilter, most_rows: int | None = MOST_ROWS
) -> tuple[pd.DataFrame, int]:
    """Return the models that pass the filter, worst expected loss first, and how many there are in all.

    At most ``most_rows`` rows (missing: all of them), one per model: ``model_id``, ``name``, ``tier`` (missing if not set), ``owner``,
    ``owner_name``, ``team``, ``use_case``, ``service_state``, ``has_log``, ``last_error``, ``verdict``, ``basis``, ``reason``,
    ``sentence``, ``version``, ``day`` and ``in_verdict_since`` (dates), ``expected_loss``, ``effect``, ``estimated_effect``,
    ``z_28`` (floats), ``decision_id``, ``decision_action``, ``decision_state`` (newest open decision). Everything from ``basis`` on is
    missing for a model that was never assessed. Retired models come last.
    """
    statement = (
        _filtered(wanted, *(column.label(name) for name, column in OVERVIEW_COLUMNS.items()))
        .outerjoin(AssessmentRow, AssessmentRow.id == _newest_assessment(day))
        .outerjoin(DecisionRow, DecisionRow.id == _open_decision(day))
    )
    if wanted.verdicts:
        statement = statement.where(_verdict().in_(wanted.verdicts), ModelRow.service_state != RETIRED)
    rank = sa.case({verdict: place for place, verdict in enumerate(VERDICT_ORDER)}, value=_verdict())
    ordered = statement.order_by(
        sa.case((ModelRow.service_state == RETIRED, 1), else_=0),
        func.coalesce(AssessmentRow.expected_loss, 0.0).desc(),
        rank,
        ModelRow.name,
        ModelRow.id,
    ).limit(most_rows)
    with engine.connect() as connection:
        rows = connection.execute(ordered).all()
        total = len(rows)
        if total == most_rows:
            total = connection.execute(select(func.count()).select_from(statement.subquery())).scalar_one()
    return pd.DataFrame(rows, columns=list(OVERVIEW_COLUMNS)), total


def sparklines(
    engine: sa.Engine, *, model_ids: tuple[str, ...], day: date, days: int = SPARKLINE_DAYS
) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.float32]]]:
    """Return the advantage kept (1 - effect) and the drift ratio of the ``days`` up to ``day``, each of shape (models, days).

    A day without an assessment, labels or features is NaN. One query for all models.
    """
    first = day - timedelta(days=days - 1)
    place = {model_id: row for row, model_id in enumerate(model_ids)}
    advantage = np.full((len(model_ids), days), np.nan, dtype=np.float32)
    drift = advantage.copy()
    statement = (
        select(AssessmentRow.model_id, AssessmentRow.day, AssessmentRow.effect, AssessmentRow.drift_ratio)
        .where(
            AssessmentRow.model_id.in_(model_ids),
            AssessmentRow.day.between(first, day),
            AssessmentRow.known_on <= day,
        )
        # What was known last is read last and stays.
        .order_by(AssessmentRow.model_id, AssessmentRow.day, AssessmentRow.known_on, AssessmentRow.recorded_at)
    )
    with engine.connect() as connection:
        for model_id, assessed_day, effect, ratio in connection.execute(statement):
            at = place[model_id], (assessed_day - first).days
            advantage[at] = np.nan if effect is None else 1.0 - effect
            drift[at] = np.nan if ratio is None else ratio
    return advantage, drift


def model_count(engine: sa.Engine) -> int:
    """Return how many models are registered, retired ones included."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(ModelRow)).scalar_one()


def filter_options(engine: sa.Engine) -> FilterOptions:
    """Return the tiers, teams, use cases and owners (e-mail to shown name) that occur."""
    with engine.connect() as connection:

        def distinct(column: sa.orm.InstrumentedAttribute[Any]) -> list[Any]:
            return list(connection.execute(select(column).distinct()).scalars())

        named = connection.execute(
            select(ModelRow.owner, func.coalesce(PersonRow.name, ModelRow.owner))
            .outerjoin(PersonRow, PersonRow.email == ModelRow.owner)
            .where(ModelRow.owner.is_not(None))
            .distinct()
        )
        names = {owner: name for owner, name in named if owner}
        tiers = {TIER_NOT_SET if tier is None else int(tier) for tier in distinct(ModelRow.tier)}
        return FilterOptions(
            tiers=tuple(sorted(tiers, key=lambda tier: tier or 9)),
            teams=tuple(sorted(team for team in distinct(ModelRow.team) if team)),
            use_cases=tuple(sorted(use_case for use_case in distinct(ModelRow.use_case) if use_case)),
            owners={owner: names[owner] for owner in sorted(names, key=lambda owner: names[owner].lower())},
        )
