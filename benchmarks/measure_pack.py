"""The evidence pack of a portfolio of 1,000 models: how long it takes in each format, and how large the files are.

As for the portfolio page, one model is imported and assessed for real and the others are copies of what the registry keeps of it. The
pack is made by the command in a process of its own, start of Python included.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from benchmarks.home import CHECKOUT, Home, Size, imported
from benchmarks.measure_pages import LAST_DAY, copy_model
from benchmarks.measuring import Claim, Measured, spending
from dashboard.pack.formats import Format, checked, written
from dashboard.pack.gather import gather
from dashboard.pack.material import Wanted
from data_access.portfolio_queries import SPARKLINE_DAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMAND = [sys.executable, "-c", "from dashboard.cli import main; main()", "pack"]


def by_command(home: Home, format_: Format, wanted: Wanted) -> bytes:
    """Make a pack as somebody types it and return the file."""
    file = home.folder / f"pack.{format_}"
    given = {"MODELFOLIO_HOME": str(home.folder), "MODELFOLIO_AS_OF": LAST_DAY.isoformat()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELFOLIO_")}
    asked = ["--since", wanted.since.isoformat(), "--format", format_, "--top", str(wanted.top), "--out", str(file)]
    subprocess.run([*COMMAND, *asked], env=kept | given, check=True, capture_output=True, cwd=CHECKOUT)
    return file.read_bytes()


def measure(models: int, *, top: int) -> Measured:
    """Measure a pack of so many models, ``top`` of them on a page each."""
    found = Measured()
    with imported(Size(models=1, rows=200, days=SPARKLINE_DAYS, reference_rows=3_000)) as home:
        home.assess(until=SPARKLINE_DAYS - 1)
        copy_model(home, range(1, models), shown=models)
        wanted = Wanted(day=LAST_DAY, since=LAST_DAY - timedelta(days=14), top=top)
        content = gather(home.registry, wanted)
        with spending() as gathering:
            assert gather(home.registry, wanted) == content, "the same content twice"
        found.show(Claim(f"evidence pack, {models:,} models: its content", gathering.cpu, " CPU s"))
        for format_ in Format:
            with spending() as whole:
                file = by_command(home, format_, wanted)
            assert checked(file).pack == content, "the command's content is that of everybody else"
            with spending() as writing:
                written(content, format_)
            name = f"evidence pack, {models:,} models, {format_}"
            found.show(
                Claim(
                    f"{name}: the command",
                    whole.cpu,
                    " CPU s",
                    20,
                    10,
                    note=f"{top} models on a page each, start of Python included; {whole.wall:.0f} s on the clock",
                ),
                Claim(f"{name}: writing alone", writing.cpu, " CPU s"),
                Claim(f"{name}: size", len(file) / 1e6, " MB", 5, 1),
            )
    return found


def main(arguments: Sequence[str] | None = None) -> Measured:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=1_000)
    parser.add_argument("--top", type=int, default=10)
    chosen = parser.parse_args(arguments)
    return measure(chosen.models, top=chosen.top)


if __name__ == "__main__":
    main()
