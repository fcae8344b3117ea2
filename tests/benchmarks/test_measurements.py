"""Each measurement runs on a tiny portfolio, so that none rots; no test looks at a time."""

from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import benchmarks
from benchmarks import (
    measure_against_uis,
    measure_agreement,
    measure_growth,
    measure_headline,
    measure_model_page,
    measure_pack,
    measure_pages,
    measure_storage,
    measure_unchanged,
    uis,
)
from benchmarks.home import FIRST_DAY, Size, log_of, reference_of
from benchmarks.measuring import Claim, Measured, cpu_seconds, spending
from benchmarks.peers import EvidentlyReport, EvidentlyTests, NannyML, installed_peers
from benchmarks.workload import predictions
from dashboard.pack.formats import written
from dashboard.pack.gather import gather

TINY = Size(models=2, features=6, rows=60, days=9, reference_rows=600)
WITHOUT_NANNYML = pytest.mark.skipif(find_spec("nannyml") is None, reason="NannyML comes with the extra `bench`")


def value(found: Measured, what: str) -> float:
    return next(claim.value for claim in found.claims if claim.what.startswith(what))


def test_every_measurement_is_tried_here() -> None:
    there = {path.stem for path in Path(benchmarks.__file__).parent.glob("measure_*.py")}
    assert there == {name for name in globals() if name.startswith("measure_")}


@pytest.mark.slow
def test_a_new_day_is_measured_against_every_peer_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_headline, "installed_peers", lambda features: [EvidentlyTests(features)])
    found = measure_headline.measure(TINY, peer_models=1)
    assert value(found, "SQLite: Evidently, bare stat tests / ours") > 0


@pytest.mark.slow
def test_growth_is_measured_in_every_direction() -> None:
    one = replace(TINY, models=1)
    found = measure_growth.measure(one, rows=(60, 120), features=(3, 6), models=(1, 2), days=(5, 9))
    assert {claim.what.split(":")[0] for claim in found.claims} >= {"rows", "features", "models", "days"}
    assert all(np.isfinite(claim.value) for claim in found.claims)


def test_a_day_that_did_not_change_is_not_read_again() -> None:
    found = measure_unchanged.measure(TINY)
    assert value(found, "statements that read features, a new day") >= 1
    assert value(found, "statements that read features, the same day again") == 0
    assert value(found, "statements that read features, judged again") == 0


@pytest.mark.slow
def test_stored_bytes_are_those_of_whole_tables() -> None:
    found = measure_storage.measure(Size(models=6, features=12, rows=60, days=13, reference_rows=600))
    assert value(found, "profiles of a model-day, labels on one day") > 0
    assert value(found, "assessments of a model-day, labels over 30 days") > 0


def test_scores_from_counts_are_those_of_the_rows() -> None:
    found = measure_agreement.measure(
        Size(models=1, features=15, rows=800, days=8, reference_rows=6_000), reference_rows=20_000, rows=4_000, trials=1
    )
    assert value(found, "Wasserstein / sd, all shapes but t2") < 0.01
    assert value(found, "stored week: Wasserstein / sd") < 0.02
    assert value(found, "stored week: Jensen-Shannon") < 1e-6
    assert value(found, "stored week: chi-square p") < 1e-6
    assert value(found, "stored week: AUC") < 0.002


def test_the_portfolio_page_is_measured_with_as_many_models_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_pages, "REPEATS", 1)
    found = measure_pages.measure((3, 8), most_rows=4)
    assert [value(found, f"portfolio page, {models} models: rows sent") for models in (3, 8)] == [3, 8]
    assert value(found, "portfolio page, 8 models: sent") > value(found, "portfolio page, 3 models: sent") > 1


def test_the_model_page_is_measured_with_as_many_features_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_model_page, "REPEATS", 1)
    found = measure_model_page.measure((3,), days=9, rows=60, tabs=("Overview",))
    assert value(found, "model page, 3 features, Overview: charts mounted") == 2
    assert value(found, "model page, 3 features, Overview: server part, first run") > 0


