from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sklearn.metrics import accuracy_score, confusion_matrix, roc_auc_score

from data_access import model_queries
from data_access import performance_queries as queries
from data_access.assessment_store import RegistryAssessments
from data_access.judged_versions import JudgedVersions, judged_stamp, judged_versions
from data_access.registry import Registry
from data_access.shift_store import RegistryShifts
from data_access.tables import ModelRow, ModelVersionRow, ProfileRow, ReferenceRow, ShiftDayRow
from monitoring.assess import Findings
from monitoring.history import KnownInputs, ProfileKind
from monitoring.portfolio import ModelVersion, Task
from tests import builders
from tests.builders import Built
from tests.dashboard.model_builders import LAST, judged_model
from tests.monitoring import history_builders
from tests.monitoring.history_builders import START

WINDOW = 28


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return builders.new_registry(tmp_path)


def judged(registry: Registry, *, known_on: date = LAST) -> JudgedVersions:
    return judged_versions(registry, "m", known_on=known_on)


def arrived(live: history_builders.Predictions, *, up_to: date = LAST) -> history_builders.Predictions:
    """The rows whose labels arrived in the 28 days up to a day."""
    arrival = live.as_labels().arrival
    return live.only((arrival <= np.datetime64(up_to)) & (arrival > np.datetime64(up_to - timedelta(days=WINDOW))))


@pytest.mark.parametrize(
    "write",
    [
        sa.insert(ModelVersionRow).values(model_id="m", version="v9", position=9, is_announced=True),
        sa.update(ModelRow).values(card_hash="another"),
        sa.update(ModelRow).values(service_state="suspended"),
        sa.insert(ShiftDayRow).values(day=LAST, known_on=LAST, recorded_at=builders.NOW),
        sa.insert(ProfileRow).from_select(
            ["reference_id", "version", "kind", "day", "known_on", "rows", "recorded_at", "payload"],
            sa.select(
                *(ProfileRow.reference_id, ProfileRow.version, ProfileRow.kind, ProfileRow.day),
                *(sa.literal(LAST), ProfileRow.rows, sa.literal(builders.NOW), ProfileRow.payload),
            ).limit(1),
        ),
    ],
    ids=("version", "card", "service", "shift", "profile"),
)
def test_the_stamp_of_judged_versions_changes_with_what_they_are_made_of_and_with_nothing_else(
    registry: Registry, write: sa.Insert | sa.Update
) -> None:
    judged_model(registry)
    before = judged_stamp(registry, "m")
    RegistryAssessments(registry).keep_failure("m", "no table", now=builders.NOW)
    assert judged_stamp(registry, "m") == before
    with registry.write() as session:
        session.execute(write)
    assert judged_stamp(registry, "m") != before


def test_days_on_which_no_unit_changed_are_not_searched_again_and_say_the_same(registry: Registry) -> None:
    judged_model(registry)
    before = judged(registry)
    (segment,), (history,) = before.segments, before.histories
    with registry.read() as session:
        reference_id = session.scalars(sa.select(ReferenceRow.id)).one()
    assert segment.quality
    quiet = KnownInputs(history.known_on(LAST, ProfileKind.ROWS), segment).quiet_days(reference_id)
    assert quiet is not None
    found = Findings((), None, {segment.version.version: quiet})
    RegistryShifts(registry).keep_findings("m", found, (), signed_to=LAST, now=builders.NOW)

    (again,) = judged(registry).segments

    assert (segment.quiet_to, again.quiet_to) == (None, LAST)
    assert str(again.estimate) == str(segment.estimate)
    assert str(again.days_left_out_from) == str(segment.days_left_out_from)


