"""The content of a pack inside its PPTX file: put there, read back, and compared with what the slides show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, unescape

from pptx import Presentation
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI

from dashboard.pack.content import PackError

if TYPE_CHECKING:
    from typing import BinaryIO

PLACE, KIND = "/customXml/item1.xml", "application/xml"
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml"
NAMES = "urn:modelfolio:evidence-pack"
CONTENT = re.compile(r"<(?:\w+:)?content>(.*)</(?:\w+:)?content>", re.DOTALL)


def put_content(presentation: Any, text: str) -> None:
    """Put the text of a pack's content into a presentation, as data that PowerPoint keeps when it saves."""
    inside = f'<?xml version="1.0" encoding="UTF-8"?><pack xmlns="{NAMES}"><content>{escape(text)}</content></pack>'
    part = Part(PackURI(PLACE), KIND, presentation.part.package, inside.encode())
    presentation.part.relate_to(part, RELATION)


def opened(file: BinaryIO) -> Any:
    """Return a file as a presentation; PackError if it is none."""
    try:
        return Presentation(file)
    except Exception as error:  # noqa: BLE001 - the library raises whatever it stumbles over
        raise PackError(f"It is no PPTX file that can be read ({type(error).__name__}).") from None


def content_of_pptx(presentation: Any) -> str:
    """Return the text of the content that a presentation holds.

    Raises:
        PackError: there is none in it.
    """
    for relation in presentation.part.rels.values():
        if relation.reltype == RELATION:
            inside = relation.target_part.blob.decode(errors="replace")
            if NAMES in inside and (found := CONTENT.search(inside)):
                return unescape(found.group(1))
    raise PackError("There is no content of an evidence pack in it.")


def first_difference(found: Any, meant: Any) -> int | None:
    """Return the number of the first slide that does not show what is meant; nothing when each does.

    Compared are words, notes, addresses, the numbers of charts and what other shapes there are: what another program writes otherwise when it saves does not matter.
    """
    slides, wanted = _shown(found), _shown(meant)
    for number, (slide, other) in enumerate(zip(slides, wanted, strict=False), start=1):
        if slide != other:
            return number
    return None if len(slides) == len(wanted) else min(len(slides), len(wanted)) + 1


def _shown(presentation: Any) -> list[list[object]]:
    """Return what each slide says: its notes, and of its shapes the words, the addresses and the numbers."""
    found = []
    for slide in presentation.slides:
        said: list[object] = [slide.notes_slide.notes_text_frame.text] if slide.has_notes_slide else []
        for shape in slide.shapes:
            if shape.has_text_frame:
                said.append((shape.text_frame.text, shape.click_action.hyperlink.address, _addresses(shape)))
            elif getattr(shape, "has_table", False):
                said += [[(cell.text, _addresses(cell)) for cell in row.cells] for row in shape.table.rows]
            elif getattr(shape, "has_chart", False):
                plots = shape.chart.plots
                said += [(str(series.name), tuple(series.values)) for plot in plots for series in plot.series]
            else:
                said.append(str(shape.shape_type))
        found.append(said)
    return found


def _addresses(words: Any) -> list[str | None]:
    return [run.hyperlink.address for paragraph in words.text_frame.paragraphs for run in paragraph.runs]
