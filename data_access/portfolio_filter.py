"""Which models a page about many shows, and in which order; everything is worked out by the database, over the whole portfolio."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import func, select

from data_access.retired_traffic import is_zombie
from data_access.tables import AssessmentRow, DecisionRow, ModelRow, PersonRow
from monitoring.assessment import Basis, Verdict
from monitoring.lifecycle import SOON_DAYS, Action, State
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from collections.abc import Callable

TIER_NOT_SET = 0
RETIRED = ServiceState.RETIRED.value
VERDICT_ORDER = [verdict.value for verdict in Verdict]
NEEDS_SOMEONE = (Verdict.RETRAIN, Verdict.FIX_DATA, Verdict.RETIRE)
STATE_ORDER = [state.value for state in ServiceState]
STALE_AFTER_DAYS = 2
DEFAULT_ORDER = "loss"

Before: Any = sa.orm.aliased(AssessmentRow)
"""The assessment that a model's present one is compared with."""


@dataclass(frozen=True, slots=True)
class PortfolioFilter:
    """Which models to show; an empty part filters nothing. Tier 0 means: not set.

    ``lenses`` are names of ``LENSES``, of which one must hold; of a model ``changed_since`` a day the verdict is another than on it.
    """

    verdicts: tuple[str, ...] = ()
    tiers: tuple[int, ...] = ()
    teams: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    lenses: tuple[str, ...] = ()
    text: str = ""
    model_ids: tuple[str, ...] = ()
    changed_since: date | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every model passes."""
        return self == PortfolioFilter()

    def asks_for_decisions(self, order: str) -> bool:
        """Whether which models pass, or their order, may be another after a write that is neither an assessment nor about models."""
        return bool(self.lenses or self.text.strip()) or order in ORDERS_BY_DECISION

    @property
    def without_verdicts(self) -> PortfolioFilter:
        """The same filter for every verdict."""
        return replace(self, verdicts=())


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """What can be chosen in the filters, sorted."""

    tiers: tuple[int, ...] = ()
    teams: tuple[str, ...] = ()
    use_cases: tuple[str, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)


def newest_assessment(day: date) -> sa.ScalarSelect[int]:
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


def open_decision(day: date) -> sa.ScalarSelect[int]:
    """Return the id of a model's newest open decision on ``day``."""
    candidate = sa.orm.aliased(DecisionRow)
    return (
        select(func.max(candidate.id))
        .where(candidate.model_id == ModelRow.id, candidate.is_open, candidate.proposed_on <= day)
        .correlate(ModelRow)
        .scalar_subquery()
    )


def verdict() -> sa.ColumnElement[str]:
    """Return a model's verdict; one without an assessment is not judged."""
    return func.coalesce(AssessmentRow.verdict, Verdict.UNKNOWN.value)


def verdict_before() -> sa.ColumnElement[str]:
    """Return the verdict a model is compared with."""
    return func.coalesce(Before.verdict, Verdict.UNKNOWN.value)


