"""A pack as PowerPoint slides, 16:9, to be read from the back of a room; what does not fit stands in the notes, with the sources."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

from pptx import Presentation
from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
from pptx.util import Inches

from dashboard.pack.content import fingerprint, text_of
from dashboard.pack.fitting import cut, fair_shares, height_of, lines_of, size_for
from dashboard.pack.slide_charts import add_chart
from dashboard.pack.slide_file import put_content
from dashboard.pack.slide_words import (
    CELL_EDGE,
    CELL_GAP,
    Line,
    Words,
    fitted,
    lines_of_points,
    quiet_table,
    text_of_line,
    without_margins,
    words_of,
    write_box,
    write_cell,
    write_run,
)
from dashboard.palette import LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dashboard.pack.content import Block, Pack, Page, Plot, Points, Said, Table

WIDTH, HEIGHT = 13.333, 7.5
"""Inches; 16:9."""
EDGE, FOOT = 0.55, 6.9
WHOLE = WIDTH - 2 * EDGE
LEFT_WIDTH, BETWEEN = 7.4, 0.4
TITLE_SIZES, LEAD_SIZES, POINT_SIZES, SMALL_SIZES = (30, 26, 22), (20, 18), (18, 17, 16, 15, 14), (14, 13)
TABLE_SIZE, FOOT_SIZE, TITLE_HEIGHT = 15, 11, 0.72
TITLE_ONLY = 5
"""The layout of the default template that has a title and nothing else."""
WIDE_CHART, CHART_TITLE, GAP = 3.7, 0.56, 0.07
CELL_LINES = 2
MOST_NOTES = 60
SHORT_HASH = 12
ON_SLIDE = ("Owner", "Tier", "Version", "Used by", "Traffic", "Labels", "Service")
"""The facts of a model that stand on its slide; the others are in the notes."""
RULED_OUT = "Ruled out"


def pptx(pack: Pack) -> bytes:
    """Return the pack as the bytes of a PPTX file, its content inside."""
    text = text_of(pack)
    deck = Deck(pack, fingerprint(text))
    deck.cover()
    for page in pack.pages:
        deck.page(page)
    put_content(deck.file, text)
    out = io.BytesIO()
    deck.file.save(out)
    return out.getvalue()


class Deck:
    """Slides being written; ``top`` is how far down the present one is filled, in inches."""

    def __init__(self, pack: Pack, digest: str) -> None:
        self.pack, self.digest = pack, digest
        self.file = Presentation()
        self.file.slide_width, self.file.slide_height = Inches(WIDTH), Inches(HEIGHT)
        self.file.core_properties.title = f"{pack.cover.title}, {pack.cover.as_known_on}"
        self.file.core_properties.author = "modelfolio"
        self.slide: Any = None
        self.top = 0.0

    def address(self, at: str) -> str:
        """Return an address of the product in full; nothing for what has none."""
        return self.pack.address + at if at else ""

    # Slides

    def cover(self) -> None:
        """Write what the pack is about, and how it can be checked."""
        cover, pages = self.pack.cover, self.pack.pages
        self.start(cover.title, at="")
        self.top += 0.25
        if pages:
            self.say([(Words(pages[0].title.text, is_bold=True),)], height=0.6, sizes=(26, 24, 20))
            self.say([tuple(words_of(said) for said in pages[0].lead)], height=0.75, sizes=LEAD_SIZES)
        self.top += 0.15
        self.say(
            [(Words(f"{name}  ", LIGHT.muted), Words(value)) for name, value in cover.facts.items()],
            height=2.2,
            sizes=(20, 18, 16),
        )
        self.top += 0.1
        check = [
            (Words("SHA-256 of the content  ", LIGHT.muted), Words(self.digest)),
            (Words("Head of the audit trail  ", LIGHT.muted), Words(cover.audit_head)),
            (
                Words(
                    "modelfolio pack --check FILE computes the hash again and compares every slide with the content. Charts are "
                    "PowerPoint's own and can be edited; the notes name the page of the product that each slide was taken from.",
                    LIGHT.muted,
                ),
            ),
        ]
        self.say(check, height=1.6, sizes=SMALL_SIZES)
        contents = [f"{number}. {page.title.text}" for number, page in enumerate(pages, start=1)]
        self.note(["Contents", *contents, f"Addresses begin with {self.pack.address}"])

    def page(self, page: Page) -> None:
        """Write a page on as many slides as it takes."""
        self.start(page.title.text, at=page.title.at or page.at)
        if page.lead:
            self.say([tuple(_spaced(page.lead))], height=0.98, sizes=(*LEAD_SIZES, 16))
        if page.lines:
            said = "  ·  ".join(line.text for line in page.lines)
            self.say([(Words(said, LIGHT.muted),)], height=0.5, sizes=(*SMALL_SIZES, 12))
        spoken = [said.text for said in (page.title, *page.lead, *page.lines)]
        self.note([*spoken, f"Source: {self.address(page.at)}" if page.at else ""])
        for block in page.wide:
            self.wide(block, page)
        if page.left or page.right:
            self.two(page)

    def start(self, title: str, *, at: str) -> None:
        """Begin a slide with its title and with what stands on each."""
        self.slide = self.file.slides.add_slide(self.file.slide_layouts[TITLE_ONLY])
        heading = self.slide.shapes.title
        heading.left, heading.top, heading.width, heading.height = (
            Inches(x) for x in (EDGE, 0.32, WHOLE, TITLE_HEIGHT)
        )
        size = size_for([title], width=WHOLE, height=TITLE_HEIGHT, sizes=TITLE_SIZES)
        lines = max(1, int(TITLE_HEIGHT * 72 / (1.2 * size)))
        frame = heading.text_frame
        frame.word_wrap, frame.vertical_anchor = True, MSO_ANCHOR.MIDDLE
        without_margins(frame)
        paragraph = frame.paragraphs[0]
        paragraph.alignment = PP_ALIGN.LEFT
        write_run(paragraph, Words(cut(title, width=WHOLE, size=size, lines=lines), is_bold=True), size=size)
        if at:
            heading.click_action.hyperlink.address = self.address(at)
        running = f"{self.pack.cover.running} · content {self.digest[:SHORT_HASH]} · slide {len(self.file.slides)}"
        write_box(
            self.slide,
            [(Words(running, LIGHT.muted),)],
            left=EDGE,
            top=FOOT + 0.14,
            width=WHOLE,
            height=0.28,
            size=FOOT_SIZE,
        )
        self.top = 1.16

    def go_on(self, page: Page) -> None:
        """Begin a further slide of the same page."""
        self.start(f"{page.title.text} (continued)", at=page.title.at or page.at)

    # Over the whole width

    def wide(self, block: Block, page: Page) -> None:
        """Write a block over the whole width, on a further slide where there is no room."""
        if block.kind == "facts":
            shown = [f"{name} {said.text}" for name, said in block.facts if name in ON_SLIDE]
            self.say([(Words("  ·  ".join(shown), LIGHT.muted),)], height=0.5, sizes=(*SMALL_SIZES, 12))
            self.note([f"{name}: {said.text}" for name, said in block.facts])
        elif block.kind == "plot":
            self.plot(block, left=EDGE, width=WHOLE, height=min(WIDE_CHART, FOOT - self.top - CHART_TITLE))
        elif block.kind == "table":
            self.table(block, page)
        else:
            lines = lines_of_points(block)
            height = height_of([text_of_line(line) for line in lines], width=WHOLE, size=TABLE_SIZE, gap=GAP)
            if self.top + height > FOOT:
                self.go_on(page)
            self.say(lines, height=FOOT - self.top, sizes=(TABLE_SIZE,))
            self.note([block.title, *(f"- {point.text}" for point in block.points)])

    def say(self, lines: Sequence[Line], *, height: float, sizes: Sequence[int]) -> None:
        """Write paragraphs at the present height, as large as fits, and go on below them."""
        texts = [text_of_line(line) for line in lines]
        size = size_for(texts, width=WHOLE, height=height, sizes=sizes, gap=GAP)
        shown = fitted(lines, width=WHOLE, height=height, size=size, gap=GAP)
        used = height_of([text_of_line(line) for line in shown], width=WHOLE, size=size, gap=GAP)
        write_box(self.slide, shown, left=EDGE, top=self.top, width=WHOLE, height=used, size=size, gap=GAP)
        self.top += used

    def plot(self, plot: Plot, *, left: float, width: float, height: float) -> None:
        """Write a figure with its title above."""
        title = [
            (Words(cut(plot.title.text, width=width, size=SMALL_SIZES[0], lines=1), is_bold=True),),
            (Words(cut(plot.said, width=width, size=SMALL_SIZES[1], lines=1), LIGHT.muted),),
        ]
        box = write_box(
            self.slide, title, left=left, top=self.top, width=width, height=CHART_TITLE - 0.04, size=SMALL_SIZES[1]
        )
        if plot.title.at:
            box.click_action.hyperlink.address = self.address(plot.title.at)
        add_chart(self.slide, plot, left=left, top=self.top + CHART_TITLE, width=width, height=height)
        self.note([f"{plot.title.text}: {plot.said}. {plot.alt} Source: {self.address(plot.title.at)}"])
        self.top += CHART_TITLE + height + 0.1

    # Side by side

    def two(self, page: Page) -> None:
        """Write figures at the left, and sentences at the right."""
        top = self.top + 0.05
        plots = [block for block in page.left if block.kind == "plot"]
        missing = [
            block for block in page.left if block.kind == "points" and not block.points and block.title in _FIGURES
        ]
        self.top = top
        if missing:
            self.sentences(missing, left=EDGE, width=LEFT_WIDTH, height=0.62 * len(missing))
            self.top += 0.62 * len(missing)
        for block, height in zip(plots, _shared(plots, FOOT - self.top), strict=True):
            self.plot(block, left=EDGE, width=LEFT_WIDTH, height=height - CHART_TITLE - 0.1)
        self.top = top
        left = EDGE + LEFT_WIDTH + BETWEEN
        points = [block for block in (*page.right, *page.left) if block.kind == "points" and block not in missing]
        self.sentences(points, left=left, width=WIDTH - EDGE - left, height=FOOT - top)

    def sentences(self, blocks: Sequence[Points], *, left: float, width: float, height: float) -> None:
        """Write sentences under their titles in one column, as large as fits; all of them are in the notes."""
        shown = [block for block in blocks if block.title != RULED_OUT]
        parts = [(lines_of_points(block), block) for block in shown]
        size = size_for(
            [text_of_line(line) for lines, _ in parts for line in lines],
            width=width,
            height=height,
            sizes=POINT_SIZES,
            gap=GAP,
        )
        needs = [
            height_of([text_of_line(line) for line in lines], width=width, size=size, gap=GAP) for lines, _ in parts
        ]
        top = self.top
        for (lines, _), given in zip(parts, fair_shares(needs, height), strict=True):
            written = fitted(lines, width=width, height=given + 0.01, size=size, gap=GAP)
            write_box(self.slide, written, left=left, top=top, width=width, height=given, size=size, gap=GAP)
            top += given
        for block in blocks:
            self.note([block.title, *(f"- {point.text}" for point in block.points), "" if block.points else block.none])

    # Tables

    def table(self, table: Table, page: Page) -> None:
        """Write a table in as many parts as slides have room for."""
        title = (Words(table.title, is_bold=True),)
        if not table.rows:
            if self.top + 0.7 > FOOT:
                self.go_on(page)
            self.say([title, (Words(table.none, LIGHT.muted),)], height=0.7, sizes=(TABLE_SIZE,))
            self.top += 0.08
            return
        least = 0.4 + _head_height(table) + sum(_row_height(table, row) for row in table.rows[:3])
        if self.top + least > FOOT:
            self.go_on(page)
        rest = list(table.rows)
        while rest:
            self.say([title], height=0.36, sizes=(TABLE_SIZE,))
            taken = _fitting(table, rest, FOOT - self.top - _head_height(table) - (0.3 if table.more.text else 0))
            self.grid(table, rest[:taken])
            rest, title = rest[taken:], (Words(f"{table.title} (continued)", is_bold=True),)
            if rest:
                self.go_on(page)
        if table.more.text:
            self.say([(Words(table.more.text, LIGHT.muted),)], height=0.3, sizes=SMALL_SIZES)
        listed = [f"- {' | '.join(cell.text for cell in row)}" for row in table.rows]
        sources = sorted({self.address(cell.at) for row in table.rows for cell in (*row, table.more) if cell.at})
        self.note([table.title, *listed, "Sources:", *sources[:MOST_NOTES]])

    def grid(self, table: Table, rows: Sequence[Sequence[Said]]) -> None:
        """Write some rows as a table of PowerPoint's own."""
        widths, heights = _widths(table), [_head_height(table), *(_row_height(table, row) for row in rows)]
        place = (Inches(EDGE), Inches(self.top), Inches(WHOLE), Inches(sum(heights)))
        grid = self.slide.shapes.add_table(len(rows) + 1, len(table.columns), *place).table
        quiet_table(grid)
        for line, height in enumerate(heights):
            grid.rows[line].height = Inches(height)
        for at, (column, width) in enumerate(zip(table.columns, widths, strict=True)):
            grid.columns[at].width = Inches(width)
            write = partial(write_cell, width=width, size=TABLE_SIZE, lines=CELL_LINES, is_number=column.is_number)
            write(grid.cell(0, at), Words(column.title, LIGHT.muted))
            for line, row in enumerate(rows, start=1):
                write(grid.cell(line, at), words_of(row[at]), address=self.address(row[at].at))
        self.top += sum(heights) + 0.14

    def note(self, lines: Iterable[str]) -> None:
        """Add lines to the slide's notes."""
        frame = self.slide.notes_slide.notes_text_frame
        said = "\n".join(line for line in lines if line)
        frame.text = f"{frame.text}\n\n{said}".strip()


