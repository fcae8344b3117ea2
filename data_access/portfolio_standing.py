"""Where the models stand on a clock day: one pass over the portfolio gives the counts and the order of the list.

On a clock day only assessments of that day or earlier that were known by its end count (``day`` and ``known_on`` not after it);
of those the newest day, then the newest ``known_on``, then the newest ``recorded_at``. A model without any is not judged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import func, select

from data_access.portfolio_filter import (
    DEFAULT_ORDER,
    NEEDS_SOMEONE,
    RETIRED,
    Before,
    PortfolioFilter,
    conditions,
    newest_assessment,
    order_by,
    verdict,
    verdict_before,
)
from data_access.tables import AssessmentRow, FindingRow, ModelRow, PersonRow
from monitoring.assessment import Basis, FindingKind, Verdict
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from collections.abc import Iterable

COMPARED_DAYS = 7
WITHOUT_LOG, NEVER_ASSESSED = "without a mapped log", "never assessed"
NOT_JUDGED_REASONS = {
    FindingKind.NO_TRAFFIC.value: "without predictions",
    FindingKind.NOT_JUDGED.value: "with too little to judge on",
}


class Ranked(NamedTuple):
    """A model in its place in the list."""

    model_id: str
    assessment_id: int | None
    verdict: str
    before: str
    basis: str | None
    service_state: str
    has_log: bool
    has_failed: bool
    z_28: float | None
    why_not_judged: str | None

    @property
    def is_retired(self) -> bool:
        """Whether the model is out of service for good; such a model is in no verdict's count."""
        return self.service_state == RETIRED


