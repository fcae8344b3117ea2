"""A button that writes does so once: whoever presses it again before the page has answered, by a double click, presses for nothing.

Streamlit breaks off the run of the first press where the second one finds it and begins a new one, with the fields as they are by then:
what the first press asked for would be done twice, or not at all. It breaks off wherever the session state is looked into, also between
a press and its write, and then nothing would be left of the press: until the write is over, nothing breaks off.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.widgets import SAID, notify, remember_in_url, say_again

if TYPE_CHECKING:
    from collections.abc import Callable

PRESSED, ASKED, ABOUT, CLOSES = "pressed", "asked_by", "asked_about", "drawer_closes"


def is_again(press: object) -> bool:
    """Whether the same was pressed before and no page has been shown whole since; from now on this is what was pressed.

    The run that a second press breaks off may have told what the first one did already: it is told again.
    """
    again: bool = st.session_state.get(PRESSED) == press
    st.session_state[PRESSED] = press
    if again:
        say_again()
    return again


def answered() -> None:
    """Say that the page is whole: whatever is pressed from now on is meant."""
    for name in (PRESSED, SAID):
        st.session_state.pop(name, None)


def hold() -> None:
    """Let nothing break this run off where it looks into the session state, until ``let_go`` or an element is shown."""
    if (context := get_script_run_ctx(suppress_warning=True)) is not None:
        held = _Held(context.session_state._yield_callback)  # noqa: SLF001 - Streamlit has no other way to say so
        object.__setattr__(context.session_state, "_yield_callback", held)


def let_go() -> None:
    """Let runs be broken off again."""
    if (context := get_script_run_ctx(suppress_warning=True)) is None:
        return
    while isinstance(held := context.session_state._yield_callback, _Held):  # noqa: SLF001 - as above
        object.__setattr__(context.session_state, "_yield_callback", held.before)


@dataclass(frozen=True, slots=True)
class _Held:
    """Stands where Streamlit keeps what may break a run off, and does nothing."""

    before: Callable[[], None]

    def __call__(self) -> None:
        pass


def once(write: Callable[..., None]) -> Callable[..., None]:
    """Return what a button calls so that it writes once; the fields are those of the first press."""

    @wraps(write)
    def press(*about: Any) -> None:
        hold()
        try:
            if not is_again(f"{write.__module__}.{write.__qualname__}"):
                write(*about)
        finally:
            let_go()

    return press


def submitted(
    label: str, *, key: str, button: Callable[..., bool] = st.form_submit_button, about: object = None, **look: Any
) -> bool:
    """Show a button and return whether what it asks for is to be done in this run: once for a press and those that follow it at once.

    For forms that keep what was typed: the run that does it may be the one of the second press. ``about`` is what was on screen when it
    was pressed, for ``asked_about``.
    """
    button(label, key=key, on_click=_ask, args=(key, about), **look)
    if st.session_state.get(ASKED) != key:
        return False
    hold()
    del st.session_state[ASKED]
    return True


def _ask(key: str, about: object) -> None:
    hold()
    if not is_again(key):
        st.session_state[ASKED], st.session_state[ABOUT] = key, about
    let_go()


def asked_about() -> Any:
    """Return what was on screen when the button was pressed; by the time it is done there can be something else."""
    return st.session_state.pop(ABOUT)


def drawer(title: str, body: Callable[..., None], *about: Any, **look: Any) -> None:
    """Open a drawer in which something is written; once it is done the drawer closes."""

    def shown() -> None:
        let_go()
        if CLOSES in st.session_state:
            _close()
        body(*about)
        answered()

    st.dialog(title, **look)(shown)()


def close_drawer(sentence: str, **address: str) -> NoReturn:
    """Close the drawer, say what was done and put this into the address; an empty value takes a name out of it."""
    notify(sentence)
    st.session_state[CLOSES] = address
    _close()


def _close() -> NoReturn:
    for name, value in st.session_state[CLOSES].items():
        remember_in_url(name, value)
    del st.session_state[CLOSES]
    st.rerun()
