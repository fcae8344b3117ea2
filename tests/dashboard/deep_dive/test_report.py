"""The real Evidently, in this process: alone it fails on these inputs, behind our guard it reports them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboard.deep_dive.kept import DRIFT, protected
from dashboard.deep_dive.report import drift_snapshot, performance_snapshot, write_workspace
from dashboard.deep_dive.sample import Pairs, Sample, pairs_of, sample_of
from monitoring.portfolio import Task
from tests.dashboard.deep_dive.frames import BAD_INPUTS, ROWS, Input, frames, model, pair_columns

DAY = date(2026, 3, 2)


def values(snapshot: Any) -> dict[str, Any]:
    """Evidently's result per column or metric."""
    found = json.loads(snapshot.json())["metrics"]
    return {
        metric["config"].get("column", metric["metric_name"].partition("(")[0]): metric["value"] for metric in found
    }


def unguarded(bad: Input) -> Sample:
    """The frames as they are, every column declared."""
    now, then = frames(bad)
    numeric = ("good", "bad") if bad.declared == "numeric" else ("good",)
    return Sample(now, then, numeric, ("bad",) if bad.declared == "categorical" else ())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, bad in BAD_INPUTS.items() if bad.fails])
def test_evidently_alone_loses_the_whole_report(name: str) -> None:
    with pytest.raises((ValueError, TypeError, ZeroDivisionError, KeyError)):
        drift_snapshot(unguarded(BAD_INPUTS[name]), title="t", at=DAY).get_html_str(as_iframe=False)


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_guarded_input_is_reported_and_so_is_the_column_beside_it(name: str) -> None:
    bad = BAD_INPUTS[name]
    snapshot = drift_snapshot(sample_of(*frames(bad)), title="t", at=DAY)
    scores = values(snapshot)

    assert 0 <= scores["good"] < 1
    assert ("bad" in scores) == (bad.verdict in {"numeric", "categorical"})
    assert "<html" in snapshot.get_html_str(as_iframe=False)[:500]


@pytest.mark.filterwarnings("ignore")
def test_constant_reference_would_be_reported_as_a_monstrous_drift() -> None:
    assert values(drift_snapshot(unguarded(BAD_INPUTS["constant reference"]), title="t", at=DAY))["bad"] > 100


def test_levels_beyond_the_most_frequent_would_drift_by_sampling_alone() -> None:
    bad = BAD_INPUTS["thousands of levels"]
    alone = values(drift_snapshot(unguarded(bad), title="t", at=DAY))["bad"]
    assert values(drift_snapshot(sample_of(*frames(bad)), title="t", at=DAY))["bad"] < 0.7 * alone


LABELS: dict[str, Any] = {
    "half missing": lambda frame: frame.assign(label=frame["label"].where(frame.index % 2 == 0)),
    "complete": lambda frame: frame,
    "score that is no probability": lambda frame: frame.assign(probability=300 + 500 * frame["probability"]),
}


@pytest.mark.parametrize("name", LABELS)
def test_guarded_labels_are_measured(name: str) -> None:
    pairs = pairs_of(*pair_columns(LABELS[name]), model(Task.BINARY, "no", "yes"))
    found = values(performance_snapshot(pairs, title="t", at=DAY))

    right = (pairs.current["label"] == pairs.current["predicted"]).mean()
    assert found["Accuracy"] == pytest.approx(right)
    assert ("RocAuc" in found) == (name != "score that is no probability")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kept", [0, ROWS // 2])
def test_evidently_alone_fails_on_labels_that_are_missing(kept: int) -> None:
    now, then = (frame.assign(label=frame["label"].eq("yes").astype(float)) for frame in pair_columns())
    now["label"] = now["label"].where(now.index < kept)
    pairs = Pairs(now, then, Task.BINARY, ("probability",), 1)  # type: ignore[arg-type]  # as people write it
    with pytest.raises((ValueError, TypeError, KeyError)):
        performance_snapshot(pairs, title="t", at=DAY).get_html_str(as_iframe=False)


def test_several_classes_are_measured_by_their_names() -> None:
    rng = np.random.default_rng(0)
    names = np.array(["<low>", "middle", "high"], dtype=object)

    def made() -> pd.DataFrame:
        chances = rng.dirichlet([1, 1, 1], ROWS)
        columns = dict(zip(("‹low›", "middle", "high"), chances.T, strict=True))
        best = np.array(["‹low›", "middle", "high"], dtype=object)[chances.argmax(axis=1)]
        return pd.DataFrame({"label": best, "predicted": best} | columns)

    pairs = pairs_of(made(), made(), model(Task.MULTICLASS, *names))
    assert pairs.probabilities == ("‹low›", "middle", "high")
    snapshot = performance_snapshot(pairs, title="t", at=DAY)
    assert values(snapshot)["Accuracy"] == 1.0
    assert r"\u2039low\u203a" in snapshot.get_html_str(as_iframe=False)


def test_regression_shows_no_percentage_error() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"label": rng.normal(0, 1, ROWS), "predicted": rng.normal(0, 1, ROWS)})
    found = values(performance_snapshot(pairs_of(frame, frame, model(Task.REGRESSION)), title="t", at=DAY))

    assert {"MAE", "RMSE", "MeanError"} <= found.keys()
    assert "MAPE" not in found


def test_page_reaches_no_network_and_carries_its_title() -> None:
    page = protected("<html><head></head></html>", title="</title><script>")
    assert "connect-src 'none'" in page
    assert "<title>‹/title›‹script›</title>" in page


def test_reports_of_one_model_are_runs_of_one_project_in_an_evidently_workspace(tmp_path: Path) -> None:
    from evidently.ui.workspace import Workspace  # noqa: PLC0415 - seconds of CPU, only here

    snapshot = drift_snapshot(sample_of(*frames(BAD_INPUTS["decimals"])), title="t", at=DAY)
    for name in ("first", "second", "second"):
        write_workspace(tmp_path, model=model(), snapshots={DRIFT: snapshot}, name=name)

    workspace = Workspace(str(tmp_path))
    (project,) = workspace.list_projects()
    runs = workspace.list_runs(project.id)
    assert project.name == "M"
    assert len(runs) == 2
    assert workspace.get_run(project.id, runs[0]) is not None
