"""A pack as one HTML file: it asks for nothing from outside, runs no script, and prints page by page on A4 and on Letter."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from dashboard.pack.content import PackError, fingerprint, text_of
from dashboard.pack.svg import HATCH_DEFINITION, drawn
from dashboard.palette import LIGHT
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dashboard.pack.content import Block, Facts, Pack, Page, Plot, Points, Said, Table

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
CONTENT = re.compile(r'<script type="application/json" id="content">(.*?)</script>', re.DOTALL)
SHORT_HASH, MOST_SHORT_ROWS = 12, 8
VERDICT_CLASSES = "".join(f".{each.value}{{color:{LIGHT.verdicts[each]};font-weight:600}}" for each in Verdict)
STYLE = f"""
@page{{margin:12mm 13mm 14mm;@bottom-right{{content:counter(page) " of " counter(pages);font:8pt sans-serif;color:{LIGHT.muted}}}}}
*{{box-sizing:border-box}}
html{{background:{LIGHT.panel};-webkit-print-color-adjust:exact;print-color-adjust:exact}}
body{{margin:0 auto;max-width:1000px;font:14px/1.42 "Source Sans 3","Source Sans Pro","Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:{LIGHT.text}}}
.sheet{{width:100%;border-collapse:collapse;background:{LIGHT.page};margin:0 0 18px;border:1px solid {LIGHT.border};table-layout:fixed}}
.sheet>thead>tr>td{{padding:9px 34px;border-bottom:1px solid {LIGHT.border};color:{LIGHT.muted};font-size:12px}}
.sheet>tbody>tr>td{{padding:20px 34px 30px;vertical-align:top}}
.run{{display:flex;justify-content:space-between;gap:20px}}
h1{{font-size:30px;line-height:1.2;margin:26px 0 4px}} h2{{font-size:22px;line-height:1.25;margin:0 0 8px;overflow-wrap:anywhere}}
h3{{font-size:14px;margin:18px 0 4px}} p{{margin:0 0 6px}} .small{{color:{LIGHT.muted};font-size:12.5px}}
.said{{font-size:16px}} a{{color:inherit;text-decoration:none}} a:hover,a:focus{{text-decoration:underline}}
ul{{margin:0;padding:0 0 0 17px}} li{{margin:0 0 5px;overflow-wrap:anywhere}}
dl{{display:flex;flex-wrap:wrap;gap:8px 26px;margin:12px 0 4px;padding:8px 0;border:solid {LIGHT.border};border-width:1px 0}}
dl>div{{flex:0 1 auto;max-width:270px;overflow-wrap:anywhere}} dt{{color:{LIGHT.muted};font-size:12px}} dd{{margin:0}}
.two{{display:grid;grid-template-columns:minmax(0,1.35fr) minmax(0,1fr);gap:26px}}
.rows{{width:100%;border-collapse:collapse;table-layout:fixed;font-size:13px}}
.rows th{{text-align:left;color:{LIGHT.muted};font-weight:500;padding:4px 10px 4px 0;border-bottom:1px solid {LIGHT.axis};vertical-align:bottom}}
.rows td{{padding:5px 10px 5px 0;border-bottom:1px solid {LIGHT.grid};vertical-align:top;overflow-wrap:anywhere}}
.rows .n{{text-align:right;font-variant-numeric:tabular-nums}} tr{{break-inside:avoid}} thead{{display:table-header-group}}
.plot{{display:block;width:100%;height:auto;font-size:12.5px}} .plot .halo{{paint-order:stroke;stroke:{LIGHT.page};stroke-width:4px}}
.figure{{break-inside:avoid}} code{{font:12px ui-monospace,Consolas,monospace;overflow-wrap:anywhere}}
.contents{{columns:2;column-gap:34px;padding:0;list-style:none}} .contents li{{break-inside:avoid}}
.check{{margin-top:22px;padding:12px 16px;background:{LIGHT.panel};border:1px solid {LIGHT.border}}}
{VERDICT_CLASSES}
@media screen{{body{{padding:18px}} a{{border-bottom:1px dotted {LIGHT.axis}}} a:hover{{border-bottom-color:{LIGHT.accent};text-decoration:none}}}}
@media print{{html{{background:{LIGHT.page}}} body{{max-width:none;font-size:9.6pt}} .sheet{{border:0;margin:0;break-before:page}} .sheet.first{{break-before:auto}} .sheet.short{{break-before:auto;break-inside:avoid;margin-top:26px}}
.sheet>thead>tr>td{{padding:0 0 5px;font-size:8pt}} .sheet>tbody>tr>td{{padding:12px 0 0}} .two{{gap:16px}} .rows{{font-size:8.6pt}} h2{{font-size:16pt}}
h3{{font-size:10pt;margin-top:12px}} .said{{font-size:11pt}} .small,dt{{font-size:8.4pt}} li{{margin-bottom:3px}} code{{font-size:8pt}}}}
@media screen and (max-width:760px){{.two{{grid-template-columns:minmax(0,1fr)}} .contents{{columns:1}} .sheet>tbody>tr>td,.sheet>thead>tr>td{{padding-left:16px;padding-right:16px}}}}
"""


def html(pack: Pack) -> str:
    """Return the pack as the text of an HTML file, its content inside."""
    text = text_of(pack)
    digest = fingerprint(text)
    sheets = "\n".join([_cover(pack, digest), *(_sheet(pack, page, digest) for page in pack.pages)])
    title = escape(f"{pack.cover.title}, {pack.cover.as_known_on}")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{STYLE}</style></head>\n<body>'
        f"{HATCH_DEFINITION}\n{sheets}\n"
        f'<script type="application/json" id="content">{text}</script>\n</body></html>\n'
    )


def content_of_html(page: str) -> str:
    """Return the text of the content that a file holds.

    Raises:
        PackError: there is none in it.
    """
    if (found := CONTENT.search(page)) is None:
        raise PackError("There is no content of an evidence pack in it.")
    return found.group(1)


def _framed(pack: Pack, digest: str, inside: str, *, name: str, kind: str) -> str:
    return (
        f'<table class="sheet{kind}" role="presentation" id="{escape(name)}"><thead><tr><td><div class="run"><span>'
        f"{escape(pack.cover.running)}</span><span>content {digest[:SHORT_HASH]}</span></div></td></tr></thead>"
        f"<tbody><tr><td>{inside}</td></tr></tbody></table>"
    )


def _cover(pack: Pack, digest: str) -> str:
    cover = pack.cover
    contents = "".join(f'<li><a href="#{escape(page.name)}">{escape(page.title.text)}</a></li>' for page in pack.pages)
    shown = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in cover.facts.items()
    )
    check = (
        f"<h3>Check this file</h3><p>SHA-256 of its content: <code>{digest}</code></p>"
        "<p><code>modelfolio pack --check FILE</code> computes it again and compares every page with the content. Without modelfolio: it is "
        "the SHA-256 of the text between the tags of the element with id <code>content</code> at the end of the file.</p>"
        f"<p>Head of the audit trail when it was made: <code>{escape(cover.audit_head)}</code>. "
        "<code>modelfolio audit verify --anchor FILE</code> with this file shows whether anything before it was changed since.</p>"
        f"<p class='small'>Every number is a link to the page it was taken from, at {escape(pack.address)}.</p>"
    )
    answer = escape(pack.pages[0].title.text) if pack.pages else ""
    inside = (
        f"<h1>{escape(cover.title)}</h1><p class='said'>{answer}</p><dl>{shown}</dl>"
        f'<h3>Contents</h3><ul class="contents">{contents}</ul><div class="check">{check}</div>'
    )
    return _framed(pack, digest, inside, name="cover", kind=" first")


def _sheet(pack: Pack, page: Page, digest: str) -> str:
    lead = " ".join(_said(pack, said) for said in page.lead)
    lines = "".join(f'<p class="small">{_said(pack, line)}</p>' for line in page.lines)
    aloud = f'<p class="said">{lead}</p>' if lead else ""
    inside = f"<h2>{_said(pack, page.title)}</h2>{aloud}{lines}{_blocks(pack, page.wide, is_wide=True)}"
    if page.left or page.right:
        left, right = (_blocks(pack, part, is_wide=False) for part in (page.left, page.right))
        inside += f'<div class="two"><div>{left}</div><div>{right}</div></div>'
    return _framed(pack, digest, inside, name=page.name, kind=" short" if _is_short(page) else "")


def _is_short(page: Page) -> bool:
    """Whether a page is a few lines of tables, which on paper may stand below the one before."""
    rows = [len(block.rows) if block.kind == "table" else MOST_SHORT_ROWS for block in page.wide]
    return not page.left and not page.right and sum(rows) < MOST_SHORT_ROWS


def _said(pack: Pack, said: Said) -> str:
    words = escape(said.text)
    if said.at:
        words = f'<a href="{escape(pack.address + said.at)}">{words}</a>'
    return f'<span class="{escape(said.verdict)}">{words}</span>' if said.verdict else words


def _blocks(pack: Pack, blocks: Iterable[Block], *, is_wide: bool) -> str:
    return "".join(_block(pack, block, is_wide=is_wide) for block in blocks)


def _block(pack: Pack, block: Block, *, is_wide: bool) -> str:
    if block.kind == "facts":
        return _facts(pack, block)
    if block.kind == "points":
        return _points(pack, block)
    return _table(pack, block) if block.kind == "table" else _plot(pack, block, is_wide=is_wide)


def _facts(pack: Pack, facts: Facts) -> str:
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{_said(pack, value)}</dd></div>" for name, value in facts.facts)
    return f"<dl>{shown}</dl>"


def _points(pack: Pack, points: Points) -> str:
    shown = "".join(f"<li>{_said(pack, point)}</li>" for point in points.points)
    inside = f"<ul>{shown}</ul>" if shown else f'<p class="small">{escape(points.none)}</p>'
    return f"<h3>{escape(points.title)}</h3>{inside}"


def _table(pack: Pack, table: Table) -> str:
    title = f"<h3>{escape(table.title)}</h3>"
    if not table.rows:
        return f'{title}<p class="small">{escape(table.none)}</p>'
    whole = sum(column.width for column in table.columns)
    classes = [' class="n"' if column.is_number else "" for column in table.columns]
    widths = "".join(f'<col style="width:{100 * column.width / whole:.1f}%">' for column in table.columns)
    head = "".join(
        f'<th scope="col"{kind}>{escape(column.title)}</th>'
        for column, kind in zip(table.columns, classes, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{kind}>{_said(pack, cell)}</td>" for cell, kind in zip(row, classes, strict=True))
        + "</tr>"
        for row in table.rows
    )
    more = f'<p class="small">{_said(pack, table.more)}</p>' if table.more.text else ""
    return f'{title}<table class="rows"><colgroup>{widths}</colgroup><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}'


def _plot(pack: Pack, plot: Plot, *, is_wide: bool) -> str:
    return f'<div class="figure"><h3>{_said(pack, plot.title)}</h3><p class="small">{escape(plot.said)}</p>{drawn(plot, is_wide=is_wide)}</div>'
