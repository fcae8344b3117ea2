"""A zombie: a model that was retired and is still scored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from monitoring.assessment import Finding, FindingKind, Verdict
from monitoring.finding_evidence import A_FACT
from monitoring.policy import DEFAULT_POLICY, METHOD_VERSION
from monitoring.wording import day_span, day_text, plural

if TYPE_CHECKING:
    from datetime import date

QUIET_DAYS = 28
"""Days without traffic after which a retired model is out of use, and a zombie is one no more."""


@dataclass(frozen=True, slots=True)
class Zombie:
    """Predictions of a model after its last day of service: ``asked`` has the rows of each day that had any, ascending.

    ``sunset_on`` is missing for a model that was retired without a date. ``looked_to`` is the last day anybody looked at its log.
    """

    model_id: str
    name: str
    owner: str | None
    team: str | None
    tier: int | None
    sunset_on: date | None
    asked: tuple[tuple[date, int], ...]
    looked_to: date | None = None

    @property
    def rows(self) -> int:
        """Predictions since its last day of service."""
        return sum(rows for _, rows in self.asked)

    @property
    def first(self) -> date:
        """The first day on which it was scored after its last day of service."""
        return self.asked[0][0]

    @property
    def last(self) -> date:
        """The newest day on which it was scored."""
        return self.asked[-1][0]

    @property
    def counted(self) -> str:
        """How much it is scored, since when: what a sentence about it says after a colon."""
        since = (
            f"since its last day of service, {day_text(self.sunset_on)}" if self.sunset_on else "since it was retired"
        )
        many = f"{plural(self.rows, 'prediction')} on {plural(len(self.asked), 'day')}"
        return f"{many} {since}, the newest on {day_text(self.last)}"

    @property
    def sentence(self) -> str:
        """What a chairperson reads aloud."""
        return f"It is retired and still scored: {self.counted}."

    @property
    def short(self) -> str:
        """The same for a table."""
        return f"Retired, still scored: {plural(self.rows, 'prediction')}, newest {day_text(self.last)}."

    def finding(self) -> Finding:
        """Return it as a finding with the evidence of METHODS section 12; it is counted, so there is nothing to test."""
        in_a_row = 1
        while in_a_row < len(self.asked) and self.asked[-1 - in_a_row][0] == self.last - timedelta(days=in_a_row):
            in_a_row += 1
        evidence = {
            "window": f"since {day_text(self.sunset_on)}" if self.sunset_on else "since it was retired",
            "prediction_days": day_span(self.first, self.last),
            "rows": self.rows,
            "value": self.rows,
            "threshold": 0,
            "threshold_source": "rows of a model that is out of service",
            "false_alarms": A_FACT,
            "days_in_a_row": in_a_row,
            "ruled_out": [],
            "shift": None,
            "reference": "its last day of service",
            "method_version": METHOD_VERSION,
            "configuration": DEFAULT_POLICY.configuration_hash,
            "policy_version": DEFAULT_POLICY.version,
        }
        return Finding(FindingKind.ZOMBIE, Verdict.RETIRE, "traffic", self.first, self.sentence, evidence=evidence)
