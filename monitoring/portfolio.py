"""The registered thing: a model, its versions, its features and who answers for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Task(StrEnum):
    """What a model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class ServiceState(StrEnum):
    """Whether a model is in use; retired models stay listed and counted."""

    IN_SERVICE = "in_service"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class FeatureKind(StrEnum):
    """How a feature is counted."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"


class Cadence(StrEnum):
    """How often a model is expected to score."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input column of a model; ``importance`` is relative (any positive unit), missing if unknown."""

    name: str
    kind: FeatureKind
    source: str | None = None
    importance: float | None = None


@dataclass(frozen=True, slots=True)
class Consumer:
    """Somebody who uses the model's predictions."""

    name: str
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Supersession:
    """Another model took over on ``since``."""

    name: str
    since: date


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One trained artefact of a model; ``announced`` is false when it was only seen in the log."""

    version: str
    active_from: date | None = None
    trained_from: date | None = None
    trained_to: date | None = None
    announced: bool = True


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model, as its card describes it.

    ``classes`` are normalised texts (binary: negative first, then positive; empty for regression).
    ``tier`` is 1 (most harm) to 3; missing means not set and is treated as 1. Days are dates in ``timezone``.
    ``has_probability`` is false for a classifier that gives hard classes only.
    """

    id: str
    name: str
    task: Task
    features: tuple[Feature, ...] = ()
    versions: tuple[ModelVersion, ...] = ()
    purpose: str | None = None
    use_case: str | None = None
    business_line: str | None = None
    team: str | None = None
    owner: str | None = None
    tier: int | None = None
    timezone: str = "UTC"
    label_delay_days: float | None = None
    cadence: Cadence | None = None
    classes: tuple[str, ...] = ()
    decision_threshold: float = 0.5
    score_range: tuple[float, float] | None = None
    has_probability: bool = True
    consumers: tuple[Consumer, ...] = ()
    superseded_by: Supersession | None = None
    facts: dict[str, str] = field(default_factory=dict)
    service_state: ServiceState = ServiceState.IN_SERVICE
    has_log: bool = True

    @property
    def effective_tier(self) -> int:
        """The tier that rules apply: an unset tier is treated as 1."""
        return self.tier if self.tier is not None else 1

    def version_on(self, day: date) -> ModelVersion | None:
        """Return the current version: the last whose ``active_from`` is not after ``day``.

        Versions without a date are in service from the beginning, in the order of the card.
        """
        current = [v for v in self.versions if v.active_from is None or v.active_from <= day]
        return max(current, key=lambda v: v.active_from or date.min) if current else None
