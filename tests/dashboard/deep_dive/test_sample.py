from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from dashboard.deep_dive.order import Request
from dashboard.deep_dive.sample import (
    MOST_COLUMNS,
    MOST_LEVELS,
    DeepDiveError,
    class_names,
    neutral,
    pairs_of,
    read_pairs,
    read_sample,
    sample_of,
)
from monitoring.portfolio import Feature, FeatureKind, Task
from tests.dashboard.deep_dive.frames import BAD_INPUTS, frames, model, pair_columns
from tests.dashboard.model_builders import many_features
from tests.hostile import TEXTS
from tests.monitoring import history_builders
from tests.monitoring.history_builders import FEATURES, START
from tests.monitoring.memory import MemoryLog, reference_from

LAST = START + timedelta(days=20)
REQUEST = Request(model="m", version="v1", last=LAST, known_on=LAST, days=7, rows=200)


def log(days: int = 30) -> MemoryLog:
    live, past = history_builders.binary(days=days), history_builders.past()
    return MemoryLog(
        live.as_rows(), live.as_labels(), reference_from(past.as_rows(), past.as_labels()), known_until=LAST
    )


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_input_that_evidently_fails_on_is_converted_or_left_out_with_its_reason(name: str) -> None:
    bad = BAD_INPUTS[name]
    sample = sample_of(*frames(bad))
    said = {"numeric": "bad" in sample.numeric, "categorical": "bad" in sample.categorical}

    assert said.get(bad.verdict, sample.left_out.get("bad") == bad.verdict), sample.left_out
    assert "good" in sample.numeric


def test_column_that_the_reference_lacks_is_left_out() -> None:
    then, now = frames(BAD_INPUTS["missing column"])
    assert sample_of(now, then).left_out == {"bad": "the reference does not have it"}


def test_levels_beyond_the_most_frequent_stand_together() -> None:
    sample = sample_of(*frames(BAD_INPUTS["thousands of levels"]))
    assert set(sample.current["bad"]) | set(sample.reference["bad"]) >= {"usual", "(other)"}
    assert sample.current["bad"].nunique() <= MOST_LEVELS + 1


def test_too_few_rows_and_no_rows_are_refused() -> None:
    for rows in (0, 2):
        few = pd.DataFrame({"x": [1.0] * rows})
        with pytest.raises(DeepDiveError, match=f"Too few rows to compare: {rows} in the window"):
            sample_of(few, pd.DataFrame({"x": np.arange(100.0)}))


def test_nothing_that_can_be_compared_is_one_sentence() -> None:
    with pytest.raises(DeepDiveError, match="No column can be compared"):
        sample_of(pd.DataFrame({"x": [np.nan] * 50}), pd.DataFrame({"x": [1.0] * 50}))


@pytest.mark.parametrize("text", TEXTS)
def test_neutral_text_can_start_no_markup_and_end_no_script(text: str) -> None:
    made = neutral(text)
    assert not set("<>&\"'`\\{}\n\r\u2028\u202e") & set(made)
    assert len(made) <= 80


def test_names_that_become_the_same_stay_two_columns() -> None:
    now = pd.DataFrame({"<b": np.arange(50.0), "‹b": np.arange(50.0)})
    assert sample_of(now, now).numeric == ("‹b", "‹b (2)")


def test_sample_covers_every_day_of_the_window_and_no_other() -> None:
    read = log()
    sample = read_sample(read, REQUEST, FEATURES)

    assert read.reads == 7
    assert len(sample.current) == pytest.approx(200, abs=7)
    assert len(sample.reference) == 200
    assert set(sample.numeric) | set(sample.categorical) == {"amount", "channel", "note", "prediction"}


def test_sample_is_the_same_every_time() -> None:
    assert read_sample(log(), REQUEST, FEATURES).current.equals(read_sample(log(), REQUEST, FEATURES).current)


def test_rows_of_another_version_and_rows_not_known_yet_are_left_out() -> None:
    read = log()
    other = read.all_rows.day.astype(np.int64) % 2 == 0
    read.all_rows.version[other] = "v2"
    wide = replace(REQUEST, rows=5_000)
    assert len(read_sample(read, wide, FEATURES).current) in {300, 400}
    read.all_rows.valid_from[:] = LAST + timedelta(days=1)
    with pytest.raises(DeepDiveError, match="Too few rows"):
        read_sample(read, wide, FEATURES)


def test_only_the_most_important_columns_are_compared() -> None:
    features = (*many_features(MOST_COLUMNS), Feature("least", FeatureKind.NUMERIC, importance=0.0))
    assert "only the 60 most important" in read_sample(log(), REQUEST, features).left_out["least"]


def test_progress_tells_the_share_of_the_window() -> None:
    shares: list[float] = []
    read_sample(log(), REQUEST, FEATURES, tick=shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 7


def test_half_of_the_labels_missing_leaves_the_labelled_half() -> None:
    now, then = pair_columns(lambda frame: frame.assign(label=frame["label"].where(frame.index % 2 == 0)))
    assert len(pairs_of(now, then, model(Task.BINARY, "no", "yes")).current) == 60


@pytest.mark.parametrize("kept", [0, 20])
def test_too_few_labels_are_refused(kept: int) -> None:
    now, then = pair_columns(lambda frame: frame.assign(label=frame["label"].where(frame.index < kept)))
    with pytest.raises(DeepDiveError, match="Too few labels"):
        pairs_of(now, then, model(Task.BINARY, "no", "yes"))


def test_one_class_only_is_refused() -> None:
    now, then = pair_columns(lambda frame: frame.assign(label="no"))
    with pytest.raises(DeepDiveError, match="Only one class"):
        pairs_of(now, then, model(Task.BINARY, "no", "yes"))


def test_score_that_is_no_probability_is_not_used_as_one() -> None:
    now, then = pair_columns(lambda frame: frame.assign(probability=300 + 500 * frame["probability"]))
    assert pairs_of(now, then, model(Task.BINARY, "no", "yes")).probabilities == ()


def test_regression_with_missing_labels_keeps_complete_pairs() -> None:
    now = pd.DataFrame({"label": [1.0, np.nan] * 40, "predicted": np.arange(80.0)})
    assert len(pairs_of(now, now, model(Task.REGRESSION)).current) == 40


def test_labels_that_arrived_in_the_window_are_measured() -> None:
    live = history_builders.model()
    pairs = read_pairs(log(), replace(REQUEST, rows=5_000), live)
    assert len(pairs.current) == 700
    assert pairs.positive == class_names(live)[-1]


def test_classes_called_like_our_columns_stay_apart() -> None:
    assert class_names(model(Task.BINARY, "label", "label")) == ("label (2)", "label (3)")
