from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from data_access.distributions import distribution, prediction_days, prediction_distribution
from data_access.judged_versions import JudgedVersions, judged_versions
from data_access.model_queries import assessment
from data_access.registry import Registry
from monitoring.portfolio import Task
from tests import builders
from tests.dashboard.model_builders import LAST, judged_model
from tests.monitoring import history_builders
from tests.monitoring.history_builders import START


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return builders.new_registry(tmp_path)


def judged(registry: Registry, *, known_on: date = LAST) -> JudgedVersions:
    return judged_versions(registry, "m", known_on=known_on)


def test_distribution_is_that_of_the_rows(registry: Registry) -> None:
    live = history_builders.binary(days=60)
    judged_model(registry, live)

    shares = distribution(judged(registry), "channel", last=LAST)

    assert shares is not None
    week = live.features["channel"][live.day > np.datetime64(LAST - timedelta(days=7))]
    assert shares.current_rows == len(week) == 700
    assert dict(zip(shares.bins, shares.current, strict=True))["web"] == pytest.approx(
        float((week == "web").mean()), abs=1e-5
    )
    assert shares.reference_rows == 84 * 100


def test_distribution_of_numbers_counts_every_row_once(registry: Registry) -> None:
    judged_model(registry)

    shares = distribution(judged(registry), "amount", last=LAST)

    assert shares is not None
    assert len(shares.bins) == 10
    assert sum(shares.current) == pytest.approx(1, abs=1e-3)
    assert sum(shares.reference) == pytest.approx(1, abs=1e-3)
    assert shares.bins[0].startswith("<")


def test_a_distribution_brings_the_scores_that_other_tools_compute_from_the_rows(registry: Registry) -> None:
    live = history_builders.binary(days=60, amount_shift=8)
    judged_model(registry, live)

    amount, channel = (distribution(judged(registry), name, last=LAST) for name in ("amount", "channel"))

    assert amount is not None
    assert channel is not None
    used, here = history_builders.past(), live.day > np.datetime64(LAST - timedelta(days=7))
    before, week = used.features["amount"], live.features["amount"][here]
    assert amount.scores["wasserstein"] == pytest.approx(stats.wasserstein_distance(before, week), abs=0.2)
    assert amount.scores["kolmogorov_smirnov"] == pytest.approx(stats.ks_2samp(before, week).statistic, abs=0.01)
    shares = [
        [float((drawn == level).mean()) for level in history_builders.CHANNELS]
        for drawn in (used.features["channel"], live.features["channel"][here])
    ]
    assert channel.scores["jensen_shannon"] == pytest.approx(jensenshannon(*shares), abs=1e-9)
    assert "wasserstein" not in channel.scores


def test_before_the_first_day_in_service_there_is_no_distribution(registry: Registry) -> None:
    judged_model(registry)

    assert distribution(judged(registry), "amount", last=START - timedelta(days=1)) is None


def test_unknown_feature_has_no_distribution(registry: Registry) -> None:
    judged_model(registry)

    assert distribution(judged(registry), "nothing", last=LAST) is None


def test_broken_days_are_left_out_as_the_drift_score_leaves_them_out(registry: Registry) -> None:
    live = history_builders.binary(days=60)
    judged_model(registry, live.with_feature("channel", None, since=57))

    shares = distribution(judged(registry), "channel", last=LAST)

    assert shares is not None
    assert shares.left_out == 3
    assert shares.current_rows == 400
    assert "(missing)" not in shares.bins


def test_days_that_are_all_broken_are_shown_as_they_came(registry: Registry) -> None:
    judged_model(registry, history_builders.binary(days=60).with_feature("channel", None, since=50))

    shares = distribution(judged(registry), "channel", last=LAST)

    assert shares is not None
    assert shares.left_out == 7
    assert dict(zip(shares.bins, shares.current, strict=True))["(missing)"] == 1.0


@pytest.mark.parametrize("task", Task)
def test_shares_of_the_predictions_are_those_of_the_rows(registry: Registry, task: Task) -> None:
    live = history_builders.MAKERS[task](days=60)
    judged_model(registry, live, task=task)

    shares = prediction_distribution(judged(registry), last=LAST)

    assert shares is not None
    assert shares.current_rows == 700
    assert len(shares.bins) == 10
    median = np.median(history_builders.past(task).score)
    below = live.score[live.day > np.datetime64(LAST - timedelta(days=7))] < median
    assert sum(shares.current[:5]) == pytest.approx(below.mean(), abs=0.01)


def test_drift_of_the_predictions_is_the_one_the_verdict_saw(registry: Registry) -> None:
    judged_model(registry, history_builders.binary(days=60, amount_shift=15, since=30))

    newest = prediction_days(judged(registry)).iloc[-1]
    known = assessment(registry, "m", known_on=LAST)

    assert known is not None
    assert newest["day"] == LAST
    assert newest["psi"] == pytest.approx(known.details["score"]["psi"], abs=1e-4)
    assert newest["threshold"] == pytest.approx(known.details["score"]["threshold"], abs=1e-4)
    assert newest["psi"] > newest["threshold"]
