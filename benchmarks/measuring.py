"""CPU seconds of everything that was started, and results as tables."""

from __future__ import annotations

import os
import resource
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def cpu_seconds() -> float:
    """Return the CPU seconds used so far by this process, by its ended children and by those that run."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used) + _running_children(os.getpid())


def _running_children(parent: int) -> float:
    """Return the CPU seconds of all running descendants, where the system has a /proc; elsewhere they count when they end."""
    parents: dict[int, list[tuple[int, float]]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        ticks = sum(int(each) for each in fields[11:15])
        parents.setdefault(int(fields[1]), []).append((int(status.parent.name), ticks / os.sysconf("SC_CLK_TCK")))
    total, waiting = 0.0, [parent]
    while waiting:
        for child, seconds in parents.get(waiting.pop(), []):
            total += seconds
            waiting.append(child)
    return total


@dataclass
class Spent:
    """What a block of code took."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def spending() -> Iterator[Spent]:
    """Measure the block."""
    spent, cpu, wall = Spent(), cpu_seconds(), time.perf_counter()
    yield spent
    spent.cpu, spent.wall = cpu_seconds() - cpu, time.perf_counter() - wall


def second_time(work: Callable[[], object]) -> float:
    """Return the CPU seconds that the work takes once everything it needs is warm."""
    work()
    with spending() as spent:
        work()
    return spent.cpu


@dataclass(frozen=True)
class Claim:
    """One measured number beside its budget; for a ratio or a saving more is better, for a cost less."""

    what: str
    value: float
    unit: str = ""
    budget: float | None = None
    stretch: float | None = None
    more_is_better: bool = False
    note: str = ""

    def holds(self, against: float) -> bool:
        """Whether the value is at least as good."""
        return self.value >= against if self.more_is_better else self.value <= against

    @property
    def verdict(self) -> str:
        """Ok, or by how much the budget is missed."""
        if self.budget is None:
            return ""
        if not self.holds(self.budget):
            return f"missed by {max(self.value / self.budget, self.budget / max(self.value, 1e-12)):.3g}x"
        return "stretch reached" if self.stretch is not None and self.holds(self.stretch) else "ok"

    def cells(self) -> list[str]:
        """The claim as a line of a table."""
        limits = ["" if each is None else f"{short(each)}{self.unit}" for each in (self.budget, self.stretch)]
        return [self.what, f"{short(self.value)}{self.unit}", *limits, self.verdict, self.note]


CLAIM_TITLES = ("what", "measured", "budget", "stretch", "", "note")


@dataclass
class Measured:
    """What one measurement printed: claims for the table at the end."""

    claims: list[Claim] = field(default_factory=list)

    def show(self, *claims: Claim) -> None:
        """Keep claims and print them as a table."""
        self.claims += claims
        print_table(CLAIM_TITLES, [claim.cells() for claim in claims])


def short(value: float) -> str:
    """Return a number with three digits that count.

    >>> short(0.0123456), short(12.34567), short(12345.6)
    ('0.0123', '12.3', '12,346')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table that is Markdown and can be read as it is."""
    widths = [max(len(row[at]) for row in (titles, *rows)) for at in range(len(titles))]
    for row in (titles, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
    print(flush=True)
