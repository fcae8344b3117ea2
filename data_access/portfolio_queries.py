"""Read-only frames for the pages about many models, as the registry stood on a clock day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy import func, select

from data_access.portfolio_filter import open_decision, verdict
from data_access.tables import AssessmentRow, DecisionRow, ModelRow, PersonRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from data_access.portfolio_standing import Ranked

    Lines = np.ndarray[Any, np.dtype[np.float32]]

MOST_ROWS = 1_000
SPARKLINE_DAYS = 28
IDS_AT_ONCE = 5_000
"""Databases take a bounded number of values in one statement."""

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
    "verdict": verdict(),
    "basis": AssessmentRow.basis,
    "reason": AssessmentRow.reason,
    "sentence": AssessmentRow.sentence,
    "version": AssessmentRow.version,
    "day": AssessmentRow.day,
    "in_verdict_since": AssessmentRow.in_verdict_since,
    "expected_loss": AssessmentRow.expected_loss,
    "effect": AssessmentRow.effect,
    "estimated_effect": AssessmentRow.estimated_effect,
    "drift_ratio": AssessmentRow.drift_ratio,
    "traffic_ratio": AssessmentRow.traffic_ratio,
    "decision_id": DecisionRow.id,
    "decision_action": DecisionRow.action,
    "decision_state": DecisionRow.state,
}


@dataclass(frozen=True, slots=True)
class Sparklines:
    """Some days of many models, each of shape (models, days); a day without an assessment or a value is NaN.

    ``advantage`` is what is kept of the advantage over the naive forecast (1 - effect), ``drift`` the drift as a multiple of its
    threshold, ``traffic`` the predictions as a multiple of what is usual.
    """

    advantage: Lines
    drift: Lines
    traffic: Lines


def overview(engine: sa.Engine, *, day: date, ranked: Sequence[Ranked]) -> pd.DataFrame:
    """Return one row per model, in the order given.

    ``model_id``, ``name``, ``tier`` (missing if not set), ``owner``, ``owner_name``, ``team``, ``use_case``, ``service_state``,
    ``has_log``, ``last_error``, ``verdict``, ``basis``, ``reason``, ``sentence``, ``version``, ``day`` and ``in_verdict_since``
    (dates), ``expected_loss``, ``effect``, ``estimated_effect``, ``drift_ratio``, ``traffic_ratio`` (floats), ``decision_id``,
    ``decision_action``, ``decision_state`` (newest open decision), ``verdict_before`` (what it is compared with). Everything from
    ``basis`` to ``traffic_ratio`` is missing for a model that was never assessed.
    """
    columns: list[Any] = [column.label(name) for name, column in OVERVIEW_COLUMNS.items()]
    statement = (
        select(*columns)
        .select_from(ModelRow)
        .outerjoin(PersonRow, PersonRow.email == ModelRow.owner)
        .outerjoin(
            AssessmentRow,
            (AssessmentRow.model_id == ModelRow.id) & AssessmentRow.id.in_(sa.bindparam("assessments", expanding=True)),
        )
        .outerjoin(DecisionRow, DecisionRow.id == open_decision(day))
        .where(ModelRow.id.in_(sa.bindparam("models", expanding=True)))
    )
    found: dict[str, Sequence[Any]] = {}
    with engine.connect() as connection:
        for some in _batches(ranked):
            asked = {"models": [row.model_id for row in some], "assessments": [row.assessment_id for row in some]}
            found |= {row.model_id: row for row in connection.execute(statement, asked)}
    known = [row for row in ranked if row.model_id in found]
    frame = pd.DataFrame([found[row.model_id] for row in known], columns=list(OVERVIEW_COLUMNS))
    return frame.assign(verdict_before=[row.before for row in known])


def _batches(ranked: Sequence[Ranked]) -> Iterator[list[Ranked]]:
    rest = iter(ranked)
    while some := list(islice(rest, IDS_AT_ONCE)):
        yield some


def sparklines(engine: sa.Engine, *, model_ids: Sequence[str], day: date, days: int = SPARKLINE_DAYS) -> Sparklines:
    """Return the ``days`` up to ``day`` of at most some thousand models. One query for all of them."""
    columns = (AssessmentRow.effect, AssessmentRow.drift_ratio, AssessmentRow.traffic_ratio)
    first = day - timedelta(days=days - 1)
    statement = (
        # As text, the days need not be made dates one by one.
        select(AssessmentRow.model_id, sa.cast(AssessmentRow.day, sa.String), *columns)
        .where(
            AssessmentRow.model_id.in_(model_ids),
            AssessmentRow.day.between(first, day),
            AssessmentRow.known_on <= day,
        )
        # What was known last is read last and stays.
        .order_by(AssessmentRow.model_id, AssessmentRow.day, AssessmentRow.known_on, AssessmentRow.recorded_at)
    )
    with engine.connect() as connection:
        rows = connection.execute(statement).all()
    model, at, *values = zip(*rows, strict=True) if rows else ((),) * (2 + len(columns))
    row_of = {model_id: row for row, model_id in enumerate(model_ids)}
    column_of = {(first + timedelta(days=number)).isoformat(): number for number in range(days)}
    places = [row_of[each] for each in model], [column_of[each] for each in at]
    lines = np.full((len(columns), len(model_ids), days), np.nan, dtype=np.float32)
    for line, value in zip(lines, values, strict=True):
        line[places] = np.array(value, dtype=np.float32)
    return Sparklines(advantage=1 - lines[0], drift=lines[1], traffic=lines[2])


def last_assessment(engine: sa.Engine) -> int | None:
    """Return the id of the assessment that was written last, None before the first."""
    with engine.connect() as connection:
        return connection.execute(select(func.max(AssessmentRow.id))).scalar_one()


def model_count(engine: sa.Engine) -> int:
    """Return how many models are registered, retired ones included."""
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(ModelRow)).scalar_one()
