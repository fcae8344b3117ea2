"""The default policy is that of METHODS section 15, number by number."""

from dataclasses import asdict

from monitoring.policy import DEFAULT_POLICY

SECTION_15 = {
    "version": "1",
    "cusum_watch": 4.0,
    "cusum_retrain": 6.0,
    "effect_watch": 0.08,
    "effect_retrain": 0.15,
    "double_loss_effect": 0.15,
    "tolerance": 0.05,
    "tolerance_short_reference": 0.10,
    "short_reference_days": 56,
    "short_reference_onset_days": 14,
    "drift_watch": 0.10,
    "drift_retrain_unlabelled": 0.35,
    "psi_floor": 0.10,
    "null_rise": 0.05,
    "data_quality_gate": 0.005,
    "traffic_watch": 0.3,
    "traffic_gone": 0.05,
    "traffic_gone_days": 14,
    "skill_floor": 0.02,
}


def test_the_default_policy_is_that_of_the_method() -> None:
    assert asdict(DEFAULT_POLICY) == SECTION_15
