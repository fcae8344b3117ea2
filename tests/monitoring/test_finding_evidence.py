"""Every kind of finding carries everything of METHODS section 12 that applies to it."""

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from json import dumps

import numpy as np
import pytest

from monitoring.assessment import QUALITY_KINDS, Finding, FindingKind
from monitoring.estimate import WHAT_IT_CANNOT_SEE
from monitoring.findings import findings_on
from monitoring.policy import DEFAULT_POLICY, METHOD_VERSION
from monitoring.portfolio import ModelVersion, Supersession
from monitoring.portfolio_shift import Grouping, Shift, ShiftKind
from monitoring.ports import ReferenceOrigin
from monitoring.profile import REMARKS
from monitoring.segment import Segment
from monitoring.verdict import not_judged
from monitoring.zombie import Zombie
from tests.monitoring.history_builders import (
    START,
    Predictions,
    binary,
    model,
    past,
    reference,
    segment,
    sigmoid,
)

KINDS = list(FindingKind)
ALWAYS = {
    "window",
    "value",
    "threshold_source",
    "false_alarms",
    "days_in_a_row",
    "ruled_out",
    "shift",
    "reference",
    "method_version",
    "configuration",
}
OF_LABELS = {"labels", "label_days", "prediction_days", "newest_prediction_day", "effect", "effect_low", "effect_high"}
OF_LABELS |= {"effect_words", "threshold"}
SKILL = {FindingKind.PERFORMANCE, FindingKind.NO_BETTER_THAN_NAIVE, FindingKind.RETRAINING_DID_NOT_HELP}
ESTIMATED = {"effect", "effect_low", "effect_high", "effect_words", "se", "rows", "cannot_see", "labels_needed"}
NO_ROWS = SKILL | {FindingKind.NOT_JUDGED}
NO_SINGLE_THRESHOLD = {
    FindingKind.STUCK,
    FindingKind.SWAPPED,
    FindingKind.SUPERSEDED,
    FindingKind.MISSING_COLUMN,
    FindingKind.UNANNOUNCED_VERSION,
    FindingKind.NOT_JUDGED,
}


def remarked(history: Segment, at: int, *, since: int) -> Segment:
    """Return the history with a remark on every row from a day on."""
    profiles = history.profiles
    remarks = np.zeros((len(profiles), REMARKS + 3), dtype=np.int64)
    remarks[since:, at] = profiles.rows[since:]
    return replace(history, profiles=replace(profiles, remarks=remarks))


def closer(live: Predictions) -> Predictions:
    near = 100 + (live.features["amount"] - 100) * np.where(live.since_start >= 15, 0.4, 1.0)
    return replace(live.with_feature("amount", near), score=sigmoid((near - 100) / 10))


