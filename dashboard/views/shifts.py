"""Is it the world or is it us? Days on which many models moved together, for a common cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import glossary, portfolio_session, session, shift_session, tables
from dashboard.model_view import show_chart
from dashboard.portfolio_table import portfolio_columns
from dashboard.presentation import long_date, plural, shift_sentence, short_date
from dashboard.propose import propose_button
from dashboard.shift_charts import moving_share
from dashboard.shift_movements import SHOWN_DAYS
from dashboard.shift_tables import (
    GROUPING_WORDS,
    days_after,
    group_columns,
    group_table,
    shift_columns,
    shift_table,
)
from dashboard.shift_words import evidence, heading
from dashboard.widgets import colours, empty, not_in_url, quiet, remember_in_url, show_notice, small
from data_access.portfolio_filter import DEFAULT_ORDER, PortfolioFilter
from monitoring.decide import MOST_MODELS_AT_ONCE
from monitoring.lifecycle import Action
from monitoring.portfolio_shift import SPILL_DAYS, Grouping, ShiftKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.shift_movements import Movements
    from data_access.shift_queries import KnownShift
    from monitoring.portfolio_shift import Shift

ACTIONS = {ShiftKind.FEED: Action.FIX_DATA, ShiftKind.WORLD: Action.RETRAIN}


def share_of_models(known: Sequence[KnownShift]) -> None:
    first, rates = shift_session.per_day()
    present = plural(int(rates.exposed[-1]), "model")
    st.markdown(
        f"**Share of models that begin to move, per day** {quiet(f'{present} with predictions on the last day')}",
        help="A model moves when at least half of its features from one source are abnormal. The grey band is what chance gives on 999 of "
        "1,000 days, from the models' own days before. " + glossary.meaning("portfolio shift"),
    )
    show_chart(
        moving_share(rates, first=first, begun=[each.shift.day for each in known], colours=colours()),
        key="sh_share",
        missing="No day is known yet.",
    )


def chosen_shift(known: Sequence[KnownShift]) -> KnownShift:
    """Show every shift and return the one that is chosen; the address says which."""
    names = [each.shift.day.isoformat() for each in known]
    asked = st.query_params.get("shift")
    if asked and asked not in names:
        not_in_url("portfolio shift", f"of the day “{asked}”")
    place = names.index(asked) if asked in names else 0
    st.markdown("**Shifts, newest first**")
    event = st.dataframe(
        shift_table(known, colours()),
        column_config=shift_columns(),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(known), most=5),
        placeholder="",
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [place]}},
        key=tables.table_key("sh_shifts", names),
        alt="Portfolio shifts: kind, what the models have in common, how many moved, how many chance would move, since when, state.",
    )
    rows = event.selection.rows
    chosen = rows[0] if rows and rows[0] < len(known) else place
    if names[chosen] != asked:
        remember_in_url("shift", names[chosen])
    return known[chosen]


def groups(movements: Movements, shift: Shift | None) -> None:
    """Show which sources, use cases and teams moved in the shift's first days, else on the last day."""
    title, choice = st.columns([1.5, 1], vertical_alignment="center")
    with choice:
        asked = st.query_params.get("by")
        picked = st.segmented_control(
            "Group by",
            [each.value for each in GROUPING_WORDS],
            default=asked if asked in {each.value for each in GROUPING_WORDS} else Grouping.SOURCE.value,
            required=True,
            format_func=lambda each: GROUPING_WORDS[Grouping(each)],
            key="sh_by",
            on_change=lambda: remember_in_url("by", st.session_state.sh_by),
            label_visibility="collapsed",
            width="stretch",
        )
    grouping = Grouping(picked or Grouping.SOURCE.value)
    found = shift_session.groups(grouping)
    all_days = movements.signs.signs.shape[1]
    if shift:
        at = days_after(shift.day, start=movements.signs.first, days=SPILL_DAYS + 1, last=all_days)
        when = f"newly moving in the first days from {short_date(shift.day)}"
    else:
        at, when = slice(all_days - 1, all_days), "newly moving on the last day"
    title.markdown(f"**Models {when}**")
    named = GROUPING_WORDS[grouping]
    st.dataframe(
        group_table(found, at=at, named=named, colours=colours()),
        column_config=group_columns(named),
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(found), most=8),
        placeholder="",
        key=f"sh_groups_{grouping}",
        alt=f"Models newly moving by {named.lower()}: how many, of how many, and how many chance would move.",
    )


