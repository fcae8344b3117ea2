"""The two formats of a pack: written, and checked against the content that is inside."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from dashboard.pack.content import PackError, fingerprint, pack_of
from dashboard.pack.page import content_of_html, html

if TYPE_CHECKING:
    from collections.abc import Callable

    from dashboard.pack.content import Pack

NEEDS_PPTX = "Slides need python-pptx: install modelfolio[pptx]."
ZIP_START = b"PK"


class Format(StrEnum):
    """How a pack is written."""

    HTML = "html"
    PPTX = "pptx"

    @property
    def mime(self) -> str:
        """What a browser calls the format."""
        slides = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
        return "text/html" if self is Format.HTML else slides


@dataclass(frozen=True, slots=True)
class Checked:
    """A pack that was found as it was made."""

    hash: str
    pack: Pack


def _html(pack: Pack) -> bytes:
    return html(pack).encode()


def _pptx(pack: Pack) -> bytes:
    try:
        from dashboard.pack.slides import pptx  # noqa: PLC0415 - an extra, and half a second to import
    except ModuleNotFoundError:
        raise PackError(NEEDS_PPTX) from None
    return pptx(pack)


WRITERS: dict[Format, Callable[[Pack], bytes]] = {Format.HTML: _html, Format.PPTX: _pptx}


def written(pack: Pack, format_: Format) -> bytes:
    """Return the pack as a file.

    Raises:
        PackError: slides are asked for and python-pptx is not installed.
    """
    return WRITERS[format_](pack)


def checked(file: bytes) -> Checked:
    """Return the hash and the content of a file whose every page shows what its content says.

    Raises:
        PackError: it is no pack, or it was changed; the text says where.
    """
    return _checked_pptx(file) if file.startswith(ZIP_START) else _checked_html(file)


def _checked_html(file: bytes) -> Checked:
    try:
        page = file.decode()
    except UnicodeDecodeError:
        raise PackError("It is neither an HTML nor a PPTX file.") from None
    text = content_of_html(page)
    pack = pack_of(text)
    if fingerprint(text) not in page:
        raise PackError("The content was changed: its SHA-256 is not the one on the cover.")
    if html(pack) != page:
        raise PackError(
            "A page was changed: it does not show what the content says, or another version of modelfolio made it."
        )
    return Checked(fingerprint(text), pack)


def _checked_pptx(file: bytes) -> Checked:
    try:
        from dashboard.pack.slide_file import content_of_pptx, first_difference, opened  # noqa: PLC0415 - the same
    except ModuleNotFoundError:
        raise PackError(NEEDS_PPTX) from None
    found = opened(io.BytesIO(file))
    text = content_of_pptx(found)
    pack = pack_of(text)
    slide = first_difference(found, opened(io.BytesIO(_pptx(pack))))
    if slide is not None:
        raise PackError(
            f"Slide {slide} was changed: it does not show what the content says, or another version of modelfolio made it."
        )
    return Checked(fingerprint(text), pack)
