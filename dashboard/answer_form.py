"""The bar below a proposal in which somebody answers: a button with a key for each way to, and the form that it opens.

``bar`` tells the bars of the pages apart in the session and in the names of their fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class Form:
    """One way to answer: what its button says, the key that opens it, what its field asks for."""

    name: str
    label: str
    key: str
    placeholder: str


def opened(bar: str, about: int, possible: Iterable[Form]) -> Form | None:
    """Return the form that is open about a number, as far as it is possible."""
    return next((form for form in possible if is_open(bar, about, form.name)), None)


def is_open(bar: str, about: int, name: str) -> bool:
    """Whether it is this form that is open."""
    return bool(st.session_state.get(f"{bar}_form") == (about, name))


def open_form(bar: str, about: int, name: str) -> None:
    """Open one of the forms."""
    st.session_state[f"{bar}_form"] = (about, name)


def close_form(bar: str) -> None:
    """Close whichever form is open."""
    for name in (f"{bar}_form", f"{bar}_comment"):
        st.session_state.pop(name, None)


def typed(bar: str) -> str:
    """Return what stands in the field."""
    return st.session_state.get(f"{bar}_comment") or ""


def button(
    bar: str, form: Form, *, is_main: bool, on_click: Callable[..., None], args: tuple[Any, ...], why_not: str = ""
) -> None:
    """Show the button that opens a form; ``why_not`` is markdown that says why it cannot be pressed."""
    st.button(
        form.label,
        key=f"{bar}_open_{form.name}",
        type="primary" if is_main else "secondary",
        shortcut=form.key,
        disabled=bool(why_not),
        help=why_not or None,
        on_click=on_click,
        args=args,
    )


def cancel(bar: str, show: Callable[..., bool] = st.button) -> None:
    """Show the button that closes the form."""
    show("Cancel", key=f"{bar}_cancel", shortcut="Esc", on_click=close_form, args=(bar,))


def one_form(bar: str, form: Form, about: int, said: str, *, send: Callable[..., None], args: tuple[Any, ...]) -> None:
    """Show the form that is open, with ``said`` before it as markdown and the cursor in its field."""
    with st.form(f"{bar}_{form.name}", border=False, enter_to_submit=False, clear_on_submit=False):
        name, field, place = st.columns([1, 1.9, 1.1], vertical_alignment="center")
        name.markdown(said)
        with field.container(key=f"focus_{bar}_{form.name}_{about}"):
            st.text_input(form.label, key=f"{bar}_comment", placeholder=form.placeholder, label_visibility="collapsed")
        with place.container(horizontal=True, horizontal_alignment="right"):
            st.form_submit_button(
                form.label, type="primary", shortcut="Ctrl+Enter", key=f"{bar}_send", on_click=send, args=args
            )
            cancel(bar, st.form_submit_button)
