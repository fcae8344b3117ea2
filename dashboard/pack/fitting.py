"""Whether words fit where they are to stand: a pack is written where nobody can look, so their room is reckoned beforehand."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from dashboard.presentation import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

LETTER_WIDTH, LINE_HEIGHT = 0.47, 1.2
"""Of a letter, as a share of the size of the type: in Calibri and Carlito sentences take 0.44, and words break at spaces."""
POINTS = 72
"""In an inch."""


def letters_in(width: float, size: float) -> int:
    """Return how many letters of ``size`` points stand in a line of ``width`` inches."""
    return max(1, int(width * POINTS / (LETTER_WIDTH * size)))


def lines_of(text: str, *, width: float, size: float) -> int:
    """Return how many lines a text takes."""
    return max(1, ceil(len(text) / letters_in(width, size)))


def height_of(texts: Sequence[str], *, width: float, size: float, gap: float = 0.0) -> float:
    """Return how many inches paragraphs take, with ``gap`` inches after each."""
    return sum(lines_of(text, width=width, size=size) * size * LINE_HEIGHT / POINTS + gap for text in texts)


def cut(text: str, *, width: float, size: float, lines: int) -> str:
    """Return a text on one line that takes at most so many lines; what is too long is cut, with an ellipsis.

    >>> cut("n" * 300, width=1.0, size=14, lines=1)
    'nnnnnnnnn…'
    """
    return one_line(text, longest=max(2, lines * letters_in(width, size)))


def size_for(texts: Sequence[str], *, width: float, height: float, sizes: Sequence[int], gap: float = 0.0) -> int:
    """Return the largest of the sizes in which the paragraphs fit, else the smallest."""
    return next((size for size in sizes if height_of(texts, width=width, size=size, gap=gap) <= height), sizes[-1])


def fair_shares(needs: Sequence[float], height: float) -> list[float]:
    """Return how much of a height each gets: what it needs, and of what is short nobody more than a fair share.

    >>> fair_shares([1.0, 3.0], 5.0), fair_shares([1.0, 3.0, 9.0], 7.0)
    ([1.0, 3.0], [1.0, 3.0, 3.0])
    """
    found, left = [0.0] * len(needs), height
    for taken, at in enumerate(sorted(range(len(needs)), key=lambda at: needs[at])):
        found[at] = min(needs[at], left / (len(needs) - taken))
        left -= found[at]
    return found