def concerned(known: KnownShift, movements: Movements) -> None:
    """Show one shift: its sentence, its evidence, the models it concerns and the proposal for all of them."""
    shift = known.shift
    ids = tuple(model_id for model_id in shift.models if not known.is_open or shift.touches(model_id))
    wanted = PortfolioFilter(model_ids=ids)
    listed = [row.model_id for row in portfolio_session.listed(wanted)] if ids else []
    with st.container(border=True, key="shift", gap="xsmall"):
        st.markdown(shift_sentence(shift))
        st.markdown(small("  \n".join(evidence(known, movements))))
    name, act = st.columns([1.6, 1], vertical_alignment="center")
    name.markdown(f"**{plural(len(listed), 'model')} concerned** {quiet('worst expected loss first')}")
    ticked = models_concerned(wanted) if listed else []
    with act.container(horizontal=True, horizontal_alignment="right"):
        chosen = ticked or listed[:MOST_MODELS_AT_ONCE]
        everyone = (
            f"Propose for all {len(listed):,}"
            if len(listed) <= MOST_MODELS_AT_ONCE
            else f"Propose for the first {MOST_MODELS_AT_ONCE}"
        )
        propose_button(
            chosen,
            label=None if ticked or not listed else everyone,
            primary=known.is_open,
            action=ACTIONS[shift.kind],
        )


def models_concerned(wanted: PortfolioFilter) -> list[str]:
    """Show the models and return the ticked ones; a clicked cell opens its model."""
    ids, rows = portfolio_session.table(wanted, DEFAULT_ORDER)
    event = st.dataframe(
        rows,
        column_config=portfolio_columns(colours()) | {"Model": st.column_config.TextColumn(width=160)},
        column_order=["Verdict", "Model", "Now", "Drift", "Tier", "Owner"],
        hide_index=True,
        row_height=tables.ROW_HEIGHT,
        height=tables.height(len(ids), most=10),
        placeholder="",
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key=tables.table_key("sh_models", ids),
        alt="The models concerned with verdict, advantage kept now, drift, tier and owner.",
    )
    if event.selection.cells:
        tables.forget_selection()
        st.switch_page(tables.MODEL_PAGE, query_params={"model": ids[event.selection.cells[0][0]]})
    return [ids[row] for row in event.selection.rows if row < len(ids)]


def page() -> None:
    known, movements = shift_session.known_shifts(), shift_session.movements()
    show_notice()
    st.title(
        heading(known) if known or movements.has_days else "Nothing is known about shifts yet",
        anchor=False,
        help=glossary.meaning("portfolio shift", "source"),
    )
    if not known and not movements.has_days:
        empty(
            "Shifts are searched once the models have been assessed.",
            "At least four models that have something in common (a source, a use case or a team) are needed to tell a shift.",
            command="modelfolio assess",
        )
        return
    st.markdown(
        small(
            f"As known on {long_date(session.today())} · the last {SHOWN_DAYS} days · a shift is many models that move on the same days "
            "for a common cause: a broken feed, or a changed world"
        )
    )
    if movements.has_days:
        share_of_models(known)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        chosen = chosen_shift(known) if known else None
        if movements.has_days:
            groups(movements, chosen.shift if chosen else None)
    with right:
        if chosen:
            concerned(chosen, movements)
        else:
            with st.container(border=True):
                st.markdown("No portfolio shift has been found.")
                st.markdown(
                    quiet(
                        "One is found when at least four models, and a quarter of those with a source, a use case or a team in common, "
                        "newly move on one day, and chance would do that on less than one in 100,000 days."
                    )
                )


page()
