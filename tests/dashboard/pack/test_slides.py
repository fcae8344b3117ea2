import io
import re
import sys
from typing import Any

import pytest
from pptx import Presentation
from pptx.util import Inches

from dashboard.pack.content import Pack, PackError, Plot, fingerprint, text_of
from dashboard.pack.fitting import cut, fair_shares, height_of, size_for
from dashboard.pack.formats import Format, checked, written
from dashboard.palette import LIGHT
from tests.dashboard.pack.conftest import ADDRESS

EMU_PER_INCH = 914_400


@pytest.fixture(scope="module")
def file(pack: Pack) -> bytes:
    return written(pack, Format.PPTX)


@pytest.fixture(scope="module")
def deck(file: bytes) -> Any:
    return Presentation(io.BytesIO(file))


@pytest.fixture(scope="module")
def hostile_deck(hostile_pack: Pack) -> Any:
    return Presentation(io.BytesIO(written(hostile_pack, Format.PPTX)))


def shapes(deck: Any) -> list[Any]:
    return [shape for slide in deck.slides for shape in slide.shapes]


def test_charts_are_native_and_hold_the_numbers_of_the_content(deck: Any, pack: Pack) -> None:
    charts = [shape.chart for shape in shapes(deck) if shape.has_chart]
    plots = [block for page in pack.pages for block in (*page.wide, *page.left) if isinstance(block, Plot)]

    assert len(charts) == len(plots) >= 3
    for chart, plot in zip(charts, plots, strict=True):
        series = {item.name: tuple(item.values) for item in chart.plots[0].series}
        for curve in plot.curves:
            # As many lying bars as can be read; of everything else all.
            shown = series[curve.name]
            assert shown == curve.values[: len(shown)]
            assert len(shown) == len(curve.values) or plot.shape == "bars"
        assert chart.part.chart_workbook.xlsx_part is not None


def test_the_reference_is_a_series_of_the_performance_chart(deck: Any) -> None:
    names = [item.name for shape in shapes(deck) if shape.has_chart for item in shape.chart.plots[0].series]
    assert [name for name in names if name.startswith("reference")]


def test_slides_are_wide_have_a_title_and_no_empty_placeholder(deck: Any, hostile_deck: Any) -> None:
    for each in (deck, hostile_deck):
        assert abs(each.slide_width / each.slide_height - 16 / 9) < 0.001
        for slide in each.slides:
            assert slide.shapes.title.text_frame.text
            assert not [shape for shape in slide.placeholders if not shape.text_frame.text]


def test_cut_off_policy_version_and_hash_stand_on_every_slide(deck: Any, pack: Pack) -> None:
    digest = fingerprint(text_of(pack))[:12]
    for slide in deck.slides:
        words = [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]
        assert [text for text in words if "policy version 1" in text and "data up to" in text and digest in text]


def test_nothing_stands_outside_of_a_slide_whatever_the_names_are(deck: Any, hostile_deck: Any) -> None:
    for each in (deck, hostile_deck):
        for shape in shapes(each):
            assert shape.left >= 0
            assert shape.top >= 0
            assert shape.left + shape.width <= each.slide_width + Inches(0.01)
            assert shape.top + shape.height <= each.slide_height


def test_words_fit_their_boxes_by_the_rule_whatever_the_names_are(deck: Any, hostile_deck: Any) -> None:
    for each in (deck, hostile_deck):
        for shape in shapes(each):
            if not shape.has_text_frame:
                continue
            paragraphs = [part for part in shape.text_frame.paragraphs if part.runs]
            for part in paragraphs:
                size, width = part.runs[0].font.size.pt, shape.width / EMU_PER_INCH
                assert height_of([part.text], width=width, size=size) <= shape.height / EMU_PER_INCH + 0.05, part.text


def test_a_long_name_is_cut_on_the_slide_and_whole_in_the_notes(hostile_deck: Any) -> None:
    name = re.compile("long n{50,}")
    cells = [
        cell.text for shape in shapes(hostile_deck) if shape.has_table for row in shape.table.rows for cell in row.cells
    ]
    assert [text for text in cells if text.startswith("long n") and text.endswith("…")]
    assert [slide for slide in hostile_deck.slides if name.search(slide.notes_slide.notes_text_frame.text)]


def test_notes_name_the_sources(deck: Any) -> None:
    said = [slide.notes_slide.notes_text_frame.text for slide in deck.slides if slide.has_notes_slide]
    assert len([text for text in said if ADDRESS in text]) >= len(said) - 2


def test_links_lead_to_the_product_only(deck: Any, hostile_deck: Any) -> None:
    for each in (deck, hostile_deck):
        links = [
            relation.target_ref
            for slide in each.slides
            for relation in slide.part.rels.values()
            if relation.reltype.endswith("/hyperlink")
        ]
        assert links
        assert not [link for link in links if not link.startswith(ADDRESS)]


def test_colours_are_those_of_the_palette(deck: Any) -> None:
    ours = {LIGHT.text, LIGHT.muted, LIGHT.accent, LIGHT.axis, *LIGHT.verdicts.values()}
    used = {
        f"#{run.font.color.rgb}"
        for shape in shapes(deck)
        if shape.has_text_frame
        for part in shape.text_frame.paragraphs
        for run in part.runs
    }
    assert used <= ours


def test_a_changed_slide_is_found_and_an_untouched_one_saved_again_is_not(file: bytes, pack: Pack) -> None:
    saved = io.BytesIO()
    Presentation(io.BytesIO(file)).save(saved)
    assert checked(saved.getvalue()).hash == fingerprint(text_of(pack))

    changed, again = Presentation(io.BytesIO(file)), io.BytesIO()
    changed.slides[1].shapes.title.text_frame.text = "All models perform well"
    changed.save(again)
    with pytest.raises(PackError, match="Slide 2 was changed"):
        checked(again.getvalue())
    with pytest.raises(PackError, match="no PPTX file"):
        checked(b"PK nothing")


def test_without_python_pptx_one_sentence_says_what_to_install(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("dashboard.pack.slide")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pptx", None)
    with pytest.raises(PackError, match=r"install modelfolio\[pptx\]"):
        written(pack, Format.PPTX)
    assert written(pack, Format.HTML)


def test_the_largest_size_that_fits_is_taken_and_too_much_is_cut() -> None:
    assert size_for(["word"], width=5, height=1, sizes=(20, 14)) == 20
    assert size_for(["word " * 60], width=5, height=1, sizes=(20, 14, 8)) == 8
    assert cut("n" * 300, width=1.0, size=14, lines=1) == "nnnnnnnnn…"
    assert fair_shares([1.0, 3.0], 5.0) == [1.0, 3.0]
    assert fair_shares([9.0, 1.0, 3.0], 7.0) == [3.0, 1.0, 3.0]
