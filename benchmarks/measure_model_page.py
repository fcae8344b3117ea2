"""The page of one model with 30 and with 300 features: what the server does on its first run, on the next, and how many charts it mounts."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.home import FIRST_DAY, Size, imported
from benchmarks.measuring import Claim, Measured
from benchmarks.served import Visitor, visiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.home import Home

TABS = ("Overview", "Performance", "Drift", "Data quality", "Versions", "Decisions")
REPEATS = 10


def address(tab: str) -> str:
    """Return the parameters of the page's address."""
    return f"model=model-00000&tab={tab.replace(' ', '%20')}"


def first_runs(visitor: Visitor, home: Home, tab: str) -> float:
    """Return the server's CPU milliseconds per run, the mean of some, each after a write that makes every cache old."""
    spent = 0.0
    for _ in range(REPEATS):
        with home.registry.write():
            pass
        start = visitor.milliseconds()
        visitor.come_again(address(tab), page="model")
        spent += visitor.milliseconds() - start
    return spent / REPEATS


def next_runs(visitor: Visitor, tab: str) -> float:
    """Return the server's CPU milliseconds per run that asks for what was shown before, the mean of some."""
    start = visitor.milliseconds()
    for _ in range(REPEATS):
        visitor.come_again(address(tab), page="model")
    return (visitor.milliseconds() - start) / REPEATS


def charts(sent: list[bytes]) -> int:
    """Return how many charts were sent."""
    said = (ForwardMsg.FromString(message) for message in sent)
    return sum(each.delta.new_element.WhichOneof("type") == "plotly_chart" for each in said)


def measure(features: Sequence[int], *, days: int = 90, rows: int = 200, tabs: Sequence[str] = TABS) -> Measured:
    """Measure the page of a model with so many features, assessed for so many days."""
    found = Measured()
    for count in features:
        size = Size(models=1, rows=rows, days=days, reference_rows=max(15 * rows, 500), features=count)
        with imported(size) as home:
            home.assess(until=days - 1)
            as_of = (FIRST_DAY + timedelta(days=days)).isoformat()
            with visiting(home.folder, MODELFOLIO_AS_OF=as_of) as visitor:
                for tab in tabs:
                    mounted = charts(visitor.come_again(address(tab), page="model"))
                    name = f"model page, {count} features, {tab}"
                    found.show(
                        Claim(
                            f"{name}: server part, first run",
                            first_runs(visitor, home, tab),
                            " ms",
                            150,
                            note=f"CPU of the server, mean of {REPEATS} visitors, a write before each",
                        ),
                        Claim(f"{name}: server part, next run", next_runs(visitor, tab), " ms", 150),
                        Claim(f"{name}: charts mounted", mounted, "", 8),
                    )
    return found


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Measure."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    return measure((30, 300))


if __name__ == "__main__":
    main()
