"""A pack put together: what it is made from is read, and every page written from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.pack import decision_pages, item_pages, material, standing_pages
from dashboard.pack.content import Pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.pack.material import Wanted
    from data_access.registry import Registry

    Report = Callable[[int, int, str], None]

OTHER_STEPS = 5


def gather(registry: Registry, wanted: Wanted, *, report: Report | None = None) -> Pack:
    """Return the content of a pack.

    Args:
        registry: of the models.
        wanted: what the pack is about.
        report: is told how many steps are done, of how many, and what is being read.
    """
    done, total = 0, OTHER_STEPS + wanted.top

    def step(words: str) -> None:
        nonlocal done
        if report is not None:
            report(done, total, words)
        done += 1

    found = material.read(registry, wanted, step)
    worst = found.worst()
    top = worst[: wanted.top]
    total = OTHER_STEPS + len(top)
    step("portfolio shifts")
    pages = [standing_pages.standing(found), standing_pages.changed(found), item_pages.shifts(found)]
    for place, ranked in enumerate(top, start=1):
        step(f"item {place} of {len(top)}")
        pages.append(item_pages.item(found, ranked, place=place, of=len(worst)))
    step("decisions")
    pages += [
        decision_pages.decided(found),
        decision_pages.follow_up(found),
        standing_pages.came_and_went(found),
    ]
    return Pack(address=wanted.address, cover=standing_pages.cover(found), pages=tuple(pages))
