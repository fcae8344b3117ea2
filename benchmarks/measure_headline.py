"""A new day of a whole portfolio, from the log to stored verdicts: ours, Evidently's and NannyML's CPU seconds in one run.

Ours goes through the product's own path, ``assess_portfolio``: it finds what changed, reads it, counts it, stores profiles,
judges and stores verdicts. The peers start from frames that are in memory already and store nothing; what a peer's user
pays for reading the day from the same log is printed beside it.
"""

from __future__ import annotations

import argparse
import cProfile
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pandas as pd
import sqlalchemy as sa

from benchmarks.home import CHECKOUT, Home, Size, day_of, imported, log_of, mapped, reference_of
from benchmarks.measuring import Claim, Measured, print_table, second_time, short, spending
from benchmarks.peers import installed_peers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.peers import Peer

EXTRAPOLATED_TO = 1_000
NEW_DAYS = 3
BUDGETS = {
    "SQLite": {"Evidently, bare": (12, 20), "Evidently, drift": (300, 500), "NannyML": (6, 12)},
    "Parquet": {"Evidently, bare": (40, 100), "Evidently, drift": (1_000, 3_000), "NannyML": (20, 60)},
}


WHOSE = {
    "the database itself": ("sqlite3", "_duckdb"),
    "SQLAlchemy": ("sqlalchemy",),
    "our reading and storing": (str(CHECKOUT / "data_access"),),
    "our counting and judging": (str(CHECKOUT / "monitoring"),),
    "NumPy and SciPy": ("numpy", "scipy"),
}


@dataclass(frozen=True)
class PeerCost:
    """CPU seconds of one peer for one model."""

    peer: Peer
    fit: float
    day: float


def peer_costs(size: Size, *, models: int) -> list[PeerCost]:
    """Return what each peer takes for a new day of a model: the mean of ``models`` on two days, after one more to warm up."""
    costs = []
    for peer in installed_peers(size.features):
        fit = day = 0.0
        for number in range(models + 1):
            reference, log = reference_of(number, size), log_of(number, size)
            with spending() as fitting:
                peer.fit(reference)
            days = [day_of(log, size.days - back) for back in (2, 1)]
            with spending() as judging:
                for rows in days:
                    peer.judge(rows)
            if number:
                fit, day = fit + fitting.cpu / models, day + judging.cpu / models / len(days)
        costs.append(PeerCost(peer, fit, day))
    return costs


def reading_cost(home: Home, size: Size) -> float:
    """Return the CPU seconds to read one model's newest day from the log into a frame, as a peer's user would."""
    engine, stamps = sa.create_engine(home.log_address), day_of(log_of(0, size), size.days - 1)["ts"]
    table = sa.table("log_model-00000", sa.column("ts"))
    start, end = (int(stamp.timestamp() * 1e6) for stamp in (stamps.min(), stamps.max()))
    query = sa.select(sa.text("*")).select_from(table).where(table.c.ts.between(start, end))

    def read() -> None:
        assert len(pd.read_sql(query, engine)) == size.rows

    found = second_time(read)
    engine.dispose()
    return found


@dataclass(frozen=True)
class OurCost:
    """CPU seconds of ours for a new day of one model, where they go, and the peak memory in MB while catching up."""

    day: float
    shares: dict[str, float]
    peak: float


def our_cost(home: Home, size: Size) -> OurCost:
    """Return what a new day costs: the mean of some days, after one more to warm up."""
    first_new, total = size.days - NEW_DAYS - 1, 0.0
    peak = home.assess_by_command(until=first_new - 2)
    home.assess(until=first_new - 1)
    for day in range(first_new, size.days - 1):
        with spending() as spent:
            new = home.assess(until=day)
        assert new == size.models, "every model has a new verdict"
        total += spent.cpu
    return OurCost(total / NEW_DAYS / size.models, where_it_goes(home, day=size.days - 1), peak)


def where_it_goes(home: Home, *, day: int) -> dict[str, float]:
    """Return the shares of a new day's time by whose code it is spent in, as a profiler sees it."""
    profiler = cProfile.Profile()
    profiler.enable()
    home.assess(until=day)
    profiler.disable()
    shares = dict.fromkeys([*WHOSE, "the rest of Python"], 0.0)
    for entry in profiler.getstats():
        where = entry.code if isinstance(entry.code, str) else entry.code.co_filename
        whose = next(
            (name for name, parts in WHOSE.items() if any(part in where for part in parts)), "the rest of Python"
        )
        shares[whose] += entry.inlinetime
    total = sum(shares.values())
    return {name: share / total for name, share in shares.items()}


