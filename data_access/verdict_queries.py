"""Verdicts for export: one row per model and day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from data_access.challenge_queries import ChallengesBeside
from data_access.tables import AssessmentRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from data_access.registry import Registry


@dataclass(frozen=True, slots=True)
class VerdictLine:
    """The verdict of one model on one day, as known today, and the challenges that stand beside it in one line."""

    model: str
    day: date
    verdict: str
    reason: str
    challenges: str = ""


def verdicts(registry: Registry, *, first: date | None = None, last: date | None = None) -> Iterator[VerdictLine]:
    """Yield the verdicts of the days from ``first`` to ``last`` by model and day; without days the newest of each model."""
    columns = (
        AssessmentRow.model_id,
        AssessmentRow.day,
        AssessmentRow.verdict,
        AssessmentRow.sentence,
        AssessmentRow.id,
    )
    place = sa.func.row_number().over(
        partition_by=(AssessmentRow.model_id, AssessmentRow.day),
        order_by=(AssessmentRow.known_on.desc(), AssessmentRow.recorded_at.desc(), AssessmentRow.id.desc()),
    )
    query = sa.select(*columns, place.label("place"))
    if first is not None:
        query = query.where(AssessmentRow.day >= first)
    if last is not None:
        query = query.where(AssessmentRow.day <= last)
    if first is None and last is None:
        newest = sa.select(AssessmentRow.model_id, sa.func.max(AssessmentRow.day).label("day"))
        newest_days = newest.group_by(AssessmentRow.model_id).subquery()
        query = query.join(
            newest_days,
            sa.and_(AssessmentRow.model_id == newest_days.c.model_id, AssessmentRow.day == newest_days.c.day),
        )
    ranked = query.subquery()
    wanted = sa.select(ranked).where(ranked.c.place == 1).order_by(ranked.c.model_id, ranked.c.day)
    with registry.read() as session:
        beside = ChallengesBeside(session)
        for row in session.execute(wanted):
            challenges = " ".join(each.told() for each in beside.verdict(row.model_id, row.day, assessment_id=row.id))
            yield VerdictLine(row.model_id, row.day, row.verdict, row.sentence, challenges)


def changed_verdicts(registry: Registry, *, since: date) -> Iterator[VerdictLine]:
    """Yield the verdicts from ``since`` on that differ from the day before."""
    before: VerdictLine | None = None
    for line in verdicts(registry, first=since - timedelta(days=1)):
        same_model = before is not None and before.model == line.model
        if line.day >= since and not (same_model and before is not None and before.verdict == line.verdict):
            yield line
        before = line