@dataclass(frozen=True, slots=True)
class Standing:
    """How many models stand where; retired models are counted apart and in no verdict, and among all models.

    ``changes`` are against ``compared_with``. ``distances`` hold how far the loss of each model that is measured on labels lies from
    chance, in standard errors; ``failed`` counts models whose last assessment failed.
    """

    counts: dict[Verdict, int]
    changes: dict[Verdict, int]
    estimated: dict[Verdict, int]
    not_judged: dict[str, int]
    compared_with: date
    measured: int = 0
    distances: tuple[float, ...] = ()
    retired: int = 0
    suspended: int = 0
    failed: int = 0
    newest_day: date | None = None
    assessed_at: datetime | None = None

    @property
    def models(self) -> int:
        """Every model, retired ones included: nothing leaves the denominator."""
        return self.serving + self.retired

    @property
    def serving(self) -> int:
        """Every model that is not retired."""
        return sum(self.counts.values())

    @property
    def judged(self) -> int:
        """Models with a verdict other than not judged."""
        return self.serving - self.counts[Verdict.UNKNOWN]

    @property
    def needing_someone(self) -> int:
        """Models whose verdict asks for an action."""
        return sum(self.counts[each] for each in NEEDS_SOMEONE)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Every model that passes the filters, in the order asked for, and how many stand where."""

    rows: tuple[Ranked, ...]
    standing: Standing

    def of(self, verdicts: tuple[str, ...]) -> list[Ranked]:
        """Return the models with one of these verdicts (none given: all models), in the same order."""
        return (
            [row for row in self.rows if row.verdict in verdicts and not row.is_retired] if verdicts else [*self.rows]
        )


def _why_not_judged() -> sa.ColumnElement[str | None]:
    kind = (
        select(func.min(FindingRow.kind))
        .where(FindingRow.assessment_id == AssessmentRow.id, FindingRow.kind.in_(NOT_JUDGED_REASONS))
        .correlate(AssessmentRow)
        .scalar_subquery()
    )
    return sa.case((AssessmentRow.verdict == Verdict.UNKNOWN.value, kind))


def _ranked(wanted: PortfolioFilter, *, day: date, compared_with: date, order: str) -> sa.Select[Any]:
    columns: tuple[Any, ...] = (
        ModelRow.id,
        AssessmentRow.id,
        verdict(),
        verdict_before(),
        AssessmentRow.basis,
        ModelRow.service_state,
        ModelRow.has_log,
        ModelRow.last_error.is_not(None),
        AssessmentRow.z_28,
        _why_not_judged(),
    )
    statement = (
        select(*columns)
        .select_from(ModelRow)
        .outerjoin(AssessmentRow, AssessmentRow.id == newest_assessment(day))
        .outerjoin(Before, Before.id == newest_assessment(compared_with))
    )
    if wanted.text.strip():
        statement = statement.outerjoin(PersonRow, PersonRow.email == ModelRow.owner)
    return statement.where(*conditions(wanted, day=day)).order_by(*order_by(order, day=day))


def ranking(
    engine: sa.Engine,
    *,
    day: date,
    wanted: PortfolioFilter,
    order: str = DEFAULT_ORDER,
    compared_with: date | None = None,
) -> Ranking:
    """Return every model that passes the filters, in order, with the counts by verdict on ``day`` and their change.

    The verdicts chosen in ``wanted`` are not applied: the counts are what one chooses from, and ``Ranking.of`` chooses. Changes are
    against ``compared_with``, else against the day the filter names, else a week before.
    """
    compared_with = compared_with or wanted.changed_since or day - timedelta(days=COMPARED_DAYS)
    statement = _ranked(wanted, day=day, compared_with=compared_with, order=order)
    newest = (
        select(AssessmentRow.day, AssessmentRow.recorded_at)
        .where(AssessmentRow.day <= day, AssessmentRow.known_on <= day)
        .order_by(AssessmentRow.day.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        rows = tuple(map(Ranked._make, connection.execute(statement)))
        last = connection.execute(newest).one_or_none()
    return Ranking(rows, _standing(rows, compared_with, last.day if last else None, last.recorded_at if last else None))


def standing_stamp(engine: sa.Engine) -> tuple[Any, ...]:
    """Return what is another as soon as an order that asks for no decision could be another: after most writes it is the same.

    Assessments and models are only ever added; a card that changes says when. What else becomes of a model, that it leaves service or
    that its assessment fails, is true of few, and those are named.
    """
    counts = select(
        select(func.max(AssessmentRow.id)).scalar_subquery(), func.count(ModelRow.id), func.max(ModelRow.updated_at)
    )
    special = (ModelRow.service_state != ServiceState.IN_SERVICE.value) | ModelRow.last_error.is_not(None)
    named = select(ModelRow.id, ModelRow.service_state, ModelRow.last_error.is_not(None)).where(special)
    with engine.connect() as connection:
        found = connection.execute(counts).one()
        return (*found, tuple(map(tuple, connection.execute(named.order_by(ModelRow.id)))))


def _standing(
    rows: tuple[Ranked, ...], compared_with: date, newest_day: date | None, assessed_at: datetime | None
) -> Standing:
    serving = [row for row in rows if not row.is_retired]
    counts, before = _counts(row.verdict for row in serving), _counts(row.before for row in serving)
    measured = [row for row in serving if row.basis == Basis.REALISED.value]
    return Standing(
        counts=counts,
        changes={each: counts[each] - before[each] for each in Verdict},
        estimated=_counts(row.verdict for row in serving if row.basis == Basis.ESTIMATED.value),
        not_judged=dict(Counter(_reason(row) for row in serving if row.verdict == Verdict.UNKNOWN.value).most_common()),
        compared_with=compared_with,
        measured=len(measured),
        distances=tuple(row.z_28 for row in measured if row.z_28 is not None),
        retired=len(rows) - len(serving),
        suspended=sum(row.service_state == ServiceState.SUSPENDED.value for row in serving),
        failed=sum(row.has_failed for row in serving),
        newest_day=newest_day,
        assessed_at=assessed_at,
    )


def _counts(verdicts: Iterable[str]) -> dict[Verdict, int]:
    """Return the models per verdict; verdicts nobody has count zero."""
    total = Counter(verdicts)
    return {each: total[each.value] for each in Verdict}


def _reason(row: Ranked) -> str:
    if not row.has_log:
        return WITHOUT_LOG
    if row.assessment_id is None:
        return NEVER_ASSESSED
    return NOT_JUDGED_REASONS[row.why_not_judged or FindingKind.NOT_JUDGED.value]
