"""Which databases are read, whether they answer, what mapping a table would register, and who may act."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard import glossary, pressing, session, tables
from dashboard.presentation import escape_markdown, long_date, plural, words
from dashboard.widgets import notify, quiet, show_notice, small
from data_access import map_models
from data_access.log_connections import LogConnections
from data_access.mapping_guess import guess_cards
from monitoring.errors import ModelfolioError
from monitoring.people import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data_access.map_models import Tried

CARD, TRIED, ANSWERS = "se_card", "se_tried", "se_answers"
ADDRESS_EXAMPLE = "export MODELFOLIO_CONNECTION_WAREHOUSE='postgresql://reader:PASSWORD@host/database'"
SHOWN_TABLES = 12
LONGEST_SENTENCE = 600


@contextmanager
def connections() -> Iterator[LogConnections]:
    """Give the configured connections, closed again afterwards: what a person tries is not kept open."""
    opened = LogConnections(session.settings().connection_addresses())
    try:
        yield opened
    finally:
        opened.close()


def is_administrator() -> bool:
    """Whether to offer what only an administrator may do; the use cases refuse everybody else."""
    person = session.actor()
    return person is not None and not person.is_auditor and person.holds(Role.ADMINISTRATOR, team=None)


def who() -> str:
    return session.actor_email() or ""


def test(name: str) -> None:
    """Open a connection and remember what it answered, for this browser only."""
    try:
        with connections() as opened:
            found = map_models.tables_of(session.registry(), opened, name, by=who())
        shown = ", ".join(escape_markdown(each) for each in found[:SHOWN_TABLES])
        more = f" and {len(found) - SHOWN_TABLES:,} more" if len(found) > SHOWN_TABLES else ""
        said = f"It answers: {plural(len(found), 'table')}{': ' if found else ''}{shown}{more}."
        answer = (True, said)
    except ModelfolioError as error:
        answer = (False, escape_markdown(error, longest=LONGEST_SENTENCE))
    st.session_state.setdefault(ANSWERS, {})[name] = answer


def connections_part() -> None:
    st.subheader("Connections", anchor=False, help=glossary.meaning("connection", "prediction log"))
    st.markdown(
        small(
            "The databases that prediction logs are in. They are only read; their addresses are in the configuration."
        )
    )
    for name in sorted(session.settings().connection_addresses()):
        label, button, answer = st.columns([1.2, 0.7, 4.6], vertical_alignment="center")
        what = " (filled by import and ingest)" if name == "default" else ""
        label.markdown(f"**{escape_markdown(name)}**{what}")
        if is_administrator():
            button.button("Test", key=f"se_test_{name}", on_click=test, args=(name,))
        works, said = st.session_state.get(ANSWERS, {}).get(name, (None, ""))
        if works is not None:
            answer.markdown(f"{':material/check:' if works else ':material/warning:'} {said}")
    with st.expander("Add a connection"):
        st.markdown(
            "Set its address where the server and `modelfolio assess` are started, then start them again. Addresses hold passwords, so "
            "they are never entered, kept or shown here."
        )
        st.code(ADDRESS_EXAMPLE, language="bash")


def draft(connection: str, table: str) -> None:
    """Put the draft of a card for a table into the field."""
    with connections() as opened:
        map_models.check_may_map(session.registry(), by=who())
        cards, _ = guess_cards(opened, connection=connection, table=table)
    st.session_state[CARD] = json.dumps(cards[0], indent=2, ensure_ascii=False)


def ask_for_draft() -> None:
    """Draft a card for the table that was named, or say why not."""
    st.session_state.pop(TRIED, None)
    try:
        draft(st.session_state["se_connection"], st.session_state["se_table"].strip())
    except ModelfolioError as error:
        st.session_state[TRIED] = str(error)


def dry_run() -> None:
    """Try the card in the field; nothing is written."""
    text = st.session_state[CARD]
    try:
        with connections() as opened:
            st.session_state[TRIED] = (text, map_models.tried(session.registry(), opened, text, by=who()))
    except ModelfolioError as error:
        st.session_state[TRIED] = str(error)


@pressing.once
def register(text: str) -> None:
    """Register the cards as they were tried."""
    try:
        with connections() as opened:
            done = map_models.map_models(session.registry(), opened, text, by=who(), now=session.now())
    except ModelfolioError as error:
        st.session_state[TRIED] = str(error)
        return
    st.session_state.pop(TRIED, None)
    notify(f"{', '.join(f'{each.name}: {each.kind}' for each in done)}. The next assessment judges it.")


def map_part() -> None:
    st.subheader("Map a table", anchor=False, help=glossary.meaning("card", "dry run"))
    if not is_administrator():
        st.markdown(quiet("An administrator maps tables here; `modelfolio map` does the same in a terminal."))
        return
    st.markdown(
        small(
            "A model is registered from a table that is there; nothing is copied. Nothing is written before you register it."
        )
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox("Connection", sorted(session.settings().connection_addresses()), key="se_connection", width=220)
        st.text_input("Table", key="se_table", width=320, placeholder="schema.table")
        st.button("Draft a card", on_click=ask_for_draft)
    st.text_area(
        "Card (model.json)",
        key=CARD,
        height=260,
        placeholder="Draft a card for a table, or paste one.",
        help="What the keys mean is said in docs/model-card.md.",
    )
    st.button("Dry run", type="primary", on_click=dry_run, disabled=not st.session_state.get(CARD))
    found = st.session_state.get(TRIED)
    if isinstance(found, str):
        mistakes(found.splitlines())
    elif found is not None:
        tried_part(*found)


def mistakes(lines: list[str]) -> None:
    """Show what is wrong, a line each."""
    st.error("  \n".join(escape_markdown(line, longest=LONGEST_SENTENCE) for line in lines), icon=":material/error:")


def tried_part(text: str, found: list[Tried]) -> None:
    """Show what would be registered, and the button that does it."""
    if text != st.session_state.get(CARD):
        st.markdown(quiet("The card was changed since its dry run."))
        return
    if wrong := [mistake for each in found for mistake in each.checked.mistakes]:
        mistakes(wrong)
        return
    for each in found:
        one_tried(each)
    if all(each.registration and each.registration.kind == "unchanged" for each in found):
        st.markdown("It is registered like this already.")
        return
    st.button(f"Register {plural(len(found), 'model')}", type="primary", on_click=register, args=(text,))


def one_tried(each: Tried) -> None:
    """Show a card as understood: the first rows, what is remarkable, and the rows of the last days."""
    card, kind = each.checked.card, each.registration.kind if each.registration else ""
    features = [part for part in card.features if part.type != "ignore"]
    with st.container(border=True, gap="xsmall"):
        st.markdown(
            f"**{escape_markdown(card.name)}** · {kind} · {words(card.task.value).lower()} · {plural(len(features), 'feature')} · "
            "no mistake; nothing is registered yet"
        )
        lines = [*each.checked.notes, *(each.registration.differences if each.registration else ())]
        st.markdown("\n".join(f"- {escape_markdown(line, longest=LONGEST_SENTENCE)}" for line in lines))
        rows, days = st.columns([2.4, 1])
        rows.markdown(small("The first rows as understood"))
        columns = {f"Row {number}": row for number, row in enumerate(each.checked.first_rows[:3], start=1)}
        rows.dataframe(pd.DataFrame(columns).rename_axis("Part"), height=250)
        days.markdown(small("Rows and arrived labels of the last days"))
        counted = [
            {"Day": long_date(day), "Rows": count[0], "Labels": count[1]} for day, count in each.rows_of_days.items()
        ]
        days.dataframe(pd.DataFrame(counted), hide_index=True, height=tables.height(len(counted), most=7))


def people_part() -> None:
    st.subheader("People", anchor=False, help=glossary.meaning("administrator", "approver"))
    listed = [
        {
            "Name": person.name,
            "Address": person.email,
            "Roles": ", ".join(g.role.words + (f" of {g.team}" if g.team else "") for g in person.grants) or "none",
        }
        for person in session.people_with_roles()
    ]
    st.dataframe(pd.DataFrame(listed), hide_index=True, height=tables.height(len(listed), most=12), placeholder="")
    st.markdown(
        small(
            "Owners need no role. An administrator changes people and roles with `modelfolio people add` and `modelfolio people role`."
        )
    )


def page() -> None:
    st.title("Settings", anchor=False)
    show_notice()
    connections_part()
    map_part()
    people_part()


page()