def test_the_evidence_pack_is_measured_in_both_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    made = lambda home, format_, wanted: written(gather(home.registry, wanted), format_)  # noqa: E731 - starting Python takes ten times as long
    monkeypatch.setattr(measure_pack, "by_command", made)
    monkeypatch.setattr(measure_pack, "SPARKLINE_DAYS", 8)
    monkeypatch.setattr(measure_pack, "LAST_DAY", FIRST_DAY + timedelta(days=7))
    found = measure_pack.measure(3, top=1)
    assert 0 < value(found, "evidence pack, 3 models, html: size") < value(found, "evidence pack, 3 models, pptx: size")
    assert value(found, "evidence pack, 3 models, pptx: the command") > 0


@pytest.mark.browser
@pytest.mark.slow
def test_pages_are_measured_against_the_peers_that_are_installed(
    chromium: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uis, "mlflow_command", lambda: None)
    found = measure_against_uis.measure(
        (12,), projects=2, registered=0, rounds=1, people=2, think_seconds=0.1, choices=1
    )
    assert value(found, "ours, 12 models: time to a usable list / evidently ui") > 0
    assert value(found, "ours, 12 models: over the wire for the list") > 5
    for choice in ("same filters", "each another question"):
        assert value(found, f"ours, 12 models, 2 people at once, {choice}: median wait / one person's") > 0


def test_mlflow_is_found_beside_us_or_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    assert uis.mlflow_command() is None
    (tmp_path / "mlflow").touch(mode=0o755)
    assert uis.mlflow_command() == tmp_path / "mlflow"


@pytest.mark.parametrize("kind", [EvidentlyTests, EvidentlyReport, pytest.param(NannyML, marks=WITHOUT_NANNYML)])
def test_a_peer_judges_every_feature(kind: type[EvidentlyTests | EvidentlyReport | NannyML]) -> None:
    peer, day = kind(6), predictions(1_200, seed=2, shift=0.8, features=6)
    peer.fit(predictions(8_000, seed=1, features=6))
    scores = peer.judge(day)
    assert scores.keys() - {"AUC"} == {"n00", "n01", "n02", "n03", "c00", "c01"}
    assert scores["n00"] > 3 * scores["n01"]
    assert "AUC" in scores or kind is EvidentlyTests


def test_peers_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.peers.find_spec", lambda _name: None)
    assert [type(peer) for peer in installed_peers(6)] == [EvidentlyTests, EvidentlyReport]


def test_the_same_seed_gives_the_same_rows() -> None:
    assert predictions(50, seed=3).equals(predictions(50, seed=3))
    assert not predictions(50, seed=3).equals(predictions(50, seed=4))


def test_rows_lie_on_the_days_they_are_made_for_and_labels_come_later() -> None:
    log, reference = log_of(1, TINY), reference_of(1, TINY)
    assert log.groupby(log["ts"].dt.date).size().tolist() == [TINY.rows] * TINY.days
    assert reference["ts"].max() < log["ts"].min()
    assert ((log["label_ts"] - log["ts"]).dt.days == 1).all()
    assert log["id"].is_unique


def test_a_budget_is_held_from_its_own_side() -> None:
    assert Claim("ratio", 13, budget=12, stretch=20, more_is_better=True).verdict == "ok"
    assert Claim("ratio", 4, budget=12, more_is_better=True).verdict == "missed by 3x"
    assert Claim("bytes", 2_300, budget=2_300, stretch=1_000).verdict == "ok"
    assert Claim("bytes", 4_600, budget=2_300).verdict == "missed by 2x"
    assert Claim("ms", 5, budget=10, stretch=6).verdict == "stretch reached"
    assert Claim("ms", 5).verdict == ""


def test_cpu_seconds_count_work_and_not_waiting() -> None:
    with spending() as spent:
        np.linalg.inv(np.random.default_rng(0).random((300, 300)))
    assert 0 < spent.cpu <= cpu_seconds()
