import re
from html.parser import HTMLParser

import pytest

from dashboard.pack.content import Pack, PackError, fingerprint, pack_of, text_of
from dashboard.pack.formats import Format, checked, written
from dashboard.pack.page import html
from dashboard.pack.scale import rounded, tick_words, ticks
from dashboard.presentation import one_line
from monitoring.anchor import anchors_in
from tests.dashboard.pack.conftest import ADDRESS
from tests.hostile import MARK, TEXTS

TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "svg",
    "defs",
    "pattern",
    "line",
    "rect",
    "text",
    "polyline",
    "polygon",
    "circle",
    "table",
    "thead",
    "tbody",
    "tr",
    "td",
    "th",
    "div",
    "span",
    "h1",
    "h2",
    "h3",
    "p",
    "code",
    "dl",
    "dt",
    "dd",
    "ul",
    "li",
    "a",
    "colgroup",
    "col",
    "script",
}
FETCHING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "xlink:href", "ping"}


class Read(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[dict[str, str | None]] = []
        self.words: list[str] = []
        self.headings: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_pack_asks_for_nothing_from_outside_and_runs_nothing(hostile_pack: Pack, pack: Pack) -> None:
    for each in (hostile_pack, pack):
        page = html(each)
        read = Read(page)
        assert set(read.tags) <= TAGS
        assert not [name for name, _ in read.attributes if name in FETCHING or name.startswith("on")]
        links = [value for name, value in read.attributes if name == "href"]
        assert links
        assert not [link for link in links if not link.startswith((ADDRESS, "#"))]
        assert read.scripts == [{"type": "application/json", "id": "content"}]
        assert not re.search(r"@import|url\((?!#)", page.partition("<body>")[0])
        assert "default-src 'none'" in page


def test_hostile_words_are_shown_as_words(hostile_pack: Pack) -> None:
    page = html(hostile_pack)
    text = "\n".join(Read(page).words)
    for hostile in TEXTS:
        assert one_line(hostile, longest=90) in text
    assert f'<img src=x onerror="window.{MARK}=1">' not in page


def test_cut_off_policy_version_and_hash_stand_on_every_page(pack: Pack) -> None:
    page = html(pack)
    digest = fingerprint(text_of(pack))
    sheets = page.split('<table class="sheet')[1:]
    assert len(sheets) == len(pack.pages) + 1
    for sheet in sheets:
        head = sheet.partition("</thead>")[0]
        assert "data up to 29 May 2025" in head
        assert "policy version 1" in head
        assert f"content {digest[:12]}" in head
    assert digest in sheets[0]
    assert pack.cover.audit_head in sheets[0]
    assert {anchor.line for anchor in anchors_in(page)} == {pack.cover.audit_head}


def test_a_pack_is_light_and_the_same_twice(pack: Pack) -> None:
    assert written(pack, Format.HTML) == written(pack, Format.HTML)
    assert len(written(pack, Format.HTML)) < 300_000


def test_a_changed_word_a_changed_content_and_another_file_are_found(pack: Pack) -> None:
    page = written(pack, Format.HTML)
    assert checked(page).hash == fingerprint(text_of(pack))
    start, _, end = page.decode().rpartition("SME default")
    with pytest.raises(PackError, match="The content was changed"):
        checked(f"{start}SME defaulT{end}".encode())
    with pytest.raises(PackError, match="A page was changed"):
        checked(page.replace(b"SME default", b"SME defaulT", 1))
    with pytest.raises(PackError, match="no content of an evidence pack"):
        checked(b"<html></html>")
    with pytest.raises(PackError, match="neither an HTML nor a PPTX"):
        checked(b"\xff\xfe\x00")


def test_an_address_that_is_none_of_the_web_is_refused(pack: Pack) -> None:
    text = text_of(pack).replace(ADDRESS, "javascript:alert(1)//")
    with pytest.raises(PackError, match="begins with http"):
        pack_of(text)


def test_scales_have_round_numbers_that_differ() -> None:
    assert ticks(-0.7, 4.4) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert rounded(-0.7, 4.4) == (-1.0, 5.0)
    for low, high in ((0.0, 1.0), (96.2, 101.7), (-8_200.0, 10.0), (0.001, 0.0042), (0.0, 12.4)):
        found = ticks(low, high)
        assert 3 <= len(found) <= 8
        assert low <= found[0] < found[-1] <= high
        assert len({tick_words(tick, low, high, suffix="") for tick in found}) == len(found)
