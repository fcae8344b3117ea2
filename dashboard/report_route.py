"""The route by which a pipeline reports back over HTTP: one POST per report, with a token."""

from __future__ import annotations

import hmac
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from dashboard.opening import open_registry, product_day
from dashboard.settings import load_settings
from monitoring import follow_up
from monitoring.errors import ModelfolioError, UnknownDecisionError
from monitoring.retraining import Report, TrainingReport

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from dashboard.settings import Settings

PATH = "/api/decisions/{decision:int}/report"
LARGEST_BODY = 64 * 1024


class ReportBody(BaseModel):
    """What the body of a report says; unknown names are mistakes."""

    model_config = ConfigDict(extra="forbid")

    report: Report
    run: str | None = None
    version: str | None = None
    active_from: date | None = None
    trained_from: date | None = None
    trained_to: date | None = None
    metrics: dict[str, float | str] = {}
    message: str = ""


async def report_back(request: Request) -> Response:
    """Take a report: 200 with the decision's state, 401 without the token, 404, 409 or 422 with the reason."""
    settings = await run_in_threadpool(load_settings)
    if settings.report_token is None:
        return _refused(404, "Reports by HTTP are not switched on: MODELFOLIO_REPORT_TOKEN is not set.")
    if not _has_token(request, settings.report_token.get_secret_value()):
        return _refused(401, "The token is missing or wrong.")
    body = await _body(request)
    if body is None:
        return _refused(413, f"A report has at most {LARGEST_BODY:,} bytes.")
    try:
        said = ReportBody.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return _refused(422, f"{where}: {first['msg']}" if where else first["msg"])
    return await run_in_threadpool(_taken, settings, int(request.path_params["decision"]), said)


def _taken(settings: Settings, decision: int, said: ReportBody) -> Response:
    try:
        report = TrainingReport(decision_id=decision, **said.model_dump())
        registry = open_registry(settings)
        try:
            day = product_day(registry, settings)
            moved = follow_up.take_report(registry, report, channel="http", on=day, now=datetime.now(UTC))
        finally:
            registry.close()
    except UnknownDecisionError as error:
        return _refused(404, str(error))
    except ModelfolioError as error:
        return _refused(409, str(error))
    answer: dict[str, Any] = {"decision": decision, "state": moved.state.value, "version": moved.new_version}
    return JSONResponse(answer)


def _has_token(request: Request, token: str) -> bool:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())


async def _body(request: Request) -> bytes | None:
    """Return the body, nothing when it is too large; no more than that is ever held."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)


def _refused(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status_code=status)
