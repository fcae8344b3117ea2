"""The few methods the core asks of the outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from monitoring.people import People

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    from monitoring.audit import AuditEvent
    from monitoring.authority import Subject
    from monitoring.challenge import Challenge, ChallengedFinding
    from monitoring.decision import Decision
    from monitoring.evidence import Evidence
    from monitoring.lifecycle import Action, State
    from monitoring.policy_version import PolicyHistory, PolicyVersion
    from monitoring.portfolio import Consumer, ServiceState
    from monitoring.retraining import TrainingReport

Days = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.object_]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CodedTexts:
    """An array of texts that are said once each: ``names`` (texts,) with ``None`` for missing, ``codes`` (rows,) their places."""

    names: Texts
    codes: npt.NDArray[np.integer[Any]]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes)

    def __getitem__(self, which: Any) -> Any:
        """Return one text, or some of the rows, as an array does."""
        codes = self.codes[which]
        return CodedTexts(self.names, codes) if isinstance(codes, np.ndarray) else self.names[codes]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Texts:
        """Return an array of its own with a text per row."""
        return self.texts

    @property
    def texts(self) -> Texts:
        """A text per row."""
        found: Texts = self.names[self.codes]
        return found

    def tolist(self) -> list[Any]:
        """Return a text per row."""
        found: list[Any] = self.texts.tolist()
        return found


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What the assessment of a day says about a repair: whether the finding is open, and whether the day had rows."""

    day: date
    is_open: bool
    has_rows: bool


@dataclass(frozen=True, slots=True)
class Traffic:
    """How a model's log stands: the last day looked at, and the last one with rows; nothing where there is none."""

    looked_to: date | None
    last_rows: date | None


@dataclass(frozen=True, slots=True)
class ReplacedRows:
    """Rows that a newer row of the same id replaced: their day, version, and the day it was known; shape ``(replaced,)``."""

    day: Days
    version: Texts
    known_on: Days


@dataclass(frozen=True, slots=True)
class LogRows:
    """Rows of a prediction log as columns, one entry per row; every array has shape ``(rows,)``.

    ``day`` is the row's local day in the model's zone (``datetime64[D]``), ``version`` its version as text or ``None`` (no
    version column: the version current on its day is filled in by the reader). A row counts from ``valid_from`` (the local day it arrived,
    its own day when no arrival column is mapped) until the day before ``valid_to`` (the day a newer row of the same id
    arrived; NaT: still counts). ``features`` has a float64 array per numeric feature (NaN is missing; +-inf kept) and an
    object array (or ``CodedTexts``) of normalised text or ``None`` per categorical one. ``mistyped`` flags values of a numeric feature that are
    not numbers (they are NaN in ``features``). ``score``: binary the probability, multiclass the largest probability,
    regression the prediction, hard classes only: the index of the predicted class; NaN is missing. ``missing_columns`` names
    features whose column is not in the table at all. ``future`` counts rows stamped later than they can be.
    ``duplicates`` counts rows replaced by a newer row of the same id. ``ahead`` flags the rows that ``future`` counts, and
    ``replaced`` has those that ``duplicates`` counts; both are missing where a reader cannot tell.
    """

    day: Days
    version: Texts
    valid_from: Days
    valid_to: Days
    features: dict[str, Any]
    mistyped: dict[str, Flags]
    score: Floats
    missing_columns: tuple[str, ...] = ()
    future: int = 0
    duplicates: int = 0
    ahead: Flags | None = None
    replaced: ReplacedRows | None = None


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """Predictions paired with their label, one entry per pair; arrays have shape ``(pairs,)``.

    ``day`` is the prediction's local day, ``arrival`` the local day the label arrived (not before its row). A pair counts
    from ``arrival`` until the day before ``valid_to`` (a newer label or row of the id; NaT: still counts). Binary: ``label``
    and ``prediction`` are 0.0 or 1.0, ``score`` the probability of the positive class. Multiclass: ``label`` and ``prediction`` are class indices
    as floats, ``probabilities`` has shape ``(pairs, classes)``. Regression: ``label`` and ``prediction`` are numbers and ``score`` is
    the prediction. Pairs without a usable label or prediction are left out.
    """

    day: Days
    version: Texts
    arrival: Days
    valid_to: Days
    score: Floats
    prediction: Floats
    label: Floats
    probabilities: Floats | None = None


