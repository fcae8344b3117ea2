"""The standing approval that the demo begins with."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from data_access import standing_queries
from monitoring import decide_standing
from monitoring.standing_envelope import SKILL, Envelope, Guard, Scope, ScopeKind

if TYPE_CHECKING:
    from data_access.registry import Registry

PROPOSED_ON, APPROVED_ON, EXPIRES_ON = date(2021, 6, 28), date(2021, 7, 1), date(2021, 12, 31)
ENVELOPE = Envelope(
    Scope(ScopeKind.TIER, ("3",)),
    (Guard(SKILL, 0.02),),
    EXPIRES_ON,
    least_days=5,
    least_loss=0.30,
    most_runs=2,
)
"""No model of tier 3 loses that much in the demo: whoever wants to see one retrained without a person approves a wider one."""


def add_standing_approval(registry: Registry) -> None:
    """Propose and approve it, once."""
    if standing_queries.listed(registry, on=EXPIRES_ON):
        return
    standing = decide_standing.propose_standing(
        registry,
        ENVELOPE,
        reason="Tier 3 models are quickly retrained and do little harm; nobody should wait for a meeting.",
        by="emmy@example.org",
        on=PROPOSED_ON,
        now=datetime.now(UTC),
    )
    decide_standing.approve_standing(
        registry,
        standing.id,
        comment="Two a month at most, and only when 30 % of the advantage is lost.",
        by="sofia@example.org",
        on=APPROVED_ON,
        now=datetime.now(UTC),
    )
