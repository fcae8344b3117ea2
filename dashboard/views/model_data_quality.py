"""Are its data sound? Traffic day by day, and each feature's missing values and open findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import charts, tables
from dashboard.model_view import show_chart
from dashboard.presentation import escape_markdown, importance, percent, plural, short_date, words
from dashboard.widgets import quiet
from data_access.model_queries import feature_row, features_of
from monitoring.assessment import QUALITY_KINDS

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from monitoring.assessment import Assessment

MOST_ROWS = 14


def show(view: ModelView) -> None:
    assessment = view.assessment
    if assessment is None:
        st.markdown("Nothing has been counted yet.")
        return
    left, right = st.columns([1, 1.4], gap="medium")
    with left:
        open_findings(assessment)
        traffic(view, assessment)
    with right:
        features(assessment)


def open_findings(assessment: Assessment) -> None:
    found = [finding for finding in assessment.findings if finding.kind in QUALITY_KINDS]
    if not found:
        counted = plural(len(assessment.details.get("features") or {}), "feature")
        st.markdown(f"**No open finding** {quiet(f'in {counted}')}")
        replaced(assessment)
        return
    lines = "\n".join(f"- {escape_markdown(finding.sentence, longest=300)}" for finding in found)
    st.markdown(f"**{plural(len(found), 'open finding')}**\n\n{lines}")
    replaced(assessment)
    st.markdown(quiet("A finding closes by itself after 4 clean days; its days stay out of performance and drift."))


def replaced(assessment: Assessment) -> None:
    """Say how many rows a newer one of the same id replaced; that is ordinary, and no finding."""
    if rows := assessment.details.get("replaced_rows_7"):
        st.markdown(
            quiet(f"{plural(rows, 'row')} of the last 7 days said again under the same id; the last one counts.")
        )


def traffic(view: ModelView, assessment: Assessment) -> None:
    recent = view.recent
    ratio = assessment.measures.traffic_ratio
    usual = assessment.measures.rows_7 / 7 / ratio if ratio else None
    said = (
        f"{percent(ratio)} of the reference over 7 days; dashed is the reference’s daily mean"
        if ratio is not None
        else ""
    )
    st.markdown(f"**Predictions a day** {quiet(said)}")
    show_chart(
        charts.daily_bars(list(recent["day"]), list(recent["rows"]), view.colours, what="predictions", reference=usual),
        key="m_traffic",
        missing="None yet.",
    )


def features(assessment: Assessment) -> None:
    rows = [feature_row(assessment.day, name, fact) for name, fact in features_of(assessment.details)]
    if not rows:
        st.markdown(quiet("No feature has been counted yet."))
        return
    rows.sort(key=lambda row: (not row["flags"], -(row["importance"] or 0.0), row["feature"]))
    st.markdown(f"**Each feature on {short_date(assessment.day)}** {quiet(plural(len(rows), 'feature'))}")
    frame = pd.DataFrame(
        {
            "Feature": [row["feature"] for row in rows],
            "Open finding": [", ".join(words(flag) for flag in row["flags"]) for row in rows],
            "Missing now": [percent(row["nulls"]) for row in rows],
            "Reference": [percent(row["nulls_reference"]) for row in rows],
            "Importance": [importance(row["importance"]) for row in rows],
            "Source": [row["source"] or "" for row in rows],
        }
    )
    st.dataframe(
        frame,
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(frame), most=MOST_ROWS),
        placeholder="",
        key="m_features",
        alt="Every feature with its open findings, the share of missing values now and in the reference, and its source.",
    )
