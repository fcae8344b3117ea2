"""The portfolio page with 1,000 and 10,000 models: what its queries take, what the server does, what is sent.

One model is imported and assessed for real; the others are copies of what the registry keeps of it, each with a verdict and
an expected loss of its own. Only the models that the page shows have a history, the others the two days the counts need.
"""

from __future__ import annotations

import argparse
import os
import time
import zlib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import sqlalchemy as sa
import streamlit as st
from streamlit import config
from streamlit.logger import set_log_level
from streamlit.testing.v1 import AppTest

import dashboard
from benchmarks.home import FIRST_DAY, Home, Size, imported
from benchmarks.measuring import Claim, Measured
from data_access import portfolio_queries
from data_access.portfolio_queries import COMPARED_DAYS, MOST_ROWS, SPARKLINE_DAYS, PortfolioFilter
from data_access.tables import AssessmentRow, ModelRow
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

APP = Path(dashboard.__file__).with_name("app.py")
VERDICTS = [verdict.value for verdict in Verdict]
REPEATS = 5
PATIENCE_SECONDS = 120


def copy_model(home: Home, numbers: range, *, shown: int) -> None:
    """Copy what is kept of model 0; the first ``shown`` copies with their whole history and the greatest expected loss."""
    models, assessments = ModelRow.__table__, AssessmentRow.__table__
    assert isinstance(models, sa.Table)
    assert isinstance(assessments, sa.Table)
    recent = [FIRST_DAY + timedelta(days=SPARKLINE_DAYS - 1 - back) for back in (0, COMPARED_DAYS)]
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
    engine, day, everything = home.registry.engine, FIRST_DAY + timedelta(days=SPARKLINE_DAYS - 1), PortfolioFilter()
    portfolio_queries.standing(engine, day=day, wanted=everything)
    portfolio_queries.filter_options(engine)
    rows, _ = portfolio_queries.overview(engine, day=day, wanted=everything)
    portfolio_queries.sparklines(engine, model_ids=tuple(rows["model_id"]), day=day)
    return len(rows)


def open_page(home: Home) -> AppTest:
    """Run the portfolio page for a visitor who comes for the first time."""
    today = FIRST_DAY + timedelta(days=SPARKLINE_DAYS)
    with patch.dict(os.environ, {"MODELFOLIO_HOME": str(home.folder), "MODELFOLIO_AS_OF": today.isoformat()}):
        os.environ.pop("MODELFOLIO_REGISTRY_URL", None)
        page = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS).run()
    assert not page.exception, page.exception
    return page


def bytes_sent(page: AppTest) -> tuple[int, int]:
    """Return the size of every element of the page as it goes to the browser, and compressed as a websocket may."""
    protos = (getattr(element, "proto", None) for element in page._tree)  # noqa: SLF001 - the only list there is
    sent = [proto.SerializeToString() for proto in protos if proto is not None]
    return sum(map(len, sent)), sum(len(zlib.compress(each)) for each in sent)


def milliseconds(work: Callable[[], object], *, before: Callable[[], object] = lambda: None) -> float:
    """Return the CPU milliseconds of the cheapest of some runs."""
    found = []
    for _ in range(REPEATS):
        before()
        start = time.process_time()
        work()
        found.append(1_000 * (time.process_time() - start))
    return min(found)


def measure(portfolios: Sequence[int], *, most_rows: int = MOST_ROWS) -> Measured:
    """Measure the page on portfolios of growing size."""
    found, there = Measured(), 1
    config.set_option("server.address", "127.0.0.1")
    set_log_level("ERROR")  # a page without a browser warns on every run
    with imported(Size(models=1, rows=200, days=SPARKLINE_DAYS, reference_rows=3_000)) as home:
        home.assess(until=SPARKLINE_DAYS - 1)
        for models in portfolios:
            copy_model(home, range(there, models), shown=most_rows)
            there = models
            rows = queries(home)
            asked = milliseconds(lambda: queries(home))
            page = open_page(home)
            served = milliseconds(lambda: open_page(home), before=st.cache_data.clear)
            again = milliseconds(lambda: open_page(home))
            name, (sent, packed) = f"portfolio page, {models:,} models", bytes_sent(page)
            found.show(
                Claim(f"{name}: its queries", asked, " ms"),
                Claim(f"{name}: server part, nothing cached", served, " ms", 100, note=f"CPU, the least of {REPEATS}"),
                Claim(f"{name}: server part, cached", again, " ms", 100),
                Claim(f"{name}: rows sent", rows, "", most_rows),
                Claim(
                    f"{name}: sent",
                    sent / 1_000,
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
