"""Evidently's report on a sample of rows, made on request in its own process and handed over as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import deep_dive, session
from dashboard.presentation import escape_markdown, joined, short_date
from dashboard.widgets import quiet
from data_access.model_registry import open_log
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from pathlib import Path

    from dashboard.model_view import ModelView
    from monitoring.assessment import Assessment

WAITING = "Reading the sample, then Evidently compares it; this takes 15 to 60 seconds"
PACE = 5
"""The bar runs ahead of the time limit: most reports are done in a fifth of it."""
LEFT_OUT = "deep_dive_left_out"


def show(view: ModelView) -> None:
    assessment = view.assessment
    if assessment is None or not view.facts.has_log:
        st.markdown("There is no judged log to take a sample from.")
        return
    st.markdown(
        f"**Evidently's drift report on a sample** {quiet(f'at most {deep_dive.MOST_ROWS:,} rows of the {deep_dive.WINDOW_DAYS} days up to {short_date(assessment.day)} against as many of the reference')}"
    )
    st.markdown(
        "It looks at rows where this page looks at counts, with Evidently's own methods (Wasserstein, Jensen-Shannon) and its fixed "
        "thresholds of 0.1. The verdict does not rest on it. The file holds values of your log: treat it as confidential."
    )
    file = deep_dive.report_file(
        session.settings().home,
        {
            "registry": str(session.registry().engine.url),
            "model": view.facts.id,
            "version": assessment.version,
            "day": assessment.day.isoformat(),
            "known_on": assessment.known_on.isoformat(),
        },
    )
    if st.button("Make the report again" if file.exists() else "Make the report", key="m_deep_dive"):
        make(view, assessment, file)
    for sentence in st.session_state.get(LEFT_OUT, {}).get(file.name, []):
        st.markdown(quiet(sentence))
    if file.exists():
        st.download_button(
            f"Download the report ({file.stat().st_size / 1e6:.1f} MB HTML)",
            data=file.read_bytes,
            file_name=f"{view.facts.id}-deep-dive-{assessment.day.isoformat()}.html",
            mime="text/html",
            on_click="ignore",
            icon=":material/download:",
            key="m_deep_dive_file",
        )


def make(view: ModelView, assessment: Assessment, file: Path) -> None:
    """Make the report while its progress is shown; what goes wrong is said in one sentence."""
    bar = st.progress(0.0, text=f"{WAITING}.")

    def tick(share: float) -> None:
        bar.progress(min(PACE * share, 0.97), text=f"{WAITING}.")

    try:
        with open_log(session.registry(), view.facts.id, connections=session.settings().connection_addresses()) as log:
            sample = deep_dive.read_sample(
                log,
                version=assessment.version,
                features=view.facts.features,
                last=assessment.day,
                known_on=view.known_on,
            )
        title = f"{view.facts.name}, {assessment.version}, week up to {assessment.day.isoformat()}"
        page = deep_dive.make_report(sample, title=title, tick=tick)
        deep_dive.keep_report(file, page)
    except ModelfolioError as error:
        st.error(escape_markdown(error, longest=500), icon=":material/error:")
    else:
        reasons = [f"{escape_markdown(name)} ({reason})" for name, reason in sample.left_out.items()]
        compared = f"Compared {len(sample.current):,} rows with {len(sample.reference):,} of the reference."
        left_out = [f"Left out: {joined(reasons)}."] if reasons else []
        st.session_state.setdefault(LEFT_OUT, {})[file.name] = [compared, *left_out]
    finally:
        bar.empty()
