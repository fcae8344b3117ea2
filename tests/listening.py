"""What a database is asked meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def statements(engine: sa.Engine) -> Iterator[list[str]]:
    """Give the statements that are sent while the block runs."""
    asked: list[str] = []

    def listen(*call: Any) -> None:
        asked.append(call[2])

    sa.event.listen(engine, "before_cursor_execute", listen)
    try:
        yield asked
    finally:
        sa.event.remove(engine, "before_cursor_execute", listen)
