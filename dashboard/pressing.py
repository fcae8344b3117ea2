"""A button that writes does so once: whoever presses it again before the page has answered, by a double click, presses for nothing.

Streamlit begins a run for the second press, with the fields as they are by then, and breaks off that of the first one, in another thread,
wherever it next looks into the session state: what the first press asked for would be done twice, or not at all, or after the page was
drawn that should show it. So a write is not broken off, and the run of the second press waits until it is over.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.widgets import SAID, notify, remember_in_url, say_again

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRESSED, ASKED, ABOUT, CLOSES, WRITING = "pressed", "asked_by", "asked_about", "drawer_closes", "writing"
LONGEST_WRITE_SECONDS = 60
_mine = threading.local()


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


def begin() -> None:
    """Give a visitor the turn to write, before anything can be pressed."""
    st.session_state.setdefault(WRITING, Lock())


def hold() -> bool:
    """Let nothing break this run off where it looks into the session state, and the run of another press wait, until ``let_go``.

    Return whether it was not held before. An element that is shown still lets the run be broken off.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None or getattr(_mine, "held", None) is not None:
        return False
    begin()
    lock: Lock = st.session_state[WRITING]
    state, is_locked = context.session_state, lock.acquire(timeout=LONGEST_WRITE_SECONDS)
    _mine.held = _Held(lock if is_locked else None, state, state._yield_callback)  # noqa: SLF001 - Streamlit has no other way
    object.__setattr__(state, "_yield_callback", _nothing)
    return True


def let_go() -> None:
    """Let this run be broken off again, and others go on."""
    held: _Held | None = getattr(_mine, "held", None)
    if held is None:
        return
    _mine.held = None
    object.__setattr__(held.state, "_yield_callback", held.yield_callback)
    if held.lock is not None:
        held.lock.release()


@contextmanager
def unbroken() -> Iterator[None]:
    """Hold what is done inside."""
    is_new = hold()
    try:
        yield
    finally:
        if is_new:
            let_go()


class _Held(NamedTuple):
    """What a run holds: its turn to write, and what Streamlit calls to break it off."""

    lock: Lock | None
    state: Any
    yield_callback: Callable[[], None]


def _nothing() -> None:
    pass


def once(write: Callable[..., None]) -> Callable[..., None]:
    """Return what a button calls so that it writes once; the fields are those of the first press."""

    @wraps(write)
    def press(*about: Any) -> None:
        with unbroken():
            if not is_again(f"{write.__module__}.{write.__qualname__}"):
                write(*about)

    return press


def submitted(
    label: str, *, key: str, button: Callable[..., bool] = st.form_submit_button, about: object = None, **look: Any
) -> bool:
    """Show a button and return whether what it asks for is to be done in this run: once for a press and those that follow it at once.

    For forms that keep what was typed: the run that does it may be the one of the second press. ``about`` is what was on screen when it
    was pressed, for ``asked_about``.
    """
    button(label, key=key, on_click=_ask, args=(key, about), **look)
    is_new = hold()
    if st.session_state.get(ASKED) == key:
        del st.session_state[ASKED]
        return True
    if is_new:
        let_go()
    return False


def _ask(key: str, about: object) -> None:
    with unbroken():
        if not is_again(key):
            st.session_state[ASKED], st.session_state[ABOUT] = key, about


def asked_about() -> Any:
    """Return what was on screen when the button was pressed; by the time it is done there can be something else."""
    return st.session_state.pop(ABOUT)


def drawer(title: str, body: Callable[..., None], *about: Any, **look: Any) -> None:
    """Open a drawer in which something is written; once it is done the drawer closes."""

    def shown() -> None:
        try:
            if CLOSES in st.session_state:
                _close()
            body(*about)
            answered()
        finally:
            let_go()

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
