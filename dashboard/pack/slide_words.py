"""Words on slides: paragraphs in boxes, cells of tables, links in the colour of their words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pptx.enum.text import PP_ALIGN
from pptx.oxml import parse_xml
from pptx.util import Inches, Pt

from dashboard.pack.fitting import LINE_HEIGHT, POINTS, cut, height_of, lines_of
from dashboard.pack.slide_charts import TYPEFACE, rgb
from dashboard.palette import LIGHT
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.pack.content import Points, Said

DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
OWN_COLOUR = (
    f'<a:extLst xmlns:a="{DRAWING}"><a:ext uri="{{A12FA001-AC4F-418D-AE19-62706E023703}}"><ahyp:hlinkClr '
    'xmlns:ahyp="http://schemas.microsoft.com/office/drawing/2018/hyperlinkcolor" val="tx"/></a:ext></a:extLst>'
)
NO_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"
"""The style of a table without colours and lines."""
CELL_EDGE, CELL_GAP = 0.04, 0.1


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one look."""

    text: str
    colour: str = LIGHT.text
    is_bold: bool = False


Line = tuple[Words, ...]


def words_of(said: Said) -> Words:
    """Return words as they look, those of a verdict in its colour."""
    if not said.verdict:
        return Words(said.text)
    return Words(said.text, LIGHT.verdicts[Verdict(said.verdict)], is_bold=True)


def lines_of_points(points: Points) -> list[Line]:
    """Return a title and its sentences as paragraphs."""
    said = [(Words(f"•  {point.text}"),) for point in points.points] or [(Words(points.none, LIGHT.muted),)]
    return [(Words(points.title, is_bold=True),), *said]


def text_of_line(line: Line) -> str:
    """Return a paragraph as plain text."""
    return "".join(words.text for words in line)


def fitted(lines: Sequence[Line], *, width: float, height: float, size: int, gap: float) -> list[Line]:
    """Return the paragraphs that fit, the last of them cut where it does not; a title never stands alone at the end."""
    found: list[Line] = []
    left = height
    for line in lines:
        text = text_of_line(line)
        room = int((left + 1e-6) * POINTS / (size * LINE_HEIGHT))
        if room < 1:
            break
        if lines_of(text, width=width, size=size) > room:
            found.append(_cut(line, width=width, size=size, lines=room))
            break
        found.append(line)
        left -= height_of([text], width=width, size=size, gap=gap)
    while len(found) > 1 and len(found) < len(lines) and _is_title(found[-1]):
        found.pop()
    return found


def _is_title(line: Line) -> bool:
    return len(line) == 1 and line[0].is_bold


def _cut(line: Line, *, width: float, size: int, lines: int) -> Line:
    *before, last = line
    used = len(text_of_line(tuple(before)))
    whole = cut(text_of_line(line), width=width, size=size, lines=lines)
    return (*before, replace(last, text=whole[used:] if used < len(whole) else "…"))


def write_box(
    slide: Any,
    lines: Sequence[Line],
    *,
    left: float,
    top: float,
    width: float,
    height: float,
    size: int,
    gap: float = 0.0,
) -> Any:
    """Write paragraphs into a box of their own, ``gap`` inches after each."""
    box = slide.shapes.add_textbox(*(Inches(x) for x in (left, top, width, height)))
    frame = box.text_frame
    frame.word_wrap = True
    without_margins(frame)
    for at, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if at == 0 else frame.add_paragraph()
        paragraph.space_after = Pt(gap * POINTS)
        for words in line:
            write_run(paragraph, words, size=size)
    return box


def without_margins(frame: Any) -> None:
    """Let words begin where their box does."""
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0


def write_run(paragraph: Any, words: Words, *, size: int, address: str = "") -> None:
    """Write words, as a link in their own colour where they have an address."""
    run = paragraph.add_run()
    run.text = words.text
    run.font.name, run.font.size, run.font.bold = TYPEFACE, Pt(size), words.is_bold
    run.font.color.rgb = rgb(words.colour)
    if address:
        run.hyperlink.address = address
        run.font._element.find(f"{{{DRAWING}}}hlinkClick").append(parse_xml(OWN_COLOUR))  # noqa: SLF001 - the library cannot say it


def write_cell(
    cell: Any, words: Words, *, width: float, size: int, lines: int, is_number: bool, address: str = ""
) -> None:
    """Write a cell of a table, its words on at most so many lines, with a thin line below."""
    cell.fill.background()
    cell.margin_left, cell.margin_right = Inches(CELL_EDGE), Inches(CELL_GAP)
    cell.margin_top = cell.margin_bottom = Inches(CELL_EDGE)
    paragraph = cell.text_frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.RIGHT if is_number else PP_ALIGN.LEFT
    room = width - CELL_EDGE - CELL_GAP
    text = cut(words.text, width=room, size=size, lines=lines)
    # LibreOffice breaks a link where the line ends, even inside a word: one of several lines is a link per word.
    parts = text.split(" ") if address and lines_of(text, width=room, size=size) > 1 else [text]
    for at, part in enumerate(parts, start=1):
        write_run(paragraph, replace(words, text=part if at == len(parts) else f"{part} "), size=size, address=address)
    line = f'<a:lnB xmlns:a="{DRAWING}" w="9525"><a:solidFill><a:srgbClr val="{LIGHT.border.removeprefix("#")}"/></a:solidFill></a:lnB>'
    cell._tc.get_or_add_tcPr().insert(0, parse_xml(line))  # noqa: SLF001 - the library cannot draw a cell's edges


def quiet_table(table: Any) -> None:
    """Take the template's colours out of a table: lines between rows are enough."""
    properties = table._tbl.tblPr  # noqa: SLF001 - the library cannot choose a table's style
    properties.set("firstRow", "0")
    properties.set("bandRow", "0")
    style = properties.find(f"{{{DRAWING}}}tableStyleId")
    if style is not None:
        style.text = NO_STYLE
