"""Made-up models with one known trouble each, through the whole pipeline: files, default store, profiles, verdicts.

Every model scores 100 rows a day for eight weeks, unless it says otherwise; its trouble begins on day 20.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from data_access.tables import AssessmentRow
from tests.pipeline import FIRST, Home, model_card, model_folder, predictions, reference_rows

DAYS, ROWS_A_DAY = 56, 100
TROUBLE = 20
LAST = FIRST + timedelta(days=DAYS - 1)
LONG = 154
"""Days of a model that scores once a week."""


def on(day: int) -> date:
    """Return a day, counted from the first."""
    return FIRST + timedelta(days=day)


def live(**changes: Any) -> pd.DataFrame:
    return predictions(**{"days": DAYS, "rows_a_day": ROWS_A_DAY, "seed": 11} | changes)


def quarter_blind_from(day: int) -> Any:
    """A quarter of the labels has nothing to do with the score: half of the skill is gone."""
    return lambda days: np.where(days >= day, 0.25, 0.0)


def drifting() -> pd.DataFrame:
    """Nearly all rows come from the south from day 20 on; the model is as right about them as it was."""
    rows = live(rows_a_day=3 * ROWS_A_DAY)
    before = (rows["day"] < TROUBLE) & (rows.index % 3 == 0)
    since = (rows["day"] >= TROUBLE) & ((rows["region"] == "south") | (rows.index % 10 == 0))
    return rows[before | since]


def with_nulls() -> pd.DataFrame:
    """For five days half the delays are empty, and the model does not know better than to say 0.5 for them."""
    rows = live()
    broken = rows["day"].between(TROUBLE, TROUBLE + 4) & (rows.index % 2 == 0)
    rows.loc[broken, "dep_delay"] = np.nan
    rows.loc[broken, "p_late"] = 0.5
    return rows


def silent() -> pd.DataFrame:
    rows = live()
    return rows[rows["day"] < TROUBLE]


def unlabelled(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(label=None)


def retrained(*, helps: bool) -> pd.DataFrame:
    """Three quarters of the labels become blind on day 10; from day 30 on another version answers."""
    rows = live(useless=lambda days: np.where((days >= 10) & ((days < 30) | (not helps)), 0.75, 0.0))
    return rows.assign(version=np.where(rows["day"] < 30, "v1", "v2"))


TWO_VERSIONS = [
    {"version": "v1", "active_from": FIRST.isoformat()},
    {"version": "v2", "active_from": on(30).isoformat()},
]
WEEKLY: dict[str, Any] = {"days": LONG, "rows_a_day": 300, "every": 7}


@dataclass(frozen=True)
class Story:
    """A model: its rows, what its card says differently, and the reference it was accepted on."""

    rows: pd.DataFrame
    reference: pd.DataFrame
    card: dict[str, Any]


def stories() -> Iterator[tuple[str, Story]]:
    """Every model by its id."""
    usual = reference_rows(rows_a_day=ROWS_A_DAY)
    yield "stable", Story(live(), usual, {})
    yield "halved", Story(live(useless=quarter_blind_from(TROUBLE)), usual, {})
    short = usual[usual["ts"] >= pd.Timestamp(on(-35), tz="UTC")]
    yield "halved-short-reference", Story(live(useless=quarter_blind_from(TROUBLE)), short, {})
    yield "drifting", Story(drifting(), usual, {})
    yield "nulls", Story(with_nulls(), usual, {})
    yield "silent", Story(silent(), usual, {})
    yield "superseded", Story(live(), usual, {"superseded_by": {"name": "Later", "since": on(TROUBLE).isoformat()}})
    yield "unlabelled", Story(unlabelled(live()), usual, {})
    yield "unlabelled-drifting", Story(unlabelled(drifting()), usual, {})
    yield "inputs-only", Story(unlabelled(live()), usual.drop(columns="label"), {"labels": None})
    weekly = reference_rows(days=196, rows_a_day=300, every=7)
    yield "weekly", Story(live(**WEEKLY), weekly, {"cadence": "weekly"})
    weekly_halved = live(**WEEKLY, useless=quarter_blind_from(70))
    yield "weekly-halved", Story(weekly_halved, weekly, {"cadence": "weekly"})
    yield "few", Story(live(rows_a_day=5), reference_rows(rows_a_day=5), {})
    yield "retrained", Story(retrained(helps=True), usual, {"versions": TWO_VERSIONS})
    yield "retrained-in-vain", Story(retrained(helps=False), usual, {"versions": TWO_VERSIONS})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home in which every story was imported and assessed day by day to its end."""
    folder = tmp_path_factory.mktemp("stories")
    made = Home(folder)
    for name, story in stories():
        card = model_card(id=name, name=name, **story.card)
        path = model_folder(folder / name, rows=story.rows, card=card, reference=story.reference)
        if "labels" not in card:
            (path / "labels.parquet").unlink()
        made.imports(path)
    assert made.assesses(on=on(LONG - 1)).failures == {}
    yield made
    made.registry.close()


def verdicts(home: Home, name: str, *, first: int = 0, last: int = DAYS - 1) -> set[str]:
    """The verdicts of a model between two days."""
    return {verdict for day, verdict in home.verdicts(name).items() if on(first) <= day <= on(last)}


def first_day(home: Home, name: str, verdict: str) -> int:
    """The first day of a verdict, counted from the first day of the model."""
    return min((day - FIRST).days for day, said in home.verdicts(name).items() if said == verdict)


def last_day(home: Home, name: str, verdict: str) -> int:
    return max((day - FIRST).days for day, said in home.verdicts(name).items() if said == verdict and day <= LAST)


