"""How many of a portfolio's signals are chance (METHODS section 10)."""

from __future__ import annotations

from math import erfc, isfinite, sqrt
from typing import TYPE_CHECKING

from monitoring.performance import average_run_length

if TYPE_CHECKING:
    from collections.abc import Sequence

FALSE_DISCOVERY_SHARE = 0.10
DAYS_OF_A_MONTH = 30


def chance_of(z: float) -> float:
    """Return p = 1 - Phi(z): how often chance alone goes at least as far.

    >>> round(chance_of(3.0), 5)
    0.00135
    """
    return 0.5 * erfc(z / sqrt(2))


def expected_chance_signals(models: int, *, level: float, days: int = DAYS_OF_A_MONTH) -> float:
    """Return how many CUSUMs of so many models cross ``level`` by chance in ``days`` days, before a loss must be material.

    >>> round(expected_chance_signals(1_000, level=6.0))
    12
    """
    return models * days / average_run_length(level)


def beyond_chance(p_values: Sequence[float], *, models: int | None = None, share: float = FALSE_DISCOVERY_SHARE) -> int:
    """Return how many of the smallest p-values stand out so that at most ``share`` of them are expected to be chance.

    Args:
        p_values: of the models that were tested, in any order; those left out count as 1.
        models: how many were tested, if not all of them are given.
        share: the false discovery rate q.

    Source: Benjamini & Hochberg 1995: the largest k whose k-th smallest p-value is at most k q / m. A snapshot: repeated looks
    are covered by the run length of the CUSUM. Checked against SciPy in ``test_error_control.py``.

    >>> beyond_chance([0.001, 0.5, 0.04, 0.9])
    2
    """
    known = sorted(p for p in p_values if isfinite(p))
    tested = max(len(known), models or 0)
    passed = [k for k, p in enumerate(known, start=1) if p <= k * share / tested]
    return passed[-1] if passed else 0
