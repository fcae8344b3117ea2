"""Run every measurement of this folder, each a ``measure_*.py`` with a ``main``, and put their claims beside the budgets."""

import importlib
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import CLAIM_TITLES, Measured, print_table


def main() -> None:
    """Run the measurements in the order of their names, or those that were named."""
    names = sys.argv[1:] or sorted(
        path.stem.removeprefix("measure_") for path in Path(__file__).parent.glob("measure_*.py")
    )
    started, everything = time.monotonic(), Measured()
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}. CPU seconds of every process, unless said otherwise; trust ratios of one run."
    )
    for name in names:
        print(f"\n== {name.replace('_', ' ')}\n")
        everything.claims += importlib.import_module(f"benchmarks.measure_{name}").main([]).claims
    if len(names) > 1:
        print("\n== everything beside its budget\n")
        print_table(CLAIM_TITLES, [claim.cells() for claim in everything.claims])
    print(f"{(time.monotonic() - started) / 60:.1f} minutes, load {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    main()
