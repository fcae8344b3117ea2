"""Round numbers on the scales of figures."""

from __future__ import annotations

from math import ceil, floor, log10

from dashboard.presentation import number

STEPS, ENOUGH = 5, 0.8
"""About so many steps, and of the size that would make as many this much is enough."""
NEARLY = 1e-9


def step_of(low: float, high: float) -> float:
    """Return the step between round numbers of which about five lie from ``low`` to ``high``."""
    rough = max(high - low, NEARLY) / STEPS
    unit: float = 10.0 ** floor(log10(rough))
    return next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= ENOUGH * rough)


def ticks(low: float, high: float) -> list[float]:
    """Return the round numbers from ``low`` to ``high``.

    >>> ticks(-0.7, 4.4), ticks(0, 1)
    ([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    """
    step = step_of(low, high)
    first, last = ceil(low / step - NEARLY), floor(high / step + NEARLY)
    return [round(step * at, 10) + 0.0 for at in range(first, last + 1)]


def rounded(low: float, high: float) -> tuple[float, float]:
    """Return the round numbers just outside of a range.

    >>> rounded(-0.7, 4.4)
    (-1.0, 5.0)
    """
    step = step_of(low, high)
    return round(step * floor(low / step + NEARLY), 10), round(step * ceil(high / step - NEARLY), 10)


def digits_of(low: float, high: float) -> int:
    """Return how many digits behind the point tell the round numbers apart."""
    step = step_of(low, high)
    return next((digits for digits in range(9) if abs(round(step, digits) - step) < NEARLY * step), 9)


def tick_words(tick: float, low: float, high: float, *, suffix: str) -> str:
    """Return a round number of a range as it is written at the scale."""
    return f"{number(tick, digits=digits_of(low, high))}{suffix}"