def assessments(home: Home, name: str, *, last: int = DAYS - 1) -> list[AssessmentRow]:
    with home.registry.read() as session:
        query = sa.select(AssessmentRow).where(AssessmentRow.model_id == name, AssessmentRow.day <= on(last))
        found = list(session.scalars(query.order_by(AssessmentRow.day)))
        session.expunge_all()
        return found


def test_a_stable_model_is_kept_every_day(home: Home) -> None:
    assert verdicts(home, "stable") == {"keep"}
    assert {row.basis for row in assessments(home, "stable")[10:]} == {"realised"}


def test_half_the_skill_lost_is_a_retraining_within_seven_days_of_labels(home: Home) -> None:
    first_labels = TROUBLE + 1
    assert first_labels < first_day(home, "halved", "retrain") <= first_labels + 7
    assert verdicts(home, "halved", last=TROUBLE) == {"keep"}
    assert verdicts(home, "halved", first=TROUBLE + 10) == {"retrain"}


def test_the_loss_is_measured_as_it_was_made(home: Home) -> None:
    newest = assessments(home, "halved")[-1]
    assert newest.effect_low is not None
    assert newest.effect_high is not None
    assert newest.effect_low < 0.5 < newest.effect_high


def test_a_short_reference_watches_for_two_weeks_before_it_asks_for_a_retraining(home: Home) -> None:
    began = first_day(home, "halved-short-reference", "watch")
    assert TROUBLE < began <= TROUBLE + 8
    assert began + 5 < first_day(home, "halved-short-reference", "retrain") <= TROUBLE + 21


def test_other_inputs_without_a_loss_are_watched_and_never_retrained(home: Home) -> None:
    assert verdicts(home, "drifting", last=TROUBLE) == {"keep"}
    assert verdicts(home, "drifting") == {"keep", "watch"}
    assert max(row.drift_score or 0.0 for row in assessments(home, "drifting")) > 0.35


def test_nulls_in_an_important_feature_are_a_fix_of_the_data_within_two_days(home: Home) -> None:
    assert TROUBLE <= first_day(home, "nulls", "fix_data") <= TROUBLE + 1


def test_repaired_nulls_clear_and_the_broken_days_accuse_nobody(home: Home) -> None:
    assert TROUBLE + 4 < last_day(home, "nulls", "fix_data") <= TROUBLE + 4 + 4
    assert verdicts(home, "nulls", first=TROUBLE + 9) == {"keep"}
    assert verdicts(home, "nulls") == {"keep", "fix_data"}


def test_no_traffic_is_unknown_after_three_days_and_gone_after_weeks(home: Home) -> None:
    assert first_day(home, "silent", "unknown") == TROUBLE + 2
    assert verdicts(home, "silent", last=TROUBLE + 1) <= {"keep", "watch"}
    assert verdicts(home, "silent", first=TROUBLE + 2, last=TROUBLE + 12) == {"unknown"}
    assert verdicts(home, "silent", first=TROUBLE + 25) == {"retire"}


def test_a_superseded_model_is_to_be_retired_from_that_day_on(home: Home) -> None:
    assert home.spells("superseded")[:2] == [("keep", FIRST), ("retire", on(TROUBLE))]
    assert verdicts(home, "superseded", first=TROUBLE) == {"retire"}


@pytest.mark.parametrize("name", ["unlabelled", "unlabelled-drifting"])
def test_without_labels_nothing_is_realised(home: Home, name: str) -> None:
    assert "realised" not in {row.basis for row in assessments(home, name)}


def test_without_labels_a_stable_model_is_kept_on_estimates(home: Home) -> None:
    assert {(row.verdict, row.basis) for row in assessments(home, "unlabelled")} == {("keep", "estimated")}


def test_without_labels_a_lasting_drift_asks_for_labels_and_claims_no_loss(home: Home) -> None:
    assert home.spells("unlabelled-drifting")[:2] == [("keep", FIRST), ("watch", on(25))]
    asked = next(row for row in assessments(home, "unlabelled-drifting") if row.verdict == "retrain")
    assert asked.day >= on(25 + 6)
    assert asked.sentence.startswith(
        "Its inputs have moved far (drift score 0.37, watched from 0.10) and no labels tell what it costs."
    )
    assert " First get a labelled sample: 1,000 rows" in asked.sentence


def test_without_any_labels_only_the_inputs_are_watched(home: Home) -> None:
    assert {(row.verdict, row.basis) for row in assessments(home, "inputs-only")} == {("unknown", "inputs")}


def test_a_weekly_model_is_kept_between_its_days(home: Home) -> None:
    assert verdicts(home, "weekly", last=LONG - 8) == {"keep"}


def test_a_weekly_model_that_lost_half_its_skill_is_retrained_within_weeks(home: Home) -> None:
    assert verdicts(home, "weekly-halved", last=70) == {"keep"}
    assert 70 < first_day(home, "weekly-halved", "retrain") <= 70 + 4 * 7


def test_five_rows_a_day_are_judged_without_false_alarm(home: Home) -> None:
    assert verdicts(home, "few") <= {"keep", "watch"}
    assert verdicts(home, "few", first=30) == {"keep"}


def test_a_retraining_settles_and_is_kept_when_it_helped(home: Home) -> None:
    assert verdicts(home, "retrained", first=20, last=29) == {"retrain"}
    assert verdicts(home, "retrained", first=30, last=36) == {"watch"}
    assert verdicts(home, "retrained", first=40) == {"keep"}


def test_a_retraining_in_vain_ends_the_model(home: Home) -> None:
    assert verdicts(home, "retrained-in-vain", first=30, last=36) == {"watch"}
    assert verdicts(home, "retrained-in-vain", first=44) == {"retire"}
    assert [row.version for row in assessments(home, "retrained-in-vain")[29:31]] == ["v1", "v2"]