@pytest.mark.parametrize("task", Task)
def test_the_first_metric_of_every_day_is_the_one_that_was_assessed(registry: Registry, task: Task) -> None:
    judged_model(registry, task=task)

    days = queries.metric_days(judged(registry), queries.metrics_of(judged(registry))[0]).set_index("day")
    known = model_queries.history(registry, "m", known_on=LAST).set_index("day")
    known = known[known["metric_value"].notna()]

    assert len(known) == 59
    assert days.loc[known.index, "value"].to_numpy() == pytest.approx(known["metric_value"].to_numpy(float), abs=1e-4)
    assert list(days.loc[known.index, "labels"]) == list(known["labels_28"])
    assert list(days.loc[known.index, "labelled_to"]) == list(known["newest_labelled_day"])
    assert days["reference"].iloc[-1] == pytest.approx(known["metric_reference"].iloc[-1], abs=1e-4)


def test_a_metric_is_that_of_the_rows_whose_labels_arrived_in_28_days(registry: Registry) -> None:
    live = history_builders.binary(days=60, kept=0.3, since=40)
    judged_model(registry, live)
    metric = next(each for each in queries.metrics_of(judged(registry)) if each.name == "accuracy")

    newest = queries.metric_days(judged(registry), metric).iloc[-1]

    rows = arrived(live)
    assert newest["value"] == pytest.approx(accuracy_score(rows.label, rows.prediction))
    assert newest["low"] < newest["value"] < newest["high"]
    assert newest["cases"] == len(rows.day) == 2_800


def test_an_earlier_day_knows_only_the_labels_of_its_time(registry: Registry) -> None:
    live, early = history_builders.binary(days=60, kept=0.0, since=40), START + timedelta(days=45)
    judged_model(registry, live)
    metric = queries.metrics_of(judged(registry))[0]

    then = queries.metric_days(judged(registry, known_on=early), metric).iloc[-1]

    rows = arrived(live, up_to=early)
    assert then["day"] == early
    assert then["value"] == pytest.approx(roc_auc_score(rows.label, rows.score), abs=0.002)


def test_days_with_broken_data_are_in_no_metric(registry: Registry) -> None:
    live = history_builders.binary(days=60).with_feature("amount", np.nan, since=50)
    judged_model(registry, live)

    days = queries.metric_days(judged(registry), queries.metrics_of(judged(registry))[0])

    assert days["labels"].iloc[-1] == 1_900  # of 28 days of arrivals the last 9 are of broken days
    assert queries.label_delay(judged(registry), LAST) == queries.Delay(1, 1, 2_800)


def test_labels_are_counted_by_the_day_of_the_prediction(registry: Registry) -> None:
    judged_model(registry)

    days = queries.label_days(judged(registry))

    assert len(days) == 60
    assert set(days["predictions"]) == {100}
    assert list(days["labelled"]) == [100] * 59 + [0]


def test_without_labels_there_is_nothing_to_say_and_nothing_breaks(registry: Registry) -> None:
    judged_model(registry, labelled=False)
    known = judged(registry)

    assert queries.metric_days(known, queries.metrics_of(known)[0]).empty
    assert queries.label_delay(known, LAST) is None
    assert queries.by_score(known, LAST) == ()
    assert queries.confusion(known, LAST) is None
    assert queries.label_days(known)["labelled"].sum() == 0


def test_model_that_was_never_judged_has_no_numbers(registry: Registry) -> None:
    builders.add_models(registry, Built("m", None, has_log=False))
    known = judged_versions(registry, "m", known_on=builders.TODAY)

    assert queries.metrics_of(known) == ()
    assert queries.by_score(known, builders.TODAY) == ()
    assert queries.estimate_days(known).empty
    assert queries.skill_days(known).empty
    assert queries.versions_on_same_days(known) == ()


