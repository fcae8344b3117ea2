"""What labels say: the metrics people know with their intervals, how far labels reach, and what came true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import glossary, metric_charts, performance_chart
from dashboard.metric_charts import MetricWords
from dashboard.model_view import show_chart
from dashboard.performance_chart import KEPT
from dashboard.presentation import capital, escape_markdown, metric_number, number, percent, plural, short_date
from dashboard.widgets import quiet, remember_in_url, small
from data_access import performance_queries
from monitoring.known_metrics import FEWEST_CASES
from monitoring.portfolio import Task

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from data_access.performance_queries import Confusion
    from monitoring.assessment import Assessment
    from monitoring.known_metrics import KnownMetric

WINDOW_NAMES = {"7": "last 7 days", "14": "last 14 days", "28": "last 28 days"}
MOST_CLASSES = 12


def show(view: ModelView) -> None:
    assessment = view.assessment
    if assessment is None:
        st.markdown("Nothing is measured yet.")
        return
    left, right = st.columns([2.15, 1], gap="medium")
    with left:
        metric(view)
        own_measure(view)
    with right:
        labels(view, assessment)
        in_detail(view, assessment)
    left, right = st.columns(2, gap="medium")
    with left:
        by_score(view, assessment)
    with right:
        confusion(view, assessment)


def metric(view: ModelView) -> None:
    """Show the chosen metric day by day; which one is chosen lives in the address."""
    offered = {each.name: each for each in performance_queries.metrics_of(view.judged)}
    chosen = offered.get(st.query_params.get("metric", ""), next(iter(offered.values()), None))
    if chosen is None:
        st.markdown(f"**No metric yet** {quiet('no version of it has been judged')}")
        return
    metric_choice(list(offered), chosen.name)
    days = performance_queries.metric_days(view.judged, chosen)
    words = MetricWords(chosen.name, chosen.cases, chosen.is_share)
    st.markdown(
        metric_title(chosen, words, days), help=f"{chosen.meaning}\n\n{glossary.meaning('reference', 'interval')}"
    )
    show_chart(
        metric_charts.metric(days, view.colours, words=words, span=view.span, marks=view.marks)
        if len(view.recent)
        else None,
        key=f"m_metric_{chosen.name}",
        missing=f"It cannot be computed from the labels there are: it needs labels of the last {performance_queries.WINDOW_DAYS} days"
        + (f" and at least {FEWEST_CASES} cases that came true." if chosen.cases != "labels" else "."),
    )


def metric_choice(names: list[str], chosen: str) -> None:
    key = f"m_metric_choice_{chosen}"
    st.segmented_control(
        "Metric",
        names,
        default=chosen,
        required=True,
        format_func=capital,
        key=key,
        label_visibility="collapsed",
        on_change=lambda: remember_in_url("metric", st.session_state[key] if st.session_state[key] != names[0] else ""),
    )


def metric_title(chosen: KnownMetric, words: MetricWords, days: pd.DataFrame) -> str:
    """Return the metric now with its interval, the cases behind it, its window and its value in the reference."""
    known = days[days["value"].notna()]
    if known.empty:
        return f"**{capital(chosen.name)}**"
    end: dict[Any, Any] = known.iloc[-1].to_dict()
    said = [
        f"{end['cases']:,} {chosen.cases}",
        "28 days of labels up to each day, 90 % interval",
        f"predictions up to {short_date(end['labelled_to'])}",
    ]
    then = f", {words.value(end['reference'])} in the reference" if pd.notna(end["reference"]) else ""
    return f"**{capital(chosen.name)} {escape_markdown(words.interval(end))}**{escape_markdown(then)} {quiet(escape_markdown(', '.join(said)))}"


def own_measure(view: ModelView) -> None:
    """Show the measure that the verdict is made from, the estimate apart."""
    history, yardstick = view.measured
    st.markdown(
        f"**{yardstick.name}** {quiet('what the verdict is measured by: 28 days of labels, 90 % interval; dotted and hatched is estimated')}",
        help=f"{yardstick.meaning}\n\n{glossary.meaning('effect', 'estimate')}",
    )
    show_chart(
        performance_chart.performance(history, view.colours, marks=view.marks, yardstick=yardstick, height=230),
        key="m_performance_tab",
        missing="Never measured: no labels, and nothing to estimate from.",
    )
    if note := estimate_note(view):
        st.markdown(small(escape_markdown(note, longest=500)))
    st.markdown(
        f"**Predictions, and those with a label** {quiet('by day of the prediction, as known now')}",
        help=glossary.meaning("label delay", "label coverage"),
    )
    show_chart(
        metric_charts.label_coverage(performance_queries.label_days(view.judged), view.colours, span=view.span)
        if len(view.recent)
        else None,
        key="m_labels",
        missing="No predictions are kept for these days.",
    )


def estimate_note(view: ModelView) -> str | None:
    """Return how far the shown estimate can be believed: what it said on the last day that has labels, beside what they say."""
    marks, (recent, yardstick) = view.marks, view.measured
    if performance_chart.estimated_after(recent, marks.last_labelled).empty:
        return None
    blind = "The estimate sees a harder population; it cannot see a changed relation between inputs and labels."
    there = recent[recent["day"] == marks.last_labelled]
    known = performance_chart.realised_by_day(recent)
    if marks.last_labelled is None or there.empty or known.empty or pd.isna(there["estimated_effect"].iloc[-1]):
        return blind
    said, came = yardstick.words(there["estimated_effect"].iloc[-1]), yardstick.words(known["effect"].iloc[-1])
    return f"{blind} For {short_date(marks.last_labelled)}, the last day with labels, it said {said} where labels say {came}."


def labels(view: ModelView, assessment: Assessment) -> None:
    """Say how far the labels reach, how many there are, and how long they take."""
    measures, facts = assessment.measures, view.facts
    said = []
    if measures.newest_labelled_day is None:
        said.append("No label has arrived yet." if facts.has_labels else "No labels are mapped.")
    else:
        behind = (assessment.day - measures.newest_labelled_day).days
        said.append(
            f"The newest labelled prediction is of {short_date(measures.newest_labelled_day)}, {plural(behind, 'day')} ago."
        )
        said.append(f"{plural(measures.labels_28, 'label')} of the last 28 days count.")
    if delay := performance_queries.label_delay(view.judged, assessment.day):
        usual = f"; its card says {facts.label_delay_days:g}" if facts.label_delay_days is not None else ""
        said.append(
            f"Delay: half of them came within {plural(delay.median, 'day')}, nine in ten within {delay.nine_in_ten}{usual}."
        )
        if delay.labels > measures.labels_28:
            left_out = delay.labels - measures.labels_28
            said.append(f"{plural(left_out, 'more label')} of days with broken data are left out.")
    if coverage := assessment.details.get("label_coverage"):
        said.append(
            f"Coverage: {percent(coverage['share'])} of the predictions old enough to have a label have one, "
            f"{percent(coverage['reference'])} in the reference."
        )
    st.markdown("**Labels**", help=glossary.meaning("label", "label delay", "label coverage"))
    st.markdown("\n".join(f"- {escape_markdown(sentence, longest=400)}" for sentence in said))


def in_detail(view: ModelView, assessment: Assessment) -> None:
    measured = assessment.details.get("performance") or {}
    windows = measured.get("windows") or {}
    if windows and view.skill_shown is None:
        yardstick = view.effect_yardstick
        rows = [
            {
                "Window": WINDOW_NAMES.get(name, f"{name} days"),
                "Labels": number(window.get("labels")),
                "Level": yardstick.words(window["effect"]) if window.get("effect") is not None else "",
                "z": number(window.get("z"), digits=1),
            }
            for name, window in windows.items()
        ]
        st.markdown(
            "**The same over shorter windows**",
            help=f"**Level**: {yardstick.name}.\n\n**z**: the loss in standard errors; chance alone stays below 2 "
            f"on 98 of 100 days.\n\nWith few labels of the rarer class a window reaches back further than its name.\n\n{glossary.meaning('effect')}",
        )
        st.table(pd.DataFrame(rows).set_index("Window"))
    said = [
        point
        for point in (
            skill(measured, assessment),
            parts_of_loss(measured, view),
            level(measured),
            calibrated(measured),
        )
        if point
    ]
    if said:
        st.markdown(
            "\n".join(f"- {escape_markdown(point, longest=300)}" for point in said), help=glossary.meaning("skill")
        )


def skill(measured: dict[str, Any], assessment: Assessment) -> str | None:
    then = (assessment.details.get("reference") or {}).get("skill")
    if measured.get("skill") is None or then is None:
        return None
    return f"Skill (1 − its loss / naive loss): {percent(measured['skill'])}, {percent(then)} in the reference."


def parts_of_loss(measured: dict[str, Any], view: ModelView) -> str | None:
    """Return how much of the loss is the population's, and how much the model's; of hardly any advantage there are no shares."""
    mix, misfit = measured.get("mix"), measured.get("misfit")
    if mix is None or misfit is None or view.effect_yardstick is not KEPT or view.skill_shown is not None:
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


BY_SCORE = {
    Task.BINARY: ("Does it come true as often as it says?", "share that came true, by probability"),
    Task.MULTICLASS: ("Is it right as often as it says?", "share that was right, by the largest probability"),
    Task.REGRESSION: ("Does it come out as it says?", "mean of what came true, by prediction"),
}


def by_score(view: ModelView, assessment: Assessment) -> None:
    """Show what came true by what was said: calibration, or predicted against actual."""
    bins = performance_queries.by_score(view.judged, assessment.day)
    if not bins:
        return
    task = view.judged.model.task
    title, what = BY_SCORE[task]
    st.markdown(f"**{title}** {quiet(f'{what}; 28 days of labels')}", help=glossary.meaning("calibration"))
    show_chart(
        metric_charts.by_score(
            bins, view.colours, is_share=task is not Task.REGRESSION and not view.judged.model.score_range
        ),
        key="m_by_score",
        missing="No labels in 28 days.",
    )


def confusion(view: ModelView, assessment: Assessment) -> None:
    """Show what was said against what came true, and per class how many were found and how many of the claims were right."""
    found = performance_queries.confusion(view.judged, assessment.day)
    if found is None:
        return
    total = sum(map(sum, found.counts))
    st.markdown(f"**What was said, what came true** {quiet(f'{total:,} labels of 28 days')}")
    names = [escape_markdown(name, longest=24) for name in found.classes]
    if len(names) <= MOST_CLASSES:
        st.table(
            pd.DataFrame(
                [[f"{count:,}" for count in row] for row in found.counts],
                index=[f"came true: {name}" for name in names],
                columns=[f"said: {name}" for name in names],
            )
        )
    st.markdown(
        f"**Each class** {quiet(f'a share of fewer than {FEWEST_CASES} cases would be chance and is left out')}",
        help="**Found**: of the cases that came true, the share that was said (recall).\n\n"
        "**Right**: of the times it was said, the share that came true (precision).",
    )
    st.table(per_class(found, names))


def per_class(found: Confusion, names: list[str]) -> pd.DataFrame:
    """Return recall and precision of each class with the cases behind them."""
    said = [sum(row[at] for row in found.counts) for at in range(len(names))]
    rows = []
    for at, name in enumerate(names):
        true, hits = sum(found.counts[at]), found.counts[at][at]
        rows.append(
            {
                "Class": name,
                "Came true": f"{true:,}",
                "Found (recall)": _share(hits, true),
                "Said": f"{said[at]:,}",
                "Right (precision)": _share(hits, said[at]),
            }
        )
    return pd.DataFrame(rows).set_index("Class")


def _share(hits: int, cases: int) -> str:
    return percent(hits / cases) if cases >= FEWEST_CASES else "too few"
