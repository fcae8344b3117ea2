import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring.error_control import beyond_chance, chance_of, expected_chance_signals

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def test_a_thousand_models_give_at_most_twelve_chance_signals_a_month() -> None:
    assert expected_chance_signals(1_000, level=6.0) == pytest.approx(1_000 * 30 / 2_573, rel=1e-3)
    assert expected_chance_signals(1_000, level=4.0) > 80
    assert expected_chance_signals(1_000, level=6.0, days=1) == pytest.approx(0.39, abs=0.01)


@given(st.floats(-6, 6))
def test_chance_is_the_upper_tail_of_the_normal_distribution(z: float) -> None:
    assert chance_of(z) == pytest.approx(float(stats.norm.sf(z)), rel=1e-9)


@given(P_VALUES)
def test_what_stands_out_is_what_scipy_keeps_at_a_tenth(p_values: list[float]) -> None:
    kept = int((stats.false_discovery_control(p_values) <= 0.10).sum())
    assert abs(beyond_chance(p_values) - kept) <= (np.isclose(stats.false_discovery_control(p_values), 0.10)).sum()


def test_benjamini_and_hochberg_by_hand() -> None:
    assert beyond_chance([0.01, 0.04, 0.07, 0.9, 0.95]) == 2
    assert beyond_chance([0.03, 0.035, 0.9]) == 2
    assert beyond_chance([0.2, 0.3]) == 0
    assert beyond_chance([]) == 0


def test_models_that_were_tested_but_are_not_given_count_against() -> None:
    assert beyond_chance([0.001, 0.02], models=2) == 2
    assert beyond_chance([0.001, 0.02], models=50) == 1
    assert beyond_chance([0.001, 0.02], models=1_000) == 0


def test_a_missing_p_value_is_not_tested() -> None:
    assert beyond_chance([0.01, float("nan")]) == 1


def test_at_most_a_tenth_of_what_stands_out_is_chance() -> None:
    rng, false, found = np.random.default_rng(3), 0, 0
    for _ in range(400):
        z = rng.normal(size=100)
        z[:10] += 4
        p = np.array([chance_of(value) for value in z])
        k = beyond_chance(p.tolist())
        chosen = np.argsort(p)[:k]
        false, found = false + int((chosen >= 10).sum()), found + k
    assert 0.05 < false / found < 0.11
