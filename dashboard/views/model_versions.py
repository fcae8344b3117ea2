"""Which versions it has had, how each did, and how they compare where they predicted on the same days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboard import glossary
from dashboard.metric_charts import MetricWords
from dashboard.presentation import escape_markdown, number, one_line, percent, plural, short_date, words
from dashboard.widgets import quiet
from data_access import performance_queries
from monitoring.known_metrics import ACCURACY

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from data_access.performance_queries import SameDays
    from monitoring.assessment import Assessment
    from monitoring.portfolio import ModelVersion


def show(view: ModelView) -> None:
    versions(view)
    same_days(view)
    if view.assessment:
        retraining(view.assessment)
        reference(view.assessment)


def versions(view: ModelView) -> None:
    """Show every version with what it was trained on, when it was in service, and its metric then and last."""
    st.markdown("**Versions**", help=glossary.meaning("model version", "reference"))
    if not view.facts.versions:
        st.markdown(quiet("None is registered."))
        return
    measured = metric_by_version(view)
    rows = [
        {
            "Version": one_line(version.version, longest=60) + ("" if version.announced else " (not announced)"),
            "Trained on": f"{version.trained_from} – {version.trained_to}" if version.trained_from else "not stated",
            "In service from": version.active_from.isoformat() if version.active_from else "the beginning",
            **measured.get(version.version, {}),
        }
        for version in view.facts.versions
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        placeholder="",
        key="m_versions",
        alt="The versions of the model with their metric in the reference and over the last 28 days of labels of each.",
    )


def metric_by_version(view: ModelView) -> dict[str, dict[str, str]]:
    """Return per version the metric people know in its reference and over its last 28 days of labels."""
    offered = performance_queries.metrics_of(view.judged)
    if not offered:
        return {}
    chosen = offered[0]
    days, shown = (
        performance_queries.metric_days(view.judged, chosen),
        MetricWords(chosen.name, chosen.cases, chosen.is_share),
    )
    found = {}
    for version, part in days.groupby("version", sort=False):
        end: dict[Any, Any] = part.iloc[-1].to_dict()
        found[str(version)] = {
            f"{chosen.name} in its reference": shown.value(end["reference"]),
            f"{chosen.name} over its last 28 days of labels": shown.interval(end),
            "on labels": f"{end['labels']:,}",
            "labels up to": short_date(end["labelled_to"]),
        }
    return found


def same_days(view: ModelView) -> None:
    """Show each two versions over the days on which both predicted and have labels."""
    if len(view.facts.versions) < 2:  # noqa: PLR2004 - one version has nothing to be compared with
        return
    st.markdown(
        f"**Compared on the same days** {quiet('only days on which both have labelled predictions')}",
        help="Rows of every version are counted, in service or beside it. The interval takes the two versions’ rows as independent; "
        "where both predicted the very same cases it is wider than it need be.",
    )
    pairs = performance_queries.versions_on_same_days(view.judged)
    if not pairs:
        st.markdown(
            quiet("No day has labelled predictions of two versions, so no two can be compared on the same days.")
        )
        return
    st.table(pd.DataFrame([same_days_row(pair) for pair in pairs]).set_index("Versions"))


def same_days_row(pair: SameDays) -> dict[str, str]:
    shown = MetricWords(pair.metric, "labels", is_share=pair.metric == ACCURACY.name)
    factor = 100 if shown.is_share else 1
    digits = 1 if shown.is_share or abs(pair.difference) >= 10 else 3  # noqa: PLR2004 - three digits that count
    difference, low, high = (number(factor * x, digits=digits) for x in (pair.difference, pair.low, pair.high))
    name = f"{pair.version} against {pair.other}"
    return {
        "Versions": escape_markdown(name, longest=80),
        "Days in common": f"{pair.days:,}, {short_date(pair.first)} to {short_date(pair.last)}",
        f"{pair.metric}": f"{shown.value(pair.value[0])} against {shown.value(pair.value[1])}",
        "Difference": f"{difference}{' points' if shown.is_share else ''} [{low}, {high}]",
        "Labels": f"{pair.labels[0]:,} and {pair.labels[1]:,}",
        "Mean loss": f"{number(pair.loss[0], digits=3)} against {number(pair.loss[1], digits=3)}",
    }


def retraining(assessment: Assessment) -> None:
    """Say what the last retraining brought: skill after against before, each against the naive forecast of its own days."""
    found = assessment.details.get("retraining") or {}
    if not found:
        return
    ends = f"[{number(100 * found['skill_difference_low'])}, {number(100 * found['skill_difference_high'])}]"
    st.markdown(
        f"**What the retraining brought** {quiet('each version against the naive forecast of its own days')}  \n"
        f"Skill {percent(found['skill_before'])} before, {percent(found['skill_after'])} after: a difference of "
        f"{escape_markdown(number(100 * found['skill_difference']))} points {escape_markdown(ends)}.",
        help=glossary.meaning("skill", "outcome"),
    )


def reference(assessment: Assessment) -> None:
    known = assessment.details.get("reference") or {}
    if not known:
        return
    origin = words(str(known.get("origin", ""))).lower()
    st.markdown(
        quiet(
            f"Judged against {known.get('first')} to {known.get('last')} ({origin}), {plural(int(known.get('rows', 0)), 'row')}, "
            f"{plural(int(known.get('labels', 0)), 'label')}."
        )
    )


def version_words(version: ModelVersion) -> str:
    """Return a version with what it was trained on, for the timeline."""
    trained = ""
    if version.trained_from and version.trained_to:
        trained = f", trained {version.trained_from:%b %Y}–{version.trained_to:%b %Y}"
    return f"{version.version}{trained}" + ("" if version.announced else ", not announced")
