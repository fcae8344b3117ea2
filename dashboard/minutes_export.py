"""The minutes as Markdown and as one HTML file that needs nothing else and prints on A4 and Letter; words are escaped in both."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from dashboard.minutes_document import Anchor, Heading, Named, Rows, Sentence
from dashboard.presentation import escape_markdown, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dashboard.minutes_document import Block

LONGEST = 4_000
SIGNS = re.compile(r"([\\`*_\[\]<>|~&])")
LIST_START = re.compile(r"^(\d*)([#+.)=-])")
"""What would begin a heading, a list or a rule where a line begins with it."""
STYLE = """
@page{margin:18mm 16mm}
*{box-sizing:border-box}
body{font:11pt/1.45 "Source Sans 3","Segoe UI",Helvetica,Arial,sans-serif;color:#17202E;background:#FFFFFF;margin:0 auto;max-width:178mm;padding:8mm 0}
h1{font-size:20pt;margin:0 0 4mm} h2{font-size:14pt;margin:8mm 0 2mm;border-bottom:1px solid #D9E0E8;padding-bottom:1mm}
h3{font-size:11.5pt;margin:5mm 0 1mm} p{margin:2mm 0}
table{border-collapse:collapse;width:100%;margin:2mm 0} th{text-align:left;color:#56637A;font-weight:600;white-space:nowrap}
th,td{padding:1.2mm 3mm 1.2mm 0;vertical-align:top;border-bottom:1px solid #E6EBF1} td{overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:44mm 1fr;margin:1mm 0;gap:.6mm 3mm} dt{color:#56637A} dd{margin:0;overflow-wrap:anywhere}
h1,h2,h3{break-after:avoid} tr,dl div{break-inside:avoid} code{font-size:9pt;overflow-wrap:anywhere} .draft{color:#A8093F;font-weight:600}
@media print{body{max-width:none;padding:0}}
"""


def minutes_markdown(parts: Iterable[Block]) -> str:
    """Return the minutes as a Markdown file; words from the registry stay literal text, and the file reads well as it is."""
    return "\n\n".join(_markdown(part, _literal) for part in parts) + "\n"


def minutes_on_page(parts: Iterable[Block]) -> str:
    """Return the minutes as the Markdown of a page, which knows more signs than a file does."""
    return "\n\n".join(_markdown(part, lambda text: escape_markdown(text, longest=LONGEST)) for part in parts)


def minutes_html(parts: Sequence[Block]) -> str:
    """Return the minutes as a page of their own: no script, no font and no picture from elsewhere."""
    title = next(part.text for part in parts if isinstance(part, Heading))
    body = "\n".join(_html(part) for part in parts)
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{_words(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _markdown(part: Block, literal: Callable[[str], str]) -> str:
    match part:
        case Heading(level, text):
            return f"{'#' * level} {literal(text)}"
        case Sentence(text):
            return literal(text)
        case Anchor(text):
            return f"`{text}`"
        case Named(values):
            return "\n".join(f"- **{name}**: {literal(value)}" for name, value in values)
        case Rows(head, rows):
            lines = [head, tuple("---" for _ in head), *(tuple(literal(cell) for cell in row) for row in rows)]
            return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _html(part: Block) -> str:
    match part:
        case Heading(level, text):
            return f"<h{level}>{_words(text)}</h{level}>"
        case Anchor(text):
            return f"<p><code>{_words(text)}</code></p>"
        case Sentence(text):
            return f'<p class="draft">{_words(text)}</p>' if text.startswith("Draft") else f"<p>{_words(text)}</p>"
        case Named(values):
            return (
                "<dl>" + "".join(f"<dt>{_words(name)}</dt><dd>{_words(value)}</dd>" for name, value in values) + "</dl>"
            )
        case Rows(head, rows):
            top = "".join(f"<th>{_words(cell)}</th>" for cell in head)
            lines = "".join(f"<tr>{''.join(f'<td>{_words(cell)}</td>' for cell in row)}</tr>" for row in rows)
            return f"<table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table>"


def _literal(text: str) -> str:
    escaped = SIGNS.sub(r"\\\1", one_line(text, longest=LONGEST))
    return LIST_START.sub(r"\1\\\2", escaped)


def _words(text: str) -> str:
    return escape(one_line(text, longest=LONGEST))
