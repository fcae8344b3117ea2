"""Evidently's report on a sample of rows: made on request in its own process, kept, and shown in a frame that can touch nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from dashboard.deep_dive.kept import PERFORMANCE, find_report, report_name
from dashboard.deep_dive.order import Order, Request
from dashboard.deep_dive.running import DEEP_DIVES
from dashboard.presentation import escape_markdown, instant, joined, number, plural, short_date, words
from dashboard.widgets import quiet, remember_in_url, small
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dashboard.deep_dive.kept import About, KeptReport
    from dashboard.model_view import ModelView
    from monitoring.assessment import Assessment

DAYS = (1, 7, 28)
ROWS = (500, 2_000, 5_000)
USUAL_DAYS, USUAL_ROWS = 7, 2_000
FRAME_HEIGHT = 820
ABOUT_IT = (
    "It looks at rows where the other tabs look at counts, with Evidently's own methods (Wasserstein, Jensen-Shannon) and its fixed "
    "thresholds of 0.1. The verdict does not rest on it. It holds values of your log: treat it as confidential."
)


def show(view: ModelView) -> None:
    assessment = view.assessment
    if assessment is None or not view.facts.has_log:
        st.markdown("There is no judged log to take a sample from.")
        return
    st.markdown(f"**Evidently's report on a sample of rows** {quiet(ABOUT_IT)}")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        days = choice("Days", DAYS, usual=USUAL_DAYS, name="sample_days", shown=lambda days: plural(days, "day"))
        rows = choice("At most", ROWS, usual=USUAL_ROWS, name="sample_rows", shown=lambda rows: f"{rows:,} rows")
        action = st.container(width="content")
    order = order_of(view, assessment, days=days, rows=rows)
    home = session.configured().home
    kept = find_report(home, order.name)
    if DEEP_DIVES.progress(order.name):
        making(order.name)
        return
    with action:
        st.button(
            "Make the report again" if kept else "Make the report",
            key="m_deep_dive",
            type="secondary" if kept else "primary",
            on_click=start,
            args=(order,),
        )
    if failure := DEEP_DIVES.failure(order.name) or st.session_state.pop(REFUSED, None):
        st.error(escape_markdown(failure, longest=500), icon=":material/error:")
    if kept:
        report(kept, model_id=view.facts.id)
    else:
        span = f"{short_date(order.request.first)} to {short_date(order.request.last)}"
        st.markdown(quiet(f"Not made yet for {span}; it takes 10 to 60 seconds, and you can go on working meanwhile."))


REFUSED = "deep_dive_refused"


def choice(label: str, options: Sequence[int], *, usual: int, name: str, shown: Callable[[int], str]) -> int:
    """Show a choice of a number that lives in the address as ``name`` and return it."""
    asked = st.query_params.get(name, "")
    key = f"m_{name}"
    picked = st.segmented_control(
        label,
        options,
        default=int(asked) if asked in map(str, options) else usual,
        format_func=shown,
        required=True,
        key=key,
        on_change=lambda: remember_in_url(name, "" if st.session_state[key] == usual else str(st.session_state[key])),
    )
    return picked or usual


def order_of(view: ModelView, assessment: Assessment, *, days: int, rows: int) -> Order:
    """Return what to make: the last ``days`` assessed days of the judged version, as they were known on the page's day."""
    settings = session.settings()
    request = Request(
        model=view.facts.id,
        version=assessment.version,
        last=assessment.day,
        known_on=view.known_on,
        days=days,
        rows=rows,
    )
    return Order(
        request=request,
        registry=settings.registry_address(),
        connections=settings.connection_addresses(),
        name=report_name(str(session.registry().engine.url), request),
    )


def start(order: Order) -> None:
    try:
        DEEP_DIVES.start(session.configured().home, order)
    except ModelfolioError as error:
        st.session_state[REFUSED] = str(error)


@st.fragment(run_every="1s")
def making(name: str) -> None:
    """Show how far the report is and the way to stop it; the report takes their place."""
    progress = DEEP_DIVES.progress(name)
    if progress is None:
        st.rerun()
    st.progress(progress.share, text=f"{progress.words} … {number(progress.seconds)} s")
    st.button("Stop", key="m_deep_dive_stop", on_click=DEEP_DIVES.cancel, args=(name,))


def report(kept: KeptReport, *, model_id: str) -> None:
    """Show what was compared, the files to take away, and Evidently's page."""
    about = kept.about
    for sentence in said_of(about):
        st.markdown(small(sentence))
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        part = about.parts[0]
        if len(about.parts) > 1:
            picked = st.segmented_control(
                "Part",
                about.parts,
                default=part,
                format_func=words,
                required=True,
                key="m_deep_dive_part",
                label_visibility="collapsed",
            )
            part = picked or part
        st.space("stretch")
        last = about.request.last.isoformat()
        st.download_button(
            f"Download as HTML ({number(kept.page(part).stat().st_size / 1e6, digits=1)} MB)",
            data=kept.page(part).read_bytes,
            file_name=f"{model_id}-deep-dive-{part}-{last}.html",
            mime="text/html",
            on_click="ignore",
            icon=":material/download:",
            key="m_deep_dive_file",
        )
        st.download_button(
            "Download for Evidently",
            data=kept.workspace_zip,
            file_name=f"{model_id}-evidently-{last}.zip",
            mime="application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            key="m_deep_dive_workspace",
            help="A workspace folder: unpack it, over an earlier one if you like, and run `evidently ui --workspace workspace`.",
        )
    st.iframe(
        f"{session.server_address()}/deep-dive/{kept.token}/{part}.html",
        height=FRAME_HEIGHT,
        alt=f"Evidently's {'performance' if part == PERFORMANCE else 'drift'} report on the sample",
    )


def said_of(about: About) -> list[str]:
    """Return as markdown what was compared with what, and what was not."""
    span = short_date(about.request.last)
    if about.request.days > 1:
        span = f"{short_date(about.request.first)} to {span}"
    compared = (
        f"{plural(about.columns, 'column')} of {plural(about.rows, 'row')} of {span} compared with "
        f"{plural(about.reference_rows, 'row')} of the reference"
    )
    if about.pairs:
        compared += f"; performance on {plural(about.pairs, 'label')} that arrived in these days against {about.reference_pairs:,}"
    sentences = [f"{compared}. Made {instant(about.made_at)} in {number(about.seconds)} s."]
    if about.no_performance:
        sentences.append(f"No performance: {escape_markdown(about.no_performance)}")
    if about.left_out:
        left_out = [f"{escape_markdown(name)} ({escape_markdown(why)})" for name, why in about.left_out.items()]
        sentences.append(f"Left out: {joined(left_out)}.")
    return sentences
