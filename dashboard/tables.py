"""Frames as they are shown in a grid: columns, words and colours."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard.presentation import (
    ACTION_VERDICTS,
    VERDICT_LABELS,
    due,
    instant,
    is_missing,
    words,
)
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date

    from pandas.io.formats.style import Styler

    from dashboard.palette import Palette

ROW_HEIGHT = 32
HEADER_HEIGHT = 32
GENERATION = "table_generation"
NUMBERED = {
    "policy": "Policy version ",
    "standing approval": "Standing approval ",
    "meeting": "Meeting ",
    "meeting_action": "Action ",
    "decision": "Decision ",
    "challenge": "Challenge ",
}
"""What an audit event is about where the number alone would say nothing."""
MODEL_PAGE = Path(__file__).parent / "views" / "model.py"
SHIFTS_PAGE = Path(__file__).parent / "views" / "shifts.py"


def height(rows: int, *, most: int) -> int:
    """Return the pixels that show all rows, at most ``most`` of them."""
    return HEADER_HEIGHT + ROW_HEIGHT * min(rows, most) + 2


def records(frame: pd.DataFrame) -> list[Any]:
    """Return the rows, each with its columns as attributes."""
    return list(frame.itertuples())


def table_key(name: str, ids: Iterable[str]) -> str:
    """Return a widget key that changes when the rows do: a selection holds positions, and must never move to another row."""
    rows = zlib.crc32("\n".join(ids).encode())
    return f"{name}_{rows}_{st.session_state.get(GENERATION, 0)}"


def forget_selection() -> None:
    """Let every table start unselected in the next run."""
    st.session_state[GENERATION] = st.session_state.get(GENERATION, 0) + 1


def owner_name(owner: object, name: object) -> str:
    """Return an owner as shown in a table: the name, else the part of the address before the @."""
    return name if isinstance(name, str) else owner.split("@")[0] if isinstance(owner, str) else ""


def approval_queue(waiting: pd.DataFrame, *, today: date, colours: Palette) -> Styler:
    """Return proposals in words: a mark for the action, Model, Due; what is overdue is in red."""
    verdicts = [ACTION_VERDICTS[action] for action in waiting["action"]]
    shown = pd.DataFrame(
        {
            "Action": [f"{VERDICT_LABELS[verdict].mark}" for verdict in verdicts],
            "Model": waiting["model"],
            "Due": [due(_day(day), today=today).removeprefix("due ") for day in waiting["due_on"]],
        }
    )
    css = pd.DataFrame("", index=shown.index, columns=shown.columns)
    css["Action"] = [f"color:{colours.verdicts[verdict]}" for verdict in verdicts]
    css["Due"] = [
        f"color:{colours.verdicts[Verdict.RETRAIN] if overdue else colours.muted}" for overdue in waiting["is_overdue"]
    ]
    return shown.style.apply(lambda _: css, axis=None)


def approval_columns() -> dict[str, Any]:
    """Return the widths of the queue's columns."""
    config = st.column_config
    return {
        "Action": config.TextColumn("", width=26),
        "Model": config.TextColumn(width=152),
        "Due": config.TextColumn(width=88),
    }


def audit_table(events: pd.DataFrame, *, person: Callable[[str], str]) -> pd.DataFrame:
    """Return audit events in words: No, At, Who, Role, What, About (the model, else whoever or whatever it was), Why.

    ``person`` gives the name of whoever has an e-mail address; what is none it returns as it is.
    """
    return pd.DataFrame(
        {
            "No": events["sequence"],
            "At": [instant(pd.Timestamp(at).to_pydatetime()) for at in events["at"]],
            "Who": [person(actor) for actor in events["actor"]],
            "Role": [words(role) for role in events["role"]],
            "What": [words(action) for action in events["action"]],
            "About": events["model_id"].fillna(
                events["subject_kind"].map(NUMBERED).fillna("") + events["subject_id"].astype(str).map(person)
            ),
            "Why": events["reason"].fillna(""),
        }
    )


def audit_columns() -> dict[str, Any]:
    """Return the widths of the audit trail's columns."""
    config = st.column_config
    return {
        "No": config.NumberColumn(width=60, format="%d"),
        "At": config.TextColumn(width=170),
        "Who": config.TextColumn(width=190),
        "Role": config.TextColumn(width=130),
        "What": config.TextColumn(width=130),
        "About": config.TextColumn(width=180),
        "Why": config.TextColumn(width=330),
    }


def _day(value: object) -> date | None:
    return None if is_missing(value) else pd.Timestamp(str(value)).date()
