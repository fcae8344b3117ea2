"""The pages of a pack about one model each, and about portfolio shifts: what, since when, for and against, with the pages' figures."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from dashboard.argument import argument
from dashboard.drift_charts import ranked_drift
from dashboard.fact_words import shown_facts
from dashboard.finding_words import evidence_facts
from dashboard.metric_charts import known_metric
from dashboard.model_view import ModelView
from dashboard.pack.content import Block, Column, Facts, Page, Points, Said, Table
from dashboard.pack.material import WORST
from dashboard.pack.plots import columns_over_days, lying_bars, over_days
from dashboard.pack.standing_pages import LONGEST_NAME, day_and_year, verdict_said
from dashboard.palette import LIGHT
from dashboard.performance_chart import performance
from dashboard.presentation import (
    ACTION_NOUNS,
    BASIS_WORDS,
    SERVICE_WORDS,
    capital,
    due,
    long_date,
    one_line,
    plural,
    shift_parts,
    short_date,
)
from dashboard.shift_charts import moving_share
from dashboard.shift_movements import SHOWN_DAYS, read_movements
from dashboard.shift_tables import KIND_VERDICTS, KIND_WORDS, in_common, state
from dashboard.shift_words import evidence, heading
from data_access import challenge_queries, decision_queries, model_queries, model_timeline, shift_queries
from data_access.judged_versions import judged_versions
from monitoring.lifecycle import State
from monitoring.portfolio import ServiceState

if TYPE_CHECKING:
    from datetime import date

    from dashboard.pack.material import Material
    from data_access.portfolio_standing import Ranked
    from data_access.shift_queries import KnownShift
    from monitoring.assessment import Assessment, Finding
    from monitoring.decision import Decision

LONGEST_SENTENCE, LONGEST_POINT, LONGEST_FACT = 600, 260, 110
MOST_FOR, MOST_OTHERS = 3, 4
SAMPLE = ("Effect measured", "Window", "Window of the other numbers", "Labels", "Rows")
"""The evidence of a finding that says how much it rests on."""
COUNTED = {"Labels": "labels", "Rows": "rows"}


def model_view(material: Material, model_id: str) -> ModelView:
    """Return a model as its page shows it on the pack's day."""
    registry, day = material.registry, material.wanted.day
    return ModelView(
        facts=model_queries.facts(registry, model_id, known_on=day),
        assessment=model_queries.assessment(registry, model_id, known_on=day),
        history=model_queries.history(registry, model_id, known_on=day),
        decisions=decision_queries.of_model(registry, model_id, on=day),
        moves=model_timeline.decision_moves(registry, model_id, on=day),
        shifts=model_timeline.shift_spells(registry, model_id, known_on=day),
        known_on=day,
        colours=LIGHT,
        judge=lambda which, known_on: judged_versions(registry, which, known_on=known_on),
        challenges=challenge_queries.of_model(registry, model_id, on=day),
    )


def item(material: Material, ranked: Ranked, *, place: int, of: int) -> Page:
    """Return the page about one model that needs someone."""
    view = model_view(material, ranked.model_id)
    assessment, at = view.assessment, material.wanted.at_model(ranked.model_id)
    title = Said(one_line(view.facts.name, longest=LONGEST_NAME), at)
    if assessment is None:  # it would not need anyone
        return Page(f"item-{place}", title, (), (), at)
    held = (assessment.day - assessment.in_verdict_since).days + 1
    since = (
        f"For {plural(held, 'day')}, since {day_and_year(assessment.in_verdict_since)}. Rests on {BASIS_WORDS[assessment.basis]}. "
        f"Assessed for {long_date(assessment.day)} by policy {assessment.policy_version}."
    )
    number_of = f"Item {place} of {of}, worst expected loss first"
    facts = {name: one_line(value, longest=LONGEST_FACT) for name, value in shown_facts(view.facts, assessment).items()}
    if view.facts.service_state is not ServiceState.IN_SERVICE:
        facts["Service"] = SERVICE_WORDS[view.facts.service_state]
    return Page(
        name=f"item-{place}",
        title=title,
        lead=(
            Said(f"{verdict_said(assessment.verdict.value).text}.", at, assessment.verdict.value),
            Said(one_line(assessment.sentence, longest=LONGEST_SENTENCE), at),
        ),
        lines=(
            Said(since, at),
            Said(number_of, material.wanted.at_portfolio(verdict=WORST)),
        ),
        at=at,
        wide=(Facts(tuple((name, Said(value, at)) for name, value in facts.items())),),
        left=(*_figures(material, view, assessment), _open_decision(material, view)),
        right=tuple(_points(material, view, assessment)),
    )


