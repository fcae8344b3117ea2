"""Where do we stand? Every model with its verdict, worst expected loss first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import glossary, model_list, portfolio_session, session, tables
from dashboard.pack_control import pack_control
from dashboard.portfolio_filters import (
    ORDER_WORDS,
    asked_in_url,
    clear_filters,
    compared_with,
    keep_address,
    model_filters,
    order_in_url,
    verdict_counts,
)
from dashboard.portfolio_table import portfolio_columns
from dashboard.portfolio_words import chance_line, coverage, heading
from dashboard.presentation import (
    csv_bytes,
    escape_markdown,
    instant,
    long_date,
    number,
    plural,
    shift_sentence,
    short_date,
)
from dashboard.propose import propose_button
from dashboard.widgets import colours, empty, remember_in_url, show_notice, small
from data_access.portfolio_filter import STALE_AFTER_DAYS, PortfolioFilter
from data_access.portfolio_queries import MOST_ROWS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from data_access.portfolio_standing import Standing
    from monitoring.zombie import Zombie


def overdue() -> str:
    """Return how many proposals nobody answered in time, of the whole portfolio."""
    late, escalated = portfolio_session.overdue()
    if not late:
        return ""
    escalates = "of tier 1 and escalated to every approver"
    strict = f", {escalates}" if escalated == late else f", {escalated:,} of them {escalates}" if escalated else ""
    return f"{plural(late, 'answer')} overdue{strict}."


def shift_card() -> None:
    """Show the open portfolio shifts, quietly: what moved since when, whether a feed broke, and which models."""
    shifts = session.open_shifts()
    if not shifts:
        return
    with st.container(border=True, key="shift", gap="xsmall"):
        for shift in shifts:
            day = shift.day.isoformat()
            chosen = st.query_params.get("shift") == day
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.markdown(shift_sentence(shift), width="stretch")
                st.button(
                    "Show all models" if chosen else f"Show {plural(len(shift.models), 'model')}",
                    key=f"pf_shift_{day}",
                    on_click=remember_in_url,
                    args=("shift", "" if chosen else day),
                    type="tertiary",
                )
                if st.button("See the shift", key=f"pf_see_{day}"):
                    st.switch_page(tables.SHIFTS_PAGE, query_params={"shift": day})


def zombie_card(zombies: Sequence[Zombie]) -> None:
    """Say which retired models are still scored, with the way to them."""
    if not zombies:
        return
    first, chosen = zombies[0], st.query_params.get_all("lens") == ["zombie"]
    which = escape_markdown(first.name, longest=60)
    are = f"{plural(len(zombies), 'retired model')} {'is' if len(zombies) == 1 else 'are'} still scored."
    more = f" {plural(len(zombies) - 1, 'other')} beside it." if zombies[1:] else ""
    with st.container(border=True, key="zombies", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(
            f"**{are}** {which}: {escape_markdown(first.counted)}.{more}",
            width="stretch",
            help=glossary.meaning("zombie"),
        )
        st.button(
            "Show all models" if chosen else f"Show {plural(len(zombies), 'model')}",
            key="pf_zombies",
            on_click=remember_in_url,
            args=("lens", [] if chosen else ["zombie"]),
            type="tertiary",
        )


def everything_that_passes(wanted: PortfolioFilter, order: str) -> bytes:
    """Return the CSV: every model that passes the filters, not only those on screen."""
    return csv_bytes(portfolio_session.exported(portfolio_session.listed(wanted, order)))


def as_known(standing: Standing, today: date) -> str:
    assessed = f", assessed {instant(standing.assessed_at)}" if standing.assessed_at else ""
    return f"As known on {long_date(today)}{assessed} · {compared_with(standing)}"


def count_line(shown: int, total: int, order: str) -> str:
    first = f"{shown:,} of {plural(total, 'model')}" if shown < total else plural(total, "model")
    words = ORDER_WORDS[order]
    return (
        f"{first}, {words[:1].lower()}{words[1:]} · sparklines: last 28 days, advantage over the naive forecast from 40 to 110 % of the "
        "reference's, drift from 0 to 2 times its threshold, traffic from 0 to 2 times the usual · click a cell to open the model, "
        "tick rows to propose"
    )


def table(wanted: PortfolioFilter, order: str) -> list[str]:
    """Show the ranked table and return the ids of the ticked models; a clicked cell opens its model."""
    ids, rows = portfolio_session.table(wanted, order)
    event = st.dataframe(
        rows,
        column_config=portfolio_columns(colours()),
        hide_index=True,
        row_height=32,
        height=tables.height(len(ids), most=16),
        placeholder="",
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key=tables.table_key("pf_table", ids),
        alt="Every model with its verdict, why, the advantage it keeps, its drift, traffic, tier, owner and open decision.",
    )
    if event.selection.cells:
        tables.forget_selection()
        model_list.remember(ids)
        st.switch_page(tables.MODEL_PAGE, query_params={"model": ids[event.selection.cells[0][0]]})
    return [ids[row] for row in event.selection.rows if row < len(ids)]


def nothing_registered() -> None:
    st.title("No model is registered yet")
    empty(
        "Import a folder with a model card, map a table you already have, or look at the sample portfolio.",
        "What is imported is judged by `modelfolio assess`; until then a model is listed as not judged.",
        command="modelfolio import path/to/folder\nmodelfolio map path/to/model.json\nmodelfolio assess\nmodelfolio demo",
    )


def nothing_passes() -> None:
    everyone = portfolio_session.standing(PortfolioFilter())
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"There are {plural(everyone.models, 'model')} in all.", width="content")
        st.button("Clear filters", on_click=clear_filters, key="pf_clear_empty")


def notes_on_assessment(standing: Standing, today: date) -> None:
    """Say above everything when there is no assessment yet, or an old one."""
    if standing.newest_day is None:
        st.info("Nothing is assessed yet. Run `modelfolio assess`.", icon=":material/schedule:")
    elif (today - standing.newest_day).days > STALE_AFTER_DAYS:
        st.info(
            f"Stale: last assessed for {short_date(standing.newest_day)}, {plural((today - standing.newest_day).days, 'day')} "
            "ago. Verdicts below are of that day. Run `modelfolio assess`.",
            icon=":material/schedule:",
        )


def page() -> None:
    keep_address()
    wanted, order = asked_in_url(), order_in_url()
    ranking, today = portfolio_session.ranking(wanted, order), session.today()
    standing = ranking.standing
    if not ranking.rows and wanted.is_empty:
        nothing_registered()
        return
    show_notice()
    passing = {row.model_id: row.is_retired for row in ranking.rows}
    zombies = [zombie for zombie in portfolio_session.zombies() if zombie.model_id in passing]
    retired = sum(passing[zombie.model_id] for zombie in zombies)
    answer, actions = st.columns([3, 1.4], vertical_alignment="center")
    answer.title(heading(standing, wanted, zombies=retired), anchor=False, help=glossary.meaning("verdict", "basis"))
    action_place = actions.container(horizontal=True, horizontal_alignment="right")
    why, known = st.columns([1.8, 1.2])
    why.markdown(small(" ".join(part for part in (coverage(standing), overdue()) if part)))
    known.markdown(small(as_known(standing, today)), text_alignment="right")
    notes_on_assessment(standing, today)
    shift_card()
    zombie_card(zombies)
    verdict_counts(standing)
    model_filters()
    total = len(ranking.of(wanted.verdicts))
    ticked: list[str] = []
    if total:
        ticked = table(wanted, order)
        said = (
            count_line(min(total, MOST_ROWS), total, order),
            "" if wanted.verdicts else chance_line(standing, level=session.lowest_retrain_level()),
        )
        st.markdown("  \n".join(small(line) for line in said if line))
    else:
        nothing_passes()
    with action_place:
        if not wanted.is_empty:
            st.button("Clear filters", type="tertiary", on_click=clear_filters, key="pf_clear")
        st.download_button(
            "CSV",
            data=lambda: everything_that_passes(wanted, order),
            file_name=f"portfolio-{today.isoformat()}.csv",
            mime="text/csv",
            on_click="ignore",
            disabled=not total,
            help=f"Every model that passes the filters: {number(total)}.",
        )
        pack_control(wanted, since=wanted.changed_since)
        propose_button(ticked)


page()
