"""Portfolios in which a source breaks or its world moves, and quiet ones: is the shift found, on its day and by its name?

python -m benchmarks.validate_shifts --portfolios 4
"""

from __future__ import annotations

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from benchmarks.validate_judge import history_of
from benchmarks.validate_rows import make_rows, reference_rows
from benchmarks.validate_table import rate_interval
from benchmarks.validate_world import START, any_world
from monitoring.history import segments_known_on
from monitoring.policy import DEFAULT_POLICY
from monitoring.portfolio_shift import ModelSigns, Shift, ShiftWatch
from monitoring.shift_signs import signs_of

if TYPE_CHECKING:
    from datetime import date

    from benchmarks.validate_world import Rows
    from monitoring.portfolio import Model

SOURCES = ("core", "web", "bureau", "weather")
SIZES = (8, 16, 40, 100, 200)
LIVE_DAYS = 75


@dataclass(frozen=True)
class Break:
    """What happens to a portfolio: ``share`` of the models of ``source`` from day ``day`` on; ``kind`` quiet: nothing."""

    kind: str
    source: str = "web"
    day: int = 45
    share: float = 1.0


CASES = {
    "quiet": Break("quiet"),
    "world moves, all models of a source": Break("world"),
    "world moves, half of them": Break("world", share=0.5),
    "feed breaks, all models of a source": Break("feed"),
    "feed breaks, 35 % of them": Break("feed", share=0.35),
}


def model_signs(case: str, models: int, portfolio: int, number: int) -> tuple[bool, list[ModelSigns]]:
    """Make one model of a portfolio, let happen what happens; return whether it is hit, and its signs of every day."""
    rng = np.random.default_rng(crc32(f"{case}/{models}/{portfolio}/{number}".encode()))
    world = any_world(
        rng,
        rows_a_day=float(np.exp(rng.uniform(np.log(30), np.log(400)))),
        signals=("normal", "amount", "count", "level", "age", "normal"),
        others=("normal", "level"),
        day_inputs=float(rng.uniform(0.0, 0.15)),
        live_days=LIVE_DAYS,
    )
    model, rows = make_rows(world, rng)
    used = rng.choice(np.array(SOURCES), size=2, replace=False)
    sources = [str(used[i % 2]) for i in range(len(model.features))]
    features = tuple(replace(f, source=source) for f, source in zip(model.features, sources, strict=True))
    model = replace(model, id=f"m{number}", features=features)
    happens = CASES[case]
    is_hit = happens.kind != "quiet" and happens.source in sources and bool(rng.random() < happens.share)
    if is_hit:
        _break(happens, model, rows)
    live = rows.t >= 0
    history = history_of(model, reference_rows(world, rows), rows.as_log(live), rows.as_labelled(live))
    signs: list[ModelSigns] = []
    for segment in segments_known_on(model, [history], START + timedelta(days=LIVE_DAYS - 1), DEFAULT_POLICY):
        signs.extend(signs_of(segment, first=START))
    return is_hit, signs


def _break(happens: Break, model: Model, rows: Rows) -> None:
    """Change every feature that the model has from the source."""
    hit = rows.t >= happens.day
    for feature in model.features:
        if feature.source != happens.source:
            continue
        values: Any = rows.features[feature.name].copy()
        is_text = values.dtype == object
        if happens.kind == "feed":
            values[hit] = None if is_text else np.nan
        elif is_text:
            moved = hit & (np.random.default_rng(1).random(len(values)) < 0.5)
            values[moved] = values[0]
        else:
            values[hit] += values[rows.t < 0].std()
        rows.features[feature.name] = values


def found_shifts(signs: list[ModelSigns]) -> list[Shift]:
    """Return every shift that daily searches find."""
    watch = ShiftWatch({each.model_id: (None, None) for each in signs})
    open_now: tuple[Shift, ...] = ()
    found: dict[tuple[date, str], Shift] = {}
    watch.learn(signs)
    for t in range(LIVE_DAYS):
        day = START + timedelta(days=t)
        open_now = watch.step(day, open_now)
        for shift in open_now:
            found[shift.day, shift.source] = shift
    return list(found.values())


def main() -> None:
    """Read the arguments, make the portfolios, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portfolios", type=int, default=2, help="portfolios per case and size")
    parser.add_argument("--largest", type=int, default=200, help="models in the largest portfolio")
    given = parser.parse_args()
    os.nice(5)
    begin = time.monotonic()
    print(
        "| portfolios | models each | exposed to the source | found within 2 days, right source and kind | other shifts | a month [95 %] |"
    )
    print("|---|---|---|---|---|---|")
    with ProcessPoolExecutor(2) as pool:
        for case in CASES:
            for models in (size for size in SIZES if size <= given.largest):
                print(_line(pool, case, models, given.portfolios), flush=True)
    print(f"\n{time.monotonic() - begin:.0f} s")


def _line(pool: ProcessPoolExecutor, case: str, models: int, portfolios: int) -> str:
    """Return a line of the table; a shift can be found when it hits at least four models and a quarter of the exposed."""
    hits, other, can_be_found, happens = 0, 0, 0, CASES[case]
    for portfolio in range(portfolios):
        jobs = [(case, models, portfolio, number) for number in range(models)]
        made = list(pool.map(model_signs, *zip(*jobs, strict=True), chunksize=4))
        signs = [sign for _, found in made for sign in found]
        exposed = len({s.model_id for s in signs if happens.source in s.sources})
        hit = sum(is_hit for is_hit, _ in made)
        counts = hit >= max(4, 0.25 * exposed) and happens.kind != "quiet"
        can_be_found += counts
        first, right = START + timedelta(days=happens.day), False
        for shift in found_shifts(signs):
            is_it = happens.kind != "quiet" and first <= shift.day < first + timedelta(days=2)
            if is_it and (str(shift.kind), shift.source) == (happens.kind, happens.source):
                right = True
            else:
                other += 1
        hits += right and counts
    months = portfolios * LIVE_DAYS / 30
    low, high = rate_interval(other, months)
    said = "-" if happens.kind == "quiet" else f"{hits} of {can_be_found}"
    return f"| {case} | {portfolios} | {models} | {said} | {other} | {other / months:.2f} [{low:.2f}, {high:.2f}] |"


if __name__ == "__main__":
    main()