def _figures(material: Material, view: ModelView, assessment: Assessment) -> list[Block]:
    model_id = view.facts.id
    history, yardstick = view.measured
    found: list[Block] = []
    where = material.wanted.at_model(model_id, "Performance")
    chart = performance(history, LIGHT, marks=view.marks, yardstick=yardstick)
    measures = assessment.measures
    metric = known_metric(measures)
    said = f"{metric[0]}{f' ({metric[1]})' if metric[1] else ''}; " if metric else ""
    basis = f"28 days, {measures.labels_28:,} labels, 90 % interval"
    if not measures.labels_28:
        basis = f"{measures.rows_7:,} predictions in 7 days, no labels to judge by"
    if chart is None:
        none = "Performance was never measured: no labels, and nothing to estimate from."
        found.append(Points("Performance", (), none))
    else:
        found.append(over_days(chart, title=Said(yardstick.name, where), said=f"{said}{basis}"))
    drift_at = material.wanted.at_model(model_id, "Drift")
    features = model_queries.feature_days(material.registry, model_id, known_on=view.known_on, first=assessment.day)
    drawn = ranked_drift(features, LIGHT, selected=None) if len(features) else None
    if drawn is None:
        found.append(Points("Drift", (), "No feature has been compared with a reference yet."))
    else:
        week = f"{short_date(assessment.day - timedelta(days=6))}–{short_date(assessment.day)}"
        most = features["rows"].max()
        rows = f", {int(most):,} rows" if most > 0 else ""
        said = f"PSI × importance, {week} against the reference{rows}; blue is above its own threshold"
        found.append(lying_bars(drawn, title=Said("What moved and matters", drift_at), said=said))
    return found


def _points(material: Material, view: ModelView, assessment: Assessment) -> list[Points]:
    at, said = material.wanted.at_model(view.facts.id), argument(view, assessment)
    word = verdict_said(assessment.verdict.value).text
    reasons = [with_sample(each, on=assessment.day) for each in said.findings] or list(said.reasons)
    asked = [one_line(each.told(), longest=2 * LONGEST_POINT) for each in view.challenges_beside]
    return [
        *([Points("Challenged", _said(asked, at))] if asked else []),
        Points(f"For {word}", _said(reasons, at, most=MOST_FOR)),
        Points(
            "Against",
            _said([one_line(each, longest=LONGEST_POINT) for each in said.against], at),
            "Nothing that was looked at.",
        ),
        Points(
            "Ruled out", _said([one_line(each, longest=LONGEST_POINT) for each in said.ruled_out], at), "Nothing yet."
        ),
    ]


def _said(sentences: list[str] | tuple[str, ...], at: str, *, most: int = MOST_OTHERS) -> tuple[Said, ...]:
    shown = [Said(one_line(each, longest=2 * LONGEST_POINT), at) for each in sentences[:most]]
    if len(sentences) > most:
        shown.append(Said(f"and {len(sentences) - most} more", at))
    return tuple(shown)


def with_sample(finding: Finding, *, on: date) -> str:
    """Return a finding's sentence with what it was measured on: its window, its labels, its rows."""
    facts = dict(evidence_facts(finding, on=on))
    parts = [f"{facts[name]} {COUNTED[name]}" if name in COUNTED else facts[name] for name in SAMPLE if name in facts]
    sentence = one_line(finding.sentence, longest=LONGEST_POINT)
    return f"{sentence} ({', '.join(parts)})" if parts else sentence


