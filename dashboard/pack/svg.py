"""Figures of a pack as inline SVG: no script, no font and no picture from anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from html import escape
from math import ceil
from typing import TYPE_CHECKING

from dashboard.pack.scale import tick_words, ticks
from dashboard.palette import LIGHT
from dashboard.presentation import one_line, short_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

    from dashboard.pack.content import Beside, Curve, Mark, Plot

WIDE, HALF = (900, 270), (430, 230)
"""Width and height of a figure over the whole page and over half of it; as many units, so words are equally large in both."""
MARGIN = 104
"""Room for the words at the right."""
LINE = 15
"""Height of a line of words."""
LETTER = 6.6
"""About the width of a letter."""
DAY_TICKS = 6
LONGEST_NAME, LONGEST_WORDS = 22, 34
BAR_HEIGHT, BAR_WORDS = 24, 92
"""Height of a lying bar with its gap, and room for the words at its end."""
HATCH = "hatch"
HATCH_DEFINITION = (
    f'<svg width="0" height="0" aria-hidden="true" style="position:absolute"><defs><pattern id="{HATCH}" width="6" height="6" '
    f'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line x1="0" y1="0" x2="0" y2="6" stroke="{LIGHT.accent}" '
    'stroke-width="1" stroke-opacity=".45"/></pattern></defs></svg>'
)
"""The hatching of what is estimated; it stands once in a file."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a figure lies on its sheet: its ends in the sheet's units, and the scale from ``low`` at its foot to ``high``."""

    left: float
    right: float
    top: float
    foot: float
    low: float
    high: float

    @classmethod
    def of(cls, plot: Plot, size: tuple[int, int]) -> Self:
        """Return where a figure lies on a sheet of this size."""
        longest = max(
            (len(tick_words(tick, plot.low, plot.high, suffix=plot.suffix)) for tick in ticks(plot.low, plot.high)),
            default=0,
        )
        right = size[0] - (MARGIN if plot.beside else 10)
        return cls(12 + LETTER * longest, right, 16, size[1] - 24, plot.low, plot.high)

    def y(self, value: float) -> float:
        """Return the height of a value, inside the figure."""
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(self.foot - min(max(share, 0.0), 1.0) * (self.foot - self.top), 1)

    def x(self, place: float, of: int) -> float:
        """Return where the middle of one of so many things across lies."""
        return round(self.left + (place + 0.5) / max(of, 1) * (self.right - self.left), 1)


def drawn(plot: Plot, *, is_wide: bool) -> str:
    """Return the figure as an SVG element that says in words what it shows."""
    width, height = WIDE if is_wide else HALF
    if plot.shape == "bars":
        height = BAR_HEIGHT * len(plot.across) + 8
    body = "".join({"days": _days, "columns": _columns, "bars": _bars}[plot.shape](plot, (width, height)))
    return (
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(plot.alt)}">'
        f"<title>{escape(plot.alt)}</title>{body}</svg>"
    )


def _days(plot: Plot, size: tuple[int, int]) -> Iterator[str]:
    frame = Frame.of(plot, size)
    yield from _scale(plot, frame)
    yield from _day_axis(plot, frame)
    for low, high in _intervals(plot.curves):
        yield _area(low, high, frame)
    if plot.band is not None:
        top, foot = frame.y(plot.band[1]), frame.y(plot.band[0])
        yield (
            f'<rect x="{frame.left}" y="{top}" width="{frame.right - frame.left}" height="{round(foot - top, 1)}" '
            f'fill="{LIGHT.reference_band}"/>'
        )
    for level in plot.levels:
        yield _line(frame.left, frame.y(level), frame.right, frame.y(level), LIGHT.axis)
    yield from _marks(plot, frame)
    for curve in plot.curves:
        if curve.style in {"line", "dotted", "dashed"}:
            yield _path(curve, frame)
    yield from _words_beside(plot.beside, frame)


