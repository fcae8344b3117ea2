"""Importing model folders: what DESIGN section 3 says is enough, mistakes come all at once, nothing is half-imported."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from data_access.forgetting import forget_log
from data_access.tables import AssessmentRow, ReferenceRow
from monitoring.errors import InvalidModelCardError, LogUnreadableError, UnknownModelError
from tests.log_builders import HOSTILE_NAMES, write_frame
from tests.pipeline import (
    FIRST,
    LABEL_COLUMNS,
    LOG_COLUMNS,
    NOW,
    Home,
    copied,
    days_of,
    model_card,
    model_folder,
    predictions,
    reference_rows,
)

# Word for word the example of DESIGN section 3.
CARD_OF_THE_DESIGN = """
{"id": "jfk-late-at-pushback", "name": "JFK: late at pushback?", "task": "binary", "positive_class": 1, "decision_threshold": 0.5,
 "purpose": "...", "use_case": "delays", "business_line": "airports", "team": "JFK operations", "owner": "ada@example.org",
 "tier": 1, "timezone": "America/New_York", "label_delay_days": 1, "cadence": "daily",
 "columns": {"timestamp": "ts", "prediction_id": "id", "prediction": "late", "probability": "p_late", "version": "version"},
 "labels": {"prediction_id": "id", "label": "label", "label_timestamp": "label_ts"},
 "features": [{"name": "dep_delay", "type": "numeric", "source": "departures feed", "importance": 0.7}],
 "versions": [{"version": "v1", "trained_from": "2021-01-01", "trained_to": "2021-02-28", "active_from": "2021-03-01"}],
 "consumers": [{"name": "Gate staffing", "contact": "gates@example.org"}],
 "facts": {"Validated on": "2026-01-10"}}
