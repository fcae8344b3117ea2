"""What speaks for and against an action in a meeting, and what doing nothing costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.argument import for_and_against
from dashboard.presentation import lost, number, plural
from monitoring.assessment import Verdict

if TYPE_CHECKING:
    from monitoring.lifecycle import Action

WEEK = 7
LONGEST_POINT = 96
SAME = 40
"""Characters by which a finding is known to be the sentence of the verdict."""


def points(snapshot: dict[str, Any], action: Action | None) -> tuple[list[str], list[str]]:
    """Return what speaks for and against, as a projector shows it.

    The finding that gave the verdict is the headline already; in its place stands on how much it rests.
    """
    headline = str(snapshot["sentence"])[:SAME]
    speaks_for, against = (
        [sample(snapshot) if point[:SAME] == headline else point for point in each]
        for each in for_and_against(snapshot, action)
    )
    return speaks_for, against


def sample(snapshot: dict[str, Any]) -> str:
    """Return on how many labels and predictions an assessment rests."""
    measures: dict[str, Any] = snapshot.get("measures") or {}
    labels, rows = measures.get("labels_28") or 0, measures.get("rows_7") or 0
    return f"Measured on {plural(labels, 'label')} of 28 days and {plural(rows, 'prediction')} of the last 7."


def brief(point: str) -> str:
    """Return a point as a projector shows it: of a long one the first sentence."""
    first, _, rest = point.partition(". ")
    return f"{first}." if rest and len(point) > LONGEST_POINT else point


def doing_nothing(snapshot: dict[str, Any]) -> str:
    """Return what leaving the model as it is costs, where it is known: how many predictions a day are made like this."""
    measures: dict[str, Any] = snapshot.get("measures") or {}
    rows, verdict = measures.get("rows_7") or 0, Verdict(str(snapshot["verdict"]))
    if not rows or verdict not in {Verdict.RETRAIN, Verdict.FIX_DATA, Verdict.RETIRE}:
        return ""
    daily = f"About {plural(round(rows / WEEK), 'prediction')} a day"
    if verdict is Verdict.FIX_DATA:
        return f"{daily} on broken data."
    effect, estimated = measures.get("effect"), measures.get("estimated_effect")
    if effect is not None and effect > 0:
        share = lost(effect, measures.get("effect_low"), measures.get("effect_high"))
        return f"{daily} with {share} of the advantage lost ({number(measures.get('labels_28'))} labels)."
    if estimated is not None and estimated > 0:
        return f"{daily} with {lost(estimated)} of the advantage lost, by estimate."
    return f"{daily} rest on it."