def scan_floor(size: Size) -> float | None:
    """Return the CPU seconds DuckDB takes to add up (or count) every column of one model-day in memory, or nothing without it."""
    if not find_spec("duckdb"):
        return None
    import duckdb  # noqa: PLC0415 - comes with the extra `parquet`

    rows = day_of(log_of(0, size), size.days - 1)
    many = pd.concat([rows] * EXTRAPOLATED_TO, ignore_index=True) if size.rows <= 1_000 else rows  # noqa: F841 - read by DuckDB
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute("SET enable_progress_bar = false")
    connection.execute("CREATE TABLE everything AS SELECT * FROM many")
    sums = [f'sum("{c}")' if rows[c].dtype.kind in "if" else f'count("{c}")' for c in rows.columns]
    found = second_time(lambda: connection.execute(f"SELECT {', '.join(sums)} FROM everything").fetchall())  # noqa: S608 - our own names
    connection.close()
    return found


def ratio_claims(source: str, ours: float, costs: Sequence[PeerCost], *, reading: float | None) -> list[Claim]:
    """Return each peer's CPU over ours, per model, beside its budget."""
    claims = []
    for cost in costs:
        budget, stretch = next(limits for start, limits in BUDGETS[source].items() if cost.peer.name.startswith(start))
        note = ""
        if reading is not None:
            note = f"{short((cost.day + reading) / ours)}x with its reading of the day"
        claims.append(
            Claim(
                f"{source}: {cost.peer.name} / ours",
                cost.day / ours,
                "x",
                budget,
                stretch,
                more_is_better=True,
                note=note,
            )
        )
    return claims


def measure(size: Size, *, peer_models: int) -> Measured:
    """Measure a new day from SQLite logs, and from Parquet files where DuckDB is installed."""
    found = Measured()
    size = replace(size, days=max(size.days, NEW_DAYS + 4))
    with imported(size) as home:
        ours = {"SQLite": our_cost(home, size)}
        reading = reading_cost(home, size)
    if find_spec("duckdb"):
        with mapped(size) as home:
            ours["Parquet"] = our_cost(home, size)
    costs = peer_costs(size, models=peer_models)
    floor = scan_floor(size)
    print(
        f"{size.models} models x {size.features} features x {size.rows:,} rows for a new day, {size.days - NEW_DAYS - 1} days and "
        f"{size.reference_rows:,} reference rows before it; peers on {peer_models} models after one to warm up.\n"
        f"All are extrapolated to {EXTRAPOLATED_TO:,} models."
    )
    thousand = [(f"ours, from {source}, verdicts stored", cost.day, "") for source, cost in ours.items()]
    thousand += [(cost.peer.name, cost.day, short(cost.fit * EXTRAPOLATED_TO)) for cost in costs]
    thousand += [("reading the day from SQLite with pandas, which a peer's user does first", reading, "")]
    print_table(
        ("CPU seconds for 1,000 models", "a new day", "once per reference"),
        [[name, short(cpu * EXTRAPOLATED_TO), once] for name, cpu, once in thousand],
    )
    print_table(
        ("where our time goes", *ours),
        [[whose, *(f"{own.shares[whose]:.0%}" for own in ours.values())] for whose in ours["SQLite"].shares],
    )
    for cost in costs:
        print(f"{cost.peer.name} computes more: {cost.peer.computes_more}.")
    print()
    for source, own in ours.items():
        claims = ratio_claims(source, own.day, costs, reading=reading if source == "SQLite" else None)
        if floor is not None:
            note = "DuckDB's sum or count of every column of 1,000,000 rows in memory"
            claims.append(Claim(f"{source}: ours / scan floor", own.day * EXTRAPOLATED_TO / floor, "x", note=note))
        note = f"{size.models} models, {size.days - NEW_DAYS - 2} days, the largest process of the command"
        claims.append(Claim(f"{source}: peak memory of assess", own.peak, " MB", 1_000, note=note))
        found.show(*claims)
    return found


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=50, help="models of ours; 1000 for all")
    parser.add_argument("--peer-models", type=int, default=3, help="models the peers are measured on")
    chosen = parser.parse_args(arguments)
    return measure(Size(models=chosen.models, days=11), peer_models=chosen.peer_models)


if __name__ == "__main__":
    main()
