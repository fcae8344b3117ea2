"""Challenges of findings and questions about proposals as they stand on every page, and the drawers in which people speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import pressing, session
from dashboard.presentation import escape_markdown, one_line, short_date
from dashboard.widgets import quiet
from monitoring import ask
from monitoring.challenge import Challenge, ChallengeState, Turn, finding_code
from monitoring.errors import ModelfolioError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from monitoring.assessment import Assessment

STATE_WORDS = {
    ChallengeState.OPEN: "not answered yet",
    ChallengeState.ANSWERED: "answered, not settled yet",
    ChallengeState.SETTLED: "settled",
    ChallengeState.UPHELD: "upheld",
    ChallengeState.WITHDRAWN: "withdrawn",
}
TURN_LABELS = {
    Turn.ANSWER: "Answer",
    Turn.ASK_AGAIN: "Ask again",
    Turn.SETTLE: "Settle",
    Turn.UPHOLD: "Uphold",
    Turn.WITHDRAW: "Take back",
}
TURN_HELP = {
    Turn.ANSWER: "Stays beside the verdict. A correction is a further answer.",
    Turn.ASK_AGAIN: "It waits for an answer again.",
    Turn.SETTLE: "The answer is enough. Words are not needed.",
    Turn.UPHOLD: "The doubt stands, whatever was answered; it stays beside the verdict.",
    Turn.WITHDRAW: "It need not be answered. Words are not needed.",
}
DONE = {
    Turn.ANSWER: "Answered; it is on the record.",
    Turn.ASK_AGAIN: "Asked again.",
    Turn.SETTLE: "Settled.",
    Turn.UPHOLD: "Upheld; it stays beside the verdict.",
    Turn.WITHDRAW: "Taken back.",
}
LONGEST_SAID = 600


def title(challenge: Challenge) -> str:
    """Return what it is and where it stands as markdown: "Challenge of drift: amount, answered, not settled yet"."""
    about = ""
    if challenge.finding:
        kind, _, subject = challenge.finding.code.partition(":")
        about = f" of {kind.replace('_', ' ')}: {escape_markdown(subject, longest=60)}"
    return f"**{challenge.noun.capitalize()}{about}** {quiet(STATE_WORDS[challenge.state])}"


def said(challenge: Challenge) -> str:
    """Return everything that was said, as markdown, one line each."""
    lines = []
    for entry in challenge.entries:
        who = escape_markdown(session.person_name(entry.person))
        words = f": “{escape_markdown(entry.text, longest=LONGEST_SAID)}”" if entry.text else ""
        lines.append(f"- **{who}** {quiet(f'{entry.turn.said} on {short_date(entry.said_on)}')}{words}")
    return "\n".join(lines)


def turns(challenge: Challenge) -> tuple[Turn, ...]:
    """Return what the acting person can say now."""
    person = session.actor()
    return challenge.turns(person) if person else ()


def first_to_reply(challenges: Sequence[Challenge]) -> int | None:
    """Return the number of the first about which the acting person can say something: its button answers to the key S."""
    return next((each.id for each in challenges if turns(each)), None)


def show(challenges: Sequence[Challenge], *, key: str, keyed: int | None, may_speak: bool = True) -> None:
    """Show each with everything said, and the way to say something to who may; of the one that is ``keyed`` by the key S too."""
    for challenge in challenges:
        with st.container(border=True, gap="xsmall", key=f"challenge_{key}_{challenge.id}"):
            words, button = st.columns([6, 1], vertical_alignment="top")
            words.markdown(f"{title(challenge)}\n\n{said(challenge)}")
            possible = turns(challenge) if may_speak else ()
            if not possible:
                continue
            label = TURN_LABELS[possible[0]] if len(possible) == 1 else "Reply"
            with button.container(horizontal=True, horizontal_alignment="right"):
                pressed = st.button(
                    label, key=f"say_{key}_{challenge.id}", shortcut="S" if challenge.id == keyed else None
                )
            if pressed:
                reply_dialog(challenge)


def reply_dialog(challenge: Challenge) -> None:
    """Open the drawer in which somebody answers, asks again or ends it."""
    pressing.drawer(challenge.noun.capitalize(), _say, challenge, width="small", position="right")


def begin_dialog(model_id: str, day: date, sentences: dict[str, str]) -> None:
    """Open the drawer in which a finding of the assessment of a day is challenged; ``sentences`` has them by their code."""
    pressing.drawer("Challenge a finding", _begin, model_id, day, sentences, width="small", position="right")


def _say(challenge: Challenge) -> None:
    possible = turns(challenge)
    st.markdown(f"{title(challenge)}\n\n{said(challenge)}")
    if challenge.finding:
        st.markdown(quiet(escape_markdown(challenge.finding.sentence, longest=LONGEST_SAID)))
    if not possible:
        st.markdown(quiet(escape_markdown(challenge.waits_for())))
        return
    turn = possible[0] if len(possible) == 1 else _chosen(possible, key=f"say_turn_{challenge.id}")
    st.markdown(quiet(TURN_HELP[turn] if turn else "Choose what to say."))
    label = TURN_LABELS[turn] if turn else "Send"
    text = _field(f"say_{challenge.id}", label, "At least 10 characters", has_cursor=len(possible) == 1)
    if text is None:
        return
    if turn is None:
        st.error("Choose what to say.")
        return
    try:
        ask.say(
            session.registry(),
            challenge.id,
            turn,
            text=text,
            seen=len(challenge.entries),
            by=session.actor_email() or "",
            on=session.today(),
            now=session.now(),
        )
    except ModelfolioError as error:
        st.error(escape_markdown(error, longest=LONGEST_SAID))
        return
    pressing.close_drawer(DONE[turn])


def _chosen(possible: Sequence[Turn], *, key: str) -> Turn | None:
    """Show what can be said, with the cursor there, nothing chosen, and return what is."""
    with st.container(key=f"focus_{key}"):
        picked: str | None = st.radio(
            "What to say",
            [turn.value for turn in possible],
            index=None,
            format_func=lambda name: TURN_LABELS[Turn(name)],
            horizontal=True,
            key=key,
            label_visibility="collapsed",
        )
    return Turn(picked) if picked else None


def challenge_button(assessment: Assessment, challenges: Sequence[Challenge]) -> None:
    """Show the button with which an independent reviewer challenges a finding; nobody else gets it."""
    if not assessment.findings or not ask.may_challenge(
        session.registry(), model_id=assessment.model_id, by=session.actor_email()
    ):
        return
    taken = {each.finding.code for each in challenges if each.finding and each.is_open}
    sentences = {finding_code(finding.kind.value, finding.subject): finding.sentence for finding in assessment.findings}
    free = {code: sentence for code, sentence in sentences.items() if code not in taken}
    if st.button(
        "Challenge a finding",
        key="m_challenge",
        shortcut="Q",
        disabled=not free,
        help=None if free else "Every finding is challenged already.",
    ):
        begin_dialog(assessment.model_id, assessment.day, free)


def _begin(model_id: str, day: date, sentences: dict[str, str]) -> None:
    codes = list(sentences)
    with st.container(key="focus_code"):
        code: str | None = st.radio(
            "Which finding",
            codes,
            index=0 if len(codes) == 1 else None,
            format_func=lambda each: escape_markdown(one_line(sentences[each], longest=200)),
            key="challenge_code",
        )
    st.markdown(quiet("The owner must answer. What you say and what is answered stays beside the verdict."))
    text = _field("challenge", "Challenge", "What makes you doubt it? At least 10 characters", has_cursor=False)
    if text is None:
        return
    if code is None:
        st.error("Choose which finding you doubt.")
        return
    try:
        ask.challenge_finding(
            session.registry(),
            model_id=model_id,
            day=day,
            code=code,
            text=text,
            by=session.actor_email() or "",
            on=session.today(),
            now=session.now(),
        )
    except ModelfolioError as error:
        st.error(escape_markdown(error, longest=LONGEST_SAID))
        return
    pressing.close_drawer("Challenged. The owner sees it and must answer.")


def _field(key: str, label: str, placeholder: str, *, has_cursor: bool = True) -> str | None:
    """Show the field in which somebody speaks, mostly with the cursor in it, and return what was sent."""
    with st.form(f"form_{key}", enter_to_submit=False):
        with st.container(key=f"{'focus' if has_cursor else 'place'}_{key}"):
            text: str = st.text_area("Words", placeholder=placeholder, height=120, label_visibility="collapsed")
        sent = pressing.submitted(label, key=f"send_{key}", type="primary", shortcut="Ctrl+Enter", width="stretch")
    return (text or "") if sent else None
