"""The script Streamlit runs for every visitor: who acts, which day it is, and which page."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import meeting_session, pressing, session, simulated
from dashboard.one_run import one_run
from dashboard.presentation import escape_markdown, long_date, words
from dashboard.tables import MODEL_PAGE, SHIFTS_PAGE
from dashboard.widgets import colours, small
from data_access.demo_clock import move_demo_clock
from monitoring import follow_up
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
.st-key-meeting h1{font-size:40px;line-height:1.15;padding:0 0 .4rem} .st-key-meeting h2{font-size:27px;line-height:1.3;padding:0 0 .7rem}
.st-key-meeting p,.st-key-meeting li{font-size:20px;line-height:1.4}
.st-key-mt_record p,.st-key-mt_record li,.st-key-mt_evidence p,.st-key-mt_evidence li{font-size:17.5px;line-height:1.36}
.st-key-meeting input,.st-key-meeting textarea{font-size:17px}
.st-key-mt_evidence p{margin-bottom:.15rem}
.st-key-mt_chart_title p,.st-key-mt_quorum p{font-size:16.5px}
.st-key-meetbar button{min-height:50px;padding:0 18px} .st-key-meetbar button p{font-size:19px} .st-key-meetbar p{font-size:18px}
.st-key-meetbar input{min-height:48px;font-size:18px}
.st-key-decidebar,.st-key-meetbar{margin:0 -2.6rem;width:calc(100% + 5.2rem)!important;max-width:none!important}
"""
"""All the CSS there is: only keys, tags and ARIA states, so that a rule that stops matching breaks nothing."""


PRESENT_STYLE = (
    "header{display:none!important} .st-key-page{margin-top:-3.4rem!important} main::before{box-shadow:none!important}"
)
"""What a projector needs on top: no menu, and the room of it."""

SIMULATED_BANNER = (
    "**Simulated portfolio.** Every model, person and number here is made by a script; the verdicts come from the same rules as those "
    "of real models."
)


def frame() -> None:
    """Set up what surrounds every page."""
    st.set_page_config(page_title="modelfolio", page_icon=str(ASSETS / "favicon.svg"), layout="wide")
    mode = colours()
    filled = STYLE.replace("ACCENT", mode.accent).replace("LINE", mode.border).replace("PANEL", mode.panel)
    filled = filled.replace("WATCH", mode.watch_fill)
    st.html(f"<style>{filled}{PRESENT_STYLE if meeting_session.presents() else ''}</style>")
    st.logo(str(ASSETS / f"logo_{'dark' if st.context.theme.type == 'dark' else 'light'}.svg"))


def pages() -> dict[str, list[st.Page]]:
    """Return the menu; the model page is reached from a model, not from the menu."""
    waiting, policies = session.waiting_count(), session.waiting_policies()
    standing = len(session.waiting_standing())
    return {
        "": [
            st.Page(VIEWS / "portfolio.py", title="Portfolio", url_path="portfolio", default=True),
            st.Page(SHIFTS_PAGE, title="Shifts", url_path="shifts"),
            st.Page(
                VIEWS / "approvals.py", title=f"Approvals ({waiting})" if waiting else "Approvals", url_path="approvals"
            ),
            st.Page(
                VIEWS / "retraining.py",
                title=f"Retraining ({standing})" if standing else "Retraining",
                url_path="retraining",
            ),
            st.Page(meeting_session.PAGE, title="Meeting", url_path="meeting"),
            *(
                [st.Page(MODEL_PAGE, title="Model", url_path="model", visibility="hidden")]
                if MODEL_PAGE.exists()
                else []
            ),
        ],
        "Record": [
            st.Page(
                VIEWS / "policies.py", title=f"Policies ({policies})" if policies else "Policies", url_path="policies"
            ),
            st.Page(VIEWS / "audit.py", title="Audit", url_path="audit"),
            st.Page(VIEWS / "settings.py", title="Settings", url_path="settings"),
            st.Page(VIEWS / "glossary.py", title="Glossary", url_path="glossary"),
        ],
    }


