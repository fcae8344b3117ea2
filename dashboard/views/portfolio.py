"""Where do we stand? Every model with its verdict, worst expected loss first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import session, tables
from dashboard.presentation import (
    VERDICT_LABELS,
    csv_bytes,
    instant,
    joined,
    long_date,
    number,
    one_line,
    plural,
    shift_sentence,
    short_date,
    signed,
)
from dashboard.propose import propose_button
from dashboard.widgets import chosen_from_url, colours, empty, remember_in_url, show_notice, small, url_filter
from data_access import portfolio_queries
from data_access.portfolio_queries import MOST_ROWS, RETIRED, TIER_NOT_SET, VERDICT_ORDER, PortfolioFilter, Standing
from monitoring.assessment import Basis, Verdict
from monitoring.error_control import beyond_chance, chance_of, expected_chance_signals
from monitoring.policy import DEFAULT_POLICY

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

STALE_AFTER_DAYS = 2
FILTER_KEYS = ("pf_verdict", "pf_q", "pf_tier", "pf_team", "pf_use_case", "pf_owner")
LAST_ADDRESS = "pf_last_address"
FILTER_NAMES = ("verdict", "q", "tier", "team", "use_case", "owner", "shift")


def heading(standing: Standing, wanted: PortfolioFilter) -> str:
    models = f"{standing.judged:,} of {plural(standing.models, 'model')}"
    which = "" if wanted.is_empty else "chosen "
    needing = standing.needing_someone
    rest = f"{needing:,} need{'s' if needing == 1 else ''} someone" if needing else "nothing needs anyone"
    return f"{models.replace(' model', f' {which}model', 1)} judged; {rest}"


def coverage(standing: Standing) -> str:
    """Return why models are not judged, and on what the others rest."""
    parts = []
    if unknown := standing.counts[Verdict.UNKNOWN]:
        reasons = [f"{count:,} {reason}" for reason, count in standing.not_judged.items()]
        parts.append(f"{unknown:,} not judged: {', '.join(reasons)}.")
    elif standing.models:
        parts.append("Every model is judged.")
    if estimated := standing.estimated[Verdict.KEEP]:
        parts.append(f"Of those performing well, {estimated:,} on estimates.")
    if estimated := standing.estimated[Verdict.RETRAIN]:
        parts.append(f"Of those to retrain, {estimated:,} on estimates.")
    if standing.failed:
        parts.append(f"The last assessment of {plural(standing.failed, 'model')} failed; the reason is on its page.")
    aside = [
        f"{count:,} {word}"
        for count, word in ((standing.suspended, "suspended"), (standing.retired, "retired"))
        if count
    ]
    if aside:
        parts.append(f"{joined(aside).capitalize()}.")
    return " ".join(parts)


def count_label(standing: Standing, verdict: str) -> str:
    kind = Verdict(verdict)
    change = signed(standing.changes[kind])
    label = f"{VERDICT_LABELS[kind].markdown}\u2003**{standing.counts[kind]:,}**"
    return f"{label}\u2002{small(change)}" if change else label


def verdict_counts(wanted_from_url: PortfolioFilter) -> tuple[str, ...]:
    """Show the counts, each a filter, and return the chosen verdicts."""
    standing = session.standing(wanted_from_url)
    with st.container(key="counts"):
        chosen = st.segmented_control(
            "Verdict",
            VERDICT_ORDER,
            selection_mode="multi",
            default=chosen_from_url("verdict", VERDICT_ORDER),
            format_func=lambda verdict: count_label(standing, verdict),
            key="pf_verdict",
            on_change=lambda: remember_in_url("verdict", st.session_state.pf_verdict),
            width="stretch",
            label_visibility="collapsed",
        )
    return tuple(chosen or ())


def asked_in_url() -> PortfolioFilter:
    """Return the filters of the address, so that a copied link shows the same rows; what does not exist is ignored."""
    offered = session.filter_options()
    return PortfolioFilter(
        verdicts=tuple(chosen_from_url("verdict", VERDICT_ORDER)),
        tiers=tuple(int(tier) for tier in chosen_from_url("tier", [str(tier) for tier in offered.tiers])),
        teams=tuple(chosen_from_url("team", offered.teams)),
        use_cases=tuple(chosen_from_url("use_case", offered.use_cases)),
        owners=tuple(chosen_from_url("owner", list(offered.owners))),
        text=st.query_params.get("q", ""),
        model_ids=shift_in_url(),
    )


def shift_in_url() -> tuple[str, ...]:
    """Return the models of the open shift that the address names by its day; a shift that is over filters nothing."""
    asked = st.query_params.get("shift")
    return next((shift.models for shift in session.open_shifts() if shift.day.isoformat() == asked), ())


def shift_card() -> None:
    """Show the open portfolio shifts, quietly: what moved since when, whether a feed broke, and which models."""
    shifts = session.open_shifts()
    if not shifts:
        return
    with st.container(border=True, key="shift", gap="xsmall"):
        for shift in shifts:
            words, press = st.columns([4, 1], vertical_alignment="center")
            words.markdown(shift_sentence(shift))
            chosen = st.query_params.get("shift") == shift.day.isoformat()
            press.button(
                "Show all models" if chosen else f"Show {plural(len(shift.models), 'model')}",
                key=f"pf_shift_{shift.day.isoformat()}",
                on_click=remember_in_url,
                args=("shift", "" if chosen else shift.day.isoformat()),
                type="tertiary",
                width="stretch",
            )


def model_filters() -> None:
    """Show the filters on the model; they write the address, which the next run reads."""
    offered = session.filter_options()
    search, tier, team, use_case, owner, clear = st.columns([2.4, 1.2, 1.5, 1.4, 1.4, 0.9], gap="small")
    with search:
        st.text_input(
            "Find",
            value=st.query_params.get("q", ""),
            key="pf_q",
            type="search",
            placeholder="Find a model, owner or purpose",
            label_visibility="collapsed",
            on_change=lambda: remember_in_url("q", st.session_state.pf_q),
        )
    with tier:
        url_filter(
            "Tier",
            name="tier",
            key="pf_tier",
            options=[str(tier) for tier in offered.tiers],
            shown=lambda tier: "Tier not set" if tier == str(TIER_NOT_SET) else f"Tier {tier}",
            placeholder="All tiers",
        )
    with team:
        url_filter("Team", name="team", key="pf_team", options=offered.teams, shown=one_line, placeholder="All teams")
    with use_case:
        url_filter(
            "Use case",
            name="use_case",
            key="pf_use_case",
            options=offered.use_cases,
            shown=one_line,
            placeholder="All use cases",
        )
    with owner:
        url_filter(
            "Owner",
            name="owner",
            key="pf_owner",
            options=list(offered.owners),
            shown=lambda owner: one_line(offered.owners.get(owner, owner)),
            placeholder="All owners",
        )
    with clear:
        if not asked_in_url().is_empty:
            st.button("Clear filters", type="tertiary", on_click=clear_filters)


def clear_filters() -> None:
    for name in FILTER_NAMES:
        st.query_params.pop(name, None)
    for key in FILTER_KEYS:
        st.session_state.pop(key, None)


def everything_that_passes(wanted: PortfolioFilter) -> bytes:
    """Return the CSV: every model that passes the filters, not only those on screen."""
    rows, _ = portfolio_queries.overview(session.registry().engine, day=session.today(), wanted=wanted, most_rows=None)
    return csv_bytes(rows)


def as_known(standing: Standing, today: date) -> str:
    assessed = f", assessed {instant(standing.assessed_at)}" if standing.assessed_at else ""
    return f"As known on {long_date(today)}{assessed}"


def count_line(shown: int, total: int) -> str:
    first = f"{shown:,} of {plural(total, 'model')}" if shown < total else plural(total, "model")
    return (
        f"{first}, worst expected loss first · sparklines: last 28 days, advantage over the naive forecast from 40 to 110 % of the "
        "reference's, drift from 0 to 2 times its threshold · click a cell to open the model, tick rows to propose"
    )


def chance_line(rows: pd.DataFrame, standing: Standing) -> str:
    """Return how many measured losses are more than chance, and how many signals chance alone would give.

    Only for a list of every verdict: what stands out is told against all models that were measured.
    """
    if not standing.measured:
        return ""
    is_measured = rows["basis"].eq(Basis.REALISED.value) & rows["service_state"].ne(RETIRED)
    z = rows.loc[is_measured, "z_28"].astype(float).dropna()
    found = beyond_chance([chance_of(value) for value in z], models=standing.measured)
    signals = expected_chance_signals(standing.measured, level=DEFAULT_POLICY.cusum_retrain)
    stands_out = (
        f"{number(found)} of {plural(standing.measured, 'model')} measured on labels {'has' if found == 1 else 'have'} lost "
        "more than chance explains, and about one in ten of those is expected to be chance"
        if found
        else f"no loss of the {plural(standing.measured, 'model')} measured on labels is more than chance explains"
    )
    monthly = f"at most {plural(round(signals), 'retrain signal')}" if signals >= 1 else "fewer than one retrain signal"
    return f"{stands_out[:1].upper()}{stands_out[1:]} · by chance alone {monthly} a month"


def table(rows: pd.DataFrame, advantage: Any, drift: Any) -> list[str]:
    """Show the ranked table and return the ids of the ticked models; a clicked cell opens its model."""
    ids = list(rows["model_id"])
    key = tables.table_key("pf_table", ids)
    event = st.dataframe(
        tables.portfolio_table(rows, advantage=advantage, drift=drift, today=session.today(), colours=colours()),
        column_config=tables.portfolio_columns(colours()),
        hide_index=True,
        row_height=32,
        height=tables.height(len(rows), most=16),
        placeholder="",
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key=key,
        alt="Every model with its verdict, why, the advantage it keeps, its drift, tier, owner and open decision.",
    )
    if event.selection.cells:
        tables.forget_selection()
        session.remember_list(ids)
        st.switch_page(tables.MODEL_PAGE, query_params={"model": ids[event.selection.cells[0][0]]})
    return [ids[row] for row in event.selection.rows if row < len(ids)]


def keep_address() -> None:
    """Remember the filters; the browser's Back from a model brings its address here, and then they are put back."""
    if "model" in st.query_params:
        st.query_params.from_dict(st.session_state.get(LAST_ADDRESS, {}))
    st.session_state[LAST_ADDRESS] = {
        name: st.query_params.get_all(name) for name in FILTER_NAMES if name in st.query_params
    }


