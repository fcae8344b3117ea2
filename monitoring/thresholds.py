"""The thresholds people may decide about: what each means, in which unit and range, and whether a value may stand (METHODS section 15)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING

from monitoring.errors import InvalidThresholdError
from monitoring.policy import DEFAULT_POLICY, Policy

if TYPE_CHECKING:
    from collections.abc import Mapping


class Unit(StrEnum):
    """What a threshold is counted in."""

    SHARE = "%"
    DAYS = "days"
    ERRORS = "standard errors"
    DRIFT = "drift score"
    PSI = "PSI"


class Group(StrEnum):
    """Which findings a threshold decides about."""

    PERFORMANCE = "Performance"
    DRIFT = "Drift"
    DATA_QUALITY = "Data quality"
    TRAFFIC = "Traffic and use"


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number of a policy; ``rule`` is a sentence with ``{}`` where the value stands, ``low`` and ``high`` may be taken.

    Raising a threshold makes the policy more lenient, unless ``raising_is_stricter``.
    """

    name: str
    group: Group
    title: str
    unit: Unit
    low: float
    high: float
    rule: str
    raising_is_stricter: bool = False

    @property
    def default(self) -> float:
        """The value of the method itself."""
        return self.of(DEFAULT_POLICY)

    def of(self, policy: Policy) -> float:
        """Return the value a policy has."""
        value: float = getattr(policy, self.name)
        return value

    def words(self, value: float) -> str:
        """Return a value with its unit.

        >>> [THRESHOLDS_BY_NAME[name].words(0.15) for name in ("effect_retrain", "psi_floor")]
        ['15 %', 'PSI 0.15']
        """
        if self.unit is Unit.SHARE:
            return f"{_plain(100 * value)} %"
        if self.unit in {Unit.DRIFT, Unit.PSI}:
            return f"{self.unit} {_plain(value)}"
        noun = {Unit.DAYS: "day", Unit.ERRORS: "standard error"}[self.unit]
        return f"{_plain(value)} {noun}{'' if value == 1 else 's'}"

    @property
    def range_words(self) -> str:
        """The values that may be taken: between 1 % and 95 %."""
        return f"between {self.words(self.low)} and {self.words(self.high)}"

    def sentence(self, value: float) -> str:
        """Return the rule with its value."""
        return self.rule.format(self.words(value))

    def change_words(self, *, before: float, after: float) -> str:
        """Return what another value means: stricter or more lenient; nothing for the same one."""
        if before == after:
            return ""
        return "stricter" if (after > before) is self.raising_is_stricter else "more lenient"

    def checked(self, value: float) -> float:
        """Return the value as the policy holds it: a float, or an int for days.

        Raises:
            InvalidThresholdError: it is not finite, lies outside the range, or is no whole number of days.
        """
        if not isfinite(value):
            raise InvalidThresholdError(f"{self.title} must be a number {self.range_words}.")
        if not self.low <= value <= self.high:
            raise InvalidThresholdError(f"{self.title} must lie {self.range_words}; {self.words(value)} does not.")
        if self.unit is not Unit.DAYS:
            return float(value)
        if value != int(value):
            raise InvalidThresholdError(f"{self.title} must be a whole number of days {self.range_words}.")
        return int(value)