def test_what_came_true_by_score_is_that_of_the_rows(registry: Registry) -> None:
    live = history_builders.binary(days=60, level=1.0)
    judged_model(registry, live)

    bins = queries.by_score(judged(registry), LAST)

    rows = arrived(live)
    assert len(bins) == 10
    for each in bins:
        inside = (rows.score >= each.low) & (rows.score < each.high)
        assert each.rows == inside.sum()
        assert each.came_true == pytest.approx(rows.label[inside].mean())
        assert each.said == pytest.approx(rows.score[inside].mean(), abs=0.02)
        assert each.came_true_low < each.came_true < each.came_true_high
    assert sum(each.came_true > each.reference for each in bins) >= 9


def test_predictions_of_numbers_are_compared_with_what_came_out(registry: Registry) -> None:
    live = history_builders.regression(days=60)
    judged_model(registry, live, task=Task.REGRESSION)

    bins = queries.by_score(judged(registry), LAST)

    rows = arrived(live)
    assert (bins[0].low, bins[-1].high) == (-np.inf, np.inf)
    for each in bins:
        inside = (rows.score >= each.low) & (rows.score < each.high)
        assert each.came_true == pytest.approx(rows.label[inside].mean())
        assert each.said == pytest.approx(rows.score[inside].mean(), abs=0.1)
        assert np.isnan(each.came_true_low)


def test_confusion_counts_have_the_names_of_the_classes(registry: Registry) -> None:
    live = history_builders.multiclass(days=60)
    judged_model(registry, live, task=Task.MULTICLASS)

    found = queries.confusion(judged(registry), LAST)

    rows = arrived(live)
    assert found is not None
    assert found.classes == history_builders.CLASSES
    assert np.array_equal(found.counts, confusion_matrix(rows.label, rows.prediction))


def test_skill_and_the_estimate_are_those_of_the_assessment(registry: Registry) -> None:
    judged_model(registry)
    known = model_queries.assessment(registry, "m", known_on=LAST)
    assert known is not None

    skill = queries.skill_days(judged(registry)).iloc[-1]
    estimate = queries.estimate_days(judged(registry)).iloc[-1]

    assert skill["skill"] == pytest.approx(known.details["performance"]["skill"], abs=1e-4)
    assert skill["skill_low"] < skill["skill"] < skill["skill_high"]
    assert known.measures.estimated_effect is not None
    assert estimate["estimated_low"] < known.measures.estimated_effect < estimate["estimated_high"]


def test_versions_are_compared_over_the_days_on_which_both_predicted(registry: Registry) -> None:
    live = history_builders.binary(days=60)
    versions = (ModelVersion("v1", active_from=START), ModelVersion("v2", active_from=START + timedelta(days=30)))
    second = history_builders.binary(days=60, seed=5, kept=0.5)
    shadow = second.only(second.since_start >= 20)
    judged_model(registry, live.only(live.since_start < 40), beside={"v2": shadow}, versions=versions)

    (pair,) = queries.versions_on_same_days(judged(registry))

    day_20, day_39 = START + timedelta(days=20), START + timedelta(days=39)
    both = [part.only((part.since_start >= 20) & (part.since_start < 40)) for part in (shadow, live)]
    aucs = [roc_auc_score(part.label, part.score) for part in both]
    assert (pair.version, pair.other, pair.days) == ("v2", "v1", 20)
    assert (pair.first, pair.last) == (day_20, day_39)
    assert pair.labels == (2_000, 2_000)
    assert pair.value == pytest.approx(aucs, abs=0.002)
    assert pair.difference == pytest.approx(aucs[0] - aucs[1], abs=0.004)
    assert pair.low < pair.difference < pair.high < 0


def test_versions_without_a_day_in_common_are_not_compared(registry: Registry) -> None:
    live = history_builders.binary(days=60)
    versions = (ModelVersion("v1", active_from=START), ModelVersion("v2", active_from=START + timedelta(days=30)))
    judged_model(
        registry,
        live.only(live.since_start < 30),
        beside={"v2": live.only(live.since_start >= 30)},
        versions=versions,
    )

    assert len(judged(registry).segments) == 2
    assert queries.versions_on_same_days(judged(registry)) == ()
