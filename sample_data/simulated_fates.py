"""What happens to the simulated models: every fate with what it changes, and the verdict it should end in.

A verdict is never written by the simulation. ``expected`` is what the rules of METHODS should conclude on the last day, so
that verdicts can be checked against what was done to the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from monitoring.assessment import Verdict
from monitoring.portfolio import Task


class Fault(StrEnum):
    """How a feed breaks."""

    NULLS = "nulls"
    STUCK = "stuck"
    UNIT = "unit"
    RESCALED = "rescaled"
    NEW_LEVEL = "new_level"
    EMPTY_COLUMN = "empty_column"
    TYPE_CHANGE = "type_change"
    SCORE_RANGE = "score_range"
    STAMPED_AHEAD = "stamped_ahead"


class Exposure(StrEnum):
    """Which of the two portfolio shifts a model takes part in."""

    NONE = "none"
    WORLD = "world"
    FEED = "feed"


@dataclass(frozen=True, slots=True)
class Fate:
    """One fate.

    Times are shares of the simulated period, counted from its end: ``begins`` 0.5 means half-way; missing means always so.

    Attributes:
        name: as in the table of expected verdicts.
        weight: share of the portfolio, in thousandths.
        expected: verdicts that are right on the last day, the most likely first.
        concept: greatest strength of the change in the relation of inputs and labels: 0 none, 0.4 costs about a third of the
            advantage, 0.5 half, 1 more than all of it.
        drift: standard deviations by which inputs move; ``drift_inputs`` how many of them (0: those of the exposure).
        ramp_days: days over which a change comes.
        fault: what breaks; ``until`` is the share at which it is repaired.
        traffic: share of the usual rows that remains.
        version: a second version takes over: ``helps``, ``fails``, or ``unannounced``.
    """

    name: str
    weight: int
    expected: tuple[Verdict, ...]
    begins: tuple[float, float] | None = None
    until: float | None = None
    concept: float = 0.0
    drift: float = 0.0
    drift_inputs: int = 1
    ramp_days: int = 0
    fault: Fault | None = None
    traffic: float | None = None
    version: str | None = None
    exposure: Exposure = Exposure.NONE
    rows_a_day: float | None = None
    weekly: bool = False
    label_delay_days: int | None = None
    spread_labels: bool = False
    has_labels: bool = True
    has_reference_labels: bool = True
    has_importance: bool = True
    hard: bool = False
    skill: str = "good"
    superseded: bool = False
    inventory: bool = False
    tasks: tuple[Task, ...] = tuple(Task)

    @property
    def is_steady(self) -> bool:
        """Whether nothing at all happens to the model."""
        return self.begins is None


KEEP, WATCH, RETRAIN = (Verdict.KEEP,), (Verdict.WATCH,), (Verdict.RETRAIN,)
FIX_DATA, RETIRE, UNKNOWN = (Verdict.FIX_DATA,), (Verdict.RETIRE,), (Verdict.UNKNOWN,)
WORLD_BEGINS, FEED_BEGINS = 0.26, 0.10
EARLY, MIDDLE, LATE = (0.75, 0.70), (0.60, 0.35), (0.30, 0.20)
CLASSIFIERS, NUMBERS = (Task.BINARY, Task.MULTICLASS), (Task.BINARY, Task.REGRESSION)

FATES = (
    Fate("healthy", 430, KEEP),
    Fate("concept drift", 45, RETRAIN, begins=MIDDLE, concept=0.55),
    Fate("feed: values missing", 18, FIX_DATA, begins=LATE, fault=Fault.NULLS),
    Fate("covariate drift without loss", 40, WATCH, begins=MIDDLE, drift=1.4, ramp_days=20, tasks=NUMBERS),
    Fate("superseded", 18, RETIRE, begins=MIDDLE, superseded=True, traffic=0.3),
    Fate("inventory only", 30, UNKNOWN, inventory=True),
    Fate("world shift, skill lost", 50, RETRAIN, drift=1.1, drift_inputs=0, concept=0.6, exposure=Exposure.WORLD),
    Fate("world shift, skill kept", 50, WATCH, drift=1.1, drift_inputs=0, exposure=Exposure.WORLD, tasks=NUMBERS),
    Fate("feed shift", 90, FIX_DATA, fault=Fault.NULLS, drift_inputs=0, exposure=Exposure.FEED),
    Fate("slow concept drift", 20, RETRAIN, begins=(0.75, 0.60), concept=0.55, ramp_days=35),
    Fate("feed: stuck", 8, FIX_DATA, begins=LATE, fault=Fault.STUCK),
    Fate("feed: unit changed", 8, FIX_DATA, begins=LATE, fault=Fault.UNIT),
    Fate("feed: rescaled", 8, FIX_DATA, begins=LATE, fault=Fault.RESCALED),
    Fate("feed: new level", 8, FIX_DATA, begins=LATE, fault=Fault.NEW_LEVEL),
    Fate("feed: column empty", 6, FIX_DATA, begins=LATE, fault=Fault.EMPTY_COLUMN),
    Fate("feed: text among numbers", 6, FIX_DATA, begins=LATE, fault=Fault.TYPE_CHANGE),
    Fate("feed: score out of range", 6, FIX_DATA, begins=LATE, fault=Fault.SCORE_RANGE, tasks=(Task.BINARY,)),
    Fate("feed: rows stamped ahead", 4, FIX_DATA, begins=LATE, fault=Fault.STAMPED_AHEAD),
    Fate("feed repaired", 12, KEEP, begins=(0.55, 0.45), until=0.30, fault=Fault.NULLS),
    Fate("no labels", 20, KEEP, has_labels=False),
    Fate("no labels, inputs moved", 8, RETRAIN, begins=(0.45, 0.30), drift=1.3, drift_inputs=4, has_labels=False),
    Fate("no labels ever", 10, UNKNOWN, has_labels=False, has_reference_labels=False),
    Fate("late labels", 20, KEEP, label_delay_days=30),
    Fate("late labels, concept drift", 8, RETRAIN, begins=(0.75, 0.65), concept=0.55, label_delay_days=30),
    Fate("labels over 30 days", 8, KEEP, spread_labels=True, label_delay_days=30),
    Fate("no importance", 16, KEEP, has_importance=False),
    Fate("weekly", 12, KEEP, weekly=True),
    Fate("weekly, concept drift", 4, RETRAIN, begins=(0.80, 0.75), concept=0.6, weekly=True),
    Fate("hard classes only", 10, KEEP, hard=True, tasks=CLASSIFIERS),
    Fate("small traffic", 12, (Verdict.KEEP, Verdict.WATCH), rows_a_day=4.0),
    Fate("tiny traffic", 8, (Verdict.UNKNOWN, Verdict.WATCH), rows_a_day=0.2),
    Fate("traffic faded", 10, RETIRE, begins=(0.55, 0.50), traffic=0.01, ramp_days=15),
    Fate("traffic halved", 8, WATCH, begins=(0.65, 0.60), traffic=0.38),
    Fate("traffic stopped", 6, UNKNOWN, begins=(0.06, 0.05), traffic=0.0),
    Fate("retrained, it helped", 12, KEEP, begins=EARLY, concept=1.0, version="helps"),
    Fate("retrained, it did not help", 8, RETIRE, begins=EARLY, concept=0.65, version="fails"),
    Fate("version not announced", 4, WATCH, begins=(0.25, 0.20), version="unannounced"),
    Fate("never useful", 8, RETIRE, skill="none"),
    Fate("level off from the start", 8, (Verdict.WATCH, Verdict.RETIRE), skill="level off", tasks=(Task.BINARY,)),
)
"""In the order in which a small portfolio gets them."""


def fates_of(models: int) -> list[Fate]:
    """Return one fate per model: in proportion to the weights, each at least once where there is room for all.

    The two portfolio shifts get enough models to be seen as such (a source needs four) as soon as there is room for them too.
    """
    if models <= len(FATES):
        return list(FATES[:models])
    least = {fate.name: 1 for fate in FATES}
    seen = least | {
        fate.name: 5 if fate.exposure is Exposure.FEED else 3 for fate in FATES if fate.exposure is not Exposure.NONE
    }
    if sum(seen.values()) <= models:
        least = seen
    rest, total = models - sum(least.values()), sum(fate.weight for fate in FATES)
    exact = {fate.name: rest * fate.weight / total for fate in FATES}
    counts = {name: least[name] + int(share) for name, share in exact.items()}
    for name in sorted(exact, key=lambda name: int(exact[name]) - exact[name])[: models - sum(counts.values())]:
        counts[name] += 1
    return [fate for fate in FATES for _ in range(counts[fate.name])]