THRESHOLDS: tuple[Threshold, ...] = (
    Threshold(
        "effect_watch",
        Group.PERFORMANCE,
        "Watch: advantage lost",
        Unit.SHARE,
        0.01,
        0.90,
        "Watch a model that has provably lost {} or more of its advantage over the naive forecast.",
    ),
    Threshold(
        "effect_retrain",
        Group.PERFORMANCE,
        "Retrain: advantage lost",
        Unit.SHARE,
        0.02,
        0.95,
        "Ask for a retraining when {} or more of the advantage is provably lost and it is still bad now.",
    ),
    Threshold(
        "cusum_watch",
        Group.PERFORMANCE,
        "Watch: proof needed",
        Unit.ERRORS,
        1.0,
        20.0,
        "Watch needs daily losses beyond the tolerated one that add up to {}.",
    ),
    Threshold(
        "cusum_retrain",
        Group.PERFORMANCE,
        "Retrain: proof needed",
        Unit.ERRORS,
        2.0,
        25.0,
        "Retrain needs such losses of {} in all; with 6 a false alarm comes about every 2,570 days.",
    ),
    Threshold(
        "tolerance",
        Group.PERFORMANCE,
        "Tolerated loss",
        Unit.SHARE,
        0.01,
        0.50,
        "A loss of {} of the advantage is taken as ordinary: performance moves from month to month.",
    ),
    Threshold(
        "tolerance_short_reference",
        Group.PERFORMANCE,
        "Tolerated loss, short reference",
        Unit.SHARE,
        0.01,
        0.50,
        "With a short reference {} is taken as ordinary: it cannot show what moves more slowly.",
    ),
    Threshold(
        "short_reference_days",
        Group.PERFORMANCE,
        "Short reference",
        Unit.DAYS,
        14,
        365,
        "A reference of fewer than {} is a short one.",
    ),
    Threshold(
        "short_reference_onset_days",
        Group.PERFORMANCE,
        "Wait with a short reference",
        Unit.DAYS,
        0,
        90,
        "With a short reference, ask for a retraining only when the loss began {} ago or earlier.",
    ),
    Threshold(
        "double_loss_effect",
        Group.PERFORMANCE,
        "What a doubled loss counts as",
        Unit.SHARE,
        0.05,
        1.0,
        "For very good models, a loss twice the expected one counts as {} of the advantage lost.",
        raising_is_stricter=True,
    ),
    Threshold(
        "skill_floor",
        Group.PERFORMANCE,
        "No better than naive",
        Unit.SHARE,
        0.0,
        0.50,
        "A model whose advantage is provably below {} is no better than the naive forecast.",
        raising_is_stricter=True,
    ),
    Threshold(
        "drift_watch",
        Group.DRIFT,
        "Watch: inputs moved",
        Unit.DRIFT,
        0.01,
        1.9,
        "Watch a model whose inputs, weighted by importance, reach {} on 3 days in a row.",
    ),
    Threshold(
        "drift_retrain_unlabelled",
        Group.DRIFT,
        "Retrain without labels: inputs moved",
        Unit.DRIFT,
        0.02,
        2.0,
        "Without labels, ask for a retraining when the inputs reach {} on 7 days in a row.",
    ),
    Threshold(
        "psi_floor",
        Group.DRIFT,
        "Smallest movement of a feature",
        Unit.PSI,
        0.01,
        1.0,
        "A feature below {} has not moved, however many rows show it.",
    ),
    Threshold(
        "null_rise",
        Group.DATA_QUALITY,
        "Missing values",
        Unit.SHARE,
        0.01,
        0.90,
        "Broken data: a feature is empty in {} more of the rows than in its reference, and three times as often.",
    ),
    Threshold(
        "data_quality_gate",
        Group.DATA_QUALITY,
        "Features that hardly matter",
        Unit.SHARE,
        0.0,
        0.50,
        "Broken features that weigh less than {} of the importance together are only watched.",
    ),
    Threshold(
        "traffic_watch",
        Group.TRAFFIC,
        "Watch: traffic is low",
        Unit.SHARE,
        0.05,
        0.95,
        "Watch a model with less than {} of the daily predictions of its reference.",
        raising_is_stricter=True,
    ),
    Threshold(
        "traffic_gone",
        Group.TRAFFIC,
        "Retire: traffic is gone",
        Unit.SHARE,
        0.005,
        0.50,
        "Traffic is gone at less than {} of the daily predictions of the reference.",
        raising_is_stricter=True,
    ),
    Threshold(
        "traffic_gone_days",
        Group.TRAFFIC,
        "Retire: days without traffic",
        Unit.DAYS,
        3,
        180,
        "Ask to retire a model whose traffic has been gone for {} in a row.",
    ),
)
THRESHOLDS_BY_NAME = {threshold.name: threshold for threshold in THRESHOLDS}
ORDERED = (
    ("effect_watch", "effect_retrain"),
    ("cusum_watch", "cusum_retrain"),
    ("tolerance", "tolerance_short_reference"),
    ("drift_watch", "drift_retrain_unlabelled"),
    ("traffic_gone", "traffic_watch"),
)
"""The first of a pair never lies above the second."""


def checked_policy(values: Mapping[str, float], *, version: str) -> Policy:
    """Return the policy with these thresholds; those that are not given are the method's.

    Raises:
        InvalidThresholdError: a name is unknown, a value may not be taken, or two contradict each other; the text names the
            threshold and the range.
    """
    if unknown := values.keys() - THRESHOLDS_BY_NAME.keys():
        raise InvalidThresholdError(f"There is no threshold {min(unknown)!r}.")
    taken = {name: THRESHOLDS_BY_NAME[name].checked(value) for name, value in values.items()}
    policy = Policy(version=version, **taken)  # type: ignore[arg-type]  # days are whole numbers, checked above
    for lower, upper in ORDERED:
        low, high = THRESHOLDS_BY_NAME[lower], THRESHOLDS_BY_NAME[upper]
        if low.of(policy) > high.of(policy):
            raise InvalidThresholdError(
                f"{low.title} ({low.words(low.of(policy))}) must not lie above {high.title} ({high.words(high.of(policy))})."
            )
    return policy


def values_of(policy: Policy) -> dict[str, float]:
    """Return every threshold of a policy by its name."""
    return {field.name: getattr(policy, field.name) for field in fields(policy) if field.name != "version"}


def _plain(value: float) -> str:
    """Return a number without needless zeros: 15, 0.5, 0.35."""
    return f"{round(value, 6):,.10g}"
