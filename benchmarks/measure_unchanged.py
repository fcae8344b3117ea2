"""A day that did not change: nothing of it is read again, and its verdicts come from stored profiles."""

from __future__ import annotations

import argparse
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.home import Size, imported
from benchmarks.measuring import Claim, Measured, spending
from benchmarks.workload import categorical_names, numeric_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from sqlite3 import Connection as SqliteConnection

CORES = 2
PORTFOLIO = 1_000


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect every statement that SQLite runs on connections opened meanwhile, however it was sent."""
    seen: list[str] = []

    def listen(connection: SqliteConnection, _record: object) -> None:
        connection.set_trace_callback(seen.append)

    sa.event.listen(sa.Pool, "connect", listen)
    try:
        yield seen
    finally:
        sa.event.remove(sa.Pool, "connect", listen)


def measure(size: Size) -> Measured:
    """Measure a second run over the same day, and judging one day again."""
    found, last = Measured(), size.days - 1
    features = [f'"{name}"' for name in (*numeric_names(size.features), *categorical_names(size.features))]
    names = [*features, *(name.strip('"') for name in features)]

    def reads(seen: Sequence[str]) -> int:
        return sum(any(name in statement for name in names) for statement in seen if statement.startswith("SELECT"))

    with imported(size) as home:
        with statements() as first:
            home.assess(until=last - 1)
        with statements() as new:
            assert home.assess(until=last) == size.models
        with statements() as again, spending() as unchanged:
            assert home.assess(until=last) == 0
        with statements() as judged, spending() as judging:
            assert home.assess(first=last, until=last) == 0
    assert reads(first) >= size.models, "the first run reads features, or the count means nothing"
    cpu = judging.cpu / size.models * PORTFOLIO
    note = f"CPU seconds over {CORES} cores; {size.models} models x {PORTFOLIO // size.models}"
    found.show(
        Claim("statements that read features, a new day", reads(new) / size.models, " a model"),
        Claim("statements that read features, the same day again", reads(again), "", 0),
        Claim("statements that read features, judged again", reads(judged), "", 0),
        Claim("statements of any kind on log and registry, the same day again", len(again) / size.models, " a model"),
        Claim("the same day again, 1,000 models", unchanged.cpu / size.models * PORTFOLIO, " CPU s"),
        Claim("verdicts of one day from stored profiles, 1,000 models", cpu / CORES, " s", 30, 10, note=note),
    )
    return found


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--days", type=int, default=35, help="days in service")
    chosen = parser.parse_args(arguments)
    return measure(Size(models=chosen.models, days=chosen.days, rows=200, reference_rows=3_000))


if __name__ == "__main__":
    main()
