"""What an evidence pack says: plain values that both formats are written from, and their fingerprint.

Every number is text exactly as its page shows it, with the address of that page; nothing in a pack is worked out while it is
written. The machine's clock is not in it, so the same content has the same fingerprint whenever and wherever it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Discriminator, TypeAdapter, ValidationError

from monitoring.audit import canonical_json
from monitoring.errors import ModelfolioError

FORMAT = 1
WEB = ("http://", "https://")
"""Grows when a pack of older software can no longer be read."""


class PackError(ModelfolioError):
    """A file is no evidence pack, or not as it was made."""


@dataclass(frozen=True, slots=True)
class Said:
    """Words or a number, the address (relative to the pack's) of the page that shows it, and the verdict whose colour it wears."""

    text: str
    at: str = ""
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, side by side."""

    facts: tuple[tuple[str, Said], ...]
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class Points:
    """Sentences under a title; ``none`` stands there when there are none."""

    title: str
    points: tuple[Said, ...]
    none: str = ""
    kind: Literal["points"] = "points"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, its share of the width, and whether it holds numbers."""

    title: str
    width: int
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under titles; ``more`` says what is not listed, ``none`` stands there when there are no rows."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Said, ...], ...]
    none: str
    more: Said = Said("")
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Curve:
    """Values over what lies across, missing ones included; ``colours`` is one for all or one per value, ``words`` stand at values."""

    name: str
    style: Literal["line", "dotted", "dashed", "low", "high", "estimated low", "estimated high", "bars", "behind"]
    values: tuple[float | None, ...]
    colours: tuple[str, ...]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Words at something that lies across, with a line there unless they stand at a ``level``."""

    at: str
    words: str
    colour: str
    is_dashed: bool = False
    level: float | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """Words in the right margin beside a level."""

    level: float
    words: str
    colour: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure of a page as plain values.

    ``shape`` is days (curves over days), columns (bars over days or names) or bars (lying, by name). ``low`` and ``high`` are the ends
    of the scale, ``band`` is where the reference lies, ``levels`` are thin lines. ``alt`` is what it shows, in words.
    """

    title: Said
    said: str
    alt: str
    shape: Literal["days", "columns", "bars"]
    across: tuple[str, ...]
    curves: tuple[Curve, ...]
    low: float
    high: float
    suffix: str = ""
    band: tuple[float, float] | None = None
    levels: tuple[float, ...] = ()
    marks: tuple[Mark, ...] = ()
    beside: tuple[Beside, ...] = ()
    kind: Literal["plot"] = "plot"


Block = Annotated[Facts | Points | Table | Plot, Discriminator("kind")]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its answer as heading, what is read aloud, secondary lines, what stands wide, and what in two columns below.

    ``at`` is the address of the page of the product it was taken from. ``name`` is short and unique, for links inside the pack.
    """

    name: str
    title: Said
    lead: tuple[Said, ...]
    lines: tuple[Said, ...]
    at: str
    wide: tuple[Block, ...] = ()
    left: tuple[Block, ...] = ()
    right: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Cover:
    """What the pack is about: the scope and the day in words, from where its data are, and under which policy."""

    title: str
    scope: str
    as_known_on: str
    since: str
    data_cut_off: str
    policy: str
    audit_head: str
    running: str
    """What stands on every page: the cut-off of the data and the version of the policy."""

    @property
    def facts(self) -> dict[str, str]:
        """What the first page says of the pack, each with its name."""
        return {
            "Scope": self.scope,
            "As known on": self.as_known_on,
            "Compared with": self.since,
            "Data cut-off": self.data_cut_off,
            "Policy": self.policy,
        }


@dataclass(frozen=True, slots=True)
class Pack:
    """A whole pack; ``address`` is where the pages are that its numbers lead to."""

    address: str
    cover: Cover
    pages: tuple[Page, ...]
    format: int = FORMAT

    def __post_init__(self) -> None:
        if not self.address.startswith(WEB):
            raise PackError(f"The address of the pages begins with http:// or https://, not as {self.address!r} does.")


_PACKS = TypeAdapter(Pack)


def text_of(pack: Pack) -> str:
    """Return the content in the one way of writing it, as it is kept in the file: JSON without ``<``, so that it can stand in a page."""
    return canonical_json(_PACKS.dump_python(pack, mode="json")).replace("<", "\\u003c")


def fingerprint(text: str) -> str:
    """Return the SHA-256 of the content's text."""
    return sha256(text.encode()).hexdigest()


def pack_of(text: str) -> Pack:
    """Return the content that ``text_of`` wrote.

    Raises:
        PackError: it is not the text of a pack, or of another format.
    """
    try:
        pack = _PACKS.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "its content"
        raise PackError(f"The content of the evidence pack cannot be read: {place}: {first['msg']}.") from None
    if pack.format != FORMAT:
        raise PackError(f"The evidence pack has format {pack.format}; this modelfolio reads format {FORMAT}.")
    return pack