class ReferenceOrigin(StrEnum):
    """Where a reference came from."""

    OWN = "own"
    LOG_PERIOD = "log_period"
    EARLY_PRODUCTION = "early_production"


@dataclass(frozen=True, slots=True)
class ReferenceRows:
    """The rows a version is compared against; ``origin`` early production means: provisional, first 28 days of the log.

    ``first_day`` and ``last_day`` are inclusive. ``has_days`` is false when the reference carries no usable timestamps.
    """

    rows: LogRows
    labelled: LabelledRows
    first_day: date
    last_day: date
    origin: ReferenceOrigin
    has_days: bool = True


class PredictionLog(Protocol):
    """One model's prediction log, as it is mapped; days are local days of the model's zone, ends are inclusive."""

    def extent(self) -> tuple[date, date] | None:
        """Return the first and last local day with rows or labels arriving, or nothing for an empty log."""

    def day_counts(
        self, *, first: date, last: date, known: Mapping[date, tuple[int, int]] | None = None
    ) -> dict[date, tuple[int, int]]:
        """Return per day the raw rows of that day and the labels that arrived on it: cheap, to notice changed days.

        ``known`` is what was returned before: its older days may be looked at together, and one by one when that changed.
        """

    def days_replaced(self, *, first: date, last: date) -> set[date]:
        """Return the days that lost a row or a label to a newer one of the same id, on a later day, arriving in the range.

        A day is that of the row for rows, and that of its arrival for labels.
        """

    def rows(self, *, first: date, last: date) -> LogRows:
        """Return the rows whose local day lies in the range."""

    def labelled(self, *, first_arrival: date, last_arrival: date) -> LabelledRows:
        """Return the pairs whose label arrived in the range, whatever their prediction day."""

    def reference(self, version: str) -> ReferenceRows | None:
        """Return the reference of ``version`` (its own or the one it inherits), or nothing while there is none."""

    def reference_key(self, version: str) -> str:
        """Return a text that changes when the version's reference would (its table and fingerprint, or its period)."""


class ChallengeRecords(Protocol):
    """Challenges of findings and questions about proposals, inside one transaction."""

    def assessed_finding(self, model_id: str, *, day: date, code: str, on: date) -> ChallengedFinding:
        """Return a finding of the assessment of ``day`` as it was known on ``on``; UnknownFindingError when it has none such."""

    def challenge(self, challenge_id: int) -> Challenge:
        """Return a challenge or a question with everything said."""

    def challenges_of(self, model_id: str, *, on: date) -> tuple[Challenge, ...]:
        """Return the model's challenges and questions as they stood on ``on``, the newest first."""

    def begin_challenge(self, begun: Challenge, event: AuditEvent) -> Challenge:
        """Store a new one with its audit event and return it numbered; a second open one about the same is refused."""

    def keep_entry(self, said: Challenge, event: AuditEvent, *, before: Challenge) -> None:
        """Store the newest entry with its audit event; refused when more was said than ``before`` knows."""


