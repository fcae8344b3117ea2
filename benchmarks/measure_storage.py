"""What the registry keeps per model and day, with labels that come on one day or over thirty."""

from __future__ import annotations

import argparse
import sqlite3
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks.home import Home, Size, imported
from benchmarks.measuring import Claim, Measured, print_table, short
from data_access.tables import ProfileRow

if TYPE_CHECKING:
    from collections.abc import Sequence

LATE_LABEL_DAYS = 30
PROFILES = {"profiles", "log_days"}
ASSESSMENTS = {"assessments", "findings"}
MEASURED_DAYS = 10


def table_bytes(home: Home) -> dict[str, int]:
    """Return the bytes of every table of the registry with its indexes, whole pages as they lie on the disk."""
    with sqlite3.connect(home.folder / "registry.db") as connection:
        query = (
            "SELECT schema.tbl_name, SUM(stat.pgsize) FROM dbstat AS stat "
            "JOIN sqlite_schema AS schema ON schema.name = stat.name GROUP BY schema.tbl_name"
        )
        return dict(connection.execute(query).fetchall())


def packed_bytes(home: Home) -> int:
    """Return the bytes of all packed profiles, without what the database adds."""
    with home.registry.read() as session:
        return int(session.scalar(sa.select(sa.func.sum(sa.func.length(ProfileRow.payload)))) or 0)


def growth_a_day(size: Size) -> tuple[dict[str, float], float]:
    """Return by how many bytes each table, and all packed profiles, grow per model and day, once labels of every age arrive."""
    with imported(size) as home:
        home.assess(until=size.days - MEASURED_DAYS - 1)
        before, packed_before = table_bytes(home), packed_bytes(home)
        home.assess(until=size.days - 1)
        after, packed = table_bytes(home), packed_bytes(home)
    model_days = size.models * MEASURED_DAYS
    grown = {table: (count - before.get(table, 0)) / model_days for table, count in after.items()}
    return {table: count for table, count in grown.items() if count}, (packed - packed_before) / model_days


def measure(size: Size) -> Measured:
    """Measure labels that come the next day, and the same labels over thirty days."""
    found, late = (
        Measured(),
        Size(**(vars(size) | {"label_days": LATE_LABEL_DAYS, "days": size.days + LATE_LABEL_DAYS})),
    )
    grown = {"labels on one day": growth_a_day(size), "labels over 30 days": growth_a_day(late)}
    print(
        f"{size.models} models x {size.features} features x {size.rows:,} rows a day; bytes a model-day, indexes and free "
        "space included."
    )
    tables = sorted(set().union(*(by for by, _ in grown.values())))
    print_table(
        ("table", *grown), [[table, *(short(by.get(table, 0.0)) for by, _ in grown.values())] for table in tables]
    )
    limits: tuple[tuple[float, float | None], ...] = ((2_200, 1_500), (4_000, None))
    for labels, (budget, stretch), (by, packed) in zip(grown, limits, grown.values(), strict=True):
        profiles = sum(count for table, count in by.items() if table in PROFILES)
        assessments = sum(count for table, count in by.items() if table in ASSESSMENTS)
        rest = sum(count for table, count in by.items() if table not in PROFILES | ASSESSMENTS)
        note = f"packed {packed:,.0f} B; the rest is the database's"
        found.show(
            Claim(f"profiles of a model-day, {labels}", profiles, " B", budget, stretch, note=note),
            Claim(f"assessments of a model-day, {labels}", assessments, " B"),
            Claim(f"everything else a model-day, {labels}", rest, " B"),
        )
    return found


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Measure."""
    argparse.ArgumentParser(description=__doc__).parse_args(arguments)
    return measure(Size(models=6, days=20, reference_rows=3_000))


if __name__ == "__main__":
    main()
