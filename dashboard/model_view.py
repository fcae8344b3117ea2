"""What every tab of the model page starts from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.charts import CONFIG, Chart, Checked, shown_days
from dashboard.performance_chart import PerformanceMarks, Yardstick, skill_yardstick, yardstick_of
from data_access import performance_queries
from monitoring.assessment import FindingKind, Verdict
from monitoring.challenge import finding_code
from monitoring.performance import SMALLEST_SKILL
from monitoring.policy import DEFAULT_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    import pandas as pd

    from dashboard.charts import Span
    from dashboard.palette import Palette
    from data_access.judged_versions import JudgedVersions
    from data_access.model_queries import ModelFacts
    from data_access.model_timeline import DecisionMove, ShiftSpell
    from monitoring.assessment import Assessment, Finding
    from monitoring.challenge import Challenge
    from monitoring.decision import Decision

SHOWN_DAYS = 120
MAP_DAYS = 60
USUAL_TOLERANCE = 0.05
LOSSES = (FindingKind.PERFORMANCE, FindingKind.NO_BETTER_THAN_NAIVE)


@dataclass(frozen=True)
class ModelView:
    """One model as known on ``known_on``; ``history`` has a row per assessed day, ``assessment`` is the newest.

    ``judge`` gives its judged versions by id and day, asked for only where they are needed. ``challenges`` are everything that was
    asked about its findings and about proposals for it, the newest first.
    """

    facts: ModelFacts
    assessment: Assessment | None
    history: pd.DataFrame
    decisions: tuple[Decision, ...]
    moves: tuple[DecisionMove, ...]
    shifts: tuple[ShiftSpell, ...]
    known_on: date
    colours: Palette
    judge: Callable[[str, date], JudgedVersions]
    challenges: tuple[Challenge, ...] = ()

    @cached_property
    def judged(self) -> JudgedVersions:
        """Its versions as the assessment judged them, from stored profiles."""
        return self.judge(self.facts.id, self.assessment.known_on if self.assessment else self.known_on)

    @cached_property
    def recent(self) -> pd.DataFrame:
        """The assessed days that charts show."""
        if self.history.empty:
            return self.history
        newest: date = self.history["day"].iloc[-1]
        return self.history[self.history["day"] > newest - timedelta(days=SHOWN_DAYS)]

    @cached_property
    def effect_yardstick(self) -> Yardstick:
        """What an effect of the newest assessment is drawn by, under the policy it was judged by."""
        policy = self.judged.segments[-1].policy if self.judged.segments else DEFAULT_POLICY
        return yardstick_of(self.assessment, policy)

    @cached_property
    def skill_shown(self) -> float | None:
        """The skill in the reference where plain skill is drawn: there is hardly any advantage, or the sentence speaks of skill."""
        skill = ((self.assessment.details if self.assessment else {}).get("reference") or {}).get("skill")
        kinds = {finding.kind for finding in self.assessment.findings} if self.assessment else set()
        hardly_any = skill is not None and skill < SMALLEST_SKILL
        return skill if hardly_any or FindingKind.NO_BETTER_THAN_NAIVE in kinds else None

    @cached_property
    def measured(self) -> tuple[pd.DataFrame, Yardstick]:
        """The days of ``recent`` with what is drawn of each, the interval of its estimate, and the yardstick it is drawn by."""
        history = self.recent.reset_index(drop=True)
        estimates = performance_queries.estimate_days(self.judged)
        if len(estimates) and len(history):
            history = history.merge(estimates.drop_duplicates("day"), on="day", how="left")
        then, skills = self.skill_shown, performance_queries.skill_days(self.judged)
        if then is None or skills.empty or history.empty:
            return history, self.effect_yardstick
        found = history[["day"]].merge(skills.drop_duplicates("day"), on="day", how="left")
        history = history.assign(effect=found["skill"], effect_low=found["skill_low"], effect_high=found["skill_high"])
        for name in ("estimated_effect", "estimated_low", "estimated_high"):
            if name in history:
                history[name] = then - max(then, SMALLEST_SKILL) * history[name].astype(float)
        return history, skill_yardstick(then, newest=float(skills["skill"].iloc[-1]))

    @property
    def challenges_beside(self) -> tuple[Challenge, ...]:
        """The challenges that belong beside the verdict."""
        found = self.assessment.findings if self.assessment else ()
        codes = {finding_code(finding.kind.value, finding.subject) for finding in found}
        day = self.assessment.day if self.assessment else self.known_on
        return tuple(each for each in self.challenges if each.stands_beside(day, codes))

    @property
    def span(self) -> Span:
        """The time axis of every chart by day."""
        return shown_days(self.recent)

    @property
    def loss(self) -> Finding | None:
        """The finding about realised performance, if there is one."""
        found = self.assessment.findings if self.assessment else ()
        return next((finding for kind in LOSSES for finding in found if finding.kind is kind), None)

    @property
    def marks(self) -> PerformanceMarks:
        """What is drawn beside a line of performance."""
        if self.assessment is None:
            return PerformanceMarks()
        return PerformanceMarks(
            tolerance=tolerance(self.assessment),
            onset=self.loss.since if self.loss else None,
            verdict=self.loss.argues_for if self.loss else Verdict.KEEP,
            last_labelled=self.assessment.measures.newest_labelled_day,
            versions=self.facts.versions,
        )


def tolerance(assessment: Assessment) -> float:
    """Return how much of the advantage may be lost before it counts; it depends on the length of the reference."""
    measured = assessment.details.get("performance") or {}
    return float(measured.get("tolerance") or USUAL_TOLERANCE)


def show_chart(chart: Chart | None, *, key: str, missing: str) -> None:
    """Show a chart with its conclusion as alternative text, or why there is none."""
    if chart is None:
        st.markdown(f":gray[{missing}]")
        return
    st.plotly_chart(Checked(chart.figure), theme=None, config=CONFIG, key=key, alt=chart.alt)