@cache
def histories() -> dict[str, tuple[Segment, int]]:
    """Return a history and a day for every kind of finding."""
    live, lost = binary(days=60), binary(days=60, kept=0.2, since=20)
    thin = live.only((live.since_start < 20) | (np.arange(len(live.day)) % 100 < 40))
    other = Supersession("m-2", START)
    typed = segment(live)
    counts = typed.profiles.counts.copy()
    counts[20:, reference().layout.counts_at["note"].stop - 1] = 50
    typed = replace(typed, profiles=replace(typed.profiles, counts=counts))
    weekly_note = live.with_feature("channel", np.where(np.arange(6_000) % 10 == 0, "drone", live.features["channel"]))
    vain = segment(binary(days=60, kept=0.55), against=reference(past(kept=0.55)), previous=reference())
    half = live.only((live.since_start < 20) | (np.arange(len(live.day)) % 100 < 20))
    unlabelled_half = replace(segment(live), labels=segment(live.only(np.arange(len(live.day)) % 2 == 0)).labels)
    return {
        "performance": (segment(lost), 40),
        "no_better_than_naive": (segment(binary(days=60, kept=0.0, since=10)), 50),
        "estimated_performance": (segment(closer(binary(days=40)), labelled=False), 39),
        "drift": (segment(binary(days=30, amount_shift=20)), 29),
        "score_drift": (segment(replace(live, score=np.clip(live.score + 0.1, 0, 1)), labelled=False), 29),
        "nulls": (segment(live.with_feature("amount", np.nan, since=20)), 25),
        "stuck": (segment(live.with_feature("amount", 100.0, since=20)), 25),
        "unit": (segment(live.with_feature("amount", live.features["amount"] * 10, since=20)), 25),
        "rescaled": (_miles(), 30),
        "unit_in_range": (_wider_notes(), 25),
        "swapped": (_exchanged(), 25),
        "strange": (segment(live.with_feature("amount", _coded(live), since=20)), 25),
        "new_level": (segment(weekly_note), 25),
        "level_change": (segment(live.with_feature("amount", live.features["amount"] * 1.45, since=30)), 30),
        "missing_column": (remarked(segment(live.with_feature("amount", np.nan, since=20)), REMARKS, since=20), 25),
        "type_change": (typed, 25),
        "score_range": (
            segment(replace(live, score=np.where(live.since_start >= 20, 100 * live.score, live.score))),
            25,
        ),
        "future_rows": (remarked(segment(live), 0, since=20), 25),
        "traffic_low": (segment(half), 30),
        "traffic_gone": (segment(binary(days=40), days=70), 65),
        "traffic_halved": (segment(thin), 59),
        "no_traffic": (segment(binary(days=40), days=50), 45),
        "superseded": (segment(live, of=model(superseded_by=other)), 30),
        "settling": (segment(live, previous=reference()), 4),
        "retraining_did_not_help": (replace(vain, skill_before=(0.3, 0.01)), 40),
        "unannounced_version": (segment(live, of=model(versions=(ModelVersion("v9", announced=False),))), 5),
        "retirement_candidate": (segment(live, of=model(owner=None)), 5),
        "label_coverage": (unlabelled_half, 50),
        "portfolio_shift": (segment(live, shifts=_a_broken_feed()), 25),
    }


def _a_broken_feed() -> dict[date, tuple[Shift, ...]]:
    day = START + timedelta(days=25)
    shift = Shift(day, ShiftKind.FEED, Grouping.SOURCE, "core feed", k=9, n=12, base=0.01, log10_p=-15.7, models=("m",))
    return {day: (shift,)}


def _wider_notes() -> Segment:
    """Notes about zero become 2.54 times as wide."""
    live = binary(days=45, rows_a_day=150)
    changed = live.with_feature("note", live.features["note"] * 2.54, since=20)
    return segment(changed, against=reference(past(rows_a_day=150)))


def _coded(live: Predictions) -> np.ndarray:
    """Every fifth amount is -999."""
    coded: np.ndarray = np.where(np.arange(len(live.day)) % 5 == 0, -999.0, live.features["amount"])
    return coded


def _exchanged() -> Segment:
    """Amount and note change places; both lie in one range."""

    def alike(rows: Predictions) -> Predictions:
        return rows.with_feature("note", 80 + 12 * rows.features["note"] ** 2, since=-1_000)

    live = alike(binary(days=45))
    amount, note = live.features["amount"], live.features["note"]
    swapped = live.with_feature("amount", note, since=20).with_feature("note", amount, since=20)
    return segment(swapped, against=reference(alike(past())))


def _miles() -> Segment:
    live = binary(days=45, rows_a_day=400)
    changed = live.with_feature("amount", live.features["amount"] * 1.609344, since=20)
    return segment(changed, against=reference(past(rows_a_day=400)))


@cache
def found_of(kind: FindingKind) -> Finding:
    if kind is FindingKind.NOT_JUDGED:
        said = "Its prediction log is empty."
        day = date(2025, 4, 1)
        return not_judged(model(), version="", day=day, since=day, sentence=said, policy=DEFAULT_POLICY).findings[0]
    if kind is FindingKind.ZOMBIE:
        asked = tuple((date(2025, 4, day), 40) for day in (3, 5, 6))
        return Zombie("m", "M", None, None, None, date(2025, 4, 1), asked).finding()
    history, i = histories()[kind.value]
    return next(found for found, _ in findings_on(history, i) if found.kind is kind)


