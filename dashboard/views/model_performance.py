"""Realised performance with its interval, the estimate shown apart, and how far the labels reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import charts
from dashboard.model_view import show_chart
from dashboard.presentation import escape_markdown, lost, metric_number, number, percent, plural, short_date
from dashboard.views.model_overview import performance_marks
from dashboard.widgets import quiet

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from monitoring.assessment import Assessment

FEW_CASES = 20
"""Below so many cases precision and recall are not shown (METHODS section 13)."""
WINDOW_NAMES = {"7": "last 7 days", "14": "last 14 days", "28": "last 28 days"}


def show(view: ModelView) -> None:
    assessment = view.assessment
    if assessment is None:
        st.markdown("Nothing is measured yet.")
        return
    left, right = st.columns([2.15, 1], gap="medium")
    with left:
        metric(view, assessment)
        st.markdown(
            f"**Advantage over the naive forecast that is kept** {quiet('28 days of labels by day of the prediction, 90 % interval; dotted is estimated')}"
        )
        show_chart(
            charts.performance(view.recent, view.colours, marks=performance_marks(view), height=280),
            key="m_performance_tab",
            missing="Never measured: no labels, and nothing to estimate from.",
        )
    with right:
        label_coverage(view, assessment)
        in_detail(assessment)
    measured = assessment.details.get("performance") or {}
    if measured.get("confusion") or measured.get("calibration"):
        left, right = st.columns(2, gap="medium")
        with left:
            calibration(view, measured.get("calibration") or [])
        with right:
            confusion(measured.get("confusion") or [])


def metric(view: ModelView, assessment: Assessment) -> None:
    name = assessment.measures.metric
    if name is None:
        st.markdown(f"**No metric yet** {quiet('it needs labels of the last 28 days')}")
        return
    st.markdown(
        f"**{escape_markdown(name)}** {quiet(f'28 days of labels, {assessment.measures.labels_28:,} now; dashed is the reference')}"
    )
    show_chart(
        charts.metric(view.recent, view.colours, name=name),
        key="m_metric",
        missing="It cannot be computed from the labels there are.",
    )


def label_coverage(view: ModelView, assessment: Assessment) -> None:
    """Say how far the labels reach and how many there are."""
    measures, facts = assessment.measures, view.facts
    rows_28 = int(view.history["rows"].tail(28).sum())
    said = []
    if measures.newest_labelled_day is None:
        said.append("No label has arrived yet." if facts.has_labels else "No labels are mapped.")
    else:
        behind = (assessment.day - measures.newest_labelled_day).days
        usual = f", usually {facts.label_delay_days:g} d" if facts.label_delay_days is not None else ""
        said.append(
            f"The newest labelled prediction is of {short_date(measures.newest_labelled_day)}, {plural(behind, 'day')} ago{usual}."
        )
        share = f" ({percent(measures.labels_28 / rows_28)} of as many days' predictions)" if rows_28 else ""
        said.append(
            f"{plural(measures.labels_28, 'label')} arrived in 28 days, {number(rows_28)} predictions were made{share}."
        )
    if measures.estimated_effect is not None:
        said.append(
            f"Estimated loss over the last 7 days of predictions: {lost(measures.estimated_effect)}. An estimate sees a harder "
            "population; it cannot see a changed relation between inputs and labels."
        )
    if coverage := assessment.details.get("label_coverage"):
        said.append(
            f"Labels cover {percent(coverage['share'])} of the predictions old enough to have one, "
            f"{percent(coverage['reference'])} in the reference."
        )
    st.markdown("**Labels**\n\n" + "\n".join(f"- {escape_markdown(sentence, longest=400)}" for sentence in said))


def in_detail(assessment: Assessment) -> None:
    measured = assessment.details.get("performance") or {}
    windows = measured.get("windows") or {}
    if windows:
        rows = [
            {
                "Window": WINDOW_NAMES.get(name, f"{name} days"),
                "Labels": number(window.get("labels")),
                "Advantage lost": lost(window.get("effect")),
                "z": number(window.get("z"), digits=1),
            }
            for name, window in windows.items()
        ]
        st.markdown("**Loss by window**")
        st.table(pd.DataFrame(rows).set_index("Window"))
    said = [
        point
        for point in (
            skill(measured, assessment),
            parts_of_loss(measured),
            level(measured),
            calibrated(measured),
            errors(measured),
        )
        if point
    ]
    if said:
        st.markdown("\n".join(f"- {escape_markdown(point, longest=300)}" for point in said))


def skill(measured: dict[str, Any], assessment: Assessment) -> str | None:
    then = (assessment.details.get("reference") or {}).get("skill")
    if measured.get("skill") is None or then is None:
        return None
    return f"Skill (1 − its loss / naive loss): {percent(measured['skill'])}, {percent(then)} in the reference."


def parts_of_loss(measured: dict[str, Any]) -> str | None:
    """Return how much of the loss is the population's, and how much the model's."""
    mix, misfit = measured.get("mix"), measured.get("misfit")
    if mix is None or misfit is None:
        return None
    return f"Of the advantage, {percent(mix)} lost to a harder population (mix), {percent(misfit)} to a worse fit (misfit)."


def calibrated(measured: dict[str, Any]) -> str | None:
    """Return calibration in the large."""
    score, label = measured.get("mean_score"), measured.get("mean_label")
    if score is None or label is None:
        return None
    return f"Mean score {metric_number(score)}, mean label {metric_number(label)}: a difference of {metric_number(score - label)}."


def level(measured: dict[str, Any]) -> str | None:
    now, then = measured.get("label_mean") or [], measured.get("label_mean_reference") or []
    if len(now) != 1 or len(then) != 1 or now[0] is None or then[0] is None:
        return None
    return f"Mean label: {metric_number(now[0])}, {metric_number(then[0])} in the reference."


def errors(measured: dict[str, Any]) -> str | None:
    if measured.get("mean_absolute_error") is None or measured.get("bias") is None:
        return None
    bias = number(measured["bias"], digits=2)
    return f"Mean absolute error {number(measured['mean_absolute_error'], digits=2)}; mean error {bias} (prediction − label)."


def calibration(view: ModelView, bins: list[list[int]]) -> None:
    if not bins:
        return
    st.markdown(
        f"**How often it comes true, by score** {quiet('28 days of labels; a useful score rises from left to right')}"
    )
    show_chart(
        charts.calibration([(rows, positives) for rows, positives in bins], view.colours),
        key="m_calibration",
        missing="No labels in 28 days.",
    )


def confusion(counts: list[int]) -> None:
    """Show what was said against what came true; the classes are numbered as in the model's card."""
    classes = round(len(counts) ** 0.5)
    if classes * classes != len(counts) or not sum(counts):
        return
    rows = [counts[at * classes : (at + 1) * classes] for at in range(classes)]
    names = ["no", "yes"] if classes == 2 else [f"class {at + 1}" for at in range(classes)]  # noqa: PLR2004 - a binary model
    st.markdown(f"**What was said, what came true** {quiet(f'{sum(counts):,} labels')}")
    frame = pd.DataFrame(
        [[f"{value:,}" for value in row] for row in rows],
        index=[f"came true: {name}" for name in names],
        columns=[f"said: {name}" for name in names],
    )
    st.table(frame)
    if classes == 2:  # noqa: PLR2004 - a binary model
        (_, false_alarms), (missed, hits) = rows
        said, true = false_alarms + hits, missed + hits
        parts = []
        if true < FEW_CASES:
            st.markdown(quiet(f"Only {plural(true, 'case')}: precision and recall would be chance."))
            return
        if said:
            parts.append(f"Precision {percent(hits / said)}: of {plural(said, 'alarm')}, {number(hits)} came true.")
        if true:
            parts.append(f"Recall {percent(hits / true)}: of {plural(true, 'case')}, {number(hits)} were announced.")
        st.markdown(quiet(" ".join(parts)))
