"""The evidence on one screen: performance, what happened, what speaks for the verdict, what against, what was ruled out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import challenges, glossary, session
from dashboard.argument import argument
from dashboard.charts import safe, translucent
from dashboard.finding_words import evidence_facts
from dashboard.metric_charts import known_metric
from dashboard.model_view import show_chart
from dashboard.performance_chart import performance
from dashboard.presentation import (
    ACTION_NOUNS,
    ACTION_VERDICTS,
    VERDICT_LABELS,
    escape_markdown,
    short_date,
)
from dashboard.timeline_chart import DecisionMark, Spell, timeline
from dashboard.views.model_decisions import move_words
from dashboard.views.model_performance import estimate_note
from dashboard.views.model_versions import version_words
from dashboard.widgets import quiet, small
from monitoring.assessment import FindingKind, Verdict
from monitoring.challenge import finding_code
from monitoring.portfolio_shift import Grouping

if TYPE_CHECKING:
    from dashboard.model_view import ModelView
    from dashboard.palette import Palette
    from dashboard.performance_chart import Yardstick
    from data_access.model_timeline import ShiftSpell
    from monitoring.assessment import Assessment

MOST_FINDINGS = 8
CHART_HEIGHT = 254
"""With the timeline below it the argument fits a screen of 1440 x 900."""
LONGEST_POINT = 320


def show(view: ModelView) -> None:
    assessment = view.assessment
    if assessment is None:
        st.markdown("There is no evidence yet.")
        return
    left, right = st.columns([2.15, 1], gap="medium")
    with left:
        main_chart(view, assessment)
        st.markdown(
            "**What happened**", help=glossary.meaning("verdict", "model version", "decision", "portfolio shift")
        )
        show_chart(
            timeline(
                view.recent,
                view.colours,
                versions={version.version: version_words(version) for version in view.facts.versions},
                decisions=decision_marks(view),
                shifts=[shift_spell(spell, view.colours) for spell in view.shifts],
            ),
            key="m_timeline",
            missing="Nothing is recorded yet.",
        )
    with right:
        argue(view, assessment)
    findings(view, assessment)


def main_chart(view: ModelView, assessment: Assessment) -> None:
    """Show the measure the verdict rests on, with what its windows are."""
    history, yardstick = view.measured
    st.markdown(
        performance_title(assessment, yardstick),
        help=f"{yardstick.meaning}\n\n{glossary.meaning('metric', 'interval', 'estimate')}",
    )
    show_chart(
        performance(history, view.colours, marks=view.marks, yardstick=yardstick, height=CHART_HEIGHT),
        key="m_performance",
        missing="Performance was never measured: no labels, and nothing to estimate from.",
    )
    notes = [note for note in (window_note(view), estimate_note(view)) if note]
    if notes:
        st.markdown(small(escape_markdown(" ".join(notes), longest=700)))


def performance_title(assessment: Assessment, yardstick: Yardstick) -> str:
    """Return the metric people know first, then what the line shows, over which window and on how many labels."""
    measures = assessment.measures
    title = f"**{yardstick.name}**"
    if (said := known_metric(measures)) is not None:
        now, reference = said
        then = f" ({escape_markdown(reference)})" if reference else ""
        metric = f"**{escape_markdown(now)}**{then}"
        return f"{metric} · {title} {quiet(f'90 % interval, 28 days, {measures.labels_28:,} labels')}"
    return f"{title} {quiet(f'{measures.rows_7:,} predictions in 7 days, no labels to judge by')}"


def window_note(view: ModelView) -> str | None:
    """Return why the number of the sentence and the end of the line differ, where they do: they cover different days."""
    loss, assessment = view.loss, view.assessment
    if loss is None or assessment is None or loss.kind is not FindingKind.PERFORMANCE or view.skill_shown is not None:
        return None
    effect, last = loss.evidence.get("effect"), assessment.measures.effect
    if effect is None or last is None:
        return None
    yardstick = view.effect_yardstick
    if yardstick.words(effect) == yardstick.words(last):
        return None
    window = loss.evidence.get("effect_window") or f"since the onset, {short_date(loss.since)}"
    return (
        f"The line ends at {yardstick.words(last)}, over 28 days of labels. Measured as in the sentence above, {window}, it is "
        f"{yardstick.words(effect)}."
    )


def decision_marks(view: ModelView) -> list[DecisionMark]:
    """Return the moves of decisions for the timeline; of those of one decision on one day the last."""
    last = {(move.decision_id, move.day): move for move in view.moves}
    until = {decision.id: decision.accept_until for decision in view.decisions}
    return [
        DecisionMark(
            day=move.day,
            words=f"{ACTION_NOUNS[move.action.value]} {move_words(move)}"
            + (f" until {short_date(end)}" if (end := until.get(move.decision_id)) else ""),
            verdict=ACTION_VERDICTS[move.action.value],
        )
        for move in last.values()
    ]


def shift_spell(spell: ShiftSpell, colours: Palette) -> Spell:
    """Return a portfolio shift for the timeline."""
    shift = spell.shift
    cause = "the whole portfolio" if shift.grouping is Grouping.ALL else shift.source
    words = f"{shift.k} of {shift.n} models: {safe(cause, longest=40)}"
    return Spell(
        spell.first, spell.last, words, "⁕", translucent(colours.watch_fill, 0.25), colours.verdicts[Verdict.WATCH]
    )


def argue(view: ModelView, assessment: Assessment) -> None:
    """Show what speaks for the verdict, against it, and what was ruled out, in the same type."""
    said = argument(view, assessment)
    points(list(said.reasons), title=f"Why {VERDICT_LABELS[assessment.verdict].word.lower()}")
    points(list(said.against), title="What speaks against", none="Nothing that was looked at.")
    points(list(said.ruled_out), title="Ruled out", none="Nothing yet.")


def points(sentences: list[str], *, title: str, none: str = "") -> None:
    shown = "\n".join(f"- {escape_markdown(sentence, longest=LONGEST_POINT)}" for sentence in sentences)
    st.markdown(f"**{title}**\n\n{shown or quiet(none)}")


# The numbers behind the sentences


def findings(view: ModelView, assessment: Assessment) -> None:
    """Show every finding with the evidence it carries, and with what was asked about it and answered."""
    may_speak = view.known_on == session.today()
    beside = view.challenges_beside
    keyed = challenges.first_to_reply(beside)
    if assessment.findings:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("**The numbers behind it**", width="stretch")
            if may_speak:
                challenges.challenge_button(assessment, beside)
    ordered = sorted(assessment.findings, key=lambda finding: finding.argues_for is not assessment.verdict)
    codes = {finding_code(finding.kind.value, finding.subject) for finding in ordered[:MOST_FINDINGS]}
    # What was challenged and is no longer found, or not shown below, still waits for its end.
    challenges.show(
        [each for each in beside if each.finding and each.finding.code not in codes],
        key="gone",
        keyed=keyed,
        may_speak=may_speak,
    )
    if not assessment.findings:
        return
    for at, finding in enumerate(ordered[:MOST_FINDINGS]):
        with st.container(border=True, gap="xsmall"):
            what = escape_markdown(finding.kind.value.replace("_", " ").capitalize())
            subject = escape_markdown(finding.subject, longest=60)
            source = f" · source: {escape_markdown(finding.source, longest=60)}" if finding.source else ""
            st.markdown(
                f"**{what}: {subject}** {quiet(f'argues for {VERDICT_LABELS[finding.argues_for].word.lower()}{source}')}  \n"
                f"{escape_markdown(finding.sentence, longest=400)}"
            )
            facts = evidence_facts(finding, on=assessment.day)
            if facts:
                per_row = 4
                for start in range(0, len(facts), per_row):
                    for column, (name, value) in zip(
                        st.columns(per_row, gap="small"), facts[start : start + per_row], strict=False
                    ):
                        column.markdown(f"{small(name)}  \n{escape_markdown(value, longest=LONGEST_POINT)}")
            code = finding_code(finding.kind.value, finding.subject)
            of_this = [each for each in beside if each.finding and each.finding.code == code]
            challenges.show(of_this, key=f"{at}", keyed=keyed, may_speak=may_speak)
    if len(assessment.findings) > MOST_FINDINGS:
        st.markdown(quiet(f"and {len(assessment.findings) - MOST_FINDINGS} more; see the tabs."))
    st.markdown(
        small(
            f"Method version {escape_markdown(assessment.method_version)}, policy {escape_markdown(assessment.policy_version)}."
        )
    )
