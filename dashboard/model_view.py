"""What every tab of the model page starts from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.charts import CONFIG, Chart

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from dashboard.palette import Palette
    from data_access.model_queries import ModelFacts
    from monitoring.assessment import Assessment
    from monitoring.decision import Decision

SHOWN_DAYS = 120
MAP_DAYS = 60
USUAL_TOLERANCE = 0.05


@dataclass(frozen=True)
class ModelView:
    """One model as known on ``known_on``; ``history`` has a row per assessed day, ``assessment`` is the newest."""

    facts: ModelFacts
    assessment: Assessment | None
    history: pd.DataFrame
    decisions: tuple[Decision, ...]
    known_on: date
    colours: Palette

    @property
    def recent(self) -> pd.DataFrame:
        """The assessed days that charts show."""
        if self.history.empty:
            return self.history
        newest: date = self.history["day"].iloc[-1]
        return self.history[self.history["day"] > newest - timedelta(days=SHOWN_DAYS)]


def tolerance(assessment: Assessment) -> float:
    """Return how much of the advantage may be lost before it counts; it depends on the length of the reference."""
    measured = assessment.details.get("performance") or {}
    return float(measured.get("tolerance") or USUAL_TOLERANCE)


def show_chart(chart: Chart | None, *, key: str, missing: str) -> None:
    """Show a chart with its conclusion as alternative text, or why there is none."""
    if chart is None:
        st.markdown(f":gray[{missing}]")
        return
    st.plotly_chart(chart.figure, theme=None, config=CONFIG, key=key, alt=chart.alt)
