"""The list of models as a grid: which columns, in which words, and what is shown of a model that needs nobody."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import glossary
from dashboard.grid import grid, lines, texts
from dashboard.presentation import SERVICE_WORDS, VERDICT_LABELS, number, words
from dashboard.tables import owner_name, records
from data_access.portfolio_filter import RETIRED
from monitoring.assessment import Verdict
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pandas.io.formats.style import Styler

    from dashboard.palette import Palette
    from data_access.portfolio_queries import Sparklines

ADVANTAGE_SCALE = (40, 110)
DRIFT_SCALE = (0, 200)
TRAFFIC_SCALE = (0, 200)
LONGEST_REASON = 62
NOBODY: Mapping[str, str] = MappingProxyType({})
QUIET = (Verdict.KEEP.value, Verdict.UNKNOWN.value)


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1].rstrip() + "…"


def kept(share: float, *, is_estimate: bool = False) -> str | None:
    """Return the advantage kept, in per cent; below zero the naive forecast is better and none is left.

    An estimated advantage never looks like a measured one.
    """
    if pd.isna(share):
        return None
    return (f"{share:.0f} %" if share > 0 else "none") + (" est." if is_estimate else "")


def verdict_text(verdict: str, service_state: str) -> str:
    """Return the verdict's mark and word; a retired model has no verdict."""
    if service_state == RETIRED:
        return SERVICE_WORDS[ServiceState.RETIRED]
    return VERDICT_LABELS[Verdict(verdict)].text


def why(row: Any, *, zombies: Mapping[str, str] = NOBODY) -> str:
    """Return why a model has its verdict, as short as its column; of a zombie that it is still scored."""
    if row.model_id in zombies:
        return _shorten(zombies[row.model_id])
    if row.service_state == RETIRED:
        return "Out of service for good; watched for traffic only."
    if isinstance(row.reason, str):
        suspended = "Suspended. " if row.service_state == ServiceState.SUSPENDED.value else ""
        return _shorten(suspended + row.reason)
    if not row.has_log:
        return "No log mapped."
    return _shorten(f"Never assessed: {row.last_error}" if isinstance(row.last_error, str) else "Never assessed.")


def portfolio_table(
    rows: pd.DataFrame,
    *,
    sparklines: Sparklines,
    today: date,
    colours: Palette,
    with_before: bool = False,
    zombies: Mapping[str, str] = NOBODY,
) -> Styler:
    """Return the rows in words: Verdict, Model, Why, Advantage, Now, Drift, Traffic, Tier, Owner, For, Decision.

    ``with_before`` adds Was, the verdict a model is compared with, for which Advantage and Traffic make room. Rows that need nobody
    step back in grey. ``zombies`` says of retired models that are still scored how much, by their ids.
    """
    realised = 1.0 - rows["effect"].astype(float)
    estimated = 1.0 - rows["estimated_effect"].astype(float)
    now = (realised.fillna(estimated) * 100).round()
    since = pd.to_datetime(rows["in_verdict_since"])
    listed = records(rows)
    columns: dict[str, Any] = {"Verdict": texts(verdict_text(row.verdict, row.service_state) for row in listed)}
    if with_before:
        columns["Was"] = texts(VERDICT_LABELS[Verdict(row.verdict_before)].text for row in listed)
    columns |= {"Model": texts(rows["name"]), "Why": texts(why(row, zombies=zombies) for row in listed)}
    if not with_before:
        columns["Advantage"] = lines(sparklines.advantage, ADVANTAGE_SCALE)
    columns |= {"Now": now, "Drift": lines(sparklines.drift, DRIFT_SCALE)}
    if not with_before:
        columns["Traffic"] = lines(sparklines.traffic, TRAFFIC_SCALE)
    columns |= {
        "Tier": texts(number(tier, missing="not set") for tier in rows["tier"]),
        "Owner": texts(owner_name(row.owner, row.owner_name) for row in listed),
        "For": (pd.Timestamp(today) - since).dt.days + 1,
        "Decision": texts(words(row.decision_state) if isinstance(row.decision_state, str) else None for row in listed),
    }
    is_estimate = realised.isna()
    said = [kept(share, is_estimate=guess) for share, guess in zip(now, is_estimate, strict=True)]
    serving = rows["service_state"].ne(RETIRED)
    loud = (rows["verdict"].isin(QUIET).eq(False) & serving) | rows["model_id"].isin(list(zombies))
    quiet = [None if each else f"color:{colours.muted}" for each in loud]
    verdicts = [
        f"color:{colours.verdicts[Verdict(verdict)] if is_serving else colours.muted};font-weight:600"
        for verdict, is_serving in zip(rows["verdict"], serving, strict=True)
    ]
    return grid(columns, words={"Now": said}, colours={"Verdict": verdicts, "Model": quiet, "Why": quiet})


def portfolio_columns(colours: Palette) -> dict[str, Any]:
    """Return the widths and kinds of the portfolio's columns; together they fit a page 1,280 pixels wide."""
    config = st.column_config
    return {
        "Verdict": config.TextColumn(width=126, help=glossary.meaning("verdict")),
        "Was": config.TextColumn(width=126, help="The verdict on the day it is compared with."),
        "Model": config.TextColumn(width=190),
        "Why": config.TextColumn(width=322),
        "Advantage": config.LineChartColumn(
            width=80,
            y_min=ADVANTAGE_SCALE[0],
            y_max=ADVANTAGE_SCALE[1],
            color=colours.muted,
            help="How much of it is kept, 28 days. " + glossary.meaning("advantage"),
        ),
        "Now": config.NumberColumn(
            width=66,
            help="Advantage kept over the last 28 days. Why counts a loss from the day it began, so it may say more is lost.",
        ),
        "Drift": config.AreaChartColumn(
            width=64,
            y_min=DRIFT_SCALE[0],
            y_max=DRIFT_SCALE[1],
            color=colours.muted,
            help=glossary.meaning("drift score"),
        ),
        "Traffic": config.AreaChartColumn(
            width=64,
            y_min=TRAFFIC_SCALE[0],
            y_max=TRAFFIC_SCALE[1],
            color=colours.muted,
            help="Predictions a day against what is usual for the model; half of the height is as usual.",
        ),
        "Tier": config.TextColumn(width=42, help=glossary.meaning("tier")),
        "Owner": config.TextColumn(width=100),
        "For": config.NumberColumn(width=52, format="%d d", help="Days with this verdict."),
        "Decision": config.TextColumn(width=80, help=glossary.meaning("decision")),
    }