def test_there_is_a_history_for_every_kind() -> None:
    assert set(histories()) | {"not_judged", "zombie"} == {kind.value for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_finding_carries_what_the_method_asks_for(kind: FindingKind) -> None:
    found = found_of(kind)
    wanted = set(ALWAYS)
    if kind in SKILL:
        wanted |= OF_LABELS | ({"reference_value"} if kind is not FindingKind.RETRAINING_DID_NOT_HELP else set())
        wanted -= {"value"} if kind is FindingKind.RETRAINING_DID_NOT_HELP else set()
    if kind is FindingKind.ESTIMATED_PERFORMANCE:
        wanted = (wanted | ESTIMATED) - {"value"}
    if kind not in NO_ROWS:
        wanted |= {"rows"}
    if kind not in NO_SINGLE_THRESHOLD | {FindingKind.RETIREMENT_CANDIDATE}:
        wanted |= {"threshold"}
    if kind in QUALITY_KINDS - {FindingKind.STUCK, FindingKind.SWAPPED}:
        wanted |= {"reference_value", "prediction_days"}
    if kind is FindingKind.SWAPPED:
        wanted -= {"value"}
    assert wanted <= found.evidence.keys(), wanted - found.evidence.keys()
    assert found.evidence["method_version"] == METHOD_VERSION
    assert found.evidence["configuration"] == DEFAULT_POLICY.configuration_hash
    assert found.evidence["days_in_a_row"] >= 1
    assert found.evidence["shift"] is None
    assert dumps(found.evidence, allow_nan=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_can_be_read_aloud(kind: FindingKind) -> None:
    said = found_of(kind).sentence
    assert said[0].isupper() or said[0].isdigit() or said.startswith(("amount", "channel", "note"))
    assert said.endswith((".", "?"))
    assert "  " not in said
    assert "_" not in said


def test_what_was_ruled_out_is_named_with_its_numbers() -> None:
    lost = found_of(FindingKind.PERFORMANCE).evidence
    assert lost["ruled_out"][0] == "The data are clean where it matters."
    assert lost["ruled_out"][1].startswith("The inputs have not moved: drift score 0")
    assert lost["ruled_out"][2].startswith("A harder population explains ")
    moved = found_of(FindingKind.DRIFT).evidence["ruled_out"]
    assert moved[1].startswith("Skill is not lost: ")


def test_the_window_is_told_in_prediction_days_and_label_days() -> None:
    lost = found_of(FindingKind.PERFORMANCE).evidence
    assert lost["label_days"] == "13 Apr to 10 May"
    assert lost["prediction_days"] == "12 Apr to 9 May"
    assert lost["newest_prediction_day"] == "2025-05-09"


def test_the_effect_is_told_in_words() -> None:
    assert "of its advantage over the naive forecast" in found_of(FindingKind.PERFORMANCE).evidence["effect_words"]


def test_a_second_attempt_after_a_vain_retraining_needs_a_person() -> None:
    found = found_of(FindingKind.RETRAINING_DID_NOT_HELP)
    assert found.sentence.endswith("A second attempt needs a person.")
    numbers = found.evidence
    assert numbers["skill_difference"] == pytest.approx(numbers["skill_after"] - 0.3, abs=1e-3)
    assert numbers["skill_difference_low"] < numbers["skill_difference"] < numbers["skill_difference_high"]


def test_an_estimate_says_what_it_cannot_see() -> None:
    found = found_of(FindingKind.ESTIMATED_PERFORMANCE)
    assert found.sentence.endswith(WHAT_IT_CANNOT_SEE)
    assert "estimated, on 700 predictions," in found.sentence


def test_early_production_and_small_references_are_called_provisional() -> None:
    moved = binary(days=30, amount_shift=40)
    early = reference(origin=ReferenceOrigin.EARLY_PRODUCTION, of=model())
    small = reference(past(days=13))
    for base, words in ((early, "early production, thresholds are provisional"), (small, "own reference, thresholds")):
        history = segment(moved, against=base)
        found = next(found for found, _ in findings_on(history, 29) if found.kind is FindingKind.DRIFT)
        assert found.evidence["reference"].startswith(words)
    assert found_of(FindingKind.DRIFT).evidence["reference"] == "own reference"


def test_a_weekly_reference_needs_twelve_days_with_rows() -> None:
    for weeks, small in ((11, True), (12, False)):
        base = reference(past(every=7, days=7 * weeks, rows_a_day=200))
        assert segment(binary(days=8, every=7), against=base).small_reference is small


def test_days_in_a_row_count_from_since() -> None:
    for kind in (FindingKind.NULLS, FindingKind.STUCK, FindingKind.UNIT, FindingKind.MISSING_COLUMN):
        found = found_of(kind)
        assert found.since == START + timedelta(days=20)
        assert found.evidence["days_in_a_row"] == 6