_FIGURES = ("Performance", "Drift")
"""What stands in the place of a figure when there is none."""


def _spaced(parts: Sequence[Said]) -> Iterable[Words]:
    for at, said in enumerate(parts):
        words = words_of(said)
        yield words if at == 0 else Words(f" {words.text}", words.colour, is_bold=words.is_bold)


def _shared(plots: Sequence[Plot], height: float) -> list[float]:
    """Return how much of the height each figure gets: lying bars need less where they are few."""
    weights = [1.0 if plot.shape != "bars" else min(0.9, 0.42 + 0.06 * len(plot.across)) for plot in plots]
    return [height * weight / sum(weights) for weight in weights]


def _widths(table: Table) -> list[float]:
    whole = sum(column.width for column in table.columns)
    return [WHOLE * column.width / whole for column in table.columns]


def _head_height(table: Table) -> float:
    return _height(table, [column.title for column in table.columns])


def _row_height(table: Table, row: Sequence[Said]) -> float:
    return _height(table, [cell.text for cell in row])


def _height(table: Table, cells: Sequence[str]) -> float:
    """Return how high a row is with the words of its cells on at most two lines."""
    widths = (width - CELL_EDGE - CELL_GAP for width in _widths(table))
    lines = max(lines_of(text, width=width, size=TABLE_SIZE) for text, width in zip(cells, widths, strict=True))
    return min(lines, CELL_LINES) * TABLE_SIZE * 1.2 / 72 + 2 * CELL_EDGE + 0.02


def _fitting(table: Table, rows: Sequence[Sequence[Said]], height: float) -> int:
    """Return how many of the rows fit, at least one."""
    used = 0.0
    for taken, row in enumerate(rows):
        used += _row_height(table, row)
        if used > height:
            return max(taken, 1)
    return len(rows)
