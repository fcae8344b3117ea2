from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from data_access.judged_versions import judged_versions
from data_access.quality_queries import quality_days, quality_facts
from data_access.registry import Registry
from monitoring import decide_policy
from tests import builders
from tests.builders import Built
from tests.dashboard.model_builders import LAST, judged_model
from tests.monitoring import history_builders


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return builders.new_registry(tmp_path)


def test_facts_are_those_of_the_days_rows_with_their_thresholds(registry: Registry) -> None:
    live = history_builders.binary(days=60)
    rng = np.random.default_rng(4)
    empty = np.where(rng.random(len(live.day)) < 0.2, np.nan, live.features["amount"])
    strange = np.where(rng.random(len(live.day)) < 0.3, "app", live.features["channel"])
    judged_model(registry, live.with_feature("amount", empty, since=55).with_feature("channel", strange, since=58))

    facts = quality_facts(judged_versions(registry, "m", known_on=LAST), LAST).set_index("feature")

    today = live.day == np.datetime64(LAST)
    amount, channel = facts.loc["amount"], facts.loc["channel"]
    assert amount["nulls"] == pytest.approx(np.isnan(empty[today]).mean())
    assert (amount["nulls_reference"], amount["nulls_threshold"]) == (0.0, 0.05)
    assert amount["findings"] == ("nulls",)
    assert amount["open_days_28"] == 5
    assert channel["unseen"] == pytest.approx((strange[today] == "app").mean())
    assert channel["unseen_threshold"] == pytest.approx(0.05)
    assert channel["findings"] == ("new_level",)
    assert np.isnan(channel["out_of_range"])
    assert np.isnan(amount["unseen"])
    assert amount["rows"] == 100


def test_values_outside_the_reference_and_days_of_one_value_are_seen(registry: Registry) -> None:
    live = history_builders.binary(days=60)
    reference = history_builders.past().features["amount"]
    judged_model(registry, live.with_feature("amount", float(reference.max()) + 50, since=57))
    known = judged_versions(registry, "m", known_on=LAST)

    facts = quality_facts(known, LAST).set_index("feature").loc["amount"]
    days = quality_days(known, "amount").set_index("day")

    assert facts["out_of_range"] == 1.0
    assert facts["is_single"]
    assert (facts["lowest"], facts["highest"]) == (reference.min(), reference.max())
    assert "stuck" in facts["findings"]
    assert list(days["is_single"][-4:]) == [False, True, True, True]
    assert list(days["is_open"][-4:]) == [False, True, True, True]


def test_each_day_has_the_share_of_its_own_rows(registry: Registry) -> None:
    live = history_builders.binary(days=60)
    judged_model(registry, live.with_feature("amount", np.nan, since=30, until=31))

    days = quality_days(judged_versions(registry, "m", known_on=LAST), "amount")

    assert len(days) == 60
    assert [i for i, share in enumerate(days["nulls"]) if share > 0] == [30, 31]
    assert set(days["rows"]) == {100}
    assert days["is_open"].sum() == 5  # two days, and three clean ones until it closes on the fourth


def test_a_model_never_judged_or_an_unknown_feature_has_no_rows(registry: Registry) -> None:
    builders.add_models(registry, Built("new", None, has_log=False))
    judged_model(registry)

    assert quality_facts(judged_versions(registry, "new", known_on=LAST), LAST).empty
    assert quality_days(judged_versions(registry, "m", known_on=LAST), "nothing").empty


def test_thresholds_are_those_of_the_policy_in_force_on_the_day(registry: Registry) -> None:
    judged_model(registry)
    builders.add_people(registry)
    day, now = LAST - timedelta(days=10), builders.NOW
    values = {"1": {"null_rise": 0.2}, "2": {}, "3": {}}
    proposed = decide_policy.propose_policy(
        registry,
        values=values,
        based_on=1,
        reason="Empty fields are ordinary here.",
        wanted_from=None,
        by="marie@example.org",
        on=day,
        now=now,
    )
    for person in ("max@example.org", "rosa@example.org"):
        decide_policy.approve_policy(registry, proposed.number, comment="Seen.", by=person, on=day, now=now)

    shown = [
        quality_facts(judged_versions(registry, "m", known_on=on), on)["nulls_threshold"].iloc[0] for on in (day, LAST)
    ]

    assert shown == [0.05, 0.2]
