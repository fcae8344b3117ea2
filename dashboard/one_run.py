"""What a page asks dozens of times while it is drawn, asked once: which registry, its revision, who acts, which day it is.

It holds between the first and the last line of the script only: what comes before (a pressed button) or beside it (a part of a page
that draws itself again) asks anew.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

Answer = TypeVar("Answer")
_answers: ContextVar[dict[Hashable, Any] | None] = ContextVar("answers", default=None)


@contextmanager
def one_run() -> Iterator[None]:
    """Remember answers until the block ends."""
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def asked_once(question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """Return the answer given before in this run; outside of one, ask every time. ``question`` names all that the answer depends on."""
    answers = _answers.get()
    if answers is None:
        return ask()
    if question not in answers:
        answers[question] = ask()
    answer: Answer = answers[question]
    return answer
