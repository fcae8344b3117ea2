from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.runtime.state import SafeSessionState, SessionState

from dashboard import pressing, widgets

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    pressing.answered()
    yield
    pressing.answered()


def test_second_press_before_the_page_has_answered_writes_nothing_and_says_nothing() -> None:
    written: list[str] = []

    @pressing.once
    def write(what: str) -> None:
        written.append(what)

    @pressing.once
    def write_other(what: str) -> None:
        written.append(what)

    write("typed")
    write("")  # a form that is cleared sends its second press without what was typed
    assert written == ["typed"]
    write_other("something else")
    assert written == ["typed", "something else"]
    pressing.answered()
    write_other("meant")
    assert written == ["typed", "something else", "meant"]


def test_form_is_done_once_also_in_the_run_of_the_second_press() -> None:
    pressing._ask("send", "the plan on screen")
    # The second press breaks the run of the first one off before the form is done, and shows something newer.
    pressing._ask("send", "another plan")
    assert st.session_state[pressing.ASKED] == "send"
    assert pressing.asked_about() == "the plan on screen"
    del st.session_state[pressing.ASKED]
    # Or after it was done.
    pressing._ask("send", "another plan")
    assert pressing.ASKED not in st.session_state


def test_what_the_first_press_did_is_said_also_when_a_second_one_breaks_its_run_off() -> None:
    @pressing.once
    def write() -> None:
        widgets.notify("Approved.")

    write()
    widgets.show_notice()  # the run of the first press, which is then broken off
    write()
    assert st.session_state[widgets.NOTICE] == "Approved."
    widgets.show_notice()
    pressing.answered()
    write()
    pressing.answered()
    assert widgets.SAID not in st.session_state


def test_nothing_breaks_a_press_off_before_its_write_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class BrokenOffError(Exception):
        pass

    def break_off() -> None:
        raise BrokenOffError

    state, written = SafeSessionState(SessionState(), break_off), []
    monkeypatch.setattr(pressing, "get_script_run_ctx", lambda **_: SimpleNamespace(session_state=state))

    @pressing.once
    def write() -> None:
        state["looked"] = "into"
        written.append("done")

    @pressing.once
    def fail() -> None:
        raise KeyError("no such model")

    write()
    assert written == ["done"]
    with pytest.raises(BrokenOffError):
        state["looked"] = "again"

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(BrokenOffError):
        state["looked"] = "again"