def page() -> None:
    keep_address()
    wanted = asked_in_url()
    standing = session.standing(wanted)
    today = session.today()
    if not standing.models + standing.retired and wanted.is_empty:
        st.title("No model is registered yet")
        empty(
            "Import a folder with a model card, map a table you already have, or look at the sample portfolio.",
            command="modelfolio import path/to/folder\nmodelfolio map path/to/model.json\nmodelfolio demo",
        )
        return
    show_notice()
    answer, actions = st.columns([3, 1], vertical_alignment="center")
    answer.title(heading(standing, wanted), anchor=False)
    action_place = actions.container(horizontal=True, horizontal_alignment="right")
    why, known = st.columns([2.2, 1])
    why.markdown(small(coverage(standing)))
    known.markdown(small(as_known(standing, today)), text_alignment="right")
    if standing.newest_day and (today - standing.newest_day).days > STALE_AFTER_DAYS:
        st.info(
            f"Stale: last assessed for {short_date(standing.newest_day)}, {plural((today - standing.newest_day).days, 'day')} "
            "ago. Verdicts below are of that day. Run `modelfolio assess`.",
            icon=":material/schedule:",
        )
    shift_card()
    verdict_counts(wanted)
    model_filters()
    rows, total, advantage, drift = session.overview(wanted)
    ticked: list[str] = []
    if rows.empty:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"No model passes these filters; there are {number(portfolio_models())} in all.")
            st.button("Clear filters", on_click=clear_filters, key="pf_clear_empty")
    else:
        ticked = table(rows, advantage, drift)
        chance = "" if wanted.verdicts else chance_line(rows, standing)
        said = (count_line(min(len(rows), MOST_ROWS), total), chance)
        st.markdown("  \n".join(small(line) for line in said if line))
    with action_place:
        st.download_button(
            "CSV",
            data=lambda: everything_that_passes(wanted),
            file_name=f"portfolio-{today.isoformat()}.csv",
            mime="text/csv",
            on_click="ignore",
            disabled=rows.empty,
        )
        propose_button(ticked)


def portfolio_models() -> int:
    everyone = session.standing(PortfolioFilter())
    return everyone.models + everyone.retired


page()
