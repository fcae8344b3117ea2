from data_access.registry import Registry
from tests.dashboard.conftest import Open


def test_every_term_is_listed_with_its_meaning(registry: Registry, open_page: Open) -> None:
    said = [each.value for each in open_page("glossary").markdown]
    assert "**verdict**" in said
    assert any(text.startswith("what a verdict rests on") for text in said)


def test_a_search_finds_terms_by_name_and_by_meaning(registry: Registry, open_page: Open) -> None:
    page = open_page("glossary")
    page.text_input(key="gl_q").set_value("HARM").run()
    said = [each.value for each in page.markdown]
    assert "**tier**" in said
    assert "**verdict**" not in said


def test_a_search_for_nothing_there_is_is_told_as_text(registry: Registry, open_page: Open) -> None:
    page = open_page("glossary")
    page.text_input(key="gl_q").set_value("![x](https://outside.example)").run()
    said = "\n".join(each.value for each in page.markdown)
    assert "No term has" in said
    assert "![x](" not in said
