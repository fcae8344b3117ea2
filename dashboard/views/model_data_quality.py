"""Are its data sound? Open findings and traffic, each feature's facts with their thresholds, and one feature day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts, glossary, quality_charts, tables
from dashboard.model_view import show_chart
from dashboard.presentation import (
    escape_markdown,
    importance,
    is_missing,
    number,
    one_line,
    percent,
    plural,
    short_date,
    words,
)
from dashboard.widgets import quiet, remember_in_url, small
from data_access import quality_queries
from data_access.distributions import readable
from monitoring.assessment import QUALITY_KINDS

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from monitoring.assessment import Assessment

MOST_ROWS = 9
THRESHOLDS = (
    "Missing values are a finding from their threshold on, unseen levels likewise, if they also stand clear of chance; a number out of the "
    "reference’s range is one only together with a jump, as after a change of unit; one value all day only where the reference varies."
)


def show(view: ModelView) -> None:
    assessment = view.assessment
    if assessment is None:
        st.markdown("Nothing has been counted yet.")
        return
    left, right = st.columns([1, 1.4], gap="medium")
    with left:
        open_findings(assessment)
    with right:
        traffic(view, assessment)
    facts = quality_queries.quality_facts(view.judged, assessment.day)
    if facts.empty:
        st.markdown(quiet("No feature has been counted yet."))
        return
    chosen = features(view, facts, assessment)
    one_feature(view, facts, chosen)


def open_findings(assessment: Assessment) -> None:
    found = [finding for finding in assessment.findings if finding.kind in QUALITY_KINDS]
    if not found:
        counted = plural(len(assessment.details.get("features") or {}), "feature")
        st.markdown(f"**No open finding** {quiet(f'in {counted}')}", help=glossary.meaning("finding"))
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
        else "not compared with the reference: it has no days, or these are the first 7"
    )
    st.markdown(f"**Predictions a day** {quiet(said)}")
    show_chart(
        charts.daily_bars(list(recent["day"]), list(recent["rows"]), view.colours, what="predictions", reference=usual),
        key="m_traffic",
        missing="None yet.",
    )


def features(view: ModelView, facts: pd.DataFrame, assessment: Assessment) -> str:
    """Show every feature, those with a finding first, and return the one to look at: the row of the address or a click."""
    ranked = facts.assign(is_open=facts["findings"].map(bool), weight=facts["importance"].fillna(0.0)).sort_values(
        ["is_open", "open_days_28", "weight", "feature"], ascending=[False, False, False, True], ignore_index=True
    )
    rows = int(facts["rows"].iloc[0])
    st.markdown(
        f"**Each feature on {short_date(assessment.day)}** "
        f"{quiet(f'{len(facts):,} features, shares of {rows:,} rows; tick one to see it day by day')}",
        help=THRESHOLDS,
    )
    event = st.dataframe(
        feature_table(ranked),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(ranked), most=MOST_ROWS),
        placeholder="",
        key=f"m_features_{view.facts.id}",
        on_select="rerun",
        selection_mode="single-row",
        alt="Every feature with its open findings, its missing, unseen and out-of-range values now, usually and at their threshold.",
    )
    names = list(ranked["feature"])
    if event.selection.rows and event.selection.rows[0] < len(names):
        remember_in_url("feature", names[event.selection.rows[0]])
    asked = st.query_params.get("feature", "")
    return asked if asked in names else names[0]


def feature_table(ranked: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Feature": [one_line(name, longest=80) for name in ranked["feature"]],
            "Open finding": [", ".join(words(kind) for kind in kinds) for kinds in ranked["findings"]],
            "Days open of 28": ranked["open_days_28"],
            "Missing": [percent(x) for x in ranked["nulls"]],
            "usually": [percent(x) for x in ranked["nulls_reference"]],
            "finding from": [percent(x) for x in ranked["nulls_threshold"]],
            "Unseen": [percent(x) for x in ranked["unseen"]],
            "unseen from": [percent(x) for x in ranked["unseen_threshold"]],
            "Out of range": [percent(x) for x in ranked["out_of_range"]],
            "range": [value_range(row) for row in ranked.to_dict("records")],
            "Not a number": [percent(x) for x in ranked["mistyped"]],
            "One value": ["all day" if single else "" for single in ranked["is_single"]],
            "Importance": [importance(x) for x in ranked["importance"]],
            "Source": [one_line(source or "", longest=60) for source in ranked["source"]],
        }
    )


def value_range(row: dict[Any, Any]) -> str:
    """Return the reference's lowest and highest value of a number."""
    if is_missing(row["lowest"]) or is_missing(row["highest"]):
        return ""
    return f"{readable(row['lowest'])} to {readable(row['highest'])}"


def one_feature(view: ModelView, facts: pd.DataFrame, feature: str) -> None:
    row: dict[Any, Any] = facts[facts["feature"] == feature].iloc[0].to_dict()
    said = [
        f"{percent(row['nulls'])} missing on {number(row['rows'])} rows, a finding from {percent(row['nulls_threshold'])}"
    ]
    if not is_missing(row["out_of_range"]):
        said.append(f"{percent(row['out_of_range'])} outside the reference’s {value_range(row)}")
    if not is_missing(row["unseen"]):
        said.append(
            f"{percent(row['unseen'])} with a level the reference never had, a finding from {percent(row['unseen_threshold'])}"
        )
    st.markdown(
        f"**{escape_markdown(feature, longest=60)} day by day** {quiet(escape_markdown('; '.join(said), longest=400))}"
    )
    days = quality_queries.quality_days(view.judged, feature)
    show_chart(
        quality_charts.quality_days(days, row, view.colours, span=view.span) if len(view.recent) else None,
        key="m_quality_days",
        missing="No rows are kept for these days.",
    )
    st.markdown(small("Shaded days have an open finding; a diamond marks a day with one single value."))