def _has_decision(day: date, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    wanted = (DecisionRow.model_id == ModelRow.id, DecisionRow.is_open, DecisionRow.proposed_on <= day, *conditions)
    return select(DecisionRow.id).where(*wanted).correlate(ModelRow).exists()


def _nothing_proposed(day: date) -> sa.ColumnElement[bool]:
    return AssessmentRow.verdict.in_([each.value for each in NEEDS_SOMEONE]) & ~_has_decision(day)


def _overdue(day: date) -> sa.ColumnElement[bool]:
    return _has_decision(day, DecisionRow.state == State.PROPOSED.value, DecisionRow.due_on < day)


def _acceptance_ends(day: date) -> sa.ColumnElement[bool]:
    until = day + timedelta(days=SOON_DAYS)
    return _has_decision(day, DecisionRow.action == Action.ACCEPT.value, DecisionRow.accept_until <= until)


def _acceptance_ended(day: date) -> sa.ColumnElement[bool]:
    """Return whether an acceptance of the model ended in the last 14 days and no decision about it is open."""
    ended = (
        DecisionRow.action == Action.ACCEPT.value,
        DecisionRow.state.in_([State.EXPIRED.value, State.CLOSED.value]),
    )
    lately = DecisionRow.state_on.between(day - timedelta(days=SOON_DAYS), day)
    mine = DecisionRow.model_id == ModelRow.id
    return select(DecisionRow.id).where(mine, *ended, lately).correlate(ModelRow).exists() & ~_has_decision(day)


def _retirement_due(day: date) -> sa.ColumnElement[bool]:
    until = day + timedelta(days=SOON_DAYS)
    return _has_decision(day, DecisionRow.action == Action.RETIRE.value, DecisionRow.sunset_on <= until)


LENSES: dict[str, Callable[[date], sa.ColumnElement[bool]]] = {
    "nothing_proposed": _nothing_proposed,
    "open_decision": _has_decision,
    "overdue": _overdue,
    "acceptance_ends": _acceptance_ends,
    "acceptance_ended": _acceptance_ended,
    "retirement_due": _retirement_due,
    "zombie": is_zombie,
    "no_owner": lambda _: ModelRow.owner.is_(None),
    "tier_not_set": lambda _: ModelRow.tier.is_(None),
    "no_log": lambda _: ~ModelRow.has_log,
    "never_assessed": lambda _: AssessmentRow.id.is_(None),
    "failed": lambda _: ModelRow.last_error.is_not(None),
    "stale": lambda day: AssessmentRow.day < day - timedelta(days=STALE_AFTER_DAYS),
    "no_labels": lambda _: AssessmentRow.labels_28 == 0,
    "estimated": lambda _: AssessmentRow.basis == Basis.ESTIMATED.value,
}
"""What governance and operations ask for, each true of some models on a day; the words are in ``dashboard.presentation``."""


def _lost() -> sa.ColumnElement[float]:
    return func.coalesce(AssessmentRow.effect, AssessmentRow.estimated_effect)


def _by_verdict() -> sa.ColumnElement[int]:
    return sa.case({each: place for place, each in enumerate(VERDICT_ORDER)}, value=verdict())


def _due(day: date) -> sa.ColumnElement[date]:
    return (
        select(func.min(DecisionRow.due_on))
        .where(
            DecisionRow.model_id == ModelRow.id,
            DecisionRow.is_open,
            DecisionRow.proposed_on <= day,
            DecisionRow.state == State.PROPOSED.value,
        )
        .correlate(ModelRow)
        .scalar_subquery()
    )


ORDERS: dict[str, Callable[[date], list[sa.ColumnElement[Any]]]] = {
    DEFAULT_ORDER: lambda _: [func.coalesce(AssessmentRow.expected_loss, 0.0).desc(), _by_verdict()],
    "lost": lambda _: [_lost().desc().nulls_last()],
    "drift": lambda _: [AssessmentRow.drift_ratio.desc().nulls_last()],
    "traffic": lambda _: [AssessmentRow.traffic_ratio.asc().nulls_last()],
    "newest": lambda _: [AssessmentRow.in_verdict_since.desc().nulls_last(), _by_verdict()],
    "longest": lambda _: [AssessmentRow.in_verdict_since.asc().nulls_last(), _by_verdict()],
    "verdict": lambda _: [_by_verdict(), func.coalesce(AssessmentRow.expected_loss, 0.0).desc()],
    "tier": lambda _: [func.coalesce(ModelRow.tier, TIER_NOT_SET), _by_verdict()],
    "due": lambda day: [_due(day).asc().nulls_last(), _by_verdict()],
    "owner": lambda _: [func.lower(ModelRow.owner).nulls_last(), _by_verdict()],
    "name": lambda _: [func.lower(ModelRow.name)],
}
"""The orders a list of models can have; names and ids break ties, retired models always come last."""
ORDERS_BY_DECISION = frozenset({"due"})
"""Those that look at decisions."""


def order_by(name: str, *, day: date) -> list[sa.ColumnElement[Any]]:
    """Return the whole order of a list."""
    last = sa.case((ModelRow.service_state == RETIRED, 1), else_=0)
    return [last, *ORDERS[name](day), ModelRow.name.asc(), ModelRow.id.asc()]


def conditions(wanted: PortfolioFilter, *, day: date) -> list[sa.ColumnElement[bool]]:
    """Return the SQL conditions of every part of a filter but the verdicts."""
    found: list[sa.ColumnElement[bool]] = []
    if wanted.tiers:
        known = ModelRow.tier.in_([tier for tier in wanted.tiers if tier != TIER_NOT_SET])
        found.append(sa.or_(known, ModelRow.tier.is_(None)) if TIER_NOT_SET in wanted.tiers else known)
    for column, values in (
        (ModelRow.team, wanted.teams),
        (ModelRow.use_case, wanted.use_cases),
        (ModelRow.owner, wanted.owners),
        (ModelRow.service_state, wanted.states),
        (ModelRow.id, wanted.model_ids),
    ):
        if values:
            found.append(column.in_(values))
    if wanted.lenses:
        found.append(sa.or_(*(LENSES[name](day) for name in wanted.lenses)))
    if wanted.changed_since:
        found.append(verdict() != verdict_before())
    if text := wanted.text.strip().lower():
        columns = (ModelRow.name, ModelRow.id, ModelRow.owner, ModelRow.purpose, PersonRow.name)
        found.append(sa.or_(*(func.lower(column).contains(text, autoescape=True) for column in columns)))
    return found


def filter_options(engine: sa.Engine) -> FilterOptions:
    """Return the tiers, teams, use cases and owners (e-mail to shown name) that occur."""
    columns = (ModelRow.tier, ModelRow.team, ModelRow.use_case, ModelRow.owner, PersonRow.name)
    together = select(*columns).outerjoin(PersonRow, PersonRow.email == ModelRow.owner).distinct()
    with engine.connect() as connection:
        found = connection.execute(together).all()
    names = {row.owner: row.name or row.owner for row in found if row.owner}
    tiers = {TIER_NOT_SET if row.tier is None else int(row.tier) for row in found}
    return FilterOptions(
        tiers=tuple(sorted(tiers, key=lambda tier: tier or 9)),
        teams=tuple(sorted({row.team for row in found if row.team})),
        use_cases=tuple(sorted({row.use_case for row in found if row.use_case})),
        owners={owner: names[owner] for owner in sorted(names, key=lambda owner: names[owner].lower())},
    )
