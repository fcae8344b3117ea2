"""What a model is, in words: the facts at the head of its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.presentation import number, short_date

if TYPE_CHECKING:
    from data_access.model_queries import ModelFacts
    from monitoring.assessment import Assessment


def shown_facts(facts: ModelFacts, assessment: Assessment | None) -> dict[str, str]:
    """Return the names of the facts with their values, in the order they are shown."""
    version = assessment.version if assessment else (facts.versions[-1].version if facts.versions else None)
    live = next((part.active_from for part in facts.versions if part.version == version), None)
    consumers = [part.name for part in facts.consumers]
    owner = facts.owner_name or facts.owner
    return {
        "Owner": ", ".join(part for part in (owner, facts.team) if part) or "no owner",
        "Purpose": facts.purpose or "not stated",
        "Tier": "not set, treated as 1"
        if facts.tier is None
        else f"{facts.tier}{', most harm' if facts.tier == 1 else ''}",
        "Version": f"{version}{f' since {short_date(live)}' if live else ''}" if version else "none",
        "Used by": f"{consumers[0]}{f' (+{len(consumers) - 1})' if len(consumers) > 1 else ''}"
        if consumers
        else "nobody named",
        "Traffic": traffic(assessment),
        "Labels": labels(facts, assessment),
    }


def traffic(assessment: Assessment | None) -> str:
    """Return how many predictions a model makes a day."""
    if assessment is None:
        return "none seen"
    daily = assessment.measures.rows_7 / 7
    return f"{number(daily, digits=0 if daily >= 10 else 1)} a day"  # noqa: PLR2004 - two digits are enough


def labels(facts: ModelFacts, assessment: Assessment | None) -> str:
    """Return when labels come and how far they reach."""
    newest = assessment.measures.newest_labelled_day if assessment else None
    usual = f"after {facts.label_delay_days:g} d" if facts.label_delay_days is not None else None
    if not facts.has_labels:
        return "none mapped"
    if newest is None:
        return ", ".join(part for part in ("none arrived yet", f"due {usual}" if usual else None) if part)
    return ", ".join(part for part in (usual, f"up to {short_date(newest)}") if part)
