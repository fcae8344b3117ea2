"""Validate the verdicts: many invented and real models, judged day by day, held against the bars (docs/validation.md).

python -m benchmarks.validate --models 40
python -m benchmarks.validate --scenario "tiny traffic" --models 200
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from benchmarks.validate_cases import SCENARIOS
from benchmarks.validate_judge import Outcome, outcome
from benchmarks.validate_real import REAL, real_model
from benchmarks.validate_table import expects, tables

if TYPE_CHECKING:
    from collections.abc import Iterator


def judged_model(name: str, number: int) -> Outcome:
    """Make and judge model ``number`` of a scenario; the same number always gives the same model."""
    if name in REAL:
        return real_model(name, number)
    seed = crc32(f"{name}/{number}".encode())
    world = SCENARIOS[name].make(np.random.default_rng(seed))
    note = f"{world.task} skill={world.skill} base={world.base_rate} rows={world.rows_a_day:.0f} ref={world.reference_days}"
    return outcome(name, seed, world, note=note)


def run(names: list[str], models: int, *, processes: int = 2) -> Iterator[Outcome]:
    """Yield the outcome of every model, scenario by scenario."""
    work = [(name, number) for name in names for number in range(models)]
    if processes == 1:
        yield from (judged_model(*job) for job in work)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(judged_model, *zip(*work, strict=True), chunksize=4)


def main() -> None:
    """Read the arguments, judge, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=40, help="models per scenario")
    parser.add_argument("--scenario", action="append", help="only these; part of a name is enough, or a kind")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="say which models had false alarms or were missed")
    given = parser.parse_args()
    os.nice(5)
    wanted = given.scenario or [""]
    names = [name for name in (*SCENARIOS, *REAL) if any(w in name or w == expects(name) for w in wanted)]
    begin = time.monotonic()
    outcomes = list(run(names, given.models, processes=given.processes))
    for line in tables(outcomes, show=given.show):
        print(line, flush=True)
    print(f"\n{len(outcomes)} models in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
