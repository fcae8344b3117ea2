"""Figures of a pack as charts of PowerPoint's own, whose numbers can be looked at and edited there, with words beside the lines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_MARKER_STYLE, XL_TICK_LABEL_POSITION, XL_TICK_MARK
from pptx.enum.dml import MSO_LINE
from pptx.enum.shapes import MSO_CONNECTOR
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.oxml import parse_xml
from pptx.util import Inches, Pt

from dashboard.pack.scale import digits_of, rounded, step_of
from dashboard.palette import LIGHT
from dashboard.presentation import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashboard.pack.content import Beside, Curve, Plot

TYPEFACE = "Calibri"
AXIS_SIZE, WORDS_SIZE = 12, 13
WORDS_HEIGHT, BAR_HEIGHT = 0.22, 0.27
WORDS_WIDTH, BESIDE_WIDTH, BAR_WORDS_WIDTH = 2.6, 1.5, 1.4
LONGEST_NAME, LONGEST_WORDS = 22, 40
CHARTS = "http://schemas.openxmlformats.org/drawingml/2006/chart"
DAY_FORMAT = "d mmm"
LINE_WIDTHS = {"line": 2.5, "dotted": 2.5, "dashed": 1.5}
DAYS_BETWEEN_TICKS = ((35, 7), (70, 14))
FEWEST_TICKS_DAYS = 28
NEAR = 1e-6
AXIS_WIDTH, DAYS_HEIGHT, NAMES_WIDTH, ABOVE = 0.62, 0.34, 1.75, 0.08
Drawn = tuple[str, tuple[float | None, ...], "Curve | None"]
"""The name of a series, its values, and the curve it is; none for a level that something is compared with."""


@dataclass(frozen=True, slots=True)
class Inside:
    """Where the inside of a chart lies on its slide, in inches."""

    left: float
    top: float
    width: float
    height: float

    def x(self, place: float, of: int) -> float:
        """Return where the middle of one of so many things across lies."""
        return self.left + (place + 0.5) / max(of, 1) * self.width

    def y(self, value: float, plot: Plot) -> float:
        """Return where a value lies."""
        low, high = rounded(plot.low, plot.high)
        share = (value - low) / ((high - low) or 1)
        return self.top + (1 - min(max(share, 0.0), 1.0)) * self.height


def add_chart(slide: Any, plot: Plot, *, left: float, top: float, width: float, height: float) -> None:
    """Draw a figure on a slide, of lying bars as many as can be read; places and sizes are inches."""
    if plot.shape == "bars":
        plot = _first_bars(plot, most=max(1, int(height / BAR_HEIGHT)))
    kinds = {
        "days": XL_CHART_TYPE.LINE,
        "columns": XL_CHART_TYPE.COLUMN_CLUSTERED,
        "bars": XL_CHART_TYPE.BAR_CLUSTERED,
    }
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]  # the library has types for a half of itself
    drawn = list(_series(plot))
    has_days = plot.shape != "bars" and bool(plot.across) and _day(plot.across[0]) is not None
    data.categories = [_day(each) if has_days else one_line(each, longest=LONGEST_NAME) for each in plot.across]
    if has_days:
        data.categories.number_format = DAY_FORMAT
    for name, values, _ in drawn:
        data.add_series(name, values)
    place = (Inches(left), Inches(top), Inches(width), Inches(height))
    frame = slide.shapes.add_chart(kinds[plot.shape], *place, data)
    frame._element.nvGraphicFramePr.cNvPr.set("descr", plot.alt)  # noqa: SLF001 - the library has no name for the description
    chart = frame.chart
    chart.has_legend, chart.has_title = False, False
    chart.font.name, chart.font.size, chart.font.color.rgb = TYPEFACE, Pt(AXIS_SIZE), rgb(LIGHT.text)
    inside = _inside(plot, left=left, top=top, width=width, height=height)
    _place_inside(chart, inside, left=left, top=top, width=width, height=height)
    {"days": _style_days, "columns": _style_columns, "bars": _style_bars}[plot.shape](chart, plot, drawn)
    if has_days:
        _space_days(chart, len(plot.across))
    _write_marks(slide, plot, inside)
    _write_beside(slide, plot.beside, plot, inside)
    if plot.shape == "bars":
        _write_at_bars(slide, plot, inside)


def _first_bars(plot: Plot, *, most: int) -> Plot:
    (curve,) = plot.curves
    fewer = replace(curve, values=curve.values[:most], colours=curve.colours[:most], words=curve.words[:most])
    return replace(plot, across=plot.across[:most], curves=(fewer,))


def _inside(plot: Plot, *, left: float, top: float, width: float, height: float) -> Inside:
    """Return where the inside lies: the axes and the words need room at its edges."""
    if plot.shape == "bars":
        return Inside(left + NAMES_WIDTH, top, width - NAMES_WIDTH - BAR_WORDS_WIDTH, height)
    right = BESIDE_WIDTH if plot.beside else 0.1
    return Inside(left + AXIS_WIDTH, top + ABOVE, width - AXIS_WIDTH - right, height - DAYS_HEIGHT - ABOVE)


def _series(plot: Plot) -> Iterator[Drawn]:
    """Yield what a chart is made of: its curves, and the levels that they are compared with."""
    taken: set[str] = set()
    for curve in plot.curves:
        yield _unused(curve.name, taken), curve.values, curve
    if plot.shape == "days":
        ends = [_last(curve.values) for curve in plot.curves if curve.style in LINE_WIDTHS]
        for entry in plot.beside:
            if not any(abs(value - entry.level) < NEAR for value in ends):
                yield _unused(entry.words, taken), (entry.level,) * len(plot.across), None


def _unused(name: str, taken: set[str]) -> str:
    found, number = name, 2
    while found in taken:
        found, number = f"{name} ({number})", number + 1
    taken.add(found)
    return found


def _last(values: Sequence[float | None]) -> float:
    return next((value for value in reversed(values) if value is not None), float("inf"))


def _style_days(chart: Any, plot: Plot, drawn: list[Drawn]) -> None:
    _scale(chart, plot)
    _span_blanks(chart)
    for series, (_, _, curve) in zip(chart.plots[0].series, drawn, strict=True):
        series.smooth, series.marker.style = False, XL_MARKER_STYLE.NONE
        if curve is None:
            _line(series, LIGHT.muted, width=1.25, dash=MSO_LINE.DASH)
        elif curve.style in LINE_WIDTHS:
            dash = {"dotted": MSO_LINE.ROUND_DOT, "dashed": MSO_LINE.DASH}.get(curve.style)
            _line(series, curve.colours[0], width=LINE_WIDTHS[curve.style], dash=dash)
        else:
            _line(series, curve.colours[0], width=1.0, dash=MSO_LINE.DASH if curve.style.startswith("est") else None)


def _style_columns(chart: Any, plot: Plot, drawn: list[Drawn]) -> None:
    _scale(chart, plot)
    is_behind = any(curve.style == "behind" for curve in plot.curves)
    chart.plots[0].overlap, chart.plots[0].gap_width = (100, 10) if is_behind else (0, 45)
    for series, (_, values, curve) in zip(chart.plots[0].series, drawn, strict=True):
        if curve is not None:
            _fill(series, curve.colours, len(values))
            for place, words in enumerate(curve.words):
                _label(series, place, words)


def _style_bars(chart: Any, plot: Plot, drawn: list[Drawn]) -> None:
    values, names = chart.value_axis, chart.category_axis
    values.visible, values.has_major_gridlines = False, False
    values.minimum_scale, values.maximum_scale = 0, _longest(plot)
    names.reverse_order = True
    names.format.line.color.rgb = rgb(LIGHT.axis)
    names.major_tick_mark = XL_TICK_MARK.NONE
    chart.plots[0].gap_width = 45
    _append(names._element, "tickLblSkip", "1", before="noMultiLvlLbl")  # noqa: SLF001 - else every second name is left out
    for series, (_, known, curve) in zip(chart.plots[0].series, drawn, strict=True):
        if curve is not None:
            _fill(series, curve.colours, len(known))


def _longest(plot: Plot) -> float:
    return max([value or 0.0 for curve in plot.curves for value in curve.values] + [NEAR])


def _scale(chart: Any, plot: Plot) -> None:
    axis = chart.value_axis
    axis.minimum_scale, axis.maximum_scale = rounded(plot.low, plot.high)
    axis.major_unit = step_of(plot.low, plot.high)
    axis.major_gridlines.format.line.color.rgb = rgb(LIGHT.grid)
    axis.format.line.fill.background()
    axis.major_tick_mark = XL_TICK_MARK.NONE
    axis.tick_labels.font.size, axis.tick_labels.font.color.rgb = Pt(AXIS_SIZE), rgb(LIGHT.muted)
    behind = digits_of(plot.low, plot.high)
    digits = f"#,##0.{'0' * behind}" if behind else "#,##0"
    axis.tick_labels.number_format, axis.tick_labels.number_format_is_linked = f'{digits}"{plot.suffix}"', False
    names = chart.category_axis
    names.format.line.color.rgb = rgb(LIGHT.axis)
    names.major_tick_mark, names.has_major_gridlines = XL_TICK_MARK.NONE, False
    names.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    names.tick_labels.font.size = Pt(AXIS_SIZE)


def _space_days(chart: Any, days: int) -> None:
    """Write below one day in so many."""
    step = next((each for most, each in DAYS_BETWEEN_TICKS if days <= most), FEWEST_TICKS_DAYS)
    axis = chart.category_axis._element  # noqa: SLF001 - the library does not know the units of an axis of days
    for name, value in (("baseTimeUnit", "days"), ("majorUnit", str(step)), ("majorTimeUnit", "days")):
        _append(axis, name, value)


def _append(parent: Any, name: str, value: str, *, before: str | None = None) -> None:
    """Put an element that python-pptx does not know into the place that its schema asks for."""
    for old in parent.findall(f"{{{CHARTS}}}{name}"):
        parent.remove(old)
    element, following = _element(name, value), parent.find(f"{{{CHARTS}}}{before}") if before else None
    if following is None:
        parent.append(element)
    else:
        following.addprevious(element)


def _element(name: str, value: str) -> Any:
    return parse_xml(f'<c:{name} xmlns:c="{CHARTS}" val="{value}"/>')


def _span_blanks(chart: Any) -> None:
    """Let a line go on over days without a value, from the day before to the day after."""
    inner = chart._chartSpace.chart  # noqa: SLF001 - the library cannot say what a missing value looks like
    for old in inner.findall(f"{{{CHARTS}}}dispBlanksAs"):
        inner.remove(old)
    after = inner.find(f"{{{CHARTS}}}plotVisOnly")
    place = after if after is not None else inner.find(f"{{{CHARTS}}}plotArea")
    place.addnext(_element("dispBlanksAs", "span"))


def _place_inside(chart: Any, inside: Inside, *, left: float, top: float, width: float, height: float) -> None:
    area = chart._chartSpace.chart.plotArea  # noqa: SLF001 - the library cannot place the inside of a chart
    for old in area.findall(f"{{{CHARTS}}}layout"):
        area.remove(old)
    shares = {
        "x": (inside.left - left) / width,
        "y": (inside.top - top) / height,
        "w": inside.width / width,
        "h": inside.height / height,
    }
    values = "".join(f'<c:{name} val="{share:.4f}"/>' for name, share in shares.items())
    layout = (
        f'<c:layout xmlns:c="{CHARTS}"><c:manualLayout><c:layoutTarget val="inner"/><c:xMode val="edge"/><c:yMode val="edge"/>'
        f"{values}</c:manualLayout></c:layout>"
    )
    area.insert(0, parse_xml(layout))


def _line(series: Any, colour: str, *, width: float, dash: Any) -> None:
    line = series.format.line
    line.color.rgb, line.width = rgb(colour), Pt(width)
    if dash is not None:
        line.dash_style = dash


def _fill(series: Any, colours: tuple[str, ...], values: int) -> None:
    series.invert_if_negative = False
    series.format.fill.solid()
    series.format.fill.fore_color.rgb = rgb(colours[0])
    for place in range(values):
        if (colour := colours[place % len(colours)]) != colours[0]:
            fill = series.points[place].format.fill
            fill.solid()
            fill.fore_color.rgb = rgb(colour)


def _label(series: Any, place: int, words: str) -> None:
    label = series.points[place].data_label
    label.text_frame.text = words
    font = label.text_frame.paragraphs[0].runs[0].font
    font.size, font.color.rgb = Pt(WORDS_SIZE), rgb(LIGHT.text)
    label.position = XL_LABEL_POSITION.OUTSIDE_END


# Words at and beside what is drawn


def _write_marks(slide: Any, plot: Plot, inside: Inside) -> None:
    place = {name: at for at, name in enumerate(plot.across)}
    shown = sorted((mark for mark in plot.marks if mark.at in place), key=lambda mark: place[mark.at])
    for line, mark in enumerate(shown):
        x = inside.x(place[mark.at], len(plot.across))
        if mark.level is None:
            y = inside.top + WORDS_HEIGHT * (line % 3)
            stroke = slide.shapes.add_connector(
                MSO_CONNECTOR.STRAIGHT, Inches(x), Inches(inside.top), Inches(x), Inches(inside.top + inside.height)
            )
            stroke.line.color.rgb, stroke.line.width = rgb(mark.colour), Pt(1)
            if mark.is_dashed:
                stroke.line.dash_style = MSO_LINE.DASH
        else:
            y = max(inside.y(mark.level, plot) - WORDS_HEIGHT - 0.03, inside.top - ABOVE)
        is_right = x > inside.left + inside.width / 2
        at = x - WORDS_WIDTH - 0.06 if is_right else x + 0.06
        words = one_line(mark.words, longest=LONGEST_WORDS)
        _write(slide, words, mark.colour, left=at, top=y, width=WORDS_WIDTH, is_right=is_right)


def _write_beside(slide: Any, entries: Sequence[Beside], plot: Plot, inside: Inside) -> None:
    """Write words in the right margin, moved apart where they would lie on each other."""
    lowest, left = inside.top - WORDS_HEIGHT / 2, inside.left + inside.width + 0.08
    for entry in sorted(entries, key=lambda each: -each.level):
        top = max(inside.y(entry.level, plot) - WORDS_HEIGHT / 2, lowest)
        _write(slide, entry.words, entry.colour, left=left, top=top, width=BESIDE_WIDTH - 0.08)
        lowest = top + WORDS_HEIGHT


def _write_at_bars(slide: Any, plot: Plot, inside: Inside) -> None:
    (curve,) = plot.curves
    step = inside.height / max(len(plot.across), 1)
    for place, (value, words) in enumerate(zip(curve.values, curve.words, strict=False)):
        end = inside.left + (value or 0.0) / _longest(plot) * inside.width + 0.06
        top = inside.top + step * (place + 0.5) - WORDS_HEIGHT / 2
        _write(slide, words, LIGHT.muted, left=end, top=top, width=BAR_WORDS_WIDTH - 0.06)


def _write(
    slide: Any, words: str, colour: str, *, left: float, top: float, width: float, is_right: bool = False
) -> None:
    box = slide.shapes.add_textbox(*(Inches(x) for x in (left, top, width, WORDS_HEIGHT)))
    frame = box.text_frame
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.word_wrap, frame.vertical_anchor = True, MSO_ANCHOR.MIDDLE
    paragraph = frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.RIGHT if is_right else PP_ALIGN.LEFT
    run = paragraph.add_run()
    run.text = words
    run.font.name, run.font.size, run.font.color.rgb = TYPEFACE, Pt(WORDS_SIZE), rgb(colour)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def rgb(colour: str) -> RGBColor:
    """Return a colour of the palette as PowerPoint writes it."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return RGBColor(red, green, blue)  # type: ignore[no-untyped-call]  # the same here
