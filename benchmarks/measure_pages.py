"""The portfolio page with 1,000 and 10,000 models: what its queries take, what the server does, what is sent.

One model is imported and assessed for real; the others are copies of what the registry keeps of it, each with a verdict and
an expected loss of its own. Only the models that the page shows have a history, the others the two days the counts need.
"""

from __future__ import annotations

import argparse
import time
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from benchmarks.home import FIRST_DAY, Home, Size, imported
from benchmarks.measuring import Claim, Measured
from benchmarks.served import Visitor, visiting
from data_access.portfolio_filter import PortfolioFilter, filter_options
from data_access.portfolio_queries import MOST_ROWS, SPARKLINE_DAYS, overview, sparklines
from data_access.portfolio_standing import COMPARED_DAYS, ranking
from data_access.tables import AssessmentRow, ModelRow
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VERDICTS = [verdict.value for verdict in Verdict]
LAST_DAY = FIRST_DAY + timedelta(days=SPARKLINE_DAYS - 1)
REPEATS = 10


def copy_model(home: Home, numbers: range, *, shown: int) -> None:
    """Copy what is kept of model 0; the first ``shown`` copies with their whole history and the greatest expected loss."""
    models, assessments = ModelRow.__table__, AssessmentRow.__table__
    assert isinstance(models, sa.Table)
    assert isinstance(assessments, sa.Table)
    recent = [LAST_DAY - timedelta(days=back) for back in (0, COMPARED_DAYS)]
    with home.registry.write() as session:
        for number in numbers:
            own = f"model-{number:05d}"
            changed: dict[str, Any] = {"id": own, "name": f"Model {number}", "tier": number % 3 + 1}
            session.execute(_copied(models, changed, models.c.id == "model-00000"))
            changed = {
                "model_id": own,
                "verdict": VERDICTS[number % len(VERDICTS)],
                "expected_loss": float(number < shown),
            }
            wanted = assessments.c.model_id == "model-00000"
            if number >= shown:
                wanted &= assessments.c.day.in_(recent)
            session.execute(_copied(assessments, changed, wanted))


def _copied(table: sa.Table, changed: dict[str, Any], wanted: sa.ColumnElement[bool]) -> sa.Insert:
    kept = [column for column in table.columns if column.name != "id" or "id" in changed]
    values = [sa.literal(changed[column.name], column.type) if column.name in changed else column for column in kept]
    return sa.insert(table).from_select([column.name for column in kept], sa.select(*values).where(wanted))


def queries(home: Home) -> int:
    """Run what the page asks the registry; return the rows it shows."""
    engine = home.registry.engine
    filter_options(engine)
    ranked = ranking(engine, day=LAST_DAY, wanted=PortfolioFilter()).rows[:MOST_ROWS]
    rows = overview(engine, day=LAST_DAY, ranked=ranked)
    sparklines(engine, model_ids=tuple(rows["model_id"]), day=LAST_DAY)
    return len(rows)


def milliseconds(work: Callable[[], object]) -> float:
    """Return the CPU milliseconds of the cheapest of some runs."""
    found = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        found.append(1_000 * (time.process_time() - start))
    return min(found)


def write_nothing(home: Home) -> None:
    """Let somebody write what is no assessment: even a write of nothing grows the revision."""
    with home.registry.write():
        pass


def assess_again(home: Home) -> None:
    """Let an assessment be recorded once more, a moment later: no answer about verdicts holds any longer."""
    assessments = AssessmentRow.__table__
    assert isinstance(assessments, sa.Table)
    chosen = (assessments.c.model_id == "model-00000") & (assessments.c.day == LAST_DAY)
    with home.registry.write() as session:
        newest = session.scalar(sa.select(sa.func.max(assessments.c.id)).where(chosen))
        session.execute(_copied(assessments, {"recorded_at": datetime.now(UTC)}, assessments.c.id == newest))


def served(
    visitor: Visitor,
    *,
    home: Home | None = None,
    write: Callable[[Home], None] = write_nothing,
    addresses: Sequence[str] = ("",),
) -> float:
    """Return the server's CPU milliseconds per rerun, the mean of some; with a ``home``, somebody writes before each of them."""
    spent = 0.0
    for number in range(REPEATS):
        if home:
            write(home)
        start = visitor.milliseconds()
        visitor.rerun(addresses[number % len(addresses)])
        spent += visitor.milliseconds() - start
    return spent / REPEATS


def measure(portfolios: Sequence[int], *, most_rows: int = MOST_ROWS) -> Measured:
    """Measure the page on portfolios of growing size."""
    found, there = Measured(), 1
    with imported(Size(models=1, rows=200, days=SPARKLINE_DAYS, reference_rows=3_000)) as home:
        home.assess(until=SPARKLINE_DAYS - 1)
        for models in portfolios:
            copy_model(home, range(there, models), shown=most_rows)
            there = models
            rows, asked = queries(home), milliseconds(lambda: queries(home))
            name = f"portfolio page, {models:,} models"
            with visiting(home.folder, MODELFOLIO_AS_OF=(LAST_DAY + timedelta(days=1)).isoformat()) as visitor:
                sent = visitor.rerun()
                packed = sum(len(zlib.compress(each)) for each in sent)
                filters = [f"verdict={verdict}" for verdict in VERDICTS]
                found.show(
                    Claim(f"{name}: its queries", asked, " ms", note=f"CPU, the least of {REPEATS}"),
                    Claim(
                        f"{name}: server part after somebody wrote",
                        served(visitor, home=home),
                        " ms",
                        100,
                        note=f"CPU of the server, mean of {REPEATS}: a write that is no assessment, such as an approval",
                    ),
                    Claim(
                        f"{name}: server part after an assessment",
                        served(visitor, home=home, write=assess_again),
                        " ms",
                        note="nothing is cached; once a day",
                    ),
                    Claim(f"{name}: server part, a verdict chosen", served(visitor, addresses=filters), " ms", 100),
                    Claim(f"{name}: server part, cached", served(visitor), " ms", 100),
                    Claim(f"{name}: rows sent", rows, "", most_rows),
                    Claim(
                        f"{name}: sent",
                        sum(map(len, sent)) / 1_000,
                        " kB",
                        450,
                        225,
                        note=f"{packed / 1_000:,.0f} kB if the websocket compresses",
                    ),
                )
    return found


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Measure."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    return measure((1_000, 10_000))


if __name__ == "__main__":
    main()
