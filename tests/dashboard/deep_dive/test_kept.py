import io
import os
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.responses import FileResponse, Response

from dashboard import server
from dashboard.deep_dive.kept import (
    ABOUT,
    KEPT_REPORTS,
    About,
    KeptReport,
    find_report,
    keep,
    place_for,
    report_name,
    report_of_token,
)
from dashboard.deep_dive.order import Request

REQUEST = Request(model="m", version="v1", last=date(2026, 3, 2), known_on=date(2026, 3, 3))
ABOUT_ONE = About(
    request=REQUEST,
    made_at=datetime(2026, 3, 4, tzinfo=UTC),
    parts=("drift",),
    rows=100,
    reference_rows=200,
    pairs=0,
    reference_pairs=0,
    columns=3,
    left_out={"x": "no value in the window"},
    no_performance="Too few labels.",
)


def kept_report(home: Path, name: str = "one") -> KeptReport:
    place = place_for(home, name)
    (place / ABOUT).write_text(ABOUT_ONE.to_json())
    (place / "drift.html").write_text(f"<html>{name}</html>")
    (place / "workspace" / "project").mkdir(parents=True)
    (place / "workspace" / "project" / "metadata.json").write_text(name)
    return keep(place, name)


def test_what_a_report_is_about_comes_back_from_its_file(tmp_path: Path) -> None:
    kept_report(tmp_path)
    found = find_report(tmp_path, "one")
    assert found is not None
    assert found.about == ABOUT_ONE


def test_every_part_of_a_request_makes_another_report() -> None:
    others = [
        replace(REQUEST, version="v2"),
        replace(REQUEST, last=date(2026, 3, 1)),
        replace(REQUEST, known_on=date(2026, 3, 4)),
        replace(REQUEST, days=1),
        replace(REQUEST, rows=500),
        replace(REQUEST, model="n"),
    ]
    names = {report_name("sqlite:///a", each) for each in (REQUEST, *others)} | {report_name("sqlite:///b", REQUEST)}
    assert len(names) == 8


def test_newer_report_takes_the_place_of_the_older_and_the_newest_twenty_stay(tmp_path: Path) -> None:
    for at in range(KEPT_REPORTS + 2):
        made = kept_report(tmp_path, f"r{at:02}")
        os.utime(made.folder, (at, at))
    again = kept_report(tmp_path, "r05")

    names = sorted(folder.name.partition(".")[0] for folder in (tmp_path / "deep_dives").iterdir())
    assert names == [f"r{at:02}" for at in range(2, KEPT_REPORTS + 2)]
    assert report_of_token(tmp_path, again.token) == again


def test_reports_are_for_this_account_only(tmp_path: Path) -> None:
    kept = kept_report(tmp_path)
    assert kept.folder.stat().st_mode & 0o077 == 0
    assert kept.folder.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("token", ["", "*", "..", "../..", "?" * 22, "a" * 22])
def test_address_that_is_not_of_a_report_finds_nothing(tmp_path: Path, token: str) -> None:
    kept_report(tmp_path)
    assert report_of_token(tmp_path, token) is None


def test_workspace_can_be_unpacked_over_another(tmp_path: Path) -> None:
    kept = kept_report(tmp_path / "home")
    with zipfile.ZipFile(io.BytesIO(kept.workspace_zip())) as archive:
        assert archive.namelist() == ["workspace/project/metadata.json"]
    there = tmp_path / "there"
    (there / "other").mkdir(parents=True)
    for _ in range(2):
        kept.add_to_workspace(there)
    assert sorted(each.name for each in there.iterdir()) == ["other", "project"]


def served(token: str, part: str = "drift") -> Response:
    return server.deep_dive(SimpleNamespace(path_params={"token": token, "part": part}))  # type: ignore[arg-type]  # no more is looked at


def test_report_is_served_as_a_page_of_no_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path))
    kept = kept_report(tmp_path)
    response = served(kept.token)
    policy = response.headers["content-security-policy"]

    assert isinstance(response, FileResponse)
    assert response.path == kept.page("drift")
    assert policy.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in policy
    assert "connect-src 'none'" in policy
    assert response.headers["cache-control"] == "no-store"
    for token, part in (
        (kept.token, "about"),
        (kept.token, "../drift"),
        ("a" * 22, "drift"),
        (kept.token, "performance"),
    ):
        assert served(token, part).status_code == 404
