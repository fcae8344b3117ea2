"""Thresholds of a policy (METHODS section 15); equal for all tiers by default."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from hashlib import sha256
from json import dumps

METHOD_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Policy:
    """Every number a verdict depends on that people may decide about.

    ``double_loss_effect`` is the effect that a loss of twice the expected one counts as, for very good models.
    """

    version: str = "1"
    cusum_watch: float = 4.0
    cusum_retrain: float = 6.0
    effect_watch: float = 0.08
    effect_retrain: float = 0.15
    double_loss_effect: float = 0.15
    tolerance: float = 0.05
    tolerance_short_reference: float = 0.10
    short_reference_days: int = 56
    short_reference_onset_days: int = 14
    drift_watch: float = 0.10
    drift_retrain_unlabelled: float = 0.35
    psi_floor: float = 0.10
    null_rise: float = 0.05
    data_quality_gate: float = 0.005
    traffic_watch: float = 0.3
    traffic_gone: float = 0.05
    traffic_gone_days: int = 14
    skill_floor: float = 0.02

    @property
    def configuration_hash(self) -> str:
        """Return a short hash of every threshold and the version of the methods."""
        return _configuration_hash(self)


@lru_cache(maxsize=64)
def _configuration_hash(policy: Policy) -> str:
    text = dumps(asdict(policy) | {"method": METHOD_VERSION}, sort_keys=True)
    return sha256(text.encode()).hexdigest()[:12]


DEFAULT_POLICY = Policy()
"""The thresholds of the method itself."""
