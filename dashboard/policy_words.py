"""Where a version of the policy is, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.presentation import short_date
from monitoring.lifecycle import State
from monitoring.policy_version import FIRST_VERSION

if TYPE_CHECKING:
    from datetime import date

    from monitoring.policy_version import PolicyHistory, PolicyVersion


def in_force_words(version: PolicyVersion) -> str:
    """Return the first day of an approved version."""
    if version.in_force_from is None or version.number == FIRST_VERSION.number:
        return "the beginning"
    return f"{short_date(version.in_force_from)} {version.in_force_from.year}"


def state_words(version: PolicyVersion, history: PolicyHistory, *, today: date) -> str:
    """Return where a version is: in force since, replaced, proposed, rejected."""
    if version.state is not State.APPROVED:
        return version.state.words
    if version.number == history.on(today).number:
        return f"in force since {in_force_words(version)}"
    if version.in_force_from and version.in_force_from > today:
        return f"in force from {in_force_words(version)}"
    return f"was in force from {in_force_words(version)}"