def _columns(plot: Plot, size: tuple[int, int]) -> Iterator[str]:
    has_days = bool(plot.across) and _is_day(plot.across[0])
    frame = Frame.of(plot, size)
    yield from _scale(plot, frame)
    beside_each_other = [curve for curve in plot.curves if curve.style == "bars"]
    step = (frame.right - frame.left) / max(len(plot.across), 1)
    for curve in plot.curves:
        behind = curve.style == "behind"
        width = step if behind else 0.7 * step / len(beside_each_other)
        shift = 0.0 if behind else (beside_each_other.index(curve) - (len(beside_each_other) - 1) / 2) * width
        for place, value in enumerate(curve.values):
            if value is None:
                continue
            left, top = frame.x(place, len(plot.across)) + shift - width / 2, frame.y(value)
            colour = curve.colours[place % len(curve.colours)]
            yield (
                f'<rect x="{left:.1f}" y="{top}" width="{max(width, 0.5):.1f}" height="{frame.foot - top:.1f}" fill="{colour}"/>'
            )
            if curve.words and value > 0:
                yield _text(left + width / 2, top - 4, curve.words[place], anchor="middle")
    if has_days:
        yield from _day_axis(plot, frame)
    else:
        yield _line(frame.left, frame.foot, frame.right, frame.foot, LIGHT.axis)
        for place, name in enumerate(plot.across):
            yield _text(frame.x(place, len(plot.across)), frame.foot + 16, name, anchor="middle")
    yield from _marks(plot, frame)
    yield from _words_beside(plot.beside, frame)


def _bars(plot: Plot, size: tuple[int, int]) -> Iterator[str]:
    (curve,) = plot.curves
    left, most = 140, max([value or 0.0 for value in curve.values] + [1e-9])
    room = size[0] - left - BAR_WORDS
    for place, (name, value) in enumerate(zip(plot.across, curve.values, strict=True)):
        top = 4 + BAR_HEIGHT * place
        length = (value or 0.0) / most * room
        yield _text(left - 8, top + 15, one_line(name, longest=LONGEST_NAME), anchor="end")
        yield (
            f'<rect x="{left}" y="{top + 3}" width="{max(length, 1):.1f}" height="{BAR_HEIGHT - 8}" '
            f'fill="{curve.colours[place % len(curve.colours)]}"/>'
        )
        if curve.words:
            yield _text(left + max(length, 1) + 6, top + 15, curve.words[place], colour=LIGHT.muted)
    yield _line(left, 4, left, 4 + BAR_HEIGHT * len(plot.across), LIGHT.axis)


def _scale(plot: Plot, frame: Frame) -> Iterator[str]:
    for tick in ticks(plot.low, plot.high):
        yield _line(frame.left, frame.y(tick), frame.right, frame.y(tick), LIGHT.grid)
        yield _text(
            frame.left - 6,
            frame.y(tick) + 4,
            tick_words(tick, plot.low, plot.high, suffix=plot.suffix),
            anchor="end",
            colour=LIGHT.muted,
        )


def day_ticks(days: Sequence[str]) -> list[int]:
    """Return the places of the days that are written below: the last one and every so many weeks before it, at most six."""
    if len(days) <= DAY_TICKS:
        return list(range(len(days)))
    step = ceil(len(days) / DAY_TICKS / 7) * 7
    return list(range((len(days) - 1) % step, len(days), step))


def _day_axis(plot: Plot, frame: Frame) -> Iterator[str]:
    yield _line(frame.left, frame.foot, frame.right, frame.foot, LIGHT.axis)
    for place in day_ticks(plot.across):
        x = frame.x(place, len(plot.across))
        yield _line(x, frame.foot, x, frame.foot + 3, LIGHT.axis)
        day = short_date(date.fromisoformat(plot.across[place]))
        yield _text(x, frame.foot + 17, day, anchor="middle", colour=LIGHT.muted)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _intervals(curves: Sequence[Curve]) -> Iterator[tuple[Curve, Curve]]:
    ends = [curve for curve in curves if curve.style.endswith(("low", "high"))]
    yield from zip(ends[::2], ends[1::2], strict=True)