class DecisionRecords(People, ChallengeRecords, Protocol):
    """People, models and decisions inside one transaction: all of it is stored or nothing."""

    def subject(self, model_id: str) -> Subject:
        """Return who answers for the model, as the registry knows it now."""

    def evidence(self, model_id: str, *, on: date) -> Evidence:
        """Return the newest assessment as it was known on ``on``."""

    def decision(self, decision_id: int) -> Decision:
        """Return the decision with its answers."""

    def stepped_back(self, decision: Decision) -> frozenset[str]:
        """Return who may not answer the decision, because they stepped back from it in a meeting."""

    def ended_acceptances(self, *, on: date) -> tuple[Decision, ...]:
        """Return the approved acceptances whose date is reached on ``on``."""

    def decisions_in(self, action: Action, state: State) -> tuple[Decision, ...]:
        """Return the decisions with this action that are in this state."""

    def data_checks(self, decision: Decision, *, on: date) -> tuple[DataCheck, ...]:
        """Return what the days after a reported repair say of the findings it was for, as known on ``on``, ascending."""

    def traffic(self, model_id: str, *, on: date) -> Traffic:
        """Return how the model's log stands on ``on``."""

    def service_state(self, model_id: str) -> ServiceState:
        """Return whether the model is in service."""

    def consumers(self, model_id: str) -> tuple[Consumer, ...]:
        """Return who uses the model, as its card says."""

    def has_readable_log(self, model_id: str) -> bool:
        """Whether the model's log can be looked at, so that it shows when nobody asks the model any more."""

    def ended_by_reinstating(self, model_id: str) -> tuple[Decision, ...]:
        """Return the approved suspensions and retirements that are over once the model serves again."""

    def label_delay_days(self, model_id: str) -> float | None:
        """Return the usual time from a prediction to its label, missing if unknown."""

    def measured(self, decision: Decision, *, on: date) -> dict[str, Any] | None:
        """Return what a retraining brought as plain JSON, as known on ``on``; nothing while nothing can be compared."""

    def has_report(self, report: TrainingReport) -> bool:
        """Whether the same report of the same run was taken before."""

    def keep_report(self, report: TrainingReport, *, channel: str, now: datetime, row: int | None = None) -> None:
        """Keep a report that was taken; one that stands in the table as ``row`` is marked, once."""

    def register_version(self, decision: Decision, report: TrainingReport) -> None:
        """Register the version that a retraining gave; one that is known with another date is refused."""

    def add(self, proposals: Sequence[tuple[Decision, AuditEvent]]) -> tuple[Decision, ...]:
        """Store new decisions with their audit events and return them numbered; a second open one is refused."""

    def store(self, moved: Decision, event: AuditEvent, *, before: Decision) -> None:
        """Store a move with its audit event; refused when the decision is no longer in the state it was in ``before``."""


class DecisionRegistry(Protocol):
    """Where decisions are kept."""

    def deciding(self) -> AbstractContextManager[DecisionRecords]:
        """Give the records inside one writing transaction; decisions are made one at a time."""

    def looking(self) -> AbstractContextManager[DecisionRecords]:
        """Give the records for reading only."""


class PolicyRecords(People, Protocol):
    """People and versions of the policy inside one transaction: all of it is stored or nothing."""

    def version(self, number: int) -> PolicyVersion:
        """Return a version with its answers; UnknownPolicyError when there is none."""

    def history(self) -> PolicyHistory:
        """Return the approved versions."""

    def proposed(self) -> tuple[PolicyVersion, ...]:
        """Return the versions that wait for an answer, newest first."""

    def stepped_back(self, version: PolicyVersion) -> frozenset[str]:
        """Return who may not answer the version, because they stepped back from it in a meeting."""

    def next_number(self) -> int:
        """Return the number of the next version."""

    def add(self, version: PolicyVersion, event: AuditEvent) -> None:
        """Store a new version with its audit event."""

    def store(self, moved: PolicyVersion, event: AuditEvent, *, before: PolicyVersion) -> None:
        """Store a move with its audit event; refused when the version is no longer in the state it was in ``before``."""


class PolicyRegistry(Protocol):
    """Where versions of the policy are kept."""

    def deciding_policies(self) -> AbstractContextManager[PolicyRecords]:
        """Give the records inside one writing transaction; decisions are made one at a time."""

    def looking_at_policies(self) -> AbstractContextManager[PolicyRecords]:
        """Give the records for reading only."""