"""
LAST = FIRST + timedelta(days=27)


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Home]:
    """A home whose default store is a SQLite file or a PostgreSQL database."""
    address = "" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Home(tmp_path, address)
    yield made
    made.registry.close()


@pytest.fixture
def sqlite_home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.registry.close()


def mistakes(home: Home, *folders: Path) -> list[str]:
    """What is wrong with the folders, a line each; whatever it is, nothing was written."""
    before, rows = home.stored(), home.logged()
    with pytest.raises(InvalidModelCardError) as error:
        home.imports(*folders)
    assert home.stored() == before
    assert home.logged() == rows
    return [line.replace(f"{home.folder}/", "") for line in str(error.value).splitlines()]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_folder_made_from_the_design_alone_is_imported_and_judged(home: Home, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "jfk"
    folder.mkdir()
    (folder / "model.json").write_text(CARD_OF_THE_DESIGN, encoding="utf-8")
    reference = predictions(first=date(2021, 1, 1), days=59, seed=7)
    log = predictions(first=date(2021, 3, 1), days=30)
    own = ["ts", "id", "late", "p_late", "version", "dep_delay"]
    write_frame(log[own], folder / f"log.{suffix}")
    write_frame(log[["id", "label", "label_ts"]], folder / f"labels.{suffix}")
    write_frame(reference[[*own, "label"]], folder / f"reference.{suffix}")
    assert home.imports(folder).rows == {"jfk-late-at-pushback": 1200 + 1200 + 2360}
    run = home.assesses(on=date(2021, 3, 30))
    assert (run.models, run.failures) == (1, {})
    assert home.spells("jfk-late-at-pushback") == [("keep", date(2021, 3, 1))]
    assert len(home.verdicts("jfk-late-at-pushback")) == 30


def test_the_same_folder_twice_changes_nothing(home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    assert home.imports(folder).registrations[0].kind == "new"
    before, rows = home.stored(), home.logged()
    again = home.imports(folder)
    assert (again.registrations[0].kind, again.rows) == ("unchanged", {"late": 0})
    assert home.stored() == before
    assert home.logged() == rows


def test_assessing_an_unchanged_import_again_stores_nothing(home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    home.imports(folder)
    home.assesses(on=LAST)
    before = home.stored()
    home.imports(folder)
    assert home.assesses(on=LAST, first=FIRST).assessments == 0
    assert {name for name, n in home.stored().items() if n != before[name]} == {"assess_runs", "number"}


def test_parquet_and_csv_say_the_same(sqlite_home: Home, tmp_path: Path) -> None:
    home = sqlite_home
    home.imports(model_folder(tmp_path / "late"))
    rows = home.logged()
    home.imports(model_folder(tmp_path / "late-as-csv", suffix="csv"))
    assert home.logged() == rows


def test_rows_that_are_there_are_not_added_again_with_new_ones(home: Home, tmp_path: Path) -> None:
    rows = predictions(days=30)
    home.imports(model_folder(tmp_path / "late", rows=days_of(rows, range(28))))
    done = home.imports(model_folder(tmp_path / "longer", rows=rows))
    assert done.rows == {"late": 160}
    assert home.logged()["log_late"] == len(rows)


def test_every_mistake_of_every_folder_is_named_in_one_go(sqlite_home: Home, tmp_path: Path) -> None:
    home = sqlite_home
    home.imports(model_folder(tmp_path / "right", card=model_card(id="right")))
    folders = tmp_path / "folders"
    model_folder(folders / "a-good-one", card=model_card(id="good"))
    wrong_card = model_card(id="wrong", owener="ada@example.org", tier="first", task="ranking", timezone="Mars/Olympus")
    model_folder(folders / "b-wrong-card", card=wrong_card)
    rows = predictions()
    rows["ts"] = rows["ts"].astype(str)
    rows.loc[3, "ts"] = "yesterday"
    rows["dep_delay"] = "late"
    model_folder(folders / "c-wrong-values", rows=rows, card=model_card(id="values"))
    missing = model_folder(folders / "d-missing-column", card=model_card(id="missing"))
    write_frame(predictions()[LOG_COLUMNS].rename(columns={"dep_delay": "dep_delya"}), missing / "log.parquet")
    without_log = model_folder(folders / "e-missing-file", card=model_card(id="file"))
    (without_log / "log.parquet").unlink()
    model_folder(folders / "f-same-id", card=model_card(id="good"))
    (model_folder(folders / "g-no-json") / "model.json").write_text('{"name": "x",\n "task" binary}', encoding="utf-8")
    assert mistakes(home, folders) == [
        "folders/b-wrong-card/model.json: task: it should be 'binary', 'multiclass' or 'regression', not \"ranking\"",
        'folders/b-wrong-card/model.json: tier: it should be 1, 2 or 3, not "first"',
        "folders/b-wrong-card/model.json: timezone: 'Mars/Olympus' is not a time zone such as Europe/Berlin or UTC",
        "folders/b-wrong-card/model.json: owener: this key is unknown (is it owner?); put what you only want to keep under facts",
        "folders/c-wrong-values/log.parquet: column 'ts': 'yesterday' is not a timestamp (row 4)",
        "folders/c-wrong-values/log.parquet: column 'dep_delay': 'late' is not a number (rows 1, 2, 3 ...); is the column categorical?",
        "folders/d-missing-column/log.parquet: there is no column 'dep_delay'; the nearest are 'dep_delya', 'p_late'",
        "folders/e-missing-file: there is no log.parquet or log.csv",
        "folders/f-same-id/model.json: id: 'good' is the id of folders/a-good-one too",
        "folders/g-no-json/model.json, line 2: it is not JSON (Expecting ':' delimiter)",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": 2}, "labels.parquet: column 'label': a binary model has two classes, here are '0', '1', '2'"),
        (
            {"p_late": 650.0},
            "log.parquet: column 'p_late': 1120 of 1120 values are outside 0 to 1; say the score's range as score_range",
        ),
        ({"id": None}, "labels.parquet: column 'id': 1120 rows have no value (rows 1, 2, 3 ...)"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_column(
    sqlite_home: Home, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    rows = predictions()
    if "label" in changes:
        rows.loc[5, "label"] = changes["label"]
    else:
        rows = rows.assign(**changes)
    assert mistakes(sqlite_home, model_folder(tmp_path / "late", rows=rows)) == [f"late/{said}"]


def test_a_few_probabilities_outside_their_range_are_named_and_judged_as_broken_data(
    sqlite_home: Home, tmp_path: Path
) -> None:
    rows = predictions()
    rows.loc[[6, 9], "p_late"] = [1.5, -0.25]
    home = sqlite_home
    (note,) = home.imports(model_folder(tmp_path / "late", rows=rows)).notes["late"]
    assert note.startswith("log.parquet: column 'p_late': 2 of 1120 values are outside 0 to 1 (rows 7, 10)")
    home.assesses(on=LAST)
    assert home.verdicts("late")[FIRST] == "fix_data"


def test_classes_must_be_declared(sqlite_home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late", card=model_card(classes=["no", "yes"], positive_class="yes"))
    assert mistakes(sqlite_home, folder) == [
        "late/labels.parquet: column 'label': '0', '1' is not one of the classes no, yes",
        "late/reference.parquet: column 'label': '0', '1' is not one of the classes no, yes",
        "late/log.parquet: column 'late': '0', '1' is not one of the classes no, yes",
        "late/reference.parquet: column 'late': '0', '1' is not one of the classes no, yes",
    ]


def test_labels_of_another_log_are_refused(sqlite_home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    write_frame(predictions(seed=5)[LABEL_COLUMNS], folder / "labels.parquet")
    (said,) = mistakes(sqlite_home, folder)
    assert said.startswith(
        "late/labels.parquet: column 'id': none of its ids is in log.parquet (there '2026-03-02-1-0'"
    )


def test_a_labels_file_that_is_missing_or_not_on_the_card_is_named(sqlite_home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    (folder / "labels.parquet").unlink()
    assert mistakes(sqlite_home, folder) == [
        "late: there is no labels.parquet or labels.csv, though model.json has labels"
    ]
    other = model_folder(tmp_path / "other", card=model_card(labels=None))
    assert mistakes(sqlite_home, other) == ["other/model.json: labels: it is missing, though there is labels.parquet"]


def test_a_card_without_features_says_what_is_needed(sqlite_home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late", card=model_card(features=[]))
    assert mistakes(sqlite_home, folder) == ["late/model.json: features: it is empty; at least 1 is needed"]


def test_two_files_of_one_part_are_named(sqlite_home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    write_frame(predictions()[LOG_COLUMNS], folder / "log.csv")
    assert mistakes(sqlite_home, folder) == ["late: there are log.parquet and log.csv; keep one"]


def test_a_damaged_file_is_named(sqlite_home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    (folder / "log.parquet").write_bytes(b"PAR1 but not really")
    (said,) = mistakes(sqlite_home, folder)
    assert said.startswith("late/log.parquet: it cannot be read (")


def test_a_store_that_cannot_be_written_registers_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = Home(tmp_path, f"sqlite:///{tmp_path / 'file' / 'predictions.db'}")
    before = home.stored()
    with pytest.raises(LogUnreadableError, match="default store of prediction logs cannot be made: "):
        home.imports(model_folder(tmp_path / "late"))
    assert home.stored() == before
    home.registry.close()


def test_a_changed_card_shows_its_difference_and_leaves_an_audit_event(home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    home.imports(folder)
    changed = copied(
        folder, tmp_path / "changed", owner="Ada@example.org", name="Late at the gate?", facts={"Board": 7}
    )
    (done,) = home.imports(changed).registrations
    assert (done.kind, done.differences) == (
        "changed",
        (
            "facts.Board: 7 is new",
            'name: "Late at pushback?" becomes "Late at the gate?"',
            'owner: "ada@example.org" is new',
        ),
    )
    first, second = home.audit()
    assert (first.action, second.action, second.before) == (
        "register_model",
        "change_model",
        {"name": "Late at pushback?"},
    )
    assert second.after == {"facts.Board": 7, "name": "Late at the gate?", "owner": "ada@example.org"}
    assert home.model_row("late").owner == "ada@example.org"


def references(home: Home) -> list[ReferenceRow]:
    with home.registry.read() as session:
        found = list(session.scalars(sa.select(ReferenceRow).order_by(ReferenceRow.id)))
        session.expunge_all()
        return found


def test_a_changed_importance_makes_a_new_reference_and_old_profiles_stay(home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    home.imports(folder)
    home.assesses(on=LAST)
    before = home.stored()
    features = [feature | {"importance": 0.5} for feature in model_card()["features"]]
    home.imports(copied(folder, tmp_path / "changed", features=features))
    home.assesses(on=LAST, first=FIRST)
    old, new = references(home)
    assert old.key != new.key
    assert (old.rows, old.labels) == (new.rows, new.labels)
    assert home.stored()["profiles"] == 2 * before["profiles"]
    assert home.stored()["assessments"] > before["assessments"]
    assert home.spells("late") == [("keep", FIRST)]


def test_a_changed_reference_file_is_kept_beside_the_old_one(home: Home, tmp_path: Path) -> None:
    home.imports(model_folder(tmp_path / "late"))
    home.assesses(on=LAST)
    other = model_folder(tmp_path / "other", reference=reference_rows(seed=98))
    (done,) = home.imports(other).registrations
    assert done.differences == ("reference: it has new contents",)
    home.assesses(on=LAST, first=FIRST)
    assert len(references(home)) == 2
    assert sum(name.startswith("reference_") for name in home.logged()) == 2


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_an_empty_log_waits_for_its_rows(home: Home, tmp_path: Path, suffix: str) -> None:
    rows = predictions()
    folder = model_folder(tmp_path / "late", rows=rows, suffix=suffix)
    write_frame(rows[LOG_COLUMNS].iloc[:0], folder / f"log.{suffix}")
    assert home.imports(folder).notes == {
        "late": [f"log.{suffix}: it has no rows yet", f"labels.{suffix}: no label belongs to a row yet"]
    }
    home.assesses(on=LAST)
    assert home.verdicts("late") == {LAST: "unknown"}
    write_frame(rows[LOG_COLUMNS], tmp_path / "log.csv")
    assert home.ingests("late", log=tmp_path / "log.csv") == (1120, 0)
    home.assesses(on=LAST, first=FIRST)
    assert home.spells("late") == [("keep", FIRST)]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_labels_may_all_come_later(home: Home, tmp_path: Path, suffix: str) -> None:
    rows = predictions()
    home.imports(model_folder(tmp_path / "late", rows=rows.assign(label=None), suffix=suffix))
    assert home.assesses(on=LAST).failures == {}
    assert home.spells("late") == [("keep", FIRST)]
    write_frame(rows[LABEL_COLUMNS], tmp_path / "labels.csv")
    assert home.ingests("late", labels=tmp_path / "labels.csv") == (0, 1120)


def labels_in_the_log(**columns: str | None) -> dict[str, Any]:
    """The card of the same model whose labels stand beside the predictions."""
    said = model_card()["columns"] | {"label": "label", "label_timestamp": "label_ts"} | columns
    return model_card(labels=None, columns={part: name for part, name in said.items() if name is not None})


@pytest.mark.parametrize("prediction_id", ["id", None])
def test_labels_in_the_log_come_with_the_next_export(home: Home, tmp_path: Path, prediction_id: str | None) -> None:
    """The same rows again, now with their labels: no row is new, and with ids or without none is there twice."""
    rows = predictions()
    folder = model_folder(tmp_path / "late", rows=rows, card=labels_in_the_log(prediction_id=prediction_id))
    (folder / "labels.parquet").unlink()
    kept = [*LOG_COLUMNS, "label", "label_ts"]
    write_frame(rows.assign(label=None, label_ts=None)[kept], folder / "log.parquet")
    home.imports(folder)
    write_frame(rows[kept], folder / "log.parquet")
    assert home.ingests("late", log=folder / "log.parquet") == (0, 1120)
    assert home.ingests("late", log=folder / "log.parquet") == (0, 0)
    assert home.logged()["log_late"] == 1120
    home.assesses(on=LAST)
    assert newest_assessment(home).labels_28 == 27 * 40


def newest_assessment(home: Home) -> AssessmentRow:
    with home.registry.read() as session:
        found = session.scalars(sa.select(AssessmentRow).order_by(AssessmentRow.day.desc()).limit(1)).one()
        session.expunge(found)
        return found


def test_an_empty_reference_is_a_mistake(sqlite_home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late", reference=reference_rows().iloc[:0])
    assert mistakes(sqlite_home, folder) == ["late/reference.parquet: it has no rows"]


def test_hostile_column_names_are_imported_and_judged(home: Home, tmp_path: Path) -> None:
    """Names of roles and of features; 65 characters are more than PostgreSQL keeps."""
    drop, payment, length, select, *_, long = HOSTILE_NAMES
    names = {"ts": select, "id": drop, "p_late": payment, "dep_delay": length, "region": long, "label": 'quote"s'}
    card = model_card(
        columns={"timestamp": select, "prediction_id": drop, "probability": payment},
        labels={"prediction_id": drop, "label": 'quote"s', "label_timestamp": "label_ts"},
        features={length: "numeric", long: "categorical"},
    )
    rows = predictions()
    folder = model_folder(tmp_path / "late", rows=rows, card=card)
    for file, frame in (("log", rows[LOG_COLUMNS]), ("labels", rows[LABEL_COLUMNS]), ("reference", reference_rows())):
        write_frame(frame.rename(columns=names), folder / f"{file}.parquet")
    home.imports(folder)
    run = home.assesses(on=LAST)
    assert run.failures == {}
    assert home.spells("late") == [("keep", FIRST)]
    assert "models" in home.stored()


def test_all_hostile_names_are_features_in_csv_too(home: Home, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows, reference = predictions(), reference_rows()
    hostile = {name: rng.normal(0, 1, len(rows)) for name in HOSTILE_NAMES}
    of_reference = {name: rng.normal(0, 1, len(reference)) for name in HOSTILE_NAMES}
    features = dict.fromkeys(HOSTILE_NAMES, "numeric") | {"dep_delay": "numeric"}
    folder = model_folder(tmp_path / "late", rows=rows, card=model_card(features=features), suffix="csv")
    write_frame(pd.concat([rows[LOG_COLUMNS], pd.DataFrame(hostile)], axis=1), folder / "log.csv")
    write_frame(
        pd.concat([reference.reset_index(drop=True), pd.DataFrame(of_reference)], axis=1), folder / "reference.csv"
    )
    home.imports(folder)
    assert home.assesses(on=LAST).failures == {}
    assert home.spells("late") == [("keep", FIRST)]


def test_ingest_adds_once_and_only_what_is_new(home: Home, tmp_path: Path) -> None:
    rows = predictions(days=30)
    home.imports(model_folder(tmp_path / "late", rows=days_of(rows, range(28))))
    log, labels = tmp_path / "log.csv", tmp_path / "labels.parquet"
    write_frame(days_of(rows, range(27, 30))[LOG_COLUMNS], log)
    write_frame(days_of(rows, range(27, 30))[LABEL_COLUMNS], labels)
    assert home.ingests("late", log=log, labels=labels) == (80, 80)
    before = home.logged()
    assert home.ingests("late", log=log, labels=labels) == (0, 0)
    assert home.logged() == before


def test_a_wrong_row_ingests_nothing(home: Home, tmp_path: Path) -> None:
    home.imports(model_folder(tmp_path / "late"))
    rows, before = predictions(first=FIRST + timedelta(days=28), days=1), home.logged()
    write_frame(rows[LOG_COLUMNS], tmp_path / "log.csv")
    write_frame(rows[LABEL_COLUMNS].assign(label="late"), tmp_path / "labels.csv")
    with pytest.raises(InvalidModelCardError, match=r"labels.csv: column 'label'"):
        home.ingests("late", log=tmp_path / "log.csv", labels=tmp_path / "labels.csv")
    assert home.logged() == before


def test_ingest_wants_a_model_that_was_imported(sqlite_home: Home, tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="There is no model 'late'"):
        sqlite_home.ingests("late", log=tmp_path / "log.csv")


def test_forgetting_removes_rows_and_keeps_what_was_concluded(home: Home, tmp_path: Path) -> None:
    home.imports(model_folder(tmp_path / "late"), model_folder(tmp_path / "other", card=model_card(id="other")))
    home.assesses(on=LAST)
    before, rows = home.stored(), home.logged()
    removed = forget_log(home.registry, "late", log_address=home.log_address, now=NOW)
    assert removed == rows["log_late"] + rows["labels_late"] + 2520
    assert {name: n for name, n in home.logged().items() if "late" in name and n} == {}
    assert home.logged()["log_other"] == rows["log_other"]
    after = home.stored()
    assert (after["assessments"], after["profiles"]) == (before["assessments"], before["profiles"])
    assert [event.action for event in home.audit()][-2:] == ["assess", "forget_log"]
    assert home.audit()[-1].after == {"rows_removed": removed}


def test_a_forgotten_log_may_be_imported_again(home: Home, tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "late")
    home.imports(folder)
    rows = home.logged()
    forget_log(home.registry, "late", log_address=home.log_address, now=NOW)
    home.imports(folder)
    assert home.logged() == rows
