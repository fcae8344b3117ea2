"""The evidence on one screen: performance, what happened, what speaks for the verdict, what against, what was ruled out."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard import challenges, glossary, session
from dashboard.charts import safe, translucent
from dashboard.metric_charts import MetricWords
from dashboard.model_view import show_chart
from dashboard.performance_chart import performance
from dashboard.presentation import (
    ACTION_NOUNS,
    ACTION_VERDICTS,
    RULED_OUT,
    VERDICT_LABELS,
    capital,
    escape_markdown,
    long_date,
    lost,
    number,
    percent,
    plural,
    short_date,
)
from dashboard.timeline_chart import DecisionMark, Spell, timeline
from dashboard.views.model_decisions import move_words
from dashboard.views.model_performance import estimate_note
from dashboard.views.model_versions import version_words
from dashboard.widgets import quiet, small
from monitoring.assessment import Finding, FindingKind, Verdict
from monitoring.challenge import finding_code
from monitoring.known_metrics import ACCURACY
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
SHARE_METRICS = {ACCURACY.name}
"""Metrics of assessments that are shares."""
SHARES = {
    FindingKind.NULLS,
    FindingKind.NEW_LEVEL,
    FindingKind.TYPE_CHANGE,
    FindingKind.MISSING_COLUMN,
    FindingKind.SCORE_RANGE,
    FindingKind.FUTURE_ROWS,
    FindingKind.PERFORMANCE,
    FindingKind.NO_BETTER_THAN_NAIVE,
    FindingKind.LABEL_COVERAGE,
    FindingKind.TRAFFIC_HALVED,
    FindingKind.TRAFFIC_LOW,
    FindingKind.TRAFFIC_GONE,
    FindingKind.PORTFOLIO_SHIFT,
}
"""Kinds whose value is a share (of rows, labels or models) or a skill."""
AGAINST_ROWS_A_DAY = {
    FindingKind.TRAFFIC_HALVED,
    FindingKind.TRAFFIC_LOW,
    FindingKind.TRAFFIC_GONE,
    FindingKind.NO_TRAFFIC,
    FindingKind.SUPERSEDED,
    FindingKind.RETIREMENT_CANDIDATE,
}
"""Kinds whose reference value is the mean number of rows a day, whatever their value is."""


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
    if measures.metric and measures.metric_value is not None:
        words = MetricWords(measures.metric, "labels", is_share=measures.metric in SHARE_METRICS)
        then = ""
        if measures.metric_reference is not None:
            then = f" ({escape_markdown(words.value(measures.metric_reference))} in the reference)"
        metric = f"**{escape_markdown(capital(measures.metric))} {escape_markdown(words.value(measures.metric_value))}**{then}"
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
    ours = [finding for finding in assessment.findings if finding.argues_for is assessment.verdict]
    others = [
        finding
        for finding in assessment.findings
        if finding.argues_for is not assessment.verdict and finding.argues_for is not Verdict.KEEP
    ]
    against = [point for point in assessment.against if not point.startswith(RULED_OUT)]
    ruled_out = [capital(point.removeprefix(RULED_OUT)) for point in assessment.against if point.startswith(RULED_OUT)]
    word = VERDICT_LABELS[assessment.verdict].word.lower()
    points([finding.sentence for finding in ours] or [assessment.sentence], title=f"Why {word}")
    points(
        [*against, *(also_argues(finding.argues_for, finding.sentence) for finding in others)],
        title="What speaks against",
        none="Nothing that was looked at.",
    )
    points([*ruled_out, *looked_at(view, assessment)], title="Ruled out", none="Nothing yet.")


def also_argues(verdict: Verdict, sentence: str) -> str:
    """Return a finding that argues for something else, as it stands among what speaks against."""
    return f"It also argues for {VERDICT_LABELS[verdict].word.lower()}: {sentence}"


def looked_at(view: ModelView, assessment: Assessment) -> list[str]:
    """Return what was checked and found as usual, with its numbers."""
    kinds = {finding.kind for finding in assessment.findings}
    measures, said = assessment.measures, []
    features = assessment.details.get("features") or {}
    if features and not any(fact.get("flags") for fact in features.values()):
        said.append(f"Data quality: 0 findings in {plural(len(features), 'feature')}.")
    traffic = {FindingKind.TRAFFIC_LOW, FindingKind.TRAFFIC_GONE, FindingKind.TRAFFIC_HALVED, FindingKind.NO_TRAFFIC}
    if measures.traffic_ratio is not None and not kinds & traffic:
        said.append(f"Traffic: {percent(measures.traffic_ratio)} of its reference over 7 days.")
    if measures.drift_ratio is not None and FindingKind.DRIFT not in kinds:
        said.append(
            f"Drift: the most moved feature stands at {number(measures.drift_ratio, digits=1)} times its own threshold."
        )
    delay = view.facts.label_delay_days
    if measures.newest_labelled_day is not None and delay is not None:
        behind = (assessment.day - measures.newest_labelled_day).days
        if behind <= 2 * delay + 7:
            said.append(f"Label delay: newest label is {plural(behind, 'day')} behind, usually {delay:g}.")
    return said


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
    codes = {finding_code(finding.kind.value, finding.subject) for finding in assessment.findings}
    # What was challenged and is no longer found still waits for its end.
    challenges.show(
        [each for each in beside if each.finding and each.finding.code not in codes],
        key="gone",
        keyed=keyed,
        may_speak=may_speak,
    )
    if not assessment.findings:
        return
    ordered = sorted(assessment.findings, key=lambda finding: finding.argues_for is not assessment.verdict)
    for finding in ordered[:MOST_FINDINGS]:
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
            challenges.show(of_this, key=f"{ordered.index(finding)}", keyed=keyed, may_speak=may_speak)
    if len(assessment.findings) > MOST_FINDINGS:
        st.markdown(quiet(f"and {len(assessment.findings) - MOST_FINDINGS} more; see the tabs."))
    st.markdown(
        small(
            f"Method version {escape_markdown(assessment.method_version)}, policy {escape_markdown(assessment.policy_version)}."
        )
    )


def evidence_facts(finding: Finding, *, on: date) -> list[tuple[str, str]]:
    """Return the evidence as names and values, in the order of METHODS section 12; what it does not carry is left out."""
    evidence = finding.evidence
    shown: list[tuple[str, str | None]] = [
        ("Since", short_date(finding.since) if finding.since.year == on.year else long_date(finding.since)),
        (name_of_value(finding), figure(evidence.get("value"), finding.kind)),
        ("In the reference", reference_figure(evidence.get("reference_value"), finding.kind)),
        ("Effect", text(evidence.get("effect_words")) or effect(evidence)),
        ("Threshold", figure(evidence.get("threshold"), finding.kind, is_share="effect" in evidence)),
        ("Where the threshold comes from", text(evidence.get("threshold_source"))),
        ("Effect measured", text(evidence.get("effect_window"))),
        ("Window of the other numbers" if evidence.get("effect_window") else "Window", text(evidence.get("window"))),
        ("Predictions covered", text(evidence.get("prediction_days"))),
        ("Labels arrived", text(evidence.get("label_days"))),
        ("Rows", count(evidence.get("rows"))),
        ("Labels", count(evidence.get("labels"))),
        ("Days in a row", count(evidence.get("days_in_a_row"))),
        ("By chance", text(evidence.get("false_alarms"))),
        ("Importance", percent(evidence["importance"]) if isinstance(evidence.get("importance"), float) else None),
        ("Ruled out", text(evidence.get("ruled_out"))),
        ("Portfolio shift", text(evidence.get("shift"))),
        ("Compared with", text(evidence.get("reference"))),
    ]
    return [(name, value) for name, value in shown if value]


def name_of_value(finding: Finding) -> str:
    """Return what the value of a finding is."""
    return {
        FindingKind.PERFORMANCE: "Skill now",
        FindingKind.NO_BETTER_THAN_NAIVE: "Skill now",
        FindingKind.SCORE_DRIFT: "PSI now",
    }.get(finding.kind, "Value now")


def figure(value: Any, kind: FindingKind, *, is_share: bool = False) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if not isinstance(value, int | float):
        return str(value)
    if is_share or kind in SHARES:
        return percent(float(value))
    return number(float(value), digits=0 if float(value).is_integer() else 2 if abs(value) < 100 else 1)  # noqa: PLR2004 - digits that matter


def reference_figure(value: Any, kind: FindingKind) -> str | None:
    if kind in AGAINST_ROWS_A_DAY and isinstance(value, int | float):
        return f"{number(float(value), digits=0 if value >= 10 else 1)} rows a day"  # noqa: PLR2004 - two digits are enough
    return figure(value, kind)


def effect(evidence: dict[str, Any]) -> str | None:
    value, low, high = (evidence.get(name) for name in ("effect", "effect_low", "effect_high"))
    if value is None:
        return None
    return lost(value, low, high)


def text(value: Any) -> str | None:
    if isinstance(value, list | tuple):
        parts = [str(part) for part in value if part]
        return (" " if all(part.endswith(".") for part in parts) else "; ").join(parts) or None
    return value.isoformat() if isinstance(value, date) else str(value) if value else None


def count(value: Any) -> str | None:
    return f"{value:,}" if isinstance(value, int) else None