def _open_decision(material: Material, view: ModelView) -> Points:
    opened = [each for each in view.decisions if each.state.is_open]
    shown = [_decision(material, each) for each in opened]
    return Points("Open decision", tuple(shown), "Nothing is proposed.")


def _decision(material: Material, decision: Decision) -> Said:
    by = one_line(material.name(decision.proposed_by), longest=LONGEST_NAME)
    state = "" if decision.state is State.PROPOSED else f"{decision.state.words}, "
    what = f"{ACTION_NOUNS[decision.action.value].capitalize()}: {state}proposed by {by} on "
    when = f"{day_and_year(decision.proposed_on)}: {decision.reason}"
    waits = ""
    if decision.state is State.PROPOSED:
        waits = (
            f" {capital(due(decision.due_on, today=material.wanted.day))}. {decision.waiting_for(material.everyone)}"
        )
    at = material.wanted.at("approvals", decision=str(decision.id))
    return Said(one_line(f"{what}{when}{waits}", longest=2 * LONGEST_POINT), at)


# Portfolio shifts


def shifts(material: Material) -> Page:
    """Return the portfolio shifts that are open or were since the day compared with, and how many models moved day by day."""
    registry, wanted = material.registry, material.wanted
    movements = read_movements(registry, last=shift_queries.last_searched(registry, day=wanted.day))
    at = wanted.at("shifts")
    wide: list[Block] = []
    if movements.has_days:
        first, rates = movements.per_day()
        begun = [each.shift.day for each in shift_queries.known_shifts(registry, day=wanted.day)]
        chart = moving_share(rates, first=first, begun=begun, colours=LIGHT)
        present = plural(int(rates.exposed[-1]), "model")
        said = f"whole portfolio, last {SHOWN_DAYS} days; {present} with predictions on the last day; grey: what chance gives"
        wide.append(columns_over_days(chart, title=Said("Share of models that begin to move, per day", at), said=said))
    wide.append(_shift_table(material))
    wide += [
        _shift_points(each, evidence(each, movements), wanted.at("shifts", shift=each.shift.day.isoformat()))
        for each in material.shifts
    ]
    return Page(
        name="shifts",
        title=Said(heading(material.shifts, shown=one_line), at),
        lead=(),
        lines=(Said("A portfolio shift is many models that move on the same days for a common cause.", at),),
        at=at,
        wide=tuple(wide),
    )


def _shift_table(material: Material) -> Table:
    rows = []
    for known in material.shifts:
        each, at = known.shift, material.wanted.at("shifts", shift=known.shift.day.isoformat())
        here = sum(model_id in material.models for model_id in each.models)
        rows.append(
            (
                Said(KIND_WORDS[each.kind], verdict=KIND_VERDICTS[each.kind].value),
                Said(one_line(in_common(each), longest=LONGEST_NAME), at),
                Said(f"{each.k:,} of {each.n:,}", at),
                Said("–".join(f"{count:,}" for count in each.by_chance), at),
                Said(f"{here:,}", at),
                Said(day_and_year(each.day), at),
                Said(state(known), at),
            )
        )
    return Table(
        title="Shifts, newest first",
        columns=(
            Column("Kind", 10),
            Column("In common", 26),
            Column("Moved", 14),
            Column("By chance", 12),
            Column("Models here", 12),
            Column("Since", 14),
            Column("State", 20),
        ),
        rows=tuple(rows),
        none=f"No portfolio shift was open since {day_and_year(material.wanted.since)}.",
    )


def _shift_points(known: KnownShift, lines: list[str], at: str) -> Points:
    kind, moved, follows = shift_parts(known.shift)
    first: tuple[Any, ...] = (moved, follows, *lines)
    return Points(one_line(kind), tuple(Said(one_line(each, longest=LONGEST_POINT), at) for each in first))
