"""Frames as they are shown in a grid: columns, words and colours."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.presentation import (
    ACTION_VERDICTS,
    SERVICE_WORDS,
    VERDICT_LABELS,
    due,
    instant,
    is_missing,
    number,
    words,
)
from data_access.portfolio_queries import RETIRED
from monitoring.assessment import Verdict
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from pandas.io.formats.style import Styler

    from dashboard.palette import Palette

ROW_HEIGHT = 32
ADVANTAGE_SCALE = (40, 110)
DRIFT_SCALE = (0, 200)
HEADER_HEIGHT = 32
LONGEST_REASON = 62
GENERATION = "table_generation"
QUIET = (Verdict.KEEP, Verdict.UNKNOWN)
MODEL_PAGE = Path(__file__).parent / "views" / "model.py"


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


def _points(line: np.ndarray[Any, Any], scale: tuple[float, float]) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
    """Return a sparkline's points in per cent; days without a value are left out, with fewer than two there is no line.

    Points beyond the scale stand at its edge: one model's outlier must not give its row another scale than the others'.
    Whole numbers in a byte are finer than the pixels, and a thousand models have 56,000 of them to send.
    """
    known = np.clip(100 * line[~np.isnan(line)], *scale)
    return known.round().astype(np.uint8) if len(known) > 1 else None


def _no_text(_points: object) -> str:
    """Return what a sparkline says in words: nothing, or every point would be sent a second time as text."""
    return ""


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1].rstrip() + "…"


def kept(share: Any) -> str:
    """Return the advantage kept, in per cent; below zero the naive forecast is better and none is left."""
    return f"{share:.0f} %" if share > 0 else "none"


def kept_estimate(share: Any) -> str:
    """Return an estimated advantage, which never looks like a measured one."""
    return f"{kept(share)} est."


def _verdict_text(verdict: str, service_state: str) -> str:
    if service_state == RETIRED:
        return SERVICE_WORDS[ServiceState.RETIRED]
    return VERDICT_LABELS[Verdict(verdict)].text


def _why(row: Any) -> str:
    if row.service_state == RETIRED:
        return "Out of service for good; watched for traffic only."
    if isinstance(row.reason, str):
        suspended = "Suspended. " if row.service_state == ServiceState.SUSPENDED.value else ""
        return _shorten(suspended + row.reason)
    if not row.has_log:
        return "No log mapped."
    return _shorten(f"Never assessed: {row.last_error}" if isinstance(row.last_error, str) else "Never assessed.")


def _decision(row: Any) -> str:
    return "" if not isinstance(row.decision_state, str) else words(row.decision_state)


def owner_name(owner: object, name: object) -> str:
    """Return an owner as shown in a table: the name, else the part of the address before the @."""
    return name if isinstance(name, str) else owner.split("@")[0] if isinstance(owner, str) else ""


def portfolio_table(
    rows: pd.DataFrame,
    *,
    advantage: np.ndarray[Any, Any],
    drift: np.ndarray[Any, Any],
    today: date,
    colours: Palette,
) -> Styler:
    """Return the portfolio's rows in words: Verdict, Model, Why, Advantage kept, Now, Drift, Tier, Owner, For, Decision.

    An advantage that is only estimated says so. Rows that need nobody step back in grey.
    """
    realised = 1.0 - rows["effect"].astype(float)
    estimated = 1.0 - rows["estimated_effect"].astype(float)
    is_estimate = realised.isna() & estimated.notna()
    since = pd.to_datetime(rows["in_verdict_since"])
    shown = pd.DataFrame(
        {
            "Verdict": [_verdict_text(row.verdict, row.service_state) for row in records(rows)],
            "Model": rows["name"],
            "Why": [_why(row) for row in records(rows)],
            "Advantage kept": [_points(line, ADVANTAGE_SCALE) for line in advantage],
            "Now": (realised.fillna(estimated) * 100).round(),
            "Drift": [_points(line, DRIFT_SCALE) for line in drift],
            "Tier": [number(tier, missing="not set") for tier in rows["tier"]],
            "Owner": [owner_name(row.owner, row.owner_name) for row in records(rows)],
            "For": (pd.Timestamp(today) - since).dt.days + 1,
            "Decision": [_decision(row) for row in records(rows)],
        }
    )
    in_service = rows["service_state"].ne(RETIRED)
    quiet = rows["verdict"].isin([verdict.value for verdict in QUIET]) | ~in_service
    css = pd.DataFrame("", index=shown.index, columns=shown.columns)
    css.loc[quiet, :] = f"color:{colours.muted}"
    css["Verdict"] = [
        f"color:{colours.verdicts[Verdict(verdict)] if serving else colours.muted};font-weight:600"
        for verdict, serving in zip(rows["verdict"], in_service, strict=True)
    ]
    styled = shown.style.apply(lambda _: css, axis=None).format(kept, subset=["Now"], na_rep="")
    styled = styled.format(_no_text, subset=["Advantage kept", "Drift"])
    estimates = list(shown.index[is_estimate])
    return styled.format(kept_estimate, subset=(estimates, ["Now"])) if estimates else styled  # type: ignore[arg-type]  # pandas takes rows and columns


def portfolio_columns(colours: Palette) -> dict[str, Any]:
    """Return the widths and kinds of the portfolio's columns; together they fit a page 1,280 pixels wide."""
    config = st.column_config
    return {
        "Verdict": config.TextColumn(width=126),
        "Model": config.TextColumn(width=206),
        "Why": config.TextColumn(width=326),
        "Advantage kept": config.LineChartColumn(
            width=92, y_min=ADVANTAGE_SCALE[0], y_max=ADVANTAGE_SCALE[1], color=colours.muted
        ),
        "Now": config.NumberColumn(
            width=66,
            help="Advantage kept over the last 28 days. Why counts a loss from the day it began, so it may say more is lost.",
        ),
        "Drift": config.AreaChartColumn(width=78, y_min=DRIFT_SCALE[0], y_max=DRIFT_SCALE[1], color=colours.muted),
        "Tier": config.TextColumn(width=42),
        "Owner": config.TextColumn(width=106),
        "For": config.NumberColumn(width=52, format="%d d"),
        "Decision": config.TextColumn(width=80),
    }


def approval_queue(waiting: pd.DataFrame, *, today: date, colours: Palette) -> Styler:
    """Return proposals in words: a mark for the action, Model, Due; what is overdue is in red."""
    verdicts = [ACTION_VERDICTS[action] for action in waiting["action"]]
    shown = pd.DataFrame(
        {
            "Action": [f"{VERDICT_LABELS[verdict].mark}" for verdict in verdicts],
            "Model": waiting["model"],
            "Due": [due(_day(day), today=today) for day in waiting["due_on"]],
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
        "Model": config.TextColumn(width=204),
        "Due": config.TextColumn(width=80),
    }


def audit_table(events: pd.DataFrame) -> pd.DataFrame:
    """Return audit events in words: No, At, Who, Role, What, About (the model, else whoever or whatever it was), Why."""
    return pd.DataFrame(
        {
            "No": events["sequence"],
            "At": [instant(pd.Timestamp(at).to_pydatetime()) for at in events["at"]],
            "Who": events["actor"],
            "Role": [words(role) for role in events["role"]],
            "What": [words(action) for action in events["action"]],
            "About": events["model_id"].fillna(events["subject_id"]),
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
