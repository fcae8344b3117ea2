"""How the cost of a new day grows with rows, features, models and days of history, and what a whole history costs at once."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.home import Home, Size, imported
from benchmarks.measuring import Claim, Measured, print_table, short, spending

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SMALL = Size(models=3, days=10, reference_rows=3_000)
ROWS, FEATURES, MODELS, DAYS = (250, 1_000, 8_000), (10, 30, 90), (3, 24), (10, 40, 120)
NEW_DAYS = 2


def new_day(home: Home, size: Size) -> float:
    """Return the CPU milliseconds of a new day per model: the mean of two, after one to warm up."""
    total = 0.0
    home.assess(until=size.days - NEW_DAYS - 1)
    for day in range(size.days - NEW_DAYS, size.days):
        with spending() as spent:
            assert home.assess(until=day) == size.models
        total += spent.cpu
    return 1_000 * total / NEW_DAYS / size.models


def history_at_once(size: Size) -> float:
    """Return the CPU milliseconds per model-day to profile and judge a whole history that was never assessed."""
    with imported(size) as home:
        with spending() as spent:
            assert home.assess(until=size.days - 1) == size.models * size.days
        return 1_000 * spent.cpu / size.models / size.days


def growth(title: str, sizes: Iterable[tuple[int, Size]]) -> list[tuple[int, float]]:
    """Print and return the cost of a new day for each size."""
    found = []
    for number, size in sizes:
        with imported(size) as home:
            found.append((number, new_day(home, size)))
    print_table((title, "CPU ms a model"), [[f"{number:,}", short(cost)] for number, cost in found])
    return found


def slope(found: Sequence[tuple[int, float]]) -> float:
    """Return by how much the cost grows per factor by which the size grows: 1 is linear, below 1 is better."""
    (small, cheap), (large, dear) = found[0], found[-1]
    return (dear / cheap) / (large / small)


def measure(
    small: Size = SMALL,
    *,
    rows: Sequence[int] = ROWS,
    features: Sequence[int] = FEATURES,
    models: Sequence[int] = MODELS,
    days: Sequence[int] = DAYS,
) -> Measured:
    """Measure growth in every direction from a small portfolio."""
    found = Measured()
    print(
        f"A new day of {small.models} models x {small.features} features x {small.rows:,} rows from SQLite, unless the table says otherwise."
    )
    by_rows = growth("rows a day", [(n, replace(small, rows=n, days=6)) for n in rows])
    by_features = growth("features", [(n, replace(small, features=n)) for n in features])
    few = replace(small, rows=small.rows // 10, reference_rows=small.reference_rows // 2)
    by_models = growth(f"models, {few.rows} rows a day", [(n, replace(few, models=n)) for n in models])
    by_days = growth(f"days in service, {few.rows} rows a day", [(n, replace(few, days=n)) for n in days])
    (_, cheap), (_, dear) = by_rows[-2:]
    at_once = history_at_once(replace(few, days=days[-1]))
    found.show(
        Claim("each further row of a day", 1_000 * (dear - cheap) / (by_rows[-1][0] - by_rows[-2][0]), " us"),
        Claim("rows: cost grows by this part of their growth", slope(by_rows), "x", 1.0),
        Claim("features: the same", slope(by_features), "x", 1.0),
        Claim("models: cost per model, many against few", by_models[-1][1] / by_models[0][1], "x", 1.2),
        Claim(
            "days: a new day after many days against few",
            by_days[-1][1] / by_days[0][1],
            "x",
            note=f"{days[-1]} days against {days[0]}",
        ),
        Claim("a whole history at once, per model-day", at_once, " ms", note=f"{days[-1]} days, {few.rows} rows a day"),
    )
    return found


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Measure."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    return measure()


if __name__ == "__main__":
    main()
