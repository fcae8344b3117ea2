"""What the words on the pages mean: one list for people who read the documentation and people who point at a heading."""

from __future__ import annotations

from functools import cache
from pathlib import Path

FILE = Path(__file__).parent.parent / "docs" / "glossary.md"
ADDRESS = "glossary"
HEAD_LINES = 2
"""The names of the table's columns and the line below them."""


@cache
def terms() -> dict[str, str]:
    """Return every term with its meaning, in the order of the list."""
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    cells = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines[HEAD_LINES:])
    return dict(sorted((term, meaning) for term, meaning in cells))


def meaning(*names: str) -> str:
    """Return the meaning of terms as help beside what is called so, with the way to all of them.

    Raises:
        KeyError: the list has no such term.
    """
    said = "\n\n".join(f"**{name.capitalize()}**: {terms()[name]}." for name in names)
    return f"{said}\n\n[All terms]({ADDRESS})"