def person_label(person: Actor) -> str:
    """Return a person's name with what they may do, for the demo's choice."""
    roles = ", ".join(
        words(grant.role.value).lower() + (f" of {grant.team}" if grant.team else "") for grant in person.grants
    )
    return f"{person.name} ({roles or 'owner'})"


def demo_bar() -> None:
    """Show which portfolio it is, whom one acts as and the movable clock; demo only, and said so."""
    people = {person.email: person for person in session.demo_people()}
    clock = session.clock()
    with st.container(key="demobar", gap="xxsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("**Demo**", width="content", help="Nobody is signed in: choose whom you act as.")
            if not meeting_session.presents():
                portfolio_switch()
            st.markdown("Acting as", width="content")
            st.selectbox(
                "Acting as",
                list(people),
                format_func=lambda email: person_label(people[email]),
                key=session.ACTING_AS,
                label_visibility="collapsed",
                width=270,
            )
            if clock and not meeting_session.presents():
                st.space("stretch")
                clock_buttons(*clock)
        if session.shows_simulated():
            st.markdown(small(SIMULATED_BANNER))


def clock_buttons(day: date, last_day: date) -> None:
    """Show the day the clock stands on and the buttons that move it."""
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


def portfolio_switch() -> None:
    """Show the switch between the real and the simulated portfolio, or how far the simulated one is."""
    known = simulated.state(session.configured())
    if known.is_being_made:
        simulated_progress()
    elif known.stage is simulated.Stage.FAILED:
        st.markdown(
            small(f"{known.models:,} simulated models: not made"), width="content", help=escape_markdown(known.sentence)
        )
    elif known.stage is simulated.Stage.READY:
        names = {
            session.REAL: f"Real models ({session.real_models():,})",
            session.SIMULATED: f"{known.models:,} simulated",
        }
        st.segmented_control(
            "Portfolio",
            list(names),
            default=session.SIMULATED if session.shows_simulated() else session.REAL,
            required=True,
            format_func=names.__getitem__,
            key="portfolio_choice",
            on_change=lambda: session.switch_portfolio(st.session_state.portfolio_choice),
            label_visibility="collapsed",
            width="content",
        )


@st.fragment(run_every="4s")
def simulated_progress() -> None:
    """Show how far the simulated portfolio is; the switch takes its place when it is ready."""
    known = simulated.state(session.configured())
    if not known.is_being_made:
        st.rerun()
    st.markdown(small(f"{known.models:,} simulated models: {100 * known.share:.0f} % made"), width="content")


def move_clock(day: date) -> None:
    """Move the clock for everybody who looks at this demo, and let happen what the days bring about."""
    move_demo_clock(session.registry(), day=day)
    follow_up.whatever_is_due(session.registry(), on=day, now=session.now())


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
            "You are not signed in: you can read everything and change nothing. Set `MODELFOLIO_PROXY_HEADER` to let a proxy sign "
            "people in, or start it with `MODELFOLIO_DEMO_SIGN_IN=1` to try it out on this machine."
        )


def main() -> None:
    """Show the page that was asked for."""
    pressing.begin()
    frame()
    session.choose_portfolio()
    if why := session.why_nothing_is_shown():
        st.error(escape_markdown(why))
        return
    try:
        page = st.navigation(pages(), position="hidden" if meeting_session.presents() else "top")
    except ModelfolioError as error:
        st.error(escape_markdown(error))
        return
    if st.session_state.pop(session.SWITCHED, False):
        st.switch_page(VIEWS / "portfolio.py", query_params={session.PORTFOLIO: st.session_state[session.PORTFOLIO]})
    session.say_portfolio_in_url()
    with st.container(key="page", gap="xsmall"):
        try:
            if session.may_choose_person() and session.demo_people():
                demo_bar()
            elif session.actor() is None:
                sign_in_hint()
            if page.url_path != "meeting":
                meeting_session.way_back()
            page.run()
            session.say_portfolio_in_url()
            pressing.answered()
        except ModelfolioError as error:
            st.error(escape_markdown(error))
        finally:
            pressing.let_go()


with one_run():
    main()
