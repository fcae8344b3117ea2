from dataclasses import replace

import numpy as np
import pytest

from monitoring.assessment import FindingKind, Verdict
from monitoring.segment import Segment
from tests.monitoring.history_builders import Predictions, binary, finding, kinds, model, segment, verdicts


def labelled_where(live: Predictions, chosen: np.ndarray) -> Segment:
    """Return a history in which only some predictions get a label."""
    of = model(label_delay_days=float(live.delay_days))
    history = segment(live, of=of)
    return replace(history, labels=segment(live.only(chosen), of=of).labels)


def test_coverage_is_one_while_every_prediction_gets_its_label_whatever_the_delay() -> None:
    for delay in (0, 1, 9):
        coverage = labelled_where(replace(binary(days=60), delay_days=delay), np.ones(6_000, dtype=bool)).coverage
        assert coverage is not None
        assert coverage.share[delay:] == pytest.approx(1.0)
        assert np.isnan(coverage.share[:delay]).all()
        assert not coverage.changed.any()


def test_coverage_by_hand_over_28_days_of_predictions_as_old_as_their_label() -> None:
    live = replace(binary(days=60), delay_days=3)
    chosen = (np.arange(6_000) % 2 == 0) | (live.since_start < 20)
    coverage = labelled_where(live, chosen).coverage
    assert coverage is not None
    window = (live.since_start <= 50 - 3) & (live.since_start > 50 - 3 - 28)
    assert coverage.share[50] == pytest.approx(chosen[window].mean())
    assert coverage.rows[50] == window.sum() == 2_800


def test_a_change_of_more_than_ten_points_warns_and_moves_no_verdict() -> None:
    live = binary(days=60)
    history = labelled_where(live, np.arange(6_000) % 10 < 7)
    found = finding(history, 59, FindingKind.LABEL_COVERAGE)
    assert found.sentence.startswith("Labels cover 70 % of its predictions, 100 % in the reference:")
    assert found.argues_for is Verdict.KEEP
    assert set(verdicts(history)) == {Verdict.KEEP}
    assert FindingKind.LABEL_COVERAGE not in kinds(labelled_where(live, np.arange(6_000) % 100 < 92), 59)


def test_labels_that_come_for_high_scores_only_are_seen_bin_by_bin() -> None:
    live = binary(days=60)
    history = labelled_where(live, live.score > 0.10)
    coverage = history.coverage
    assert coverage is not None
    assert coverage.changed[59, :2].all()
    assert not coverage.changed[59, 10:].any()
    assert finding(history, 59, FindingKind.LABEL_COVERAGE).evidence["worst_bin"][1:] == [0.0, 1.0]


def test_a_few_predictions_in_a_bin_warn_of_nothing() -> None:
    live = binary(days=5)
    history = labelled_where(live, live.score > 0.10)
    assert history.coverage is not None
    assert (history.coverage.rows_by_score[4] < 30).any()
    assert not history.coverage.changed[4][history.coverage.rows_by_score[4] < 30].any()


def test_labels_that_come_earlier_than_usual_count_with_their_prediction_day() -> None:
    live = binary(days=60)
    history = segment(live, of=model(label_delay_days=9.0))
    assert history.coverage is not None
    assert history.coverage.share[9:] == pytest.approx(1.0)


def test_without_a_known_delay_coverage_is_unknown() -> None:
    assert segment(binary(days=20), of=model(label_delay_days=None)).coverage is None
