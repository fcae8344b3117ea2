"""The figures of the pages as plain values: what a page's figure draws is what a pack draws, number by number."""

from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape
from typing import TYPE_CHECKING, Any, Literal

from dashboard.pack.content import Beside, Curve, Mark, Plot, Said
from dashboard.presentation import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashboard.charts import Chart

LONGEST_ALT = 500
MOST_BARS = 8
"""Lying bars that fit half a page."""
LINE_BREAK = "<br>"
TRANSPARENT_COLOUR = re.compile(r"rgba\(\s*(\d+),\s*(\d+),\s*(\d+),\s*([\d.]+)\s*\)")
NAMES = {"line": "measured", "dotted": "estimated", "dashed": "reference"}
STYLES: dict[str | None, Literal["line", "dotted", "dashed"]] = {None: "line", "dot": "dotted", "dash": "dashed"}


def over_days(chart: Chart, *, title: Said, said: str = "") -> Plot:
    """Return a figure with lines over days; whatever it says about itself comes along."""
    layout = chart.figure["layout"]
    across = tuple(_days(*layout["xaxis"]["range"]))
    place = {day: number for number, day in enumerate(across)}
    curves = [curve for trace in chart.figure["data"] for curve in _curves(trace, place)]
    low, high = layout["yaxis"]["range"]
    return Plot(
        title=title,
        said=said,
        alt=one_line(chart.alt, longest=LONGEST_ALT),
        shape="days",
        across=across,
        curves=tuple(curves),
        low=float(low),
        high=float(high),
        suffix=layout["yaxis"].get("ticksuffix", ""),
        band=next(
            ((float(each["y0"]), float(each["y1"])) for each in layout.get("shapes", ()) if each["type"] == "rect"),
            None,
        ),
        levels=tuple(
            float(each["y0"]) for each in layout.get("shapes", ()) if each.get("yref") == "y" and _is_flat(each)
        ),
        marks=tuple(_marks(layout)),
        beside=tuple(_beside(layout)),
    )


def columns_over_days(chart: Chart, *, title: Said, said: str = "") -> Plot:
    """Return a figure with a column a day and a band of chance behind."""
    behind, bars = chart.figure["data"]
    layout = chart.figure["layout"]
    low, high = layout["yaxis"]["range"]
    words = [each for each in layout["annotations"] if each.get("xref") != "paper"]
    return Plot(
        title=title,
        said=said,
        alt=one_line(chart.alt, longest=LONGEST_ALT),
        shape="columns",
        across=tuple(bars["x"]),
        curves=(
            Curve("by chance at most", "behind", tuple(behind["y"]), (_solid(behind["marker"]["color"]),)),
            Curve("models that begin to move", "bars", tuple(bars["y"]), tuple(bars["marker"]["color"])),
        ),
        low=float(low),
        high=float(high),
        suffix=layout["yaxis"].get("ticksuffix", ""),
        marks=tuple(
            Mark(each["x"], _plain(each["text"]), each["font"]["color"], level=float(each["y"])) for each in words
        ),
        beside=tuple(_beside(layout)),
    )


def lying_bars(chart: Chart, *, title: Said, said: str = "", most: int = MOST_BARS) -> Plot:
    """Return a figure with lying bars, the first ``most`` of them, with the words at their ends."""
    (bars,) = chart.figure["data"]
    low, high = chart.figure["layout"]["xaxis"]["range"]
    return Plot(
        title=title,
        said=said,
        alt=one_line(chart.alt, longest=LONGEST_ALT),
        shape="bars",
        across=tuple(_plain(name) for name in bars["y"][:most]),
        curves=(
            Curve(
                "PSI × importance",
                "bars",
                tuple(bars["x"][:most]),
                tuple(bars["marker"]["color"][:most]),
                tuple(_plain(each) for each in bars["text"][:most]),
            ),
        ),
        low=float(low),
        high=float(high),
    )


def _days(first: str, stop: str) -> Iterator[str]:
    day, end = date.fromisoformat(first[:10]), date.fromisoformat(stop[:10])
    while day < end:
        yield day.isoformat()
        day += timedelta(days=1)


def _curves(trace: dict[str, Any], place: dict[str, int]) -> Iterator[Curve]:
    if trace.get("fill") == "toself":
        # An area is drawn around: once along its upper edge, and back along the lower one.
        half = len(trace["x"]) // 2
        days, upper, lower = trace["x"][:half], trace["y"][:half], trace["y"][half:][::-1]
        is_estimate = "fillpattern" in trace
        colour = trace["fillpattern"]["fgcolor"] if is_estimate else _solid(trace["fillcolor"])
        name = "estimate, 90 % interval" if is_estimate else "90 % interval"
        ends: tuple[tuple[Any, Any], ...] = (("low", lower), ("high", upper))
        for end, values in ends:
            style = f"estimated {end}" if is_estimate else end
            yield Curve(f"{name}, {end}", style, _placed(days, values, place), (colour,))  # type: ignore[arg-type]  # one of four texts
        return
    style = STYLES[trace["line"].get("dash")]
    name = trace.get("name") or NAMES[style]
    yield Curve(name, style, _placed(trace["x"], trace["y"], place), (trace["line"]["color"],))


def _placed(days: Sequence[str], values: Sequence[Any], place: dict[str, int]) -> tuple[float | None, ...]:
    found: list[float | None] = [None] * len(place)
    for day, value in zip(days, values, strict=True):
        if day in place and value is not None:
            found[place[day]] = round(float(value), 4)
    return tuple(found)


def _is_flat(shape: dict[str, Any]) -> bool:
    return bool(shape["type"] == "line" and shape["y0"] == shape["y1"])


def _marks(layout: dict[str, Any]) -> Iterator[Mark]:
    """Yield the upright lines with the words at their tops, and the words that stand at a point."""
    notes = [each for each in layout.get("annotations", ()) if each.get("xref") != "paper"]
    at_top = {each["x"]: each for each in notes if each.get("yref") == "paper"}
    for each in layout.get("shapes", ()):
        if each["type"] == "line" and each["x0"] == each["x1"] and (said := at_top.get(each["x0"])):
            is_dashed = each["line"]["dash"] == "dash"
            yield Mark(each["x0"], _plain(said["text"]), said["font"]["color"], is_dashed=is_dashed)
    for each in notes:
        if each.get("yref") != "paper":
            yield Mark(each["x"], _plain(each["text"]), each["font"]["color"], level=float(each["y"]))


def _beside(layout: dict[str, Any]) -> Iterator[Beside]:
    for each in layout.get("annotations", ()):
        if each.get("xref") == "paper":
            yield Beside(float(each["y"]), _plain(each["text"]), each["font"]["color"])


def _plain(text: str) -> str:
    return unescape(text.replace(LINE_BREAK, " ")).strip()


def _solid(colour: str) -> str:
    """Return a translucent colour as it looks on white."""
    if (found := TRANSPARENT_COLOUR.fullmatch(colour)) is None:
        return colour
    share = float(found.group(4))
    mixed = (round(255 - (255 - int(found.group(part))) * share) for part in (1, 2, 3))
    return "#" + "".join(f"{each:02X}" for each in mixed)
