"""What moved and matters: features by importance x drift, one of them in detail, all of them day by day, and its own predictions."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import charts, drift_charts, glossary, model_session
from dashboard.model_view import MAP_DAYS, show_chart
from dashboard.presentation import escape_markdown, importance, is_missing, number, one_line, plural, short_date
from dashboard.widgets import quiet, remember_in_url, small
from data_access import distributions

if TYPE_CHECKING:
    import pandas as pd

    from dashboard.charts import Chart
    from dashboard.model_view import ModelView
    from data_access.distributions import Distribution
    from monitoring.assessment import Assessment


MOST_NAMES = 3


def show(view: ModelView) -> None:
    assessment = view.assessment
    if assessment is None or not assessment.details.get("features"):
        st.markdown("No feature has been compared with a reference yet.")
        return
    days = model_session.feature_days(
        view.facts.id, known_on=view.known_on, first=assessment.day - timedelta(days=MAP_DAYS - 1)
    )
    day, features = shown_day(days, assessment)
    feature = shown_feature(features)
    summary(assessment, features, day)
    left, right = st.columns(2, gap="medium")
    with left:
        ranked(view, assessment, features, feature=feature, day=day)
    with right:
        if feature is not None:
            one_feature(view, features, feature=feature, day=day)
    feature_map(view, days)
    predictions(view, day=day)


def summary(assessment: Assessment, features: pd.DataFrame, day: date) -> None:
    """Say what drift the verdict saw, and what its numbers are not."""
    moved = int((features["ratio"] > 1).sum())
    judged = int(features["psi"].notna().sum())
    parts = [
        f"{moved} of {plural(judged, 'feature')} moved beyond {'its' if judged == 1 else 'their'} own threshold{which(features)}"
    ]
    if day == assessment.day and assessment.measures.drift_score is not None:
        parts.append(
            f"drift score {number(assessment.measures.drift_score, digits=2)} (importance-weighted; watched from 0.10)"
        )
    left_out = len(features) - judged
    if left_out:
        parts.append(f"{left_out} without a score (too few rows, constant, or nearly all values different)")
    st.markdown(
        f"**Its inputs.** {'; '.join(parts)}.", help=glossary.meaning("drift score", "PSI", "importance", "threshold")
    )


def which(features: pd.DataFrame) -> str:
    """Return the features above their own threshold, those that matter most first, and what they weigh together."""
    over = features[features["ratio"] > 1]
    if over.empty:
        return ""
    over = over.sort_values(["importance", "ratio"], ascending=False)
    names = [escape_markdown(name, longest=40) for name in over["feature"].head(MOST_NAMES)]
    more = f" and {len(over) - MOST_NAMES} more" if len(over) > MOST_NAMES else ""
    return f" ({', '.join(names)}{more}: {importance(float(over['importance'].sum()))} of the importance)"


def shown_day(days: pd.DataFrame, assessment: Assessment) -> tuple[date, pd.DataFrame]:
    """Return the day to look at (a clicked one lives in the address) and its features."""
    asked = st.query_params.get("day", "")
    day = next((day for day in days["day"].unique() if day.isoformat() == asked), assessment.day)
    return day, days[days["day"] == day]


def shown_feature(features: pd.DataFrame) -> str | None:
    """Return the feature to look at: the one of the address, else the one that counts most."""
    names = list(features["feature"])
    if not names:
        return None
    asked = st.query_params.get("feature", "")
    if asked in names:
        return asked
    weight = (features["psi"].fillna(-1.0) * features["importance"].fillna(0.0)).astype(float)
    return str(features.loc[weight.idxmax(), "feature"])


def ranked(view: ModelView, assessment: Assessment, features: pd.DataFrame, *, feature: str | None, day: date) -> None:
    weights = (
        "" if assessment.details.get("has_importance", True) else "; importances are not known, all count the same"
    )
    week = f"{short_date(day - timedelta(days=6))}–{short_date(day)}"
    st.markdown(f"**What moved and matters** {quiet(f'PSI × importance, {week} against the reference{weights}')}")
    chart = drift_charts.ranked_drift(features, view.colours, selected=feature)
    clicked = clickable(
        chart, key=f"m_ranked_{view.facts.id}_{day}", missing="Too few rows in these 7 days to compare anything."
    )
    if clicked:
        choose(
            feature=str(clicked["customdata"])
            if not isinstance(clicked["customdata"], list)
            else str(clicked["customdata"][0])
        )
    shown = min(int(features["psi"].notna().sum()), drift_charts.MOST_FEATURES)
    if shown < len(features):
        st.markdown(small(f"The first {shown} of {plural(len(features), 'feature')}; blue is above its own threshold."))


def feature_choice(features: pd.DataFrame, feature: str) -> None:
    names = sorted(features["feature"])
    key = f"m_feature_{feature}"
    st.selectbox(
        "Feature",
        names,
        index=names.index(feature),
        format_func=lambda name: one_line(name, longest=60),
        key=key,
        label_visibility="collapsed",
        on_change=lambda: remember_in_url("feature", st.session_state[key]),
    )


def one_feature(view: ModelView, features: pd.DataFrame, *, feature: str, day: date) -> None:
    feature_choice(features, feature)
    row: dict[Any, Any] = features[features["feature"] == feature].iloc[0].to_dict()
    parts = []
    if row["psi"] is not None and row["psi"] == row["psi"]:
        parts.append(
            f"PSI {number(row['psi'], digits=2)}, threshold {number(row['threshold'], digits=2)} (its own 99.99 % point)"
        )
    if not is_missing(row["importance"]):
        parts.append(f"importance {importance(row['importance'])}")
    if row["source"]:
        parts.append(f"source {escape_markdown(row['source'], longest=60)}")
    st.markdown(quiet(", ".join(parts)))
    shares = distributions.distribution(view.judged, feature, last=day)
    chart = drift_charts.distribution(shares, view.colours, height=264) if shares and shares.current_rows else None
    show_chart(chart, key="m_distribution", missing="No rows are kept for these 7 days.")
    if shares and (note := broken_days(shares)):
        st.markdown(quiet(note))
    marks = "Familiar marks for PSI: 0.1 little, 0.25 a lot; the threshold above is this feature's own."
    others = as_other_tools_say(shares) if shares else ""
    st.markdown(small(f"As other tools measure these days: {others}. {marks}" if others else marks))


def broken_days(shares: Distribution) -> str:
    """Return which days the drift score leaves out because their data are broken, and whether they are drawn."""
    if not shares.left_out:
        return ""
    days = (shares.last - shares.first).days + 1
    if shares.left_out >= days:
        return (
            f"All {days} days have broken data (see Data quality) and are left out: the PSI is of the clean days before. "
            "Drawn is what came in."
        )
    return f"{plural(shares.left_out, 'day')} of {days} with broken data left out, here and in the PSI."


def as_other_tools_say(shares: Distribution) -> str:
    """Return the drift scores of other tools in words, for whoever compares."""
    words = {
        "normed_wasserstein": "Wasserstein {} sd",
        "jensen_shannon": "Jensen-Shannon {}",
        "kolmogorov_smirnov": "Kolmogorov-Smirnov {}",
    }
    said = [text.format(number(shares.scores[name], digits=2)) for name, text in words.items() if name in shares.scores]
    return ", ".join(said)


def feature_map(view: ModelView, days: pd.DataFrame) -> None:
    st.markdown(
        f"**Feature by day** {quiet(f'drift of the 7 days up to each day as a multiple of each feature’s own threshold, last {MAP_DAYS} days; click a cell to see that day')}"
    )
    chart = drift_charts.feature_map(days, view.colours)
    clicked = clickable(chart, key=f"m_map_{view.facts.id}", missing="No feature has a drift score in these days.")
    if clicked and isinstance(clicked.get("customdata"), list):
        feature, day = clicked["customdata"]
        choose(feature=str(feature), day=str(day))
    if chart is not None and st.query_params.get("day"):
        st.button("Back to the newest day", on_click=lambda: remember_in_url("day", ""), key="m_newest_day")


def predictions(view: ModelView, *, day: date) -> None:
    """Show whether its own predictions have moved, apart from its inputs."""
    scores = distributions.prediction_days(view.judged)
    known = scores[scores["day"] <= day]
    said = "They were never compared with the reference"
    if len(known) and not is_missing(psi := known["psi"].iloc[-1]):
        moved = "moved" if psi > known["threshold"].iloc[-1] else "not moved"
        said = f"They have {moved}: PSI {number(psi, digits=2)}, threshold {number(known['threshold'].iloc[-1], digits=2)}, {short_date(day)}"
    st.markdown(f"**Its own predictions.** {said}.", help=glossary.meaning("prediction drift", "PSI"))
    left, right = st.columns(2, gap="medium")
    with left:
        show_chart(
            drift_charts.prediction_drift(scores, view.colours, span=view.span) if len(view.recent) else None,
            key="m_prediction_drift",
            missing="Too few predictions to compare.",
        )
    with right:
        shares = distributions.prediction_distribution(view.judged, last=day)
        show_chart(
            drift_charts.distribution(shares, view.colours, height=230) if shares and shares.current_rows else None,
            key="m_prediction_distribution",
            missing="No predictions are kept for these 7 days.",
        )
        if shares and shares.left_out:
            st.markdown(quiet(broken_days(shares)))


def clickable(chart: Chart | None, *, key: str, missing: str) -> dict[str, Any] | None:
    """Show a chart whose points can be clicked and return the point newly clicked."""
    if chart is None:
        st.markdown(quiet(missing))
        return None
    event = st.plotly_chart(
        charts.Checked(chart.figure),
        theme=None,
        config=charts.CONFIG,
        key=key,
        alt=chart.alt,
        on_select="rerun",
        selection_mode="points",
    )
    points: list[dict[str, Any]] = list(event.selection.points)
    newest = points[0] if points else None
    seen = f"{key}_seen"
    if newest is None or st.session_state.get(seen) == newest.get("customdata"):
        return None
    st.session_state[seen] = newest.get("customdata")
    return newest if newest.get("customdata") else None


def choose(*, feature: str, day: str | None = None) -> None:
    """Put what was clicked into the address and show it."""
    remember_in_url("feature", feature)
    if day is not None:
        remember_in_url("day", day)
    st.rerun()
