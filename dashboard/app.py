"""The script Streamlit runs for every visitor: who acts, which day it is, and which page."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import session
from dashboard.presentation import escape_markdown, long_date, words
from dashboard.tables import MODEL_PAGE
from dashboard.widgets import colours
from data_access.demo_clock import move_demo_clock
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from monitoring.people import Actor

HERE = Path(__file__).parent
ASSETS = HERE / "assets"
VIEWS = HERE / "views"
STYLE = """
.st-key-page{margin:0 -2.6rem;width:calc(100% + 5.2rem)!important;max-width:none!important}
.st-key-page h1{padding:0 0 .9rem} .st-key-page h2,.st-key-page h3{padding:0 0 1rem}
.st-key-page [aria-selected="true"] p,.st-key-page [aria-checked="true"] p,.st-key-page [aria-pressed="true"] p{color:ACCENT}
.st-key-counts button{min-height:54px} .st-key-counts strong{font-size:20px;font-weight:650}
.st-key-shift{border-left:4px solid WATCH!important}
.st-key-facts{border-top:1px solid LINE;border-bottom:1px solid LINE;padding:7px 0 5px}
.st-key-demobar{background:PANEL;border-radius:6px;padding:5px 12px}
.st-key-decidebar{margin:0 -2.6rem;width:calc(100% + 5.2rem)!important;max-width:none!important}
"""
"""All the CSS there is: only keys, tags and ARIA states, so that a rule that stops matching breaks nothing."""


def frame() -> None:
    """Set up what surrounds every page."""
    st.set_page_config(page_title="modelfolio", page_icon=str(ASSETS / "favicon.svg"), layout="wide")
    mode = colours()
    filled = STYLE.replace("ACCENT", mode.accent).replace("LINE", mode.border).replace("PANEL", mode.panel)
    filled = filled.replace("WATCH", mode.watch_fill)
    st.html(f"<style>{filled}</style>")
    st.logo(str(ASSETS / f"logo_{'dark' if st.context.theme.type == 'dark' else 'light'}.svg"))


def pages() -> dict[str, list[st.Page]]:
    """Return the menu; the model page is reached from a model, not from the menu."""
    waiting = session.waiting_count()
    return {
        "": [
            st.Page(VIEWS / "portfolio.py", title="Portfolio", url_path="portfolio", default=True),
            st.Page(
                VIEWS / "approvals.py", title=f"Approvals ({waiting})" if waiting else "Approvals", url_path="approvals"
            ),
            *(
                [st.Page(MODEL_PAGE, title="Model", url_path="model", visibility="hidden")]
                if MODEL_PAGE.exists()
                else []
            ),
        ],
        "Record": [st.Page(VIEWS / "audit.py", title="Audit", url_path="audit")],
    }


def person_label(person: Actor) -> str:
    """Return a person's name with what they may do, for the demo's choice."""
    roles = ", ".join(
        words(grant.role.value).lower() + (f" of {grant.team}" if grant.team else "") for grant in person.grants
    )
    return f"{person.name} ({roles or 'owner'})"


def demo_bar() -> None:
    """Show whom one acts as and the movable clock; demo only, and said so."""
    people = {person.email: person for person in session.demo_people()}
    clock = session.clock()
    with st.container(key="demobar", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Demo**, nobody is signed in. Acting as", width="content")
        st.selectbox(
            "Acting as",
            list(people),
            format_func=lambda email: person_label(people[email]),
            key=session.ACTING_AS,
            label_visibility="collapsed",
            width=300,
        )
        if clock:
            day, last_day = clock
            st.space("stretch")
            st.markdown(f"Today is **{long_date(day)}**", width="content")
            moves = {"Next day": day + timedelta(days=1), "Next week": day + timedelta(days=7), "To the end": last_day}
            for label, to in moves.items():
                st.button(
                    label,
                    key=f"clock_{label}",
                    disabled=day >= last_day,
                    on_click=move_clock,
                    args=(min(to, last_day),),
                )


def move_clock(day: date) -> None:
    """Move the clock for everybody who looks at this demo."""
    move_demo_clock(session.registry(), day=day)


def sign_in_hint() -> None:
    """Tell a visitor who is not signed in what they can do and how to sign in."""
    if session.settings().demo_sign_in and not session.is_direct_local_visit():
        st.info(
            "Acting as somebody works only in a browser on the machine itself, without a proxy. You can read everything."
        )
    elif email := session.signed_in_email():
        st.info(
            f"{escape_markdown(email)} is not known here, so you can only read. An administrator adds you with "
            "`modelfolio people add`."
        )
    else:
        st.info(
            "You are not signed in: you can read everything and change nothing. Sign-in comes from a proxy in front of this "
            "server, or start it with `MODELFOLIO_DEMO_SIGN_IN=1` to try it out on this machine."
        )


def main() -> None:
    """Show the page that was asked for."""
    frame()
    try:
        page = st.navigation(pages(), position="top")
    except ModelfolioError as error:
        st.error(escape_markdown(error))
        return
    with st.container(key="page", gap="xsmall"):
        try:
            if session.may_choose_person() and session.demo_people():
                demo_bar()
            elif session.actor() is None:
                sign_in_hint()
            page.run()
        except ModelfolioError as error:
            st.error(escape_markdown(error))


main()
