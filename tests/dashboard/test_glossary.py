import pytest

from dashboard import glossary
from dashboard.portfolio_filters import LENS_WORDS, ORDER_WORDS
from data_access.portfolio_filter import LENSES, ORDERS


def test_every_term_of_the_documentation_has_a_meaning() -> None:
    terms = glossary.terms()
    assert {"verdict", "basis", "advantage", "portfolio shift", "source"} <= terms.keys()
    assert all(terms.values())


def test_no_term_is_listed_twice() -> None:
    listed = [line.split("|")[1].strip() for line in glossary.FILE.read_text().splitlines() if line.startswith("|")]
    assert len(listed) == len(set(listed)) == len(glossary.terms()) + glossary.HEAD_LINES


def test_help_says_what_a_term_means_and_leads_to_all_of_them() -> None:
    said = glossary.meaning("tier", "basis")
    assert "**Tier**: how much harm a wrong model does" in said
    assert "**Basis**" in said
    assert said.endswith("[All terms](glossary)")


def test_a_term_that_is_not_listed_is_refused() -> None:
    with pytest.raises(KeyError):
        glossary.meaning("synergy")


def test_every_lens_and_every_order_has_its_words() -> None:
    assert LENS_WORDS.keys() == LENSES.keys()
    assert ORDER_WORDS.keys() == ORDERS.keys()
