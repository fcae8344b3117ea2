"""Other thresholds over the same profiles: every policy that may be set judges, and previews count what they say."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from monitoring.assessment import Verdict
from monitoring.policy import DEFAULT_POLICY, Policy
from monitoring.policy_preview import Outlook, PolicyPreview
from monitoring.replay import SHARED, DayVerdict, ReplayedModel
from monitoring.segment import Segment
from monitoring.thresholds import ORDERED, THRESHOLDS, Threshold, checked_policy
from tests.monitoring.history_builders import assessed, binary, model, segment, verdicts

FIRST = date(2026, 3, 2)
LOST = binary(days=40, kept=0.5, since=10)


def at_the_end(threshold: Threshold, value: float) -> Policy:
    """The default policy with one threshold at an end of its range; what contradicts it moves with it."""
    values = {threshold.name: value}
    for lower, upper in ORDERED:
        if threshold.name == lower and value > getattr(DEFAULT_POLICY, upper):
            values[upper] = value
        if threshold.name == upper and value < getattr(DEFAULT_POLICY, lower):
            values[lower] = value
    return checked_policy(values, version="2")


@pytest.mark.parametrize("end", ["low", "high"])
@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda threshold: threshold.name)
def test_the_ends_of_every_range_give_assessments_with_their_policy(threshold: Threshold, end: str) -> None:
    value = getattr(threshold, end)
    try:
        policy = at_the_end(threshold, int(value) if isinstance(threshold.default, int) else value)
    except Exception as error:  # noqa: BLE001 - two ranges may not meet; then there is no such policy
        pytest.skip(str(error))
    found = assessed(segment(LOST, policy=policy))
    assert {each.policy_version for each in found} == {"2"}
    assert all(finding.evidence["policy_version"] == "2" for each in found for finding in each.findings)


def test_what_is_shared_is_a_series_of_a_segment() -> None:
    """A name that no series has any more would be shared by nobody and noticed by nobody."""
    assert [name for name in SHARED if not hasattr(Segment, name)] == []


def test_a_shared_series_does_not_depend_on_the_thresholds_that_may_differ() -> None:
    history = segment(LOST)
    verdicts(history)
    other = segment(
        LOST, policy=replace(DEFAULT_POLICY, effect_retrain=0.9, tolerance=0.2, cusum_watch=9.0, skill_floor=0.3)
    )
    verdicts(other)
    for name in ("sums", "drift_score", "days_left_out_from", "label_age", "mean_score_28", "newest_labelled"):
        assert str(getattr(history, name)) == str(getattr(other, name)), name


# Counting


def days_of(words: str) -> dict[date, DayVerdict]:
    """A verdict per letter: r retrain, w watch, k keep; a dot is a day without one."""
    letters = {"r": Verdict.RETRAIN, "w": Verdict.WATCH, "k": Verdict.KEEP}
    return {
        FIRST + timedelta(days=i): DayVerdict(letters[letter], f"because {letter}")
        for i, letter in enumerate(words)
        if letter in letters
    }


def previewed(before: str, after: str, *, name: str = "m") -> PolicyPreview:
    found = ReplayedModel(replace(model(), id=name, name=name.title()), days_of(before), days_of(after))
    return PolicyPreview.of(found, first=FIRST, last=FIRST + timedelta(days=len(before) - 1))


def test_verdicts_spells_and_changes_are_counted_by_hand() -> None:
    outlook = Outlook.of(days_of("..kkrrrkrw"), first=FIRST, days=10)
    assert outlook.counts["retrain"] == [0, 0, 0, 0, 1, 1, 1, 0, 1, 0]
    assert outlook.counts["keep"] == [0, 0, 1, 1, 0, 0, 0, 1, 0, 0]
    assert outlook.retrain_spells == (3, 1)
    assert (outlook.retrained_models, outlook.verdict_changes, outlook.median_spell) == (1, 4, 2)
    assert Outlook.of({}, first=FIRST, days=3).median_spell is None


def test_a_model_that_differs_on_earlier_days_only_is_no_change_of_today() -> None:
    (change,) = previewed("kkrrkk", "kkkrkk").changed
    assert (change.days, change.first_day, change.last_day) == (1, "2026-03-04", "2026-03-04")
    assert not change.is_today
    assert previewed("kkrrkk", "kkkrkk").changed_today == ()


def test_changes_of_today_are_listed_by_name_with_both_reasons() -> None:
    total = previewed("kr", "kw", name="b") + previewed("kr", "kk", name="a") + previewed("kk", "kk", name="c")
    assert total.models == 3
    assert [(each.model_id, each.before, each.after) for each in total.changed_today] == [
        ("a", "retrain", "keep"),
        ("b", "retrain", "watch"),
    ]
    assert total.changed_today[0].reason_before == "because r"
    assert total.before.counts["retrain"] == [0, 2]
    assert total.after.counts["watch"] == [0, 1]
    assert PolicyPreview.from_json(total.as_json()) == total