def _points(curve: Curve, frame: Frame) -> list[tuple[float, float]]:
    of = len(curve.values)
    return [(frame.x(place, of), frame.y(value)) for place, value in enumerate(curve.values) if value is not None]


def _area(low: Curve, high: Curve, frame: Frame) -> str:
    around = [*_points(high, frame), *reversed(_points(low, frame))]
    fill = f"url(#{HATCH})" if low.style.startswith("estimated") else low.colours[0]
    return f'<polygon points="{" ".join(f"{x},{y}" for x, y in around)}" fill="{fill}"/>'


def _path(curve: Curve, frame: Frame) -> str:
    points = _points(curve, frame)
    if len(points) == 1:
        return f'<circle cx="{points[0][0]}" cy="{points[0][1]}" r="3.5" fill="{curve.colours[0]}"/>'
    dashes = {"dotted": ' stroke-dasharray="1.5 4" stroke-linecap="round"', "dashed": ' stroke-dasharray="5 3"'}
    width = 1.2 if curve.style == "dashed" else 2.2
    return (
        f'<polyline points="{" ".join(f"{x},{y}" for x, y in points)}" fill="none" stroke="{curve.colours[0]}" '
        f'stroke-width="{width}"{dashes.get(curve.style, "")}/>'
    )


def _marks(plot: Plot, frame: Frame) -> Iterator[str]:
    place = {name: at for at, name in enumerate(plot.across)}
    inside = sorted((mark for mark in plot.marks if mark.at in place), key=lambda mark: place[mark.at])
    for line, mark in enumerate(inside):
        x = frame.x(place[mark.at], len(plot.across))
        is_right = x > (frame.left + frame.right) / 2
        anchor, gap = ("end", -5) if is_right else ("start", 5)
        if mark.level is None:
            dashes = ' stroke-dasharray="4 3"' if mark.is_dashed else ""
            yield _line(x, frame.top, x, frame.foot, _stroke(mark), more=dashes)
            y = frame.top + 10 + LINE * (line % 3)
        else:
            y = frame.y(mark.level) - 5
        yield _text(
            x + gap, y, one_line(mark.words, longest=LONGEST_WORDS), anchor=anchor, colour=mark.colour, halo=True
        )


def _stroke(mark: Mark) -> str:
    return LIGHT.axis if mark.colour == LIGHT.muted and not mark.is_dashed else mark.colour


def _words_beside(entries: Sequence[Beside], frame: Frame) -> Iterator[str]:
    """Yield the words in the right margin, moved apart where they would lie on each other; those of two words on two lines."""
    lowest = frame.top
    for entry in sorted(entries, key=lambda each: -each.level):
        lines = _lines(entry.words)
        y = max(frame.y(entry.level) + 4 - LINE * (len(lines) - 1) / 2, lowest)
        for at, words in enumerate(lines):
            yield _text(frame.right + 8, round(y + LINE * at, 1), words, colour=entry.colour)
        lowest = y + LINE * len(lines)


def _lines(words: str) -> list[str]:
    """Return words on as many lines as the margin needs."""
    found = [""]
    for word in words.replace(" %", "\u00a0%").replace("± ", "±\u00a0").split(" "):
        if found[-1] and (len(found[-1]) + 1 + len(word)) * LETTER > MARGIN - 10:
            found.append(word)
        else:
            found[-1] = f"{found[-1]} {word}".strip()
    return found


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, more: str = "") -> str:
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{colour}"{more}/>'


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", colour: str = LIGHT.text, halo: bool = False
) -> str:
    around = ' class="halo"' if halo else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{around}>{escape(words)}</text>'
