"""What the words on these pages mean."""

from __future__ import annotations

import streamlit as st

from dashboard import glossary
from dashboard.presentation import escape_markdown
from dashboard.widgets import small


def matching(text: str) -> dict[str, str]:
    """Return the terms that have the text in their name or their meaning."""
    wanted = text.strip().lower()
    return {term: meaning for term, meaning in glossary.terms().items() if wanted in f"{term} {meaning}".lower()}


def page() -> None:
    st.title("What the words mean", anchor=False)
    st.markdown(small("One term has one meaning, on every page and in the documentation."))
    text = st.text_input(
        "Find a term",
        key="gl_q",
        bind="query-params",
        type="search",
        placeholder="Find a term",
        label_visibility="collapsed",
        width=340,
    )
    found = matching(text)
    if not found:
        st.markdown(f"No term has “{escape_markdown(text, longest=60)}” in it.")
    for term, meaning in found.items():
        name, words = st.columns([1, 4])
        name.markdown(f"**{term}**")
        words.markdown(meaning)


page()
