from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from data_access import portfolio_queries
from data_access.portfolio_filter import PortfolioFilter
from data_access.portfolio_standing import ranking
from data_access.registry import Registry
from data_access.tables import AssessmentRow
from monitoring.assessment import Verdict
from tests import builders
from tests.builders import TODAY, Built
from tests.listening import statements

EVERYTHING = PortfolioFilter()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """An empty registry."""
    opened = builders.new_registry(tmp_path)
    yield opened
    opened.close()


def learned_later(registry: Registry, model_id: str, *, day: date, known_on: date, verdict: Verdict) -> None:
    """Add what a late label changed about ``day``."""
    with registry.write() as session:
        old = session.execute(
            sa.select(AssessmentRow).where(AssessmentRow.model_id == model_id, AssessmentRow.day == day)
        ).scalar_one()
        values = {column.key: getattr(old, column.key) for column in sa.inspect(AssessmentRow).column_attrs}
        del values["id"]
        session.add(AssessmentRow(**values | {"known_on": known_on, "verdict": verdict.value, "effect": 0.5}))


def verdict(registry: Registry, *, day: date) -> str:
    ranked = ranking(registry.engine, day=day, wanted=EVERYTHING).rows
    return str(portfolio_queries.overview(registry.engine, day=day, ranked=ranked).loc[0, "verdict"])


def test_what_became_known_later_is_invisible_before_and_counts_after(registry: Registry) -> None:
    builders.add_models(registry, Built("m", Verdict.KEEP))
    learned_later(registry, "m", day=TODAY, known_on=TODAY + timedelta(days=2), verdict=Verdict.RETRAIN)

    assert verdict(registry, day=TODAY + timedelta(days=1)) == "keep"
    assert verdict(registry, day=TODAY + timedelta(days=2)) == "retrain"


def test_sparkline_holds_each_day_as_last_known(registry: Registry) -> None:
    builders.add_models(registry, Built("m", Verdict.KEEP, days=20), Built("never", None))
    learned_later(registry, "m", day=TODAY - timedelta(days=3), known_on=TODAY, verdict=Verdict.WATCH)

    lines = portfolio_queries.sparklines(registry.engine, model_ids=("never", "m"), day=TODAY)

    assert lines.advantage.shape == lines.drift.shape == lines.traffic.shape == (2, 28)
    assert np.isnan(lines.advantage[0]).all()
    assert np.isnan(lines.advantage[1, :8]).all()
    assert lines.advantage[1, -4] == pytest.approx(0.5)
    assert lines.traffic[1, -1] == 1.0


def test_counts_change_against_a_week_before(registry: Registry) -> None:
    builders.add_models(
        registry,
        Built("new", Verdict.RETRAIN, days_in_verdict=3),
        Built("old", Verdict.RETRAIN, days_in_verdict=20),
        Built("gone", Verdict.RETIRE, service_state="retired"),
    )

    standing = ranking(registry.engine, day=TODAY, wanted=EVERYTHING).standing

    assert standing.counts[Verdict.RETRAIN] == 2
    assert standing.changes[Verdict.RETRAIN] == 1
    assert standing.changes[Verdict.KEEP] == -1
    assert (standing.models, standing.judged, standing.needing_someone, standing.retired) == (3, 2, 2, 1)


def test_newest_assessment_is_sought_in_the_index(registry: Registry) -> None:
    """Without it the page would read every assessment of ten thousand models."""
    with statements(registry.engine) as asked:
        ranking(registry.engine, day=TODAY, wanted=EVERYTHING)
    newest = next(each for each in asked if "LIMIT" in each)
    with registry.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {newest}", ("1",) * newest.count("?")).all()

    assert any("uq_assessments_day" in line[-1] or "sqlite_autoindex_assessments" in line[-1] for line in plan)
    assert not any(line[-1].startswith("SCAN assessments") for line in plan)
