"""What was concluded about a model on a day, and on which evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date


class Verdict(StrEnum):
    """The policy's conclusion on one model on one day."""

    RETRAIN = "retrain"
    FIX_DATA = "fix_data"
    RETIRE = "retire"
    WATCH = "watch"
    UNKNOWN = "unknown"
    KEEP = "keep"


class Basis(StrEnum):
    """What a verdict rests on."""

    REALISED = "realised"
    ESTIMATED = "estimated"
    INPUTS = "inputs"
    REGISTRY = "registry"


class FindingKind(StrEnum):
    """Which rule was crossed (METHODS sections 3 to 8)."""

    PERFORMANCE = "performance"
    NO_BETTER_THAN_NAIVE = "no_better_than_naive"
    ESTIMATED_PERFORMANCE = "estimated_performance"
    DRIFT = "drift"
    SCORE_DRIFT = "score_drift"
    NULLS = "nulls"
    STUCK = "stuck"
    UNIT = "unit"
    RESCALED = "rescaled"
    UNIT_IN_RANGE = "unit_in_range"
    SWAPPED = "swapped"
    STRANGE = "strange"
    NEW_LEVEL = "new_level"
    LEVEL_CHANGE = "level_change"
    MISSING_COLUMN = "missing_column"
    TYPE_CHANGE = "type_change"
    SCORE_RANGE = "score_range"
    FUTURE_ROWS = "future_rows"
    TRAFFIC_LOW = "traffic_low"
    TRAFFIC_GONE = "traffic_gone"
    TRAFFIC_HALVED = "traffic_halved"
    NO_TRAFFIC = "no_traffic"
    SUPERSEDED = "superseded"
    SETTLING = "settling"
    RETRAINING_DID_NOT_HELP = "retraining_did_not_help"
    UNANNOUNCED_VERSION = "unannounced_version"
    RETIREMENT_CANDIDATE = "retirement_candidate"
    LABEL_COVERAGE = "label_coverage"
    PORTFOLIO_SHIFT = "portfolio_shift"
    ZOMBIE = "zombie"
    NOT_JUDGED = "not_judged"


QUALITY_KINDS = frozenset(
    {
        FindingKind.NULLS,
        FindingKind.STUCK,
        FindingKind.UNIT,
        FindingKind.RESCALED,
        FindingKind.UNIT_IN_RANGE,
        FindingKind.SWAPPED,
        FindingKind.STRANGE,
        FindingKind.NEW_LEVEL,
        FindingKind.LEVEL_CHANGE,
        FindingKind.MISSING_COLUMN,
        FindingKind.TYPE_CHANGE,
        FindingKind.SCORE_RANGE,
        FindingKind.FUTURE_ROWS,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One threshold crossed, with its evidence.

    ``argues_for`` is the verdict the finding would lead to alone. ``evidence`` holds plain JSON values under the names of
    METHODS section 12. Always: ``window``, ``threshold_source``, ``false_alarms``, ``days_in_a_row``, ``ruled_out``, ``shift``
    (the portfolio shift it belongs to, or nothing), ``reference``, ``method_version``, ``configuration``, ``policy_version``. Where they apply:
    ``prediction_days``, ``label_days``, ``newest_prediction_day``, ``rows``, ``labels``, ``value``, ``reference_value``,
    ``threshold``, ``effect``, ``effect_low``, ``effect_high``, ``effect_words``, ``mix``, ``misfit``, ``calibration``.
    """

    kind: FindingKind
    argues_for: Verdict
    subject: str
    since: date
    sentence: str
    source: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def stored(value: float, *, digits: int = 4) -> float | None:
    """Return a number as assessments keep it: rounded; what is not finite is missing, for JSON has no word for it."""
    return round(float(value), digits) if isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Measures:
    """The numbers of a day that pages draw as series; missing (``None``) is never zero.

    ``effect`` is the relative loss of skill over 28 days of labels (0: as in the reference, 1: no better than naive) with its
    90 % interval; ``advantage_kept`` = 1 - effect. ``z_28`` is how far the loss lies beyond its tolerance, in standard errors. ``metric`` is the number people know (AUC, accuracy, RMSE) over the same
    window, ``metric_reference`` its value in the reference. ``drift_score`` is the importance-weighted excess drift D;
    ``drift_ratio`` the largest PSI over its own threshold. ``estimated_effect`` is the estimate without labels.
    """

    rows: int = 0
    rows_7: int = 0
    labels_28: int = 0
    effect: float | None = None
    effect_low: float | None = None
    effect_high: float | None = None
    z_28: float | None = None
    cusum: float | None = None
    metric: str | None = None
    metric_value: float | None = None
    metric_reference: float | None = None
    drift_score: float | None = None
    drift_ratio: float | None = None
    traffic_ratio: float | None = None
    estimated_effect: float | None = None
    newest_labelled_day: date | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """One version judged on one day under one policy.

    ``sentence`` can be read aloud; ``reason`` is its form for tables, at most 62 characters. ``known_on`` is the day itself or
    the later day on which a late row or label that changed it arrived. ``in_verdict_since`` is the first day of the unbroken
    run of this verdict. ``against`` lists what speaks against the verdict or was ruled out. ``details`` holds plain JSON for
    the model page: ``features`` {name: {psi, threshold, excess, rows, nulls, nulls_reference, flags}}, ``window`` and so on.
    """

    model_id: str
    version: str
    day: date
    known_on: date
    verdict: Verdict
    basis: Basis
    sentence: str
    reason: str
    in_verdict_since: date
    findings: tuple[Finding, ...] = ()
    against: tuple[str, ...] = ()
    measures: Measures = field(default_factory=Measures)
    expected_loss: float = 0.0
    policy_version: str = "1"
    method_version: str = "1"
    details: dict[str, Any] = field(default_factory=dict)
