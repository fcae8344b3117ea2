"""What a retraining brought, as plain JSON from the registry, in lines that people read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from dashboard.presentation import MINUS, number, plural, short_date

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Line:
    """One comparison: skill before and after, and their difference with its interval, all shares; ``basis`` says on what."""

    title: str
    basis: str
    before: float
    after: float
    difference: float
    low: float
    high: float


def lines(measured: Mapping[str, Any] | None) -> list[Line]:
    """Return the comparisons there are: paired ones first, those in service before those scored afterwards."""
    found = []
    for name, title in (("in_service", "In service, paired"), ("back_scored", "Before it took over, paired")):
        if said := (measured or {}).get(name):
            found.append(_paired(title, said))
    if apart := (measured or {}).get("before_after"):
        found.append(
            Line(
                "Before and after",
                "last 28 days of labels of each version: other days, so other cases",
                apart["skill_before"],
                apart["skill_after"],
                apart["skill_difference"],
                apart["skill_difference_low"],
                apart["skill_difference_high"],
            )
        )
    return found


def headline(measured: Mapping[str, Any] | None) -> Line | None:
    """Return the comparison that counts most."""
    found = lines(measured)
    return found[0] if found else None


def _paired(title: str, said: Mapping[str, Any]) -> Line:
    same = "the same" if said["same_rows"] else "the same days,"
    days = f"{short_date(date.fromisoformat(said['first']))} to {short_date(date.fromisoformat(said['last']))}"
    return Line(
        title,
        f"both versions on {same} {plural(said['rows'], 'row')}, {plural(said['days'], 'day')}, {days}",
        said["skill_before"],
        said["skill_after"],
        said["difference"],
        said["low"],
        said["high"],
    )


def difference(line: Line) -> str:
    """Return the difference in points with its interval: "+2.1 [1.5, 2.8]"."""
    sign = "+" if line.difference > 0 else ""
    ends = ", ".join(_points(end) for end in (line.low, line.high))
    return f"{sign}{_points(line.difference)} [{ends}]"


def skill(share: float) -> str:
    """Return a skill with one decimal, for near the top a whole per cent hides what changed: "97.4 %"."""
    return f"{number(100 * share, digits=1)} %"


def _points(share: float) -> str:
    text = number(100 * share, digits=1)
    return "0.0" if text == f"{MINUS}0.0" else text
