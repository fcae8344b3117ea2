import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from dashboard.opening import open_registry
from dashboard.report_route import LARGEST_BODY, PATH, report_back
from dashboard.settings import load_settings
from data_access import decision_queries
from data_access.registry import Registry
from data_access.schema import upgrade
from data_access.trigger_targets import TriggerTarget
from data_access.trigger_worker import work_once
from monitoring.lifecycle import State
from tests.registry_contract import BEN, DAY, NOW, add_assessment, add_everybody, add_model, approve, propose

TOKEN = "a token of these tests"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry whose first decision was handed over, and settings that let pipelines report."""
    monkeypatch.setenv("MODELFOLIO_HOME", str(tmp_path))
    monkeypatch.setenv("MODELFOLIO_REPORT_TOKEN", TOKEN)
    monkeypatch.delenv("MODELFOLIO_REGISTRY_URL", raising=False)
    settings = load_settings()
    upgrade(settings.registry_address())
    registry = open_registry(settings)
    add_everybody(registry)
    add_model(registry)
    add_assessment(registry)
    approve(registry, propose(registry), by=BEN)
    work_once(registry, (TriggerTarget(name="t", table=True),), day=lambda: DAY, now=lambda: NOW)
    return registry


def post(
    body: object, *, token: str | None = TOKEN, decision: int | str = 1, method: str = "POST"
) -> tuple[int, dict[str, Any]]:
    """Ask the route as the server would; bytes are sent as they are."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
    scope = {
        "type": "http",
        "method": method,
        "path": PATH.replace("{decision:int}", str(decision)),
        "headers": headers,
        "query_string": b"",
    }
    answers: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Any) -> None:
        answers.append(dict(message))

    app = Starlette(routes=[Route(PATH, report_back, methods=["POST"])])
    asyncio.run(app(scope, receive, send))
    text = b"".join(answer.get("body", b"") for answer in answers[1:])
    return answers[0]["status"], json.loads(text) if text.startswith(b"{") else {}


def state(registry: Registry) -> State:
    return decision_queries.decision(registry, 1).state


def test_pipeline_reports_from_start_to_end(registry: Registry) -> None:
    assert post({"report": "started", "run": "7"}) == (200, {"decision": 1, "state": "running", "version": None})
    body = {"report": "succeeded", "run": "7", "version": "v2", "metrics": {"AUC": 0.9}, "active_from": "2026-04-01"}
    assert post(body) == (200, {"decision": 1, "state": "succeeded", "version": "v2"})
    assert post(body)[0] == 200  # the answer was lost, and the pipeline asks again
    assert state(registry) is State.SUCCEEDED


@pytest.mark.parametrize("token", [None, "", "another token entirely", TOKEN + "x"])
def test_nothing_happens_without_the_token(registry: Registry, token: str | None) -> None:
    status, said = post({"report": "started"}, token=token)
    assert (status, said) == (401, {"error": "The token is missing or wrong."})
    assert state(registry) is State.TRIGGERED


def test_route_is_switched_off_without_a_token_in_the_settings(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MODELFOLIO_REPORT_TOKEN")
    assert post({"report": "started"}, token="")[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"\xff\xfe",
        {"report": "done"},
        {"report": "started", "colour": "red"},
        {"report": "started", "metrics": {"AUC": [1]}},
        {"report": "started", "active_from": "soon"},
    ],
)
def test_body_that_makes_no_sense_is_refused(registry: Registry, body: object) -> None:
    status, said = post(body)
    assert status == 422
    assert said["error"]
    assert state(registry) is State.TRIGGERED


def test_report_that_cannot_be_now_is_a_conflict(registry: Registry) -> None:
    post({"report": "started", "run": "7"})
    status, said = post({"report": "started", "run": "8"})
    assert status == 409
    assert "has no move 'report started'" in said["error"]
    assert post({"report": "succeeded"})[0] == 409


def test_unknown_decision_is_not_found(registry: Registry) -> None:
    assert post({"report": "started"}, decision=999)[0] == 404
    assert post({"report": "started"}, decision="x")[0] == 404


def test_body_without_end_is_not_read(registry: Registry) -> None:
    assert post(b"{" + b" " * (LARGEST_BODY + 1))[0] == 413


def test_only_posting_reports(registry: Registry) -> None:
    assert post({}, method="GET")[0] == 405
