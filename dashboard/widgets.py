"""Controls and states that several pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

from dashboard.palette import Palette, palette
from dashboard.presentation import escape_markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

NOTICE = "notice"
COMPLAINT = "complaint"
SAID = "said"
LONGEST_NUMBER = 9
"""How many digits a number in the URL may have: the databases count below 2^31."""


def colours() -> Palette:
    """Return the colours of the mode this browser shows."""
    return palette(st.context.theme.type)


def quiet(text: str) -> str:
    """Return markdown as secondary text."""
    return f":gray[{text}]"


def small(text: str) -> str:
    """Return markdown as small secondary text."""
    return f":gray[:small[{text}]]"


def empty(sentence: str, why: str = "", *, command: str = "") -> None:
    """Show that there is nothing, why, and the way out."""
    with st.container(border=True):
        st.markdown(sentence)
        if why:
            st.markdown(quiet(why))
        if command:
            st.code(command, language="bash")


def notify(sentence: str) -> None:
    """Remember a sentence about what was just done; it is shown once, after the rerun."""
    st.session_state[NOTICE] = sentence


def complain(sentence: str) -> None:
    """Remember a sentence about what could not be done; it is shown once, after the rerun."""
    st.session_state[COMPLAINT] = sentence


def show_notice() -> None:
    """Show what was just done, or why not."""
    said = {name: st.session_state.pop(name) for name in (COMPLAINT, NOTICE) if name in st.session_state}
    if said:
        st.session_state[SAID] = said
    if complaint := said.get(COMPLAINT):
        st.warning(escape_markdown(complaint, longest=600), icon=":material/warning:")
    if sentence := said.get(NOTICE):
        st.success(escape_markdown(sentence), icon=":material/check:")


def say_again() -> None:
    """Show in the next run what was said in one that was broken off, perhaps before anybody saw it."""
    st.session_state.update(st.session_state.get(SAID, {}))


def number_from_url(name: str, noun: str, known: Container[int] | None = None) -> int | None:
    """Return the number that a parameter of the URL asks for, missing without one; one that is not ``known`` is said and ignored."""
    text = st.query_params.get(name, "")
    number = int(text) if text.isdecimal() and len(text) <= LONGEST_NUMBER else None
    if not text or (number is not None and (known is None or number in known)):
        return number
    not_in_url(noun, f"with the number “{text}”")
    return None


def not_in_url(noun: str, which: str) -> None:
    """Say that the URL asks for something that is not there: a link can be old or cut short."""
    said = escape_markdown(f"The address asks for a {noun} {which}; there is none.", longest=160)
    st.warning(said, icon=":material/warning:")


def chosen_from_url(name: str, allowed: Sequence[str]) -> list[str]:
    """Return the values of a URL parameter that may be chosen; anything else in the URL is ignored."""
    asked = st.query_params.get_all(name)
    return [value for value in allowed if value in asked]


def url_filter(
    label: str,
    *,
    name: str,
    key: str,
    options: Sequence[str],
    shown: Callable[[str], str] = str,
    placeholder: str,
    label_visibility: Literal["visible", "collapsed"] = "collapsed",
) -> tuple[str, ...]:
    """Show a filter of several values that lives in the URL as ``name`` and return what is chosen.

    The URL is written by hand: with ``bind`` it would receive the shown text instead of the value.
    """
    chosen: list[str] = st.multiselect(
        label,
        options,
        default=chosen_from_url(name, options),
        format_func=shown,
        key=key,
        placeholder=placeholder,
        label_visibility=label_visibility,
        on_change=lambda: remember_in_url(name, st.session_state[key]),
    )
    return tuple(chosen)


def remember_in_url(name: str, value: str | Sequence[str]) -> None:
    """Put a filter into the URL, or take it out when it filters nothing."""
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
